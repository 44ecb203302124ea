/* SPDX-License-Identifier: MIT */

/*
 * The crash test. Each scenario is run to its end; then, from a fresh start, it is stopped at every
 * step and run again: the end must be the same, and one more run must write nothing, not even to
 * the map. What happens between two cycles is also met with deltas. A stop takes one of these
 * forms:
 *
 *   before   the step is not made, what was under way is, and nobody has heard the answers
 *   after    the step is made too
 *   drop     neither is made
 *
 * and each of them with a process that is dead (its map is what was committed until then) and with
 * one that has lost its servers for good (its map says what it learned). Before every write, and
 * after every stop, no mail may loop and no counterpart may point to where nothing is.
 *
 * And a sample is killed with SIGKILL.
 *
 * Some of the steps are tried; with GALSYNC_CRASH_ALL=1 all of them.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/apply.h"
#include "tests/support/scenario_priv.h"

#define MANAGER(cn) "manager: CN=" cn ACME "\n"

static void
much_changes(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", "displayName", "Ann Oak");
	lab_set(l, SOURCE, "CN=Ann", "department", NULL);
	lab_set(l, SOURCE, "CN=Ann", "mailNickname", "oak");
	lab_set(l, SOURCE, "CN=Ann", "manager", "CN=Cid" ACME);
	lab_rename(l, SOURCE, "CN=Bea", "CN=Bea Birch");
	lab_delete_value(l, SOURCE, "CN=Sales", "member", "CN=Ann" ACME);
	lab_add_value(l, SOURCE, "CN=Sales", "member", "CN=Cid" ACME);
	lab_add(l, SOURCE, MAILBOX("Dan", "dan", MANAGER("Ann")));
	lab_set(l, TARGET, "CN=Cid", "displayName", "Another's idea");
}

static void
some_leave(struct lab *l)
{
	lab_delete(l, SOURCE, "CN=Ann");
	lab_set(l, SOURCE, "CN=Bea", "msExchHideFromAddressLists", "TRUE");
	lab_set(l, SOURCE, "CN=Cid", "title", "Boss");
}

static void
ann_is_hidden(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", "msExchHideFromAddressLists", "TRUE");
}

/* Its counterpart is taken over. */
static void
ann_is_made_again(struct lab *l)
{
	lab_delete(l, SOURCE, "CN=Ann");
	lab_add(l, SOURCE, MAILBOX("Ann", "ann", ""));
}

static void
ann_is_back(struct lab *l)
{
	struct tap tap = {.stop_at = 0};

	ann_is_hidden(l);
	assert_int_equal(lab_cycle(l, &tap), 0);
	tap_done(&tap);
	lab_set(l, SOURCE, "CN=Ann", "msExchHideFromAddressLists", NULL);
}

/* And then each of both objects redirects to itself. */
static void
ann_goes_round(struct lab *l)
{
	struct tap tap = {.stop_at = 0};

	ann_is_hidden(l);
	assert_int_equal(lab_cycle(l, &tap), 0);
	tap_done(&tap);
	lab_set(l, SOURCE, "CN=Ann", "targetAddress", "SMTP:ann@redirect.acme.example");
	lab_set(l, TARGET, "CN=Ann", "targetAddress", "SMTP:ann@redirect.globex.example");
}

static void
unit_moves(struct lab *l)
{
	assert_int_equal(
	    fakedir_rename(l->fd[SOURCE], lab_dn(SOURCE, "OU=A"), "OU=A", "DC=acme,DC=example"), 0);
	lab_set(l, SOURCE, "CN=Boss", "msExchHideFromAddressLists", NULL);
	lab_add(l, SOURCE, MAILBOX("Dan", "dan", MANAGER("Boss")));
}

static void
ann_is_another(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", "title", NULL);
	lab_set(l, SOURCE, "CN=Ann", "company", "Acme");
	lab_delete_value(l, SOURCE, "CN=Ann", "otherTelephone", "1");
	lab_delete_value(l, SOURCE, "CN=Ann", "otherTelephone", "2");
	lab_add_value(l, SOURCE, "CN=Ann", "otherTelephone", "3");
}

/* On the side that decides. */
static void
target_changes(struct lab *l)
{
	lab_set(l, TARGET, "CN=Carl", "displayName", "Carl Cedar");
	lab_set(l, TARGET, "CN=Carl", "title", "Chief");
	lab_set(l, TARGET, "CN=Carl", "manager", lab_dn(TARGET, "CN=Bea"));
	lab_add_value(l, TARGET, "CN=Carl", "proxyAddresses", "smtp:c@new.example");
	lab_delete_value(l, TARGET, "CN=Sales", "member", lab_dn(TARGET, "CN=Ann"));
	lab_add_value(l, TARGET, "CN=Sales", "member", lab_dn(TARGET, "CN=Bea"));
	lab_set(l, SOURCE, "CN=Sales", "displayName", "Another's idea");
	lab_set(l, TARGET, "CN=Sales", "displayName", "Sales");
	lab_set(l, SOURCE, "CN=Ann", "title", "Boss");
}

/* From global to domain local leads by way of universal; the inner one may have to be universal. */
static void
groups_change(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Turns", "groupType", "8");
	lab_set(l, SOURCE, "CN=Turns", "groupType", "4");
	lab_add_value(l, SOURCE, "CN=Outer", "member", "CN=Inner" ACME);
	lab_add_value(l, SOURCE, "CN=Core", "member", "CN=Turns" ACME);
	lab_add(l, SOURCE,
	    GROUP("One", "one", MEMBER("Two")) GROUP("Two", "two", MEMBER("One") MEMBER("Ann")));
}

static const struct scenario crashes[] = {
    {.name = "create",
	.source = {MAILBOX("Ann", "ann", MANAGER("Bea")), MAILBOX("Bea", "bea", MANAGER("Ann")),
	    CONTACT("Carl", "carl", MANAGER("Ann")),
	    GROUP("Sales", "sales", MEMBER("Ann") MEMBER("Carl") MEMBER("Staff")),
	    GROUP("Staff", "staff", MEMBER("Sales"))}},
    {.name = "mirrored units",
	.scope = "create = \"mail-user\"; layout = \"mirror\";",
	.source = {"dn: OU=A" ACME "\nobjectClass: organizationalUnit\n\n"
		   "dn: OU=B,OU=A" ACME "\nobjectClass: organizationalUnit\n\n",
	    MAILBOX("Ann,OU=B,OU=A", "ann", ""), CONTACT("Carl,OU=A", "carl", "")}},
    {.name = "match",
	.source = {MAILBOX("Ann", "ann", "title: Boss\n"), MAILBOX("Bea", "bea", MANAGER("Ann")),
	    GROUP("Sales", "sales", MEMBER("Ann"))},
	.target = {THERE_OU,
	    THERE("user", "Andy",
		"sAMAccountName: andy\nmail: ann@acme.example\n"
		"proxyAddresses: SMTP:andy@globex.example\n"),
	    THERE("group", "Vertrieb", "mail: sales@acme.example\n")}},
    {.name = "promote",
	.link = "promote_contacts = true;",
	.source = {MAILBOX("Ann", "ann", ""), GROUP("Sales", "sales", MEMBER("Ann"))},
	.target = {THERE_OU, THERE("contact", "Ann",
				 "mail: ann@acme.example\n"
				 "legacyExchangeDN: /o=Globex/cn=contact\n"
				 "proxyAddresses: X500:/o=Old/cn=ann\n"
				 "proxyAddresses: X500:" ACME_LEGACY "ann\n")}},
    {.name = "conflicts",
	.link = "match = [ \"stamp\" ];",
	.source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", MANAGER("Ann")),
	    MAILBOX("Cid", "cid", "proxyAddresses: smtp:office@acme.example\n")},
	.target = {THERE_OU, THERE("contact", "Bea", "mail: ann@acme.example\n"),
	    THERE("contact", "Cid", "proxyAddresses: smtp:office@acme.example\n")}},
    {.name = "change",
	.source = {MAILBOX("Ann", "ann", "displayName: Ann Ash\ndepartment: Sales\n"),
	    MAILBOX("Bea", "bea", ""), MAILBOX("Cid", "cid", "displayName: Cid\n"),
	    GROUP("Sales", "sales", MEMBER("Ann") MEMBER("Bea"))},
	.between = much_changes},
    {.name = "flow back",
	.scope = "create = \"mailbox\"; authority = \"target\";",
	.source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", ""),
	    CONTACT("Carl", "carl", ""), GROUP("Sales", "sales", MEMBER("Ann") MEMBER("Carl"))},
	.between = target_changes},
    {.name = "leave, deleted",
	.scope = "create = \"mailbox\"; on_leave = \"delete\";",
	.source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", ""),
	    MAILBOX("Cid", "cid", MANAGER("Bea"))},
	.between = some_leave},
    {.name = "leave, hidden",
	.source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", ""),
	    MAILBOX("Cid", "cid", MANAGER("Bea"))},
	.between = some_leave},
    {.name = "change, matched",
	.source = {MAILBOX("Ann", "ann", "title: Boss\notherTelephone: 1\notherTelephone: 2\n"),
	    GROUP("Sales", "sales", MEMBER("Ann"))},
	.target = {THERE_OU,
	    THERE("user", "Andy",
		"sAMAccountName: andy\nmail: ann@acme.example\notherTelephone: 1\n")},
	.between = ann_is_another},
    {.name = "leave, matched",
	.scope = "create = \"mailbox\"; on_leave = \"delete\";",
	.source = {MAILBOX("Ann", "ann", "title: Boss\n")},
	.target = {THERE_OU, THERE("user", "Andy", "mail: ann@acme.example\n")},
	.between = ann_is_hidden},
    {.name = "left, and goes round",
	.source = {MAILBOX("Ann", "ann", "")},
	.between = ann_goes_round},
    {.name = "come back", .source = {MAILBOX("Ann", "ann", "")}, .between = ann_is_back},
    {.name = "made again, with less",
	.scope = "create = \"mailbox\"; on_leave = \"delete\";",
	.source = {MAILBOX("Ann", "ann", "title: Chief\ndepartment: Ops\n" MANAGER("Bea")),
	    MAILBOX("Bea", "bea", "")},
	.between = ann_is_made_again},
    {.name = "a unit moves, and others appear",
	.scope = "create = \"mailbox\"; on_leave = \"delete\";",
	.source = {"dn: OU=A" ACME "\nobjectClass: organizationalUnit\n\n",
	    MAILBOX("Ann,OU=A", "ann", ""), MAILBOX("Bea", "bea", MANAGER("Boss")),
	    MAILBOX("Boss", "boss", "msExchHideFromAddressLists: TRUE\n"),
	    GROUP("Sales", "sales", MEMBER("Boss") MEMBER("Ann,OU=A"))},
	.between = unit_moves},
    {.name = "groups of all types",
	.link = "limits = { matches = 10; };",
	.source = {MAILBOX("Ann", "ann", ""), TYPED("Outer", "outer", "4", MEMBER("Ann")),
	    TYPED("Inner", "inner", "4", MEMBER("Core")), TYPED("Core", "core", "4", MEMBER("Ann")),
	    TYPED("Turns", "turns", "2", MEMBER("Ann"))},
	.target = {THERE_OU,
	    THERE("group", "Aussen",
		"sAMAccountName: outer\nmail: outer@acme.example\ngroupType: 8\n")},
	.between = groups_change},
};

struct stop {
	unsigned at;
	enum tap_stop how;
	bool dies, reads;
	enum fakedir_order order;
};

/* The forests right before the cycle that is to be stopped. */
static void
prepare(struct lab *l, const struct scenario *sc, const struct stop *s)
{
	lab_open(l, sc);
	if (sc->between) {
		assert_int_equal(lab_cycle(l, NULL), 0);
		assert_int_equal(l->res.failed, 0);
		sc->between(l);
	}
	l->delta = sc->delta;
	for (int side = SOURCE; side < SIDES; side++)
		fakedir_set_order(l->fd[side], s->order, 1 + s->at);
}

/* One more writes nothing; after a delta neither does another one, which hears of its writes. */
static void
dump_end(struct lab *l, struct buf *ret)
{
	if (l->delta)
		lab_run_idle(l);
	l->delta = false;
	lab_run_idle(l);
	lab_dump(l, ret, LAB_DUMP_ALL);
}

/* To the end. */
static void
finish(struct lab *l, struct buf *ret)
{
	if (lab_cycle(l, NULL) < 0)
		fail_msg("%s", l->err.text);
	if (l->res.failed || l->needs_full || !lab_check_mail(l))
		fail_msg("%s\n%.*s", l->why, (int)l->notes.len,
		    l->notes.len ? (const char *)l->notes.data : "");
	dump_end(l, ret);
}

/* The steps of an undisturbed cycle, and what it leaves. */
static unsigned
reference(const struct scenario *sc, const struct stop *s, struct buf *ret)
{
	struct tap tap = {.count_reads = s->reads};
	struct lab l;
	unsigned n;

	prepare(&l, sc, s);
	assert_int_equal(lab_cycle(&l, &tap), 0);
	n = atomic_load(&tap.steps);
	tap_done(&tap);
	dump_end(&l, ret);
	lab_close(&l);
	return n;
}

static void
stop_and_go_on(const struct scenario *sc, const struct stop *s, const struct buf *end)
{
	static const char *const hows[] = {
	    [TAP_STOP_BEFORE] = "before", [TAP_STOP_AFTER] = "after", [TAP_STOP_DROP] = "drop"};
	struct tap tap = {.stop_at = s->at, .how = s->how, .count_reads = s->reads};
	_cleanup_(buf_done) struct buf now = {0};
	char what[128];
	struct lab l;

	(void)snprintf(what, sizeof what, "stopped %s step %u%s%s, order %d", hows[s->how], s->at,
	    s->reads ? " (reads count)" : "", s->dies ? ", dead" : "", (int)s->order);
	prepare(&l, sc, s);
	l.dies = s->dies;
	/* A stop at a read that comes after the last write may leave nothing to fail. */
	if (lab_cycle(&l, &tap) == 0 && !s->reads)
		fail_msg("%s: %s: nothing failed", sc->name, what);
	assert_true(atomic_load(&tap.stopped));
	tap_done(&tap);
	if (!lab_check_mail(&l))
		fail_msg("%s: %s: %s", sc->name, what, l.why);
	l.dies = false;
	finish(&l, &now);
	lab_same_dumps(&l, what, end, &now);
	lab_close(&l);
}

static void
crash(void **state)
{
	static const enum fakedir_order orders[] = {
	    FAKEDIR_FORWARD, FAKEDIR_REVERSE, FAKEDIR_SHUFFLE};
	const struct scenario *sc = *state;
	size_t turn = 0;

	for (size_t o = 0; o < ARRAY_SIZE(orders); o++) {
		_cleanup_(buf_done) struct buf end = {0};
		struct stop s = {.order = orders[o]};
		unsigned n = reference(sc, &s, &end);

		assert_true(n > 0);
		for (unsigned i = 0; i < n * 6; i++) {
			s.at = 1 + i / 6;
			s.how = (enum tap_stop)(i % 3);
			s.dies = i / 3 % 2;
			/* Every step in some order and some form. */
			if (lab_try_all() || (turn++ * 7 + o) % 18 < 2)
				stop_and_go_on(sc, &s, &end);
		}
	}
}

/* ---- real death ---- */

/*
 * A child runs the cycle and is killed at a write; what it leaves on the disk is all that the next
 * one has. The forests live in memory, so a grandchild, forked at that moment, carries them on. It
 * says "k" through RESULT when all was well; the child's end is the end of ALIVE.
 */
struct killing {
	struct lab l;
	const struct buf *end;
	int result, alive[2];
};

/* The lock of the map was the child's. */
static void
drop_lock(void)
{
	DIR *d = opendir("/proc/self/fd");
	const struct dirent *e;
	int found = -1;

	assert_non_null(d);
	while ((e = readdir(d))) {
		char target[512];
		ssize_t n = readlinkat(dirfd(d), e->d_name, target, sizeof target - 1);

		target[n > 0 ? n : 0] = '\0';
		if (strstr(target, "writer.lock"))
			found = atoi(e->d_name);
	}
	(void)closedir(d);
	assert_true(found >= 0);
	assert_int_equal(close(found), 0);
}

/* Every other time the change is still made, and nobody has heard of it. */
static void
make_change(struct lab *l, const struct change *c)
{
	char name[GUID_TEXT_SIZE + 8], guid[GUID_TEXT_SIZE];
	enum side side;
	struct dir *d;
	struct err err;

	guid_format(&c->guid, guid);
	(void)snprintf(name, sizeof name, "<GUID=%s>", guid);
	side = fakedir_find(l->fd[SOURCE], name) ? SOURCE : TARGET;
	d = fakedir_connect(l->fd[side]);
	assert_non_null(d);
	assert_int_equal(dir_open(d, &err), 0);
	if (apply_change(d, c, &err) < 0 && err.scope != ERR_ENTRY)
		fail_msg("%s", err.text);
	dir_free(d);
}

static void
die(void *arg, unsigned number, const struct change *c)
{
	struct killing *k = arg;
	_cleanup_(buf_done) struct buf now = {0};
	pid_t pid = fork();
	char eof;

	if (pid != 0)
		(void)kill(getpid(), SIGKILL);
	(void)close(k->alive[1]);
	assert_int_equal(read(k->alive[0], &eof, 1), 0);
	drop_lock();
	if (number % 2)
		make_change(&k->l, c);
	lab_open_store(&k->l);
	finish(&k->l, &now);
	lab_same_dumps(&k->l, "after SIGKILL", k->end, &now);
	/* The dead one's connections are still there. */
	lab_remove(&k->l);
	assert_int_equal(write(k->result, "k", 1), 1);
	_exit(0);
}

static void
kill_at(const struct scenario *sc, unsigned at, const struct buf *end)
{
	struct killing k = {.end = end};
	struct tap tap = {.hook = die, .hook_arg = &k, .hook_at = at};
	struct stop s = {.at = at};
	int result[2], status = 0;
	char said = '\0';
	pid_t pid;

	assert_int_equal(pipe2(result, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* What fails here must not go on with the other tests. */
		(void)setenv("CMOCKA_TEST_ABORT", "1", 1);
		(void)close(result[0]);
		k.result = result[1];
		if (pipe2(k.alive, O_CLOEXEC) < 0)
			_exit(1);
		prepare(&k.l, sc, &s);
		/* It never returns from there. */
		_exit(lab_cycle(&k.l, &tap) == 0 ? 2 : 1);
	}
	(void)close(result[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	/* Ends when the grandchild does. */
	if (read(result[0], &said, 1) != 1 || said != 'k')
		fail_msg("%s: killed at write %u: see above", sc->name, at);
	(void)close(result[0]);
}

static void
killed(void **state)
{
	_cleanup_(buf_done) struct buf end = {0};
	const struct scenario *sc = *state;
	struct stop s = {.at = 0};
	unsigned n = reference(sc, &s, &end);

	for (unsigned at = 1; at <= n; at += lab_try_all() ? 1 : 5)
		kill_at(sc, at, &end);
}

/* Between the last write and the end there are reads. */
static void
crash_reads(void **state)
{
	_cleanup_(buf_done) struct buf end = {0};
	const struct scenario *sc = *state;
	struct stop s = {.reads = true};
	unsigned n = reference(sc, &s, &end);

	for (unsigned i = 0; i < n * 2; i++) {
		s.at = 1 + i / 2;
		s.dies = i % 2;
		if (lab_try_all() || i % 5 == 0 || s.at == n)
			stop_and_go_on(sc, &s, &end);
	}
}

/* ---- what the map of a dead process says ---- */

#define BEA THERE("user", "Bea", "sAMAccountName: bea\nmail: ann@acme.example\n")
#define KEPT "create = \"mailbox\"; on_leave = \"delete\";"

/* The process dies at write number AT of a first cycle over SC. */
static void
die_at(struct lab *l, const struct scenario *sc, unsigned at, enum tap_stop how)
{
	struct tap tap = {.stop_at = at, .how = how};

	lab_open(l, sc);
	l->dies = true;
	assert_int_equal(lab_cycle(l, &tap), -1);
	tap_done(&tap);
	l->dies = false;
}

static const struct scenario boss = {.name = "boss",
    .scope = KEPT,
    .source = {MAILBOX("Ann", "ann", "title: Boss\n")},
    .target = {THERE_OU, BEA}};

/* What galsync put on a matched object is known by the record alone. */
static void
put_and_crash(void **state)
{
	_cleanup_(record_free) struct record *r = NULL;
	struct lab l;

	(void)state;
	die_at(&l, &boss, 2, TAP_STOP_AFTER);
	assert_true(lab_has(&l, TARGET, "CN=Bea", "title", "Boss"));
	r = lab_record(&l, "CN=Ann");
	assert_int_equal(r->state, RECORD_PENDING);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	lab_set(&l, SOURCE, "CN=Ann", "title", NULL);
	lab_run(&l);
	assert_int_equal(lab_count(&l, TARGET, "CN=Bea", "title"), 0);
	lab_run_idle(&l);
	lab_close(&l);
}

/* ... and the source changes before the next cycle. */
static void
put_crash_and_change(void **state)
{
	struct lab l;

	(void)state;
	die_at(&l, &boss, 2, TAP_STOP_AFTER);
	lab_set(&l, SOURCE, "CN=Ann", "title", NULL);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_int_equal(lab_count(&l, TARGET, "CN=Bea", "title"), 0);
	lab_run_idle(&l);
	lab_close(&l);
}

/* More values go than one request takes; the process dies before the first, or before the next. */
static void
many_values_go(void **state)
{
	static const struct scenario sc = {.name = "many values",
	    .scope = KEPT,
	    .source = {MAILBOX("Ann", "ann", "")},
	    .target = {THERE_OU, THERE("user", "Andy", "mail: ann@acme.example\n")}};

	(void)state;
	for (unsigned at = 1; at <= 2; at++) {
		struct tap tap = {.stop_at = at, .how = TAP_STOP_BEFORE};
		struct lab l;

		lab_open(&l, &sc);
		for (int i = 0; i < 1005; i++) {
			char number[16];

			(void)snprintf(number, sizeof number, "%d", i);
			lab_add_value(&l, SOURCE, "CN=Ann", "otherTelephone", number);
		}
		lab_run(&l);
		assert_int_equal(lab_count(&l, TARGET, "CN=Andy", "otherTelephone"), 1005);
		lab_set(&l, SOURCE, "CN=Ann", "otherTelephone", NULL);
		l.dies = true;
		assert_int_equal(lab_cycle(&l, &tap), -1);
		tap_done(&tap);
		l.dies = false;
		lab_run(&l);
		if (lab_count(&l, TARGET, "CN=Andy", "otherTelephone"))
			fail_msg("%u: %zu are left\n%s", at,
			    lab_count(&l, TARGET, "CN=Andy", "otherTelephone"), lab_notes(&l));
		/* What it knows is not there is forgotten. */
		lab_run(&l);
		lab_run_idle(&l);
		lab_close(&l);
	}
}

/* An object that was only about to be the counterpart is none: the rules are asked again. */
static void
intended_alone(void **state)
{
	struct lab l;

	(void)state;
	die_at(&l, &boss, 2, TAP_STOP_BEFORE);
	lab_set(&l, TARGET, "CN=Bea", "mail", "bea@globex.example");
	lab_run(&l);
	assert_int_equal(l.res.created[SHAPE_MAILBOX], 1);
	assert_int_equal(lab_count(&l, TARGET, "CN=Bea", "title"), 0);
	assert_int_equal(lab_count(&l, TARGET, "CN=Bea", "extensionAttribute15"), 0);
	lab_run_idle(&l);
	lab_close(&l);
}

static void
intended_and_left(void **state)
{
	struct lab l;

	(void)state;
	die_at(&l, &boss, 2, TAP_STOP_BEFORE);
	lab_delete(&l, SOURCE, "CN=Ann");
	lab_run(&l);
	assert_int_equal(lab_count(&l, TARGET, "CN=Bea", "msExchHideFromAddressLists"), 0);
	lab_run_idle(&l);
	lab_close(&l);
}

/* Nobody has learned the GUID of what was created. */
static void
created_and_left(void **state)
{
	static const struct scenario sc = {
	    .name = "created and left", .scope = KEPT, .source = {MAILBOX("Ann", "ann", "")}};

	struct lab l;

	(void)state;
	/* The OU, the source's addresses, the add. */
	die_at(&l, &sc, 3, TAP_STOP_AFTER);
	assert_true(lab_exists(&l, TARGET, "CN=Ann"));
	lab_delete(&l, SOURCE, "CN=Ann");
	lab_run(&l);
	assert_false(lab_exists(&l, TARGET, "CN=Ann"));
	lab_run_idle(&l);
	lab_close(&l);
}

int
main(void)
{
	static struct scenario all[2 * ARRAY_SIZE(crashes)];
	/* What remains empty is skipped. */
	struct CMUnitTest tests[3 * ARRAY_SIZE(all) + 6] = {{0}}, *last = tests;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(crashes); i++) {
		all[n++] = crashes[i];
		if (!crashes[i].between)
			continue;
		all[n] = crashes[i];
		all[n++].delta = true;
	}
	for (size_t i = 0; i < n; i++) {
		bool delta = all[i].delta;

		*last++ = (struct CMUnitTest){.name = delta ? "the same, delta" : all[i].name,
		    .test_func = crash,
		    .initial_state = &all[i]};
		*last++ = (struct CMUnitTest){.name = "the same, reads count",
		    .test_func = crash_reads,
		    .initial_state = &all[i]};
		*last++ = (struct CMUnitTest){
		    .name = "the same, SIGKILL", .test_func = killed, .initial_state = &all[i]};
	}
	last[0] = (struct CMUnitTest)cmocka_unit_test(put_and_crash);
	last[1] = (struct CMUnitTest)cmocka_unit_test(put_crash_and_change);
	last[2] = (struct CMUnitTest)cmocka_unit_test(intended_alone);
	last[3] = (struct CMUnitTest)cmocka_unit_test(intended_and_left);
	last[4] = (struct CMUnitTest)cmocka_unit_test(created_and_left);
	last[5] = (struct CMUnitTest)cmocka_unit_test(many_values_go);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
