/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "dsa/ctl/ctl.h"
#include "dsa/ctl/pager.h"

#define MUCH (1 << 20)

/* stdout is the text, as long as a transaction is open; REAL is where it goes. */
static FILE *real;
static char *text;
static size_t text_len;

static int
collect(struct err *err)
{
	FILE *f = open_memstream(&text, &text_len);

	if (!f)
		return err_nomem(err);
	real = stdout;
	stdout = f;
	return 0;
}

/* The transaction ends first. */
static int
print(struct ctl *c, struct err *err)
{
	FILE *f = stdout;
	bool failed = ferror(f);

	store_abort(TAKE(c->txn));
	stdout = real;
	failed |= fclose(f) != 0;
	errno = 0;
	if (failed)
		(void)err_nomem(err);
	else if ((fwrite(text, 1, text_len, stdout) != text_len || fflush(stdout) != 0) &&
		 !pager_runs()) {
		(void)err_sys(err, errno ? errno : EIO, "standard output");
		failed = true;
	}
	free(TAKE(text));
	return failed ? -1 : 0;
}

int
ctl_output_begin(struct ctl *c, struct err *err)
{
	if (store_begin(c->store, STORE_READ, &c->txn, err) < 0)
		return -1;
	return collect(err);
}

int
ctl_output_next(struct ctl *c, struct err *err)
{
	if (print(c, err) < 0 || store_begin(c->store, STORE_READ, &c->txn, err) < 0)
		return -1;
	return collect(err);
}

int
ctl_output_end(struct ctl *c, struct err *err)
{
	if (stdout == real || !real)
		return 0;
	return print(c, err);
}

bool
ctl_output_is_much(void)
{
	return fflush(stdout) != 0 || text_len >= MUCH;
}
