/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_MAPPING_DAMAGE_H
#define GALSYNC_MAPPING_DAMAGE_H

/* What is said of a map that is damaged, in one form: where, what, and what to do. */

#include "dsa/base/err.h"

/* Behind every word of damage. */
#define DAMAGE_REMEDY                                                                              \
	"stop galsyncd, move it away and let the map be rebuilt from the stamps (map rebuild in "  \
	"galsyncctl(8))"

/* "map in 'DIR' is damaged: WHAT: what to do". Nothing is decided on such a map: ERR_DAEMON,
 * ERR_NEVER. */
int store_damaged(const char *dir, struct err *err, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
