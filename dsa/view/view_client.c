/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_client.h"

#include "dsa/base/json.h"

static json_t *
view_report(const struct client_report *x, const struct record *r)
{
	json_t *o = json_object();

	json_put_member(&o, "machine", json_of_text(x->machine));
	json_put_member(&o, "result", json_of_text(client_result_name(x->result)));
	json_put_member(&o, "at", json_of_time(x->at));
	json_put_member(&o, "stated", json_of_time(x->stated));
	json_put_member(&o, "from", json_of_text(client_origin_name(x->origin)));
	json_put_member(&o, "text", json_of_text(x->text));
	json_put_member(&o, "counts", json_boolean(client_counts(x, r)));
	return o;
}

json_t *
view_client(const struct client_reports *all, const struct record *r)
{
	const struct client_verdict v = client_judge(all, r);
	json_t *o, *reports;

	if (!all->n)
		return json_null();
	o = json_object();
	reports = json_array();
	for (size_t i = 0; i < all->n; i++)
		json_add_item(&reports, view_report(&all->v[i], r));
	json_put_member(
	    &o, "result", v.last ? json_of_text(client_result_name(v.last->result)) : json_null());
	json_put_member(&o, "at", json_of_time(v.last ? v.last->at : 0));
	json_put_member(&o, "done", json_boolean(v.done));
	json_put_member(&o, "several", json_boolean(v.several));
	json_put_member(&o, "reports", reports);
	return o;
}

int
view_client_read(struct store_txn *t, const struct record *r, json_t **ret, struct err *err)
{
	_cleanup_(client_reports_done) struct client_reports all = {.n = 0};

	if (store_get_clients(t, r->link, &r->side[SOURCE].guid, &all, err) < 0)
		return -1;
	*ret = view_client(&all, r);
	return 0;
}

struct counting {
	struct store_txn *t;
	struct view_clients n;
	struct guid last; /* that was counted */
};

static int
count_one(uint32_t link, struct client_report *x, void *arg, struct err *err)
{
	_cleanup_(client_reports_done) struct client_reports all = {.n = 0};
	_cleanup_(record_free) struct record *r = NULL;
	struct counting *c = arg;
	struct client_verdict v;

	if (guid_equal(&c->last, &x->source))
		return 0;
	c->last = x->source;
	if (store_find_guid(c->t, link, SOURCE, &x->source, &r, err) < 0 ||
	    store_get_clients(c->t, link, &x->source, &all, err) < 0)
		return -1;
	v = client_judge(&all, r);
	c->n.done += v.done;
	c->n.failed += v.counts && !v.done;
	c->n.several += v.several;
	return 0;
}

int
view_clients_count(struct store_txn *t, uint32_t link, struct view_clients *ret, struct err *err)
{
	struct counting c = {.t = t};

	if (store_each_client(t, link, NULL, count_one, &c, err) < 0)
		return -1;
	*ret = c.n;
	return 0;
}

json_t *
view_clients(const struct view_clients *v)
{
	json_t *o = json_object();

	json_put_member(&o, "done", json_of_count(v->done));
	json_put_member(&o, "failed", json_of_count(v->failed));
	json_put_member(&o, "several", json_of_count(v->several));
	return o;
}
