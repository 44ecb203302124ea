/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_SYNC_PLANNER_H
#define GALSYNC_SYNC_PLANNER_H

/*
 * Parts of the planning pass that planner.c and leave.c share: the map's record of an object, OUs
 * that are to exist, and the list of steps.
 */

#include "dsa/sync/cycle_priv.h"
#include "dsa/sync/names.h"
#include "dsa/sync/plan.h"
#include "dsa/sync/project.h"

/* Stores S behind the other steps of its phase and gives it its number. */
int planner_put_step(struct cycle *c, struct plan_step *s, struct err *err) MUST_CHECK;
/* Under what a step is stored: keys ascend in the order in which steps begin. */
uint64_t planner_step_key(unsigned round, enum plan_phase phase, uint64_t number);
/* Plans the creation of OU (and of those above it) unless it exists or is planned already. ERR_DATA
 * if it lies outside the target's domain. */
int planner_ensure_ou(struct cycle *c, const char *ou, struct err *err) MUST_CHECK;
/* A free RDN for SOURCE's counterpart in PARENT; only ret->rdn_value and ret->dn are set. */
int planner_choose_rdn(struct cycle *c, uint32_t index, const struct entry *source,
    const char *parent, struct names *ret, struct err *err) MUST_CHECK;
/* The stored record of SOURCE in *RET_OLD (NULL: none), and a copy of it, or a fresh one, to be
 * filled in *RET. */
int planner_get_record(struct cycle *c, const struct entry *source, struct record **ret_old,
    struct record **ret, struct err *err) MUST_CHECK;
/* Fills R with what is known of both sides. PROBLEMS may be NULL or empty. */
int planner_fill_record(struct cycle *c, const struct project_in *in, const struct decision *d,
    const struct entry *target, const char *problems, struct record *r, struct err *err) MUST_CHECK;
/* True if both say the same, times apart. */
bool planner_same_record(const struct record *x, const struct record *y);

#endif
