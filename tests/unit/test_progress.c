/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "dsa/rules/progress.h"

/* The steps as a word: a letter each, in their order. d: done, o: open, f: failed, -: not asked. */
static void
spell(const struct progress_facts *f, char ret[PROGRESS_STEP_MAX + 1])
{
	static const char letters[] = {[PROGRESS_OPEN] = 'o',
	    [PROGRESS_DONE] = 'd',
	    [PROGRESS_BROKEN] = 'f',
	    [PROGRESS_NONE] = '-'};
	enum progress steps[PROGRESS_STEP_MAX];

	progress_judge(f, steps);
	for (size_t i = 0; i < PROGRESS_STEP_MAX; i++)
		ret[i] = letters[steps[i]];
	ret[PROGRESS_STEP_MAX] = '\0';
}

static unsigned
percent(const struct progress_facts *f)
{
	enum progress steps[PROGRESS_STEP_MAX];

	progress_judge(f, steps);
	return progress_percent(steps);
}

/* matched, mailbox, x500, redirection, ready, switched, marked, client */
static const struct row {
	const char *what;
	struct progress_facts f;
	const char *steps;
	unsigned percent;
} rows[] = {
    {"nothing is there yet", {.mailbox = true, .state = RECORD_PENDING}, "ooooooo-", 0},
    {"the counterpart is there, and not written completely",
	{.mailbox = true, .matched = true, .state = RECORD_PENDING}, "doooooo-", 14},
    {"of what was written the X500 is known",
	{.mailbox = true, .matched = true, .x500 = true, .state = RECORD_PENDING}, "dodoooo-", 28},
    {"Exchange has not finished it", {.mailbox = true, .matched = true, .state = RECORD_WAITING},
	"doddooo-", 42},
    {"ready", {.mailbox = true, .matched = true, .state = RECORD_SYNCED}, "dddddoo-", 71},
    {"in conflict, or held",
	{.mailbox = true, .matched = true, .kept = true, .state = RECORD_SYNCED}, "ddddooo-", 57},
    {"a write failed", {.mailbox = true, .matched = true, .state = RECORD_ERROR}, "ddofooo-", 28},
    {"switched", {.mailbox = true, .matched = true, .switched = true, .state = RECORD_SYNCED},
	"ddddddd-", 100},
    {"switched, and no member of the group yet",
	{.mailbox = true, .matched = true, .switched = true, .owes = true, .state = RECORD_SYNCED},
	"ddddddo-", 85},
    {"switched, the machine has not said anything",
	{.mailbox = true,
	    .matched = true,
	    .switched = true,
	    .state = RECORD_SYNCED,
	    .client = PROGRESS_CLIENT_SILENT},
	"dddddddo", 87},
    {"it said that it failed",
	{.mailbox = true,
	    .matched = true,
	    .switched = true,
	    .state = RECORD_SYNCED,
	    .client = PROGRESS_CLIENT_FAILED},
	"dddddddf", 87},
    {"it said that all is well",
	{.mailbox = true,
	    .matched = true,
	    .switched = true,
	    .state = RECORD_SYNCED,
	    .client = PROGRESS_CLIENT_OK},
	"dddddddd", 100},
    {"finished", {.mailbox = true, .matched = true, .switched = true, .state = RECORD_FINISHED},
	"ddddddd-", 100},
    {"a group", {.matched = true, .state = RECORD_SYNCED}, "d-dd----", 100},
    {"a contact that is to come", {.state = RECORD_PENDING}, "o-oo----", 0},
};

static void
test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char steps[PROGRESS_STEP_MAX + 1];

		spell(&rows[i].f, steps);
		if (strcmp(steps, rows[i].steps) != 0 || percent(&rows[i].f) != rows[i].percent)
			fail_msg("%s: %s, %u %%; it should be %s, %u %%", rows[i].what, steps,
			    percent(&rows[i].f), rows[i].steps, rows[i].percent);
	}
}

static void
test_facts_of_a_record(void **state)
{
	_cleanup_(record_free) struct record *r = record_new();
	uint64_t hash = record_written_hash("proxyAddresses", bytes_of("X500:/o=Acme/cn=Ann"));
	struct progress_facts f;

	(void)state;
	assert_non_null(r);
	r->kind = KIND_USER;
	assert_int_equal(record_add_legacy_dn(&r->side[SOURCE], "/o=Acme/cn=Ann"), 0);
	f = progress_facts_of(r);
	assert_true(f.mailbox && !f.matched && !f.x500 && !f.switched);

	r->side[TARGET].guid.octets[0] = 1;
	r->active = TARGET;
	assert_int_equal(record_set_written(r, TARGET, &hash, 1), 0);
	f = progress_facts_of(r);
	assert_true(f.matched && f.x500 && f.switched);
	assert_int_equal(record_add_legacy_dn(&r->side[SOURCE], "/o=Acme/cn=Other"), 0);
	assert_false(progress_facts_of(r).x500);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_table), cmocka_unit_test(test_facts_of_a_record)};

	return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
