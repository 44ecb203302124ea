/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BASE_WHEN_H
#define GALSYNC_BASE_WHEN_H

/*
 * A moment as people write it:
 *
 *   2024-05-01 22:00         in the local time zone; with :SS, and with T for the blank
 *   2024-05-01T22:00:00Z     UTC
 *   2024-05-01 22:00+02:00   with its offset from UTC
 *   +2h  +30m  +1h30m        from now; d, h, m and s
 *   now
 *
 * Where the clocks are turned, some local times exist twice and some never: these are refused, with
 * both moments that may be meant, and so is what is past.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Enough for the longest reason. */
#define WHEN_WHY_SIZE 256

/* The moment that TEXT means at time NOW, both in seconds since the epoch. False with the reason in
 * WHY. The local time zone is that of the process ($TZ). */
bool when_parse(const char *text, int64_t now, int64_t *ret, char *why, size_t size);
/* The same of a moment that may be past, with "-2h" for two hours ago in the place of "+2h". */
bool when_parse_since(const char *text, int64_t now, int64_t *ret, char *why, size_t size);
/* The moment of TEXT, which is as clock_format_utc() writes it: "2024-05-01T20:00:00Z". */
bool when_read_utc(const char *text, int64_t *ret);

#endif
