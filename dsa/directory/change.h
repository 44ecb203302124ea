/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DIRECTORY_CHANGE_H
#define GALSYNC_DIRECTORY_CHANGE_H

/*
 * One change of one entry: what a plan is made of, what a directory executes and what the journal
 * keeps. A modify is a list of value-level modifications that the server applies all or none
 * (RFC 4511 section 4.6); deleting the value that was read and adding the new one in the same
 * request is the compare-and-set on which every write relies.
 *
 *   feed -> entry -> match -> project -> [diff] -> [plan] -> [exec] -> record
 */

#include <stddef.h>

#include "dsa/base/err.h"
#include "dsa/base/mem.h"
#include "dsa/directory/entry.h"
#include "dsa/directory/guid.h"

enum change_op { CHANGE_ADD, CHANGE_MODIFY, CHANGE_RENAME, CHANGE_DELETE };
enum mod_op { MOD_ADD, MOD_DELETE, MOD_REPLACE };

/* A delete without values removes the whole attribute whatever it holds: not a compare-and-set,
 * used by nothing that galsync plans but to bring a deleted object back. */
struct mod {
	enum mod_op op;
	char *attr;
	struct bytes *values; /* each with a NUL behind it */
	size_t n_values, cap;
};

struct change {
	enum change_op op;
	char *dn; /* for people, and the name of an add */
	/* Address of everything but an add, so that a rename does not miss. What brings a deleted
	 * object back is sent by DN, which has the GUID in it. */
	struct guid guid;
	struct entry *entry; /* ADD: all attributes (without objectGUID); else NULL */
	struct mod *mods;    /* MODIFY */
	size_t n_mods, cap;
	char *new_rdn;	  /* RENAME: "CN=New Name", escaped */
	char *new_parent; /* RENAME: or NULL to stay */
};

/* NULL without memory. DN is copied; GUID may be NULL for an add. */
struct change *change_new(enum change_op op, const char *dn, const struct guid *guid) MUST_CHECK;
void change_free(struct change *c);
DEFINE_CLEANUP(struct change *, change_free)
struct change *change_dup(const struct change *c) MUST_CHECK;
/* Adds value V (copied) to the modification of ATTR by OP, joining an existing one of the same
 * kind. Within one attribute deletions are kept before additions, as compare-and-set needs. */
int change_mod(struct change *c, enum mod_op op, const char *attr, struct bytes v) MUST_CHECK;
int change_mod_str(struct change *c, enum mod_op op, const char *attr, const char *v) MUST_CHECK;
/* Moves the modifications of ATTR to the end of TO. */
int change_move(struct change *c, const char *attr, struct change *to) MUST_CHECK;
/* C, an empty modify of a tombstone, brings it back under the name TO (MS-ADTS 3.1.1.5.3.7), with
 * the objectGUID and the SID that it has. What the tombstone has lost is added by change_mod(). The
 * server does all of it or nothing, and only if the object is still deleted. */
int change_bring_back(struct change *c, const char *to) MUST_CHECK;
/* The name that C brings a deleted object back under, or NULL: it brings none back. */
const char *change_brought_back(const struct change *c);
/* True if there is nothing to do (a modify without modifications). */
bool change_is_empty(const struct change *c);
const char *change_op_name(enum change_op op); /* "add", "modify", "rename", "delete" */
/* Appends what C does in one line for people and logs, without any value: "+proxyAddresses(2)
 * -title" of a modify (a number: of values, if it is not one), the attributes of an add, the new
 * name of a rename, nothing of a delete. */
void change_brief(const struct change *c, struct buf *ret);
/* Appends the names of the attributes that C writes, each once, with blanks between them. */
void change_attrs(const struct change *c, struct buf *ret);

/* The encoding used in the working set, in saved plans and in the journal; see change.c. */
void change_encode(const struct change *c, struct buf *ret);
int change_decode(struct bytes raw, struct change **ret, struct err *err) MUST_CHECK;
/* Appends the change as an LDIF change record (RFC 2849): lines folded at 76 octets, base64 where
 * the RFC demands it and for control characters. A blank line ends it. For a change with a GUID a
 * comment line "# objectGUID: <text>" stands before "dn:". */
void change_to_ldif(const struct change *c, struct buf *ret);

#endif
