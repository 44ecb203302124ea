/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_RECIPIENTS_H
#define GALSYNC_TESTS_RECIPIENTS_H

/*
 * Objects of the two forests of the tests as LDIF text: acme, the source (DC=acme,DC=example with
 * OU=Staff), and globex, the target (DC=globex,DC=example with OU=Acme).
 */

#define ACME ",OU=Staff,DC=acme,DC=example"
#define GLOBEX ",OU=Acme,DC=globex,DC=example"
#define ACME_LEGACY "/o=Acme/ou=First/cn=Recipients/cn="

/* Objects as LDIF; EXTRA is "attr: value\n" lines, "" for none. Each ends with a blank line. */
#define RECIPIENT(alias)                                                                           \
	"mailNickname: " alias "\nmail: " alias "@acme.example\nproxyAddresses: SMTP:" alias       \
	"@acme.example\nlegacyExchangeDN: " ACME_LEGACY alias "\n"
#define ACCOUNT(cn, alias)                                                                         \
	"dn: CN=" cn ACME "\nobjectClass: user\nsAMAccountName: " alias                            \
	"\nuserPrincipalName: " alias "@acme.example\n"
#define MAILBOX(cn, alias, extra)                                                                  \
	ACCOUNT(cn, alias)                                                                         \
	RECIPIENT(alias)                                                                           \
	"userAccountControl: 512\nmsExchHomeServerName: /o=Acme/cn=EX1\n" extra "\n"
#define EXTERNAL(cn, alias, to)                                                                    \
	ACCOUNT(cn, alias) RECIPIENT(alias) "userAccountControl: 512\ntargetAddress: " to "\n\n"
#define CONTACT(cn, alias, extra)                                                                  \
	"dn: CN=" cn ACME "\nobjectClass: contact\n" RECIPIENT(alias) "targetAddress: SMTP:" alias \
								      "@else.example\n" extra "\n"
#define TYPED(cn, alias, type, extra)                                                              \
	"dn: CN=" cn ACME "\nobjectClass: group\nsAMAccountName: " alias "\ngroupType: " type      \
	"\n" RECIPIENT(alias) extra "\n"
#define GROUP(cn, alias, extra) TYPED(cn, alias, "8", extra)
#define MEMBER(cn) "member: CN=" cn ACME "\n"
/* On the target: an object with nothing but a name, and an account. */
#define THERE(class_name, cn, extra)                                                               \
	"dn: CN=" cn GLOBEX "\nobjectClass: " class_name "\n" extra "\n"
#define THERE_OU "dn: OU=Acme,DC=globex,DC=example\nobjectClass: organizationalUnit\n\n"

#endif
