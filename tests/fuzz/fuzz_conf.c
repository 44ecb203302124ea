/* SPDX-License-Identifier: MIT */
/*
 * Any octets as a configuration file. The file is a memfd at a fixed descriptor, so that an input
 * may name itself ("100" relative to its directory, /proc/self/fd) where a key wants a file. What
 * loads must print to a text that loads again and prints the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dsa/config/conf.h"

#define FILE_FD 100
#define FILE_NAME "/proc/self/fd/100"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct conf *
load(const void *data, size_t size)
{
	struct conf_errors errors = {0};
	struct conf *c = NULL;
	int fd = memfd_create("conf", MFD_CLOEXEC);

	if (fd < 0 || dup2(fd, FILE_FD) < 0 || fchmod(FILE_FD, 0600) < 0 ||
	    write(FILE_FD, data, size) != (ssize_t)size)
		abort();
	(void)close(fd);
	if (conf_load(FILE_NAME, &c, &errors) == 0) {
		if (!c || errors.n)
			abort();
	} else if (c || errors.n == 0) {
		abort();
	}
	for (size_t i = 0; i < errors.n; i++)
		if (strchr(errors.lines[i], '\n'))
			abort();
	conf_errors_done(&errors);
	return c;
}

static char *
print(const struct conf *c, size_t *ret_len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, ret_len);

	if (!f)
		abort();
	conf_print(c, f);
	if (fclose(f) != 0)
		abort();
	return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *c = load(data, size), *again;
	size_t len, len_again;
	char *text, *text_again;

	if (!c)
		return 0;
	text = print(c, &len);
	again = load(text, len);
	if (!again)
		abort();
	text_again = print(again, &len_again);
	if (len != len_again || memcmp(text, text_again, len) != 0)
		abort();
	free(text);
	free(text_again);
	conf_free(c);
	conf_free(again);
	return 0;
}
