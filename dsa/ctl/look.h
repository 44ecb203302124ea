/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CTL_LOOK_H
#define GALSYNC_CTL_LOOK_H

/* A dry run of a turn as a table: a row for each mailbox, a column for each thing that must be true
 * before, and below a row what is not so. */

#include <jansson.h>

/* ANSWER is that of view_look.h. */
void look_print(const json_t *answer);

#endif
