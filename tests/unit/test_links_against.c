/* SPDX-License-Identifier: MIT */

/*
 * Links of one configuration that meet at the same objects: acme-globex and back, which leads from
 * globex to acme, and acme-initech, which has the source of the first one. What each may take is
 * told apart by the configuration; what the objects are to each other only the run-time rule knows
 * (dsa/rules/across.h). They run in either order, with the map and without it, and at the same
 * time.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sys/stat.h>
#include <syslog.h>

#include "tests/support/scenario.h"

#define ROUNDS 10
#define PEOPLE ",OU=People,DC=globex,DC=example"
#define ANN_ACME "CN=Ann,OU=Staff,DC=acme,DC=example"
#define ANN_GLOBEX "CN=Ann,OU=People,DC=globex,DC=example"
#define STAMP "extensionAttribute15"

/* A mailbox of globex itself; ADDRESS is one more address. */
#define THEIRS(cn, alias, sam, address)                                                            \
	"dn: CN=" cn PEOPLE "\nobjectClass: user\nsAMAccountName: " sam                            \
	"\nuserPrincipalName: " sam "@globex.example\nmailNickname: " alias "\nmail: " alias       \
	"@globex.example\nproxyAddresses: SMTP:" alias                                             \
	"@globex.example\nproxyAddresses: smtp:" address                                           \
	"\nlegacyExchangeDN: /o=Globex/ou=Old/cn=" alias                                           \
	"\nuserAccountControl: 512\nmsExchHomeServerName: /o=Globex/cn=EX1\n\n"
#define PEOPLE_OU "dn: OU=People,DC=globex,DC=example\nobjectClass: organizationalUnit\n\n"

enum { OURS, BACK, ON, LINKS };
enum { ACME_SIDE, GLOBEX_SIDE, INITECH_SIDE, FORESTS };

struct link_run {
	struct run run;
	struct run_observer observer;
	struct dir *dir[SIDES];
	bool full;
	struct cycle_result res;
	struct err err;
	int rc;
	struct buf notes;
	pthread_t thread;
};

static struct {
	struct lab l;
	struct conf *conf;
	struct fakedir *initech;
	struct link_run of[LINKS];
	int meanwhile; /* this link runs when the other one has decided, or LINKS */
} f;

/* ---- the links ---- */

static const char forests[] =
    "map_size_mb = 64; forests = (\n"
    "{ name = \"acme\"; domain = \"acme.example\"; window = 8; auth = { principal = \"s@X\"; "
    "keytab "
    "= \"keytab\"; }; mail_domains = [ \"acme.example\" ]; redirect_domain = "
    "\"redirect.acme.example\"; },\n"
    "{ name = \"globex\"; domain = \"globex.example\"; window = 8; auth = { principal = \"s@X\"; "
    "keytab = \"keytab\"; }; mail_domains = [ \"globex.example\" ]; redirect_domain = "
    "\"redirect.globex.example\"; },\n"
    "{ name = \"initech\"; domain = \"initech.example\"; window = 8; auth = { principal = \"s@X\"; "
    "keytab = \"keytab\"; }; mail_domains = [ \"initech.example\" ]; redirect_domain = "
    "\"redirect.initech.example\"; } );\n";

/* CREATE is what becomes of a mailbox in initech. */
static const char links[] =
    "links = (\n"
    "{ name = \"acme-globex\"; source = \"acme\"; target = \"globex\"; scopes = ( { base = "
    "\"OU=Staff,DC=acme,DC=example\"; target_ou = \"OU=Acme,DC=globex,DC=example\"; create = "
    "\"mailbox\"; } ); match = [ \"stamp\", \"mail\" ]; limits = { matches = 9; }; mailbox = { "
    "databases = [ "
    "\"CN=DB1,CN=Configuration,DC=globex,DC=example\" ]; home_server = "
    "\"/o=Globex/ou=First/cn=Configuration/cn=Servers/cn=EX1\"; }; },\n"
    "{ name = \"back\"; source = \"globex\"; target = \"acme\"; scopes = ( { base = "
    "\"OU=People,DC=globex,DC=example\"; target_ou = \"OU=Globex,DC=acme,DC=example\"; create = "
    "\"contact\"; } ); match = [ \"stamp\", \"mail\", \"sam-account-name\" ]; limits = { matches = "
    "9; }; foreign_addresses = true; },\n"
    "{ name = \"acme-initech\"; source = \"acme\"; target = \"initech\"; scopes = ( { base = "
    "\"OU=Staff,DC=acme,DC=example\"; target_ou = \"OU=Acme,DC=initech,DC=example\"; create = "
    "\"%s\"; } ); match = [ \"stamp\", \"mail\" ]; limits = { matches = 9; }; } );\n";

static void
load_conf(const char *create)
{
	_cleanup_(conf_errors_done) struct conf_errors e = {0};
	char path[512];
	FILE *file;

	(void)snprintf(path, sizeof path, "%s/links.conf", f.l.dir);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fprintf(file, "state_directory = \"%s\";\n%s", f.l.dir, forests) > 0);
	assert_true(fprintf(file, links, create) > 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0600), 0);
	if (conf_load(path, &f.conf, &e) < 0)
		fail_msg("%s", e.n ? e.lines[0] : "no message");
	assert_int_equal(f.conf->n_links, LINKS);
}

static const struct scenario empty = {.name = "links against each other"};

static void
open_links(const char *acme, const char *globex, const char *create)
{
	memset(&f, 0, sizeof f);
	f.meanwhile = LINKS;
	lab_open(&f.l, &empty);
	load_conf(create);
	f.initech = fakedir_new("initech", "DC=initech,DC=example");
	assert_non_null(f.initech);
	lab_add(&f.l, TARGET, PEOPLE_OU);
	lab_add(&f.l, SOURCE, acme);
	if (globex)
		lab_add(&f.l, TARGET, globex);
}

static void
close_links(void)
{
	for (size_t i = 0; i < LINKS; i++)
		buf_done(&f.of[i].notes);
	conf_free(f.conf);
	fakedir_free(f.initech);
	lab_close(&f.l);
}

/* ---- cycles ---- */

static void
on_event(const struct run_event *e, void *arg)
{
	struct link_run *s = arg;

	if (e->kind != RUN_CHANGED && e->level < LOG_INFO)
		buf_printf(&s->notes, "%s: %s\n", e->dn, e->text);
}

static void run_one(int link, bool full);

/* Called when everything is decided and planned, and nothing is intended yet. */
static void
on_progress(enum run_phase phase, uint64_t done, uint64_t total, void *arg)
{
	int other = f.meanwhile;

	(void)done;
	(void)total;
	(void)arg;
	if (phase != RUN_PHASE_APPLY || other == LINKS)
		return;
	f.meanwhile = LINKS;
	run_one(other, true);
}

static struct fakedir *
forest_of(const struct conf_forest *forest)
{
	struct fakedir *const all[FORESTS] = {f.l.fd[SOURCE], f.l.fd[TARGET], f.initech};

	return all[forest - f.conf->forests];
}

static struct link_run *
prepare(int link, bool full)
{
	struct link_run *s = &f.of[link];
	const struct conf_link *l = &f.conf->links[link];

	buf_done(&s->notes);
	memset(s, 0, sizeof *s);
	buf_add_str(&s->notes, "");
	s->full = full;
	s->dir[SOURCE] = fakedir_connect(forest_of(l->source));
	s->dir[TARGET] = fakedir_connect(forest_of(l->target));
	assert_true(s->dir[SOURCE] && s->dir[TARGET]);
	s->observer = (struct run_observer){.event = on_event, .progress = on_progress, .arg = s};
	s->run = (struct run){.link = l,
	    .dir = {s->dir[SOURCE], s->dir[TARGET]},
	    .store = f.l.store,
	    .work_dir = f.l.dir,
	    .map_size_mb = 64,
	    .observer = &s->observer};
	return s;
}

/* A thread's work: asserts nothing. */
static void *
go(void *arg)
{
	static const struct cycle_options none;
	struct link_run *s = arg;

	s->rc = sync_run(&s->run, s->full, &none, &s->res, &s->err);
	return NULL;
}

static void
finish(struct link_run *s)
{
	dir_free(s->dir[SOURCE]);
	dir_free(s->dir[TARGET]);
	if (s->rc < 0 || s->res.failed)
		fail_msg("%s: %s\n%s", s->run.link->name, s->rc < 0 ? s->err.text : "",
		    (const char *)s->notes.data);
}

static void
run_one(int link, bool full)
{
	struct link_run *s = prepare(link, full);

	(void)go(s);
	finish(s);
}

/* ---- what came of it ---- */

/* The object as text, to compare. */
static char *
image(enum side side, const char *dn)
{
	const struct entry *e = fakedir_find(f.l.fd[side], dn);
	_cleanup_(buf_done) struct buf b = {0};

	assert_non_null(e);
	for (size_t i = 0; i < e->n_attrs; i++)
		for (size_t j = 0; j < e->attrs[i].n_values; j++)
			buf_printf(&b, "%s: %.*s\n", e->attrs[i].name,
			    (int)e->attrs[i].values[j].len,
			    (const char *)e->attrs[i].values[j].data);
	return buf_take_str(&b);
}

static void
untouched(enum side side, const char *dn, const char *before)
{
	_cleanup_(free) char *now = image(side, dn);

	assert_string_equal(now, before);
}

static bool
redirects(enum side side, const char *dn)
{
	return lab_count(&f.l, side, dn, "targetAddress") > 0;
}

/* At most one of the two objects of Ann redirects. */
static void
no_loop(void)
{
	assert_false(redirects(SOURCE, ANN_ACME) && redirects(TARGET, ANN_GLOBEX));
}

static void
notes_say(int link, const char *text)
{
	if (!strstr((const char *)f.of[link].notes.data, text))
		fail_msg("'%s' is not in\n%s", text, (const char *)f.of[link].notes.data);
}

static void
stays_so(void)
{
	for (int i = OURS; i <= BACK; i++) {
		run_one(i, true);
		assert_int_equal(f.of[i].res.changes, 0);
		no_loop();
	}
}

/* ---- one after the other ---- */

/* Ann has a mailbox in either forest, and that of globex has the address of the other one. */
#define ANN_THERE MAILBOX("Ann", "ann", "")
#define ANN_HERE THEIRS("Ann", "annie", "annie", "ann@acme.example")

static void
one_after_the_other(int first, int second, bool lost)
{
	/* The object that is the second link's target, if it were asked. */
	enum side side = first == OURS ? SOURCE : TARGET;
	const char *dn = first == OURS ? ANN_ACME : ANN_GLOBEX;
	_cleanup_(free) char *before = NULL;

	open_links(ANN_THERE, ANN_HERE, "contact");
	run_one(first, true);
	assert_int_equal(f.of[first].res.matched, 1);
	no_loop();
	before = image(side, dn);
	if (lost)
		lab_lose_map(&f.l);
	run_one(second, true);
	assert_int_equal(f.of[second].res.out[SCOPE_COUNTERPART], 1);
	assert_int_equal(f.of[second].res.changes, 0);
	assert_int_equal(f.of[second].res.matched, 0);
	untouched(side, dn, before);
	assert_false(redirects(side, dn));
	no_loop();
	if (!lost)
		stays_so();
	close_links();
}

static void
ours_first(void **state)
{
	(void)state;
	one_after_the_other(OURS, BACK, false);
	one_after_the_other(OURS, BACK, true);
}

static void
back_first(void **state)
{
	(void)state;
	one_after_the_other(BACK, OURS, false);
	one_after_the_other(BACK, OURS, true);
}

/* Dan of globex finds Bea of acme by the name of the account. Bea is a source object of the other
 * link, and with the map or without it that is seen. */
static void
source_is_no_candidate(void **state)
{
	(void)state;
	for (int lost = 0; lost <= 1; lost++) {
		_cleanup_(free) char *before = NULL;

		open_links(MAILBOX("Bea", "bea", ""),
		    THEIRS("Dan", "dan", "bea", "d@globex.example"), "contact");
		run_one(OURS, true);
		before = image(SOURCE, lab_dn(SOURCE, "CN=Bea"));
		if (lost)
			lab_lose_map(&f.l);
		run_one(BACK, true);
		assert_int_equal(f.of[BACK].res.conflicts, 1);
		assert_int_equal(f.of[BACK].res.changes, 0);
		notes_say(BACK, "conflict (taken): sam-account-name=bea: it ");
		notes_say(BACK,
		    lost ? "it has smtp:bea@redirect.acme.example, as a source object of link "
			   "'acme-globex'"
			 : "it is a source object of link 'acme-globex'");
		untouched(SOURCE, lab_dn(SOURCE, "CN=Bea"), before);
		run_one(OURS, true);
		assert_int_equal(f.of[OURS].res.conflicts, 0);
		close_links();
	}
}

/* What has nothing to do with each other goes both ways. */
static void
both_ways(void **state)
{
	(void)state;
	open_links(
	    MAILBOX("Bea", "bea", ""), THEIRS("Cal", "cal", "cal", "c@globex.example"), "contact");
	run_one(OURS, true);
	run_one(BACK, true);
	assert_true(lab_exists(&f.l, TARGET, "CN=Bea"));
	assert_true(lab_exists(&f.l, SOURCE, "CN=Cal,OU=Globex,DC=acme,DC=example"));
	assert_int_equal(f.of[BACK].res.conflicts + f.of[OURS].res.conflicts, 0);
	stays_so();
	close_links();
}

/* ---- at the same time ---- */

/* One link runs, whole, between the decisions of the other one and its first intent. */
static void
meanwhile(int first, int second)
{
	enum side side = second == OURS ? SOURCE : TARGET;
	const char *dn = second == OURS ? ANN_ACME : ANN_GLOBEX;
	_cleanup_(free) char *text = NULL;

	open_links(ANN_THERE, ANN_HERE, "contact");
	f.meanwhile = second;
	run_one(first, true);
	assert_int_equal(f.of[second].res.matched, 1);
	text = image(side, dn);
	assert_false(redirects(side, dn));
	notes_say(first, "took its source object as a counterpart meanwhile");
	no_loop();
	/* The next delta of it says what became of the object. */
	run_one(first, false);
	assert_int_equal(f.of[first].res.changes, 0);
	untouched(side, dn, text);
	stays_so();
	close_links();
}

static void
taken_meanwhile(void **state)
{
	(void)state;
	meanwhile(OURS, BACK);
	meanwhile(BACK, OURS);
}

static void
in_two_threads(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		open_links(ANN_THERE, ANN_HERE, "contact");
		for (int k = OURS; k <= BACK; k++)
			assert_int_equal(
			    pthread_create(&f.of[k].thread, NULL, go, prepare(k, true)), 0);
		for (int k = OURS; k <= BACK; k++)
			assert_int_equal(pthread_join(f.of[k].thread, NULL), 0);
		for (int k = OURS; k <= BACK; k++)
			finish(&f.of[k]);
		assert_int_equal(redirects(SOURCE, ANN_ACME) + redirects(TARGET, ANN_GLOBEX), 1);
		run_one(OURS, false);
		run_one(BACK, false);
		stays_so();
		close_links();
	}
}

/* ---- the end of it ---- */

/* A counterpart that an operator gave free is a source object again. */
static void
given_free(void **state)
{
	(void)state;
	open_links(ANN_THERE, ANN_HERE, "contact");
	run_one(OURS, true);
	run_one(BACK, true);
	lab_delete(&f.l, SOURCE, "CN=Ann");
	run_one(OURS, false);
	lab_set(&f.l, TARGET, ANN_GLOBEX, "msExchHideFromAddressLists", NULL);
	run_one(BACK, false);
	assert_int_equal(f.of[BACK].res.out[SCOPE_COUNTERPART], 1);
	lab_set(&f.l, TARGET, ANN_GLOBEX, STAMP, NULL);
	run_one(BACK, false);
	assert_true(lab_exists(&f.l, SOURCE, "CN=Ann,OU=Globex,DC=acme,DC=example"));
	close_links();
}

/* A source object that becomes a counterpart, by a daemon that this one knows nothing of, has not
 * left: what was made of it stays as it is. */
static void
becomes_counterpart(void **state)
{
	static const char cal[] = "CN=Cal,OU=Globex,DC=acme,DC=example";
	_cleanup_(free) char *before = NULL;

	(void)state;
	open_links("", THEIRS("Cal", "cal", "cal", "c@globex.example"), "contact");
	run_one(BACK, true);
	before = image(SOURCE, cal);
	lab_set(&f.l, TARGET, "CN=Cal" PEOPLE, STAMP,
	    "galsync:matched:22222222-2222-2222-2222-222222222222");
	run_one(BACK, false);
	assert_int_equal(f.of[BACK].res.left[LEAVE_KEEP], 1);
	untouched(SOURCE, cal, before);
	run_one(BACK, true);
	assert_int_equal(f.of[BACK].res.changes, 0);
	lab_set(&f.l, TARGET, "CN=Cal" PEOPLE, STAMP, NULL);
	lab_set(&f.l, TARGET, "CN=Cal" PEOPLE, "title", "Boss");
	run_one(BACK, false);
	assert_true(lab_has(&f.l, SOURCE, cal, "title", "Boss"));
	close_links();
}

/* ---- one source, two targets ---- */

static void
one_redirection(void **state)
{
	(void)state;
	open_links(MAILBOX("Bea", "bea", ""), NULL, "mail-user");
	run_one(OURS, true);
	run_one(ON, true);
	assert_int_equal(f.of[ON].res.conflicts, 1);
	assert_int_equal(f.of[ON].res.changes, 0);
	notes_say(ON, "link 'acme-globex' redirects its mailbox already, to forest 'globex'");
	assert_null(fakedir_find(f.initech, "CN=Bea,OU=Acme,DC=initech,DC=example"));
	run_one(OURS, true);
	assert_int_equal(f.of[OURS].res.changes, 0);
	close_links();
}

static void
contacts_beside(void **state)
{
	(void)state;
	open_links(MAILBOX("Bea", "bea", ""), NULL, "contact");
	run_one(OURS, true);
	run_one(ON, true);
	assert_int_equal(f.of[ON].res.conflicts, 0);
	assert_non_null(fakedir_find(f.initech, "CN=Bea,OU=Acme,DC=initech,DC=example"));
	/* Each counterpart gets the X500 name of the other one, by way of the source. */
	run_one(OURS, true);
	run_one(ON, true);
	run_one(OURS, true);
	run_one(ON, true);
	assert_int_equal(f.of[OURS].res.changes + f.of[ON].res.changes, 0);
	close_links();
	/* The other way round. */
	open_links(MAILBOX("Bea", "bea", ""), NULL, "contact");
	run_one(ON, true);
	run_one(OURS, true);
	assert_true(lab_exists(&f.l, TARGET, "CN=Bea"));
	assert_int_equal(f.of[OURS].res.conflicts, 0);
	close_links();
}

static void
redirected_meanwhile(void **state)
{
	(void)state;
	open_links(MAILBOX("Bea", "bea", ""), NULL, "mail-user");
	f.meanwhile = OURS;
	run_one(ON, true);
	assert_true(lab_exists(&f.l, TARGET, "CN=Bea"));
	notes_say(ON, "link 'acme-globex' took its redirection meanwhile");
	assert_null(fakedir_find(f.initech, "CN=Bea,OU=Acme,DC=initech,DC=example"));
	run_one(ON, false);
	assert_int_equal(f.of[ON].res.conflicts, 1);
	assert_int_equal(f.of[ON].res.changes, 0);
	close_links();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ours_first),
	    cmocka_unit_test(back_first),
	    cmocka_unit_test(source_is_no_candidate),
	    cmocka_unit_test(both_ways),
	    cmocka_unit_test(taken_meanwhile),
	    cmocka_unit_test(in_two_threads),
	    cmocka_unit_test(given_free),
	    cmocka_unit_test(becomes_counterpart),
	    cmocka_unit_test(one_redirection),
	    cmocka_unit_test(contacts_beside),
	    cmocka_unit_test(redirected_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
