/* SPDX-License-Identifier: MIT */
/* Any octets as an encoded entry. What is one is the same after a second time round. */
#include "fuzz.h"

#include "dsa/directory/entry.h"
#include "dsa/directory/kind.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(entry_free) struct entry *e = NULL, *again = NULL, *copy = NULL;
	_cleanup_(buf_done) struct buf b = {0}, b2 = {0}, b3 = {0};
	struct err err = {0};

	if (entry_decode((struct bytes){data, size}, &e, &err) < 0) {
		check_refused(&err);
		CHECK(!e);
		return 0;
	}
	for (size_t i = 0; i < e->n_attrs; i++) {
		const struct attr *a = &e->attrs[i];

		CHECK(entry_find(e, a->name) == a);
		for (size_t j = 0; j < a->n_values; j++)
			CHECK(((const char *)a->values[j].data)[a->values[j].len] == '\0' &&
			      attr_has(a, a->values[j], false));
	}
	CHECK(kind_of(e) < KIND_MAX);
	entry_encode(e, &b);
	CHECK(!b.failed && entry_decode(buf_bytes(&b), &again, &err) == 0);
	entry_encode(again, &b2);
	CHECK(bytes_equal(buf_bytes(&b), buf_bytes(&b2)));
	copy = entry_dup(e);
	entry_encode(copy, &b3);
	CHECK(bytes_equal(buf_bytes(&b), buf_bytes(&b3)));
	return 0;
}
