/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_SCENARIO_TURN_H
#define GALSYNC_TESTS_SCENARIO_TURN_H

/*
 * Switches, undoes and proxy toggles between the forests of a scenario, and what must hold of the
 * mailboxes whatever happened.
 */

#include "tests/support/scenario.h"

#define LAB_GROUP "CN=Switched"
/* For a scenario's link and source: the marker group. */
#define LAB_GROUP_CONF "marker_group = \"" LAB_GROUP ACME "\";"
#define LAB_GROUP_LDIF                                                                             \
	"dn: " LAB_GROUP ACME "\nobjectClass: group\nsAMAccountName: Switched\ngroupType: 2\n\n"

/* Nobody finishes the mailboxes here, so LAB_SWITCH is forced. Tests that take one after the other
 * do not take the switch that is not. */
enum lab_op { LAB_SWITCH, LAB_UNDO, LAB_TOGGLE, LAB_OP_MAX, LAB_SWITCH_FINISHED = LAB_OP_MAX };
const char *lab_op_name(enum lab_op op);

/* Does OP, through TAP (NULL: none), to the mailboxes of the NULL-terminated WHO, as a request to
 * the daemon would. What is told about each is in L->notes: "done NAME: TEXT" or "failed ...". */
int lab_turn(struct lab *l, struct tap *tap, enum lab_op op, const char *const *who) MUST_CHECK;
/* True if L->notes tell that NAME is "done" or "failed", with WORD in the text. */
bool lab_told(const struct lab *l, const char *how, const char *name, const char *word);

/* True if the mailbox redirects on both sides at this moment. */
bool lab_both_redirect(struct lab *l, const char *name);
/* Fails unless both sides of the mailbox, the marker, the group and the guards are wholly as its
 * record says; gives the active side. GUARDED: the source had a guard of its own before. */
enum side lab_check_mailbox(struct lab *l, const char *name, bool guarded);
/* Fails if an operation or a journal entry is open, or a dummy address is anywhere. */
void lab_check_nothing_open(struct lab *l);
/* lab_dump() of all, with the time of the switch taken out of the markers. */
void lab_dump_turned(struct lab *l, struct buf *ret);

#endif
