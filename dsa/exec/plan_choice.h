/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_EXEC_PLAN_CHOICE_H
#define GALSYNC_EXEC_PLAN_CHOICE_H

/*
 * The steps of a saved plan, for a cycle that makes these and no others.
 *
 * The cycle plans as always, from what is in the directories and the map now. Of the steps that it
 * would carry out it carries out those that are among the chosen, octet by octet: the same changes
 * to the same objects, with the same values before. So a file can make a cycle do less than it
 * would, and never anything else. What is chosen and is not planned now is refused, by name; what
 * is planned and was not chosen is not made, as if the server had refused it. So a step that needs
 * such a one is not made either: a change that takes an address waits for the one that lets go of
 * it.
 */

#include "dsa/exec/plan_text.h"

struct plan_choice;

enum plan_chosen_state { PLAN_CHOSEN_OPEN, PLAN_CHOSEN_MADE, PLAN_CHOSEN_REFUSED };
struct plan_chosen {
	uint8_t digest[PLAN_DIGEST_LEN];
	enum side originals; /* the flow */
	struct guid source;  /* or zero */
	char *dn;	     /* of its first change, for people */
	enum plan_chosen_state state;
	char *why; /* REFUSED, NULL: not known */
};

int plan_choice_new(struct plan_choice **ret, struct err *err) MUST_CHECK;
void plan_choice_free(struct plan_choice *x);
DEFINE_CLEANUP(struct plan_choice *, plan_choice_free)
/* X has a copy of C, which is open. */
int plan_choice_add(struct plan_choice *x, const struct plan_chosen *c, struct err *err) MUST_CHECK;
size_t plan_choice_count(const struct plan_choice *x);

/* Before the first step of the flow whose originals are on ORIGINALS. */
void plan_choice_begin(struct plan_choice *x, enum side originals);
/* *RET: step S of the present plan is to be carried out. HELD: a limit holds it, so it is not. In
 * the order in which steps begin. */
int plan_choice_admit(struct plan_choice *x, const struct plan_step *s, bool held, bool *ret,
    struct err *err) MUST_CHECK;
/* S, which was admitted, is done, or (WHY is not NULL) was refused. */
int plan_choice_ended(struct plan_choice *x, const struct plan_step *s, const struct err *why,
    struct err *err) MUST_CHECK;
/* A limit holds what is to be done to SOURCE, of which no step was planned. */
int plan_choice_note_held(
    struct plan_choice *x, const struct guid *source, struct err *err) MUST_CHECK;
/* When the cycle has ended: what was never met is refused. */
int plan_choice_close(struct plan_choice *x, struct err *err) MUST_CHECK;
/* After that: number I. */
const struct plan_chosen *plan_choice_get(const struct plan_choice *x, size_t i);
/* Steps that were planned, not chosen, and so not made. */
size_t plan_choice_others(const struct plan_choice *x);

#endif
