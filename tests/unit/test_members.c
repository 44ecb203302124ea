/* SPDX-License-Identifier: MIT */

/* The members of a group, as two fake forests have them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/json.h"
#include "dsa/daemon/inspect.h"
#include "dsa/jobs/sync.h"
#include "tests/support/scenario_turn.h"

static const struct scenario team = {.name = "team",
    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", ""), MAILBOX("Cleo", "cleo", ""),
	MAILBOX("Dora", "dora", "msExchHideFromAddressLists: TRUE\n"),
	GROUP("Team", "team", MEMBER("Ann") MEMBER("Bea") MEMBER("Dora"))},
    .target = {THERE_OU, THERE("user", "Nat", "mailNickname: nat\nmail: nat@globex.example\n")}};

struct question {
	struct guid group;
	uint64_t page, size;
	json_t *answer;
};

static int
ask(struct lab *l, struct run *run, void *arg)
{
	struct question *q = arg;

	return inspect_members(run, &q->group, q->page, q->size, &q->answer, &l->err);
}

static json_t *
members_of(struct lab *l, const char *dn, uint64_t page, uint64_t size)
{
	struct question q = {.page = page, .size = size};

	assert_true(guid_parse(lab_source_guid(l, dn), &q.group));
	if (lab_act(l, NULL, ask, &q) < 0)
		fail_msg("%s", l->err.text);
	return q.answer;
}

/* The items as text: "Ann both, Nat no-counterpart". */
static void
items_are(struct lab *l, const char *want)
{
	_cleanup_(json_release) json_t *o = members_of(l, "CN=Team", 1, 100);
	const json_t *items = json_object_get(o, "items");
	char got[512] = "";

	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *x = json_array_get(items, i);
		size_t len = strlen(got);

		(void)snprintf(got + len, sizeof got - len, "%s%s %s", i ? ", " : "",
		    json_string_value(json_object_get(x, "name")),
		    json_string_value(json_object_get(x, "result")));
		assert_true(json_is_true(json_object_get(x, "known")) ==
			    json_is_string(json_object_get(x, "guid")));
	}
	assert_string_equal(got, want);
}

static void
counts_are(struct lab *l, int source, int target, int both, int alone)
{
	_cleanup_(json_release) json_t *o = members_of(l, "CN=Team", 1, 100);
	int is_source, is_target, is_both, is_alone;

	assert_int_equal(
	    json_unpack(o, "{s:[{s:i},{s:i}],s:i,s:i}", "forests", "members", &is_source, "members",
		&is_target, "both", &is_both, "no_counterpart", &is_alone),
	    0);
	assert_int_equal(is_source, source);
	assert_int_equal(is_target, target);
	assert_int_equal(is_both, both);
	assert_int_equal(is_alone, alone);
	assert_true(json_is_string(json_object_get(o, "at")));
}

static void
both_sides(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &team);
	/* The map knows no group yet. */
	items_are(&l, "");
	assert_int_equal(lab_cycle(&l, NULL), 0);
	items_are(&l, "Dora no-counterpart, Ann both, Bea both");
	counts_are(&l, 3, 2, 2, 1);
	/* The directories are asked, not what was last seen. */
	lab_delete_value(&l, TARGET, "CN=Team", "member", lab_dn(TARGET, "CN=Bea"));
	lab_add_value(&l, TARGET, "CN=Team", "member", lab_dn(TARGET, "CN=Cleo"));
	lab_add_value(&l, TARGET, "CN=Team", "member", lab_dn(TARGET, "CN=Nat"));
	items_are(&l, "Bea source, Cleo target, Dora no-counterpart, Nat no-counterpart, Ann both");
	counts_are(&l, 3, 3, 1, 2);
	/* The one side is gone. */
	lab_delete(&l, TARGET, "CN=Team");
	items_are(&l, "Ann source, Bea source, Dora no-counterpart");
	lab_close(&l);
}

static void
by_pages(void **state)
{
	static const struct {
		uint64_t page, size;
		int is_page, pages;
		size_t items;
	} rows[] = {{1, 2, 1, 2, 2}, {2, 2, 2, 2, 1}, {3, 2, 2, 2, 1}, {1, 3, 1, 1, 3},
	    {UINT32_MAX, 1, 3, 3, 1}};
	struct lab l;

	(void)state;
	lab_open(&l, &team);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(json_release) json_t *o =
		    members_of(&l, "CN=Team", rows[i].page, rows[i].size);

		assert_int_equal(json_integer_value(json_object_get(o, "page")), rows[i].is_page);
		assert_int_equal(json_integer_value(json_object_get(o, "pages")), rows[i].pages);
		assert_int_equal(json_integer_value(json_object_get(o, "found")), 3);
		assert_int_equal(json_array_size(json_object_get(o, "items")), rows[i].items);
	}
	lab_close(&l);
}

static int
sync_both(struct lab *l, struct run *run, void *arg)
{
	const struct cycle_options opt = {.plan_only = false};
	struct cycle_result ret[SIDES];

	(void)arg;
	return sync_link(run, true, &opt, ret, &l->err);
}

/* Of a native group the original is on the target; its contact has no members. */
static void
of_a_native(void **state)
{
	static const struct scenario both = {.name = "both ways",
	    .link = "return_contacts_ou = \"OU=GAL,DC=acme,DC=example\";",
	    .source = {"dn: OU=GAL,DC=acme,DC=example\nobjectClass: organizationalUnit\n\n",
		MAILBOX("Ann", "ann", "")},
	    .target = {THERE_OU, THERE("group", "Natives",
				     "displayName: Natives\nmailNickname: natives\n"
				     "mail: natives@globex.example\n"
				     "legacyExchangeDN: /o=Globex/cn=natives\n"
				     "proxyAddresses: SMTP:natives@globex.example\n")}};
	struct lab l;
	struct question q = {.page = 1, .size = 10};
	const struct entry *e;
	int there[SIDES];

	(void)state;
	lab_open(&l, &both);
	if (lab_act(&l, NULL, sync_both, NULL) < 0)
		fail_msg("%s", l.err.text);
	lab_add_value(&l, TARGET, "CN=Natives", "member", lab_dn(TARGET, "CN=Ann"));
	e = fakedir_find(l.fd[TARGET], lab_dn(TARGET, "CN=Natives"));
	assert_non_null(e);
	q.group = e->guid;
	if (lab_act(&l, NULL, ask, &q) < 0)
		fail_msg("%s", l.err.text);
	assert_int_equal(json_unpack(q.answer, "{s:[{s:b},{s:b}]}", "forests", "there",
			     &there[SOURCE], "there", &there[TARGET]),
	    0);
	assert_true(there[TARGET]);
	assert_int_equal(json_integer_value(json_object_get(q.answer, "found")), 1);
	assert_string_equal(json_string_value(json_object_get(
				json_array_get(json_object_get(q.answer, "items"), 0), "result")),
	    "target");
	json_decref(q.answer);
	lab_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_sides),
	    cmocka_unit_test(by_pages),
	    cmocka_unit_test(of_a_native),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
