/* SPDX-License-Identifier: MIT */
/* Any octets as what an operator said about a conflict. What is one is the same when it is encoded
 * again. */
#include "fuzz.h"

#include "mapping/resolution.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(resolution_done) struct resolution r = {.as = RESOLVED_NOT};
	_cleanup_(buf_done) struct buf b = {0};
	const struct bytes raw = {data, size};
	const struct guid source = {{1}};
	struct err err = {0};

	if (resolution_decode(raw, &source, &r, &err) < 0) {
		check_refused(&err);
		return 0;
	}
	CHECK(r.as > RESOLVED_NOT && r.as < RESOLVED_MAX && r.source_dn && r.target_dn);
	resolution_encode(&r, &b);
	CHECK(!b.failed && b.len <= size);
	return 0;
}
