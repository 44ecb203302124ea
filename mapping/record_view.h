/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_MAPPING_RECORD_VIEW_H
#define GALSYNC_MAPPING_RECORD_VIEW_H

/* A record as it is stored: where its GUIDs are, and a way to read it that costs one allocation.
 * The layout is in record.c. */

#include <stdlib.h>

#include "mapping/record.h"

#define RECORD_FORMAT 1
#define RECORD_GUID_OFFSET 9 /* of the source's GUID; the target's follows */

/* The same as record_decode() in one allocation, for reading alone: free() it. */
int record_decode_view(
    struct bytes raw, uint64_t id, const struct record **ret, struct err *err) MUST_CHECK;
static inline void
record_view_freep(const struct record **r)
{
	free((void *)(uintptr_t)*r);
}

#endif
