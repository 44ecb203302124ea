/* SPDX-License-Identifier: MIT */

/*
 * Three forests, in a star and in a ring, with a return flow on every link: acme, globex and
 * initech have recipients of every kind each, some of them in two forests, and what other tools
 * left. After a few cycles of all links nothing moves any more, whatever cycles follow; nothing is
 * projected that stands for something else; and who has a member of the third forest has it
 * everywhere.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <syslog.h>

#include "dsa/base/str.h"
#include "dsa/directory/sid.h"
#include "dsa/jobs/sync.h"
#include "tests/support/fakedir.h"
#include "tests/support/place.h"

enum { ACME_, GLOBEX_, INITECH_, FORESTS };
static const char *const names[FORESTS] = {"acme", "globex", "initech"};

#define MAX_LINKS 4

/* Which forest leads to which. */
struct shape_of {
	const char *name;
	size_t n;
	int link[MAX_LINKS][2];
	bool contacts; /* the last link makes contacts: one alone redirects a source object */
};
static const struct shape_of shapes[] = {
    {"a star whose middle is the target", 2, {{ACME_, GLOBEX_}, {INITECH_, GLOBEX_}}, false},
    {"a star whose middle is the source", 2, {{GLOBEX_, ACME_}, {GLOBEX_, INITECH_}}, true},
    {"a ring", 3, {{ACME_, GLOBEX_}, {GLOBEX_, INITECH_}, {INITECH_, ACME_}}, false},
};

static struct {
	const struct shape_of *shape;
	char dir[256];
	struct conf *conf;
	struct store *store;
	struct fakedir *fd[FORESTS];
	struct buf notes;
	uint64_t changes; /* of all cycles since it was set to 0 */
} f;

/* ---- configuration ---- */

static void
write_text(const char *name, const char *text, char *path, size_t size)
{
	FILE *out;

	(void)snprintf(path, size, "%s/%s", f.dir, name);
	out = fopen(path, "w");
	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

static void
add_forests(struct buf *b)
{
	buf_printf(b, "state_directory = \"%s\";\nmap_size_mb = 64;\nforests = (", f.dir);
	for (int i = 0; i < FORESTS; i++)
		buf_printf(b,
		    "%s { name = \"%s\"; domain = \"%s.example\"; window = 8;\n"
		    " auth = { principal = \"svc@X.EXAMPLE\"; keytab = \"keytab\"; };\n"
		    " mail_domains = [ \"%s.example\" ];\n"
		    " redirect_domain = \"redirect.%s.example\"; }",
		    i ? "," : "", names[i], names[i], names[i], names[i]);
	buf_add_str(b, " );\n");
}

static void
add_links(struct buf *b)
{
	buf_add_str(b, "links = (");
	for (size_t i = 0; i < f.shape->n; i++) {
		const char *from = names[f.shape->link[i][0]], *to = names[f.shape->link[i][1]];

		buf_printf(b,
		    "%s { name = \"%s-%s\"; source = \"%s\"; target = \"%s\";\n"
		    " limits = { matches = 100; };\n"
		    " scopes = ( { base = \"OU=Staff,DC=%s,DC=example\"; create = \"%s\";\n"
		    "  kinds = [ \"user\", \"group\", \"contact\", \"dynamic-group\" ];\n"
		    "  target_ou = \"OU=%s,DC=%s,DC=example\"; } );\n"
		    " mailbox = { databases = [ \"CN=DB,CN=Configuration,DC=%s,DC=example\" ];\n"
		    "  home_server = \"/o=%s/cn=EX1\"; };\n"
		    " return_contacts_ou = \"OU=GAL %s,DC=%s,DC=example\"; }",
		    i ? "," : "", from, to, from, to, from,
		    f.shape->contacts && i + 1 == f.shape->n ? "contact" : "mailbox", from, to, to,
		    to, to, from);
	}
	buf_add_str(b, " );\n");
}

static void
load(void)
{
	_cleanup_(conf_errors_done) struct conf_errors e = {0};
	_cleanup_(buf_done) struct buf b = {0};
	struct err err = {0};
	char path[512];

	add_forests(&b);
	add_links(&b);
	buf_add_char(&b, '\0');
	assert_false(b.failed);
	write_text("keytab", "secret", path, sizeof path);
	write_text("galsync.conf", (const char *)b.data, path, sizeof path);
	if (conf_load(path, &f.conf, &e) < 0)
		fail_msg("%s: %s", f.shape->name, e.n ? e.lines[0] : "no message");
	if (store_open(f.dir, STORE_WRITE, 64, &f.store, &err) < 0)
		fail_msg("%s", err.text);
}

/* ---- the forests ---- */

#define DOMAIN "DC={me},DC=example"
#define STAFF ",OU=Staff," DOMAIN
#define RECIPIENT(cn, class_name, alias)                                                           \
	"dn: CN={me} " cn STAFF "\nobjectClass: " class_name "\nmailNickname: {me}." alias         \
	"\nmail: {me}." alias "@{me}.example\nproxyAddresses: SMTP:{me}." alias                    \
	"@{me}.example\nlegacyExchangeDN: /o={me}/cn=" alias "\n"
#define PERSON(cn, alias, extra)                                                                   \
	RECIPIENT(cn, "user", alias)                                                               \
	"userAccountControl: 512\nmsExchHomeServerName: /o={me}/cn=EX1\n" extra "\n"
#define OTHER(cn, class_name, alias, extra) RECIPIENT(cn, class_name, alias) extra "\n"
#define OU(name) "dn: OU=" name "," DOMAIN "\nobjectClass: organizationalUnit\n\n"
#define MEMBER(cn) "member: CN={me} " cn STAFF "\n"
#define LEADS_TO(alias, domain) "targetAddress: SMTP:{me}." alias "@" domain "\n"

/* {me} is the forest, {next} another, and {prev} the third. Other tools left a contact that names
 * the forest it is of, and one that just leads there. */
static const char *const recipients[] = {
    OU("Staff") OU("GAL {next}") OU("GAL {prev}"),
    "dn: CN=DB,CN=Configuration," DOMAIN "\nobjectClass: msExchPrivateMDB\n\n",
    "dn: CN=EX1,CN=Configuration," DOMAIN "\nobjectClass: container\n"
    "legacyExchangeDN: /o={me}/cn=EX1\n\n",
    "dn: CN=ForeignSecurityPrincipals," DOMAIN "\nobjectClass: container\n\n",
    PERSON("Ann", "ann", "manager: CN={me} Bea" STAFF "\n"),
    PERSON("Bea", "bea", ""),
    PERSON("Pat", "pat", ""),
    PERSON("Hid", "hid", "msExchHideFromAddressLists: TRUE\n"),
    OTHER("Ext", "user", "ext", LEADS_TO("ext", "else.example")),
    OTHER("Card", "contact", "card", LEADS_TO("card", "else.example")),
    OTHER("List", "group", "list", "groupType: 8\n" MEMBER("Ann") MEMBER("Card") MEMBER("Crew")),
    OTHER("Crew", "group", "crew", "groupType: 8\n" MEMBER("List") MEMBER("Bea")),
    OTHER("All", "msExchDynamicDistributionList", "all", ""),
    OTHER("Tool", "contact", "tool",
	LEADS_TO("tool", "{next}.example") "msExchOriginatingForest: {next}.example\n"),
    OTHER("Leads", "contact", "leads", LEADS_TO("leads", "{next}.example")),
};

/* Pat of {prev} has an account here that was prepared for a move. */
static const char prepared[] =
    "dn: CN={prev} Pat Here" STAFF "\nobjectClass: user\nuserAccountControl: 514\n"
    "proxyAddresses: X500:/o={prev}/cn=pat\n\n";

/* The name that stands for the word in braces at BRACE in a text of forest I. */
static const char *
word_of(const char *brace, int i)
{
	return names[(i + (brace[1] == 'n' ? 1 : brace[1] == 'p' ? 2 : 0)) % FORESTS];
}

static char *
expanded(const char *text, int i)
{
	_cleanup_(buf_done) struct buf b = {0};
	const char *brace;
	char *s;

	for (; (brace = strchr(text, '{')); text = strchr(brace, '}') + 1) {
		buf_add(&b, text, (size_t)(brace - text));
		buf_add_str(&b, word_of(brace, i));
	}
	buf_add_str(&b, text);
	s = buf_take_str(&b);
	assert_non_null(s);
	return s;
}

static void
add(int i, const char *text)
{
	_cleanup_(free) char *ldif = expanded(text, i);

	if (fakedir_add_ldif(f.fd[i], ldif) < 0)
		fail_msg("%s", fakedir_error(f.fd[i]));
}

/* In one: references may be to objects further down. */
static void
add_recipients(int i)
{
	_cleanup_(buf_done) struct buf b = {0};

	for (size_t j = 0; j < ARRAY_SIZE(recipients); j++)
		buf_add_str(&b, recipients[j]);
	buf_add_char(&b, '\0');
	assert_false(b.failed);
	add(i, (const char *)b.data);
}

static void
open_forests(const struct shape_of *shape)
{
	memset(&f, 0, sizeof f);
	f.shape = shape;
	place_make("three", f.dir, sizeof f.dir);
	for (int i = 0; i < FORESTS; i++) {
		_cleanup_(free) char *domain = expanded(DOMAIN, i);

		f.fd[i] = fakedir_new(names[i], domain);
		assert_non_null(f.fd[i]);
		add_recipients(i);
	}
	for (size_t i = 0; i + shape->contacts < shape->n; i++)
		if (shape->link[i][1] == (shape->link[i][0] + 1) % FORESTS)
			add(shape->link[i][1], prepared);
	load();
}

static void
close_forests(void)
{
	_cleanup_(free) char *remove = str_printf("rm -rf '%s'", f.dir);

	store_close(f.store);
	conf_free(f.conf);
	for (int i = 0; i < FORESTS; i++)
		fakedir_free(f.fd[i]);
	buf_done(&f.notes);
	assert_non_null(remove);
	assert_int_equal(system(remove), 0); /* NOLINT(cert-env33-c) */
}

/* ---- cycles ---- */

static void
on_event(const struct run_event *e, void *arg)
{
	(void)arg;
	if (e->kind != RUN_CHANGED && e->level < LOG_INFO)
		buf_printf(&f.notes, "%s: %s\n", e->dn ? e->dn : "", e->text);
	if (e->kind == RUN_CHANGED)
		buf_printf(&f.notes, "changed %s: %s\n", e->dn ? e->dn : "", e->text);
}

static void
run_link(size_t i, bool full)
{
	static const struct cycle_options none;
	const struct run_observer observer = {.event = on_event};
	const int *link = f.shape->link[i];
	struct dir *dir[SIDES] = {fakedir_connect(f.fd[link[0]]), fakedir_connect(f.fd[link[1]])};
	struct run run = {.link = &f.conf->links[i],
	    .dir = {dir[SOURCE], dir[TARGET]},
	    .store = f.store,
	    .work_dir = f.dir,
	    .map_size_mb = 64,
	    .observer = &observer};
	struct cycle_result res[SIDES];
	struct err err = {0};

	assert_true(dir[SOURCE] && dir[TARGET]);
	if (sync_link(&run, full, &none, res, &err) < 0)
		fail_msg("%s: %s", run.link->name, err.text);
	for (int side = SOURCE; side < SIDES; side++) {
		assert_int_equal(res[side].failed, 0);
		f.changes += res[side].changes;
		dir_free(dir[side]);
	}
}

static void
run_all(bool full)
{
	buf_reset(&f.notes);
	f.changes = 0;
	for (size_t i = 0; i < f.shape->n; i++)
		run_link(i, full);
	buf_add_char(&f.notes, '\0');
	f.notes.len--;
}

#define ROUNDS 6

/* Rounds of deltas until one writes nothing. */
static void
settle(void)
{
	int n = 0;

	do
		run_all(false);
	while (f.changes && ++n < ROUNDS);
	if (f.changes)
		fail_msg("%s: does not settle:\n%s", f.shape->name, (const char *)f.notes.data);
}

/* Nothing is written by deltas and full cycles. */
static void
quiet(void)
{
	uint64_t usn[FORESTS];

	for (int i = 0; i < FORESTS; i++)
		usn[i] = fakedir_usn(f.fd[i]);
	for (int n = 0; n < 4; n++) {
		run_all(n >= 2);
		for (int i = 0; i < FORESTS; i++)
			if (fakedir_usn(f.fd[i]) != usn[i])
				fail_msg("%s: %s was written to in round %d:\n%s", f.shape->name,
				    names[i], n, (const char *)f.notes.data);
	}
}

/* ---- what is where ---- */

struct found {
	size_t n;
	char dn[256]; /* of the last one */
	int (*look)(const struct entry *e, void *arg);
	void *arg;
};

static int
take(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	struct found *found = arg;

	(void)err;
	found->n++;
	(void)snprintf(found->dn, sizeof found->dn, "%s", own->dn);
	return found->look ? found->look(own, found->arg) : 0;
}

static struct found
search(int forest, const char *filter, int (*look)(const struct entry *e, void *arg), void *arg)
{
	static const char *const attrs[] = {"objectGUID", "extensionAttribute15", NULL};
	_cleanup_(free) char *domain = expanded(DOMAIN, forest);
	struct found found = {.look = look, .arg = arg};
	const struct dir_query q = {
	    .base = domain, .scope = DIR_SUBTREE, .filter = filter, .attrs = attrs};
	struct dir *eye = fakedir_connect_observer(f.fd[forest]);
	struct err err = {0};

	assert_non_null(eye);
	assert_int_equal(dir_open(eye, &err), 0);
	if (eye->ops->search(eye, &q, take, &found, &err) < 0)
		fail_msg("%s: %s", filter, err.text);
	dir_free(eye);
	return found;
}

/* Who has the address of ALIAS of forest OF, seen from forest AT. */
static struct found
who(int at, const char *alias, int of)
{
	_cleanup_(free) char *filter =
	    str_printf("(proxyAddresses=smtp:%s.%s@%s.example)", names[of], alias, names[of]);

	assert_non_null(filter);
	return search(at, filter, NULL, NULL);
}

static bool
are_linked(int x, int y)
{
	for (size_t i = 0; i < f.shape->n; i++)
		if ((f.shape->link[i][0] == x && f.shape->link[i][1] == y) ||
		    (f.shape->link[i][0] == y && f.shape->link[i][1] == x))
			return true;
	return false;
}

/* What galsync put anywhere stands for something of another forest that stands for nothing. */
static int
is_no_echo(const struct entry *e, void *arg)
{
	const int *at = arg;
	size_t originals = 0;
	struct stamp stamp;
	char guid[GUID_TEXT_SIZE], name[GUID_TEXT_SIZE + 8];

	assert_true(stamp_of(e, "extensionAttribute15", &stamp));
	guid_format(&stamp.source, guid);
	(void)snprintf(name, sizeof name, "<GUID=%s>", guid);
	for (int i = 0; i < FORESTS; i++) {
		const struct entry *original = fakedir_find(f.fd[i], name);
		struct stamp ignored;

		if (!original)
			continue;
		originals++;
		if (i == *at || stamp_of(original, "extensionAttribute15", &ignored))
			fail_msg("%s: '%s' stands for '%s'", f.shape->name, e->dn, original->dn);
	}
	assert_int_equal(originals, 1);
	return 0;
}

static void
check_places(void)
{
	static const char *const everywhere[] = {"ann", "bea", "pat", "ext", "card", "list", "crew",
	    "all"},
				 *const nowhere[] = {"hid", "tool"};

	for (int of = 0; of < FORESTS; of++)
		for (int at = 0; at < FORESTS; at++) {
			for (size_t i = 0; i < ARRAY_SIZE(everywhere); i++)
				if (who(at, everywhere[i], of).n !=
				    (at == of || are_linked(at, of)))
					fail_msg("%s: %s of %s is %zu times in %s", f.shape->name,
					    everywhere[i], names[of], who(at, everywhere[i], of).n,
					    names[at]);
			for (size_t i = 0; i < ARRAY_SIZE(nowhere); i++)
				assert_int_equal(who(at, nowhere[i], of).n, at == of);
		}
	for (int i = 0; i < FORESTS; i++) {
		assert_int_equal(who((i + 1) % FORESTS, "leads", i).n, 0);
		assert_true(search(i, "(extensionAttribute15=galsync:*)", is_no_echo, &i).n > 0);
	}
}

/* Nothing is projected that stands for something else, and nothing moves any more. */
static void
is_quiet(void **state)
{
	open_forests(*state);
	run_all(true);
	settle();
	check_places();
	quiet();
	close_forests();
}

/* ---- a member of the third forest ---- */

static bool
has_member(int forest, const char *group, int of, const char *member)
{
	const struct entry *e = fakedir_find(f.fd[forest], who(forest, group, of).dn);
	const struct attr *a = e ? entry_find(e, "member") : NULL;

	assert_non_null(e);
	return a && attr_has(a, bytes_of(member), true);
}

/* Puts a foreign security principal for ALIAS of initech into List of acme. */
static void
add_foreign_member(const char *alias)
{
	const struct entry *ann = fakedir_find(f.fd[INITECH_], who(INITECH_, alias, INITECH_).dn);
	_cleanup_(free) char *ldif = NULL, *dn = NULL;
	char sid[SID_TEXT_SIZE];

	assert_true(ann && sid_format(entry_get(ann, "objectSid"), sid));
	dn = str_printf("CN=%s,CN=ForeignSecurityPrincipals,DC=acme,DC=example", sid);
	ldif = str_printf("dn: %s\nobjectClass: foreignSecurityPrincipal\n", dn);
	assert_true(dn && ldif);
	assert_int_equal(fakedir_add_ldif(f.fd[ACME_], ldif), 0);
	assert_int_equal(
	    fakedir_add_value(f.fd[ACME_], who(ACME_, "list", ACME_).dn, "member", dn), 0);
}

/* The same by name, where Ann has an object in acme. */
static void
add_named_member(void)
{
	assert_int_equal(fakedir_add_value(f.fd[ACME_], who(ACME_, "crew", ACME_).dn, "member",
			     who(ACME_, "ann", INITECH_).dn),
	    0);
}

static void
third_forest(void **state)
{
	const struct shape_of *shape = *state;
	bool named;

	open_forests(shape);
	run_all(true);
	settle();
	named = are_linked(ACME_, INITECH_);
	add_foreign_member("ann");
	if (named)
		add_named_member();
	settle();
	if (are_linked(GLOBEX_, INITECH_) && shape->link[0][0] == ACME_) {
		const struct found ann = who(GLOBEX_, "ann", INITECH_);

		assert_true(has_member(GLOBEX_, "list", ACME_, ann.dn));
		assert_int_equal(has_member(GLOBEX_, "crew", ACME_, ann.dn), named);
	}
	quiet();
	close_forests();
}

/* Sets whether Hid of initech is hidden, by the deltas that follow it is known. */
static void
hide(bool yes)
{
	assert_int_equal(fakedir_set(f.fd[INITECH_], who(INITECH_, "hid", INITECH_).dn,
			     "msExchHideFromAddressLists", yes ? "TRUE" : NULL),
	    0);
	settle();
}

/* A member of the third forest that gets its counterpart by another link, loses it, and gets one
 * again. */
static void
comes_later(void **state)
{
	const struct shape_of *shape = *state;

	open_forests(shape);
	run_all(true);
	settle();
	add_foreign_member("hid");
	settle();
	quiet();
	for (int n = 0; n < 2; n++) {
		hide(false);
		if (are_linked(GLOBEX_, INITECH_) && shape->link[0][0] == ACME_)
			assert_true(
			    has_member(GLOBEX_, "list", ACME_, who(GLOBEX_, "hid", INITECH_).dn));
		quiet();
		hide(true);
		quiet();
	}
	close_forests();
}

int
main(void)
{
	struct CMUnitTest tests[3 * ARRAY_SIZE(shapes)];

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		void *shape = (void *)(uintptr_t)&shapes[i];

		tests[3 * i] = (struct CMUnitTest){
		    .name = shapes[i].name, .test_func = is_quiet, .initial_state = shape};
		tests[3 * i + 1] = (struct CMUnitTest){.name = "a member of the third forest",
		    .test_func = third_forest,
		    .initial_state = shape};
		tests[3 * i + 2] = (struct CMUnitTest){.name = "one that comes later",
		    .test_func = comes_later,
		    .initial_state = shape};
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
