/* SPDX-License-Identifier: MIT */

/*
 * Deltas among many conflicts: one that ends does so at once, the others cost little, all of them
 * are looked at in turn, and none is matched without a look at its rivals.
 *
 * The crowd are contacts o0, o1, ... whose only candidates are groups; they stay in conflict.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "tests/support/scenario.h"

#define CROWD 400
#define AT_ONCE 100 /* of those that no change leads to */
#define SOME 10	    /* more of one sort than going round would meet by chance */
#define NAME(text, format, ...)                                                                    \
	char text[128];                                                                            \
	(void)snprintf(text, sizeof text, format, __VA_ARGS__)

static const struct scenario ann = {.name = "ann",
    .link = "match = [ \"stamp\", \"sid-history\", \"x500\", \"mail\", \"sam-account-name\" ]; "
	    "limits = { matches = 1000; };",
    .source = {MAILBOX("Ann", "ann", "")},
    .target = {THERE_OU}};
/* The crowd cannot get its addresses, which the groups hold. */
static const struct scenario no_rules = {.name = "no rules",
    .link = "match = [ \"stamp\" ];",
    .source = {MAILBOX("Ann", "ann", "")},
    .target = {THERE_OU}};

static void
add_text(struct lab *l, enum side side, struct buf *b)
{
	buf_add_char(b, '\0');
	assert_false(b->failed);
	lab_add(l, side, (const char *)b->data);
	buf_reset(b);
}

static void
put_contact(struct buf *b, const char *name, int i)
{
	buf_printf(b,
	    "dn: CN=%s%d" ACME "\nobjectClass: contact\nmailNickname: %s%d\n"
	    "mail: %s%d@acme.example\nproxyAddresses: SMTP:%s%d@acme.example\n"
	    "targetAddress: SMTP:%s%d@else.example\nlegacyExchangeDN: " ACME_LEGACY "%s%d\n",
	    name, i, name, i, name, i, name, i, name, i, name, i);
}

static void
add_crowd(struct lab *l, int n)
{
	_cleanup_(buf_done) struct buf source = {0}, target = {0};

	for (int i = 0; i < n; i++) {
		put_contact(&source, "o", i);
		buf_add_char(&source, '\n');
		buf_printf(&target,
		    "dn: CN=g%d" GLOBEX "\nobjectClass: group\nsAMAccountName: g%d\n"
		    "proxyAddresses: smtp:o%d@acme.example\n\n",
		    i, i, i);
	}
	add_text(l, SOURCE, &source);
	add_text(l, TARGET, &target);
}

/* In the place of the look at all mail before each write. */
static void
no_look(void *arg, unsigned number, const struct change *c)
{
	(void)arg;
	(void)number;
	(void)c;
}

/* One cycle; how many requests it made. */
static unsigned
run(struct lab *l)
{
	struct tap tap = {.count_reads = true, .hook = no_look};
	unsigned n;

	if (lab_cycle(l, &tap) < 0)
		fail_msg("%s", l->err.text);
	assert_false(l->needs_full);
	assert_int_equal(l->res.failed, 0);
	n = atomic_load(&tap.steps);
	tap_done(&tap);
	return n;
}

/* The crowd and PREPARE's objects, known and settled; deltas from here on. */
static void
start(struct lab *l, const struct scenario *sc, int n, void (*prepare)(struct lab *l))
{
	lab_open(l, sc);
	add_crowd(l, n);
	if (prepare)
		prepare(l);
	(void)run(l);
	l->delta = true;
	(void)run(l);
}

static void
change_ann(struct lab *l)
{
	static unsigned count;
	NAME(title, "Title %u", count++);

	lab_set(l, SOURCE, "CN=Ann", "title", title);
}

static bool
is_in_conflict(struct lab *l, const char *dn)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct conflict known = {.reason = CONFLICT_AMBIGUOUS};
	const struct entry *e = fakedir_find(l->fd[SOURCE], lab_dn(SOURCE, dn));
	struct err err;
	bool found;

	assert_non_null(e);
	assert_int_equal(store_begin(l->store, STORE_READ, &t, &err), 0);
	assert_int_equal(store_find_conflict(t, 1, &e->guid, &known, &found, &err), 0);
	conflict_done(&known);
	return found;
}

/* ---- what it costs ---- */

static void
requests(void **state)
{
	static const int sizes[] = {250, 1000};
	unsigned all[ARRAY_SIZE(sizes)], idle[ARRAY_SIZE(sizes)];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct lab l;

		start(&l, &ann, sizes[i], NULL);
		assert_int_equal(l.res.conflicts, sizes[i]);
		change_ann(&l);
		all[i] = run(&l);
		assert_int_equal(l.told[RUN_CONFLICT], AT_ONCE);
		assert_int_equal(l.res.conflicts, sizes[i]);
		/* It hears of what it wrote itself. */
		(void)run(&l);
		idle[i] = run(&l);
		assert_int_equal(l.told[RUN_CONFLICT], 0);
		lab_close(&l);
	}
	for (size_t i = 1; i < ARRAY_SIZE(sizes); i++) {
		assert_int_equal(all[i], all[0]);
		assert_int_equal(idle[i], idle[0]);
	}
	print_message("%u requests, %u without a change\n", all[0], idle[0]);
	/* Many are asked for in one request. */
	assert_in_range(all[0], idle[0] + 1, idle[0] + AT_ONCE / 2);
}

/* ---- all in turn ---- */

/* Marks those of the N that the last cycle reported; how many for the first time. */
static int
mark_seen(struct lab *l, int n, bool *seen)
{
	int news = 0;

	buf_add_char(&l->notes, '\0');
	for (int i = 0; i < n; i++) {
		NAME(dn, "CN=o%d,", i);

		if (seen[i] || !strstr((const char *)l->notes.data, dn))
			continue;
		seen[i] = true;
		news++;
	}
	return news;
}

static void
all_in_turn(void **state)
{
	enum { N = 250 };
	bool seen[N] = {false};
	struct lab l;
	int news[3];

	(void)state;
	start(&l, &ann, N, NULL);
	for (int i = 0; i < 3; i++) {
		change_ann(&l);
		(void)run(&l);
		assert_int_equal(l.told[RUN_CONFLICT], AT_ONCE);
		assert_int_equal(l.told[RUN_RESOLVED], 0);
		news[i] = mark_seen(&l, N, seen);
		/* What it wrote to Ann is the next delta's change. */
		(void)run(&l);
		news[i] += mark_seen(&l, N, seen);
	}
	assert_int_equal(news[0], 2 * AT_ONCE);
	assert_int_equal(news[1], N - 2 * AT_ONCE);
	assert_int_equal(news[2], 0);
	lab_close(&l);
}

/* Few are looked at whenever anything changes. */
static void
few_at_once(void **state)
{
	struct lab l;

	(void)state;
	start(&l, &ann, AT_ONCE, NULL);
	for (int i = 0; i < 2; i++) {
		change_ann(&l);
		(void)run(&l);
		assert_int_equal(l.told[RUN_CONFLICT], AT_ONCE);
	}
	lab_close(&l);
}

/* ---- what ends a conflict ---- */

static void
candidates_go(void **state)
{
	struct lab l;

	(void)state;
	start(&l, &ann, CROWD, NULL);
	for (int i = 0; i < SOME; i++) {
		NAME(group, "CN=g%d", 35 * i);

		lab_delete(&l, TARGET, group);
	}
	(void)run(&l);
	assert_int_equal(l.told[RUN_RESOLVED], SOME);
	assert_int_equal(l.res.created[SHAPE_CONTACT], SOME);
	assert_int_equal(l.res.conflicts, CROWD - SOME);
	lab_close(&l);
}

/* a0 and b0 carry one more address, which t0 of the target has too, and so on. */
static void
add_rivals(struct lab *l)
{
	static const char names[] = "ab";
	_cleanup_(buf_done) struct buf b = {0};

	for (int i = 0; i < SOME; i++)
		for (size_t j = 0; names[j]; j++) {
			const char name[] = {names[j], '\0'};

			put_contact(&b, name, i);
			buf_printf(&b, "proxyAddresses: smtp:t%d@acme.example\n\n", i);
		}
	add_text(l, SOURCE, &b);
	for (int i = 0; i < SOME; i++)
		buf_printf(&b,
		    "dn: CN=t%d" GLOBEX "\nobjectClass: contact\nmail: t%d@acme.example\n\n", i, i);
	add_text(l, TARGET, &b);
}

static void
rivals_give_up(void **state)
{
	struct lab l;

	(void)state;
	start(&l, &ann, CROWD, add_rivals);
	assert_int_equal(l.res.conflicts, CROWD + 2 * SOME);
	for (int i = 0; i < SOME; i++) {
		NAME(dn, "CN=a%d", i);
		NAME(address, "smtp:t%d@acme.example", i);

		/* One half gives the address up, the other half goes altogether. */
		if (i % 2)
			lab_delete(&l, SOURCE, dn);
		else
			lab_delete_value(&l, SOURCE, dn, "proxyAddresses", address);
	}
	(void)run(&l);
	assert_int_equal(l.told[RUN_RESOLVED], 2 * SOME);
	assert_int_equal(l.res.matched, SOME);
	assert_int_equal(l.res.conflicts, CROWD);
	for (int i = 0; i < SOME; i++) {
		NAME(dn, "CN=t%d", i);
		NAME(alias, "b%d", i);

		assert_true(lab_has(&l, TARGET, dn, "mailNickname", alias));
	}
	lab_close(&l);
}

/* h0 holds an address of c0, k0 another one. */
static void
add_holders(struct lab *l)
{
	_cleanup_(buf_done) struct buf b = {0};

	for (int i = 0; i < SOME; i++) {
		put_contact(&b, "c", i);
		buf_printf(&b,
		    "proxyAddresses: smtp:h%d@old.example\nproxyAddresses: "
		    "smtp:k%d@old.example\n\n",
		    i, i);
	}
	add_text(l, SOURCE, &b);
	for (int i = 0; i < SOME; i++)
		buf_printf(&b,
		    "dn: CN=h%d,CN=Users,DC=globex,DC=example\nobjectClass: contact\n"
		    "proxyAddresses: smtp:h%d@old.example\n\n"
		    "dn: CN=k%d,CN=Users,DC=globex,DC=example\nobjectClass: contact\n"
		    "proxyAddresses: smtp:k%d@old.example\n\n",
		    i, i, i, i);
	add_text(l, TARGET, &b);
}

/* One conflict of an object is kept, but any holder of its addresses may end a part. */
static void
holders_let_go(void **state)
{
	struct lab l;

	(void)state;
	start(&l, &no_rules, CROWD, add_holders);
	assert_int_equal(l.res.conflicts, CROWD + SOME);
	for (int turn = 0; turn < 2; turn++) {
		for (int i = 0; i < SOME; i++) {
			NAME(dn, "CN=%c%d,CN=Users,DC=globex,DC=example", turn ? 'k' : 'h', i);

			lab_delete(&l, TARGET, dn);
		}
		(void)run(&l);
		for (int i = 0; i < SOME; i++) {
			NAME(dn, "CN=c%d", i);
			NAME(address, "smtp:%c%d@old.example", turn ? 'k' : 'h', i);

			assert_true(lab_has(&l, TARGET, dn, "proxyAddresses", address));
			assert_int_equal(is_in_conflict(&l, dn), turn == 0);
		}
	}
	assert_int_equal(l.res.conflicts, CROWD);
	lab_close(&l);
}

#define HOARDERS 23
#define HOARD 100 /* addresses of as many source objects */

static void
add_hoarders(struct lab *l)
{
	_cleanup_(buf_done) struct buf b = {0};

	for (int i = 0; i < HOARDERS * HOARD; i++) {
		put_contact(&b, "c", i);
		buf_printf(&b, "proxyAddresses: smtp:c%d@old.example\n\n", i);
	}
	add_text(l, SOURCE, &b);
	for (int i = 0; i < HOARDERS * HOARD; i++) {
		if (i % HOARD == 0)
			buf_printf(&b,
			    "\ndn: CN=h%d,CN=Users,DC=globex,DC=example\nobjectClass: contact\n",
			    i / HOARD);
		buf_printf(&b, "proxyAddresses: smtp:c%d@old.example\n", i);
	}
	add_text(l, TARGET, &b);
}

/* Conflicts alone are no reason to read everything, whatever they have in common. */
static void
never_too_many(void **state)
{
	struct lab l;

	(void)state;
	start(&l, &ann, 0, add_hoarders);
	assert_int_equal(l.res.conflicts, HOARDERS * HOARD);
	for (int i = 0; i < HOARDERS; i++) {
		NAME(dn, "CN=h%d,CN=Users,DC=globex,DC=example", i);

		lab_set(&l, TARGET, dn, "title", "Hoarder");
	}
	(void)run(&l);
	assert_in_range(l.told[RUN_CONFLICT], AT_ONCE, 2000 + AT_ONCE);
	assert_int_equal(l.res.conflicts, HOARDERS * HOARD);
	lab_close(&l);
}

/* ---- none is decided without its rivals ---- */

static int
look_at(struct lab *l, struct run *run, void *arg)
{
	const struct cycle_options named = {.objects = arg, .n_objects = SOME};

	return sync_delta(run, &named, &l->res, &l->needs_full, &l->err);
}

static void
check_rivals(struct lab *l, uint64_t conflicts)
{
	assert_int_equal(l->res.matched, 0);
	assert_int_equal(l->res.conflicts, conflicts);
	for (int i = 0; i < SOME; i++) {
		NAME(t, "CN=t%d", i);
		NAME(a, "CN=a%d", i);

		assert_int_equal(lab_count(l, TARGET, t, "mailNickname"), 0);
		assert_true(is_in_conflict(l, a));
	}
}

static void
rivals_stay(void **state)
{
	struct guid named[SOME];
	struct lab l;

	(void)state;
	start(&l, &ann, CROWD, add_rivals);
	for (int i = 0; i < SOME; i++) {
		NAME(dn, "CN=a%d", i);
		const struct entry *e = fakedir_find(l.fd[SOURCE], lab_dn(SOURCE, dn));

		assert_non_null(e);
		named[i] = e->guid;
	}
	/* Looked at because an administrator asked, without any change. */
	assert_int_equal(lab_act(&l, NULL, look_at, named), 0);
	check_rivals(&l, SOME);
	for (int i = 0; i < SOME; i++) {
		NAME(dn, "CN=a%d", i);

		lab_set(&l, SOURCE, dn, "title", "Chief");
	}
	(void)run(&l);
	check_rivals(&l, CROWD + 2 * SOME);
	lab_close(&l);
}

/* A third one who was in no conflict before. */
static void
newcomers_meet_rivals(void **state)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct lab l;

	(void)state;
	start(&l, &ann, CROWD, add_rivals);
	for (int i = 0; i < SOME; i++) {
		put_contact(&b, "n", i);
		buf_printf(&b, "proxyAddresses: smtp:t%d@acme.example\n\n", i);
	}
	add_text(&l, SOURCE, &b);
	(void)run(&l);
	assert_int_equal(l.res.matched, 0);
	assert_int_equal(l.res.conflicts, CROWD + 3 * SOME);
	for (int i = 0; i < SOME; i++) {
		NAME(t, "CN=t%d", i);

		assert_int_equal(lab_count(&l, TARGET, t, "mailNickname"), 0);
	}
	lab_close(&l);
}

/* An object that an answer lacks is not gone, and stays in conflict. */
static void
cut_is_not_gone(void **state)
{
	struct lab l;

	(void)state;
	start(&l, &ann, 1, NULL);
	l.cut = "CN=o0" ACME;
	change_ann(&l);
	(void)run(&l);
	assert_int_equal(l.told[RUN_RESOLVED], 0);
	assert_int_equal(l.res.conflicts, 1);
	l.cut = NULL;
	lab_delete(&l, SOURCE, "CN=o0");
	(void)run(&l);
	assert_int_equal(l.told[RUN_RESOLVED], 1);
	assert_int_equal(l.res.conflicts, 0);
	lab_close(&l);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(requests),
	    cmocka_unit_test(all_in_turn), cmocka_unit_test(few_at_once),
	    cmocka_unit_test(candidates_go), cmocka_unit_test(rivals_give_up),
	    cmocka_unit_test(holders_let_go), cmocka_unit_test(never_too_many),
	    cmocka_unit_test(rivals_stay), cmocka_unit_test(newcomers_meet_rivals),
	    cmocka_unit_test(cut_is_not_gone)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
