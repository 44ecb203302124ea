/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_CHECK_H
#define GALSYNC_CYCLE_CHECK_H

#include "dsa/cycle/state.h"

/* Before anything is read in bulk: do the bases exist, and has the account the rights it needs?
 * Each failure names what is missing. */
int cycle_check(struct cycle *c, struct err *err) MUST_CHECK;

#endif
