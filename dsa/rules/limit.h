/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_LIMIT_H
#define GALSYNC_RULES_LIMIT_H

/* How much a link does by itself before it asks: values in, a verdict out; and how much of a limit
 * a change takes. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsa/config/conf.h"
#include "dsa/directory/change.h"
#include "mapping/held.h"

struct limit_use {
	uint64_t n;	  /* objects that a cycle is about to do this to; members to be removed */
	uint64_t spent;	  /* and those it was done to in the last 24 hours (not kept of switches) */
	uint64_t records; /* correspondences of the link */
};

/* May a cycle of LINK do KIND to so many? If not, the reason goes to WHY (SIZE octets), with the
 * key of the limit; N 0 is always allowed. A percentage counts from 20 records on. */
bool limit_allows(const struct conf_link *link, enum held_kind kind, const struct limit_use *use,
    char *why, size_t size);

/* How many members C, the modification of a group, takes out of it. */
uint32_t limit_member_removals(const struct change *c);
/* The primary address, without "SMTP:", among what C, a modify, does by OP to proxyAddresses, or no
 * data. Borrowed from C. */
struct bytes limit_primary_in(const struct change *c, enum mod_op op);
/* Does the primary address (SMTP:) that C's object has change by C, or go? */
bool limit_changes_primary(const struct change *c);

#endif
