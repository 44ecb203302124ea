/* SPDX-License-Identifier: MIT */

/* What cannot be written: only that waits, it is told as what it is, and it is seen in the map. */

#include "tests/support/limits_fixture.h"

#define HIDES "msExchHideFromAddressLists"

static bool
notes_have(const struct lab *l, const char *word)
{
	return strstr(lab_notes(l), word) != NULL;
}

/* The state of Ann's record, and whether its error has WORD. */
static void
check_record(struct lab *l, const char *name, enum record_state state, const char *word)
{
	_cleanup_(record_free) struct record *r = lab_record(l, name);

	assert_non_null(r);
	assert_string_equal(record_state_name(r->state), record_state_name(state));
	if (word ? !strstr(r->last_error, word) : *r->last_error)
		fail_msg("'%s', not '%s'", r->last_error, word ? word : "");
}

/* How many objects are tried again. */
static int
count_retry(const struct store_retry *r, void *arg, struct err *err)
{
	(void)r;
	(void)err;
	(*(unsigned *)arg)++;
	return 0;
}

static unsigned
retries(struct lab *l)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	unsigned n = 0;

	assert_int_equal(store_begin(l->store, STORE_READ, &t, &l->err), 0);
	assert_int_equal(store_each_retry(t, 1, 0, count_retry, &n, &l->err), 0);
	return n;
}

static void
cycle(struct lab *l, unsigned failed)
{
	if (lab_cycle(l, NULL) < 0)
		fail_msg("%s", l->err.text);
	if (l->res.failed != failed)
		fail_msg("%u failed\n%s", (unsigned)l->res.failed, lab_notes(l));
}

/* ---- one attribute ---- */

static const struct scenario people = {.name = "people",
    .source = {MAILBOX("Ann", "ann", "title: Boss\n"), MAILBOX("Bea", "bea", ""),
	MAILBOX("Cleo", "cleo", "")}};

static void
one_attribute(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		lab_open(&l, &people);
		lab_run(&l);
		assert_int_equal(fakedir_deny(l.fd[TARGET], "title"), 0);
		lab_set(&l, SOURCE, "CN=Ann", "title", "Chief");
		lab_set(&l, SOURCE, "CN=Ann", "telephoneNumber", "1234");
		lab_add_value(&l, SOURCE, "CN=Ann", "proxyAddresses", "smtp:chief@acme.example");
		l.delta = delta;
		cycle(&l, 1);
		assert_true(lab_has(&l, TARGET, "CN=Ann", "telephoneNumber", "1234"));
		assert_true(
		    lab_has(&l, TARGET, "CN=Ann", "proxyAddresses", "smtp:chief@acme.example"));
		assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Boss"));
		check_record(&l, "CN=Ann", RECORD_ERROR, "title: ");
		check_record(&l, "CN=Ann", RECORD_ERROR, "delegate.sh");
		assert_int_equal(retries(&l), 1);
		assert_false(notes_have(&l, "kept changing"));
		/* It stays so, and is one request each time. */
		l.delta = false;
		cycle(&l, 1);
		assert_int_equal(l.res.drift, 0);
		check_record(&l, "CN=Ann", RECORD_ERROR, "title: ");
		assert_int_equal(fakedir_deny(l.fd[TARGET], NULL), 0);
		lab_run(&l);
		assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Chief"));
		check_record(&l, "CN=Ann", RECORD_WAITING, NULL);
		assert_int_equal(retries(&l), 0);
		lab_run_idle(&l);
		lab_close(&l);
	}
}

/* The refusal of an attribute keeps no mail from its way. */
static void
a_loop_beside_it(void **state)
{
	const char *const ann[] = {"CN=Ann", NULL};
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	lab_run(&l);
	assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, ann), 0);
	lab_run_silent(&l);
	assert_int_equal(fakedir_deny(l.fd[TARGET], "title"), 0);
	lab_set(&l, SOURCE, "CN=Bea", "title", "Chief");
	lab_set(&l, SOURCE, "CN=Bea", "targetAddress", RT("bea"));
	cycle(&l, 1);
	assert_int_equal(lab_count(&l, SOURCE, "CN=Bea", "targetAddress"), 0);
	assert_true(lab_has(&l, TARGET, "CN=Bea", "targetAddress", RS("bea")));
	check_record(&l, "CN=Bea", RECORD_ERROR, "title");
	lab_close(&l);
}

/* ---- conflicts ---- */

#define OTHER THERE("user", "Other", "proxyAddresses: SMTP:new@acme.example\n")

static void
primary_in_conflict(void **state)
{
	static const struct scenario sc = {.name = "primary in conflict",
	    .link = "match = [ \"stamp\" ];",
	    .source = {MAILBOX("Ann", "ann", "")},
	    .target = {THERE_OU, OTHER}};

	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		lab_open(&l, &sc);
		lab_run(&l);
		lab_delete_value(&l, SOURCE, "CN=Ann", "proxyAddresses", "SMTP:ann@acme.example");
		lab_add_value(&l, SOURCE, "CN=Ann", "proxyAddresses", "SMTP:new@acme.example");
		lab_add_value(&l, SOURCE, "CN=Ann", "proxyAddresses", "smtp:too@acme.example");
		lab_set(&l, SOURCE, "CN=Ann", "mail", "new@acme.example");
		lab_set(&l, SOURCE, "CN=Ann", "telephoneNumber", "1234");
		/* A loop. */
		lab_set(&l, SOURCE, "CN=Ann", "targetAddress", RT("ann"));
		l.delta = delta;
		cycle(&l, 0);
		assert_int_equal(l.res.conflicts, 1);
		assert_true(lab_has(&l, TARGET, "CN=Ann", "telephoneNumber", "1234"));
		assert_true(
		    lab_has(&l, TARGET, "CN=Ann", "proxyAddresses", "smtp:too@acme.example"));
		assert_true(
		    lab_has(&l, TARGET, "CN=Ann", "proxyAddresses", "SMTP:ann@acme.example"));
		assert_false(
		    lab_has(&l, TARGET, "CN=Ann", "proxyAddresses", "SMTP:new@acme.example"));
		assert_true(lab_has(&l, TARGET, "CN=Ann", "mail", "ann@acme.example"));
		assert_int_equal(lab_count(&l, SOURCE, "CN=Ann", "targetAddress"), 0);
		l.delta = false;
		lab_run_idle(&l);
		/* The other one gives it up. */
		lab_delete(&l, TARGET, "CN=Other");
		l.delta = delta;
		cycle(&l, 0);
		assert_int_equal(l.res.conflicts, 0);
		assert_true(
		    lab_has(&l, TARGET, "CN=Ann", "proxyAddresses", "SMTP:new@acme.example"));
		assert_false(
		    lab_has(&l, TARGET, "CN=Ann", "proxyAddresses", "SMTP:ann@acme.example"));
		assert_true(lab_has(&l, TARGET, "CN=Ann", "mail", "new@acme.example"));
		l.delta = false;
		lab_run_idle(&l);
		lab_close(&l);
	}
}

/* A redirection that others cleared is put back, though another object holds the primary address.
 */
static void
redirection_in_conflict(void **state)
{
	static const struct scenario sc = {.name = "redirection in conflict",
	    .link = "match = [ \"stamp\" ];",
	    .source = {MAILBOX("Ann", "ann", "")},
	    .target = {THERE_OU, OTHER}};
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	lab_run(&l);
	lab_delete_value(&l, SOURCE, "CN=Ann", "proxyAddresses", "SMTP:ann@acme.example");
	lab_add_value(&l, SOURCE, "CN=Ann", "proxyAddresses", "SMTP:new@acme.example");
	lab_set(&l, TARGET, "CN=Ann", "targetAddress", NULL);
	cycle(&l, 0);
	assert_int_equal(l.res.conflicts, 1);
	assert_true(lab_has(&l, TARGET, "CN=Ann", "targetAddress", RS("ann")));
	lab_run_idle(&l);
	lab_close(&l);
}

/* ---- groups ---- */

static void
group_types(void **state)
{
	static const char *const types[] = {
	    "4", "2", "8", "-2147483644", "-2147483646", "4", "-2147483640", "2"};
	static const struct scenario sc = {.name = "group types",
	    .source = {MAILBOX("Ann", "ann", ""),
		"dn: CN=Sales" ACME "\nobjectClass: group\nsAMAccountName: sales\n"
		"groupType: 2\n" RECIPIENT("sales") "\n"}};
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	lab_run(&l);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		lab_set(&l, SOURCE, "CN=Sales", "groupType", "8");
		lab_set(&l, SOURCE, "CN=Sales", "groupType", types[i]);
		lab_set(&l, SOURCE, "CN=Sales", "displayName", types[i]);
		if (i % 2)
			lab_delete_value(&l, SOURCE, "CN=Sales", "member", "CN=Ann" ACME);
		else
			lab_add_value(&l, SOURCE, "CN=Sales", "member", "CN=Ann" ACME);
		l.delta = i % 3 == 0;
		cycle(&l, 0);
		assert_int_equal(l.res.drift, 0);
		assert_true(lab_has(&l, TARGET, "CN=Sales", "groupType", types[i]));
		assert_true(lab_has(&l, TARGET, "CN=Sales", "displayName", types[i]));
		assert_int_equal(lab_count(&l, TARGET, "CN=Sales", "member"), 1 - i % 2);
		check_record(&l, "CN=Sales", RECORD_SYNCED, NULL);
	}
	l.delta = false;
	lab_run_idle(&l);
	lab_close(&l);
}

static void
group_type_refused(void **state)
{
	static const struct scenario sc = {.name = "group type refused",
	    .source = {MAILBOX("Ann", "ann", ""), GROUP("Sales", "sales", "")}};
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	lab_run(&l);
	assert_int_equal(fakedir_deny(l.fd[TARGET], "groupType"), 0);
	lab_set(&l, SOURCE, "CN=Sales", "groupType", "2");
	lab_set(&l, SOURCE, "CN=Sales", "displayName", "New");
	lab_add_value(&l, SOURCE, "CN=Sales", "member", "CN=Ann" ACME);
	cycle(&l, 1);
	assert_true(lab_has(&l, TARGET, "CN=Sales", "displayName", "New"));
	assert_int_equal(lab_count(&l, TARGET, "CN=Sales", "member"), 1);
	check_record(&l, "CN=Sales", RECORD_ERROR, "groupType: ");
	lab_close(&l);
}

/* ---- rights ---- */

#define CARDS CONTACT("Ann", "ann", ""), CONTACT("Bea", "bea", ""), CONTACT("Cid", "cid", "")

/* One object with an access control list of its own stops nothing. */
static void
protected_object(void **state)
{
	static const struct scenario sc = {.name = "protected object", .source = {CARDS}};
	static const char *const names[] = {"CN=Ann", "CN=Bea", "CN=Cid"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct lab l;

		lab_open(&l, &sc);
		assert_int_equal(fakedir_refuse(l.fd[SOURCE], lab_dn(SOURCE, names[i]), 50), 0);
		if (i == 2)
			lab_set(&l, SOURCE, names[i], "adminCount", "1");
		cycle(&l, 1);
		check_record(&l, names[(i + 1) % ARRAY_SIZE(names)], RECORD_SYNCED, NULL);
		if (!notes_have(&l, i == 2 ? "AdminSDHolder" : "delegate.sh"))
			fail_msg("%s", lab_notes(&l));
		assert_int_equal(fakedir_refuse(l.fd[SOURCE], NULL, 0), 0);
		lab_run(&l);
		lab_run_idle(&l);
		lab_close(&l);
	}
}

static void
rights_of_all(void **state)
{
	static const struct scenario sc = {.name = "rights of all", .source = {CARDS}};
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	assert_int_equal(fakedir_deny(l.fd[SOURCE], "proxyAddresses"), 0);
	assert_int_equal(lab_cycle(&l, NULL), -1);
	assert_non_null(strstr(l.err.text, "lacks the right to write attribute proxyAddresses"));
	assert_int_equal(fakedir_deny(l.fd[SOURCE], NULL), 0);
	lab_run(&l);
	lab_close(&l);
}

/* ---- what lies below ---- */

#define DEVICES "CN=Devices,CN=Ann" GLOBEX
#define PHONE "CN=Phone,CN=Devices,CN=Ann" GLOBEX
#define BELOW "dn: " DEVICES "\nobjectClass: container\n\ndn: " PHONE "\nobjectClass: container\n\n"

static void
children_stay(void **state)
{
	static const struct scenario sc = {.name = "children stay",
	    .scope = KEPT,
	    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", "")}};

	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		lab_open(&l, &sc);
		lab_run(&l);
		lab_add(&l, TARGET, BELOW);
		lab_delete(&l, SOURCE, "CN=Ann");
		l.delta = delta;
		cycle(&l, 1);
		assert_true(lab_has(&l, TARGET, "CN=Ann", HIDES, "TRUE"));
		assert_int_equal(l.res.left[LEAVE_HIDE], 1);
		assert_int_equal(l.res.left[LEAVE_DELETE], 0);
		assert_true(notes_have(&l, "there are objects below it"));
		assert_false(notes_have(&l, "kept changing"));
		assert_int_equal(retries(&l), 1);
		/* It is tried again, and there is nothing new to do. */
		l.delta = false;
		cycle(&l, 1);
		assert_true(lab_exists(&l, TARGET, DEVICES));
		lab_delete(&l, TARGET, PHONE);
		lab_delete(&l, TARGET, DEVICES);
		lab_run(&l);
		assert_false(lab_exists(&l, TARGET, "CN=Ann"));
		assert_int_equal(retries(&l), 0);
		lab_run_idle(&l);
		lab_close(&l);
	}
}

static void
children_go(void **state)
{
	static const struct scenario sc = {.name = "children go",
	    .scope = KEPT " delete_children = true;",
	    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Anna", "anna", "")}};

	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		lab_open(&l, &sc);
		lab_run(&l);
		lab_add(&l, TARGET, BELOW);
		lab_delete(&l, SOURCE, "CN=Ann");
		l.delta = delta;
		cycle(&l, 0);
		assert_false(lab_exists(&l, TARGET, "CN=Ann"));
		assert_false(lab_exists(&l, TARGET, DEVICES));
		assert_true(lab_exists(&l, TARGET, "CN=Anna"));
		assert_int_equal(l.res.left[LEAVE_DELETE], 1);
		l.delta = false;
		lab_run_idle(&l);
		lab_close(&l);
	}
}

/* They are to go, and cannot: then it is hidden. */
static void
children_cannot_go(void **state)
{
	static const struct scenario sc = {.name = "children cannot go",
	    .scope = KEPT " delete_children = true;",
	    .source = {MAILBOX("Ann", "ann", "")}};
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	lab_run(&l);
	lab_add(&l, TARGET, BELOW);
	lab_delete(&l, SOURCE, "CN=Ann");
	assert_int_equal(fakedir_refuse(l.fd[TARGET], PHONE, 50), 0);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_true(l.res.failed > 0);
	assert_true(lab_has(&l, TARGET, "CN=Ann", HIDES, "TRUE"));
	assert_true(lab_exists(&l, TARGET, PHONE));
	assert_int_equal(fakedir_refuse(l.fd[TARGET], NULL, 0), 0);
	lab_run(&l);
	assert_false(lab_exists(&l, TARGET, "CN=Ann"));
	lab_run_idle(&l);
	lab_close(&l);
}

/* ---- a purged mailbox ---- */

static void
purge(struct lab *l, const char *name)
{
	static const char *const attrs[] = {"mailNickname", "proxyAddresses", "mail",
	    "targetAddress", "legacyExchangeDN", "homeMDB", "msExchHomeServerName",
	    "msExchMailboxGuid", "extensionAttribute15"};

	for (size_t i = 0; i < ARRAY_SIZE(attrs); i++)
		lab_set(l, TARGET, name, attrs[i], NULL);
}

static void
purged_in_use(void **state)
{
	const char *const ann[] = {"CN=Ann", NULL};

	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		lab_open(&l, &people);
		lab_run(&l);
		assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, ann), 0);
		lab_run_silent(&l);
		purge(&l, "CN=Ann");
		l.delta = delta;
		cycle(&l, 0);
		assert_int_equal(l.res.problems, 1);
		assert_true(notes_have(&l, "Connect-Mailbox"));
		assert_int_equal(lab_count(&l, TARGET, "CN=Ann", "homeMDB"), 0);
		assert_int_equal(lab_count(&l, TARGET, "CN=Ann", "proxyAddresses"), 0);
		assert_true(lab_has(&l, SOURCE, "CN=Ann", "targetAddress", RT("ann")));
		check_record(&l, "CN=Ann", RECORD_ERROR, "is gone");
		l.delta = false;
		cycle(&l, 0);
		assert_int_equal(l.res.changes, 0);
		/* Its owner goes back. */
		lab_set(&l, SOURCE, "CN=Ann", "targetAddress", NULL);
		lab_set(&l, SOURCE, "CN=Ann", "extensionAttribute14", NULL);
		cycle(&l, 0);
		assert_int_equal(l.res.problems, 0);
		assert_true(lab_has(&l, TARGET, "CN=Ann", "targetAddress", RS("ann")));
		lab_close(&l);
	}
}

/* One that is not in use is made anew, as ever. */
static void
purged_not_in_use(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	lab_run(&l);
	purge(&l, "CN=Ann");
	cycle(&l, 0);
	assert_int_equal(l.res.problems, 0);
	assert_true(lab_has(&l, TARGET, "CN=Ann", "targetAddress", RS("ann")));
	lab_close(&l);
}

/* ---- retries ---- */

/* What is refused in every round, though nothing changes, is not a directory that changes. */
static void
refused_in_every_round(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	lab_run(&l);
	lab_set(&l, SOURCE, "CN=Ann", "title", "Chief");
	assert_int_equal(fakedir_refuse(l.fd[TARGET], lab_dn(TARGET, "CN=Ann"), 16), 0);
	cycle(&l, 1);
	assert_false(notes_have(&l, "kept changing"));
	assert_true(notes_have(&l, "it was refused each time that it was read"));
	check_record(&l, "CN=Ann", RECORD_ERROR, "it was refused each time");
	assert_int_equal(retries(&l), 1);
	assert_int_equal(fakedir_refuse(l.fd[TARGET], NULL, 0), 0);
	lab_run(&l);
	check_record(&l, "CN=Ann", RECORD_WAITING, NULL);
	lab_run_idle(&l);
	lab_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_attribute),
	    cmocka_unit_test(a_loop_beside_it),
	    cmocka_unit_test(primary_in_conflict),
	    cmocka_unit_test(redirection_in_conflict),
	    cmocka_unit_test(group_types),
	    cmocka_unit_test(group_type_refused),
	    cmocka_unit_test(protected_object),
	    cmocka_unit_test(rights_of_all),
	    cmocka_unit_test(children_stay),
	    cmocka_unit_test(children_go),
	    cmocka_unit_test(children_cannot_go),
	    cmocka_unit_test(purged_in_use),
	    cmocka_unit_test(purged_not_in_use),
	    cmocka_unit_test(refused_in_every_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
