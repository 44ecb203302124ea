/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_SCENARIO_PRIV_H
#define GALSYNC_TESTS_SCENARIO_PRIV_H

#include <stdio.h>

#include "tests/support/scenario.h"

void lab_open_store(struct lab *l);
/* Closes the map and removes what is on the disk. */
void lab_remove(struct lab *l);
/* PLAN: the plan goes there and nothing is written; NULL: a real cycle. */
int lab_cycle_to(struct lab *l, struct tap *tap, FILE *plan) MUST_CHECK;

#endif
