/* SPDX-License-Identifier: MIT */
#include "dsa/view/roster_query.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/escape.h"
#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/base/text_fold.h"
#include "dsa/directory/dn.h"
#include "mapping/wave.h"

void
roster_query_init(struct roster_query *q)
{
	*q = (struct roster_query){.kind = -1,
	    .state = -1,
	    .side = -1,
	    .origin = -1,
	    .step = -1,
	    .wave = -1,
	    .page = 1,
	    .size = ROSTER_SIZE};
}

/* ---- one pair ---- */

typedef const char *name_fn(int i);

static const char *
state_at(int i)
{
	return record_state_name((enum record_state)i);
}

static const char *
side_at(int i)
{
	return side_name((enum side)i);
}

static const char *
kind_at(int i)
{
	return kind_name((enum kind)i);
}

static const char *
step_at(int i)
{
	return progress_step_name((enum progress_step)i);
}

static const char *
order_at(int i)
{
	return roster_order_name((enum roster_order)i);
}

/* What one of the parameters takes: one of N names. */
static const struct choice {
	const char *name;
	name_fn *at;
	int n;
} choices[] = {
    {"state", state_at, RECORD_STATE_MAX},
    {"side", side_at, SIDES},
    {"origin", side_at, SIDES},
    {"kind", kind_at, KIND_MAX},
    {"step", step_at, PROGRESS_STEP_MAX},
    {"sort", order_at, ROSTER_ORDER_MAX},
};

static const struct choice *
choice_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++)
		if (strcmp(choices[i].name, name) == 0)
			return &choices[i];
	return NULL;
}

const char *
roster_query_choice(const char *name, int i)
{
	const struct choice *c = choice_of(name);

	return c && i < c->n ? c->at(i) : NULL;
}

static bool
refuse_choice(const struct choice *c, const char *value, char *why, size_t size)
{
	int len = snprintf(why, size, "%s: '%.64s' is none of", c->name, value);

	for (int i = 0; i < c->n && len > 0 && (size_t)len < size; i++)
		len += snprintf(why + len, size - (size_t)len, "%s %s", i ? "," : "", c->at(i));
	return false;
}

static bool
take_choice(
    struct roster_query *q, const struct choice *c, const char *value, char *why, size_t size)
{
	bool signed_before = (*value == '-' && strcmp(c->name, "sort") == 0) ||
			     (*value == '!' && strcmp(c->name, "step") == 0);
	const char *word = value + signed_before;
	int i = 0;

	while (i < c->n && strcmp(c->at(i), word) != 0)
		i++;
	if (i == c->n && !(strcmp(c->name, "kind") == 0 && strcmp(word, "all") == 0))
		return refuse_choice(c, value, why, size);
	if (strcmp(c->name, "kind") == 0)
		q->kind = i == c->n ? -1 : i;
	else if (strcmp(c->name, "state") == 0)
		q->state = i;
	else if (strcmp(c->name, "side") == 0)
		q->side = i;
	else if (strcmp(c->name, "origin") == 0)
		q->origin = i;
	else if (strcmp(c->name, "step") == 0) {
		q->step = i;
		q->step_done = signed_before;
	} else {
		q->sort = (enum roster_order)i;
		q->descending = signed_before;
	}
	return true;
}

static bool
take_number(const char *name, const char *value, int64_t from, int64_t to, int64_t *ret, char *why,
    size_t size)
{
	int64_t n;

	if (str_to_i64(value, &n) && n >= from && n <= to) {
		*ret = n;
		return true;
	}
	(void)snprintf(why, size, "%s: '%.64s' is no number from %lld to %lld", name, value,
	    (long long)from, (long long)to);
	return false;
}

static bool
take_text(const char *name, const char *value, char *ret, char *why, size_t size)
{
	if (strlen(value) > ROSTER_VALUE_MAX || str_has_control(value) ||
	    !utf8_valid(bytes_of(value))) {
		(void)snprintf(why, size,
		    "%s: allowed is text of at most %d octets, without control characters", name,
		    ROSTER_VALUE_MAX);
		return false;
	}
	(void)snprintf(ret, ROSTER_VALUE_MAX + 1, "%s", value);
	return true;
}

bool
roster_query_set(
    struct roster_query *q, const char *name, const char *value, char *why, size_t size)
{
	const struct choice *c = choice_of(name);

	if (!*value)
		return true;
	if (c)
		return take_choice(q, c, value, why, size);
	if (strcmp(name, "q") == 0)
		return take_text(name, value, q->q, why, size);
	if (strcmp(name, "link") == 0)
		return take_text(name, value, q->link, why, size);
	if (strcmp(name, "ou") == 0)
		return take_text(name, value, q->ou, why, size);
	if (strcmp(name, "wave") == 0)
		return take_number(name, value, 0, UINT32_MAX, &q->wave, why, size);
	if (strcmp(name, "since") == 0)
		return take_number(name, value, 0, INT64_MAX, &q->since, why, size);
	if (strcmp(name, "page") == 0)
		return take_number(name, value, 1, ROSTER_PAGE_MAX, &q->page, why, size);
	if (strcmp(name, "size") == 0)
		return take_number(name, value, 1, ROSTER_SIZE_MAX, &q->size, why, size);
	(void)snprintf(why, size,
	    "'%.64s' is no parameter: q, link, kind, state, side, origin, step, wave, ou, since, "
	    "sort, page and size are",
	    name);
	return false;
}

/* ---- and back ---- */

static void
add_pair(struct buf *ret, const char *name, const char *sign, const char *value)
{
	buf_printf(ret, "%s%s=%s", ret->len ? "&" : "", name, sign);
	escape_add_url(value, ret);
}

static void
add_choice(struct buf *ret, const char *name, const char *sign, int i)
{
	const struct choice *c = choice_of(name);

	if (c && i >= 0 && i < c->n)
		add_pair(ret, name, sign, c->at(i));
}

static void
add_count(struct buf *ret, const char *name, int64_t n)
{
	char text[32];

	(void)snprintf(text, sizeof text, "%lld", (long long)n);
	add_pair(ret, name, "", text);
}

void
roster_query_add(const struct roster_query *q, struct buf *ret)
{
	if (*q->q)
		add_pair(ret, "q", "", q->q);
	if (*q->link)
		add_pair(ret, "link", "", q->link);
	add_choice(ret, "kind", "", q->kind);
	add_choice(ret, "state", "", q->state);
	add_choice(ret, "side", "", q->side);
	add_choice(ret, "origin", "", q->origin);
	add_choice(ret, "step", q->step_done ? "!" : "", q->step);
	if (q->wave >= 0)
		add_count(ret, "wave", q->wave);
	if (*q->ou)
		add_pair(ret, "ou", "", q->ou);
	if (q->since)
		add_count(ret, "since", q->since);
	if (q->sort != ROSTER_BY_NAME || q->descending)
		add_choice(ret, "sort", q->descending ? "-" : "", (int)q->sort);
	if (q->size != ROSTER_SIZE)
		add_count(ret, "size", q->size);
}

/* ---- the rows ---- */

void
roster_page_done(struct roster_page *p)
{
	free(TAKE(p->ids));
	p->n = 0;
}

struct choosing {
	struct roster *r;
	const struct roster_query *q;
	char *needle; /* folded; NULL: all */
	uint32_t flows[SIDES];
	bool all_links;
	uint64_t exact[8]; /* records that Q names */
	size_t n_exact;
};

static bool
has_step(const struct roster_row *row, const struct roster_query *q)
{
	enum progress steps[PROGRESS_STEP_MAX];

	progress_judge(&row->facts, steps);
	if (q->step_done)
		return steps[q->step] == PROGRESS_DONE;
	return steps[q->step] == PROGRESS_OPEN || steps[q->step] == PROGRESS_BROKEN;
}

static bool
is_named(const struct choosing *c, const struct roster_row *row)
{
	for (size_t i = 0; i < c->n_exact; i++)
		if (c->exact[i] == row->id)
			return true;
	return strstr(row->text, c->needle) != NULL;
}

static bool
is_chosen(const struct choosing *c, const struct roster_row *row)
{
	const struct roster_query *q = c->q;

	if ((q->kind >= 0 && (int)row->kind != q->kind) ||
	    (q->state >= 0 && (int)row->facts.state != q->state) ||
	    (q->side >= 0 && (int)row->active != q->side) ||
	    (q->origin >= 0 && (int)row->origin != q->origin))
		return false;
	if (!c->all_links && row->link != c->flows[SOURCE] && row->link != c->flows[TARGET])
		return false;
	if (q->wave == 0 && row->wave)
		return false;
	if ((q->wave > 0 && !row->picked) || (*q->ou && !row->ou->picked))
		return false;
	if (q->since && row->synced_at < q->since && row->switched_at < q->since)
		return false;
	return (q->step < 0 || has_step(row, q)) && (!c->needle || is_named(c, row));
}

static int
note_exact(const struct record *rec, void *arg, struct err *err)
{
	struct choosing *c = arg;

	(void)err;
	c->exact[c->n_exact++] = rec->id;
	return c->n_exact == ARRAY_SIZE(c->exact);
}

static int
pick_member(const struct wave_member *m, void *arg, struct err *err)
{
	const struct choosing *c = arg;
	struct roster_row *row = roster_find_guid(c->r, c->flows[SOURCE], &m->source);

	(void)err;
	if (row)
		row->picked = true;
	return 0;
}

/* The rows of the wave are marked, whatever became of them. */
static int
pick_wave(struct choosing *c, struct store_txn *t, struct err *err)
{
	_cleanup_(wave_done) struct wave w = {.id = 0};
	struct roster_row *const *rows = roster_rows(c->r);
	uint32_t flow = c->flows[SOURCE];
	bool found;
	int rc;

	for (size_t i = 0; i < roster_count(c->r); i++)
		rows[i]->picked = false;
	if (wave_get(t, (uint32_t)c->q->wave, &w, &found, err) < 0)
		return -1;
	if (!found)
		return 0;
	c->flows[SOURCE] = w.link;
	rc = wave_each_member(t, w.id, pick_member, c, err);
	c->flows[SOURCE] = flow;
	return rc;
}

static void
pick_ous(struct choosing *c)
{
	struct roster_ou *const *ous;
	size_t n = roster_ous(c->r, &ous);
	struct err err;
	_cleanup_(free) char *base = dn_normalize(c->q->ou, &err);

	for (size_t i = 0; i < n; i++)
		ous[i]->picked = base && dn_is_under(ous[i]->dn, base);
}

static int
prepare(struct choosing *c, struct store_txn *t, struct err *err)
{
	c->all_links = !*c->q->link;
	if (!c->all_links && store_flow_ids(t, c->q->link, c->flows, err) < 0)
		return -1;
	/* An unknown link has no rows: no row is of flow 0. */
	if (*c->q->ou)
		pick_ous(c);
	if (c->q->wave > 0 && pick_wave(c, t, err) < 0)
		return -1;
	if (!*c->q->q)
		return 0;
	c->needle = text_fold_key(c->q->q);
	return c->needle ? store_lookup_who(t, c->q->q, note_exact, c, err) : err_nomem(err);
}

/* Rows are looked at in an order that is not theirs in memory: what will be read soon is fetched.
 */
#define AHEAD 12

static void
fetch(const struct roster_row *row)
{
	__builtin_prefetch(row);
	__builtin_prefetch(row->text);
	__builtin_prefetch(row->text + 63);
}

/* Counts the ROWS that are chosen, and lists SIZE of them from number FROM on in RET. What is not
 * on the page is kept nowhere: fresh memory costs more than to look at a row. */
static void
choose(const struct choosing *c, struct roster_row *const *rows, size_t from, size_t size,
    struct roster_page *ret)
{
	size_t n = roster_count(c->r);

	ret->found = ret->n = 0;
	for (size_t i = 0; i < n; i++) {
		const struct roster_row *row = rows[c->q->descending ? n - 1 - i : i];

		if (i + AHEAD < n)
			fetch(rows[c->q->descending ? n - 1 - i - AHEAD : i + AHEAD]);
		if (!is_chosen(c, row))
			continue;
		if (ret->found >= from && ret->n < size)
			ret->ids[ret->n++] = row->id;
		ret->found++;
	}
}

/* Behind the last page is that one. */
static int
choose_page(const struct choosing *c, struct roster_row *const *rows, bool all,
    struct roster_page *ret, struct err *err)
{
	size_t count = roster_count(c->r);
	size_t size = all || c->q->size < 1 ? (count ? count : 1) : (size_t)c->q->size;

	ret->ids = calloc((size < count ? size : count) + 1, sizeof *ret->ids);
	if (!ret->ids)
		return err_nomem(err);
	ret->page = all ? 1 : c->q->page;
	choose(c, rows, (size_t)(ret->page - 1) * size, size, ret);
	ret->pages = ret->found ? (int64_t)((ret->found + size - 1) / size) : 1;
	if (ret->page > ret->pages) {
		ret->page = ret->pages;
		choose(c, rows, (size_t)(ret->page - 1) * size, size, ret);
	}
	return 0;
}

int
roster_query(struct roster *r, struct store_txn *t, const struct roster_query *q, bool all,
    struct roster_page *ret, struct err *err)
{
	struct choosing c = {.r = r, .q = q};
	struct roster_row *const *rows = NULL;
	int rc = prepare(&c, t, err);

	if (rc == 0)
		rc = roster_sorted(r, q->sort, &rows, err);
	if (rc == 0)
		rc = choose_page(&c, rows, all, ret, err);
	free(c.needle);
	return rc;
}
