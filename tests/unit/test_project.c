/* SPDX-License-Identifier: MIT */

/* What the target is to hold, attribute by attribute, and what the source needs for it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/project_fixture.h"

static const struct project_case cases[] = {
    /* What it is. Only of what is created. */
    {"objectClass", ANN(""), .want = "user"},
    {"objectClass", ANN(""), .create = CREATE_MAIL_USER, .want = "user"},
    {"objectClass", ANN(""), .create = CREATE_CONTACT, .want = "contact"},
    {"objectClass", CARL(""), .want = "contact"},
    {"objectClass", SALES(""), .want = "group"},
    {"objectClass", DYNAMIC, .want = "contact"},
    {"objectClass", FOLDER, .want = "contact"},
    {"objectClass", ANN(""), BEA(""), .want = NULL},
    {"objectClass", ANN(""), BEA(""), .matched = true, .want = NULL},
    {"cn", ANN(""), .want = "Rdn"},
    {"cn", ANN(""), BEA(""), .want = NULL},
    {"sAMAccountName", ANN(""), .want = "sam"},
    {"sAMAccountName", SALES(""), .want = "sam"},
    {"sAMAccountName", CARL(""), .want = NULL},
    {"sAMAccountName", ANN(""), BEA(""), .matched = true, .want = NULL},
    {"userPrincipalName", ANN(""), .want = "upn@globex.example"},
    {"userPrincipalName", SALES(""), .want = NULL},
    {"userPrincipalName", ANN(""), .create = CREATE_CONTACT, .want = NULL},
    {"userAccountControl", ANN(""), .want = "514"},
    {"userAccountControl", ANN(""), BEA(""), .want = NULL},
    {"userAccountControl", CARL(""), .want = NULL},
    {"groupType", SALES(""), .want = "8"},
    {"groupType", SALES(""), THERE("group", "S", ""), .want = "8"},
    {"groupType", SALES(""), THERE("group", "S", ""), .matched = true, .want = NULL},
    {"groupType", SALES(""), .create = CREATE_CONTACT, .want = NULL},
    {"groupType", ANN(TYPE("8")), .want = NULL},

    /* Whose account opens the mailbox. */
    {"msExchMasterAccountSid", ANN(BYTES_16("objectSid")), .want = ""},
    {"msExchMasterAccountSid", ANN(BYTES_16("objectSid")), .linked = true, .want = SHOWN_16},
    {"msExchMasterAccountSid", ANN(BYTES_16("objectSid")), BEA(""), .linked = true, .matched = true,
	.want = NULL},
    {"msExchMasterAccountSid", ANN(""), .linked = true, .want = ""},
    {"msExchMasterAccountSid", DISABLED(BYTES_16("msExchMasterAccountSid")), .linked = true,
	.want = SHOWN_16},
    {"msExchMasterAccountSid", DISABLED(SELF), .linked = true, .want = ""},
    {"msExchMasterAccountSid", ANN(SELF), .linked = true,
	.why = "the enabled account has msExchMasterAccountSid"},
    {"msExchMasterAccountSid", DISABLED(""), .linked = true,
	.why = "the disabled account has no msExchMasterAccountSid"},
    {"msExchMasterAccountSid", DISABLED(""), .want = ""},
    {"msExchMasterAccountSid", CARL(""), .linked = true, .want = NULL},
    {"msExchMasterAccountSid", SALES(""), .linked = true, .want = NULL},

    /* The primary address. */
    {"mail", ANN(""), .want = "ann@acme.example"},
    {"mail", ANN(""), BEA("mail: bea@globex.example\n"), .matched = true,
	.want = "ann@acme.example"},
    {"mail", ANN(""), BEA_MAILBOX(""), .active = TARGET, .matched = true, .want = NULL},
    {"mail", ANN(""), BEA_MAILBOX(PROXY("SMTP:bea@globex.example")), .active = TARGET,
	.want = NULL},
    /* What galsync created is not without one. */
    {"mail", ANN(""), BEA_MAILBOX(""), .active = TARGET, .want = "ann@acme.example"},
    {"mail", BARE(PROXY("smtp:a@acme.example") "mail: b@acme.example\n"), .want = "b@acme.example"},
    {"mail", BARE(PROXY("SMTP:A@Acme.example") "mail: b@acme.example\n"), .want = "A@Acme.example"},
    {"mail", ANN(""), .primary = "%{mailNickname}@globex.example", .want = "ann@globex.example"},
    {"mail", SALES(""), .primary = "%{mailNickname}@globex.example",
	.want = "sales@globex.example"},
    {"mail", CARL(""), .primary = "%{mailNickname}@globex.example", .want = "carl@acme.example"},
    {"mail", ANN(""), .primary = "%{department}@globex.example",
	.why = "attribute 'department' is not set"},
    {"mail", BARE(PROXY("smtp:a@acme.example")), .why = "the source has no primary SMTP address"},
    {"mail", BARE(PROXY("SMTP:" RS)),
	.why = "the primary address '" RS "' is in a redirect domain"},
    {"mail", BARE(PROXY("SMTP:" RT)),
	.why = "the primary address '" RT "' is in a redirect domain"},
    {"mail", BARE("mail: Ann@Redirect.ACME.example\n"),
	.why = "the primary address 'Ann@Redirect.ACME.example' is in"},
    {"mail", BARE(PROXY("SMTP:ann@delete.me")), .why = "the primary address 'ann@delete.me' is in"},
    {"mail", ANN(""), .primary = "%{mailNickname}@redirect.globex.example",
	.why = "the primary address '" RT "' is in"},
    {"mail", ANN("sn: M\xc3\xbcller\n"), .primary = "%{sn}@globex.example",
	.why = "primary address: 'M\xc3\xbcller' cannot be the local part of an address"},
    {"mail", ANN("sn: van Dyck\n"), .primary = "a.%{sn}@globex.example",
	.why = "primary address: 'a.van Dyck' cannot be the local part of an address"},
    {"mail", ANN("sn: a@b\n"), .primary = "%{sn}@globex.example", .want = NULL,
	.why = "primary address: 'a@b' cannot be"},
    {"mail", BARE(PROXY("SMTP:" RS)), .plain = true, .want = RS},
    {"mail", BARE(""), .why = "the source has no primary SMTP address"},
    {"mail",
	BARE(PROXY("SMTP:a@"
		   "0123456789012345678901234567890123456789012345678901234567890123456789"
		   "0123456789012345678901234567890123456789012345678901234567890123456789"
		   "0123456789012345678901234567890123456789012345678901234567890123456789"
		   "0123456789012345678901234567890123456.example")),
	.problem = "mail: 257 characters, at most 256 are allowed", .want = NULL},

    /* The addresses. */
    {"proxyAddresses", ANN(""), .want = TO_RT},
    /* An active target keeps its own: names and the redirect address come. */
    {"proxyAddresses", ANN(PROXY("smtp:new@acme.example") PROXY("X500:/o=Old/cn=ann")),
	BEA_MAILBOX(PROXY("SMTP:bea@globex.example") PROXY("smtp:b@acme.example")),
	.active = TARGET, .matched = true,
	.want =
	    "SMTP:bea@globex.example|smtp:b@acme.example|X500:/o=Old/cn=ann|" ANN_X500 "|smtp:" RT},
    /* One that it had to give to another object comes again, if galsync created it. */
    {"proxyAddresses", ANN(""), BEA_MAILBOX(PROXY("smtp:b@acme.example")), .active = TARGET,
	.want = "smtp:b@acme.example|SMTP:ann@acme.example|" ANN_X500 "|smtp:" RT},
    {"proxyAddresses", ANN(""), BEA_MAILBOX(PROXY("smtp:b@acme.example")), .active = TARGET,
	.matched = true, .want = "smtp:b@acme.example|" ANN_X500 "|smtp:" RT},
    {"proxyAddresses", ANN(""), .create = CREATE_MAIL_USER, .want = TO_RT},
    {"proxyAddresses", ANN(""), .create = CREATE_CONTACT, .want = ANN_HAS "|" ANN_X500},
    {"proxyAddresses", ANN(""), .plain = true, .want = ANN_HAS "|" ANN_X500},
    {"proxyAddresses", MAIL_USER(""), .want = ANN_HAS "|" ANN_X500},
    {"proxyAddresses", SALES(""), .want = "SMTP:sales@acme.example|X500:" ACME_LEGACY "sales"},
    {"proxyAddresses", ANN(PROXY("smtp:A.Ash@acme.example") PROXY("sip:ann@acme.example")),
	.want = ANN_HAS "|smtp:A.Ash@acme.example|sip:ann@acme.example|" ANN_X500 "|smtp:" RT},
    {"proxyAddresses",
	ANN(PROXY("smtp:" RS) PROXY("smtp:" RT) PROXY("SmTp:x@Redirect.ACME.example")
		PROXY("smtp:ann@delete.me")),
	.want = TO_RT},
    {"proxyAddresses", ANN(PROXY("X500:/o=Old/cn=ann") PROXY("x500:/O=OLD/cn=ANN")),
	.want = ANN_HAS "|X500:/o=Old/cn=ann|" ANN_X500 "|smtp:" RT},
    {"proxyAddresses", ANN(PROXY("smtp:ANN@acme.example")), .want = TO_RT},
    {"proxyAddresses", ANN(PROXY("SMTP:two@acme.example")), /* which AD never has */
	.want = ANN_HAS "|smtp:two@acme.example|" ANN_X500 "|smtp:" RT},
    {"proxyAddresses", BARE(PROXY("smtp:a@acme.example") "mail: b@acme.example\n"),
	.want = "smtp:a@acme.example|SMTP:b@acme.example|" ANN_X500 "|smtp:" RT},
    {"proxyAddresses", ANN(""), .primary = "%{mailNickname}@globex.example",
	.want = "smtp:ann@acme.example|SMTP:ann@globex.example|" ANN_X500 "|smtp:" RT},
    {"proxyAddresses", ANN(PROXY("smtp:ann@globex.example")),
	.primary = "%{mailNickname}@globex.example",
	.want = "smtp:ann@acme.example|SMTP:ann@globex.example|" ANN_X500 "|smtp:" RT},
    /* The target's own legacyExchangeDN is no address of it. */
    {"proxyAddresses", ANN(PROXY("X500:/o=G/cn=bea")), BEA("legacyExchangeDN: /o=G/cn=BEA\n"),
	.want = TO_RT},
    {"proxyAddresses", ANN(""), BEA("legacyExchangeDN: " ACME_LEGACY "ANN\n"),
	.want = ANN_HAS "|smtp:" RT},
    {"proxyAddresses", ANN(PROXY("X500:" OWN_LEGACY("ann"))), .want = TO_RT},
    /* Whatever name a side had. */
    {"proxyAddresses", ANN(""), BEA("legacyExchangeDN: /o=G/cn=bea\n"),
	.legacy = {"/o=A/cn=older", "/o=G/cn=BEA"},
	.want = ANN_HAS "|" ANN_X500 "|X500:/o=A/cn=older|smtp:" RT},
    {"proxyAddresses", ANN(""), BEA(""), .legacy = {ACME_LEGACY "ann", "/o=G/cn=old"},
	.want = ANN_HAS "|" ANN_X500 "|X500:/o=G/cn=old|smtp:" RT},
    /* The redirect address that the source still redirects to. */
    {"proxyAddresses", ANN("targetAddress: SMTP:Old@redirect.globex.example\n"),
	BEA_MAILBOX(PROXY("SMTP:bea@globex.example") PROXY("smtp:old@redirect.globex.example")),
	.active = TARGET, .written = PROXY("smtp:old@redirect.globex.example"),
	.want = "SMTP:bea@globex.example|" ANN_X500 "|smtp:old@redirect.globex.example|smtp:" RT},
    {"proxyAddresses", ANN("targetAddress: SMTP:old@redirect.globex.example\n"),
	BEA_MAILBOX(PROXY("SMTP:bea@globex.example") PROXY("smtp:old@redirect.globex.example")),
	.active = TARGET, .want = "SMTP:bea@globex.example|" ANN_X500 "|smtp:" RT},
    {"proxyAddresses", ANN("targetAddress: SMTP:else@redirect.globex.example\n"),
	BEA_MAILBOX(PROXY("SMTP:bea@globex.example") PROXY("smtp:old@redirect.globex.example")),
	.active = TARGET, .written = PROXY("smtp:old@redirect.globex.example"),
	.want = "SMTP:bea@globex.example|" ANN_X500 "|smtp:" RT},
    {"proxyAddresses", ANN("mailNickname: other\n"),
	.why = "attribute 'mailNickname' has 2 values"},

    /* Where it sends mail on. */
    {"targetAddress", ANN(""), .want = "SMTP:" RS},
    {"targetAddress", ANN(""), .create = CREATE_MAIL_USER, .want = "SMTP:" RS},
    {"targetAddress", ANN(""), .create = CREATE_CONTACT, .want = "SMTP:" RS},
    {"targetAddress", ANN(""), BEA_MAILBOX(""), .matched = true, .want = "SMTP:" RS},
    {"targetAddress", ANN(""), BEA_MAILBOX(""), .active = TARGET, .want = NULL},
    {"targetAddress", ANN("targetAddress: SMTP:x@else.example\n"), .want = "SMTP:" RS},
    {"targetAddress", ANN(""), .plain = true, .want = ANN_HAS},
    {"targetAddress", CARL(""), .want = "SMTP:carl@else.example"},
    {"targetAddress", MAIL_USER(""), .want = "SMTP:ann@else.example"},
    {"targetAddress", MAIL_USER(""), .create = CREATE_CONTACT, .want = "SMTP:ann@else.example"},
    {"targetAddress", MAIL_USER(""), BEA_MAILBOX(""), .want = NULL},
    /* A third place is not galsync's, and no mailbox turns because its source lost its own. */
    {"targetAddress", ANN(""), BEA_MAILBOX("targetAddress: SMTP:bea@third.example\n"),
	.want = NULL},
    {"targetAddress", MAIL_USER(""), BEA_MAILBOX("targetAddress: SMTP:" RS "\n"), .want = NULL},
    /* Never to itself. */
    {"targetAddress", MOVED(RT), BEA_MAILBOX(""), .want = NULL},
    {"targetAddress", MOVED("x@redirect.globex.example"), .want = ""},
    {"targetAddress", MOVED("bea@globex.example"), BEA_MAILBOX(PROXY("smtp:Bea@globex.example")),
	.matched = true, .want = NULL},
    {"targetAddress", MOVED("bea@globex.example"), BEA(PROXY("smtp:bea@globex.example")),
	.want = "SMTP:bea@globex.example"},
    {"targetAddress",
	"dn: CN=C\nobjectClass: contact\nmail: c@x.example\n"
	"targetAddress: SMTP:" RT "\n",
	.want = ""},
    {"targetAddress", SALES(""), .want = NULL},
    {"targetAddress", SALES(""), .create = CREATE_CONTACT, .want = "SMTP:sales@acme.example"},
    {"targetAddress", DYNAMIC, .want = "SMTP:dyn@acme.example"},
    {"targetAddress", FOLDER, .want = "SMTP:pub@acme.example"},
    {"targetAddress", "dn: CN=C\nobjectClass: contact\nmail: c@x.example\n",
	.want = "SMTP:c@x.example"},

    /* The calendar of the mailbox that is passive. */
    {"msExchCalendarRepairDisabled", ANN(""), .want = "TRUE"},
    {"msExchCalendarRepairDisabled", ANN(""), BEA_MAILBOX(""), .active = TARGET, .want = NULL},
    {"msExchCalendarRepairDisabled", ANN(""), .plain = true, .want = ""},
    {"msExchCalendarRepairDisabled", ANN(""), .create = CREATE_MAIL_USER, .want = NULL},
    {"msExchCalendarRepairDisabled", MAIL_USER(""), BEA_MAILBOX(""), .want = NULL},

    /* The mailbox. */
    {"legacyExchangeDN", ANN(""), .want = OWN_LEGACY("ann")},
    {"legacyExchangeDN", SALES(""), .want = OWN_LEGACY("sales")},
    {"mailNickname", ANN(""), .want = "ann"},
    {"mailNickname", ANN(""), BEA(""), .matched = true, .want = "ann"},
    {"msExchMailboxGuid", ANN(BYTES_16("msExchMailboxGuid")), .create = CREATE_MAIL_USER,
	.want = SHOWN_16},
    {"msExchMailboxGuid", ANN(""), .create = CREATE_MAIL_USER, .want = ""},
    {"msExchMailboxGuid", ANN(""), .create = CREATE_CONTACT, .want = NULL},
    /* What was moved away is not taken back. */
    {"msExchMailboxGuid", MAIL_USER(BYTES_16("msExchMailboxGuid")), .want = SHOWN_16},
    {"msExchMailboxGuid", MAIL_USER(BYTES_16("msExchMailboxGuid")), BEA(""), .want = SHOWN_16},
    {"msExchMailboxGuid", MAIL_USER(BYTES_16("msExchMailboxGuid")),
	BEA("msExchMailboxGuid: other\n"), .want = NULL},
    {"msExchMailboxGuid", MAIL_USER(""), BEA("msExchMailboxGuid: other\n"), .want = NULL},
    {"homeMDB", ANN(""), .want = "CN=DB1"},
    {"homeMDB", ANN(""), .create = CREATE_MAIL_USER, .want = NULL},
    {"msExchHomeServerName", ANN(""), .want = ""},
    {"msExchHomeServerName", ANN(""), .home_server = "/o=G/cn=EX1", .want = "/o=G/cn=EX1"},
    {"msExchHomeServerName", ANN(""), .create = CREATE_MAIL_USER, .home_server = "/o=G",
	.want = NULL},
    {"mDBUseDefaults", ANN(""), .want = "TRUE"},
    {"mDBUseDefaults", CARL(""), .want = NULL},

    /* What Exchange takes it for. */
    {"msExchRecipientTypeDetails", ANN(DETAILS("1")), .want = "1"},
    {"msExchRecipientTypeDetails", ANN(""), .want = "1"},
    {"msExchRecipientTypeDetails", ANN(DETAILS("4")), .want = "4"},
    {"msExchRecipientTypeDetails", ANN(DETAILS("16")), .want = "16"},
    {"msExchRecipientTypeDetails", ANN(DETAILS("32")), .want = "32"},
    {"msExchRecipientTypeDetails", ANN(DETAILS("2")), .want = "1"},
    {"msExchRecipientTypeDetails", ANN(DETAILS("what")), .want = "1"},
    {"msExchRecipientTypeDetails", ANN(DETAILS("1")), .linked = true, .want = "2"},
    {"msExchRecipientTypeDetails", DISABLED(DETAILS("4") SELF), .linked = true, .want = "4"},
    {"msExchRecipientTypeDetails", ANN(DETAILS("1")), .create = CREATE_MAIL_USER, .want = "128"},
    {"msExchRecipientTypeDetails", ANN(DETAILS("1")), .create = CREATE_CONTACT, .want = "32768"},
    {"msExchRecipientTypeDetails", CARL(""), .want = "64"},
    {"msExchRecipientTypeDetails", SALES(""), .want = "256"},
    {"msExchRecipientTypeDetails", DYNAMIC, .want = "32768"},
    {"msExchRecipientTypeDetails", GROUP("S", "s", ""), .create = CREATE_CONTACT, .want = "32768"},
    {"msExchRecipientTypeDetails",
	"dn: CN=S\nobjectClass: group\n" RECIPIENT("s") TYPE("-2147483640"), .want = "1024"},
    {"msExchRecipientTypeDetails", "dn: CN=S\nobjectClass: group\n" RECIPIENT("s") TYPE("2"),
	.want = "512"},
    {"msExchRecipientDisplayType", ANN(DISPLAY("1073741824")), .want = "1073741824"},
    {"msExchRecipientDisplayType", ANN(""), .want = "1073741824"},
    {"msExchRecipientDisplayType", ANN(DISPLAY("0")), .want = "0"},
    {"msExchRecipientDisplayType", ANN(DISPLAY("7")), .want = "7"},
    {"msExchRecipientDisplayType", ANN(DISPLAY("-2147483642")), .want = "1073741824"},
    {"msExchRecipientDisplayType", ANN(""), .create = CREATE_MAIL_USER, .want = "-2147483642"},
    {"msExchRecipientDisplayType", ANN(DISPLAY("7")), .create = CREATE_MAIL_USER,
	.want = "-2147481850"},
    {"msExchRecipientDisplayType", ANN(DISPLAY("8")), .create = CREATE_MAIL_USER,
	.want = "-2147481594"},
    {"msExchRecipientDisplayType", ANN(""), .create = CREATE_MAIL_USER, .linked = true,
	.want = "-1073741818"},
    {"msExchRecipientDisplayType", DISABLED(DISPLAY("7") SELF), .create = CREATE_MAIL_USER,
	.linked = true, .want = "-2147481850"},
    {"msExchRecipientDisplayType", CARL(DISPLAY("6")), .want = "-2147482106"},
    {"msExchRecipientDisplayType", SALES(""), .want = "1"},
    {"msExchRecipientDisplayType", SALES(DISPLAY("1073741833")), .want = "1073741833"},
    {"msExchRecipientDisplayType",
	"dn: CN=S\nobjectClass: group\n" RECIPIENT("s") TYPE("-2147483640"), .want = "1073741833"},
    {"msExchOriginatingForest", ANN(""), .want = NULL},
    {"msExchOriginatingForest", ANN(""), .create = CREATE_MAIL_USER, .want = "acme.example"},
    {"msExchOriginatingForest", CARL(""), .want = "acme.example"},
    {"msExchOriginatingForest", CARL(""), THERE("contact", "C", ""), .matched = true, .want = NULL},
    {"msExchVersion", CARL(""), .want = "44220983382016"},
    {"msExchPoliciesExcluded", ANN(""), .want = EXCLUDED},
    {"msExchPoliciesExcluded", CARL(""), .want = EXCLUDED},
    {"msExchPoliciesExcluded", ANN(""), BEA(""), .matched = true, .want = EXCLUDED},
    {"msExchPoliciesExcluded", ANN(""), BEA(INCLUDED(OTHER_POLICY)), .matched = true,
	.want = EXCLUDED},
    {"msExchPoliciesIncluded", CARL(""), .want = NULL},
    {"msExchPoliciesIncluded", CARL(""), THERE("contact", "C", INCLUDED(EXCLUDED)), .want = ""},
    {"msExchPoliciesExcluded", CARL(""), THERE("contact", "C", INCLUDED(EXCLUDED)),
	.want = EXCLUDED},
    {"msExchPoliciesIncluded", CARL(""), THERE("contact", "C", INCLUDED(EXCLUDED)), .matched = true,
	.want = NULL},
    {"msExchPoliciesExcluded", CARL(""), THERE("contact", "C", INCLUDED(EXCLUDED)), .matched = true,
	.want = ""},
    {"msExchPoliciesIncluded", ANN(""), BEA(INCLUDED(EXCLUDED)), .want = NULL},
    /* Never beside a policy that applies; what galsync put there goes. */
    {"msExchPoliciesExcluded", ANN(""), BEA(INCLUDED(EXCLUDED)), .matched = true, .want = ""},
    {"msExchPoliciesExcluded", ANN(""),
	BEA(INCLUDED(OTHER_POLICY) INCLUDED("{26491CFC-9E50-4857-861B-0CB8DF22B5D7}")), .want = ""},

    /* Whose it is. */
    {"extensionAttribute15", ANN(""), .want = "galsync:created:" GIVEN_GUID ":source"},
    {"extensionAttribute15", CARL(""), .want = "galsync:created:" GIVEN_GUID ":source"},
    {"extensionAttribute15", ANN(""), BEA(""), .matched = true,
	.want = "galsync:matched:" GIVEN_GUID ":source"},
    {"extensionAttribute15", ANN("extensionAttribute15: own\n"), BEA_MAILBOX(""), .active = TARGET,
	.want = "galsync:created:" GIVEN_GUID ":target"},

    /* What is copied. */
    {"displayName", ANN("displayName: Ann \xc3\x84sh\n"), .want = "Ann \xc3\x84sh"},
    {"displayName", ANN(""), .want = ""},
    {"displayName", ANN("DISPLAYNAME: Ann\n"), BEA(""), .matched = true, .want = "Ann"},
    {"displayName", ANN("displayName: Ann\n"), BEA_MAILBOX(""), .active = TARGET, .want = NULL},
    {"displayName", MAIL_USER("displayName: Ann\n"), BEA_MAILBOX(""), .want = NULL},
    {"otherTelephone", ANN("otherTelephone: 1\notherTelephone: 2\n"), .want = "1|2"},
    {"thumbnailPhoto", ANN("thumbnailPhoto:: AAH/\n"), .want = "\\x00\\x01\\xFF"},
    {"msExchHideFromAddressLists", ANN(""), .want = ""},
    {"msExchHideFromAddressLists", ANN("msExchHideFromAddressLists: TRUE\n"), .want = "TRUE"},
    {"msExchArchiveGUID", ANN(BYTES_16("msExchArchiveGUID")), .want = NULL},
    {"msExchArchiveGUID", ANN(BYTES_16("msExchArchiveGUID")), .create = CREATE_MAIL_USER,
	.want = SHOWN_16},
    {"msExchArchiveGUID", ANN(BYTES_16("msExchArchiveGUID")), BEA(BYTES_16("msExchArchiveGUID")),
	.create = CREATE_MAIL_USER, .matched = true, .want = SHOWN_16},
    {"msExchArchiveGUID", ANN(""), BEA(BYTES_16("msExchArchiveGUID")), .create = CREATE_MAIL_USER,
	.want = ""},
    {"msExchArchiveGUID", MAIL_USER(""), BEA(BYTES_16("msExchArchiveGUID")), .want = NULL},
    {"msExchArchiveName", ANN("msExchArchiveName: A\n"), .want = NULL},
    {"msExchArchiveName", ANN("msExchArchiveName: A\n"), .create = CREATE_MAIL_USER, .want = "A"},
    {"msExchArchiveName", ANN(ARCHIVE_16 "msExchArchiveName: A\n"), BEA(ARCHIVE_16),
	.create = CREATE_MAIL_USER, .matched = true, .want = "A"},
    {"msExchArchiveName", ANN(ARCHIVE_16 "msExchArchiveName: A\n"), BEA(""),
	.create = CREATE_MAIL_USER, .matched = true, .want = "A"},
    /* The name of one archive is none for another one. */
    {"msExchArchiveName", ANN(ARCHIVE_16 "msExchArchiveName: A\n"),
	BEA("msExchArchiveGUID: other\n"), .create = CREATE_MAIL_USER, .matched = true,
	.want = NULL},
    {"msExchArchiveName", ANN(ARCHIVE_16 "msExchArchiveName: A\n"),
	BEA("msExchArchiveGUID: other\n"), .create = CREATE_MAIL_USER, .matched = true,
	.written = "msExchArchiveGUID: other\n", .want = "A"},
    {"msExchArchiveName", ANN("msExchArchiveName: A\n"), BEA(ARCHIVE_16),
	.create = CREATE_MAIL_USER, .matched = true, .want = NULL},
    {"msExchResourceCapacity", DISABLED("msExchResourceCapacity: 12\n"), .want = "12"},
    {"msExchResourceMetaData", DISABLED("msExchResourceMetaData: ResourceType:Room\n"),
	.create = CREATE_MAIL_USER, .want = "ResourceType:Room"},
    {"msExchResourceCapacity", CARL("msExchResourceCapacity: 3\n"), .want = NULL},
    {"hideDLMembership", SALES("hideDLMembership: TRUE\n"), .want = "TRUE"},
    {"hideDLMembership", ANN("hideDLMembership: TRUE\n"), .want = NULL},

    /* What the target's schema does not take is left out, and only that. */
    {"department",
	ANN("department: 0123456789012345678901234567890123456789012345678901234567890123\n"),
	.want = "0123456789012345678901234567890123456789012345678901234567890123"},
    {"department",
	ANN("department: 01234567890123456789012345678901234567890123456789012345678901234\n"),
	.problem = "department: 65 characters, at most 64 are allowed", .want = NULL},
    {"title", ANN("title: Boss\ninitials: ABCDEFG\n"),
	.problem = "initials: 7 characters, at most 6 are allowed", .want = "Boss"},
    {"title", ANN("title:: /w==\n"), .problem = "title: not well-formed UTF-8", .want = NULL},
    {"title", ANN("title:: QQBC\n"), .want = "A\\x00B"},
    {"msExchHideFromAddressLists", ANN("msExchHideFromAddressLists: yes\n"),
	.problem = "msExchHideFromAddressLists: neither TRUE nor FALSE", .want = NULL},
    {"title", ANN("title: Boss\ntitle: Chief\n"), .problem = "title: 2 values, one is allowed",
	.want = NULL},
    {"manager", ANN("manager: CN=Bea" ACME "\nmanager: CN=Nobody" ACME "\n"),
	.want = "CN=Bea" GLOBEX},
    {"countryCode", ANN("countryCode: 65536\n"),
	.problem = "countryCode: 65536, at most 65535 is allowed", .want = NULL},

    /* References. */
    {"manager", ANN("manager: CN=Bea" ACME "\n"), .want = "CN=Bea" GLOBEX},
    {"manager", ANN("manager: CN=Nobody" ACME "\n"), .want = ""},
    {"manager", ANN("manager: CN=Broken" ACME "\n"), .why = "broken: attribute 'manager'"},
    {"manager", ANN("manager: CN=Bea" ACME "\n"), BEA_MAILBOX(""), .active = TARGET, .want = NULL},
    {"manager", CARL(""), .want = ""},
    {"member", SALES(MEMBERS("Bea") MEMBERS("Nobody") MEMBERS("Cid")),
	.want = "CN=Bea" GLOBEX "|CN=Cid" GLOBEX},
    {"member", SALES(MEMBERS("Bea")), .create = CREATE_CONTACT, .want = NULL},
    {"altRecipient", ANN("altRecipient: CN=Bea" ACME "\n"), .create = CREATE_MAIL_USER,
	.want = NULL},

    /* Rows of the site. */
    {"company", ANN("company: Acme\n"), .from = "Globex", .how = ROW_CONSTANT, .want = "Globex"},
    {"company", ANN("department: D\n"), .from = "department", .how = ROW_COPY, .want = "D"},
    {"company", ANN("company: Acme\n"), .from = "department", .how = ROW_COPY, .want = ""},
    {"company", ANN("department: D\n"), .from = "Acme %{department}", .how = ROW_TEMPLATE,
	.want = "Acme D"},
    {"company", ANN(""), .from = "Acme %{department}", .how = ROW_TEMPLATE,
	.why = "attribute 'department' is not set: template 'Acme %{department}': attribute "
	       "'company'"},
    {"company", ANN("department: 1\ncompany: Acme\n"), .kinds = KIND_BIT(KIND_GROUP),
	.from = "department", .how = ROW_COPY, .want = "Acme"},
    {"company", ANN("company: Acme\n"), BEA(""), .matched = true, .from = "Globex",
	.how = ROW_CONSTANT, .want = "Globex"},
    {"company", ANN("company: Acme\n"), BEA(""), .matched = true, .from = "Globex",
	.how = ROW_CONSTANT, .on_created = true, .want = NULL},
    {"company", ANN("company: Acme\n"), BEA(""), .from = "Globex", .how = ROW_CONSTANT,
	.on_created = true, .want = "Globex"},
    {"comment", ANN("otherTelephone: 1\n"), .from = "otherTelephone", .how = ROW_COPY, .want = "1"},
    {"comment", ANN("otherTelephone: 1\notherTelephone: 2\n"), .from = "otherTelephone",
	.how = ROW_COPY, .problem = "comment: 2 values, one is allowed", .want = NULL},
    {"assistant", ANN("publicDelegates: CN=Bea" ACME "\npublicDelegates: CN=Cid" ACME "\n"),
	.from = "publicDelegates", .how = ROW_DN, .problem = "assistant: 2 values, one is allowed",
	.want = NULL},
    {"description", ANN("url: 1\nurl: 2\n"), .from = "url", .how = ROW_MERGE, .want = "1|2"},
    {"secretary", ANN("manager: CN=Bea" ACME "\n"), .from = "manager", .how = ROW_DN,
	.want = "CN=Bea" GLOBEX},
};

static void
projected(void **state)
{
	(void)state;
	project_all(cases, ARRAY_SIZE(cases));
}

/* ---- what the source needs ---- */

#define SOURCE_RS "|smtp:" RS

static const struct source_case {
	const char *source, *target, *legacy_dn, *want, *why;
	const char *remembered[SIDES];
	bool plain;
} source_cases[] = {
    {ANN(""), NULL, OWN_LEGACY("ann"), .want = "X500:" OWN_LEGACY("ann") SOURCE_RS},
    {ANN(""), NULL, OWN_LEGACY("ann"), .plain = true, .want = "X500:" OWN_LEGACY("ann")},
    {ANN(""), NULL, NULL, .want = "smtp:" RS},
    {ANN(""), NULL, NULL, .plain = true, .want = ""},
    {MAIL_USER(""), NULL, "/o=G/cn=a", .plain = true, .want = "X500:/o=G/cn=a"},
    {ANN(""), BEA(PROXY("x500:/o=Old/cn=b") PROXY("smtp:b@globex.example")), "/o=G/cn=b",
	.want = "X500:/o=G/cn=b|x500:/o=Old/cn=b" SOURCE_RS},
    {ANN(""), BEA(PROXY("x500:/o=G/cn=B")), "/o=G/cn=b", .want = "X500:/o=G/cn=b" SOURCE_RS},
    /* Its own name is no address of the source. */
    {ANN(""), BEA(PROXY(ANN_X500)), ACME_LEGACY "ANN", .want = "smtp:" RS},
    {ANN(""), BEA(""), "/o=G/cn=b", .remembered = {ACME_LEGACY "Ann", "/o=G/cn=older"},
	.want = "X500:/o=G/cn=b|X500:/o=G/cn=older" SOURCE_RS},
    {ANN(""), BEA(""), "/o=G/cn=b", .remembered = {"/o=A/cn=older", "/o=G/cn=B"},
	.want = "X500:/o=G/cn=b|X500:/o=A/cn=older" SOURCE_RS},
    {ACCOUNT("Ann", "ann") "homeMDB: CN=DB1\n", NULL, NULL,
	.why = "attribute 'mailNickname' is not set"},
};

static void
source_needs(void **state)
{
	struct given g;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(source_cases); i++) {
		const struct source_case *c = &source_cases[i];
		const struct project_case facts_of = {
		    .legacy = {c->remembered[SOURCE], c->remembered[TARGET]}};
		_cleanup_(entry_free) struct entry *source = given_entry(c->source);
		_cleanup_(entry_free) struct entry *target = given_entry(c->target);
		_cleanup_(record_free) struct record *record = remembered(&facts_of);
		_cleanup_(entry_free) struct entry *want = NULL;
		_cleanup_(free) char *values = NULL;
		struct project_in in;
		struct err err = {0};

		given_init(&g);
		if (c->plain)
			given_plain(&g);
		in = facts(&g, &facts_of, source, target, record);
		given_ended(
		    i, "source", project_source(&in, c->legacy_dn, &want, &err), &err, c->why);
		values = want ? given_values(entry_find(want, "proxyAddresses")) : NULL;
		given_same(i, "source", values, c->want);
	}
	given_all_same();
}

/* ---- what follows from the source's GUID ---- */

static struct entry *
computed(row_compute *compute, struct given *g, const char *guid)
{
	_cleanup_(entry_free) struct entry *source = given_entry(ANN(""));
	struct entry *ret = entry_new("");
	struct project_in in = {.link = &g->link, .source = source, .shape = SHAPE_MAILBOX};
	struct err err;

	assert_true(guid_parse(guid, &source->guid));
	assert_int_equal(compute(&in, ret, &err), 0);
	return ret;
}

/* The same at every attempt, and another for another object. */
static void
by_guid(void **state)
{
	unsigned used[ARRAY_SIZE(databases)] = {0};
	struct given g;

	(void)state;
	given_init(&g);
	g.link.databases = databases;
	g.link.n_databases = ARRAY_SIZE(databases);
	for (unsigned i = 0; i < 64; i++) {
		_cleanup_(free) char *guid = str_printf("%08x-0000-0000-0000-000000000001", i);
		_cleanup_(entry_free) struct entry *db = computed(compute_home_mdb, &g, guid);
		_cleanup_(entry_free) struct entry *one = computed(compute_mailbox_guid, &g, guid);
		_cleanup_(entry_free) struct entry *again =
		    computed(compute_mailbox_guid, &g, guid);
		_cleanup_(entry_free) struct entry *other =
		    computed(compute_mailbox_guid, &g, GIVEN_GUID);
		struct bytes v = entry_get(one, "msExchMailboxGuid");

		assert_int_equal(v.len, GUID_LEN);
		assert_true(bytes_equal(v, entry_get(again, "msExchMailboxGuid")));
		assert_false(bytes_equal(v, entry_get(other, "msExchMailboxGuid")));
		for (size_t j = 0; j < ARRAY_SIZE(databases); j++)
			used[j] += strcmp(entry_get_str(db, "homeMDB"), databases[j]) == 0;
	}
	for (size_t j = 0; j < ARRAY_SIZE(databases); j++)
		assert_in_range(used[j], 4, 40);
	g.link.n_databases = 0;
	{
		_cleanup_(entry_free) struct entry *none =
		    computed(compute_home_mdb, &g, GIVEN_GUID);

		assert_null(entry_find(none, "homeMDB"));
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(projected),
	    cmocka_unit_test(source_needs),
	    cmocka_unit_test(by_guid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
