/* SPDX-License-Identifier: MIT */

/* Hook programs: how one runs, and how the events of the map come to it. The programs are scripts
 * that the tests write. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"
#include "dsa/daemon/hook.h"
#include "dsa/daemon/hook_process.h"
#include "store_fixture.h"

#define DEADLINE_MS 60000

static char dir[64];

static const char *
path_of(const char *name)
{
	static char path[4][128];
	static unsigned next;
	char *p = path[next++ % ARRAY_SIZE(path)];

	(void)snprintf(p, sizeof path[0], "%s/%s", dir, name);
	return p;
}

static void
put(const char *name, const char *text, mode_t mode)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
}

/* A script named "hook" that does TEXT in the test's directory, $d. */
static const char *
script(const char *text)
{
	_cleanup_(free) char *all = str_printf("#!/bin/sh\nd='%s'\n%s\n", dir, text);

	assert_non_null(all);
	put("hook", all, 0755);
	return path_of("hook");
}

/* The whole file, in a static buffer; "" if it is not there. */
static const char *
slurp(const char *name)
{
	static char text[16384];
	FILE *f = fopen(path_of(name), "re");
	size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;

	text[n] = '\0';
	if (f)
		(void)fclose(f);
	return text;
}

static size_t
lines_of(const char *name)
{
	size_t n = 0;

	for (const char *p = slurp(name); *p; p++)
		n += *p == '\n';
	return n;
}

static void
nap(void)
{
	(void)usleep(2000);
}

static void
wait_for_lines(const char *name, size_t n)
{
	int64_t until = clock_monotonic_ms() + DEADLINE_MS;

	while (lines_of(name) < n) {
		if (clock_monotonic_ms() > until)
			fail_msg("%s has %zu lines, not %zu", name, lines_of(name), n);
		nap();
	}
}

static size_t
open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

static int
set_up(void **state)
{
	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)snprintf(dir, sizeof dir, "/tmp/galsync-hook-XXXXXX");
	assert_non_null(mkdtemp(dir));
	return 0;
}

/* Whatever the test did, no child is left, not even as a zombie. */
static int
tear_down(void **state)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	(void)state;
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_non_null(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(d), e->d_name, 0);
	(void)closedir(d);
	return rmdir(dir);
}

/* ---- one program ---- */

struct run {
	bool ok;
	char why[200];
	char *words;
};

static void
run_done(struct run *r)
{
	free(r->words);
}

static struct hook_process *
start(const char *path, const char *input, int64_t timeout_ms)
{
	struct hook_job job = {.path = path,
	    .event = "switched",
	    .input = input,
	    .timeout_ms = timeout_ms,
	    .grace_ms = 50};
	struct hook_process *p = NULL;
	struct err err = {0};

	if (hook_process_start(&job, &p, &err) < 0)
		fail_msg("%s", err.text);
	return p;
}

static void
finish(struct hook_process *p)
{
	int64_t until = clock_monotonic_ms() + DEADLINE_MS;

	while (!hook_process_step(p)) {
		struct pollfd fds[HOOK_PROCESS_FDS];
		int64_t now = clock_monotonic_ms(), left = hook_process_due(p) - now;

		if (now > until)
			fail_msg("the program does not end");
		hook_process_fds(p, fds);
		(void)poll(fds, HOOK_PROCESS_FDS, left > 0 ? (int)left : 0);
	}
}

static struct run
run(const char *path, const char *input, int64_t timeout_ms)
{
	size_t files = open_files();
	struct hook_process *p = start(path, input, timeout_ms);
	struct run r;

	finish(p);
	r.ok = hook_process_result(p, r.why, sizeof r.why);
	r.words = hook_process_words(p);
	hook_process_free(p);
	assert_non_null(r.words);
	assert_int_equal(open_files(), files);
	return r;
}

/* Gone, or dead and not yet waited for by whoever inherited it. */
static bool
is_gone(pid_t pid)
{
	char path[64], text[256] = "";
	FILE *f;
	const char *state;

	(void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return true;
	if (fread(text, 1, sizeof text - 1, f) == 0)
		text[0] = '\0';
	(void)fclose(f);
	state = strrchr(text, ')');
	return !state || state[2] == 'Z' || state[2] == 'X';
}

static void
assert_gone(const char *file)
{
	int64_t until = clock_monotonic_ms() + DEADLINE_MS;
	int pid = atoi(slurp(file));

	assert_true(pid > 1);
	while (!is_gone(pid)) {
		assert_true(clock_monotonic_ms() < until);
		nap();
	}
}

/* Exactly what the header promises, and nothing of ours. The signals are those of a child of the
 * shell: while it waits for one it blocks them for a moment. */
static void
surroundings(void **state)
{
	int leak = dup2(STDERR_FILENO, 77); /* without close-on-exec */
	sigset_t all, before;
	struct run r;
	const char *p;

	(void)state;
	(void)setenv("GALSYNC_SECRET", "x", 1);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = run(script("exec >$d/out\n"
		       "echo \"$# $1\"; pwd; tr '\\0' '\\n' </proc/$$/environ; echo --\n"
		       "echo \" $(ls /proc/$$/fd | tr '\\n' ' ')\"\n"
		       "grep -E 'Sig(Blk|Ign)' /proc/self/status\n"
		       "cut -d' ' -f1,5,6 /proc/$$/stat; cat; echo end"),
	    "{\"a\":1}\n", 60000);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)unsetenv("GALSYNC_SECRET");
	assert_int_equal(close(leak), 0);
	if (!r.ok)
		fail_msg("%s: %s", r.why, r.words);
	p = slurp("out");
	assert_memory_equal(p,
	    "1 switched\n/\n"
	    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
	    "LANG=C.UTF-8\nGALSYNC_EVENT=switched\n--\n",
	    strlen("1 switched\n/\n"
		   "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
		   "LANG=C.UTF-8\nGALSYNC_EVENT=switched\n--\n"));
	p = strstr(p, "--\n") + 2;
	assert_null(strstr(p, " 77 "));
	assert_non_null(strstr(p, "SigBlk:\t0000000000000000\n"));
	/* posix_spawn() leaves its library's own two signals ignored. */
	assert_int_equal(strtoull(strstr(p, "SigIgn:") + 7, NULL, 16) & 0x7fffffff, 0);
	assert_non_null(strstr(p, "\n{\"a\":1}\nend\n"));
	{
		int pid = 0, group = 0, session = 0;

		p = strchr(strstr(p, "SigIgn"), '\n') + 1;
		assert_int_equal(sscanf(p, "%d %d %d", &pid, &group, &session), 3);
		assert_int_equal(pid, group);
		assert_int_equal(pid, session);
	}
	run_done(&r);
}

static void
results(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		const char *why, *words;
	} rows[] = {
	    {"exit 0", true, "exit status 0", ""},
	    {"echo fine; exit 0", true, "exit status 0", "fine"},
	    {"echo one; echo two >&2; exit 3", false, "exit status 3", "one | two"},
	    {"for i in 1 2 3 4 5 6 7; do echo $i; done; exit 1", false, "exit status 1",
		"3 | 4 | 5 | 6 | 7"},
	    {"kill -9 $$", false, "ended by signal 9 (KILL)", ""},
	    {"kill -TERM $$", false, "ended by signal 15 (TERM)", ""},
	    {"printf 'a\\000b\\033[31m\\r\\n'; exit 1", false, "exit status 1", "a?b\033[31m"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct run r = run(script(rows[i].text), "x", 60000);

		assert_int_equal(r.ok, rows[i].ok);
		assert_string_equal(r.why, rows[i].why);
		assert_string_equal(r.words, rows[i].words);
		run_done(&r);
	}
}

/* It ignores SIGTERM, and so does its child: both are killed. */
static void
hangs(void **state)
{
	struct run r = run(script("trap '' TERM; sleep 1000 & echo $! >$d/pid; echo $$ >$d/own\n"
				  "echo here; wait; sleep 1000"),
	    "x", 300);

	(void)state;
	assert_false(r.ok);
	assert_string_equal(r.why, "it did not end within 1 s");
	run_done(&r);
	if (*slurp("pid"))
		assert_gone("pid");
}

/* A stopped program does not even hear SIGTERM, and one that ends well too late is too late. */
static void
stopped(void **state)
{
	struct run r = run(script("trap 'echo tidy >$d/out; exit 0' TERM; kill -STOP $$ & "
				  "while :; do sleep 0.01; done"),
	    "x", 0);

	(void)state;
	assert_false(r.ok);
	run_done(&r);
}

static void
child_holds_output(void **state)
{
	struct run r = run(script("sleep 1000 & echo $! >$d/pid; echo ready"), "x", 60000);

	(void)state;
	assert_true(r.ok);
	assert_string_equal(r.words, "ready");
	run_done(&r);
	assert_gone("pid");
}

static void
much_output(void **state)
{
	struct run r =
	    run(script("head -c 10485760 /dev/zero | tr '\\0' x; echo; echo the end"), "x", 60000);

	(void)state;
	assert_true(r.ok);
	assert_true(strlen(r.words) <= 420);
	assert_non_null(strstr(r.words, "xxx | the end"));
	run_done(&r);
}

static void
input(void **state)
{
	_cleanup_(free) char *big = malloc((1 << 20) + 1);
	static const char *const unread[] = {
	    "exec <&-; sleep 0.05; exit 0", "exit 0", "head -c 10 >/dev/null; exec <&-; exit 0"};
	struct run r;

	(void)state;
	assert_non_null(big);
	memset(big, 'x', 1 << 20);
	big[1 << 20] = '\0';
	r = run(script("wc -c"), big, 60000);
	assert_true(r.ok);
	assert_string_equal(r.words, "1048576");
	run_done(&r);
	for (size_t i = 0; i < ARRAY_SIZE(unread); i++) {
		r = run(script(unread[i]), big, 60000);
		assert_true(r.ok);
		run_done(&r);
	}
}

static void
cannot_start(void **state)
{
	struct hook_job job = {
	    .event = "undone", .input = "", .timeout_ms = 1000, .grace_ms = 1000};
	size_t files = open_files();

	(void)state;
	put("plain", "#!/bin/sh\n", 0600);
	put("text", "echo", 0755);
	put("lost", "#!/no/such/shell\n", 0755);
	for (int i = 0; i < 5; i++) {
		const char *const names[] = {"nothing", "plain", "text", "lost", "."};
		struct hook_process *p = NULL;
		struct err err = {0};

		job.path = path_of(names[i]);
		assert_int_equal(hook_process_start(&job, &p, &err), -1);
		assert_null(p);
		assert_non_null(strstr(err.text, job.path));
	}
	assert_int_equal(open_files(), files);
}

static void
freed_while_running(void **state)
{
	size_t files = open_files();

	(void)state;
	hook_process_free(start(script("trap '' TERM; sleep 1000"), "x", 60000));
	assert_int_equal(open_files(), files);
	hook_process_free(NULL);
}

/* ---- the rule ---- */

static void
pauses(void **state)
{
	static const int64_t want[] = {30, 60, 120, 240, 480, 960, 1920, 3600, 3600};
	struct store_event e = {.attempts = 0};
	int64_t now = 1000;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		hook_rule_failed(&hook_limits_default, &e, now);
		assert_int_equal(e.attempts, i + 1);
		assert_int_equal(e.since, 1000);
		assert_int_equal(e.next - now, want[i]);
		assert_false(e.given_up);
		now = e.next;
	}
	hook_rule_failed(&hook_limits_default, &e, 1000 + 86400);
	assert_true(e.given_up);
	e.attempts = UINT32_MAX - 1;
	hook_rule_failed(&hook_limits_default, &e, 1000);
	assert_int_equal(e.next, 4600);
}

static void
who_is_next(void **state)
{
	static const struct {
		struct store_event e;
		enum hook_todo want;
	} rows[] = {
	    {{.link = 1, .source = {{1}}, .next = 5000}, HOOK_NOW},
	    /* behind it */
	    {{.link = 1, .source = {{1}}}, HOOK_NOTHING},
	    {{.link = 1, .source = {{2}}, .next = 5001}, HOOK_LATER},
	    {{.link = 1, .source = {{2}}}, HOOK_NOTHING},
	    /* another link's */
	    {{.link = 2, .source = {{2}}}, HOOK_NOW},
	    /* what was given up holds nobody back, nor does what is damaged */
	    {{.link = 2, .source = {{3}}, .next = 4999, .given_up = true}, HOOK_NOTHING},
	    {{.link = 2, .source = {{3}}, .damaged = true}, HOOK_FORGET},
	    {{.link = 2, .source = {{3}}}, HOOK_NOW},
	    {{.link = 2, .source = {{4}}, .next = 5000 - 7 * 86400, .given_up = true}, HOOK_FORGET},
	    /* the clock was set back */
	    {{.link = 2, .source = {{5}}, .next = 5000 + 3601}, HOOK_NOW},
	};
	struct hook_walk w = {.limits = &hook_limits_default, .now = 5000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (hook_rule_next(&w, &rows[i].e) != rows[i].want)
			fail_msg("row %zu", i);
}

/* ---- the queue ---- */

static const struct hook_limits at_once = {
    .first_pause_s = 0, .last_pause_s = 0, .give_up_s = 1000, .keep_s = 1000, .grace_ms = 50};
static const struct hook_limits gives_up = {
    .first_pause_s = 0, .last_pause_s = 0, .give_up_s = 0, .keep_s = 1000, .grace_ms = 50};

struct queue {
	void *fixture;
	struct fixture *f;
	struct hook *hook;
	size_t files;
};

static void
queue_open(struct queue *q)
{
	struct store_txn *t;

	*q = (struct queue){.files = open_files()};
	(void)fixture_setup(&q->fixture);
	q->f = q->fixture;
	t = fixture_begin(q->f, STORE_WRITE);
	assert_int_equal(fixture_link(t, "acme-globex"), 1);
	fixture_commit(t);
}

static void
configure(struct queue *q, const char *path, int timeout_s)
{
	char name[] = "acme-globex";
	struct conf_link link = {
	    .name = name, .hook = (char *)(uintptr_t)path, .hook_timeout_s = timeout_s};
	struct conf conf = {.links = &link, .n_links = 1};
	struct err err;

	assert_int_equal(hook_configure(q->hook, &conf, &err), 0);
}

static void
queue_start(struct queue *q, const struct hook_limits *limits, const char *path, int timeout_s)
{
	struct err err;

	assert_int_equal(hook_start(q->f->s, limits, &q->hook, &err), 0);
	configure(q, path, timeout_s);
}

static void
queue_stop(struct queue *q)
{
	hook_stop(TAKE(q->hook));
}

static void
queue_close(struct queue *q)
{
	queue_stop(q);
	(void)fixture_teardown(&q->fixture);
	assert_int_equal(open_files(), q->files);
}

static void
add(struct queue *q, uint8_t who, enum event_kind kind)
{
	char body[64];
	struct store_event e = {.link = 1, .source = fixture_guid(who, 1), .kind = kind, .at = 1};
	struct store_txn *t = fixture_begin(q->f, STORE_WRITE);
	struct err err;

	(void)snprintf(
	    body, sizeof body, "{\"who\":%u,\"event\":\"%s\"}", who, event_kind_name(kind));
	e.body = body;
	assert_int_equal(store_add_event(t, &e, &err), 0);
	fixture_commit(t);
	if (q->hook)
		hook_wake(q->hook);
}

struct left {
	unsigned n, given_up, attempts;
	char error[256];
};

static int
count(struct store_event *e, void *arg)
{
	struct left *l = arg;

	l->n++;
	l->given_up += e->given_up;
	l->attempts += e->attempts;
	if (*e->error)
		(void)snprintf(l->error, sizeof l->error, "%s", e->error);
	return 0;
}

static struct left
left(struct queue *q)
{
	struct store_txn *t = fixture_begin(q->f, STORE_READ);
	struct left l = {0};
	struct err err;

	assert_int_equal(store_each_event(t, 0, count, &l, &err), 0);
	store_abort(t);
	return l;
}

static void
wait_for_left(struct queue *q, unsigned n, unsigned given_up)
{
	int64_t until = clock_monotonic_ms() + DEADLINE_MS;

	for (;;) {
		struct left l = left(q);

		if (l.n == n && l.given_up == given_up)
			return;
		if (clock_monotonic_ms() > until)
			fail_msg("%u events are left, %u given up: %s", l.n, l.given_up, l.error);
		nap();
	}
}

/* Those that were there before the start, and those that come later. */
static void
delivers(void **state)
{
	struct queue q;

	(void)state;
	queue_open(&q);
	add(&q, 1, EVENT_SWITCHED);
	queue_start(&q, &at_once, script("cat >>$d/out"), 60);
	add(&q, 2, EVENT_UNDONE);
	wait_for_left(&q, 0, 0);
	assert_int_equal(lines_of("out"), 2);
	assert_non_null(strstr(slurp("out"),
	    "{\"who\":1,\"event\":\"switched\",\"id\":\"33221101-5544-7766-8801-000000000000-1-1\","
	    "\"attempt\":1}\n"));
	queue_close(&q);
}

/* "undone" waits until "switched" has come through, however often that fails. */
static void
keeps_the_order(void **state)
{
	struct queue q;

	(void)state;
	queue_open(&q);
	add(&q, 1, EVENT_SWITCHED);
	add(&q, 1, EVENT_UNDONE);
	add(&q, 1, EVENT_SWITCHED);
	add(&q, 2, EVENT_SWITCHED);
	queue_start(&q, &at_once,
	    script("read line; case $line in *'\"attempt\":1}'|*'\"attempt\":2}') exit 1;; esac\n"
		   "echo \"$line\" | sed 's/,\"id\":[^,]*//' >>$d/out"),
	    60);
	wait_for_left(&q, 0, 0);
	queue_stop(&q);
	{
		const char *text = slurp("out"), *a, *b, *c;

		a = strstr(text, "{\"who\":1,\"event\":\"switched\",\"attempt\":3}");
		b = strstr(text, "{\"who\":1,\"event\":\"undone\",\"attempt\":3}");
		assert_non_null(a);
		assert_non_null(b);
		c = strstr(b, "{\"who\":1,\"event\":\"switched\",\"attempt\":3}");
		assert_true(a < b);
		assert_non_null(c);
		assert_non_null(strstr(text, "{\"who\":2,\"event\":\"switched\",\"attempt\":3}"));
	}
	queue_close(&q);
}

static void
few_at_once(void **state)
{
	struct queue q;
	const char *text;
	int most = 0;

	(void)state;
	queue_open(&q);
	for (uint8_t i = 1; i <= 12; i++)
		add(&q, i, EVENT_SWITCHED);
	queue_start(&q, &at_once,
	    script("echo $$ >$d/running.$$; ls $d | grep -c '^running' >>$d/counts\n"
		   "echo >>$d/began; while [ ! -e $d/go ]; do sleep 0.01; done\n"
		   "rm $d/running.$$"),
	    60);
	wait_for_lines("began", HOOKS_AT_ONCE);
	put("go", "", 0600);
	wait_for_left(&q, 0, 0);
	text = slurp("counts");
	for (const char *p = text; *p; p = strchr(p, '\n') + 1)
		if (atoi(p) > most)
			most = atoi(p);
	assert_int_equal(most, HOOKS_AT_ONCE);
	queue_close(&q);
}

/* What is given up stays to be seen, with the reason, and what comes after it goes on. */
static void
gives_up_at_last(void **state)
{
	struct queue q;

	(void)state;
	queue_open(&q);
	add(&q, 1, EVENT_SWITCHED);
	add(&q, 1, EVENT_UNDONE);
	queue_start(&q, &gives_up,
	    script("[ $1 = undone ] || { printf 'no server\\033\\377\\n'; exit 7; }"), 60);
	wait_for_left(&q, 1, 1);
	assert_string_equal(left(&q).error, "exit status 7: no server\\x1B\\xFF");
	assert_int_equal(left(&q).attempts, 1);
	queue_close(&q);
}

static void
hook_that_hangs(void **state)
{
	struct queue q;

	(void)state;
	queue_open(&q);
	add(&q, 1, EVENT_SWITCHED);
	add(&q, 2, EVENT_SWITCHED);
	queue_start(&q, &gives_up,
	    script(
		"read l; case $l in *:1,*) trap '' TERM; sleep 1000 & echo $! >$d/pid; wait; sleep "
		"1000;; esac; "
		"echo $l >>$d/out"),
	    1);
	wait_for_left(&q, 1, 1);
	assert_int_equal(lines_of("out"), 1);
	assert_string_equal(left(&q).error, "it did not end within 1 s");
	assert_gone("pid");
	queue_close(&q);
}

static void
cannot_be_started(void **state)
{
	struct queue q;

	(void)state;
	queue_open(&q);
	add(&q, 1, EVENT_SWITCHED);
	queue_start(&q, &gives_up, path_of("nothing"), 60);
	wait_for_left(&q, 1, 1);
	assert_non_null(strstr(left(&q).error, "No such file or directory"));
	queue_close(&q);
}

/* The daemon ends while a hook runs: the hook is ended, and the event is there after the start as
 * if nothing had been. */
static void
stop_and_start(void **state)
{
	struct queue q;

	(void)state;
	queue_open(&q);
	add(&q, 1, EVENT_SWITCHED);
	queue_start(
	    &q, &at_once, script("echo $$ >$d/pid; trap '' TERM; sleep 1000; sleep 1000"), 3600);
	wait_for_lines("pid", 1);
	queue_stop(&q);
	assert_gone("pid");
	assert_int_equal(left(&q).n, 1);
	assert_int_equal(left(&q).attempts, 0);
	queue_start(&q, &at_once, script("cat >>$d/out"), 60);
	wait_for_left(&q, 0, 0);
	assert_non_null(strstr(slurp("out"), "\"attempt\":1}"));
	queue_close(&q);
}

/* Without a hook nothing is lost; a new one is used at once. */
static void
configured_later(void **state)
{
	struct queue q;

	(void)state;
	queue_open(&q);
	add(&q, 1, EVENT_SWITCHED);
	queue_start(&q, &at_once, NULL, 60);
	add(&q, 2, EVENT_SWITCHED);
	assert_int_equal(left(&q).n, 2);
	configure(&q, script("cat >>$d/out"), 60);
	wait_for_left(&q, 0, 0);
	assert_int_equal(lines_of("out"), 2);
	queue_close(&q);
}

static void
damaged_events(void **state)
{
	struct queue q;
	uint8_t key[LINK_GUID_LEN + 8] = {0};
	struct guid g = fixture_guid(1, 1);
	struct store_txn *t;
	struct err err;

	(void)state;
	queue_open(&q);
	add(&q, 1, EVENT_SWITCHED);
	store_link_guid(1, &g, key);
	key[LINK_GUID_LEN + 7] = 1;
	t = fixture_begin(q.f, STORE_WRITE);
	assert_int_equal(store_db_put(t, DB_EVENT, (struct bytes){key, sizeof key},
			     (struct bytes){"nonsense", 8}, &err),
	    0);
	fixture_commit(t);
	add(&q, 1, EVENT_UNDONE);
	queue_start(&q, &at_once, script("cat >>$d/out"), 60);
	wait_for_left(&q, 0, 0);
	assert_int_equal(lines_of("out"), 1);
	queue_close(&q);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	static const struct CMUnitTest tests[] = {TEST(surroundings), TEST(results), TEST(hangs),
	    TEST(stopped), TEST(child_holds_output), TEST(much_output), TEST(input),
	    TEST(cannot_start), TEST(freed_while_running), cmocka_unit_test(pauses),
	    cmocka_unit_test(who_is_next), TEST(delivers), TEST(keeps_the_order), TEST(few_at_once),
	    TEST(gives_up_at_last), TEST(hook_that_hangs), TEST(cannot_be_started),
	    TEST(stop_and_start), TEST(configured_later), TEST(damaged_events)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
