/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CTL_PAGER_H
#define GALSYNC_CTL_PAGER_H

#include <stdbool.h>

/*
 * A long text on a terminal goes through a pager, as systemd's programs have it: $GALSYNC_PAGER,
 * else $PAGER, else less, with the options FRSXMK unless $LESS says others. An empty one, or cat,
 * is none. Where standard output is no terminal there is none.
 */

/* Puts the pager behind standard output, before anything is printed. Without effect if it cannot
 * be started. */
void pager_begin(void);
/* True if there is one: that it ended early is no failure. */
bool pager_runs(void);
/* Waits for it, behind the last output. */
void pager_end(void);

#endif
