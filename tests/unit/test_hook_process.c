/* SPDX-License-Identifier: MIT */

/* How a hook program runs. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>

#include "dsa/daemon/hook_process.h"
#include "tests/support/hook_fixture.h"

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

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	static const struct CMUnitTest tests[] = {TEST(surroundings), TEST(results), TEST(hangs),
	    TEST(stopped), TEST(child_holds_output), TEST(much_output), TEST(input),
	    TEST(cannot_start), TEST(freed_while_running)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
