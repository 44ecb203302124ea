/* SPDX-License-Identifier: MIT */

/* The attributes that a configuration names, against two schemas. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dsa/rules/named_attrs.h"
#include "tests/support/fakedir.h"
#include "tests/support/given.h"

#define NO(key, side)                                                                              \
	"site.conf:3: " key ": 'noSuch': the schema of forest '" side                              \
	"' has no such attribute; allowed: one that it has, by its lDAPDisplayName\n"
#define NONE_IN(line, key, text)                                                                   \
	"site.conf:" line ": " key ": '" text                                                      \
	"': the schema of forest 'acme' has no attribute 'noSuch'; allowed: those that it has, "   \
	"by their lDAPDisplayName\n"
#define UNFIT(key, attr, side, why)                                                                \
	"site.conf:3: " key ": '" attr "' of forest '" side "' " why                               \
	"; allowed: a single-valued Unicode string attribute that takes 80 characters and has no " \
	"other use\n"

static const struct names_case {
	const char *name, *want;
	const char *filter, *primary, *redirect, *stamp, *marker, *readiness, *client;
	const char *match[SIDES], *row, *row_source, *adopt[SIDES], *keep;
	enum row_how how;
	const char *source_lacks[2], *target_lacks[2];
	bool unknown[SIDES]; /* the schema */
} cases[] = {
    {"nothing named", .want = ""},
    {"filter", .filter = "(&(title=x)(!(department=*)))", .want = ""},
    {"bits in a filter", .filter = "(!(userAccountControl:1.2.840.113556.1.4.803:=2))"},
    {"no such in a filter", .filter = "(&(title=x)(!(noSuch=*)))",
	.want = NONE_IN("5", "filter", "(&(title=x)(!(noSuch=*)))")},
    {"twice in a filter", .filter = "(|(noSuch=1)(NOSUCH=2)(noSuch=3))",
	.want = "site.conf:5: filter: '(|(noSuch=1)(NOSUCH=2)(noSuch=3))': the schema of forest "
		"'acme' has no attribute 'noSuch'; allowed: those that it has, by their "
		"lDAPDisplayName\n"
		"site.conf:5: filter: '(|(noSuch=1)(NOSUCH=2)(noSuch=3))': the schema of forest "
		"'acme' has no attribute 'NOSUCH'; allowed: those that it has, by their "
		"lDAPDisplayName\n"},
    {"the source's alone in a filter", .filter = "(title=x)", .target_lacks = {"title"}},
    {"the source lacks it", .filter = "(title=noSuch)", .source_lacks = {"title"},
	.want = "site.conf:5: filter: '(title=noSuch)': the schema of forest 'acme' has no "
		"attribute 'title'; allowed: those that it has, by their lDAPDisplayName\n"},

    {"templates", .primary = "%{givenName}@x.example", .redirect = "r-%{mailNickname:lower}"},
    {"primary address", .primary = "%{sn}.%{noSuch}@x.example",
	.want = NONE_IN("3", "primary_address", "%{sn}.%{noSuch}@x.example")},
    {"redirect address", .redirect = "%{noSuch:lower}",
	.want = NONE_IN("3", "redirect_address", "%{noSuch:lower}")},

    {"match", .match = {"employeeID", "comment"}, .want = ""},
    {"match of the source", .match = {"noSuch", "comment"}, .want = NO("match", "acme")},
    {"match of the target", .match = {"comment", "noSuch"}, .want = NO("match", "globex")},
    {"match of neither", .match = {"noSuch", "noSuch"},
	.want = NO("match", "acme") NO("match", "globex")},
    {"match, each side's own", .match = {"title", "comment"}, .source_lacks = {"comment"},
	.target_lacks = {"title"}, .want = ""},

    {"stamp", .stamp = "noSuch",
	.want = UNFIT("stamp_attribute", "noSuch", "globex",
	    "does not "
	    "exist there")},
    {"stamp of many", .stamp = "description",
	.want = UNFIT("stamp_attribute", "description", "globex", "takes several values")},
    {"marker", .marker = "noSuch",
	.want = UNFIT("marker_attribute", "noSuch", "acme", "does not exist there")},
    {"readiness", .readiness = "noSuch", .want = NO("readiness_attribute", "acme")},
    {"readiness of everybody", .readiness = "info",
	.want = "site.conf:3: readiness_attribute: 'info': every user may write it on its own "
		"object of forest 'acme', and so switch itself; allowed: an attribute that only "
		"administrators write\n"},

    {"client", .client = "noSuch", .want = NO("client_attribute", "acme")},
    {"client, as everybody may", .client = "info", .want = ""},
    {"client, no text", .client = "userAccountControl",
	.want = "site.conf:3: client_attribute: 'userAccountControl' of forest 'acme' is no text "
		"that can be written; allowed: a string attribute\n"},

    {"row", .row = "title", .row_source = "company", .want = ""},
    {"row of the target", .row = "noSuch", .row_source = "company",
	.want = "site.conf:7: attribute: 'noSuch': the schema of forest 'globex' has no such "
		"attribute; allowed: one that it has, by its lDAPDisplayName\n"},
    {"row of the source", .row = "title", .row_source = "noSuch",
	.want = "site.conf:7: source: 'noSuch': the schema of forest 'acme' has no such "
		"attribute; allowed: one that it has, by its lDAPDisplayName\n"},
    {"row by template", .row = "title", .row_source = "Dr. %{noSuch}", .how = ROW_TEMPLATE,
	.want = NONE_IN("7", "value", "Dr. %{noSuch}")},
    {"constant row", .row = "title", .row_source = "noSuch", .how = ROW_CONSTANT, .want = ""},
    {"row that is taken out", .row = "noSuch", .how = ROW_REMOVE, .want = ""},
    {"row of what the directory makes", .row = "memberOf", .row_source = "title",
	.want = "site.conf:7: attribute: 'memberOf': forest 'globex' does not let it be written; "
		"allowed: other attributes\n"},

    {"another tool", .adopt = {"comment", "description"}, .keep = "title", .want = ""},
    {"another tool's", .adopt = {"noSuch", "noSuch"}, .keep = "noSuch",
	.want = NO("adopt", "acme")
	    NO("adopt", "globex") "site.conf:3: adopt: 'noSuch': neither schema has such an "
				  "attribute; allowed: one "
				  "that forest 'acme' or 'globex' has, by its lDAPDisplayName\n"},

    /* Every mistake at once, and only what a forest can answer. */
    {"all", .filter = "(noSuch=x)", .marker = "noSuch", .match = {"noSuch", "noSuch"},
	.want = UNFIT("marker_attribute", "noSuch", "acme", "does not exist there")
	    NONE_IN("5", "filter", "(noSuch=x)") NO("match", "acme") NO("match", "globex")},
    {"source unknown", .filter = "(noSuch=x)", .marker = "noSuch", .match = {"noSuch", "noSuch"},
	.unknown = {true, false}, .want = NO("match", "globex")},
    {"target unknown", .stamp = "noSuch", .match = {"noSuch", "noSuch"}, .keep = "noSuch",
	.unknown = {false, true}, .want = NO("match", "acme")},
};

struct parts {
	struct given g;
	struct conf_row row;
	struct match_rule match;
	struct conf_adopt adopt;
	char *keep[1];
};

static void
arrange(struct parts *p, const struct names_case *c)
{
	struct err err;

	*p = (struct parts){.match = {.method = MATCH_ATTRIBUTE,
				.source_attr = given_str(c->match[SOURCE]),
				.target_attr = given_str(c->match[TARGET])},
	    .row = {.attr = given_str(c->row),
		.source = c->row_source,
		.how = c->how,
		.file = given_str("site.conf"),
		.line = 7},
	    .keep = {given_str(c->keep)}};
	p->adopt = (struct conf_adopt){.tool = given_str("other"),
	    .attribute = {given_str(c->adopt[SOURCE]), given_str(c->adopt[TARGET])},
	    .keep = p->keep,
	    .n_keep = c->keep != NULL};
	given_init(&p->g);
	p->g.link.file = given_str("site.conf");
	p->g.link.line = 3;
	p->g.scope.line = 5;
	p->g.scope.filter_text = given_str(c->filter);
	if (c->filter)
		assert_int_equal(filter_parse(c->filter, &p->g.scope.filter, &err), 0);
	p->g.link.primary_template = given_str(c->primary);
	if (c->redirect)
		p->g.link.redirect_template = given_str(c->redirect);
	if (c->stamp)
		p->g.forest[TARGET].stamp_attribute = given_str(c->stamp);
	if (c->marker)
		p->g.link.marker_attribute = given_str(c->marker);
	p->g.link.readiness_attribute = given_str(c->readiness);
	p->g.link.client_attribute = given_str(c->client);
	p->g.link.match = &p->match;
	p->g.link.n_match = c->match[SOURCE] != NULL;
	p->g.link.rows = &p->row;
	p->g.link.n_rows = c->row != NULL;
	p->g.link.adopt = &p->adopt;
	p->g.link.n_adopt = c->adopt[SOURCE] != NULL;
}

static void
named(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct names_case *c = &cases[i];
		_cleanup_(schema_free) struct schema *source = fakedir_schema_new(c->source_lacks);
		_cleanup_(schema_free) struct schema *target = fakedir_schema_new(c->target_lacks);
		const struct schema *const schema[SIDES] = {
		    c->unknown[SOURCE] ? NULL : source, c->unknown[TARGET] ? NULL : target};
		_cleanup_(mistakes_done) struct mistakes found = {.n = 0};
		_cleanup_(buf_done) struct buf text = {0};
		struct parts p;

		arrange(&p, c);
		named_attrs_check(&p.g.link, schema, &found);
		assert_false(found.nomem);
		buf_add_str(&text, "");
		for (size_t j = 0; j < found.n; j++) {
			buf_printf(&text, "%s\n", found.v[j].text);
			assert_int_equal(found.v[j].weight, MISTAKE_STOPS);
		}
		given_same(
		    i, c->name, text.data ? (const char *)text.data : "", c->want ? c->want : "");
		filter_free(p.g.scope.filter);
	}
	given_all_same();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(named)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
