/* SPDX-License-Identifier: MIT */

/*
 * Mail that goes round between two objects, or from one to itself, because a person wrote that by
 * hand, on a pair that no cycle does anything else to: it left, it is finished, it is in conflict,
 * or what would be done to it is held. The next cycle, full or delta, ends it towards the active
 * side, and changes nothing else of either object or of the map.
 */

#include "tests/support/limits_fixture.h"

#include "tests/support/finish_fixture.h"

#define HIDES "msExchHideFromAddressLists"

static const char *const ann[] = {"CN=Ann", NULL};

static const struct scenario people = {.name = "people",
    .scope = "create = \"mailbox\"; on_leave = \"hide\"; hidden = \"leave\"; disabled = \"leave\";",
    .link = LAB_GROUP_CONF,
    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", ""), LAB_GROUP_LDIF}};

static void
cycle(struct lab *l)
{
	if (lab_cycle(l, NULL) < 0)
		fail_msg("%s", l->err.text);
	assert_int_equal(l->res.failed, 0);
}

/* ---- what has become of the pair ---- */

static void
hidden(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", HIDES, "TRUE");
	cycle(l);
}

static void
disabled(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", "userAccountControl", "514");
	cycle(l);
}

static void
gone(struct lab *l)
{
	lab_delete(l, SOURCE, "CN=Ann");
	cycle(l);
}

static void
switched_and_hidden(struct lab *l)
{
	assert_int_equal(lab_turn(l, NULL, LAB_SWITCH, ann), 0);
	hidden(l);
}

static void
switched_and_gone(struct lab *l)
{
	assert_int_equal(lab_turn(l, NULL, LAB_SWITCH, ann), 0);
	gone(l);
}

/* The stamp of what is finished is no witness any more. */
static void
switched_hidden_and_stamped(struct lab *l)
{
	char stamp[STAMP_TEXT_SIZE];

	switched_and_hidden(l);
	(void)snprintf(
	    stamp, sizeof stamp, "galsync:created:%s:source", lab_source_guid(l, "CN=Ann"));
	lab_set(l, TARGET, "CN=Ann", STAMP, stamp);
}

static void
finished(struct lab *l)
{
	assert_int_equal(lab_turn(l, NULL, LAB_SWITCH, ann), 0);
	assert_int_equal(finish(l, ann, false).done, 1);
	cycle(l);
}

static void
finished_and_hidden(struct lab *l)
{
	finished(l);
	hidden(l);
}

static void
in_conflict(struct lab *l)
{
	lab_set(l, TARGET, "CN=Ann", STAMP, "HR-4711");
	cycle(l);
	assert_int_equal(l->res.conflicts, 1);
}

static void
switched_in_conflict(struct lab *l)
{
	assert_int_equal(lab_turn(l, NULL, LAB_SWITCH, ann), 0);
	in_conflict(l);
}

/* Its leaving is held: nothing is done to the counterpart. */
static void
leaving_is_held(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", HIDES, "TRUE");
	cycle(l);
	assert_true(l->res.held);
}

static void
leaving_is_rejected(struct lab *l)
{
	leaving_is_held(l);
	assert_int_equal(decide(l, HELD_DELETES, "CN=Ann", HELD_REJECTED), 1);
	l->delta = false;
	cycle(l);
	assert_false(l->res.held);
}

/* ---- what is done by hand ---- */

enum way { LOOP, SOURCE_HOME, TARGET_HOME, BOTH_HOME, TO_OTHERS };

static void
redirect(struct lab *l, enum way way)
{
	bool to_others = way == TO_OTHERS;

	if (way == LOOP || to_others)
		lab_set(l, TARGET, "CN=Ann", "targetAddress", RS("ann"));
	if (way == LOOP || to_others)
		lab_set(l, SOURCE, "CN=Ann", "targetAddress", to_others ? RT("bea") : RT("ann"));
	if (way == SOURCE_HOME || way == BOTH_HOME)
		lab_set(l, SOURCE, "CN=Ann", "targetAddress", RS("ann"));
	if (way == TARGET_HOME || way == BOTH_HOME)
		lab_set(l, TARGET, "CN=Ann", "targetAddress", RT("ann"));
}

/* ---- what must be so ---- */

/* A mask of the sides whose targetAddress goes. */
#define S 1u
#define T 2u

static const struct {
	const char *name;
	void (*become)(struct lab *l);
	unsigned loop; /* which side loses its targetAddress if it loops; 0: there is no source */
	const char *link;
} table[] = {
    {"hidden", hidden, S, NULL},
    {"disabled", disabled, S, NULL},
    {"gone", gone, 0, NULL},
    {"switched and hidden", switched_and_hidden, T, NULL},
    {"switched, hidden and stamped", switched_hidden_and_stamped, T, NULL},
    {"switched and gone", switched_and_gone, 0, NULL},
    {"finished", finished, T, NULL},
    {"finished and hidden", finished_and_hidden, T, NULL},
    {"in conflict", in_conflict, S, NULL},
    {"switched, in conflict", switched_in_conflict, T, NULL},
    {"leaving is held", leaving_is_held, S, "limits = { deletes = 0; };"},
    {"leaving is rejected", leaving_is_rejected, S, "limits = { deletes = 0; };"},
};

/* All of E but where it redirects to, and what the server counts. */
static void
print_rest(struct lab *l, enum side side, struct buf *ret)
{
	static const char *const but[] = {"targetAddress", "uSNChanged", "whenChanged"};
	const struct entry *e = fakedir_find(l->fd[side], lab_dn(side, "CN=Ann"));
	struct entry *copy = e ? entry_dup(e) : NULL;

	for (size_t i = 0; copy && i < ARRAY_SIZE(but); i++)
		entry_remove(copy, but[i]);
	if (copy)
		entry_encode(copy, ret);
	entry_free(copy);
}

struct state {
	struct buf rest[SIDES];
	char *to[SIDES];
	struct record *record;
};

static void
take(struct lab *l, struct state *s)
{
	*s = (struct state){.record = NULL};
	for (int side = SOURCE; side < SIDES; side++) {
		const struct entry *e =
		    fakedir_find(l->fd[side], lab_dn((enum side)side, "CN=Ann"));
		const char *to = e ? entry_get_str(e, "targetAddress") : NULL;

		print_rest(l, (enum side)side, &s->rest[side]);
		s->to[side] = to ? strdup(to) : NULL;
	}
	if (lab_exists(l, SOURCE, "CN=Ann"))
		s->record = lab_record(l, "CN=Ann");
}

static void
drop(struct state *s)
{
	for (int side = SOURCE; side < SIDES; side++) {
		buf_done(&s->rest[side]);
		free(s->to[side]);
	}
	record_free(s->record);
}

static void
check_side(
    const char *name, const struct state *was, const struct state *now, enum side side, bool goes)
{
	const char *want = goes ? NULL : was->to[side], *to = now->to[side];

	if (!bytes_equal(buf_bytes(&was->rest[side]), buf_bytes(&now->rest[side])))
		fail_msg("%s: something else of the %s object was changed", name, side_name(side));
	if ((want || to) && !(want && to && strcmp(want, to) == 0))
		fail_msg("%s: the %s object redirects to %s, not %s", name, side_name(side),
		    to ? to : "nothing", want ? want : "nothing");
}

static unsigned
expected(size_t row, enum way way)
{
	bool alone = table[row].loop == 0;

	switch (way) {
	case LOOP: return table[row].loop;
	case SOURCE_HOME: return alone ? 0 : S;
	case TARGET_HOME: return T;
	case BOTH_HOME: return alone ? T : S | T;
	case TO_OTHERS: break;
	}
	return 0;
}

static void
end_one(size_t row, enum way way, bool delta)
{
	struct scenario sc = people;
	_cleanup_(free) char *link =
	    str_printf("%s%s", LAB_GROUP_CONF, table[row].link ? table[row].link : "");
	struct state was, now;
	struct lab l;

	sc.link = link;
	lab_open(&l, &sc);
	lab_run(&l);
	l.delta = delta;
	table[row].become(&l);
	l.delta = delta;
	if (!lab_exists(&l, SOURCE, "CN=Ann") && way != TARGET_HOME) {
		lab_close(&l);
		return;
	}
	redirect(&l, way);
	take(&l, &was);
	cycle(&l);
	take(&l, &now);
	for (int side = SOURCE; side < SIDES; side++)
		check_side(table[row].name, &was, &now, (enum side)side,
		    expected(row, way) & (side == SOURCE ? S : T));
	if (was.record && !record_equal(was.record, now.record))
		fail_msg("%s: the record was changed", table[row].name);
	assert_int_equal(l.told[RUN_BROKEN], __builtin_popcount(expected(row, way)));
	for (int again = 0; again < 2; again++) {
		lab_run_silent(&l);
		assert_int_equal(l.told[RUN_BROKEN], 0);
		l.delta = false;
	}
	drop(&was);
	drop(&now);
	lab_close(&l);
}

static void
every_row(void **state)
{
	(void)state;
	for (size_t row = 0; row < ARRAY_SIZE(table); row++)
		for (int way = LOOP; way <= TO_OTHERS; way++)
			for (int delta = 0; delta < 2; delta++)
				end_one(row, (enum way)way, delta);
}

/* ---- in one plan, and when others write meanwhile ---- */

/* A plan shows it, and the cycle makes exactly that. */
static void
is_planned(void **state)
{
	struct lab l;

	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		lab_open(&l, &people);
		lab_run(&l);
		hidden(&l);
		redirect(&l, BOTH_HOME);
		l.delta = delta;
		lab_run(&l);
		assert_int_equal(l.res.applied, 2);
		assert_int_equal(l.res.updated[SOURCE] + l.res.updated[TARGET], 2);
		lab_run_silent(&l);
		lab_close(&l);
	}
}

/* It leaves in the very cycle in which it loops. */
static void
leaves_and_loops(void **state)
{
	struct lab l;

	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		lab_open(&l, &people);
		lab_run(&l);
		lab_set(&l, SOURCE, "CN=Ann", HIDES, "TRUE");
		redirect(&l, LOOP);
		l.delta = delta;
		cycle(&l);
		assert_true(is(&l, SOURCE, "CN=Ann", NULL) && is(&l, TARGET, "CN=Ann", RS("ann")));
		assert_true(lab_has(&l, TARGET, "CN=Ann", HIDES, "TRUE"));
		lab_run_silent(&l);
		lab_close(&l);
	}
}

static struct meanwhile {
	struct lab *l;
	const char *value;
} meanwhile;

static void
set_meanwhile(void *arg, unsigned write, const struct change *c)
{
	const struct meanwhile *m = arg;

	(void)write, (void)c;
	lab_set(m->l, SOURCE, "CN=Ann", "targetAddress", m->value);
}

/* Another one writes to the object while the cycle does: it is read and looked at again. An
 * administrator who shows the counterpart of one that left again is not gainsaid. */
static void
others_write_too(void **state)
{
	static const char *const values[] = {NULL, "SMTP:ann@acme.example", "SMTP:x@third.example"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values) * 2; i++) {
		struct tap tap = {.hook_at = 1};
		const char *value = values[i / 2];
		bool home = value && strstr(value, "acme");
		struct lab l;

		lab_open(&l, &people);
		lab_run(&l);
		hidden(&l);
		lab_set(&l, TARGET, "CN=Ann", HIDES, NULL);
		redirect(&l, LOOP);
		l.delta = i % 2;
		tap.hook = set_meanwhile;
		meanwhile = (struct meanwhile){&l, value};
		tap.hook_arg = &meanwhile;
		assert_int_equal(lab_cycle(&l, &tap), 0);
		tap_done(&tap);
		assert_int_equal(l.res.failed, 0);
		assert_true(l.res.drift > 0);
		assert_true(is(&l, SOURCE, "CN=Ann", home ? NULL : value));
		assert_true(is(&l, TARGET, "CN=Ann", RS("ann")));
		assert_int_equal(lab_count(&l, TARGET, "CN=Ann", HIDES), 0);
		lab_run_silent(&l);
		lab_close(&l);
	}
}

/* ---- what is not galsync's to write ---- */

static void
moved_away(struct lab *l)
{
	if (fakedir_rename(l->fd[SOURCE], lab_dn(SOURCE, "CN=Ann"), "CN=Ann",
		"CN=Users,DC=acme,DC=example") < 0)
		fail_msg("%s", fakedir_error(l->fd[SOURCE]));
	cycle(l);
	lab_set(l, SOURCE, "CN=Ann,CN=Users,DC=acme,DC=example", "targetAddress", RT("ann"));
}

static void
privileged(struct lab *l)
{
	finished(l);
	lab_set(l, TARGET, "CN=Ann", "targetAddress", RS("ann"));
	lab_set(l, TARGET, "CN=Ann", "adminCount", "1");
}

/* The source of a pair that is synchronized lost its mailbox. */
static void
lost(struct lab *l)
{
	lab_set(l, TARGET, "CN=Ann", "homeMDB", "CN=DB1,CN=Configuration,DC=globex,DC=example");
	lab_set(l, SOURCE, "CN=Ann", "msExchHomeServerName", NULL);
	lab_set(l, SOURCE, "CN=Ann", "targetAddress", RS("ann"));
	cycle(l);
}

static void
not_ours(void **state)
{
	static const struct {
		void (*become)(struct lab *l);
		const char *word;
	} rows[] = {{moved_away, "outside the bases"}, {privileged, "privileged"},
	    {lost, "it would leave"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows) * 2; i++) {
		struct lab l;

		lab_open(&l, &people);
		lab_run(&l);
		l.delta = i % 2;
		rows[i / 2].become(&l);
		lab_run_silent(&l);
		assert_int_equal(l.told[RUN_BROKEN], 1);
		assert_true(l.res.problems > 0);
		assert_non_null(strstr(lab_notes(&l), rows[i / 2].word));
		assert_non_null(strstr(lab_notes(&l), "to be changed by hand"));
		lab_close(&l);
	}
}

/* The map is lost: what its stamps say of those that left is enough. */
static void
map_is_lost(void **state)
{
	static const struct {
		void (*become)(struct lab *l);
		enum side goes;
	} rows[] = {{hidden, SOURCE}, {switched_and_hidden, TARGET}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct lab l;

		lab_open(&l, &people);
		lab_run(&l);
		rows[i].become(&l);
		redirect(&l, LOOP);
		lab_lose_map(&l);
		cycle(&l);
		assert_int_equal(lab_count(&l, rows[i].goes, "CN=Ann", "targetAddress"), 0);
		assert_int_equal(
		    lab_count(&l, side_other(rows[i].goes), "CN=Ann", "targetAddress"), 1);
		lab_close(&l);
	}
}

/* A server that refuses it: it is told and tried again. */
static void
is_refused(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	lab_run(&l);
	hidden(&l);
	redirect(&l, LOOP);
	assert_int_equal(fakedir_refuse(l.fd[SOURCE], lab_dn(SOURCE, "CN=Ann"), 50), 0);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_int_equal(l.res.failed, 1);
	assert_true(is(&l, SOURCE, "CN=Ann", RT("ann")));
	assert_int_equal(fakedir_refuse(l.fd[SOURCE], NULL, 0), 0);
	cycle(&l);
	assert_true(is(&l, SOURCE, "CN=Ann", NULL));
	lab_run_silent(&l);
	lab_close(&l);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_row),
	    cmocka_unit_test(is_planned),
	    cmocka_unit_test(leaves_and_loops),
	    cmocka_unit_test(others_write_too),
	    cmocka_unit_test(not_ours),
	    cmocka_unit_test(map_is_lost),
	    cmocka_unit_test(is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
