/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_EXEC_PLAN_STEP_H
#define GALSYNC_EXEC_PLAN_STEP_H

/*
 * What is to be written is a list of steps. A step is about one object and is a short list of
 * changes that are made one after the other, each only after the one before it was acknowledged.
 * Steps run side by side, but for two rules that see to it that what a step refers to is there
 * before the step runs: a phase begins when the one before it has ended, and within a phase a step
 * waits until all steps numbered below `after` have ended.
 *
 *   feed -> entry -> match -> project -> diff -> [plan] -> exec -> record
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsa/base/err.h"
#include "dsa/directory/change.h"
#include "mapping/held.h"
#include "mapping/record.h"
#include "mapping/store.h"

enum plan_phase {
	PLAN_CIRCLES, /* mail that goes round, of what is not planned as a whole */
	PLAN_OUS,     /* what objects are created in */
	PLAN_OBJECTS,
	PLAN_LINKS, /* references that could not be part of the object's own step */
	PLAN_LEAVERS,
	PLAN_PHASE_MAX
};

#define PLAN_MAX_CHANGES 8
#define PLAN_MAX_NEEDS 4

/* Of an attribute with more values than this, a before-image has only those that are taken away. */
#define PLAN_LONG_LIST 1000

struct plan_change {
	enum side side;
	struct change *change;
	struct entry *before; /* the attributes it touches, as read; NULL for an add */
	char *reason;	      /* "create", "project", "redirect", "rename", "promote", ... */
};

struct plan_step {
	uint32_t source;  /* number in the source's working set, WORLD_NONE for none */
	struct guid guid; /* source GUID, or zero */
	enum plan_phase phase;
	uint64_t number; /* in the order in which the steps of a phase begin */
	uint64_t after;	 /* 0: waits for nothing in its phase */
	/* Steps of its phase that must have succeeded: they let go of what this one takes. */
	uint64_t needs[PLAN_MAX_NEEDS];
	size_t n_needs;
	bool in_order; /* when it is put into the plan: it waits for all steps before it */
	bool creates;  /* its last change creates the counterpart */
	bool moved;    /* RECORD has another active side than before, but by no turn of ours */
	/* The limits it counts against, a HELD_BIT() for each; what an operator approved is none.
	 */
	unsigned counts;
	struct plan_change changes[PLAN_MAX_CHANGES];
	size_t n_changes;
	struct record *record;	     /* to store when all changes are done, or NULL */
	bool forgets;		     /* instead delete the record when all changes are done */
	struct waiting_ref *waiting; /* to store with it */
	size_t n_waiting, cap_waiting;
	/* Its object was read again because of a failure that may have been drift (settle.h). */
	bool looked_again;
	/* Where the right for it is missing, it is left undone, and that is counted, not retried.
	 */
	bool optional;
	uint64_t undoes; /* entry of the journal whose change it takes back, or 0; not stored */
	size_t size; /* octets that it was decoded from, a measure of the memory it takes, or 0 */
};

struct plan_step *plan_step_new(uint32_t source, const struct guid *guid) MUST_CHECK;
void plan_step_free(struct plan_step *s);
DEFINE_CLEANUP(struct plan_step *, plan_step_free)
/* Adds CHANGE (taken over, also on failure) unless it is empty, with the before-image of what it
 * touches in PRESENT (NULL: none). */
int plan_step_add(struct plan_step *s, enum side side, struct change *change,
    const struct entry *present, const char *reason, struct err *err) MUST_CHECK;
/* Takes change number I out of S; it is the caller's. */
struct change *plan_step_take(struct plan_step *s, size_t i) MUST_CHECK;
/* A step of one change outside of a plan, about the correspondence of SOURCE (zero: of several or
 * none); else as plan_step_add(). */
int plan_step_of(const struct guid *source, enum side side, struct change *change,
    const struct entry *present, const char *reason, struct plan_step **ret,
    struct err *err) MUST_CHECK;
/* S needs step NUMBER of its phase. False if there is no room. */
bool plan_step_need(struct plan_step *s, uint64_t number);
int plan_step_add_waiting(
    struct plan_step *s, const char *attr, const char *wanted, struct err *err) MUST_CHECK;
void plan_step_encode(const struct plan_step *s, struct buf *ret);
int plan_step_decode(struct bytes raw, struct plan_step **ret, struct err *err) MUST_CHECK;

#endif
