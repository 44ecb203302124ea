/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CTL_WAVE_PRIV_H
#define GALSYNC_CTL_WAVE_PRIV_H

/* What wave.c and wave_list.c share. */

#include <stdbool.h>
#include <stdint.h>

#include "dsa/base/clock.h"

/* "2024-05-01T22:00:00+02:00 (2024-05-01T20:00:00Z)" */
#define WAVE_TIME_SIZE (2 * CLOCK_TEXT_SIZE + 4)
void wave_format_time(int64_t at, char ret[WAVE_TIME_SIZE]);
/* The number of a wave; TEXT may be NULL. */
bool wave_parse_id(const char *text, uint32_t *ret);

#endif
