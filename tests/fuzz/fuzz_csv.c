/* SPDX-License-Identifier: MIT */
/* Any octets as CSV. What was read and written as galsync writes it is read as the same. */
#include "fuzz.h"

#include "dsa/base/csv.h"

struct reading {
	struct buf written;
	unsigned last;
};

static int
add_written(const struct csv_line *l, void *arg, struct err *err)
{
	struct reading *r = arg;

	(void)err;
	CHECK(l->number > r->last && l->raw.len);
	r->last = l->number;
	if (l->wrong) {
		CHECK(*l->wrong);
		return 0;
	}
	CHECK(l->n > 0 && l->n <= CSV_COLUMNS_MAX);
	/* One empty column would be a blank line. */
	if (l->n == 1 && !*l->columns[0])
		buf_add_str(&r->written, "\"\"");
	for (size_t i = 0; i < l->n; i++) {
		CHECK(utf8_valid(bytes_of(l->columns[i])) && !str_has_control(l->columns[i]));
		csv_add_cell(&r->written, l->columns[i], i + 1 < l->n ? ',' : '\n');
	}
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reading first = {0}, second = {0};
	struct err err = {0};

	if (csv_parse("fuzz", (struct bytes){data, size}, add_written, &first, &err) < 0) {
		check_refused(&err);
	} else if (size < CSV_LINE_MAX / 4) {
		CHECK(
		    csv_parse("again", buf_bytes(&first.written), add_written, &second, &err) == 0);
		CHECK(bytes_equal(buf_bytes(&first.written), buf_bytes(&second.written)));
	}
	buf_done(&first.written);
	buf_done(&second.written);
	return 0;
}
