/* SPDX-License-Identifier: MIT */

/* What a second cycle carries over, what it takes away, and what it leaves alone. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/scenario.h"

/* "match = mail" finds this one for ann. */
#define BEA(extra) THERE("user", "Bea", "sAMAccountName: bea\nmail: ann@acme.example\n" extra)

static void
attributes_change(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", "displayName", "Ann Oak");
	lab_set(l, SOURCE, "CN=Ann", "title", "Boss");
	lab_set(l, SOURCE, "CN=Ann", "department", NULL);
	lab_add_value(l, SOURCE, "CN=Ann", "otherTelephone", "3");
	lab_delete_value(l, SOURCE, "CN=Ann", "otherTelephone", "1");
}

static void
source_clears(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", "title", NULL);
	lab_set(l, SOURCE, "CN=Ann", "company", NULL);
	lab_set(l, SOURCE, "CN=Ann", "otherTelephone", NULL);
}

static void
alias_changes(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", "mailNickname", "ash");
}

static void
source_is_renamed(struct lab *l)
{
	lab_rename(l, SOURCE, "CN=Ann", "CN=Ann Ash");
}

static void
target_is_moved(struct lab *l)
{
	lab_add(l, TARGET, "dn: OU=Other,DC=globex,DC=example\nobjectClass: organizationalUnit\n");
	if (fakedir_rename(l->fd[TARGET], lab_dn(TARGET, "CN=Ann"), "CN=Ann",
		"OU=Other,DC=globex,DC=example") < 0)
		fail_msg("%s", fakedir_error(l->fd[TARGET]));
	lab_set(l, SOURCE, "CN=Ann", "title", "Boss");
}

static void
target_is_deleted(struct lab *l)
{
	lab_delete(l, TARGET, "CN=Ann");
}

static void
exchange_finishes(struct lab *l)
{
	lab_set(l, TARGET, "CN=Ann", "showInAddressBook", "CN=Users,DC=globex,DC=example");
}

static void
stamp_is_lost(struct lab *l)
{
	lab_set(l, TARGET, "CN=Ann", "extensionAttribute15", NULL);
}

static void
mailbox_is_lost(struct lab *l)
{
	lab_set(l, TARGET, "CN=Ann", "homeMDB", NULL);
	lab_set(l, TARGET, "CN=Ann", "msExchMailboxGuid", NULL);
	lab_set(l, TARGET, "CN=Ann", "legacyExchangeDN", NULL);
	lab_set(l, TARGET, "CN=Ann", "proxyAddresses", NULL);
	lab_set(l, TARGET, "CN=Ann", "mail", NULL);
}

static void
switched_by_hand(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", "targetAddress", "SMTP:ann@redirect.globex.example");
	lab_delete_value(l, SOURCE, "CN=Ann", "proxyAddresses", "smtp:ann@redirect.acme.example");
	lab_set(l, TARGET, "CN=Ann", "targetAddress", NULL);
}

static void
address_becomes_free(struct lab *l)
{
	lab_set(l, TARGET, "CN=Other", "mail", NULL);
}

static void
spelled_otherwise(struct lab *l)
{
	lab_rename(l, SOURCE, "CN=Ann Ash", "CN=ANN Ash");
	lab_rename(l, SOURCE, "CN=Rene", "CN=Ren\xc3\xa9");
	lab_rename(l, SOURCE, "CN=Staff", "CN=STAFF");
}

static void
only_ann_is_spelled_otherwise(struct lab *l)
{
	lab_rename(l, SOURCE, "CN=Ann Ash", "CN=ANN Ash");
}

static void
values_are_respelled(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", "otherTelephone", NULL);
	lab_add_value(l, SOURCE, "CN=Ann", "otherTelephone", "EXT 1");
	lab_add_value(l, SOURCE, "CN=Ann", "otherTelephone", "EXT 2");
	lab_set(l, SOURCE, "CN=Ann", "userCertificate", "aBC");
	lab_set(l, SOURCE, "CN=Ann", "mail", "Ann@acme.example");
	lab_delete_value(l, SOURCE, "CN=Ann", "proxyAddresses", "SMTP:ann@acme.example");
	lab_add_value(l, SOURCE, "CN=Ann", "proxyAddresses", "SMTP:Ann@acme.example");
	lab_set(l, SOURCE, "CN=Ann", "mailNickname", "ANN");
}

/* All of them are odd, and the order says nothing. */
static void
addresses_become_odd(struct lab *l)
{
	lab_add_value(l, SOURCE, "CN=Ann", "proxyAddresses", "SMTP:a@acme.example");
	lab_add_value(l, SOURCE, "CN=Ann", "proxyAddresses", "SMTP:z@acme.example");
	lab_add_value(l, SOURCE, "CN=Ann", "proxyAddresses", "SMTP:");
	lab_add_value(l, SOURCE, "CN=Ann", "proxyAddresses", "sip:b@acme.example");
	lab_add_value(l, SOURCE, "CN=Ann", "proxyAddresses", "sip:a@acme.example");
	lab_set(l, SOURCE, "CN=Ann", "mail", "z@acme.example");
}

static const struct scenario scenarios[] = {
    {.name = "attributes follow the source",
	.source = {MAILBOX("Ann", "ann",
	    "displayName: Ann Ash\ndepartment: Sales\n"
	    "otherTelephone: 1\notherTelephone: 2\n")},
	.between = attributes_change,
	.expect = {{TARGET, "CN=Ann", "displayName", "Ann Oak"},
	    {TARGET, "CN=Ann", "title", "Boss"}, {TARGET, "CN=Ann", "department", NULL},
	    {TARGET, "CN=Ann", "otherTelephone", "2"}, {TARGET, "CN=Ann", "otherTelephone", "3"},
	    {TARGET, "CN=Ann", "otherTelephone", "!1"}}},
    {.name = "only what galsync put on a matched object is taken away again",
	.source = {MAILBOX(
	    "Ann", "ann", "title: Boss\ncompany: Acme\notherTelephone: 1\notherTelephone: 2\n")},
	.target = {THERE_OU, BEA("company: Acme\notherTelephone: 1\nhomePhone: 7\n"
				 "userAccountControl: 512\n")},
	.between = source_clears,
	.expect = {{TARGET, "CN=Bea", "title", NULL}, {TARGET, "CN=Bea", "company", "Acme"},
	    {TARGET, "CN=Bea", "otherTelephone", "1"}, {TARGET, "CN=Bea", "otherTelephone", "!2"},
	    {TARGET, "CN=Bea", "homePhone", "7"}, {TARGET, "CN=Bea", "userAccountControl", "512"}}},
    {.name = "another alias",
	.source = {MAILBOX("Ann", "ann", "")},
	.between = alias_changes,
	.expect = {{SOURCE, "CN=Ann", "proxyAddresses", "smtp:ash@redirect.acme.example"},
	    {TARGET, "CN=Ann", "targetAddress", "SMTP:ash@redirect.acme.example"},
	    {TARGET, "CN=Ann", "proxyAddresses", "smtp:ash@redirect.globex.example"},
	    {TARGET, "CN=Ann", "mailNickname", "ash"}}},
    {.name = "a rename is followed on a created object",
	.source = {MAILBOX("Ann", "ann", "")},
	.between = source_is_renamed,
	.counts = {.renamed = 1},
	.expect = {{TARGET, "CN=Ann Ash", "mailNickname", "ann"}, {TARGET, "CN=Ann", NULL, NULL}}},
    {.name = "a rename to a name that is taken",
	.source = {MAILBOX("Ann", "ann", "")},
	.target = {THERE_OU, THERE("contact", "Ann Ash", "")},
	.between = source_is_renamed,
	.counts = {.renamed = 1},
	.expect = {{TARGET, "CN=Ann Ash (2)", "mailNickname", "ann"},
	    {TARGET, "CN=Ann Ash", "mailNickname", NULL}}},
    {.name = "a rename in case or accents alone",
	.source = {MAILBOX("Ann Ash", "ann", "department: Sales\n"), MAILBOX("Rene", "rene", ""),
	    GROUP("Staff", "staff", "")},
	.between = spelled_otherwise,
	.counts = {.renamed = 3},
	.expect = {{TARGET, "CN=Ann Ash", "cn", "ANN Ash"},
	    {TARGET, "CN=Ann Ash", "mailNickname", "ann"},
	    {TARGET, "CN=Ren\xc3\xa9", "mailNickname", "rene"},
	    {TARGET, "CN=Staff", "cn", "STAFF"}}},
    {.name = "a rename in case of a numbered name",
	.source = {MAILBOX("Ann Ash", "ann", "")},
	.target = {THERE_OU, THERE("contact", "Ann Ash", "")},
	.between = only_ann_is_spelled_otherwise,
	.counts = {.renamed = 1},
	.expect = {{TARGET, "CN=Ann Ash (2)", "cn", "ANN Ash (2)"}}},
    {.name = "values are spelled otherwise",
	.source = {MAILBOX("Ann", "ann", "otherTelephone: ext 1\nuserCertificate: ABC\n")},
	.between = values_are_respelled,
	.expect = {{TARGET, "CN=Ann", "otherTelephone", "EXT 1"},
	    {TARGET, "CN=Ann", "otherTelephone", "!ext 1"},
	    {TARGET, "CN=Ann", "userCertificate", "aBC"},
	    {TARGET, "CN=Ann", "userCertificate", "!ABC"},
	    {TARGET, "CN=Ann", "mail", "Ann@acme.example"},
	    {TARGET, "CN=Ann", "proxyAddresses", "SMTP:Ann@acme.example"},
	    {TARGET, "CN=Ann", "proxyAddresses", "!SMTP:ann@acme.example"},
	    {TARGET, "CN=Ann", "mailNickname", "ANN"}}},
    {.name = "values of others keep their spelling",
	.source = {MAILBOX("Ann", "ann", "otherTelephone: EXT 1\n")},
	.target = {THERE_OU, BEA("otherTelephone: ext 1\notherTelephone: ext 2\n")},
	.between = values_are_respelled,
	.expect = {{TARGET, "CN=Bea", "otherTelephone", "ext 1"},
	    {TARGET, "CN=Bea", "otherTelephone", "ext 2"},
	    {TARGET, "CN=Bea", "otherTelephone", "!EXT 1"}}},
    {.name = "several primary addresses, an empty one and two of sip",
	.source = {MAILBOX("Ann", "ann", "")},
	.between = addresses_become_odd,
	.counts = {.problems = 1},
	.expect = {{TARGET, "CN=Ann", "mail", "z@acme.example"},
	    {TARGET, "CN=Ann", "proxyAddresses", "SMTP:z@acme.example"},
	    {TARGET, "CN=Ann", "proxyAddresses", "smtp:a@acme.example"},
	    {TARGET, "CN=Ann", "proxyAddresses", "smtp:ann@acme.example"},
	    {TARGET, "CN=Ann", "proxyAddresses", "sip:a@acme.example"},
	    {TARGET, "CN=Ann", "proxyAddresses", "!sip:b@acme.example"},
	    {TARGET, "CN=Ann", "proxyAddresses", "!SMTP:"}}},
    {.name = "a rename is not followed on a matched object",
	.source = {MAILBOX("Ann", "ann", "")},
	.target = {THERE_OU, BEA("")},
	.between = source_is_renamed,
	.expect = {{TARGET, "CN=Bea", "mailNickname", "ann"}}},
    {.name = "an object that was moved in the target is found",
	.source = {MAILBOX("Ann", "ann", "")},
	.between = target_is_moved,
	.expect = {{TARGET, "CN=Ann,OU=Other,DC=globex,DC=example", "title", "Boss"},
	    {TARGET, "CN=Ann", NULL, NULL}}},
    {.name = "an object that was deleted in the target is created again",
	.source = {MAILBOX("Ann", "ann", "displayName: Ann Ash\n")},
	.between = target_is_deleted,
	.counts = {.created = {[SHAPE_MAILBOX] = 1}},
	.expect = {{TARGET, "CN=Ann", "displayName", "Ann Ash"}}},
    {.name = "Exchange finishes the mailbox",
	.source = {MAILBOX("Ann", "ann", "")},
	.between = exchange_finishes,
	.expect = {{TARGET, "CN=Ann", "showInAddressBook", "CN=Users,DC=globex,DC=example"}}},
    {.name = "who takes the stamp off a created object has adopted it",
	.source = {MAILBOX("Ann", "ann", "objectGUID:: EREREREREREREREREREREQ==\n")},
	.between = stamp_is_lost,
	.expect = {{TARGET, "CN=Ann", "extensionAttribute15",
	    "galsync:matched:11111111-1111-1111-1111-111111111111:source"}}},
    {.name = "lost mailbox attributes are written again",
	.source = {MAILBOX("Ann", "ann", "")},
	.between = mailbox_is_lost,
	.expect = {{TARGET, "CN=Ann", "homeMDB", "CN=DB1,CN=Configuration,DC=globex,DC=example"},
	    {TARGET, "CN=Ann", "mail", "ann@acme.example"},
	    {TARGET, "CN=Ann", "proxyAddresses", "SMTP:ann@acme.example"},
	    {TARGET, "CN=Ann", "proxyAddresses", "smtp:ann@redirect.globex.example"}}},
    {.name = "a mailbox that was switched by hand stays switched",
	.source = {MAILBOX("Ann", "ann", "objectGUID:: EREREREREREREREREREREQ==\n")},
	.between = switched_by_hand,
	.expect = {{SOURCE, "CN=Ann", "targetAddress", "SMTP:ann@redirect.globex.example"},
	    {SOURCE, "CN=Ann", "proxyAddresses", "smtp:ann@redirect.acme.example"},
	    {SOURCE, "CN=Ann", "msExchCalendarRepairDisabled", "TRUE"},
	    {TARGET, "CN=Ann", "msExchCalendarRepairDisabled", NULL},
	    {TARGET, "CN=Ann", "targetAddress", NULL},
	    {TARGET, "CN=Ann", "extensionAttribute15",
		"galsync:created:"
		"11111111-1111-1111-1111-111111111111:target"}}},
    {.name = "a conflict is over",
	.link = "match = [ \"stamp\" ];",
	.source = {MAILBOX("Ann", "ann", "")},
	.target = {THERE_OU, THERE("user", "Other", "mail: ann@acme.example\n")},
	.between = address_becomes_free,
	.counts = {.created = {[SHAPE_MAILBOX] = 1}},
	.expect = {{TARGET, "CN=Ann", "mail", "ann@acme.example"}}},
};

/* ---- values that do not fit ---- */

#define LONG                                                                                       \
	"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"

static void
too_long(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", "info", LONG);
	lab_set(l, SOURCE, "CN=Ann", "title", "Boss");
}

static const struct scenario grows = {.name = "a value that becomes too long leaves what is there",
    .link = "attributes = ( { attribute = \"company\"; source = \"info\"; } );",
    .source = {MAILBOX("Ann", "ann", "info: Acme\n")},
    .between = too_long,
    .counts = {.problems = 1},
    .expect = {{TARGET, "CN=Ann", "company", "Acme"}, {TARGET, "CN=Ann", "title", "Boss"}}};

/* What was left of a value that could not be written is still galsync's own. */
static void
too_long_and_gone(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &grows);
	lab_run(&l);
	too_long(&l);
	lab_run(&l);
	lab_set(&l, SOURCE, "CN=Ann", "info", NULL);
	lab_run(&l);
	assert_int_equal(lab_count(&l, TARGET, "CN=Ann", "company"), 0);
	lab_run_idle(&l);
	lab_close(&l);
}

/* What a cycle writes is in its records at once. */
static void
record_of_what_is_written(void **state)
{
	static const struct scenario sc = {.name = "record of what is written",
	    .link = "primary_address = \"%{mailNickname}@globex.example\";",
	    .source = {MAILBOX("Ann", "ann", "")}};
	_cleanup_(record_free) struct record *r = NULL, *renamed = NULL;
	bool found = false;
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	lab_run(&l);
	r = lab_record(&l, "CN=Ann");
	for (size_t i = 0; i < r->n_addresses; i++)
		found |= strcmp(r->addresses[i], "ann@globex.example") == 0;
	assert_true(found);
	lab_run_idle(&l);
	lab_rename(&l, SOURCE, "CN=Ann", "CN=Ann Ash");
	lab_run(&l);
	renamed = lab_record(&l, "CN=Ann Ash");
	assert_string_equal(renamed->side[TARGET].dn, "CN=Ann Ash" GLOBEX);
	lab_run_idle(&l);
	lab_close(&l);
}

/* Whatever name a side ever had resolves at the other one, and comes back if it is removed.
 */
static void
names_for_replies(void **state)
{
	static const struct scenario sc = {.name = "names for replies",
	    .source = {MAILBOX("Ann", "ann", "")},
	    .target = {THERE_OU,
		THERE("user", "Ann",
		    "sAMAccountName: ann\nmail: ann@acme.example\nlegacyExchangeDN: /o=G/cn=one\n"
		    "proxyAddresses: X500:/o=Older/cn=ann\n")}};
	static const char *const source_has[] = {
	    "X500:/o=Older/cn=ann", "X500:/o=G/cn=one", "X500:/o=G/cn=two"};
	static const char *const target_has[] = {
	    "X500:" ACME_LEGACY "ann", "X500:" ACME_LEGACY "ann2", "X500:/o=G/cn=one"};
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	lab_run(&l);
	lab_set(&l, TARGET, "CN=Ann", "legacyExchangeDN", "/o=G/cn=two");
	lab_set(&l, SOURCE, "CN=Ann", "legacyExchangeDN", ACME_LEGACY "ann2");
	lab_run(&l);
	lab_run_idle(&l);
	for (size_t i = 0; i < ARRAY_SIZE(source_has); i++)
		lab_delete_value(&l, SOURCE, "CN=Ann", "proxyAddresses", source_has[i]);
	for (size_t i = 0; i < ARRAY_SIZE(target_has); i++)
		lab_delete_value(&l, TARGET, "CN=Ann", "proxyAddresses", target_has[i]);
	lab_run(&l);
	for (size_t i = 0; i < ARRAY_SIZE(source_has); i++)
		assert_true(lab_has(&l, SOURCE, "CN=Ann", "proxyAddresses", source_has[i]));
	for (size_t i = 0; i < ARRAY_SIZE(target_has); i++)
		assert_true(lab_has(&l, TARGET, "CN=Ann", "proxyAddresses", target_has[i]));
	lab_run_idle(&l);
	lab_close(&l);
}

int
main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(scenarios) + 4] = {cmocka_unit_test(too_long_and_gone),
	    cmocka_unit_test(record_of_what_is_written), cmocka_unit_test(names_for_replies)};

	scenario_tests(scenarios, ARRAY_SIZE(scenarios), tests + 3);
	scenario_tests(&grows, 1, tests + 3 + ARRAY_SIZE(scenarios));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
