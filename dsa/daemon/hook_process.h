/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_HOOK_PROCESS_H
#define GALSYNC_DAEMON_HOOK_PROCESS_H

/*
 * One running hook program. It gets its path and the event's name as arguments, PATH, LANG and
 * GALSYNC_EVENT as environment, / as working directory, a session (and so a process group) of its
 * own, default signals, no descriptor but the standard three, and the event on its standard input,
 * which is then closed. What it writes is read and its end kept, so that it never blocks on it.
 *
 *   running --time-out, or hook_process_end()--> SIGTERM --grace--> SIGKILL --> ended
 *      |                                                                          ^
 *      +------------------------------- it exits ---------------------------------+
 *
 * Signals go to the whole process group. What is left of the group when the program itself has
 * exited is killed; nothing waits for a process that holds its output open.
 *
 * Nothing here blocks: the caller polls the descriptors and calls hook_process_step().
 */

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsa/base/err.h"

struct hook_process;

struct hook_job {
	const char *path, *event;
	const char *input;
	int64_t timeout_ms, grace_ms; /* until SIGTERM, and from there until SIGKILL */
};

/* Starts it; nothing of JOB is needed afterwards. */
int hook_process_start(
    const struct hook_job *job, struct hook_process **ret, struct err *err) MUST_CHECK;
/* A program that still runs is killed and waited for: after SIGKILL that is at once, but for one in
 * the kernel's hands, which is left behind. */
void hook_process_free(struct hook_process *p);
DEFINE_CLEANUP(struct hook_process *, hook_process_free)

#define HOOK_PROCESS_FDS 3
/* What to poll for, and until when (clock_monotonic_ms()). */
void hook_process_fds(const struct hook_process *p, struct pollfd ret[HOOK_PROCESS_FDS]);
int64_t hook_process_due(const struct hook_process *p);
/* Does what can be done without waiting; true when the program has ended. */
bool hook_process_step(struct hook_process *p);
/* It has to end: SIGTERM now. */
void hook_process_end(struct hook_process *p);

/* Of an ended one: true if it exited with 0; else WHY says how it ended. */
bool hook_process_result(const struct hook_process *p, char *why, size_t size);
/* Its last lines, joined by " | ", as it wrote them: to be escaped. Caller frees; NULL: no memory.
 */
char *hook_process_words(const struct hook_process *p) MUST_CHECK;

#endif
