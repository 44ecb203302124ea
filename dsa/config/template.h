/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CONFIG_TEMPLATE_H
#define GALSYNC_CONFIG_TEMPLATE_H

/*
 * Text with attributes in it, as the configuration uses for addresses and for site rows:
 *
 *   %{attributeName}        the attribute's value
 *   %{attributeName:lower}  the value with ASCII letters in lower case
 *   %%                      one percent sign
 *
 * Everything else stands for itself. An expansion never guesses: an attribute that is absent, has
 * several values or is no text makes it fail, naming the attribute. Pure.
 */

#include <stdbool.h>
#include <stddef.h>

#include "dsa/base/err.h"
#include "dsa/directory/entry.h"

/* True if TEXT is well-formed. Else false, with the position and the reason in WHY. */
bool template_check(const char *text, char *why, size_t size) MUST_CHECK;
/* Has TEXT, which is well-formed, no attribute in it? Then it gives every object the same. */
bool template_is_constant(const char *text) MUST_CHECK;
/* Calls CB with the name of each attribute TEXT refers to, possibly repeatedly, up to the first
 * mistake in it. ATTR is valid during the call only. */
void template_each_attr(const char *text, void (*cb)(const char *attr, void *arg), void *arg);
/* Replaces the references in TEXT by E's values. Caller frees *RET. ERR_CONF for a malformed TEXT,
 * ERR_DATA for a value that is not there or cannot be used. */
int template_expand(
    const char *text, const struct entry *e, char **ret, struct err *err) MUST_CHECK;

#endif
