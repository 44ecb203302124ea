/* SPDX-License-Identifier: MIT */

/* The proxy toggle on two fake forests: what it refuses, and what others do meanwhile. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ldap.h>

#include "tests/support/toggle_fixture.h"

/* ---- what it does ---- */

static void
brings_back(void **state)
{
	_cleanup_(buf_done) struct buf before = {0}, after = {0};
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	lab_run(&l);
	lab_dump(&l, &before, LAB_DUMP_ALL);
	lose_mailbox(&l, "CN=Ann");
	lose_mailbox(&l, "CN=Cid");
	toggle(&l, "CN=Ann", "CN=Cid");
	assert_string_equal(job.told, "ok CN=Ann: \nok CN=Cid: \n");
	assert_true(has_mailbox(&l, "CN=Ann") && has_mailbox(&l, "CN=Cid"));
	assert_false(anywhere(&l));
	lab_dump(&l, &after, LAB_DUMP_ALL);
	lab_same_dumps(&l, "after the toggle", &before, &after);
	lab_run_idle(&l);
	lab_close(&l);
}

static void
dry_run(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	lab_run(&l);
	lose_mailbox(&l, "CN=Ann");
	lab_set(&l, SOURCE, "CN=Eve", "mailNickname", "ann");
	plan(&l, "CN=Ann", "CN=Cid");
	assert_int_equal(job.failed, 0);
	assert_told("ok CN=Ann: smtp:ann@delete.me would be added and removed again; its "
		    "counterpart CN=Ann" GLOBEX " has no mailbox\n");
	assert_told("counterpart CN=Cid" GLOBEX " has a mailbox\n");
	plan(&l, "CN=Ann", "CN=Eve");
	assert_int_equal(job.failed, 1);
	assert_told("no CN=Eve: another one of this list has the same alias");
	assert_false(has_mailbox(&l, "CN=Ann"));
	lab_close(&l);
}

/* What is left of a purged mailbox's account is still what galsync created; an object whose stamp
 * alone was taken off is not galsync's. */
static void
stamp_alone(void **state)
{
	_cleanup_(record_free) struct record *ann = NULL, *cid = NULL;
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	lab_run(&l);
	lose_mailbox(&l, "CN=Ann");
	lab_set(&l, TARGET, "CN=Cid", "extensionAttribute15", NULL);
	toggle(&l, "CN=Ann", "CN=Cid");
	assert_int_equal(job.failed, 0);
	ann = lab_record(&l, "CN=Ann");
	cid = lab_record(&l, "CN=Cid");
	assert_true(ann->created);
	assert_false(cid->created);
	lab_close(&l);
}

/* A counterpart has a mailbox after the toggle only if a cycle makes one. */
static void
mail_user(void **state)
{
	static const struct scenario mail_users = {.name = "mail users",
	    .source = {
		ACCOUNT("Max", "max") RECIPIENT("max") "userAccountControl: 512\n"
						       "targetAddress: SMTP:max@else.example\n\n"}};
	struct lab l;

	(void)state;
	lab_open(&l, &mail_users);
	lab_run(&l);
	toggle(&l, "CN=Max", NULL);
	assert_string_equal(job.told, "ok CN=Max: \n");
	assert_false(anywhere(&l));
	lab_close(&l);
}

/* ---- what it refuses: the plan and the run in the same words ---- */

static void
refused(struct lab *l, const char *dn, const char *why)
{
	plan(l, dn, NULL);
	assert_int_equal(job.failed, 1);
	assert_told(why);
	toggle(l, dn, NULL);
	assert_int_equal(job.failed, 1);
	assert_told(why);
	assert_false(anywhere(l));
}

static void
refusals(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	lab_run(&l);
	job.who[0] = "CN=Ann";
	job.who[1] = NULL;
	job.turn = TURN_SWITCH;
	act(&l, turn_them, NULL);
	refused(&l, "CN=Ann", "its mailbox is switched");
	job.turn = TURN_UNDO;
	act(&l, turn_them, NULL);

	lab_set(&l, SOURCE, "CN=Ann", "mailNickname", NULL);
	refused(&l, "CN=Ann", "no alias that can be the local part");
	lab_set(&l, SOURCE, "CN=Ann", "mailNickname", "a b");
	refused(&l, "CN=Ann", "no alias that can be the local part");
	lab_set(&l, SOURCE, "CN=Ann", "mailNickname", "ann");

	lab_add_value(&l, SOURCE, "CN=Cid", "proxyAddresses", "smtp:Ann@Delete.Me");
	plan(&l, "CN=Ann", NULL);
	assert_told("the dummy address ann@delete.me is an address of CN=Cid" ACME);
	lab_delete_value(&l, SOURCE, "CN=Cid", "proxyAddresses", "smtp:Ann@Delete.Me");
	lab_set(&l, SOURCE, "CN=Cid", "mail", "ann@delete.me");
	refused(&l, "CN=Ann", "is an address of CN=Cid" ACME);
	lab_set(&l, SOURCE, "CN=Cid", "mail", "cid@acme.example");

	lab_delete_value(&l, SOURCE, "CN=Ann", "proxyAddresses", "SMTP:ann@acme.example");
	lab_add_value(&l, SOURCE, "CN=Ann", "proxyAddresses", "SMTP:ann@delete.me");
	plan(&l, "CN=Ann", NULL);
	assert_told("its primary address is the dummy address");
	toggle(&l, "CN=Ann", NULL);
	assert_int_equal(job.failed, 1);
	assert_true(has(&l, SOURCE, "CN=Ann", "SMTP:ann@delete.me"));
	lab_close(&l);
}

/* Two with one alias: the second one's dummy is the first one's. */
static void
same_alias(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	lab_run(&l);
	lab_set(&l, SOURCE, "CN=Cid", "mailNickname", "ann");
	toggle(&l, "CN=Ann", "CN=Cid");
	assert_int_equal(job.failed, 1);
	assert_told("ok CN=Ann: \n");
	assert_told("no CN=Cid: the dummy address ann@delete.me is an address of CN=Ann");
	assert_false(anywhere(&l));
	lab_close(&l);
}

/* It left while it was toggled: the delta saw that first. */
static void
leaves_meanwhile(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	lab_run(&l);
	lab_set(&l, SOURCE, "CN=Ann", "msExchHideFromAddressLists", "TRUE");
	toggle(&l, "CN=Ann", "CN=Cid");
	assert_int_equal(job.failed, 1);
	assert_told("no CN=Ann: its source object has left the synchronization");
	assert_told("ok CN=Cid: \n");
	assert_false(anywhere(&l));
	refused(&l, "CN=Ann", "its source object has left the synchronization");
	lab_close(&l);
}

static void
no_map_yet(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	job.who[0] = "CN=Ann";
	job.who[1] = NULL;
	for (int i = 0; i < 4; i++) {
		job.dry_run = i & 1;
		job.sweep = i & 2;
		assert_int_equal(lab_act(&l, NULL, toggle_them, NULL), -1);
		assert_non_null(strstr(l.err.text, "no synchronization was completed yet"));
	}
	lab_close(&l);
}

static void
server_refuses(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	lab_run(&l);
	lose_mailbox(&l, "CN=Cid");
	assert_int_equal(
	    fakedir_refuse(l.fd[SOURCE], lab_dn(SOURCE, "CN=Ann"), LDAP_INSUFFICIENT_ACCESS), 0);
	toggle(&l, "CN=Ann", "CN=Cid");
	assert_int_equal(job.failed, 1);
	assert_told("refused as the test wants it");
	assert_told("ok CN=Cid");
	assert_true(has_mailbox(&l, "CN=Cid"));
	assert_int_equal(fakedir_refuse(l.fd[SOURCE], NULL, 0), 0);
	lab_run_idle(&l);
	lab_close(&l);
}

/* ---- what others do meanwhile ---- */

static void
new_primary(struct lab *l)
{
	lab_delete_value(l, SOURCE, "CN=Ann", "proxyAddresses", "SMTP:ann@acme.example");
	lab_add_value(l, SOURCE, "CN=Ann", "proxyAddresses", "smtp:ann@acme.example");
	lab_add_value(l, SOURCE, "CN=Ann", "proxyAddresses", "SMTP:theirs@acme.example");
}

static void
meddle(void (*what)(struct lab *l), unsigned at)
{
	struct tap tap = {
	    .hook = others_addresses, .hook_arg = &what, .hook_at = at}; /* Ann's writes */
	struct lab l;

	lab_open(&l, &people);
	lab_run(&l);
	meddled = &l;
	job.who[0] = "CN=Ann";
	job.who[1] = NULL;
	job.dry_run = job.sweep = false;
	meddled_at = 0;
	assert_int_equal(lab_act(&l, &tap, toggle_them, NULL), 0);
	assert_int_equal(meddled_at, at);
	tap_done(&tap);
	if (what == gone) {
		assert_false(lab_exists(&l, SOURCE, "CN=Ann"));
		assert_int_equal(lab_cycle(&l, NULL), 0);
	} else {
		if (what != same_value)
			assert_true(has(&l, SOURCE, "CN=Ann",
			    what == new_primary ? "SMTP:theirs@acme.example"
						: "smtp:theirs@acme.example"));
		assert_true(has(&l, SOURCE, "CN=Ann",
		    what == new_primary ? "smtp:ann@acme.example" : "SMTP:ann@acme.example"));
		assert_string_equal(job.told, "ok CN=Ann: \n");
	}
	assert_false(anywhere(&l));
	lab_close(&l);
}

/* Before the dummy is added, and before it is removed. */
static void
nothing_of_theirs_is_lost(void **state)
{
	static void (*const what[])(struct lab *) = {add_another, new_primary, same_value, gone};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(what); i++)
		for (unsigned at = 1; at <= 2; at++)
			meddle(what[i], at);
}

/* An administrator makes the dummy the primary address while the cycle runs: an object without a
 * primary address would be worse. */
static void
make_primary(struct lab *l, const char *text)
{
	(void)text;
	if (!has(l, SOURCE, "CN=Ann", DUMMY))
		return;
	lab_delete_value(l, SOURCE, "CN=Ann", "proxyAddresses", "SMTP:ann@acme.example");
	lab_delete_value(l, SOURCE, "CN=Ann", "proxyAddresses", DUMMY);
	lab_add_value(l, SOURCE, "CN=Ann", "proxyAddresses", "SMTP:ann@delete.me");
}

static void
made_primary_hook(void *arg, unsigned write, const struct change *c)
{
	(void)write;
	if (strstr(c->dn, "globex"))
		make_primary(arg, "");
}

static void
made_primary(void **state)
{
	struct tap tap = {.hook = made_primary_hook};
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	lab_run(&l);
	lose_mailbox(&l, "CN=Ann");
	tap.hook_arg = &l;
	job.who[0] = "CN=Ann";
	job.who[1] = NULL;
	job.dry_run = job.sweep = false;
	assert_int_equal(lab_act(&l, &tap, toggle_them, NULL), 0);
	tap_done(&tap);
	assert_told("no CN=Ann: the dummy address became the primary one");
	assert_true(has(&l, SOURCE, "CN=Ann", "SMTP:ann@delete.me"));
	/* A sweep tells of it and leaves it too. */
	sweep(&l, false);
	assert_told("no CN=Ann: SMTP:ann@delete.me is its primary address");
	assert_true(has(&l, SOURCE, "CN=Ann", "SMTP:ann@delete.me"));
	lab_close(&l);
}

/* ---- operations do not replace each other ---- */

static void
interrupted_switch_first(void **state)
{
	struct tap tap = {.stop_at = 2, .how = TAP_STOP_BEFORE};
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	lab_run(&l);
	job.who[0] = "CN=Ann";
	job.who[1] = NULL;
	job.turn = TURN_SWITCH;
	l.dies = true;
	assert_true(lab_act(&l, &tap, turn_them, NULL) <= 0);
	tap_done(&tap);
	l.dies = false;
	/* Neither redirects now; the switch is finished before the toggle looks. Its first change
	 * was made, but never told. */
	toggle(&l, "CN=Ann", NULL);
	assert_told("its mailbox is switched");
	assert_int_equal(l.told[RUN_CHANGED], 2);
	assert_non_null(strstr(lab_notes(&l), "the turn that was interrupted is finished"));
	assert_true(
	    lab_has(&l, SOURCE, "CN=Ann", "targetAddress", "SMTP:ann@redirect.globex.example"));
	assert_int_equal(lab_count(&l, TARGET, "CN=Ann", "targetAddress"), 0);
	lab_run_silent(&l);
	lab_close(&l);
}

/* The dummy is removed before a switch looks, and that is told like any other change. */
static void
interrupted_toggle_first(void **state)
{
	struct tap tap = {.stop_at = 2, .how = TAP_STOP_BEFORE};
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	lab_run(&l);
	job.who[0] = "CN=Ann";
	job.who[1] = NULL;
	job.sweep = job.dry_run = false;
	job.turn = TURN_SWITCH;
	l.dies = true;
	assert_true(lab_act(&l, &tap, toggle_them, NULL) <= 0);
	tap_done(&tap);
	l.dies = false;
	assert_true(anywhere(&l));
	act(&l, turn_them, NULL);
	assert_false(anywhere(&l));
	assert_int_equal(l.told[RUN_CHANGED], 3);
	assert_non_null(strstr(lab_notes(&l), "proxy toggle\nswitch\nswitch\n"));
	lab_run_silent(&l);
	lab_close(&l);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(brings_back),
	    cmocka_unit_test(stamp_alone), cmocka_unit_test(mail_user), cmocka_unit_test(dry_run),
	    cmocka_unit_test(refusals), cmocka_unit_test(same_alias),
	    cmocka_unit_test(leaves_meanwhile), cmocka_unit_test(no_map_yet),
	    cmocka_unit_test(server_refuses), cmocka_unit_test(nothing_of_theirs_is_lost),
	    cmocka_unit_test(made_primary), cmocka_unit_test(interrupted_switch_first),
	    cmocka_unit_test(interrupted_toggle_first)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
