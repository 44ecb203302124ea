/* SPDX-License-Identifier: MIT */
/* list: the correspondences, a line each: which of them, in which columns, and in which order. As
 * long as they are not sorted they are printed as they are read, in portions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsa/base/json.h"
#include "dsa/base/list.h"
#include "dsa/ctl/list_columns.h"
#include "dsa/ctl/shown.h"
#include "dsa/ctl/walk.h"
#include "dsa/ctl/wave_priv.h"
#include "dsa/directory/dn.h"
#include "mapping/wave.h"

#define USAGE                                                                                      \
	"list [LINK] [--state STATE] [--kind KIND] [--active SIDE] [--ou DN] [--wave ID] "         \
	"[--columns NAME,...] [--sort NAME] [-o table|csv|json] | --held"

enum form { FORM_TABLE, FORM_CSV, FORM_JSON };

/* One that is kept to be sorted. */
struct list_row {
	char **cells, *key;
	json_t *json;
};

struct listing {
	struct ctl *c;
	const char *link, *state, *kind, *active, *ou, *wave, *columns_text, *sort_text;
	bool held;
	enum form form;
	struct list_columns columns, sort; /* SORT: one, or none */
	struct guid *members;		   /* of the wave, in the order of their octets */
	size_t n_members, cap_members;
	uint32_t wave_link;
	struct list_row *rows;
	size_t n_rows, cap_rows;
	json_t *array;
	uint64_t n;
};

static void
listing_donep(struct listing *l)
{
	for (size_t i = 0; i < l->n_rows; i++) {
		list_columns_free(l->rows[i].cells, l->columns.n);
		free(l->rows[i].key);
		json_decref(l->rows[i].json);
	}
	free(l->rows);
	free(l->members);
	json_decref(l->array);
}

/* ---- which ---- */

static int
compare_guids(const void *x, const void *y)
{
	return memcmp(x, y, sizeof(struct guid));
}

static bool
is_member(const struct listing *l, const struct record *r)
{
	return r->link == l->wave_link && bsearch(&r->side[SOURCE].guid, l->members, l->n_members,
					      sizeof *l->members, compare_guids);
}

static bool
is_wanted(const struct listing *l, const struct record *r, const struct view_turned *t)
{
	if ((l->state && strcmp(l->state, record_state_name(r->state)) != 0) ||
	    (l->kind && strcmp(l->kind, kind_name(r->kind)) != 0) ||
	    (l->active && strcmp(l->active, side_name(t->r.active)) != 0) ||
	    (l->wave && !is_member(l, r)))
		return false;
	return !l->ou || dn_is_under(r->side[SOURCE].dn, l->ou) ||
	       dn_is_under(r->side[TARGET].dn, l->ou);
}

static int
take_member(const struct wave_member *m, void *arg, struct err *err)
{
	struct listing *l = arg;

	if (list_grow(l->members, l->n_members, l->cap_members) < 0)
		return err_nomem(err);
	l->members[l->n_members++] = m->source;
	return 0;
}

static enum ctl_status
find_members(struct listing *l)
{
	_cleanup_(wave_done) struct wave w = {.id = 0};
	struct err err;
	bool found;
	uint32_t id;

	if (!l->wave)
		return CTL_DONE;
	if (!wave_parse_id(l->wave, &id))
		return ctl_usage("list: '%.64s' is no number of a wave", l->wave);
	if (wave_get(l->c->txn, id, &w, &found, &err) < 0)
		return ctl_fail(&err);
	if (!found)
		return ctl_usage("list: there is no wave %u", id);
	l->wave_link = w.link;
	if (wave_each_member(l->c->txn, id, take_member, l, &err) < 0)
		return ctl_fail(&err);
	if (l->n_members)
		qsort(l->members, l->n_members, sizeof *l->members, compare_guids);
	return CTL_DONE;
}

/* ---- rows ---- */

static int
print_row(struct listing *l, char *const *cells, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};

	if (l->form == FORM_TABLE) {
		if (l->n++ == 0)
			list_columns_head(&l->columns);
		list_columns_print(&l->columns, cells);
		return 0;
	}
	if (l->n++ == 0)
		list_columns_csv_head(&l->columns, &b);
	list_columns_csv(&l->columns, cells, &b);
	if (b.failed)
		return err_nomem(err);
	(void)fwrite(b.data, 1, b.len, stdout);
	return 0;
}

/* R with what is needed to print it later. */
static int
keep_row(struct listing *l, const struct record *r, const struct view_turned *t, struct err *err)
{
	_cleanup_(free) char **key = NULL;
	json_t *one = NULL;
	struct list_row *row;

	if (list_grow(l->rows, l->n_rows, l->cap_rows) < 0)
		return err_nomem(err);
	row = &l->rows[l->n_rows++];
	*row = (struct list_row){NULL, NULL, NULL};
	if (list_columns_cells(l->c, &l->sort, t, &key, err) < 0)
		return -1;
	row->key = key[0];
	if (l->form != FORM_JSON)
		return list_columns_cells(l->c, &l->columns, t, &row->cells, err);
	one = json_array();
	ctl_add_record(l->c, &one, r);
	row->json = json_incref(json_array_get(one, 0));
	json_decref(one);
	return row->json ? 0 : err_nomem(err);
}

static int
take_record(const struct record *r, void *arg, struct err *err)
{
	struct listing *l = arg;
	struct view_turned t;
	char **cells;
	int rc;

	ctl_turn(l->c, r, &t);
	if (!is_wanted(l, r, &t))
		return 0;
	if (l->sort.n)
		return keep_row(l, r, &t, err);
	if (l->form == FORM_JSON) {
		ctl_add_record(l->c, &l->array, r);
		return 0;
	}
	if (list_columns_cells(l->c, &l->columns, &t, &cells, err) < 0)
		return -1;
	rc = print_row(l, cells, err);
	list_columns_free(cells, l->columns.n);
	return rc;
}

static int
compare_rows(const void *x, const void *y, void *arg)
{
	const struct listing *l = arg;
	const struct list_row *p = x, *q = y;

	return list_columns_compare(l->sort.v[0], p->key, q->key);
}

static int
print_sorted(struct listing *l, struct err *err)
{
	if (l->n_rows)
		qsort_r(l->rows, l->n_rows, sizeof *l->rows, compare_rows, l);
	for (size_t i = 0; i < l->n_rows; i++) {
		if (l->form == FORM_JSON)
			json_add_item(&l->array, json_incref(l->rows[i].json));
		else if (print_row(l, l->rows[i].cells, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- the verb ---- */

/* Where the value of the option ARGV[I] goes, or NULL. */
static const char **
value_of(struct listing *l, int i, char **argv)
{
	if (strcmp(argv[i], "--state") == 0)
		return &l->state;
	if (strcmp(argv[i], "--kind") == 0)
		return &l->kind;
	if (strcmp(argv[i], "--active") == 0)
		return &l->active;
	if (strcmp(argv[i], "--ou") == 0)
		return &l->ou;
	if (strcmp(argv[i], "--wave") == 0)
		return &l->wave;
	if (strcmp(argv[i], "--columns") == 0)
		return &l->columns_text;
	return strcmp(argv[i], "--sort") == 0 ? &l->sort_text : NULL;
}

static enum ctl_status
take_form(struct listing *l, const char *name)
{
	static const char *const names[] = {
	    [FORM_TABLE] = "table", [FORM_CSV] = "csv", [FORM_JSON] = "json"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(name, names[i]) == 0) {
			l->form = (enum form)i;
			return CTL_DONE;
		}
	return ctl_usage("list: -o is table, csv or json, not '%.64s'", name);
}

static enum ctl_status
read_args(struct listing *l, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char **value = i + 1 < argc ? value_of(l, i, argv) : NULL;

		if (value && !*value)
			*value = argv[++i];
		else if (i + 1 < argc && strcmp(argv[i], "-o") == 0) {
			if (take_form(l, argv[++i]) != CTL_DONE)
				return CTL_USAGE;
		} else if (strcmp(argv[i], "--held") == 0)
			l->held = true;
		else if (argv[i][0] == '-' || l->link)
			return ctl_usage("list: '%s' is not understood: " USAGE, argv[i]);
		else
			l->link = argv[i];
	}
	return CTL_DONE;
}

typedef const char *name_fn(unsigned i);

static const char *
state_name(unsigned i)
{
	return i < RECORD_STATE_MAX ? record_state_name((enum record_state)i) : NULL;
}

static const char *
kind_text(unsigned i)
{
	return i < KIND_MAX ? kind_name((enum kind)i) : NULL;
}

static const char *
side_of(unsigned i)
{
	return i < SIDES ? side_name((enum side)i) : NULL;
}

/* TEXT is one of NAMES, or NULL. */
static enum ctl_status
check_name(const char *what, const char *text, name_fn *names, unsigned from)
{
	_cleanup_(buf_done) struct buf known = {0};
	const char *name;

	for (unsigned i = from; text && (name = names(i)); i++) {
		if (strcmp(text, name) == 0)
			return CTL_DONE;
		buf_printf(&known, " %s", name);
	}
	if (!text)
		return CTL_DONE;
	return ctl_usage("list: no %s '%.64s'; there are:%s", what, text,
	    known.failed ? "" : (const char *)known.data);
}

static enum ctl_status
take_columns(const char *what, const char *text, struct list_columns *ret)
{
	_cleanup_(buf_done) struct buf known = {0};
	const char *bad;
	size_t len;

	if (list_columns_parse(text, ret, &bad, &len))
		return CTL_DONE;
	list_columns_known(&known);
	return ctl_usage("list: %s: no column '%.*s'; there are:%s", what,
	    (int)(len < 64 ? len : 64), bad, known.failed ? "" : (const char *)known.data);
}

static enum ctl_status
check_args(struct listing *l)
{
	if (l->c->json && l->form != FORM_JSON)
		return ctl_usage("list: either --json or another -o");
	if (l->held && (l->form == FORM_CSV || l->state || l->kind || l->active || l->ou ||
			   l->wave || l->columns_text || l->sort_text))
		return ctl_usage("list: either --held or what else chooses, orders or shows");
	if (check_name("state", l->state, state_name, 0) != CTL_DONE ||
	    check_name("kind", l->kind, kind_text, KIND_USER) != CTL_DONE ||
	    check_name("side", l->active, side_of, 0) != CTL_DONE ||
	    take_columns("--columns", l->columns_text, &l->columns) != CTL_DONE ||
	    (l->sort_text && take_columns("--sort", l->sort_text, &l->sort) != CTL_DONE))
		return CTL_USAGE;
	return l->sort.n > 1 ? ctl_usage("list: --sort takes one column") : CTL_DONE;
}

enum ctl_status
ctl_verb_list(struct ctl *c, int argc, char **argv)
{
	_cleanup_(listing_done) struct listing l = {
	    .c = c, .form = c->json ? FORM_JSON : FORM_TABLE};
	enum ctl_status status = read_args(&l, argc, argv);
	uint32_t flows[SIDES];
	struct err err;

	if (status == CTL_DONE)
		status = check_args(&l);
	if (status == CTL_DONE)
		status = ctl_flows(c, l.link, flows);
	if (status == CTL_DONE)
		status = find_members(&l);
	if (status != CTL_DONE)
		return status;
	if (l.held)
		return ctl_list_held(c, flows);
	l.array = c->json ? json_array() : NULL;
	if (ctl_walk_records(c, flows, !l.sort.n, take_record, &l, &err) < 0 ||
	    (l.sort.n && print_sorted(&l, &err) < 0))
		return ctl_fail(&err);
	return c->json ? ctl_print_json(TAKE(l.array)) : CTL_DONE;
}
