/* SPDX-License-Identifier: MIT */

/* What other links of the configuration have to do with an object. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/rules/across.h"
#include "tests/support/given.h"

#define OTHER_GUID "22222222-2222-2222-2222-222222222222"
#define OWN_GUID "33333333-3333-3333-3333-333333333333"

/* The links of one configuration: the one that asks, from acme to globex; one in the other
 * direction, whose people are in OU=People; one from another section of globex to initech. */
enum { OURS, BACK, ON, LINKS };

static struct {
	struct given g;
	struct conf conf;
	struct conf_forest forests[4];
	struct conf_link links[LINKS];
	struct conf_scope people, onwards;
} f;

static void
make_scopes(void)
{
	static char people[] = "ou=people,dc=globex,dc=example",
		    onwards[] = "ou=onwards,dc=globex,dc=example";

	f.people = f.onwards = f.g.scope;
	f.people.base = f.people.base_norm = people;
	f.people.kinds = KIND_BIT(KIND_USER);
	f.onwards.base = f.onwards.base_norm = onwards;
}

static void
make(void)
{
	static char too[] = "globex-too", initech[] = "initech", domain[] = "GLOBEX.example",
		    elsewhere[] = "initech.example", redirect[] = "redirect.initech.example";

	given_init(&f.g);
	make_scopes();
	f.forests[0] = f.g.forest[SOURCE];
	f.forests[1] = f.g.forest[TARGET];
	f.forests[2] = f.forests[3] = f.g.forest[TARGET];
	f.forests[2].name = too;
	f.forests[2].dir.domain = domain;
	f.forests[2].stamp_attribute = given_str("extensionAttribute13");
	f.forests[3].name = initech;
	f.forests[3].dir.domain = elsewhere;
	f.forests[3].redirect_domain = redirect;
	f.forests[3].stamp_attribute = given_str("extensionAttribute9");
	f.conf =
	    (struct conf){.forests = f.forests, .n_forests = 4, .links = f.links, .n_links = LINKS};
	for (size_t i = 0; i < LINKS; i++) {
		f.links[i] = f.g.link;
		f.links[i].whole = &f.conf;
	}
	f.links[OURS].source = &f.forests[0];
	f.links[OURS].target = &f.forests[1];
	f.links[BACK].name = given_str("back");
	f.links[BACK].source = &f.forests[1];
	f.links[BACK].target = &f.forests[0];
	f.links[BACK].scopes = &f.people;
	f.links[BACK].marker_attribute = given_str("extensionAttribute12");
	f.links[ON].name = given_str("on");
	f.links[ON].source = &f.forests[2];
	f.links[ON].target = &f.forests[3];
	f.links[ON].scopes = &f.onwards;
	f.links[ON].marker_attribute = given_str("extensionAttribute11");
}

/* ---- candidates ---- */

#define AT(ou, class_name, extra)                                                                  \
	"dn: CN=Ann,OU=" ou ",DC=globex,DC=example\nobjectClass: " class_name                      \
	"\nobjectGUID:: MzMzMzMzMzMzMzMzMzMzMw==\n" extra "\n"
#define USER(extra) AT("Acme", "user", extra)
#define STAMP(attr, guid) attr ": galsync:matched:" guid "\n"
#define ATTR15 "extensionAttribute15"
#define ATTR13 "extensionAttribute13"
#define SWITCHED(attr, guid) attr ": galsync:switched:2026-01-01T00:00:00Z:" guid "\n"
#define REDIRECT "proxyAddresses: smtp:ann@redirect.globex.example\n"

static const struct {
	const char *object, *want; /* want NULL: it may be */
	bool recorded;
	int source_of, target_of; /* by the map; OURS: of no other link */
} candidates[] = {
    {USER(""), .want = NULL},
    {USER("targetAddress: SMTP:ann@redirect.acme.example\n"), .want = NULL},

    /* a counterpart */
    {USER(STAMP(ATTR15, GIVEN_GUID)), .want = NULL},
    {USER(STAMP(ATTR15, OTHER_GUID)), .want = NULL}, /* identity_judge() says more */
    {USER(STAMP(ATTR13, GIVEN_GUID)), .want = NULL},
    {USER(STAMP(ATTR13, OTHER_GUID)),
	.want = "it is the counterpart of another object: its extensionAttribute13 says so"},
    {USER(STAMP(ATTR13, OTHER_GUID)),
	.want = "it is the counterpart of another object: its extensionAttribute13 says so",
	.recorded = true},
    {USER(STAMP("extensionAttribute9", OTHER_GUID)), .want = NULL}, /* of another forest */
    {USER(STAMP(ATTR15, GIVEN_GUID) STAMP(ATTR13, OTHER_GUID)), .want = NULL},
    {USER(""), .want = "it is the counterpart of another object by link 'on'", .target_of = ON},
    {USER(""), .want = "it is the counterpart of another object by link 'on'", .target_of = ON,
	.recorded = true},
    {USER(STAMP(ATTR15, GIVEN_GUID)), .want = NULL, .target_of = ON},

    /* a source object by the map */
    {USER(""), .want = "it is a source object of link 'back'", .source_of = BACK},
    {USER(""), .want = NULL, .source_of = BACK, .recorded = true},
    {USER(STAMP(ATTR15, GIVEN_GUID)), .want = NULL, .source_of = BACK},

    /* by its marker */
    {USER(SWITCHED("extensionAttribute14", OTHER_GUID)),
	.want =
	    "it is a source object: its extensionAttribute14 says that its mailbox was switched"},
    {USER(SWITCHED("extensionAttribute12", OTHER_GUID)),
	.want =
	    "it is a source object: its extensionAttribute12 says that its mailbox was switched"},
    {USER(SWITCHED("extensionAttribute11", OTHER_GUID ":guard")),
	.want =
	    "it is a source object: its extensionAttribute11 says that its mailbox was switched"},
    {USER(SWITCHED("extensionAttribute10", OTHER_GUID)), .want = NULL},
    {USER("extensionAttribute14: galsync:created:" OTHER_GUID "\n"), .want = NULL},
    {USER(SWITCHED("extensionAttribute14", OWN_GUID)), .want = NULL}, /* a copy of the source's */
    {USER(SWITCHED("extensionAttribute14", OWN_GUID ":guard")), .want = NULL},
    {USER(SWITCHED("extensionAttribute14", OTHER_GUID) STAMP(ATTR15, GIVEN_GUID)), .want = NULL},
    {USER(SWITCHED("extensionAttribute14", OTHER_GUID)), .want = NULL, .recorded = true},

    /* by its redirect address, where a link takes it */
    {USER(REDIRECT), .want = NULL},
    {AT("People", "user", REDIRECT),
	.want =
	    "it has smtp:ann@redirect.globex.example, as a source object of link 'back', in whose "
	    "scope it is"},
    {AT("Onwards", "user", REDIRECT), .want = "it has smtp:ann@redirect.globex.example, as a "
					      "source object of link 'on', in whose scope "
					      "it is"},
    {AT("People", "contact", REDIRECT), .want = NULL},
    {AT("People", "user", "proxyAddresses: smtp:ann@redirect.acme.example\n"), .want = NULL},
    {AT("People", "user", ""), .want = NULL},
    {AT("People", "user", REDIRECT STAMP(ATTR15, GIVEN_GUID)), .want = NULL},
    {AT("People", "user", REDIRECT), .want = NULL, .recorded = true},
};

static struct across_in
ask(const struct guid *source, const struct entry *target, size_t i)
{
	struct across_in in = {.link = &f.links[OURS],
	    .source = source,
	    .target = target,
	    .recorded = candidates[i].recorded};

	if (candidates[i].source_of)
		in.map.source_of = &f.links[candidates[i].source_of];
	if (candidates[i].target_of)
		in.map.target_of = &f.links[candidates[i].target_of];
	return in;
}

static void
refused(void **state)
{
	struct guid source;

	(void)state;
	make();
	assert_true(guid_parse(GIVEN_GUID, &source));
	for (size_t i = 0; i < ARRAY_SIZE(candidates); i++) {
		_cleanup_(entry_free) struct entry *e = given_entry(candidates[i].object);
		struct across_in in = ask(&source, e, i);
		char why[ACROSS_TEXT_SIZE];
		bool yes = across_refuses(&in, why);

		given_same(i, e->dn, yes ? why : NULL, candidates[i].want);
		assert_true(yes || !*why);
	}
	given_all_same();
}

/* A link of which no others are known: its own attributes and the map speak. */
static void
alone(void **state)
{
	_cleanup_(entry_free) struct entry *policy = given_entry(AT("People", "user", REDIRECT));
	_cleanup_(entry_free) struct entry *marked =
	    given_entry(USER(SWITCHED("extensionAttribute14", OTHER_GUID)));
	struct given g;
	struct guid source;
	char why[ACROSS_TEXT_SIZE];
	struct across_in in = {.link = &g.link, .source = &source, .target = policy};

	(void)state;
	given_init(&g);
	assert_true(guid_parse(GIVEN_GUID, &source));
	assert_false(across_refuses(&in, why));
	in.target = marked;
	assert_true(across_refuses(&in, why));
	assert_null(across_find_link(&g.link, "back"));
}

/* ---- sources ---- */

static const struct {
	const char *extra;
	bool want;
} sources[] = {
    {"", false},
    {STAMP(ATTR15, OTHER_GUID), true},
    {"extensionAttribute15: galsync:created:" OTHER_GUID "\n", true},
    {STAMP(ATTR13, OTHER_GUID), true},
    {STAMP("extensionAttribute9", OTHER_GUID), false},
    {"extensionAttribute15: HR-4711\n", false},
    {SWITCHED("extensionAttribute14", OTHER_GUID), false},
    {REDIRECT, false},
};

static void
stamped(void **state)
{
	(void)state;
	make();
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		_cleanup_(buf_done) struct buf b = {0};
		_cleanup_(entry_free) struct entry *e = NULL;

		buf_printf(
		    &b, "dn: CN=Ann,DC=globex,DC=example\nobjectClass: user\n%s", sources[i].extra);
		assert_false(b.failed);
		e = given_entry((const char *)b.data);
		given_same(i, sources[i].extra,
		    across_is_stamped(&f.links[BACK], e) ? "stamped" : "free",
		    sources[i].want ? "stamped" : "free");
	}
	given_all_same();
}

/* ---- records ---- */

static void
counted(void **state)
{
	_cleanup_(record_free) struct record *r = given_record(NULL);
	struct guid other;

	(void)state;
	make();
	assert_true(guid_parse(OTHER_GUID, &other));
	for (int s = 0; s < RECORD_STATE_MAX; s++) {
		struct across source = {NULL, NULL}, target = source, same = source,
			      stranger = source;
		const struct conf_link *want =
		    s == RECORD_LEFT || s == RECORD_FINISHED ? NULL : &f.links[ON];

		r->state = (enum record_state)s;
		across_add(&source, &f.links[ON], r, SOURCE, &other);
		assert_ptr_equal(source.source_of, want);
		assert_null(source.target_of);
		across_add(&target, &f.links[ON], r, TARGET, NULL);
		assert_ptr_equal(target.target_of, want);
		across_add(&stranger, &f.links[ON], r, TARGET, &other);
		assert_ptr_equal(stranger.target_of, want);
		across_add(&same, &f.links[ON], r, TARGET, &r->side[SOURCE].guid);
		assert_null(same.target_of);
	}
	assert_ptr_equal(across_find_link(&f.links[OURS], "back"), &f.links[BACK]);
	assert_null(across_find_link(&f.links[OURS], f.links[OURS].name));
	assert_null(across_find_link(&f.links[OURS], "renamed"));
}

/* ---- redirections ---- */

static const struct {
	const char *object;
	enum kind kind;
	enum shape shape;
	bool want;
} given_redirections[] = {
    {MAILBOX("Ann", "ann", ""), KIND_USER, SHAPE_MAILBOX, true},
    {MAILBOX("Ann", "ann", ""), KIND_USER, SHAPE_MAIL_USER, true},
    {MAILBOX("Ann", "ann", ""), KIND_USER, SHAPE_CONTACT, false},
    {ACCOUNT("Ann", "ann") RECIPIENT("ann"), KIND_USER, SHAPE_MAIL_USER, false},
    {ACCOUNT("Ann", "ann") RECIPIENT("ann"), KIND_USER, SHAPE_MAILBOX, true},
    {GROUP("Ann", "ann", ""), KIND_GROUP, SHAPE_GROUP, false},
};

static void
redirected(void **state)
{
	_cleanup_(record_free) struct record *r = given_record(NULL);

	(void)state;
	make();
	for (size_t i = 0; i < ARRAY_SIZE(given_redirections); i++) {
		_cleanup_(entry_free) struct entry *e = given_entry(given_redirections[i].object);

		assert_int_equal(across_redirects(&f.links[OURS], e, given_redirections[i].kind,
				     given_redirections[i].shape),
		    given_redirections[i].want);
		given_plain(&f.g);
		f.links[OURS].target = &f.g.forest[TARGET];
		assert_false(across_redirects(
		    &f.links[OURS], e, given_redirections[i].kind, given_redirections[i].shape));
		make();
	}
	r->kind = KIND_USER;
	assert_int_equal(record_add_address(r, "ann@redirect.acme.example"), 0);
	assert_false(across_has_redirected(&f.links[OURS], r));
	assert_int_equal(record_add_address(r, "ann@Redirect.globex.example"), 0);
	assert_true(across_has_redirected(&f.links[OURS], r));
	assert_false(across_has_redirected(&f.links[ON], r));
	r->state = RECORD_LEFT;
	assert_false(across_has_redirected(&f.links[OURS], r));
}

/* ---- what has to be read ---- */

static void
collect(const char *attr, void *arg)
{
	buf_printf(arg, "%s ", attr);
}

static void
read_list(void **state)
{
	_cleanup_(buf_done) struct buf source = {0}, target = {0};

	(void)state;
	make();
	across_each_attr(&f.links[OURS], TARGET, collect, &target);
	assert_string_equal((const char *)target.data,
	    "extensionAttribute15 extensionAttribute13 extensionAttribute14 extensionAttribute12 "
	    "extensionAttribute11 ");
	across_each_attr(&f.links[BACK], SOURCE, collect, &source);
	assert_string_equal((const char *)source.data,
	    "extensionAttribute15 extensionAttribute13 extensionAttribute11 ");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refused),
	    cmocka_unit_test(alone),
	    cmocka_unit_test(stamped),
	    cmocka_unit_test(counted),
	    cmocka_unit_test(redirected),
	    cmocka_unit_test(read_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
