/* SPDX-License-Identifier: MIT */
/* What must not happen to the map: two writers, another format, half a transaction, a full disk.
 *
 * LMDB must not be opened twice in one process, so a second user of the map is a child here. The
 * child tells what went wrong by its exit status: the number of the step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <endian.h>
#include <fcntl.h>
#include <inttypes.h>
#include <lmdb.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "dsa/base/str.h"
#include "dsa/base/sum64.h"
#include "mapping/journal.h"
#include "mapping/store_db.h"
#include "tests/support/store_fixture.h"

static void
assert_exits_0(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Writes a pair into a named database behind the store's back. */
static void
poke(const char *path, const char *db, unsigned flags, struct bytes key, struct bytes value)
{
	MDB_val k = {key.len, (void *)(uintptr_t)key.data};
	MDB_val v = {value.len, (void *)(uintptr_t)value.data};
	MDB_txn *txn = NULL;
	MDB_env *env = NULL;
	MDB_dbi dbi;

	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, 16), 0);
	assert_int_equal(mdb_env_open(env, path, MDB_NOSUBDIR, 0640), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, db, MDB_CREATE | flags, &dbi), 0);
	assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

/* A hash of the whole file, which may be sparse and is at most a few MiB long here. */
static uint64_t
file_hash(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t h = 0;
	char part[4096];
	ssize_t n;

	assert_true(fd >= 0);
	while ((n = read(fd, part, sizeof part)) > 0)
		h = bytes_hash((struct bytes){part, (size_t)n}, h);
	assert_int_equal(n, 0);
	(void)close(fd);
	return h;
}

static void
assert_refused(struct fixture *f, enum store_mode mode, const char *text)
{
	struct store *s = NULL;
	struct err err = {0};
	uint64_t before = file_hash(f->path);

	assert_int_equal(store_open(f->dir, mode, 16, &s, &err), -1);
	assert_null(s);
	assert_int_equal(err.src, ERR_LMDB);
	assert_int_equal(err.scope, ERR_DAEMON);
	assert_int_equal(err.retry, ERR_NEVER);
	if (!strstr(err.text, text))
		fail_msg("%s", err.text);
	assert_int_equal(file_hash(f->path), before);
}

/* The value of the format, with its sum behind it. */
static void
set_format(const struct fixture *f, uint32_t format)
{
	const struct bytes v = {&format, sizeof format};
	uint64_t sum = htole64(sum64(v, sum64(bytes_of("format"), sum64(bytes_of("meta"), 0))));
	struct buf raw = {0};

	buf_add(&raw, &format, sizeof format);
	buf_add(&raw, &sum, sizeof sum);
	poke(f->path, "meta", 0, bytes_of("format"), buf_bytes(&raw));
	buf_done(&raw);
}

/* A map of the format before this one is read as it is, and brought up to date in place. */
static void
format_before(void **state)
{
	struct fixture *f = *state;
	struct err err = {0};
	bool done = false;

	store_close(TAKE(f->s));
	set_format(f, 2);
	fixture_open_store(f, 16);
	assert_int_equal(store_seal(f->s, &done, &err), 0);
	assert_true(done);
	assert_int_equal(store_seal(f->s, &done, &err), 0);
	assert_false(done);
	store_close(TAKE(f->s));
	fixture_open_store(f, 16);
	assert_int_equal(store_seal(f->s, &done, &err), 0);
	assert_false(done);
}

static void
newer_format(void **state)
{
	static const uint32_t four = 4, three = 3;
	static const uint64_t wide = 1;
	struct fixture *f = *state;

	store_close(TAKE(f->s));
	poke(f->path, "meta", 0, bytes_of("format"), (struct bytes){&four, sizeof four});
	assert_refused(f, STORE_WRITE, "has format 4, this galsync knows format 3");
	assert_refused(f, STORE_READ, "has format 4, this galsync knows format 3");
	/* A format that is no number of ours is no format of ours. */
	poke(f->path, "meta", 0, bytes_of("format"), (struct bytes){&wide, sizeof wide});
	assert_refused(f, STORE_WRITE, "this galsync knows format 3");
	poke(f->path, "meta", 0, bytes_of("format"), (struct bytes){&three, 0});
	assert_refused(f, STORE_WRITE, "this galsync knows format 3");
	/* Nor is one of ours that has no sum, as that of an old map has none. */
	poke(f->path, "meta", 0, bytes_of("format"), (struct bytes){&three, sizeof three});
	assert_refused(f, STORE_READ, "key format: the value has no check sum");
}

/* A map with sums says which databases it was made with. */
static void
lost_database(void **state)
{
	struct fixture *f = *state;

	store_close(TAKE(f->s));
	fixture_lose_database(f->path, "involved");
	assert_refused(f, STORE_READ, "is damaged: it has lost database 'involved'");
	assert_refused(f, STORE_WRITE, "is damaged: it has lost database 'involved'");
	fixture_lose_database(f->path, "meta");
	assert_refused(f, STORE_WRITE, "is damaged: it has something, but no format");
}

/* An unchanged conflict costs no write. */
static void
same_conflict(void **state)
{
	struct fixture *f = *state;
	char dn[] = "CN=Ann", what[] = "mail=ann@acme.example", *candidates[] = {dn};
	struct guid guids[] = {fixture_guid(7, 2)};
	struct conflict c = {.source = fixture_guid(1, 1),
	    .reason = CONFLICT_KIND,
	    .source_dn = dn,
	    .what = what,
	    .candidates = candidates,
	    .candidate_guids = guids,
	    .n_candidates = 1,
	    .since = 1000};
	uint64_t hash = 0;

	for (int i = 0; i < 4; i++) {
		struct store_txn *t = fixture_begin(f, STORE_WRITE);
		struct err err = {0};

		guids[0].octets[1] = i == 3;
		c.since = 1000 + i;
		assert_int_equal(store_put_conflict(t, 1, &c, &err), 0);
		fixture_commit(t);
		assert_int_equal(file_hash(f->path) == hash, i == 1 || i == 2);
		hash = file_hash(f->path);
	}
}

static void
foreign_file(void **state)
{
	struct fixture *f = *state;

	poke(f->path, "something", 0, bytes_of("else"), bytes_of("here"));
	assert_refused(f, STORE_READ, "is no map of galsync");
	poke(f->path, "meta", 0, bytes_of("else"), bytes_of("here"));
	assert_refused(f, STORE_READ, "is no map of galsync");
}

static void
not_there(void **state)
{
	struct fixture *f = *state;
	struct store *s = NULL;
	struct err err = {0};

	assert_int_equal(store_open(f->dir, STORE_READ, 0, &s, &err), -1);
	assert_int_equal(err.src, ERR_SYS);
	assert_int_equal(err.code, ENOENT);
	assert_int_equal(access(f->path, F_OK), -1); /* and it was not made */
	assert_int_equal(store_open("/proc/nowhere/map", STORE_WRITE, 1, &s, &err), -1);
	assert_int_equal(err.src, ERR_SYS);
	assert_null(s);
}

static void
second_writer(void **state)
{
	struct fixture *f = *state;
	struct store *s = NULL;
	struct err err = {0};
	struct store_txn *t;
	pid_t pid;

	assert_int_equal(store_open(f->dir, STORE_WRITE, 16, &s, &err), -1);
	assert_null(s);
	assert_int_equal(err.scope, ERR_DAEMON);
	assert_int_equal(err.retry, ERR_LATER);
	assert_non_null(strstr(err.text, "is in use by another galsyncd"));
	pid = fork();
	if (pid == 0)
		_exit(store_open(f->dir, STORE_WRITE, 16, &s, &err) == -1 &&
			      strstr(err.text, "is in use")
			  ? 0
			  : 1);
	assert_exits_0(pid);
	/* The first one is none the worse for it. */
	t = fixture_begin(f, STORE_WRITE);
	(void)fixture_put(t, 1, 1);
	fixture_commit(t);
	store_close(TAKE(f->s));
	fixture_open_store(f, 16);
}

/* The child's side: waits for its turn, reads, and says that it did. */
static int
step(int in, int out)
{
	char c = 0;

	return (out < 0 || write(out, "x", 1) == 1) && (in < 0 || read(in, &c, 1) == 1) ? 0 : -1;
}

static bool
sees(struct store_txn *t, const char *alias, uint8_t last)
{
	_cleanup_(record_free) struct record *r = NULL, *next = NULL, *end = NULL;
	struct err err = {0};

	return store_get(t, fixture_id(1, 1), &r, &err) == 0 && r && strcmp(r->alias, alias) == 0 &&
	       store_get(t, fixture_id(1, last), &end, &err) == 0 && end &&
	       store_get(t, fixture_id(1, (uint8_t)(last + 1)), &next, &err) == 0 && !next;
}

static int
reader(const char *dir, int in, int out)
{
	_cleanup_(store_close) struct store *s = NULL;
	struct store_txn *t = NULL;
	struct err err = {0};
	bool ok;

	if (step(in, -1) < 0 || store_open(dir, STORE_READ, 0, &s, &err) < 0)
		return 1;
	if (store_begin(s, STORE_READ, &t, &err) < 0)
		return 2;
	if (!sees(t, "User1", 1))
		return 3;
	/* The writer has begun, and then committed: this transaction sees neither. */
	if (step(in, out) < 0 || !sees(t, "User1", 1))
		return 4;
	if (step(in, out) < 0 || !sees(t, "User1", 1))
		return 5;
	store_abort(t);
	if (store_begin(s, STORE_READ, &t, &err) < 0)
		return 6;
	ok = sees(t, "changed", 2);
	store_abort(t);
	if (!ok)
		return 7;
	/* A reader never gets to write. */
	return store_begin(s, STORE_WRITE, &t, &err) == -1 ? 0 : 8;
}

static void
reader_beside_writer(void **state)
{
	struct fixture *f = *state;
	_cleanup_(record_free) struct record *r = NULL;
	struct err err = {0};
	struct store_txn *t;
	int to[2], from[2];
	pid_t pid;

	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	pid = fork();
	if (pid == 0) {
		(void)close(to[1]);
		_exit(reader(f->dir, to[0], from[1]));
	}
	(void)close(from[1]);
	fixture_open_store(f, 16);
	t = fixture_begin(f, STORE_WRITE);
	(void)fixture_put(t, 1, 1);
	fixture_commit(t);
	assert_int_equal(step(from[0], to[1]), 0);
	t = fixture_begin(f, STORE_WRITE);
	r = fixture_get(t, fixture_id(1, 1));
	assert_int_equal(record_set_str(&r->alias, "changed"), 0);
	assert_int_equal(store_put(t, r, &err), 0);
	(void)fixture_put(t, 1, 2);
	assert_int_equal(step(from[0], to[1]), 0);
	fixture_commit(t);
	assert_int_equal(step(-1, to[1]), 0);
	assert_exits_0(pid);
	(void)close(to[0]);
	(void)close(to[1]);
	(void)close(from[0]);
}

/* Something of everything the map can hold. */
static void
write_all(struct store_txn *t, const char *link)
{
	static char text[] = "cn=x,dc=y";
	struct guid g = fixture_guid(1, 1);
	struct waiting_ref ref = {.attr = text, .wanted = text};
	struct conflict c = {.source = g, .source_dn = text, .what = text};
	struct change change = {.op = CHANGE_DELETE, .dn = text, .guid = g};
	struct journal_entry j = {.link = 1, .source = g, .change = &change, .reason = text};
	struct err err = {0};
	uint64_t cycle = 0;

	(void)fixture_put(t, fixture_link(t, link), 1);
	assert_int_equal(store_put_waiting(t, 1, &g, &ref, 1, &err), 0);
	assert_int_equal(store_put_conflict(t, 1, &c, &err), 0);
	assert_int_equal(store_put_cursor(t, 1, SOURCE, bytes_of("cookie"), &err), 0);
	assert_int_equal(store_put_summary(t, 1, "{}", &err), 0);
	assert_int_equal(journal_begin_cycle(t, 1, &cycle, &err), 0);
	assert_int_equal(journal_intend(t, &j, &err), 0);
}

static void
assert_empty(struct fixture *f)
{
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_WRITE);
	struct store_counts n;
	struct bytes v = {0};
	struct err err = {0};
	struct hits hits = {0};
	char *text = NULL;
	uint64_t cycle = 0;

	assert_int_equal(store_link_name(t, 1, &text, &err), 0);
	assert_null(text);
	assert_int_equal(store_get_summary(t, 1, &text, &err), 0);
	assert_null(text);
	assert_int_equal(store_get_cursor(t, 1, SOURCE, &v, &err), 0);
	assert_null(v.data);
	assert_int_equal(store_lookup(t, KEY_ALIAS, "user1", fixture_note, &hits, &err), 0);
	assert_int_equal(store_each(t, 0, fixture_note, &hits, &err), 0);
	assert_int_equal(hits.n, 0);
	assert_int_equal(journal_begin_cycle(t, 1, &cycle, &err), 0);
	assert_int_equal(cycle, 1);
	assert_int_equal(fixture_link(t, "mine"), 1);
	n = fixture_count(t, 0);
	assert_int_equal(n.records + n.waiting_refs + n.conflicts, 0);
	assert_true(fixture_put(t, 1, 1) == fixture_id(1, 1));
}

static void
abort_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = fixture_begin(f, STORE_WRITE);

	write_all(t, "lost");
	store_abort(t);
	store_abort(NULL);
	assert_empty(f);
}

static void
killed_writer_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		struct store_txn *t;

		fixture_open_store(f, 16);
		t = fixture_begin(f, STORE_WRITE);
		write_all(t, "lost");
		(void)raise(SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	fixture_open_store(f, 16);
	assert_empty(f);
}

/* Puts records until it fails or MAX are there; returns how many were put. */
static size_t
fill(struct store_txn *t, size_t max, struct err *err)
{
	_cleanup_(free) char *big = malloc(4000);

	assert_non_null(big);
	memset(big, 'x', 3999);
	big[3999] = '\0';
	for (size_t n = 0; n < max; n++) {
		_cleanup_(record_free) struct record *r = fixture_record(1, (uint8_t)(n + 2));

		assert_int_equal(record_set_str(&r->evidence, big), 0);
		if (store_put(t, r, err) < 0)
			return n;
	}
	return max;
}

static void
map_full(void **state)
{
	struct fixture *f = *state;
	struct err err = {0};
	struct store_txn *t;

	fixture_open_store(f, 1);
	t = fixture_begin(f, STORE_WRITE);
	(void)fixture_put(t, fixture_link(t, "one"), 1);
	fixture_commit(t);
	t = fixture_begin(f, STORE_WRITE);
	assert_in_range(fill(t, 1000, &err), 10, 999);
	assert_int_equal(err.src, ERR_LMDB);
	assert_int_equal(err.scope, ERR_LINK);
	assert_int_equal(err.retry, ERR_LATER);
	assert_int_equal(err.code, MDB_MAP_FULL);
	assert_non_null(strstr(err.text, "raise map_size_mb"));
	/* Code that overlooks it cannot commit half of the work. */
	assert_int_equal(store_commit(t, &err), -1);
	assert_int_equal(err.src, ERR_LMDB);
	assert_int_equal(err.retry, ERR_LATER);

	t = fixture_begin(f, STORE_READ);
	assert_true(sees(t, "User1", 1));
	assert_int_equal(fixture_count(t, 1).records, 1);
	store_abort(t);
	store_close(TAKE(f->s));
	fixture_open_store(f, 16); /* as the message says */
	t = fixture_begin(f, STORE_WRITE);
	assert_int_equal(fill(t, 1000, &err), 1000);
	fixture_commit(t);
}

static int
out_of_space(struct fixture *f)
{
	struct rlimit limit;
	struct stat st;
	struct store_txn *t;
	struct err err = {0};

	fixture_open_store(f, 16);
	t = fixture_begin(f, STORE_WRITE);
	(void)fixture_put(t, fixture_link(t, "one"), 1);
	fixture_commit(t);
	(void)signal(SIGXFSZ, SIG_IGN);
	if (stat(f->path, &st) < 0 || getrlimit(RLIMIT_FSIZE, &limit) < 0)
		return 1;
	limit.rlim_cur = (rlim_t)st.st_size;
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		return 2;
	t = fixture_begin(f, STORE_WRITE);
	if (fill(t, 200, &err) != 200)
		return 3;
	if (store_commit(t, &err) != -1)
		return 4;
	if ((err.src != ERR_SYS && err.src != ERR_LMDB) || err.scope != ERR_LINK ||
	    err.retry != ERR_LATER)
		return 5;
	t = fixture_begin(f, STORE_READ);
	if (!sees(t, "User1", 1))
		return 6;
	store_abort(t);
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		return 7;
	t = fixture_begin(f, STORE_WRITE);
	if (fill(t, 20, &err) != 20 || store_commit(t, &err) < 0)
		return 8;
	store_close(TAKE(f->s));
	return 0;
}

/* A limit on the size of files stands for a full disk. */
static void
disk_full(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t;
	pid_t pid = fork();

	if (pid == 0)
		_exit(out_of_space(f));
	assert_exits_0(pid);
	fixture_open_store(f, 16);
	t = fixture_begin(f, STORE_READ);
	assert_true(sees(t, "User1", 21));
	store_abort(t);
}

static void
damaged_record(void **state)
{
	uint64_t id = fixture_id(1, 2);
	char text[64];
	struct fixture *f = *state;
	struct store_txn *t = fixture_begin(f, STORE_WRITE);
	struct hits hits = {0};
	struct record *r = NULL;
	struct err err = {0};

	for (uint8_t n = 1; n <= 3; n++)
		(void)fixture_put(t, 1, n);
	fixture_commit(t);
	store_close(TAKE(f->s));
	poke(f->path, "record", MDB_INTEGERKEY, (struct bytes){&id, sizeof id}, bytes_of("\1oops"));
	(void)snprintf(text, sizeof text, "database 'record', key %" PRIu64, id);
	assert_refused(f, STORE_WRITE, text);
	assert_int_equal(store_open(f->dir, STORE_READ, 0, &f->s, &err), 0);
	t = fixture_begin(f, STORE_READ);
	assert_int_equal(store_get(t, id, &r, &err), -1);
	assert_int_equal(err.retry, ERR_NEVER);
	assert_non_null(strstr(err.text, text));
	assert_non_null(strstr(err.text, "move it away and let the map be rebuilt"));
	assert_null(r);
	assert_int_equal(store_each(t, 0, fixture_note, &hits, &err), -1);
	assert_int_equal(store_lookup(t, KEY_ALIAS, "user2", fixture_note, &hits, &err), -1);
	r = fixture_get(t, fixture_id(1, 3));
	assert_non_null(r);
	record_free(r);
	store_abort(t);
}

/* What is there and has its sum, but is none of ours. */
static void
undecodable_record(void **state)
{
	uint64_t id = fixture_id(1, 2);
	struct fixture *f = *state;
	struct store_txn *t = fixture_begin(f, STORE_WRITE);
	struct record *r = NULL;
	struct err err = {0};
	char text[64];

	assert_int_equal(
	    store_db_put(t, DB_RECORD, (struct bytes){&id, sizeof id}, bytes_of("\1oops"), &err),
	    0);
	assert_int_equal(store_get(t, id, &r, &err), -1);
	assert_int_equal(err.src, ERR_DATA);
	assert_int_equal(err.scope, ERR_LINK);
	(void)snprintf(text, sizeof text, "record %" PRIu64 " is damaged", id);
	assert_non_null(strstr(err.text, text));
	assert_null(r);
	store_abort(t);
}

/* A key that leads to nothing is no sign that there is nobody. */
static void
lost_record(void **state)
{
	uint64_t id = fixture_id(1, 2);
	struct fixture *f = *state;
	struct store_txn *t = fixture_begin(f, STORE_WRITE);
	struct guid g = fixture_guid(2, 2);
	struct hits hits = {0};
	struct record *r = NULL;
	struct err err = {0};

	(void)fixture_put(t, 1, 2);
	assert_int_equal(
	    store_db_delete(t, DB_RECORD, (struct bytes){&id, 8}, (struct bytes){NULL, 0}, &err),
	    0);
	assert_int_equal(store_find_guid(t, 1, TARGET, &g, &r, &err), -1);
	assert_non_null(strstr(err.text, "which is not there"));
	assert_int_equal(store_lookup(t, KEY_ALIAS, "user2", fixture_note, &hits, &err), -1);
	store_abort(t);
}

/* A key that is not there is noticed when the map is opened to be written. */
static void
lost_key(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = fixture_begin(f, STORE_WRITE);
	uint64_t hash = store_key_hash(KEY_ALIAS, bytes_of("User2"));

	(void)fixture_put(t, 1, 2);
	fixture_commit(t);
	store_close(TAKE(f->s));
	fixture_open_store(f, 16);
	store_close(TAKE(f->s));
	poke(f->path, "key", MDB_INTEGERKEY | MDB_DUPSORT | MDB_DUPFIXED | MDB_INTEGERDUP,
	    (struct bytes){&hash, sizeof hash}, (struct bytes){"another1", 8});
	assert_refused(f, STORE_WRITE, "database 'key': its pairs do not have their check sum");
}

int
main(void)
{
#define TEST(f, setup) cmocka_unit_test_setup_teardown(f, setup, fixture_teardown)
	static const struct CMUnitTest tests[] = {
	    TEST(format_before, fixture_setup),
	    TEST(newer_format, fixture_setup),
	    TEST(lost_database, fixture_setup),
	    TEST(same_conflict, fixture_setup),
	    TEST(foreign_file, fixture_setup_dir),
	    TEST(not_there, fixture_setup_dir),
	    TEST(second_writer, fixture_setup),
	    TEST(reader_beside_writer, fixture_setup_dir),
	    TEST(abort_leaves_nothing, fixture_setup),
	    TEST(killed_writer_leaves_nothing, fixture_setup_dir),
	    TEST(map_full, fixture_setup_dir),
	    TEST(disk_full, fixture_setup_dir),
	    TEST(damaged_record, fixture_setup),
	    TEST(undecodable_record, fixture_setup),
	    TEST(lost_record, fixture_setup),
	    TEST(lost_key, fixture_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
