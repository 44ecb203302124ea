/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DIRECTORY_GUID_SET_H
#define GALSYNC_DIRECTORY_GUID_SET_H

/* A set of GUIDs in memory, 32 to 64 octets each. The zero GUID cannot be in it. */

#include "dsa/directory/guid.h"

/* Begin with zeros. */
struct guid_set {
	struct guid *v; /* zero: a free place */
	size_t n, cap;
};
void guid_set_done(struct guid_set *s);
static inline void
guid_set_donep(struct guid_set *s)
{
	guid_set_done(s);
}
/* 1 if G is new, 0 if it was there, -1 without memory. */
int guid_set_add(struct guid_set *s, const struct guid *g) MUST_CHECK;
bool guid_set_has(const struct guid_set *s, const struct guid *g);

#endif
