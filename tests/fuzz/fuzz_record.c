/* SPDX-License-Identifier: MIT */
/* Any octets as an encoded record, and as an encoded conflict. What is one is the same after a
 * second time round. */
#include "fuzz.h"

#include "mapping/store.h"

static void
check_record(struct bytes raw)
{
	_cleanup_(record_free) struct record *r = NULL, *again = NULL;
	_cleanup_(buf_done) struct buf b = {0}, b2 = {0};
	struct err err = {0};

	if (record_decode(raw, 7, &r, &err) < 0) {
		check_refused(&err);
		CHECK(!r);
		return;
	}
	CHECK(r->id == 7 && r->kind < KIND_MAX && r->rule < MATCH_METHOD_MAX);
	CHECK(*record_state_name(r->state) && *side_name(r->active));
	for (int side = SOURCE; side < SIDES; side++)
		for (size_t i = 0; i < r->written[side].n; i++)
			CHECK(record_was_written(r, (enum side)side, r->written[side].v[i]));
	record_encode(r, &b);
	CHECK(!b.failed && record_decode(buf_bytes(&b), 7, &again, &err) == 0);
	record_encode(again, &b2);
	CHECK(bytes_equal(buf_bytes(&b), buf_bytes(&b2)));
}

static void
check_conflict(struct bytes raw)
{
	struct guid g = {{1}};
	struct conflict c = {0}, again = {0};
	_cleanup_(buf_done) struct buf b = {0}, b2 = {0};
	struct err err = {0};

	if (conflict_decode(raw, &g, &c, &err) < 0) {
		check_refused(&err);
		CHECK(!c.candidates);
		return;
	}
	CHECK(*conflict_reason_name(c.reason));
	conflict_encode(&c, &b);
	CHECK(!b.failed && conflict_decode(buf_bytes(&b), &g, &again, &err) == 0);
	conflict_encode(&again, &b2);
	CHECK(bytes_equal(buf_bytes(&b), buf_bytes(&b2)));
	conflict_done(&c);
	conflict_done(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_record((struct bytes){data, size});
	check_conflict((struct bytes){data, size});
	return 0;
}
