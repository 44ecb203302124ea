/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_CLIENT_H
#define GALSYNC_VIEW_VIEW_CLIENT_H

/*
 * What the computers of a user reported (dsa/rules/client.h), as JSON: the member `client` of a
 * correspondence that galsyncctl prints, and of the answer to `client`. Null if nothing was
 * reported, else an object:
 *
 *   result     "ok" or "failed": of the last report since the switch; null: there was none
 *   at         when that came; text in UTC, or null
 *   done       true: one of those since the switch is ok
 *   several    true: ok from several machines
 *   reports    a list, an object for each machine:
 *     machine  its name, or ""
 *     result   "ok" or "failed"
 *     at       when galsync heard of it; text in UTC
 *     stated   when it ran, as the machine says; text in UTC, or null
 *     from     "socket" or "attribute": which way it came
 *     text     what it says, or ""
 *     counts   true: it came since the mailbox was switched
 *
 * The counts of a link are the member `clients` of `galsyncctl --json status`: how many switched
 * mailboxes are `done`, `failed` (the last report, and none is ok) and `several`.
 */

#include <jansson.h>

#include "dsa/rules/client.h"

/* NULL without memory. */
json_t *view_client(const struct client_reports *all, const struct record *r) MUST_CHECK;
/* The same of what T has of R. */
int view_client_read(
    struct store_txn *t, const struct record *r, json_t **ret, struct err *err) MUST_CHECK;

struct view_clients {
	uint64_t done, failed, several;
};
int view_clients_count(
    struct store_txn *t, uint32_t link, struct view_clients *ret, struct err *err) MUST_CHECK;
/* NULL without memory. */
json_t *view_clients(const struct view_clients *v) MUST_CHECK;

#endif
