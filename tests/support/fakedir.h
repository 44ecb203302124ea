/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_FAKEDIR_H
#define GALSYNC_TESTS_FAKEDIR_H

/*
 * A directory in memory with AD manners. `struct fakedir` is the server: a database that outlives
 * connections, so that a test can end one run in the middle and begin the next on what it left.
 * `struct dir` objects are connections to it; there may be several, each used by its own thread.
 *
 * Equal histories give equal databases: GUIDs, SIDs and USNs follow from the server's name and a
 * counter, times from the USN.
 *
 * The manners:
 * - names compare by dn_normalize(), siblings collide by text_fold_key();
 * - sAMAccountName is unique in the domain (68), userPrincipalName too (19);
 * - values compare as their syntax says (schema_compare()); a value that is there cannot
 *   be added (20; 68 for member), one that is not cannot be deleted (16; 53 for member);
 * - the schema is enforced: unknown attribute 16, syntax 21, range and single value 19, what only
 *   the system writes 19, back links and constructed attributes 53;
 * - values of DN syntax are kept by GUID: they show the target's present name; one that names no
 *   object is refused (19; 32 for member). Linked values vanish when their target is deleted;
 * - objectClass is completed by its superclasses; user and group get an objectSid;
 * - a group does not become domain local from global, nor the reverse, in one step; a global one
 *   holds global ones alone, a universal one no domain local one (53); whose primary group it is
 *   cannot become a member (68);
 * - a deleted object becomes a tombstone, which only queries with `deleted` see; an object with
 *   children cannot be deleted (66); by its name a tombstone is brought back (MS-ADTS 3.1.1.5.3.7),
 *   with what the schema kept of it;
 * - CN=Configuration is a naming context of its own: a search of the domain does not enter it;
 * - a modify is done altogether or not at all.
 * a back link comes to who names it;
 * Not modelled: which attributes a class may have, access rights (but see fakedir_deny()), paging
 * and ranges (nothing above struct dir sees these two).
 *
 * Writes take effect when they complete, that is in process(), or in a submit() that finds the
 * window full. What is under way when the connection is closed is never done; its callback is told
 * that the outcome is unknown.
 */

#include "dsa/directory/dir.h"

struct fakedir;

enum fakedir_order {
	FAKEDIR_FORWARD, /* as submitted */
	FAKEDIR_REVERSE, /* the last submitted first */
	FAKEDIR_SHUFFLE, /* by the seed; process() completes some, at least one */
};

/* A database for the domain DOMAIN_DN with its naming contexts, CN=Users and CN=Deleted Objects.
 * NAME (of the forest) is copied. NULL without memory. */
struct fakedir *fakedir_new(const char *name, const char *domain_dn) MUST_CHECK;
/* All connections must have been freed. */
void fakedir_free(struct fakedir *fd);
DEFINE_CLEANUP(struct fakedir *, fakedir_free)
/* A new connection, not yet open; freed by dir_free(). */
struct dir *fakedir_connect(struct fakedir *fd) MUST_CHECK;
struct dir *fakedir_connect_read_only(struct fakedir *fd) MUST_CHECK;
/* For reading only, whatever is wrong with the server; its requests do not count. */
struct dir *fakedir_connect_observer(struct fakedir *fd) MUST_CHECK;

/* How writes behave; default: forward order, window 4. */
void fakedir_set_order(struct fakedir *fd, enum fakedir_order order, uint64_t seed);
void fakedir_set_window(struct fakedir *fd, unsigned window);

/* Answers come in any order from now on: the entries of a search and the values of an attribute,
 * another one each time. SEED 0: in the order in which they were made. */
void fakedir_set_shuffle(struct fakedir *fd, uint64_t seed);

/* What may be wrong with the server. A request is a bind, a read of any kind, or a change when it
 * is done. As with the LDAP directory a session in which the server said that it is busy is left,
 * and a change that cannot be handed over for want of a session is no failure of that change. */
enum fakedir_fault {
	FAKEDIR_WELL,
	/* Sessions break and none can be opened. What is under way is never done. */
	FAKEDIR_DOWN,
	/* The same, but what is under way is done: only the answers are lost. */
	FAKEDIR_CUT,
	/* Whatever is asked is answered with result RC: busy (51), unavailable (52). */
	FAKEDIR_BUSY,
	/* Changes alone are. */
	FAKEDIR_BUSY_FOR_CHANGES,
	/* Sessions break, and binds are answered with RC (49, 51, 53). */
	FAKEDIR_NO_BIND,
};
struct fakedir_outage {
	enum fakedir_fault fault;
	int rc;
	unsigned after; /* so many more requests are answered before it begins */
	unsigned lasts; /* it ends after so many requests; 0: when it is set to FAKEDIR_WELL */
};
void fakedir_set_outage(struct fakedir *fd, const struct fakedir_outage *outage);
/* The requests since. */
unsigned fakedir_requests(struct fakedir *fd);
/* How often it was asked for changes, and how often there were any to look for: something
 * was written since the cursor. Both since it was made. */
struct fakedir_polls {
	unsigned asked, looked;
};
struct fakedir_polls fakedir_polls(struct fakedir *fd);
/* FAKEDIR_DOWN, or FAKEDIR_WELL, from now on. */
void fakedir_set_down(struct fakedir *fd, bool down);

/* Every write to DN is refused with LDAP result RC; one DN at a time, NULL for none. With 50, a
 * lack of rights, its allowedAttributesEffective is empty, as of an object that AD protects. */
int fakedir_refuse(struct fakedir *fd, const char *dn, int rc) MUST_CHECK;
/* No deleted object is brought back: that is answered with LDAP result RC. 0: as at first. */
void fakedir_refuse_back(struct fakedir *fd, int rc);
/* As if restored from an old copy: changes are numbered from USN + 1 on. */
void fakedir_set_usn(struct fakedir *fd, uint64_t usn);
/* Connections opened from now on are to the domain controller SERVER (copied), one of several, with
 * a database instance of its own. */
int fakedir_set_server(struct fakedir *fd, const char *server) MUST_CHECK;
/* Connections opened from now on are those of the account DN: the server tells them its SID. */
int fakedir_set_account(struct fakedir *fd, const char *dn) MUST_CHECK;
/* Hides DN without a tombstone, as if this domain controller had not received it yet, or shows it
 * again. */
int fakedir_hide(struct fakedir *fd, const char *dn, bool hide) MUST_CHECK;
/* Takes the right to write attribute WHAT, or to create objects of class WHAT, away from
 * connections: it is missing from allowed...Effective and writes are answered with 50. NULL gives
 * all rights back. */
int fakedir_deny(struct fakedir *fd, const char *what) MUST_CHECK;

/*
 * What another client does, at once and with the rights of the system: objectGUID, objectSid and
 * the like may be given. They return 0, or -1 with the reason in fakedir_error() and on stderr.
 */
int fakedir_add(struct fakedir *fd, const struct entry *e) MUST_CHECK;
/* Adds every object of the text: records divided by blank lines, "attr: value", "attr:: base64",
 * continuation lines, comments. References may be to objects further down. */
int fakedir_add_ldif(struct fakedir *fd, const char *ldif_text) MUST_CHECK;
/* VALUE NULL: no value. */
int fakedir_set(struct fakedir *fd, const char *dn, const char *attr, const char *value) MUST_CHECK;
int fakedir_add_value(
    struct fakedir *fd, const char *dn, const char *attr, const char *value) MUST_CHECK;
int fakedir_delete_value(
    struct fakedir *fd, const char *dn, const char *attr, const char *value) MUST_CHECK;
/* NEW_PARENT NULL: stays. */
int fakedir_rename(
    struct fakedir *fd, const char *dn, const char *new_rdn, const char *new_parent) MUST_CHECK;
int fakedir_delete(struct fakedir *fd, const char *dn) MUST_CHECK;
const char *fakedir_error(const struct fakedir *fd);

/* The object by DN or "<GUID=...>" with all attributes, or NULL. Tombstones are found by GUID only.
 * Borrowed until the next change of the database. */
const struct entry *fakedir_find(struct fakedir *fd, const char *dn);
uint64_t fakedir_usn(struct fakedir *fd);
const struct schema *fakedir_schema(const struct fakedir *fd);
/* A fresh schema without the attributes of the NULL-terminated list (NULL: complete). */
struct schema *fakedir_schema_new(const char *const *without) MUST_CHECK;

enum fakedir_dump_flags {
	/* Without what depends on the order of events: objectGUID, objectSid, uSN*, when*. */
	FAKEDIR_DUMP_STABLE = 1 << 0,
	FAKEDIR_DUMP_DELETED = 1 << 1, /* with tombstones */
};
/* Appends all objects as text, sorted by DN, attributes by name in lower case, values by octets. */
void fakedir_dump(struct fakedir *fd, struct buf *ret, unsigned flags);

#endif
