/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_PLAN_FORM_H
#define GALSYNC_PLAN_FORM_H

/*
 * The planning pass: from decisions to steps. Nothing is written, and nothing is read over the
 * network: what is not known yet is put down, read in a step of its own, and planned then.
 *
 *   feed -> entry -> match -> [project] -> [diff] -> [plan] -> exec -> record
 */

#include "dsa/cycle/state.h"

/* plan_object.c: plans every decided object. */
int plan_objects(struct cycle *c, struct err *err) MUST_CHECK;
/* The same for source entry INDEX, unless it is planned already. */
int plan_one_object(struct cycle *c, uint32_t index, struct err *err) MUST_CHECK;
/* Calls SOME, which plans objects, while nothing may be read; again after what was missing is
 * fetched, until nothing is. SOME must leave alone what is planned already, as plan_one_object()
 * does. */
int plan_known(struct cycle *c, int (*some)(struct cycle *c, void *arg, struct err *err), void *arg,
    struct err *err) MUST_CHECK;
/* find_ready.c: which mailboxes are ready, from what was read and what the map says before anything
 * is written. */
int plan_find_ready(struct cycle *c, struct err *err) MUST_CHECK;
/* plan_moves.c: calls FN for each step by which a contact would give what it has to its heir, and
 * for its end, as far as can be told now. They are no steps of the plan. S is valid in the call.
 * Reads over the network. */
typedef int plan_move_fn(struct cycle *c, const struct plan_step *s, void *arg, struct err *err);
int plan_each_move(struct cycle *c, plan_move_fn *fn, void *arg, struct err *err) MUST_CHECK;
/* print_plan.c: writes the plan to opt->plan_to: its steps, who is in conflict, who is ready. */
int plan_print(struct cycle *c, struct err *err) MUST_CHECK;

#endif
