/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_NAMES_H
#define GALSYNC_RULES_NAMES_H

/*
 * The names of an object to be created. Pure: what is taken is asked of the caller.
 *
 * Rule: the source's own name. If it is taken, the RDN becomes "Name (department)" where there is a
 * department, then "Name (2)", "Name (3)", ...; sAMAccountName and the local part of
 * userPrincipalName become "name-2", "name-3", ... What no longer fits is cut from the name's end,
 * never from the suffix: 64 characters for an RDN and 20 for a user's sAMAccountName. A department
 * that leaves no two characters of the name is passed over.
 *
 *   feed -> entry -> [match] -> project -> diff -> plan -> exec -> record
 */

#include <stdbool.h>

#include "dsa/base/err.h"
#include "dsa/directory/entry.h"
#include "dsa/rules/project.h"
#include "mapping/match.h"

/* True if another object has VALUE under KEY (MATCH_KEY_NAME, _SAM or _UPN). */
typedef bool names_taken_fn(enum match_key key, const char *value, void *arg);

struct names {
	char *rdn_value, *sam, *upn; /* unescaped; sam and upn NULL where the shape has none */
	char *dn;
};
void names_done(struct names *n);
static inline void
names_donep(struct names *n)
{
	names_done(n);
}

/* For what names are chosen: the counterpart of SOURCE, of SHAPE, in PARENT. */
struct names_in {
	const struct conf_link *link;
	enum shape shape;
	const struct entry *source;
	const char *parent;
};

/* Chooses the names. ERR_DATA if nothing is free. */
int names_choose(const struct names_in *in, names_taken_fn *taken, void *arg, struct names *ret,
    struct err *err) MUST_CHECK;
/* True if VALUE is a name that the rule gives for SOURCE: an object so named needs no rename. */
bool names_acceptable(const struct entry *source, const char *value);
/* The MATCH_KEY_NAME key of an RDN value within PARENT (any spelling); caller frees. NULL without
 * memory, or if PARENT is no DN. */
char *names_key(const char *parent, const char *rdn_value) MUST_CHECK;

#endif
