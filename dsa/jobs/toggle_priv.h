/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_TOGGLE_PRIV_H
#define GALSYNC_JOBS_TOGGLE_PRIV_H

/* What toggle.c, which carries toggles out, toggle_check.c, which decides, and sweep.c share. */

#include "dsa/jobs/toggle.h"

#define TOGGLE_TRIES 3 /* when somebody changes the same value meanwhile */

struct toggle {
	const struct conf_link *link;
	struct dir *const *dir;
	struct store *store;
	uint32_t link_id;
	const struct cycle_options *opt; /* told of what is written, or NULL: */
	const struct turn_env *env;	 /* this is, or NULL */
	toggle_result_fn *result;
	void *arg;
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
/* Tells of a change that SIDE acknowledged. */
void toggle_tell_changed(const struct toggle *t, enum side side, const struct guid *object,
    const struct change *change, const char *reason);
/* Opens both directories and finds the link's number. */
int toggle_open(struct toggle *t) MUST_CHECK;

/* A mailbox has one operation at a time: what was interrupted is ended before another one takes its
 * place in the map. */
int toggle_resume_all(struct toggle *t) MUST_CHECK;

#endif
