/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_LINK_H
#define GALSYNC_VIEW_VIEW_LINK_H

/*
 * What the map says of a link as a whole: an item of `galsyncctl --json status`. Its members, in
 * this order:
 *
 *   link                 name of the link
 *   correspondences      how many
 *   states               an object: how many are "pending", "synced", "waiting", "error", "left",
 *                        "finished"
 *   created, matched     of them
 *   waiting_references   references to what has no counterpart yet
 *   conflicts            how many
 *   conflicts_by         an object: how many of each reason there are ("ambiguous", "taken", ...)
 *   retries              objects whose last write failed, and that are tried again
 *   journal              entries of the journal, which all links share,
 *   journal_octets       of the map that they take
 *   journal_oldest       when the first of them was written; text in UTC, or null
 *   map_bytes_used, map_bytes_max   of the map's file
 *   last_cycle           the summary of the last cycle that is in the map (cycle/summary.h); or
 *                        null
 *   held                 by limit (view_held.h)
 *   clients              of how many mailboxes clients reported what (view_client.h)
 *   hook                 what waits for the hook program (view_hook.h)
 *   daemon               the link as the running daemon tells of it (view_worker.h), or null
 *   configuration        whether the daemon works by the file, which all links share
 *                        (view_configuration.h); null if nothing is known of it
 */

#include <jansson.h>

#include "dsa/view/view_client.h"
#include "dsa/view/view_held.h"
#include "dsa/view/view_hook.h"
#include "mapping/journal.h"
#include "mapping/store.h"

struct view_link {
	char *name;
	struct store_counts counts;
	uint64_t conflicts_by[CONFLICT_REASON_MAX];
	uint64_t retries;
	struct journal_size journal;
	struct view_held held;
	struct view_clients clients;
	struct view_hook hook;
	json_t *last_cycle; /* an object; null if there was none, or it cannot be read */
};
void view_link_done(struct view_link *v);
static inline void
view_link_donep(struct view_link *v)
{
	view_link_done(v);
}

/* What T has of LINK, which is called NAME. RET is the caller's to release with view_link_done(),
 * also after a failure. */
int view_link_read(struct store_txn *t, uint32_t link, const char *name, struct view_link *ret,
    struct err *err) MUST_CHECK;
/* Of LINKS, what the daemon says of its links (NULL: it does not answer), the one whose flow is
 * called FLOW; NULL if there is none. Borrowed. */
json_t *view_link_daemon(const json_t *links, const char *flow);
/* DAEMON and CONFIGURATION are borrowed; NULL: none answers, nothing is known. NULL without memory.
 */
json_t *view_link(const struct view_link *v, json_t *daemon, json_t *configuration) MUST_CHECK;

#endif
