/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_problems.h"

#include <string.h>

#include "dsa/base/json.h"
#include "dsa/base/list.h"
#include "dsa/view/view_record.h"
#include "mapping/held.h"

static const char *const names[] = {
    [PROBLEM_CONFLICT] = "conflict",
    [PROBLEM_HELD] = "held",
    [PROBLEM_RETRY] = "retry",
    [PROBLEM_ERROR] = "error",
};
_Static_assert(ARRAY_SIZE(names) == PROBLEM_MAX, "a name for each");

const char *
problem_name(enum problem_sort s)
{
	return names[s];
}

enum problem_sort
problem_of(const char *name)
{
	size_t i = 0;

	while (i < PROBLEM_MAX && strcmp(name, names[i]) != 0)
		i++;
	return (enum problem_sort)i;
}

/* One of them, without its texts: these are read for a page. */
struct problem {
	struct guid original;
	int64_t since;
	uint32_t link;
	uint8_t sort, reason; /* of that sort */
};

struct problems {
	const struct roster *r;
	struct store_txn *t;
	struct problem *v;
	size_t n, cap;
	uint32_t link;
};

static void
problems_donep(struct problems *p)
{
	free(p->v);
}

static int
add(struct problems *p, const struct problem *x, struct err *err)
{
	if (list_grow(p->v, p->n, p->cap) < 0)
		return err_nomem(err);
	p->v[p->n++] = *x;
	return 0;
}

/* ---- what there is ---- */

static int
add_conflict(uint32_t link, const struct conflict *c, void *arg, struct err *err)
{
	return add(arg,
	    &(struct problem){c->source, c->since, link, PROBLEM_CONFLICT, (uint8_t)c->reason},
	    err);
}

static int
add_held(const struct store_held *h, void *arg, struct err *err)
{
	struct problems *p = arg;

	return h->verdict == HELD_WAITS ? add(p,
					      &(struct problem){h->source, h->since, p->link,
						  PROBLEM_HELD, (uint8_t)h->kind},
					      err)
					: 0;
}

static int
add_retry(const struct store_retry *r, void *arg, struct err *err)
{
	struct problems *p = arg;

	return r->attempts
		   ? add(p, &(struct problem){r->source, r->since, p->link, PROBLEM_RETRY, 0}, err)
		   : 0;
}

static int
add_flows(struct problems *p, struct err *err)
{
	for (p->link = 1;; p->link++) {
		_cleanup_(free) char *name = NULL;

		if (store_link_name(p->t, p->link, &name, err) < 0)
			return -1;
		if (!name)
			return 0;
		if (store_each_held(p->t, p->link, add_held, p, err) < 0 ||
		    store_each_retry(p->t, p->link, 0, add_retry, p, err) < 0)
			return -1;
	}
}

static int
add_errors(struct problems *p, const struct roster *r, struct err *err)
{
	struct roster_row *const *rows = roster_rows(r);

	for (size_t i = 0; i < roster_count(r); i++) {
		const struct roster_row *row = rows[i];

		if (row->facts.state == RECORD_ERROR &&
		    add(p,
			&(struct problem){
			    row->original, row->synced_at, row->link, PROBLEM_ERROR, 0},
			err) < 0)
			return -1;
	}
	return 0;
}

static int
by_age(const void *x, const void *y)
{
	const struct problem *p = x, *q = y;

	if (p->since != q->since)
		return p->since < q->since ? -1 : 1;
	return memcmp(p->original.octets, q->original.octets, GUID_LEN);
}

/* ---- by reason ---- */

static const char *
reason_of(const struct problem *x)
{
	switch (x->sort) {
	case PROBLEM_CONFLICT: return conflict_reason_name((enum conflict_reason)x->reason);
	case PROBLEM_HELD: return held_kind_name((enum held_kind)x->reason);
	default: return "write";
	}
}

#define HOUR INT64_C(3600)
#define DAY (24 * HOUR)

/* The counts of one reason; by age: less than an hour, a day, a week, and more. */
struct reason {
	const struct problem *first; /* the oldest */
	uint64_t n, younger[3];
};

static void
count_one(struct reason *r, const struct problem *x, int64_t now)
{
	static const int64_t ages[] = {HOUR, DAY, 7 * DAY};

	if (!r->n++)
		r->first = x;
	for (size_t i = 0; i < ARRAY_SIZE(ages); i++)
		if (now - x->since < ages[i]) {
			r->younger[i]++;
			return;
		}
}

static json_t *
reason_json(const struct reason *r)
{
	json_t *o = json_object();

	json_put_member(&o, "problem", json_of_text(names[r->first->sort]));
	json_put_member(&o, "reason", json_of_text(reason_of(r->first)));
	json_put_member(&o, "count", json_of_count(r->n));
	json_put_member(&o, "hour", json_of_count(r->younger[0]));
	json_put_member(&o, "day", json_of_count(r->younger[1]));
	json_put_member(&o, "week", json_of_count(r->younger[2]));
	json_put_member(
	    &o, "older", json_of_count(r->n - r->younger[0] - r->younger[1] - r->younger[2]));
	json_put_member(&o, "oldest", json_of_time(r->first->since));
	return o;
}

#define REASONS_MAX 32
_Static_assert((int)CONFLICT_REASON_MAX <= REASONS_MAX && (int)HELD_KIND_MAX <= REASONS_MAX,
    "there is room for each reason");

static json_t *
reasons(const struct problems *p, int64_t now)
{
	struct reason all[PROBLEM_MAX][REASONS_MAX] = {{{0}}};
	json_t *list = json_array();

	for (size_t i = 0; i < p->n; i++)
		count_one(&all[p->v[i].sort][p->v[i].reason], &p->v[i], now);
	for (size_t s = 0; s < PROBLEM_MAX; s++)
		for (size_t i = 0; i < REASONS_MAX; i++)
			if (all[s][i].n)
				json_add_item(&list, reason_json(&all[s][i]));
	return list;
}

/* ---- one by one ---- */

static void
put_texts(json_t **o, const char *dn, const char *text, const char *help)
{
	json_put_member(o, "dn", json_of_text(dn));
	json_put_member(o, "text", json_of_text(text));
	json_put_member(o, "help", json_of_text(help));
}

static int
put_conflict(struct store_txn *t, const struct problem *x, json_t **o, struct err *err)
{
	_cleanup_(conflict_done) struct conflict c = {.reason = CONFLICT_AMBIGUOUS};
	bool found;

	if (store_find_conflict(t, x->link, &x->original, &c, &found, err) < 0)
		return -1;
	put_texts(o, found ? c.source_dn : "", found ? c.what : "",
	    conflict_reason_help((enum conflict_reason)x->reason));
	return 0;
}

static int
put_retry(struct store_txn *t, const struct problem *x, json_t **o, struct err *err)
{
	struct store_retry r = {.dn = NULL};
	bool found;

	if (store_find_retry(t, x->link, &x->original, &r, &found, err) < 0)
		return -1;
	put_texts(o, found ? r.dn : "", found ? r.why : "", "it is tried again by itself");
	if (found)
		store_retry_done(&r);
	return 0;
}

static int
put_record(struct store_txn *t, const struct problem *x, json_t **o, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;

	if (store_find_guid(t, x->link, SOURCE, &x->original, &r, err) < 0)
		return -1;
	if (x->sort == PROBLEM_ERROR)
		put_texts(o, r ? r->side[SOURCE].dn : "", r ? r->last_error : "", NULL);
	else
		put_texts(o, r ? r->side[SOURCE].dn : "", held_kind_name((enum held_kind)x->reason),
		    "galsyncctl approve or reject decides");
	return 0;
}

static int
add_item(const struct problems *p, const struct problem *x, json_t **list, struct err *err)
{
	struct store_txn *t = p->t;
	_cleanup_(free) char *flow = NULL;
	char guid[GUID_TEXT_SIZE];
	json_t *o = json_object();
	int rc;

	guid_format(&x->original, guid);
	rc = store_link_name(t, x->link, &flow, err);
	view_put_flow(&o, flow ? flow : "?");
	json_put_member(&o, "guid", json_of_text(guid));
	json_put_member(&o, "problem", json_of_text(names[x->sort]));
	json_put_member(&o, "reason", json_of_text(reason_of(x)));
	json_put_member(&o, "since", json_of_time(x->since));
	json_put_member(&o, "known", json_boolean(roster_find_guid(p->r, x->link, &x->original)));
	if (rc == 0)
		rc = x->sort == PROBLEM_CONFLICT ? put_conflict(t, x, &o, err)
		     : x->sort == PROBLEM_RETRY	 ? put_retry(t, x, &o, err)
						 : put_record(t, x, &o, err);
	json_add_item(list, o);
	return rc;
}

/* What is asked for, in place. */
static size_t
choose(struct problems *p, int sort)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		if (sort < 0 || p->v[i].sort == sort)
			p->v[n++] = p->v[i];
	return n;
}

static int
put_page(
    struct problems *p, const struct view_problems_query *q, bool all, json_t **o, struct err *err)
{
	size_t found = choose(p, q->sort), size = all ? found + 1 : (size_t)q->size;
	size_t pages = found ? (found + size - 1) / size : 1;
	size_t page = all || q->page < 1 ? 1 : (size_t)q->page < pages ? (size_t)q->page : pages;
	json_t *items = json_array();

	for (size_t i = (page - 1) * size; items && i < found && i < page * size; i++)
		if (add_item(p, &p->v[i], &items, err) < 0) {
			json_decref(items);
			return -1;
		}
	json_put_member(o, "found", json_of_count(found));
	json_put_member(o, "page", json_of_count(page));
	json_put_member(o, "pages", json_of_count(pages));
	json_put_member(o, "items", items);
	return *o ? 0 : err_nomem(err);
}

int
view_problems(struct roster *r, struct store_txn *t, const struct view_problems_query *q, bool all,
    int64_t now, json_t **ret, struct err *err)
{
	_cleanup_(problems_done) struct problems p = {.r = r, .t = t};
	json_t *o;

	if (store_each_conflict(t, 0, add_conflict, &p, err) < 0 || add_flows(&p, err) < 0 ||
	    add_errors(&p, r, err) < 0)
		return -1;
	if (p.n)
		qsort(p.v, p.n, sizeof *p.v, by_age);
	o = json_object();
	json_put_member(&o, "at", json_of_time(now));
	json_put_member(&o, "reasons", reasons(&p, now));
	if (put_page(&p, q, all, &o, err) < 0) {
		json_decref(o);
		return -1;
	}
	*ret = o;
	return 0;
}
