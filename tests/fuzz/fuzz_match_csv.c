/* SPDX-License-Identifier: MIT */
/* Any octets as a file of pairs. */
#include "fuzz.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dsa/rules/pairs_csv.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("pairs", 0);
	struct match_csv *m = NULL;
	struct err err = {0};
	char path[64];

	CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (match_csv_load(path, &m, &err) < 0) {
		check_refused(&err);
		CHECK(!m);
	} else {
		(void)match_csv_find(m, (struct bytes){data, size < 8 ? size : 8});
	}
	match_csv_free(m);
	(void)close(fd);
	return 0;
}
