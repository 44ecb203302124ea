/* SPDX-License-Identifier: MIT */

/*
 * A random administrative life on the source: identifiers are exchanged and given on, objects
 * leave, come back and are made again, references and members come and go, counterparts are edited
 * or deleted by hand. After each few changes one cycle, a delta or a full one, is enough: a full
 * synchronization behind it writes nothing. And whatever happened, a delta asks and decides at most
 * a constant times what is concerned, however many other objects there are.
 *
 * What is concerned is what changed since the cycle before began, on both sides, galsync's own
 * writes included, with its references in both directions. GALSYNC_SEED=N plays one life again.
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
#include "tests/support/chance.h"
#include "tests/support/count_decisions.h"
#include "tests/support/scenario.h"

#define HIDES "msExchHideFromAddressLists"
#define PEOPLE 8
#define GROUPS 2
#define STEPS 12
#define BYSTANDERS 60 /* more objects than a delta may ask for */

/* A delta makes at most this many requests and decisions: some, and these for each concerned. */
#define REQUESTS_SOME 24
#define REQUESTS_EACH 10
#define DECISIONS_SOME 4
#define DECISIONS_EACH 6

struct life {
	struct lab l;
	uint64_t state, seed;
	uint64_t seen[SIDES]; /* USNs at the last cycle's beginning */
	struct buf history;
};

static void
no_look(void *arg, unsigned number, const struct change *c)
{
	(void)arg, (void)number, (void)c;
}

/* ---- chance ---- */

static unsigned
roll(struct life *x, unsigned n)
{
	return chance_roll(&x->state, n);
}

static const char *
person(unsigned i)
{
	static const char *const names[PEOPLE] = {
	    "CN=P0", "CN=P1", "CN=P2", "CN=P3", "CN=P4", "CN=P5", "CN=P6", "CN=P7"};

	return names[i];
}

static const char *
group(unsigned i)
{
	return i % 2 ? "CN=G1" : "CN=G0";
}

static const struct entry *
source_of(struct life *x, const char *name)
{
	return fakedir_find(x->l.fd[SOURCE], lab_dn(SOURCE, name));
}

/* N different people that are there. False if there are not that many. */
static bool
choose(struct life *x, const char *ret[], unsigned n)
{
	unsigned start = roll(x, PEOPLE), step = 1 + 2 * roll(x, PEOPLE / 2), found = 0;

	for (unsigned i = 0; i < PEOPLE && found < n; i++) {
		const char *name = person((start + i * step) % PEOPLE);

		if (lab_exists(&x->l, SOURCE, name))
			ret[found++] = name;
	}
	return found == n;
}

/* ---- changes ---- */

static bool
has_account(struct life *x, unsigned i)
{
	char sam[16];

	(void)snprintf(sam, sizeof sam, "p%u", i);
	for (unsigned j = 0; j < PEOPLE; j++)
		if (lab_exists(&x->l, SOURCE, person(j)) &&
		    lab_has(&x->l, SOURCE, person(j), "sAMAccountName", sam))
			return true;
	return false;
}

static void
make(struct life *x, unsigned i)
{
	static const char *const classes[] = {"user", "contact"};
	/* Another one may have its account's name by now. */
	bool is_user = i % 4 != 3 && !has_account(x, i);
	_cleanup_(free) char *account = str_printf(
	    "sAMAccountName: p%u\nuserPrincipalName: p%u@acme.example\nuserAccountControl: 512\n"
	    "msExchHomeServerName: /o=Acme/cn=EX1\n",
	    i, i);
	_cleanup_(free) char *card = str_printf("targetAddress: SMTP:p%u@else.example\n", i);
	_cleanup_(free) char *ldif =
	    str_printf("dn: %s" ACME "\nobjectClass: %s\nmailNickname: p%u\n"
		       "mail: p%u@acme.example\nproxyAddresses: "
		       "SMTP:p%u@acme.example\nlegacyExchangeDN: " ACME_LEGACY "p%u\n%s\n",
		person(i), classes[!is_user], i, i, i, i, is_user ? account : card);

	assert_true(account && card && ldif);
	lab_add(&x->l, SOURCE, ldif);
}

/* Everybody in WHO gets the value of ATTR that the one behind has; the last that of the first. */
static void
rotate(struct life *x, const char *const who[], unsigned n, const char *attr)
{
	char values[3][128];

	for (unsigned i = 0; i < n; i++) {
		const char *v = entry_get_str(source_of(x, who[i]), attr);

		if (!v)
			return;
		(void)snprintf(values[i], sizeof values[i], "%s", v);
	}
	/* Some are unique in their domain. */
	for (unsigned i = 0; i < n; i++) {
		char between[32];

		(void)snprintf(between, sizeof between, "between%u", i);
		lab_set(&x->l, SOURCE, who[i], attr, between);
	}
	for (unsigned i = 0; i < n; i++)
		lab_set(&x->l, SOURCE, who[i], attr, values[(i + 1) % n]);
}

static void
set_primary(struct life *x, const char *who, const char *mail)
{
	const struct attr *a = entry_find(source_of(x, who), "proxyAddresses");
	char value[128], old[128] = "";

	for (size_t i = 0; a && i < a->n_values; i++)
		if (strncmp(a->values[i].data, "SMTP:", 5) == 0)
			(void)snprintf(old, sizeof old, "%s", (const char *)a->values[i].data);
	if (*old)
		lab_delete_value(&x->l, SOURCE, who, "proxyAddresses", old);
	(void)snprintf(value, sizeof value, "SMTP:%s", mail);
	lab_add_value(&x->l, SOURCE, who, "proxyAddresses", value);
	lab_set(&x->l, SOURCE, who, "mail", mail);
}

static void
rotate_primaries(struct life *x, const char *const who[], unsigned n)
{
	char mail[3][128];

	for (unsigned i = 0; i < n; i++)
		(void)snprintf(
		    mail[i], sizeof mail[i], "%s", entry_get_str(source_of(x, who[i]), "mail"));
	for (unsigned i = 0; i < n; i++)
		set_primary(x, who[i], mail[(i + 1) % n]);
}

static void
rotate_names(struct life *x, const char *const who[], unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char between[32];

		(void)snprintf(between, sizeof between, "CN=Between%u", i);
		lab_rename(&x->l, SOURCE, who[i], between);
	}
	for (unsigned i = 0; i < n; i++) {
		char between[32];

		(void)snprintf(between, sizeof between, "CN=Between%u", i);
		lab_rename(&x->l, SOURCE, between, who[(i + 1) % n]);
	}
}

static void
exchange(struct life *x)
{
	static const char *const attrs[] = {"mailNickname", "sAMAccountName", "legacyExchangeDN"};
	unsigned n = 2 + roll(x, 2), what = roll(x, 5);
	const char *who[3];

	if (!choose(x, who, n))
		return;
	chance_note(&x->history, "exchange %s of %s %s %s",
	    what < 3	? attrs[what]
	    : what == 3 ? "primary"
			: "name",
	    who[0], who[1], n == 3 ? who[2] : "");
	if (what < 3)
		rotate(x, who, n, attrs[what]);
	else if (what == 3)
		rotate_primaries(x, who, n);
	else
		rotate_names(x, who, n);
}

/* One secondary address and one X500 name wander about. */
static void
give_on(struct life *x)
{
	static const char *const values[] = {
	    "smtp:info@acme.example", "X500:/o=Acme/cn=info", "smtp:sales@acme.example"};
	const char *v = values[roll(x, ARRAY_SIZE(values))], *to;

	if (!choose(x, &to, 1))
		return;
	for (unsigned i = 0; i < PEOPLE; i++)
		if (lab_exists(&x->l, SOURCE, person(i)) &&
		    lab_has(&x->l, SOURCE, person(i), "proxyAddresses", v))
			lab_delete_value(&x->l, SOURCE, person(i), "proxyAddresses", v);
	lab_add_value(&x->l, SOURCE, to, "proxyAddresses", v);
	chance_note(&x->history, "%s goes to %s", v, to);
}

static void
refer(struct life *x)
{
	static const char *const attrs[] = {"manager", "publicDelegates", "altRecipient"};
	const char *attr = attrs[roll(x, ARRAY_SIZE(attrs))], *who[2];

	if (!choose(x, who, 2))
		return;
	if (roll(x, 4) == 0)
		who[1] = who[0];
	lab_set(&x->l, SOURCE, who[0], attr, roll(x, 4) ? lab_dn(SOURCE, who[1]) : NULL);
	chance_note(&x->history, "%s of %s: %s", attr, who[0], who[1]);
}

static void
join(struct life *x)
{
	const char *to = group(roll(x, GROUPS)), *who;
	char dn[96];

	if (!choose(x, &who, 1))
		return;
	(void)snprintf(dn, sizeof dn, "%s", lab_dn(SOURCE, who));
	if (lab_has(&x->l, SOURCE, to, "member", dn))
		lab_delete_value(&x->l, SOURCE, to, "member", dn);
	else
		lab_add_value(&x->l, SOURCE, to, "member", dn);
	chance_note(&x->history, "member of %s: %s", to, who);
}

/* Gone, hidden, or there again. */
static void
leave_or_come(struct life *x)
{
	unsigned i = roll(x, PEOPLE);
	bool is_there = lab_exists(&x->l, SOURCE, person(i)), hides = roll(x, 2);

	if (!is_there)
		make(x, i);
	else if (hides)
		lab_set(&x->l, SOURCE, person(i), HIDES,
		    lab_count(&x->l, SOURCE, person(i), HIDES) ? NULL : "TRUE");
	else
		lab_delete(&x->l, SOURCE, person(i));
	chance_note(&x->history, "%s %s",
	    !is_there ? "made"
	    : hides   ? "hidden or not"
		      : "deleted",
	    person(i));
}

static void
edit(struct life *x)
{
	static const char *const values[] = {"Boss", "boss", "Chief", NULL};
	const char *who, *v = values[roll(x, ARRAY_SIZE(values))];

	if (!choose(x, &who, 1))
		return;
	lab_set(&x->l, SOURCE, who, "title", v);
	chance_note(&x->history, "title of %s: %s", who, v ? v : "none");
}

static void
meddle(struct life *x)
{
	const char *who;

	if (!choose(x, &who, 1) || !lab_exists(&x->l, TARGET, who))
		return;
	if (roll(x, 3) == 0)
		lab_delete(&x->l, TARGET, who);
	else
		lab_set(&x->l, TARGET, who, "title", "By hand");
	chance_note(&x->history, "by hand: %s", who);
}

static void
change_something(struct life *x)
{
	static void (*const ways[])(struct life * x) = {exchange, exchange, exchange, give_on,
	    give_on, refer, join, leave_or_come, leave_or_come, edit, meddle};

	ways[roll(x, ARRAY_SIZE(ways))](x);
}

/* ---- what is concerned ---- */

struct concern {
	uint64_t since;
	const struct schema *schema;
	size_t n;
};

static int
count_concern(struct entry *taken, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *e = taken;
	struct concern *c = arg;
	const char *usn = entry_get_str(e, "uSNChanged");

	(void)err;
	if (!usn || strtoull(usn, NULL, 10) <= c->since)
		return 0;
	c->n++;
	for (size_t i = 0; i < e->n_attrs; i++)
		if (schema_is_reference(c->schema, e->attrs[i].name))
			c->n += e->attrs[i].n_values;
	return 0;
}

/* Those that changed since, tombstones too, and what they refer to. */
static size_t
concerned(struct life *x)
{
	static const char *const all[] = {"*", NULL};
	size_t n = 0;

	for (int side = SOURCE; side < SIDES; side++) {
		struct dir *d = x->l.eye[side];
		struct concern c = {
		    .since = x->seen[side], .schema = fakedir_schema(x->l.fd[side])};
		struct dir_query q = {
		    .base = side == SOURCE ? "DC=acme,DC=example" : "DC=globex,DC=example",
		    .scope = DIR_SUBTREE,
		    .filter = "(objectClass=*)",
		    .attrs = all,
		    .deleted = true};
		struct err err = {0};

		if (d->ops->search(d, &q, count_concern, &c, &err) < 0)
			fail_msg("%s", err.text);
		n += c.n;
	}
	return n;
}

/* ---- a life ---- */

static void
begin(struct life *x)
{
	for (int side = SOURCE; side < SIDES; side++)
		x->seen[side] = fakedir_usn(x->l.fd[side]);
}

/* What cmocka says in one message is short. */
static void
fail_life(struct life *x, const char *what, const struct tap *tap)
{
	(void)fprintf(stderr, "%.*s%s%.*s", (int)x->history.len, (const char *)x->history.data,
	    lab_notes(&x->l), (int)tap->text.len, (const char *)tap->text.data);
	fail_msg("GALSYNC_SEED=%llu: %s", (unsigned long long)x->seed, what);
}

static void
check_bound(struct life *x, const struct tap *tap, size_t n)
{
	unsigned requests = atomic_load(&tap->steps);
	char text[120];

	if (requests <= REQUESTS_SOME + REQUESTS_EACH * n &&
	    decisions <= DECISIONS_SOME + DECISIONS_EACH * n)
		return;
	(void)snprintf(text, sizeof text, "%u requests and %u decisions for %zu concerned",
	    requests, decisions, n);
	fail_life(x, text, tap);
}

static void
cycle(struct life *x, bool delta, struct tap *tap)
{
	uint64_t before[SIDES] = {x->seen[SOURCE], x->seen[TARGET]};

	begin(x);
	decisions = 0;
	x->l.delta = delta;
	if (lab_cycle(&x->l, tap) < 0)
		fail_msg("GALSYNC_SEED=%llu: %s", (unsigned long long)x->seed, x->l.err.text);
	if (x->l.needs_full) {
		cycle(x, false, tap);
	} else if (delta) {
		memcpy(x->seen, before, sizeof before);
		check_bound(x, tap, concerned(x));
	}
}

static void
run(struct life *x, bool delta)
{
	struct tap tap = {.count_reads = true, .hook = no_look};

	cycle(x, delta, &tap);
	tap_done(&tap);
}

/* A full synchronization finds nothing that the cycle before has left for it. */
static void
nothing_is_left(struct life *x)
{
	struct tap tap = {.hook = no_look};

	cycle(x, false, &tap);
	if (tap.writes)
		fail_life(x, "a second cycle writes", &tap);
	tap_done(&tap);
}

static void
add_bystanders(struct life *x)
{
	for (unsigned i = 0; i < BYSTANDERS; i++) {
		_cleanup_(free) char *ldif = str_printf(
		    "dn: CN=B%u" ACME
		    "\nobjectClass: contact\nmailNickname: b%u\nmail: b%u@acme.example\n"
		    "proxyAddresses: SMTP:b%u@acme.example\ntargetAddress: SMTP:b%u@else.example\n"
		    "legacyExchangeDN: " ACME_LEGACY "b%u\n\n",
		    i, i, i, i, i, i);

		assert_non_null(ldif);
		lab_add(&x->l, SOURCE, ldif);
	}
}

static void
live(uint64_t seed)
{
	static const struct scenario sc = {.name = "life",
	    .scope = "create = \"mailbox\"; on_leave = \"hide\";",
	    .link = "limits = { redirections = 1000000; deletes = 1000000; delete_percent = 100; "
		    "redirection_percent = 100; "
		    "member_removals = 1000000; member_removal_percent = 100; "
		    "primary_changes = 1000000; primary_change_percent = 100; "
		    "matches = 1000000; };",
	    .source = {GROUP("G0", "g0", ""), GROUP("G1", "g1", "")}};
	struct life x = {.state = seed * 77, .seed = seed};

	lab_open(&x.l, &sc);
	for (unsigned i = 0; i < PEOPLE; i++)
		make(&x, i);
	add_bystanders(&x);
	run(&x, false);
	nothing_is_left(&x);
	for (unsigned step = 0; step < STEPS; step++) {
		bool delta = roll(&x, 3);

		for (unsigned n = 1 + roll(&x, 3); n > 0; n--)
			change_something(&x);
		chance_note(&x.history, "%s", delta ? "a delta" : "a full cycle");
		run(&x, delta);
		nothing_is_left(&x);
	}
	buf_done(&x.history);
	lab_close(&x.l);
}

static void
lives(void **state)
{
	const char *given = getenv("GALSYNC_SEED");
	uint64_t first = given ? strtoull(given, NULL, 10) : 1;
	uint64_t n = given ? 1 : lab_try_all() ? 1000 : 15;

	(void)state;
	for (uint64_t seed = first; seed < first + n; seed++)
		live(seed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(lives)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
