/* SPDX-License-Identifier: MIT */

/* Which source objects a link takes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dsa/directory/dn.h"
#include "dsa/rules/scope.h"
#include "tests/support/given.h"

#define CNF "\\0ACNF:" GIVEN_GUID
#define DETAILS(n) "msExchRecipientTypeDetails: " n "\n"
#define HIDDEN(v) "msExchHideFromAddressLists: " v "\n"
#define FROM(forest) "msExchOriginatingForest: " forest "\n"
#define TO(address) "targetAddress: SMTP:" address "\n"
#define STAMP(text) "extensionAttribute15: " text "\n"
/* S-1-5-10. */
#define SELF "msExchMasterAccountSid:: AQEAAAAAAAUKAAAA\n"
#define DISABLED(extra)                                                                            \
	ACCOUNT("Ann", "ann") RECIPIENT("ann") "userAccountControl: 514\nhomeMDB: CN=DB1\n" extra
#define CLASS(class_name)                                                                          \
	"dn: CN=Ann" ACME "\nobjectClass: " class_name "\n" RECIPIENT("ann") HIDDEN("FALSE")
#define AT(dn) "dn: " dn "\nobjectClass: contact\n" RECIPIENT("ann")
/* A user of four lines, to leave one of them out. */
#define USER "dn: CN=Ann" ACME "\nobjectClass: user\n"
#define ALIAS "mailNickname: ann\n"
#define LEGACY "legacyExchangeDN: /o=A/cn=ann\n"
#define PROXY "proxyAddresses: SMTP:ann@acme.example\n"
#define DB "homeMDB: CN=DB1\n"

#define USERS KIND_BIT(KIND_USER)
#define CONTACTS KIND_BIT(KIND_CONTACT)
#define GROUPS KIND_BIT(KIND_GROUP)

static const struct scope_case {
	const char *name, *object;
	enum scope_verdict want;
	const char *filter;
	unsigned kinds; /* of the scope; 0: all */
	bool hidden_stays, disabled_leaves;
	bool is_target; /* of another link, by the map */
	bool back;	/* by a return flow */
} rows[] = {
    {"mailbox", MAILBOX("Ann", "ann", ""), .want = SCOPE_IN},
    {"contact", CONTACT("Ann", "ann", ""), .want = SCOPE_IN},
    {"group", GROUP("Ann", "ann", ""), .want = SCOPE_IN},
    {"dynamic group", CLASS("msExchDynamicDistributionList"), .want = SCOPE_IN},
    {"public folder", CLASS("publicFolder"), .want = SCOPE_IN},
    {"class in another case", CLASS("USER") "targetAddress: SMTP:a@x.example\n", .want = SCOPE_IN},

    {"computer", CLASS("user\nobjectClass: computer"), .want = SCOPE_KIND},
    {"OU", CLASS("organizationalUnit"), .want = SCOPE_KIND},
    {"no class", "dn: CN=Ann" ACME "\n" RECIPIENT("ann"), .want = SCOPE_KIND},
    {"no class, out of every base", "dn: CN=Ann,DC=other\n", .want = SCOPE_KIND},
    {"kind not named", CONTACT("Ann", "ann", ""), .want = SCOPE_KIND, .kinds = USERS},
    {"kind named", MAILBOX("Ann", "ann", ""), .want = SCOPE_IN, .kinds = USERS | GROUPS},

    {"the base itself", AT("OU=Staff,DC=acme,DC=example"), .want = SCOPE_IN},
    {"deep below", AT("CN=A,OU=B,OU=C,OU=Staff,DC=acme,DC=example"), .want = SCOPE_IN},
    {"another spelling", AT("cn=ANN, ou=STAFF , dc=Acme,DC=example"), .want = SCOPE_IN},
    {"beside", AT("CN=Ann,OU=Other,DC=acme,DC=example"), .want = SCOPE_BASE},
    {"above", AT("DC=acme,DC=example"), .want = SCOPE_BASE},
    {"a longer name", AT("CN=Ann,OU=XStaff,DC=acme,DC=example"), .want = SCOPE_BASE},
    {"an escaped comma", AT("CN=Ann\\,OU=Staff,DC=acme,DC=example"), .want = SCOPE_BASE},
    {"the same OU elsewhere", AT("CN=Ann,OU=Staff,DC=else,DC=example"), .want = SCOPE_BASE},

    {"replication conflict", MAILBOX("Ann" CNF, "ann", ""), .want = SCOPE_CONFLICT},
    {"replication conflict, created by galsync",
	CONTACT("Ann" CNF, "ann", STAMP("galsync:created:" GIVEN_GUID)), .want = SCOPE_CONFLICT},
    {"deleted, by its name", CONTACT("Ann\\0ADEL:" GIVEN_GUID, "ann", ""), .want = SCOPE_CONFLICT},
    {"below a replication conflict", CONTACT("Ann,OU=B" CNF, "ann", ""), .want = SCOPE_IN},
    {"out of every base in spite of it", AT("CN=Ann" CNF ",DC=else"), .want = SCOPE_BASE},
    {"a name of two lines", CONTACT("Ann\\0ACN", "ann", ""), .want = SCOPE_IN},
    {"a name with CNF:", CONTACT("Ann CNF:" GIVEN_GUID, "ann", ""), .want = SCOPE_IN},

    {"arbitration mailbox", MAILBOX("Ann", "ann", DETAILS("8388608")), .want = SCOPE_SYSTEM},
    {"discovery mailbox", MAILBOX("Ann", "ann", DETAILS("536870912")), .want = SCOPE_SYSTEM},
    {"monitoring mailbox", MAILBOX("Ann", "ann", DETAILS("16777216")), .want = SCOPE_SYSTEM},
    {"remote mailbox", MAILBOX("Ann", "ann", DETAILS("2147483648")), .want = SCOPE_IN},
    {"type that is no number", MAILBOX("Ann", "ann", DETAILS("many")), .want = SCOPE_IN},

    {"created by galsync", MAILBOX("Ann", "ann", STAMP("galsync:created:" GIVEN_GUID)),
	.want = SCOPE_OURS},
    {"matched by galsync", MAILBOX("Ann", "ann", STAMP("galsync:matched:" GIVEN_GUID)),
	.want = SCOPE_COUNTERPART},
    {"matched and hidden",
	MAILBOX("Ann", "ann", STAMP("galsync:matched:" GIVEN_GUID) HIDDEN("TRUE")),
	.want = SCOPE_COUNTERPART},
    {"counterpart by the map", MAILBOX("Ann", "ann", ""), .want = SCOPE_COUNTERPART,
	.is_target = true},
    {"by the map, disabled", DISABLED(""), .want = SCOPE_COUNTERPART, .is_target = true,
	.disabled_leaves = true},
    {"by the map, no mail", USER, .want = SCOPE_COUNTERPART, .is_target = true},
    {"by the map and created", MAILBOX("Ann", "ann", STAMP("galsync:created:" GIVEN_GUID)),
	.want = SCOPE_OURS, .is_target = true},
    {"by the map, beside", AT("CN=Ann,OU=Other,DC=acme,DC=example"), .want = SCOPE_BASE,
	.is_target = true},
    {"stamp without a GUID", MAILBOX("Ann", "ann", STAMP("galsync:created:")), .want = SCOPE_IN},
    {"a foreign text", MAILBOX("Ann", "ann", STAMP("x galsync:created:" GIVEN_GUID)),
	.want = SCOPE_IN},

    {"contact of another forest", CONTACT("Ann", "ann", FROM("else.example")), .want = SCOPE_ECHO},
    {"group of another forest", GROUP("Ann", "ann", FROM("else.example")), .want = SCOPE_ECHO},
    {"contact of this forest", CONTACT("Ann", "ann", FROM("ACME.example")), .want = SCOPE_IN},
    {"of both", CONTACT("Ann", "ann", FROM("else.example") FROM("acme.example")), .want = SCOPE_IN},
    {"mailbox that was moved here", MAILBOX("Ann", "ann", FROM("else.example")), .want = SCOPE_IN},
    {"contact that leads to the target", CLASS("contact") TO("x@globex.example"),
	.want = SCOPE_ECHO},
    {"by its redirect domain", CLASS("contact") TO("x@redirect.globex.example"),
	.want = SCOPE_ECHO},
    {"contact that leads elsewhere", CONTACT("Ann", "ann", TO("x@else.example")), .want = SCOPE_IN},
    {"mail user that leads to the target", USER ALIAS LEGACY PROXY TO("x@globex.example"),
	.want = SCOPE_IN},
    {"the same in the return flow", USER ALIAS LEGACY PROXY TO("x@globex.example"),
	.want = SCOPE_ECHO, .back = true},
    {"mailbox in the return flow", MAILBOX("Ann", "ann", TO("x@globex.example")), .want = SCOPE_IN,
	.back = true},
    {"echo and hidden", CONTACT("Ann", "ann", FROM("else.example") HIDDEN("TRUE")),
	.want = SCOPE_ECHO},

    {"filter matches", MAILBOX("Ann", "ann", "title: Boss\n"), .want = SCOPE_IN,
	.filter = "(title=BOSS)"},
    {"filter does not", MAILBOX("Ann", "ann", "title: Temp\n"), .want = SCOPE_FILTER,
	.filter = "(!(title=Temp))"},
    {"filter, attribute missing", MAILBOX("Ann", "ann", ""), .want = SCOPE_FILTER,
	.filter = "(title=*)"},
    {"filter before mail", USER, .want = SCOPE_FILTER, .filter = "(title=*)"},

    {"no alias", USER LEGACY PROXY DB, .want = SCOPE_NO_MAIL},
    {"no legacyExchangeDN", USER ALIAS PROXY DB, .want = SCOPE_NO_MAIL},
    {"no proxyAddresses", USER ALIAS LEGACY DB "mail: ann@acme.example\n", .want = SCOPE_NO_MAIL},
    {"no primary address", USER ALIAS LEGACY DB "proxyAddresses: smtp:a@acme.example\n",
	.want = SCOPE_NO_MAIL},
    {"primary address in mail",
	USER ALIAS LEGACY DB "proxyAddresses: smtp:a@acme.example\nmail: a@acme.example\n",
	.want = SCOPE_IN},
    {"neither mailbox nor targetAddress", USER ALIAS LEGACY PROXY, .want = SCOPE_NO_MAIL},
    {"mail user", USER ALIAS LEGACY PROXY "targetAddress: SMTP:a@x.example\n", .want = SCOPE_IN},
    {"server, no database", USER ALIAS LEGACY PROXY "msExchHomeServerName: /o=A\n",
	.want = SCOPE_IN},
    {"contact without targetAddress", CLASS("contact"), .want = SCOPE_IN},
    {"plain account", ACCOUNT("Ann", "ann"), .want = SCOPE_NO_MAIL},

    {"hidden", MAILBOX("Ann", "ann", HIDDEN("TRUE")), .want = SCOPE_HIDDEN},
    {"hidden, in another case", MAILBOX("Ann", "ann", HIDDEN("true")), .want = SCOPE_HIDDEN},
    {"not hidden", MAILBOX("Ann", "ann", HIDDEN("FALSE")), .want = SCOPE_IN},
    {"hidden by no boolean", MAILBOX("Ann", "ann", HIDDEN("1")), .want = SCOPE_IN},
    {"hidden ones stay", MAILBOX("Ann", "ann", HIDDEN("TRUE")), .want = SCOPE_IN,
	.hidden_stays = true},
    {"hidden and no mail", USER HIDDEN("TRUE"), .want = SCOPE_NO_MAIL},

    {"disabled", DISABLED(""), .want = SCOPE_IN},
    {"disabled leaves", DISABLED(""), .want = SCOPE_DISABLED, .disabled_leaves = true},
    {"disabled, type 1", DISABLED(DETAILS("1")), .want = SCOPE_DISABLED, .disabled_leaves = true},
    {"enabled", MAILBOX("Ann", "ann", ""), .want = SCOPE_IN, .disabled_leaves = true},
    {"linked", DISABLED(DETAILS("2")), .want = SCOPE_IN, .disabled_leaves = true},
    {"shared", DISABLED(DETAILS("4")), .want = SCOPE_IN, .disabled_leaves = true},
    {"room", DISABLED(DETAILS("16")), .want = SCOPE_IN, .disabled_leaves = true},
    {"equipment", DISABLED(DETAILS("32")), .want = SCOPE_IN, .disabled_leaves = true},
    {"linked by its master", DISABLED(SELF), .want = SCOPE_IN, .disabled_leaves = true},
    {"no account", CONTACT("Ann", "ann", "userAccountControl: 2\n"), .want = SCOPE_IN,
	.disabled_leaves = true},
    {"hidden before disabled", DISABLED(HIDDEN("TRUE")), .want = SCOPE_HIDDEN,
	.disabled_leaves = true},
};

static void
judged(void **state)
{
	struct given g;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct scope_case *r = &rows[i];
		_cleanup_(filter_free) struct filter *filter = NULL;
		_cleanup_(entry_free) struct entry *e = given_entry(r->object);
		struct err err = {0};
		_cleanup_(free) char *norm = dn_normalize(e->dn, &err);
		const struct conf_scope *scope;
		bool placed = r->want != SCOPE_KIND && r->want != SCOPE_BASE;

		given_init(&g);
		assert_true(!r->filter || filter_parse(r->filter, &filter, &err) == 0);
		g.link.forth = r->back ? &g.link : NULL;
		g.scope.filter = filter;
		g.scope.kinds = r->kinds ? r->kinds : g.scope.kinds;
		g.scope.hidden_leaves = !r->hidden_stays;
		g.scope.disabled_leaves = r->disabled_leaves;
		given_same(i, r->name,
		    scope_verdict_name(scope_judge(&g.link, e, norm, r->is_target, &scope)),
		    scope_verdict_name(r->want));
		assert_ptr_equal(scope, placed ? &g.scope : NULL);
	}
	given_all_same();
}

/* Each verdict says by what it is so. */
static void
explained(void **state)
{
	static const struct {
		const char *object, *want;
	} words[] = {
	    {MAILBOX("Ann", "ann", ""), "in the scope of 'OU=Staff,DC=acme,DC=example'"},
	    {CLASS("organizationalUnit"),
		"it is no user, contact, group or public folder (objectClass)"},
	    {AT("CN=Ann,OU=Other,DC=acme,DC=example"),
		"it lies outside the bases of the scopes: 'OU=Staff,DC=acme,DC=example'"},
	    {MAILBOX("Ann", "ann", DETAILS("8388608")),
		"a system mailbox of Exchange (msExchRecipientTypeDetails is 8388608)"},
	    {MAILBOX("Ann", "ann", STAMP("galsync:created:" GIVEN_GUID)),
		"galsync made it for an object of another forest (extensionAttribute15 is "
		"galsync:created:" GIVEN_GUID ")"},
	    {CONTACT("Ann", "ann", FROM("else.example")),
		"another tool made it for an object of forest 'else.example' "
		"(msExchOriginatingForest)"},
	    {CLASS("contact") TO("x@globex.example"),
		"it stands for an object of forest 'globex': mail to it goes on to there "
		"(targetAddress is SMTP:x@globex.example)"},
	    {USER LEGACY PROXY DB, "not mail-enabled: it has no mailNickname"},
	    {USER ALIAS LEGACY PROXY, "not mail-enabled: it has no mailbox (homeMDB, "
				      "msExchHomeServerName) and no targetAddress"},
	    {USER ALIAS LEGACY DB "proxyAddresses: smtp:ann@acme.example\n",
		"not mail-enabled: it has no primary address in proxyAddresses"},
	    {MAILBOX("Ann", "ann", HIDDEN("TRUE")),
		"hidden from address lists (msExchHideFromAddressLists is TRUE)"},
	    {DISABLED(""), "its account is disabled (userAccountControl is 514)"},
	};
	struct given g;

	(void)state;
	given_init(&g);
	g.scope.disabled_leaves = true;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		_cleanup_(entry_free) struct entry *e = given_entry(words[i].object);
		_cleanup_(buf_done) struct buf b = {0};
		struct err err = {0};
		_cleanup_(free) char *norm = dn_normalize(e->dn, &err);
		const struct conf_scope *scope;
		enum scope_verdict v = scope_judge(&g.link, e, norm, false, &scope);

		scope_explain(&g.link, e, norm, v, &b);
		given_same(i, scope_verdict_name(v), (const char *)b.data, words[i].want);
	}
	given_all_same();
}

/* Of several scopes the one whose base holds the object, and who names its kind. */
static void
several(void **state)
{
	static char sub[] = "ou=b,ou=staff,dc=acme,dc=example",
		    staff[] = "ou=staff,dc=acme,dc=example",
		    other[] = "ou=other,dc=acme,dc=example";
	struct conf_scope scopes[] = {{.base_norm = sub, .kinds = USERS},
	    {.base_norm = staff, .kinds = CONTACTS},
	    {.base_norm = other, .kinds = USERS | CONTACTS, .hidden_leaves = true},
	    {.base_norm = staff, .kinds = GROUPS}};
	static const struct {
		const char *object;
		int judged, found; /* number of the scope, -1: none */
		enum scope_verdict want;
	} cases[] = {
	    {CONTACT("Ann", "ann", ""), 1, 1, SCOPE_IN},
	    {CONTACT("Ann,OU=B", "ann", HIDDEN("TRUE")), 1, 0, SCOPE_IN},
	    {MAILBOX("Ann,OU=B", "ann", ""), 0, 0, SCOPE_IN},
	    {MAILBOX("Ann", "ann", ""), -1, 1, SCOPE_KIND},
	    {GROUP("Ann,OU=B", "ann", ""), 3, 0, SCOPE_IN},
	    {AT("CN=Ann,OU=Other,DC=acme,DC=example"), 2, 2, SCOPE_IN},
	    {AT("CN=Ann,OU=Else,DC=acme,DC=example"), -1, -1, SCOPE_BASE},
	};
	struct given g;

	(void)state;
	given_init(&g);
	g.link.scopes = scopes;
	g.link.n_scopes = ARRAY_SIZE(scopes);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(entry_free) struct entry *e = given_entry(cases[i].object);
		struct err err = {0};
		_cleanup_(free) char *norm = dn_normalize(e->dn, &err);
		const struct conf_scope *s;

		assert_int_equal(scope_judge(&g.link, e, norm, false, &s), cases[i].want);
		assert_ptr_equal(s, cases[i].judged < 0 ? NULL : &scopes[cases[i].judged]);
		assert_ptr_equal(scope_find(&g.link, norm, ~0U),
		    cases[i].found < 0 ? NULL : &scopes[cases[i].found]);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(judged),
	    cmocka_unit_test(explained),
	    cmocka_unit_test(several),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
