/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_UNDO_PRIV_H
#define GALSYNC_RULES_UNDO_PRIV_H

/* What undo.c, which knows what a change did to attributes and names, undo_object.c, which knows
 * when an object may go and how it comes back, and undo_edit.c, which keeps what is to be written
 * consistent, share. */

#include "dsa/rules/undo.h"

#define UNDO_CHANGED "it was changed since"

/* Is PRESENT the value that was WRITTEN, of which the journal may have the digest alone? */
bool undo_same(
    const struct undo_in *in, const char *attr, struct bytes written, struct bytes present);
/* The value of A (may be NULL) that is WRITTEN, or NULL. */
const struct bytes *undo_find(const struct undo_in *in, const struct attr *a, struct bytes written);
/* Would a redirection of the object to the address TO meet one of its counterpart? Two that lead to
 * one third place do not. */
bool undo_goes_round(const struct undo_in *in, struct bytes to);
/* Nothing is written, because of WHY. */
int undo_leave_all(
    const struct undo_in *in, struct undo_out *ret, const char *why, struct err *err) MUST_CHECK;
/* undo_object.c */
int undo_add(const struct undo_in *in, struct undo_out *ret, struct err *err) MUST_CHECK;
int undo_delete(const struct undo_in *in, struct undo_out *ret, struct err *err) MUST_CHECK;
/* undo_edit.c: RET's change of a list of addresses leaves it with one primary address, and with the
 * one to which the counterpart redirects. */
int undo_guard_addresses(
    const struct undo_in *in, struct undo_out *ret, struct err *err) MUST_CHECK;

#endif
