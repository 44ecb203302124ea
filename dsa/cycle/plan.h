/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_PLAN_H
#define GALSYNC_CYCLE_PLAN_H

/* The planning pass: from decisions to steps. Nothing is written, and nothing is read over the
 * network: what is not known yet is put down, read in a step of its own, and planned then. */

#include "dsa/cycle/state.h"

/* plan_object.c: plans every decided object. */
int cycle_plan(struct cycle *c, struct err *err) MUST_CHECK;
/* The same for source entry INDEX, unless it is planned already. */
int cycle_plan_object(struct cycle *c, uint32_t index, struct err *err) MUST_CHECK;
/* Calls SOME, which plans objects, while nothing may be read; again after what was missing is
 * fetched, until nothing is. SOME must leave alone what is planned already, as cycle_plan_object()
 * does. */
int cycle_plan_known(struct cycle *c, int (*some)(struct cycle *c, void *arg, struct err *err),
    void *arg, struct err *err) MUST_CHECK;
/* find_ready.c: which mailboxes are ready, from what was read and what the map says before anything
 * is written. */
int cycle_find_ready(struct cycle *c, struct err *err) MUST_CHECK;
/* print_plan.c: writes the plan as LDIF to opt->plan_to. */
int cycle_print_plan(struct cycle *c, struct err *err) MUST_CHECK;

#endif
