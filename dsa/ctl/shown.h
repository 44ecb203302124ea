/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CTL_SHOWN_H
#define GALSYNC_CTL_SHOWN_H

/* S as it is printed among other words: a name or a value of the directory or the map, escaped
 * (escape.h, ESCAPE_NAME), unless the output is raw. What needs no escape is S itself. Else it
 * lives until SHOWN_AT_ONCE more were asked for: long enough to print a line. NULL stays NULL. */
#define SHOWN_AT_ONCE 32
const char *shown(const char *s);

#endif
