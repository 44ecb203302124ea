/* SPDX-License-Identifier: MIT */
/* Any octets as an encoded change. What is one is the same after a second time round, and its LDIF
 * is lines of at most 76 octets without control characters. */
#include "fuzz.h"

#include "dsa/directory/change.h"

static void
check_ldif(const struct change *c)
{
	_cleanup_(buf_done) struct buf b = {0};
	size_t start = 0;

	change_to_ldif(c, &b);
	CHECK(!b.failed && b.len > 2 && b.data[b.len - 1] == '\n' && b.data[b.len - 2] == '\n');
	for (size_t i = 0; i < b.len; i++) {
		CHECK(b.data[i] != '\0' && b.data[i] != '\r' && b.data[i] < 0x80);
		if (b.data[i] != '\n')
			continue;
		CHECK(i - start <= 76);
		CHECK(i > start || i == b.len - 1); /* the one empty line ends it */
		start = i + 1;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(change_free) struct change *c = NULL, *again = NULL, *copy = NULL;
	_cleanup_(buf_done) struct buf b = {0}, b2 = {0}, b3 = {0};
	struct err err = {0};

	if (change_decode((struct bytes){data, size}, &c, &err) < 0) {
		check_refused(&err);
		CHECK(!c);
		return 0;
	}
	change_encode(c, &b);
	CHECK(!b.failed && change_decode(buf_bytes(&b), &again, &err) == 0);
	change_encode(again, &b2);
	CHECK(bytes_equal(buf_bytes(&b), buf_bytes(&b2)));
	copy = change_dup(c);
	CHECK(copy && copy->op == c->op);
	change_encode(copy, &b3);
	CHECK(bytes_equal(buf_bytes(&b), buf_bytes(&b3)));
	check_ldif(c);
	return 0;
}
