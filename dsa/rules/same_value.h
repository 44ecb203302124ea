/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_SAME_VALUE_H
#define GALSYNC_RULES_SAME_VALUE_H

/*
 * Settings that give one value to two objects, of what each object must have for itself: the
 * primary address, and the rows of a site for an account name, an alias or the like (used_attrs.h).
 * The values are made of the source objects as they are; that a template without any attribute
 * gives everybody the same, the configuration alone tells. Pure.
 *
 * Of redirect addresses galsync gives the second object one with its GUID in it, so no two collide.
 */

#include "dsa/directory/kind.h"
#include "dsa/rules/mistake.h"

struct same_value;

/* *RET NULL: nothing in LINK could give one value twice. It borrows from LINK. */
int same_value_new(
    const struct conf_link *link, struct same_value **ret, struct err *err) MUST_CHECK;
void same_value_free(struct same_value *s);
DEFINE_CLEANUP(struct same_value *, same_value_free)
/* Takes SOURCE, an object in scope of KIND, into account. What a setting gives no value for is
 * passed over: such an object is told of when it is synchronized. */
int same_value_add(
    struct same_value *s, const struct entry *source, enum kind kind, struct err *err) MUST_CHECK;
/* Adds a mistake for each setting that gave a value twice. */
void same_value_tell(struct same_value *s, struct mistakes *ret);

#endif
