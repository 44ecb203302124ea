/* SPDX-License-Identifier: MIT */

/* The projection table: the rows of the site, what a schema lacks, and what has to be read. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "dsa/config/used_attrs.h"
#include "dsa/rules/table.h"
#include "tests/support/fakedir.h"
#include "tests/support/given.h"

#define USERS KIND_BIT(KIND_USER)
#define GROUPS KIND_BIT(KIND_GROUP)
#define LACKS_MAX 4

/* The rows of one attribute as "how meet kinds when[ lasts]", joined by '|'. */
static char *
shown(const struct table *t, const char *attr)
{
	static const char *const hows[] = {[ROW_COPY] = "copy",
	    [ROW_CONSTANT] = "constant",
	    [ROW_TEMPLATE] = "template",
	    [ROW_DN] = "dn",
	    [ROW_MERGE] = "merge"};
	static const char *const meets[] = {[MEET_SET] = "set",
	    [MEET_ROUTE] = "route",
	    [MEET_CLEAR] = "clear",
	    [MEET_STAMP] = "stamp",
	    [MEET_IF_ABSENT] = "if-absent",
	    [MEET_IF_OURS] = "if-ours",
	    [MEET_MERGE] = "merge",
	    [MEET_LINK] = "link",
	    [MEET_ADDRESSES] = "addresses"};
	struct buf b = {0};

	for (size_t i = 0; i < t->n; i++) {
		const struct row *r = &t->rows[i];

		if (!str_equal_nocase(r->attr, attr))
			continue;
		buf_printf(&b, "%s%s %s", b.len ? "|" : "", r->compute ? "computed" : hows[r->how],
		    meets[r->meet]);
		for (int k = KIND_USER; k < KIND_MAX; k++)
			if (!(r->kinds & KIND_BIT(k)))
				buf_printf(&b, " !%s", kind_name((enum kind)k));
		buf_printf(&b, "%s%s%s%s", r->when & WHEN_CREATE ? " new" : "",
		    r->when & WHEN_CREATED ? " created" : "",
		    r->when & WHEN_MATCHED ? " matched" : "", r->lasts ? " lasts" : "");
	}
	return b.len ? buf_take_str(&b) : NULL;
}

#define OWNED " new created"
#define ALWAYS " new created matched"
#define LASTS ALWAYS " lasts"
#define ONLY_USERS " !contact !group !dynamic-group !public-folder"
#define OTHERS " !user !contact !dynamic-group !public-folder"

static const struct table_case {
	const char *attr, *want; /* rows; NULL: none */
	/* A row of the site for ROW_ATTR (NULL: for ATTR), if FROM or HOW is given. */
	const char *from, *row_attr;
	enum row_how how;
	unsigned kinds;
	bool on_created;
	const char *source_lacks[LACKS_MAX], *target_lacks[LACKS_MAX];
	const char *stamp[SIDES], *readiness, *marker;
	const char *why, *lacking;
} cases[] = {
    /* The defaults. */
    {"title", .want = "copy set" ALWAYS},
    {"otherTelephone", .want = "merge merge" ALWAYS},
    {"member", .want = "dn link" OTHERS ALWAYS},
    {"targetAddress", .want = "computed route" ALWAYS},
    {"msExchPoliciesIncluded", .want = "computed clear created"},
    {"proxyAddresses", .want = "computed addresses" LASTS},
    {"legacyExchangeDN", .want = "computed if-absent" ALWAYS},
    {"userAccountControl", .want = "computed set new"},
    {"mailNickname", .want = "copy set" OWNED "|copy if-absent matched"},
    {"mDBUseDefaults", .want = "constant if-absent" ALWAYS},
    {"msExchMailboxGuid", .want = "computed if-absent" ALWAYS "|computed if-ours" ALWAYS},
    {"msExchArchiveGUID", .want = "computed if-ours" ONLY_USERS ALWAYS},
    {"msExchArchiveName", .want = "computed if-ours" ONLY_USERS ALWAYS},
    {"description", .want = NULL},
    {"unicodePwd", .want = NULL},

    /* The stamp has its attribute for itself, on either side. */
    {"extensionAttribute15", .want = "computed stamp" LASTS},
    /* As the marker has, and readiness. */
    {"extensionAttribute14", .want = NULL},
    {"extensionAttribute13", .want = "copy set" ALWAYS},
    {"extensionAttribute13", .readiness = "ExtensionAttribute13", .want = NULL},
    {"extensionAttribute1", .stamp = {NULL, "extensionAttribute1"}, .want = "computed stamp" LASTS},
    {"extensionAttribute1", .stamp = {NULL, "EXTENSIONATTRIBUTE1"}, .want = "computed stamp" LASTS},
    {"extensionAttribute1", .stamp = {"extensionAttribute1", NULL}, .want = NULL},
    {"extensionAttribute15", .stamp = {NULL, "extensionAttribute1"}, .want = NULL},
    {"extensionAttribute15", .stamp = {"extensionAttribute1", "extensionAttribute1"},
	.want = "copy set" ALWAYS},
    {"adminDescription", .stamp = {NULL, "adminDescription"}, .want = "computed stamp" LASTS},
    {"title", .stamp = {NULL, "noSuchAttribute"},
	.why = "site.conf:3: stamp_attribute: 'noSuchAttribute' of forest 'globex' does not exist"},

    /* It must fit there: what galsync writes, and no value beside it. So must the marker. */
    {"title", .stamp = {NULL, "description"},
	.why =
	    "site.conf:3: stamp_attribute: 'description' of forest 'globex' takes several values; "
	    "allowed: a single-valued Unicode string attribute that takes 80 characters and has"},
    {"title", .stamp = {NULL, "employeeID"},
	.why =
	    "site.conf:3: stamp_attribute: 'employeeID' of forest 'globex' is too short; allowed"},
    {"title", .stamp = {NULL, "accountExpires"},
	.why =
	    "site.conf:3: stamp_attribute: 'accountExpires' of forest 'globex' is no text of any "
	    "characters; allowed"},
    {"title", .stamp = {NULL, "dnQualifier"},
	.why = "site.conf:3: stamp_attribute: 'dnQualifier' of forest 'globex' is no text of any"},
    {"title", .stamp = {NULL, "instanceType"},
	.why = "site.conf:3: stamp_attribute: 'instanceType' of forest 'globex' cannot be written"},
    {"title", .stamp = {NULL, "memberOf"},
	.why = "site.conf:3: stamp_attribute: 'memberOf' of forest 'globex' cannot be written; "},
    {"title", .stamp = {"description", NULL}, .want = "copy set" ALWAYS},
    {"title", .marker = "comment", .want = "copy set" ALWAYS},
    {"title", .marker = "description",
	.why =
	    "site.conf:3: marker_attribute: 'description' of forest 'acme' takes several values"},
    {"title", .marker = "employeeID",
	.why =
	    "site.conf:3: marker_attribute: 'employeeID' of forest 'acme' is too short; allowed"},
    {"title", .marker = "noSuchAttribute",
	.why = "site.conf:3: marker_attribute: 'noSuchAttribute' of forest 'acme' does not exist"},
    {"title", .target_lacks = {"comment"}, .marker = "comment", .want = "copy set" ALWAYS},
    {"title", .source_lacks = {"comment"}, .marker = "comment",
	.why = "site.conf:3: marker_attribute: 'comment' of forest 'acme' does not exist there"},

    /* Rows of the site replace the defaults for the kinds that they name. */
    {"title", "constant set" ALWAYS, .from = "x", .how = ROW_CONSTANT},
    {"TITLE", "constant set" ALWAYS, .from = "x", .how = ROW_CONSTANT, .row_attr = "title"},
    {"title", "constant set" OWNED, .from = "x", .how = ROW_CONSTANT, .on_created = true},
    {"title",
	"copy set !user" ALWAYS
	"|constant set !contact !group !dynamic-group !public-folder" ALWAYS,
	.from = "x", .how = ROW_CONSTANT, .kinds = USERS},
    {"mailNickname",
	"copy set !user" OWNED "|copy if-absent !user matched|"
	"copy set !contact !group !dynamic-group !public-folder" ALWAYS,
	.from = "employeeID", .kinds = USERS},
    {"title", "template set" ALWAYS, .from = "%{sn}", .how = ROW_TEMPLATE},
    {"title", "copy set" ALWAYS, .from = "department", .how = ROW_COPY},
    {"otherTelephone", "copy merge" ALWAYS, .from = "mobile", .how = ROW_COPY},
    {"otherTelephone", "constant merge" ALWAYS, .from = "1", .how = ROW_CONSTANT},
    {"comment", "merge merge" ALWAYS, .from = "description", .how = ROW_MERGE},
    {"secretary", "dn link" ALWAYS, .from = "manager", .how = ROW_DN},
    {"description", "copy merge" ALWAYS, .from = "description"},
    {"title", .want = NULL, .how = ROW_REMOVE},
    {"title", "copy set !user !group" ALWAYS, .how = ROW_REMOVE, .kinds = USERS | GROUPS},
    {"mailNickname", .want = NULL, .how = ROW_REMOVE},
    {"company", "copy set" ALWAYS, .how = ROW_REMOVE, .row_attr = "noSuchAttribute"},

    /* And must be possible. */
    {"noSuchAttribute", .from = "title",
	.why =
	    "site.conf:7: attribute: 'noSuchAttribute': the schema of forest 'globex' has no such"},
    {"title", .from = "noSuchAttribute",
	.why = "site.conf:7: source: 'noSuchAttribute': the schema of forest 'acme' has no such"},
    {"title", .from = "noSuchAttribute", .how = ROW_MERGE,
	.why = "site.conf:7: source: 'noSuchAttribute': the schema of forest 'acme'"},
    {"manager", .from = "noSuchAttribute", .how = ROW_DN,
	.why = "site.conf:7: source: 'noSuchAttribute': the schema of forest 'acme'"},
    {"title", "constant set" ALWAYS, .from = "noSuchAttribute", .how = ROW_CONSTANT},
    {"memberOf", .from = "title",
	.why = "site.conf:7: attribute: 'memberOf': forest 'globex' does not let it be written"},
    {"directReports", .from = "title",
	.why = "site.conf:7: attribute: 'directReports': forest 'globex' does not let it be"},
    {"instanceType", .from = "countryCode",
	.why = "site.conf:7: attribute: 'instanceType': forest 'globex' does not let it be"},

    /* What a schema lacks. */
    {"title", .want = NULL, .target_lacks = {"title"}, .lacking = "title"},
    {"title", .want = NULL, .source_lacks = {"title"}, .lacking = "title"},
    {"company", "copy set" ALWAYS, .target_lacks = {"title", "pager"}, .lacking = "title, pager"},
    {"title", .target_lacks = {"title"}, .from = "x", .how = ROW_CONSTANT,
	.why = "site.conf:7: attribute: 'title': the schema of forest 'globex' has no such"},
    {"title", .want = NULL, .target_lacks = {"title"}, .how = ROW_REMOVE},
    {"msExchCalendarRepairDisabled", .want = NULL, .target_lacks = {"msExchCalendarRepairDisabled"},
	.lacking = "msExchCalendarRepairDisabled"},
    {"msExchCalendarRepairDisabled",
	"computed set !contact !group !dynamic-group !public-folder" ALWAYS,
	.source_lacks = {"msExchCalendarRepairDisabled"}},
    {"msExchArchiveName", .want = NULL, .target_lacks = {"msExchArchiveName"},
	.lacking = "msExchArchiveName"},
    {"title", .target_lacks = {"proxyAddresses"},
	.why = "forest 'globex' lacks attributes that galsync needs: proxyAddresses; extend the"},
    {"title", .target_lacks = {"targetAddress", "mailNickname"},
	.why = "forest 'globex' lacks attributes that galsync needs: targetAddress, mailNickname"},
    {"title", .target_lacks = {"extensionAttribute15"},
	.why = "site.conf:3: stamp_attribute: 'extensionAttribute15' of forest 'globex' does not"},
    {"title", .source_lacks = {"mailNickname"}, .why = "forest 'globex' lacks"},
    {"title", .source_lacks = {"msExchRecipientTypeDetails"}, .want = "copy set" ALWAYS},
    {"title", .readiness = "extensionAttribute10", .want = "copy set" ALWAYS},
    {"title", .readiness = "noSuchAttribute",
	.why =
	    "site.conf:3: readiness_attribute: 'noSuchAttribute': the schema of forest 'acme' has"},
    {"title", .readiness = "info",
	.why = "site.conf:3: readiness_attribute: 'info': every user may"},
    {"title", .marker = "info",
	.why =
	    "site.conf:3: marker_attribute: 'info' of forest 'acme' may be written by every user"},
    {"title", .stamp = {NULL, "info"},
	.why = "site.conf:3: stamp_attribute: 'info' of forest 'globex' may be written by every"},
};

static void
arrange(struct given *g, const struct table_case *c, struct conf_row *row)
{
	given_init(g);
	*row = (struct conf_row){.attr = given_str(c->row_attr ? c->row_attr : c->attr),
	    .source = c->from,
	    .how = c->how,
	    .kinds = c->kinds,
	    .on_matched = !c->on_created,
	    .file = given_str("site.conf"),
	    .line = 7};
	g->link.rows = row;
	g->link.n_rows = c->from || c->how == ROW_REMOVE;
	for (int side = SOURCE; side < SIDES; side++)
		if (c->stamp[side])
			g->forest[side].stamp_attribute = given_str(c->stamp[side]);
	g->link.readiness_attribute = given_str(c->readiness);
	if (c->marker)
		g->link.marker_attribute = given_str(c->marker);
	g->link.file = given_str("site.conf");
	g->link.line = 3;
}

static void
built(void **state)
{
	struct given g;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct table_case *c = &cases[i];
		_cleanup_(schema_free) struct schema *source = fakedir_schema_new(c->source_lacks);
		_cleanup_(schema_free) struct schema *target = fakedir_schema_new(c->target_lacks);
		_cleanup_(table_free) struct table *t = NULL;
		_cleanup_(free) char *rows = NULL;
		struct conf_row row;
		struct err err = {0};

		arrange(&g, c, &row);
		given_ended(i, c->attr, table_new(&g.link, source, target, &t, &err), &err, c->why);
		rows = t ? shown(t, c->attr) : NULL;
		given_same(i, c->attr, rows, c->want);
		if (t)
			given_same(i, "lacking", t->lacking, c->lacking ? c->lacking : "");
	}
	given_all_same();
}

/* ---- what is used already ---- */

static bool
may_be_ours(const char *name)
{
	return str_starts_nocase(name, "extensionAttribute");
}

/* Whatever the table reads or writes is refused for stamps and markers, but for the fifteen. */
static void
used(void **state)
{
	_cleanup_(schema_free) struct schema *schema = NULL;
	_cleanup_(table_free) struct table *t = NULL;
	struct given g;

	(void)state;
	given_init(&g);
	t = given_table(&g.link, &schema);
	assert_string_equal(t->lacking, "");
	for (size_t i = 0; i < t->n; i++)
		if (used_attr(t->rows[i].attr) == may_be_ours(t->rows[i].attr))
			fail_msg("row of %s", t->rows[i].attr);
	for (int side = SOURCE; side < SIDES; side++) {
		const char **attrs = side == SOURCE ? t->source_attrs : t->target_attrs;

		for (; *attrs; attrs++)
			if (used_attr(*attrs) == may_be_ours(*attrs))
				fail_msg("%s reads %s", side_name((enum side)side), *attrs);
	}
	assert_true(used_attr("DISPLAYNAME") && used_attr("unicodePwd") && used_attr("member"));
	assert_false(used_attr("adminDescription") || used_attr("displayName2"));
	assert_true(used_attr_is_reserved("MAIL") && !used_attr_is_reserved("displayName"));
}

/* ---- what has to be read ---- */

static bool
reads(const char **attrs, const char *name)
{
	size_t n = 0;

	for (; *attrs; attrs++)
		n += str_equal_nocase(*attrs, name);
	assert_in_range(n, 0, 1);
	return n;
}

static void
read_list(void **state)
{
	static struct match_rule by_number = {.method = MATCH_ATTRIBUTE};
	static const struct {
		const char *attr;
		bool source, target;
	} want[] = {
	    {"objectGUID", true, true},
	    {"objectClass", true, true},
	    {"isCriticalSystemObject", true, true},
	    {"title", true, true},
	    {"msExchArchiveGUID", true, true},
	    {"cn", true, true},
	    {"extensionAttribute15", false, true}, /* its stamp */
	    {"mDBUseDefaults", false, true},	   /* a constant */
	    {"adminDescription", true, false},	   /* and the source's */
	    {"TRUE", false, false},
	    {"secretary", false, true}, /* row of the site, its template */
	    {"carLicense", true, false},
	    {"division", true, false},
	    {"employeeType", true, false}, /* filter */
	    {"employeeID", true, false},   /* match rule */
	    {"employeeNumber", false, true},
	    {"comment", true, false},	  /* primary address */
	    {"language", true, false},	  /* redirect address */
	    {"description", true, false}, /* readiness */
	    {"jpegPhoto", false, false},
	};
	struct conf_row row = {.attr = given_str("secretary"),
	    .source = "%{carLicense} %{division:lower}",
	    .how = ROW_TEMPLATE};
	_cleanup_(schema_free) struct schema *schema = NULL;
	_cleanup_(table_free) struct table *t = NULL;
	_cleanup_(filter_free) struct filter *filter = NULL;
	struct given g;
	struct err err = {0};

	(void)state;
	given_init(&g);
	assert_int_equal(filter_parse("(&(title=x)(!(employeeType=Temp)))", &filter, &err), 0);
	g.scope.filter = filter;
	by_number.source_attr = given_str("employeeID");
	by_number.target_attr = given_str("employeeNumber");
	g.link.match = &by_number;
	g.link.n_match = 1;
	g.link.rows = &row;
	g.link.n_rows = 1;
	g.link.primary_template = given_str("%{comment}@globex.example");
	g.link.redirect_template = given_str("r-%{language}");
	g.link.readiness_attribute = given_str("description");
	g.forest[SOURCE].stamp_attribute = given_str("adminDescription");
	t = given_table(&g.link, &schema);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		given_same(i, want[i].attr, reads(t->source_attrs, want[i].attr) ? "read" : NULL,
		    want[i].source ? "read" : NULL);
		given_same(i, want[i].attr, reads(t->target_attrs, want[i].attr) ? "read" : NULL,
		    want[i].target ? "read" : NULL);
	}
	given_all_same();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(built),
	    cmocka_unit_test(used),
	    cmocka_unit_test(read_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
