/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_PORTAL_SOURCE_H
#define GALSYNC_PORTAL_SOURCE_H

/*
 * From where the portal has what it shows: the map, which it opens for reading alone, and the
 * daemon's control socket, of which it asks verbs that read. Several threads use it.
 *
 * The map is opened when it is first needed, and again when there is another file under its name.
 * One thread at a time has the roster. What the daemon is doing is asked once a second at most; and
 * at most two questions that a directory has to answer are under way at a time, for all clients
 * together, and each takes a minute at most: they take a place in the daemon's queue.
 */

#include <jansson.h>

#include "dsa/portal/request.h"

struct source;

/* STATE: the state directory; SOCKET: the daemon's. Both must outlive it. */
int source_new(
    const char *state, const char *socket, struct source **ret, struct err *err) MUST_CHECK;
void source_free(struct source *s);
DEFINE_CLEANUP(struct source *, source_free)

/* What the map knows for R, as JSON; *RET NULL: there is no such recipient or wave. ERR_SYS with
 * ENOENT: there is no map yet. */
int source_read(struct source *s, const struct portal_request *r, int64_t now, json_t **ret,
    struct err *err) MUST_CHECK;
/* The daemon's answer to the question that R's part is. About a recipient: *RET NULL: the map does
 * not know it. Who is called so: text, link, items (the hits of `find` of all links, or of R's,
 * each once, with `link` and `known`: the map has it), more, and errors, a list of texts, of links
 * that could not be asked. ERR_SYS with EBUSY: others are asking. */
int source_ask(
    struct source *s, const struct portal_request *r, json_t **ret, struct err *err) MUST_CHECK;

/* All records that R's query means, in their order, for who reads them in portions. */
int source_choose(struct source *s, const struct portal_request *r, struct roster_page *ret,
    struct err *err) MUST_CHECK;
/* The rows of N of them. */
int source_rows(
    struct source *s, const uint64_t *ids, size_t n, json_t **ret, struct err *err) MUST_CHECK;

#endif
