/* SPDX-License-Identifier: MIT */

/* What a rebuild of the map found, as JSON. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/view/view_rebuild.h"
#include "tests/support/json_fixture.h"

static const struct guid source = {{[15] = 1}};
static const struct rebuild_report report = {
    .n = {[REBUILD_STAMPED] = 7, [REBUILD_PAIRS] = 5}, .by_kind = {[KIND_USER] = 5}};

static long long
number(const json_t *o, const char *group, const char *name)
{
	return (long long)json_integer_value(json_object_get(json_object_get(o, group), name));
}

static void
found(void **state)
{
	static const char name[] = HOSTILE;
	const struct rebuild_finding f = {REBUILD_NAMED_TWICE, &source, {"", name}};
	_cleanup_(view_rebuild_done) struct view_rebuild v = {.failed = false};
	_cleanup_(json_release) json_t *o = NULL;
	const json_t *r;

	(void)state;
	view_rebuild_found(&f, &v);
	o = view_rebuild(&v, &report, true);
	assert_int_equal(number(o, "report", "stamped"), 7);
	assert_int_equal(number(o, "report", "correspondences"), 5);
	assert_int_equal(number(o, "report", "finished"), 0);
	assert_int_equal(number(o, "by_kind", "user"), 5);
	assert_int_equal(json_object_size(json_object_get(o, "report")), REBUILD_COUNT_MAX);
	assert_int_equal(json_object_size(json_object_get(o, "texts")), REBUILD_COUNT_MAX);
	assert_int_equal(json_object_size(json_object_get(o, "by_kind")), 1);
	assert_true(json_is_true(json_object_get(o, "written")));
	r = json_array_get(json_object_get(o, "results"), 0);
	assert_string_equal(json_string_value(json_object_get(r, "what")), "named_twice");
	assert_string_equal(json_string_value(json_object_get(r, "source")), "");
	assert_true(json_string_length(json_object_get(r, "target")) > 0);
}

static void
nothing_found(void **state)
{
	_cleanup_(view_rebuild_done) struct view_rebuild v = {.failed = false};
	_cleanup_(json_release) json_t *o = view_rebuild(&v, &report, false);

	(void)state;
	assert_true(json_is_array(json_object_get(o, "results")));
	assert_int_equal(json_array_size(json_object_get(o, "results")), 0);
	assert_true(json_is_false(json_object_get(o, "written")));
}

/* However much is found: it is counted, and the answer stays one line of a bounded length. */
static void
bounded(void **state)
{
	static char dn[9000];

	(void)state;
	memset(dn, '\x01', sizeof dn - 1);
	for (int large = 0; large < 2; large++) {
		const struct rebuild_finding f = {REBUILD_GO, &source, {"", large ? dn : "CN=Ann"}};
		_cleanup_(view_rebuild_done) struct view_rebuild v = {.failed = false};
		_cleanup_(json_release) json_t *o = NULL;
		size_t listed;

		for (size_t i = 0; i < 1500; i++)
			view_rebuild_found(&f, &v);
		o = view_rebuild(&v, &report, true);
		listed = json_array_size(json_object_get(o, "results"));
		assert_int_equal(json_integer_value(json_object_get(o, "unlisted")), 1500 - listed);
		assert_true(large ? listed > 10 && listed < 20 : listed == 1000);
		assert_true(json_dumpb(o, NULL, 0, JSON_COMPACT) < 2 << 20);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(found), cmocka_unit_test(nothing_found), cmocka_unit_test(bounded)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
