/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"
#include "redirect/trace.h"

#define MAX_OBJECTS 2048

/* Two forests as lists. */
struct world {
	struct entry *e[SIDES][MAX_OBJECTS];
	size_t n[SIDES];
	unsigned active;  /* objects of the target whose mailbox is the active one, by number */
	const char *left; /* DN of the one that has left, or NULL */
	const char *was;  /* address that the map remembers, or NULL */
	size_t asked;
	bool fails;
};

static const char *acme_domains[] = {"acme.example", "shared.example"};
static const char *globex_domains[] = {"globex.example", "shared.example"};

/* ATTRS: "name: value" lines. Its GUID follows from its place. */
static void
add(struct world *w, enum side side, const char *class_name, const char *dn, const char *attrs)
{
	struct entry *e = entry_new(dn);
	_cleanup_(free) char *lines = strdup(attrs);
	char *state = NULL;

	assert_non_null(e);
	assert_non_null(lines);
	assert_int_equal(entry_add_str(e, "objectClass", class_name), 0);
	for (char *l = strtok_r(lines, "\n", &state); l; l = strtok_r(NULL, "\n", &state)) {
		char *colon = strstr(l, ": ");

		assert_non_null(colon);
		*colon = '\0';
		assert_int_equal(entry_add_str(e, l, colon + 2), 0);
	}
	e->guid.octets[0] = (uint8_t)(side + 1);
	e->guid.octets[1] = (uint8_t)w->n[side];
	e->guid.octets[2] = (uint8_t)(w->n[side] >> 8);
	assert_true(w->n[side] < MAX_OBJECTS);
	w->e[side][w->n[side]++] = e;
}

#define MAILBOX(alias) "mailNickname: " alias "\nhomeMDB: CN=DB1\n"

static int
set_up(void **state)
{
	*state = calloc(1, sizeof(struct world));
	return *state ? 0 : -1;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	for (int side = SOURCE; side < SIDES; side++)
		for (size_t i = 0; i < w->n[side]; i++)
			entry_free(w->e[side][i]);
	free(w);
	return 0;
}

static bool
holds(const struct entry *e, const char *address)
{
	const struct attr *a = entry_find(e, "proxyAddresses");
	const char *mail = entry_get_str(e, "mail"), *legacy = entry_get_str(e, "legacyExchangeDN");

	return (a && attr_has(a, bytes_of(address), true)) ||
	       (mail && str_equal_nocase(mail, address + 5)) ||
	       (legacy && str_equal_nocase(legacy, address + 5));
}

static int
holders(enum side side, const char *address, struct entry **ret, size_t *ret_n, void *arg,
    struct err *err)
{
	struct world *w = arg;

	w->asked++;
	if (w->fails)
		return err_data(err, "no answer");
	for (size_t i = 0; i < w->n[side]; i++)
		if (holds(w->e[side][i], address) && *ret_n < TRACE_HOLDERS)
			assert_non_null(ret[(*ret_n)++] = entry_dup(w->e[side][i]));
	return 0;
}

static int
objects(enum side side, const struct bytes *dns, size_t n, struct entry **ret, void *arg,
    struct err *err)
{
	struct world *w = arg;

	(void)err;
	w->asked++;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < w->n[side] && !ret[i]; j++)
			if (strcmp(w->e[side][j]->dn, dns[i].data) == 0)
				assert_non_null(ret[i] = entry_dup(w->e[side][j]));
	return 0;
}

static int
active(enum side side, const struct guid *g, enum trace_active *ret, void *arg, struct err *err)
{
	const struct world *w = arg;

	(void)err;
	*ret = g->octets[1] == w->active && side == TARGET ? TRACE_ACTIVE : TRACE_PASSIVE;
	for (size_t i = 0; w->left && i < w->n[side]; i++)
		if (guid_equal(&w->e[side][i]->guid, g) && strcmp(w->e[side][i]->dn, w->left) == 0)
			*ret = TRACE_NOT_IN_MAP;
	return 0;
}

static int
standing(enum side side, const struct guid *g, char **ret, void *arg, struct err *err)
{
	enum trace_active a;

	assert_int_equal(active(side, g, &a, arg, err), 0);
	if (a == TRACE_NOT_IN_MAP)
		assert_non_null(*ret = strdup("it has left"));
	return 0;
}

static int
remembered(const char *address, char **ret, void *arg, struct err *err)
{
	const struct world *w = arg;

	(void)err;
	if (w->was && strcmp(w->was, address) == 0)
		assert_non_null(*ret = strdup("it was Jo's"));
	return 0;
}

static struct trace_env
env_of(struct world *w)
{
	return (struct trace_env){
	    .forest = {{"acme", (char *const *)(uintptr_t)acme_domains, 2, "redirect.acme.example"},
		{"globex", (char *const *)(uintptr_t)globex_domains, 2, "redirect.globex.example"}},
	    .max_hops = 100,
	    .holders = holders,
	    .objects = objects,
	    .active = active,
	    .standing = standing,
	    .remembered = remembered,
	    .arg = w};
}

static void
run(struct world *w, enum side from, const char *address, struct trace *ret)
{
	struct trace_env env = env_of(w);
	struct err err = {.text = ""};

	*ret = (struct trace){0};
	assert_int_equal(trace_run(&env, from, address, ret, &err), 0);
}

/* The listed hops as "depth side step" words. */
static void
expect(const struct trace *t, const char *want)
{
	_cleanup_(buf_done) struct buf b = {0};

	for (size_t i = 0; i < t->n; i++)
		buf_printf(&b, "%s%u %s %s", i ? ", " : "", t->hops[i].depth,
		    t->hops[i].side == SOURCE ? "acme" : "globex",
		    trace_step_name(t->hops[i].step));
	assert_string_equal((const char *)b.data, want);
}

static void
follows(struct world *w, enum side from, const char *address, bool bad, const char *want)
{
	_cleanup_(trace_done) struct trace t = {0};

	run(w, from, address, &t);
	expect(&t, want);
	assert_int_equal(trace_is_bad(&t), bad);
}

/* Jo, not switched: the mailbox of the source is used. */
static void
add_jo(struct world *w, bool switched)
{
	add(w, SOURCE, "user", "CN=Jo,DC=acme",
	    switched ? MAILBOX("jo") "proxyAddresses: SMTP:jo@acme.example\nproxyAddresses: "
				     "smtp:jo@redirect.acme.example\ntargetAddress: "
				     "SMTP:jo@redirect.globex.example\n"
		     : MAILBOX("jo") "proxyAddresses: SMTP:jo@acme.example\nproxyAddresses: "
				     "smtp:jo@redirect.acme.example\n");
	add(w, TARGET, "user", "CN=Jo,DC=globex",
	    switched
		? MAILBOX(
		      "jo") "proxyAddresses: SMTP:jo@acme.example\nproxyAddresses: "
			    "smtp:jo@redirect.globex.example\nproxyAddresses: X500:/o=Acme/cn=jo\n"
		: MAILBOX(
		      "jo") "proxyAddresses: SMTP:jo@acme.example\nproxyAddresses: "
			    "smtp:jo@redirect.globex.example\ntargetAddress: "
			    "SMTP:jo@redirect.acme.example\nproxyAddresses: X500:/o=Acme/cn=jo\n");
}

static void
before_the_switch(void **state)
{
	add_jo(*state, false);
	follows(*state, SOURCE, "JO@acme.example", false, "0 acme mailbox");
	follows(*state, TARGET, "smtp:jo@acme.example", false, "0 globex redirect, 1 acme mailbox");
	follows(*state, TARGET, "/o=acme/cn=JO", false, "0 globex redirect, 1 acme mailbox");
	follows(*state, SOURCE, "jo@redirect.globex.example", false,
	    "0 acme passes, 1 globex redirect, 2 acme mailbox");
}

static void
after_the_switch(void **state)
{
	_cleanup_(trace_done) struct trace t = {0};
	struct trace_env env = env_of(*state);
	char text[256];

	add_jo(*state, true);
	run(*state, SOURCE, "jo@acme.example", &t);
	expect(&t, "0 acme redirect, 1 globex mailbox");
	assert_int_equal(t.hops[1].active, TRACE_ACTIVE);
	assert_string_equal(t.hops[0].detail, "jo@redirect.globex.example");
	assert_string_equal(t.hops[1].address, "jo@redirect.globex.example");
	assert_string_equal(t.hops[1].detail, "CN=DB1");
	assert_string_equal(t.hops[1].dn, "CN=Jo,DC=globex");
	trace_hop_text(&env, &t.hops[1], text, sizeof text);
	assert_string_equal(text, "delivered to the mailbox in globex: the active one");
	follows(*state, TARGET, "jo@acme.example", false, "0 globex mailbox");
}

static void
passive_mailbox(void **state)
{
	_cleanup_(trace_done) struct trace t = {0};
	struct trace_env env = env_of(*state);
	char text[256];

	add(*state, SOURCE, "user", "CN=Al", MAILBOX("al") "proxyAddresses: SMTP:al@acme.example");
	run(*state, SOURCE, "al@acme.example", &t);
	assert_int_equal(t.hops[0].active, TRACE_PASSIVE);
	trace_hop_text(&env, &t.hops[0], text, sizeof text);
	assert_non_null(strstr(text, "NOT the active one"));
	assert_false(trace_is_bad(&t));
}

static void
text_is(struct world *w, const struct trace *t, size_t i, const char *want)
{
	struct trace_env env = env_of(w);
	char text[256];

	assert_true(i < t->n);
	trace_hop_text(&env, &t->hops[i], text, sizeof text);
	assert_string_equal(text, want);
}

/* Of who left it is said, where its address is looked for and where its mailbox is met. */
static void
who_left(void **state)
{
	_cleanup_(trace_done) struct trace source = {0}, target = {0}, group = {0};
	struct world *w = *state;

	add_jo(w, false);
	add(w, SOURCE, "group", "CN=All",
	    "proxyAddresses: SMTP:all@acme.example\nmember: CN=Jo,DC=acme");
	w->left = "CN=Jo,DC=acme";
	run(w, SOURCE, "jo@acme.example", &source);
	text_is(w, &source, 0, "delivered to the mailbox in acme; it has left");
	run(w, SOURCE, "all@acme.example", &group);
	text_is(w, &group, 1, "delivered to the mailbox in acme; it has left");
	w->left = "CN=Jo,DC=globex";
	run(w, TARGET, "jo@acme.example", &target);
	text_is(w, &target, 0, "redirects to jo@redirect.acme.example; it has left");
	assert_null(target.hops[1].note);
}

/* Nobody has the address any more: the map says whose it was. */
static void
who_is_gone(void **state)
{
	_cleanup_(trace_done) struct trace here = {0}, there = {0}, other = {0}, away = {0};
	struct world *w = *state;

	w->was = "jo@globex.example";
	run(w, TARGET, "jo@globex.example", &here);
	text_is(w, &here, 0,
	    "DEAD END: the domain is accepted here, but nobody has the address; it was Jo's");
	run(w, SOURCE, "smtp:jo@globex.example", &there);
	assert_null(there.hops[0].note);
	assert_string_equal(there.hops[1].note, "it was Jo's");
	run(w, TARGET, "al@globex.example", &other);
	assert_null(other.hops[0].note);
	w->was = "jo@else.example";
	run(w, SOURCE, "jo@else.example", &away);
	text_is(w, &away, 0, "leaves both organizations; it was Jo's");
}

static void
both_redirect(void **state)
{
	struct world *w = *state;

	add_jo(w, true);
	assert_int_equal(
	    entry_add_str(w->e[TARGET][0], "targetAddress", "SMTP:jo@redirect.acme.example"), 0);
	follows(
	    w, SOURCE, "jo@acme.example", true, "0 acme redirect, 1 globex redirect, 2 acme loop");
	follows(w, TARGET, "jo@acme.example", true,
	    "0 globex redirect, 1 acme redirect, 2 globex loop");
}

static void
redirect_to_itself(void **state)
{
	add(*state, SOURCE, "user", "CN=Al",
	    MAILBOX("al") "proxyAddresses: SMTP:al@acme.example\ntargetAddress: "
			  "SMTP:al@acme.example");
	follows(*state, SOURCE, "al@acme.example", true, "0 acme redirect, 1 acme loop");
}

static void
shared_domain_stays(void **state)
{
	add(*state, TARGET, "user", "CN=Al",
	    MAILBOX("al") "proxyAddresses: SMTP:al@shared.example");
	follows(*state, SOURCE, "al@shared.example", true, "0 acme dead-end");
	follows(*state, TARGET, "al@shared.example", false, "0 globex mailbox");
}

static void
ends(void **state)
{
	struct world *w = *state;

	add(w, SOURCE, "contact", "CN=Out",
	    "proxyAddresses: SMTP:out@acme.example\ntargetAddress: SMTP:out@partner.example");
	add(w, SOURCE, "contact", "CN=Fax",
	    "proxyAddresses: SMTP:fax@acme.example\ntargetAddress: FAX:123");
	add(w, SOURCE, "contact", "CN=Bad",
	    "proxyAddresses: SMTP:bad@acme.example\ntargetAddress: SMTP:nonsense");
	add(w, SOURCE, "contact", "CN=Gone",
	    "proxyAddresses: SMTP:gone@acme.example\ntargetAddress: "
	    "SMTP:gone@redirect.globex.example");
	add(w, SOURCE, "user", "CN=Purged", "proxyAddresses: SMTP:purged@acme.example");
	add(w, SOURCE, "user", "CN=Mail only", "homeMDB: CN=DB1\nmail: only@acme.example");
	add(w, SOURCE, "publicFolder", "CN=Folder", "proxyAddresses: SMTP:pf@acme.example");
	add(w, SOURCE, "msExchDynamicDistributionList", "CN=Dyn",
	    "proxyAddresses: SMTP:dyn@acme.example");
	follows(w, SOURCE, "out@acme.example", false, "0 acme redirect, 1 acme leaves");
	follows(w, SOURCE, "fax@acme.example", false, "0 acme redirect, 1 acme leaves");
	follows(w, SOURCE, "bad@acme.example", true, "0 acme dead-end");
	follows(w, SOURCE, "gone@acme.example", true, "0 acme redirect, 1 globex dead-end");
	follows(w, SOURCE, "purged@acme.example", true, "0 acme dead-end");
	follows(w, SOURCE, "only@acme.example", false, "0 acme mailbox");
	follows(w, SOURCE, "pf@acme.example", false, "0 acme public-folder");
	follows(w, SOURCE, "dyn@acme.example", false, "0 acme dynamic-group");
	follows(w, SOURCE, "nobody@acme.example", true, "0 acme dead-end");
	follows(w, SOURCE, "nobody@globex.example", true, "0 acme passes, 1 globex dead-end");
	follows(w, SOURCE, "other@else.example", false, "0 acme leaves");
	follows(w, SOURCE, "no address", false, "0 acme leaves");
	follows(w, SOURCE, "x500:/o=Nobody", true, "0 acme dead-end");
}

static void
collisions(void **state)
{
	_cleanup_(trace_done) struct trace t = {0};
	struct trace_env env = env_of(*state);
	char text[256];

	add(*state, SOURCE, "user", "CN=One", MAILBOX("a") "proxyAddresses: SMTP:x@acme.example");
	add(*state, SOURCE, "user", "CN=Mail", "mail: x@acme.example");
	follows(*state, SOURCE, "x@acme.example", false, "0 acme mailbox");
	add(*state, SOURCE, "user", "CN=Two", MAILBOX("b") "proxyAddresses: smtp:X@acme.example");
	run(*state, SOURCE, "x@acme.example", &t);
	expect(&t, "0 acme collision");
	assert_true(trace_is_bad(&t));
	assert_string_equal(t.hops[0].dn, "CN=One");
	trace_hop_text(&env, &t.hops[0], text, sizeof text);
	assert_non_null(strstr(text, "'CN=Two' has the address too"));
}

static void
groups(void **state)
{
	struct world *w = *state;

	add_jo(w, true);
	add(w, SOURCE, "group", "CN=Inner",
	    "proxyAddresses: SMTP:inner@acme.example\nmember: CN=Jo,DC=acme\nmember: CN=Plain\n"
	    "member: CN=Nowhere");
	add(w, SOURCE, "user", "CN=Plain", "cn: Plain");
	add(w, SOURCE, "group", "CN=Outer",
	    "proxyAddresses: SMTP:outer@acme.example\nmember: CN=Inner\nmember: CN=Jo,DC=acme");
	add(w, SOURCE, "group", "CN=Empty", "proxyAddresses: SMTP:empty@acme.example");
	follows(w, SOURCE, "outer@acme.example", false,
	    "0 acme group, 1 acme group, 2 acme redirect, 3 globex mailbox, 2 acme skipped, "
	    "2 acme skipped, 1 acme seen");
	follows(w, SOURCE, "empty@acme.example", false, "0 acme empty");
}

static void
groups_in_circles(void **state)
{
	struct world *w = *state;

	add(w, SOURCE, "group", "CN=Self",
	    "proxyAddresses: SMTP:self@acme.example\nmember: CN=Self");
	add(w, SOURCE, "group", "CN=Ping",
	    "proxyAddresses: SMTP:ping@acme.example\nmember: CN=Pong");
	add(w, SOURCE, "group", "CN=Pong",
	    "proxyAddresses: SMTP:pong@acme.example\nmember: CN=Ping");
	follows(w, SOURCE, "self@acme.example", true, "0 acme group, 1 acme loop");
	follows(w, SOURCE, "pong@acme.example", true, "0 acme group, 1 acme group, 2 acme loop");
}

static void
forwards(void **state)
{
	struct world *w = *state;

	add_jo(w, false);
	add(w, SOURCE, "user", "CN=F1",
	    MAILBOX("f1") "proxyAddresses: SMTP:f1@acme.example\naltRecipient: CN=Jo,DC=acme");
	add(w, SOURCE, "user", "CN=F2",
	    MAILBOX("f2") "proxyAddresses: SMTP:f2@acme.example\naltRecipient: CN=Jo,DC=acme\n"
			  "deliverAndRedirect: TRUE");
	follows(w, SOURCE, "f1@acme.example", false, "0 acme forward, 1 acme mailbox");
	follows(
	    w, SOURCE, "f2@acme.example", false, "0 acme forward, 1 acme mailbox, 1 acme mailbox");
}

static void
chain_without_end(void **state)
{
	_cleanup_(trace_done) struct trace t = {0};

	for (unsigned i = 0; i < 100; i++) {
		char dn[32], attrs[128];

		(void)snprintf(dn, sizeof dn, "CN=G%u", i);
		(void)snprintf(attrs, sizeof attrs,
		    "proxyAddresses: SMTP:g%u@acme.example\nmember: CN=G%u", i, i + 1);
		add(*state, SOURCE, "group", dn, attrs);
	}
	run(*state, SOURCE, "g0@acme.example", &t);
	assert_int_equal(t.count[TRACE_GROUP], TRACE_MAX_DEPTH);
	assert_int_equal(t.count[TRACE_TOO_DEEP], 1);
}

/* 1,600 members: few are listed, the bad one among the last with the way to it. */
static void
big_group(void **state)
{
	_cleanup_(trace_done) struct trace t = {0};
	_cleanup_(buf_done) struct buf members = {0};
	struct world *w = *state;

	for (unsigned i = 0; i < 1600; i++) {
		char dn[32];

		(void)snprintf(dn, sizeof dn, "CN=M%u", i);
		add(w, SOURCE, "user", dn,
		    i == 1550 ? "mailNickname: m\ntargetAddress: SMTP:lost@redirect.globex.example"
			      : MAILBOX("m"));
		buf_printf(&members, "member: CN=M%u\n", i);
	}
	buf_add_str(&members, "proxyAddresses: SMTP:all@acme.example\n");
	add(w, SOURCE, "group", "CN=All", (const char *)members.data);
	w->asked = 0;
	run(w, SOURCE, "all@acme.example", &t);
	assert_int_equal(t.count[TRACE_MAILBOX], 1599);
	assert_int_equal(t.count[TRACE_DEAD_END], 1);
	assert_int_equal(t.n, 102);
	assert_int_equal(t.n + t.unlisted, 1602);
	assert_int_equal(t.hops[100].step, TRACE_REDIRECT);
	assert_string_equal(t.hops[100].dn, "CN=M1550");
	assert_int_equal(t.hops[101].step, TRACE_DEAD_END);
	assert_true(w->asked < 30);
}

static void
failing_reads(void **state)
{
	_cleanup_(trace_done) struct trace t = {0};
	struct world *w = *state;
	struct trace_env env = env_of(w);
	struct err err = {.text = ""};

	w->fails = true;
	assert_int_equal(trace_run(&env, SOURCE, "jo@acme.example", &t, &err), -1);
	assert_string_equal(err.text, "no answer");
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {T(before_the_switch), T(after_the_switch),
	    T(passive_mailbox), T(who_left), T(who_is_gone), T(both_redirect),
	    T(redirect_to_itself), T(shared_domain_stays), T(ends), T(collisions), T(groups),
	    T(groups_in_circles), T(forwards), T(chain_without_end), T(big_group),
	    T(failing_reads)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
