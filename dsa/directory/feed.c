/* SPDX-License-Identifier: MIT */
#include "dsa/directory/feed.h"

#include <string.h>

#define CURSOR_VERSION 1

bool
feed_cursor_decode(struct bytes raw, struct feed_cursor *ret)
{
	struct reader r = reader_of(raw);
	uint8_t version = reader_u8(&r), way = reader_u8(&r);
	struct bytes invocation = reader_bytes(&r);

	*ret = (struct feed_cursor){.way = (enum feed_way)way, .usn = reader_u64(&r)};
	ret->cookie = reader_bytes(&r);
	if (r.failed || version != CURSOR_VERSION || (way != FEED_DIRSYNC && way != FEED_USN) ||
	    invocation.len >= sizeof ret->invocation)
		return false;
	memcpy(ret->invocation, invocation.data, invocation.len);
	return true;
}

void
feed_cursor_encode(const struct feed_cursor *c, struct buf *ret)
{
	buf_reset(ret);
	buf_add_u8(ret, CURSOR_VERSION);
	buf_add_u8(ret, (uint8_t)c->way);
	buf_add_bytes(ret, bytes_of(c->invocation));
	buf_add_u64(ret, c->usn);
	buf_add_bytes(ret, c->cookie);
}

static enum feed_step
lost(const char *why, const char **ret_why)
{
	*ret_why = why;
	return FEED_STEP_LOST;
}

/* With a cookie of another DC. If that one has another database instance by now, it was restored:
 * what only the former instance knew is gone, and no cookie tells of that. */
static enum feed_step
next_elsewhere(const struct feed_cursor *c, const struct feed_server *s, const char **ret_why)
{
	if (!c->invocation[0] || !s->invocation[0])
		return FEED_STEP_DIRSYNC;
	switch (s->former) {
	case FEED_FORMER_UNKNOWN: return FEED_STEP_LOOK;
	case FEED_FORMER_THERE: return FEED_STEP_DIRSYNC;
	case FEED_FORMER_GONE: break;
	}
	return lost("the server that was asked last was restored from a backup", ret_why);
}

enum feed_step
feed_next(const struct feed_cursor *c, const struct feed_server *s, const char **ret_why)
{
	bool alike = c && strcmp(c->invocation, s->invocation) == 0;
	bool same = alike && c->invocation[0]; /* a server that does not show it may be any */

	if (!c)
		return FEED_STEP_START;
	if (c->way == FEED_DIRSYNC && s->no_dirsync)
		return lost("changes cannot be found by DirSync any more", ret_why);
	if (alike && s->usn < c->usn)
		return lost("the server's database was set back", ret_why);
	if (same && s->usn == c->usn)
		return FEED_STEP_NOTHING;
	if (c->way == FEED_DIRSYNC)
		return same ? FEED_STEP_DIRSYNC : next_elsewhere(c, s, ret_why);
	if (same)
		return FEED_STEP_USN;
	return lost(alike ? "changes are found by uSNChanged, which is a server's own, and the "
			    "server does not show its invocationId"
			  : "another server answers, and changes are found by uSNChanged, which is "
			    "a server's own",
	    ret_why);
}
