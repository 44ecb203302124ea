/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_MAPPING_SIDE_H
#define GALSYNC_MAPPING_SIDE_H

/* The two sides of a link, and so of each correspondence. Arrays of SIDES are indexed by it. */
enum side { SOURCE, TARGET, SIDES };

/* "source", "target". */
const char *side_name(enum side s);

static inline enum side
side_other(enum side s)
{
	return s == SOURCE ? TARGET : SOURCE;
}

#endif
