/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_RECORD_FILL_H
#define GALSYNC_RULES_RECORD_FILL_H

/*
 * The record of a correspondence as it will be when the changes of its step were made. Pure. What
 * the map keeps for itself is left as it is: the number, the times of synchronization and of the
 * switch, what was written, the guard, readiness.
 *
 *   feed -> entry -> match -> project -> diff -> plan -> exec -> [record]
 */

#include "dsa/directory/change.h"
#include "dsa/rules/project.h"
#include "mapping/record.h"

struct record_facts {
	const struct project_in *in; /* both sides as they were read */
	uint32_t link;		     /* store_link_id() */
	/* How the counterpart was found this time; MATCH_RECORD: by the map, which keeps what it
	 * knows. */
	enum match_method rule;
	const char *evidence;
	const char *target_dn; /* where the counterpart is created, if it is not there */
	const struct change *const *changes; /* to be made to the counterpart, in their order */
	size_t n_changes;
	const struct change *retires; /* takes addresses from the source object; NULL: none */
	const char *problems;	      /* what could not be written, "" or NULL */
	int64_t now;		      /* seconds since the epoch */
};

/* Fills R, the stored record or a fresh one. ERR_DATA if a redirect address cannot be made. */
int record_fill(const struct record_facts *f, struct record *r, struct err *err) MUST_CHECK;
/* The same of a correspondence whose source left: F->in has neither scope nor shape, and its source
 * is NULL if the object is gone; then R keeps what it knows of it, and has the alias and addresses
 * of the counterpart. The state is the caller's. */
int record_fill_left(const struct record_facts *f, struct record *r, struct err *err) MUST_CHECK;
/* What a record says of a side, from E, the object of that side as it is. -1 without memory. */
int record_fill_side(struct record_side *s, const struct entry *e) MUST_CHECK;
/* If IN's counterpart is another than the one on record, R: what was written on that one says
 * nothing of this one, which was never synchronized. -1 without memory. */
int record_forget_other(const struct project_in *in, struct record *r) MUST_CHECK;

#endif
