/* SPDX-License-Identifier: MIT */

/*
 * Whatever is done by hand to redirections, mailboxes, markers and stamps on both sides, with a map
 * that knows of it, does not, or is of before, to pairs that are synchronized, that left, that are
 * finished or in conflict: after two cycles nothing loops, nothing redirects to itself, no mailbox
 * that was in use in the target was changed, of what left or is finished nothing at all but a
 * targetAddress that made mail go round, and a further cycle writes nothing.
 * GALSYNC_SEED=N plays one game again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "dsa/run/active.h"
#include "tests/support/chance.h"
#include "tests/support/finish_fixture.h"

#define PEOPLE 8
#define HIDES "msExchHideFromAddressLists"

static const char *const people[] = {"Ann", "Bea", "Cleo", "Dora", "Eve", "Fay", "Gus", "Hal"};
static const char *const aliases[] = {"ann", "bea", "cleo", "dora", "eve", "fay", "gus", "hal"};

struct game {
	struct lab l;
	uint64_t state;
	/* The target objects in use, as they were before the cycles. */
	struct entry *active[PEOPLE];
	/* Both objects of what left or is finished, the same. */
	struct entry *over[PEOPLE][SIDES];
};

static unsigned
roll(struct game *g, unsigned n)
{
	return chance_roll(&g->state, n);
}

static const char *
cn(size_t i)
{
	static char names[4][16];
	static unsigned next;
	char *name = names[next++ % ARRAY_SIZE(names)];

	(void)snprintf(name, sizeof names[0], "CN=%s", people[i]);
	return name;
}

/* ---- edits ---- */

static void
edit_redirection(struct game *g, size_t i)
{
	static const char *const formats[] = {"SMTP:%s@redirect.acme.example",
	    "SMTP:%s@redirect.globex.example", "smtp:%s@redirect.globex.example",
	    "SMTP:%s@acme.example", "SMTP:%s@third.example", "SMTP:other@redirect.globex.example",
	    NULL, NULL};
	const char *format = formats[roll(g, ARRAY_SIZE(formats))];
	char value[96] = "";

	if (format && strstr(format, "%s"))
		(void)snprintf(value, sizeof value, "%.*s%s%s",
		    (int)(strstr(format, "%s") - format), format, aliases[i],
		    strstr(format, "%s") + 2);
	else if (format)
		(void)snprintf(value, sizeof value, "%s", format);
	lab_set(&g->l, (enum side)roll(g, 2), cn(i), "targetAddress", format ? value : NULL);
}

static void
edit_mailbox(struct game *g, size_t i)
{
	enum side side = (enum side)roll(g, 2);
	bool there = roll(g, 2);

	/* A source that is neither a mailbox nor redirects is no recipient: it leaves. */
	if (side == SOURCE && !there && !lab_count(&g->l, SOURCE, cn(i), "targetAddress"))
		lab_set(&g->l, SOURCE, cn(i), "targetAddress", "SMTP:x@third.example");
	if (side == TARGET)
		lab_set(&g->l, TARGET, cn(i), "homeMDB",
		    there ? "CN=DB1,CN=Configuration,DC=globex,DC=example" : NULL);
	lab_set(&g->l, side, cn(i), "msExchHomeServerName", there ? "/o=X/cn=EX" : NULL);
}

static void
edit_marker(struct game *g, size_t i)
{
	static const char *const markers[] = {
	    NULL, "galsync:switched:2026-01-01T00:00:00Z:x:guard", "galsync:switched:x"};

	lab_set(&g->l, SOURCE, cn(i), MARKER, markers[roll(g, ARRAY_SIZE(markers))]);
}

static void
edit_stamp(struct game *g, size_t i)
{
	static const char *const ends[] = {"", ":source", ":target"};
	char stamp[STAMP_TEXT_SIZE];

	(void)snprintf(stamp, sizeof stamp, "galsync:created:%s%s", lab_source_guid(&g->l, cn(i)),
	    ends[roll(g, ARRAY_SIZE(ends))]);
	lab_set(&g->l, TARGET, cn(i), STAMP, roll(g, 8) ? stamp : "HR-4711");
}

/* Who is hidden leaves. */
static void
edit_hidden(struct game *g, size_t i)
{
	lab_set(&g->l, SOURCE, cn(i), HIDES, roll(g, 2) ? "TRUE" : NULL);
}

static void
edit_something(struct game *g)
{
	size_t i = roll(g, PEOPLE);

	switch (roll(g, 9)) {
	case 0:
	case 1:
	case 2: edit_redirection(g, i); break;
	case 3:
	case 4: edit_mailbox(g, i); break;
	case 5: edit_marker(g, i); break;
	case 6: edit_stamp(g, i); break;
	case 7: edit_hidden(g, i); break;
	default: lab_set(&g->l, (enum side)roll(g, 2), cn(i), GUARD, roll(g, 2) ? "TRUE" : NULL);
	}
}

/* ---- what must hold ---- */

static const struct entry *
object(struct game *g, enum side side, size_t i)
{
	return fakedir_find(g->l.fd[side], lab_dn(side, cn(i)));
}

enum standing {
	UNKNOWN, /* when the map was lost it had left, or was to leave, and nothing says how */
	THERE,
	OVER /* it left, or is finished: others answer for its redirections */
};

static enum standing
standing(struct game *g, size_t i)
{
	struct record *r = lab_record(&g->l, cn(i));
	enum standing s = !r ? UNKNOWN : record_has_left(r) ? OVER : THERE;

	record_free(r);
	return s;
}

static bool
is_over(struct game *g, size_t i)
{
	return standing(g, i) == OVER;
}

static bool
is_in_conflict(struct game *g, size_t i)
{
	const struct entry *t = object(g, TARGET, i);

	return t && stamp_foreign(t, STAMP).data;
}

static struct active_side
judge(struct game *g, size_t i)
{
	const struct active_conf conf = active_conf_of(g->l.link);
	const struct entry *const objects[] = {object(g, SOURCE, i), object(g, TARGET, i)};
	struct record *r = lab_record(&g->l, cn(i));
	struct active_side a = active_side_of(&conf, objects, r);

	record_free(r);
	return a;
}

static bool
goes_round(struct game *g, size_t i, const struct active_side *a, enum side side)
{
	const struct entry *const objects[] = {object(g, SOURCE, i), object(g, TARGET, i)};

	if (active_goes_round(a, objects, side))
		return true;
	return !is_over(g, i) && !is_in_conflict(g, i) &&
	       (a->is_loop || a->facts.leads[side] == LEADS_HOME);
}

static void
check_no_circle(struct game *g)
{
	for (size_t i = 0; i < PEOPLE; i++) {
		struct active_side a = judge(g, i);

		/* Without a mailbox nothing turns by itself: that is told, and left. */
		for (int side = SOURCE; side < SIDES && standing(g, i) != UNKNOWN; side++)
			if (goes_round(g, i, &a, (enum side)side) &&
			    (a.is_loop || !a.lost || is_over(g, i)))
				fail_msg("mail to %s goes round because of the %s object",
				    people[i], side_name((enum side)side));
	}
}

/* What galsync may write to an object in use. */
static bool
is_ours(const char *attr)
{
	static const char *const ours[] = {
	    "targetAddress", STAMP, "proxyAddresses", GUARD, "uSNChanged", "whenChanged"};

	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		if (str_equal_nocase(attr, ours[i]))
			return true;
	return false;
}

static bool
has_all(const struct attr *a, const struct attr *b)
{
	for (size_t i = 0; a && i < a->n_values; i++)
		if (!b || !attr_has(b, a->values[i], false))
			return false;
	return true;
}

static void
check_untouched(struct game *g)
{
	for (size_t i = 0; i < PEOPLE; i++) {
		const struct entry *was = g->active[i];
		const struct entry *now = was ? object(g, TARGET, i) : NULL;

		if (!was)
			continue;
		if (!now)
			fail_msg("%s, which was in use, is gone", people[i]);
		for (size_t j = 0; j < was->n_attrs; j++)
			if (!is_ours(was->attrs[j].name) &&
			    !has_all(&was->attrs[j], entry_find(now, was->attrs[j].name)))
				fail_msg(
				    "%s was in use: %s was changed", people[i], was->attrs[j].name);
		for (size_t j = 0; j < now->n_attrs; j++)
			if (!is_ours(now->attrs[j].name) &&
			    !has_all(&now->attrs[j], entry_find(was, now->attrs[j].name)))
				fail_msg(
				    "%s was in use: %s was changed", people[i], now->attrs[j].name);
	}
}

/* What galsync may write to what is over. */
static void
remove_redirection(struct entry *e)
{
	static const char *const ours[] = {"targetAddress", "uSNChanged", "whenChanged"};

	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		entry_remove(e, ours[i]);
}

static void
check_same(const struct entry *was, const struct entry *now, const char *who)
{
	_cleanup_(entry_free) struct entry *x = entry_dup(was), *y = entry_dup(now);
	_cleanup_(buf_done) struct buf a = {0}, b = {0};

	assert_true(x && y);
	remove_redirection(x);
	remove_redirection(y);
	entry_encode(x, &a);
	entry_encode(y, &b);
	if (!bytes_equal(buf_bytes(&a), buf_bytes(&b)))
		fail_msg("%s is over: something of it was changed", who);
}

/* One that came back is synchronized again. */
static void
check_over(struct game *g)
{
	for (size_t i = 0; i < PEOPLE; i++)
		for (int side = SOURCE; side < SIDES; side++)
			if (g->over[i][side] && is_over(g, i))
				check_same(
				    g->over[i][side], object(g, (enum side)side, i), people[i]);
}

static void
forget(struct game *g)
{
	for (size_t i = 0; i < PEOPLE; i++) {
		entry_free(TAKE(g->active[i]));
		for (int side = SOURCE; side < SIDES; side++)
			entry_free(TAKE(g->over[i][side]));
	}
}

static void
remember(struct game *g)
{
	forget(g);
	for (size_t i = 0; i < PEOPLE; i++) {
		struct active_side a = judge(g, i);

		if (a.side == TARGET && a.facts.mailbox[TARGET])
			g->active[i] = entry_dup(object(g, TARGET, i));
		for (int side = SOURCE; side < SIDES && is_over(g, i); side++)
			g->over[i][side] = entry_dup(object(g, (enum side)side, i));
	}
}

/* ---- a game ---- */

static void
cycle(struct game *g, bool delta)
{
	g->l.delta = delta;
	if (lab_cycle(&g->l, NULL) < 0)
		fail_msg("%s", g->l.err.text);
	if (!g->l.needs_full)
		return;
	g->l.delta = false;
	assert_int_equal(lab_cycle(&g->l, NULL), 0);
}

static unsigned
play(struct game *g)
{
	unsigned edits = 0;

	for (int round = 0; round < 3; round++) {
		lab_keep_map(&g->l);
		for (unsigned n = 1 + roll(g, 4); n > 0; n--, edits++)
			edit_something(g);
		switch (roll(g, 4)) {
		case 0: lab_lose_map(&g->l); break;
		case 1:
			cycle(g, false);
			lab_put_back_map(&g->l);
			break;
		default:;
		}
		remember(g);
		cycle(g, roll(g, 2));
		cycle(g, roll(g, 2));
		check_no_circle(g);
		check_untouched(g);
		check_over(g);
		lab_run_silent(&g->l);
	}
	return edits;
}

/* Fay leaves, Gus is finished, and Hal leaves after the switch. */
static void
begin(struct game *g)
{
	static const char *const switched[] = {"CN=Ann", "CN=Bea", "CN=Gus", "CN=Hal", NULL};
	static const char *const gus[] = {"CN=Gus", NULL};

	cycle(g, false);
	assert_int_equal(lab_turn(&g->l, NULL, LAB_SWITCH, switched), 0);
	assert_int_equal(finish(&g->l, gus, false).done, 1);
	lab_set(&g->l, SOURCE, "CN=Fay", HIDES, "TRUE");
	lab_set(&g->l, SOURCE, "CN=Hal", HIDES, "TRUE");
	cycle(g, false);
	for (size_t i = 0; i < PEOPLE; i++)
		assert_int_equal(is_over(g, i), i >= 5);
}

static void
hand_edits(void **state)
{
	static const struct scenario sc = {.name = "hand edits",
	    .scope = "create = \"mailbox\"; on_leave = \"delete\"; hidden = \"leave\";",
	    .link = LAB_GROUP_CONF
	    "limits = { redirections = 1000000; deletes = 1000000; matches = 1000000; "
	    "member_removals = 1000000; primary_changes = 1000000; };",
	    .source = {MAILBOX("Ann", "ann", "") MAILBOX("Bea", "bea", ""),
		MAILBOX("Cleo", "cleo", "") MAILBOX("Dora", "dora", ""),
		MAILBOX("Eve", "eve", "") MAILBOX("Fay", "fay", ""),
		MAILBOX("Gus", "gus", "") MAILBOX("Hal", "hal", ""), LAB_GROUP_LDIF}};
	const char *given = getenv("GALSYNC_SEED");
	uint64_t first = given ? strtoull(given, NULL, 10) : 1, n = given	    ? 1
								    : lab_try_all() ? 2000
										    : 150;
	unsigned edits = 0;

	(void)state;
	for (uint64_t seed = first; seed < first + n; seed++) {
		struct game g = {.state = seed * 77};

		print_message("GALSYNC_SEED=%llu\n", (unsigned long long)seed);
		lab_open(&g.l, &sc);
		begin(&g);
		edits += play(&g);
		forget(&g);
		lab_close(&g.l);
	}
	print_message("%u edits\n", edits);
	assert_true(given || edits >= 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(hand_edits)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
