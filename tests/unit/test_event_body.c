/* SPDX-License-Identifier: MIT */

/* What a hook is told of a turn, and that it is put down exactly with the turn's record. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "dsa/jobs/turns.h"
#include "redirect/event_body.h"
#include "tests/support/scenario.h"

static const char *
member(const json_t *o, const char *side, const char *key)
{
	const json_t *v = json_object_get(side ? json_object_get(o, side) : o, key);

	assert_non_null(v);
	return json_is_null(v) ? "null" : json_string_value(v);
}

static struct record *
some_record(void)
{
	struct record *r = record_new();

	assert_non_null(r);
	r->side[SOURCE].guid.octets[15] = 1;
	r->side[TARGET].guid.octets[15] = 2;
	assert_int_equal(record_set_str(&r->side[SOURCE].dn, "CN=Ann" ACME), 0);
	assert_int_equal(record_set_str(&r->side[TARGET].dn, "CN=Ann" GLOBEX), 0);
	assert_int_equal(record_set_str(&r->alias, "ann"), 0);
	assert_int_equal(record_add_legacy_dn(&r->side[TARGET], "/o=Globex/cn=ann"), 0);
	return r;
}

static void
members(void **state)
{
	_cleanup_(record_free) struct record *r = some_record();
	_cleanup_(entry_free) struct entry *e = entry_new("CN=Ann,OU=New,DC=acme,DC=example");
	_cleanup_(free) char *body = NULL, *line = NULL;
	struct store_event ev = {.number = 7, .at = 1000000000, .attempts = 2};
	json_t *o;

	(void)state;
	assert_non_null(e);
	assert_int_equal(entry_add_str(e, "proxyAddresses", "smtp:ann@redirect.acme.example"), 0);
	assert_int_equal(entry_add_str(e, "proxyAddresses", "SMTP:Ann@acme.example"), 0);
	assert_int_equal(entry_add_str(e, "mailNickname", "Ann"), 0);
	assert_int_equal(entry_add_str(e, "displayName", "Ann \"\\ \xc3\x9c\n\xff"), 0);
	r->active = TARGET;
	body = event_body(&(struct event_facts){.kind = EVENT_SWITCHED,
	    .link = "acme-globex",
	    .at = 1000000000,
	    .forest = {"acme", "globex"},
	    .server = {"dc1.acme.example", NULL},
	    .redirect_domain = {"redirect.acme.example", NULL},
	    .record = r,
	    .side = {e, NULL}});
	assert_non_null(body);
	ev.body = body;
	ev.source = r->side[SOURCE].guid;
	line = event_body_complete(&ev);
	assert_non_null(line);
	/* One line: who reads a line has all of it. */
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	o = json_loads(line, 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(o, "version")), 1);
	assert_int_equal(json_integer_value(json_object_get(o, "attempt")), 3);
	assert_string_equal(
	    member(o, NULL, "id"), "00000000-0000-0000-0000-000000000001-1000000000-7");
	assert_string_equal(member(o, NULL, "event"), "switched");
	assert_string_equal(member(o, NULL, "link"), "acme-globex");
	assert_string_equal(member(o, NULL, "time"), "2001-09-09T01:46:40Z");
	assert_string_equal(member(o, NULL, "active"), "target");
	assert_string_equal(member(o, "source", "forest"), "acme");
	assert_string_equal(member(o, "source", "server"), "dc1.acme.example");
	assert_string_equal(member(o, "source", "dn"), "CN=Ann,OU=New,DC=acme,DC=example");
	assert_string_equal(member(o, "source", "guid"), "00000000-0000-0000-0000-000000000001");
	assert_string_equal(member(o, "source", "mail"), "Ann@acme.example");
	assert_string_equal(member(o, "source", "alias"), "Ann");
	assert_string_equal(member(o, "source", "redirectAddress"), "ann@redirect.acme.example");
	assert_string_equal(member(o, "source", "targetAddress"), "null");
	assert_non_null(strstr(member(o, "source", "displayName"), "\\xFF"));
	/* What was not read is what the map knows. */
	assert_string_equal(member(o, "target", "dn"), "CN=Ann" GLOBEX);
	assert_string_equal(member(o, "target", "legacyExchangeDN"), "/o=Globex/cn=ann");
	assert_string_equal(member(o, "target", "mail"), "null");
	assert_string_equal(member(o, "target", "alias"), "null");
	json_decref(o);
}

static void
a_report(void **state)
{
	_cleanup_(record_free) struct record *r = record_new();
	char machine[] = "PC-1", text[] = "\x1b[2J";
	const struct client_report c = {.result = CLIENT_FAILED, .machine = machine, .text = text};
	_cleanup_(free) char *body = event_body(
	    &(struct event_facts){.kind = EVENT_REPORTED, .link = "l", .record = r, .client = &c});

	(void)state;
	assert_non_null(body);
	assert_non_null(strstr(body, "\"event\":\"reported\""));
	assert_non_null(strstr(body,
	    "\"client\":{\"result\":\"failed\",\"machine\":\"PC-1\",\"text\":\"\\u001B[2J\"}"));
}

static void
a_wave(void **state)
{
	char name[] = "Sales", dn[] = "CN=Jo", text[] = "no mailbox";
	const struct wave w = {
	    .id = 7, .name = name, .ended_at = 1000000000, .total = 3, .succeeded = 1, .failed = 2};
	struct wave_member m = {.result = WAVE_SUCCEEDED, .dn = dn, .text = text};
	json_t *failures = json_array();
	_cleanup_(free) char *body = NULL;

	(void)state;
	event_wave_failure(&failures, &m);
	m.result = WAVE_FAILED;
	event_wave_failure(&failures, &m);
	body = event_wave_body("l", &w, failures);
	assert_string_equal(body,
	    "{\"version\":1,\"event\":\"wave\",\"link\":\"l\",\"time\":\"2001-09-09T01:46:40Z\","
	    "\"wave\":{\"id\":7,\"name\":\"Sales\",\"undo\":false,\"total\":3,\"succeeded\":1,"
	    "\"failed\":2,\"failures\":[{\"dn\":\"CN=Jo\",\"text\":\"no mailbox\"}]}}");
	failures = json_array();
	for (int i = 0; i < EVENT_WAVE_FAILURES + 5; i++)
		event_wave_failure(&failures, &m);
	assert_int_equal(json_array_size(failures), EVENT_WAVE_FAILURES);
	json_decref(failures);
}

/* A body that is none is not passed on. */
static void
no_body(void **state)
{
	static const char *const bad[] = {"", "{", "[]", "7", "{\"a\":1,\"a\":2}", "{}x"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_null(
		    event_body_complete(&(struct store_event){.body = (char *)(uintptr_t)bad[i]}));
}

/* ---- with the turn ---- */

static const struct scenario people = {.name = "people",
    .link = "hook = \"/bin/true\";",
    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Cid", "cid", "")}};
static const struct scenario untold = {.name = "untold", .source = {MAILBOX("Ann", "ann", "")}};

static enum turn turn_now;

static int
turn_ann(struct lab *l, struct run *run, void *arg)
{
	struct guid g;
	const struct turn_order o = {.turn = turn_now, .force = true, .sources = &g, .n = 1};

	(void)arg;
	assert_true(guid_parse(lab_source_guid(l, "CN=Ann"), &g));
	return turns_run(run, &o, &l->err);
}

static int
turn(struct lab *l, enum turn which, struct tap *tap)
{
	turn_now = which;
	return lab_act(l, tap, turn_ann, NULL);
}

static int
count(struct store_event *e, void *arg, struct err *err)
{
	unsigned *n = arg;

	(void)err;
	assert_false(e->damaged);
	assert_int_equal(e->attempts, 0);
	n[e->kind]++;
	return 0;
}

static void
assert_events(struct lab *l, unsigned switched, unsigned undone)
{
	unsigned n[EVENT_UNDONE + 1] = {0};
	struct store_txn *t = NULL;

	assert_int_equal(store_begin(l->store, STORE_READ, &t, &l->err), 0);
	assert_int_equal(store_each_event(t, 0, count, n, &l->err), 0);
	store_abort(t);
	assert_int_equal(n[EVENT_SWITCHED], switched);
	assert_int_equal(n[EVENT_UNDONE], undone);
}

static enum side
active(struct lab *l)
{
	_cleanup_(record_free) struct record *r = lab_record(l, "CN=Ann");

	assert_non_null(r);
	return r->active;
}

static void
told_once(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	lab_run(&l);
	assert_int_equal(turn(&l, TURN_SWITCH, NULL), 0);
	assert_int_equal(active(&l), TARGET);
	assert_events(&l, 1, 0);
	/* Nothing happens, so there is nothing to tell. */
	assert_int_equal(turn(&l, TURN_SWITCH, NULL), 0);
	assert_events(&l, 1, 0);
	assert_int_equal(turn(&l, TURN_UNDO, NULL), 0);
	assert_events(&l, 1, 1);
	/* It was broken, and is put right: the owner's mailbox is where it was. */
	lab_set(&l, TARGET, "CN=Ann", "targetAddress", NULL);
	assert_int_equal(turn(&l, TURN_UNDO, NULL), 0);
	assert_events(&l, 1, 1);
	lab_close(&l);
}

static void
nobody_to_tell(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &untold);
	lab_run(&l);
	assert_int_equal(turn(&l, TURN_SWITCH, NULL), 0);
	assert_int_equal(active(&l), TARGET);
	assert_events(&l, 0, 0);
	lab_close(&l);
}

/* The process dies at step AT of a switch: after the next cycle, which finishes or turns back what
 * was begun, an event is there exactly if the record says switched. */
static unsigned
die_at(unsigned at, enum tap_stop how)
{
	struct tap tap = {.stop_at = at, .how = how, .count_reads = true};
	unsigned steps;
	struct lab l;

	lab_open(&l, &people);
	lab_run(&l);
	l.dies = true;
	(void)turn(&l, TURN_SWITCH, &tap);
	l.dies = false;
	steps = tap.steps;
	tap_done(&tap);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_string_equal(l.why, "");
	assert_events(&l, active(&l) == TARGET, 0);
	lab_close(&l);
	return steps;
}

static void
dies(void **state)
{
	unsigned n = die_at(0, TAP_STOP_BEFORE);

	(void)state;
	assert_true(n > 4);
	for (unsigned at = 1; at <= n; at++)
		for (int how = TAP_STOP_BEFORE; how <= TAP_STOP_DROP; how++)
			(void)die_at(at, (enum tap_stop)how);
}

/* The second change is refused: the mailbox is turned back, and nobody hears of it. */
static void
turned_back(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	lab_run(&l);
	assert_int_equal(fakedir_refuse(l.fd[SOURCE], lab_dn(SOURCE, "CN=Ann"), 50), 0);
	assert_int_equal(turn(&l, TURN_SWITCH, NULL), 0);
	assert_int_equal(fakedir_refuse(l.fd[SOURCE], NULL, 0), 0);
	assert_int_equal(active(&l), SOURCE);
	assert_events(&l, 0, 0);
	lab_close(&l);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(members),
	    cmocka_unit_test(a_report), cmocka_unit_test(a_wave), cmocka_unit_test(no_body),
	    cmocka_unit_test(told_once), cmocka_unit_test(nobody_to_tell), cmocka_unit_test(dies),
	    cmocka_unit_test(turned_back)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
