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
 *   source_guid  of the source object
 *   resolutions  what `galsyncctl conflicts resolve` may say of it: a list of "with", "create" and
 *                "ignore" (mapping/resolution.h)
 *
 * What an operator has said about one: an item of `galsyncctl --json conflicts --resolved`, and the
 * member `resolved` of `show` and `explain`:
 *
 *   link, origin, source_dn, source_guid
 *   resolution   "with", "create" or "ignore"
 *   target_dn, target_guid   its counterpart; else null
 *   by           user id of who said it
 *   at           when; text in UTC
 *   evidence     the conflict that it settled: "ambiguous: mail=jose@acme.example"
 */

#include <jansson.h>

#include "mapping/resolution.h"
#include "mapping/store.h"

/* LINK is the name of C's link; POSSIBLE: a bit for each resolution. NULL without memory. */
json_t *view_conflict(const struct conflict *c, const char *link, unsigned possible) MUST_CHECK;
/* POSSIBLE as a list of names. */
json_t *view_possible(unsigned possible) MUST_CHECK;
json_t *view_resolution(const struct resolution *r, const char *link) MUST_CHECK;
/* What may be said about C, in T's map. */
int view_conflict_possible(struct store_txn *t, uint32_t link, const struct conflict *c,
    unsigned *ret, struct err *err) MUST_CHECK;

#endif
