/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_EXEC_PLAN_H
#define GALSYNC_EXEC_PLAN_H

/*
 * The plan of a cycle: its steps, kept on disk in a working set, since they may be many. They are
 * put in any order of phases and given back in the order in which they begin: by round, by phase,
 * and within a phase as they were put.
 *
 * A round is one pass of planning and executing: the first one for everything, each further one for
 * what the directory had moved on from meanwhile, and what waits for another object.
 *
 *   feed -> entry -> match -> project -> diff -> [plan] -> exec -> record
 */

#include "dsa/exec/plan_step.h"
#include "dsa/world/workset.h"

struct plan;

/* An empty plan, in round 0. W is borrowed. */
int plan_new(struct workset *w, struct plan **ret, struct err *err) MUST_CHECK;
void plan_free(struct plan *p);
DEFINE_CLEANUP(struct plan *, plan_free)
/* Stores S behind the other steps of its phase in this round, and gives it its number. */
int plan_put(struct plan *p, struct plan_step *s, struct err *err) MUST_CHECK;
/* The next step that was not given yet, *RET NULL at the end. */
int plan_next(struct plan *p, struct plan_step **ret, struct err *err) MUST_CHECK;
/* The step NUMBER of PHASE, as it was put in this round; *RET NULL if there is none. */
int plan_find(struct plan *p, enum plan_phase phase, uint64_t number, struct plan_step **ret,
    struct err *err) MUST_CHECK;
/* What is put from now on belongs to another round. */
void plan_begin_round(struct plan *p);
unsigned plan_round(const struct plan *p);

#endif
