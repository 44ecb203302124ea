/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target on every file given, or found below a directory given: the main of a target
 * where there is no libFuzzer. Usage: fuzz_x FILE|DIRECTORY... */
#include <fts.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The octets end where the allocation ends, so that a sanitizer sees what reads behind them. */
static int
run_file(const char *path, size_t size)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = malloc(size ? size : 1);
	int rc = f && data && fread(data, 1, size, f) == size ? 0 : -1;

	if (f)
		(void)fclose(f);
	if (rc == 0)
		(void)LLVMFuzzerTestOneInput(data, size);
	else
		perror(path);
	free(data);
	return rc;
}

int
main(int argc, char **argv)
{
	FTS *fts = argc > 1 ? fts_open(argv + 1, FTS_PHYSICAL | FTS_NOCHDIR, NULL) : NULL;
	size_t n = 0;
	int rc = 0;

	if (!fts) {
		(void)fprintf(stderr, "usage: %s FILE|DIRECTORY...\n", argv[0]);
		return 2;
	}
	for (FTSENT *e; (e = fts_read(fts));) {
		switch (e->fts_info) {
		case FTS_F:
			/* Said before the run, so that a crash has a name. */
			(void)printf("%s\n", e->fts_path);
			(void)fflush(stdout);
			rc |= run_file(e->fts_path, (size_t)e->fts_statp->st_size);
			n++;
			break;
		case FTS_ERR:
		case FTS_DNR:
		case FTS_NS:
			(void)fprintf(stderr, "%s: cannot be read\n", e->fts_path);
			rc = -1;
			break;
		default: break;
		}
	}
	(void)fts_close(fts);
	(void)printf("%zu inputs\n", n);
	return rc < 0 || n == 0;
}
