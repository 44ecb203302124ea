/* SPDX-License-Identifier: MIT */

/* What a verify and a trace found, as JSON, octet for octet. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "dsa/view/view_trace.h"
#include "dsa/view/view_verify.h"
#include "tests/support/json_fixture.h"

static char name[] = "acme-globex", acme_name[] = "acme", globex_name[] = "globex";
static const struct conf_forest acme = {.name = acme_name}, globex = {.name = globex_name};
static const struct conf_link conf = {.name = name, .source = &acme, .target = &globex};

/* ---- verify ---- */

static json_t *
make_verified(void)
{
	struct audit_finding f = {.what = AUDIT_LOOP, .side = TARGET, .dn = HOSTILE};
	struct verify_result r = {.read = {1, 2},
	    .checked = UINT64_MAX,
	    .unwritten = 3,
	    .left = 9,
	    .broken = 4,
	    .replies = {.known = 5, .missing = 6}};
	_cleanup_(view_verify_done) struct view_verify v;
	struct guid g = {{0}};

	g.octets[15] = 1;
	r.by[AUDIT_LOOP] = 7;
	r.by[AUDIT_STAMP] = 8;
	view_verify_init(&v, &conf);
	(void)snprintf(f.there, sizeof f.there, "%s", HOSTILE);
	(void)snprintf(f.want, sizeof f.want, "nothing");
	view_verify_found(&f, &v);
	f = (struct audit_finding){.what = AUDIT_STAMP, .source = &g, .dn = "CN=Ann"};
	view_verify_found(&f, &v);
	assert_int_equal(v.found, 2);
	return view_verify(&v, &r);
}

static void
verified(void **state)
{
	static const char want[] =
	    "{\"results\":[{\"guid\":\"\",\"side\":\"target\",\"forest\":\"globex\","
	    "\"dn\":" HOSTILE_JSON ",\"invariant\":\"loop\",\"ok\":false,\"there\":" HOSTILE_JSON
	    ",\"should_be\":\"nothing\"},{\"guid\":\"00000000-0000-0000-0000-000000000001\","
	    "\"side\":\"source\",\"forest\":\"acme\",\"dn\":\"CN=Ann\",\"invariant\":\"stamp\","
	    "\"ok\":false,\"there\":\"\",\"should_be\":\"\"}],\"unlisted\":0,\"summary\":{"
	    "\"checked\":9223372036854775807,\"not_written_yet\":3,\"left\":9,\"broken\":4,"
	    "\"findings\":15,"
	    "\"read_source\":1,\"read_target\":2,\"reply_names\":5,\"reply_names_missing\":6,"
	    "\"ms\":0,\"per_second\":9223372036854775807,\"by_invariant\":{\"loop\":7,"
	    "\"stamp\":8}}}";

	(void)state;
	json_must_be(make_verified(), want);
	json_must_be_whole(make_verified, want);
}

static void
nothing_found(void **state)
{
	const struct verify_result r = {.checked = 500, .ms = 250};
	_cleanup_(view_verify_done) struct view_verify v;

	(void)state;
	view_verify_init(&v, &conf);
	json_must_be(view_verify(&v, &r),
	    "{\"results\":[],\"unlisted\":0,\"summary\":{\"checked\":500,\"not_written_yet\":0,"
	    "\"left\":0,\"broken\":0,\"findings\":0,\"read_source\":0,\"read_target\":0,\"reply_"
	    "names\":0,"
	    "\"reply_names_missing\":0,\"ms\":250,\"per_second\":2000,\"by_invariant\":{}}}");
}

static json_t *
make_moves(void)
{
	struct move_ready_finding f = {
	    .need = MOVE_READY_ARCHIVE_GUID, .side = TARGET, .dn = HOSTILE};
	struct verify_result r = {
	    .read = {1, 2}, .checked = 40, .unwritten = 3, .broken = 4, .ms = 1000};
	_cleanup_(view_verify_done) struct view_verify v;
	struct guid g = {{0}};

	g.octets[15] = 1;
	f.source = &g;
	r.by_need[MOVE_READY_ARCHIVE_GUID] = 7;
	r.by_need[MOVE_READY_OBJECT] = 8;
	view_verify_init(&v, &conf);
	(void)snprintf(f.there, sizeof f.there, "nothing");
	(void)snprintf(f.want, sizeof f.want, "%s", HOSTILE);
	view_verify_missing(&f, &v);
	assert_int_equal(v.found, 1);
	return view_verify_moves(&v, &r);
}

static void
moves(void **state)
{
	static const char want[] =
	    "{\"results\":[{\"guid\":\"00000000-0000-0000-0000-000000000001\","
	    "\"side\":\"target\",\"forest\":\"globex\",\"dn\":" HOSTILE_JSON
	    ",\"attribute\":\"msExchArchiveGUID\",\"ok\":false,\"there\":\"nothing\","
	    "\"should_be\":" HOSTILE_JSON "}],\"unlisted\":0,\"summary\":{\"checked\":40,"
	    "\"not_written_yet\":3,\"ready\":36,\"not_ready\":4,\"findings\":15,"
	    "\"read_source\":1,\"read_target\":2,\"ms\":1000,\"per_second\":40,"
	    "\"by_attribute\":{\"object\":8,\"msExchArchiveGUID\":7}}}";

	(void)state;
	json_must_be(make_moves(), want);
	json_must_be_whole(make_moves, want);
}

/* However much is found: it is counted, the answer stays one line, and a line stays short. */
static void
bounded(void **state)
{
	static char dn[9000];
	const struct verify_result r = {.checked = 1};
	struct audit_finding f = {.what = AUDIT_LOOP, .side = SOURCE, .dn = "CN=Ann"};

	(void)state;
	memset(dn, '\x01', sizeof dn - 1);
	for (int large = 0; large < 2; large++) {
		_cleanup_(view_verify_done) struct view_verify v;
		_cleanup_(json_release) json_t *o = NULL;
		size_t listed;

		view_verify_init(&v, &conf);
		f.dn = large ? dn : "CN=Ann";
		for (size_t i = 0; i < 1500; i++)
			view_verify_found(&f, &v);
		o = view_verify(&v, &r);
		listed = json_array_size(json_object_get(o, "results"));
		assert_int_equal(v.found, 1500);
		assert_int_equal(json_integer_value(json_object_get(o, "unlisted")), 1500 - listed);
		assert_true(large ? listed > 10 && listed < 20 : listed == 1000);
		assert_true(json_dumpb(o, NULL, 0, JSON_COMPACT) < 2 << 20);
	}
}

/* ---- trace ---- */

static const struct trace_env env = {.forest = {{.name = "acme"}, {.name = "globex"}}};

static json_t *
make_traced(void)
{
	char to[] = "smtp:ann@redirect.globex.example", odd[] = HOSTILE, database[] = "DB1";
	char note[] = "it was Ann's";
	struct trace_hop hops[] = {
	    {.side = SOURCE,
		.step = TRACE_REDIRECT,
		.address = odd,
		.dn = odd,
		.kind = KIND_USER,
		.guid = {{[15] = 1}},
		.detail = to},
	    {.depth = 1,
		.side = TARGET,
		.step = TRACE_MAILBOX,
		.address = to,
		.dn = odd,
		.kind = KIND_USER,
		.guid = {{[15] = 2}},
		.detail = database,
		.active = TRACE_ACTIVE},
	    {.depth = 1, .side = TARGET, .step = TRACE_DEAD_END, .note = note},
	};
	struct trace t = {.hops = hops, .n = ARRAY_SIZE(hops), .unlisted = 3};
	json_t *ways = json_array();

	t.count[TRACE_REDIRECT] = 1;
	t.count[TRACE_DEAD_END] = 4;
	json_add_item(&ways, view_trace(&env, SOURCE, &t));
	return view_trace_answer(HOSTILE, ways);
}

#define GUID "00000000-0000-0000-0000-00000000000"

static void
traced(void **state)
{
	static const char want[] =
	    "{\"address\":" HOSTILE_JSON ",\"ways\":[{\"from\":\"acme\",\"ok\":false,\"hops\":["
	    "{\"depth\":0,\"forest\":\"acme\",\"step\":\"redirect\",\"address\":" HOSTILE_JSON
	    ",\"kind\":\"user\",\"dn\":" HOSTILE_JSON ",\"guid\":\"" GUID "1\","
	    "\"to\":\"smtp:ann@redirect.globex.example\",\"mailbox\":null,\"note\":null,\"ok\":"
	    "true,"
	    "\"text\":\"redirects to smtp:ann@redirect.globex.example\"},"
	    "{\"depth\":1,\"forest\":\"globex\",\"step\":\"mailbox\","
	    "\"address\":\"smtp:ann@redirect.globex.example\",\"kind\":\"user\","
	    "\"dn\":" HOSTILE_JSON ",\"guid\":\"" GUID "2\",\"to\":\"DB1\","
	    "\"mailbox\":\"active\",\"note\":null,\"ok\":true,\"text\":\"delivered to the mailbox "
	    "in globex: the "
	    "active one\"},"
	    "{\"depth\":1,\"forest\":\"globex\",\"step\":\"dead-end\",\"address\":null,"
	    "\"kind\":null,\"dn\":null,\"guid\":null,\"to\":null,\"mailbox\":null,"
	    "\"note\":\"it was Ann's\",\"ok\":false,"
	    "\"text\":\"DEAD END: ; it was "
	    "Ann's\"}],\"unlisted\":3,\"count\":{\"redirect\":1,\"dead-end\":4}}],"
	    "\"summary\":null}";

	(void)state;
	json_must_be(make_traced(), want);
	json_must_be_whole(make_traced, want);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(verified),
	    cmocka_unit_test(nothing_found),
	    cmocka_unit_test(moves),
	    cmocka_unit_test(bounded),
	    cmocka_unit_test(traced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
