/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_UNIT_PROJECT_FIXTURE_H
#define GALSYNC_TESTS_UNIT_PROJECT_FIXTURE_H

/* What a target is to hold, as tables: objects, and the values of an attribute. Behind cmocka.h. */

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/rules/project.h"
#include "tests/support/given.h"

/* Objects of the source: of each kind and of each sort of user. */
#define ANN(extra) MAILBOX("Ann", "ann", extra)
#define CARL(extra) CONTACT("Carl", "carl", extra)
#define SALES(extra) GROUP("Sales", "sales", extra)
#define MAIL_USER(extra)                                                                           \
	ACCOUNT("Ann", "ann")                                                                      \
	RECIPIENT("ann") "targetAddress: SMTP:ann@else.example\nuserAccountControl: 512\n" extra
#define MOVED(to) /* its mailbox is gone */                                                        \
	ACCOUNT("Ann", "ann") RECIPIENT("ann") "targetAddress: SMTP:" to "\n"
#define DISABLED(extra)                                                                            \
	ACCOUNT("Ann", "ann")                                                                      \
	RECIPIENT("ann") "userAccountControl: 514\nmsExchHomeServerName: /o=A\n" extra
#define DYNAMIC "dn: CN=Dyn" ACME "\nobjectClass: msExchDynamicDistributionList\n" RECIPIENT("dyn")
#define FOLDER "dn: CN=Pub" ACME "\nobjectClass: publicFolder\n" RECIPIENT("pub")
/* No address but what EXTRA says. */
#define BARE(extra)                                                                                \
	ACCOUNT("Ann", "ann")                                                                      \
	"mailNickname: ann\nlegacyExchangeDN: " ACME_LEGACY "ann\nhomeMDB: CN=DB1\n" extra
#define DETAILS(n) "msExchRecipientTypeDetails: " n "\n"
#define DISPLAY(n) "msExchRecipientDisplayType: " n "\n"
#define TYPE(n) "groupType: " n "\n"
#define PROXY(v) "proxyAddresses: " v "\n"
#define EXCLUDED "{26491cfc-9e50-4857-861b-0cb8df22b5d7}" /* e-mail address policies */
#define OTHER_POLICY "{3b6813ec-ce89-42ba-9442-d87d4aa30dbc}"
#define INCLUDED(v) "msExchPoliciesIncluded: {11111111-1111-1111-1111-111111111111}," v "\n"
#define SELF "msExchMasterAccountSid:: AQEAAAAAAAUKAAAA\n" /* S-1-5-10 */
/* Octets 1 to 16. */
#define BYTES_16(attr) attr ":: AQIDBAUGBwgJCgsMDQ4PEA==\n"
#define ARCHIVE_16 BYTES_16("msExchArchiveGUID")
#define SHOWN_16 "\\x01\\x02\\x03\\x04\\x05\\x06\\x07\\x08\\x09\\x0A\\x0B\\x0C\\x0D\\x0E\\x0F\\x10"

/* Objects of the target. */
#define BEA(extra) THERE("user", "Bea", "sAMAccountName: bea\n" extra)
#define BEA_MAILBOX(extra) BEA("homeMDB: CN=DB1\n" extra)

#define TENANT(local) local "@globex.mail.onmicrosoft.com"
#define IN_TENANT .create = CREATE_REMOTE_MAILBOX, .tenant = true
#define BEA_REMOTE(extra) BEA(DETAILS("2147483648") extra)
#define RS "ann@redirect.acme.example"
#define RT "ann@redirect.globex.example"
#define ANN_X500 "X500:" ACME_LEGACY "ann"
#define OWN_LEGACY(alias)                                                                          \
	"/o=Globex/ou=First/cn=Recipients/cn=" alias "-11111111111111111111111111111111"
#define ANN_HAS "SMTP:ann@acme.example"
#define TO_RT ANN_HAS "|" ANN_X500 "|smtp:" RT
#define MEMBERS(cn) "member: CN=" cn ACME "\n"

struct project_case {
	const char *attr;
	const char *source, *target; /* TARGET NULL: to be created */
	const char *want;	     /* values; NULL: no row applies */
	const char *why, *problem;
	/* What differs from a mailbox that is created and not switched. */
	enum create_as create;
	bool linked, matched, plain; /* PLAIN: the link has no redirect domains */
	bool tenant;		     /* the target is hybrid */
	enum side active;
	const char *primary, *home_server;
	const char *written;	   /* of the record */
	const char *legacy[SIDES]; /* that the record remembers */
	/* If FROM is not NULL: a row of the site for the attribute. */
	const char *from;
	enum row_how how;
	unsigned kinds;
	bool on_created; /* and not on what was matched */
};

/* "CN=Bea,OU=Staff,..." has a counterpart of the same name, Nobody has none. */
static inline int
find_counterpart(const char *attr, const char *source_dn, void *arg, char **ret_dn, struct err *err)
{
	(void)attr, (void)arg;
	if (str_starts_nocase(source_dn, "CN=Broken"))
		return err_data(err, "broken");
	if (str_starts_nocase(source_dn, "CN=Nobody"))
		return 0;
	*ret_dn = str_printf("%.*s" GLOBEX, (int)strcspn(source_dn, ","), source_dn);
	return *ret_dn ? 1 : err_nomem(err);
}

static inline int
note_problem(const char *attr, const char *why, void *arg)
{
	buf_printf(arg, "%s: %s", attr, why);
	return 0;
}

static char db1[] = "CN=DB1", db2[] = "CN=DB2", db3[] = "CN=DB3", db4[] = "CN=DB4";
static char *databases[] = {db1, db2, db3, db4};

static inline void
arrange(struct given *g, const struct project_case *c, struct conf_row *row)
{
	given_init(g);
	g->scope.create = c->create;
	g->scope.linked = c->linked;
	g->link.primary_template = given_str(c->primary);
	g->link.home_server = given_str(c->home_server);
	g->link.databases = databases;
	g->link.n_databases = 1;
	if (c->plain)
		given_plain(g);
	if (c->tenant)
		given_tenant(g);
	*row = (struct conf_row){.attr = given_str(c->attr),
	    .source = c->from,
	    .how = c->how,
	    .kinds = c->kinds,
	    .on_matched = !c->on_created};
	g->link.rows = row;
	g->link.n_rows = c->from != NULL;
}

static inline struct record *
remembered(const struct project_case *c)
{
	struct record *r = c->written || c->legacy[SOURCE] ? given_record(c->written) : NULL;

	for (int side = SOURCE; r && side < SIDES; side++)
		if (c->legacy[side])
			assert_int_equal(record_add_legacy_dn(&r->side[side], c->legacy[side]), 0);
	return r;
}

static inline struct project_in
facts(const struct given *g, const struct project_case *c, const struct entry *source,
    const struct entry *target, const struct record *record)
{
	static const struct project_names names = {"Rdn", "sam", "upn@globex.example"};
	struct project_in in = given_pair(g, source, target);

	in.created = !c->matched;
	/* Which side is active is decided before; here the objects need not show it. */
	if (c->active == TARGET)
		in.active = in.lead = TARGET;
	in.names = &names;
	in.record = record;
	return in;
}

static inline void
check(
    size_t i, const struct project_case *c, const struct table *table, const struct project_in *in)
{
	unsigned when = !in->target ? WHEN_CREATE : c->matched ? WHEN_MATCHED : WHEN_CREATED;
	_cleanup_(buf_done) struct buf problems = {0};
	_cleanup_(entry_free) struct entry *want = NULL;
	_cleanup_(free) char *values = NULL;
	struct err err = {0};
	const struct project_calls calls = {find_counterpart, note_problem, &problems};
	int rc = project(table, in, when, &calls, &want, &err);

	given_ended(i, c->attr, rc, &err, c->why);
	values = want ? given_values(entry_find(want, c->attr)) : NULL;
	given_same(i, c->attr, values, c->want);
	given_same(i, "problem", (const char *)problems.data, c->problem);
}

/* Projects each of the N CASES. */
static inline void
project_all(const struct project_case *cases, size_t n)
{
	struct given g;

	for (size_t i = 0; i < n; i++) {
		const struct project_case *c = &cases[i];
		_cleanup_(entry_free) struct entry *source = given_entry(c->source);
		_cleanup_(entry_free) struct entry *target = given_entry(c->target);
		_cleanup_(record_free) struct record *record = remembered(c);
		_cleanup_(schema_free) struct schema *schema = NULL;
		_cleanup_(table_free) struct table *table = NULL;
		struct project_in in;
		struct conf_row row;

		arrange(&g, c, &row);
		table = given_table(&g.link, &schema);
		in = facts(&g, c, source, target, record);
		check(i, c, table, &in);
	}
	given_all_same();
}

#endif
