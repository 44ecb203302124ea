/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BASE_PACE_H
#define GALSYNC_BASE_PACE_H

/*
 * How fast something gets on, from how far it was when it was first seen: the rate, and how long
 * the rest will take at it. Pure: the clock is an argument.
 */

#include <stddef.h>
#include <stdint.h>

/* Before that much time has passed there is no rate, and no guess before the second. */
#define PACE_RATE_MS 500
#define PACE_LEFT_MS 3000

/* Begin with {0}. */
struct pace {
	char phase[16]; /* that is seen; another one begins anew, and so does one that goes back */
	long long done; /* when it was first seen, */
	int64_t at_ms;	/* of clock_monotonic_ms() */
};

/* Notes that DONE is done of PHASE at NOW_MS. Objects a second, 0 if that is not known yet. */
double pace_rate(struct pace *p, const char *phase, long long done, int64_t now_ms);
/* How many seconds the rest takes that is left of TOTAL, as pace_rate() was called; -1: not known.
 */
int64_t pace_left_s(const struct pace *p, long long done, long long total, int64_t now_ms);

/* Enough for every text. */
#define PACE_TEXT_SIZE 48
/* "12 s left", "3 min left", "2 h 05 min left"; "" if LEFT_S is -1. */
void pace_text(int64_t left_s, char ret[PACE_TEXT_SIZE]);

#endif
