/* SPDX-License-Identifier: MIT */

/* What the computers of users report: how a hostile value is read, what reports mean together, and
 * how the map keeps them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dsa/rules/client.h"
#include "dsa/view/view_client.h"
#include "tests/support/json_fixture.h"
#include "tests/support/store_fixture.h"

#define TIME "2001-09-09T01:46:40Z"
#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

#define NO_FORMAT "it does not begin with galsync1;"
#define NO_RESULT "the result is neither ok nor failed"
#define NO_MACHINE "the machine is not 1 to 64 of A-Z a-z 0-9 - _ ."
#define NO_TIME "the time is none like 2026-12-01T08:15:00Z"
#define NO_TEXT "the text has control characters, or more than 200 octets"

static const struct {
	const char *value, *why; /* NULL: it is one: */
	enum client_result result;
	const char *machine, *text;
} values[] = {
    {"galsync1;ok;PC-1;" TIME, NULL, CLIENT_OK, "PC-1", ""},
    {"galsync1;ok;PC-1;" TIME ";", NULL, CLIENT_OK, "PC-1", ""},
    {"galsync1;failed;pc_1.acme.example;" TIME ";no profile; none at all", NULL, CLIENT_FAILED,
	"pc_1.acme.example", "no profile; none at all"},
    {"galsync1;ok;" A64 ";" TIME ";" X50 X50 X50 X50, NULL, CLIENT_OK, A64, X50 X50 X50 X50},
    {"galsync1;ok;P;" TIME ";caf\xc3\xa9", NULL, CLIENT_OK, "P", "caf\xc3\xa9"},
    {"", NO_FORMAT, 0, NULL, NULL},
    {"galsync1", "it has too few fields", 0, NULL, NULL},
    {"galsync1;ok;P", "it has too few fields", 0, NULL, NULL},
    {"galsync2;ok;P;" TIME, NO_FORMAT, 0, NULL, NULL},
    {" galsync1;ok;P;" TIME, NO_FORMAT, 0, NULL, NULL},
    {"galsync1;OK;P;" TIME, NO_RESULT, 0, NULL, NULL},
    {"galsync1;;P;" TIME, NO_RESULT, 0, NULL, NULL},
    {"galsync1;ok;;" TIME, NO_MACHINE, 0, NULL, NULL},
    {"galsync1;ok;P C;" TIME, NO_MACHINE, 0, NULL, NULL},
    {"galsync1;ok;P\nC;" TIME, NO_MACHINE, 0, NULL, NULL},
    {"galsync1;ok;\xc3\xa9;" TIME, NO_MACHINE, 0, NULL, NULL},
    {"galsync1;ok;a" A64 ";" TIME, NO_MACHINE, 0, NULL, NULL},
    {"galsync1;ok;P;2001-09-09 01:46:40Z", NO_TIME, 0, NULL, NULL},
    {"galsync1;ok;P;2001-09-09T01:46Z", NO_TIME, 0, NULL, NULL},
    {"galsync1;ok;P;2001-13-09T01:46:40Z", NO_TIME, 0, NULL, NULL},
    {"galsync1;ok;P;1969-09-09T01:46:40Z", NO_TIME, 0, NULL, NULL},
    {"galsync1;ok;P;", NO_TIME, 0, NULL, NULL},
    {"galsync1;ok;P;" TIME ";a\x1b[2J", NO_TEXT, 0, NULL, NULL},
    {"galsync1;ok;P;" TIME ";a\nb", NO_TEXT, 0, NULL, NULL},
    {"galsync1;ok;P;" TIME ";\xff", NO_TEXT, 0, NULL, NULL},
    {"galsync1;ok;P;" TIME ";x" X50 X50 X50 X50, NO_TEXT, 0, NULL, NULL},
    {"galsync1;ok;P;" TIME ";" A64 A64 A64 A64 A64 A64, "it is too long", 0, NULL, NULL},
};

static void
reading(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		struct client_value v = {.stated = 7};
		char why[CLIENT_WHY_SIZE] = "";
		bool ok = client_parse(bytes_of(values[i].value), &v, why);

		if (ok != !values[i].why)
			fail_msg("'%s': %s", values[i].value, why);
		if (!ok) {
			assert_string_equal(why, values[i].why);
			assert_int_equal(v.stated, 7);
			continue;
		}
		assert_int_equal(v.result, values[i].result);
		assert_int_equal(v.stated, 1000000000);
		assert_string_equal(v.machine, values[i].machine);
		assert_string_equal(v.text, values[i].text);
	}
}

/* A NUL is no end. */
static void
octets(void **state)
{
	static const char nul[] = "galsync1;ok;P;" TIME ";a\0b";
	struct client_value v;
	char why[CLIENT_WHY_SIZE];

	(void)state;
	assert_false(client_parse((struct bytes){nul, sizeof nul - 1}, &v, why));
	assert_false(client_parse((struct bytes){NULL, 0}, &v, why));
}

/* ---- what they mean ---- */

#define SAID(result_, machine_, at_, about_)                                                       \
	{                                                                                          \
		.result = (result_), .machine = (machine_), .at = (at_), .about = (about_)         \
	}
#define OK(machine_, at_) SAID(CLIENT_OK, machine_, at_, 5)
#define BAD(machine_, at_) SAID(CLIENT_FAILED, machine_, at_, 5)

static char pc1[] = "PC1", pc2[] = "PC2", unnamed[] = "";

static const struct {
	const char *what;
	struct client_report v[3];
	size_t n;
	enum side active;
	int64_t switched_at;
	size_t counts;
	bool done, several;
	enum client_result last;
} meanings[] = {
    {"none", {OK(pc1, 0)}, 0, TARGET, 5, 0, false, false, 0},
    {"ok", {OK(pc1, 5)}, 1, TARGET, 5, 1, true, false, CLIENT_OK},
    {"not switched", {OK(pc1, 5)}, 1, SOURCE, 5, 0, false, false, 0},
    {"before the switch, undone", {SAID(CLIENT_OK, pc1, 4, 3)}, 1, TARGET, 5, 0, false, false, 0},
    {"before, never switched", {SAID(CLIENT_OK, pc1, 4, 0)}, 1, TARGET, 5, 0, false, false, 0},
    {"nobody knows when", {SAID(CLIENT_OK, pc1, 4, 1)}, 1, TARGET, 0, 1, true, false, CLIENT_OK},
    {"failed", {BAD(pc1, 6)}, 1, TARGET, 5, 1, false, false, CLIENT_FAILED},
    {"ok, then failed elsewhere", {OK(pc1, 6), BAD(pc2, 7)}, 2, TARGET, 5, 2, true, false,
	CLIENT_FAILED},
    {"failed, then ok elsewhere", {BAD(pc1, 6), OK(pc2, 7)}, 2, TARGET, 5, 2, true, false,
	CLIENT_OK},
    {"ok on two", {OK(pc1, 7), OK(pc2, 6)}, 2, TARGET, 5, 2, true, true, CLIENT_OK},
    {"ok on two, one before", {SAID(CLIENT_OK, pc1, 4, 0), OK(pc2, 6)}, 2, TARGET, 5, 1, true,
	false, CLIENT_OK},
    {"an unnamed one may be any", {OK(unnamed, 7), OK(pc2, 6)}, 2, TARGET, 5, 2, true, false,
	CLIENT_OK},
};

static void
meaning(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
		const struct record r = {
		    .active = meanings[i].active, .switched_at = meanings[i].switched_at};
		struct client_reports all = {.n = meanings[i].n};
		struct client_verdict v;

		memcpy(all.v, meanings[i].v, sizeof meanings[i].v);
		v = client_judge(&all, &r);
		if (v.counts != meanings[i].counts || v.done != meanings[i].done ||
		    v.several != meanings[i].several ||
		    (v.last ? v.last->result : 0) != meanings[i].last)
			fail_msg("%s", meanings[i].what);
		assert_int_equal(client_wants_marker(&r, v.done), r.active == TARGET && !v.done);
		assert_int_equal(client_judge(&all, NULL).counts, 0);
	}
}

static void
what_is_known(void **state)
{
	char text[] = "x";
	struct client_report one = OK(pc1, 9);
	struct client_reports all = {.n = 1};
	struct client_value v = {.result = CLIENT_OK, .stated = 3, .machine = "PC1", .text = "x"};

	(void)state;
	one.stated = 3;
	one.text = text;
	all.v[0] = one;
	assert_true(client_is_known(&all, &v));
	v.stated = 4;
	assert_false(client_is_known(&all, &v));
	v.stated = 3;
	v.machine[2] = '2';
	assert_false(client_is_known(&all, &v));
	v.machine[2] = '1';
	v.text[0] = 'y';
	assert_false(client_is_known(&all, &v));
	v.text[0] = 'x';
	v.result = CLIENT_FAILED;
	assert_false(client_is_known(&all, &v));
}

/* ---- the map ---- */

static void
put(struct fixture *f, uint32_t link, uint8_t who, const char *machine, int64_t at)
{
	char name[80], text[] = "a; b";
	const struct client_report r = {.source = fixture_guid(who, 1),
	    .result = CLIENT_OK,
	    .origin = CLIENT_BY_ATTRIBUTE,
	    .at = at,
	    .stated = 5,
	    .about = 10,
	    .machine = name,
	    .text = text};
	struct err err;

	(void)snprintf(name, sizeof name, "%s", machine);
	assert_int_equal(store_put_client(f->t, link, &r, &err), 0);
}

static int
see(uint32_t link, struct client_report *r, void *arg, struct err *err)
{
	struct fixture *f = arg;

	(void)err;
	buf_printf(&f->seen, "%u %u %s %s %lld '%s'\n", link, fixture_number(&r->source),
	    r->machine, client_result_name(r->result), (long long)r->at, r->text);
	return 0;
}

static const char *
seen(struct fixture *f, uint32_t link, const struct guid *source)
{
	struct err err;

	buf_reset(&f->seen);
	assert_int_equal(store_each_client(f->t, link, source, see, f, &err), 0);
	return fixture_seen(f);
}

static void
kept(void **state)
{
	struct fixture *f = *state;
	struct guid one = fixture_guid(1, 1);
	struct err err;

	put(f, 1, 1, "PC1", 10);
	put(f, 1, 1, "PC2", 11);
	put(f, 1, 1, "PC1", 12);
	put(f, 1, 2, "", 13);
	put(f, 2, 1, "PC1", 14);
	assert_string_equal(seen(f, 1, &one), "1 1 PC1 ok 12 'a; b'\n1 1 PC2 ok 11 'a; b'\n");
	assert_string_equal(
	    seen(f, 1, NULL), "1 1 PC1 ok 12 'a; b'\n1 1 PC2 ok 11 'a; b'\n1 2  ok 13 'a; b'\n");
	assert_string_equal(seen(f, 2, NULL), "2 1 PC1 ok 14 'a; b'\n");
	assert_int_equal(store_clear_clients(f->t, 1, &one, &err), 0);
	assert_int_equal(store_clear_clients(f->t, 1, &one, &err), 0);
	assert_string_equal(seen(f, 1, NULL), "1 2  ok 13 'a; b'\n");
}

/* A user may make up machines: the oldest give way. */
static void
bounded(void **state)
{
	struct fixture *f = *state;
	struct guid one = fixture_guid(1, 1);
	_cleanup_(client_reports_done) struct client_reports all = {.n = 0};
	char name[16];
	struct err err;

	for (int i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof name, "PC%02d", i);
		put(f, 1, 1, name, 100 + i);
	}
	assert_int_equal(store_get_clients(f->t, 1, &one, &all, &err), 0);
	assert_int_equal(all.n, CLIENT_MACHINES_MAX);
	assert_string_equal(all.v[0].machine, "PC12");
	assert_string_equal(all.v[CLIENT_MACHINES_MAX - 1].machine, "PC19");
}

static void
damaged(void **state)
{
	_cleanup_(buf_done) struct buf b = {0};
	char text[] = "x";
	const struct client_report r = {
	    .result = CLIENT_OK, .origin = CLIENT_BY_SOCKET, .text = text, .machine = pc1};
	struct err err;

	(void)state;
	client_report_encode(&r, &b);
	for (size_t len = 0; len <= b.len; len++) {
		_cleanup_(client_report_done) struct client_report got = {.at = 0};
		struct bytes raw = {b.data, len};

		assert_int_equal(client_report_decode(raw, &got, &err), len == b.len ? 0 : -1);
	}
	for (size_t i = 0; i < 4; i++) {
		_cleanup_(client_report_done) struct client_report got = {.at = 0};
		uint8_t was = b.data[i];

		b.data[i] = 9;
		assert_int_equal(client_report_decode(buf_bytes(&b), &got, &err), -1);
		assert_non_null(strstr(err.text, "damaged report of a client"));
		b.data[i] = was;
	}
}

static void
as_json(void **state)
{
	const struct record r = {.active = TARGET, .switched_at = 1000000000};
	char text[] = "hm";
	struct client_reports all = {.v = {{.result = CLIENT_OK,
					       .origin = CLIENT_BY_SOCKET,
					       .at = 1000000000,
					       .about = 1000000000,
					       .machine = pc1,
					       .text = unnamed},
					 {.result = CLIENT_FAILED,
					     .origin = CLIENT_BY_ATTRIBUTE,
					     .at = 1,
					     .stated = 2,
					     .machine = pc2,
					     .text = text}},
	    .n = 2};
	const struct view_clients n = {1, 2, 3};

	(void)state;
	json_must_be(view_client(&all, &r),
	    "{\"result\":\"ok\",\"at\":\"" TIME "\",\"done\":true,\"several\":false,\"reports\":[{"
	    "\"machine\":\"PC1\",\"result\":\"ok\",\"at\":\"" TIME "\",\"stated\":null,"
	    "\"from\":\"socket\",\"text\":\"\",\"counts\":true},{\"machine\":\"PC2\","
	    "\"result\":\"failed\",\"at\":\"1970-01-01T00:00:01Z\","
	    "\"stated\":\"1970-01-01T00:00:02Z\",\"from\":\"attribute\",\"text\":\"hm\","
	    "\"counts\":false}]}");
	json_must_be(view_clients(&n), "{\"done\":1,\"failed\":2,\"several\":3}");
	all.n = 0;
	json_must_be(view_client(&all, &r), "null");
}

static void
counted(void **state)
{
	struct fixture *f = *state;
	uint32_t link = fixture_link(f->t, "acme-globex");
	struct view_clients n;
	struct err err;

	for (uint8_t i = 1; i <= 3; i++) {
		_cleanup_(record_free) struct record *r = NULL;
		uint64_t id = fixture_put(f->t, link, i);

		assert_int_equal(store_get(f->t, id, &r, &err), 0);
		r->active = i == 3 ? SOURCE : TARGET;
		r->switched_at = 10;
		assert_int_equal(store_put(f->t, r, &err), 0);
		put(f, link, i, "PC1", 11);
	}
	put(f, link, 2, "PC2", 12);
	put(f, link, 9, "PC1", 12);
	assert_int_equal(view_clients_count(f->t, link, &n, &err), 0);
	assert_int_equal(n.done, 2);
	assert_int_equal(n.failed, 0);
	assert_int_equal(n.several, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup_txn, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reading),
	    cmocka_unit_test(octets),
	    cmocka_unit_test(meaning),
	    cmocka_unit_test(what_is_known),
	    TEST(kept),
	    TEST(bounded),
	    cmocka_unit_test(damaged),
	    cmocka_unit_test(as_json),
	    TEST(counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
