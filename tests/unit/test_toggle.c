/* SPDX-License-Identifier: MIT */

/* The proxy toggle and the sweep on two fake forests: what they refuse, what others do meanwhile,
 * and what is left after a death at any step. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ldap.h>

#include "dsa/sync/toggle.h"
#include "dsa/sync/turns.h"
#include "tests/support/scenario.h"

#define DUMMY "smtp:ann@delete.me"

static const struct scenario people = {.name = "people",
    .source = {MAILBOX("Ann", "ann", "title: Boss\n"), MAILBOX("Cid", "cid", ""),
	MAILBOX("Eve", "eve", "")}};

/* What is to be done with whom, and what was told. */
static struct {
	const char *who[3];
	bool dry_run, sweep;
	enum turn turn; /* of lab_act(turn_them) */
	char told[2048];
	unsigned failed;
} job;

static void
take_result(const struct guid *source, const char *dn, bool ok, const char *text, void *arg)
{
	(void)source;
	(void)arg;
	job.failed += !ok;
	(void)snprintf(job.told + strlen(job.told), sizeof job.told - strlen(job.told),
	    "%s %.6s: %s\n", ok ? "ok" : "no", dn, text);
}

static size_t
whom(struct lab *l, struct guid *ret)
{
	size_t n = 0;

	for (; n < ARRAY_SIZE(job.who) && job.who[n]; n++)
		assert_true(guid_parse(lab_source_guid(l, job.who[n]), &ret[n]));
	return n;
}

static int
toggle_them(struct lab *l, struct dir *const dir[SIDES], const struct cycle_options *opt, void *arg)
{
	struct guid g[ARRAY_SIZE(job.who)];
	size_t n = job.sweep ? 0 : whom(l, g);

	(void)arg;
	job.told[0] = '\0';
	job.failed = 0;
	if (job.sweep)
		return toggle_sweep(
		    l->link, dir, l->store, job.dry_run, opt, take_result, NULL, &l->err);
	if (job.dry_run)
		return toggle_plan(l->link, dir, l->store, g, n, take_result, NULL, &l->err);
	return toggle_run(l->link, dir, l->store, g, n, opt, take_result, NULL, &l->err);
}

static int
turn_them(struct lab *l, struct dir *const dir[SIDES], const struct cycle_options *opt, void *arg)
{
	struct turn_env env = {.result = take_result};
	struct guid g[ARRAY_SIZE(job.who)];
	size_t n = whom(l, g);

	(void)opt;
	(void)arg;
	return turns_run(l->link, dir, l->store, job.turn, g, n, &env, &l->err);
}

static void
act(struct lab *l, lab_act_fn *fn, struct tap *tap)
{
	if (lab_act(l, tap, fn, NULL) < 0)
		fail_msg("%s", l->err.text);
	assert_string_equal(l->why, "");
}

static void
toggle(struct lab *l, const char *x, const char *y)
{
	job.who[0] = x;
	job.who[1] = y;
	job.who[2] = NULL;
	job.dry_run = job.sweep = false;
	act(l, toggle_them, NULL);
}

static void
plan(struct lab *l, const char *x, const char *y)
{
	struct tap tap = {.stop_at = 0};

	job.who[0] = x;
	job.who[1] = y;
	job.who[2] = NULL;
	job.dry_run = true;
	job.sweep = false;
	act(l, toggle_them, &tap);
	assert_int_equal(tap.writes, 0);
	tap_done(&tap);
}

static void
sweep(struct lab *l, bool dry_run)
{
	struct tap tap = {.stop_at = 0};

	job.dry_run = dry_run;
	job.sweep = true;
	act(l, toggle_them, &tap);
	assert_true(!dry_run || tap.writes == 0);
	tap_done(&tap);
}

static bool
told(const char *text)
{
	return strstr(job.told, text) != NULL;
}

#define assert_told(text)                                                                          \
	do {                                                                                       \
		if (!told(text))                                                                   \
			fail_msg("'%s' is not in\n%s", text, job.told);                            \
	} while (0)

static bool
has(struct lab *l, enum side side, const char *dn, const char *value)
{
	return lab_has(l, side, dn, "proxyAddresses", value);
}

static void
lose_mailbox(struct lab *l, const char *dn)
{
	static const char *const lost[] = {"homeMDB", "msExchHomeServerName", "msExchMailboxGuid",
	    "mailNickname", "legacyExchangeDN", "msExchRecipientTypeDetails", "proxyAddresses",
	    "targetAddress", "mail", "msExchRecipientDisplayType", "extensionAttribute15"};

	for (size_t i = 0; i < ARRAY_SIZE(lost); i++)
		lab_set(l, TARGET, dn, lost[i], NULL);
}

static bool
has_mailbox(struct lab *l, const char *dn)
{
	return lab_count(l, TARGET, dn, "homeMDB") && lab_count(l, TARGET, dn, "mailNickname");
}

static bool
anywhere(struct lab *l)
{
	static const char *const all[] = {"CN=Ann", "CN=Cid", "CN=Eve"};
	bool yes = false;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		for (int side = SOURCE; side < SIDES; side++)
			yes |= has(l, (enum side)side, all[i], DUMMY) ||
			       has(l, (enum side)side, all[i], "smtp:cid@delete.me");
	return yes;
}

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
 * alone was taken off is somebody's own. */
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

static unsigned meddled_at;
static struct lab *meddled;

static void
others_addresses(void *arg, unsigned write, const struct change *c)
{
	void (*what)(struct lab *) = *(void (**)(struct lab *))arg;

	(void)c;
	meddled_at = write;
	what(meddled);
}

static void
add_another(struct lab *l)
{
	lab_add_value(l, SOURCE, "CN=Ann", "proxyAddresses", "smtp:theirs@acme.example");
}

static void
new_primary(struct lab *l)
{
	lab_delete_value(l, SOURCE, "CN=Ann", "proxyAddresses", "SMTP:ann@acme.example");
	lab_add_value(l, SOURCE, "CN=Ann", "proxyAddresses", "smtp:ann@acme.example");
	lab_add_value(l, SOURCE, "CN=Ann", "proxyAddresses", "SMTP:theirs@acme.example");
}

/* The very same value comes or goes. */
static void
same_value(struct lab *l)
{
	if (has(l, SOURCE, "CN=Ann", DUMMY))
		lab_delete_value(l, SOURCE, "CN=Ann", "proxyAddresses", DUMMY);
	else
		lab_add_value(l, SOURCE, "CN=Ann", "proxyAddresses", DUMMY);
}

static void
gone(struct lab *l)
{
	if (lab_exists(l, SOURCE, "CN=Ann"))
		lab_delete(l, SOURCE, "CN=Ann");
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

/* Somebody makes the dummy the primary address while the cycle runs: an object without a primary
 * address would be worse. */
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
	assert_told("no CN=Ann: somebody made the dummy address the primary one");
	assert_true(has(&l, SOURCE, "CN=Ann", "SMTP:ann@delete.me"));
	/* A sweep tells of it and leaves it too. */
	sweep(&l, false);
	assert_told("no CN=Ann: SMTP:ann@delete.me is its primary address");
	assert_true(has(&l, SOURCE, "CN=Ann", "SMTP:ann@delete.me"));
	lab_close(&l);
}

/* ---- death ---- */

static unsigned
die_at(unsigned at, enum tap_stop how, bool reads)
{
	struct tap tap = {.stop_at = at, .how = how, .count_reads = reads};
	unsigned steps;
	struct lab l;

	lab_open(&l, &people);
	lab_run(&l);
	lose_mailbox(&l, "CN=Ann");
	l.dies = at != 0;
	job.who[0] = "CN=Ann";
	job.who[1] = "CN=Cid";
	job.who[2] = NULL;
	job.dry_run = job.sweep = false;
	assert_true(lab_act(&l, &tap, toggle_them, NULL) <= 0);
	l.dies = false;
	steps = tap.steps;
	tap_done(&tap);
	l.delta = at & 1;
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_string_equal(l.why, "");
	if (anywhere(&l))
		fail_msg("a dummy is left after a death at step %u (%d)", at, (int)how);
	assert_true(has_mailbox(&l, "CN=Ann"));
	l.delta = false;
	lab_run_silent(&l);
	lab_close(&l);
	return steps;
}

/* At every write in every way, and at every read too. */
static void
dies(void **state)
{
	unsigned writes = die_at(0, TAP_STOP_BEFORE, false), all = die_at(0, TAP_STOP_BEFORE, true);

	(void)state;
	assert_true(writes >= 5 && all > writes + 5);
	for (unsigned at = 1; at <= writes; at++)
		for (int how = TAP_STOP_BEFORE; how <= TAP_STOP_DROP; how++)
			(void)die_at(at, (enum tap_stop)how, false);
	for (unsigned at = 1; at <= all; at++)
		(void)die_at(at, TAP_STOP_AFTER, true);
}

/* A domain controller of either side goes away in the middle: an error, and the next toggle ends
 * well. */
static struct lab *falling;
static enum side falls;

static void
go_down(void *arg, unsigned write, const struct change *c)
{
	(void)c;
	if (write == *(unsigned *)arg)
		fakedir_set_down(falling->fd[falls], true);
}

/* It does not come back before the process is told to stop: nobody waits for it. */
static struct tap *falling_tap;

static void
give_up_waiting(struct lab *l, const char *text)
{
	(void)l;
	if (strstr(text, "tried again in"))
		atomic_store(&falling_tap->stopped, true);
}

static void
server_goes_away(void **state)
{
	(void)state;
	for (int side = SOURCE; side < SIDES; side++)
		for (unsigned at = 1; at <= 3; at++) {
			struct tap tap = {.hook = go_down, .hook_arg = &at};
			struct lab l;

			lab_open(&l, &people);
			lab_run(&l);
			lose_mailbox(&l, "CN=Ann");
			falling = &l;
			falls = (enum side)side;
			job.who[0] = "CN=Ann";
			job.who[1] = NULL;
			job.dry_run = job.sweep = false;
			falling_tap = &tap;
			l.on_note = give_up_waiting;
			assert_true(lab_act(&l, &tap, toggle_them, NULL) <= 0);
			tap_done(&tap);
			fakedir_set_down(l.fd[side], false);
			l.on_note = NULL;
			l.why[0] = '\0'; /* the observer saw nothing either */
			toggle(&l, "CN=Ann", NULL);
			assert_told("ok CN=Ann: \n");
			assert_true(has_mailbox(&l, "CN=Ann"));
			assert_false(anywhere(&l));
			lab_close(&l);
		}
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
	/* Neither redirects now; the switch is finished before the toggle looks. */
	toggle(&l, "CN=Ann", NULL);
	assert_told("its mailbox is switched");
	assert_int_equal(l.told[CYCLE_CHANGED], 1);
	assert_true(
	    lab_has(&l, SOURCE, "CN=Ann", "targetAddress", "SMTP:ann@redirect.globex.example"));
	assert_int_equal(lab_count(&l, TARGET, "CN=Ann", "targetAddress"), 0);
	lab_run_silent(&l);
	lab_close(&l);
}

/* ---- the sweep ---- */

static void
leave_behind(struct lab *l)
{
	lab_add_value(l, SOURCE, "CN=Ann", "proxyAddresses", DUMMY);
	lab_add_value(l, SOURCE, "CN=Ann", "proxyAddresses", "smtp:old@Delete.me");
	lab_add_value(l, TARGET, "CN=Cid", "proxyAddresses", "smtp:cid@delete.me");
	/* in a scope, but not in the map */
	lab_add(l, SOURCE,
	    "dn: CN=Bob" ACME "\nobjectClass: user\nsAMAccountName: bob\n"
	    "proxyAddresses: smtp:bob@delete.me\n\n");
	lab_add(l, TARGET,
	    "dn: CN=Own" GLOBEX "\nobjectClass: contact\nproxyAddresses: smtp:own@delete.me\n"
	    "proxyAddresses: SMTP:own@globex.example\n\n");
	/* neither: not ours to write */
	lab_add(l, SOURCE,
	    "dn: CN=Far,CN=Users,DC=acme,DC=example\nobjectClass: user\nsAMAccountName: far\n"
	    "proxyAddresses: smtp:far@delete.me\n\n");
	/* a primary one, and what only looks like it */
	lab_add(l, TARGET,
	    "dn: CN=Pri" GLOBEX "\nobjectClass: contact\nproxyAddresses: SMTP:pri@delete.me\n"
	    "proxyAddresses: smtp:pri@not-delete.me\nproxyAddresses: "
	    "X400:c=x;smtp:pri@delete.me\n\n");
}

static void
sweeps(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	lab_run(&l);
	sweep(&l, false);
	assert_string_equal(job.told, "");
	leave_behind(&l);
	sweep(&l, true);
	assert_told("ok CN=Ann: smtp:ann@delete.me would be removed\n");
	assert_told("ok CN=Ann: smtp:old@Delete.me would be removed\n");
	assert_told("ok CN=Cid: smtp:cid@delete.me would be removed\n");
	assert_told("ok CN=Bob: smtp:bob@delete.me would be removed\n");
	assert_told("ok CN=Own: smtp:own@delete.me would be removed\n");
	assert_told("no CN=Far: smtp:far@delete.me is outside of what the link may write");
	assert_told("no CN=Pri: SMTP:pri@delete.me is its primary address");
	assert_false(told("not-delete.me"));
	assert_int_equal(job.failed, 2);
	assert_true(has(&l, SOURCE, "CN=Ann", DUMMY));
	sweep(&l, false);
	assert_told("ok CN=Own: smtp:own@delete.me is removed\n");
	assert_int_equal(job.failed, 2);
	assert_false(anywhere(&l));
	assert_int_equal(lab_count(&l, SOURCE, "CN=Bob", "proxyAddresses"), 0);
	assert_true(has(&l, TARGET, "CN=Own", "SMTP:own@globex.example"));
	assert_int_equal(lab_count(&l, TARGET, "CN=Own", "proxyAddresses"), 1);
	assert_int_equal(lab_count(&l, TARGET, "CN=Pri", "proxyAddresses"), 3);
	assert_true(has(&l, SOURCE, "CN=Far,CN=Users,DC=acme,DC=example", "smtp:far@delete.me"));
	sweep(&l, false);
	assert_int_equal(job.failed, 2);
	assert_false(told("ok "));
	lab_close(&l);
}

static void
sweep_refused(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	lab_run(&l);
	lab_add_value(&l, TARGET, "CN=Cid", "proxyAddresses", "smtp:cid@delete.me");
	lab_add_value(&l, TARGET, "CN=Ann", "proxyAddresses", DUMMY);
	assert_int_equal(
	    fakedir_refuse(l.fd[TARGET], lab_dn(TARGET, "CN=Cid"), LDAP_INSUFFICIENT_ACCESS), 0);
	sweep(&l, false);
	assert_told("no CN=Cid: smtp:cid@delete.me could not be removed: ");
	assert_told("ok CN=Ann: smtp:ann@delete.me is removed\n");
	lab_close(&l);
}

/* An interrupted toggle of this link is a leftover, a running one of another link is not. */
static void
own_operation(struct lab *l, const char *link, bool there)
{
	struct store_txn *t = NULL;
	char detail[] = "ann@delete.me";
	struct store_operation o = {.kind = OPERATION_TOGGLE, .since = 1, .detail = detail};
	uint32_t id;

	assert_true(guid_parse(lab_source_guid(l, "CN=Ann"), &o.source));
	assert_int_equal(store_begin(l->store, STORE_WRITE, &t, &l->err), 0);
	assert_int_equal(store_link_id(t, link, &id, &l->err), 0);
	assert_int_equal(there ? store_put_operation(t, id, &o, &l->err)
			       : store_clear_operation(t, id, &o.source, &l->err),
	    0);
	assert_int_equal(store_commit(t, &l->err), 0);
}

static void
owned(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	lab_run(&l);
	lab_add_value(&l, SOURCE, "CN=Ann", "proxyAddresses", DUMMY);
	own_operation(&l, "another", true);
	sweep(&l, false);
	assert_told("ok CN=Ann: smtp:ann@delete.me belongs to a toggle of another link");
	assert_true(has(&l, SOURCE, "CN=Ann", DUMMY));
	own_operation(&l, "another", false);
	own_operation(&l, "acme-globex", true);
	sweep(&l, false);
	assert_told("ok CN=Ann: smtp:ann@delete.me is removed");
	assert_false(anywhere(&l));
	lab_run_idle(&l);
	lab_close(&l);
}

/* Somebody removes the same value, or adds another, right before the sweep's write. */
static void
sweep_meddled(void **state)
{
	static void (*const what[])(struct lab *) = {add_another, same_value, gone};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(what); i++) {
		void (*fn)(struct lab *) = what[i];
		struct tap tap = {.hook = others_addresses, .hook_arg = &fn, .hook_at = 1};
		struct lab l;

		lab_open(&l, &people);
		lab_run(&l);
		lab_add_value(&l, SOURCE, "CN=Ann", "proxyAddresses", DUMMY);
		lab_add_value(&l, SOURCE, "CN=Ann", "proxyAddresses", "smtp:old@delete.me");
		meddled = &l;
		job.dry_run = false;
		job.sweep = true;
		assert_int_equal(lab_act(&l, &tap, toggle_them, NULL), 0);
		tap_done(&tap);
		assert_int_equal(job.failed, 0);
		assert_false(anywhere(&l));
		if (what[i] == add_another)
			assert_true(has(&l, SOURCE, "CN=Ann", "smtp:theirs@acme.example"));
		if (what[i] != gone)
			assert_false(has(&l, SOURCE, "CN=Ann", "smtp:old@delete.me"));
		lab_close(&l);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(brings_back),
	    cmocka_unit_test(stamp_alone), cmocka_unit_test(dry_run), cmocka_unit_test(refusals),
	    cmocka_unit_test(same_alias), cmocka_unit_test(no_map_yet),
	    cmocka_unit_test(server_refuses), cmocka_unit_test(nothing_of_theirs_is_lost),
	    cmocka_unit_test(made_primary), cmocka_unit_test(dies),
	    cmocka_unit_test(server_goes_away), cmocka_unit_test(interrupted_switch_first),
	    cmocka_unit_test(sweeps), cmocka_unit_test(sweep_refused), cmocka_unit_test(owned),
	    cmocka_unit_test(sweep_meddled)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
