/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_FAKEDIR_WRITE_PRIV_H
#define GALSYNC_TESTS_FAKEDIR_WRITE_PRIV_H

/* Shared by the files that change the fake database. Everything is locked. */

#include "tests/support/fakedir_index.h"

/* One change being done. */
struct fake_writer {
	struct fakedir *fd;
	const struct change *c;
	bool system;
	struct err *err;
};

/* Refuses the change with LDAP result RC. Returns -1. */
int fake_refuse(const struct fake_writer *w, int rc, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The object that the change names; -1 with result 32 if there is none. */
int fake_writer_target(const struct fake_writer *w, struct object **ret);
/* The class that E's objectClass ends in, or NULL. */
const struct fake_class *fake_class_of(const struct entry *e);
/* -1 with result 68 if another child than SELF of the parent named PARENT_NORM has the RDN value
 * VALUE as far as AD can tell. */
int fake_check_sibling(const struct fake_writer *w, const char *parent_norm, const char *value,
    const struct object *self);
/* -1 with 19 or 21 if V cannot be a value of A. */
int fake_check_value(const struct fake_writer *w, const struct schema_attr *a, struct bytes v);
/* Writes the next USN and its time to E. fake_commit() makes it the database's. */
int fake_stamp(const struct fake_writer *w, struct entry *e, bool created);
void fake_commit(struct fakedir *fd);

int fake_add(const struct fake_writer *w);
int fake_modify(const struct fake_writer *w);
int fake_rename(const struct fake_writer *w);
int fake_delete(const struct fake_writer *w);
/* Brings a tombstone back. */
int fake_bring_back(const struct fake_writer *w);
/* Does the modifications of the change from number FROM on to E. */
int fake_apply_mods(const struct fake_writer *w, struct entry *e, size_t from);
/* Adds N values of attribute NAME to E; all that the schema and the other objects demand of single
 * values is checked. */
int fake_add_values(const struct fake_writer *w, struct entry *e, const char *name,
    const struct bytes *values, size_t n);
/* What is only true of E as a whole: single values, unique names. SELF: the object E is to become,
 * or NULL. */
int fake_check_entry(const struct fake_writer *w, const struct entry *e, const struct object *self);
/* fakedir_group.c: a group E may be what it is, and hold what it holds. BEFORE: what it was, or
 * NULL.
 */
int fake_check_group(
    const struct fake_writer *w, const struct entry *before, const struct entry *e);

#endif
