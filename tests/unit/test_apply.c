/* SPDX-License-Identifier: MIT */

/* A saved plan: a cycle makes its steps and no others, octet by octet, whatever the file says. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"
#include "dsa/exec/plan_choice.h"
#include "mapping/journal.h"
#include "tests/support/heir_fixture.h"
#include "tests/support/scenario_priv.h"

static const struct scenario people = {.name = "people",
    .source = {MAILBOX("Ann", "ann", "title: Boss\n"), MAILBOX("Bea", "bea", ""),
	MAILBOX("Cid", "cid", ""), GROUP("Sales", "sales", MEMBER("Ann") MEMBER("Bea"))}};

/* ---- saving ---- */

struct saved {
	char *text;
	size_t len;
	struct plan_choice *choice;
	struct buf ldif; /* of its changes */
};

static int
save_plan(struct lab *l, struct run *run, void *arg)
{
	const struct cycle_options opt = {
	    .plan_only = true, .plan_to = arg, .plan_form = PLAN_FORM_LINES};
	struct cycle_result res[SIDES];
	int rc = sync_link(run, true, &opt, res, &l->err);

	l->res = res[SOURCE];
	return rc;
}

/* Takes the step for the choice, and its changes as LDIF. */
static void
choose(struct saved *s, const struct plan_reader *r, const struct plan_step *step)
{
	struct plan_chosen x = {.originals = plan_reader_flow(r),
	    .source = step->guid,
	    .dn = step->changes[0].change->dn};
	struct err err;

	assert_int_equal(plan_step_digest(step, x.originals, x.digest, &err), 0);
	assert_int_equal(plan_choice_add(s->choice, &x, &err), 0);
	for (size_t i = 0; i < step->n_changes; i++)
		change_to_ldif(step->changes[i].change, &s->ldif);
}

/* The steps whose line has WORD in it (NULL: all), with FROM replaced by TO (NULL: as they are). */
static size_t
choose_lines(struct saved *s, const char *word, const char *from, const char *to)
{
	_cleanup_(plan_reader_free) struct plan_reader *r = NULL;
	_cleanup_(buf_done) struct buf head = {0};
	struct err err = {.text = ""};
	size_t n = 0;

	assert_int_equal(plan_choice_new(&s->choice, &err), 0);
	assert_int_equal(plan_reader_new("plan", &r, &err), 0);
	plan_text_head("link", 1700000000, &head);
	buf_add(&head, s->text, s->len);
	for (char *line = (char *)head.data, *end; (end = strchr(line, '\n')); line = end + 1) {
		_cleanup_(plan_line_done) struct plan_line l = {.json = NULL};
		_cleanup_(buf_done) struct buf b = {0};
		char *at;

		*end = '\0';
		at = from ? strstr(line, from) : NULL;
		buf_printf(&b, "%.*s%s%s", at ? (int)(at - line) : (int)strlen(line), line,
		    at ? to : "", at ? at + strlen(from) : "");
		if (plan_reader_take(r, buf_bytes(&b), &l, &err) < 0)
			fail_msg("%s\n%s", err.text, line);
		if (!l.step || l.held || (word && !strstr(line, word)))
			continue;
		choose(s, r, l.step);
		n++;
	}
	return n;
}

static void
save(struct lab *l, struct saved *ret)
{
	FILE *to;

	*ret = (struct saved){.text = NULL};
	to = open_memstream(&ret->text, &ret->len);
	assert_non_null(to);
	assert_int_equal(lab_act(l, NULL, save_plan, to), 0);
	assert_int_equal(fclose(to), 0);
}

static void
forget(struct saved *s)
{
	plan_choice_free(TAKE(s->choice));
	buf_done(&s->ldif);
	free(TAKE(s->text));
}

/* ---- applying ---- */

static int
apply_plan(struct lab *l, struct run *run, void *arg)
{
	const struct cycle_options opt = {.only = arg};
	struct cycle_result res[SIDES];
	int rc = sync_link(run, true, &opt, res, &l->err);

	l->res = res[SOURCE];
	return rc;
}

struct end {
	size_t made, refused;
	const char *why; /* of the last one that was refused */
	const char *dn;
};

static struct end
apply(struct lab *l, struct saved *s, struct tap *tap)
{
	struct end e = {.why = "", .dn = ""};

	if (lab_act(l, tap, apply_plan, s->choice) < 0)
		fail_msg("%s", l->err.text);
	assert_int_equal(plan_choice_close(s->choice, &l->err), 0);
	for (size_t i = 0; i < plan_choice_count(s->choice); i++) {
		const struct plan_chosen *c = plan_choice_get(s->choice, i);

		assert_int_not_equal(c->state, PLAN_CHOSEN_OPEN);
		e.made += c->state == PLAN_CHOSEN_MADE;
		e.refused += c->state == PLAN_CHOSEN_REFUSED;
		if (c->state == PLAN_CHOSEN_REFUSED) {
			e.why = c->why;
			e.dn = c->dn;
		}
	}
	return e;
}

static bool
has_cursor(struct lab *l, enum side side)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct bytes cursor = {NULL, 0};
	uint32_t id;
	bool any;

	assert_int_equal(store_begin(l->store, STORE_READ, &t, &l->err), 0);
	assert_int_equal(store_link_id(t, l->link->name, &id, &l->err), 0);
	assert_int_equal(store_get_cursor(t, id, side, &cursor, &l->err), 0);
	any = cursor.data != NULL;
	free((void *)(uintptr_t)cursor.data);
	return any;
}

/* Each change of S was made as it was saved, and nothing else. */
static void
same_changes(const struct saved *s, struct tap *tap)
{
	const char *at = (char *)s->ldif.data, *end;
	size_t len = 0;

	for (; at && *at && (end = strstr(at, "\n\n")); at = end + 2) {
		_cleanup_(free) char *block = strndup(at, (size_t)(end + 2 - at));

		assert_non_null(block);
		if (!strstr((char *)tap->text.data, block))
			fail_msg("not made:\n%s", block);
		len += strlen(block);
	}
	for (const char *p = (char *)tap->text.data; (p = strstr(p, "# forest ")); p++)
		len += strcspn(p, "\n") + 1;
	assert_int_equal(len, tap->text.len);
}

struct journaled {
	const struct saved *s;
	size_t n;
};

static int
take_journaled(const struct journal_entry *e, void *arg, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct journaled *j = arg;

	(void)err;
	change_to_ldif(e->change, &b);
	if (!strstr((char *)j->s->ldif.data, (char *)b.data))
		fail_msg("not saved:\n%s", (char *)b.data);
	assert_int_equal(e->outcome, JOURNAL_DONE);
	j->n++;
	return 0;
}

/* The journal has the changes of S, under the number of the cycle, and nothing else. */
static void
same_journal(struct lab *l, const struct saved *s)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct journaled j = {.s = s};
	size_t n = 0;

	for (const char *p = (char *)s->ldif.data; (p = strstr(p, "changetype: ")); p++)
		n++;
	assert_int_equal(store_begin(l->store, STORE_READ, &t, &l->err), 0);
	assert_int_equal(journal_each(t, l->res.number, take_journaled, &j, &l->err), 0);
	assert_int_equal(j.n, n);
}

static void
all_of_it(void **state)
{
	struct tap tap = {.stop_at = 0};
	struct saved s;
	struct lab l;
	struct end e;
	size_t n;

	(void)state;
	lab_open(&l, &people);
	save(&l, &s);
	n = choose_lines(&s, NULL, NULL, NULL);
	e = apply(&l, &s, &tap);
	assert_int_equal(e.made, n);
	assert_int_equal(e.refused, 0);
	assert_int_equal(plan_choice_others(s.choice), 0);
	same_changes(&s, &tap);
	same_journal(&l, &s);
	assert_true(l.res.number > 0);
	assert_false(has_cursor(&l, SOURCE));
	assert_false(has_cursor(&l, TARGET));
	/* What there is now is what a cycle would have made. */
	lab_run_silent(&l);
	lab_run_idle(&l);
	assert_true(has_cursor(&l, SOURCE));
	tap_done(&tap);
	forget(&s);
	lab_close(&l);
}

static void
again_does_nothing(void **state)
{
	struct saved s, again;
	struct lab l;
	struct end e;
	size_t n;

	(void)state;
	lab_open(&l, &people);
	save(&l, &s);
	again = (struct saved){.text = strdup(s.text), .len = s.len};
	n = choose_lines(&s, NULL, NULL, NULL);
	assert_int_equal(apply(&l, &s, NULL).made, n);
	assert_int_equal(choose_lines(&again, NULL, NULL, NULL), n);
	e = apply(&l, &again, NULL);
	assert_int_equal(e.made, 0);
	assert_int_equal(e.refused, n);
	assert_non_null(strstr(e.why, "nothing of it is to be done now"));
	lab_run_silent(&l);
	forget(&s);
	forget(&again);
	lab_close(&l);
}

static void
start_known(struct lab *l)
{
	lab_open(l, &people);
	lab_run(l);
	lab_set(l, SOURCE, "CN=Ann", "title", "Chief");
	lab_set(l, SOURCE, "CN=Bea", "title", "Clerk");
	lab_set(l, SOURCE, "CN=Cid", "title", "Cook");
}

/* An administrator has changed one object: that alone is refused. */
static void
one_has_moved_on(void **state)
{
	struct saved s;
	struct lab l;
	struct end e;

	(void)state;
	start_known(&l);
	save(&l, &s);
	assert_int_equal(choose_lines(&s, NULL, NULL, NULL), 3);
	lab_set(&l, TARGET, "CN=Bea", "title", "Another's");
	e = apply(&l, &s, NULL);
	assert_int_equal(e.made, 2);
	assert_int_equal(e.refused, 1);
	assert_string_equal(e.dn, "CN=Bea" GLOBEX);
	assert_non_null(strstr(e.why, "it is not what would be done now"));
	assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Chief"));
	assert_true(lab_has(&l, TARGET, "CN=Bea", "title", "Another's"));
	assert_true(lab_has(&l, TARGET, "CN=Cid", "title", "Cook"));
	/* It is not lost: the cursors are where they were. */
	l.delta = true;
	lab_run(&l);
	assert_true(lab_has(&l, TARGET, "CN=Bea", "title", "Clerk"));
	forget(&s);
	lab_close(&l);
}

/* What is not in the file is not made, and found by the next delta. */
static void
a_part_of_it(void **state)
{
	struct tap tap = {.stop_at = 0};
	struct saved s;
	struct lab l;
	struct end e;

	(void)state;
	start_known(&l);
	save(&l, &s);
	assert_int_equal(choose_lines(&s, "\"Cook\"", NULL, NULL), 1);
	e = apply(&l, &s, &tap);
	assert_int_equal(e.made, 1);
	assert_int_equal(plan_choice_others(s.choice), 2);
	same_changes(&s, &tap);
	assert_false(lab_has(&l, TARGET, "CN=Ann", "title", "Chief"));
	l.delta = true;
	lab_run(&l);
	assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Chief"));
	tap_done(&tap);
	forget(&s);
	lab_close(&l);
}

/* Whatever is written into the file, nothing comes of it that a cycle would not do. */
static void
edited(void **state)
{
	static const struct {
		const char *from, *to;
	} edits[] = {
	    {"\"Chief\"", "\"King\""},
	    {"\"Boss\"", "\"Nobody\""},
	    {"\"attr\":\"title\"", "\"attr\":\"info\""},
	    {"\"op\":\"modify\",\"dn\":\"CN=Ann", "\"op\":\"modify\",\"dn\":\"CN=Cid"},
	    {"\"forest\":\"globex\"", "\"forest\":\"acme\""},
	    {"\"reason\":\"project\"", "\"reason\":\"create\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
		struct tap tap = {.stop_at = 0};
		struct saved s;
		struct lab l;
		struct end e;

		start_known(&l);
		save(&l, &s);
		if (!strstr(s.text, edits[i].from))
			fail_msg("%s is not in\n%s", edits[i].from, s.text);
		(void)choose_lines(&s, "\"Boss\"", edits[i].from, edits[i].to);
		e = apply(&l, &s, &tap);
		assert_int_equal(e.made, 0);
		assert_int_equal(e.refused, 1);
		assert_int_equal(tap.writes, 0);
		tap_done(&tap);
		forget(&s);
		lab_close(&l);
	}
}

/* Another write comes between plan and write: the server refuses, and that is the end of it. */
static void
cut_in(void *arg, unsigned write, const struct change *c)
{
	(void)write;
	if (strstr(c->dn, "CN=Ann"))
		lab_set(arg, TARGET, "CN=Ann", "title", "Another's");
}

static void
moves_on_meanwhile(void **state)
{
	struct tap tap = {.hook = cut_in};
	struct saved s;
	struct lab l;
	struct end e;

	(void)state;
	start_known(&l);
	save(&l, &s);
	assert_int_equal(choose_lines(&s, NULL, NULL, NULL), 3);
	tap.hook_arg = &l;
	e = apply(&l, &s, &tap);
	assert_int_equal(e.made, 2);
	assert_int_equal(e.refused, 1);
	assert_string_equal(e.dn, "CN=Ann" GLOBEX);
	assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Another's"));
	tap_done(&tap);
	lab_run(&l);
	assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Chief"));
	forget(&s);
	lab_close(&l);
}

/* An address changes hands. Who takes it must not have it before the other let go. */
static void
what_is_needed_is_not_chosen(void **state)
{
	struct tap tap = {.stop_at = 0};
	struct saved s;
	struct lab l;
	struct end e;

	(void)state;
	lab_open(&l, &people);
	lab_add_value(&l, SOURCE, "CN=Ann", "proxyAddresses", "smtp:desk@acme.example");
	lab_run(&l);
	lab_delete_value(&l, SOURCE, "CN=Ann", "proxyAddresses", "smtp:desk@acme.example");
	lab_add_value(&l, SOURCE, "CN=Bea", "proxyAddresses", "smtp:desk@acme.example");
	save(&l, &s);
	assert_int_equal(choose_lines(&s, "\"dn\":\"CN=Bea", NULL, NULL), 1);
	e = apply(&l, &s, &tap);
	assert_int_equal(e.made, 0);
	assert_non_null(strstr(e.why, "must let go first"));
	assert_int_equal(tap.writes, 0);
	tap_done(&tap);
	lab_run(&l);
	assert_true(lab_has(&l, TARGET, "CN=Bea", "proxyAddresses", "smtp:desk@acme.example"));
	forget(&s);
	lab_close(&l);
}

/* What a limit holds by now is not made because a file has it. */
static void
a_limit_holds(void **state)
{
	static const struct scenario sc = {.name = "limit",
	    .scope = "create = \"mailbox\"; on_leave = \"delete\";",
	    .link = "limits = { deletes = 1; delete_percent = 100; };",
	    .source = {
		MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", ""), MAILBOX("Cid", "cid", "")}};
	struct saved s;
	struct lab l;
	struct end e;

	(void)state;
	lab_open(&l, &sc);
	lab_run(&l);
	lab_delete(&l, SOURCE, "CN=Ann");
	save(&l, &s);
	assert_int_equal(choose_lines(&s, NULL, NULL, NULL), 1);
	lab_delete(&l, SOURCE, "CN=Bea");
	e = apply(&l, &s, NULL);
	assert_int_equal(e.made, 0);
	assert_string_equal(e.why, "a limit holds it now");
	assert_true(lab_exists(&l, TARGET, "CN=Ann"));
	forget(&s);
	/* And what was held when it was saved is no change of it. */
	save(&l, &s);
	assert_non_null(strstr(s.text, "{\"held\":{\"limit\":\"deletes\",\"source_dn\":\"CN=Ann"));
	assert_int_equal(choose_lines(&s, NULL, NULL, NULL), 0);
	forget(&s);
	lab_close(&l);
}

/* ---- both flows, and deaths ---- */

/* The steps of the return flow are its own. */
static void
both_flows(void **state)
{
	static const struct scenario both = {.name = "both flows",
	    .link = HEIR_RETURN,
	    .source = {GAL_OU, MAILBOX("Bob", "bob", ""), MAILBOX("Cid", "cid", "")},
	    .target = {
		PEOPLE_OU, NATIVE("Ida Native", "ida", ""), NATIVE("Jon Native", "jon", "")}};
	struct tap tap = {.stop_at = 0};
	struct saved s;
	struct lab l;
	struct end e;
	size_t n;

	(void)state;
	lab_open(&l, &both);
	save(&l, &s);
	assert_non_null(strstr(s.text, "{\"flow\":\"return\",\"source\":\"globex\""));
	n = choose_lines(&s, NULL, NULL, NULL);
	e = apply(&l, &s, &tap);
	if (e.refused)
		fail_msg("%s: %s", e.dn, e.why);
	assert_int_equal(e.made, n);
	same_changes(&s, &tap);
	assert_true(lab_exists(&l, SOURCE, "CN=Ida Native" GAL));
	heir_must(&l, "a cycle");
	tap_done(&tap);
	forget(&s);
	lab_close(&l);
}

static void
prepare(struct lab *l, struct saved *s)
{
	lab_open(l, &people);
	lab_run(l);
	lab_set(l, SOURCE, "CN=Ann", "title", "Chief");
	lab_add_value(l, SOURCE, "CN=Bea", "proxyAddresses", "smtp:desk@acme.example");
	lab_delete_value(l, SOURCE, "CN=Sales", "member", "CN=Bea" ACME);
	lab_add(l, SOURCE, MAILBOX("Dan", "dan", ""));
	save(l, s);
	assert_int_equal(choose_lines(s, NULL, NULL, NULL), 4);
}

/* Whatever is left when the process dies, the next cycles end as without that. */
static void
dies_at_every_step(void **state)
{
	_cleanup_(buf_done) struct buf end = {0};
	struct tap tap = {.stop_at = 0};
	struct saved s;
	struct lab l;
	unsigned n;

	(void)state;
	prepare(&l, &s);
	assert_int_equal(apply(&l, &s, &tap).made, 4);
	n = atomic_load(&tap.steps);
	tap_done(&tap);
	lab_run_silent(&l);
	lab_dump(&l, &end, LAB_DUMP_ALL);
	forget(&s);
	lab_close(&l);
	for (unsigned i = 0; i < 3 * n; i++) {
		struct tap stop = {.stop_at = 1 + i / 3, .how = (enum tap_stop)(i % 3)};
		_cleanup_(buf_done) struct buf now = {0};

		prepare(&l, &s);
		l.dies = true;
		assert_int_equal(lab_act(&l, &stop, apply_plan, s.choice), -1);
		assert_true(atomic_load(&stop.stopped));
		tap_done(&stop);
		l.dies = false;
		assert_int_equal(lab_cycle(&l, NULL), 0);
		lab_run_silent(&l);
		lab_dump(&l, &now, LAB_DUMP_ALL);
		lab_same_dumps(&l, "after a death", &end, &now);
		forget(&s);
		lab_close(&l);
	}
}

/* ---- one object ---- */

static int
save_one(struct lab *l, struct run *run, void *arg)
{
	const struct entry *ann = fakedir_find(l->fd[SOURCE], lab_dn(SOURCE, "CN=Ann"));
	struct guid g = ann->guid;
	const struct cycle_options opt = {.plan_only = true,
	    .plan_to = arg,
	    .plan_form = PLAN_FORM_LINES,
	    .objects = &g,
	    .n_objects = 1};

	return sync_run(run, false, &opt, &l->res, &l->err);
}

/* Of one object and what it drags along, live, and nothing else; a cycle then makes that. */
static void
one_object(void **state)
{
	struct saved s = {.text = NULL};
	struct lab l;
	FILE *to;

	(void)state;
	start_known(&l);
	to = open_memstream(&s.text, &s.len);
	assert_int_equal(lab_act(&l, NULL, save_one, to), 0);
	assert_int_equal(fclose(to), 0);
	assert_non_null(strstr(s.text, "\"Chief\""));
	assert_null(strstr(s.text, "\"Cook\""));
	assert_int_equal(choose_lines(&s, NULL, NULL, NULL), 1);
	assert_int_equal(apply(&l, &s, NULL).made, 1);
	assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Chief"));
	assert_false(lab_has(&l, TARGET, "CN=Cid", "title", "Cook"));
	forget(&s);
	lab_close(&l);
}

/* Before the first synchronization everything is planned, and the object is shown. */
static void
one_object_of_a_new_link(void **state)
{
	struct saved s = {.text = NULL};
	struct lab l;
	FILE *to;

	(void)state;
	lab_open(&l, &people);
	to = open_memstream(&s.text, &s.len);
	assert_int_equal(lab_act(&l, NULL, save_one, to), 0);
	assert_int_equal(fclose(to), 0);
	assert_non_null(strstr(s.text, "\"op\":\"add\",\"dn\":\"CN=Ann"));
	assert_null(strstr(s.text, "\"dn\":\"CN=Cid"));
	forget(&s);
	lab_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_of_it),
	    cmocka_unit_test(again_does_nothing),
	    cmocka_unit_test(one_has_moved_on),
	    cmocka_unit_test(a_part_of_it),
	    cmocka_unit_test(edited),
	    cmocka_unit_test(moves_on_meanwhile),
	    cmocka_unit_test(what_is_needed_is_not_chosen),
	    cmocka_unit_test(a_limit_holds),
	    cmocka_unit_test(both_flows),
	    cmocka_unit_test(dies_at_every_step),
	    cmocka_unit_test(one_object),
	    cmocka_unit_test(one_object_of_a_new_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
