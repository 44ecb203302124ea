/* SPDX-License-Identifier: MIT */

/* Waves and their mailboxes as JSON, octet for octet. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dsa/view/view_wave.h"
#include "tests/support/json_fixture.h"
#include "tests/support/store_fixture.h"

#define SOME_WAVE                                                                                  \
	"\"id\":4294967295,\"name\":\"Sales\",\"link\":\"acme-globex\",\"turn\":\"undo\","         \
	"\"force\":true,\"state\":\"running\",\"at\":\"2001-09-09T01:46:40Z\","                    \
	"\"planned\":\"2001-09-09T01:46:41Z\",\"started\":\"2001-09-09T01:46:42Z\","               \
	"\"ended\":null,\"waits\":\"no answer\",\"mailboxes\":4294967295,\"done\":4294967294,"     \
	"\"failed\":1"

static char sales[] = "Sales", hostile[] = HOSTILE, empty[] = "";

static const struct wave some_wave = {.id = UINT32_MAX,
    .undo = true,
    .force = true,
    .state = WAVE_RUNNING,
    .at = 1000000000,
    .planned_at = 1000000001,
    .started_at = 1000000002,
    .total = UINT32_MAX,
    .succeeded = UINT32_MAX - 1,
    .failed = 1,
    .name = sales};

static json_t *
make_shown(void)
{
	struct wave_member v[] = {
	    {.line = 1, .result = WAVE_OPEN, .dn = sales, .text = empty},
	    {.line = UINT32_MAX,
		.result = WAVE_FAILED,
		.at = 1000000000,
		.dn = hostile,
		.text = hostile},
	};
	const struct view_wave_members members = {.v = v, .n = ARRAY_SIZE(v)};

	return view_wave_show(&some_wave, "acme-globex", "no answer", &members);
}

static void
every_member(void **state)
{
	static const char shown[] = "{" SOME_WAVE ",\"results\":[{\"line\":1,"
				    "\"guid\":\"00000000-0000-0000-0000-000000000000\","
				    "\"dn\":\"Sales\",\"result\":\"open\",\"at\":null,"
				    "\"text\":\"\"},{\"line\":4294967295,"
				    "\"guid\":\"00000000-0000-0000-0000-000000000000\","
				    "\"dn\":" HOSTILE_JSON ",\"result\":\"failed\","
				    "\"at\":\"2001-09-09T01:46:40Z\",\"text\":" HOSTILE_JSON "}]}";

	(void)state;
	json_must_be(view_wave(&some_wave, "acme-globex", "no answer"), "{" SOME_WAVE "}");
	json_must_be(make_shown(), shown);
	json_must_be_whole(make_shown, shown);
}

static void
an_empty_wave(void **state)
{
	const struct wave w = {.name = empty};

	(void)state;
	json_must_be(view_wave_show(&w, "", "", &(struct view_wave_members){.n = 0}),
	    "{\"id\":0,\"name\":\"\",\"link\":\"\",\"turn\":\"switch\",\"force\":false,\"state\":"
	    "\"planned\","
	    "\"at\":null,\"planned\":null,\"started\":null,\"ended\":null,\"waits\":\"\","
	    "\"mailboxes\":0,\"done\":0,\"failed\":0,\"results\":[]}");
}

static void
answers(void **state)
{
	json_t *o = json_object();

	(void)state;
	view_wave_answer(&o, &some_wave, "acme-globex", false);
	json_must_be(o, "{\"wave\":4294967295,\"link\":\"acme-globex\",\"mailboxes\":4294967295,"
			"\"at\":\"2001-09-09T01:46:40Z\"}");
	o = json_object();
	view_wave_answer(&o, &some_wave, HOSTILE, true);
	json_must_be(o, "{\"wave\":4294967295,\"link\":" HOSTILE_JSON
			",\"mailboxes\":4294967295,\"ended\":4294967295,"
			"\"at\":\"2001-09-09T01:46:40Z\"}");
	json_must_be(view_wave_problem(-1, HOSTILE, HOSTILE),
	    "{\"line\":-1,\"who\":" HOSTILE_JSON ",\"text\":" HOSTILE_JSON "}");
}

/* The mailboxes come in the order of their lines, not of the map. */
static void
members_of_the_map(void **state)
{
	struct fixture *f = *state;
	_cleanup_(view_wave_members_done) struct view_wave_members m = {0};
	struct wave_member v[3] = {0};
	struct wave w = {.link = fixture_link(f->t, "acme-globex"), .name = empty, .why = empty};
	struct err err;

	for (unsigned i = 0; i < ARRAY_SIZE(v); i++)
		v[i] = (struct wave_member){.source = fixture_guid((uint8_t)i, 1),
		    .line = 9 - i,
		    .dn = sales,
		    .text = empty};
	assert_int_equal(wave_add(f->t, &w, v, ARRAY_SIZE(v), &err), 0);
	assert_int_equal(view_wave_members_read(f->t, w.id, &m, &err), 0);
	assert_int_equal(m.n, ARRAY_SIZE(v));
	for (size_t i = 0; i < m.n; i++)
		assert_int_equal(m.v[i].line, 7 + i);
	view_wave_members_done(&m);
	assert_int_equal(view_wave_members_read(f->t, w.id + 1, &m, &err), 0);
	assert_int_equal(m.n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_member),
	    cmocka_unit_test(an_empty_wave),
	    cmocka_unit_test(answers),
	    cmocka_unit_test_setup_teardown(
		members_of_the_map, fixture_setup_txn, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
