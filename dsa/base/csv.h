/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BASE_CSV_H
#define GALSYNC_BASE_CSV_H

/*
 * The one dialect of CSV that galsync reads and writes (RFC 4180, and what spreadsheets make of
 * it):
 *
 * - Text in UTF-8. A byte order mark at the beginning is passed over.
 * - Lines end with LF, CRLF or CR, also mixed; the last one may have no end.
 * - Columns are separated by a comma, a semicolon or a tab. The first of these outside quotes that
 *   the file has is its separator; the other two are text from there on. Comments do not count.
 * - Blanks around a column are dropped. A column that begins with a double quote ends with one; in
 *   it the separator is text, and "" is one quote. It ends in its line.
 * - Lines of blanks and tabs alone, and lines whose first character other than a blank is #, are
 *   passed over. They are counted.
 * - Control characters are allowed nowhere in a column.
 * - A spreadsheet takes a cell that begins with = + - @, a tab or the end of a line for a formula,
 *   and runs it. Names and addresses are written by others, so where one begins so (also behind
 *   blanks and apostrophes) an apostrophe is written before it, and taken away again when a column
 *   is read. Other apostrophes stay.
 *
 * What a header is, and which columns mean what, is the caller's.
 */

#include <stdbool.h>

#include "dsa/base/err.h"

/* Limits, in octets and columns. */
#define CSV_FILE_MAX (64U << 20)
#define CSV_LINE_MAX (1U << 20)
#define CSV_COLUMNS_MAX 1024

struct csv_line {
	unsigned number;   /* in the file, from 1 */
	struct bytes raw;  /* the line as it is, without its end: not checked */
	const char *wrong; /* why it cannot be taken, and what is allowed; NULL: it can be */
	/* Only if nothing is wrong: at least one column, and each is UTF-8 without control
	 * characters, perhaps empty. */
	size_t n;
	char *const *columns;
};

/* L is borrowed. 0: go on; 1: stop; -1: error in ERR. */
typedef int csv_fn(const struct csv_line *l, void *arg, struct err *err);

/* Gives FN each line of TEXT but comments and blank ones, wrong ones too. -1 with an error if FN
 * ends with one, or if TEXT, called NAME in messages, is no text: NUL octets (UTF-16 has them). */
int csv_parse(
    const char *name, struct bytes text, csv_fn *fn, void *arg, struct err *err) MUST_CHECK;
/* The same for the file PATH ("-": the standard input). A file of more than CSV_FILE_MAX octets is
 * an error. */
int csv_read(const char *path, csv_fn *fn, void *arg, struct err *err) MUST_CHECK;

/* Appends S as a cell, and END behind it: ',' or '\n'. It is quoted where it must be. */
void csv_add_cell(struct buf *ret, const char *s, char end);
/* Appends S to the list of values CELL, which is one cell. A '|' is between the values; in a value
 * it is written as %7C, and a percent sign as %25, so that no value looks like two. */
void csv_add_value(struct buf *cell, const char *s);

#endif
