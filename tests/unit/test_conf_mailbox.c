/* SPDX-License-Identifier: MIT */

/* Mistakes in where the mailboxes of a link lie, and by which domains mail gets to them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/conf_fixture.h"

#define TENANT "; allowed: a domain that leads to the forest's tenant and to nothing else\n"
#define DNS "; allowed: a DNS name such as \"acme.example\"\n"

/* One edit of BASE and the messages that it gives. */
static const struct conf_mistake rows[] = {
    {"redirect_domain = \"redirect.globex.example\";", "",
	"galsync.conf:10: forests[1].redirect_domain: is missing, link 'acme-globex' creates "
	"mailboxes; allowed: a DNS name\n"},
    {"mailbox = {", "#",
	"galsync.conf:16: links[0].mailbox.databases: is missing, a scope creates mailboxes; "
	"allowed: "
	"one or more DNs of databases\n"
	"galsync.conf:16: links[0].mailbox.home_server: is missing, a scope creates mailboxes; "
	"allowed: the legacyExchangeDN of a server\n"},
    {"[ \"CN=DB1,CN=Databases,DC=globex,DC=example\" ]", "[ ]",
	"galsync.conf:21: links[0].mailbox.databases: is missing, a scope creates mailboxes; "
	"allowed: "
	"one or more DNs of databases\n"},
    /* mailboxes in a tenant */
    {"create = \"mailbox\"", "create = \"remote-mailbox\"",
	"galsync.conf:10: forests[1].routing_domain: is missing, link 'acme-globex' creates remote "
	"mailboxes; allowed: the domain to which mail for mailboxes in the tenant is sent, such as "
	"\"globex.mail.onmicrosoft.com\"\n"},
    {"create = \"mailbox\"", "create = \"remote-mailbox\"; linked = true",
	"galsync.conf:10: forests[1].routing_domain: is missing, link 'acme-globex' creates remote "
	"mailboxes; allowed: the domain to which mail for mailboxes in the tenant is sent, such as "
	"\"globex.mail.onmicrosoft.com\"\n"
	"galsync.conf:18: links[0].scopes[0].linked: true needs accounts to link; allowed: create "
	"\"mailbox\" or \"mail-user\" with it\n"},
    {"redirect_domain = \"redirect.globex.example\";",
	"redirect_domain = \"redirect.globex.example\"; routing_domain = "
	"\"Redirect.acme.example\";",
	"galsync.conf:14: forests[1].routing_domain: 'Redirect.acme.example' is a "
	"redirect_domain" TENANT},
    {"redirect_domain = \"redirect.globex.example\";",
	"redirect_domain = \"redirect.globex.example\"; routing_domain = \"delete.me\";",
	"galsync.conf:14: forests[1].routing_domain: 'delete.me' is the toggle_domain" TENANT},
    {"redirect_domain = \"redirect.globex.example\";",
	"redirect_domain = \"redirect.globex.example\"; routing_domain = \"globex.example\";",
	"galsync.conf:14: forests[1].routing_domain: 'globex.example' is one of the "
	"mail_domains" TENANT},
    {"redirect_domain = \"redirect.acme.example\";",
	"redirect_domain = \"redirect.acme.example\"; routing_domain = \"tenant\";",
	"galsync.conf:9: forests[0].routing_domain: 'tenant' is no DNS name" DNS},
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
