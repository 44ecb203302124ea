/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BASE_CLOCK_H
#define GALSYNC_BASE_CLOCK_H

/*
 * The one place that asks what time it is. Time-outs and durations use the monotonic clock, which
 * never jumps; what is stored or shown uses seconds since the epoch. What a wrong clock must not
 * change counts proven time too (mapping/proven_time.h).
 */

#include <stddef.h>
#include <stdint.h>

/* Milliseconds since an arbitrary moment (usually the boot). */
int64_t clock_monotonic_ms(void);
/* The same in microseconds, to tell which of two things was first. */
int64_t clock_monotonic_us(void);
/* Seconds since 1970-01-01T00:00:00Z. */
int64_t clock_realtime_s(void);

/* Seconds since the machine was started, those it slept included; set by nobody. */
int64_t clock_boot_s(void);
/* Which start of the machine that is: the kernel's boot id; "" where it cannot be read. */
#define CLOCK_BOOT_ID_SIZE 40
void clock_boot_id(char ret[CLOCK_BOOT_ID_SIZE]);

/* Enough for every int64_t: years are written with as many digits as they need. */
#define CLOCK_TEXT_SIZE 48
/* RFC 3339: "2024-05-01T03:00:00Z". "never" for a moment no calendar has (year beyond an int). */
void clock_format_utc(int64_t realtime_s, char ret[CLOCK_TEXT_SIZE]);
/* RFC 3339 with the offset of the local zone: "2024-05-01T05:00:00+02:00". */
void clock_format_local(int64_t realtime_s, char ret[CLOCK_TEXT_SIZE]);
/* The local zone at a moment, as people call it: "CEST, UTC+02:00". */
void clock_format_zone(int64_t realtime_s, char ret[CLOCK_TEXT_SIZE]);

#endif
