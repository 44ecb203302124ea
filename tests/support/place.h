/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_SUPPORT_PLACE_H
#define GALSYNC_TESTS_SUPPORT_PLACE_H

/*
 * Where tests put their files: below $TMPDIR, or in memory, or in /tmp if the machine has no
 * /dev/shm. A map commits durably thousands of times in a test; on a disk that would take most of
 * the time.
 */

#include <stddef.h>

const char *place_root(void);
/* Makes a new directory there and gives its path, of at most SIZE octets with the NUL. NAME is the
 * beginning of its name. Fails the test if that cannot be done. */
void place_make(const char *name, char *ret, size_t size);

#endif
