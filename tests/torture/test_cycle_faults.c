/* SPDX-License-Identifier: MIT */

/* A lost map, servers that refuse, go away or forget, and what a crash leaves behind. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ldap.h>

#include "dsa/base/str.h"
#include "dsa/jobs/sync.h"
#include "mapping/journal.h"
#include "tests/support/scenario.h"

#define MANAGER(cn) "manager: CN=" cn ACME "\n"
#define BEA(extra) THERE("user", "Bea", "sAMAccountName: bea\nmail: ann@acme.example\n" extra)

static const struct scenario people = {.name = "people",
    .source = {MAILBOX("Ann", "ann", "title: Boss\n" MANAGER("Cid")),
	MAILBOX("Cid", "cid", "otherTelephone: 1\n"), CONTACT("Carl", "carl", ""),
	GROUP("Sales", "sales", MEMBER("Ann") MEMBER("Carl"))}};

static bool
was_told(const struct lab *l, const char *text)
{
	_cleanup_(free) char *notes =
	    str_printf("%.*s", (int)l->notes.len, l->notes.len ? (char *)l->notes.data : "");

	assert_non_null(notes);
	return strstr(notes, text) != NULL;
}

/* ---- the map ---- */

static void
lost_map(void **state)
{
	_cleanup_(buf_done) struct buf before = {0}, after = {0};
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	lab_run(&l);
	lab_run_idle(&l);
	lab_dump(&l, &before, LAB_DUMP_WRITTEN);
	lab_lose_map(&l);
	lab_run_silent(&l);
	assert_int_equal(l.told[RUN_MAP_LOST], 1);
	lab_dump(&l, &after, LAB_DUMP_WRITTEN);
	lab_same_dumps(&l, "after the map was lost", &before, &after);
	lab_run_idle(&l);
	/* What was created is still known as created. */
	lab_set(&l, SOURCE, "CN=Ann", "title", NULL);
	lab_rename(&l, SOURCE, "CN=Cid", "CN=Cid Oak");
	lab_run(&l);
	assert_int_equal(lab_count(&l, TARGET, "CN=Ann", "title"), 0);
	assert_true(lab_exists(&l, TARGET, "CN=Cid Oak"));
	lab_close(&l);
}

static void
lost_map_of_matched(void **state)
{
	static const struct scenario sc = {.name = "lost map of matched",
	    .scope = "create = \"mailbox\"; on_leave = \"delete\";",
	    .source = {MAILBOX("Ann", "ann", "title: Boss\n")},
	    .target = {THERE_OU, BEA("")}};
	_cleanup_(record_free) struct record *r = NULL;
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	lab_run(&l);
	lab_lose_map(&l);
	lab_run_silent(&l);
	r = lab_record(&l, "CN=Ann");
	assert_false(r->created);
	assert_int_equal(r->rule, MATCH_STAMP);
	lab_delete(&l, SOURCE, "CN=Ann");
	lab_run(&l);
	assert_true(lab_has(&l, TARGET, "CN=Bea", "msExchHideFromAddressLists", "TRUE"));
	lab_close(&l);
}

static void
plan_without_map(void **state)
{
	struct lab l;
	_cleanup_(free) char *with = NULL, *without = NULL;
	struct store *store;

	(void)state;
	lab_open(&l, &people);
	with = lab_plan(&l);
	store = TAKE(l.store);
	{
		struct cycle_options opt = {.plan_only = true};
		struct dir *source = fakedir_connect_read_only(l.fd[SOURCE]);
		struct dir *target = fakedir_connect_read_only(l.fd[TARGET]);
		struct run run = lab_run_of(&l, source, target);
		size_t len;

		opt.plan_to = open_memstream(&without, &len);
		assert_int_equal(sync_run(&run, true, &opt, &l.res, &l.err), 0);
		assert_int_equal(fclose(opt.plan_to), 0);
		dir_free(source);
		dir_free(target);
	}
	l.store = store;
	assert_string_equal(with, without);
	assert_non_null(strstr(with, "# forest: globex (target), create\n"));
	lab_close(&l);
}

/* ---- servers ---- */

static void
refused(void **state)
{
	static const int codes[] = {LDAP_OBJECT_CLASS_VIOLATION, LDAP_CONSTRAINT_VIOLATION,
	    LDAP_UNWILLING_TO_PERFORM, LDAP_INSUFFICIENT_ACCESS, LDAP_OTHER};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		struct lab l;

		lab_open(&l, &people);
		assert_int_equal(
		    fakedir_refuse(l.fd[TARGET], lab_dn(TARGET, "CN=Ann"), codes[i]), 0);
		for (int again = 0; again < 2; again++) {
			assert_int_equal(lab_cycle(&l, NULL), 0);
			assert_int_equal(l.res.failed, 1);
			assert_true(was_told(&l, "refused as the test wants it"));
			assert_true(was_told(&l, "next cycle"));
			/* The others go on, without those who are not there. */
			assert_false(lab_exists(&l, TARGET, "CN=Ann"));
			assert_true(lab_exists(&l, TARGET, "CN=Cid"));
			assert_true(lab_has(&l, TARGET, "CN=Sales", "member", "CN=Carl" GLOBEX));
			assert_string_equal(l.why, "");
		}
		assert_int_equal(fakedir_refuse(l.fd[TARGET], NULL, 0), 0);
		lab_run(&l);
		assert_true(lab_has(&l, TARGET, "CN=Sales", "member", "CN=Ann" GLOBEX));
		assert_true(lab_has(&l, TARGET, "CN=Ann", "manager", "CN=Cid" GLOBEX));
		lab_run_idle(&l);
		lab_close(&l);
	}
}

/* An object that exists: its record says so. */
static void
refused_modify(void **state)
{
	_cleanup_(record_free) struct record *r = NULL, *well = NULL;
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	lab_run(&l);
	lab_set(&l, SOURCE, "CN=Ann", "title", "Chief");
	lab_set(&l, SOURCE, "CN=Cid", "title", "Clerk");
	assert_int_equal(
	    fakedir_refuse(l.fd[TARGET], lab_dn(TARGET, "CN=Ann"), LDAP_OBJECT_CLASS_VIOLATION), 0);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_int_equal(l.res.failed, 1);
	assert_true(lab_has(&l, TARGET, "CN=Cid", "title", "Clerk"));
	r = lab_record(&l, "CN=Ann");
	assert_int_equal(r->state, RECORD_ERROR);
	assert_non_null(strstr(r->last_error, "refused as the test wants it"));
	assert_int_equal(fakedir_refuse(l.fd[TARGET], NULL, 0), 0);
	lab_run(&l);
	well = lab_record(&l, "CN=Ann");
	assert_int_equal(well->state, RECORD_WAITING);
	assert_string_equal(well->last_error, "");
	lab_run_idle(&l);
	lab_close(&l);
}

static void
go_down(void *arg, unsigned number, const struct change *c)
{
	struct lab *l = arg;

	(void)c;
	(void)lab_check_mail(l);
	if (number == 5)
		fakedir_set_down(l->fd[TARGET], true);
}

static void
come_up(struct lab *l, const char *text)
{
	(void)text;
	/* Lost, and one attempt to come back has failed. */
	if (l->told[RUN_LOST] == 2)
		fakedir_set_down(l->fd[TARGET], false);
}

static void
server_goes_away(void **state)
{
	_cleanup_(buf_done) struct buf end = {0}, now = {0};
	struct tap tap = {.hook = go_down};
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	lab_run(&l);
	lab_dump(&l, &end, LAB_DUMP_WRITTEN);
	lab_close(&l);

	lab_open(&l, &people);
	tap.hook_arg = &l;
	l.on_note = come_up;
	if (lab_cycle(&l, &tap) < 0)
		fail_msg("%s", l.err.text);
	assert_int_equal(l.told[RUN_LOST], 2);
	assert_int_equal(l.told[RUN_CONNECTED], 5); /* and the source once more before */
	assert_int_equal(l.res.failed, 0);
	l.on_note = NULL;
	lab_run_silent(&l);
	lab_dump(&l, &now, LAB_DUMP_WRITTEN);
	lab_same_dumps(&l, "after the server was away", &end, &now);
	tap_done(&tap);
	lab_close(&l);
}

/* ---- the journal after a crash ---- */

static int
note_outcome(const struct journal_entry *e, void *arg, struct err *err)
{
	struct buf *b = arg;

	(void)err;
	buf_printf(b, "%d", (int)e->outcome);
	return 0;
}

/* How the changes of Ann's interrupted cycle ended, one digit each. */
static void
journal_tells(void (*change)(struct lab *l), enum tap_stop how, const char *want)
{
	struct tap tap = {.stop_at = 1, .how = how};
	_cleanup_(buf_done) struct buf b = {0};
	struct store_txn *t = NULL;
	uint64_t cycle;
	struct lab l;

	lab_open(&l, &people);
	lab_run(&l);
	change(&l);
	l.dies = true;
	assert_int_equal(lab_cycle(&l, &tap), -1);
	tap_done(&tap);
	cycle = l.res.number;
	l.dies = false;
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_true(was_told(&l, "the last run was interrupted"));
	assert_int_equal(store_begin(l.store, STORE_READ, &t, &l.err), 0);
	assert_int_equal(journal_each(t, cycle, note_outcome, &b, &l.err), 0);
	store_abort(t);
	assert_int_equal(b.len, strlen(want));
	assert_memory_equal(b.data, want, b.len);
	lab_close(&l);
}

static void
title_changes(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", "title", "Chief");
}

static void
title_is_cleared(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", "title", NULL);
}

static void
primary_changes(struct lab *l)
{
	lab_delete_value(l, SOURCE, "CN=Carl", "proxyAddresses", "SMTP:carl@acme.example");
	lab_add_value(l, SOURCE, "CN=Carl", "proxyAddresses", "smtp:carl@acme.example");
	lab_add_value(l, SOURCE, "CN=Carl", "proxyAddresses", "SMTP:c@acme.example");
}

static void
carl_is_renamed(struct lab *l)
{
	lab_rename(l, SOURCE, "CN=Carl", "CN=Karl");
}

static void
dan_appears(struct lab *l)
{
	lab_add(l, SOURCE, CONTACT("Dan", "dan", ""));
}

static void
journal_after_crash(void **state)
{
	static void (*const changes[])(struct lab * l) = {
	    title_changes, title_is_cleared, primary_changes, carl_is_renamed};
	char done[] = {'0' + JOURNAL_DONE, '\0'}, stale[] = {'0' + JOURNAL_STALE, '\0'};
	char both[] = {'0' + JOURNAL_DONE, '0' + JOURNAL_STALE, '\0'};
	char neither[] = {'0' + JOURNAL_STALE, '0' + JOURNAL_STALE, '\0'};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		journal_tells(changes[i], TAP_STOP_AFTER, done);
		journal_tells(changes[i], TAP_STOP_BEFORE, stale);
		journal_tells(changes[i], TAP_STOP_DROP, stale);
	}
	/* The source's addresses first, then the add. */
	journal_tells(dan_appears, TAP_STOP_AFTER, both);
	journal_tells(dan_appears, TAP_STOP_BEFORE, neither);
}

/* ---- what galsync put ---- */

static const struct scenario boss = {.name = "boss",
    .source = {MAILBOX("Ann", "ann", "title: Boss\n")},
    .target = {THERE_OU, BEA("")}};

/* A refused write takes nothing from what galsync put before. */
static void
put_and_refused(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &boss);
	lab_run(&l);
	lab_set(&l, SOURCE, "CN=Ann", "title", "Chief");
	assert_int_equal(
	    fakedir_refuse(l.fd[TARGET], lab_dn(TARGET, "CN=Bea"), LDAP_OBJECT_CLASS_VIOLATION), 0);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_int_equal(l.res.failed, 1);
	assert_int_equal(fakedir_refuse(l.fd[TARGET], NULL, 0), 0);
	lab_set(&l, SOURCE, "CN=Ann", "title", NULL);
	lab_run(&l);
	assert_int_equal(lab_count(&l, TARGET, "CN=Bea", "title"), 0);
	lab_run_idle(&l);
	lab_close(&l);
}

/* What was put on one counterpart says nothing of the next. */
static void
another_counterpart(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &boss);
	lab_run(&l);
	lab_delete(&l, TARGET, "CN=Bea");
	lab_add(&l, TARGET, THERE("user", "Cid", "mail: ann@acme.example\ntitle: Boss\n"));
	lab_run(&l);
	assert_true(lab_has(&l, TARGET, "CN=Cid", "mailNickname", "ann"));
	lab_set(&l, SOURCE, "CN=Ann", "title", NULL);
	lab_run(&l);
	assert_true(lab_has(&l, TARGET, "CN=Cid", "title", "Boss"));
	lab_run_idle(&l);
	lab_close(&l);
}

/* ---- a stop of the program ---- */

struct stop {
	struct dir *target;
};

static void
stop_now(void *arg, unsigned write, const struct change *c)
{
	struct stop *s = arg;

	(void)write, (void)c;
	s->target->ops->cancel(s->target);
}

static int
synchronize(struct lab *l, struct run *run, void *arg)
{
	const struct cycle_options opt = {.plan_only = false};
	struct stop *s = arg;

	s->target = run->dir[TARGET];
	return sync_run(run, true, &opt, &l->res, &l->err);
}

/* What could not be sent any more was not refused. */
static void
stopped_by_the_program(void **state)
{
	struct stop s = {NULL};
	struct tap tap = {.hook = stop_now, .hook_arg = &s, .hook_at = 3};
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	assert_int_equal(lab_act(&l, &tap, synchronize, &s), -1);
	assert_int_equal(l.err.code, ECANCELED);
	assert_int_equal(l.told[RUN_REFUSED], 0);
	assert_int_equal(l.res.failed, 0);
	tap_done(&tap);
	lab_run(&l);
	lab_run_idle(&l);
	lab_close(&l);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(lost_map),
	    cmocka_unit_test(lost_map_of_matched), cmocka_unit_test(plan_without_map),
	    cmocka_unit_test(refused), cmocka_unit_test(refused_modify),
	    cmocka_unit_test(server_goes_away), cmocka_unit_test(journal_after_crash),
	    cmocka_unit_test(put_and_refused), cmocka_unit_test(another_counterpart),
	    cmocka_unit_test(stopped_by_the_program)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
