/* SPDX-License-Identifier: MIT */

/* How a link is: each row is what is known of it, and the verdict. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dsa/view/view_health.h"
#include "tests/support/json_fixture.h"

#define NO_REASON HEALTH_REASON_MAX

static const struct {
	const char *what;
	struct health_facts f;
	enum health want;
	enum health_reason why;
	uint64_t n;
} rows[] = {
    {"nothing is known", {.age_s = -1}, HEALTH_FINE, NO_REASON, 0},
    {"no daemon, and none has to run", {.no_daemon = false}, HEALTH_FINE, NO_REASON, 0},
    {"no daemon, and one has to run", {.no_daemon = true}, HEALTH_BROKEN, HEALTH_NO_DAEMON, 1},
    {"one has to run, and does", {.no_daemon = true, .told = true}, HEALTH_FINE, NO_REASON, 0},
    {"cycles fail", {.told = true, .failing = true}, HEALTH_BROKEN, HEALTH_FAILING, 1},
    {"failing, of no daemon", {.failing = true}, HEALTH_FINE, NO_REASON, 0},
    {"as old as it may be", {.told = true, .interval_s = 60, .age_s = 240}, HEALTH_FINE, NO_REASON,
	0},
    {"a second older", {.told = true, .interval_s = 60, .age_s = 241}, HEALTH_BROKEN,
	HEALTH_OVERDUE, 1},
    {"long intervals", {.told = true, .interval_s = 86400, .age_s = 86400}, HEALTH_FINE, NO_REASON,
	0},
    {"none ended yet", {.told = true, .interval_s = 60, .age_s = -1}, HEALTH_FINE, NO_REASON, 0},
    {"old, but paused", {.told = true, .paused = true, .interval_s = 60, .age_s = 9999},
	HEALTH_FINE, NO_REASON, 0},
    {"old, but one runs", {.told = true, .running = true, .interval_s = 60, .age_s = 9999},
	HEALTH_FINE, NO_REASON, 0},
    {"old, without an interval", {.told = true, .age_s = 9999}, HEALTH_FINE, NO_REASON, 0},
    {"failing is not overdue too", {.told = true, .failing = true, .interval_s = 60, .age_s = 9999},
	HEALTH_BROKEN, HEALTH_FAILING, 1},
    {"configuration", {.configuration = true}, HEALTH_ATTENTION, HEALTH_CONFIGURATION, 1},
    {"conflicts", {.conflicts = 4}, HEALTH_ATTENTION, HEALTH_CONFLICTS, 4},
    {"held", {.held = 5}, HEALTH_ATTENTION, HEALTH_HELD, 5},
    {"retries", {.retries = 6}, HEALTH_ATTENTION, HEALTH_RETRIES, 6},
    {"errors", {.errors = 7}, HEALTH_ATTENTION, HEALTH_ERRORS, 7},
};

static void
every_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t n[HEALTH_REASON_MAX];
		enum health got = health_judge(&rows[i].f, n);

		if (got != rows[i].want)
			fail_msg("%s: %s", rows[i].what, health_name(got));
		for (size_t r = 0; r < HEALTH_REASON_MAX; r++)
			if (n[r] != (r == rows[i].why ? rows[i].n : 0))
				fail_msg("%s: %s", rows[i].what,
				    health_reason_name((enum health_reason)r));
	}
}

static void
the_worst_counts(void **state)
{
	const struct health_facts f = {.told = true, .failing = true, .conflicts = 2};
	uint64_t n[HEALTH_REASON_MAX];

	(void)state;
	assert_int_equal(health_judge(&f, n), HEALTH_BROKEN);
	assert_int_equal(n[HEALTH_CONFLICTS], 2);
}

static void
facts_of_an_item(void **state)
{
	static const char text[] =
	    "{\"link\":\"x\",\"conflicts\":2,\"retries\":3,\"states\":{\"error\":4,\"synced\":9},"
	    "\"held\":{\"deletes\":{\"held\":5,\"approved\":7},\"undone\":{\"held\":1}},"
	    "\"configuration\":{\"state\":\"refused\"},\"daemon\":{\"state\":\"paused\","
	    "\"failing\":true,\"interval_s\":60,\"finished\":\"2001-09-09T01:46:40Z\"}}";
	_cleanup_(json_release) json_t *o = json_loads(text, 0, NULL);
	struct health_facts f;

	(void)state;
	health_facts_of(o, 1000000090, true, &f);
	assert_true(f.told && f.failing && f.paused && !f.running && f.configuration);
	assert_int_equal(f.interval_s, 60);
	assert_int_equal(f.age_s, 90);
	assert_int_equal(f.conflicts, 2);
	assert_int_equal(f.retries, 3);
	assert_int_equal(f.errors, 4);
	assert_int_equal(f.held, 6);
}

static void
facts_of_odd_items(void **state)
{
	static const char *const texts[] = {"{}", "[]", "{\"daemon\":null,\"held\":7}",
	    "{\"conflicts\":-1,\"daemon\":[],\"states\":\"x\",\"configuration\":{\"state\":1}}"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_(json_release) json_t *o = json_loads(texts[i], 0, NULL);
		uint64_t n[HEALTH_REASON_MAX];
		struct health_facts f;

		health_facts_of(o, 0, false, &f);
		assert_int_equal(f.age_s, -1);
		assert_int_equal(health_judge(&f, n), HEALTH_FINE);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_row),
	    cmocka_unit_test(the_worst_counts),
	    cmocka_unit_test(facts_of_an_item),
	    cmocka_unit_test(facts_of_odd_items),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
