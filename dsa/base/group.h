/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BASE_GROUP_H
#define GALSYNC_BASE_GROUP_H

/* Groups of the machine, however many members they have, and however many a user is in. */

#include <stdbool.h>
#include <sys/types.h>

/* False if there is no group NAME, or nobody can say. */
bool group_find(const char *name, gid_t *ret);
/* Is the process at the other end of the connected local socket FD, whose own group is OWN, in
 * group GID? False too if nobody can say. */
bool group_has_peer(int fd, gid_t own, gid_t gid);

#endif
