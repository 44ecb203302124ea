/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_GROUP_TYPE_H
#define GALSYNC_RULES_GROUP_TYPE_H

/*
 * The steps of a group from one type to another. Pure.
 *
 * A group is global, domain local or universal, and beside that for security or for mail alone
 * (MS-ADTS 2.2.12). A directory lets it become universal, and lets a universal one become anything;
 * from global to domain local, or back, there is no other way (MS-ADTS 3.1.1.5.3). What a group may
 * contain, and be in, depends on its scope: a universal group may contain the most. So a group
 * becomes universal before its members change, and anything else after that. Security changes by
 * itself, last.
 *
 *   from            to              values
 *   global          domain local    universal, domain local
 *   domain local    global          universal, global
 *   anything        universal       universal
 *   universal       anything        that
 *   and then, if security differs, the value that is wanted
 *
 * A group of one forest may have groups beside it in another that it has not at home: those that
 * were there before. A global group there cannot hold a universal one, nor can a domain local one
 * be in a universal one (MS-ADTS 3.1.1.5.3.1.2): what galsync creates for such a group is
 * universal.
 *
 *   feed -> entry -> match -> project -> [diff] -> plan -> exec -> record
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GROUP_TYPE_STEPS 3

struct group_type_steps {
	int32_t v[GROUP_TYPE_STEPS]; /* the values, one after the other */
	size_t n;
	size_t n_before; /* so many of them belong before the members change */
};

/* From the value FROM to TO, both as a directory shows them. One step, not before the members, for
 * what is no group's type; none if they are equal. */
struct group_type_steps group_type_steps(const char *from, const char *to);
/* Is it a group for security? */
bool group_type_is_security(const char *type);
enum group_scope { GROUP_GLOBAL, GROUP_DOMAIN_LOCAL, GROUP_UNIVERSAL, GROUP_NONE };
/* GROUP_NONE for what is no group's type, or NULL. */
enum group_scope group_type_scope(const char *type);
/* Does a directory let a group of scope OUTER hold one of INNER? */
bool group_scope_holds(enum group_scope outer, enum group_scope inner);
/* "global", "domain local", "universal", "" */
const char *group_scope_name(enum group_scope s);
/* TYPE as a universal group. */
int32_t group_type_universal(const char *type);
/* What must be true that a directory makes that one step, "" if nothing is known. Static. */
const char *group_type_condition(const char *from, const char *to);

#endif
