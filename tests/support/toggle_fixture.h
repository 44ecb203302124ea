/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_TOGGLE_FIXTURE_H
#define GALSYNC_TESTS_TOGGLE_FIXTURE_H

/* Toggles and sweeps on two fake forests, and what they told. Behind cmocka.h. */

#include <stdio.h>
#include <string.h>

#include "dsa/jobs/toggle.h"
#include "dsa/jobs/turns.h"
#include "tests/support/scenario.h"

#define DUMMY "smtp:ann@delete.me"

static const struct scenario people = {.name = "people",
    .source = {MAILBOX("Ann", "ann", "title: Boss\n"), MAILBOX("Cid", "cid", ""),
	MAILBOX("Eve", "eve", "")}};

/* What is to be done, with which objects, and what was told. */
static struct {
	const char *who[3];
	bool dry_run, sweep;
	enum turn turn; /* of lab_act(turn_them) */
	char told[2048];
	unsigned failed;
} job;

static inline void
take_result(const struct run_result *r, void *arg)
{
	(void)arg;
	job.failed += !r->ok;
	(void)snprintf(job.told + strlen(job.told), sizeof job.told - strlen(job.told),
	    "%s %.6s: %s\n", r->ok ? "ok" : "no", r->dn, r->text);
}

static inline size_t
named(struct lab *l, struct guid *ret)
{
	size_t n = 0;

	for (; n < ARRAY_SIZE(job.who) && job.who[n]; n++)
		assert_true(guid_parse(lab_source_guid(l, job.who[n]), &ret[n]));
	return n;
}

/* The reason of a change, beside what the scenarios note. */
static inline void
take_change(const struct run_event *e, void *arg)
{
	struct lab *l = arg;

	l->observer.event(e, arg);
	if (e->kind == RUN_CHANGED)
		buf_printf(&l->notes, "%.*s\n", (int)strcspn(e->text, ":"), e->text);
}

/* A run whose results go to job.told, and all else to L. */
static inline struct run
hear(struct lab *l, const struct run *run, struct run_observer *ret)
{
	struct run own = *run;

	*ret = l->observer;
	ret->event = take_change;
	ret->result = take_result;
	own.observer = ret;
	return own;
}

static inline int
toggle_them(struct lab *l, struct run *run, void *arg)
{
	struct guid g[ARRAY_SIZE(job.who)];
	size_t n = job.sweep ? 0 : named(l, g);
	struct run_observer o;
	struct run own = hear(l, run, &o);

	(void)arg;
	job.told[0] = '\0';
	job.failed = 0;
	if (job.sweep)
		return toggle_sweep(&own, job.dry_run, &l->err);
	return job.dry_run ? toggle_plan(&own, g, n, &l->err) : toggle_run(&own, g, n, &l->err);
}

static inline int
turn_them(struct lab *l, struct run *run, void *arg)
{
	struct guid g[ARRAY_SIZE(job.who)];
	const struct turn_order order = {
	    .turn = job.turn, .force = true, .sources = g, .n = named(l, g)};
	struct run_observer o;
	struct run own = hear(l, run, &o);

	(void)arg;
	return turns_run(&own, &order, &l->err);
}

static inline void
act(struct lab *l, lab_act_fn *fn, struct tap *tap)
{
	if (lab_act(l, tap, fn, NULL) < 0)
		fail_msg("%s", l->err.text);
	assert_string_equal(l->why, "");
}

static inline void
toggle(struct lab *l, const char *x, const char *y)
{
	job.who[0] = x;
	job.who[1] = y;
	job.who[2] = NULL;
	job.dry_run = job.sweep = false;
	act(l, toggle_them, NULL);
}

static inline void
plan(struct lab *l, const char *x, const char *y)
{
	struct tap tap = {.stop_at = 0};

	job.who[0] = x;
	job.who[1] = y;
	job.who[2] = NULL;
	job.dry_run = true;
	job.sweep = false;
	act(l, toggle_them, &tap);
	assert_int_equal(tap.writes, 0);
	tap_done(&tap);
}

static inline void
sweep(struct lab *l, bool dry_run)
{
	struct tap tap = {.stop_at = 0};

	job.dry_run = dry_run;
	job.sweep = true;
	act(l, toggle_them, &tap);
	assert_true(!dry_run || tap.writes == 0);
	tap_done(&tap);
}

static inline bool
told(const char *text)
{
	return strstr(job.told, text) != NULL;
}

#define assert_told(text)                                                                          \
	do {                                                                                       \
		if (!told(text))                                                                   \
			fail_msg("'%s' is not in\n%s", text, job.told);                            \
	} while (0)

static inline bool
has(struct lab *l, enum side side, const char *dn, const char *value)
{
	return lab_has(l, side, dn, "proxyAddresses", value);
}

static inline void
lose_mailbox(struct lab *l, const char *dn)
{
	static const char *const lost[] = {"homeMDB", "msExchHomeServerName", "msExchMailboxGuid",
	    "mailNickname", "legacyExchangeDN", "msExchRecipientTypeDetails", "proxyAddresses",
	    "targetAddress", "mail", "msExchRecipientDisplayType", "extensionAttribute15"};

	for (size_t i = 0; i < ARRAY_SIZE(lost); i++)
		lab_set(l, TARGET, dn, lost[i], NULL);
}

static inline bool
has_mailbox(struct lab *l, const char *dn)
{
	return lab_count(l, TARGET, dn, "homeMDB") && lab_count(l, TARGET, dn, "mailNickname");
}

static inline bool
anywhere(struct lab *l)
{
	static const char *const all[] = {"CN=Ann", "CN=Cid", "CN=Eve"};
	bool yes = false;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		for (int side = SOURCE; side < SIDES; side++)
			yes |= has(l, (enum side)side, all[i], DUMMY) ||
			       has(l, (enum side)side, all[i], "smtp:cid@delete.me");
	return yes;
}

/* ---- what others do meanwhile ---- */

static unsigned meddled_at;
static struct lab *meddled;

static inline void
others_addresses(void *arg, unsigned write, const struct change *c)
{
	void (*what)(struct lab *) = *(void (**)(struct lab *))arg;

	(void)c;
	meddled_at = write;
	what(meddled);
}

static inline void
add_another(struct lab *l)
{
	lab_add_value(l, SOURCE, "CN=Ann", "proxyAddresses", "smtp:theirs@acme.example");
}

/* The very same value comes or goes. */
static inline void
same_value(struct lab *l)
{
	if (has(l, SOURCE, "CN=Ann", DUMMY))
		lab_delete_value(l, SOURCE, "CN=Ann", "proxyAddresses", DUMMY);
	else
		lab_add_value(l, SOURCE, "CN=Ann", "proxyAddresses", DUMMY);
}

static inline void
gone(struct lab *l)
{
	if (lab_exists(l, SOURCE, "CN=Ann"))
		lab_delete(l, SOURCE, "CN=Ann");
}

#endif
