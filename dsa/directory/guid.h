/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DIRECTORY_GUID_H
#define GALSYNC_DIRECTORY_GUID_H

/*
 * objectGUID and other 16-octet identifiers (MS-DTYP 2.3.4). The octets are kept as the directory
 * stores them: the first three fields little-endian. The text form is the usual one in lower case,
 * "6f9619ff-8b86-d011-b42d-00c04fc964ff".
 */

#include <stdbool.h>
#include <stdint.h>

#include "dsa/base/err.h"
#include "dsa/base/mem.h"

#define GUID_LEN 16
#define GUID_TEXT_SIZE 37   /* with NUL */
#define GUID_FILTER_SIZE 49 /* "\ff\19..." with NUL, RFC 4515 */

struct guid {
	uint8_t octets[GUID_LEN];
};

/* False unless V has 16 octets. */
bool guid_from_bytes(struct bytes v, struct guid *ret);
/* Parses the text form, either case, with or without braces; nothing else may stand around it. */
bool guid_parse(const char *s, struct guid *ret);
void guid_format(const struct guid *g, char ret[GUID_TEXT_SIZE]);
/* The octets escaped for a search filter. */
void guid_filter(const struct guid *g, char ret[GUID_FILTER_SIZE]);
bool guid_equal(const struct guid *x, const struct guid *y);
bool guid_is_zero(const struct guid *g);
static inline struct bytes
guid_bytes(const struct guid *g)
{
	return (struct bytes){g->octets, GUID_LEN};
}
/* A GUID that depends on FROM and PURPOSE alone (version 8 of RFC 9562): the same wherever and
 * whenever it is asked for, so that a repeated create writes the same value. */
struct guid guid_derive(const struct guid *from, const char *purpose);

/* A growing list; begin with zeros, and free V. */
struct guid_list {
	struct guid *v;
	size_t n, cap;
};
int guid_list_add(struct guid_list *l, const struct guid *g, struct err *err) MUST_CHECK;
/* By their octets; and of equal ones only one. */
void guid_list_sort(struct guid_list *l);
void guid_list_sort_once(struct guid_list *l);
/* Looks at each: for short lists. */
bool guid_list_has(const struct guid_list *l, const struct guid *g);

#endif
