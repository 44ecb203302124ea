/* SPDX-License-Identifier: MIT */

/* What an operator says about an object in conflict: what is refused at once, what the next cycle
 * makes of it, also with a lost map, and how it is taken back; on two fake forests. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/list.h"
#include "dsa/jobs/resolving.h"
#include "dsa/jobs/undo.h"
#include "mapping/keepsake.h"
#include "tests/support/limits_fixture.h"
#include "tests/support/retries.h"
#include "tests/support/scenario.h"

#define LINK                                                                                       \
	"match = [ \"attribute:employeeID\", \"mail\" ]; limits = { deletes = 0; delete_percent "  \
	"= 100; matches = 0; };"

/* Eve and Dan are found in two objects each, Fay in what may be no counterpart; another object has
 * the address of Gus. */
static const struct scenario some = {.name = "some",
    .link = LINK,
    .source = {MAILBOX("Eve", "eve", "employeeID: 7\n"), MAILBOX("Dan", "dan", "employeeID: 8\n"),
	MAILBOX("Fay", "fay", ""), MAILBOX("Gus", "gus", "")},
    .target = {THERE_OU,
	THERE("user", "One", "sAMAccountName: one\ndisplayName: Same\nemployeeID: 7\n")
	    THERE("user", "Two", "sAMAccountName: two\ndisplayName: Same\nemployeeID: 7\n"),
	THERE("user", "Three", "sAMAccountName: three\nemployeeID: 8\n")
	    THERE("user", "Four", "sAMAccountName: four\nemployeeID: 8\n"),
	THERE("user", "Admin", "sAMAccountName: admin\nadminCount: 1\nmail: fay@acme.example\n")
	    THERE("group", "List",
		"sAMAccountName: list\ngroupType: 8\nproxyAddresses: smtp:gus@acme.example\n"),
	THERE("user", "Other", "sAMAccountName: other\nextensionAttribute15: 4711\n")
	    THERE("user", "Free", "sAMAccountName: free\n")}};

/* ---- the rule ---- */

/* What a cycle made of it, what was wanted, and why that is not it; NULL: it is. */
static void
what_is_refused(void **state)
{
	static const struct guid wanted = {{1}}, other = {{2}};
	static char dn[] = "CN=T", what[] = "mail=a", candidate[] = "CN=C";
	static const struct {
		enum scope_verdict verdict;
		enum decision_state state;
		bool in_conflict;
		enum resolved_as as;
		const struct guid *found;
		const char *why;
	} table[] = {
	    {SCOPE_IN, DECIDE_MATCHED, false, RESOLVED_WITH, &wanted, NULL},
	    {SCOPE_IN, DECIDE_PROMOTE, false, RESOLVED_WITH, &wanted, NULL},
	    /* Something of it is left out: that is told, and no refusal. */
	    {SCOPE_IN, DECIDE_MATCHED, true, RESOLVED_WITH, &wanted, NULL},
	    {SCOPE_IN, DECIDE_MATCHED, false, RESOLVED_WITH, &other, "its counterpart is 'CN=T'"},
	    {SCOPE_IN, DECIDE_CREATE, false, RESOLVED_WITH, NULL, "its counterpart is 'CN=T'"},
	    {SCOPE_IN, DECIDE_CONFLICT, true, RESOLVED_WITH, NULL,
		"it would be in conflict (taken): mail=a: 'CN=C'"},
	    {SCOPE_IN, DECIDE_CREATE, false, RESOLVED_CREATE, NULL, NULL},
	    {SCOPE_IN, DECIDE_MATCHED, false, RESOLVED_CREATE, &other, "its counterpart is 'CN=T'"},
	    {SCOPE_IN, DECIDE_NOTHING, false, RESOLVED_CREATE, NULL,
		"it would have no counterpart: mail=a"},
	    {SCOPE_HIDDEN, DECIDE_OUT, false, RESOLVED_CREATE, NULL, "it is not in scope: hidden"},
	    {SCOPE_IN, DECIDE_NOTHING, false, RESOLVED_IGNORE, NULL, NULL},
	    {SCOPE_IN, DECIDE_CONFLICT, false, RESOLVED_IGNORE, NULL, NULL},
	    {SCOPE_HIDDEN, DECIDE_OUT, false, RESOLVED_IGNORE, NULL, "it is not in scope: hidden"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct decision d = {.verdict = table[i].verdict,
		    .state = table[i].state,
		    .in_conflict = table[i].in_conflict,
		    .reason = CONFLICT_TAKEN,
		    .target_dn = dn,
		    .what = what,
		    .candidates = {candidate}};
		_cleanup_(buf_done) struct buf why = {0};

		assert_int_equal(resolving_refuses(&d, table[i].as, table[i].found, &wanted, &why),
		    table[i].why != NULL);
		assert_string_equal(
		    why.len ? (const char *)why.data : "", table[i].why ? table[i].why : "");
	}
}

/* ---- what is said ---- */

static int
act(struct lab *l, struct run *run, void *arg)
{
	struct run own = *run;

	own.asked = (struct asker){ASKED_BY_USER, 1000};
	return resolving_run(&own, arg, &l->err);
}

/* The one result is OK, or not, and its text has TEXT in it. */
static void
says(struct lab *l, const char *who, enum resolved_as as, const char *target, bool ok,
    const char *text)
{
	struct resolve_order o = {who, as, target};
	char begin[80];

	if (lab_act(l, NULL, act, &o) < 0)
		fail_msg("%s", l->err.text);
	(void)snprintf(begin, sizeof begin, "%s ", ok ? "done" : "failed");
	if (!strstr(lab_notes(l), begin) || !strstr(lab_notes(l), text))
		fail_msg("'%s' has no '%s' '%s'", lab_notes(l), begin, text);
}

static uint64_t
count_conflicts(struct lab *l)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct store_counts n;
	struct err err;

	assert_int_equal(store_begin(l->store, STORE_READ, &t, &err), 0);
	assert_int_equal(store_count(t, 0, &n, &err), 0);
	return n.conflicts;
}

static unsigned
count_retries(struct lab *l)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct err err;

	assert_int_equal(store_begin(l->store, STORE_READ, &t, &err), 0);
	return retry_count(t, 1);
}

/* A delta, which has heard of nothing, looks at it, once. */
static void
cycle(struct lab *l, size_t conflicts)
{
	l->delta = true;
	if (lab_cycle(l, NULL) < 0)
		fail_msg("%s", l->err.text);
	assert_false(l->needs_full);
	if (count_conflicts(l) != conflicts)
		fail_msg("%llu: %s", (unsigned long long)count_conflicts(l), lab_notes(l));
	assert_int_equal(count_retries(l), 0);
	l->delta = false;
	if (lab_cycle(l, NULL) < 0)
		fail_msg("%s", l->err.text);
	assert_int_equal(l->res.changes, 0);
	assert_int_equal(l->res.conflicts, conflicts);
}

static void
begin(struct lab *l)
{
	lab_open(l, &some);
	assert_int_equal(lab_cycle(l, NULL), 0);
	assert_int_equal(l->res.conflicts, 4);
}

/* ---- what is refused ---- */

static void
refused_at_once(void **state)
{
	struct lab l;

	(void)state;
	begin(&l);
	says(&l, "nobody", RESOLVED_IGNORE, NULL, false, "nobody is called so");
	says(&l, "eve", RESOLVED_WITH, "nobody", false, "'nobody' names no recipient of globex");
	says(&l, "eve", RESOLVED_WITH, "Same", false, "names several recipients");
	says(&l, "eve", RESOLVED_WITH, "admin", false, "in conflict (refused): csv=");
	says(&l, "eve", RESOLVED_WITH, "list", false, "in conflict (kind): csv=");
	says(&l, "eve", RESOLVED_WITH, "other", false,
	    "in conflict (stamp): extensionAttribute15=4711");
	says(&l, "gus", RESOLVED_CREATE, NULL, false,
	    "in conflict (address): SMTP:gus@acme.example: 'CN=List,");
	says(&l, "free", RESOLVED_IGNORE, NULL, false, "it is a native of globex");
	says(&l, "eve", RESOLVED_NOT, NULL, false, "nothing was said about it");
	cycle(&l, 4);
	lab_close(&l);
}

/* ---- what is done ---- */

static void
carried_out(void **state)
{
	_cleanup_(record_free) struct record *r = NULL;
	struct lab l;

	(void)state;
	begin(&l);
	says(&l, "eve", RESOLVED_WITH, "two", true, "its counterpart is 'CN=Two,");
	says(&l, "eve", RESOLVED_WITH, "two", false, "that is what was said before");
	cycle(&l, 3);
	assert_true(lab_has(&l, TARGET, "CN=Two", "proxyAddresses", "SMTP:eve@acme.example"));
	r = lab_record(&l, "CN=Eve");
	assert_non_null(r);
	assert_int_equal(r->rule, MATCH_CSV);
	/* Who has it is nobody else's. */
	says(&l, "dan", RESOLVED_WITH, "two", false, "in conflict (taken)");
	says(&l, "CN=Fay,OU=Staff,DC=acme,DC=example", RESOLVED_CREATE, NULL, false,
	    "in conflict (address): SMTP:fay@acme.example");
	says(&l, "fay", RESOLVED_WITH, "free", true, "its counterpart is 'CN=Free,");
	says(&l, "dan", RESOLVED_IGNORE, NULL, true, "it is left alone");
	says(&l, "gus", RESOLVED_IGNORE, NULL, true, "it is left alone");
	cycle(&l, 1);
	assert_false(lab_exists(&l, TARGET, "CN=Dan"));
	lab_close(&l);
}

static void
ignore_news(const struct keepsake_news *n, void *arg)
{
	(void)n, (void)arg;
}

/* Nothing is in its way any more, but it is left alone. */
static void
left_alone(void **state)
{
	struct lab l;

	(void)state;
	begin(&l);
	assert_int_equal(keepsake_attach(l.store, ignore_news, NULL, &l.err), 0);
	says(&l, "dan", RESOLVED_IGNORE, NULL, true, "it is left alone");
	lab_delete(&l, TARGET, "CN=Three");
	lab_delete(&l, TARGET, "CN=Four");
	cycle(&l, 3);
	assert_false(lab_exists(&l, TARGET, "CN=Dan"));
	lab_lose_map(&l);
	assert_int_equal(keepsake_attach(l.store, ignore_news, NULL, &l.err), 0);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_false(lab_exists(&l, TARGET, "CN=Dan"));
	says(&l, "dan", RESOLVED_NOT, NULL, true, "'ignore' is taken back");
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_true(lab_exists(&l, TARGET, "CN=Dan"));
	lab_close(&l);
}

/* ---- taking back ---- */

struct undoing {
	uint64_t number;
	struct undo_counts counts;
	bool dry_run;
};

static int
act_undo(struct lab *l, struct run *run, void *arg)
{
	struct undoing *u = arg;

	return undo_run(run,
	    &(struct undo_order){.changes = &u->number, .n = 1, .dry_run = u->dry_run}, &u->counts,
	    &l->err);
}

static int
take_last(const struct journal_entry *e, void *arg, struct err *err)
{
	(void)err;
	*(uint64_t *)arg = e->number;
	return 0;
}

static uint64_t
last_change(struct lab *l)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	uint64_t number = 0;
	struct err err;

	assert_int_equal(store_begin(l->store, STORE_READ, &t, &err), 0);
	assert_int_equal(journal_each(t, 0, take_last, &number, &err), 0);
	return number;
}

static void
undo(struct lab *l, uint64_t number, bool dry_run, uint64_t done, uint64_t left)
{
	struct undoing u = {.number = number, .dry_run = dry_run};

	if (lab_act(l, NULL, act_undo, &u) < 0)
		fail_msg("%s", l->err.text);
	if (u.counts.done != done || u.counts.left != left)
		fail_msg("%s", lab_notes(l));
	assert_int_equal(u.counts.failed, 0);
}

static void
taken_back(void **state)
{
	uint64_t ignored, undone;
	struct lab l;

	(void)state;
	begin(&l);
	says(&l, "dan", RESOLVED_IGNORE, NULL, true, "it is left alone");
	ignored = last_change(&l);
	cycle(&l, 3);
	undo(&l, ignored, true, 1, 0);
	assert_int_equal(last_change(&l), ignored);
	cycle(&l, 3);
	undo(&l, ignored, false, 1, 0);
	undone = last_change(&l);
	assert_int_equal(undone, ignored + 1);
	cycle(&l, 4);
	/* Once more is nothing, and the undo is undone like any change. */
	undo(&l, ignored, false, 1, 0);
	assert_int_equal(last_change(&l), undone);
	undo(&l, undone, false, 1, 0);
	cycle(&l, 3);
	/* Another thing was said since. */
	says(&l, "dan", RESOLVED_WITH, "three", true, "its counterpart is 'CN=Three,");
	undo(&l, ignored, false, 0, 1);
	assert_non_null(strstr(lab_notes(&l), "it is left as it is"));
	cycle(&l, 3);
	assert_true(lab_has(&l, TARGET, "CN=Three", "proxyAddresses", "SMTP:dan@acme.example"));
	lab_close(&l);
}

/* ---- a native of the target ---- */

#define GAL ",OU=GAL,DC=acme,DC=example"
#define GAL_CONTACT(cn)                                                                            \
	"dn: CN=" cn GAL "\nobjectClass: contact\nmailNickname: " cn                               \
	"\nmail: nat@globex.example\n\n"

static const struct scenario both = {.name = "both",
    .link = "return_contacts_ou = \"OU=GAL,DC=acme,DC=example\"; match = [ \"mail\" ]; "
	    "match_bases = [ \"DC=globex,DC=example\" ];",
    .source = {"dn: OU=GAL,DC=acme,DC=example\nobjectClass: organizationalUnit\n\n",
	GAL_CONTACT("C1") GAL_CONTACT("C2")},
    .target = {THERE_OU,
	"dn: CN=Nat,CN=Users,DC=globex,DC=example\nobjectClass: user\nsAMAccountName: nat\n"
	"mailNickname: nat\nmail: nat@globex.example\nproxyAddresses: SMTP:nat@globex.example\n"
	"msExchHomeServerName: /o=Globex/cn=EX1\nuserAccountControl: 512\n"
	"legacyExchangeDN: /o=Globex/cn=nat\n\n"}};

static int
act_both(struct lab *l, struct run *run, void *arg)
{
	const struct cycle_options opt = {.plan_only = false};
	struct cycle_result ret[SIDES];

	(void)arg;
	return sync_link(run, false, &opt, ret, &l->err);
}

/* A delta of both flows, or a full cycle where there was none yet. */
static void
sync_both(struct lab *l, size_t conflicts)
{
	if (lab_act(l, NULL, act_both, NULL) < 0)
		fail_msg("%s", l->err.text);
	if (count_conflicts(l) != conflicts)
		fail_msg("%s", lab_notes(l));
}

static void
of_a_native(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &both);
	sync_both(&l, 1);
	says(&l, "nat@globex.example", RESOLVED_WITH, "C2", true,
	    "its counterpart is 'CN=C2,OU=GAL,DC=acme,DC=example'; left out: it would be in "
	    "conflict (address): SMTP:nat@globex.example: 'CN=C1,");
	sync_both(&l, 1);
	/* It is a pair by now: only what is left out of it can be settled, and it stays a pair. */
	says(&l, "nat", RESOLVED_CREATE, NULL, false,
	    "'create' does not end a conflict 'address' of what has its counterpart; possible: "
	    "ignore");
	says(&l, "nat", RESOLVED_IGNORE, NULL, true, "it is left alone");
	sync_both(&l, 0);
	lab_set(&l, TARGET, "CN=Nat,CN=Users,DC=globex,DC=example", "title", "Boss");
	sync_both(&l, 0);
	assert_true(lab_has(&l, SOURCE, "CN=C2" GAL, "title", "Boss"));
	says(&l, "nat", RESOLVED_NOT, NULL, true, "'ignore' is taken back");
	sync_both(&l, 1);
	lab_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_refused),
	    cmocka_unit_test(refused_at_once),
	    cmocka_unit_test(carried_out),
	    cmocka_unit_test(left_alone),
	    cmocka_unit_test(taken_back),
	    cmocka_unit_test(of_a_native),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
