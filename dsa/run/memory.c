/* SPDX-License-Identifier: MIT */
#include "dsa/run/memory.h"

static int
recall(void *arg, const char *forest, struct buf *ret, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	return store_begin(arg, STORE_READ, &t, err) < 0 ? -1
							 : store_get_forest(t, forest, ret, err);
}

static int
keep(void *arg, const char *forest, struct bytes v, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(arg, STORE_WRITE, &t, err) < 0 || store_put_forest(t, forest, v, err) < 0)
		return -1;
	return store_commit(TAKE(t), err);
}

static int
keep_nothing(void *arg, const char *forest, struct bytes v, struct err *err)
{
	(void)arg;
	(void)forest;
	(void)v;
	(void)err;
	return 0;
}

struct dir_memory
run_memory(struct store *store, bool read_only)
{
	return (struct dir_memory){recall, read_only ? keep_nothing : keep, store};
}
