/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DIRECTORY_SCHEMA_H
#define GALSYNC_DIRECTORY_SCHEMA_H

/*
 * What a forest's schema says of the attributes that galsync handles: whether they exist, their
 * syntax, how many values, how long. Read once when a directory is opened (attributeSchema objects
 * below the schema naming context, MS-ADTS 3.1.1.2.3), kept sorted, looked up without regard to
 * case.
 *
 * A schema hardly ever changes and is slow to read, so it is kept between runs (struct dir_memory),
 * with the database instance that it was read of and that instance's highestCommittedUSN before.
 * Where the same instance has no attributeSchema object with a higher uSNChanged, it is what would
 * be read: every change of an object, replicated ones too, gives it a higher one (MS-ADTS
 * 3.1.1.1.9), and none is ever deleted.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsa/base/err.h"
#include "dsa/directory/entry.h"

enum schema_syntax {
	SCHEMA_OTHER,
	SCHEMA_STRING,	/* Unicode, teletex, IA5, printable, numeric: text */
	SCHEMA_OCTETS,	/* octet string, security descriptor, SID */
	SCHEMA_INTEGER, /* 32 or 64 bit, enumeration */
	SCHEMA_BOOLEAN,
	SCHEMA_TIME,
	SCHEMA_DN
};

struct schema_attr {
	char *name;
	enum schema_syntax syntax;
	bool single, system_only, constructed_or_backlink; /* the last two: not writable by us */
	bool unicode; /* a SCHEMA_STRING that takes any character */
	bool nocase;  /* a SCHEMA_STRING whose values compare without regard to case */
	/* Every user may write it on its own object: it is in one of the property sets for which
	 * the default security descriptor of class user gives SELF that right (MS-ADTS 5.1.3.2.2).
	 */
	bool self_writable;
	int64_t
	    range_upper; /* characters (UTF-16 units), octets or a number, by syntax; -1: none */
	int64_t range_lower; /* likewise */
	int32_t link_id;     /* 0: not linked; even: forward link; odd: back link */
};

struct schema;

struct schema *schema_new(void) MUST_CHECK;
void schema_free(struct schema *s);
DEFINE_CLEANUP(struct schema *, schema_free)
/* Where a schema was read: the naming context, the database instance ("": it does not show itself),
 * and what that had committed before. */
struct schema_origin {
	const char *dn, *invocation;
	uint64_t usn;
};

/* Octets to be kept. */
void schema_encode(const struct schema *s, const struct schema_origin *from, struct buf *ret);
/* What was kept: *RET, with the origin's USN in *RET_USN, if RAW is of the naming context and the
 * instance of NOW and no younger than it. NULL if it is of another one, of another release, or
 * damaged: then all is read. -1 without memory. */
int schema_decode(struct bytes raw, const struct schema_origin *now, struct schema **ret,
    uint64_t *ret_usn, struct err *err) MUST_CHECK;
/* The attributes to request from attributeSchema objects, NULL-terminated. */
extern const char *const schema_read_attrs[];
/* Adds the attribute an attributeSchema entry describes (lDAPDisplayName, attributeSyntax,
 * oMSyntax, isSingleValued, systemOnly, rangeLower, rangeUpper, linkID, systemFlags,
 * attributeSecurityGUID). A defunct one (isDefunct TRUE) is ignored. -1 with ERR_DATA if it lacks
 * what it must have. */
int schema_add_entry(struct schema *s, const struct entry *e, struct err *err) MUST_CHECK;
/* Adds one directly (for the fake directory); A's name is copied. */
int schema_add(struct schema *s, const struct schema_attr *a) MUST_CHECK;
/* The attribute, or NULL if this forest has none of that name. */
const struct schema_attr *schema_find(const struct schema *s, const char *name);
/* True if its values are names of objects, which a client may write. */
bool schema_is_reference(const struct schema *s, const char *name);
size_t schema_count(const struct schema *s);
/* Checks that V may be a value of A: length or number within range, boolean TRUE or FALSE, text
 * well-formed UTF-8. False with a reason in WHY ("130 characters, at most 128 are allowed"). */
bool schema_check_value(const struct schema_attr *a, struct bytes v, char *why, size_t why_size);

/* How two values of A compare, as its syntax says (MS-ADTS 3.1.1.2.2.4). */
enum schema_likeness {
	SCHEMA_DIFFERENT, /* both may be there at once */
	/* One value to the directory, in two spellings: text without regard to case compares as
	 * text_fold_key() does. Adding one where the other is fails; a request that deletes the one
	 * and adds the other changes the spelling. */
	SCHEMA_RESPELLED,
	SCHEMA_SAME /* nothing to write: of numbers and names the directory keeps no spelling */
};
/* Octets are octets, and so is text of a syntax that regards case. A NULL: of no known attribute,
 * whose values are octets. Without memory what is not equal is different. */
enum schema_likeness schema_compare(const struct schema_attr *a, struct bytes x, struct bytes y);

#endif
