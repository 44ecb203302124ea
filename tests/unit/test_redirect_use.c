/* SPDX-License-Identifier: MIT */

/* Whose an address in a redirect domain is. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dsa/rules/redirect_use.h"
#include "tests/support/given.h"

#define PROXY(a) "proxyAddresses: smtp:" a "\n"
#define RS "redirect.acme.example"
#define RT "redirect.globex.example"
#define STAMP(what) "extensionAttribute15: galsync:" what ":" GIVEN_GUID ":source\n"
#define BACK 2 /* with a link from globex to acme */
#define ADOPTED 4

static const struct use_case {
	const char *name, *object;
	enum side side;
	const char *want; /* NULL: galsync's, or none */
	enum side of;
	unsigned also;
} cases[] = {
    {"none", MAILBOX("Ann", "ann", ""), .side = SOURCE},
    {"its own", MAILBOX("Ann", "ann", PROXY("ann@" RS)), .side = SOURCE},
    {"its own in another case", MAILBOX("Ann", "ann", PROXY("ANN@Redirect.Acme.Example")),
	.side = SOURCE},
    {"its own with its GUID", MAILBOX("Ann", "ann", PROXY("ann-11111111@" RS)), .side = SOURCE},
    {"another", MAILBOX("Ann", "ann", PROXY("anna@" RS)), .side = SOURCE, .want = "smtp:anna@" RS,
	.of = SOURCE},
    {"its own and another", MAILBOX("Ann", "ann", PROXY("ann@" RS) PROXY("boss@" RS)),
	.side = SOURCE, .want = "smtp:boss@" RS, .of = SOURCE},
    {"without an alias", "dn: CN=Box" ACME "\nobjectClass: group\n" PROXY("box@" RS),
	.side = SOURCE, .want = "smtp:box@" RS, .of = SOURCE},
    {"the other domain", MAILBOX("Ann", "ann", PROXY("ann@" RT)), .side = SOURCE,
	.want = "smtp:ann@" RT, .of = TARGET},
    {"below the domain", MAILBOX("Ann", "ann", PROXY("ann@sub." RS)), .side = SOURCE},
    {"no address of mail", MAILBOX("Ann", "ann", "proxyAddresses: x500:/o=a@" RS "\n"),
	.side = SOURCE},

    {"of a stranger", THERE("user", "Bea", PROXY("bea@" RT)), .side = TARGET,
	.want = "smtp:bea@" RT, .of = TARGET},
    {"of an alias of the target", THERE("user", "Bea", "mailNickname: bea\n" PROXY("bea@" RT)),
	.side = TARGET, .want = "smtp:bea@" RT, .of = TARGET},
    {"the same, which another link takes",
	THERE("user", "Bea", "mailNickname: bea\n" PROXY("bea@" RT)), .side = TARGET, .also = BACK},
    {"of the source's domain", THERE("contact", "Bea", PROXY("ann@" RS)), .side = TARGET,
	.want = "smtp:ann@" RS, .of = SOURCE},
    {"what galsync made", THERE("user", "Bea", PROXY("ann@" RT) STAMP("created")), .side = TARGET},
    {"what galsync matched", THERE("user", "Bea", PROXY("ann@" RT) STAMP("matched")),
	.side = TARGET},
    {"a tool's", THERE("user", "Bea", PROXY("bea@" RT)), .side = TARGET, .also = ADOPTED},
};

struct parts {
	struct given g;
	struct conf_link links[2];
	struct conf conf;
	const char *adopted[2];
};

static void
arrange(struct parts *p, unsigned also)
{
	*p = (struct parts){.adopted = {"Redirect.globex.example", NULL}};
	given_init(&p->g);
	p->links[0] = p->links[1] = p->g.link;
	p->links[1].source = p->g.link.target;
	p->links[1].target = p->g.link.source;
	p->conf = (struct conf){.links = p->links, .n_links = also & BACK ? 2 : 1};
	for (size_t i = 0; i < ARRAY_SIZE(p->links); i++) {
		p->links[i].whole = &p->conf;
		if (also & ADOPTED)
			p->links[i].adopted_domains[TARGET] = p->adopted;
	}
}

static void
judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct use_case *c = &cases[i];
		_cleanup_(entry_free) struct entry *e = given_entry(c->object);
		struct parts p;
		struct bytes found;
		enum side of;

		arrange(&p, c->also);
		found = redirect_use_foreign(&p.links[0], c->side, e, &of);
		given_same(i, c->name, found.data, c->want);
		if (found.data)
			given_same(i, c->name, side_name(of), side_name(c->of));
	}
	given_all_same();
}

static void
told(void **state)
{
	_cleanup_(mistakes_done) struct mistakes found = {.n = 0};
	const struct redirect_use use = {TARGET, SOURCE, 3, "CN=Bea" GLOBEX, "smtp:b@" RS};
	struct given g;

	(void)state;
	given_init(&g);
	redirect_use_tell(&g.link, &use, &found);
	assert_int_equal(found.n, 1);
	assert_string_equal(found.v[0].text,
	    "link 'acme-globex': redirect_domain: 'redirect.acme.example' is in use in forest "
	    "'globex': 3 objects have addresses in it that galsync did not give, such as "
	    "'smtp:b@redirect.acme.example' of 'CN=Bea" GLOBEX
	    "'; take them away, or choose a domain in which no object has an address");
	/* Once is enough. */
	redirect_use_tell(&g.link, &use, &found);
	assert_int_equal(found.n, 1);
	assert_null(mistakes_stop(&found));
}

static void
attr_seen(const char *attr, void *arg)
{
	struct buf *b = arg;

	buf_printf(b, "%s ", attr);
}

static void
attributes(void **state)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct parts p;

	(void)state;
	arrange(&p, BACK);
	p.links[1].redirect_template = given_str("%{cn}.%{sn}");
	redirect_use_each_attr(&p.links[0], SOURCE, attr_seen, &b);
	redirect_use_each_attr(&p.links[0], TARGET, attr_seen, &b);
	assert_string_equal(b.data, "objectGUID proxyAddresses extensionAttribute15 mailNickname "
				    "objectGUID proxyAddresses extensionAttribute15 cn sn ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(judged), cmocka_unit_test(told), cmocka_unit_test(attributes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
