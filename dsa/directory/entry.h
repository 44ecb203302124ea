/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DIRECTORY_ENTRY_H
#define GALSYNC_DIRECTORY_ENTRY_H

/*
 * One directory entry as values: its DN and its attributes. This is what every decision takes and
 * what both directories (LDAP and the fake one of the tests) give. Attribute names compare without
 * regard to case (RFC 4512 section 2.5). An attribute that is present without values means that a
 * change feed reported it as cleared; a plain read never gives that.
 *
 * An entry owns all its memory. Every value and the DN have a NUL behind their last octet that is
 * not part of the value, so text values may be used as C strings.
 *
 *   feed -> [entry] -> match -> project -> diff -> plan -> exec -> record
 */

#include <stdbool.h>
#include <stddef.h>

#include "dsa/base/err.h"
#include "dsa/base/mem.h"
#include "dsa/directory/guid.h"

struct attr {
	char *name;    /* entry_cut_name() changes it */
	uint64_t tail; /* of the name, for look-ups */
	struct bytes *values;
	size_t n_values, cap;
};

#define ENTRY_PLACES 256

struct entry {
	char *dn;
	struct guid guid; /* from objectGUID; zero if that was not read */
	struct attr *attrs;
	size_t n_attrs, cap;
	size_t block; /* so many octets from here on are one allocation with it; 0: none is */
	/* By the hash of its name, where an attribute is: for look-ups, entry.c's own. */
	uint8_t place[ENTRY_PLACES];
};

/* A fresh entry named DN (copied). NULL without memory. */
struct entry *entry_new(const char *dn) MUST_CHECK;
void entry_free(struct entry *e);
DEFINE_CLEANUP(struct entry *, entry_free)
struct entry *entry_dup(const struct entry *e) MUST_CHECK;
/* The same with attribute NAME alone, if E has it. */
struct entry *entry_dup_attr(const struct entry *e, const char *name) MUST_CHECK;

/* Adds a copy of V to attribute NAME, creating it if need be. objectGUID also sets e->guid. Does
 * not look for duplicates. 0 or -1 without memory. */
int entry_add(struct entry *e, const char *name, struct bytes v) MUST_CHECK;
int entry_add_str(struct entry *e, const char *name, const char *v) MUST_CHECK;
/* Makes NAME present without values. */
int entry_touch(struct entry *e, const char *name) MUST_CHECK;
/* DN, which is taken over, becomes E's name. */
void entry_set_dn(struct entry *e, char *dn);
/* A copy of V takes the place of value I of E's attribute A, and value I goes. Nobody else may free
 * what E holds: that is not always an allocation of its own. */
int entry_put_value(struct entry *e, struct attr *a, size_t i, struct bytes v) MUST_CHECK;
void entry_drop_value(struct entry *e, struct attr *a, size_t i);
/* Leaves of the name of E's attribute A the first LEN octets. E has no attribute of that name. */
void entry_cut_name(struct entry *e, struct attr *a, size_t len);
/* Removes the attribute; no error if it is not there. */
void entry_remove(struct entry *e, const char *name);
/* Makes V the only value of NAME. */
int entry_set(struct entry *e, const char *name, struct bytes v) MUST_CHECK;
int entry_set_str(struct entry *e, const char *name, const char *v) MUST_CHECK;

/* Puts the values of every attribute in the order of their octets: a server gives them in any. */
void entry_sort(struct entry *e);

/* The attribute, or NULL if it is not there. */
const struct attr *entry_find(const struct entry *e, const char *name);
/* The first value as a string, or NULL if there is none. Only for text attributes. */
const char *entry_get_str(const struct entry *e, const char *name);
/* The first value; data NULL if there is none. */
struct bytes entry_get(const struct entry *e, const char *name);
/* The first value as a number, or FALLBACK if there is none or it is no number. */
int64_t entry_get_i64(const struct entry *e, const char *name, int64_t fallback);
/* True if the first value is TRUE in any case. */
bool entry_get_bool(const struct entry *e, const char *name);
/* True if A (may be NULL) has a value equal to V; NOCASE: ASCII letters without regard to case. */
bool attr_has(const struct attr *a, struct bytes v, bool nocase);
/* True if objectClass has CLASS. */
bool entry_has_class(const struct entry *e, const char *class_name);
/* Is DN, in any spelling, among the values of A (NULL: there are none), DNs that may be extended?
 */
bool attr_has_dn(const struct attr *a, const char *dn);

/* The encoding used in the working set and the journal: version octet, DN, count, and for each
 * attribute name, count and values, each behind its 32-bit little-endian length. */
void entry_encode(const struct entry *e, struct buf *ret);
/* Decodes; any octets are survived. -1 with ERR_DATA for what is not an encoded entry: one in which
 * an attribute is there twice, or has a NUL in its name, is none. */
int entry_decode(struct bytes raw, struct entry **ret, struct err *err) MUST_CHECK;
/* Its GUID alone, and whether it has a DN: what has none has vanished. Errors as above. */
int entry_decode_guid(
    struct bytes raw, struct guid *ret, bool *ret_named, struct err *err) MUST_CHECK;

#endif
