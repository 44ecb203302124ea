/* SPDX-License-Identifier: MIT */

/* What replication conflicts leave on either side is no source, counterpart or holder. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/scenario.h"

#define CNF "\\0ACNF:12345678-1234-1234-1234-123456789abc"
#define GUID "objectGUID:: EREREREREREREREREREREQ==\n"
#define STAMP "extensionAttribute15: galsync:created:11111111-1111-1111-1111-111111111111:source\n"
/* The duplicate of an object: its account names are others. */
#define DUPLICATE(cn, sam, alias)                                                                  \
	"dn: CN=" cn CNF ACME "\nobjectClass: user\nsAMAccountName: " sam                          \
	"\nuserAccountControl: 514\nmsExchHomeServerName: /o=Acme/cn=EX1\n" RECIPIENT(alias) "\n"

static void
conflict_is_over(struct lab *l)
{
	lab_delete(l, SOURCE, "CN=Ann");
	lab_rename(l, SOURCE, "CN=Ann" CNF, "CN=Ann");
}

static void
counterpart_loses_its_name(struct lab *l)
{
	lab_rename(l, TARGET, "CN=Ann", "CN=Ann" CNF);
}

static const struct scenario scenarios[] = {
    {.name = "a duplicate in the source is ignored, and the real one synchronized",
	.source = {DUPLICATE("Ann", "$dup-1", "ann"), MAILBOX("Ann", "ann", ""),
	    DUPLICATE("Lonely", "$dup-2", "lonely"),
	    GROUP("All", "all", MEMBER("Ann") MEMBER("Lonely" CNF))},
	.counts = {.created = {[SHAPE_MAILBOX] = 1, [SHAPE_GROUP] = 1}, .waiting = 1},
	.expect = {{TARGET, "CN=Ann", "mail", "ann@acme.example"},
	    {TARGET, "CN=Ann (2)", NULL, NULL}, {TARGET, "CN=Lonely", NULL, NULL},
	    {TARGET, "CN=All", "member", "CN=Ann" GLOBEX},
	    {SOURCE, "CN=Ann" CNF, "proxyAddresses", "!smtp:ann@redirect.acme.example"},
	    {SOURCE, "CN=Ann", "proxyAddresses", "smtp:ann@redirect.acme.example"}}},
    {.name = "a duplicate in the target is no counterpart and holds no address",
	.source = {MAILBOX("Ann", "ann", GUID)},
	.target = {THERE_OU, THERE("user", "Ann" CNF,
				 "sAMAccountName: $dup-1\nmail: ann@acme.example\n"
				 "proxyAddresses: SMTP:ann@acme.example\n" STAMP)},
	.counts = {.created = {[SHAPE_MAILBOX] = 1}},
	.expect = {{TARGET, "CN=Ann", "mail", "ann@acme.example"},
	    {TARGET, "CN=Ann" CNF, "title", NULL}}},
    {.name = "what was made on two servers is one counterpart",
	.source = {MAILBOX("Ann", "ann", GUID "title: Boss\n")},
	.target = {THERE_OU,
	    THERE("user", "Ann" CNF, "sAMAccountName: $dup-1\nmail: ann@acme.example\n" STAMP),
	    THERE("user", "Ann",
		"sAMAccountName: ann\nmail: ann@acme.example\n"
		"proxyAddresses: X500:" ACME_LEGACY "ann\n" STAMP)},
	.expect = {{TARGET, "CN=Ann", "title", "Boss"}, {TARGET, "CN=Ann" CNF, "title", NULL}}},
    {.name = "account names of a duplicate are taken all the same",
	.source = {MAILBOX("Ann", "ann", "")},
	.target = {THERE_OU, THERE("user", "Bea" CNF, "sAMAccountName: ann\n")},
	.link = "match = [ \"stamp\" ];",
	.counts = {.created = {[SHAPE_MAILBOX] = 1}},
	.expect = {{TARGET, "CN=Ann", "sAMAccountName", "ann-2"}}},
    {.name = "a counterpart that lost its name in a conflict gets it back",
	.source = {MAILBOX("Ann", "ann", "")},
	.between = counterpart_loses_its_name,
	.counts = {.renamed = 1},
	.expect = {{TARGET, "CN=Ann", "mailNickname", "ann"}, {TARGET, "CN=Ann" CNF, NULL, NULL}}},
    {.name = "units that a conflict has made two of are one in the target",
	.scope = "layout = \"mirror\"; create = \"mailbox\";",
	.source = {"dn: OU=Sales" ACME "\nobjectClass: organizationalUnit\n",
	    "dn: OU=Sales" CNF ACME "\nobjectClass: organizationalUnit\n",
	    MAILBOX("Ann,OU=Sales", "ann", ""), MAILBOX("Bea,OU=Sales" CNF, "bea", "")},
	.counts = {.created = {[SHAPE_MAILBOX] = 2}},
	.expect = {{TARGET, "CN=Ann,OU=Sales", "mailNickname", "ann"},
	    {TARGET, "CN=Bea,OU=Sales", "mailNickname", "bea"}}},
};

static size_t
count_text(const struct lab *l, const char *text)
{
	size_t n = 0;

	for (const char *at = lab_notes(l); (at = strstr(at, text)); at++)
		n++;
	return n;
}

/* Counted, and told in one line that is the same in the next cycle. */
static void
told(void **state)
{
	static const struct scenario sc = {.name = "told",
	    .source = {DUPLICATE("Cid", "$dup-3", "cid"), DUPLICATE("Ann", "$dup-1", "ann"),
		DUPLICATE("Bea", "$dup-2", "bea")}};
	static const char line[] =
	    "the first of 3 objects that replication conflicts have left, as their names say";
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(lab_cycle(&l, NULL), 0);
		assert_int_equal(l.res.out[SCOPE_CONFLICT], 3);
		assert_int_equal(l.res.changes, 0);
		assert_int_equal(count_text(&l, line), 1);
		assert_int_equal(count_text(&l, "replication conflict"), 1);
		assert_int_equal(count_text(&l, "CN=Ann"), 1);
	}
	lab_close(&l);
}

/* Who gets the name is in scope. */
static void
ends(void **state)
{
	static const struct scenario sc = {
	    .name = "ends", .source = {DUPLICATE("Ann", "ash", "ash"), CONTACT("Ann", "ann", "")}};
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	lab_run(&l);
	conflict_is_over(&l);
	lab_run(&l);
	assert_int_equal(l.res.created[SHAPE_MAILBOX], 1);
	assert_int_equal(l.res.out[SCOPE_CONFLICT], 0);
	lab_close(&l);
}

int
main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(scenarios) + 2] = {
	    cmocka_unit_test(told), cmocka_unit_test(ends)};

	scenario_tests(scenarios, ARRAY_SIZE(scenarios), tests + 2);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
