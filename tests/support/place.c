/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/place.h"

const char *
place_root(void)
{
	const char *tmp = getenv("TMPDIR");

	if (tmp)
		return tmp;
	return access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
}

void
place_make(const char *name, char *ret, size_t size)
{
	int n = snprintf(ret, size, "%s/%s-XXXXXX", place_root(), name);

	if (n < 0 || (size_t)n >= size)
		fail_msg("TMPDIR '%s' is too long", place_root());
	if (!mkdtemp(ret))
		fail_msg("%s: %s", ret, strerror(errno));
}
