/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_GIVEN_H
#define GALSYNC_TESTS_GIVEN_H

/*
 * What the table tests of the rules are made of: objects from text, a link between two forests, and
 * results as text, so that a case is one row of a table.
 *
 * A function that meets something malformed fails the running cmocka test.
 */

#include "dsa/config/conf.h"
#include "dsa/directory/change.h"
#include "dsa/directory/entry.h"
#include "dsa/directory/schema.h"
#include "dsa/rules/project.h"
#include "dsa/rules/table.h"
#include "mapping/record.h"
#include "tests/support/recipients.h"

/* The link from acme to globex with its one scope (OU=Staff, every kind, create = mailbox), as a
 * configuration without optional settings gives it. A test changes the copy that it has. */
struct given {
	struct conf_forest forest[SIDES];
	struct conf_scope scope;
	struct conf_link link;
};
/* G must stay where it is: its parts point to each other. */
void given_init(struct given *g);
/* The target is hybrid: mail to "globex.mail.onmicrosoft.com" goes to its tenant. */
void given_tenant(struct given *g);
/* Takes the redirect domains away. */
void given_plain(struct given *g);
/* A pair of the link: created by galsync, or to be (TARGET NULL), not in the map; which side is
 * active both objects say. */
struct project_in given_pair(
    const struct given *g, const struct entry *source, const struct entry *target);
/* TEXT, which must outlive the result, as the configuration's structures hold it. */
char *given_str(const char *text);

/* The one object of the LDIF text, or NULL for NULL. One without objectGUID has this GUID: */
#define GIVEN_GUID "11111111-1111-1111-1111-111111111111"
struct entry *given_entry(const char *ldif) MUST_CHECK;
/* A record of GIVEN_GUID that is stored and synchronized. PUT: "attr: value" lines of what galsync
 * wrote on the target, or NULL. */
struct record *given_record(const char *put) MUST_CHECK;
/* The projection table of LINK for two forests that have every attribute. *RET_SCHEMA must outlive
 * it. */
struct table *given_table(const struct conf_link *link, struct schema **ret_schema) MUST_CHECK;

/* The values of A joined by '|', other octets than printable text as \xHH; "" if it is present
 * without values. NULL for NULL. The caller frees. */
char *given_values(const struct attr *a) MUST_CHECK;
/* The modifications of C in their order, a line each: "-title: Boss\n+title: Chief\n". The caller
 * frees. */
char *given_mods(const struct change *c) MUST_CHECK;
/* Notes row NUMBER, NAME, unless both texts are equal; both may be NULL. */
void given_same(size_t number, const char *name, const char *got, const char *want);
/* Notes the row unless a rule succeeded (RC 0), or if WHY is not NULL failed with a reason that
 * begins so. */
void given_ended(size_t number, const char *name, int rc, const struct err *err, const char *why);
/* Fails if one of the rows since the last call was noted. */
void given_all_same(void);

#endif
