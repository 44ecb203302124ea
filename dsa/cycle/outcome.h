/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_OUTCOME_H
#define GALSYNC_CYCLE_OUTCOME_H

/* What a step of the plan leaves in the map and in the cycle, before it is carried out and when it
 * has ended. */

#include "dsa/exec/exec.h"

struct cycle;

/* Stores S's record as pending. 1 with ERR: it is a first correspondence, and another link has one
 * of its objects meanwhile (other_links.h). It is put down for the next cycle too, which reports
 * what it finds. ARG is the cycle. */
int outcome_intend(struct store_txn *t, struct plan_step *s, void *arg, struct err *err) MUST_CHECK;
/* Stores the record of E's step, its waiting references and what else follows from how it ended.
 * What met drift is put down to be planned again. ARG is the cycle. */
int outcome_store(
    struct store_txn *t, const struct exec_end *e, void *arg, struct err *err) MUST_CHECK;
/* The object of E (its source and DN are given) was not written because of WHAT. Put
 * down to be tried again; E is completed, to be told. */
int outcome_refuse(struct cycle *c, struct store_txn *t, struct run_event *e, const char *what,
    struct err *err) MUST_CHECK;
/* The record of SOURCE, if there is one, has the state of one whose last write failed, because of
 * WHAT. UNWRITTEN, or NULL: the modification that was not made; its values are not remembered as
 * written on its side. */
int outcome_remember(struct cycle *c, struct store_txn *t, const struct guid *source,
    const char *what, const struct plan_change *unwritten, struct err *err) MUST_CHECK;
/* Nothing has to be written to the object of SOURCE any more; told if that was not so before. That
 * a contact gives way to it stays remembered (heirs.h): who ends that says so. */
int outcome_accept(
    struct cycle *c, struct store_txn *t, const struct guid *source, struct err *err) MUST_CHECK;
/* The same, and no contact gives way to it any more. */
int outcome_settle(
    struct cycle *c, struct store_txn *t, const struct guid *source, struct err *err) MUST_CHECK;

#endif
