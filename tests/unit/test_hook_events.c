/* SPDX-License-Identifier: MIT */

/* What a hook is told of recipients that are created, matched or left. */

#include "tests/support/limits_fixture.h"

#include <jansson.h>

#include "mapping/event.h"
#include "tests/support/heir_fixture.h"

#define ASKED(kinds) HEIR_RETURN "hook = \"/bin/true\"; hook_events = [ " kinds " ];"
#define IDA_CONTACT "CN=Ida Native" GAL

static const struct scenario people = {.name = "told",
    .link = ASKED("\"created\", \"matched\", \"left\""),
    .source = {GAL_OU, MAILBOX("Ann", "ann", ""), CONTACT("Cid", "cid", "")},
    .target = {PEOPLE_OU, NATIVE("Ida Native", "ida", "")}};

/* "event origin kind DN-of-what-was-written", a line each. */
static int
put_line(struct store_event *e, void *arg, struct err *err)
{
	json_t *o = json_loads(e->body, 0, NULL);
	const char *event, *origin, *kind, *dn[SIDES];
	struct buf *b = arg;

	(void)err;
	assert_int_equal(
	    json_unpack(o, "{s:s, s:s, s:s, s:{s:s}, s:{s:s}}", "event", &event, "origin", &origin,
		"kind", &kind, "source", "dn", &dn[SOURCE], "target", "dn", &dn[TARGET]),
	    0);
	buf_printf(b, "%s %s %s %s\n", event, origin, kind,
	    dn[strcmp(origin, "source") == 0 ? TARGET : SOURCE]);
	json_decref(o);
	return 0;
}

/* Exactly this, of the flow FLOW, in any order of the objects. */
static void
expect_told(struct lab *l, const char *const *want, size_t n)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct store_txn *t;
	struct err err;
	size_t lines = 0;

	buf_printf(&b, "\n");
	assert_int_equal(store_begin(l->store, STORE_READ, &t, &err), 0);
	assert_int_equal(store_each_event(t, 0, put_line, &b, &err), 0);
	store_abort(t);
	for (size_t i = 1; i < b.len; i++)
		lines += b.data[i] == '\n';
	for (size_t i = 0; i < n; i++) {
		_cleanup_(free) char *line = str_printf("\n%s\n", want[i]);

		if (!strstr((const char *)b.data, line))
			fail_msg("not told: %s; told:%s", want[i], (const char *)b.data);
	}
	if (lines != n)
		fail_msg("%zu lines, not %zu:%s", lines, n, (const char *)b.data);
}
#define EXPECT_TOLD(l, ...)                                                                        \
	expect_told(l, (const char *const[]){__VA_ARGS__},                                         \
	    sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static int
drop(struct store_event *e, void *arg, struct err *err)
{
	return store_delete_event(arg, e, err);
}

/* It was told. */
static void
forget(struct lab *l)
{
	struct store_txn *t;
	struct err err;

	assert_int_equal(store_begin(l->store, STORE_WRITE, &t, &err), 0);
	assert_int_equal(store_each_event(t, 0, drop, t, &err), 0);
	assert_int_equal(store_commit(t, &err), 0);
}

#define CREATED(what, cn) "created " what " CN=" cn
#define IDA_TOLD "created target user CN=Ida Native,OU=Globex GAL,DC=acme,DC=example"

static void
each_once(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		lab_open(&l, &people);
		heir_must(&l, "begin");
		EXPECT_TOLD(&l, CREATED("source user", "Ann" GLOBEX),
		    CREATED("source contact", "Cid" GLOBEX), IDA_TOLD);
		forget(&l);
		l.delta = delta;
		lab_set(&l, SOURCE, "CN=Ann", "title", "Chief");
		heir_must(&l, "what is changed is not new");
		lab_add(&l, TARGET,
		    THERE("user", "Eve", "sAMAccountName: eve\nmail: eve@acme.example\n"));
		lab_add(&l, SOURCE, MAILBOX("Eve", "eve", ""));
		lab_delete(&l, SOURCE, "CN=Cid");
		lab_set(&l, SOURCE, "CN=Ann", "msExchHideFromAddressLists", "TRUE");
		lab_delete(&l, TARGET, "CN=Ida Native" PEOPLE);
		heir_must(&l, "all sorts");
		heir_must(&l, "once");
		EXPECT_TOLD(&l, "matched source user CN=Eve" GLOBEX,
		    "left source contact CN=Cid" GLOBEX, "left source user CN=Ann" GLOBEX,
		    "left target user CN=Ida Native,OU=Globex GAL,DC=acme,DC=example");
		forget(&l);
		l.delta = false;
		heir_must(&l, "in full");
		heir_must(&l, "again");
		expect_told(&l, NULL, 0);
		lab_close(&l);
	}
}

/* Without a word in the configuration of turns alone. */
static void
as_before(void **state)
{
	struct scenario sc = people;
	struct lab l;

	(void)state;
	sc.link = HEIR_RETURN "hook = \"/bin/true\";";
	lab_open(&l, &sc);
	heir_must(&l, "begin");
	lab_delete(&l, SOURCE, "CN=Cid");
	heir_must(&l, "it leaves");
	expect_told(&l, NULL, 0);
	lab_close(&l);
}

/* A process that dies behind the add: that it was created is told with its record. */
static void
after_a_crash(void **state)
{
	(void)state;
	for (unsigned at = 1; at < 6; at++) {
		struct tap tap = {.stop_at = at, .how = TAP_STOP_AFTER};
		struct lab l;

		lab_open(&l, &people);
		l.dies = true;
		(void)!lab_cycle(&l, &tap);
		tap_done(&tap);
		l.dies = false;
		heir_must(&l, "it goes on");
		heir_must(&l, "once more");
		EXPECT_TOLD(&l, CREATED("source user", "Ann" GLOBEX),
		    CREATED("source contact", "Cid" GLOBEX), IDA_TOLD);
		lab_close(&l);
	}
}

/* What a new map finds again is nothing new. */
static void
after_a_lost_map(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	heir_must(&l, "begin");
	lab_lose_map(&l);
	heir_must(&l, "a new map");
	expect_told(&l, NULL, 0);
	lab_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(each_once), cmocka_unit_test(as_before),
	    cmocka_unit_test(after_a_crash), cmocka_unit_test(after_a_lost_map)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
