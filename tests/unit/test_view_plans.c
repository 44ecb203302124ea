/* SPDX-License-Identifier: MIT */

/* What became of a saved plan, and what a dry run found, as JSON. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/view/view_apply.h"
#include "dsa/view/view_look.h"
#include "tests/support/json_fixture.h"

static struct plan_choice *choice;

static json_t *
applied(void)
{
	const struct cycle_result r[SIDES] = {{.number = 7, .applied = 3}, {.applied = 1}};
	struct view_apply v;
	json_t *o = view_apply(choice, r, 1, &v);

	assert_int_equal(v.refused, 2);
	return o;
}

static void
refusals(void **state)
{
	char dn[] = "CN=A";
	struct plan_chosen c = {.dn = dn, .source = {{1}}};
	struct err err;

	(void)state;
	assert_int_equal(plan_choice_new(&choice, &err), 0);
	assert_int_equal(plan_choice_add(choice, &c, &err), 0);
	c.digest[0] = 1;
	assert_int_equal(plan_choice_add(choice, &c, &err), 0);
	plan_choice_begin(choice, SOURCE);
	assert_int_equal(plan_choice_close(choice, &err), 0);
	json_must_be_whole(applied,
	    "{\"results\":[{\"guid\":\"00000001-0000-0000-0000-000000000000\",\"dn\":\"CN=A\","
	    "\"ok\":false,\"text\":\"nothing of it is to be done now: it was done meanwhile, or "
	    "the directory has moved on, or the file was changed\"}],\"cycle\":7,\"made\":0,"
	    "\"changes\":4,\"refused\":2,\"others\":0,\"unlisted\":1}");
	plan_choice_free(choice);
}

/* Four of which the second lacks something, with room for two: one half of it is for such. */
static json_t *
looked(void)
{
	const struct guid g = {{1}};
	struct view_look v;
	json_t *o = NULL;
	bool ok = true;
	struct err err;

	view_look_init(&v, 2);
	for (size_t i = 0; ok && i < 4; i++) {
		struct turn_looked l = {
		    .source = &g, .dn = "CN=A", .ok = i != 1, .already = i == 2, .remark = ""};

		l.need[0].asked = l.need[0].ok = true;
		l.need[1].asked = i == 1;
		(void)snprintf(l.need[1].why, sizeof l.need[1].why, "wait");
		ok = view_look_looked(&l, &v, &err) == 0;
	}
	if (ok)
		o = view_look(&v, TURN_UNDO);
	view_look_done(&v);
	return o;
}

static void
dry_run(void **state)
{
	_cleanup_(json_release) json_t *o = looked();
	const json_t *results = json_object_get(o, "results");
	const json_t *checks = json_object_get(json_array_get(results, 1), "checks");

	(void)state;
	assert_string_equal(json_string_value(json_object_get(o, "turn")), "undo");
	assert_int_equal(json_array_size(results), 2);
	assert_int_equal(json_object_size(checks), TURN_NEEDS);
	assert_true(json_is_true(json_object_get(checks, "map")));
	assert_string_equal(json_string_value(json_object_get(checks, "settled")), "wait");
	assert_true(json_is_null(json_object_get(checks, "finished")));
	assert_int_equal(json_integer_value(json_object_get(o, "checked")), 4);
	assert_int_equal(json_integer_value(json_object_get(o, "broken")), 1);
	assert_int_equal(json_integer_value(json_object_get(o, "already")), 1);
	assert_int_equal(json_integer_value(json_object_get(o, "unlisted")), 2);
}

static void
dry_run_without_memory(void **state)
{
	_cleanup_(json_release) json_t *o = looked();
	_cleanup_(free) char *text = json_dumps(o, JSON_COMPACT);

	(void)state;
	assert_non_null(text);
	json_must_be_whole(looked, text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refusals),
	    cmocka_unit_test(dry_run),
	    cmocka_unit_test(dry_run_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
