/* SPDX-License-Identifier: MIT */

/* Correspondences, what is held of them, and conflicts as JSON, octet for octet. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dsa/view/view_conflict.h"
#include "dsa/view/view_held.h"
#include "dsa/view/view_record.h"
#include "tests/support/json_fixture.h"

static struct record *
some_record(void)
{
	static const uint8_t sid[] = {1, 2, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 7, 0, 0, 0};
	struct record *r = record_new();

	assert_non_null(r);
	r->kind = KIND_USER;
	r->rule = MATCH_MAIL;
	r->state = RECORD_SYNCED;
	r->side[SOURCE].guid.octets[15] = 1;
	r->side[TARGET].guid.octets[15] = 2;
	assert_int_equal(record_set_str(&r->side[SOURCE].dn, "CN=Ann,DC=acme"), 0);
	assert_int_equal(record_set_str(&r->side[TARGET].dn, "CN=Ann,DC=globex"), 0);
	assert_int_equal(record_set_sid(&r->side[SOURCE], (struct bytes){sid, sizeof sid}), 0);
	assert_int_equal(record_add_legacy_dn(&r->side[SOURCE], "/o=Acme/cn=old"), 0);
	assert_int_equal(record_add_legacy_dn(&r->side[SOURCE], "/o=Acme/cn=ann"), 0);
	assert_int_equal(record_set_str(&r->evidence, "mail=ann@acme.example"), 0);
	assert_int_equal(record_set_str(&r->alias, "ann"), 0);
	assert_int_equal(record_add_address(r, "ann@acme.example"), 0);
	assert_int_equal(record_add_address(r, "a@globex.example"), 0);
	r->created_at = 1000000000;
	r->synced_at = 1000000001;
	return r;
}

#define SOME_RECORD                                                                                \
	"\"link\":\"acme-globex\",\"origin\":\"source\",\"kind\":\"user\",\"state\":\"synced\","   \
	"\"active\":\"source\","                                                                   \
	"\"created\":false,\"rule\":\"mail\",\"evidence\":\"mail=ann@acme.example\","              \
	"\"source\":{\"guid\":\"00000000-0000-0000-0000-000000000001\",\"dn\":\"CN=Ann,DC=acme\"," \
	"\"sid\":\"S-1-5-21-7\",\"legacy_exchange_dns\":[\"/o=Acme/cn=ann\",\"/o=Acme/cn=old\"]}," \
	"\"target\":{\"guid\":\"00000000-0000-0000-0000-000000000002\","                           \
	"\"dn\":\"CN=Ann,DC=globex\",\"sid\":null,\"legacy_exchange_dns\":[]},\"alias\":\"ann\","  \
	"\"addresses\":[\"ann@acme.example\",\"a@globex.example\"],"                               \
	"\"created_at\":\"2001-09-09T01:46:40Z\",\"synced_at\":\"2001-09-09T01:46:41Z\","          \
	"\"switched_at\":null,\"readiness_used\":false,\"last_error\":\"\""

static json_t *
make_some(void)
{
	_cleanup_(record_free) struct record *r = some_record();

	return view_record(r, "acme-globex");
}

static void
every_member(void **state)
{
	(void)state;
	json_must_be(make_some(), "{" SOME_RECORD "}");
	json_must_be_whole(make_some, "{" SOME_RECORD "}");
}

static void
an_empty_record(void **state)
{
	_cleanup_(record_free) struct record *r = record_new();

	(void)state;
	r->created = true;
	r->switched_at = INT64_MAX;
	json_must_be(view_record(r, ""),
	    "{\"link\":\"\",\"origin\":\"source\",\"kind\":\"other\",\"state\":\"pending\","
	    "\"active\":\"source\","
	    "\"created\":true,\"rule\":\"created\",\"evidence\":\"\",\"source\":{\"guid\":"
	    "\"00000000-0000-0000-0000-000000000000\",\"dn\":\"\",\"sid\":null,"
	    "\"legacy_exchange_dns\":[]},\"target\":{\"guid\":"
	    "\"00000000-0000-0000-0000-000000000000\",\"dn\":\"\",\"sid\":null,"
	    "\"legacy_exchange_dns\":[]},\"alias\":\"\",\"addresses\":[],\"created_at\":null,"
	    "\"synced_at\":null,\"switched_at\":null,\"readiness_used\":false,"
	    "\"last_error\":\"\"}");
}

/* A return contact is of its link, and each side is where its object is. */
static void
of_a_return_flow(void **state)
{
	_cleanup_(record_free) struct record *r = some_record();
	_cleanup_(json_release) json_t *o = view_record(r, "acme-globex/return");

	(void)state;
	assert_string_equal(json_string_value(json_object_get(o, "link")), "acme-globex");
	assert_string_equal(json_string_value(json_object_get(o, "origin")), "target");
	assert_string_equal(json_string_value(json_object_get(o, "active")), "target");
	assert_string_equal(json_string_value(json_object_get(json_object_get(o, "source"), "dn")),
	    "CN=Ann,DC=globex");
	assert_string_equal(json_string_value(json_object_get(json_object_get(o, "target"), "dn")),
	    "CN=Ann,DC=acme");
}

/* Each of these was a reason to leave the whole record out. */
static void
hostile_names(void **state)
{
	_cleanup_(json_release) json_t *o = NULL;
	_cleanup_(record_free) struct record *r = some_record();
	const json_t *side;

	(void)state;
	assert_int_equal(record_set_str(&r->side[SOURCE].dn, HOSTILE), 0);
	assert_int_equal(record_add_legacy_dn(&r->side[SOURCE], HOSTILE), 0);
	assert_int_equal(record_set_str(&r->alias, HOSTILE), 0);
	assert_int_equal(record_set_str(&r->evidence, HOSTILE), 0);
	assert_int_equal(record_set_str(&r->last_error, HOSTILE), 0);
	assert_int_equal(record_add_address(r, HOSTILE), 0);
	o = view_record(r, HOSTILE);
	assert_int_equal(json_object_size(o), 17);
	side = json_object_get(o, "source");
	json_must_be(json_incref(json_object_get(o, "link")), HOSTILE_JSON);
	json_must_be(json_incref(json_object_get(o, "alias")), HOSTILE_JSON);
	json_must_be(json_incref(json_object_get(o, "evidence")), HOSTILE_JSON);
	json_must_be(json_incref(json_object_get(o, "last_error")), HOSTILE_JSON);
	json_must_be(json_incref(json_object_get(side, "dn")), HOSTILE_JSON);
	json_must_be(json_incref(json_array_get(json_object_get(side, "legacy_exchange_dns"), 0)),
	    HOSTILE_JSON);
	json_must_be(json_incref(json_array_get(json_object_get(o, "addresses"), 2)), HOSTILE_JSON);
}

static void
what_is_held(void **state)
{
	_cleanup_(record_free) struct record *r = some_record();
	const struct store_held h = {
	    .kind = HELD_DELETES, .verdict = HELD_APPROVED, .since = 1000000000};
	const struct view_held counts = {
	    .n = {[HELD_DELETES] = {[HELD_WAITS] = 1},
		[HELD_SWITCHES] = {[HELD_APPROVED] = 2, [HELD_REJECTED] = UINT64_MAX}}};
	const size_t decided[HELD_KIND_MAX] = {[HELD_REDIRECTIONS] = 3};

	(void)state;
	json_must_be(view_held_record(&h, r, "acme-globex"),
	    "{" SOME_RECORD ",\"held\":{\"limit\":\"deletes\",\"verdict\":\"approved\","
	    "\"since\":\"2001-09-09T01:46:40Z\"}}");
	json_must_be(view_held_counts(&counts),
	    "{\"deletes\":{\"held\":1,\"approved\":0,\"rejected\":0},"
	    "\"redirections\":{\"held\":0,\"approved\":0,\"rejected\":0},"
	    "\"switches\":{\"held\":0,\"approved\":2,\"rejected\":9223372036854775807},"
	    "\"matches\":{\"held\":0,\"approved\":0,\"rejected\":0},"
	    "\"undone\":{\"held\":0,\"approved\":0,\"rejected\":0},"
	    "\"member_removals\":{\"held\":0,\"approved\":0,\"rejected\":0},"
	    "\"primary_changes\":{\"held\":0,\"approved\":0,\"rejected\":0}}");
	json_must_be(view_held_decided(decided), "{\"deletes\":0,\"redirections\":3,\"switches\":0,"
						 "\"matches\":0,\"undone\":0,\"member_removals\":0,"
						 "\"primary_changes\":0}");
}

static json_t *
make_conflict(void)
{
	char dn[] = "CN=Ann", what[] = "mail ann@acme.example", hostile[] = HOSTILE;
	char *candidates[] = {dn, hostile};
	const struct conflict c = {.reason = CONFLICT_AMBIGUOUS,
	    .source_dn = hostile,
	    .what = what,
	    .candidates = candidates,
	    .n_candidates = ARRAY_SIZE(candidates),
	    .since = 1000000000};

	return view_conflict(&c, "acme-globex", RESOLVED_BIT(RESOLVED_WITH));
}

static void
a_conflict(void **state)
{
	static const char want[] =
	    "{\"link\":\"acme-globex\",\"origin\":\"source\",\"source_dn\":" HOSTILE_JSON
	    ",\"reason\":\"ambiguous\","
	    "\"what\":\"mail ann@acme.example\",\"candidates\":[\"CN=Ann\"," HOSTILE_JSON "],"
	    "\"help\":null,\"since\":\"2001-09-09T01:46:40Z\",\"source_guid\":null,"
	    "\"resolutions\":[\"with\"]}";

	(void)state;
	json_must_be(make_conflict(), want);
	json_must_be_whole(make_conflict, want);
	json_must_be(view_conflict(&(struct conflict){.reason = CONFLICT_NAME}, "x", 0),
	    "{\"link\":\"x\",\"origin\":\"source\",\"source_dn\":null,\"reason\":\"name\",\"what\":"
	    "null,"
	    "\"candidates\":[],\"help\":null,\"since\":null,\"source_guid\":null,\"resolutions\":[]"
	    "}");
	json_must_be(view_conflict(&(struct conflict){.reason = CONFLICT_STAMP}, "x", 0),
	    "{\"link\":\"x\",\"origin\":\"source\",\"source_dn\":null,\"reason\":\"stamp\","
	    "\"what\":null,"
	    "\"candidates\":[],\"help\":\"that value is not galsync's and stays: clear it, or "
	    "choose another stamp_attribute\",\"since\":null,\"source_guid\":null,"
	    "\"resolutions\":[]}");
}

static void
a_resolution(void **state)
{
	char dn[] = "CN=Ann", hostile[] = HOSTILE, none[] = "";
	struct resolution r = {.source = {{1}},
	    .as = RESOLVED_WITH,
	    .target = {{2}},
	    .by = 7,
	    .at = 1000000000,
	    .source_dn = dn,
	    .target_dn = hostile,
	    .evidence = hostile};

	(void)state;
	json_must_be(view_resolution(&r, "x/return"),
	    "{\"link\":\"x\",\"origin\":\"target\",\"source_dn\":\"CN=Ann\","
	    "\"source_guid\":\"00000001-0000-0000-0000-000000000000\",\"resolution\":\"with\","
	    "\"target_dn\":" HOSTILE_JSON
	    ",\"target_guid\":\"00000002-0000-0000-0000-000000000000\",\"by\":7,"
	    "\"at\":\"2001-09-09T01:46:40Z\",\"evidence\":" HOSTILE_JSON "}");
	r = (struct resolution){.as = RESOLVED_IGNORE, .source_dn = dn, .target_dn = none};
	json_must_be(view_resolution(&r, "x"),
	    "{\"link\":\"x\",\"origin\":\"source\",\"source_dn\":\"CN=Ann\","
	    "\"source_guid\":null,\"resolution\":\"ignore\",\"target_dn\":null,"
	    "\"target_guid\":null,\"by\":0,\"at\":null,\"evidence\":null}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_member),
	    cmocka_unit_test(an_empty_record),
	    cmocka_unit_test(of_a_return_flow),
	    cmocka_unit_test(hostile_names),
	    cmocka_unit_test(what_is_held),
	    cmocka_unit_test(a_conflict),
	    cmocka_unit_test(a_resolution),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
