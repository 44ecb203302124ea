/* SPDX-License-Identifier: MIT */

/* Who must move together: sets by their ties, what a split breaks, and both read from a forest. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dsa/view/view_together.h"
#include "tests/support/json_fixture.h"
#include "tests/support/scenario_turn.h"

/* ---- the rule ---- */

#define N 6
#define TIE(from_, to_)                                                                            \
	{                                                                                          \
		(from_), (to_), TIE_DELEGATE                                                       \
	}

static const struct {
	const char *what;
	struct together_tie ties[6];
	size_t n;
	const char *moves; /* by mailbox */
	const char *sets;  /* the first of each */
} rows[] = {
    {"no ties", {{0}}, 0, "yyyyyy", "012345"},
    {"one", {TIE(1, 4)}, 1, "yyyyyy", "012315"},
    {"the other way", {TIE(4, 1)}, 1, "yyyyyy", "012315"},
    {"to itself", {TIE(2, 2)}, 1, "yyyyyy", "012345"},
    {"said twice", {TIE(1, 4), TIE(4, 1), TIE(1, 4)}, 3, "yyyyyy", "012315"},
    {"a chain", {TIE(5, 4), TIE(4, 3), TIE(3, 2)}, 3, "yyyyyy", "012222"},
    {"a chain, in another order", {TIE(3, 2), TIE(5, 4), TIE(4, 3)}, 3, "yyyyyy", "012222"},
    {"a ring", {TIE(0, 2), TIE(2, 5), TIE(5, 0)}, 3, "yyyyyy", "010340"},
    {"two sets that meet", {TIE(0, 1), TIE(4, 5), TIE(5, 1)}, 3, "yyyyyy", "002300"},
    {"who moved already joins nothing", {TIE(0, 1), TIE(1, 2)}, 2, "ynyyyy", "012345"},
};

static void
every_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(free) size_t *set = NULL;
		bool moves[N];
		struct err err;

		for (size_t k = 0; k < N; k++)
			moves[k] = rows[i].moves[k] == 'y';
		assert_int_equal(together_sets(N, moves, rows[i].ties, rows[i].n, &set, &err), 0);
		for (size_t k = 0; k < N; k++)
			if (set[k] != (size_t)(rows[i].sets[k] - '0'))
				fail_msg("%s: %zu is in set %zu", rows[i].what, k, set[k]);
	}
}

static void
splits(void **state)
{
	static const struct {
		bool from_moves, to_moves, from_in, to_in, want;
	} cases[] = {{true, true, true, false, true}, {true, true, false, true, true},
	    {true, true, true, true, false}, {true, true, false, false, false},
	    {true, false, true, false, false}, {false, true, true, false, false}};
	const struct together_tie tie = TIE(0, 1);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const bool moves[] = {cases[i].from_moves, cases[i].to_moves};
		const bool in[] = {cases[i].from_in, cases[i].to_in};

		assert_int_equal(together_splits(&tie, moves, in), cases[i].want);
	}
}

static void
kinds_of_ties(void **state)
{
	static const struct {
		enum tie attr;
		const char *details;
		enum tie want;
	} cases[] = {{TIE_DELEGATE, "1", TIE_DELEGATE}, {TIE_DELEGATE, "", TIE_DELEGATE},
	    {TIE_DELEGATE, "4", TIE_SHARED}, {TIE_SEND_ON_BEHALF, "16", TIE_RESOURCE},
	    {TIE_SEND_ON_BEHALF, "32", TIE_RESOURCE}, {TIE_SEND_ON_BEHALF, "1", TIE_SEND_ON_BEHALF},
	    {TIE_ASSISTANT, "4", TIE_ASSISTANT}, {TIE_FORWARD, "16", TIE_FORWARD}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(tie_of(cases[i].attr, cases[i].details), cases[i].want);
	for (int i = 0; i < TIE_MAX; i++)
		assert_true(*tie_name((enum tie)i) && *tie_breaks((enum tie)i));
}

/* ---- a forest ---- */

static const struct scenario staff = {.name = "staff",
    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", ""), MAILBOX("Cid", "cid", ""),
	MAILBOX("Dan", "dan", "department: Sales\n"), MAILBOX("Eve", "eve", "")}};

static struct {
	const char *base, *filter;
	struct guid objects[2];
	size_t n;
	char *text;
	bool split;
} job;

static int
look(struct lab *l, struct run *run, void *arg)
{
	const struct together_order o = {
	    .base = job.base, .filter = job.filter, .objects = job.objects, .n = job.n};
	_cleanup_(together_done) struct together t = {.n = 0};
	_cleanup_(json_release) json_t *v = NULL;
	struct buf b = {0};

	(void)arg;
	if (together_run(run, &o, &t, &l->err) < 0)
		return -1;
	v = view_together(&t, 100, &job.split);
	for (size_t i = 0; i < json_array_size(json_object_get(v, "mailboxes")); i++) {
		const json_t *m = json_array_get(json_object_get(v, "mailboxes"), i);

		buf_printf(&b, "%.3s%s %lld\n", json_string_value(json_object_get(m, "dn")) + 3,
		    json_is_true(json_object_get(m, "asked")) ? "" : " also",
		    (long long)json_integer_value(json_object_get(m, "set")));
	}
	for (size_t i = 0; i < json_array_size(json_object_get(v, "ties")); i++) {
		const json_t *m = json_array_get(json_object_get(v, "ties"), i);

		buf_printf(&b, "%s%s\n", json_string_value(json_object_get(m, "tie")),
		    json_is_true(json_object_get(m, "split")) ? " split" : "");
	}
	buf_printf(&b, "%lld asked, %lld sets",
	    (long long)json_integer_value(json_object_get(v, "asked")),
	    (long long)json_integer_value(json_object_get(v, "sets")));
	free(job.text);
	job.text = buf_take_str(&b);
	return 0;
}

static const char *
looked(struct lab *l)
{
	if (lab_act(l, NULL, look, NULL) < 0)
		fail_msg("%s", l->err.text);
	return job.text;
}

static void
start(struct lab *l)
{
	lab_open(l, &staff);
	assert_int_equal(lab_cycle(l, NULL), 0);
	lab_add_value(l, SOURCE, "CN=Ann", "publicDelegates", lab_dn(SOURCE, "CN=Bea"));
	lab_add_value(l, SOURCE, "CN=Cid", "assistant", lab_dn(SOURCE, "CN=Bea"));
	/* Who is no mailbox, or nobody, joins nothing. */
	lab_add_value(l, SOURCE, "CN=Dan", "assistant", "CN=Users,DC=acme,DC=example");
	lab_add_value(l, SOURCE, "CN=Eve", "altRecipient", lab_dn(SOURCE, "CN=Eve"));
}

static void
read_from_a_forest(void **state)
{
	struct lab l;

	(void)state;
	start(&l);
	job.n = 0;
	job.base = job.filter = NULL;
	assert_string_equal(looked(&l), "Ann 0\nBea 0\nCid 0\nDan 3\nEve 4\n"
					"send-on-behalf\nassistant\n5 asked, 1 sets");
	assert_false(job.split);
	job.filter = "(mailNickname=ann)";
	assert_string_equal(looked(&l), "Ann 0\nBea also 0\nCid also 0\nsend-on-behalf split\n"
					"assistant\n1 asked, 1 sets");
	assert_true(job.split);
	job.filter = "(department=Sales)";
	assert_string_equal(looked(&l), "Dan 3\n1 asked, 0 sets");
	assert_false(job.split);
	job.filter = NULL;
	job.base = "CN=Bea,OU=Staff,DC=acme,DC=example";
	assert_non_null(
	    strstr(looked(&l), "Bea 0\nCid also 0\nsend-on-behalf split\nassistant split"));
	job.base = NULL;
	assert_true(guid_parse(lab_source_guid(&l, "CN=Ann"), &job.objects[job.n++]));
	assert_true(guid_parse(lab_source_guid(&l, "CN=Bea"), &job.objects[job.n++]));
	assert_string_equal(looked(&l),
	    "Ann 0\nBea 0\nCid also 0\nsend-on-behalf\nassistant split\n"
	    "2 asked, 1 sets");
	free(TAKE(job.text));
	lab_close(&l);
}

/* Who has moved neither moves nor joins. */
static void
after_a_switch(void **state)
{
	static const char *const bea[] = {"CN=Bea", NULL};
	struct lab l;

	(void)state;
	start(&l);
	assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, bea), 0);
	job.n = 0;
	job.base = job.filter = NULL;
	assert_string_equal(looked(&l), "Ann 0\nCid 2\nDan 3\nEve 4\n4 asked, 0 sets");
	free(TAKE(job.text));
	lab_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_row),
	    cmocka_unit_test(splits),
	    cmocka_unit_test(kinds_of_ties),
	    cmocka_unit_test(read_from_a_forest),
	    cmocka_unit_test(after_a_switch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
