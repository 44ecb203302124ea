/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_CONFLICT_H
#define GALSYNC_VIEW_VIEW_CONFLICT_H

/*
 * A conflict as JSON: an item of `galsyncctl --json conflicts`. Its members, in this order:
 *
 *   link         name of the link
 *   source_dn    the source object that waits for a decision
 *   reason       "ambiguous", "taken", "kind", "address", "name", "stamp", "adopt",
 *                "refused", "match" or "foreign-address" (mapping/store.h)
 *   what         the rule and the value: "mail jose@acme.example"
 *   candidates   DNs of everyone involved, of either forest
 *   help         what ends it; null: that depends on the objects
 *   since        when it was first seen; text in UTC
 */

#include <jansson.h>

#include "mapping/store.h"

/* LINK is the name of C's link. NULL without memory. */
json_t *view_conflict(const struct conflict *c, const char *link) MUST_CHECK;

#endif
