/* SPDX-License-Identifier: MIT */

/* The lab: two fake forests, a configuration, a map, and cycles through taps. */
#include "tests/support/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "dsa/base/str.h"
#include "dsa/world/world.h"
#include "tests/support/place.h"
#include "tests/support/scenario_priv.h"

#define DOMAIN_ACME "DC=acme,DC=example"
#define DOMAIN_GLOBEX "DC=globex,DC=example"
#define DATABASE "CN=DB1,CN=Configuration," DOMAIN_GLOBEX
#define SERVER "CN=EX1,CN=Configuration," DOMAIN_GLOBEX
#define HOME_SERVER "/o=Globex/ou=First/cn=Configuration/cn=Servers/cn=EX1"

static const char *const parents[SIDES] = {ACME, GLOBEX};

static void
path_of(const struct lab *l, const char *file, char ret[512])
{
	(void)snprintf(ret, 512, "%s/%s", l->dir, file);
}

static void
write_file(const struct lab *l, const char *name, const char *text)
{
	char path[512];
	FILE *f;

	path_of(l, name, path);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

/* ---- opening ---- */

static void
make_forests(struct lab *l)
{
	static const char *const names[] = {"acme", "globex"};
	static const char *const domains[] = {DOMAIN_ACME, DOMAIN_GLOBEX};
	static const char *const base[] = {"dn: OU=Staff," DOMAIN_ACME
					   "\nobjectClass: organizationalUnit\n",
	    "dn: " DATABASE "\nobjectClass: msExchPrivateMDB\n\ndn: " SERVER
	    "\nobjectClass: container\nlegacyExchangeDN: " HOME_SERVER "\n"};
	const char *shuffle = getenv("GALSYNC_SHUFFLE");

	for (int side = SOURCE; side < SIDES; side++) {
		const char *const *texts = side == SOURCE ? l->sc->source : l->sc->target;
		_cleanup_(buf_done) struct buf all = {0};
		struct err err;

		l->fd[side] = fakedir_new(names[side], domains[side]);
		assert_non_null(l->fd[side]);
		if (shuffle)
			fakedir_set_shuffle(
			    l->fd[side], strtoull(shuffle, NULL, 10) * SIDES + (unsigned)side);
		/* In one: references may be to objects further down. */
		buf_printf(&all, "%s\n", base[side]);
		for (size_t i = 0; i < SCENARIO_TEXTS && texts[i]; i++)
			buf_printf(&all, "%s\n", texts[i]);
		assert_false(all.failed);
		lab_add(l, (enum side)side, (const char *)all.data);
		l->eye[side] = fakedir_connect_observer(l->fd[side]);
		assert_non_null(l->eye[side]);
		assert_int_equal(dir_open(l->eye[side], &err), 0);
	}
}

static char *
conf_text(const struct lab *l)
{
	static const char forest[] =
	    "{ name = \"%s\"; domain = \"%s.example\"; window = 8;"
	    " auth = { principal = \"svc@X.EXAMPLE\"; keytab = \"keytab\"; };"
	    " mail_domains = [ \"%s.example\" ]; redirect_domain = \"redirect.%s.example\"; %s }";
	_cleanup_(buf_done) struct buf b = {0};
	static const char *const names[] = {"acme", "globex"};
	const char *scope = l->sc->scope ? l->sc->scope : "create = \"mailbox\";";
	const char *link = l->sc->link ? l->sc->link : "";

	buf_printf(&b, "state_directory = \"%s\";\nmap_size_mb = 64;\nforests = ( ", l->dir);
	for (size_t i = 0; i < SIDES; i++) {
		buf_printf(&b, forest, names[i], names[i], names[i], names[i],
		    l->sc->forest ? l->sc->forest : "");
		buf_add_str(&b, i ? " );\n" : ",\n");
	}
	buf_printf(&b,
	    "links = ( { name = \"acme-globex\"; source = \"acme\"; target = \"globex\";\n"
	    "scopes = ( { base = \"OU=Staff," DOMAIN_ACME "\"; target_ou = \"OU=Acme," DOMAIN_GLOBEX
	    "\";\n%s } );\n"
	    "mailbox = { databases = [ \"" DATABASE "\" ]; home_server = "
	    "\"" HOME_SERVER "\"; };\n%s } );\n",
	    scope, link);
	return buf_take_str(&b);
}

static void
load_conf(struct lab *l)
{
	_cleanup_(conf_errors_done) struct conf_errors e = {0};
	_cleanup_(free) char *text = conf_text(l);
	char path[512];

	assert_non_null(text);
	write_file(l, "keytab", "secret");
	write_file(l, "galsync.conf", text);
	path_of(l, "galsync.conf", path);
	if (conf_load(path, &l->conf, &e) < 0)
		fail_msg("%s: %s", l->sc->name, e.n ? e.lines[0] : "no message");
	l->link = conf_find_link(l->conf, "acme-globex");
	assert_non_null(l->link);
}

void
lab_open_store(struct lab *l)
{
	struct err err = {0};

	if (store_open(l->dir, STORE_WRITE, l->conf->map_size_mb, &l->store, &err) < 0)
		fail_msg("%s: %s", l->sc->name, err.text);
}

void
lab_begin_again(struct lab *l)
{
	struct err err;

	shared_feeds_free(TAKE(l->feeds));
	if (shared_feeds_new(l->conf, &l->feeds, &err) < 0)
		fail_msg("%s: %s", l->sc->name, err.text);
}

void
lab_open(struct lab *l, const struct scenario *sc)
{
	*l = (struct lab){.sc = sc};
	place_make("galsync-lab", l->dir, sizeof l->dir);
	make_forests(l);
	if (sc->csv)
		write_file(l, "pairs.csv", sc->csv);
	load_conf(l);
	lab_open_store(l);
	lab_begin_again(l);
}

void
lab_remove(struct lab *l)
{
	DIR *d = opendir(l->dir);
	const struct dirent *e;

	store_close(TAKE(l->store));
	assert_non_null(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(d), e->d_name, 0);
	(void)closedir(d);
	assert_int_equal(rmdir(l->dir), 0);
}

void
lab_close(struct lab *l)
{
	for (size_t i = 0; i < SIDES; i++) {
		dir_free(l->eye[i]);
		fakedir_free(l->fd[i]);
	}
	shared_feeds_free(l->feeds);
	conf_free(l->conf);
	buf_done(&l->notes);
	lab_remove(l);
}

void
lab_lose_map(struct lab *l)
{
	static const char *const files[] = {"map.mdb", "map.mdb-lock"};

	store_close(TAKE(l->store));
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char path[512];

		path_of(l, files[i], path);
		(void)unlink(path);
	}
	lab_open_store(l);
}

/* ---- names, and what others do ---- */

const char *
lab_dn(enum side side, const char *name)
{
	static char texts[8][320];
	static unsigned next;
	char *text = texts[next++ % ARRAY_SIZE(texts)];

	(void)snprintf(
	    text, sizeof texts[0], "%s%s", name, strstr(name, "DC=") ? "" : parents[side]);
	return text;
}

static void
must(const struct lab *l, enum side side, int rc)
{
	if (rc < 0)
		fail_msg("%s: %s", l->sc->name, fakedir_error(l->fd[side]));
}

void
lab_add(struct lab *l, enum side side, const char *ldif)
{
	must(l, side, fakedir_add_ldif(l->fd[side], ldif));
}

void
lab_set(struct lab *l, enum side side, const char *dn, const char *attr, const char *value)
{
	must(l, side, fakedir_set(l->fd[side], lab_dn(side, dn), attr, value));
}

void
lab_add_value(struct lab *l, enum side side, const char *dn, const char *attr, const char *value)
{
	must(l, side, fakedir_add_value(l->fd[side], lab_dn(side, dn), attr, value));
}

void
lab_delete_value(struct lab *l, enum side side, const char *dn, const char *attr, const char *value)
{
	must(l, side, fakedir_delete_value(l->fd[side], lab_dn(side, dn), attr, value));
}

void
lab_delete(struct lab *l, enum side side, const char *dn)
{
	must(l, side, fakedir_delete(l->fd[side], lab_dn(side, dn)));
}

void
lab_rename(struct lab *l, enum side side, const char *dn, const char *new_rdn)
{
	must(l, side, fakedir_rename(l->fd[side], lab_dn(side, dn), new_rdn, NULL));
}

bool
lab_exists(struct lab *l, enum side side, const char *dn)
{
	return fakedir_find(l->fd[side], lab_dn(side, dn)) != NULL;
}

static const struct attr *
attr_of(struct lab *l, enum side side, const char *dn, const char *attr)
{
	const struct entry *e = fakedir_find(l->fd[side], lab_dn(side, dn));

	return e ? entry_find(e, attr) : NULL;
}

bool
lab_has(struct lab *l, enum side side, const char *dn, const char *attr, const char *value)
{
	const struct attr *a = attr_of(l, side, dn, attr);

	return a && attr_has(a, bytes_of(value), false);
}

size_t
lab_count(struct lab *l, enum side side, const char *dn, const char *attr)
{
	const struct attr *a = attr_of(l, side, dn, attr);

	return a ? a->n_values : 0;
}

const char *
lab_source_guid(struct lab *l, const char *dn)
{
	static char texts[4][GUID_TEXT_SIZE];
	static unsigned next;
	char *text = texts[next++ % ARRAY_SIZE(texts)];
	const struct entry *e = fakedir_find(l->fd[SOURCE], lab_dn(SOURCE, dn));

	assert_non_null(e);
	guid_format(&e->guid, text);
	return text;
}

const char *
lab_notes(const struct lab *l)
{
	return l->notes.len ? (const char *)l->notes.data : "";
}

struct record *
lab_record(struct lab *l, const char *source_dn)
{
	const struct entry *e = fakedir_find(l->fd[SOURCE], lab_dn(SOURCE, source_dn));
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct record *r = NULL;
	struct err err = {0};

	assert_non_null(e);
	if (store_begin(l->store, STORE_READ, &t, &err) < 0 ||
	    store_find_guid(t, 0, SOURCE, &e->guid, &r, &err) < 0)
		fail_msg("%s", err.text);
	return r;
}

/* ---- death ---- */

static struct lab *dying; /* the lab whose cycle runs */
static struct dir_ops spied[SIDES], below[SIDES];

static void
copy_map(const struct lab *l, const char *from, const char *to)
{
	char chunk[65536], path[512];
	_cleanup_(close) int in = -1, out = -1;
	ssize_t n;

	path_of(l, from, path);
	in = open(path, O_RDONLY | O_CLOEXEC);
	path_of(l, to, path);
	out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, chunk, sizeof chunk)) > 0)
		assert_int_equal(write(out, chunk, (size_t)n), n);
	assert_int_equal(n, 0);
}

void
lab_keep_map(struct lab *l)
{
	copy_map(l, "map.mdb", "kept");
}

void
lab_put_back_map(struct lab *l)
{
	char lock[512];

	store_close(TAKE(l->store));
	copy_map(l, "kept", "map.mdb");
	path_of(l, "map.mdb-lock", lock);
	(void)unlink(lock);
	lab_open_store(l);
}

/* At the step of the stop: what is in the map now is what a dead process leaves. No write
 * transaction is open while something is submitted or read. */
static void
keep_map(void)
{
	static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;

	(void)pthread_mutex_lock(&one);
	if (!dying->frozen)
		copy_map(dying, "map.mdb", "frozen");
	dying->frozen = true;
	(void)pthread_mutex_unlock(&one);
}

static void
freeze(void)
{
	const struct tap *tap = dying->tap;

	if (dying->dies && tap->stop_at && atomic_load(&tap->steps) + 1 >= tap->stop_at)
		keep_map();
}

void
lab_die(struct lab *l)
{
	assert_ptr_equal(l, dying);
	keep_map();
	atomic_store(&l->tap->stopped, true);
}

static int
side_of(const struct dir *d)
{
	return strcmp(d->name, "acme") == 0 ? SOURCE : TARGET;
}

struct writing {
	dir_done_fn *done;
	void *arg;
};

static void
written(void *arg, const struct err *err)
{
	struct writing w = *(struct writing *)arg;

	free(arg);
	dying->on_written(dying);
	w.done(w.arg, err);
}

static int
spy_submit(struct dir *d, const struct change *c, dir_done_fn *done, void *arg, struct err *err)
{
	struct writing *w = dying->on_written ? malloc(sizeof *w) : NULL;
	int rc;

	freeze();
	if (!dying->on_written)
		return below[side_of(d)].submit(d, c, done, arg, err);
	assert_non_null(w);
	*w = (struct writing){done, arg};
	rc = below[side_of(d)].submit(d, c, written, w, err);
	if (rc < 0)
		free(w);
	return rc;
}

struct cutting {
	const char *dn;
	dir_entry_fn *fn;
	void *arg;
};

static int
cut(struct entry *e, void *arg, struct err *err)
{
	const struct cutting *c = arg;

	if (str_equal_nocase(e->dn, c->dn)) {
		entry_free(e);
		return 0;
	}
	return c->fn(e, c->arg, err);
}

static void
count_read(void)
{
	dying->reads[dying->phase]++;
	if (dying->tap->count_reads)
		freeze();
}

static int
spy_search(struct dir *d, const struct dir_query *q, dir_entry_fn *fn, void *arg, struct err *err)
{
	count_read();
	if (strcmp(q->filter, WORLD_FILTER) == 0 && str_starts_nocase(q->base, "DC="))
		atomic_fetch_add(&dying->whole[side_of(d)], 1);
	if (dying->cut && side_of(d) == SOURCE) {
		struct cutting c = {lab_dn(SOURCE, dying->cut), fn, arg};

		return below[SOURCE].search(d, q, cut, &c, err);
	}
	return below[side_of(d)].search(d, q, fn, arg, err);
}

static int
spy_read(
    struct dir *d, const char *name, const char *const *attrs, struct entry **ret, struct err *err)
{
	count_read();
	return below[side_of(d)].read(d, name, attrs, ret, err);
}

static int
spy_changes(struct dir *d, const struct dir_since *since, dir_change_fn *fn, void *arg,
    struct buf *ret_cursor, enum dir_feed *ret, struct err *err)
{
	count_read();
	return below[side_of(d)].changes(d, since, fn, arg, ret_cursor, ret, err);
}

static int
spy_usn(struct dir *d, uint64_t *ret, struct err *err)
{
	count_read();
	return below[side_of(d)].usn(d, ret, err);
}

/* Nobody reconnects after death, or to a server that is gone for long: no time is spent on trying.
 */
static int
spy_open(struct dir *d, struct err *err)
{
	int rc = below[side_of(d)].open(d, err);

	if (rc < 0 && (atomic_load(&dying->tap->stopped) || dying->gives_up))
		err->retry = ERR_NEVER;
	return rc;
}

static struct dir *
spied_dir(struct lab *l, enum side side, struct tap *tap)
{
	struct dir *d = tapdir_new(fakedir_connect(l->fd[side]), tap);

	assert_non_null(d);
	below[side] = spied[side] = *d->ops;
	spied[side].submit = spy_submit;
	spied[side].search = spy_search;
	spied[side].read = spy_read;
	spied[side].changes = spy_changes;
	spied[side].usn = spy_usn;
	spied[side].open = spy_open;
	d->ops = &spied[side];
	return d;
}

static void
bury(struct lab *l)
{
	char from[512], to[512];

	store_close(TAKE(l->store));
	path_of(l, "frozen", from);
	path_of(l, "map.mdb", to);
	assert_int_equal(rename(from, to), 0);
	path_of(l, "map.mdb-lock", to);
	(void)unlink(to);
	lab_open_store(l);
}

/* ---- a cycle ---- */

static void
take_event(const struct run_event *e, void *arg)
{
	struct lab *l = arg;

	l->told[e->kind]++;
	if (e->kind == RUN_DECIDED)
		buf_printf(&l->notes, "decided %s: %s\n", e->dn, e->text);
	if (e->kind == RUN_CHANGED || e->level == LOG_DEBUG)
		return;
	buf_printf(&l->notes, "%d %s: %s\n", e->level, e->dn, e->text);
	if (l->on_note)
		l->on_note(l, e->text);
}

static void
look(void *arg, unsigned number, const struct change *c)
{
	struct lab *l = arg;

	(void)number;
	(void)c;
	(void)lab_check_mail(l);
}

static void
take_result(const struct run_result *r, void *arg)
{
	struct lab *l = arg;

	buf_printf(&l->notes, "%s %s: %s\n", r->ok ? "done" : "failed", r->dn, r->text);
}

static void
take_progress(enum run_phase phase, uint64_t done, uint64_t total, void *arg)
{
	struct lab *l = arg;

	(void)done;
	(void)total;
	l->phase = phase;
}

/* One cycle runs at a time: who has the lock of the forest is a test that failed in the middle. */
static bool
never_waits(void *arg)
{
	(void)arg;
	return true;
}

struct run
lab_run_of(struct lab *l, struct dir *source, struct dir *target)
{
	l->observer = (struct run_observer){.event = take_event,
	    .progress = take_progress,
	    .result = take_result,
	    .gives_way = never_waits,
	    .arg = l,
	    .decisions = l->decisions};
	return (struct run){.link = l->link,
	    .dir = {source, target},
	    .feed = {shared_feeds_of(l->feeds, l->link->source),
		shared_feeds_of(l->feeds, l->link->target)},
	    .store = l->store,
	    .work_dir = l->dir,
	    .map_size_mb = 64,
	    .observer = &l->observer};
}

static int
act_with(struct lab *l, struct tap *tap, lab_act_fn *act, void *arg)
{
	struct dir *dir[SIDES] = {spied_dir(l, SOURCE, tap), spied_dir(l, TARGET, tap)};
	struct run run = lab_run_of(l, dir[SOURCE], dir[TARGET]);
	int rc;

	if (!tap->hook) {
		tap->hook = look;
		tap->hook_arg = l;
	}
	dying = l;
	l->tap = tap;
	l->frozen = l->needs_full = false;
	buf_reset(&l->notes);
	memset(l->told, 0, sizeof l->told);
	l->whole[SOURCE] = l->whole[TARGET] = 0;
	l->phase = RUN_PHASE_CONNECT;
	rc = act(l, &run, arg);
	dir_free(dir[SOURCE]);
	dir_free(dir[TARGET]);
	assert_int_equal(l->reads[RUN_PHASE_PLAN], 0);
	if (l->frozen)
		bury(l);
	if (l->frozen || atomic_load(&tap->stopped))
		lab_begin_again(l);
	if (rc == 0)
		(void)lab_check_mail(l);
	return rc;
}

static int
run_cycle(struct lab *l, struct run *run, void *arg)
{
	const struct cycle_options opt = {.plan_only = arg != NULL, .plan_to = arg};

	return l->delta && !opt.plan_only ? sync_delta(run, &opt, &l->res, &l->needs_full, &l->err)
					  : sync_run(run, true, &opt, &l->res, &l->err);
}

int
lab_cycle_to(struct lab *l, struct tap *tap, FILE *plan)
{
	return act_with(l, tap, run_cycle, plan);
}

int
lab_act(struct lab *l, struct tap *tap, lab_act_fn *act, void *arg)
{
	struct tap own = {.stop_at = 0};
	int rc = act_with(l, tap ? tap : &own, act, arg);

	tap_done(&own);
	return rc;
}

int
lab_cycle(struct lab *l, struct tap *tap)
{
	struct tap own = {.stop_at = 0};
	int rc = lab_cycle_to(l, tap ? tap : &own, NULL);

	tap_done(&own);
	return rc;
}
