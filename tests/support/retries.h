/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_RETRIES_H
#define TESTS_SUPPORT_RETRIES_H

#include "tests/support/scenario.h"

static inline int
retry_count_one(const struct store_retry *r, void *arg, struct err *err)
{
	(void)r;
	(void)err;
	++*(unsigned *)arg;
	return 0;
}

/* How many objects of FLOW are to be looked at again, now or later. */
static inline unsigned
retry_count(struct store_txn *t, uint32_t flow)
{
	unsigned n = 0;
	struct err err;

	assert_int_equal(store_each_retry(t, flow, 0, retry_count_one, &n, &err), 0);
	return n;
}

#endif
