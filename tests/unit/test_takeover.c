/* SPDX-License-Identifier: MIT */

/*
 * What an administrator of one OU of the source may do to the target by what its objects say: Cees
 * is the chief executive of globex and has a mailbox there, Eve is an object of acme that claims to
 * be Cees. And what an administrator of one OU of the target may do by a stamp.
 */

#include "tests/support/limits_fixture.h"

#define GUID_1 "11111111-1111-1111-1111-111111111111"
#define GUID_2 "22222222-2222-2222-2222-222222222222"
#define EVE_GUID "objectGUID:: EREREREREREREREREREREQ==\n"
#define EVE(extra) MAILBOX("Eve", "eve", EVE_GUID "displayName: Eve\n" extra)
#define CEES_LEGACY "/o=Globex/cn=ceo"
#define CEES_SID "AQUAAAAAAAUVAAAAAQAAAAIAAAADAAAAUQQAAA=="
#define CEES(extra)                                                                                \
	THERE("user", "Cees",                                                                      \
	    "sAMAccountName: ceo\nuserPrincipalName: ceo@globex.example\n"                         \
	    "mailNickname: ceo\ndisplayName: Cees\nmail: ceo@globex.example\n"                     \
	    "proxyAddresses: SMTP:ceo@globex.example\n"                                            \
	    "proxyAddresses: smtp:boss@globex.example\n"                                           \
	    "legacyExchangeDN: " CEES_LEGACY "\nobjectSid:: " CEES_SID                             \
	    "\nhomeMDB: CN=DB1,CN=Configuration,DC=globex,DC=example\n" extra)
/* Nothing of it was written. */
#define CEES_STAYS                                                                                 \
	{TARGET, "CN=Cees", "displayName", "Cees"},                                                \
	    {TARGET, "CN=Cees", "mail", "ceo@globex.example"},                                     \
	    {TARGET, "CN=Cees", "proxyAddresses", "!SMTP:eve@acme.example"},                       \
	    {TARGET, "CN=Cees", "targetAddress", NULL},                                            \
	{                                                                                          \
		TARGET, "CN=Cees", "extensionAttribute15", NULL                                    \
	}
#define NO_EVE                                                                                     \
	{                                                                                          \
		TARGET, "CN=Eve", NULL, NULL                                                       \
	}
#define A_NEW_EVE                                                                                  \
	{                                                                                          \
		TARGET, "CN=Eve", NULL, ""                                                         \
	}
#define SOFT                                                                                       \
	"match = [ \"sid-history\", \"x500\", \"mail\", \"sam-account-name\", "                    \
	"\"user-principal-name\" ];"

static void
eve_comes(struct lab *l)
{
	lab_add(l, SOURCE, EVE("proxyAddresses: smtp:ann@acme.example\n"));
}

static void
eve_has_logon_name(struct lab *l)
{
	lab_add(l, SOURCE, EVE("proxyAddresses: smtp:ann@corp.example\n"));
}

static void
ann_comes(struct lab *l)
{
	lab_add(l, SOURCE, MAILBOX("Ann", "ann", ""));
}

static const struct scenario scenarios[] = {
    /* By default nothing that the source says of others finds them. */
    {.name = "an address of another",
	.source = {EVE("proxyAddresses: smtp:ceo@globex.example\n")},
	.target = {THERE_OU, CEES("")},
	.counts = {.created = {[SHAPE_MAILBOX] = 1}, .conflicts = 1},
	.reason = CONFLICT_FOREIGN,
	.expect = {CEES_STAYS, A_NEW_EVE,
	    {TARGET, "CN=Eve", "proxyAddresses", "!smtp:ceo@globex.example"}}},
    {.name = "the X500 name of another",
	.source = {EVE("proxyAddresses: X500:" CEES_LEGACY "\n")},
	.target = {THERE_OU, CEES("")},
	.counts = {.created = {[SHAPE_MAILBOX] = 1}, .conflicts = 1},
	.reason = CONFLICT_ADDRESS,
	.expect = {CEES_STAYS, {TARGET, "CN=Eve", "proxyAddresses", "!X500:" CEES_LEGACY}}},
    {.name = "the account name of another",
	.source = {"dn: CN=Eve" ACME "\nobjectClass: user\nsAMAccountName: ceo\n" RECIPIENT(
	    "eve") "userPrincipalName: ceo@globex.example\nmsExchHomeServerName: /o=A\n\n"},
	.target = {THERE_OU, CEES("")},
	.counts = {.created = {[SHAPE_MAILBOX] = 1}},
	.expect = {CEES_STAYS, A_NEW_EVE, {TARGET, "CN=Eve", "sAMAccountName", "!ceo"}}},
    {.name = "the SID of another",
	.source = {EVE("sIDHistory:: " CEES_SID "\n")},
	.target = {THERE_OU, CEES("")},
	.counts = {.created = {[SHAPE_MAILBOX] = 1}},
	.expect = {CEES_STAYS, A_NEW_EVE}},
    {.name = "a contact takes the mail of another organization's contact",
	.source = {CONTACT("Eve", "eve", "proxyAddresses: smtp:pay@bank.example\n")},
	.target = {THERE_OU, THERE("contact", "Bank",
				 "displayName: Bank\nmail: pay@bank.example\n"
				 "proxyAddresses: SMTP:pay@bank.example\n"
				 "targetAddress: SMTP:pay@bank.example\n")},
	.counts = {.created = {[SHAPE_CONTACT] = 1}, .conflicts = 1},
	.reason = CONFLICT_ADDRESS,
	.expect = {{TARGET, "CN=Bank", "displayName", "Bank"},
	    {TARGET, "CN=Bank", "targetAddress", "SMTP:pay@bank.example"},
	    {TARGET, "CN=Eve", "proxyAddresses", "!smtp:pay@bank.example"}}},
    {.name = "a group with the name of a security group",
	.link = SOFT,
	.source = {MAILBOX("Mallory", "mallory", ""),
	    "dn: CN=Eve" ACME "\nobjectClass: group\nsAMAccountName: payroll\n"
	    "groupType: 8\n" RECIPIENT("eve") MEMBER("Mallory") "\n"},
	.target = {THERE_OU, THERE("group", "Payroll", "sAMAccountName: payroll\n")},
	.counts = {.created = {[SHAPE_MAILBOX] = 1, [SHAPE_GROUP] = 1}},
	.expect = {{TARGET, "CN=Payroll", "member", NULL},
	    {TARGET, "CN=Payroll", "extensionAttribute15", NULL}}},

    /* Where a soft rule finds it, an operator has to approve. */
    {.name = "an address of another, by a soft rule",
	.link = SOFT,
	.source = {EVE("proxyAddresses: smtp:boss@globex.example\n")},
	.target = {THERE_OU, CEES("")},
	.counts = {.conflicts = 1},
	.reason = CONFLICT_MATCH,
	.expect = {CEES_STAYS, NO_EVE}},
    {.name = "the X500 name of another, by a soft rule",
	.link = SOFT,
	.source = {EVE("proxyAddresses: X500:" CEES_LEGACY "\n")},
	.target = {THERE_OU, CEES("")},
	.counts = {.conflicts = 1},
	.reason = CONFLICT_MATCH,
	.expect = {CEES_STAYS, NO_EVE}},
    {.name = "evidence of a mailbox waits too",
	.source = {EVE("")},
	.target = {THERE_OU, CEES("proxyAddresses: X500:" ACME_LEGACY "eve\n")},
	.counts = {.conflicts = 1},
	.reason = CONFLICT_MATCH,
	.expect = {CEES_STAYS, NO_EVE}},
    {.name = "what refers to it waits with it",
	.source = {EVE(""), GROUP("Sales", "sales", MEMBER("Eve")),
	    MAILBOX("Ann", "ann", "manager: CN=Eve" ACME "\n")},
	.target = {THERE_OU, CEES("proxyAddresses: X500:" ACME_LEGACY "eve\n")},
	.counts = {.created = {[SHAPE_MAILBOX] = 1, [SHAPE_GROUP] = 1},
	    .conflicts = 1,
	    .waiting = 2},
	.reason = CONFLICT_MATCH,
	.expect = {CEES_STAYS, {TARGET, "CN=Sales", "member", NULL},
	    {TARGET, "CN=Ann", "manager", NULL}}},
    {.name = "evidence without a mailbox is enough",
	.source = {EVE("")},
	.target = {THERE_OU, THERE("user", "Bea", "proxyAddresses: X500:" ACME_LEGACY "eve\n")},
	.counts = {.matched = 1},
	.expect = {{TARGET, "CN=Bea", "displayName", "Eve"}, NO_EVE}},
    {.name = "a file of pairs is approved",
	.link = "match = [ \"csv:pairs.csv\" ];",
	.csv = "eve,ceo\n",
	.source = {EVE("")},
	.target = {THERE_OU, CEES("")},
	.counts = {.matched = 1},
	.expect = {{TARGET, "CN=Cees", "displayName", "Eve"}, NO_EVE}},
    {.name = "linked accounts never open a mailbox that was there",
	.link = "match = [ \"csv:pairs.csv\" ];",
	.scope = "create = \"mailbox\"; linked = true;",
	.csv = "eve,ceo\n",
	.source = {EVE("objectSid:: AQUAAAAAAAUVAAAACQAAAAgAAAAHAAAAUQQAAA==\n")},
	.target = {THERE_OU, CEES("")},
	.counts = {.matched = 1},
	.expect = {{TARGET, "CN=Cees", "msExchMasterAccountSid", NULL}}},

    /* Files of pairs: who is meant by a line. */
    {.name = "an address like another's account name, DN or GUID",
	.link = "match = [ \"csv:pairs.csv\" ];",
	.csv = "ann,ceo\n\"CN=Ann,OU=Later,DC=acme,DC=example\",ceo\n" GUID_2 ",ceo\n",
	.source = {EVE("proxyAddresses: smtp:ann\nproxyAddresses: x:ann\n"
		       "proxyAddresses: X500:CN=Ann,OU=Later,DC=acme,DC=example\n"
		       "proxyAddresses: x:" GUID_2 "\n")},
	.target = {THERE_OU, CEES("")},
	.counts = {.created = {[SHAPE_MAILBOX] = 1}, .problems = 1},
	.expect = {CEES_STAYS, A_NEW_EVE}},
    {.name = "an address of the one who is meant",
	.link = "match = [ \"csv:pairs.csv\" ];",
	.csv = "ann@acme.example,ceo\n",
	.source = {EVE("proxyAddresses: smtp:ann@acme.example\n"), MAILBOX("Ann", "ann", "")},
	.target = {THERE_OU, CEES("")},
	.counts = {.created = {[SHAPE_MAILBOX] = 1}, .matched = 1, .conflicts = 2},
	.reason = CONFLICT_ADDRESS,
	.expect = {{TARGET, "CN=Cees", "displayName", "Cees"},
	    {TARGET, "CN=Cees", "proxyAddresses", "X500:" ACME_LEGACY "ann"}, A_NEW_EVE}},
    {.name = "an address of the one who is meant and out of scope",
	.link = "match = [ \"csv:pairs.csv\" ];",
	.csv = "ann@acme.example,ceo\n",
	.source = {MAILBOX("Ann", "ann", "msExchHideFromAddressLists: TRUE\n")},
	.target = {THERE_OU, CEES("")},
	.between = eve_comes,
	.counts = {.created = {[SHAPE_MAILBOX] = 1}, .conflicts = 1},
	.reason = CONFLICT_ADDRESS,
	.expect = {CEES_STAYS, A_NEW_EVE}},
    {.name = "the primary address of the one who is meant and out of scope",
	.link = "match = [ \"csv:pairs.csv\" ];",
	.csv = "ann@acme.example,ceo\n",
	.source = {"dn: CN=Eve" ACME "\nobjectClass: user\nsAMAccountName: eve\n"
		   "mailNickname: eve\nmail: ann@acme.example\n"
		   "proxyAddresses: SMTP:ann@acme.example\nlegacyExchangeDN: " ACME_LEGACY
		   "eve\nmsExchHomeServerName: /o=A\n\n",
	    MAILBOX("Ann", "ann", "msExchHideFromAddressLists: TRUE\n")},
	.target = {THERE_OU, CEES("")},
	.counts = {.conflicts = 1},
	.reason = CONFLICT_AMBIGUOUS,
	.expect = {CEES_STAYS, NO_EVE}},
    {.name = "its logon name",
	.link = "match = [ \"csv:pairs.csv\" ];",
	.csv = "ann@acme.example,ceo\n",
	.source = {"dn: CN=Eve" ACME "\nobjectClass: user\nsAMAccountName: eve\n"
		   "userPrincipalName: ann@acme.example\n" RECIPIENT(
		       "eve") "msExchHomeServerName: /o=A\n\n",
	    "dn: CN=Ann" ACME "\nobjectClass: user\nsAMAccountName: ann\n" RECIPIENT(
		"ann") "userAccountControl: 512\nmsExchHomeServerName: /o=A\n"
		       "msExchHideFromAddressLists: TRUE\n\n"},
	.target = {THERE_OU, CEES("")},
	.counts = {.conflicts = 1},
	.reason = CONFLICT_AMBIGUOUS,
	.expect = {CEES_STAYS, NO_EVE}},
    {.name = "an address like the logon name of the one who is meant and out of scope",
	.link = "match = [ \"csv:pairs.csv\" ];",
	.csv = "ann@corp.example,ceo\n",
	.source = {"dn: CN=Ann" ACME "\nobjectClass: user\nsAMAccountName: ann\n"
		   "userPrincipalName: ann@corp.example\n" RECIPIENT(
		       "ann") "msExchHomeServerName: /o=A\nmsExchHideFromAddressLists: TRUE\n\n"},
	.target = {THERE_OU, CEES("")},
	.between = eve_has_logon_name,
	.counts = {.created = {[SHAPE_MAILBOX] = 1}},
	.expect = {CEES_STAYS, A_NEW_EVE}},
    {.name = "an address that nobody else has",
	.link = "match = [ \"csv:pairs.csv\" ];",
	.csv = "eve.before@acme.example,ceo\n",
	.source = {EVE("proxyAddresses: smtp:eve.before@acme.example\n")},
	.target = {THERE_OU, CEES("")},
	.counts = {.matched = 1},
	.expect = {{TARGET, "CN=Cees", "displayName", "Eve"}, NO_EVE}},
    {.name = "the address of one and the logon name of another",
	.link = "match = [ \"csv:pairs.csv\" ];",
	.csv = "eve,boss@globex.example\n",
	.source = {EVE("")},
	.target = {THERE_OU, CEES(""),
	    THERE("user", "Chair", "userPrincipalName: boss@globex.example\n")},
	.counts = {.conflicts = 1},
	.reason = CONFLICT_AMBIGUOUS,
	.expect = {CEES_STAYS, NO_EVE}},
    {.name = "a contact that merely leads to the counterpart",
	.link = "match = [ \"csv:pairs.csv\" ];",
	.csv = "ann,ceo@globex.example\n",
	.source = {"dn: CN=Squat" ACME "\nobjectClass: contact\nmailNickname: squat\n"
		   "mail: squat@acme.example\nproxyAddresses: SMTP:squat@acme.example\n"
		   "legacyExchangeDN: " ACME_LEGACY "squat\n"
		   "targetAddress: SMTP:ceo@globex.example\n\n"},
	.target = {THERE_OU, CEES("")},
	.between = ann_comes,
	.counts = {.matched = 1},
	.expect = {{TARGET, "CN=Cees", "proxyAddresses", "X500:" ACME_LEGACY "ann"},
	    /* It stands for that one, and is projected nowhere. */
	    {TARGET, "CN=Squat", NULL, NULL}}},

    /* The door. */
    {.name = "adminCount",
	.link = "match = [ \"csv:pairs.csv\" ];",
	.csv = "eve,ceo\n",
	.source = {EVE("")},
	.target = {THERE_OU, CEES("adminCount: 1\n")},
	.counts = {.conflicts = 1},
	.reason = CONFLICT_REFUSED,
	.expect = {CEES_STAYS, NO_EVE}},
    {.name = "a member of a privileged group",
	.link = "match = [ \"csv:pairs.csv\" ];",
	.csv = "eve,ceo\n",
	.source = {EVE("")},
	.target = {THERE_OU, CEES(""),
	    THERE("group", "Domain Admins", "adminCount: 1\nmember: CN=Cees" GLOBEX "\n")},
	.counts = {.conflicts = 1},
	.reason = CONFLICT_REFUSED,
	.expect = {CEES_STAYS, NO_EVE}},
    {.name = "a member of a member of it",
	.link = "match = [ \"csv:pairs.csv\" ];",
	.csv = "eve,ceo\n",
	.source = {EVE("")},
	.target = {THERE_OU, CEES(""), THERE("group", "Board", "member: CN=Cees" GLOBEX "\n"),
	    THERE("group", "Nested", "member: CN=Board" GLOBEX "\nmember: CN=Admins" GLOBEX "\n"),
	    THERE("group", "Admins", "adminCount: 1\nmember: CN=Nested" GLOBEX "\n")},
	.counts = {.conflicts = 1},
	.reason = CONFLICT_REFUSED,
	.expect = {CEES_STAYS, NO_EVE}},
    {.name = "by its primary group",
	.link = "match = [ \"csv:pairs.csv\" ];",
	.csv = "eve,ceo\n",
	.source = {EVE("")},
	.target = {THERE_OU, CEES("primaryGroupID: 512\n")},
	.counts = {.conflicts = 1},
	.reason = CONFLICT_REFUSED,
	.expect = {CEES_STAYS, NO_EVE}},
    {.name = "outside match_bases",
	.link =
	    "match = [ \"csv:pairs.csv\" ]; match_bases = [ \"OU=People,DC=globex,DC=example\" ];",
	.csv = "eve,ceo\n",
	.source = {EVE("")},
	.target = {THERE_OU, CEES(""),
	    "dn: OU=People,DC=globex,DC=example\nobjectClass: organizationalUnit\n"},
	.counts = {.conflicts = 1},
	.reason = CONFLICT_REFUSED,
	.expect = {CEES_STAYS, NO_EVE}},

    /* A stamp alone. */
    {.name = "a stamp with which nothing agrees",
	.source = {EVE("")},
	.target = {THERE_OU, THERE("user", "Bea",
				 "displayName: Bea\n"
				 "extensionAttribute15: galsync:created:" GUID_1 ":source\n")},
	.counts = {.conflicts = 1},
	.reason = CONFLICT_REFUSED,
	.expect = {{TARGET, "CN=Bea", "displayName", "Bea"}, NO_EVE}},

    /* Addresses. */
    {.name = "offices of the target",
	.source = {EVE("proxyAddresses: smtp:postmaster@globex.example\n"
		       "proxyAddresses: smtp:eve@acme.test\n")},
	.counts = {.created = {[SHAPE_MAILBOX] = 1}, .conflicts = 1},
	.reason = CONFLICT_FOREIGN,
	.expect = {{TARGET, "CN=Eve", "proxyAddresses", "!smtp:postmaster@globex.example"},
	    {TARGET, "CN=Eve", "proxyAddresses", "smtp:eve@acme.test"}}},
    {.name = "as the primary address",
	.source = {"dn: CN=Eve" ACME "\nobjectClass: user\nsAMAccountName: eve\nmailNickname: eve\n"
		   "mail: admin@globex.example\nproxyAddresses: SMTP:admin@globex.example\n"
		   "legacyExchangeDN: " ACME_LEGACY "eve\nmsExchHomeServerName: /o=A\n\n"},
	.counts = {.conflicts = 1},
	.reason = CONFLICT_FOREIGN,
	.expect = {NO_EVE}},
    {.name = "the template gives them",
	.link = "primary_address = \"%{mailNickname}@globex.example\";",
	.source = {EVE(""), MAILBOX("Root", "postmaster", "")},
	.counts = {.created = {[SHAPE_MAILBOX] = 1}, .conflicts = 1},
	.reason = CONFLICT_FOREIGN,
	.expect = {{TARGET, "CN=Eve", "proxyAddresses", "SMTP:eve@globex.example"},
	    {TARGET, "CN=Root", NULL, NULL}}},
    {.name = "the counterpart has it",
	.link = "match = [ \"csv:pairs.csv\" ];",
	.csv = "eve,ceo\n",
	.source = {EVE("proxyAddresses: smtp:boss@globex.example\n")},
	.target = {THERE_OU, CEES("")},
	.counts = {.matched = 1},
	.expect = {{TARGET, "CN=Cees", "proxyAddresses", "smtp:boss@globex.example"}}},
    {.name = "the operator allows them",
	.link = "foreign_addresses = true;",
	.source = {EVE("proxyAddresses: smtp:eve@globex.example\n")},
	.counts = {.created = {[SHAPE_MAILBOX] = 1}},
	.expect = {{TARGET, "CN=Eve", "proxyAddresses", "smtp:eve@globex.example"}}},
    {.name = "what is no address",
	.source = {EVE("proxyAddresses: smtp:\nproxyAddresses: smtp: x\nproxyAddresses: :\n"
		       "proxyAddresses:: c210cDphAGJAYWNtZS5leGFtcGxl\n"
		       "proxyAddresses:: c210cDphG2JAYWNtZS5leGFtcGxl\n"
		       "proxyAddresses: X500:no name\nproxyAddresses: sip:eve@acme.example\n")},
	.counts = {.created = {[SHAPE_MAILBOX] = 1}, .problems = 1},
	.expect = {{TARGET, "CN=Eve", "proxyAddresses", "SMTP:eve@acme.example"},
	    {TARGET, "CN=Eve", "proxyAddresses", "sip:eve@acme.example"},
	    {TARGET, "CN=Eve", "proxyAddresses", "!smtp:"},
	    {TARGET, "CN=Eve", "proxyAddresses", "!smtp: x"},
	    {TARGET, "CN=Eve", "proxyAddresses", "!:"},
	    {TARGET, "CN=Eve", "proxyAddresses", "!smtp:a"},
	    {TARGET, "CN=Eve", "proxyAddresses", "!smtp:a\033b@acme.example"},
	    {TARGET, "CN=Eve", "proxyAddresses", "!X500:no name"}}},

    /* The weaker claim. */
    {.name = "a contact that merely leads to the address of a new person",
	.link = SOFT,
	.source = {"dn: CN=Squat" ACME "\nobjectClass: contact\nmailNickname: squat\n"
		   "mail: squat@acme.example\nproxyAddresses: SMTP:squat@acme.example\n"
		   "legacyExchangeDN: " ACME_LEGACY "squat\n"
		   "targetAddress: SMTP:new@acme.example\n\n",
	    GROUP("Sales", "sales", "")},
	.between = NULL,
	.counts = {.created = {[SHAPE_CONTACT] = 1, [SHAPE_GROUP] = 1}},
	.expect = {{TARGET, "CN=Squat", "targetAddress", "SMTP:new@acme.example"}}},
};

/* ---- approvals ---- */

static const struct scenario evidence = {.name = "evidence",
    .source = {EVE(""), MAILBOX("Ann", "ann", "manager: CN=Eve" ACME "\n")},
    .target = {THERE_OU, CEES("proxyAddresses: X500:" ACME_LEGACY "eve\n")}};

static bool
is_eve(struct lab *l, const char *dn)
{
	return lab_has(l, TARGET, dn, "displayName", "Eve") &&
	       lab_has(l, TARGET, dn, "targetAddress", RS("eve"));
}

static bool
is_cees(struct lab *l, const char *dn)
{
	return lab_has(l, TARGET, dn, "displayName", "Cees") && is(l, TARGET, dn, NULL) &&
	       lab_count(l, TARGET, dn, "extensionAttribute15") == 0;
}

static void
approved(void **state)
{
	struct lab l;

	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		lab_open(&l, &evidence);
		lab_run(&l);
		assert_true(l.res.held && l.res.conflicts == 1);
		assert_int_equal(held(&l, HELD_WAITS), 1);
		lab_run_silent(&l);
		l.delta = delta;
		lab_set(&l, SOURCE, "CN=Eve", "title", "Boss");
		assert_int_equal(lab_cycle(&l, NULL), 0);
		assert_true(is_cees(&l, "CN=Cees"));
		assert_int_equal(held(&l, HELD_WAITS), 1);
		assert_int_equal(decide(&l, HELD_MATCHES, "CN=Eve", HELD_APPROVED), 1);
		run_on(&l);
		assert_true(is_eve(&l, "CN=Cees"));
		assert_true(lab_has(&l, TARGET, "CN=Ann", "manager", "CN=Cees" GLOBEX));
		assert_int_equal(held(&l, HELD_APPROVED) + held(&l, HELD_WAITS), 0);
		assert_non_null(strstr(lab_notes(&l), "matched for the first time, with 'CN=Cees"));
		end(&l);
	}
}

static void
rejected(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &evidence);
	lab_run(&l);
	assert_int_equal(decide(&l, HELD_NOTHING, NULL, HELD_REJECTED), 1);
	lab_run(&l);
	assert_true(is_cees(&l, "CN=Cees") && !lab_exists(&l, TARGET, "CN=Eve"));
	assert_int_equal(held(&l, HELD_REJECTED), 1);
	assert_int_equal(l.res.conflicts, 1);
	assert_false(l.res.held);
	lab_run_silent(&l);
	/* The evidence goes, and with it the matter. */
	lab_delete_value(&l, TARGET, "CN=Cees", "proxyAddresses", "X500:" ACME_LEGACY "eve");
	lab_run(&l);
	assert_true(lab_exists(&l, TARGET, "CN=Eve"));
	assert_int_equal(held(&l, HELD_REJECTED), 0);
	end(&l);
}

/* What was approved of one pair says nothing of another. */
static void
another_one(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &evidence);
	lab_run(&l);
	assert_int_equal(decide(&l, HELD_MATCHES, NULL, HELD_APPROVED), 1);
	lab_delete_value(&l, TARGET, "CN=Cees", "proxyAddresses", "X500:" ACME_LEGACY "eve");
	lab_add(&l, TARGET,
	    THERE("user", "Chair",
		"displayName: Cees\nhomeMDB: CN=DB1,CN=Configuration,DC=globex,DC=example\n"
		"proxyAddresses: X500:" ACME_LEGACY "eve\n"));
	lab_run(&l);
	assert_true(is_cees(&l, "CN=Cees") && is_cees(&l, "CN=Chair"));
	assert_int_equal(held(&l, HELD_WAITS), 1);
	assert_int_equal(held(&l, HELD_APPROVED), 0);
	assert_int_equal(decide(&l, HELD_MATCHES, NULL, HELD_APPROVED), 1);
	lab_run(&l);
	assert_true(is_cees(&l, "CN=Cees") && is_eve(&l, "CN=Chair"));
	end(&l);
}

static void
within_the_limit(void **state)
{
	static const struct scenario sc = {.name = "two are allowed",
	    .link = "limits = { matches = 2; };",
	    .source = {EVE(""), MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", "")},
	    .target = {THERE_OU, CEES("proxyAddresses: X500:" ACME_LEGACY "eve\n"),
		THERE("user", "A",
		    "homeMDB: CN=DB1,CN=Configuration,DC=globex,DC=example\n"
		    "mail: ann@acme.example\n")}};
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	lab_run(&l);
	assert_int_equal(l.res.matched, 2);
	assert_true(is_eve(&l, "CN=Cees") && lab_exists(&l, TARGET, "CN=Bea"));
	lab_run_idle(&l);
	/* They count for a day. */
	lab_add(&l, SOURCE, MAILBOX("Dan", "dan", ""));
	lab_add(&l, TARGET,
	    THERE("user", "D",
		"homeMDB: CN=DB1,CN=Configuration,DC=globex,DC=example\n"
		"mail: dan@acme.example\n"));
	lab_run(&l);
	assert_true(l.res.held);
	assert_non_null(strstr(l.res.held_why, "1 mailboxes or security groups would be matched"));
	assert_int_equal(lab_count(&l, TARGET, "CN=D", "extensionAttribute15"), 0);
	assert_int_equal(decide(&l, HELD_MATCHES, NULL, HELD_APPROVED), 1);
	lab_run(&l);
	end(&l);
}

/* The links of two forests that redirect nothing, or what the configuration says again. */
static void
set_redirect(struct lab *l, char *const domains[SIDES])
{
	struct conf_forest *f = l->conf->forests;

	f[SOURCE].redirect_domain = domains[SOURCE];
	f[TARGET].redirect_domain = domains[TARGET];
}

/* Matched when nothing was redirected, and now everything is. */
static void
redirected_later(void **state)
{
	static const struct scenario sc = {.name = "no redirect domain at first",
	    .link = "match = [ \"csv:pairs.csv\" ];",
	    .csv = "eve,ceo\n",
	    .source = {EVE(""), MAILBOX("Ann", "ann", "")},
	    .target = {THERE_OU, CEES("")}};
	char *domains[SIDES], *none[SIDES] = {NULL, NULL};
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	domains[SOURCE] = l.conf->forests[SOURCE].redirect_domain;
	domains[TARGET] = l.conf->forests[TARGET].redirect_domain;
	set_redirect(&l, none);
	lab_run(&l);
	assert_true(lab_has(&l, TARGET, "CN=Cees", "displayName", "Eve"));
	lab_set(&l, TARGET, "CN=Cees", "targetAddress", NULL);
	set_redirect(&l, domains);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_true(l.res.held && is(&l, TARGET, "CN=Cees", NULL));
	/* What galsync made itself needs nobody's word. */
	assert_true(is(&l, TARGET, "CN=Ann", RS("ann")));
	assert_int_equal(decide(&l, HELD_MATCHES, "CN=Eve", HELD_APPROVED), 1);
	lab_run(&l);
	assert_true(is_eve(&l, "CN=Cees"));
	end(&l);
}

/* galsync's own account is nobody's counterpart. */
static void
own_account(void **state)
{
	static const struct scenario sc = {.name = "own account",
	    .link = "match = [ \"csv:pairs.csv\" ];",
	    .csv = "eve,ceo\n",
	    .source = {EVE("")},
	    .target = {THERE_OU, CEES("")}};
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	assert_int_equal(fakedir_set_account(l.fd[TARGET], "CN=Cees" GLOBEX), 0);
	lab_run(&l);
	assert_true(is_cees(&l, "CN=Cees") && !lab_exists(&l, TARGET, "CN=Eve"));
	assert_non_null(strstr(lab_notes(&l), "it is the account of galsync itself"));
	end(&l);
}

/* A new person comes while a contact leads to its address. */
static void
weaker_claim(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &scenarios[ARRAY_SIZE(scenarios) - 1]);
	lab_run(&l);
	lab_add(&l, SOURCE, MAILBOX("New", "new", ""));
	lab_run(&l);
	assert_int_equal(l.res.conflicts, 0);
	assert_true(lab_has(&l, TARGET, "CN=New", "mail", "new@acme.example"));
	end(&l);
}

int
main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(scenarios) + 7] = {
	    cmocka_unit_test(approved),
	    cmocka_unit_test(rejected),
	    cmocka_unit_test(another_one),
	    cmocka_unit_test(within_the_limit),
	    cmocka_unit_test(redirected_later),
	    cmocka_unit_test(own_account),
	    cmocka_unit_test(weaker_claim),
	};

	scenario_tests(scenarios, ARRAY_SIZE(scenarios), tests + 7);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
