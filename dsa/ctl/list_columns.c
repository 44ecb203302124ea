/* SPDX-License-Identifier: MIT */
#include "dsa/ctl/list_columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uniwidth.h>

#include "dsa/base/clock.h"
#include "dsa/base/csv.h"
#include "dsa/ctl/shown.h"
#include "dsa/rules/client.h"

/* What a cell is made of: a text that is lent, or one in BUF. */
typedef const char *cell_fn(
    const struct view_turned *t, char buf[GUID_TEXT_SIZE + CLOCK_TEXT_SIZE]);

static const char *
link_of(const struct view_turned *t, char *buf)
{
	(void)buf;
	return t->link;
}

static const char *
kind_cell(const struct view_turned *t, char *buf)
{
	(void)buf;
	return kind_name(t->r.kind);
}

static const char *
state_of(const struct view_turned *t, char *buf)
{
	(void)buf;
	return record_state_name(t->r.state);
}

static const char *
active_of(const struct view_turned *t, char *buf)
{
	(void)buf;
	return side_name(t->r.active);
}

static const char *
target_of(const struct view_turned *t, char *buf)
{
	(void)buf;
	return t->r.created ? "created" : "matched";
}

static const char *
rule_of(const struct view_turned *t, char *buf)
{
	(void)buf;
	return t->r.created ? "" : match_method_name(t->r.rule);
}

static const char *
address_of(const struct view_turned *t, char *buf)
{
	(void)buf;
	return t->r.n_addresses ? t->r.addresses[0] : t->r.alias;
}

static const char *
alias_of(const struct view_turned *t, char *buf)
{
	(void)buf;
	return t->r.alias;
}

static const char *
source_of(const struct view_turned *t, char *buf)
{
	(void)buf;
	return t->r.side[SOURCE].dn;
}

/* Of a return contact the original is the target's. */
static const char *
counterpart_of(const struct view_turned *t, char *buf)
{
	(void)buf;
	return t->r.side[t->origin == TARGET ? SOURCE : TARGET].dn;
}

static const char *
guid_of(const struct view_turned *t, char *buf)
{
	guid_format(&t->r.side[SOURCE].guid, buf);
	return buf;
}

static const char *
time_cell(int64_t at, char *buf)
{
	if (!at)
		return "";
	clock_format_local(at, buf);
	return buf;
}

static const char *
created_of(const struct view_turned *t, char *buf)
{
	return time_cell(t->r.created_at, buf);
}

static const char *
written_of(const struct view_turned *t, char *buf)
{
	return time_cell(t->r.synced_at, buf);
}

static const char *
switched_of(const struct view_turned *t, char *buf)
{
	return time_cell(t->r.switched_at, buf);
}

static const char *
error_of(const struct view_turned *t, char *buf)
{
	(void)buf;
	return t->r.last_error;
}

static const struct {
	const char *name, *head;
	int width;     /* at least */
	cell_fn *cell; /* NULL: the client's, which the map has beside the record */
} table[] = {
    {"kind", "KIND", 8, kind_cell},
    {"state", "STATE", 8, state_of},
    {"active", "ACTIVE", 7, active_of},
    {"target", "TARGET", 8, target_of},
    {"address", "ADDRESS", 36, address_of},
    {"counterpart", "COUNTERPART", 40, counterpart_of},
    {"link", "LINK", 12, link_of},
    {"alias", "ALIAS", 20, alias_of},
    {"source", "SOURCE", 40, source_of},
    {"guid", "GUID", 36, guid_of},
    {"rule", "RULE", 12, rule_of},
    {"first-seen", "FIRST SEEN", 25, created_of},
    {"written", "WRITTEN", 25, written_of},
    {"switched", "SWITCHED", 25, switched_of},
    {"client", "CLIENT", 8, NULL},
    {"error", "ERROR", 20, error_of},
};
#define DEFAULTS 6

bool
list_columns_parse(const char *text, struct list_columns *ret, const char **bad, size_t *len)
{
	ret->n = 0;
	for (size_t i = 0; !text && i < DEFAULTS; i++)
		ret->v[ret->n++] = i;
	while (text) {
		size_t i = 0;

		*bad = text;
		*len = strcspn(text, ",");
		while (i < ARRAY_SIZE(table) &&
		       (strncmp(table[i].name, text, *len) != 0 || table[i].name[*len]))
			i++;
		if (i == ARRAY_SIZE(table) || ret->n == LIST_COLUMNS_MAX)
			return false;
		ret->v[ret->n++] = i;
		text = text[*len] ? text + *len + 1 : NULL;
	}
	return true;
}

void
list_columns_known(struct buf *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		buf_printf(ret, " %s", table[i].name);
}

/* ---- cells ---- */

static int
client_of(struct ctl *c, const struct view_turned *t, char **ret, struct err *err)
{
	_cleanup_(client_reports_done) struct client_reports all = {.n = 0};
	struct client_verdict v;

	if (t->origin == SOURCE &&
	    store_get_clients(c->txn, t->r.link, &t->r.side[SOURCE].guid, &all, err) < 0)
		return -1;
	v = client_judge(&all, &t->r);
	*ret = strdup(v.several ? "several"
		      : v.done	? "done"
		      : v.last	? client_result_name(v.last->result)
				: "");
	return *ret ? 0 : err_nomem(err);
}

int
list_columns_cells(struct ctl *c, const struct list_columns *columns, const struct view_turned *t,
    char ***ret, struct err *err)
{
	char **cells = calloc(columns->n + 1, sizeof(char *));

	if (!cells)
		return err_nomem(err);
	for (size_t i = 0; i < columns->n; i++) {
		cell_fn *cell = table[columns->v[i]].cell;
		char buf[GUID_TEXT_SIZE + CLOCK_TEXT_SIZE];
		int rc = cell ? 0 : client_of(c, t, &cells[i], err);

		if (cell && !(cells[i] = strdup(cell(t, buf))))
			rc = err_nomem(err);
		if (rc < 0) {
			list_columns_free(cells, columns->n);
			return -1;
		}
	}
	*ret = cells;
	return 0;
}

void
list_columns_free(char **cells, size_t n)
{
	for (size_t i = 0; cells && i < n; i++)
		free(cells[i]);
	free(cells);
}

/* Local times of one zone sort as text, but for the hour that comes twice; what has none is first.
 */
int
list_columns_compare(size_t column, const char *x, const char *y)
{
	(void)column;
	return strcasecmp(x, y);
}

/* ---- lines ---- */

static void
print_padded(const char *text, int width, bool last)
{
	const char *safe = shown(text);
	int n = u8_strwidth((const uint8_t *)safe, "UTF-8");

	(void)fputs(safe, stdout);
	for (; !last && n < width; n++)
		(void)putchar(' ');
	(void)putchar(last ? '\n' : ' ');
}

void
list_columns_print(const struct list_columns *columns, char *const *cells)
{
	for (size_t i = 0; i < columns->n; i++)
		print_padded(cells[i], table[columns->v[i]].width, i + 1 == columns->n);
}

void
list_columns_head(const struct list_columns *columns)
{
	for (size_t i = 0; i < columns->n; i++)
		print_padded(
		    table[columns->v[i]].head, table[columns->v[i]].width, i + 1 == columns->n);
}

void
list_columns_csv(const struct list_columns *columns, char *const *cells, struct buf *ret)
{
	for (size_t i = 0; i < columns->n; i++)
		csv_add_cell(ret, shown(cells[i]), i + 1 == columns->n ? '\n' : ',');
}

void
list_columns_csv_head(const struct list_columns *columns, struct buf *ret)
{
	for (size_t i = 0; i < columns->n; i++)
		csv_add_cell(ret, table[columns->v[i]].name, i + 1 == columns->n ? '\n' : ',');
}
