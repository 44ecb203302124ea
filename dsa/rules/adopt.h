/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_ADOPT_H
#define GALSYNC_RULES_ADOPT_H

/*
 * The pairs of another tool, by the keys that it left on the objects. Pure.
 *
 * The tool wrote the same key on both objects of a pair (struct conf_adopt says where). A key that
 * exactly one object of either side carries makes a pair; what is not so is named and left alone.
 * A cycle leaves a source object alone, too, that carries a key and has no counterpart yet: no
 * other rule may give it one, and none is created, before an operator has adopted its pair or
 * cleared the key (CONFLICT_ADOPT). A pair passes the door of every counterpart (identity.h), and
 * neither of its objects may be in a correspondence already.
 *
 * What becomes of a pair is decided by the first of these that is true:
 *
 *   one side has none                                   ALONE
 *   a side has several                                  SEVERAL
 *   the map has this very correspondence                KNOWN
 *   one of both is in another correspondence            TAKEN
 *   the source object is not in scope                   OUT
 *   one of both may be in no correspondence             REFUSED
 *   stamps and markers say that another link has one    TAKEN
 *   the target's stamp names another source object      TAKEN
 *   the kinds do not fit, or a contact is in the way    KIND
 *   a foreign value where the stamp belongs             STAMP
 *   none of these                                       PAIR
 *
 * A source object may have a correspondence in several links: that another link has it as its
 * source object does not count. Which of them gives its mailbox a redirection the cycle decides.
 */

#include "dsa/config/conf.h"
#include "dsa/directory/entry.h"
#include "dsa/rules/identity.h"
#include "dsa/rules/scope.h"
#include "redirect/active_side.h"

/* The tools of a link with their patterns, ready for use. */
struct adopt_tools;
/* The tools borrow from LINK. ERR_CONF if a pattern is none (it was checked when it was loaded). */
int adopt_tools_new(
    const struct conf_link *link, struct adopt_tools **ret, struct err *err) MUST_CHECK;
void adopt_tools_free(struct adopt_tools *t);
DEFINE_CLEANUP(struct adopt_tools *, adopt_tools_free)
/* The key that tool I left on E, an object of SIDE: what the group of the pattern matched, or
 * without a group the whole match. Borrowed from E; its data is NULL if there is none, if it is
 * empty, or if the attribute has several values. */
struct bytes adopt_key(
    const struct adopt_tools *t, size_t i, enum side side, const struct entry *e);
/* The first tool that left a key on E; false if none did. */
bool adopt_find_key(const struct adopt_tools *t, enum side side, const struct entry *e,
    size_t *ret_tool, struct bytes *ret_key);

enum adopt_verdict {
	ADOPT_PAIR,
	ADOPT_KNOWN,
	ADOPT_ALONE,
	ADOPT_SEVERAL,
	ADOPT_TAKEN,
	ADOPT_OUT,
	ADOPT_REFUSED,
	ADOPT_KIND,
	ADOPT_STAMP,
	ADOPT_MAX
};
/* "pair", "known", "alone", "several", "taken", "out", "refused", "kind", "stamp". */
const char *adopt_verdict_name(enum adopt_verdict v);

struct adopt_facts {
	size_t n[SIDES];		 /* objects that carry the key */
	const struct entry *side[SIDES]; /* the first of each; NULL: there is none */
	const struct conf_link *link;
	bool known; /* the map has the correspondence of just these two */
	bool taken; /* by the map one of them is in another one */
	/* Why another link has one of them, as far as the directories tell (across.h), or NULL. */
	const char *across;
	struct identity_guard guard[SIDES]; /* what is known of each beside itself */
};
/* *RET_WHY is the reason in words, NULL with PAIR and KNOWN. -1 without memory. */
int adopt_judge(const struct adopt_facts *f, enum adopt_verdict *ret, const char **ret_why,
    struct err *err) MUST_CHECK;

/* What becomes of the redirection of a pair in the next synchronization. */
enum adopt_redirection {
	ADOPT_REDIRECT_NONE, /* the active side has no mailbox, or there is no redirect_domain */
	ADOPT_REDIRECT_OURS, /* it leads to galsync's redirect domain */
	ADOPT_REDIRECT_TURN, /* it leads to the tool's, and will lead to galsync's */
	ADOPT_REDIRECT_SET,  /* there is none, and will be */
	ADOPT_REDIRECT_AWAY, /* it leads to a third place, and stays */
	ADOPT_REDIRECT_MAX
};
/* SIDE are both objects, A is the verdict on them. */
enum adopt_redirection adopt_redirection_of(const struct conf_link *link,
    const struct entry *const side[SIDES], const struct active_side *a);

#endif
