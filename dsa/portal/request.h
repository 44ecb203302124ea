/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_PORTAL_REQUEST_H
#define GALSYNC_PORTAL_REQUEST_H

/*
 * What a request is for. Pure. There is a fixed set of paths, and no file is behind any of them: a
 * path that is none of these is refused, whatever tricks are in it.
 *
 *   /                        overview
 *   /mailboxes /groups       lists; with .csv behind
 *   /mailboxes/found         who is called so in the directories, in the map or not
 *   /mailbox/GUID            one recipient; with /attributes, /checks, /way, /members: the
 *                            directories' word
 *   /overview.csv            one table of the overview, of its parameter `table`; so has a
 *                            recipient with .csv behind, and /problems.csv
 *   /waves /wave/N           with .csv behind
 *   /problems                with .csv behind
 *   /api/...                 the same as JSON: overview, mailboxes, groups, mailbox/GUID, waves,
 *                            wave/N, problems
 *   /portal.css .js .svg     what pages are made of
 *   /metrics                 for monitoring (view_metrics.h)
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsa/directory/guid.h"
#include "dsa/view/roster_query.h"
#include "dsa/view/view_problems.h"

#define REQUEST_URI_MAX 4096
#define REQUEST_TABLE_MAX 20

enum request_page {
	REQUEST_OVERVIEW,
	REQUEST_MAILBOXES,
	REQUEST_GROUPS,
	REQUEST_MAILBOX,
	REQUEST_WAVES,
	REQUEST_WAVE,
	REQUEST_PROBLEMS,
	REQUEST_METRICS,
	REQUEST_CSS,
	REQUEST_JS,
	REQUEST_ICON,
	REQUEST_PAGE_MAX
};
enum request_form { REQUEST_HTML, REQUEST_JSON, REQUEST_CSV };
/* Not the whole of a page, but what the directories say beside it. */
enum request_part {
	REQUEST_WHOLE,
	REQUEST_ATTRIBUTES, /* of a mailbox */
	REQUEST_CHECKS,
	REQUEST_WAY,
	REQUEST_MEMBERS, /* of a group */
	REQUEST_FOUND	 /* by the list of mailboxes */
};

struct portal_request {
	enum request_page page;
	enum request_form form;
	enum request_part part;
	struct guid guid;     /* MAILBOX */
	int64_t page_of_part; /* MEMBERS */
	uint32_t wave;	      /* WAVE */
	struct roster_query query;
	struct view_problems_query problems;
	char table[REQUEST_TABLE_MAX + 1]; /* of a page, as CSV; "": its only one */
};

/* Can this be the target of a request, as it stands in its first line: with a path of its own and
 * its query? *TOO_LONG: it is longer than REQUEST_URI_MAX. */
bool request_is_clean(const char *uri, bool *too_long);
/* PATH without its query, %HH resolved. False if there is no such page. */
bool request_parse(const char *path, struct portal_request *ret) MUST_CHECK;
/* One parameter. False if R does not take it, with the reason in WHY. */
bool request_take(struct portal_request *r, const char *name, const char *value, char *why,
    size_t size) MUST_CHECK;
/* Is HOST, as a client names it, this machine and nobody else ("localhost", "127.0.0.1", "[::1]",
 * each with or without a port)? A page of another host, whose name leads here, gives its own. */
bool request_host_is_local(const char *host);

#endif
