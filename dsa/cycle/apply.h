/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_APPLY_H
#define GALSYNC_CYCLE_APPLY_H

#include "dsa/cycle/state.h"

/*
 * Carries out the plan. Steps that met drift are left to replan_run().
 *
 *   feed -> entry -> match -> project -> diff -> plan -> [exec] -> [record]
 */
int cycle_apply(struct cycle *c, struct err *err) MUST_CHECK;

#endif
