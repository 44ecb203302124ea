/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_ROSTER_QUERY_H
#define GALSYNC_VIEW_ROSTER_QUERY_H

/*
 * Which rows of a roster are shown, in which order, and which page of them. A query comes as names
 * and values, from the address of a page:
 *
 *   q         part of a name, an address or an alias; or all of anything that names a recipient in
 *             the map: another address, a GUID, a SID, a DN, a legacyExchangeDN
 *   link      name of a link
 *   kind      "user", "contact", "group", ...; "all"
 *   state     "pending", "synced", "waiting", "error", "left", "finished"
 *   side      "source" or "target": the active one
 *   origin    "source" or "target": the side of the original
 *   step      "matched", "switched", ...: where it is not done, and is asked; with "!" before: done
 *   wave      number of a wave; 0: in none
 *   ou        a DN: originals below it
 *   since     seconds since the epoch: what was written or switched since then
 *   sort      "name", "address", "state", ... (roster_order_name()); with "-" before: descending
 *   page      from 1
 *   size      rows of a page, 1 to ROSTER_SIZE_MAX
 *
 * A value that is empty is as if it were not there.
 */

#include "dsa/view/roster.h"

#define ROSTER_SIZE 50
#define ROSTER_SIZE_MAX 1000
#define ROSTER_VALUE_MAX 512 /* octets of a value */
#define ROSTER_PAGE_MAX 100000000

struct roster_query {
	char q[ROSTER_VALUE_MAX + 1], link[ROSTER_VALUE_MAX + 1], ou[ROSTER_VALUE_MAX + 1];
	int kind, state, side, origin; /* -1: any */
	int step;		       /* of enum progress_step, -1: no matter */
	bool step_done;
	int64_t wave; /* -1: any */
	int64_t since;
	enum roster_order sort;
	bool descending;
	int64_t page, size;
};

void roster_query_init(struct roster_query *q);
/* Takes one pair. False if it is not understood, with the reason in WHY: the name, the value, and
 * what is allowed. */
bool roster_query_set(
    struct roster_query *q, const char *name, const char *value, char *why, size_t size) MUST_CHECK;
/* Value I, from 0, of those that the parameter NAME takes; NULL: there are no more. (Of "kind" the
 * first is no recipient.) */
const char *roster_query_choice(const char *name, int i);
/* Appends the query as the part of an address behind the "?", without its page. */
void roster_query_add(const struct roster_query *q, struct buf *ret);

struct roster_page {
	uint64_t *ids; /* of the records, in order */
	size_t n;
	size_t found; /* rows in all pages */
	int64_t page, pages;
};
void roster_page_done(struct roster_page *p);
static inline void
roster_page_donep(struct roster_page *p)
{
	roster_page_done(p);
}
/* The page that Q asks for; where there are less pages, the last one. ALL: one page of everything.
 * T is a transaction in which R was refreshed. RET must be empty. */
int roster_query(struct roster *r, struct store_txn *t, const struct roster_query *q, bool all,
    struct roster_page *ret, struct err *err) MUST_CHECK;

#endif
