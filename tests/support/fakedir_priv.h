/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_FAKEDIR_PRIV_H
#define GALSYNC_TESTS_FAKEDIR_PRIV_H

/*
 * Shared by the files of the fake directory; see fakedir.h for what it is. One lock guards the
 * database; it is never held while a callback runs. Functions that need it say "locked".
 */

#include <pthread.h>

#include "dsa/directory/change.h"
#include "dsa/directory/schema.h"
#include "tests/support/fakedir.h"

struct object {
	struct entry *e;    /* values of DN syntax are the octets of the target's GUID */
	char *norm;	    /* dn_normalize(e->dn) */
	struct entry *view; /* E as a reader sees it, or NULL */
	uint64_t view_at;   /* the state of all names that VIEW shows */
	uint64_t usn;	    /* uSNChanged */
	size_t number;	    /* in the order of creation */
	uint32_t *nodes;    /* by which the index finds it */
	size_t n_nodes, cap_nodes;
	bool deleted;
	bool hidden; /* and not even a tombstone */
};

/* What finds objects (fakedir_index.h): chains of nodes by the low bits of their hashes. */
struct fake_index {
	struct fake_node {
		uint64_t hash;
		struct object *object; /* NULL: the node is free */
		uint32_t next, prev;
	} * nodes;
	size_t n_nodes, cap_nodes;
	uint32_t *heads;
	size_t n_slots;
	uint32_t *free;
	size_t n_free, cap_free;
	char **asked; /* attributes by whose values searches were made */
	size_t n_asked, cap_asked;
};

struct fake_objects {
	struct object **v; /* the caller frees the array */
	size_t n, cap;
};

struct fakedir {
	pthread_mutex_t lock;
	char *name, *domain_dn, *config_dn, *schema_dn, *domain_dns, *server;
	struct entry *account; /* whose SID connections are told, or NULL */
	char *deleted_norm;    /* of CN=Deleted Objects */
	char *config_norm;
	struct schema *schema;
	struct object **objects; /* in the order of creation */
	size_t n, cap;
	struct fake_index index;
	uint64_t usn, counter;
	uint64_t names; /* counts the changes of names: views show those of others, too */
	enum fakedir_order order;
	uint64_t random;
	uint64_t shuffle; /* the state of the order of answers; 0: as made */
	unsigned window, n_conns;
	bool several;
	struct fakedir_outage outage;
	unsigned requests; /* since it was set */
	struct fakedir_polls polls;
	char *refuse_norm;
	int refuse_rc, refuse_back_rc;
	char **denied;
	size_t n_denied;
	char error[512];
};

struct fake_class {
	const char *name;
	const char *const *chain; /* superclasses from top on, NULL-terminated */
	const char *rdn_type;
	bool security; /* gets objectSid and sAMAccountName */
};

/* NULL if unknown. */
const struct fake_class *fake_class_find(const char *name);
/* The classes that may be created: calls ADD for each. */
int fake_class_each(int (*add)(const char *name, void *arg), void *arg);
/* True if the schema keeps NAME on tombstones. */
bool fake_schema_kept(const char *name);
/* True if values of A are names of objects. */
bool fake_schema_is_ref(const struct schema_attr *a);
/* Calls ADD for each attribute that a client may write. */
int fake_schema_each_writable(int (*add)(const char *name, void *arg), void *arg);

/* All locked. */
struct object *fake_find_norm(struct fakedir *fd, const char *norm, bool deleted);
struct object *fake_find_guid(struct fakedir *fd, const struct guid *g, bool deleted);
/* By DN or "<GUID=...>"; -1 with LDAP result 34 in *RC if NAME is neither. *ret NULL: none. */
int fake_resolve(
    struct fakedir *fd, const char *name, bool deleted, struct object **ret, struct err *err);
/* What a reader sees of O; owned by O. NULL without memory. */
const struct entry *fake_view(struct fakedir *fd, struct object *o);
/* The next of a sequence that is the same everywhere. */
uint64_t fake_random(uint64_t *state);
bool fake_denied(const struct fakedir *fd, const char *what);
/* Adds what Q asks for to RET, whose array the caller frees. Objects live as long as FD. */
int fake_search(
    struct fakedir *fd, const struct dir_query *q, struct fake_objects *ret, struct err *err);
/* The same for everything below the domain that changed after USN; tombstones too. */
int fake_changed_since(struct fakedir *fd, uint64_t usn, struct fake_objects *ret, struct err *err);
/* ATTRS of O as a reader gets them now. NULL without memory. */
struct entry *fake_show(struct fakedir *fd, struct object *o, const char *const *attrs) MUST_CHECK;
/* Does C. SYSTEM: with the rights of the system. */
int fake_write(struct fakedir *fd, const struct change *c, bool system, struct err *err);
void fake_object_free(struct object *o);

/* Not locked. Decodes LDIF text into entries; -1 with err. */
int fake_ldif_parse(const char *text, struct entry ***ret, size_t *ret_n, struct err *err);
void fake_entries_free(struct entry **v, size_t n);

#endif
