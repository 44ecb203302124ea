/* SPDX-License-Identifier: MIT */
#include "dsa/base/identity.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROUPS_MAX 1024

static struct {
	bool taken;
	gid_t gid, groups[GROUPS_MAX];
	int n_groups;
} before;

/* The groups of the user UID, or GID alone if nobody knows it. */
static int
set_groups(uid_t uid, gid_t gid)
{
	char memory[4096];
	struct passwd p, *found = NULL;

	if (getpwuid_r(uid, &p, memory, sizeof memory, &found) == 0 && found)
		return initgroups(p.pw_name, p.pw_gid);
	return setgroups(1, &gid);
}

/* Its own group rather than the folder's, where it is known. */
static gid_t
group_of(uid_t uid, gid_t gid)
{
	char memory[4096];
	struct passwd p, *found = NULL;

	return getpwuid_r(uid, &p, memory, sizeof memory, &found) == 0 && found ? p.pw_gid : gid;
}

static int
take(uid_t uid, gid_t gid, bool for_good)
{
	gid_t own = group_of(uid, gid);

	if (set_groups(uid, gid) < 0)
		return -1;
	if (for_good)
		return setresgid(own, own, own) < 0 ? -1 : setresuid(uid, uid, uid);
	if (setegid(own) < 0)
		return -1;
	before.taken = true;
	return seteuid(uid);
}

int
identity_take(const char *dir, bool for_good, struct err *err)
{
	struct stat st;

	if (geteuid() != 0 || stat(dir, &st) < 0 || st.st_uid == 0)
		return 0;
	before.gid = getegid();
	before.n_groups = getgroups(GROUPS_MAX, before.groups);
	if (before.n_groups < 0 || take(st.st_uid, st.st_gid, for_good) < 0)
		return err_sys(err, errno, "'%s' belongs to user %lu: to work in it as that user",
		    dir, (unsigned long)st.st_uid);
	return 0;
}

void
identity_return(void)
{
	if (!before.taken)
		return;
	if (seteuid(0) < 0 || setegid(before.gid) < 0 ||
	    setgroups((size_t)before.n_groups, before.groups) < 0)
		abort();
	before.taken = false;
}
