/* SPDX-License-Identifier: MIT */
/* write_map DIRECTORY: a map with one of everything, and on standard output its text. See README.
 */
#include <stdio.h>

#include "tests/support/map_sample.h"

static int
write_map(const char *dir, struct buf *text, struct err *err)
{
	_cleanup_(store_close) struct store *s = NULL;

	if (store_open(dir, STORE_WRITE, 16, &s, err) < 0 || map_sample_fill(s, err) < 0)
		return -1;
	return map_dump(s, text, err);
}

int
main(int argc, char **argv)
{
	_cleanup_(buf_done) struct buf text = {0};
	struct err err = {.text = "usage: write_map DIRECTORY"};

	if (argc != 2 || write_map(argv[1], &text, &err) < 0) {
		(void)fprintf(stderr, "write_map: %s\n", err.text);
		return 1;
	}
	return fwrite(text.data, 1, text.len, stdout) == text.len ? 0 : 1;
}
