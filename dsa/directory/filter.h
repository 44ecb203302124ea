/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DIRECTORY_FILTER_H
#define GALSYNC_DIRECTORY_FILTER_H

/*
 * Search filters evaluated by us (RFC 4515 text, RFC 4511 section 4.5.1.7 meaning, three-valued).
 * Scope is decided here and not by the server, because a change feed is silent about an object
 * that leaves a server-side filter. Comparisons are without regard to ASCII case; >= and <= compare
 * numbers where both sides are numbers, else text; ~= is equality; the two AD bit rules
 * 1.2.840.113556.1.4.803 (all bits) and .804 (any bit) are known, other matching rules are refused
 * when the filter is parsed.
 */

#include <stdbool.h>

#include "dsa/base/err.h"
#include "dsa/directory/entry.h"

struct filter;

/* Parses TEXT. -1 with ERR_CONF naming the position and what was expected there. */
int filter_parse(const char *text, struct filter **ret, struct err *err) MUST_CHECK;
void filter_free(struct filter *f);
DEFINE_CLEANUP(struct filter *, filter_free)
/* True only if the filter is true of E (Undefined counts as false, as in a search). */
bool filter_match(const struct filter *f, const struct entry *e);
/* Calls CB with each attribute name that the filter reads, possibly repeatedly. */
void filter_each_attr(const struct filter *f, void (*cb)(const char *attr, void *arg), void *arg);
/* VALUE escaped for use as an assertion value (RFC 4515 section 3). Caller frees. */
char *filter_escape(struct bytes value) MUST_CHECK;
/* The text of a filter for the objects with these N GUIDs, at least one, as far as FILTER, a text
 * too, finds them. NULL without memory. Caller frees. */
char *filter_guids(const char *filter, const struct guid *guids, size_t n) MUST_CHECK;

#endif
