/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_PAGE_TABLE_H
#define GALSYNC_PAGE_TABLE_H

/*
 * A list of JSON objects as a table: as HTML, and as CSV with the same columns. A column says which
 * member it shows and how. Names in the list are what others wrote, and text in either form.
 */

#include <jansson.h>
#include <stdint.h>

#include "dsa/base/mem.h"

enum table_cell {
	TABLE_TEXT, /* a word, a name */
	TABLE_LONG, /* a DN, a sentence: broken where there is no room */
	TABLE_NUMBER,
	TABLE_TIME,    /* a text in UTC: with its age */
	TABLE_PERCENT, /* 0 to 100 */
	TABLE_NAME,    /* text that leads to the recipient with the member "guid", unless its
			* member "known" is false */
	TABLE_WAVE,    /* a number that leads to its wave */
	TABLE_STATE,   /* a word that has a colour of its own as well */
	TABLE_LIST     /* texts, or attributes of a change */
};

struct table_column {
	const char *key;  /* a member; "a.b" is the member b of the member a */
	const char *head; /* what people call it */
	enum table_cell cell;
	const char *sort; /* roster_order_name() by which it is sorted, NULL: it is not */
};

struct page_table {
	const char *id; /* of the element */
	const char *caption;
	const struct table_column *columns;
	size_t n;
	int64_t now;	   /* seconds since the epoch, for ages */
	bool links;	   /* there are pages to lead to */
	const char *path;  /* of the page with the table, for its sort links; NULL: none */
	const char *query; /* what is asked for, without its order */
	const char *sort;  /* the order that it is in, "-" before it: descending */
	/* Where it is as CSV: this with its id behind; NULL: nowhere. */
	const char *csv_path;
	/* Not NULL: of all tables only the one with the id is wanted, as CSV. */
	struct buf *csv;
	const char *csv_id;
};

/* Appends LIST; one that is empty is a sentence. */
void table_add(struct buf *b, const struct page_table *t, const json_t *list);
/* The same in pieces: what is before the rows, rows, and what is behind them. */
void table_begin(struct buf *b, const struct page_table *t);
void table_add_rows(struct buf *b, const struct page_table *t, const json_t *list);
void table_end(struct buf *b);
/* The member KEY of O as in a column. Borrowed; NULL: there is none. */
const json_t *table_member(const json_t *o, const char *key);
/* A moment with its age, "2024-05-01 20:00:00 +00:00, 5 min ago"; TEXT is UTC, NULL is never. */
void table_add_time(struct buf *b, const char *text, int64_t now);
/* How long S seconds are, in the largest unit that is there twice: "90 s", "5 min", "30 h". */
#define TABLE_AGE_SIZE 32
void table_age(int64_t s, char ret[TABLE_AGE_SIZE]);

/* The heads, which are the keys, and the cells of O, as lines of CSV (csv.h). */
void table_csv_head(struct buf *b, const struct table_column *columns, size_t n);
void table_csv_row(struct buf *b, const struct table_column *columns, size_t n, const json_t *o);

#endif
