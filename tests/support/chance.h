/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_CHANCE_H
#define GALSYNC_TESTS_CHANCE_H

/* Random games that can be played again: the same state gives the same throws, everywhere. */

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "dsa/base/str.h"

/* The next throw, from 0 to N - 1; N is at least 1. *STATE is the game's. */
static inline unsigned
chance_roll(uint64_t *state, unsigned n)
{
	*state = *state * 6364136223846793005U + 1442695040888963407U;
	return (unsigned)(*state >> 33) % n;
}

/* A line more of what happened; a long one is cut off. */
static inline void chance_note(struct buf *history, const char *fmt, ...) PRINTF_LIKE(2, 3);

static inline void
chance_note(struct buf *history, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_printf(history, "%s\n", text);
}

#endif
