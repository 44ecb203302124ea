/* SPDX-License-Identifier: MIT */

/* What contacts of every kind of original hold. */

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
