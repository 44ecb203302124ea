/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_LIMITS_H
#define GALSYNC_CYCLE_LIMITS_H

/*
 * Limits (dsa/rules/limit.h) as part of a cycle. In the flow they stand between plan and exec:
 *
 *   recall   at a delta's beginning: is what is held allowed now?                      nothing
 *   find     everything a limit is about, as it is planned: what did an operator say?   nothing
 *   check    what no operator decided about is counted, with that of the last day         nothing
 *   hold     too many: nothing is done to any of them                                    nothing
 *   part     of members and primary addresses only these wait: the rest is planned again    nothing
 *   round    what drift makes a change of a redirection is counted too                   nothing
 *   spent    with the outcome of each that is done                                       as done
 *   store    at the end: what is held, with the cursors                  found again, held again
 *
 * What an operator approved is done and does not count; what was rejected is left as it is. The
 * cursors advance all the same: a delta that had to hear of everything again since a limit began to
 * hold something would become slower each time, and a full cycle in the end. The map knows what is
 * held, and a full cycle finds what is to be done to it.
 */

#include "dsa/cycle/state.h"
#include "mapping/held.h"

struct guid_set;

int limits_new(struct limits **ret, struct err *err) MUST_CHECK;
void limits_free(struct limits *l);
/* Before a full cycle decides, or a delta looks for what changed: *RET_WHY says why everything has
 * to be looked at because of what is held, or is NULL. */
int limits_recall(struct cycle *c, const char **ret_why, struct err *err) MUST_CHECK;
/* Looks up an operator's verdict on doing KIND to SOURCE, HELD_WAITS if there is none, and notes
 * that this cycle would do it. TARGET, of HELD_MATCHES: the match that the verdict must be about;
 * else NULL. What the cycle was asked for by name is approved, but for switches and matches. */
int limits_find_verdict(struct cycle *c, enum held_kind kind, const struct guid *source,
    const struct guid *target, enum held_verdict *ret, struct err *err) MUST_CHECK;
/* The same of what counts as AMOUNT of a limit (1 or more). */
int limits_find_verdict_of(struct cycle *c, enum held_kind kind, const struct guid *source,
    uint32_t amount, enum held_verdict *ret, struct err *err) MUST_CHECK;
/* Did an operator reject that KIND is done to SOURCE? If so, it is noted that this cycle would do
 * it. What nobody decided about is not counted. */
int limits_find_rejected(struct cycle *c, enum held_kind kind, const struct guid *source, bool *ret,
    struct err *err) MUST_CHECK;
/* When everything of KIND is noted: is what no operator decided about too much? Then it is held. */
int limits_check(struct cycle *c, enum held_kind kind, struct err *err) MUST_CHECK;
/* All kinds: what an earlier cycle held stays held when nothing changed. */
int limits_check_all(struct cycle *c, struct err *err) MUST_CHECK;
/* The same of all kinds that are counted while objects are planned. */
int limits_check_planned(struct cycle *c, struct err *err) MUST_CHECK;
/* Others wait that this delta did not look at, and are within the limits now: why everything has to
 * be looked at, or NULL. */
const char *limits_why_full(const struct cycle *c);
bool limits_hold(const struct cycle *c, enum held_kind kind);
/* Is one of KINDS, a HELD_BIT() for each, held? */
bool limits_hold_any(const struct cycle *c, unsigned kinds);
/* Those of KIND that no operator decided about. */
const struct guid_list *limits_waiting(const struct cycle *c, enum held_kind kind);
/* Before and after objects are planned again because a write met drift. */
void limits_begin_round(struct cycle *c);
int limits_check_round(struct cycle *c, struct err *err) MUST_CHECK;
/* Was something of SOURCE taken back by an operator, and not approved since? Then nothing is
 * written for it, and no counterpart is created. */
bool limits_is_undone(const struct cycle *c, const struct guid *source);
/* Why S is held, or HELD_NOTHING. */
enum held_kind limits_holding(const struct cycle *c, const struct plan_step *s);
/* True if S is held and must not be carried out; it is then no longer counted as planned. */
bool limits_uncount_if_held(struct cycle *c, const struct plan_step *s);
/* Lists in RET, each once, what was planned whole before a limit was found to hold a part of it:
 * members that are to go, a primary address. The rest of it goes on, and is planned again. */
int limits_list_parted(const struct cycle *c, struct guid_list *ret, struct err *err) MUST_CHECK;
/* Calls FN for what this cycle holds, until that fails. */
typedef int limits_held_fn(
    enum held_kind kind, const struct guid *source, void *arg, struct err *err);
int limits_each_held(
    const struct cycle *c, limits_held_fn *fn, void *arg, struct err *err) MUST_CHECK;
/* Adds to RET what this cycle holds. */
int limits_add_held(struct cycle *c, struct guid_set *ret, struct err *err) MUST_CHECK;
/* Reports what is held. */
void limits_report(struct cycle *c);
/* Tells an observer that wants decisions WHAT is so of SOURCE because an operator SAID so, or
 * because KIND is held. */
void limits_tell(const struct cycle *c, enum held_kind kind, const struct guid *source,
    enum held_verdict said, const char *what);
/* Writes down what the cycle holds, and forgets to what nothing is to be done any more. */
int limits_store(struct cycle *c, struct store_txn *t, struct err *err) MUST_CHECK;

#endif
