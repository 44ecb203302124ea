/* SPDX-License-Identifier: MIT */
/* What a callback returns: to go on, to stop, or an error, from every function that calls one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mapping/event.h"
#include "mapping/held.h"
#include "mapping/journal.h"
#include "mapping/wave.h"
#include "tests/support/store_fixture.h"

#define DN "CN=Boss,DC=acme,DC=example"
#define SHARED "shared@acme.example"

struct call {
	struct store_txn *t;
	int answer;
	unsigned n;
	struct err *err;
};

static int
answer(struct call *c, struct err *err)
{
	c->n++;
	assert_ptr_equal(err, c->err);
	return c->answer < 0 ? err_data(err, "no more") : c->answer;
}

static int
on_record(const struct record *r, void *arg, struct err *err)
{
	(void)r;
	return answer(arg, err);
}

static int
on_waiting(const struct waiting_ref *w, void *arg, struct err *err)
{
	(void)w;
	return answer(arg, err);
}

static int
on_conflict(uint32_t link, const struct conflict *c, void *arg, struct err *err)
{
	(void)link;
	(void)c;
	return answer(arg, err);
}

static int
on_source(const struct guid *g, void *arg, struct err *err)
{
	(void)g;
	return answer(arg, err);
}

static int
on_retry(const struct store_retry *r, void *arg, struct err *err)
{
	(void)r;
	return answer(arg, err);
}

static int
on_operation(const struct store_operation *o, void *arg, struct err *err)
{
	(void)o;
	return answer(arg, err);
}

static int
on_event(struct store_event *e, void *arg, struct err *err)
{
	(void)e;
	return answer(arg, err);
}

static int
on_held(const struct store_held *h, void *arg, struct err *err)
{
	(void)h;
	return answer(arg, err);
}

static int
on_entry(const struct journal_entry *e, void *arg, struct err *err)
{
	(void)e;
	return answer(arg, err);
}

static int
on_wave(const struct wave *w, void *arg, struct err *err)
{
	(void)w;
	return answer(arg, err);
}

static int
on_member(const struct wave_member *m, void *arg, struct err *err)
{
	(void)m;
	return answer(arg, err);
}

/* ---- two of everything ---- */

static void
put_entry(struct store_txn *t)
{
	_cleanup_(journal_entry_free) struct journal_entry *e = journal_entry_new();
	struct guid g = fixture_guid(1, 2);
	struct err err = {0};

	assert_non_null(e);
	*e = (struct journal_entry){.link = 1,
	    .cycle = 1,
	    .source = fixture_guid(1, 1),
	    .reason = strdup("project"),
	    .change = change_new(CHANGE_DELETE, "CN=x,DC=y", &g)};
	assert_true(e->reason && e->change);
	assert_int_equal(journal_intend(t, e, &err), 0);
}

static void
put_one(struct store_txn *t, uint8_t n)
{
	_cleanup_(record_free) struct record *r = fixture_record(1, n);
	struct guid g = fixture_guid(n, 1), boss = fixture_guid(9, 1);
	char *candidates[] = {(char *)(uintptr_t)DN}, attr[] = "manager", dn[] = DN;
	struct waiting_ref ref = {g, attr, dn};
	struct conflict c = {.source = g,
	    .source_dn = dn,
	    .what = attr,
	    .candidates = candidates,
	    .candidate_guids = &boss,
	    .n_candidates = 1};
	struct store_operation o = {.source = g, .kind = OPERATION_SWITCH};
	struct store_event e = {.link = 1, .source = g, .kind = EVENT_SWITCHED};
	struct store_held h = {
	    .source = g, .kind = HELD_DELETES, .verdict = HELD_WAITS, .since = 1};
	struct err err = {0};

	assert_int_equal(record_add_address(r, SHARED), 0);
	r->side[TARGET].guid = boss;
	assert_int_equal(store_put(t, r, &err), 0);
	assert_int_equal(store_put_waiting(t, 1, &g, &ref, 1, &err), 0);
	assert_int_equal(store_put_conflict(t, 1, &c, &err), 0);
	assert_int_equal(store_put_retry(t, 1, &g, DN, "why", 1, &err), 0);
	assert_int_equal(store_put_operation(t, 1, &o, &err), 0);
	assert_int_equal(store_add_event(t, &e, &err), 0);
	assert_int_equal(store_put_held(t, 1, &h, &err), 0);
	put_entry(t);
}

static int
setup(void **state)
{
	struct wave_member members[2] = {
	    {.source = fixture_guid(1, 1)}, {.source = fixture_guid(2, 1)}};
	struct wave first = {.link = 1}, second = {.link = 1};
	struct err err = {0};
	struct fixture *f;

	(void)fixture_setup_txn(state);
	f = *state;
	put_one(f->t, 1);
	put_one(f->t, 2);
	assert_int_equal(wave_add(f->t, &first, members, 2, &err), 0);
	assert_int_equal(wave_add(f->t, &second, members, 2, &err), 0);
	return 0;
}

/* ---- every walk ---- */

static int
each(struct call *c)
{
	return store_each(c->t, 1, on_record, c, c->err);
}

static int
lookup(struct call *c)
{
	return store_lookup(c->t, KEY_ADDRESS, SHARED, on_record, c, c->err);
}

static int
lookup_guid(struct call *c)
{
	struct guid g = fixture_guid(9, 1);

	return store_lookup_guid(c->t, TARGET, &g, on_record, c, c->err);
}

static int
lookup_who(struct call *c)
{
	return store_lookup_who(c->t, SHARED, on_record, c, c->err);
}

static int
waiting(struct call *c)
{
	return store_each_waiting(c->t, 1, NULL, on_waiting, c, c->err);
}

static int
wanting(struct call *c)
{
	return store_each_waiting(c->t, 1, DN, on_waiting, c, c->err);
}

static int
conflicts(struct call *c)
{
	return store_each_conflict(c->t, 1, on_conflict, c, c->err);
}

static int
involved(struct call *c)
{
	struct guid g = fixture_guid(9, 1);

	return store_each_involved(c->t, 1, &g, on_source, c, c->err);
}

/* From the first one on, and round to it. */
static int
conflicts_after(struct call *c)
{
	struct guid g = fixture_guid(1, 1);

	return store_each_conflict_after(c->t, 1, &g, on_source, c, c->err);
}

static int
retries(struct call *c)
{
	return store_each_retry(c->t, 1, 0, on_retry, c, c->err);
}

static int
operations(struct call *c)
{
	return store_each_operation(c->t, 1, on_operation, c, c->err);
}

static int
events(struct call *c)
{
	return store_each_event(c->t, 1, on_event, c, c->err);
}

static int
held(struct call *c)
{
	return store_each_held(c->t, 1, on_held, c, c->err);
}

static int
entries(struct call *c)
{
	return journal_each(c->t, 0, on_entry, c, c->err);
}

static int
open_entries(struct call *c)
{
	return journal_each_open(c->t, 1, on_entry, c, c->err);
}

static int
entries_of(struct call *c)
{
	struct guid g = fixture_guid(1, 1);

	return journal_each_of(c->t, &g, on_entry, c, c->err);
}

static int
waves(struct call *c)
{
	return wave_each(c->t, 1, on_wave, c, c->err);
}

static int
members(struct call *c)
{
	return wave_each_member(c->t, 1, on_member, c, c->err);
}

static void
answers(void **state)
{
	static int (*const walks[])(struct call *) = {each, lookup, lookup_guid, lookup_who,
	    waiting, wanting, conflicts, involved, conflicts_after, retries, operations, events,
	    held, entries, open_entries, entries_of, waves, members};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(walks); i++)
		for (int a = -1; a <= 1; a++) {
			struct err err = {0};
			struct call c = {.t = f->t, .answer = a, .err = &err};
			int rc = walks[i](&c);

			if (rc != (a < 0 ? -1 : 0) || c.n != (a ? 1 : 2))
				fail_msg("walk %zu, answer %d: %d after %u", i, a, rc, c.n);
			assert_string_equal(err.text, a < 0 ? "no more" : "");
		}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(answers, setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
