/* SPDX-License-Identifier: MIT */

/*
 * Limits, whatever happens: this and that is done to five mailboxes, an operator decides now
 * and then, the process dies now and then. No full cycle leads to another one, and in the end, when
 * all is approved, nothing is held and all is well. GALSYNC_SEED=N plays one game again.
 */

#include "tests/support/chance.h"
#include "tests/support/limits_fixture.h"

#define PEOPLE 5
static const char *const people[] = {"Ann", "Bea", "Cleo", "Dora", "Eve"};

struct dice {
	struct lab l;
	uint64_t state;
	unsigned renamed;
};

static unsigned
roll(struct dice *d, unsigned n)
{
	return chance_roll(&d->state, n);
}

/* Something is done to one of them. */
static void
do_something(struct dice *d)
{
	static const char *const targets[] = {NULL, "SMTP:other@else.example", NULL, RS("ann")};
	char cn[16], alias[16];
	struct lab *l = &d->l;

	(void)snprintf(cn, sizeof cn, "CN=%s", people[roll(d, PEOPLE)]);
	(void)snprintf(alias, sizeof alias, "a%u", ++d->renamed);
	if (!lab_exists(l, TARGET, cn))
		return;
	switch (roll(d, 7)) {
	case 0: lab_set(l, TARGET, cn, "targetAddress", targets[roll(d, 3)]); break;
	case 1: lab_set(l, SOURCE, cn, "targetAddress", targets[roll(d, 2)]); break;
	case 2: lab_set(l, SOURCE, cn, "mailNickname", alias); break;
	case 3: lab_set(l, SOURCE, cn, "title", alias); break;
	case 4:
		lab_set(l, SOURCE, cn, "msExchHideFromAddressLists", roll(d, 2) ? "TRUE" : NULL);
		break;
	case 5: lab_set(l, SOURCE, cn, "extensionAttribute10", roll(d, 2) ? "ready" : NULL); break;
	default: lab_set(l, TARGET, cn, "showInAddressBook", "CN=Users,DC=globex,DC=example");
	}
}

static void
decide_something(struct dice *d)
{
	enum held_verdict v = roll(d, 2) ? HELD_APPROVED : HELD_REJECTED;
	char cn[16];

	(void)snprintf(cn, sizeof cn, "CN=%s", people[roll(d, PEOPLE)]);
	(void)decide(&d->l, (enum held_kind)roll(d, HELD_KIND_MAX), roll(d, 2) ? cn : NULL, v);
}

/* As the daemon does: a delta, and if that asks for it a full cycle. DIES: at some step. */
static void
run_as_daemon(struct dice *d, bool dies)
{
	struct tap tap = {.hook = do_nothing, .stop_at = dies ? 1 + roll(d, 4) : 0};
	struct lab *l = &d->l;
	bool full = false;
	int rc;

	l->dies = dies;
	l->delta = true;
	rc = lab_cycle(l, &tap);
	if (rc == 0 && l->needs_full) {
		full = true;
		l->delta = false;
		rc = lab_cycle(l, &tap);
	}
	if (rc < 0 && !tap.stopped)
		fail_msg("%s", l->err.text);
	tap_done(&tap);
	l->dies = false;
	if (rc < 0 || !full)
		return;
	/* One is enough. */
	l->delta = true;
	assert_int_equal(lab_cycle(l, NULL), 0);
	assert_false(l->needs_full);
}

/* Everything is approved until nothing is held. */
static void
settle(struct dice *d)
{
	struct lab *l = &d->l;

	for (int i = 0; i < 8; i++) {
		(void)decide(l, HELD_NOTHING, NULL, HELD_APPROVED);
		for (size_t j = 0; j < PEOPLE; j++) {
			char cn[16];

			(void)snprintf(cn, sizeof cn, "CN=%s", people[j]);
			(void)decide(l, HELD_NOTHING, cn, HELD_APPROVED);
		}
		l->delta = false;
		assert_int_equal(lab_cycle(l, NULL), 0);
	}
	assert_false(l->res.held);
	assert_int_equal(held(l, HELD_WAITS) + held(l, HELD_REJECTED), 0);
	l->why[0] = '\0';
	if (!lab_check_mail(l))
		fail_msg("%s", l->why);
	l->delta = true;
	lab_run_silent(l);
}

static void
anything(void **state)
{
	static const struct scenario sc = {.name = "anything",
	    .link = "readiness_attribute = \"extensionAttribute10\"; readiness_value = "
		    "\"Ready\"; limits = { redirections = 1; deletes = 1; switches = 1; };",
	    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", ""),
		MAILBOX("Cleo", "cleo", ""), MAILBOX("Dora", "dora", ""),
		MAILBOX("Eve", "eve", "")}};
	const char *given = getenv("GALSYNC_SEED");
	uint64_t first = given ? strtoull(given, NULL, 10) : 1, n = given	    ? 1
								    : lab_try_all() ? 500
										    : 25;

	(void)state;
	for (uint64_t seed = first; seed < first + n; seed++) {
		struct dice d = {.state = seed * 77};

		print_message("GALSYNC_SEED=%llu\n", (unsigned long long)seed);
		start(&d.l, &sc, true);
		for (int i = 0; i < 12; i++) {
			for (unsigned j = roll(&d, 4); j > 0; j--)
				do_something(&d);
			if (roll(&d, 3) == 0)
				decide_something(&d);
			run_as_daemon(&d, roll(&d, 4) == 0);
		}
		settle(&d);
		lab_close(&d.l);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(anything)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
