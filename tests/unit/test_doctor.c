/* SPDX-License-Identifier: MIT */

/*
 * What is looked at before the first write, on two fake forests: by the doctor, which tells
 * everything, and by a cycle, which does not begin where what it wrote would be wrong.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "dsa/jobs/doctor.h"
#include "tests/support/scenario_turn.h"

#define STAFF "OU=Staff,DC=acme,DC=example"
#define CONFIG ",CN=Configuration,DC=globex,DC=example"
#define RS "redirect.acme.example"

struct story {
	struct scenario sc;
	void (*before)(struct lab *l);
	const char *told[4]; /* by the doctor: begins of lines, without the directory */
	const char *refusal; /* of a cycle; NULL: it runs */
	const char *note;    /* of a cycle */
};

/* ---- what is wrong ---- */

static void
no_base(struct lab *l)
{
	assert_int_equal(fakedir_delete(l->fd[SOURCE], STAFF), 0);
}

static void
no_right_to_make_ous(struct lab *l)
{
	assert_int_equal(fakedir_deny(l->fd[TARGET], "organizationalUnit"), 0);
}

static void
no_right_to_make_users(struct lab *l)
{
	assert_int_equal(fakedir_deny(l->fd[TARGET], "user"), 0);
}

static void
no_right_to_members(struct lab *l)
{
	assert_int_equal(fakedir_deny(l->fd[SOURCE], "member"), 0);
}

static void
no_database(struct lab *l)
{
	assert_int_equal(fakedir_delete(l->fd[TARGET], "CN=DB1" CONFIG), 0);
}

static void
no_server(struct lab *l)
{
	assert_int_equal(fakedir_delete(l->fd[TARGET], "CN=EX1" CONFIG), 0);
}

static void
target_down(struct lab *l)
{
	fakedir_set_down(l->fd[TARGET], true);
}

#define AT(line, key) "PROBLEM galsync.conf:" line ": " key ": "
#define GROUP_THERE "dn: CN=switched," STAFF "\nobjectClass: group\nsAMAccountName: switched\n\n"
#define TWO MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", "")

static const struct story stories[] = {
    {.sc = {.name = "all is well", .source = {TWO}, .target = {THERE_OU}}},
    {.sc = {.name = "a target OU that will be made", .source = {TWO}},
	.told =
	    {"note galsync.conf:6: links[0].scopes[0].target_ou: 'OU=Acme,DC=globex,DC=example' "
	     "does not exist yet in forest 'globex'; galsync creates it"}},

    {.sc = {.name = "no base"},
	.before = no_base,
	.told = {AT("6", "links[0].scopes[0].base") "'OU=Staff,DC=acme,DC=example' does not exist "
						    "in forest 'acme', or the account does not see "
						    "it; correct the name",
	    "note link acme-globex: the rights of the accounts: not all could be looked at"},
	.refusal =
	    "galsync.conf:6: links[0].scopes[0].base: 'OU=Staff,DC=acme,DC=example' does not"},
    {.sc = {.name = "no target OU"},
	.before = no_right_to_make_ous,
	.told = {AT(
	    "6", "links[0].scopes[0].target_ou") "'OU=Acme,DC=globex,DC=example' does not "
						 "exist in forest 'globex', and the account may "
						 "not create it in "
						 "'DC=globex,DC=example'; correct the name, or "
						 "create the OU and let delegate.sh"},
	.refusal = "galsync.conf:6: links[0].scopes[0].target_ou: 'OU=Acme,DC=globex,DC=example' "
		   "does not exist in forest 'globex', and the account may not create it"},
    {.sc = {.name = "no target OU, and nothing is created", .scope = "create = \"none\";"},
	.before = no_right_to_make_ous,
	.told = {AT(
	    "6", "links[0].scopes[0].target_ou") "'OU=Acme,DC=globex,DC=example' does not "
						 "exist in forest 'globex'; correct the name"},
	.note = "links[0].scopes[0].target_ou: 'OU=Acme,DC=globex,DC=example' does not exist"},
    {.sc = {.name = "no right in the target OU", .target = {THERE_OU}},
	.before = no_right_to_make_users,
	.told = {AT("6", "links[0].scopes[0].target_ou") "forest 'globex': the account lacks the "
							 "right to create objects of class user in "
							 "'OU=Acme,DC=globex,DC=example'; grant"},
	.refusal = "links[0].scopes[0].target_ou: forest 'globex': the account lacks the right to "
		   "create objects of class user"},
    {.sc = {.name = "no match base",
	 .target = {THERE_OU},
	 .link = "match_bases = [ \"OU=Nowhere,DC=globex,DC=example\" ];"},
	.told = {AT("9", "links[0].match_bases[0]") "'OU=Nowhere,DC=globex,DC=example' does not "
						    "exist in forest 'globex'"},
	.refusal = "galsync.conf:9: links[0].match_bases[0]: 'OU=Nowhere,DC=globex,DC=example'"},
    {.sc = {.name = "no OU for return contacts",
	 .source = {TWO},
	 .target = {THERE_OU},
	 .link = "return_contacts_ou = \"OU=GAL,DC=acme,DC=example\";"},
	.told = {AT("9", "links[0].return_contacts_ou") "'OU=GAL,DC=acme,DC=example' does not "
							"exist in forest 'acme'"},
	.note = "links[0].return_contacts_ou: 'OU=GAL,DC=acme,DC=example' does not exist"},

    {.sc = {.name = "no marker group",
	 .source = {TWO},
	 .target = {THERE_OU},
	 .link = "marker_group = \"CN=switched," STAFF "\";"},
	.told = {AT("9", "links[0].marker_group") "'CN=switched,OU=Staff,DC=acme,DC=example' does "
						  "not exist in forest 'acme'"},
	.note = "links[0].marker_group: 'CN=switched,OU=Staff,DC=acme,DC=example' does not exist"},
    {.sc = {.name = "no group",
	 .source = {TWO},
	 .target = {THERE_OU},
	 .link = "marker_group = \"" STAFF "\";"},
	.told = {AT("9", "links[0].marker_group") "'OU=Staff,DC=acme,DC=example' of forest 'acme' "
						  "is no group; allowed"},
	.note = "is no group"},
    {.sc = {.name = "a group that is not to be written",
	 .source = {TWO, GROUP_THERE},
	 .target = {THERE_OU},
	 .link = "marker_group = \"CN=switched," STAFF "\";"},
	.before = no_right_to_members,
	.told = {AT(
	    "9", "links[0].marker_group") "forest 'acme': the account lacks the right to "
					  "write attribute member of "
					  "'CN=switched,OU=Staff,DC=acme,DC=example'; grant it"},
	.note = "lacks the right to write attribute member of 'CN=switched"},
    {.sc = {.name = "a marker group",
	 .source = {TWO, GROUP_THERE},
	 .target = {THERE_OU},
	 .link = "marker_group = \"CN=switched," STAFF "\";"}},

    {.sc = {.name = "a name in a filter",
	 .target = {THERE_OU},
	 .scope = "create = \"mailbox\"; filter = \"(departmnet=Sales)\";"},
	.told = {AT("7", "links[0].scopes[0].filter") "'(departmnet=Sales)': the schema of forest "
						      "'acme' has no attribute 'departmnet'",
	    "note link acme-globex: values that two objects would have: not all could be"},
	.refusal = "galsync.conf:7: links[0].scopes[0].filter: '(departmnet=Sales)': the schema"},
    {.sc = {.name = "names everywhere",
	 .target = {THERE_OU},
	 .forest = "stamp_attribute = \"noSuch1\";",
	 .link = "match = [ \"stamp\", \"attribute:employeeID=noSuch2\" ];\n"
		 "redirect_address = \"%{noSuch3}\";"},
	.told =
	    {AT("4", "forests[1].stamp_attribute") "'noSuch1' of forest 'globex' does not exist",
		AT("10",
		    "links[0].redirect_address") "'%{noSuch3}': the schema of forest 'acme' has",
		AT("9",
		    "links[0].match[1]") "'noSuch2': the schema of forest 'globex' has no such"},
	.refusal = "galsync.conf:4: forests[1].stamp_attribute: 'noSuch1'"},

    {.sc = {.name = "no database", .target = {THERE_OU}},
	.before = no_database,
	.told = {AT("8", "links[0].mailbox.databases[0]") "'CN=DB1" CONFIG
							  "' does not exist in forest 'globex'"},
	.refusal = "galsync.conf:8: links[0].mailbox.databases[0]: 'CN=DB1"},
    {.sc = {.name = "no server", .target = {THERE_OU}},
	.before = no_server,
	.told = {AT("8", "links[0].mailbox.home_server") "the configuration of forest 'globex' has "
							 "no server '/o=Globex/ou=First/"},
	.refusal = "galsync.conf:8: links[0].mailbox.home_server: the configuration of forest"},

    {.sc = {.name = "addresses in use",
	 .target = {THERE_OU},
	 .source = {MAILBOX("Ann", "ann", "proxyAddresses: smtp:ann@" RS "\n"),
	     MAILBOX("Bea", "bea", "proxyAddresses: smtp:boss@" RS "\n"),
	     "dn: CN=Old,DC=acme,DC=example\nobjectClass: contact\nproxyAddresses: smtp:old@" RS
	     "\n\n"}},
	.told = {AT(
	    "3", "forests[0].redirect_domain") "'redirect.acme.example' is in use in "
					       "forest 'acme': 2 objects have addresses in it that "
					       "galsync did not give, such as "
					       "'smtp:boss@redirect.acme.example' of "
					       "'CN=Bea,OU=Staff,DC=acme,DC=example'; take"},
	.note = "forests[0].redirect_domain: 'redirect.acme.example' is in use in forest 'acme'"},

    {.sc = {.name = "one value for two",
	 .target = {THERE_OU},
	 .source = {MAILBOX("Ann", "ann", "givenName: Kim\n"),
	     MAILBOX("Bea", "bea", "givenName: kim\n"), MAILBOX("Cid", "cid", "givenName: Cid\n"),
	     "dn: OU=Out,DC=acme,DC=example\nobjectClass: organizationalUnit\n\n"},
	 .link = "primary_address = \"%{givenName}@globex.example\";"},
	.told = {AT("9", "links[0].primary_address") "'%{givenName}@globex.example' gives 1 value "
						     "to more than one object, such as "
						     "'kim@globex.example' to 'CN=Ann" ACME
						     "' and 'CN=Bea" ACME "'"}},

    {.sc = {.name = "a forest that is down",
	 .link = "match_bases = [ \"OU=No,DC=globex,DC=example\" "
		 "]; return_contacts_ou = "
		 "\"OU=GAL,DC=acme,DC=example\";"},
	.before = target_down,
	.told = {"PROBLEM galsync.conf:4: forests[1].name: ",
	    AT("9", "links[0].return_contacts_ou") "'OU=GAL,DC=acme,DC=example' does not exist",
	    "note link acme-globex: the OUs and groups that the configuration names: not all "
	    "could"},
	.refusal = "globex"},
};

/* ---- the doctor ---- */

struct telling {
	const struct lab *l;
	struct buf lines; /* without those that are ok */
	size_t problems, oks;
};

static void
take(enum doctor_verdict verdict, const char *text, void *arg)
{
	struct telling *t = arg;
	size_t len = strlen(t->l->dir);
	const char *shown = strncmp(text, t->l->dir, len) == 0 ? text + len + 1 : text;

	t->problems += verdict == DOCTOR_PROBLEM;
	t->oks += verdict == DOCTOR_OK;
	if (verdict != DOCTOR_OK)
		buf_printf(
		    &t->lines, "%s %s\n", verdict == DOCTOR_NOTE ? "note" : "PROBLEM", shown);
}

static int
examine(struct lab *l, struct run *run, void *arg)
{
	(void)l;
	doctor_run(run, take, arg);
	return 0;
}

static const char *
lines_of(const struct telling *t)
{
	return t->lines.data ? (const char *)t->lines.data : "";
}

static bool
has_line(const struct telling *t, const char *begin)
{
	const char *at = strstr(lines_of(t), begin);

	return at && (at == lines_of(t) || at[-1] == '\n');
}

static void
ask_doctor(struct lab *l, const struct story *s)
{
	struct telling t = {.l = l};
	uint64_t usn[SIDES] = {fakedir_usn(l->fd[SOURCE]), fakedir_usn(l->fd[TARGET])};
	size_t problems = 0;

	assert_int_equal(lab_act(l, NULL, examine, &t), 0);
	for (size_t i = 0; i < ARRAY_SIZE(s->told) && s->told[i]; i++) {
		problems += str_starts_nocase(s->told[i], "PROBLEM");
		if (!has_line(&t, s->told[i]))
			fail_msg("%s: no '%s' in\n%s", s->sc.name, s->told[i], lines_of(&t));
	}
	if (t.problems != problems || (!s->told[0] && t.lines.len))
		fail_msg("%s: %zu problems\n%s", s->sc.name, t.problems, lines_of(&t));
	assert_true(t.oks > 0);
	for (int side = SOURCE; side < SIDES; side++)
		assert_int_equal(fakedir_usn(l->fd[side]), usn[side]);
	buf_done(&t.lines);
}

/* ---- a plan ---- */

/* What the doctor has as a problem, and a cycle only warns of: the plan's exit status tells it. */
static void
ask_plan(struct lab *l, const struct story *s)
{
	size_t warned = 0;

	for (size_t i = 0; i < ARRAY_SIZE(s->told) && s->told[i]; i++)
		warned += str_starts_nocase(s->told[i], "PROBLEM ");
	if (s->refusal)
		return;
	free(lab_plan(l));
	if (l->res.problems < warned || (!warned && !s->told[0] && l->res.problems))
		fail_msg("%s: %llu problems of the plan, %zu of the doctor", s->sc.name,
		    (unsigned long long)l->res.problems, warned);
}

/* ---- a cycle ---- */

static void
try_cycle(struct lab *l, const struct story *s)
{
	uint64_t usn = fakedir_usn(l->fd[SOURCE]);

	l->gives_up = true;
	if (!s->refusal) {
		if (lab_cycle(l, NULL) < 0)
			fail_msg("%s: %s", s->sc.name, l->err.text);
	} else {
		assert_int_equal(lab_cycle(l, NULL), -1);
		if (!strstr(l->err.text, s->refusal))
			fail_msg("%s: %s", s->sc.name, l->err.text);
		assert_int_equal(fakedir_usn(l->fd[SOURCE]), usn);
	}
	if (s->note && !strstr(lab_notes(l), s->note))
		fail_msg("%s: no '%s' in\n%s", s->sc.name, s->note, lab_notes(l));
}

static void
told_and_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stories); i++) {
		struct lab l;

		lab_open(&l, &stories[i].sc);
		if (stories[i].before)
			stories[i].before(&l);
		ask_doctor(&l, &stories[i]);
		ask_plan(&l, &stories[i]);
		try_cycle(&l, &stories[i]);
		lab_close(&l);
	}
}

/* All that stops a cycle is said at once, each thing once. */
static void
all_at_once(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &(const struct scenario){.name = "all at once",
			 .link = "match_bases = [ \"OU=No,DC=globex,DC=example\" ];"});
	no_base(&l);
	no_right_to_make_ous(&l);
	no_database(&l);
	assert_int_equal(lab_cycle(&l, NULL), -1);
	assert_non_null(strstr(l.err.text, "scopes[0].base: "));
	assert_null(strstr(lab_notes(&l), "scopes[0].base: "));
	assert_non_null(strstr(lab_notes(&l), "3 acme-globex: "));
	assert_non_null(strstr(lab_notes(&l), "scopes[0].target_ou: "));
	assert_non_null(strstr(lab_notes(&l), "match_bases[0]: "));
	assert_non_null(strstr(lab_notes(&l), "databases[0]: "));
	lab_close(&l);
}

/* ---- what galsync wrote ---- */

#define IN_USE "is in use in forest"

static void
must_be_silent(struct lab *l)
{
	struct telling t = {.l = l};
	char *plan = lab_plan(l);

	free(plan);
	assert_null(strstr(lab_notes(l), IN_USE));
	assert_int_equal(lab_act(l, NULL, examine, &t), 0);
	if (t.problems)
		fail_msg("%s", lines_of(&t));
	buf_done(&t.lines);
}

static void
of_galsync(void **state)
{
	static const struct scenario sc = {.name = "of galsync",
	    .source = {TWO, GROUP("All", "all", MEMBER("Ann"))},
	    .target = {THERE_OU}};
	const char *const ann[] = {"CN=Ann", NULL};
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	lab_run(&l);
	must_be_silent(&l);
	assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, ann), 0);
	must_be_silent(&l);
	/* Another alias: the address of the old one is known by the map. */
	lab_set(&l, SOURCE, "CN=Bea", "mailNickname", "beate");
	must_be_silent(&l);
	lab_run(&l);
	lab_lose_map(&l);
	must_be_silent(&l);
	/* What finish leaves on the target: an address that the source leads to. */
	lab_set(&l, TARGET, "CN=Ann", "extensionAttribute15", NULL);
	must_be_silent(&l);
	lab_set(&l, SOURCE, "CN=Ann", "targetAddress", NULL);
	{
		char *plan = lab_plan(&l);

		free(plan);
		assert_non_null(strstr(lab_notes(&l), IN_USE));
	}
	lab_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(told_and_refused),
	    cmocka_unit_test(all_at_once), cmocka_unit_test(of_galsync)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
