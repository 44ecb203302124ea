/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_FINISH_FIXTURE_H
#define GALSYNC_TESTS_FINISH_FIXTURE_H

/* Ends of coexistence on two fake forests. Behind cmocka.h. */

#include <stdio.h>
#include <string.h>

#include "dsa/jobs/finish.h"
#include "tests/support/scenario_turn.h"

#define STAMP "extensionAttribute15"
#define MARKER "extensionAttribute14"
#define GUARD "msExchCalendarRepairDisabled"

static const char *const all_names[] = {"CN=Ann", "CN=Bea", "CN=Cid", NULL};

struct finish_request {
	const char *const *who; /* NULL-terminated; NULL: all of the link */
	bool dry_run;
	struct finish_counts n;
};

/* The blockers are noted as "blocked NAME: DN ATTRIBUTE VALUE: WHY". */
static inline void
note_result(const struct run_result *r, void *arg)
{
	struct lab *l = arg;

	l->observer.result(r, l->observer.arg);
	for (size_t i = 0; i < r->n_blockers; i++)
		buf_printf(&l->notes, "blocked %s: %s %s %s: %s\n", r->dn, r->blockers[i].dn,
		    r->blockers[i].attribute, r->blockers[i].value, r->blockers[i].why);
}

static inline int
act_finish(struct lab *l, struct run *run, void *arg)
{
	struct finish_request *q = arg;
	struct run_observer o = l->observer;
	struct run own = *run;
	struct guid g[8];
	size_t n = 0;

	for (; q->who && q->who[n]; n++) {
		assert_true(n < ARRAY_SIZE(g));
		assert_true(guid_parse(lab_source_guid(l, q->who[n]), &g[n]));
	}
	o.result = note_result;
	own.observer = &o;
	return finish_run(&own,
	    &(struct finish_options){.sources = g, .n_sources = n, .dry_run = q->dry_run}, &q->n,
	    &l->err);
}

static inline struct finish_counts
finish(struct lab *l, const char *const *who, bool dry_run)
{
	struct finish_request q = {.who = who, .dry_run = dry_run};

	if (lab_act(l, NULL, act_finish, &q) < 0)
		fail_msg("%s", l->err.text);
	return q.n;
}

/* Nothing of galsync's own is left, and mail to the source goes on arriving. */
static inline void
check_finished(struct lab *l, const char *name, const char *redirection)
{
	struct record *r = lab_record(l, name);

	assert_int_equal(lab_count(l, SOURCE, name, MARKER), 0);
	assert_int_equal(lab_count(l, SOURCE, name, GUARD), 0);
	assert_int_equal(lab_count(l, TARGET, name, STAMP), 0);
	assert_int_equal(lab_count(l, TARGET, name, GUARD), 0);
	assert_int_equal(lab_count(l, TARGET, name, "targetAddress"), 0);
	assert_true(lab_has(l, SOURCE, name, "targetAddress", redirection));
	assert_false(lab_has(l, SOURCE, LAB_GROUP, "member", lab_dn(SOURCE, name)));
	assert_non_null(r);
	assert_true(r->ended);
	assert_int_equal(r->state, RECORD_FINISHED);
	assert_int_equal(r->active, TARGET);
	record_free(r);
}

#endif
