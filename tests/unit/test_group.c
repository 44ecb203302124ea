/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dsa/base/group.h"

#define MANY 5000
#define FIRST_GID 70000

/* Runs FN in a process of its own: what it changes ends with it. Without root it has no effect. */
static void
apart(bool (*fn)(void))
{
	pid_t pid;
	int status;

	if (geteuid() != 0)
		skip();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn() ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void
found(void **state)
{
	gid_t gid = 1;

	(void)state;
	assert_true(group_find("root", &gid));
	assert_int_equal(gid, 0);
	assert_false(group_find("no-such-group", &gid));
	assert_false(group_find("", &gid));
}

/* A group file of our own, in a mount namespace of our own. */
static bool
find_crowded(void)
{
	char path[] = "/tmp/galsync-group-XXXXXX";
	int fd = mkstemp(path);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	gid_t gid = 0;
	bool ok;

	if (!f || fprintf(f, "few:x:70001:ann\ncrowd:x:70002:") < 0)
		return false;
	for (int i = 0; i < MANY; i++)
		(void)fprintf(f, "%smember%d", i ? "," : "", i);
	(void)fputc('\n', f);
	(void)fclose(f);
	ok = chmod(path, 0644) == 0 && unshare(CLONE_NEWNS) == 0 &&
	     mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	     mount(path, "/etc/group", NULL, MS_BIND, NULL) == 0 && group_find("crowd", &gid) &&
	     gid == 70002;
	(void)umount2("/etc/group", MNT_DETACH);
	(void)unlink(path);
	return ok;
}

static void
crowded(void **state)
{
	(void)state;
	apart(find_crowded);
}

/* This process is in MANY groups, and speaks to itself. */
static bool
see_peer(void)
{
	gid_t gids[MANY];
	int fd[2];

	for (unsigned i = 0; i < MANY; i++)
		gids[i] = FIRST_GID + i;
	return setgroups(MANY, gids) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0 &&
	       group_has_peer(fd[0], getegid(), FIRST_GID + MANY - 1) &&
	       group_has_peer(fd[0], getegid(), getegid()) &&
	       !group_has_peer(fd[0], getegid(), FIRST_GID + MANY);
}

/* And in none. */
static bool
see_lonely_peer(void)
{
	int fd[2];

	return setgroups(0, NULL) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0 &&
	       group_has_peer(fd[0], 7, 7) && !group_has_peer(fd[0], 7, 8);
}

static void
peers(void **state)
{
	(void)state;
	apart(see_peer);
	apart(see_lonely_peer);
	assert_false(group_has_peer(-1, 7, 8));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(found),
	    cmocka_unit_test(crowded),
	    cmocka_unit_test(peers),
	};

	return cmocka_run_group_tests_name("group", tests, NULL, NULL);
}
