/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mapping/wave.h"
#include "tests/support/store_fixture.h"

static struct guid
guid(unsigned n)
{
	return (struct guid){{(uint8_t)n, (uint8_t)(n >> 8), 1}};
}

/* A wave of mailboxes FIRST to FIRST + N - 1. */
static uint32_t
plan(struct store_txn *t, uint32_t link, int64_t at, unsigned first, size_t n)
{
	char name[] = "Night", why[] = "", dn[] = "CN=Ann,DC=acme", text[] = "";
	struct wave w = {
	    .link = link, .force = at == 1000, .at = at, .planned_at = 5, .name = name, .why = why};
	struct wave_member m[8] = {0};
	struct err err;

	assert_true(n <= ARRAY_SIZE(m));
	for (size_t i = 0; i < n; i++)
		m[i] = (struct wave_member){.source = guid(first + (unsigned)i),
		    .line = (uint32_t)i + 2,
		    .dn = dn,
		    .text = text};
	assert_int_equal(wave_add(t, &w, m, n, &err), 0);
	return w.id;
}

static void
get(struct store_txn *t, uint32_t id, struct wave *ret)
{
	struct err err;
	bool found = false;

	assert_int_equal(wave_get(t, id, ret, &found, &err), 0);
	assert_true(found);
}

static void
set_state(struct store_txn *t, uint32_t id, enum wave_state state)
{
	_cleanup_(wave_done) struct wave w = {0};
	struct err err;

	get(t, id, &w);
	w.state = state;
	assert_int_equal(wave_put(t, &w, &err), 0);
}

static uint32_t
next(struct store_txn *t, uint32_t link)
{
	_cleanup_(wave_done) struct wave w = {0};
	struct err err;
	bool found;

	assert_int_equal(wave_next(t, link, &w, &found, &err), 0);
	return found ? w.id : 0;
}

static void
kept(void **state)
{
	struct store_txn *t = fixture_begin(*state, STORE_WRITE);
	_cleanup_(wave_done) struct wave w = {0};
	struct err err;
	bool found;

	assert_int_equal(plan(t, 1, 1000, 1, 3), 1);
	assert_int_equal(plan(t, 1, 900, 4, 1), 2);
	fixture_commit(t);
	store_close(((struct fixture *)*state)->s);
	fixture_open_store(*state, 16);
	t = fixture_begin(*state, STORE_READ);
	get(t, 1, &w);
	assert_int_equal(w.link, 1);
	assert_int_equal(w.state, WAVE_PLANNED);
	assert_int_equal(w.at, 1000);
	assert_int_equal(w.planned_at, 5);
	assert_true(w.force && !w.undo);
	assert_int_equal(w.total, 3);
	assert_string_equal(w.name, "Night");
	assert_int_equal(wave_get(t, 3, &w, &found, &err), 0);
	assert_false(found);
	store_abort(t);
}

static int
note_wave(const struct wave *w, void *arg, struct err *err)
{
	(void)err;
	buf_printf(arg, "%u %s; ", w->id, wave_state_name(w->state));
	return w->id == 3;
}

static void
order(void **state)
{
	struct store_txn *t = fixture_begin(*state, STORE_WRITE);
	_cleanup_(buf_done) struct buf seen = {0};
	struct err err;

	assert_int_equal(next(t, 1), 0);
	(void)plan(t, 1, 1000, 1, 1);
	(void)plan(t, 1, 900, 2, 1);
	(void)plan(t, 2, 100, 3, 1);
	(void)plan(t, 1, 900, 4, 1);
	assert_int_equal(next(t, 1), 2);
	assert_int_equal(next(t, 2), 3);
	assert_int_equal(next(t, 3), 0);
	set_state(t, 2, WAVE_CANCELLED);
	assert_int_equal(next(t, 1), 4);
	set_state(t, 1, WAVE_RUNNING);
	assert_int_equal(next(t, 1), 1);
	set_state(t, 1, WAVE_PLANNED);
	assert_int_equal(next(t, 1), 4);
	set_state(t, 4, WAVE_DONE);
	assert_int_equal(next(t, 1), 1);
	assert_int_equal(wave_each(t, 0, note_wave, &seen, &err), 0);
	assert_string_equal(seen.data, "1 planned; 2 cancelled; 3 planned; ");
	buf_reset(&seen);
	assert_int_equal(wave_each(t, 1, note_wave, &seen, &err), 0);
	assert_string_equal(seen.data, "1 planned; 2 cancelled; 4 done; ");
	store_abort(t);
}

static int
note_member(const struct wave_member *m, void *arg, struct err *err)
{
	(void)err;
	buf_printf(arg, "%u %u %d %lld %s %s; ", m->source.octets[0], m->line, (int)m->result,
	    (long long)m->at, m->dn, m->text);
	return 0;
}

static void
results(void **state)
{
	struct store_txn *t = fixture_begin(*state, STORE_WRITE);
	_cleanup_(wave_done) struct wave w = {0};
	_cleanup_(buf_done) struct buf seen = {0};
	struct guid one = guid(1), two = guid(2), nobody = guid(99);
	struct err err;
	bool found;

	(void)plan(t, 1, 1000, 7, 1);
	get(t, plan(t, 1, 1000, 1, 3), &w);
	assert_int_equal(
	    wave_end_member(t, &w, &(struct wave_outcome){one, true, 50, ""}, &found, &err), 0);
	assert_true(found);
	assert_int_equal(wave_end_member(t, &w,
			     &(struct wave_outcome){two, false, 51, "no mailbox"}, &found, &err),
	    0);
	assert_true(found);
	assert_int_equal(w.succeeded * 10 + w.failed, 11);
	/* A second attempt counts once; what is done stays done. */
	assert_int_equal(
	    wave_end_member(t, &w, &(struct wave_outcome){two, false, 52, "gone"}, &found, &err),
	    0);
	assert_true(found);
	assert_int_equal(w.succeeded * 10 + w.failed, 11);
	assert_int_equal(
	    wave_end_member(t, &w, &(struct wave_outcome){one, false, 53, "gone"}, &found, &err),
	    0);
	assert_false(found);
	assert_int_equal(
	    wave_end_member(t, &w, &(struct wave_outcome){nobody, true, 53, ""}, &found, &err), 0);
	assert_false(found);
	assert_int_equal(w.succeeded * 10 + w.failed, 11);
	assert_int_equal(wave_each_member(t, w.id, note_member, &seen, &err), 0);
	assert_string_equal(seen.data,
	    "1 2 1 50 CN=Ann,DC=acme ; 2 3 2 52 CN=Ann,DC=acme gone; 3 4 0 0 CN=Ann,DC=acme ; ");
	store_abort(t);
}

static uint32_t
holding(struct store_txn *t, uint32_t link, unsigned n)
{
	struct guid g = guid(n);
	struct err err;
	uint32_t id = 77;

	assert_int_equal(wave_holding(t, link, &g, &id, &err), 0);
	return id;
}

static void
who_is_where(void **state)
{
	struct store_txn *t = fixture_begin(*state, STORE_WRITE);
	_cleanup_(wave_done) struct wave w = {0};
	struct guid two = guid(2);
	struct err err;
	bool found;

	(void)plan(t, 1, 1000, 1, 2);
	(void)plan(t, 1, 1000, 3, 1);
	assert_int_equal(holding(t, 1, 2), 1);
	assert_int_equal(holding(t, 1, 3), 2);
	assert_int_equal(holding(t, 2, 3), 0);
	assert_int_equal(holding(t, 1, 4), 0);
	get(t, 1, &w);
	assert_int_equal(
	    wave_end_member(t, &w, &(struct wave_outcome){two, false, 50, ""}, &found, &err), 0);
	assert_int_equal(holding(t, 1, 2), 0);
	assert_int_equal(holding(t, 1, 1), 1);
	set_state(t, 1, WAVE_CANCELLED);
	assert_int_equal(holding(t, 1, 1), 0);
	store_abort(t);
}

/* Every way to cut an encoded wave or mailbox short, and one octet too many. */
static void
damaged(void **state)
{
	char name[] = "n", why[] = "w";
	const struct wave w = {.state = WAVE_RUNNING, .undo = true, .name = name, .why = why};
	const struct wave_member m = {.result = WAVE_FAILED, .dn = name, .text = why};
	struct buf b[2] = {{0}, {0}};
	struct guid g = guid(1);
	struct err err;

	(void)state;
	wave_encode(&w, &b[0]);
	wave_member_encode(&m, &b[1]);
	buf_add_u8(&b[0], 0);
	buf_add_u8(&b[1], 0);
	for (size_t len = 0; len <= b[0].len; len++) {
		_cleanup_(wave_done) struct wave got = {0};
		struct wave_member other = {0};

		assert_int_equal(wave_decode((struct bytes){b[0].data, len}, 1, &got, &err),
		    len == b[0].len - 1 ? 0 : -1);
		if (len > b[1].len)
			continue;
		assert_int_equal(
		    wave_member_decode((struct bytes){b[1].data, len}, &g, &other, &err),
		    len == b[1].len - 1 ? 0 : -1);
		wave_member_done(&other);
	}
	for (size_t i = 0; i < 3; i++) {
		_cleanup_(wave_done) struct wave got = {0};
		uint8_t before = b[0].data[i];

		b[0].data[i] = 9;
		assert_int_equal(
		    wave_decode((struct bytes){b[0].data, b[0].len - 1}, 1, &got, &err), -1);
		assert_non_null(strstr(err.text, "damaged wave"));
		b[0].data[i] = before;
	}
	buf_done(&b[0]);
	buf_done(&b[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(kept, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(order, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(results, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(who_is_where, fixture_setup, fixture_teardown),
	    cmocka_unit_test(damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
