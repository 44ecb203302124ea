/* SPDX-License-Identifier: MIT */

/* Full cycles into a target that is in use: who is found by what, and who is nobody's counterpart.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/scenario.h"

#define GUID_1 "11111111-1111-1111-1111-111111111111"
#define GUID_2 "22222222-2222-2222-2222-222222222222"
#define ADDRESS_POLICIES "{26491cfc-9e50-4857-861b-0cb8df22b5d7}"
/* GUID_1, and S-1-5-21-1-2-3-1105. */
#define ANN_GUID "objectGUID:: EREREREREREREREREREREQ==\n"
#define SID_OCTETS "AQUAAAAAAAUVAAAAAQAAAAIAAAADAAAAUQQAAA=="
#define ANN(extra) MAILBOX("Ann", "ann", ANN_GUID "displayName: Ann Ash\n" extra)
#define BEA(extra) THERE("user", "Bea", "sAMAccountName: bea\n" extra)
#define IS_ANN                                                                                     \
	{TARGET, "CN=Bea", "extensionAttribute15", "galsync:matched:" GUID_1 ":source"},           \
	    {TARGET, "CN=Bea", "displayName", "Ann Ash"},                                          \
	    {TARGET, "CN=Bea", "sAMAccountName", "bea"},                                           \
	    {TARGET, "CN=Bea", "proxyAddresses", "smtp:ann@redirect.globex.example"},              \
	    {TARGET, "CN=Bea", "targetAddress", "SMTP:ann@redirect.acme.example"},                 \
	    {SOURCE, "CN=Ann", "proxyAddresses", "smtp:ann@redirect.acme.example"},                \
	{                                                                                          \
		TARGET, "CN=Ann", NULL, NULL                                                       \
	}
#define NOT_ANN                                                                                    \
	{TARGET, "CN=Bea", "extensionAttribute15", NULL}, {TARGET, "CN=Bea", "displayName", NULL}, \
	    {TARGET, "CN=Ann", NULL, NULL},                                                        \
	{                                                                                          \
		SOURCE, "CN=Ann", "proxyAddresses", "!smtp:ann@redirect.acme.example"              \
	}

static const struct scenario rules[] = {
    {.name = "by stamp",
	.link = "match = [ \"stamp\" ];",
	.source = {ANN("")},
	.target = {THERE_OU, BEA("mail: ann@acme.example\n"
				 "extensionAttribute15: galsync:matched:" GUID_1 "\n")},

	.expect = {IS_ANN}},
    {.name = "by sIDHistory",
	.link = "match = [ \"sid-history\" ];",
	.source = {ANN("objectSid:: " SID_OCTETS "\n")},
	.target = {THERE_OU, BEA("sIDHistory:: " SID_OCTETS "\n")},
	.counts = {.matched = 1},
	.expect = {IS_ANN}},
    {.name = "by X500",
	.link = "match = [ \"x500\" ];",
	.source = {ANN("")},
	.target = {THERE_OU, BEA("proxyAddresses: x500:" ACME_LEGACY "ANN\n")},
	.counts = {.matched = 1},
	.expect = {IS_ANN}},
    {.name = "by legacyExchangeDN of the target among the source's X500",
	.link = "match = [ \"x500\" ];",
	.source = {ANN("proxyAddresses: X500:/o=Globex/cn=bea\n")},
	.target = {THERE_OU, BEA("legacyExchangeDN: /o=Globex/cn=bea\n")},
	.counts = {.matched = 1},
	.expect = {IS_ANN, {TARGET, "CN=Bea", "legacyExchangeDN", "/o=Globex/cn=bea"},
	    {TARGET, "CN=Bea", "proxyAddresses", "!X500:/o=Globex/cn=bea"}}},
    {.name = "by mail",
	.link = "match = [ \"mail\" ];",
	.source = {ANN("")},
	.target = {THERE_OU, BEA("mail: Ann@ACME.example\n")},
	.counts = {.matched = 1},
	.expect = {IS_ANN}},
    {.name = "an address policy that applies is left alone, and not contradicted",
	.link = "match = [ \"mail\" ];",
	.source = {ANN("")},
	.target = {THERE_OU, BEA("mail: ann@acme.example\n"
				 "msExchPoliciesIncluded: {" GUID_1 "}," ADDRESS_POLICIES "\n")},
	.counts = {.matched = 1},
	.expect = {IS_ANN, {TARGET, "CN=Bea", "msExchPoliciesExcluded", NULL},
	    {TARGET, "CN=Bea", "msExchPoliciesIncluded", "{" GUID_1 "}," ADDRESS_POLICIES}}},
    {.name = "no address policy is to apply",
	.link = "match = [ \"mail\" ];",
	.source = {ANN("")},
	.target = {THERE_OU, BEA("mail: ann@acme.example\n")},
	.counts = {.matched = 1},
	.expect = {IS_ANN, {TARGET, "CN=Bea", "msExchPoliciesExcluded", ADDRESS_POLICIES}}},
    {.name = "by a proxy address",
	.link = "match = [ \"mail\" ];",
	.source = {ANN("proxyAddresses: smtp:a.ash@acme.example\n")},
	.target = {THERE_OU, BEA("mail: bea@globex.example\n"
				 "proxyAddresses: SMTP:bea@globex.example\n"
				 "proxyAddresses: smtp:A.Ash@acme.example\n")},
	.counts = {.matched = 1},
	.expect = {IS_ANN, {TARGET, "CN=Bea", "mail", "ann@acme.example"},
	    {TARGET, "CN=Bea", "proxyAddresses", "SMTP:ann@acme.example"},
	    {TARGET, "CN=Bea", "proxyAddresses", "smtp:bea@globex.example"}}},
    {.name = "by sAMAccountName",
	.link = "match = [ \"sam-account-name\" ];",
	.source = {MAILBOX("Ann", "ann", ANN_GUID "displayName: Ann Ash\n")},
	.target = {THERE_OU, THERE("user", "Bea", "sAMAccountName: ANN\n")},
	.counts = {.matched = 1},
	.expect = {{TARGET, "CN=Bea", "extensionAttribute15", "galsync:matched:" GUID_1 ":source"},
	    {TARGET, "CN=Bea", "sAMAccountName", "ANN"}, {TARGET, "CN=Ann", NULL, NULL}}},
    {.name = "by userPrincipalName",
	.link = "match = [ \"user-principal-name\" ];",
	.source = {ANN("")},
	.target = {THERE_OU, BEA("userPrincipalName: ann@acme.example\n")},
	.counts = {.matched = 1},
	.expect = {IS_ANN, {TARGET, "CN=Bea", "userPrincipalName", "ann@acme.example"}}},
    {.name = "by a pair of attributes",
	.link = "match = [ \"attribute:employeeID=extensionAttribute1\" ];",
	.source = {ANN("employeeID: 4711\nextensionAttribute1: 4711\n")},
	.target = {THERE_OU, BEA("extensionAttribute1: 4711\n")},
	.counts = {.matched = 1},
	.expect = {IS_ANN}},
    {.name = "by a file of pairs",
	.link = "match = [ \"csv:pairs.csv\" ];",
	.csv = "source,target\nann,bea\n",
	.source = {ANN("")},
	.target = {THERE_OU, BEA("")},
	.counts = {.matched = 1},
	.expect = {IS_ANN}},
    {.name = "by a file of pairs, GUID and DN",
	.link = "match = [ \"csv:pairs.csv\" ];",
	.csv = "\"" GUID_1 "\";\"CN=Bea" GLOBEX "\"\n",
	.source = {ANN("")},
	.target = {THERE_OU, BEA("")},
	.counts = {.matched = 1},
	.expect = {IS_ANN}},
    {.name = "by a file of pairs that begins with a byte order mark",
	.link = "match = [ \"csv:pairs.csv\" ];",
	.csv = "\xef\xbb\xbf"
	       "ann,bea\r\nnobody,else\r\n",
	.source = {ANN("")},
	.target = {THERE_OU, BEA("")},
	.counts = {.matched = 1},
	.expect = {IS_ANN, {TARGET, "CN=Ann", NULL, NULL}}},
    {.name = "the first rule that finds a candidate decides",
	.source = {ANN("")},
	.target = {THERE_OU, BEA("mail: ann@acme.example\n"),
	    THERE("user", "Other", "sAMAccountName: ann\n")},
	.counts = {.matched = 1},
	.expect = {IS_ANN, {TARGET, "CN=Other", "extensionAttribute15", NULL}}},
    {.name = "a group",
	.link = "limits = { matches = 1; };",
	.source = {GROUP("Sales", "sales", "")},
	.target = {THERE_OU, THERE("group", "Vertrieb", "mail: sales@acme.example\n")},
	.counts = {.matched = 1},
	.expect = {{TARGET, "CN=Vertrieb", "mailNickname", "sales"},
	    {TARGET, "CN=Sales", NULL, NULL}}},
    {.name = "a contact goes with a contact",
	.source = {CONTACT("Carl", "carl", "")},
	.target = {THERE_OU, THERE("contact", "Karl", "mail: carl@acme.example\n")},
	.counts = {.matched = 1},
	.expect = {{TARGET, "CN=Karl", "mailNickname", "carl"}, {TARGET, "CN=Carl", NULL, NULL}}},
    {.name = "users as contacts go with contacts",
	.scope = "create = \"contact\";",
	.source = {ANN("")},
	.target = {THERE_OU, THERE("contact", "Bea", "mail: ann@acme.example\n")},
	.counts = {.matched = 1},
	.expect = {{TARGET, "CN=Bea", "targetAddress", "SMTP:ann@redirect.acme.example"},
	    {TARGET, "CN=Ann", NULL, NULL}}},
    {.name = "where nothing is created, what is there is matched",
	.scope = "create = \"none\";",
	.source = {ANN(""), CONTACT("Carl", "carl", "")},
	.target = {THERE_OU, BEA("mail: ann@acme.example\n")},
	.counts = {.matched = 1},
	.expect = {IS_ANN, {TARGET, "CN=Carl", NULL, NULL}}},
};

static const struct scenario conflicts[] = {
    {.name = "two candidates are a conflict",
	.link = "match = [ \"mail\" ];",
	.source = {ANN("proxyAddresses: smtp:a.ash@acme.example\n")},
	.target = {THERE_OU, BEA("mail: ann@acme.example\n"),
	    THERE("user", "Other", "proxyAddresses: smtp:a.ash@acme.example\n")},
	.counts = {.conflicts = 1},
	.reason = CONFLICT_AMBIGUOUS,
	.expect = {NOT_ANN, {TARGET, "CN=Other", "extensionAttribute15", NULL}}},
    {.name = "the candidate carries another's stamp",
	.source = {ANN("")},
	.target = {THERE_OU, BEA("mail: ann@acme.example\n"
				 "extensionAttribute15: galsync:created:" GUID_2 "\n")},
	.counts = {.conflicts = 1},
	.reason = CONFLICT_TAKEN,
	.expect = {{TARGET, "CN=Bea", "extensionAttribute15", "galsync:created:" GUID_2},
	    {TARGET, "CN=Bea", "displayName", NULL}, {TARGET, "CN=Ann", NULL, NULL}}},
    {.name = "two find the same",
	.link = "match = [ \"mail\" ];",
	.source = {ANN("proxyAddresses: smtp:office@acme.example\n"),
	    MAILBOX("Cid", "cid", "proxyAddresses: smtp:desk@acme.example\n")},
	.target = {THERE_OU, BEA("proxyAddresses: smtp:office@acme.example\n"
				 "proxyAddresses: smtp:desk@acme.example\n")},
	.counts = {.conflicts = 2},
	.reason = CONFLICT_AMBIGUOUS,
	.expect = {NOT_ANN, {TARGET, "CN=Cid", NULL, NULL},
	    {SOURCE, "CN=Cid", "proxyAddresses", "!smtp:cid@redirect.acme.example"}}},
    {.name = "who comes with a stamp keeps it",
	.source = {ANN(""), MAILBOX("Cid", "cid", "")},
	.target = {THERE_OU, BEA("mail: cid@acme.example\n"
				 "proxyAddresses: SMTP:cid@acme.example\n"
				 "proxyAddresses: X500:" ACME_LEGACY "ann\n"
				 "extensionAttribute15: galsync:matched:" GUID_1 "\n")},
	.counts = {.conflicts = 1},
	.reason = CONFLICT_TAKEN,
	.expect = {IS_ANN, {TARGET, "CN=Cid", NULL, NULL}}},
    {.name = "a group is in the way of a user",
	.source = {ANN("")},
	.target = {THERE_OU, THERE("group", "Bea", "mail: ann@acme.example\n")},
	.counts = {.conflicts = 1},
	.reason = CONFLICT_KIND,
	.expect = {NOT_ANN}},
    {.name = "a user is in the way of a contact",
	.source = {CONTACT("Carl", "carl", "")},
	.target = {THERE_OU, BEA("mail: carl@acme.example\n")},
	.counts = {.conflicts = 1},
	.reason = CONFLICT_KIND,
	.expect = {{TARGET, "CN=Bea", "extensionAttribute15", NULL},
	    {TARGET, "CN=Carl", NULL, NULL}}},
    {.name = "a contact is in the way of a user",
	.source = {ANN("")},
	.target = {THERE_OU, THERE("contact", "Bea", "mail: ann@acme.example\n")},
	.counts = {.conflicts = 1},
	.reason = CONFLICT_KIND,
	.expect = {NOT_ANN}},
    {.name = "a contact makes room for a user",
	.link = "promote_contacts = true;",
	.source = {ANN("")},
	.target = {THERE_OU, THERE("contact", "Ann",
				 "targetAddress: SMTP:ann@acme.example\n"
				 "legacyExchangeDN: /o=Globex/cn=contact\n"
				 "proxyAddresses: X500:/o=Old/cn=ann\n"
				 "proxyAddresses: X500:" ACME_LEGACY "ann\n")},
	.counts = {.created = {[SHAPE_MAILBOX] = 1}, .promoted = 1},
	.expect = {{TARGET, "CN=Ann", "objectClass", "user"},
	    {TARGET, "CN=Ann", "extensionAttribute15", "galsync:created:" GUID_1 ":source"},
	    {TARGET, "CN=Ann", "proxyAddresses", "X500:/o=Globex/cn=contact"},
	    {TARGET, "CN=Ann", "proxyAddresses", "X500:/o=Old/cn=ann"},
	    {TARGET, "CN=Ann", "targetAddress", "SMTP:ann@redirect.acme.example"},
	    {SOURCE, "CN=Ann", "proxyAddresses", "X500:/o=Globex/cn=contact"},
	    {SOURCE, "CN=Ann", "proxyAddresses", "X500:/o=Old/cn=ann"},
	    {SOURCE, "CN=Ann", "proxyAddresses", "!X500:" ACME_LEGACY "ann"}}},
    {.name = "a contact of galsync's makes room for its group",
	.source = {GROUP("Sales", "sales", ANN_GUID)},
	.target = {THERE_OU, THERE("contact", "Sales",
				 "mail: sales@acme.example\n"
				 "proxyAddresses: SMTP:sales@acme.example\n"
				 "extensionAttribute15: galsync:created:" GUID_1 "\n")},
	.counts = {.created = {[SHAPE_GROUP] = 1}, .promoted = 1},
	.expect = {{TARGET, "CN=Sales", "objectClass", "group"},
	    {TARGET, "CN=Sales", "proxyAddresses", "SMTP:sales@acme.example"}}},
    {.name = "Administrator is nobody's counterpart",
	.source = {MAILBOX("Administrator", "administrator", "")},
	.target = {"dn: CN=Administrator,CN=Users,DC=globex,DC=example\nobjectClass: user\n"
		   "sAMAccountName: administrator\nisCriticalSystemObject: TRUE\n"},
	.counts = {.created = {[SHAPE_MAILBOX] = 1}},
	.expect = {{TARGET, "CN=Administrator", "sAMAccountName", "administrator-2"},
	    {TARGET, "CN=Administrator,CN=Users,DC=globex,DC=example", "extensionAttribute15",
		NULL}}},
};

/* ---- addresses and names that others have ---- */

static const struct scenario collisions[] = {
    {.name = "a secondary address is held in the target: left out",
	.link = "match = [ \"stamp\" ];",
	.source = {ANN("proxyAddresses: smtp:office@acme.example\n")},
	.target = {THERE_OU, BEA("proxyAddresses: smtp:Office@acme.example\n")},
	.counts = {.created = {[SHAPE_MAILBOX] = 1}, .conflicts = 1},
	.reason = CONFLICT_ADDRESS,
	.expect = {{TARGET, "CN=Ann", "proxyAddresses", "!smtp:office@acme.example"},
	    {TARGET, "CN=Ann", "proxyAddresses", "SMTP:ann@acme.example"},
	    {TARGET, "CN=Bea", "proxyAddresses", "smtp:Office@acme.example"}}},
    {.name = "the primary address is held in the target: nothing is written",
	.link = "match = [ \"stamp\" ];",
	.source = {ANN("")},
	.target = {THERE_OU, BEA("mail: ann@acme.example\n")},
	.counts = {.conflicts = 1},
	.reason = CONFLICT_ADDRESS,
	.expect = {NOT_ANN}},
    {.name = "the redirect address is held in the source: it gets another one",
	.source = {ANN(""),
	    MAILBOX("Cid", "cid", "proxyAddresses: smtp:ann@redirect.acme.example\n")},
	.counts = {.created = {[SHAPE_MAILBOX] = 2}},
	.expect = {{TARGET, "CN=Ann", "targetAddress", "SMTP:ann-11111111@redirect.acme.example"},
	    {TARGET, "CN=Ann", "proxyAddresses", "smtp:ann@redirect.globex.example"},
	    {SOURCE, "CN=Ann", "proxyAddresses", "smtp:ann-11111111@redirect.acme.example"},
	    {SOURCE, "CN=Ann", "proxyAddresses", "!smtp:ann@redirect.acme.example"}}},
    {.name = "the redirect address is held in the target: it gets another one",
	.source = {ANN("")},
	.target = {THERE_OU, BEA("mail: ann@acme.example\n"),
	    THERE("user", "Other", "proxyAddresses: smtp:Ann@redirect.globex.example\n")},
	.counts = {.matched = 1},
	.expect = {{TARGET, "CN=Bea", "targetAddress", "SMTP:ann@redirect.acme.example"},
	    {TARGET, "CN=Bea", "proxyAddresses", "smtp:ann-11111111@redirect.globex.example"},
	    {SOURCE, "CN=Ann", "proxyAddresses", "smtp:ann@redirect.acme.example"}}},
    {.name = "the primary address is held in the target: nothing is written",
	.link = "match = [ \"sam-account-name\" ];",
	.source = {ANN(""), GROUP("Sales", "sales", MEMBER("Ann"))},
	.target = {THERE_OU, BEA("mail: ann@acme.example\n"),
	    THERE("user", "Other", "proxyAddresses: smtp:Ann@redirect.globex.example\n")},
	.counts = {.created = {[SHAPE_GROUP] = 1}, .conflicts = 1, .waiting = 1},
	.reason = CONFLICT_ADDRESS,
	.expect = {NOT_ANN, {TARGET, "CN=Other", "extensionAttribute15", NULL},
	    {TARGET, "CN=Sales", "member", NULL}}},
    {.name = "two of the source have the same secondary address: left out of both",
	.source = {ANN("proxyAddresses: smtp:office@acme.example\n"),
	    MAILBOX("Cid", "cid", "proxyAddresses: smtp:office@acme.example\n")},
	.counts = {.created = {[SHAPE_MAILBOX] = 2}, .conflicts = 2},
	.reason = CONFLICT_ADDRESS,
	.expect = {{TARGET, "CN=Ann", "proxyAddresses", "!smtp:office@acme.example"},
	    {TARGET, "CN=Cid", "proxyAddresses", "!smtp:office@acme.example"}}},
    {.name = "the RDN is taken: the department tells them apart",
	.link = "match = [ \"stamp\" ];",
	.source = {ANN("department: Sales\n")},
	.target = {THERE_OU, THERE("container", "Other", ""),
	    THERE("contact", "Ann", "displayName: another\n")},
	.counts = {.created = {[SHAPE_MAILBOX] = 1}},
	.expect = {{TARGET, "CN=Ann (Sales)", "mailNickname", "ann"},
	    {TARGET, "CN=Ann", "displayName", "another"}}},
    {.name = "account names are taken",
	.link = "match = [ \"stamp\" ];",
	.source = {ANN("")},
	.target = {THERE_OU, THERE("user", "Bea", "sAMAccountName: Ann\n"),
	    THERE("user", "Cid", "sAMAccountName: cid\nuserPrincipalName: ann@globex.example\n")},
	.counts = {.created = {[SHAPE_MAILBOX] = 1}},
	.expect = {{TARGET, "CN=Ann", "sAMAccountName", "ann-2"},
	    {TARGET, "CN=Ann", "userPrincipalName", "ann-2@globex.example"}}},
    {.name = "account names that differ in accents alone",
	.link = "match = [ \"stamp\" ];",
	.source = {"dn: CN=Rene" ACME "\nobjectClass: user\nsAMAccountName: rené\n"
		   "userPrincipalName: rené@acme.example\n" RECIPIENT(
		       "rene") "userAccountControl: 512\nmsExchHomeServerName: /o=Acme/cn=EX1\n"},
	.target = {THERE_OU, THERE("user", "Bea", "sAMAccountName: Rene\n")},
	.counts = {.created = {[SHAPE_MAILBOX] = 1}},
	.expect = {{TARGET, "CN=Rene", "sAMAccountName", "rené-2"},
	    {TARGET, "CN=Rene", "userPrincipalName", "rené-2@globex.example"}}},
    {.name = "logon names that differ in accents alone",
	.link = "match = [ \"stamp\" ];",
	.source = {MAILBOX("Rene", "rene", "")},
	.target = {THERE_OU, THERE("user", "Bea",
				 "sAMAccountName: bea\n"
				 "userPrincipalName: René@globex.example\n")},
	.counts = {.created = {[SHAPE_MAILBOX] = 1}},
	.expect = {{TARGET, "CN=Rene", "userPrincipalName", "rene-2@globex.example"}}},
    {.name = "names that differ in accents are no match",
	.link = "match = [ \"sam-account-name\" ];",
	.source = {MAILBOX("Rene", "rene", "")},
	.target = {THERE_OU, THERE("user", "Bea", "sAMAccountName: rené\n")},
	.counts = {.created = {[SHAPE_MAILBOX] = 1}},
	.expect = {{TARGET, "CN=Bea", "mailNickname", NULL},
	    {TARGET, "CN=Rene", "sAMAccountName", "rene-2"}}},
    {.name = "the address of a matched object that had no proxy addresses",
	.link = "match = [ \"sam-account-name\" ];",
	.source = {MAILBOX("Ann", "ann", "")},
	.target = {THERE_OU,
	    THERE("user", "Ann", "sAMAccountName: ann\nmail: andy@globex.example\n")},
	.counts = {.matched = 1},
	.expect = {{TARGET, "CN=Ann", "mail", "ann@acme.example"},
	    {TARGET, "CN=Ann", "proxyAddresses", "SMTP:ann@acme.example"},
	    {TARGET, "CN=Ann", "proxyAddresses", "smtp:andy@globex.example"}}},
    {.name = "the address of a matched object that another has too",
	.link = "match = [ \"sam-account-name\" ];",
	.source = {MAILBOX("Ann", "ann", "")},
	.target = {THERE_OU,
	    THERE("user", "Ann", "sAMAccountName: ann\nmail: andy@globex.example\n"),
	    THERE("user", "Bea", "proxyAddresses: SMTP:andy@globex.example\n")},
	.counts = {.matched = 1, .conflicts = 1},
	.reason = CONFLICT_ADDRESS,
	.expect = {{TARGET, "CN=Ann", "mail", "ann@acme.example"},
	    {TARGET, "CN=Ann", "proxyAddresses", "!smtp:andy@globex.example"}}},
    {.name = "what is no address is not kept as one",
	.link = "match = [ \"sam-account-name\" ];",
	.source = {MAILBOX("Ann", "ann", "")},
	.target = {THERE_OU, THERE("user", "Ann", "sAMAccountName: ann\nmail: none\n")},
	.counts = {.matched = 1},
	.expect = {{TARGET, "CN=Ann", "mail", "ann@acme.example"},
	    {TARGET, "CN=Ann", "proxyAddresses", "!smtp:none"}}},
    {.name = "twins of the source",
	.source = {"dn: OU=A" ACME "\nobjectClass: organizationalUnit\n\n"
		   "dn: OU=B" ACME "\nobjectClass: organizationalUnit\n\n",
	    CONTACT("Jose,OU=A", "jose1", ""), CONTACT("José,OU=B", "jose2", ""),
	    CONTACT("JOSE", "jose3", "department: Sales\n")},
	.counts = {.created = {[SHAPE_CONTACT] = 3}},
	.expect = {{TARGET, "CN=Jose", "mailNickname", "jose1"},
	    {TARGET, "CN=José (2)", "mailNickname", "jose2"},
	    {TARGET, "CN=JOSE (Sales)", "mailNickname", "jose3"}}},
};

/* ---- pairs that name what may not be a counterpart ---- */

#define ADMINISTRATOR "CN=Administrator,CN=Users,DC=globex,DC=example"
#define NEEDED                                                                                     \
	"dn: " ADMINISTRATOR "\nobjectClass: user\nsAMAccountName: administrator\n"                \
	"userPrincipalName: administrator\nisCriticalSystemObject: TRUE\n"                         \
	"objectGUID:: AAECAwQFBgcICQoLDA0ODw==\n"
/* By whatever the file names it, there is one reason and one warning. */
static void
refused_pairs(void **state)
{
	static const char *const pairs[] = {"ann,administrator\n", "ann,\"" ADMINISTRATOR "\"\n",
	    "ann,\"cn=administrator, cn=users, dc=globex, dc=example\"\n",
	    "ann,03020100-0504-0706-0809-0a0b0c0d0e0f\n"};
	static const char warning[] =
	    ": the directory needs it itself (isCriticalSystemObject): '" ADMINISTRATOR
	    "'; nothing is written until it is resolved";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		const struct scenario sc = {.name = pairs[i],
		    .link = "match = [ \"csv:pairs.csv\" ];",
		    .csv = pairs[i],
		    .source = {ANN("")},
		    .target = {NEEDED}};
		const char *found;
		struct lab l;

		lab_open(&l, &sc);
		lab_run(&l);
		found = strstr(lab_notes(&l), warning);
		assert_non_null(found);
		assert_null(strstr(found + sizeof warning - 1, "isCritical"));
		assert_int_equal(l.res.matched, 0);
		assert_int_equal(l.res.conflicts, 1);
		assert_int_equal(l.res.created[SHAPE_MAILBOX], 0);
		assert_int_equal(lab_count(&l, TARGET, ADMINISTRATOR, "extensionAttribute15"), 0);
		assert_int_equal(lab_count(&l, TARGET, ADMINISTRATOR, "proxyAddresses"), 0);
		lab_close(&l);
	}
}

int
main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(rules) + ARRAY_SIZE(conflicts) + ARRAY_SIZE(collisions) +
				1] = {cmocka_unit_test(refused_pairs)};

	scenario_tests(rules, ARRAY_SIZE(rules), tests + 1);
	scenario_tests(conflicts, ARRAY_SIZE(conflicts), tests + 1 + ARRAY_SIZE(rules));
	scenario_tests(collisions, ARRAY_SIZE(collisions),
	    tests + 1 + ARRAY_SIZE(rules) + ARRAY_SIZE(conflicts));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
