/* SPDX-License-Identifier: MIT */

/*
 * The automatic switch: what the readiness attribute means, and cycles on two fake forests in which
 * it appears, goes, is limited, or fails.
 */

#include "tests/support/ready_fixture.h"

#include "dsa/base/clock.h"
#include "dsa/jobs/turns.h"
#include "dsa/rules/ready.h"

/* ---- the rule ---- */

static void
judged(void **state)
{
	static const struct {
		bool ready, record, used;
		enum side active;
		enum match_method rule;
		enum ready want;
	} rows[] = {
	    {false, false, false, SOURCE, MATCH_MAIL, READY_NOTHING},
	    {false, true, false, SOURCE, MATCH_RECORD, READY_NOTHING},
	    {false, true, true, SOURCE, MATCH_RECORD, READY_AGAIN},
	    {false, true, true, TARGET, MATCH_RECORD, READY_AGAIN},
	    {true, false, false, SOURCE, MATCH_MAIL, READY_SWITCH},
	    {true, false, false, SOURCE, MATCH_RECORD, READY_SWITCH},
	    {true, false, false, SOURCE, MATCH_STAMP, READY_USED},
	    {true, true, false, SOURCE, MATCH_RECORD, READY_SWITCH},
	    {true, true, false, SOURCE, MATCH_STAMP, READY_SWITCH},
	    {true, true, true, SOURCE, MATCH_RECORD, READY_NOTHING},
	    {true, true, false, TARGET, MATCH_RECORD, READY_NOTHING},
	};
	struct record *r = record_new();

	(void)state;
	assert_non_null(r);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		r->ready_used = rows[i].used;
		assert_int_equal(ready_judge(rows[i].ready, rows[i].record ? r : NULL, rows[i].rule,
				     rows[i].active),
		    rows[i].want);
	}
	record_free(r);
}

static void
values(void **state)
{
	char attr[] = "extensionAttribute10", value[] = "ready";
	struct conf_link link = {.readiness_attribute = attr, .readiness_value = value};
	struct entry *e = entry_new("CN=Ann");

	(void)state;
	assert_non_null(e);
	assert_false(ready_is(&link, e));
	assert_int_equal(entry_add_str(e, READY, "soon"), 0);
	assert_false(ready_is(&link, e));
	assert_int_equal(entry_add_str(e, READY, "READY"), 0);
	assert_true(ready_is(&link, e));
	link.readiness_value = NULL;
	assert_true(ready_is(&link, e));
	link.readiness_attribute = NULL;
	assert_false(ready_is(&link, e));
	entry_free(e);
}

/* ---- in cycles ---- */

static void
must_end(const struct run_result *r, void *arg)
{
	(void)arg;
	if (!r->ok)
		fail_msg("%s: %s", r->dn, r->text);
}

/* By hand. */
static void
undo(struct lab *l, const char *dn)
{
	struct dir *dir[SIDES] = {fakedir_connect(l->fd[SOURCE]), fakedir_connect(l->fd[TARGET])};
	const struct entry *e = fakedir_find(l->fd[SOURCE], lab_dn(SOURCE, dn));
	const struct run_observer o = {.result = must_end};
	struct run run = lab_run_of(l, dir[SOURCE], dir[TARGET]);
	struct turn_order order = {.turn = TURN_UNDO, .n = 1};
	struct err err;

	assert_non_null(e);
	order.sources = &e->guid;
	run.observer = &o;
	if (turns_run(&run, &order, &err) < 0)
		fail_msg("%s", err.text);
	dir_free(dir[SOURCE]);
	dir_free(dir[TARGET]);
	assert_false(switched(l, dn));
}

static void
appears_and_is_undone(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start(&l, &two, delta);
		lab_set(&l, SOURCE, "CN=Ann", READY, "not yet");
		run(&l);
		assert_false(switched(&l, "CN=Ann"));
		lab_set(&l, SOURCE, "CN=Ann", READY, "ready");
		run(&l);
		assert_int_equal(l.res.ready, 1);
		assert_int_equal(l.res.switched, 1);
		assert_true(switched(&l, "CN=Ann"));
		assert_false(switched(&l, "CN=Bea"));
		assert_non_null(
		    strstr(lab_notes(&l), "switched: '" READY "' says that it is ready"));
		/* Each change is told, those of the turn too. */
		assert_int_equal(l.told[RUN_CHANGED], l.res.applied + 2);
		run(&l);
		assert_int_equal(l.res.ready, 0);
		undo(&l, "CN=Ann");
		/* It is still there, and that counts no more. */
		for (int i = 0; i < 3; i++) {
			run(&l);
			assert_int_equal(l.res.ready, 0);
			lab_set(&l, SOURCE, "CN=Ann", "title", i % 2 ? "Chief" : "Boss");
		}
		lab_set(&l, SOURCE, "CN=Ann", READY, NULL);
		run(&l);
		assert_false(switched(&l, "CN=Ann"));
		lab_set(&l, SOURCE, "CN=Ann", READY, "ready");
		run(&l);
		assert_true(switched(&l, "CN=Ann"));
		/* What goes afterwards does not turn it back. */
		lab_set(&l, SOURCE, "CN=Ann", READY, NULL);
		run(&l);
		assert_true(switched(&l, "CN=Ann"));
		lab_close(&l);
	}
}

static void
ready_from_the_beginning(void **state)
{
	static const struct scenario sc = {.name = "ready before it is there",
	    .link = LINK,
	    .source = {MAILBOX("Ann", "ann", READY ": ready\n")}};
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	run(&l);
	assert_non_null(strstr(lab_notes(&l), "Exchange has not finished the mailbox"));
	run(&l);
	assert_null(strstr(lab_notes(&l), "Exchange has not finished"));
	assert_false(switched(&l, "CN=Ann"));
	is_finished(&l, "CN=Ann");
	l.delta = true;
	run(&l);
	assert_true(switched(&l, "CN=Ann"));
	run(&l);
	assert_int_equal(l.res.changes + l.res.switched, 0);
	lab_close(&l);
}

static void
only_planned(void **state)
{
	_cleanup_(free) char *plan = NULL;
	struct lab l;

	(void)state;
	start(&l, &two, false);
	lab_set(&l, SOURCE, "CN=Ann", READY, "ready");
	plan = lab_plan(&l);
	assert_non_null(strstr(plan, "# ready to be switched: CN=Ann,OU=Staff,DC=acme"));
	assert_null(strstr(plan, "switched: CN=Bea"));
	assert_int_equal(l.res.ready, 1);
	assert_int_equal(l.res.switched, 0);
	assert_false(switched(&l, "CN=Ann"));
	lab_close(&l);
}

/* A comment of a plan shows the name and does what the name says: nothing. */
static void
planned_with_an_odd_name(void **state)
{
#define ODD "Ann \xe2\x80\xaegro\xe2\x80\xac"
	static const struct scenario sc = {
	    .name = "odd name", .link = LINK, .source = {MAILBOX(ODD, "ann", "")}};
	_cleanup_(free) char *plan = NULL;
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	run(&l);
	is_finished(&l, "CN=" ODD);
	run(&l);
	lab_set(&l, SOURCE, "CN=" ODD, READY, "ready");
	plan = lab_plan(&l);
	assert_non_null(strstr(plan, "# ready to be switched: CN=Ann \\u202Egro\\u202C,OU="));
	assert_null(strstr(plan, ODD));
	lab_close(&l);
}

/* ---- limits ---- */

static void
too_many(void **state)
{
	static const struct scenario sc = {.name = "too many",
	    .link = LINK "limits = { switches = 1; };",
	    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", "")}};

	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start(&l, &sc, delta);
		lab_set(&l, SOURCE, "CN=Ann", READY, "ready");
		lab_set(&l, SOURCE, "CN=Bea", READY, "ready");
		lab_set(&l, SOURCE, "CN=Bea", "title", "Boss");
		/* Held, again and again; the rest of the cycle is done. */
		for (int i = 0; i < 2; i++) {
			run(&l);
			assert_true(l.res.held);
			assert_non_null(strstr(l.res.held_why, "2 mailboxes are ready"));
			assert_non_null(strstr(l.res.held_why, "limits.switches"));
			assert_false(switched(&l, "CN=Ann") || switched(&l, "CN=Bea"));
			assert_true(lab_has(&l, TARGET, "CN=Bea", "title", "Boss"));
		}
		lab_set(&l, SOURCE, "CN=Bea", READY, NULL);
		/* Ann is no part of that delta. */
		if (delta) {
			assert_int_equal(lab_cycle(&l, NULL), 0);
			assert_true(l.needs_full);
		}
		l.delta = false;
		run(&l);
		assert_false(l.res.held);
		assert_true(switched(&l, "CN=Ann"));
		assert_false(switched(&l, "CN=Bea"));
		lab_close(&l);
	}
}

static void
held_by_others(void **state)
{
	static const struct scenario sc = {.name = "held",
	    .link = LINK "limits = { deletes = 0; };",
	    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", "")}};
	struct lab l;

	(void)state;
	start(&l, &sc, true);
	lab_set(&l, SOURCE, "CN=Ann", READY, "ready");
	lab_delete(&l, SOURCE, "CN=Bea");
	run(&l);
	assert_true(l.res.held);
	assert_non_null(strstr(l.res.held_why, "limits.deletes"));
	assert_false(switched(&l, "CN=Ann"));
	assert_non_null(
	    strstr(lab_notes(&l), "ready, but not switched: not while the link is held"));
	lab_close(&l);
}

/* ---- what fails ---- */

static int
take_why(const struct store_retry *r, void *arg, struct err *err)
{
	(void)err;
	buf_printf(arg, "%u %s; ", r->attempts, r->why);
	return 0;
}

static void
get_retries(struct lab *l, struct buf *ret)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct err err;

	buf_reset(ret);
	buf_add(ret, "", 0);
	assert_int_equal(store_begin(l->store, STORE_READ, &t, &err), 0);
	assert_int_equal(store_each_retry(t, 1, 0, take_why, ret, &err), 0);
}

/* As if the last attempt was long ago. */
static void
time_passes(struct lab *l, const char *why)
{
	const struct entry *e = fakedir_find(l->fd[SOURCE], lab_dn(SOURCE, "CN=Ann"));
	struct store_txn *t = NULL;
	struct err err;

	assert_non_null(e);
	assert_int_equal(store_begin(l->store, STORE_WRITE, &t, &err), 0);
	assert_int_equal(
	    store_put_retry(t, 1, &e->guid, e->dn, why, clock_realtime_s() - 7200, &err), 0);
	assert_int_equal(store_commit(t, &err), 0);
}

static void
fails_and_is_tried_again(void **state)
{
	_cleanup_(buf_done) struct buf retries = {0};
	char why[512];
	struct lab l;

	(void)state;
	start(&l, &two, true);
	lab_set(&l, SOURCE, "CN=Ann", "targetAddress", "SMTP:elsewhere@example.org");
	lab_set(&l, SOURCE, "CN=Ann", READY, "ready");
	lab_set(&l, SOURCE, "CN=Bea", READY, "ready");
	assert_int_equal(lab_cycle(&l, NULL), 0);
	/* One that fails harms no other. */
	assert_true(switched(&l, "CN=Bea"));
	assert_int_equal(l.res.ready, 2);
	assert_int_equal(l.res.switched, 1);
	assert_int_equal(l.res.problems, 1);
	assert_non_null(
	    strstr(lab_notes(&l), "ready, but not switched: the source object redirects"));
	get_retries(&l, &retries);
	assert_int_equal(strncmp((char *)retries.data, "1 ready, but not switched", 25), 0);
	(void)snprintf(why, sizeof why, "%s", (char *)retries.data + 2);
	why[strlen(why) - 2] = '\0';
	/* Before it is due there is no other look. */
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_int_equal(l.res.ready, 0);
	/* The same again is not told again. */
	time_passes(&l, why);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_int_equal(l.res.problems, 1);
	assert_null(strstr(lab_notes(&l), "not switched"));
	get_retries(&l, &retries);
	assert_int_equal(strncmp((char *)retries.data, "3 ready, but not switched", 25), 0);
	/* What changes is looked at at once. */
	lab_set(&l, SOURCE, "CN=Ann", "targetAddress", NULL);
	run(&l);
	assert_true(switched(&l, "CN=Ann"));
	time_passes(&l, why);
	run(&l);
	get_retries(&l, &retries);
	assert_string_equal(retries.data, "");
	lab_close(&l);
}

static void
unknown_attribute(void **state)
{
	static const struct scenario sc = {.name = "unknown attribute",
	    .link = "readiness_attribute = \"noSuchAttribute\";",
	    .source = {MAILBOX("Ann", "ann", "")}};
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	assert_int_equal(lab_cycle(&l, NULL), -1);
	assert_non_null(strstr(l.err.text,
	    "galsync.conf:9: links[0].readiness_attribute: 'noSuchAttribute': the schema of "
	    "forest 'acme' has no such attribute"));
	lab_close(&l);
}

static void
map_lost(void **state)
{
	struct record *r;
	struct lab l;

	(void)state;
	start(&l, &two, false);
	lab_set(&l, SOURCE, "CN=Ann", READY, "ready");
	run(&l);
	undo(&l, "CN=Ann");
	lab_set(&l, SOURCE, "CN=Bea", READY, "ready");
	lab_lose_map(&l);
	run(&l);
	run(&l);
	/* Nobody knows whether they were switched and undone before. */
	assert_false(switched(&l, "CN=Ann") || switched(&l, "CN=Bea"));
	r = lab_record(&l, "CN=Ann");
	assert_true(r && r->ready_used);
	record_free(r);
	lab_set(&l, SOURCE, "CN=Bea", READY, NULL);
	run(&l);
	lab_set(&l, SOURCE, "CN=Bea", READY, "ready");
	run(&l);
	assert_true(switched(&l, "CN=Bea"));
	assert_false(switched(&l, "CN=Ann"));
	lab_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(judged),
	    cmocka_unit_test(values),
	    cmocka_unit_test(appears_and_is_undone),
	    cmocka_unit_test(ready_from_the_beginning),
	    cmocka_unit_test(only_planned),
	    cmocka_unit_test(planned_with_an_odd_name),
	    cmocka_unit_test(too_many),
	    cmocka_unit_test(held_by_others),
	    cmocka_unit_test(fails_and_is_tried_again),
	    cmocka_unit_test(unknown_attribute),
	    cmocka_unit_test(map_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
