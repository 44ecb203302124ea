/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_READY_SWITCH_H
#define GALSYNC_JOBS_READY_SWITCH_H

/*
 * The automatic switch, after the cycle that saw who is ready:
 *
 *   flags    whose readiness counts again, or is used up                    found again
 *   turn     the mailboxes that are synchronized completely by now          see turn_run.c
 *   retry    those that could not be switched                               found again
 *
 * All of it before the cursors advance: a run that dies finds the same again. A mailbox that could
 * not be switched is put down to be tried again after a pause, and the reason is reported when it
 * is another one than before.
 */

#include "dsa/cycle/cycle.h"

/* Switches those of READY that may be switched; counts in RES. Shortens the lists of READY. */
int ready_switch(struct run *run, struct cycle_ready *ready, struct cycle_result *res,
    struct err *err) MUST_CHECK;

#endif
