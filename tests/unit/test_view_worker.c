/* SPDX-License-Identifier: MIT */

/* What a worker is doing, and how it ended for an object, as JSON, octet for octet. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "dsa/view/view_result.h"
#include "dsa/view/view_worker.h"
#include "tests/support/json_fixture.h"

static char name[] = "acme-globex", hostile[] = HOSTILE;
static const struct conf_link conf = {.name = name, .interval_s = 60},
			      odd = {.name = hostile, .interval_s = 60};

static void
at_the_start(void **state)
{
	const struct worker_state s = {.failing_since = 5, .next = 5};

	(void)state;
	json_must_be(view_worker(&conf, &s),
	    "{\"link\":\"acme-globex\",\"forests\":{\"source\":null,\"target\":null},\"state\":"
	    "\"idle\",\"cycles\":0,\"failing\":false,"
	    "\"error\":\"\",\"failing_since\":null,\"next_attempt\":null,\"interval_s\":60,"
	    "\"finished\":null,"
	    "\"last\":null,\"changes_by\":{\"source\":null,\"target\":null}}");
}

static json_t *
make_busy(void)
{
	struct worker_state s = {.phase = WORKER_RUNNING,
	    .cycle = RUN_PHASE_APPLY,
	    .done = 3,
	    .total = UINT64_MAX,
	    .cycles = UINT64_MAX,
	    .feed = {WORKER_FEED_DIRSYNC, WORKER_FEED_USN},
	    .failing = true,
	    .failing_since = 1000000000,
	    .next = 1000000001};

	(void)snprintf(s.error, sizeof s.error, "%s", HOSTILE);
	return view_worker(&odd, &s);
}

static void
busy_and_failing(void **state)
{
	static const char want[] =
	    "{\"link\":" HOSTILE_JSON ",\"forests\":{\"source\":null,\"target\":null},\"state\":"
	    "\"running\",\"cycles\":9223372036854775807,"
	    "\"failing\":true,\"error\":" HOSTILE_JSON ","
	    "\"failing_since\":\"2001-09-09T01:46:40Z\","
	    "\"next_attempt\":\"2001-09-09T01:46:41Z\",\"interval_s\":60,\"finished\":null,"
	    "\"last\":null,"
	    "\"changes_by\":{\"source\":\"dirsync\",\"target\":\"usn-changed\"},"
	    "\"phase\":\"apply\",\"done\":3,\"total\":9223372036854775807}";

	(void)state;
	json_must_be(make_busy(), want);
	json_must_be_whole(make_busy, want);
}

/* The summary has the time at which the cycle ended, not the one at which it is asked for. */
static void
after_a_cycle(void **state)
{
	struct worker_state s = {.phase = WORKER_WAITING, .cycles = 1, .finished_at = 1000000000};
	_cleanup_(json_release) json_t *o = NULL;
	const json_t *last;

	(void)state;
	s.result[SOURCE].held = true;
	(void)snprintf(s.result[SOURCE].held_why, sizeof s.result[SOURCE].held_why, "%s", HOSTILE);
	o = view_worker(&conf, &s);
	last = json_object_get(o, "last");
	json_must_be(json_incref(json_object_get(o, "state")), "\"waiting\"");
	json_must_be(json_incref(json_object_get(o, "finished")), "\"2001-09-09T01:46:40Z\"");
	json_must_be(json_incref(json_object_get(last, "finished")), "\"2001-09-09T01:46:40Z\"");
	json_must_be(json_incref(json_object_get(last, "held_why")), HOSTILE_JSON);
	assert_null(json_object_get(o, "phase"));
}

static void
results(void **state)
{
	struct guid g = {{0}};

	(void)state;
	g.octets[15] = 1;
	json_must_be(
	    view_result(&(struct run_result){.source = &g, .dn = "CN=Ann", .ok = true, .text = ""}),
	    "{\"guid\":\"00000000-0000-0000-0000-000000000001\",\"dn\":\"CN=Ann\",\"ok\":true,"
	    "\"text\":\"\"}");
	json_must_be(view_result(&(struct run_result){.dn = HOSTILE, .text = HOSTILE}),
	    "{\"guid\":\"\",\"dn\":" HOSTILE_JSON ",\"ok\":false,\"text\":" HOSTILE_JSON "}");
	json_must_be(view_result(&(struct run_result){.dn = NULL}),
	    "{\"guid\":\"\",\"dn\":null,\"ok\":false,\"text\":null}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(at_the_start),
	    cmocka_unit_test(busy_and_failing),
	    cmocka_unit_test(after_a_cycle),
	    cmocka_unit_test(results),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
