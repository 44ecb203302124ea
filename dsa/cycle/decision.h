/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_DECISION_H
#define GALSYNC_CYCLE_DECISION_H

/*
 * What a cycle decided about one source object: whether it is synchronized, what its counterpart is
 * or will be, and why. Kept in the source's working set by the entry's number.
 */

#include "dsa/base/err.h"
#include "dsa/rules/scope.h"
#include "dsa/rules/table.h"
#include "dsa/world/world.h"
#include "mapping/store.h"

enum decision_state {
	DECIDE_OUT, /* not in scope: SCOPE says why */
	DECIDE_MATCHED,
	DECIDE_CREATE,
	DECIDE_PROMOTE,	 /* the contact TARGET is replaced by a new user or group */
	DECIDE_CONFLICT, /* reported, nothing is written */
	DECIDE_NOTHING,	 /* no counterpart, and the scope creates none */
	DECIDE_STATE_MAX
};

#define DECISION_IGNORED "an operator said that it is left alone"
#define DECISION_CANDIDATES 4
/* Values of `step` that are no number of a step. */
#define DECISION_UNPLANNED UINT64_MAX
#define DECISION_NO_STEP (UINT64_MAX - 1)

struct decision {
	enum decision_state state;
	enum scope_verdict verdict;
	uint32_t scope;	  /* index into the link's scopes */
	enum kind kind;	  /* of the source */
	enum shape shape; /* of the target */
	struct guid source;
	uint32_t target; /* number in the target's working set, or WORLD_NONE */
	/* The contact that was the counterpart and gives way to TARGET, or WORLD_NONE. */
	uint32_t former;
	bool created; /* the counterpart was, or will be, created by galsync */
	bool waits;   /* a first match that an operator has to approve, and has not */
	/* An operator said that it is left alone: no conflict of it is told. */
	bool ignored;
	bool failed;   /* something of it was refused in this cycle */
	bool apart;    /* a change of it was refused: what can be is written by itself */
	bool straight; /* it was looked at while planning, and no mail goes round (circles.h) */
	/* It was planned before, and a limit holds a part of that: what was told and counted then
	 * stands. */
	bool again;
	enum match_method rule;
	/* For how many things, which others had to let go of, it waited when it was planned; 0: for
	 * none yet. It waits again for fewer (plan_release.c). */
	uint32_t waited;
	uint64_t step;		     /* number of its step in the plan */
	char *source_dn;	     /* as read */
	char *target_dn;	     /* of the counterpart, existing or to be; "" for none */
	char *rdn_value, *sam, *upn; /* names chosen for CREATE and PROMOTE, "" if none */
	char *evidence;		     /* "mail=jose@acme.example" */
	/* A conflict ends the matter in state CONFLICT; beside MATCHED or CREATE it says that one
	 * value (an address) was left out. */
	bool in_conflict;
	enum conflict_reason reason;
	char *what; /* "mail jose@acme.example"; of NOTHING why there is no counterpart */
	char *candidates[DECISION_CANDIDATES]; /* DNs of what is involved, NULL beyond the last */
	struct guid candidate_guids[DECISION_CANDIDATES];
};

void decision_done(struct decision *d);
static inline void
decision_donep(struct decision *d)
{
	decision_done(d);
}
/* True if the object has, or will have, a counterpart. */
static inline bool
decision_has_target(const struct decision *d)
{
	return d->state == DECIDE_MATCHED || d->state == DECIDE_CREATE ||
	       d->state == DECIDE_PROMOTE;
}
/* -1 without memory. No effect if it is one already, or if there is no room. */
int decision_add_candidate(struct decision *d, const char *dn, const struct guid *g) MUST_CHECK;
void decision_clear_candidates(struct decision *d);
/* Adds to RET, as a sentence for people, what was decided and by what. */
void decision_describe(const struct decision *d, const struct conf_link *link, struct buf *ret);
void decision_encode(const struct decision *d, struct buf *ret);
/* RET must be zeroed or done; its strings are copies. */
int decision_decode(struct bytes raw, struct decision *ret, struct err *err) MUST_CHECK;

#endif
