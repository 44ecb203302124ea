/* SPDX-License-Identifier: MIT */

/* The projection table in words: of any configuration, and in the manual. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/rules/table_print.h"

#define PRINTED_BY table_print
#include "tests/support/printed_fixture.h"

/* The row of ATTR for KIND with one space between its words, or NULL. Of several the first. */
static char *
row_of(const char *kind, const char *attr)
{
	_cleanup_(free) char *text = printed();
	_cleanup_(free) char *title = str_printf("\n# link acme-globex: %s\n", kind);
	_cleanup_(free) char *name = str_printf("\n%s ", attr);
	const char *begin = strstr(text, title), *line;
	const char *end = begin ? strstr(begin + 1, "\n\n") : NULL;
	struct buf b = {0};

	line = begin ? strstr(begin, name) : NULL;
	if (!line || (end && line > end))
		return NULL;
	for (line++; *line && *line != '\n'; line++)
		if (*line != ' ' || line[-1] != ' ')
			buf_add_char(&b, *line);
	return buf_take_str(&b);
}

static const struct {
	const char *kind, *attr, *want;
} rows[] = {
    {"user", "title", "title copy always set active title any title"},
    {"user", "otherMobile", "otherMobile merge always merge active otherMobile any otherMobile"},
    {"user", "manager", "manager dn always merge active manager any manager"},
    {"user", "mail",
	"mail computed always set active mail any the primary address in proxyAddresses"},
    {"user", "sAMAccountName",
	"sAMAccountName computed create - galsync - any sAMAccountName, made unique"},
    {"user", "mDBUseDefaults", "mDBUseDefaults constant always if-absent galsync - mailbox TRUE"},
    {"user", "msExchSafeSendersHash",
	"msExchSafeSendersHash copy always set active msExchSafeSendersHash any "
	"msExchSafeSendersHash"},
    {"user", "extensionAttribute15",
	"extensionAttribute15 computed always if-no-other galsync - any the source's objectGUID, "
	"created or matched, the side in use"},
    {"user", "member", NULL},
    {"user", "msExchMasterAccountSid", NULL},
    {"group", "member", "member dn always merge active member any member"},
    {"group", "homeMDB", NULL},
    {"contact", "msExchPoliciesIncluded",
	"msExchPoliciesIncluded computed kept - galsync - any nothing: no value stays"},
    {"public-folder", "sn", "sn copy always set active sn any sn"},
};

static void
rows_in_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(free) char *got = row_of(rows[i].kind, rows[i].attr);

		given_same(i, rows[i].attr, got, rows[i].want);
	}
	given_all_same();
}

/* What a site says is in it, and what it removes is not. */
static void
rows_of_the_site(void **state)
{
	struct conf_row site[] = {
	    {.attr = given_str("title"), .how = ROW_REMOVE},
	    {.attr = given_str("company"),
		.source = "Acme %{department}",
		.how = ROW_TEMPLATE,
		.kinds = KIND_BIT(KIND_USER)},
	    {.attr = given_str("department"),
		.source = "division",
		.on_matched = true,
		.authority = AUTHORITY_TARGET},
	};
	_cleanup_(free) char *company = NULL, *department = NULL, *others = NULL, *gone = NULL;

	(void)state;
	f.g.link.rows = site;
	f.g.link.n_rows = ARRAY_SIZE(site);
	gone = row_of("user", "title");
	company = row_of("user", "company");
	others = row_of("contact", "company");
	department = row_of("user", "department");
	assert_null(gone);
	assert_string_equal(company, "company template created - active - any Acme %{department}");
	assert_string_equal(others, "company copy always set active company any company");
	assert_string_equal(department, "department copy always set target division any division");
}

/* A scope that makes contacts of users, and the return flow. */
static void
by_scope_and_flow(void **state)
{
	struct conf_link back;
	_cleanup_(free) char *as = NULL, *text = NULL, *sid = NULL;

	(void)state;
	f.g.scope.create = CREATE_CONTACT;
	f.g.scope.kinds = KIND_BIT(KIND_USER);
	f.g.scope.linked = true;
	as = row_of("user", "homeMDB");
	assert_string_equal(as, "homeMDB computed always if-absent galsync - mailbox one of "
				"links.mailbox.databases");
	sid = row_of("user", "msExchMasterAccountSid");
	assert_non_null(sid);
	back = f.g.link;
	back.forth = &f.g.link;
	f.g.link.back = &back;
	text = printed();
	assert_non_null(strstr(text, "\n# link acme-globex, return contacts: user\n"));
	assert_null(strstr(text, ": group\n"));
	f.g.link.back = NULL;
}

/* No row is without a word in any column. */
static int
has_words(const struct row *r, void *arg)
{
	(void)arg;
	if (!*table_from(r) || !*table_when(r) || !table_how(r) || !table_matched(r))
		fail_msg("%s has no words", r->attr);
	return 0;
}

static void
nothing_without_words(void **state)
{
	(void)state;
	assert_int_equal(table_each_row(&f.g.link, has_words, NULL), 0);
	assert_int_equal(table_each_back_row(&f.g.link, has_words, NULL), 0);
}

/* ---- the manual ---- */

struct section {
	struct buf text;
	char *words; /* of the item that is open */
};

/* The kinds of R, or shapes, as the manual says them. */
static char *
which_text(const struct row *r)
{
	static const struct {
		unsigned bits;
		const char *name;
	} kinds[] = {{KIND_BIT(KIND_USER), "of users"}, {KIND_BIT(KIND_GROUP), "of groups"}};
	unsigned people = table_shapes(KIND_USER, CREATE_CONTACT), all = (1U << SHAPE_MAX) - 1;
	struct buf b = {0};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (r->kinds == kinds[i].bits)
			buf_printf(&b, " %s", kinds[i].name);
	if ((r->shapes & all) == all)
		return b.len ? buf_take_str(&b) : strdup(" of everything");
	if (r->shapes == people)
		buf_add_str(&b, " as all but a group");
	else if (r->shapes == (all & ~people))
		buf_add_str(&b, " as a group");
	else
		for (size_t i = 0, n = 0; i < SHAPE_MAX; i++)
			if (r->shapes & SHAPE_BIT(i))
				buf_printf(
				    &b, "%s %s", n++ ? "," : " as", shape_name((enum shape)i));
	return buf_take_str(&b);
}

/* A line of mdoc: what would be a macro or an escape is none. */
static char *
words_of(const struct row *r)
{
	_cleanup_(free) char *which = which_text(r);
	bool same = !r->compute && r->source && strcmp(r->source, r->attr) == 0;

	return str_printf("%s%s%s;%s; %s; matched: %s; %s.", table_how(r), same ? "" : ": ",
	    same ? "" : table_from(r), which, table_when(r), table_matched(r), table_authority(r));
}

static void
end_item(struct section *s)
{
	if (s->words)
		buf_printf(&s->text, "\n%s\n", s->words);
	free(TAKE(s->words));
}

static int
add_row(const struct row *r, void *arg)
{
	struct section *s = arg;
	_cleanup_(free) char *words = words_of(r);

	if (s->words && strcmp(words, s->words) == 0) {
		buf_printf(&s->text, " , %s", r->attr);
		return 0;
	}
	end_item(s);
	buf_printf(&s->text, ".It Li %s", r->attr);
	s->words = TAKE(words);
	return 0;
}

static char *
manual(void)
{
	FILE *from = fopen("man/galsync.conf.5", "re");
	struct buf b = {0};
	char part[4096];
	size_t n;

	assert_non_null(from);
	while ((n = fread(part, 1, sizeof part, from)) > 0)
		buf_add(&b, part, n);
	(void)fclose(from);
	return buf_take_str(&b);
}

/* A change of the table changes the manual: paste what this test prints. */
static void
section_of_the_manual(void **state)
{
	static const char begin[] =
	    ".\\\" The rows as tests/unit/test_table_print.c prints them.\n";
	_cleanup_(free) char *page = manual(), *want = NULL;
	struct section s = {.words = NULL};
	const char *at = strstr(page, begin);

	(void)state;
	assert_int_equal(table_each_row(&f.g.link, add_row, &s), 0);
	end_item(&s);
	want = buf_take_str(&s.text);
	if (at && strncmp(at + sizeof begin - 1, want, strlen(want)) == 0 &&
	    strncmp(at + sizeof begin - 1 + strlen(want), ".El\n", 4) == 0)
		return;
	(void)fputs(want, stderr);
	fail_msg("man/galsync.conf.5: the projection table must be what is printed above");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(rows_in_words, make),
	    cmocka_unit_test_setup(rows_of_the_site, make),
	    cmocka_unit_test_setup(by_scope_and_flow, make),
	    cmocka_unit_test_setup(nothing_without_words, make),
	    cmocka_unit_test_setup(section_of_the_manual, make),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
