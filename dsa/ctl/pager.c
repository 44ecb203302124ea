/* SPDX-License-Identifier: MIT */
#include "dsa/ctl/pager.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPTIONS "FRSXMK"

static pid_t pager;

/* The command line, or NULL: none is wanted. */
static const char *
command(void)
{
	const char *own = getenv("GALSYNC_PAGER"), *all = getenv("PAGER");
	const char *line = own ? own : all ? all : "less";

	return !*line || strcmp(line, "cat") == 0 ? NULL : line;
}

/* In the child: FD is what is printed. */
static void
run(const char *line, int fd)
{
	(void)signal(SIGPIPE, SIG_DFL);
	/* A pager ends by its own keys. */
	(void)signal(SIGINT, SIG_IGN);
	(void)setenv("LESS", OPTIONS, 0);
	(void)setenv("LESSCHARSET", "utf-8", 0);
	/* Nothing of what others wrote starts a program: less has commands that do. */
	if (geteuid() != getuid())
		(void)setenv("LESSSECURE", "1", 1);
	if (dup2(fd, STDIN_FILENO) >= 0)
		(void)execl("/bin/sh", "sh", "-c", line, (char *)NULL);
	_exit(127);
}

void
pager_begin(void)
{
	const char *line = command();
	int fd[2];

	if (!line || !isatty(STDOUT_FILENO) || pipe(fd) < 0)
		return;
	pager = fork();
	if (pager == 0) {
		(void)close(fd[1]);
		run(line, fd[0]);
	}
	if (pager > 0 && dup2(fd[1], STDOUT_FILENO) < 0)
		pager = 0;
	(void)close(fd[0]);
	(void)close(fd[1]);
}

bool
pager_runs(void)
{
	return pager > 0;
}

void
pager_end(void)
{
	int status;

	if (pager <= 0)
		return;
	(void)fflush(stdout);
	/* That it has all. */
	(void)close(STDOUT_FILENO);
	while (waitpid(pager, &status, 0) < 0 && errno == EINTR)
		;
	pager = 0;
}
