/* SPDX-License-Identifier: MIT */

/* What the accounts of a link need: by the scopes, the kinds, the table; and what delegate.sh takes
 * for the need of any configuration. */

#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/rules/rights.h"

#define PRINTED_BY rights_print
#include "tests/support/printed_fixture.h"

/* The lines of TEXT behind the line PLACE, up to the next place. */
static char *
of_place(const char *text, const char *place)
{
	_cleanup_(free) char *line = str_printf("\n%s\n", place);
	const char *begin = strstr(text, line), *end;

	if (!begin)
		return NULL;
	begin += strlen(line);
	for (end = begin; *end == ' '; end += *end != '\0')
		end += strcspn(end, "\n");
	return strndup(begin, (size_t)(end - begin));
}

#define STAFF "source-scope OU=Staff,DC=acme,DC=example"
#define MATCH "match-scope *"
#define TARGET "target-ou OU=Acme,DC=globex,DC=example"

/* Is LINE among the rights at PLACE of the link? */
static bool
has(const char *place, const char *line)
{
	_cleanup_(free) char *text = printed(), *at = of_place(text, place),
			     *whole = str_printf("  %s\n", line);

	if (!at)
		fail_msg("no '%s' in\n%s", place, text);
	return strstr(at, whole) != NULL;
}

static void
source_by_kinds(void **state)
{
	static const char turned[] = "  read\n"
				     "  write proxyAddresses user contact group "
				     "msExchDynamicDistributionList publicFolder\n"
				     "  write targetAddress user\n"
				     "  write msExchCalendarRepairDisabled user\n"
				     "  write extensionAttribute14 user\n";
	_cleanup_(free) char *text = printed(), *all = of_place(text, STAFF), *contacts = NULL;

	(void)state;
	assert_memory_equal(all, turned, sizeof turned - 1);
	f.g.scope.kinds = KIND_BIT(KIND_CONTACT);
	free(TAKE(text));
	text = printed();
	contacts = of_place(text, STAFF);
	assert_string_equal(contacts, "  read\n  write proxyAddresses contact\n");
}

/* Of mailboxes that can be switched, and of what the target decides about. */
static void
what_flows_back(void **state)
{
	struct conf_row rows[] = {{.attr = given_str("title"), .source = "title"},
	    {.attr = given_str("company"), .source = "department", .authority = AUTHORITY_TARGET}};

	(void)state;
	assert_true(has(STAFF, "write title user"));
	assert_true(has(STAFF, "write mail user"));
	assert_true(has(STAFF, "write manager user"));
	assert_false(has(STAFF, "write member group"));
	assert_false(has(STAFF, "write mailNickname user"));
	assert_false(has(STAFF, "write msExchHideFromAddressLists user"));
	f.g.scope.hidden_leaves = false;
	assert_true(has(STAFF, "write msExchHideFromAddressLists user"));
	f.g.link.rows = rows;
	f.g.link.n_rows = 2;
	assert_true(has(STAFF,
	    "write department user contact group msExchDynamicDistributionList publicFolder"));
	rows[0].authority = AUTHORITY_SOURCE;
	assert_false(has(STAFF, "write title user"));
	f.g.link.n_rows = 0;
	f.g.scope.authority = side_other(SOURCE);
	assert_true(has(STAFF, "write member group"));
	assert_true(has(
	    STAFF, "write title user contact group msExchDynamicDistributionList publicFolder"));
	f.g.scope.authority = SOURCE;
	given_plain(&f.g);
	assert_false(has(STAFF, "write title user"));
}

/* Without redirect domains nothing is redirected, marked or guarded. */
static void
source_without_redirections(void **state)
{
	(void)state;
	given_plain(&f.g);
	assert_true(has(STAFF, "read"));
	assert_false(has(STAFF, "write targetAddress user"));
	assert_false(has(STAFF, "write extensionAttribute14 user"));
}

static void
members_only_of_groups(void **state)
{
	(void)state;
	assert_true(has(MATCH, "write member group"));
	assert_true(has(TARGET, "write member group"));
	f.g.scope.kinds &= ~KIND_BIT(KIND_GROUP);
	assert_false(has(MATCH, "write member group"));
	assert_false(has(TARGET, "write member group"));
	assert_false(has(MATCH, "write title user contact group"));
	assert_true(has(MATCH, "write title user contact"));
	assert_true(has(TARGET, "create user contact"));
}

/* What makes an account what it is. */
static void
nothing_of_the_account(void **state)
{
	static const char *const never[] = {"servicePrincipalName", "altSecurityIdentities",
	    "userAccountControl", "scriptPath", "sAMAccountName", "userPrincipalName", "groupType",
	    "objectSid", "sIDHistory", "unicodePwd", "nTSecurityDescriptor", "cn", "name",
	    "msExchMasterAccountSid"};
	_cleanup_(free) char *text = NULL, *at = NULL;

	(void)state;
	f.g.scope.on_leave = LEAVE_DISABLE;
	text = printed();
	at = of_place(text, MATCH);
	for (size_t i = 0; i < ARRAY_SIZE(never); i++) {
		_cleanup_(free) char *line = str_printf(" %s ", never[i]);

		if (strstr(at, line))
			fail_msg("%s may be written on what was matched", never[i]);
	}
	assert_null(strstr(at, "create"));
	assert_null(strstr(at, "delete"));
	assert_true(has(TARGET, "write userAccountControl user"));
	assert_true(has(TARGET, "write groupType group"));
	assert_false(has(TARGET, "write sAMAccountName user group"));
}

static void
leave_actions(void **state)
{
	(void)state;
	f.g.scope.on_leave = LEAVE_HIDE;
	assert_false(has(TARGET, "write userAccountControl user"));
	assert_false(has(TARGET, "delete user contact group"));
	f.g.scope.on_leave = LEAVE_DELETE;
	assert_true(has(TARGET, "delete user contact group"));
	assert_false(has(TARGET, "write userAccountControl user"));
}

static void
what_is_created(void **state)
{
	(void)state;
	assert_true(has(TARGET, "create user contact group"));
	f.g.scope.layout = LAYOUT_MIRROR;
	assert_true(has(TARGET, "create user contact group organizationalUnit"));
	f.g.scope.create = CREATE_CONTACT;
	assert_true(has(TARGET, "create contact organizationalUnit"));
	assert_false(has(TARGET, "write member group"));
	f.g.scope.create = CREATE_NOTHING;
	{
		_cleanup_(free) char *text = printed(), *at = of_place(text, TARGET);

		assert_string_equal(at, "  read\n");
	}
}

static void
promoted_contacts(void **state)
{
	(void)state;
	assert_false(has(MATCH, "delete contact"));
	f.g.link.promote_contacts = true;
	assert_true(has(MATCH, "delete contact"));
	assert_false(has(MATCH, "create user"));
	assert_true(has(TARGET, "delete contact"));
}

/* Where matches are allowed the rights are, and nowhere else. */
static void
match_bases(void **state)
{
	char *bases[] = {given_str("OU=People,DC=globex,DC=example"),
	    given_str("OU=Shared,DC=globex,DC=example")};
	_cleanup_(free) char *text = NULL;

	(void)state;
	f.g.link.match_bases = bases;
	f.g.link.n_match_bases = ARRAY_SIZE(bases);
	assert_true(has("match-scope OU=People,DC=globex,DC=example", "write member group"));
	assert_true(has("match-scope OU=Shared,DC=globex,DC=example", "write member group"));
	text = printed();
	assert_null(strstr(text, "*\n"));
}

static void
linked_accounts(void **state)
{
	(void)state;
	assert_false(has(TARGET, "write msExchMasterAccountSid user"));
	f.g.scope.linked = true;
	assert_true(has(TARGET, "write msExchMasterAccountSid user"));
	assert_false(has(MATCH, "write msExchMasterAccountSid user"));
}

static void
remote_mailboxes(void **state)
{
	(void)state;
	assert_false(has(TARGET, "write msExchRemoteRecipientType user"));
	f.g.scope.create = CREATE_REMOTE_MAILBOX;
	assert_true(has(TARGET, "write msExchRemoteRecipientType user"));
	assert_true(has(MATCH, "write msExchRemoteRecipientType user"));
	assert_true(has(TARGET, "create user contact group"));
}

static void
rows_of_the_site(void **state)
{
	struct conf_row rows[] = {
	    {.attr = given_str("employeeType"),
		.source = given_str("company"),
		.how = ROW_COPY,
		.kinds = KIND_BIT(KIND_USER)},
	    {.attr = given_str("title"), .how = ROW_REMOVE},
	};

	(void)state;
	f.g.link.rows = rows;
	f.g.link.n_rows = ARRAY_SIZE(rows);
	assert_true(has(TARGET, "write employeeType user"));
	assert_false(has(MATCH, "write employeeType user"));
	assert_false(has(MATCH, "write title user contact group"));
	rows[0].on_matched = true;
	assert_true(has(MATCH, "write employeeType user"));
}

/* Users write it, and the account does not. */
static void
reports_of_clients(void **state)
{
	(void)state;
	f.g.link.client_attribute = given_str("extensionAttribute5");
	assert_true(has(STAFF, "self-write extensionAttribute5 user"));
	assert_false(has(STAFF, "write extensionAttribute5 user"));
	assert_false(has(TARGET, "self-write extensionAttribute5 user"));
	f.g.scope.kinds = KIND_BIT(KIND_GROUP);
	assert_false(has(STAFF, "self-write extensionAttribute5 user"));
}

static void
marker_group_and_return_ou(void **state)
{
	_cleanup_(free) char *text = NULL, *group = NULL, *ou = NULL;

	(void)state;
	f.g.link.marker_group = given_str("CN=switched,DC=acme,DC=example");
	f.g.link.return_contacts_ou = given_str("OU=GAL,DC=acme,DC=example");
	text = printed();
	group = of_place(text, "marker-group CN=switched,DC=acme,DC=example");
	ou = of_place(text, "return-ou OU=GAL,DC=acme,DC=example");
	assert_string_equal(group, "  read\n  write member\n");
	assert_true(str_starts_nocase(ou, "  read\n  create contact\n  delete contact\n"));
	assert_non_null(strstr(ou, "  write targetAddress contact\n"));
	assert_null(strstr(ou, "create user"));
}

/* Each place once, with what any of its scopes needs. */
static void
scopes_together(void **state)
{
	struct conf_scope scopes[2];
	struct rights r = {.n = 0};
	struct err err;

	(void)state;
	scopes[0] = scopes[1] = f.g.scope;
	scopes[0].kinds = KIND_BIT(KIND_USER);
	scopes[1].kinds = KIND_BIT(KIND_GROUP);
	scopes[1].base = given_str("OU=Groups,DC=acme,DC=example");
	f.g.link.scopes = scopes;
	f.g.link.n_scopes = 2;
	assert_int_equal(rights_of(&f.g.link, &r, &err), 0);
	assert_int_equal(r.n, 4);
	rights_done(&r);
	assert_true(has(TARGET, "create user group"));
	assert_true(has(MATCH, "write member group"));
}

/* ---- delegate.sh ---- */

static char *
text_of(const char *path)
{
	FILE *file = fopen(path, "re");
	struct buf b = {0};
	char part[4096];
	size_t n;

	assert_non_null(file);
	while ((n = fread(part, 1, sizeof part, file)) > 0)
		buf_add(&b, part, n);
	(void)fclose(file);
	return buf_take_str(&b);
}

/* TEXT without comments and forests, and with '*' for each place. */
static char *
anywhere(const char *text)
{
	struct buf b = {0};

	for (const char *line = text, *end; *line; line = end + (*end == '\n')) {
		end = line + strcspn(line, "\n");
		if (*line == '#' || *line == '\n' || str_starts_nocase(line, "forest "))
			continue;
		if (*line == ' ')
			buf_add(&b, line, (size_t)(end - line));
		else
			buf_printf(&b, "%.*s *", (int)strcspn(line, " "), line);
		buf_add_char(&b, '\n');
	}
	return buf_take_str(&b);
}

/* The script makes the part of a return OU of that of a target OU. */
static void
take_out_return(char *text)
{
	char *at = strstr(text, "return-ou *\n"), *end = at ? strstr(at, "target-ou *\n") : NULL;

	assert_non_null(end);
	for (char *line = strstr(at, "  write "); line && line < end;
	     line = strstr(line + 1, "  write ")) {
		_cleanup_(free) char *attr = strndup(line, strcspn(line + 8, " ") + 9);
		const char *there = strstr(end, attr);

		assert_non_null(there);
		assert_non_null(memmem(there, strcspn(there, "\n"), "contact", 7));
	}
	memmove(at, end, strlen(end) + 1);
}

/* Does the script say that ATTR does not flow back? Its expression is in two lines. */
static bool
is_own(const char *sh, const char *attr)
{
	const char *first = strstr(sh, "\nown='") + 6, *more = strstr(sh, "\nown=\"$own") + 10;
	_cleanup_(free) char *text = str_printf(
	    "^(%.*s%.*s)$", (int)strcspn(first, "'"), first, (int)strcspn(more, "\""), more);
	regex_t re;
	bool found;

	assert_int_equal(regcomp(&re, text, REG_EXTENDED | REG_NOSUB), 0);
	found = regexec(&re, attr, 0, NULL, 0) == 0;
	regfree(&re);
	return found;
}

/* The script makes what flows back of what is written to users of a target OU, but for some. It
 * comes behind the references, which the script lists, and of which some flow back too. */
static void
take_out_back(const char *sh, char *text)
{
	static const char last[] = "  write dLMemRejectPerms user contact group\n";
	char *at = strstr(text, "  write extensionAttribute14 user\n") + 34;
	char *behind_references = strstr(at, last) + sizeof last - 1;
	char *end = strstr(at, "marker-group *\n"), *target = strstr(at, "target-ou *\n");
	char *behind = strstr(target, "match-scope *\n");

	for (char *line = target, *next; line < behind; line = next) {
		_cleanup_(free) char *attr = NULL, *there = NULL;
		const char *found;

		next = strchr(line, '\n') + 1;
		if (strncmp(line, "  write ", 8) != 0 ||
		    strncmp(line + 8 + strcspn(line + 8, " "), " user", 5) != 0)
			continue;
		attr = strndup(line + 8, strcspn(line + 8, " "));
		there = str_printf("  write %s user", attr);
		found = strstr(at, there);
		if ((found && found < end) == is_own(sh, attr))
			fail_msg("conf/delegate.sh: %s in own", attr);
	}
	memmove(behind_references, end, strlen(end) + 1);
}

/* Without `galsyncd -T --rights` the script grants what a configuration with the default attributes
 * may need. A change of the table changes its list: paste what this test prints. */
static void
defaults_of_the_script(void **state)
{
	_cleanup_(free) char *sh = text_of("conf/delegate.sh");
	_cleanup_(free) char *list = text_of("conf/delegate.rights");
	_cleanup_(free) char *text = NULL, *want = NULL, *got = anywhere(list);
	struct conf_scope scopes[2];

	(void)state;
	scopes[0] = scopes[1] = f.g.scope;
	scopes[0].on_leave = LEAVE_DISABLE;
	scopes[0].layout = LAYOUT_MIRROR;
	scopes[0].linked = true;
	scopes[1].on_leave = LEAVE_DELETE;
	scopes[1].hidden_leaves = false;
	f.g.link.scopes = scopes;
	f.g.link.n_scopes = 2;
	f.g.link.promote_contacts = true;
	f.g.link.marker_group = given_str("CN=switched,DC=acme,DC=example");
	f.g.link.return_contacts_ou = given_str("OU=GAL,DC=acme,DC=example");
	text = printed();
	want = anywhere(text);
	take_out_return(want);
	take_out_back(sh, want);
	if (strcmp(got, want) == 0)
		return;
	(void)fputs(want, stderr);
	fail_msg("conf/delegate.rights must be what is printed above");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(source_by_kinds, make),
	    cmocka_unit_test_setup(what_flows_back, make),
	    cmocka_unit_test_setup(source_without_redirections, make),
	    cmocka_unit_test_setup(members_only_of_groups, make),
	    cmocka_unit_test_setup(nothing_of_the_account, make),
	    cmocka_unit_test_setup(leave_actions, make),
	    cmocka_unit_test_setup(what_is_created, make),
	    cmocka_unit_test_setup(promoted_contacts, make),
	    cmocka_unit_test_setup(match_bases, make),
	    cmocka_unit_test_setup(linked_accounts, make),
	    cmocka_unit_test_setup(remote_mailboxes, make),
	    cmocka_unit_test_setup(rows_of_the_site, make),
	    cmocka_unit_test_setup(reports_of_clients, make),
	    cmocka_unit_test_setup(marker_group_and_return_ou, make),
	    cmocka_unit_test_setup(scopes_together, make),
	    cmocka_unit_test_setup(defaults_of_the_script, make),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
