/* SPDX-License-Identifier: MIT */
/* Any octets as a file of pairs. */
#include "fuzz.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dsa/rules/pairs_csv.h"

/* An object that has ID for everything. */
static void
ask(const struct match_csv *m, struct bytes id)
{
	static const char *const attrs[] = {"sAMAccountName", "mail", "proxyAddresses"};
	_cleanup_(entry_free) struct entry *e = entry_new("CN=Ann");
	struct pair_found found;

	CHECK(e);
	for (size_t i = 0; i < ARRAY_SIZE(attrs); i++)
		CHECK(entry_add(e, attrs[i], id) == 0);
	if (match_csv_find(m, e, &found))
		CHECK(found.claim == pair_claim_of(e, found.id));
}

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
		ask(m, (struct bytes){data, size < 8 ? size : 8});
	}
	match_csv_free(m);
	(void)close(fd);
	return 0;
}
