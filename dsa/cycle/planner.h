/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_PLANNER_H
#define GALSYNC_CYCLE_PLANNER_H

/*
 * Parts of the planning pass that planner.c and leave.c share: the map's record of an object, OUs
 * that are to exist, and the list of steps.
 */

#include "dsa/cycle/state.h"
#include "dsa/exec/plan.h"
#include "dsa/rules/names.h"
#include "dsa/rules/project.h"

/* Puts S into the plan and counts its changes. */
int planner_put_step(struct cycle *c, struct plan_step *s, struct err *err) MUST_CHECK;
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
/* The counterpart that R names, if it is there and nobody else's; *RET NULL if not. */
int planner_find_target(struct cycle *c, const struct record *r, uint32_t *ret_index,
    struct entry **ret, struct err *err) MUST_CHECK;
/* The DN of the recorded counterpart of the source object DN, whose number INDEX is or
 * WORLD_NONE, in *RET_DN (caller frees): 1, or 2 if this cycle may delete it, or 0 if there
 * is none. For those who are not synchronized in this cycle, because they left, are in conflict, or
 * are no part of a delta. */
int planner_recorded_target(
    struct cycle *c, const char *dn, uint32_t index, char **ret_dn, struct err *err) MUST_CHECK;
/* True if the target object DN is the counterpart of some source object, be that synchronized or
 * not. False if that cannot be found out. */
bool planner_is_ours(struct cycle *c, const char *dn);

/* Removes one value of ATTR from E. */
int planner_remove_value(
    struct entry *e, const char *attr, struct bytes v, struct err *err) MUST_CHECK;
/* Old mail to the contact in the way finds the user: its X500 values pass to WANT, but for OWN. */
int planner_inherit_x500(
    struct entry *want, const struct entry *contact, const char *own, struct err *err) MUST_CHECK;
/* The entry of an add: what is wanted, without the attributes that are to be absent. */
int planner_entry_of_want(
    const struct entry *want, const char *dn, struct entry **ret, struct err *err) MUST_CHECK;
/* The mail of a matched counterpart that CHANGE overwrites, if it is an address and not ours; else
 * NULL. Borrowed. */
const char *planner_lost_mail(
    const struct project_in *in, const struct record *record, const struct change *change);

#endif
