/* SPDX-License-Identifier: MIT */

/* What the file alone shows of that which would go wrong at the first write. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/conf_fixture.h"

#define AT22 "galsync.conf:22: links[0]."
#define ROW(...) "interval_s = 60; attributes = ( { " __VA_ARGS__ " } );\n"
#define TEMPLATE "text with %{attributeName}, %{attributeName:lower} and %% for a percent sign"
#define FOR_ITSELF                                                                                 \
	" of every object, which each must have for itself; allowed: how \"template\" "            \
	"and " TEMPLATE "\n"

/* One edit of BASE and the messages that it gives. */
static const struct conf_mistake rows[] = {
    /* A realm has case. */
    {"\"svc@GLOBEX.EXAMPLE\"", "\"svc@Globex.example\"",
	"galsync.conf:12: forests[1].auth.principal: 'svc@Globex.example' has its realm in small "
	"letters, did you mean 'svc@GLOBEX.EXAMPLE'?; allowed: NAME@REALM\n"},
    {"\"svc@GLOBEX.EXAMPLE\"", "\"Svc/host.globex.example@GLOBEX-2.EXAMPLE\"", ""},

    /* An address belongs to one object. */
    {"interval_s = 60;", "primary_address = \"all@globex.example\";",
	AT22 "primary_address: 'all@globex.example' gives every object the same address; "
	     "allowed: " TEMPLATE ", with one @ in the text\n"},
    {"interval_s = 60;", "primary_address = \"%{mailNickname}@globex.example\";", ""},
    {"interval_s = 60;", "redirect_address = \"all%%\";",
	AT22 "redirect_address: 'all%%' gives every object the same address; allowed: " TEMPLATE
	     ", without @\n"},

    /* So do names. */
    {"interval_s = 60;",
	ROW("attribute = \"userprincipalname\"; how = \"constant\"; value = "
	    "\"a@globex.example\";"),
	AT22 "attributes[0].value: 'a@globex.example' would be the userprincipalname" FOR_ITSELF},
    {"interval_s = 60;", ROW("attribute = \"mailNickname\"; how = \"template\"; value = \"x%%\";"),
	AT22 "attributes[0].value: 'x%%' would be the mailNickname" FOR_ITSELF},
    {"interval_s = 60;",
	ROW("attribute = \"sAMAccountName\"; how = \"constant\"; value = \"%{cn}\";"),
	AT22 "attributes[0].value: '%{cn}' would be the sAMAccountName" FOR_ITSELF},
    {"interval_s = 60;", ROW("attribute = \"cn\"; how = \"template\"; value = \"%{sn}\";"), ""},
    {"interval_s = 60;", ROW("attribute = \"cn\"; how = \"template\"; value = \"%{sn\";"),
	AT22 "attributes[0].value: '%{sn' is no template: position 1: '%{' without '}'; "
	     "allowed: " TEMPLATE "\n"},
    {"interval_s = 60;", ROW("attribute = \"title\"; how = \"constant\"; value = \"x\";"), ""},
    {"interval_s = 60;", ROW("attribute = \"mailNickname\"; how = \"remove\";"), ""},

    /* The group lies where the mailboxes do. */
    {"interval_s = 60;", "marker_group = \"CN=switched,DC=globex,DC=example\";",
	AT22 "marker_group: 'CN=switched,DC=globex,DC=example' is outside the domain of forest "
	     "'acme'; allowed: an OU in acme.example\n"},
    {"interval_s = 60;", "marker_group = \"CN=switched,DC=acme,DC=example\";", ""},
};

static void
each(void **state)
{
	(void)state;
	check_mistakes(rows, ARRAY_SIZE(rows));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(each, setup, teardown)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
