/* SPDX-License-Identifier: MIT */
/* The summary of a cycle has every count of it, and each once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "dsa/base/str.h"
#include "dsa/cycle/summary.h"

/* The counts are the first members of the structure. */
#define N (offsetof(struct cycle_result, delta) / sizeof(uint64_t))
_Static_assert(N < 62, "a bit for each count");

static char name[] = "acme-globex";
static const struct conf_link conf = {.name = name};

/* Count I is bit I. */
static struct cycle_result
every_count(void)
{
	struct cycle_result r = {.delta = true};

	for (size_t i = 0; i < N; i++) {
		uint64_t n = (uint64_t)1 << i;

		memcpy((char *)&r + i * sizeof n, &n, sizeof n);
	}
	return r;
}

static uint64_t
sum_of(json_t *o)
{
	uint64_t sum = 0;
	const char *key;
	json_t *v;

	json_object_foreach(o, key, v)
	{
		if (json_is_object(v))
			sum += sum_of(v);
		else if (json_is_integer(v))
			sum += (uint64_t)json_integer_value(v);
	}
	return sum;
}

static void
json(void **state)
{
	struct cycle_result r = every_count();
	json_t *o = cycle_summary(&conf, &r, 1000000000);

	(void)state;
	assert_non_null(o);
	assert_int_equal(sum_of(o), ((uint64_t)1 << N) - 1);
	assert_string_equal(json_string_value(json_object_get(o, "link")), "acme-globex");
	assert_string_equal(json_string_value(json_object_get(o, "kind")), "delta");
	assert_string_equal(
	    json_string_value(json_object_get(o, "finished")), "2001-09-09T01:46:40Z");
	assert_int_equal(json_integer_value(json_object_get(o, "changes")), r.applied);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(o, "left"), "deleted")),
	    r.left[LEAVE_DELETE]);
	json_decref(o);
}

static char *
printed(const struct cycle_result *r, bool plan)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	cycle_print_summary(&conf, r, plan, f);
	assert_int_equal(fclose(f), 0);
	return text;
}

static void
text(void **state)
{
	const struct cycle_result few = {.read = {3, 2},
	    .created = {[SHAPE_MAILBOX] = 1},
	    .left = {[LEAVE_HIDE] = 4},
	    .applied = 5,
	    .phase_ms = {[RUN_PHASE_READ] = 1500}};
	const char *expected = "link acme-globex: full synchronization\n"
			       "  read                                      3 source, 2 target "
			       "objects\n"
			       "  created: mailbox                          1\n"
			       "  left, hidden                              4\n"
			       "  changes written                           5\n"
			       "  time read 1.50 s, in all 1.50 s\n";
	_cleanup_(free) char *got = printed(&few, false);

	(void)state;
	assert_string_equal(got, expected);
}

/* But for the number of the cycle, and the changes that were made of a plan; what was read is
 * above.
 */
static void
text_of_all(void **state)
{
	struct cycle_result r = every_count();
	_cleanup_(free) char *got = NULL;

	(void)state;
	memset(r.phase_ms, 0, sizeof r.phase_ms);
	got = printed(&r, true);
	for (size_t i = 3; i < N; i++) {
		_cleanup_(free) char *number = str_printf(" %llu\n", 1ULL << i);
		size_t at = i * sizeof(uint64_t);

		if (at == offsetof(struct cycle_result, applied) ||
		    at >= offsetof(struct cycle_result, phase_ms))
			continue;
		if (!strstr(got, number))
			fail_msg("%sis not in\n%s", number, got);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(json),
	    cmocka_unit_test(text),
	    cmocka_unit_test(text_of_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
