/* SPDX-License-Identifier: MIT */

/* What is told of the configuration that the daemon works by, octet for octet. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dsa/view/view_configuration.h"
#include "tests/support/json_fixture.h"

static json_t *
make_refused(void)
{
	static char first[] = HOSTILE, second[] = "two", third[] = "three";
	char *const lines[] = {first, second, third};
	struct view_configuration v = {.file = "/etc/galsync/galsync.conf",
	    .state = CONFIGURATION_REFUSED,
	    .loaded_at = 1000000000,
	    .refused_at = 1000000001};

	view_configuration_note(&v, lines, 2);
	view_configuration_note(&v, lines, 3);
	return view_configuration(&v);
}

static void
refused(void **state)
{
	_cleanup_(json_release) json_t *o = make_refused();
	const char *error = json_string_value(json_object_get(o, "error"));

	(void)state;
	assert_non_null(strstr(error, " (and 2 more mistakes)"));
	(void)json_object_del(o, "error");
	json_must_be(json_incref(o),
	    "{\"file\":\"/etc/galsync/galsync.conf\",\"state\":\"refused\","
	    "\"loaded\":\"2001-09-09T01:46:40Z\",\"refused_since\":\"2001-09-09T01:46:41Z\"}");
}

static void
in_effect(void **state)
{
	static char one[] = "f:1: x: wrong", two[] = "f:2";
	char *const lines[] = {one, two};
	struct view_configuration v = {.file = "f", .loaded_at = 1000000000};

	(void)state;
	json_must_be(view_configuration(&v),
	    "{\"file\":\"f\",\"state\":\"in effect\",\"loaded\":\"2001-09-09T01:46:40Z\","
	    "\"refused_since\":null,\"error\":\"\"}");
	view_configuration_note(&v, lines, 1);
	assert_string_equal(v.error, "f:1: x: wrong");
	view_configuration_note(&v, lines, 2);
	assert_string_equal(v.error, "f:1: x: wrong (and 1 more mistake)");
	view_configuration_note(&v, NULL, 0);
	assert_string_equal(v.error, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(refused), cmocka_unit_test(in_effect)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
