/* SPDX-License-Identifier: MIT */
#include "dsa/daemon/hook_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"

#define KEPT 4096 /* of the output; twice as much is held at most */
#define WORDS 400
#define LINES 5
#define READS 64	  /* pieces of output taken at one step: others wait too */
#define LAST_LOOK_MS 2000 /* for a killed program to end */

struct hook_process {
	pid_t pid;
	int pidfd, in, out;
	char *input;
	size_t len, written;
	char output[2 * KEPT];
	size_t n_output;
	int64_t timeout_ms, grace_ms, due;
	bool timed_out, ended;
	int signal; /* the last one sent */
	siginfo_t how;
};

/* ---- start ---- */

static const char search_path[] =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

static int
set_attributes(posix_spawnattr_t *a)
{
	sigset_t all, none;
	int rc;

	(void)sigfillset(&all);
	(void)sigemptyset(&none);
	rc = posix_spawnattr_setflags(
	    a, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	if (rc == 0)
		rc = posix_spawnattr_setsigdefault(a, &all);
	return rc ? rc : posix_spawnattr_setsigmask(a, &none);
}

static int
set_actions(posix_spawn_file_actions_t *f, int in, int out)
{
	int rc = posix_spawn_file_actions_adddup2(f, in, STDIN_FILENO);

	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(f, out, STDOUT_FILENO);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(f, out, STDERR_FILENO);
	/* All of ours are close-on-exec; what a library opened need not be. */
	if (rc == 0)
		rc = posix_spawn_file_actions_addclosefrom_np(f, STDERR_FILENO + 1);
	return rc ? rc : posix_spawn_file_actions_addchdir_np(f, "/");
}

static int
spawn(const struct hook_job *job, int in, int out, pid_t *ret)
{
	_cleanup_(free) char *event = str_printf("GALSYNC_EVENT=%s", job->event);
	char *const argv[] = {(char *)(uintptr_t)job->path, (char *)(uintptr_t)job->event, NULL};
	char lang[] = "LANG=C.UTF-8";
	char *const env[] = {(char *)(uintptr_t)search_path, lang, event, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int rc;

	if (!event || posix_spawn_file_actions_init(&actions) != 0)
		return ENOMEM;
	rc = posix_spawnattr_init(&attributes);
	if (rc == 0) {
		rc = set_attributes(&attributes);
		if (rc == 0)
			rc = set_actions(&actions, in, out);
		if (rc == 0)
			rc = posix_spawn(ret, job->path, &actions, &attributes, argv, env);
		(void)posix_spawnattr_destroy(&attributes);
	}
	(void)posix_spawn_file_actions_destroy(&actions);
	return rc;
}

static int
start(struct hook_process *p, const struct hook_job *job, struct err *err)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1}, rc = 0;

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		rc = errno;
	if (rc == 0)
		rc = spawn(job, in[0], out[1], &p->pid);
	closep(&in[0]);
	closep(&out[1]);
	p->in = in[1];
	p->out = out[0];
	if (rc)
		return err_sys(err, rc, "'%s'", job->path);
	/* The process is a zombie at worst: its number is still its own. */
	p->pidfd = pidfd_open(p->pid, 0);
	if (p->pidfd < 0)
		return err_sys(err, errno, "'%s'", job->path);
	if (fcntl(p->in, F_SETFL, O_NONBLOCK) < 0 || fcntl(p->out, F_SETFL, O_NONBLOCK) < 0)
		return err_sys(err, errno, "'%s'", job->path);
	return 0;
}

int
hook_process_start(const struct hook_job *job, struct hook_process **ret, struct err *err)
{
	_cleanup_(hook_process_free) struct hook_process *p = calloc(1, sizeof *p);

	if (!p)
		return err_nomem(err);
	*p = (struct hook_process){.pidfd = -1, .in = -1, .out = -1, .grace_ms = job->grace_ms};
	p->input = strdup(job->input);
	if (!p->input)
		return err_nomem(err);
	p->len = strlen(p->input);
	p->timeout_ms = job->timeout_ms;
	p->due = clock_monotonic_ms() + job->timeout_ms;
	if (start(p, job, err) < 0)
		return -1;
	*ret = TAKE(p);
	return 0;
}

/* ---- input and output ---- */

static void
shut(int *fd)
{
	closep(fd);
	*fd = -1;
}

/* SIGPIPE is ignored or blocked where this runs; a program that does not read its input is free not
 * to. */
static void
feed(struct hook_process *p)
{
	while (p->in >= 0 && p->written < p->len) {
		ssize_t n = write(p->in, p->input + p->written, p->len - p->written);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0 && errno != EINTR)
			break;
		p->written += n > 0 ? (size_t)n : 0;
	}
	shut(&p->in);
}

static void
drain(struct hook_process *p)
{
	for (int i = 0; p->out >= 0 && i < READS; i++) {
		ssize_t n;

		if (p->n_output == sizeof p->output) {
			memmove(p->output, p->output + KEPT, KEPT);
			p->n_output = KEPT;
		}
		n = read(p->out, p->output + p->n_output, sizeof p->output - p->n_output);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0)
			shut(&p->out);
		else
			p->n_output += (size_t)n;
	}
}

/* ---- the end ---- */

/* To the whole group, which the leader of a session cannot leave. Until it is waited for, the
 * number is its own. */
static void
send_signal(struct hook_process *p, int sig)
{
	(void)kill(-p->pid, sig);
	p->signal = sig;
}

static bool
reap(struct hook_process *p)
{
	siginfo_t how = {0};

	if (waitid(P_PID, (id_t)p->pid, &how, WEXITED | WNOHANG | WNOWAIT) < 0) {
		/* Other code has waited for it: another process may have the number by now. */
		p->ended = errno == ECHILD;
		return p->ended;
	}
	if (!how.si_pid)
		return false;
	/* It has exited; the processes it left in its group must not outlive it. */
	(void)kill(-p->pid, SIGKILL);
	drain(p);
	p->ended = waitid(P_PID, (id_t)p->pid, &p->how, WEXITED | WNOHANG) == 0;
	return p->ended;
}

bool
hook_process_step(struct hook_process *p)
{
	int64_t now = clock_monotonic_ms();

	if (p->ended)
		return true;
	feed(p);
	drain(p);
	if (reap(p))
		return true;
	if (now < p->due)
		return false;
	p->timed_out = true;
	send_signal(p, p->signal ? SIGKILL : SIGTERM);
	p->due = now + p->grace_ms;
	return false;
}

void
hook_process_end(struct hook_process *p)
{
	if (p->ended || p->signal)
		return;
	send_signal(p, SIGTERM);
	p->due = clock_monotonic_ms() + p->grace_ms;
}

void
hook_process_fds(const struct hook_process *p, struct pollfd ret[HOOK_PROCESS_FDS])
{
	ret[0] = (struct pollfd){.fd = p->pidfd, .events = POLLIN};
	ret[1] = (struct pollfd){.fd = p->in, .events = POLLOUT};
	ret[2] = (struct pollfd){.fd = p->out, .events = POLLIN};
}

int64_t
hook_process_due(const struct hook_process *p)
{
	return p->due;
}

void
hook_process_free(struct hook_process *p)
{
	struct pollfd end = {.events = POLLIN};

	if (!p)
		return;
	if (p->pid > 0 && !p->ended) {
		send_signal(p, SIGKILL);
		end.fd = p->pidfd;
		(void)poll(&end, p->pidfd >= 0, LAST_LOOK_MS);
		(void)reap(p);
	}
	closep(&p->pidfd);
	closep(&p->in);
	closep(&p->out);
	free(p->input);
	free(p);
}

/* ---- what came of it ---- */

bool
hook_process_result(const struct hook_process *p, char *why, size_t size)
{
	bool exited = p->how.si_code == CLD_EXITED;

	if (p->timed_out)
		(void)snprintf(why, size, "it did not end within %lld s",
		    (long long)(p->timeout_ms + 999) / 1000);
	else if (exited)
		(void)snprintf(why, size, "exit status %d", p->how.si_status);
	else if (!p->how.si_pid)
		(void)snprintf(why, size, "how it ended is not known");
	else
		(void)snprintf(why, size, "ended by signal %d (%s)", p->how.si_status,
		    sigabbrev_np(p->how.si_status) ? sigabbrev_np(p->how.si_status) : "?");
	return !p->timed_out && exited && p->how.si_status == 0;
}

/* Where the last lines begin: at most LINES of them, and WORDS octets. */
static size_t
last_lines(const struct hook_process *p, size_t end)
{
	size_t from = end;

	for (unsigned lines = 0; from > 0 && end - from < WORDS; from--)
		if (p->output[from - 1] == '\n' && ++lines == LINES)
			break;
	return from;
}

char *
hook_process_words(const struct hook_process *p)
{
	_cleanup_(buf_done) struct buf b = {0};
	size_t end = p->n_output;

	while (end > 0 && (p->output[end - 1] == '\n' || p->output[end - 1] == '\0'))
		end--;
	for (size_t i = last_lines(p, end); i < end; i++) {
		char c = p->output[i];

		if (c == '\n')
			buf_add_str(&b, " | ");
		else if (c != '\r')
			buf_add_char(&b, c ? c : '?');
	}
	return buf_take_str(&b);
}
