/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_ROSTER_H
#define GALSYNC_VIEW_VIEW_ROSTER_H

/*
 * A page of a roster as JSON, and one correspondence with all that the map knows of it: what
 * galsync-portal and `galsyncctl report` show. galsync-portal(8) names the members.
 *
 * No number is without its age: every answer has `at`, when it was read, and each thing in it has
 * the times that it has in the map.
 */

#include <jansson.h>

#include "dsa/view/roster_query.h"

/* One correspondence as a row of a list. FLOW is the name of R's flow. ROW: what the roster has of
 * it; NULL: it has left the map's list meanwhile. NULL without memory. */
json_t *view_row(const struct record *r, const char *flow, const struct roster_row *row) MUST_CHECK;
/* The steps of a row as an object, and nothing for those that are not asked. NULL without memory.
 */
json_t *view_steps(const struct progress_facts *f) MUST_CHECK;
/* The rows of the records IDS, as an array; those that are gone meanwhile are left out. *RET is the
 * caller's to release. */
int view_rows(struct roster *r, struct store_txn *t, const uint64_t *ids, size_t n, json_t **ret,
    struct err *err) MUST_CHECK;
/* The page that Q asks for. */
int view_list(struct roster *r, struct store_txn *t, const struct roster_query *q, int64_t now,
    json_t **ret, struct err *err) MUST_CHECK;

/* How many of its last changes are shown of a correspondence. */
#define VIEW_CHANGES 100
/* The correspondence whose original has the GUID, of whichever flow; *RET NULL: there is none. */
int view_one(struct roster *r, struct store_txn *t, const struct guid *original, int64_t now,
    json_t **ret, struct err *err) MUST_CHECK;

#endif
