/* SPDX-License-Identifier: MIT */

/* What contacts of every kind of original hold, and mailboxes in the target's tenant. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/project_fixture.h"

static const struct project_case cases[] = {
    /* Contacts of everything, in the order of the types. */
    {"msExchRecipientDisplayType", ANN(DISPLAY("1073741824")), .create = CREATE_CONTACT,
	.want = "-2147483642"},
    {"msExchRecipientDisplayType", SALES(DISPLAY("1")), .create = CREATE_CONTACT,
	.want = "-2147483386"},
    {"msExchRecipientDisplayType", SALES(DISPLAY("1073741833")), .create = CREATE_CONTACT,
	.want = "-2147481338"},
    {"msExchRecipientDisplayType", FOLDER DISPLAY("2"), .want = "-2147483130"},
    {"msExchRecipientDisplayType", DYNAMIC DISPLAY("3"), .want = "-2147482874"},
    {"msExchRecipientDisplayType", MAIL_USER(DISPLAY("-2147483642")), .create = CREATE_CONTACT,
	.want = "-2147482106"},
    {"msExchRecipientDisplayType", ANN(DISPLAY("7")), .create = CREATE_CONTACT,
	.want = "-2147481850"},
    {"msExchRecipientDisplayType", DISABLED(DISPLAY("0")), .create = CREATE_CONTACT,
	.want = "-2147483642"},
    /* As Exchange 2003 left them: without a type. */
    {"msExchRecipientDisplayType", ANN(""), .create = CREATE_CONTACT, .want = "-2147483642"},
    {"msExchRecipientDisplayType", DISABLED(""), .create = CREATE_CONTACT, .want = "-2147482106"},
    {"msExchRecipientDisplayType", DISABLED(SELF), .create = CREATE_CONTACT, .want = "-2147482106"},
    {"msExchRecipientDisplayType", DISABLED(DETAILS("4") SELF), .create = CREATE_CONTACT,
	.want = "-2147483642"},
    {"msExchRecipientDisplayType", DISABLED(DETAILS("16") SELF), .create = CREATE_CONTACT,
	.want = "-2147481850"},
    {"msExchRecipientDisplayType", DISABLED(DETAILS("32") SELF), .create = CREATE_MAIL_USER,
	.want = "-2147481594"},
    {"msExchRecipientDisplayType", DISABLED(""), .create = CREATE_MAIL_USER, .want = "-2147483642"},
    {"msExchRecipientDisplayType", MAIL_USER(""), .create = CREATE_MAIL_USER,
	.want = "-2147482106"},
    {"msExchRecipientDisplayType", DISABLED(DETAILS("16")), .want = "7"},
    {"msExchRecipientDisplayType", DISABLED(DETAILS("32")), .want = "8"},
    {"msExchRecipientDisplayType", DISABLED(DETAILS("4")), .want = "1073741824"},
    {"msExchRecipientDisplayType", CARL(""), .want = "-2147482106"},
    {"msExchRecipientDisplayType", SALES(""), .create = CREATE_CONTACT, .want = "-2147483386"},
    {"msExchRecipientDisplayType",
	"dn: CN=S\nobjectClass: group\n" RECIPIENT("s") TYPE("-2147483646"),
	.create = CREATE_CONTACT, .want = "-2147481338"},
    {"msExchRecipientDisplayType", DYNAMIC, .want = "-2147482874"},
    {"msExchRecipientDisplayType", FOLDER, .want = "-2147483130"},
    {"homeMTA", ANN("homeMTA: CN=MTA" ACME "\n"), .want = NULL},
    {"msExchVersion", ANN(""), BEA(""), .matched = true, .want = "44220983382016"},
    {"proxyAddresses",
	ACCOUNT("Ann", "ann") "homeMDB: CN=DB1\nmailNickname: ann\nlegacyExchangeDN: "
			      "/o=A/ou=First Administrative Group/cn=Recipients/cn=ann\n" PROXY(
				  ANN_HAS) PROXY("X500:/o=A/ou=BOSTON/cn=Recipients/cn=ann"),
	.create = CREATE_CONTACT,
	.want = ANN_HAS "|X500:/o=A/ou=BOSTON/cn=Recipients/cn=ann|"
			"X500:/o=A/ou=First Administrative Group/cn=Recipients/cn=ann"},
    /* A mailbox in the target's tenant. */
    {"objectClass", ANN(""), IN_TENANT, .want = "user"},
    {"userAccountControl", ANN(""), IN_TENANT, .want = "514"},
    {"homeMDB", ANN(""), IN_TENANT, .want = NULL},
    {"msExchHomeServerName", ANN(""), IN_TENANT, .home_server = "/o=G", .want = NULL},
    {"mDBUseDefaults", ANN(""), IN_TENANT, .want = NULL},
    {"msExchMailboxGuid", ANN(BYTES_16("msExchMailboxGuid")), IN_TENANT, .want = NULL},
    {"msExchArchiveGUID", ANN(ARCHIVE_16), IN_TENANT, .want = NULL},
    {"msExchCalendarRepairDisabled", ANN(""), IN_TENANT, .want = NULL},
    {"msExchOriginatingForest", ANN(""), IN_TENANT, .want = NULL},
    {"msExchPoliciesExcluded", ANN(""), IN_TENANT, .want = EXCLUDED},
    {"title", ANN("title: Boss\n"), IN_TENANT, .want = "Boss"},
    {"msExchRecipientTypeDetails", ANN(""), IN_TENANT, .want = "2147483648"},
    {"msExchRecipientTypeDetails", ANN(DETAILS("2")), IN_TENANT, .want = "2147483648"},
    {"msExchRecipientTypeDetails", ANN(DETAILS("16")), IN_TENANT, .want = "8589934592"},
    {"msExchRecipientTypeDetails", ANN(DETAILS("32")), IN_TENANT, .want = "17179869184"},
    {"msExchRecipientTypeDetails", ANN(DETAILS("4")), IN_TENANT, .want = "34359738368"},
    {"msExchRemoteRecipientType", ANN(""), IN_TENANT, .want = "1"},
    {"msExchRemoteRecipientType", ANN(DETAILS("16")), IN_TENANT, .want = "33"},
    {"msExchRemoteRecipientType", ANN(DETAILS("32")), IN_TENANT, .want = "65"},
    {"msExchRemoteRecipientType", ANN(DETAILS("4")), IN_TENANT, .want = "97"},
    {"msExchRemoteRecipientType", ANN(""), .want = NULL},
    /* What is found is written to only where the configuration asks for such mailboxes. */
    {"msExchRemoteRecipientType", ANN(""), BEA_REMOTE(""), IN_TENANT, .matched = true, .want = "1"},
    {"msExchRemoteRecipientType", ANN(""), BEA_REMOTE(""), .matched = true, .want = NULL},
    {"homeMDB", ANN(""), BEA_REMOTE(""), .matched = true, .want = NULL},
    {"msExchRecipientDisplayType", ANN(""), IN_TENANT, .want = "-2147483642"},
    {"msExchRecipientDisplayType", ANN(DISPLAY("1073741824")), IN_TENANT, .want = "-2147483642"},
    {"msExchRecipientDisplayType", ANN(DISPLAY("7")), IN_TENANT, .want = "-2147481850"},
    {"msExchRecipientDisplayType", ANN(DISPLAY("8")), IN_TENANT, .want = "-2147481594"},
    /* Its addresses: the one in the routing domain is the target's own. */
    {"proxyAddresses", ANN(""), IN_TENANT, .want = TO_RT "|smtp:" TENANT("ann")},
    {"proxyAddresses", ANN(PROXY("smtp:" TENANT("x"))), IN_TENANT,
	.want = TO_RT "|smtp:" TENANT("ann")},
    {"proxyAddresses", ANN(""), BEA_REMOTE("targetAddress: SMTP:" TENANT("b") "\n"), IN_TENANT,
	.matched = true, .want = TO_RT "|smtp:" TENANT("b")},
    {"proxyAddresses", ANN(""),
	BEA_REMOTE(
	    "targetAddress: SMTP:" RS "\n" PROXY("smtp:" TENANT("c")) PROXY("SMTP:" TENANT("b"))),
	IN_TENANT, .matched = true, .want = TO_RT "|smtp:" TENANT("b")},
    {"proxyAddresses", ANN(""), BEA_REMOTE("targetAddress: SMTP:b@x.onmicrosoft.com\n"),
	.matched = true, .want = TO_RT},
    {"proxyAddresses", ANN(""), BEA_REMOTE(PROXY("SMTP:bea@globex.example")), IN_TENANT,
	.active = TARGET,
	.want = "SMTP:bea@globex.example|" ANN_X500 "|smtp:" RT "|smtp:" TENANT("ann")},
    /* It redirects like any other; diff sees to it that its way to the tenant is kept. */
    {"targetAddress", ANN(""), IN_TENANT, .want = "SMTP:" RS},
    {"targetAddress", ANN(""),
	BEA_REMOTE("targetAddress: SMTP:" TENANT("b") "\n" PROXY("smtp:" TENANT("B"))), IN_TENANT,
	.matched = true, .want = "SMTP:" RS},
    {"targetAddress", ANN(""), BEA_REMOTE("targetAddress: SMTP:" TENANT("b") "\n"), IN_TENANT,
	.matched = true, .want = "SMTP:" RS},
    {"targetAddress", ANN(""),
	BEA_REMOTE("targetAddress: SMTP:" TENANT("b") "\n" PROXY("smtp:" TENANT("c"))), IN_TENANT,
	.matched = true, .want = "SMTP:" RS},
    {"targetAddress", ANN(""), BEA_REMOTE(""), IN_TENANT, .matched = true, .want = "SMTP:" RS},
    {"targetAddress", ANN(""), BEA_REMOTE("targetAddress: SMTP:" RS "\n"), IN_TENANT,
	.want = "SMTP:" RS},
    {"targetAddress", ANN(""), BEA_REMOTE("targetAddress: SMTP:b@else.example\n"), IN_TENANT,
	.matched = true, .want = NULL},
    {"targetAddress", ANN(""),
	BEA_REMOTE("targetAddress: SMTP:b@x.onmicrosoft.com\n" PROXY("smtp:b@x.onmicrosoft.com")),
	.matched = true, .want = NULL},
    {"targetAddress", ANN(""), BEA_REMOTE(""), .matched = true, .want = NULL},
    {"targetAddress", ANN(""), BEA_REMOTE("targetAddress: SMTP:" TENANT("b") "\n"), IN_TENANT,
	.active = TARGET, .want = NULL},
    /* Rich text, and who may send. */
    {"mAPIRecipient", ANN(""), .create = CREATE_CONTACT, .want = "TRUE"},
    {"mAPIRecipient", ANN("mAPIRecipient: FALSE\n"), .create = CREATE_CONTACT, .want = "TRUE"},
    {"mAPIRecipient", MAIL_USER("mAPIRecipient: FALSE\n"), .create = CREATE_CONTACT,
	.want = "FALSE"},
    {"mAPIRecipient", MAIL_USER(""), .create = CREATE_CONTACT, .want = ""},
    {"mAPIRecipient", CARL("mAPIRecipient: TRUE\n"), .want = "TRUE"},
    {"mAPIRecipient", CARL(""), .want = ""},
    {"mAPIRecipient", DYNAMIC, .want = ""},
    {"mAPIRecipient", ANN(""), THERE("contact", "C", ""), .create = CREATE_CONTACT, .matched = true,
	.want = NULL},
    {"mAPIRecipient", ANN(""), .want = NULL},
    {"msExchRequireAuthToSendTo", SALES("msExchRequireAuthToSendTo: TRUE\n"),
	.create = CREATE_CONTACT, .want = "FALSE"},
    {"msExchRequireAuthToSendTo", ANN(""), .create = CREATE_CONTACT, .want = "FALSE"},
    {"msExchRequireAuthToSendTo", CARL("msExchRequireAuthToSendTo: TRUE\n"),
	THERE("contact", "C", ""), .matched = true, .want = NULL},
    {"msExchRequireAuthToSendTo", SALES("msExchRequireAuthToSendTo: TRUE\n"), .want = "TRUE"},
    {"msExchRequireAuthToSendTo", SALES(""), .want = ""},
    {"thumbnailPhoto", ANN(BYTES_16("thumbnailPhoto")), .create = CREATE_CONTACT, .want = SHOWN_16},
    {"msExchOriginatingForest", ANN(""), .create = CREATE_CONTACT, .want = "acme.example"},
};

static void
projected(void **state)
{
	(void)state;
	project_all(cases, ARRAY_SIZE(cases));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(projected)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
