/* SPDX-License-Identifier: MIT */
#include "mapping/last_word.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "mapping/damage.h"

#define MAP_NAME "/map.mdb"
#define LIBRARY "/liblmdb"
/* How far behind the map's end a wrong offset in a page may lead. */
#define REACH (1ULL << 18)

static struct sigaction before_bus, before_segv;
static char last_path[512]; /* that was opened */
static _Thread_local volatile bool is_reading;

static void
say(const char *s)
{
	size_t len = strlen(s);

	while (len) {
		ssize_t n = write(STDERR_FILENO, s, len);

		if (n <= 0)
			return;
		s += n;
		len -= (size_t)n;
	}
}

static void
end(const char *path, const char *what)
{
	/* Where standard error is the journal, for an operator. */
	say(getenv("JOURNAL_STREAM") ? "<3>" : "");
	say(program_invocation_short_name);
	say(": map '");
	say(path);
	say("' is damaged: ");
	say(what);
	say(": " DAMAGE_REMEDY "\n");
	_exit(1);
}

static void
on_assertion(MDB_env *env, const char *what)
{
	end(mdb_env_get_userctx(env), what);
}

/* ---- faults: nothing here may allocate or lock ---- */

/* The hexadecimal number at *S, which is moved behind it. */
static uint64_t
number(const char **s)
{
	uint64_t v = 0;

	for (;; (*s)++) {
		char c = **s;

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint64_t)(c - 'a' + 10);
		else
			return v;
	}
}

/* A line of /proc/self/maps, "from-to ...   path": the path if it has NAME in it and AT is in it,
 * or not REACH behind it. */
static const char *
is_in(const char *line, const char *name, uint64_t at, uint64_t reach)
{
	const char *s = line, *path = strchr(line, '/');
	uint64_t from = number(&s), to;

	s += *s == '-';
	to = number(&s);
	return path && strstr(path, name) && at >= from && at < to + reach ? path : NULL;
}

/* The instruction that faulted; 0: unknown on this machine. */
static uint64_t
instruction(const void *context)
{
#if defined(__x86_64__)
	return (uint64_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return ((const ucontext_t *)context)->uc_mcontext.pc;
#else
	(void)context;
	return 0;
#endif
}

/* Reads the next line, of which only LINE's room is kept. False at the end. */
static bool
next_line(int fd, char *line, size_t room)
{
	size_t len = 0;
	char c;

	while (read(fd, &c, 1) == 1) {
		if (c == '\n') {
			line[len] = '\0';
			return true;
		}
		if (len + 1 < room)
			line[len++] = c;
	}
	return false;
}

/* In the map, or by LMDB, which the map misled. */
static void
on_fault(int signal_number, siginfo_t *info, void *context)
{
	uint64_t at = (uint64_t)(uintptr_t)info->si_addr, by = instruction(context);
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	char line[512];

	if (is_reading && signal_number == SIGSEGV)
		end(last_path, "it leads out of itself");
	while (fd >= 0 && next_line(fd, line, sizeof line)) {
		const char *path = is_in(line, MAP_NAME, at, REACH);

		if (path && signal_number == SIGBUS)
			end(path, "a part of it cannot be read: it was cut off, or its disk fails");
		if (path || is_in(line, LIBRARY, by, 0))
			end(path ? path : last_path, "it leads out of itself");
	}
	if (fd >= 0)
		(void)close(fd);
	/* Not the map's: the instruction is repeated, and faults again. */
	(void)sigaction(signal_number, signal_number == SIGBUS ? &before_bus : &before_segv, NULL);
}

/* Unless it is done, in this process or in the one that forked it. */
static void
catch_fault(int signal_number, struct sigaction *before)
{
	struct sigaction a = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, now;

	(void)sigemptyset(&a.sa_mask);
	if (sigaction(signal_number, NULL, &now) < 0 || now.sa_sigaction == on_fault)
		return;
	*before = now;
	(void)sigaction(signal_number, &a, NULL);
}

void
last_word_read(bool reading)
{
	is_reading = reading;
}

void
last_word_arm(MDB_env *env, const char *path)
{
	static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;

	(void)mdb_env_set_userctx(env, (void *)(uintptr_t)path);
	(void)mdb_env_set_assert(env, on_assertion);
	(void)pthread_mutex_lock(&one);
	(void)snprintf(last_path, sizeof last_path, "%s", path);
	catch_fault(SIGBUS, &before_bus);
	catch_fault(SIGSEGV, &before_segv);
	(void)pthread_mutex_unlock(&one);
}
