/* SPDX-License-Identifier: MIT */
/* Any octets as an encoded journal entry. What is one is the same after a second time round. */
#include "fuzz.h"

#include "mapping/journal.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(journal_entry_free) struct journal_entry *e = NULL, *again = NULL;
	_cleanup_(buf_done) struct buf b = {0}, b2 = {0};
	struct err err = {0};

	if (journal_decode((struct bytes){data, size}, 7, &e, &err) < 0) {
		check_refused(&err);
		CHECK(!e);
		return 0;
	}
	CHECK(e->number == 7 && e->change && e->reason && !e->error && e->outcome == JOURNAL_OPEN);
	journal_encode(e, &b);
	CHECK(!b.failed && journal_decode(buf_bytes(&b), 7, &again, &err) == 0);
	journal_encode(again, &b2);
	CHECK(bytes_equal(buf_bytes(&b), buf_bytes(&b2)));
	return 0;
}
