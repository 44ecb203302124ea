/* SPDX-License-Identifier: MIT */
/* Any octets as the text of a saved plan. A step that is one is the same after a second time round.
 */
#include "fuzz.h"

#include "dsa/exec/plan_text.h"

static void
check_step(const struct plan_reader *r, const struct plan_step *s)
{
	const char *const forest[SIDES] = {
	    plan_reader_forest(r, SOURCE), plan_reader_forest(r, TARGET)};
	_cleanup_(plan_reader_free) struct plan_reader *again = NULL;
	_cleanup_(buf_done) struct buf b = {0};
	uint8_t x[PLAN_DIGEST_LEN], y[PLAN_DIGEST_LEN];
	struct err err = {0};
	const char *at, *end;

	/* Sides of one name cannot be told apart. */
	if (strcmp(forest[SOURCE], forest[TARGET]) == 0)
		return;
	CHECK(plan_step_digest(s, SOURCE, x, &err) == 0);
	plan_text_head("link", 1, &b);
	plan_text_flow(plan_reader_flow(r), forest, &b);
	plan_text_step(s, forest, HELD_NOTHING, &b);
	CHECK(!b.failed && plan_reader_new("again", &again, &err) == 0);
	for (at = (char *)b.data; (end = strchr(at, '\n')); at = end + 1) {
		_cleanup_(plan_line_done) struct plan_line l = {.json = NULL};

		CHECK(
		    plan_reader_take(again, (struct bytes){at, (size_t)(end - at)}, &l, &err) == 0);
		if (l.step) {
			CHECK(plan_step_digest(l.step, SOURCE, y, &err) == 0);
			CHECK(memcmp(x, y, sizeof x) == 0);
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(plan_reader_free) struct plan_reader *r = NULL;
	const uint8_t *at = data, *end;
	struct err err = {0};

	CHECK(plan_reader_new("plan", &r, &err) == 0);
	while ((end = size ? memchr(at, '\n', (size_t)(data + size - at)) : NULL)) {
		_cleanup_(plan_line_done) struct plan_line l = {.json = NULL};

		if (plan_reader_take(r, (struct bytes){at, (size_t)(end - at)}, &l, &err) < 0) {
			check_refused(&err);
			return 0;
		}
		if (l.step)
			check_step(r, l.step);
		at = end + 1;
	}
	if (plan_reader_end(r, &err) < 0)
		check_refused(&err);
	return 0;
}
