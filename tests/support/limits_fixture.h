/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_LIMITS_FIXTURE_H
#define GALSYNC_TESTS_LIMITS_FIXTURE_H

/* What the tests of limits have in common: three mailboxes, what an operator decides about them,
 * and what the map holds. */

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
#include "mapping/held.h"
#include "tests/support/scenario_priv.h"
#include "tests/support/scenario_turn.h"

#define RS(alias) "SMTP:" alias "@redirect.acme.example"
#define RT(alias) "SMTP:" alias "@redirect.globex.example"
/* Another redirect address of the source, to which only others lead its counterpart. */
#define THEIRS(alias) "SMTP:x-" alias "@redirect.acme.example"
#define WITH_THEIRS(alias) "proxyAddresses: smtp:x-" alias "@redirect.acme.example\n"
#define KEPT "create = \"mailbox\"; on_leave = \"delete\";"

static const struct scenario three = {.name = "three mailboxes",
    .link = "limits = { redirections = 1; };",
    .source = {MAILBOX("Ann", "ann", WITH_THEIRS("ann")), MAILBOX("Bea", "bea", WITH_THEIRS("bea")),
	MAILBOX("Cleo", "cleo", "")}};

static inline void
start(struct lab *l, const struct scenario *sc, bool delta)
{
	lab_open(l, sc);
	lab_run(l);
	lab_run_idle(l);
	l->delta = delta;
}

static inline void
end(struct lab *l)
{
	lab_run_silent(l);
	l->delta = false;
	lab_run_idle(l);
	lab_close(l);
}

/* What an operator says to galsyncctl. NAME NULL: about all that waits. */
static inline size_t
decide(struct lab *l, enum held_kind kind, const char *name, enum held_verdict v)
{
	const struct entry *e = name ? fakedir_find(l->fd[SOURCE], lab_dn(SOURCE, name)) : NULL;
	struct store_txn *t;
	size_t n[HELD_KIND_MAX], sum = 0;
	uint32_t id;
	struct err err;

	assert_true(!name || e);
	assert_int_equal(store_begin(l->store, STORE_WRITE, &t, &err), 0);
	assert_int_equal(store_link_id(t, l->link->name, &id, &err), 0);
	assert_int_equal(store_decide_held(t, id, kind, e ? &e->guid : NULL, v, n, &err), 0);
	assert_int_equal(store_commit(t, &err), 0);
	for (size_t i = 0; i < HELD_KIND_MAX; i++)
		sum += n[i];
	return sum;
}

static inline int
count(const struct store_held *h, void *arg, struct err *err)
{
	(void)err;
	((size_t *)arg)[h->verdict]++;
	return 0;
}

/* How many entries have the verdict V. */
static inline size_t
held(struct lab *l, enum held_verdict v)
{
	size_t n[HELD_REJECTED + 1] = {0};
	struct store_txn *t;
	uint32_t id;
	struct err err;

	assert_int_equal(store_begin(l->store, STORE_READ, &t, &err), 0);
	assert_int_equal(store_link_id(t, l->link->name, &id, &err), 0);
	assert_int_equal(store_each_held(t, id, count, n, &err), 0);
	store_abort(t);
	return n[v];
}

/* The next delta says that everyone has to be looked at; then that is done. */
static inline void
run_on(struct lab *l)
{
	if (l->delta) {
		assert_int_equal(lab_cycle(l, NULL), 0);
		assert_true(l->needs_full);
	}
	l->delta = false;
	lab_run(l);
}

static inline bool
is(struct lab *l, enum side side, const char *dn, const char *target_address)
{
	return target_address ? lab_has(l, side, dn, "targetAddress", target_address)
			      : lab_count(l, side, dn, "targetAddress") == 0;
}

static inline void
do_nothing(void *arg, unsigned write, const struct change *c)
{
	(void)arg, (void)write, (void)c;
}

/* The redirection of two mailboxes, and a title of one of them and of another one. */
static inline void
break_two(struct lab *l)
{
	lab_set(l, TARGET, "CN=Ann", "targetAddress", NULL);
	lab_set(l, TARGET, "CN=Bea", "targetAddress", THEIRS("bea"));
	lab_set(l, SOURCE, "CN=Ann", "title", "Boss");
	lab_set(l, SOURCE, "CN=Cleo", "title", "Boss");
}

#endif
