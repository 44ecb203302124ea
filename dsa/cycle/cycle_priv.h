/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_CYCLE_PRIV_H
#define GALSYNC_CYCLE_CYCLE_PRIV_H

/*
 * The state of a running cycle, shared by its passes (read.c, decide.c, planner.c, leave.c,
 * apply.c, ...) and by nobody else.
 */

#include "dsa/cycle/cycle.h"
#include "dsa/exec/plan.h"
#include "dsa/rules/pairs_csv.h"
#include "dsa/rules/ready.h"
#include "dsa/rules/table.h"
#include "dsa/world/world.h"
#include "mapping/held.h"

/* A source entry to be read, decided and planned again, and what the server said. */
struct again {
	uint32_t source;  /* WORLD_NONE: one that left */
	struct guid left; /* and its GUID */
	char why[200];
};

/* Those that a limit is about, by source GUID. */
struct limited {
	struct guid_list waits; /* nobody decided: these count */
	struct guid_list approved, rejected;
	size_t stored; /* in a delta: those that wait since an earlier cycle */
	bool held;     /* all these are too many: nothing is done to them */
};

struct delta;

struct cycle {
	struct run *run;
	/* A delta: the working sets hold what changed and what was asked for; see fault.c. */
	bool is_delta;
	const struct guid_list *concerned; /* delta: whom the cycle is about */
	struct buf cursor[SIDES];	   /* where the next delta starts; empty: unknown */
	struct world *world;
	struct table *table;
	struct store_txn *read; /* of the deciding and planning passes, or NULL */
	struct match_csv **csv; /* by match rule; NULL where the rule is no CSV */
	const struct cycle_options *opt;
	struct cycle_result *res;
	int64_t start_s;	/* when it began, realtime */
	uint64_t start_usn;	/* the target's highestCommittedUSN before the first write */
	char start_server[256]; /* and the server that said so: USNs are a DC's own */
	struct plan *plan;	/* in the source's working set */
	char **ous;		/* target OUs known to exist or to be planned, normalized */
	size_t n_ous, cap_ous;
	struct again *again; /* source entries to be planned again */
	size_t n_again, cap_again;
	bool lost; /* in this round a connection broke: a server may have forgotten what it did */
	struct guid conflict_place; /* delta: where the next delta goes on looking at conflicts */
	struct guid_list created;   /* delta: source GUIDs of those */
	struct guid_list elsewhere; /* source GUIDs whose counterparts may not be here yet */
	struct guid_list missed;    /* those that the server left out of an answer */
	bool wrote;		    /* something was created, so there are GUIDs to learn */
	struct limited limited[HELD_KIND_MAX];
	const char *why_full; /* delta: why everyone has to be looked at, found while planning */
	uint64_t decided;     /* the operators' decisions that this cycle knows of */
	struct delta *delta;  /* delta.c */
	struct cycle_ready ready;
	struct buf ready_text; /* who is to be switched, as comments for the plan */
};

/* Did somebody ask for this cycle to be about G? */
bool cycle_is_asked_for(const struct cycle *c, const struct guid *g);
/* Reports E: ADDRESS is held by HOLDER. WHOLE: that keeps the object from being written. */
void cycle_tell_taken(const struct cycle *c, const struct run_event *e, const char *address,
    const char *holder, bool whole);
/* The record that has DN on SIDE now, *ret NULL if there is none. */
int cycle_record_by_dn(struct cycle *c, enum side side, const char *dn, struct record **ret,
    struct err *err) MUST_CHECK;

/* decide.c: pass 1, a decision for every source entry; decide_names.c: then names for what is to be
 * created. */
int cycle_decide(struct cycle *c, struct err *err) MUST_CHECK;
/* The same for the entries from number FROM on. */
int cycle_decide_from(struct cycle *c, uint32_t from, struct err *err) MUST_CHECK;
int cycle_decide_one(struct cycle *c, uint32_t index, const struct entry *source,
    struct decision *ret, struct err *err) MUST_CHECK;
int cycle_get_decision(
    struct cycle *c, uint32_t index, struct decision *ret, bool *found, struct err *err) MUST_CHECK;
/* The decision about the source object with GUID G; *FOUND false if it was not read. */
int cycle_find_decision(struct cycle *c, const struct guid *g, struct decision *ret, bool *found,
    struct err *err) MUST_CHECK;
int cycle_put_decision(
    struct cycle *c, uint32_t index, const struct decision *d, struct err *err) MUST_CHECK;
int cycle_choose_names(struct cycle *c, uint32_t index, const struct entry *source,
    struct decision *d, struct err *err) MUST_CHECK;
/* elsewhere.c: *RET true if the counterpart of SOURCE (R is its record, or NULL), which was not
 * found, may be on another domain controller and only not have reached this one. */
int cycle_elsewhere(struct cycle *c, const struct guid *source, const struct record *r, bool *ret,
    struct err *err) MUST_CHECK;
/* SOURCE is left alone in this cycle; cycle_store_elsewhere() tells so and puts it down to be tried
 * again. */
int cycle_wait_for(struct cycle *c, const struct guid *source, struct err *err) MUST_CHECK;
/* The same of one that is there, but was missing from an answer of the source. */
int cycle_note_missed(struct cycle *c, const struct guid *source, struct err *err) MUST_CHECK;
int cycle_store_elsewhere(struct cycle *c, struct err *err) MUST_CHECK;

/* planner.c: pass 2, from decisions to steps. */
int cycle_plan(struct cycle *c, struct err *err) MUST_CHECK;
int cycle_plan_object(struct cycle *c, uint32_t index, unsigned depth, struct err *err) MUST_CHECK;
/* leave.c: pass 3, correspondences whose source left. */
int cycle_plan_leavers(struct cycle *c, struct err *err) MUST_CHECK;
/* Whom the source lacks, it must lack by GUID too: *RET_MISSED says that it does not. */
int cycle_prove_gone(struct cycle *c, const struct guid *g, bool *ret_gone, bool *ret_missed,
    struct err *err) MUST_CHECK;
/* The same for one of them, which was planned before. */
int cycle_plan_leaver(struct cycle *c, const struct guid *source, struct err *err) MUST_CHECK;
/* apply.c: executes the plan. */
/* Steps that met drift are left in c->again. */
int cycle_apply(struct cycle *c, struct err *err) MUST_CHECK;
/* Stores the conflicts of this cycle's decisions and forgets those that are resolved. */
int cycle_store_conflicts(struct cycle *c, struct err *err) MUST_CHECK;
/* Writes the plan as LDIF to opt->plan_to. */
int cycle_print_plan(struct cycle *c, struct err *err) MUST_CHECK;
/* Reads, decides and plans again what is in c->again, and what the server has forgotten of what
 * that refers to, as the steps of a new round. */
int cycle_replan(struct cycle *c, struct err *err) MUST_CHECK;
/* Counts and notes N objects that were not written, WHAT saying why, and puts them down to be tried
 * again. */
int cycle_give_up(struct cycle *c, const struct again *failed, size_t n, const char *what,
    struct err *err) MUST_CHECK;
/* After the writes: learns the GUIDs and SIDs of what was created. */
int cycle_confirm(struct cycle *c, struct err *err) MUST_CHECK;
/* find_ready.c: who is ready, from what was read and what the map says before anything is written.
 */
int cycle_find_ready(struct cycle *c, struct err *err) MUST_CHECK;
struct plan_step;
struct guid_set;
/* cycle_limit.c: an operator's verdict on doing KIND to SOURCE, HELD_WAITS if there is none. Notes
 * that this cycle would do it. To whom the cycle was asked for it is done, but for switches. */
int cycle_judge(struct cycle *c, enum held_kind kind, const struct guid *source,
    enum held_verdict *ret, struct err *err) MUST_CHECK;
/* Before a delta looks for what changed: *RET_WHY says why everyone has to be looked at because of
 * what is held, or is NULL. */
int cycle_recall_held(struct cycle *c, const char **ret_why, struct err *err) MUST_CHECK;
/* When all of KIND are judged: are those that nobody decided about too many? Then they are held.
 * If not, and others of KIND wait that this delta did not look at, c->why_full says so. */
int cycle_limit(struct cycle *c, enum held_kind kind, struct err *err) MUST_CHECK;
/* Before and after everyone is planned again of whom a write met drift: the redirections that are
 * to be changed only now are limited too. */
void cycle_begin_round(struct cycle *c);
int cycle_limit_round(struct cycle *c, struct err *err) MUST_CHECK;
/* True if S is not to be carried out: it is held, and no longer counted as planned. */
bool cycle_holds(struct cycle *c, const struct plan_step *s);
/* Adds to RET whom this cycle holds. */
int cycle_held_objects(struct cycle *c, struct guid_set *ret, struct err *err) MUST_CHECK;
/* Tells what is held. */
void cycle_tell_held(struct cycle *c);
/* Writes down whom the cycle holds, and forgets to whom nothing is to be done any more. */
int cycle_store_held(struct cycle *c, struct store_txn *t, struct err *err) MUST_CHECK;

/* check.c: schema and rights, before anything is read in bulk. */
int cycle_check(struct cycle *c, struct err *err) MUST_CHECK;

#endif
