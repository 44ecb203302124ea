/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_CHECK_H
#define GALSYNC_CYCLE_CHECK_H

/*
 * What can be known before the first write: whether what the configuration names is in the forests,
 * and whether the accounts have the rights that they need. Nothing is written. Each check goes on
 * after what it finds, so that one look finds everything; it fails only if it cannot look.
 *
 *   galsyncd --doctor    all of them, of each link (dsa/jobs/doctor.h)
 *   a full cycle         check_names() to check_rights(), and check_addresses() before the link's
 *                        first write; a plan all of them
 *   a delta              check_names()
 */

#include "dsa/cycle/state.h"
#include "dsa/rules/mistake.h"

struct check {
	const struct run *run;
	bool open[SIDES]; /* a side that is not open is not looked at */
	struct mistakes *found;
};

/* The attributes that the configuration names: rules/named_attrs.h. */
void check_names(const struct check *k);
/* Bases, target OUs, the OU of return contacts, the marker group. */
int check_places(const struct check *k, struct err *err) MUST_CHECK;
/* Databases and home server of the mailboxes that are created. */
int check_mailboxes(const struct check *k, struct err *err) MUST_CHECK;
/* check_rights.c: the rights of the accounts, at the places that are there. */
int check_rights(const struct check *k, struct err *err) MUST_CHECK;
/* check_objects.c: addresses of others in the redirect domains. What the map knows is galsync's. */
int check_addresses(const struct check *k, struct err *err) MUST_CHECK;
/* Settings that give one value to two objects of the source. */
int check_values(const struct check *k, const struct table *table, struct err *err) MUST_CHECK;

/* The object DN of SIDE with its class and what the account may do with it; *RET NULL: there is
 * none, or the account does not see it. */
int check_read(const struct check *k, enum side side, const char *dn, struct entry **ret,
    struct err *err) MUST_CHECK;
extern const char *const check_attrs[];
/* May the account create objects of CLASS_NAME below E? */
bool check_may_create(const struct entry *e, const char *class_name);

/* For a cycle that is connected: what is found is reported, and what stops it is the error. */
int cycle_check_names(struct cycle *c, struct err *err) MUST_CHECK;
/* Before anything is read in bulk. */
int cycle_check(struct cycle *c, struct err *err) MUST_CHECK;

#endif
