/* SPDX-License-Identifier: MIT */
#include "dsa/ctl/shown.h"

#include "dsa/base/output.h"

/* The program has one thread, and prints one line at a time. */
static struct buf ring[SHOWN_AT_ONCE];
static size_t next;

const char *
shown(const char *s)
{
	struct buf *b = &ring[next];

	if (!s || output_is_raw() || !escape_is_needed(bytes_of(s), ESCAPE_NAME))
		return s;
	next = (next + 1) % SHOWN_AT_ONCE;
	buf_done(b);
	escape_add(bytes_of(s), ESCAPE_NAME, b);
	return b->failed ? "?" : (const char *)b->data;
}
