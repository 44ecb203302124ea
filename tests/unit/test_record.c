/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mapping/record.h"

static const struct guid source_guid = {{1, 2, 3}}, target_guid = {{4, 5, 6}};
static const uint8_t sid[] = {1, 1, 0, 0, 0, 0, 0, 5, 10, 0, 0, 0};

static struct record *
full_record(void)
{
	static const uint64_t put[] = {7, 3, UINT64_MAX, 3};
	struct record *r = record_new();

	assert_non_null(r);
	r->id = 12;
	r->link = 0x01020304;
	r->kind = KIND_GROUP;
	r->rule = MATCH_SID_HISTORY;
	r->state = RECORD_ERROR;
	r->created = true;
	r->active = TARGET;
	r->created_at = 1700000000;
	r->synced_at = -1;
	r->switched_at = INT64_MAX;
	r->ready_used = r->source_guard = true;
	r->side[SOURCE].guid = source_guid;
	r->side[TARGET].guid = target_guid;
	assert_int_equal(record_set_str(&r->evidence, "sid-history=SID"), 0);
	assert_int_equal(record_set_str(&r->alias, "jos\xc3\xa9"), 0);
	assert_int_equal(record_set_str(&r->last_error, "insufficient access"), 0);
	assert_int_equal(record_set_str(&r->side[SOURCE].dn, "CN=a,DC=x"), 0);
	assert_int_equal(record_set_str(&r->side[TARGET].dn, "CN=b,DC=y"), 0);
	assert_int_equal(record_set_sid(&r->side[TARGET], (struct bytes){sid, sizeof sid}), 0);
	assert_int_equal(record_add_legacy_dn(&r->side[SOURCE], "/o=a/cn=old"), 0);
	assert_int_equal(record_add_legacy_dn(&r->side[SOURCE], "/o=a/cn=new"), 0);
	assert_int_equal(record_add_legacy_dn(&r->side[TARGET], "/o=b/cn=1"), 0);
	assert_int_equal(record_add_address(r, "Jose@ACME.example"), 0);
	assert_int_equal(record_add_address(r, "j@globex.example"), 0);
	assert_int_equal(record_set_written(r, TARGET, put, 4), 0);
	return r;
}

static struct record *
decode(const void *data, size_t len)
{
	struct record *r = NULL;
	struct err err = {0};

	if (record_decode((struct bytes){data, len}, 12, &r, &err) < 0) {
		assert_int_equal(err.src, ERR_DATA);
		assert_int_equal(err.scope, ERR_LINK);
		assert_non_null(strstr(err.text, "record 12 is damaged"));
		assert_null(r);
	}
	return r;
}

static void
assert_same_side(const struct record_side *x, const struct record_side *y)
{
	assert_true(guid_equal(&x->guid, &y->guid));
	assert_string_equal(x->dn, y->dn);
	assert_true(bytes_equal(x->sid, y->sid));
	assert_int_equal(x->n_legacy_dns, y->n_legacy_dns);
	for (size_t i = 0; i < x->n_legacy_dns; i++)
		assert_string_equal(x->legacy_dns[i], y->legacy_dns[i]);
}

static void
assert_same(const struct record *x, const struct record *y)
{
	assert_int_equal(x->id, y->id);
	assert_int_equal(x->link, y->link);
	assert_int_equal(x->kind, y->kind);
	assert_int_equal(x->rule, y->rule);
	assert_int_equal(x->state, y->state);
	assert_int_equal(x->created, y->created);
	assert_int_equal(x->active, y->active);
	assert_int_equal(x->created_at, y->created_at);
	assert_int_equal(x->synced_at, y->synced_at);
	assert_int_equal(x->switched_at, y->switched_at);
	assert_int_equal(x->ready_used, y->ready_used);
	assert_int_equal(x->source_guard, y->source_guard);
	assert_string_equal(x->evidence, y->evidence);
	assert_string_equal(x->alias, y->alias);
	assert_string_equal(x->last_error, y->last_error);
	assert_same_side(&x->side[SOURCE], &y->side[SOURCE]);
	assert_same_side(&x->side[TARGET], &y->side[TARGET]);
	assert_int_equal(x->n_addresses, y->n_addresses);
	for (size_t i = 0; i < x->n_addresses; i++)
		assert_string_equal(x->addresses[i], y->addresses[i]);
	for (int side = SOURCE; side < SIDES; side++) {
		const struct record_written *w = &x->written[side];

		assert_int_equal(w->n, y->written[side].n);
		for (size_t i = 0; i < w->n; i++)
			assert_int_equal(w->v[i], y->written[side].v[i]);
	}
}

static void
assert_round_trip(const struct record *r)
{
	_cleanup_(record_free) struct record *back = NULL;
	_cleanup_(buf_done) struct buf b = {0}, again = {0};

	record_encode(r, &b);
	assert_false(b.failed);
	back = decode(b.data, b.len);
	assert_non_null(back);
	assert_same(r, back);
	record_encode(back, &again);
	assert_true(bytes_equal(buf_bytes(&b), buf_bytes(&again)));
}

static void
round_trip(void **state)
{
	_cleanup_(record_free) struct record *full = full_record(), *fresh = record_new();

	(void)state;
	fresh->id = 12;
	assert_round_trip(fresh);
	assert_round_trip(full);
	for (int s = 0; s < RECORD_STATE_MAX; s++) {
		full->state = (enum record_state)s;
		full->kind = (enum kind)(s % KIND_MAX);
		full->active = s % 2 ? SOURCE : TARGET;
		full->created = s % 2;
		assert_round_trip(full);
	}
}

/* The layout is a promise to maps that exist. */
static void
layout(void **state)
{
	static const uint8_t head[] = {1, KIND_GROUP, MATCH_SID_HISTORY, RECORD_ERROR, 15, 4, 3, 2,
	    1, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 5, 6};
	_cleanup_(record_free) struct record *r = full_record();
	_cleanup_(buf_done) struct buf b = {0};

	(void)state;
	record_encode(r, &b);
	assert_memory_equal(b.data, head, sizeof head);
	assert_int_equal(b.data[65], strlen(r->evidence));
	assert_memory_equal(b.data + 69, r->evidence, strlen(r->evidence));
}

static void
truncated(void **state)
{
	_cleanup_(record_free) struct record *r = full_record();
	_cleanup_(buf_done) struct buf b = {0};

	(void)state;
	record_encode(r, &b);
	for (size_t len = 0; len < b.len; len++) {
		/* A copy of just this size, so that a sanitizer sees what reads behind it. */
		uint8_t *cut = malloc(len ? len : 1);

		memcpy(cut, b.data, len);
		assert_null(decode(cut, len));
		free(cut);
	}
	buf_add_u8(&b, 0);
	assert_null(decode(b.data, b.len));
	assert_null(decode(NULL, 0));
}

/* Every octet set to 0 and to 255: refused, or something that encodes again; never a crash. */
static void
altered(void **state)
{
	_cleanup_(record_free) struct record *r = full_record();
	_cleanup_(buf_done) struct buf b = {0};

	(void)state;
	record_encode(r, &b);
	for (size_t i = 0; i < b.len * 2; i++) {
		_cleanup_(record_free) struct record *back = NULL;
		uint8_t was = b.data[i / 2];

		b.data[i / 2] = i % 2 ? 0xff : 0;
		back = decode(b.data, b.len);
		if (i / 2 < 5 && i % 2)
			assert_null(back); /* format, kind, rule, state, flags */
		b.data[i / 2] = was;
	}
}

static void
put_not_sorted(void **state)
{
	_cleanup_(record_free) struct record *r = full_record();
	_cleanup_(buf_done) struct buf b = {0};

	(void)state;
	record_encode(r, &b);
	memset(b.data + b.len - 24, 9, 16); /* 3, 7 become two equal ones */
	assert_null(decode(b.data, b.len));
}

static void
legacy_dns(void **state)
{
	_cleanup_(record_free) struct record *r = full_record();
	struct record_side *s = &r->side[SOURCE];

	(void)state;
	assert_int_equal(s->n_legacy_dns, 2);
	assert_string_equal(s->legacy_dns[0], "/o=a/cn=new");
	assert_int_equal(record_add_legacy_dn(s, "/O=A/CN=OLD"), 0);
	assert_int_equal(s->n_legacy_dns, 2);
	assert_string_equal(s->legacy_dns[1], "/o=a/cn=old");
}

static void
addresses(void **state)
{
	_cleanup_(record_free) struct record *r = full_record();

	(void)state;
	assert_int_equal(r->n_addresses, 2);
	assert_string_equal(r->addresses[0], "jose@acme.example");
	assert_int_equal(record_add_address(r, "JOSE@acme.EXAMPLE"), 0);
	assert_int_equal(r->n_addresses, 2);
	record_clear_addresses(r);
	assert_int_equal(r->n_addresses, 0);
	record_clear_addresses(r);
	assert_int_equal(record_add_address(r, "new@acme.example"), 0);
	assert_int_equal(r->n_addresses, 1);
}

static void
put_hashes(void **state)
{
	_cleanup_(record_free) struct record *r = full_record();
	uint64_t h = record_written_hash("proxyAddresses", bytes_of("smtp:a@x"));

	(void)state;
	assert_int_equal(r->written[TARGET].n, 3);
	assert_true(record_was_written(r, TARGET, 3) && record_was_written(r, TARGET, UINT64_MAX));
	assert_false(record_was_written(r, TARGET, 4));
	assert_int_equal(h, record_written_hash("PROXYaddresses", bytes_of("SMTP:A@X")));
	assert_int_not_equal(h, record_written_hash("mail", bytes_of("smtp:a@x")));
	assert_int_not_equal(h, record_written_hash("proxyAddresses", bytes_of("smtp:b@x")));
	/* The end of the name and the beginning of the value are not run together. */
	assert_int_not_equal(
	    record_written_hash("ab", bytes_of("c")), record_written_hash("a", bytes_of("bc")));
	assert_int_equal(record_set_written(r, TARGET, &h, 1), 0);
	assert_int_equal(r->written[TARGET].n, 1);
	assert_true(record_was_written(r, TARGET, h));
	assert_int_equal(record_set_written(r, TARGET, NULL, 0), 0);
	assert_false(record_was_written(r, TARGET, h));
	/* From its own array. */
	assert_int_equal(record_set_written(r, TARGET, (const uint64_t[]){9, 8, 9}, 3), 0);
	assert_int_equal(
	    record_set_written(r, TARGET, r->written[TARGET].v, r->written[TARGET].n), 0);
	assert_int_equal(r->written[TARGET].n, 2);
}

static void
names(void **state)
{
	(void)state;
	assert_string_equal(record_state_name(RECORD_LEFT), "left");
	assert_string_equal(side_name(SOURCE), "source");
	assert_string_equal(side_name(TARGET), "target");
	record_free(NULL);
}

/* Each side has a set of its own, and only what was written on the source needs format 2. */
static void
sides_apart(void **state)
{
	_cleanup_(record_free) struct record *r = full_record();
	_cleanup_(buf_done) struct buf both = {0}, one = {0};

	(void)state;
	assert_int_equal(record_set_written(r, SOURCE, (const uint64_t[]){5}, 1), 0);
	assert_true(record_was_written(r, SOURCE, 5) && !record_was_written(r, TARGET, 5));
	assert_true(record_was_written(r, TARGET, 3) && !record_was_written(r, SOURCE, 3));
	record_encode(r, &both);
	assert_int_equal(both.data[0], 2);
	assert_round_trip(r);
	for (size_t n = 0; n < both.len; n++)
		assert_null(decode(both.data, n));
	record_forget_written(r, TARGET, 5);
	assert_true(record_was_written(r, SOURCE, 5));
	record_forget_written(r, SOURCE, 5);
	record_encode(r, &one);
	assert_int_equal(one.data[0], 1);
	assert_int_equal(one.len, both.len - 4 - 8);
	assert_round_trip(r);
	/* Nothing says twice what is said once: a record has one encoding. */
	one.data[0] = 2;
	buf_add_u32(&one, 0);
	assert_null(decode(one.data, one.len));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(round_trip),
	    cmocka_unit_test(layout),
	    cmocka_unit_test(truncated),
	    cmocka_unit_test(altered),
	    cmocka_unit_test(put_not_sorted),
	    cmocka_unit_test(legacy_dns),
	    cmocka_unit_test(addresses),
	    cmocka_unit_test(put_hashes),
	    cmocka_unit_test(sides_apart),
	    cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
