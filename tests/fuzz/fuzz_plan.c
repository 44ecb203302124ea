/* SPDX-License-Identifier: MIT */
/* Any octets as an encoded plan step, and as an encoded decision. What is one is the same after a
 * second time round. */
#include "fuzz.h"

#include "dsa/cycle/decision.h"
#include "dsa/exec/plan.h"

static void
check_step(struct bytes raw)
{
	_cleanup_(plan_step_free) struct plan_step *s = NULL, *again = NULL;
	_cleanup_(buf_done) struct buf b = {0}, b2 = {0};
	struct err err = {0};

	if (plan_step_decode(raw, &s, &err) < 0) {
		check_refused(&err);
		CHECK(!s);
		return;
	}
	CHECK(s->n_changes <= PLAN_MAX_CHANGES);
	plan_step_encode(s, &b);
	CHECK(!b.failed && plan_step_decode(buf_bytes(&b), &again, &err) == 0);
	plan_step_encode(again, &b2);
	CHECK(bytes_equal(buf_bytes(&b), buf_bytes(&b2)));
}

static void
check_decision(struct bytes raw)
{
	_cleanup_(decision_done) struct decision d = {0}, again = {0};
	_cleanup_(buf_done) struct buf b = {0}, b2 = {0};
	struct err err = {0};

	if (decision_decode(raw, &d, &err) < 0) {
		check_refused(&err);
		return;
	}
	decision_encode(&d, &b);
	CHECK(!b.failed && decision_decode(buf_bytes(&b), &again, &err) == 0);
	decision_encode(&again, &b2);
	CHECK(bytes_equal(buf_bytes(&b), buf_bytes(&b2)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_step((struct bytes){data, size});
	check_decision((struct bytes){data, size});
	return 0;
}
