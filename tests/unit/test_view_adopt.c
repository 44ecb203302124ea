/* SPDX-License-Identifier: MIT */

/* What an adoption found, as JSON: what is not adopted stands first, and the answer has a bound. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/mem.h"
#include "dsa/base/str.h"
#include "dsa/view/view_adopt.h"
#include "tests/support/json_fixture.h"

#define MANY 1500
#define NAME(text) ((char *)(uintptr_t)(text))

static const struct guid guid = {{0x11, 0x11}};
static char *const one[] = {NAME("CN=S"), NULL}, *const none[] = {NULL};
static const struct adopt_finding pair = {.verdict = ADOPT_PAIR,
    .tool = "qmm",
    .key = {"4711", 4},
    .source = &guid,
    .n = {1, 1},
    .dn = {one, one},
    .active = TARGET,
    .redirection = ADOPT_REDIRECT_TURN};
static const struct adopt_finding alone = {.verdict = ADOPT_ALONE,
    .tool = "qmm",
    .key = {"4712", 4},
    .why = "no object of the source carries the key",
    .n = {0, 1},
    .dn = {none, one}};

static void
findings(void **state)
{
	_cleanup_(view_adopt_done) struct view_adopt v;
	const struct adopt_result r = {.read = {7, 8},
	    .keyed = {1, 2},
	    .unreadable = {3, 4},
	    .by = {[ADOPT_PAIR] = 1, [ADOPT_ALONE] = 1},
	    .active = {0, 1},
	    .redirections = {[ADOPT_REDIRECT_TURN] = 1},
	    .ms = 5};

	(void)state;
	view_adopt_init(&v);
	view_adopt_found(&pair, &v);
	view_adopt_found(&alone, &v);
	assert_true(view_adopt_is_partial(&r));
	json_must_be(view_adopt(&v, &r, true),
	    "{\"results\":[{\"ok\":false,\"verdict\":\"alone\",\"tool\":\"qmm\",\"key\":\"4712\","
	    "\"why\":\"no object of the source carries the key\",\"guid\":\"\",\"source\":[],"
	    "\"target\":[\"CN=S\"],\"n_source\":0,\"n_target\":1,\"active\":null,"
	    "\"redirection\":null},"
	    "{\"ok\":true,\"verdict\":\"pair\",\"tool\":\"qmm\",\"key\":\"4711\",\"why\":\"\","
	    "\"guid\":\"00001111-0000-0000-0000-000000000000\",\"source\":[\"CN=S\"],"
	    "\"target\":[\"CN=S\"],\"n_source\":1,\"n_target\":1,\"active\":\"target\","
	    "\"redirection\":\"turned\"}],"
	    "\"unlisted\":0,\"recorded\":true,\"summary\":{\"pairs\":1,"
	    "\"by_verdict\":{\"pair\":1,\"alone\":1},\"source_active\":0,\"target_active\":1,"
	    "\"loops\":0,\"stamps\":1,\"redirections\":{\"none\":0,\"ours\":0,\"turned\":1,"
	    "\"set\":0,\"away\":0},\"read_source\":7,\"read_target\":8,\"keyed_source\":1,"
	    "\"keyed_target\":2,\"unreadable_source\":3,\"unreadable_target\":4,\"ms\":5}}");
}

/* Of very many pairs not all are listed, and they take no room from what is not adopted. */
static void
bound(void **state)
{
	_cleanup_(view_adopt_done) struct view_adopt v;
	const struct adopt_result r = {.by = {[ADOPT_PAIR] = MANY, [ADOPT_KNOWN] = 1}};
	_cleanup_(json_release) json_t *o = NULL;

	(void)state;
	view_adopt_init(&v);
	for (int i = 0; i < MANY; i++)
		view_adopt_found(&pair, &v);
	view_adopt_found(&alone, &v);
	assert_false(view_adopt_is_partial(&r));
	o = view_adopt(&v, &r, false);
	assert_int_equal(json_array_size(json_object_get(o, "results")), 1001);
	assert_int_equal(json_integer_value(json_object_get(o, "unlisted")), MANY - 1000);
	assert_true(json_is_false(json_object_get(o, "recorded")));
	assert_string_equal(json_string_value(json_object_get(
				json_array_get(json_object_get(o, "results"), 0), "verdict")),
	    "alone");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(findings),
	    cmocka_unit_test(bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
