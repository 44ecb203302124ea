/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_OTHER_LINKS_H
#define GALSYNC_CYCLE_OTHER_LINKS_H

/*
 * What the map says of other links, for the rule of dsa/rules/across.h: which of their records have
 * an object on either side. It is asked when a cycle decides, and again in the transaction that
 * stores the intent of a first correspondence: links run at the same time, those against each other
 * lock different forests, and the map has one writer at a time. So of two links that decided to
 * take one object at the same moment the second one finds the intent of the first, and lets go.
 *
 * Daemons with maps of their own do not see each other's intents: they know of each other by what
 * the directories say when they read them.
 *
 *   feed -> entry -> [match] -> project -> diff -> plan -> exec -> record
 */

#include "dsa/cycle/state.h"
#include "dsa/rules/across.h"

/* scope_judge() of the source object E, whose normalized DN is NORM. */
int other_links_judge_scope(struct cycle *c, const struct entry *e, const char *norm,
    const struct conf_scope **ret_scope, enum scope_verdict *ret, struct err *err) MUST_CHECK;
/* across_refuses() of TARGET as the counterpart of the object with GUID SOURCE; RECORDED: the
 * link's record says that it is. WHY is "" if it may be that. */
int other_links_refuse(struct cycle *c, const struct guid *source, const struct entry *target,
    bool recorded, char why[ACROSS_TEXT_SIZE], struct err *err) MUST_CHECK;
/* Is the recorded counterpart of R, by the map, also an object of another link? */
int other_links_have(
    struct cycle *c, const struct record *r, bool *ret, struct err *err) MUST_CHECK;
/* The other link that gives the mailbox SOURCE a redirection to another object than TARGET (NULL:
 * one to be created), by the map; *RET NULL if none does. */
int other_links_find_redirection(struct cycle *c, const struct guid *source,
    const struct guid *target, const struct conf_link **ret, struct err *err) MUST_CHECK;
/* May R, the record of a first correspondence, be stored in T? 1 with ERR (ERR_REREAD) if another
 * link has one of its objects meanwhile. */
int other_links_admit(
    struct cycle *c, struct store_txn *t, const struct record *r, struct err *err) MUST_CHECK;

/* The same for a later step of the correspondence of SOURCE: 1 unless its record is in T. */
int other_links_admit_more(
    struct cycle *c, struct store_txn *t, const struct guid *source, struct err *err) MUST_CHECK;

#endif
