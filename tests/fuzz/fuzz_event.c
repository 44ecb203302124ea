/* SPDX-License-Identifier: MIT */
/* Any octets as an encoded event. What is one is the same after a second time round. */
#include "fuzz.h"

#include "mapping/event.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct store_event e = {0};
	struct err err;

	CHECK(event_decode((struct bytes){data, size}, &e, &err) == 0 && e.dn && e.body && e.error);
	event_encode(&e, &b);
	CHECK(e.damaged ? !*e.body : bytes_equal(buf_bytes(&b), (struct bytes){data, size}));
	CHECK(*event_kind_name(e.kind));
	event_done(&e);
	return 0;
}
