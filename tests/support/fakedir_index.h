/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_FAKEDIR_INDEX_H
#define GALSYNC_TESTS_FAKEDIR_INDEX_H

/* How the fake database finds objects without going through all of them. Everything is locked. */

#include "tests/support/fakedir_priv.h"

enum fake_key {
	FAKE_KEY_NORM = 1, /* by fake_hash() of the normal name, */
	FAKE_KEY_GUID,	   /* of the GUID, */
	FAKE_KEY_CHILD,	   /* of the parent's normal name, */
	FAKE_KEY_REF,	   /* of the GUID of what it refers to */
	FAKE_KEY_SIBLING,
	FAKE_KEY_UNIQUE,
	FAKE_KEY_TERM
};
uint64_t fake_hash(enum fake_key key, struct bytes v);
/* FOLDED is a text_fold_key(). */
uint64_t fake_hash_sibling(const char *parent_norm, const char *folded);
uint64_t fake_hash_unique(const char *attr, const char *folded);
/* V as the database keeps it: a GUID for a reference. */
uint64_t fake_hash_term(const char *attr, struct bytes v);

/* O is new, or its entry or its name is another one: finds it by what it is now, and forgets its
 * view. */
int fake_index_put(struct fakedir *fd, struct object *o) MUST_CHECK;
int fake_index_drop(struct fakedir *fd, struct object *o) MUST_CHECK;
/* From now on objects are found by the values of ATTR too. */
int fake_index_ask(struct fakedir *fd, const char *attr) MUST_CHECK;
void fake_index_done(struct fake_index *ix);

/* One after the other of the objects with HASH, in any order: the one behind AFTER, or the first
 * for NULL; NULL at the end. Nothing may be put or dropped meanwhile. Only for keys of which an
 * object has one: not for references and terms. */
struct object *fake_index_next(
    const struct fake_index *ix, uint64_t hash, const struct object *after);
/* Adds all objects with HASH to RET, some perhaps twice. */
int fake_index_all(const struct fake_index *ix, uint64_t hash, struct fake_objects *ret) MUST_CHECK;
/* Each once, in the order of creation. */
void fake_objects_order(struct fake_objects *l);

/* fakedir_terms.c: the objects for which the filter TEXT could be true, if it says so by the values
 * of attributes; *RET_ALL: it may be true for any. */
int fake_terms_find(
    struct fakedir *fd, const char *text, struct fake_objects *ret, bool *ret_all) MUST_CHECK;

#endif
