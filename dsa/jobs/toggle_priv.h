/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_TOGGLE_PRIV_H
#define GALSYNC_JOBS_TOGGLE_PRIV_H

/* What toggle.c, which carries toggles out, toggle_check.c, which decides, and sweep.c share. */

#include "dsa/exec/exec.h"
#include "dsa/jobs/toggle.h"

#define TOGGLE_TRIES 3 /* when the same value changes meanwhile */

struct toggle {
	struct run *run;
	struct err *err;
};

/* What is read of an object. */
extern const char *const toggle_attrs[];

/* What E (NULL: nothing) has of the dummy address V ("smtp:..."). */
enum dummy { DUMMY_ABSENT, DUMMY_THERE, DUMMY_PRIMARY };
enum dummy toggle_dummy(const struct entry *e, struct bytes v);
/* The change that adds (THERE) or removes V, *RET NULL if it is so already, or if V is primary. -1
 * without memory. */
int toggle_change(
    const struct entry *e, struct bytes v, bool there, struct change **ret) MUST_CHECK;

/* A source object that is to be toggled. */
struct candidate {
	struct record *record;
	struct entry *e;
	char *dummy;   /* the address without type; NULL: it must not be, */
	char why[400]; /* and this is the reason */
};
void candidate_done(struct candidate *c);
static inline void
candidate_donep(struct candidate *c)
{
	candidate_done(c);
}
int toggle_check(struct toggle *t, const struct guid *g, struct candidate *c) MUST_CHECK;
/* The record of the source object G, *RET NULL if there is none. */
int toggle_record(struct toggle *t, const struct guid *g, struct record **ret) MUST_CHECK;

#endif
