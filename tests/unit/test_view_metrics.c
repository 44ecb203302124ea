/* SPDX-License-Identifier: MIT */

/* The metrics of what `galsyncctl --json status` prints, line for line. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dsa/view/view_metrics.h"
#include "tests/support/json_fixture.h"

static char *
metrics_of(const char *json)
{
	_cleanup_(json_release) json_t *o = json_loads(json, 0, NULL);
	struct buf b = {0};

	assert_non_null(o);
	view_metrics(o, 1000000090, &b);
	assert_false(b.failed);
	return buf_take_str(&b);
}

static void
must_have(const char *text, const char *line)
{
	if (!strstr(text, line))
		fail_msg("no %sin:\n%s", line, text);
}

static void
nothing_is_known(void **state)
{
	_cleanup_(free) char *text = metrics_of("[]");

	(void)state;
	assert_string_equal(text,
	    "# HELP galsync_daemon_up 1: the daemon answers.\n"
	    "# TYPE galsync_daemon_up gauge\n"
	    "galsync_daemon_up 0\n"
	    "# HELP galsync_link_health 0: fine, 1: something waits for an operator, 2: it does "
	    "not do its work.\n"
	    "# TYPE galsync_link_health gauge\n"
	    "# EOF\n");
}

static void
every_sort(void **state)
{
	static const char json[] =
	    "[{\"link\":\"a\",\"states\":{\"synced\":3,\"error\":0},\"conflicts\":1,"
	    "\"conflicts_by\":{\"taken\":1},\"held\":{\"deletes\":{\"held\":2,\"approved\":4}},"
	    "\"map_bytes_used\":10,\"journal\":11,\"hook\":{\"waiting\":5},"
	    "\"last_cycle\":{\"finished\":\"2001-09-09T01:46:40Z\",\"failed\":6,"
	    "\"phase_ms\":{\"read\":1250,\"plan\":7}},"
	    "\"daemon\":{\"failing\":true,\"cycles\":8,\"finished\":null}},"
	    "{\"link\":\"a/return\",\"states\":{\"synced\":9},\"map_bytes_used\":10,"
	    "\"daemon\":{\"failing\":true,\"cycles\":8}}]";
	static const char *const lines[] = {
	    "galsync_daemon_up 1\n",
	    "galsync_link_health{link=\"a\"} 2\n",
	    "# HELP galsync_correspondences Correspondences by state.\n"
	    "# TYPE galsync_correspondences gauge\n"
	    "galsync_correspondences{link=\"a\",state=\"synced\"} 3\n"
	    "galsync_correspondences{link=\"a\",state=\"error\"} 0\n"
	    "galsync_correspondences{link=\"a/return\",state=\"synced\"} 9\n",
	    "galsync_conflicts{link=\"a\",reason=\"taken\"} 1\n",
	    "galsync_held{link=\"a\",limit=\"deletes\",verdict=\"held\"} 2\n"
	    "galsync_held{link=\"a\",limit=\"deletes\",verdict=\"approved\"} 4\n",
	    "# TYPE galsync_last_cycle_duration_seconds gauge\n"
	    "# UNIT galsync_last_cycle_duration_seconds seconds\n"
	    "galsync_last_cycle_duration_seconds{link=\"a\",phase=\"read\"} 1.250\n"
	    "galsync_last_cycle_duration_seconds{link=\"a\",phase=\"plan\"} 0.007\n",
	    "galsync_last_cycle_timestamp_seconds{link=\"a\"} 1000000000\n",
	    /* Both flows are one worker's. */
	    "# TYPE galsync_cycles counter\ngalsync_cycles_total{link=\"a\"} 8\n#",
	    "galsync_link_failing{link=\"a\"} 1\n#",
	    "# UNIT galsync_map_used_bytes bytes\ngalsync_map_used_bytes 10\n#",
	};
	_cleanup_(free) char *text = metrics_of(json);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		must_have(text, lines[i]);
	/* What is not known has no head. */
	assert_null(strstr(text, "galsync_retries"));
	assert_null(strstr(text, "galsync_link_finished"));
	assert_string_equal(text + strlen(text) - 6, "# EOF\n");
}

static void
names_are_escaped(void **state)
{
	_cleanup_(free) char *text = metrics_of("[{\"link\":\"a\\\"b\\\\c\\nd\",\"retries\":1}]");

	(void)state;
	must_have(text, "galsync_retries{link=\"a\\\"b\\\\c\\nd\"} 1\n");
}

/* Values of another sort are none. */
static void
odd_values(void **state)
{
	_cleanup_(free) char *text = metrics_of("[{\"link\":7,\"retries\":\"x\",\"states\":[1],"
						"\"held\":{\"deletes\":3},\"last_cycle\":[],"
						"\"journal_oldest\":\"yesterday\"},3]");

	(void)state;
	assert_null(strstr(text, "galsync_retries"));
	assert_null(strstr(text, "galsync_held"));
	assert_null(strstr(text, "galsync_journal"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_is_known),
	    cmocka_unit_test(every_sort),
	    cmocka_unit_test(names_are_escaped),
	    cmocka_unit_test(odd_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
