/* SPDX-License-Identifier: MIT */

/* Both flows of a link over one reading: each forest is read whole once, and all is as if each flow
 * had read it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/chance.h"
#include "tests/support/heir_fixture.h"

#define IDA "CN=Ida Native" PEOPLE
#define LIMITS "limits = { matches = 99; deletes = 99; };"
#define RETURN                                                                                     \
	"match = [ \"stamp\", \"x500-on-target\", \"mail-on-target\" ];" LIMITS                    \
	"return_contacts_ou = \"OU=Globex GAL,DC=acme,DC=example\";"

static const struct scenario both = {.name = "one reading",
    .link = RETURN,
    .source = {GAL_OU, MAILBOX("Bob", "bob", ""), MAILBOX("Cid", "cid", ""),
	GROUP("Team", "team", MEMBER("Bob"))},
    .target = {PEOPLE_OU, NATIVE("Ida Native", "ida", "manager: CN=Jon Native" PEOPLE "\n"),
	NATIVE("Jon Native", "jon", "")}};

static void
was_read(struct lab *l, unsigned times)
{
	for (int side = SOURCE; side < SIDES; side++)
		if (l->whole[side] != times)
			fail_msg("%s was read %u times\n%s", side_name((enum side)side),
			    l->whole[side], lab_notes(l));
}

static void
must(struct lab *l, unsigned times)
{
	heir_must(l, l->sc->name);
	was_read(l, times);
}

static void
is_quiet(struct lab *l)
{
	l->on_written = NULL;
	heir_must(l, "once more");
	if (l->res.applied)
		fail_msg("one more wrote\n%s", lab_notes(l));
}

static int
plan_both(struct lab *l, struct run *run, void *arg)
{
	const struct cycle_options opt = {.plan_only = true, .plan_to = arg};
	struct cycle_result ret[SIDES];
	int rc = sync_link(run, true, &opt, ret, &l->err);

	assert_true(ret[SOURCE].read[SOURCE] && ret[SOURCE].read[TARGET]);
	assert_int_equal(ret[SOURCE].read[SOURCE], ret[TARGET].read[TARGET]);
	assert_int_equal(ret[SOURCE].read[TARGET], ret[TARGET].read[SOURCE]);
	return rc;
}

static void
each_side_once(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &both);
	assert_int_equal(lab_act(&l, NULL, plan_both, NULL), 0);
	was_read(&l, 1);
	must(&l, 1);
	assert_true(l.res.applied);
	assert_true(lab_has(&l, SOURCE, "CN=Ida Native" GAL, "manager", "CN=Jon Native" GAL));
	must(&l, 1);
	assert_int_equal(l.res.applied, 0);
	/* A delta reads neither. */
	l.delta = true;
	must(&l, 0);
	lab_close(&l);
}

/* ---- what happens meanwhile ---- */

static void
after_the_first_write(struct lab *l, void (*what)(struct lab *l), unsigned times)
{
	lab_set(l, SOURCE, "CN=Bob", "title", "Chief");
	l->on_written = what;
	must(l, times);
	assert_null(l->on_written);
	assert_true(lab_has(l, TARGET, "CN=Bob", "title", "Chief"));
}

/* A native is named and called otherwise, another one goes, a third one comes, and a person of the
 * source moves. */
static void
others_write(struct lab *l)
{
	l->on_written = NULL;
	lab_set(l, TARGET, IDA, "title", "Boss");
	lab_rename(l, TARGET, IDA, "CN=Ida New");
	lab_set(l, TARGET, "CN=Kim Native" PEOPLE, "manager", "CN=Ida New" PEOPLE);
	lab_delete(l, TARGET, "CN=Jon Native" PEOPLE);
	lab_add(l, TARGET, NATIVE("Lea Native", "lea", ""));
	assert_int_equal(fakedir_rename(l->fd[TARGET], "OU=People,DC=globex,DC=example",
			     "OU=Persons", "DC=globex,DC=example"),
	    0);
}

static void
what_others_write_is_seen(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &both);
	lab_add(&l, TARGET, NATIVE("Kim Native", "kim", ""));
	must(&l, 1);
	after_the_first_write(&l, others_write, 1);
	assert_true(lab_has(&l, SOURCE, "CN=Ida New" GAL, "title", "Boss"));
	assert_true(lab_has(&l, SOURCE, "CN=Kim Native" GAL, "manager", "CN=Ida New" GAL));
	assert_int_equal(lab_count(&l, SOURCE, "CN=Ida New" GAL, "manager"), 0);
	assert_false(lab_exists(&l, SOURCE, "CN=Jon Native" GAL));
	assert_true(lab_exists(&l, SOURCE, "CN=Lea Native" GAL));
	l.delta = true;
	heir_must(&l, "the next delta");
	l.delta = false;
	is_quiet(&l);
	lab_close(&l);
}

/* The feed does not know any more what changed. */
static void
history_ends(struct lab *l)
{
	l->on_written = NULL;
	lab_set(l, TARGET, IDA, "title", "Boss");
	fakedir_set_usn(l->fd[TARGET], 1);
}

/* Then the second flow reads for itself. */
static void
without_history(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &both);
	must(&l, 1);
	after_the_first_write(&l, history_ends, 2);
	assert_true(lab_has(&l, SOURCE, "CN=Ida Native" GAL, "title", "Boss"));
	is_quiet(&l);
	lab_close(&l);
}

/* The first flow needs no full cycle, but the second one does. */
static void
one_flow_alone(void **state)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	uint32_t flows[SIDES];
	struct lab l;

	(void)state;
	lab_open(&l, &both);
	must(&l, 1);
	assert_int_equal(store_begin(l.store, STORE_WRITE, &t, &l.err), 0);
	assert_int_equal(store_flow_ids(t, "acme-globex", flows, &l.err), 0);
	assert_int_equal(store_clear_cursors(t, flows[TARGET], &l.err), 0);
	assert_int_equal(store_commit(TAKE(t), &l.err), 0);
	l.delta = true;
	must(&l, 1);
	assert_int_equal(l.res.applied, 0);
	must(&l, 0);
	lab_close(&l);
}

/* ---- the same as with two readings ---- */

#define PERSONS 6
#define NATIVES 5
#define ROUNDS 5
#define EDITS 7

/* Who is there, and under which of two names. */
struct one {
	bool gone, other;
};

static struct {
	uint64_t chance;
	struct one of[SIDES][PERSONS];
	unsigned heirs;
	struct buf history;
} game;

/* Number I of SIDE; its object on the other side if THERE is that. */
static const char *
name_of(enum side side, unsigned i, enum side there)
{
	static char text[4][128];
	static unsigned at;
	char *ret = text[at++ % ARRAY_SIZE(text)];
	const char *place =
	    side == SOURCE ? (there == SOURCE ? ACME : GLOBEX) : (there == SOURCE ? GAL : PEOPLE);

	(void)snprintf(ret, sizeof text[0], "CN=%c%u%s%s", side == SOURCE ? 'P' : 'N', i,
	    game.of[side][i].other ? " Other" : "", place);
	return ret;
}

/* One that comes; of NATIVE a mailbox of globex that names the one of acme with its alias. */
static void
come(struct lab *l, enum side side, const char *dn, const char *alias, bool heir)
{
	_cleanup_(buf_done) struct buf b = {0};
	const char *forest = side == SOURCE ? "acme" : "globex";

	buf_printf(&b,
	    "dn: %s\nobjectClass: user\nsAMAccountName: %s\nmailNickname: %s\nmail: %s@%s.example\n"
	    "proxyAddresses: SMTP:%s@%s.example\nuserAccountControl: 512\n"
	    "msExchHomeServerName: /o=X/cn=EX1\nlegacyExchangeDN: %s%s\n",
	    dn, alias, alias, alias, forest, alias, forest,
	    side == SOURCE ? ACME_LEGACY : "/o=Globex/cn=", alias);
	if (heir)
		buf_printf(&b, "proxyAddresses: X500:" ACME_LEGACY "%s\n", alias);
	buf_add_char(&b, '\0');
	assert_false(b.failed);
	lab_add(l, side, (const char *)b.data);
}

static void
come_or_go(struct lab *l, enum side side, unsigned i)
{
	struct one *o = &game.of[side][i];
	char alias[16];

	(void)snprintf(alias, sizeof alias, "%c%u", side == SOURCE ? 'p' : 'n', i);
	if (o->gone)
		come(l, side, name_of(side, i, side), alias, false);
	else
		lab_delete(l, side, name_of(side, i, side));
	o->gone = !o->gone;
}

static void
rename_one(struct lab *l, enum side side, unsigned i)
{
	char old[128], rdn[32];

	(void)snprintf(old, sizeof old, "%s", name_of(side, i, side));
	game.of[side][i].other = !game.of[side][i].other;
	(void)snprintf(rdn, sizeof rdn, "%.*s", (int)strcspn(name_of(side, i, side), ","),
	    name_of(side, i, side));
	lab_rename(l, side, old, rdn);
}

/* One names another one, of either flow, if that is there. */
static void
name_another(struct lab *l, enum side side, unsigned i)
{
	enum side other = chance_roll(&game.chance, 2) ? TARGET : SOURCE;
	unsigned k = chance_roll(&game.chance, other == SOURCE ? PERSONS : NATIVES);
	const char *dn = name_of(other, k, side);

	if (lab_exists(l, side, dn) && !dn_equal(dn, name_of(side, i, side)))
		lab_set(l, side, name_of(side, i, side), "manager", dn);
	if (lab_exists(l, side, dn) && side == SOURCE &&
	    !lab_has(l, SOURCE, "CN=Team", "member", dn))
		lab_add_value(l, SOURCE, "CN=Team", "member", dn);
}

/* A native of globex, and its contact in acme, is a person of acme too. */
static void
inherit(struct lab *l)
{
	char dn[128], alias[16];

	(void)snprintf(alias, sizeof alias, "h%u", game.heirs);
	(void)snprintf(dn, sizeof dn, "CN=H%u" PEOPLE, game.heirs);
	if (chance_roll(&game.chance, 2) || game.heirs == 0) {
		come(l, TARGET, dn, alias, true);
		game.heirs++;
		return;
	}
	(void)snprintf(alias, sizeof alias, "h%u", chance_roll(&game.chance, game.heirs));
	(void)snprintf(dn, sizeof dn, "CN=%s Here" ACME, alias);
	if (!lab_exists(l, SOURCE, dn))
		come(l, SOURCE, dn, alias, false);
}

static void
hide_or_show(struct lab *l, enum side side, unsigned i)
{
	static const char hides[] = "msExchHideFromAddressLists";
	const char *dn = name_of(side, i, side);

	lab_set(l, side, dn, hides, lab_has(l, side, dn, hides, "TRUE") ? NULL : "TRUE");
}

static void
set_title(struct lab *l, enum side side, unsigned i)
{
	char text[32];

	(void)snprintf(text, sizeof text, "%u", chance_roll(&game.chance, 1000));
	lab_set(l, side, name_of(side, i, side), "title", text);
}

static void
edit(struct lab *l)
{
	static const struct {
		const char *name;
		void (*fn)(struct lab *l, enum side side, unsigned i);
	} ops[] = {{"comes or goes", come_or_go}, {"is renamed", rename_one},
	    {"is renamed", rename_one}, {"title", set_title}, {"is hidden or not", hide_or_show},
	    {"names another one", name_another}, {"names another one", name_another},
	    {"names another one", name_another}};
	enum side side = chance_roll(&game.chance, 2) ? TARGET : SOURCE;
	unsigned i = chance_roll(&game.chance, side == SOURCE ? PERSONS : NATIVES);
	unsigned what = chance_roll(&game.chance, ARRAY_SIZE(ops) + 2);

	if (what >= ARRAY_SIZE(ops)) {
		chance_note(&game.history, "an heir");
		inherit(l);
		return;
	}
	if (game.of[side][i].gone)
		what = 0;
	chance_note(&game.history, "%s %s", name_of(side, i, side), ops[what].name);
	ops[what].fn(l, side, i);
}

static int
sync_apart(struct lab *l, struct run *run, void *arg)
{
	const struct cycle_options opt = {.plan_only = false};
	struct run back = run_back(run);
	struct cycle_result res;

	(void)arg;
	if (sync_run(run, true, &opt, &l->res, &l->err) < 0 ||
	    sync_run(&back, true, &opt, &res, &l->err) < 0)
		return -1;
	l->res.failed += res.failed;
	l->res.applied += res.applied;
	l->res.drift += res.drift;
	return 0;
}

/* One game; what is there after each of its rounds. */
static void
play(uint64_t seed, lab_act_fn *sync, unsigned times, struct buf ret[ROUNDS])
{
	struct scenario sc = {.name = "game",
	    .link = RETURN,
	    .source = {GAL_OU, GROUP("Team", "team", "")},
	    .target = {PEOPLE_OU}};
	struct lab l;

	memset(&game, 0, sizeof game);
	game.chance = seed;
	for (int side = SOURCE; side < SIDES; side++)
		for (unsigned i = 0; i < PERSONS; i++)
			game.of[side][i].gone = true;
	lab_open(&l, &sc);
	for (int round = 0; round < ROUNDS; round++) {
		chance_note(&game.history, "round %d", round);
		for (int i = 0; i < (round ? EDITS : PERSONS + NATIVES); i++)
			edit(&l);
		if (lab_act(&l, NULL, sync, NULL) < 0 || *l.why)
			fail_msg("%s%s\n%s", l.err.text, l.why, lab_notes(&l));
		was_read(&l, times);
		buf_printf(&ret[round], "%llu writes, %llu failed, %llu not as planned\n",
		    (unsigned long long)l.res.applied, (unsigned long long)l.res.failed,
		    (unsigned long long)l.res.drift);
		lab_dump(&l, &ret[round], LAB_DUMP_ALL);
	}
	lab_close(&l);
}

static void
as_with_two_readings(void **state)
{
	const char *given = getenv("GALSYNC_SEED");
	uint64_t first = given ? strtoull(given, NULL, 10) : 1;
	const struct lab l = {.sc = &both};

	(void)state;
	for (uint64_t seed = first; seed < first + (given ? 1 : 12); seed++) {
		struct buf one[ROUNDS] = {0}, two[ROUNDS] = {0};

		play(seed, heir_sync, 1, one);
		buf_done(&game.history);
		play(seed, sync_apart, 2, two);
		for (int i = 0; i < ROUNDS; i++) {
			if (!bytes_equal(buf_bytes(&one[i]), buf_bytes(&two[i]))) {
				print_error("GALSYNC_SEED=%llu, round %d; of all rounds:\n",
				    (unsigned long long)seed, i);
				(void)fwrite(game.history.data, 1, game.history.len, stderr);
				lab_same_dumps(&l, "two readings", &one[i], &two[i]);
			}
			buf_done(&one[i]);
			buf_done(&two[i]);
		}
		buf_done(&game.history);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_side_once),
	    cmocka_unit_test(what_others_write_is_seen),
	    cmocka_unit_test(without_history),
	    cmocka_unit_test(one_flow_alone),
	    cmocka_unit_test(as_with_two_readings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
