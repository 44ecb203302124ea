/* SPDX-License-Identifier: MIT */
#include "dsa/base/group.h"

#include <errno.h>
#include <grp.h>
#include <sys/socket.h>

#include "dsa/base/mem.h"

/* A group is read with the names of all its members. */
#define FIRST_SIZE ((size_t)1024)
#define LAST_SIZE ((size_t)64 << 20)

bool
group_find(const char *name, gid_t *ret)
{
	struct group g, *found = NULL;
	int rc = ERANGE;

	for (size_t size = FIRST_SIZE; rc == ERANGE && size <= LAST_SIZE; size *= 2) {
		_cleanup_(free) char *memory = malloc(size);

		if (!memory)
			return false;
		rc = getgrnam_r(name, &g, memory, size, &found);
		if (rc == 0 && found)
			*ret = g.gr_gid;
	}
	return rc == 0 && found;
}

bool
group_has_peer(int fd, gid_t own, gid_t gid)
{
	_cleanup_(free) gid_t *gids = NULL;
	socklen_t len = 0;

	if (own == gid)
		return true;
	/* The kernel says how much room it needs. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0 || errno != ERANGE)
		return false;
	gids = malloc(len);
	if (!gids || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids, &len) < 0)
		return false;
	for (size_t i = 0; i < len / sizeof *gids; i++)
		if (gids[i] == gid)
			return true;
	return false;
}
