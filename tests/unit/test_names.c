/* SPDX-License-Identifier: MIT */

/* How what is created is called when names are long, odd or taken. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "dsa/rules/names.h"
#include "tests/support/given.h"

#define PARENT "OU=Acme,DC=globex,DC=example"
#define USER(rdn, extra) "dn: CN=" rdn ACME "\nobjectClass: user\n" extra
#define NAMED(rdn, extra)                                                                          \
	USER(rdn, "sAMAccountName: ann\nuserPrincipalName: ann@acme.example\n" extra)
#define ANN(extra) NAMED("Ann", extra)
#define IN(department) "department: " department "\n"
#define SAM(name) USER("Ann", "sAMAccountName: " name "\n")
#define UPN(name) USER("Ann", "sAMAccountName: ann\nuserPrincipalName: " name "\n")

#define TEN "0123456789"
#define TWENTY TEN TEN
#define FIFTY TWENTY TWENTY TEN
#define SIXTY FIFTY TEN
/* An emoji: four octets, two UTF-16 units; e with acute: two octets, one unit. */
#define SMILE "\xf0\x9f\x98\x80"
#define E_ACUTE "\xc3\xa9"

static const struct names_case {
	const char *source;
	const char *taken; /* "|rdn|sam:x|upn:x@y|", as a server would compare them */
	const char *rdn, *sam, *upn, *dn; /* DN NULL: by the RDN */
	const char *why;
	enum shape shape;
	const char *parent; /* NULL: PARENT */
} cases[] = {
    {ANN(""), .rdn = "Ann", .sam = "ann", .upn = "ann@globex.example"},
    {ANN(""), .shape = SHAPE_MAIL_USER, .rdn = "Ann", .sam = "ann", .upn = "ann@globex.example"},
    {ANN(""), .shape = SHAPE_CONTACT, .rdn = "Ann"},
    {ANN(""), .shape = SHAPE_GROUP, .rdn = "Ann", .sam = "ann"},

    /* The RDN. */
    {ANN(""), "|Ann|", .shape = SHAPE_CONTACT, .rdn = "Ann (2)"},
    {ANN(""), "|ANN|", .shape = SHAPE_CONTACT, .rdn = "Ann (2)"},
    {NAMED("Ann" E_ACUTE, ""), "|anne|", .shape = SHAPE_CONTACT, .rdn = "Ann" E_ACUTE " (2)"},
    {ANN(""), "|Ann|Ann (2)|ann (3)|", .shape = SHAPE_CONTACT, .rdn = "Ann (4)"},
    {ANN(IN("Sales")), "|Ann|", .shape = SHAPE_CONTACT, .rdn = "Ann (Sales)"},
    {ANN(IN("Sales")), .shape = SHAPE_CONTACT, .rdn = "Ann"},
    {ANN(IN("Sales")), "|Ann|Ann (sales)|", .shape = SHAPE_CONTACT, .rdn = "Ann (2)"},
    {ANN(IN("Sales")), "|Ann|Ann (Sales)|Ann (2)|", .shape = SHAPE_CONTACT, .rdn = "Ann (3)"},
    {ANN(IN("A, B")), "|Ann|", .shape = SHAPE_CONTACT, .rdn = "Ann (A, B)",
	.dn = "CN=Ann (A\\, B)," PARENT},
    {NAMED("Ash\\, Ann", ""), .shape = SHAPE_CONTACT, .rdn = "Ash, Ann",
	.dn = "CN=Ash\\, Ann," PARENT},
    {NAMED("\\#1\\+2", ""), .shape = SHAPE_CONTACT, .rdn = "#1+2", .dn = "CN=\\#1\\+2," PARENT},
    {NAMED("Ann\\0ADel", ""), .shape = SHAPE_CONTACT, .rdn = "Ann\nDel",
	.dn = "CN=Ann\\0ADel," PARENT},
    {"dn: OU=Ann" ACME "\n", .shape = SHAPE_CONTACT, .rdn = "Ann"},
    {ANN(""), .shape = SHAPE_CONTACT, .parent = "ou=x, dc=globex", .rdn = "Ann",
	.dn = "CN=Ann,ou=x, dc=globex"},
    /* 64 characters, of which the suffix is never cut. */
    {NAMED(SIXTY "1234", ""), .shape = SHAPE_CONTACT, .rdn = SIXTY "1234"},
    {NAMED(SIXTY "1234", ""), "|" SIXTY "1234|", .shape = SHAPE_CONTACT, .rdn = SIXTY " (2)"},
    {NAMED(SIXTY, IN("Sales")), "|" SIXTY "|", .shape = SHAPE_CONTACT,
	.rdn = FIFTY "012345 (Sales)"},
    {NAMED(FIFTY TEN " 123", ""), "|" SIXTY " 123|", .shape = SHAPE_CONTACT, .rdn = SIXTY " (2)"},
    {NAMED(FIFTY "012345678 1234", ""), "|" FIFTY "012345678 1234|", .shape = SHAPE_CONTACT,
	.rdn = FIFTY "012345678 (2)"},
    {NAMED(FIFTY "012345678" SMILE "123", ""), "|" FIFTY "012345678" SMILE "123|",
	.shape = SHAPE_CONTACT, .rdn = FIFTY "012345678 (2)"},
    {NAMED(FIFTY "012345678" E_ACUTE "1234", ""), "|" FIFTY "012345678" E_ACUTE "1234|",
	.shape = SHAPE_CONTACT, .rdn = FIFTY "012345678" E_ACUTE " (2)"},
    /* A department that leaves no room for the name tells nobody apart. */
    {ANN(IN(FIFTY "123456789")), "|Ann|", .shape = SHAPE_CONTACT, .rdn = "An (" FIFTY "123456789)"},
    {ANN(IN(SIXTY)), "|Ann|", .shape = SHAPE_CONTACT, .rdn = "Ann (2)"},
    {ANN(IN(SIXTY "1234")), "|Ann|", .shape = SHAPE_CONTACT, .rdn = "Ann (2)"},
    {ANN(IN("")), "|Ann|", .shape = SHAPE_CONTACT, .rdn = "Ann (2)"},

    /* The account's names. */
    {ANN(""), "|sam:ann|", .rdn = "Ann", .sam = "ann-2", .upn = "ann@globex.example"},
    {ANN(""), "|sam:ann|sam:ann-2|upn:ann@globex.example|", .rdn = "Ann", .sam = "ann-3",
	.upn = "ann-2@globex.example"},
    {ANN(""), "|upn:ann@acme.example|", .rdn = "Ann", .sam = "ann", .upn = "ann@globex.example"},
    {SAM("ann"), .rdn = "Ann", .sam = "ann", .upn = "ann@globex.example"},
    {USER("Ann", "mailNickname: a.ash\n"), .rdn = "Ann", .sam = "a.ash",
	.upn = "a.ash@globex.example"},
    {USER("Ann", "mailNickname: sales\n"), .shape = SHAPE_GROUP, .rdn = "Ann", .sam = "sales"},
    {USER("Ann", ""), .why = "the source has neither sAMAccountName nor mailNickname"},
    {USER("Ann", ""), .shape = SHAPE_CONTACT, .rdn = "Ann"},
    {SAM(TWENTY), .rdn = "Ann", .sam = TWENTY, .upn = TWENTY "@globex.example"},
    {SAM(TWENTY "1"), .rdn = "Ann", .sam = TWENTY, .upn = TWENTY "1@globex.example"},
    {SAM(TWENTY "1"), "|sam:" TWENTY "|", .rdn = "Ann", .sam = TEN "01234567-2",
	.upn = TWENTY "1@globex.example"},
    {SAM(TEN "012345678" SMILE), .rdn = "Ann", .sam = TEN "012345678",
	.upn = TEN "012345678" SMILE "@globex.example"},
    {SAM(SIXTY), .shape = SHAPE_GROUP, .rdn = "Ann", .sam = SIXTY},
    {UPN("x.y@acme.example"), .rdn = "Ann", .sam = "ann", .upn = "x.y@globex.example"},
    {UPN("x@y@acme.example"), .rdn = "Ann", .sam = "ann", .upn = "x@y@globex.example"},
    {UPN("x"), .rdn = "Ann", .sam = "ann", .upn = "x@globex.example"},
    {UPN(SIXTY "12345@acme.example"), .rdn = "Ann", .sam = "ann",
	.upn = SIXTY "1234@globex.example"},
    {UPN(SIXTY "12345@acme.example"), "|upn:" SIXTY "1234@globex.example|", .rdn = "Ann",
	.sam = "ann", .upn = SIXTY "12-2@globex.example"},

    {ANN(""), .shape = SHAPE_CONTACT, .parent = "nonsense",
	.why = "'nonsense' is not a distinguished name"},
    {"dn: nonsense\n", .why = "'nonsense' is not a distinguished name"},
    {ANN(""), "*", .shape = SHAPE_CONTACT, .why = "no free name like 'Ann' in '" PARENT "'"},
    {ANN(""), "|*sam|", .why = "no free name like 'ann'"},
};

struct taking {
	const char *taken, *parent;
};

/* Is KEY that of an RDN in the list of what is taken? */
static bool
rdn_is_taken(const struct taking *t, const char *key)
{
	const char *p = t->taken;

	while (*++p) {
		_cleanup_(free) char *rdn = strndup(p, strcspn(p, "|"));
		_cleanup_(free) char *of_rdn = names_key(t->parent, rdn);

		if (of_rdn && strcmp(of_rdn, key) == 0)
			return true;
		p += strlen(rdn);
	}
	return false;
}

static bool
is_taken(enum match_key key, const char *value, void *arg)
{
	const struct taking *t = arg;
	const char *sort = key == MATCH_KEY_SAM ? "sam" : "upn";
	_cleanup_(free) char *item = str_printf("|%s:%s|", sort, value);

	if (!t->taken || strcmp(t->taken, "*") == 0)
		return t->taken != NULL;
	if (key == MATCH_KEY_NAME)
		return rdn_is_taken(t, value);
	return strcasestr(t->taken, item) ||
	       (key == MATCH_KEY_SAM && strcmp(t->taken, "|*sam|") == 0);
}

static void
check(size_t i, const struct names_case *c, const struct names *n)
{
	_cleanup_(free) char *dn = c->rdn ? str_printf("CN=%s," PARENT, c->rdn) : NULL;

	given_same(i, "RDN", n->rdn_value, c->rdn);
	given_same(i, "sAMAccountName", n->sam, c->sam);
	given_same(i, "userPrincipalName", n->upn, c->upn);
	given_same(i, "DN", n->dn, c->dn ? c->dn : dn);
}

static void
chosen(void **state)
{
	struct given g;

	(void)state;
	given_init(&g);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct names_case *c = &cases[i];
		_cleanup_(entry_free) struct entry *source = given_entry(c->source);
		struct taking t = {c->taken, c->parent ? c->parent : PARENT};
		struct names n = {0};
		struct err err = {0};
		const struct names_in in = {&g.link, c->shape, source, t.parent};
		int rc = names_choose(&in, is_taken, &t, &n, &err);

		given_ended(i, "names", rc, &err, c->why);
		check(i, c, &n);
		names_done(&n);
		assert_null(n.dn);
	}
	given_all_same();
}

/* ---- names that need no rename ---- */

static const struct {
	const char *source, *value;
	bool want;
} acceptable[] = {
    {ANN(""), "Ann", .want = true},
    {ANN(""), "ann", .want = false},
    {ANN(""), "", .want = false},
    {ANN(""), "Bea", .want = false},
    {ANN(""), "Ann (2)", .want = true},
    {ANN(""), "Ann (17)", .want = true},
    {ANN(""), "Ann (x)", .want = false},
    {ANN(""), "Ann ()", .want = false},
    {ANN(""), "Ann (2", .want = false},
    {ANN(""), "Ann (2) ", .want = false},
    {ANN(""), "Ann(2)", .want = false},
    {ANN(""), "Ann  (2)", .want = false},
    {ANN(""), "(2)", .want = false},
    {ANN(""), " (2)", .want = false},
    {ANN(""), "Bea (2)", .want = false},
    {ANN(""), "Ann (Sales)", .want = false},
    {ANN(IN("Sales")), "Ann (Sales)", .want = true},
    {ANN(IN("Sales")), "Ann (2)", .want = true},
    {ANN(IN("Sales")), "Ann (Office)", .want = false},
    {ANN(IN(FIFTY "123456789")), "An (" FIFTY "123456789)", .want = true},
    {ANN(IN(SIXTY)), " (" SIXTY ")", .want = false},
    {ANN(IN("")), "Ann ()", .want = false},
    {NAMED("Ann (2)", ""), "Ann (2)", .want = true},
    {NAMED("Ann (2)", ""), "Ann", .want = false},
    {NAMED("Ann (2)", ""), "Ann (2) (3)", .want = true},
    {NAMED("Ash\\, Ann", ""), "Ash, Ann (2)", .want = true},
    {NAMED(SIXTY "1234", ""), SIXTY " (2)", .want = true},
    {NAMED(SIXTY "1234", ""), SIXTY "1234", .want = true},
    {NAMED(SIXTY "1234", ""), SIXTY "1234 (2)", .want = false},
    {NAMED(SIXTY "1234", ""), FIFTY "012345678 (12)", .want = true},
    {NAMED(SIXTY "1234", IN("Sales")), FIFTY "012345 (Sales)", .want = true},
    /* Nobody knows a better one. */
    {"dn: nonsense\n", "Ann", .want = true},
};

static void
accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(acceptable); i++) {
		_cleanup_(entry_free) struct entry *source = given_entry(acceptable[i].source);
		bool ok = names_acceptable(source, acceptable[i].value);

		given_same(
		    i, acceptable[i].value, ok ? "yes" : "no", acceptable[i].want ? "yes" : "no");
	}
	given_all_same();
}

/* ---- what is one name to a server ---- */

static const struct {
	const char *parent, *value, *same_parent, *same_value;
	bool want;
} keys[] = {
    {PARENT, "Ann", PARENT, "Ann", .want = true},
    {PARENT, "Ann", PARENT, "ANN", .want = true},
    {PARENT, "Ann", "ou=ACME, dc=globex,DC=example", "Ann", .want = true},
    {PARENT, "Jos" E_ACUTE, PARENT, "jose", .want = true},
    {PARENT,
	"Stra\xc3\x9f"
	"e",
	PARENT, "strasse", .want = true},
    {PARENT, "Ann", PARENT, "Ann ", .want = false},
    {PARENT, "Ann", PARENT, "Anna", .want = false},
    {PARENT, "Ann", "OU=Other,DC=globex,DC=example", "Ann", .want = false},
    {PARENT, "A,B", PARENT, "A\\,B", .want = false},
};

static void
folded(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		_cleanup_(free) char *x = names_key(keys[i].parent, keys[i].value);
		_cleanup_(free) char *y = names_key(keys[i].same_parent, keys[i].same_value);

		assert_true(x && y);
		given_same(i, keys[i].value, strcmp(x, y) == 0 ? "one" : "two",
		    keys[i].want ? "one" : "two");
	}
	given_all_same();
	assert_null(names_key("nonsense", "Ann"));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(chosen),
	    cmocka_unit_test(accepted),
	    cmocka_unit_test(folded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
