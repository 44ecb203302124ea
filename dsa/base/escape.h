/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BASE_ESCAPE_H
#define GALSYNC_BASE_ESCAPE_H

/*
 * The one rule of how text that others wrote is shown. Names and values come from directories,
 * where users write some of them: what they wrote must not command a terminal, forge a line of a
 * log, or show itself in another order than it is read.
 *
 * These characters are written as escapes; every other one stays as it is:
 *
 *	U+0000 to U+001F, U+007F	control characters of ASCII: \x1B
 *	U+0080 to U+009F		control characters, some of which terminals obey: \u009B
 *	U+061C, U+200E, U+200F,		marks and overrides of the direction of writing
 *	U+202A to U+202E,
 *	U+2066 to U+2069
 *	U+2028, U+2029			other ends of lines
 *
 * An octet that belongs to no character of UTF-8 is written as \xHH too. A backslash stays: DNs
 * have them. So the escapes are for eyes, and nothing reads them back.
 */

#include "dsa/base/mem.h"

enum escape_way {
	ESCAPE_NAME,  /* one name or value: everything above */
	ESCAPE_LINES, /* a text of lines: line feed and tab stay */
	ESCAPE_JSON   /* a text in JSON: as lines, and every escape is \uHHHH, so that it stays JSON
		       */
};

/* The longest that one character becomes. */
#define ESCAPE_LEN 6

/* The first character of V, which is not empty, as it is shown: in OUT, without a NUL. Returns how
 * many octets that has; *USED is how many of V it stands for. */
size_t escape_next(struct bytes v, enum escape_way way, char out[ESCAPE_LEN], size_t *used);
/* Appends all of V. */
void escape_add(struct bytes v, enum escape_way way, struct buf *ret);
/* True if escape_add() would change V. */
bool escape_is_needed(struct bytes v, enum escape_way way);

/* Appends S as one part of a path, or as a value of a query (RFC 3986): all but letters, digits and
 * "-._~" in the form %HH. */
void escape_add_url(const char *s, struct buf *ret);

/* escape_add() for a text that comes in pieces, which may cut characters. Begin with {0}. */
struct escape {
	uint8_t part[4]; /* of a character whose rest is still to come */
	size_t n;
};
void escape_piece(struct escape *e, struct bytes v, enum escape_way way, struct buf *ret);

#endif
