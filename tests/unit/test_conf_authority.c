/* SPDX-License-Identifier: MIT */

/* What may be said of the side from which an attribute flows. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/conf_fixture.h"

#define ROW(...) "attributes = ( { " __VA_ARGS__ " } );\n"
#define AT "galsync.conf:22: links[0].attributes[0].authority: "
/* Another link from the same forest, whose target decides; it begins in line 23. */
#define AGAIN(base, scope)                                                                         \
	"}, { name = \"again\"; source = \"acme\"; target = \"globex\"; scopes = ( { base = "      \
	"\"" base "\"; target_ou = \"OU=G,DC=globex,DC=example\"; create = \"none\"; " scope       \
	"} ); }"

static const struct conf_mistake rows[] = {
    {"interval_s = 60;", ROW("attribute = \"title\"; authority = \"target\";"), ""},
    {"interval_s = 60;", ROW("attribute = \"title\"; authority = \"both\";"),
	AT "'both' is unknown; allowed: active, source, target\n"},
    {"interval_s = 60;",
	ROW("attribute = \"title\"; how = \"constant\"; value = \"x\"; authority = \"target\";"),
	AT
	"\"target\" has no meaning here; allowed: only with how \"copy\", \"dn\" or \"merge\"\n"},
    {"interval_s = 60;",
	ROW("attribute = \"title\"; how = \"constant\"; value = \"x\"; authority = \"source\";"),
	""},
    {"interval_s = 60;",
	ROW("attribute = \"info\"; source = \"sAMAccountName\"; authority = \"target\";"),
	AT "'sAMAccountName' of a source object is never written; allowed: \"active\" or "
	   "\"source\"\n"},
    {"create = \"mailbox\";", "create = \"mailbox\"; authority = \"active\";",
	"galsync.conf:18: links[0].scopes[0].authority: 'active' is unknown; allowed: source, "
	"target\n"},
    {"interval_s = 60;\n  }",
	ROW("attribute = \"title\"; authority = \"target\";")
	    AGAIN("OU=Else,DC=acme,DC=example", "authority = \"target\"; "),
	""},
    {"interval_s = 60;\n  }",
	ROW("attribute = \"title\"; authority = \"target\"; kinds = [ \"user\" ];")
	    AGAIN("DC=acme,DC=example", "authority = \"target\"; kinds = [ \"public-folder\" ]; "),
	""},
    {"interval_s = 60;\n  }",
	ROW("attribute = \"title\"; authority = \"target\";")
	    AGAIN("DC=acme,DC=example", "authority = \"target\"; "),
	"galsync.conf:23: links[1].scopes[0].base: 'DC=acme,DC=example' overlaps the scope of line "
	"17 ('OU=Staff,DC=acme,DC=example') and takes the same kinds; allowed: separate bases or "
	"separate kinds\n"
	"galsync.conf:23: links[1].scopes[0].base: the targets of this link and of link "
	"'acme-globex' both decide about objects below 'DC=acme,DC=example'; allowed: authority "
	"\"target\" in one of them\n"},
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
