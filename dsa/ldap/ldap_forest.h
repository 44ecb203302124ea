/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_LDAP_LDAP_FOREST_H
#define GALSYNC_LDAP_LDAP_FOREST_H

/*
 * What the servers tell of themselves and of their forest, and whether one is fit to work with.
 * Facts may change with the server; a string stays valid as long as its text stays the same, or
 * until the next session. The schema is read once and kept, between runs too (schema.h).
 */

#include "dsa/directory/dir.h"
#include "dsa/ldap/ldap_session.h"

enum ldap_fact {
	LDAP_FACT_SERVER,
	LDAP_FACT_DOMAIN,
	LDAP_FACT_CONFIG,
	LDAP_FACT_SCHEMA,
	LDAP_FACT_DNS,
	LDAP_FACT_INVOCATION,
	LDAP_FACT_MAX
};

/* Begins as zeros. */
struct ldap_forest {
	struct dir_info info;
	char *facts[LDAP_FACT_MAX]; /* what info's strings point to; NULL: nothing known yet */
	struct entry *root;	    /* the rootDSE of the server in use, or NULL */
	struct schema *schema;
	const char *name;		 /* of the forest, and */
	const struct dir_memory *memory; /* what is kept of it between runs, or NULL */
};

/* Asks the server at URL, with which S is a session, and tells S the schema. -1 if that fails or
 * the server is not fit: one of another domain than the configured one (or than before), one that
 * has not finished its first replication, and unless READ_ONLY a read-only one. */
int ldap_forest_learn(struct ldap_forest *f, struct ldap_session *s, const char *url,
    bool read_only, struct err *err) MUST_CHECK;
/* The next ldap_forest_learn() reads the schema again. S, which has ended, forgets it too. */
void ldap_forest_forget_schema(struct ldap_forest *f, struct ldap_session *s);
void ldap_forest_done(struct ldap_forest *f);

#endif
