/* SPDX-License-Identifier: MIT */

/* The pairs of another tool: keys, what becomes of each, and where their redirections go. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "dsa/rules/adopt.h"
#include "dsa/run/active.h"
#include "tests/support/given.h"

#define QMM "^([0-9A-Fa-f]{32})$"
#define HEX "0123456789abcdefFEDCBA9876543210"

/* ---- keys ---- */

static const struct {
	const char *pattern, *text, *key; /* KEY NULL: there is none */
} keys[] = {
    {QMM, HEX, HEX},
    {QMM, HEX "0", NULL},
    {QMM, "x" HEX, NULL},
    {QMM, "", NULL},
    {QMM, NULL, NULL},
    {QMM, "HR-4711", NULL},
    /* the group, or all that matched */
    {"^mig:([^:]+):", "mig:4711:done", "4711"},
    {"[0-9]+", "no. 4711 of 5000", "4711"},
    {"^mig:([^:]*):", "mig::done", NULL},
    {"^(a)?b$", "b", NULL},
};

static struct conf_adopt described = {.tool = (char *)(uintptr_t) "x",
    .attribute = {(char *)(uintptr_t) "info", (char *)(uintptr_t) "title"}};
static const struct conf_link adopting = {.adopt = &described, .n_adopt = 1};

static struct adopt_tools *
tools_of(const char *pattern)
{
	struct adopt_tools *t = NULL;
	struct err err = {0};

	described.value = given_str(pattern);
	if (adopt_tools_new(&adopting, &t, &err) < 0)
		assert_int_equal(err.src, ERR_CONF);
	return t;
}

static void
keys_are_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		_cleanup_(adopt_tools_free) struct adopt_tools *t = NULL;
		_cleanup_(entry_free) struct entry *e = entry_new("CN=x");
		_cleanup_(free) char *got = NULL;
		struct bytes key;
		size_t tool;

		assert_non_null(e);
		if (keys[i].text)
			assert_int_equal(entry_add_str(e, "info", keys[i].text), 0);
		t = tools_of(keys[i].pattern);
		if (adopt_find_key(t, SOURCE, e, &tool, &key))
			got = bytes_dup(key);
		given_same(i, keys[i].pattern, got, keys[i].key);
		/* The other side has its key elsewhere; and several values are none. */
		assert_null(adopt_key(t, 0, TARGET, e).data);
		assert_int_equal(entry_add_str(e, "info", "4711"), 0);
		if (keys[i].text)
			assert_null(adopt_key(t, 0, SOURCE, e).data);
	}
	given_all_same();
}

static void
no_pattern(void **state)
{
	(void)state;
	assert_null(tools_of("("));
}

/* ---- pairs ---- */

#define S MAILBOX("Ann", "ann", "")
#define T(extra) THERE("user", "Bea", "sAMAccountName: bea\n" extra)
#define STAMPED(how, guid) "extensionAttribute15: galsync:" how ":" guid "\n"
#define OTHER "22222222-2222-2222-2222-222222222222"

static const struct {
	const char *source, *target;
	size_t n[SIDES]; /* 0: one of each that is there */
	bool known, taken, promotes;
	enum create_as create;
	const char *want; /* "verdict: why" */
} judged[] = {
    {S, T(""), .want = "pair"},
    {S, T(STAMPED("matched", GIVEN_GUID)), .want = "pair"},
    {S, NULL, .want = "alone: no object of the target carries the key"},
    {NULL, T(""), .want = "alone: no object of the source carries the key"},
    {S, T(""), {1, 2}, .want = "several: several objects of one side carry the key"},
    {S, T(""), {3, 1}, .want = "several: several objects of one side carry the key"},
    {S, NULL, {2, 0}, .want = "alone: no object of the target carries the key"},
    {S, T(""), .known = true, .want = "known"},
    {S, T(""), .taken = true, .want = "taken: one of them is in a correspondence already"},
    {S, T(""), {2, 1}, .known = true, .want = "several: several objects of one side carry the key"},
    {S, T(STAMPED("created", OTHER)),
	.want = "taken: the target's stamp names another source object"},
    {S, T("extensionAttribute15: HR-1\n"),
	.want = "stamp: the target's stamp_attribute has a value that is not galsync's"},
    /* not in scope */
    {MAILBOX("Ann", "ann", "msExchHideFromAddressLists: TRUE\n"), T(""), .want = "out: hidden"},
    {"dn: CN=Ann,DC=acme,DC=example\nobjectClass: user\n\n", T(""),
	.want = "out: outside the bases"},
    /* the door */
    {S, T("isCriticalSystemObject: TRUE\n"),
	.want = "refused: the directory needs it itself (isCriticalSystemObject)"},
    {MAILBOX("Ann", "ann", "isCriticalSystemObject: TRUE\n"), T(""),
	.want = "refused: the directory needs it itself (isCriticalSystemObject)"},
    {S, "dn: OU=Acme,DC=globex,DC=example\nobjectClass: organizationalUnit\n\n",
	.want = "refused: it is no recipient"},
    /* kinds */
    {S, THERE("group", "Bea", ""),
	.want = "kind: an object of this kind cannot be the counterpart"},
    {S, THERE("contact", "Bea", ""),
	.want = "kind: an object of this kind cannot be the counterpart"},
    {S, THERE("contact", "Bea", ""), .promotes = true,
	.want = "kind: an object of this kind cannot be the counterpart"},
    {S, THERE("contact", "Bea", ""), .create = CREATE_CONTACT, .want = "pair"},
    {GROUP("Ann", "ann", ""), THERE("group", "Bea", ""), .want = "pair"},
    {CONTACT("Ann", "ann", ""), THERE("contact", "Bea", ""), .want = "pair"},
    {CONTACT("Ann", "ann", ""), T(""),
	.want = "kind: an object of this kind cannot be the counterpart"},
};

static void
pairs_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(judged); i++) {
		_cleanup_(entry_free) struct entry *s = given_entry(judged[i].source);
		_cleanup_(entry_free) struct entry *t = given_entry(judged[i].target);
		_cleanup_(free) char *got = NULL;
		struct adopt_facts f = {.n = {judged[i].n[SOURCE], judged[i].n[TARGET]},
		    .side = {s, t},
		    .known = judged[i].known,
		    .taken = judged[i].taken};
		enum adopt_verdict v = ADOPT_MAX;
		const char *why;
		struct given g;
		struct err err;

		given_init(&g);
		g.scope.create = judged[i].create;
		g.link.promote_contacts = judged[i].promotes;
		f.link = &g.link;
		if (!f.n[SOURCE] && !f.n[TARGET]) {
			f.n[SOURCE] = s ? 1 : 0;
			f.n[TARGET] = t ? 1 : 0;
		}
		assert_int_equal(adopt_judge(&f, &v, &why, &err), 0);
		got = str_printf("%s%s%s", adopt_verdict_name(v), why ? ": " : "", why ? why : "");
		given_same(i, judged[i].source ? judged[i].source : "", got, judged[i].want);
	}
	given_all_same();
}

/* ---- redirections ---- */

#define MBX "msExchHomeServerName: /o=x\n"
#define TO(address) "targetAddress: SMTP:" address "\n"
#define SOURCE_OF(extra) ACCOUNT("Ann", "ann") RECIPIENT("ann") extra "\n"

static const struct {
	const char *source, *target;
	bool plain; /* no redirect domains */
	enum side active;
	enum adopt_redirection want;
} redirected[] = {
    {SOURCE_OF(MBX), T(MBX TO("ann@source.qmm")), false, SOURCE, ADOPT_REDIRECT_TURN},
    {SOURCE_OF(MBX TO("ann@target.qmm")), T(MBX), false, TARGET, ADOPT_REDIRECT_TURN},
    {SOURCE_OF(MBX TO("ann@Target.QMM")), T(MBX), false, TARGET, ADOPT_REDIRECT_TURN},
    {SOURCE_OF(MBX TO("ann@redirect.globex.example")), T(MBX), false, TARGET, ADOPT_REDIRECT_OURS},
    {SOURCE_OF(MBX), T(MBX), false, SOURCE, ADOPT_REDIRECT_SET},
    {SOURCE_OF(MBX), T(MBX TO("ann@elsewhere.example")), false, SOURCE, ADOPT_REDIRECT_AWAY},
    {SOURCE_OF(TO("ann@target.qmm")), T(TO("ann@elsewhere.example")), false, SOURCE,
	ADOPT_REDIRECT_NONE},
    /* both lead to each other; both to themselves */
    {SOURCE_OF(MBX TO("ann@target.qmm")), T(MBX TO("ann@source.qmm")), false, SOURCE,
	ADOPT_REDIRECT_TURN},
    {SOURCE_OF(MBX TO("ann@source.qmm")), T(MBX TO("ann@target.qmm")), false, SOURCE,
	ADOPT_REDIRECT_TURN},
    {SOURCE_OF(MBX), T(MBX TO("ann@source.qmm")), true, SOURCE, ADOPT_REDIRECT_NONE},
};

static void
redirections_are_told(void **state)
{
	static const char *names[] = {"none", "ours", "turn", "set", "away"};
	const char *domains[SIDES][2] = {{"source.qmm", NULL}, {"target.qmm", NULL}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(redirected); i++) {
		_cleanup_(entry_free) struct entry *s = given_entry(redirected[i].source);
		_cleanup_(entry_free) struct entry *t = given_entry(redirected[i].target);
		const struct entry *const side[SIDES] = {s, t};
		struct active_conf conf;
		struct active_side a;
		struct given g;

		given_init(&g);
		if (redirected[i].plain)
			given_plain(&g);
		for (int x = SOURCE; x < SIDES; x++)
			g.link.adopted_domains[x] = domains[x];
		conf = active_conf_of(&g.link);
		a = active_side_of(&conf, side, NULL);
		given_same(i, "active", side_name(a.side), side_name(redirected[i].active));
		given_same(i, redirected[i].source, names[adopt_redirection_of(&g.link, side, &a)],
		    names[redirected[i].want]);
	}
	given_all_same();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keys_are_found),
	    cmocka_unit_test(no_pattern),
	    cmocka_unit_test(pairs_are_judged),
	    cmocka_unit_test(redirections_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
