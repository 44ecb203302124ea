/* SPDX-License-Identifier: MIT */

/* What a turn, the marker group, a toggle and a sweep leave in the journal, and what the next run
 * makes of an entry whose outcome nobody heard. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mapping/journal.h"
#include "tests/support/scenario_turn.h"
#include "tests/support/toggle_fixture.h"

static const struct scenario staff = {.name = "staff",
    .link = LAB_GROUP_CONF,
    .source = {MAILBOX("Ann", "ann", "title: Boss\n"), MAILBOX("Cid", "cid", ""), LAB_GROUP_LDIF}};

/* ---- reading the journal ---- */

struct journal {
	struct lab *l;
	uint64_t from;	/* entries with a higher number */
	uint64_t cycle; /* of the last of them */
	size_t n;
	enum journal_outcome outcome[8]; /* of the first of them */
	struct buf text;
};

static void
add_before(const struct entry *before, struct buf *ret)
{
	for (size_t i = 0; before && i < before->n_attrs; i++) {
		buf_printf(ret, " %s=", before->attrs[i].name);
		for (size_t j = 0; j < before->attrs[i].n_values; j++)
			buf_printf(ret, "%s%.*s", j ? "," : "", (int)before->attrs[i].values[j].len,
			    (const char *)before->attrs[i].values[j].data);
	}
}

static int
take(const struct journal_entry *e, void *arg, struct err *err)
{
	static const char *const outcomes[] = {"open", "done", "failed", "stale"};
	struct journal *j = arg;

	(void)err;
	if (e->number <= j->from)
		return 0;
	assert_true(e->cycle > 0);
	assert_true(*e->server != '\0');
	assert_non_null(e->before);
	assert_true(j->n == 0 || e->cycle >= j->cycle);
	j->cycle = e->cycle;
	if (j->n < ARRAY_SIZE(j->outcome))
		j->outcome[j->n] = e->outcome;
	j->n++;
	buf_printf(&j->text, "%s %s %.*s: %s,%s %s:", side_name(e->side),
	    change_op_name(e->change->op), (int)strcspn(e->change->dn, ","), e->change->dn,
	    e->reason, guid_is_zero(&e->source) ? "" : " of an object", outcomes[e->outcome]);
	add_before(e->before, &j->text);
	buf_add_char(&j->text, '\n');
	return 0;
}

static void
read_journal(struct journal *j)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	j->n = 0;
	buf_reset(&j->text);
	if (store_begin(j->l->store, STORE_READ, &t, &j->l->err) < 0 ||
	    journal_each(t, 0, take, j, &j->l->err) < 0)
		fail_msg("%s", j->l->err.text);
	buf_add_char(&j->text, '\0');
	assert_false(j->text.failed);
}

static int
note_last(const struct journal_entry *e, void *arg, struct err *err)
{
	(void)err;
	*(uint64_t *)arg = e->number;
	return 0;
}

/* What is in the journal already does not count. */
static struct journal
begin(struct lab *l)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct journal j = {.l = l};

	assert_int_equal(store_begin(l->store, STORE_READ, &t, &l->err), 0);
	assert_int_equal(journal_each(t, 0, note_last, &j.from, &l->err), 0);
	return j;
}

static void
assert_entry(const struct journal *j, const char *want)
{
	if (!strstr((const char *)j->text.data, want))
		fail_msg("'%s' is not in\n%s", want, (const char *)j->text.data);
}

/* ---- the jobs ---- */

static void
choose(bool a_sweep, enum turn turn)
{
	job.who[0] = "CN=Ann";
	job.who[1] = NULL;
	job.dry_run = false;
	job.sweep = a_sweep;
	job.turn = turn;
}

static void
leave_dummies(struct lab *l)
{
	lab_add_value(l, SOURCE, "CN=Ann", "proxyAddresses", DUMMY);
	lab_add_value(l, TARGET, "CN=Cid", "proxyAddresses", "smtp:cid@delete.me");
}

static void
nothing(struct lab *l)
{
	(void)l;
}

enum kind_of_job { A_TOGGLE, A_SWEEP, A_SWITCH, AN_UNDO, JOBS };

static const struct {
	const char *name;
	void (*prepare)(struct lab *l);
	lab_act_fn *run;
	bool sweep;
	enum turn turn;
	const char *entries[4]; /* what must be in the journal after it */
	size_t n;
} jobs[] = {
    [A_TOGGLE] = {"toggle", nothing, toggle_them, false, TURN_SWITCH,
	{"source modify CN=Ann: proxy toggle, of an object done: "
	 "proxyAddresses=SMTP:ann@acme.example",
	    ",smtp:ann@delete.me\n"},
	2},
    [A_SWEEP] = {"sweep", leave_dummies, toggle_them, true, TURN_SWITCH,
	{"source modify CN=Ann: sweep, of an object done: proxyAddresses=SMTP:ann@acme.example",
	    "target modify CN=Cid: sweep, of an object done: proxyAddresses="},
	2},
    [A_SWITCH] = {"switch", nothing, turn_them, false, TURN_SWITCH,
	{"target modify CN=Ann: switch, of an object done: "
	 "targetAddress=SMTP:ann@redirect.acme.example",
	    "source modify CN=Ann: switch, of an object done: ",
	    "source modify CN=Switched: marker group, done: member=\n"},
	3},
    [AN_UNDO] = {"undo", nothing, turn_them, false, TURN_UNDO,
	{"source modify CN=Ann: undo switch, of an object done: "
	 "targetAddress=SMTP:ann@redirect.globex.example",
	    "target modify CN=Ann: undo switch, of an object done: ",
	    "source modify CN=Switched: marker group, done: member=CN=Ann"},
	3},
};
_Static_assert(ARRAY_SIZE(jobs) == JOBS, "all jobs");

/* The forests right before the job. */
static void
prepare(struct lab *l, enum kind_of_job k)
{
	lab_open(l, &staff);
	lab_run(l);
	if (k == AN_UNDO) {
		choose(false, TURN_SWITCH);
		act(l, turn_them, NULL);
		assert_int_equal(lab_cycle(l, NULL), 0);
	}
	jobs[k].prepare(l);
	choose(jobs[k].sweep, jobs[k].turn);
}

static void
each_change_is_there(void **state)
{
	(void)state;
	for (enum kind_of_job k = 0; k < JOBS; k++) {
		struct journal j;
		struct lab l;
		uint64_t cycle;

		prepare(&l, k);
		j = begin(&l);
		cycle = l.res.number;
		act(&l, jobs[k].run, NULL);
		read_journal(&j);
		assert_int_equal(j.n, jobs[k].n);
		for (size_t i = 0; i < j.n; i++)
			assert_int_equal(j.outcome[i], JOURNAL_DONE);
		for (size_t i = 0; i < ARRAY_SIZE(jobs->entries) && jobs[k].entries[i]; i++)
			assert_entry(&j, jobs[k].entries[i]);
		/* One number for the job, and one of its own. */
		assert_int_equal(j.cycle, cycle + 1);
		buf_done(&j.text);
		lab_close(&l);
	}
}

/* A job that has nothing to write takes no number. */
static void
idle_job_has_no_number(void **state)
{
	struct lab l;
	uint64_t number;

	(void)state;
	lab_open(&l, &staff);
	lab_run(&l);
	number = l.res.number;
	choose(false, TURN_UNDO);
	act(&l, turn_them, NULL);
	choose(true, TURN_SWITCH);
	act(&l, toggle_them, NULL);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_int_equal(l.res.number, number + 1);
	lab_close(&l);
}

/* ---- an outcome that nobody heard ---- */

static const char *const hows[] = {
    [TAP_STOP_BEFORE] = "before", [TAP_STOP_AFTER] = "after", [TAP_STOP_DROP] = "drop"};

/* The change number AT of a job, from 1. */
static void
assert_outcome(struct journal *j, unsigned at, enum journal_outcome want, const char *what)
{
	read_journal(j);
	if (j->outcome[at - 1] != want)
		fail_msg("%s: not outcome %d:\n%s", what, (int)want, (char *)j->text.data);
}

/* The job is stopped at change AT; the next run finds out whether it was made. False if it has no
 * such change. */
static bool
stop_at(enum kind_of_job k, unsigned at, enum tap_stop how, bool dies)
{
	struct tap tap = {.stop_at = at, .how = how};
	struct journal j;
	struct lab l;
	char what[64];
	bool stopped;

	prepare(&l, k);
	j = begin(&l);
	l.dies = dies;
	assert_true(lab_act(&l, &tap, jobs[k].run, NULL) <= 0);
	l.dies = false;
	stopped = atomic_load(&tap.stopped);
	tap_done(&tap);
	if (stopped) {
		(void)snprintf(what, sizeof what, "%s, change %u, %s%s", jobs[k].name, at,
		    hows[how], dies ? ", dead" : "");
		assert_outcome(&j, at, JOURNAL_OPEN, what);
		if (lab_cycle(&l, NULL) < 0)
			fail_msg("%s: %s", what, l.err.text);
		assert_non_null(strstr(lab_notes(&l), "the last run was interrupted"));
		lab_check_nothing_open(&l);
		assert_outcome(&j, at, how == TAP_STOP_AFTER ? JOURNAL_DONE : JOURNAL_STALE, what);
	}
	buf_done(&j.text);
	lab_close(&l);
	return stopped;
}

static void
unknown_outcomes_are_settled(void **state)
{
	unsigned n = 0;

	(void)state;
	for (enum kind_of_job k = 0; k < JOBS; k++) {
		unsigned at = 1;

		while (stop_at(k, at, (enum tap_stop)(n % 3), n % 2)) {
			for (unsigned form = 0; form < (lab_try_all() ? 6 : 0); form++)
				(void)stop_at(k, at, (enum tap_stop)(form % 3), form / 3);
			at++;
			n++;
		}
		assert_int_equal(at - 1, jobs[k].n);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_change_is_there),
	    cmocka_unit_test(idle_job_has_no_number),
	    cmocka_unit_test(unknown_outcomes_are_settled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
