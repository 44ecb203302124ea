/* SPDX-License-Identifier: MIT */
/* Any octets as CSV. What was read and written with every column in quotes is read as the same. */
#include "fuzz.h"

#include "dsa/base/csv.h"

struct reading {
	struct buf quoted;
	unsigned last;
};

static int
add_quoted(const struct csv_line *l, void *arg, struct err *err)
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
	for (size_t i = 0; i < l->n; i++) {
		CHECK(utf8_valid(bytes_of(l->columns[i])) && !str_has_control(l->columns[i]));
		buf_add_str(&r->quoted, i ? ",\"" : "\"");
		for (const char *p = l->columns[i]; *p; p++) {
			buf_add_char(&r->quoted, *p);
			if (*p == '"')
				buf_add_char(&r->quoted, *p);
		}
		buf_add_char(&r->quoted, '"');
	}
	buf_add_char(&r->quoted, '\n');
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reading first = {0}, second = {0};
	struct err err = {0};

	if (csv_parse("fuzz", (struct bytes){data, size}, add_quoted, &first, &err) < 0) {
		check_refused(&err);
	} else if (size < CSV_LINE_MAX / 4) {
		CHECK(csv_parse("again", buf_bytes(&first.quoted), add_quoted, &second, &err) == 0);
		CHECK(bytes_equal(buf_bytes(&first.quoted), buf_bytes(&second.quoted)));
	}
	buf_done(&first.quoted);
	buf_done(&second.quoted);
	return 0;
}
