/* SPDX-License-Identifier: MIT */

/* When hook programs are started. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dsa/base/mem.h"
#include "dsa/daemon/hook_rule.h"

static void
pauses(void **state)
{
	static const int64_t want[] = {30, 60, 120, 240, 480, 960, 1920, 3600, 3600};
	struct store_event e = {.attempts = 0};
	int64_t now = 1000;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		hook_rule_failed(&hook_limits_default, &e, now);
		assert_int_equal(e.attempts, i + 1);
		assert_int_equal(e.since, 1000);
		assert_int_equal(e.next - now, want[i]);
		assert_false(e.given_up);
		now = e.next;
	}
	hook_rule_failed(&hook_limits_default, &e, 1000 + 86400);
	assert_true(e.given_up);
	e.attempts = UINT32_MAX - 1;
	hook_rule_failed(&hook_limits_default, &e, 1000);
	assert_int_equal(e.next, 4600);
}

static void
who_is_next(void **state)
{
	static const struct {
		struct store_event e;
		enum hook_todo want;
	} rows[] = {
	    {{.link = 1, .source = {{1}}, .next = 5000}, HOOK_NOW},
	    /* behind it */
	    {{.link = 1, .source = {{1}}}, HOOK_NOTHING},
	    {{.link = 1, .source = {{2}}, .next = 5001}, HOOK_LATER},
	    {{.link = 1, .source = {{2}}}, HOOK_NOTHING},
	    /* another link's */
	    {{.link = 2, .source = {{2}}}, HOOK_NOW},
	    /* what was given up holds nobody back, nor does what is damaged */
	    {{.link = 2, .source = {{3}}, .next = 4999, .given_up = true}, HOOK_NOTHING},
	    {{.link = 2, .source = {{3}}, .damaged = true}, HOOK_FORGET},
	    {{.link = 2, .source = {{3}}}, HOOK_NOW},
	    {{.link = 2, .source = {{4}}, .next = 5000 - 7 * 86400, .given_up = true}, HOOK_FORGET},
	    /* the clock was set back */
	    {{.link = 2, .source = {{5}}, .next = 5000 + 3601}, HOOK_NOW},
	};
	struct hook_walk w = {.limits = &hook_limits_default, .now = 5000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (hook_rule_next(&w, &rows[i].e) != rows[i].want)
			fail_msg("row %zu", i);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pauses), cmocka_unit_test(who_is_next)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
