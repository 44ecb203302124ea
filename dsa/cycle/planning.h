/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_PLANNING_H
#define GALSYNC_CYCLE_PLANNING_H

/*
 * The planning of one object, for the files that do it: plan_object.c decides what and when,
 * plan_target.c makes the changes, the other plan_*.c know their parts.
 *
 * A plan is made whole or not at all. What it would say, claim and count takes effect when nothing
 * is missing; if something was asked for that is not read yet, all of it is dropped, and the object
 * is planned again after the next fetch (plan_is_incomplete()).
 */

#include "dsa/cycle/state.h"
#include "dsa/rules/diff.h"
#include "dsa/rules/names.h"
#include "dsa/rules/project.h"

/* Values of one linked attribute in one request: AD takes some 5,000, a smaller number keeps other
 * writers from waiting. */
#define PLAN_LINK_CHUNK 1000

/* One object being planned; the chain of parents is the stack of the recursion. */
struct planning {
	struct cycle *c;
	uint32_t index;
	unsigned depth;
	const struct planning *parent;
	struct decision *d;
	struct project_in in;
	struct plan_step *step;
	size_t unknown;	      /* world_unknown() when it began */
	bool stored;	      /* STEP has something to do and is in the plan */
	bool turned;	      /* STEP turns mail to the active side */
	bool broken[SIDES];   /* the redirection of that side's object was changed by others */
	struct change *links; /* references for a later phase */
	bool deferred;	      /* something is left out, and it is planned again in this cycle */
	uint32_t waits;	      /* how many such things there are */
	bool tries;	      /* it may wait although they did not become fewer */
	bool inherits[SIDES]; /* from a contact that gives way on that side */
	struct change *apart; /* of the counterpart, to be written each by itself */
	struct change *back;  /* what flows back to the source object, or NULL */
	struct change *names; /* X500 names for the native of a return contact, or NULL */
	/* References to what is no counterpart of this flow, as their written hashes. */
	struct plan_lent {
		uint64_t hash, name; /* by the GUID of what is referred to, and by its name */
		uint64_t across;     /* of the attribute */
	} * lent;
	size_t n_lent, cap_lent;
	struct buf problems; /* attributes that cannot be written, and why, as text */
	size_t n_problems;
	struct buf notes;  /* what is said of it when it is complete */
	char outcome[200]; /* what it comes to, for an observer that wants decisions */
	struct err *err;
};

/* ---- plan_object.c ---- */

/* Is something missing that must be read first? */
bool plan_is_incomplete(const struct planning *p);
/* Says that of the object named DN when the plan is complete. */
void plan_note(struct planning *p, int level, const char *dn, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* Plans source entry INDEX, to which P's object refers. */
int plan_referred(const struct planning *p, uint32_t index) MUST_CHECK;
/* Puts S into the plan and counts its changes. */
int plan_put_step(struct cycle *c, struct plan_step *s, struct err *err) MUST_CHECK;

/* ---- plan_target.c ---- */

/* What the source needs before its counterpart points to it. TARGET is the counterpart, or the
 * contact that makes way, or NULL. *RET_BLOCKED: the object is in conflict. */
int plan_source(struct planning *p, const struct entry *target, bool *ret_blocked) MUST_CHECK;
/* The counterpart. RECORD learns what is put there. */
int plan_target(struct planning *p, const struct entry *target, struct record *record) MUST_CHECK;
/* The steps of a later phase: the references that could not be part of the object's own step, and
 * what is written apart from it. */
int plan_put_links(struct planning *p, const struct entry *target) MUST_CHECK;

/* ---- plan_back.c ---- */

/* The reason of a change of what flows back. */
#define PLAN_BACK "flow back"
/* Plans what flows back from the counterpart to the source object, which both are there. RECORD
 * learns what is put there. */
int plan_back(struct planning *p, struct record *record) MUST_CHECK;
/* The steps of a later phase for it. */
int plan_put_back(struct planning *p) MUST_CHECK;
/* Says what CHANGE, which is D's, overwrites of what others had put there. */
void plan_note_lost(struct planning *p, const struct diff_in *d, const struct change *change);

/* ---- plan_nesting.c ---- */

/* Makes the type of P's source group GROUP, of which galsync creates the counterpart, universal
 * where that cannot be of the same type. */
int plan_fit_group(struct planning *p, struct entry *group) MUST_CHECK;
/* *RET false, and that is said as a problem: the group that P plans cannot hold the counterpart of
 * source entry INDEX, about which D was decided. */
int plan_may_hold(
    struct planning *p, uint32_t index, const struct decision *d, bool *ret) MUST_CHECK;
/* The same of one that is not about to change: R's. */
int plan_may_hold_recorded(struct planning *p, const struct record *r, bool *ret) MUST_CHECK;

/* ---- plan_primary.c ---- */

/* Adds to GROUP's `member`, an entry of SIDE, those that are in it by primaryGroupID. */
int plan_add_primary_members(struct planning *p, enum side side, struct entry *group) MUST_CHECK;
/* Takes out of WANT's `member` those that are in GROUP of SIDE already by primaryGroupID. */
int plan_drop_primary_members(
    struct planning *p, enum side side, const struct entry *group, struct entry *want) MUST_CHECK;

/* ---- plan_group.c ---- */

/* Takes the type out of CHANGE, a modify of the group TARGET, and adds the steps to it
 * (group_type.h) to STEP, with CHANGE (taken over, also on failure) between those that belong
 * before and those that belong after it. What is no change of a type is added as it is. */
int plan_modify_group(struct planning *p, struct plan_step *step, struct change *change,
    const struct entry *target) MUST_CHECK;

/* ---- plan_addresses.c ---- */

/* Takes out of WANT's proxyAddresses what another object of SIDE holds, or what another source
 * object carries too. PRESENT is the object as it is, number SELF, or NULL: what it has already
 * stays. A new object without its primary address is not made, and none is without ESSENTIAL, the
 * redirect address: the whole object is in conflict then (*RET_BLOCKED). A counterpart that is
 * there keeps the primary address that it has, and all else of it goes on. */
int plan_check_addresses(struct planning *p, enum side side, struct entry *want,
    const struct entry *present, uint32_t self, const char *essential,
    bool *ret_blocked) MUST_CHECK;
/* Takes V out of E's ATTR, which is there without values then, if it was the only one. */
int plan_remove_value(
    struct entry *e, const char *attr, struct bytes v, struct err *err) MUST_CHECK;
/* A matched object may have its address in `mail` alone: mail to it goes on arriving. CHANGE adds
 * the address that it is about to take from there; the value is not ours, so it is no part of WANT.
 */
int plan_keep_mail(struct planning *p, const struct entry *want, const struct entry *target,
    const struct record *record, struct change *change) MUST_CHECK;

/* ---- plan_redirect.c ---- */

/* Which redirect addresses the pair gets (p->in.spare): another object may have that of the
 * template. TARGET is the counterpart, or NULL. */
int plan_choose_redirect(struct planning *p, const struct entry *target) MUST_CHECK;

/* The reason of a change that takes redirect addresses from a source object. */
#define PLAN_RETIRE "former redirect address"
/* That of what is done to a contact which makes room for a new object. */
#define PLAN_PROMOTE "promote"
/* Plans that redirect addresses go from the source object which galsync gave it for an earlier
 * alias, or while another object had its own, once its counterpart leads to the present one. OLD is
 * the stored record, or NULL. */
int plan_retire_redirect(struct planning *p, const struct record *old) MUST_CHECK;
/* Plans what puts the redirection right (repair.h) if ACTIVE is the active side. With the source
 * active, what it must not have goes before the target gets its own redirection; with the target
 * active it comes after the target has got its redirect address. */
int plan_redirect(struct planning *p, enum side active) MUST_CHECK;
/* No limit and no rejection lets a loop be. OLD is the stored record, RECORD the one to be.
 * *RET_LEFT: an operator rejected it, so the object is left as it is. Half of what is to be done to
 * it would not be safe. */
int plan_limit_redirection(struct planning *p, const struct record *old, struct record *record,
    bool *ret_left, struct err *err) MUST_CHECK;

/* ---- plan_limits.c ---- */

/* The limits on what the step changes beside a redirection: members that go, and the primary
 * address. What is held or was rejected is taken out of what is planned. OLD is the stored record,
 * or NULL; RECORD, the one to be, then does not say that it was written. *RET_LEFT as above: an
 * operator rejected what the rest cannot go on without. */
int plan_limit_values(
    struct planning *p, const struct record *old, struct record *record, bool *ret_left) MUST_CHECK;

/* ---- plan_refs.c ---- */

/* A project_ref_fn; ARG is the planning. */
int plan_resolve_ref(
    const char *attr, const char *source_dn, void *arg, char **ret_dn, struct err *err) MUST_CHECK;
/* The source entry that has target entry INDEX as its counterpart in this cycle, or WORLD_NONE. */
int plan_owner_of(struct cycle *c, uint32_t index, uint32_t *ret, struct err *err) MUST_CHECK;
/* Is source entry INDEX among those that are being planned now, P's or what refers to it? */
bool plan_is_on_stack(const struct planning *p, uint32_t index);
/* True if the target object DN is the counterpart of some source object, be that synchronized or
 * not. False if that cannot be found out. */
bool plan_is_ours(struct cycle *c, const char *dn);

/* ---- plan_release.c ---- */

/* P's object is planned again behind all that is planned now, because WHAT ("an address") that it
 * is to have is another's still: 1. 0 if that was tried, and nothing moved. A plan shows what comes
 * first. FORMER, the source entry of that other one, or WORLD_NONE: it is planned again too. */
int plan_later(struct planning *p, const char *what, uint32_t former) MUST_CHECK;
/* The reason of a change that takes an address from the counterpart of one that has left. */
#define PLAN_RELEASE "release"
/* P's object takes ADDRESS, on SIDE. */
struct plan_taking {
	struct planning *p;
	struct bytes address;
	enum side side;
};
/* Takes the names out of RECORD that the source had, and that another source object has now: they
 * are not wanted back. */
int plan_forget_names(struct planning *p, struct record *record) MUST_CHECK;
/* Takes out of WANT, which is for the source object, the X500 names that its counterpart has from
 * it, and that another source object has now. */
int plan_drop_moved_names(struct planning *p, struct entry *want) MUST_CHECK;
/* A world_may_go_fn; ARG is a plan_taking. */
int plan_may_go(uint32_t index, const struct entry *holder, void *arg, struct err *err) MUST_CHECK;

/* ---- plan_account.c ---- */

/* An account name that CHANGE, a modify of the counterpart TARGET, is to give it: where another
 * counterpart has to let go of that first, P's step waits for it, or CHANGE and WANT have another
 * one for now. */
int plan_account_names(struct planning *p, struct entry *want, const struct entry *target,
    struct change *change) MUST_CHECK;

/* ---- plan_heir.c ---- */

/* 1 if E, entry INDEX of SIDE, is a contact that gives way to P's object there: then it is put down
 * (heirs.h). 0 if it is none. */
int plan_gives_way(
    struct planning *p, enum side side, uint32_t index, const struct entry *e) MUST_CHECK;
/* Puts down those that hold nothing any more too. */
int plan_find_heirs(struct planning *p) MUST_CHECK;

/* ---- plan_ou.c ---- */

/* Plans the creation of OU (and of those above it) unless it exists or is planned already. ERR_DATA
 * if it lies outside the target's domain. */
int plan_ensure_ou(struct cycle *c, const char *ou, struct err *err) MUST_CHECK;
/* ---- plan_name.c ---- */

/* The name of the counterpart, last of all. */
int plan_rename(struct planning *p, const struct entry *target) MUST_CHECK;

#endif
