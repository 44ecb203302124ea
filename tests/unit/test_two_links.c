/* SPDX-License-Identifier: MIT */

/*
 * Two links into one target forest: acme-globex is the lab's own, initech-globex is beside it, with
 * the same OU of the target. What both want, one gets: an address, a name. They run one after the
 * other, where the second one's server lacks what the first one made, and at the same time.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <syslog.h>

#include "dsa/base/clock.h"
#include "tests/support/scenario.h"

#define INITECH ",OU=Staff,DC=initech,DC=example"
#define HELP "smtp:help@shared.example"
#define ROUNDS 10

/* A mailbox of initech. */
#define THEIRS(cn, alias, sam, extra)                                                              \
	"dn: CN=" cn INITECH "\nobjectClass: user\nsAMAccountName: " sam                           \
	"\nuserPrincipalName: " sam "@initech.example\nmailNickname: " alias "\nmail: " alias      \
	"@initech.example\nproxyAddresses: SMTP:" alias                                            \
	"@initech.example\nlegacyExchangeDN: /o=Initech/cn=" alias                                 \
	"\nuserAccountControl: 512\nmsExchHomeServerName: /o=Initech/cn=EX1\n" extra "\n"
#define CARRIES(address) "proxyAddresses: " address "\n"

enum { OURS, OTHERS, LINKS };

/* What a cycle of a link does and says. */
struct side_run {
	struct run run;
	struct run_observer observer;
	struct dir *dir[SIDES];
	bool full;
	struct cycle_result res;
	struct err err;
	int rc;
	struct buf notes;
	atomic_bool waits, gives_way;
	pthread_t thread;
};

static struct {
	struct lab l;
	struct conf_forest initech;
	struct conf_scope scope;
	struct conf_link link;
	struct fakedir *fd; /* of initech */
	struct side_run of[LINKS];
} f;

/* ---- the links ---- */

static const struct scenario two_links = {
    .name = "two links", .link = "match = [ \"stamp\" ];", .target = {THERE_OU}};

static void
make_other_link(void)
{
	static char base[] = "OU=Staff,DC=initech,DC=example",
		    norm[] = "ou=staff,dc=initech,dc=example", forest[] = "initech",
		    name[] = "initech-globex", redirect[] = "redirect.initech.example",
		    mail[] = "initech.example";
	static char *domains[] = {mail};

	f.initech = *f.l.link->source;
	f.initech.name = forest;
	f.initech.redirect_domain = redirect;
	f.initech.mail_domains = domains;
	f.initech.n_mail_domains = 1;
	f.scope = f.l.link->scopes[0];
	f.scope.base = base;
	f.scope.base_norm = norm;
	f.link = *f.l.link;
	f.link.name = name;
	f.link.source = &f.initech;
	f.link.scopes = &f.scope;
	f.fd = fakedir_new("initech", "DC=initech,DC=example");
	assert_non_null(f.fd);
	assert_int_equal(
	    fakedir_add_ldif(
		f.fd, "dn: OU=Staff,DC=initech,DC=example\nobjectClass: organizationalUnit\n"),
	    0);
}

static void
open_links(const char *ours, const char *theirs)
{
	memset(&f, 0, sizeof f);
	lab_open(&f.l, &two_links);
	make_other_link();
	if (ours)
		lab_add(&f.l, SOURCE, ours);
	if (theirs)
		assert_int_equal(fakedir_add_ldif(f.fd, theirs), 0);
}

static void
close_links(void)
{
	for (size_t i = 0; i < LINKS; i++)
		buf_done(&f.of[i].notes);
	fakedir_free(f.fd);
	lab_close(&f.l);
}

/* ---- cycles ---- */

static void
on_event(const struct run_event *e, void *arg)
{
	struct side_run *s = arg;

	if (e->kind != RUN_CHANGED && e->level < LOG_INFO)
		buf_printf(&s->notes, "%s: %s\n", e->dn, e->text);
}

static void
on_progress(enum run_phase phase, uint64_t done, uint64_t total, void *arg)
{
	struct side_run *s = arg;

	(void)done;
	(void)total;
	if (phase == RUN_PHASE_WAIT)
		atomic_store(&s->waits, true);
}

static bool
on_waiting(void *arg)
{
	return atomic_load(&((struct side_run *)arg)->gives_way);
}

static struct side_run *
prepare(size_t link, bool full)
{
	struct side_run *s = &f.of[link];

	buf_done(&s->notes);
	memset(s, 0, sizeof *s);
	buf_add_str(&s->notes, "");
	s->full = full;
	s->dir[SOURCE] = fakedir_connect(link == OURS ? f.l.fd[SOURCE] : f.fd);
	s->dir[TARGET] = fakedir_connect(f.l.fd[TARGET]);
	assert_true(s->dir[SOURCE] && s->dir[TARGET]);
	s->observer = (struct run_observer){
	    .event = on_event, .progress = on_progress, .gives_way = on_waiting, .arg = s};
	s->run = (struct run){.link = link == OURS ? f.l.link : &f.link,
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
	struct side_run *s = arg;

	s->rc = sync_run(&s->run, s->full, &none, &s->res, &s->err);
	return NULL;
}

static void
finish(struct side_run *s)
{
	dir_free(s->dir[SOURCE]);
	dir_free(s->dir[TARGET]);
}

static void
well(const struct side_run *s)
{
	if (s->rc < 0 || s->res.failed)
		fail_msg("%s: %s\n%s", s->run.link->name, s->rc < 0 ? s->err.text : "",
		    (const char *)s->notes.data);
}

static void
run_one(size_t link, bool full)
{
	struct side_run *s = prepare(link, full);

	(void)go(s);
	finish(s);
	well(s);
}

static void
run_both(bool full)
{
	for (size_t i = 0; i < LINKS; i++)
		assert_int_equal(pthread_create(&f.of[i].thread, NULL, go, prepare(i, full)), 0);
	for (size_t i = 0; i < LINKS; i++)
		assert_int_equal(pthread_join(f.of[i].thread, NULL), 0);
	for (size_t i = 0; i < LINKS; i++) {
		finish(&f.of[i]);
		well(&f.of[i]);
	}
}

/* ---- what came of it ---- */

static bool
has_help(const char *cn)
{
	return lab_has(&f.l, TARGET, cn, "proxyAddresses", HELP);
}

struct named {
	const char *holder;
	unsigned n;
};

static int
is_named(uint32_t link, const struct conflict *c, void *arg, struct err *err)
{
	struct named *n = arg;

	(void)link;
	(void)err;
	assert_int_equal(c->reason, CONFLICT_ADDRESS);
	assert_int_equal(c->n_candidates, 1);
	assert_string_equal(c->candidates[0], n->holder);
	n->n++;
	return 0;
}

/* There is one conflict, about an address, and it names HOLDER. */
static void
conflict_names(const char *holder)
{
	struct named n = {lab_dn(TARGET, holder), 0};
	_cleanup_(store_abort) struct store_txn *t = NULL;

	assert_int_equal(store_begin(f.l.store, STORE_READ, &t, &f.l.err), 0);
	assert_int_equal(store_each_conflict(t, 0, is_named, &n, &f.l.err), 0);
	assert_int_equal(n.n, 1);
}

/* A further cycle of either link writes nothing. */
static void
stays_so(void)
{
	for (size_t i = 0; i < LINKS; i++) {
		run_one(i, true);
		assert_int_equal(f.of[i].res.changes, 0);
	}
}

/* ---- one after the other ---- */

static void
use(const char *server)
{
	assert_int_equal(fakedir_set_server(f.l.fd[TARGET], server), 0);
}

static void
hide(const char *cn, bool yes)
{
	assert_int_equal(fakedir_hide(f.l.fd[TARGET], lab_dn(TARGET, cn), yes), 0);
}

/* The first link wrote to one server, the second one reads from another that lags behind. */
static void
lagging(void **state)
{
	(void)state;
	open_links(
	    MAILBOX("Ann", "ann", CARRIES(HELP)), THEIRS("Bea", "bea", "bea", CARRIES(HELP)));
	use("dc1.globex.example");
	run_one(OURS, true);
	assert_true(has_help("CN=Ann"));
	use("dc2.globex.example");
	hide("CN=Ann", true);
	run_one(OTHERS, true);
	assert_true(lab_exists(&f.l, TARGET, "CN=Bea"));
	assert_false(has_help("CN=Bea"));
	conflict_names("CN=Ann");
	hide("CN=Ann", false);
	stays_so();
	conflict_names("CN=Ann");
	close_links();
}

/* The same of an object that the second link has made before, in a delta. */
static void
lagging_delta(void **state)
{
	(void)state;
	open_links(MAILBOX("Ann", "ann", ""), THEIRS("Bea", "bea", "bea", ""));
	use("dc1.globex.example");
	run_one(OURS, true);
	run_one(OTHERS, true);
	lab_add_value(&f.l, SOURCE, "CN=Ann", "proxyAddresses", HELP);
	run_one(OURS, false);
	assert_true(has_help("CN=Ann"));
	use("dc2.globex.example");
	hide("CN=Ann", true);
	assert_int_equal(fakedir_add_value(f.fd, "CN=Bea" INITECH, "proxyAddresses", HELP), 0);
	run_one(OTHERS, false);
	assert_false(has_help("CN=Bea"));
	conflict_names("CN=Ann");
	close_links();
}

/* Without its primary address an object is not made at all. */
static void
primary(void **state)
{
	(void)state;
	open_links(MAILBOX("Ann", "ann", CARRIES("smtp:bea@initech.example")),
	    THEIRS("Bea", "bea", "bea", ""));
	use("dc1.globex.example");
	run_one(OURS, true);
	use("dc2.globex.example");
	hide("CN=Ann", true);
	run_one(OTHERS, true);
	assert_false(lab_exists(&f.l, TARGET, "CN=Bea"));
	conflict_names("CN=Ann");
	close_links();
}

/* When the holder gives the address up, a delta of the other link takes it. */
static void
given_up(void **state)
{
	(void)state;
	open_links(
	    MAILBOX("Ann", "ann", CARRIES(HELP)), THEIRS("Bea", "bea", "bea", CARRIES(HELP)));
	run_one(OURS, true);
	run_one(OTHERS, true);
	conflict_names("CN=Ann");
	lab_delete_value(&f.l, SOURCE, "CN=Ann", "proxyAddresses", HELP);
	run_one(OURS, false);
	assert_false(has_help("CN=Ann"));
	run_one(OTHERS, false);
	assert_true(has_help("CN=Bea"));
	assert_int_equal(f.of[OTHERS].res.conflicts, 0);
	stays_so();
	close_links();
}

/* ---- at the same time ---- */

static void
one_has_help(void)
{
	assert_int_equal(has_help("CN=Ann") + has_help("CN=Bea"), 1);
	conflict_names(has_help("CN=Ann") ? "CN=Ann" : "CN=Bea");
	assert_int_equal(f.of[OURS].res.conflicts + f.of[OTHERS].res.conflicts, 1);
}

static void
one_address(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		open_links(MAILBOX("Ann", "ann", CARRIES(HELP)),
		    THEIRS("Bea", "bea", "bea", CARRIES(HELP)));
		run_both(true);
		one_has_help();
		stays_so();
		one_has_help();
		close_links();
	}
}

static void
one_address_in_deltas(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		open_links(MAILBOX("Ann", "ann", ""), THEIRS("Bea", "bea", "bea", ""));
		run_both(true);
		lab_add_value(&f.l, SOURCE, "CN=Ann", "proxyAddresses", HELP);
		assert_int_equal(
		    fakedir_add_value(f.fd, "CN=Bea" INITECH, "proxyAddresses", HELP), 0);
		run_both(false);
		one_has_help();
		stays_so();
		close_links();
	}
}

/* Both want the same CN and the same account name: one of them gets others. */
static void
one_name(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		bool ours;

		open_links(MAILBOX("Ann", "ann", ""), THEIRS("Ann", "anni", "ann", ""));
		run_both(true);
		assert_true(lab_exists(&f.l, TARGET, "CN=Ann"));
		assert_true(lab_exists(&f.l, TARGET, "CN=Ann (2)"));
		ours = lab_has(&f.l, TARGET, "CN=Ann", "mailNickname", "ann");
		assert_true(lab_has(&f.l, TARGET, "CN=Ann", "sAMAccountName", "ann"));
		assert_true(lab_has(&f.l, TARGET, "CN=Ann (2)", "sAMAccountName", "ann-2"));
		assert_true(
		    lab_has(&f.l, TARGET, "CN=Ann (2)", "mailNickname", ours ? "anni" : "ann"));
		assert_int_equal(f.of[OURS].res.conflicts + f.of[OTHERS].res.conflicts, 0);
		stays_so();
		close_links();
	}
}

/* ---- waiting ---- */

#define DEADLINE_MS 30000
#define FOREST "CN=Configuration,DC=globex,DC=example"

static int
must_not_wait(const char *holder, void *arg, struct err *err)
{
	(void)arg;
	(void)err;
	fail_msg("waits for '%s'", holder);
	return -1;
}

/* As a link whose cycle takes long. */
static struct forest_lock *
occupy(void)
{
	struct forest_lock *lock = NULL;

	assert_int_equal(
	    forest_lock_take(FOREST, "long-one", must_not_wait, NULL, &lock, &f.l.err), 0);
	return lock;
}

/* A link that has nothing to write waits for no other. */
static void
no_need_to_wait(void **state)
{
	_cleanup_(forest_lock_release) struct forest_lock *lock = NULL;
	const struct cycle_options plan = {.plan_only = true};
	struct side_run *s;

	(void)state;
	open_links(MAILBOX("Ann", "ann", ""), NULL);
	run_one(OURS, true);
	/* What it wrote itself comes back to the first one. */
	run_one(OURS, false);
	lock = occupy();
	run_one(OURS, false);
	assert_false(atomic_load(&f.of[OURS].waits));
	lab_set(&f.l, SOURCE, "CN=Ann", "title", "Boss");
	s = prepare(OURS, true);
	s->rc = sync_run(&s->run, true, &plan, &s->res, &s->err);
	finish(s);
	well(s);
	assert_int_equal(s->res.changes, 1);
	assert_false(atomic_load(&s->waits));
	close_links();
}

/* A cycle in a thread of its own, which waits. */
static struct side_run *
start_waiting(bool full)
{
	struct side_run *s = prepare(OURS, full);
	int64_t until = clock_monotonic_ms() + DEADLINE_MS;

	assert_int_equal(pthread_create(&s->thread, NULL, go, s), 0);
	while (!atomic_load(&s->waits) && clock_monotonic_ms() < until)
		(void)poll(NULL, 0, 1);
	assert_true(atomic_load(&s->waits));
	return s;
}

static void
join(struct side_run *s)
{
	assert_int_equal(pthread_join(s->thread, NULL), 0);
	finish(s);
}

static void
cancelled(void **state)
{
	(void)state;
	open_links(MAILBOX("Ann", "ann", ""), NULL);
	for (int side = SOURCE; side < SIDES; side++) {
		_cleanup_(forest_lock_release) struct forest_lock *lock = NULL;
		struct side_run *s;

		lock = occupy();
		s = start_waiting(true);
		s->dir[side]->ops->cancel(s->dir[side]);
		join(s);
		assert_int_equal(s->rc, -1);
		assert_int_equal(s->err.code, ECANCELED);
		assert_false(lab_exists(&f.l, TARGET, "CN=Ann"));
	}
	close_links();
}

static void
gave_way(void **state)
{
	_cleanup_(forest_lock_release) struct forest_lock *lock = NULL;
	struct side_run *s;

	(void)state;
	open_links(MAILBOX("Ann", "ann", ""), NULL);
	run_one(OURS, true);
	lock = occupy();
	lab_set(&f.l, SOURCE, "CN=Ann", "title", "Boss");
	s = start_waiting(false);
	atomic_store(&s->gives_way, true);
	join(s);
	assert_int_equal(s->rc, -1);
	assert_int_equal(s->err.code, EAGAIN);
	/* Nothing is lost. */
	forest_lock_release(TAKE(lock));
	run_one(OURS, false);
	assert_true(lab_has(&f.l, TARGET, "CN=Ann", "title", "Boss"));
	close_links();
}

/* What happens while a cycle waits is known to it. */
static void
reads_afterwards(void **state)
{
	struct forest_lock *lock;
	struct side_run *s;

	(void)state;
	open_links(MAILBOX("Ann", "ann", CARRIES(HELP)), NULL);
	lock = occupy();
	s = start_waiting(true);
	lab_add(&f.l, TARGET, THERE("user", "Help", CARRIES(HELP)));
	forest_lock_release(lock);
	join(s);
	well(s);
	assert_false(has_help("CN=Ann"));
	conflict_names("CN=Help");
	close_links();
}

/* A failure gives the lock back. */
static void
failed(void **state)
{
	struct forest_lock *lock;
	struct side_run *s;

	(void)state;
	open_links(MAILBOX("Ann", "ann", ""), NULL);
	lock = occupy();
	s = start_waiting(true);
	fakedir_set_down(f.l.fd[TARGET], true);
	forest_lock_release(lock);
	join(s);
	assert_int_equal(s->rc, -1);
	lock = occupy();
	forest_lock_release(lock);
	fakedir_set_down(f.l.fd[TARGET], false);
	run_one(OURS, true);
	close_links();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lagging),
	    cmocka_unit_test(lagging_delta),
	    cmocka_unit_test(primary),
	    cmocka_unit_test(given_up),
	    cmocka_unit_test(one_address),
	    cmocka_unit_test(one_address_in_deltas),
	    cmocka_unit_test(one_name),
	    cmocka_unit_test(no_need_to_wait),
	    cmocka_unit_test(cancelled),
	    cmocka_unit_test(gave_way),
	    cmocka_unit_test(reads_afterwards),
	    cmocka_unit_test(failed),
	};

	return cmocka_run_group_tests_name("two links", tests, NULL, NULL);
}
