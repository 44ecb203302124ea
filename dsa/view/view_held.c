/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_held.h"

#include "dsa/base/json.h"
#include "dsa/view/view_conflict.h"
#include "dsa/view/view_record.h"

static int
count_one(const struct store_held *h, void *arg, struct err *err)
{
	struct view_held *v = arg;

	(void)err;
	v->n[h->kind][h->verdict]++;
	return 0;
}

int
view_held_count(struct store_txn *t, uint32_t link, struct view_held *ret, struct err *err)
{
	struct view_held v = {0};

	if (store_each_held(t, link, count_one, &v, err) < 0)
		return -1;
	*ret = v;
	return 0;
}

static json_t *
view_held(const struct store_held *h)
{
	json_t *o = json_object();

	json_put_member(&o, "limit", json_of_text(held_kind_name(h->kind)));
	json_put_member(&o, "verdict", json_of_text(held_verdict_name(h->verdict)));
	json_put_member(&o, "since", json_of_time(h->since));
	return o;
}

json_t *
view_held_record(const struct store_held *h, const struct record *r, const char *link)
{
	json_t *o = view_record(r, link);

	json_put_member(&o, "held", view_held(h));
	return o;
}

json_t *
view_held_match(const struct store_held *h, const struct conflict *c, const char *link)
{
	json_t *o = view_conflict(c, link, resolution_possible(c->reason, false));

	json_put_member(&o, "held", view_held(h));
	return o;
}

static json_t *
counts_of(const uint64_t n[HELD_REJECTED + 1])
{
	json_t *o = json_object();

	for (int v = HELD_WAITS; v <= HELD_REJECTED; v++)
		json_put_member(&o, held_verdict_name((enum held_verdict)v), json_of_count(n[v]));
	return o;
}

json_t *
view_held_counts(const struct view_held *v)
{
	json_t *o = json_object();

	for (size_t k = HELD_NOTHING + 1; k < HELD_KIND_MAX; k++)
		json_put_member(&o, held_kind_name((enum held_kind)k), counts_of(v->n[k]));
	return o;
}

json_t *
view_held_decided(const size_t n[HELD_KIND_MAX])
{
	json_t *o = json_object();

	for (size_t k = HELD_NOTHING + 1; k < HELD_KIND_MAX; k++)
		json_put_member(&o, held_kind_name((enum held_kind)k), json_of_count(n[k]));
	return o;
}
