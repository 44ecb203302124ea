/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CTL_LIST_COLUMNS_H
#define GALSYNC_CTL_LIST_COLUMNS_H

/* The columns of `list`: what a correspondence shows in each, and how they are laid out by the
 * width that characters have on a terminal. */

#include "dsa/ctl/ctl.h"
#include "dsa/view/view_record.h"

#define LIST_COLUMNS_MAX 32

/* Which columns, in their order: indices of the table. */
struct list_columns {
	size_t v[LIST_COLUMNS_MAX], n;
};

/* The columns that TEXT names, with commas between them; NULL: those that are shown unless others
 * are asked for. False: *BAD, of LEN octets, is none. */
bool list_columns_parse(const char *text, struct list_columns *ret, const char **bad, size_t *len);
/* The names of all columns, with a blank before each. */
void list_columns_known(struct buf *ret);
/* The cells of the correspondence T, as the map has it in C's transaction: they are the caller's to
 * free, with the array. Times are local. */
int list_columns_cells(struct ctl *c, const struct list_columns *columns,
    const struct view_turned *t, char ***ret, struct err *err) MUST_CHECK;
void list_columns_free(char **cells, size_t n);

/* What of a cell COLUMN is sorted by is a number or a time: then the smaller, or the earlier,
 * first; else by text without regard to case. */
int list_columns_compare(size_t column, const char *x, const char *y);

/* A line of a table, and its head. */
void list_columns_print(const struct list_columns *columns, char *const *cells);
void list_columns_head(const struct list_columns *columns);
/* The same as CSV. */
void list_columns_csv(const struct list_columns *columns, char *const *cells, struct buf *ret);
void list_columns_csv_head(const struct list_columns *columns, struct buf *ret);

#endif
