/* SPDX-License-Identifier: MIT */

/*
 * Chains of hand-overs: each of many objects gets what its neighbour has given up, or one object
 * gets it from all the others. However long, one cycle, full or delta, is enough; a further one
 * does nothing; and what is decided and asked for grows with the objects that are concerned, not
 * with their square.
 */

#include "tests/support/count_decisions.h"
#include "tests/support/handover_fixture.h"

/* Of a cycle about N objects: some, and these for each. */
#define DECISIONS_SOME 4
#define DECISIONS_EACH 6
#define REQUESTS_SOME 24
#define REQUESTS_EACH 13

static void
no_look(void *arg, unsigned number, const struct change *c)
{
	(void)arg, (void)number, (void)c;
}

/* FORMAT with each # replaced by I, in one of a few static buffers. */
static const char *
numbered(const char *format, unsigned i)
{
	static char names[6][96];
	static unsigned next;
	char *name = names[next++ % ARRAY_SIZE(names)];
	size_t n = 0;

	for (const char *at = format; *at && n + 12 < sizeof names[0]; at++)
		if (*at == '#')
			n += (size_t)snprintf(name + n, sizeof names[0] - n, "%u", i);
		else
			name[n++] = *at;
	name[n] = '\0';
	return name;
}

static const struct scenario sc = {.name = "chain",
    .scope = "create = \"mailbox\"; on_leave = \"hide\";",
    .link = "limits = { redirections = 1000000; deletes = 1000000; delete_percent = 100; "
	    "redirection_percent = 100; "
	    "member_removals = 1000000; member_removal_percent = 100; "
	    "primary_changes = 1000000; primary_change_percent = 100; }; attributes = ( { "
	    "attribute = \"sAMAccountName\"; "
	    "source = \"employeeID\"; }, { attribute = \"userPrincipalName\"; how = "
	    "\"template\"; value = \"%{employeeID}@globex.example\"; } );"};

/* A full synchronization finds nothing to do. */
static void
quiet(struct lab *l)
{
	struct tap tap = {.hook = no_look};

	l->delta = false;
	assert_int_equal(lab_cycle(l, &tap), 0);
	assert_int_equal(tap.writes, 0);
	tap_done(&tap);
}

static void
add_mailbox(struct lab *l, unsigned i)
{
	_cleanup_(free) char *ldif = str_printf(
	    "dn: CN=M%u" ACME "\nobjectClass: user\nsAMAccountName: m%u\nuserPrincipalName: "
	    "m%u@acme.example\nmailNickname: m%u\nmail: m%u@acme.example\nproxyAddresses: "
	    "SMTP:m%u@acme.example\nproxyAddresses: smtp:second%u@acme.example\nproxyAddresses: "
	    "X500:/o=Old/cn=x%u\nlegacyExchangeDN: " ACME_LEGACY "m%u\nuserAccountControl: 512\n"
	    "msExchHomeServerName: /o=Acme/cn=EX1\ntitle: T%u\nemployeeID: m%u\n\n",
	    i, i, i, i, i, i, i, i, i, i, i);

	assert_non_null(ldif);
	lab_add(l, SOURCE, ldif);
}

/* Longer than a step has room for; and what is planned on the way to another object, longer than
 * that way may be. */
#define LONG 40
#define TOO_LONG 70

/* The length of a chain behind one of N, or 0. */
static unsigned
next_length(unsigned n, unsigned max)
{
	static const unsigned lengths[] = {2, 3, 7, LONG, TOO_LONG};

	if (lab_try_all())
		return n < max ? n + 1 : 0;
	for (size_t i = 0; i < ARRAY_SIZE(lengths) && lengths[i] <= max; i++)
		if (lengths[i] > n)
			return lengths[i];
	return 0;
}

static void
begin(struct lab *l, unsigned n)
{
	struct tap tap = {.hook = no_look};

	lab_open(l, &sc);
	for (unsigned i = 0; i < n; i++)
		add_mailbox(l, i);
	assert_int_equal(lab_cycle(l, &tap), 0);
	tap_done(&tap);
	quiet(l);
}

/* One cycle about N objects, and then nothing is left to do. */
static void
settle(struct lab *l, const char *what, unsigned n, bool delta)
{
	struct tap tap = {.count_reads = true, .hook = no_look};
	unsigned requests;

	decisions = 0;
	l->delta = delta;
	assert_int_equal(lab_cycle(l, &tap), 0);
	requests = atomic_load(&tap.steps);
	if (l->res.conflicts || l->res.failed)
		fail_msg("%s, %u objects: %llu conflicts, %llu failed", what, n,
		    (unsigned long long)l->res.conflicts, (unsigned long long)l->res.failed);
	if (decisions > DECISIONS_SOME + DECISIONS_EACH * n ||
	    (delta && requests > REQUESTS_SOME + REQUESTS_EACH * n))
		fail_msg("%s: %u decisions and %u requests about %u objects", what, decisions,
		    requests, n);
	tap_done(&tap);
	quiet(l);
}

/* ---- from each to its neighbour ---- */

/* What FROM has is passed on to TO; with the old value gone or given to another. */
struct passed {
	const char *name;
	void (*pass)(struct lab *l, unsigned to, unsigned from);
	/* TO, whose title says who it is, has what FROM had, on both sides. */
	const char *attr[2], *value[2];
	enum side side[2];
	bool renames;
	unsigned longest;
};

/* Each of N gets what the next has (STEP 1) or the one before it (STEP -1); the last gives its own
 * up for a new one, or in a RING to the first. */
static unsigned
from_whom(unsigned i, unsigned n, bool down, bool ring)
{
	if (down)
		return i ? i - 1 : ring ? n - 1 : 1000;
	return i + 1 < n ? i + 1 : ring ? 0 : 1000;
}

static void
pass_primary(struct lab *l, unsigned to, unsigned from)
{
	lab_delete_value(l, SOURCE, numbered("CN=M#", to), "proxyAddresses",
	    numbered("SMTP:m#@acme.example", to));
	lab_add_value(l, SOURCE, numbered("CN=M#", to), "proxyAddresses",
	    numbered("SMTP:m#@acme.example", from));
	lab_set(l, SOURCE, numbered("CN=M#", to), "mail", numbered("m#@acme.example", from));
}

static void
pass_secondary(struct lab *l, unsigned to, unsigned from)
{
	lab_delete_value(l, SOURCE, numbered("CN=M#", to), "proxyAddresses",
	    numbered("smtp:second#@acme.example", to));
	lab_add_value(l, SOURCE, numbered("CN=M#", to), "proxyAddresses",
	    numbered("smtp:second#@acme.example", from));
}

static void
pass_x500(struct lab *l, unsigned to, unsigned from)
{
	lab_delete_value(
	    l, SOURCE, numbered("CN=M#", to), "proxyAddresses", numbered("X500:/o=Old/cn=x#", to));
	lab_add_value(l, SOURCE, numbered("CN=M#", to), "proxyAddresses",
	    numbered("X500:/o=Old/cn=x#", from));
}

static void
pass_alias(struct lab *l, unsigned to, unsigned from)
{
	lab_set(l, SOURCE, numbered("CN=M#", to), "mailNickname", numbered("m#", from));
}

/* In two passes, for no two have one name: all names are free before the first is given. */
static void
pass_name(struct lab *l, unsigned to, unsigned from)
{
	lab_rename(l, SOURCE, numbered("CN=Between#", to), numbered("CN=M#", from));
}

static void
pass_account(struct lab *l, unsigned to, unsigned from)
{
	lab_set(l, SOURCE, numbered("CN=M#", to), "employeeID", numbered("m#", from));
}

static const struct passed kinds[] = {
    {"primary", pass_primary, {"proxyAddresses", "mail"},
	{"SMTP:m#@acme.example", "m#@acme.example"}, {TARGET, TARGET}, false, TOO_LONG},
    {"secondary", pass_secondary, {"proxyAddresses", "proxyAddresses"},
	{"smtp:second#@acme.example", "smtp:second#@acme.example"}, {SOURCE, TARGET}, false, LONG},
    {"x500", pass_x500, {"proxyAddresses", "proxyAddresses"},
	{"X500:/o=Old/cn=x#", "X500:/o=Old/cn=x#"}, {SOURCE, TARGET}, false, TOO_LONG},
    {"alias", pass_alias, {"proxyAddresses", "proxyAddresses"},
	{"smtp:m#@redirect.acme.example", "smtp:m#@redirect.globex.example"}, {SOURCE, TARGET},
	false, LONG},
    {"name", pass_name, {NULL, NULL}, {NULL, NULL}, {SOURCE, TARGET}, true, LONG},
    {"account name", pass_account, {"sAMAccountName", "userPrincipalName"},
	{"m#", "m#@globex.example"}, {TARGET, TARGET}, false, LONG},
};

static void
check_passed(struct lab *l, const struct passed *k, unsigned n, unsigned to, unsigned from)
{
	if (k->renames) {
		if (!lab_exists(l, TARGET, numbered("CN=M#", from)) ||
		    !lab_has(l, TARGET, numbered("CN=M#", from), "title", numbered("T#", to)))
			fail_msg("%s, %u objects: %u has not the name of %u", k->name, n, to, from);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(k->attr); i++)
		if (!lab_has(l, k->side[i], numbered("CN=M#", to), k->attr[i],
			numbered(k->value[i], from)))
			fail_msg("%s, %u objects: %u has not %s", k->name, n, to,
			    numbered(k->value[i], from));
}

static void
pass_on(const struct passed *k, unsigned n, unsigned how)
{
	bool delta = how & 1, down = how & 2, ring = how & 4;
	struct lab l;

	begin(&l, n);
	for (unsigned i = 0; k->renames && i < n; i++)
		lab_rename(&l, SOURCE, numbered("CN=M#", i), numbered("CN=Between#", i));
	for (unsigned i = 0; i < n; i++)
		k->pass(&l, i, from_whom(i, n, down, ring));
	settle(&l, k->name, n, delta);
	for (unsigned i = 0; i < n; i++)
		check_passed(&l, k, n, i, from_whom(i, n, down, ring));
	lab_close(&l);
}

/* What long ones are tried with, unless everything is: by a delta, and by a full cycle. */
enum { LONG_CHAIN = 1, LONG_RING = 6 };

static void
chains(void **state)
{
	const struct passed *k = *state;

	for (unsigned n = next_length(1, k->longest); n; n = next_length(n, k->longest))
		for (unsigned how = 0; how < 8; how++)
			if (lab_try_all() || n < LONG || how == LONG_CHAIN || how == LONG_RING)
				pass_on(k, n, how);
}

/* ---- from many to one ---- */

/* The addresses of all the others, who are there still, or have LEFT. */
static void
gather(unsigned n, bool delta, bool left)
{
	struct lab l;

	begin(&l, n);
	for (unsigned i = 1; i < n; i++) {
		if (left)
			lab_delete(&l, SOURCE, numbered("CN=M#", i));
		else
			lab_delete_value(&l, SOURCE, numbered("CN=M#", i), "proxyAddresses",
			    numbered("smtp:second#@acme.example", i));
		lab_add_value(&l, SOURCE, "CN=M0", "proxyAddresses",
		    numbered("smtp:second#@acme.example", i));
	}
	settle(&l, left ? "from leavers" : "from all", n, delta);
	for (unsigned i = 1; i < n; i++)
		assert_true(lab_has(&l, TARGET, "CN=M0", "proxyAddresses",
		    numbered("smtp:second#@acme.example", i)));
	lab_close(&l);
}

static void
gathered(void **state)
{
	(void)state;
	for (unsigned n = next_length(1, LONG); n; n = next_length(n, LONG))
		for (unsigned how = 0; how < 4; how++)
			gather(n, how & 1, how & 2);
}

int
main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(kinds) + 1] = {cmocka_unit_test(gathered)};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		tests[i + 1] = (struct CMUnitTest){.name = kinds[i].name,
		    .test_func = chains,
		    .initial_state = (void *)(uintptr_t)&kinds[i]};
	return _cmocka_run_group_tests("chains", tests, ARRAY_SIZE(tests), NULL, NULL);
}
