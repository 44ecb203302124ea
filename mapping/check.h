/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_MAPPING_CHECK_H
#define GALSYNC_MAPPING_CHECK_H

/*
 * Is the map whole? Everything in it is read, while the daemon goes on writing it: every page,
 * every value and its check sum, what the values say, and whether the indices and the counters
 * agree with them. Nothing is changed.
 *
 * Of a file whose pages are wrong only the first one is named: what they lead to is not looked at.
 */

#include "mapping/store.h"

struct map_check {
	bool sums; /* the map has some: it is not of format 1 */
	uint64_t records, journal, values, damages;
};

/* WHAT is wrong, with its place: "database 'record', key 17: ...". */
typedef void map_damage_fn(const char *what, void *arg);
int map_check(struct store *s, map_damage_fn *fn, void *arg, struct map_check *ret,
    struct err *err) MUST_CHECK;

#endif
