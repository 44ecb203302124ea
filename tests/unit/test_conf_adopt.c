/* SPDX-License-Identifier: MIT */

/* Mistakes in what is said of other tools, whose pairs are adopted. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/conf_fixture.h"

#define AT22 "galsync.conf:22: links[0]."
#define ROW(...) "attributes = ( { " __VA_ARGS__ " } );\n"
#define TOOL                                                                                       \
	"tool = \"x\"; source_attribute = \"extensionAttribute3\"; target_attribute = "            \
	"\"extensionAttribute4\"; value = \"(.*)\"; "
#define ADOPT(...) "adopt = ( { " __VA_ARGS__ " } );\n"
#define PATTERN                                                                                    \
	"; allowed: an extended regular expression (regex(7)) with at most one group ( ), which "  \
	"is the key"
#define NOTHING_ELSE(side)                                                                         \
	"; allowed: the domain in which the tool redirects to the " side " forest, and nothing "   \
	"else\n"

/* One edit of BASE and the messages that it gives. */
static const struct conf_mistake rows[] = {
    {"interval_s = 60;", ADOPT("tool = \"qmm\";"),
	AT22 "adopt: 'extensionAttribute15' belongs to a tool, but carries the stamp in forest "
	     "'globex'; allowed: another stamp_attribute there, such as extensionAttribute7\n" AT22
	     "adopt: 'extensionAttribute14' belongs to a tool, but is the marker_attribute; "
	     "allowed: another marker_attribute, such as extensionAttribute6\n"},
    {"interval_s = 60;", ADOPT(""),
	AT22 "adopt[0].tool: is missing; allowed: \"qmm\", or another name of 1 to 64 of A-Z a-z "
	     "0-9 _ -\n"},
    {"interval_s = 60;", ADOPT("tool = \"qnm\"; target_attribute = \"title\"; value = \"(.*)\";"),
	AT22 "adopt[0].source_attribute: is missing, tool 'qnm' is not built in; allowed: an "
	     "attribute name, or one of the tools \"qmm\"\n"},
    {"interval_s = 60;", ADOPT("tool = \"x\"; source_attribute = \"a\"; target_attribute = \"b\";"),
	AT22 "adopt[0].value: is missing, tool 'x' is not built in" PATTERN
	     ", or one of the tools \"qmm\"\n"},
    {"interval_s = 60;",
	ADOPT("tool = \"x\"; source_attribute = \"a\"; target_attribute = \"b\"; value = \"(\";"),
	AT22 "adopt[0].value: '(' is no regular expression: Unmatched ( or \\(" PATTERN "\n"},
    {"interval_s = 60;",
	ADOPT("tool = \"x\"; source_attribute = \"a\"; target_attribute = \"b\"; value = "
	      "\"(a)(b)\";"),
	AT22 "adopt[0].value: '(a)(b)' has more than one group" PATTERN "\n"},
    {"interval_s = 60;", ADOPT(TOOL "source_redirect_domain = \"acme.example\";"),
	AT22 "adopt[0].source_redirect_domain: 'acme.example' is a mail domain of one of both "
	     "forests" NOTHING_ELSE("source")},
    {"interval_s = 60;", ADOPT(TOOL "target_redirect_domain = \"redirect.acme.example\";"),
	AT22 "adopt[0].target_redirect_domain: 'redirect.acme.example' is the redirect_domain of "
	     "the other forest" NOTHING_ELSE("target")},
    {"interval_s = 60;",
	ADOPT(TOOL "source_redirect_domain = \"x.y\"; target_redirect_domain = \"X.y\";"),
	AT22
	"adopt[0].source_redirect_domain: 'x.y' leads to the other side too" NOTHING_ELSE("source")
	    AT22 "adopt[0].target_redirect_domain: 'X.y' leads to the other side too" NOTHING_ELSE(
		"target")},
    {"interval_s = 60;", ADOPT(TOOL "source_redirect_domain = \"delete.me\";"),
	AT22
	"adopt[0].source_redirect_domain: 'delete.me' is the toggle_domain" NOTHING_ELSE("source")},
    {"interval_s = 60;", ADOPT(TOOL "}, { " TOOL),
	AT22 "adopt[1].tool: 'x' is adopted twice; allowed: each tool once\n"},
    {"interval_s = 60;", ADOPT(TOOL "keep = [ \"title\" ];") ROW("attribute = \"Title\";"),
	"galsync.conf:23: links[0].attributes[0].attribute: 'Title' belongs to a tool of adopt, "
	"and keeps its values; allowed: other attributes\n"},
    {"interval_s = 60;", ADOPT(TOOL "keep = \"title\";"),
	AT22 "adopt[0].keep: is a string; allowed: an array of strings: [ \"...\", \"...\" ]\n"},
};

static void
each_mistake(void **state)
{
	(void)state;
	check_mistakes(rows, ARRAY_SIZE(rows));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {TEST(each_mistake)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
