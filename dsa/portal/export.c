/* SPDX-License-Identifier: MIT */
#include "dsa/portal/export.h"

#include <errno.h>
#include <string.h>

#include "dsa/base/json.h"
#include "dsa/page/page.h"
#include "dsa/page/words.h"

#define PORTION 200 /* records */

struct export
{
	struct source *s;
	struct roster_page page;
	size_t next;	 /* of its records */
	struct buf text; /* of a portion */
	size_t sent;	 /* of it */
};

static int under_way; /* atomic */

int
export_new(struct source *s, const struct portal_request *r, struct export **ret, struct err *err)
{
	struct export *x;

	if (__atomic_add_fetch(&under_way, 1, __ATOMIC_SEQ_CST) > EXPORT_MAX) {
		(void)__atomic_sub_fetch(&under_way, 1, __ATOMIC_SEQ_CST);
		return err_set(err, ERR_SYS, ERR_ENTRY, ERR_LATER, EBUSY, W_BUSY_READING);
	}
	x = calloc(1, sizeof *x);
	if (!x) {
		(void)__atomic_sub_fetch(&under_way, 1, __ATOMIC_SEQ_CST);
		return err_nomem(err);
	}
	x->s = s;
	if (source_choose(s, r, &x->page, err) < 0) {
		export_free(x);
		return -1;
	}
	table_csv_head(&x->text, page_list_columns, page_list_n);
	*ret = x;
	return 0;
}

void
export_free(struct export *x)
{
	if (!x)
		return;
	(void)__atomic_sub_fetch(&under_way, 1, __ATOMIC_SEQ_CST);
	roster_page_done(&x->page);
	buf_done(&x->text);
	free(x);
}

static int
fill(struct export *x)
{
	size_t left = x->page.n - x->next, n = left < PORTION ? left : PORTION;
	_cleanup_(json_release) json_t *rows = NULL;
	struct err err;

	buf_reset(&x->text);
	x->sent = 0;
	if (n == 0)
		return 0;
	if (source_rows(x->s, x->page.ids + x->next, n, &rows, &err) < 0)
		return -1;
	x->next += n;
	for (size_t i = 0; i < json_array_size(rows); i++)
		table_csv_row(&x->text, page_list_columns, page_list_n, json_array_get(rows, i));
	return 0;
}

ssize_t
export_next(struct export *x, char *ret, size_t size)
{
	size_t n;

	/* A portion may be empty: its records are gone. */
	while (x->sent == x->text.len && x->next < x->page.n)
		if (fill(x) < 0)
			return -1;
	if (x->text.failed)
		return -1;
	n = x->text.len - x->sent < size ? x->text.len - x->sent : size;
	if (n)
		memcpy(ret, x->text.data + x->sent, n);
	x->sent += n;
	return (ssize_t)n;
}
