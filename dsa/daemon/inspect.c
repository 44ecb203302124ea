/* SPDX-License-Identifier: MIT */
#include "dsa/daemon/inspect.h"

#include "dsa/base/clock.h"
#include "dsa/base/json.h"
#include "dsa/jobs/explaining.h"
#include "dsa/jobs/tracing.h"
#include "dsa/view/view_adopt.h"
#include "dsa/view/view_client.h"
#include "dsa/view/view_explain.h"
#include "dsa/view/view_members.h"
#include "dsa/view/view_trace.h"
#include "dsa/view/view_verify.h"

#define HOPS_MAX 200

static void
add_verified(struct verify_result *r, const struct verify_result *more)
{
	r->checked += more->checked;
	r->unwritten += more->unwritten;
	r->left += more->left;
	r->broken += more->broken;
	for (size_t i = 0; i < AUDIT_MAX; i++)
		r->by[i] += more->by[i];
	r->replies.known += more->replies.known;
	r->replies.missing += more->replies.missing;
	r->ms += more->ms;
}

/* The return contacts, if there were any yet. They are no part of a native move, and a request that
 * names objects names those of the forward flow. */
static int
verify_back(const struct run *run, const struct verify_options *opt, struct view_verify *v,
    struct verify_result *r, struct err *err)
{
	struct run back = run_back(run);
	struct verify_result more;
	bool known;

	if (run_is_known(&back, &known, err) < 0)
		return -1;
	if (!known)
		return 0;
	v->link = back.link;
	if (verify_run(&back, opt, &more, err) < 0)
		return -1;
	v->link = run->link;
	add_verified(r, &more);
	return 0;
}

int
inspect_verify(struct run *run, bool moves, const struct guid *sources, size_t n, json_t **ret,
    bool *ret_bad, struct err *err)
{
	_cleanup_(view_verify_done) struct view_verify v;
	const struct verify_options opt = {.sources = sources,
	    .n_sources = n,
	    .found = view_verify_found,
	    .missing = moves ? view_verify_missing : NULL,
	    .arg = &v};
	struct verify_result r;

	view_verify_init(&v, run->link);
	run_progress(run, RUN_PHASE_CONNECT, 0, 0);
	if (verify_run(run, &opt, &r, err) < 0)
		return -1;
	if (run->link->back && !moves && !n && verify_back(run, &opt, &v, &r, err) < 0)
		return -1;
	*ret_bad = v.found > 0;
	*ret = moves ? view_verify_moves(&v, &r) : view_verify(&v, &r);
	return *ret ? 0 : err_nomem(err);
}

int
inspect_adopt(struct run *run, bool plan_only, json_t **ret, bool *ret_bad, struct err *err)
{
	_cleanup_(view_adopt_done) struct view_adopt v;
	const struct adopt_options opt = {
	    .plan_only = plan_only, .found = view_adopt_found, .arg = &v};
	struct adopt_result r;

	view_adopt_init(&v);
	run_progress(run, RUN_PHASE_CONNECT, 0, 0);
	if (adopt_run(run, &opt, &r, err) < 0)
		return -1;
	*ret_bad = view_adopt_is_partial(&r);
	*ret = view_adopt(&v, &r, !plan_only);
	return *ret ? 0 : err_nomem(err);
}

/* What the computers of the user of H's mailbox reported, if it is in the map, goes to HOP. */
static int
add_client(
    struct store_txn *t, uint32_t link, const struct trace_hop *h, json_t *hop, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;
	json_t *client = NULL;

	if (h->step != TRACE_MAILBOX || h->active == TRACE_NOT_IN_MAP)
		return 0;
	if (store_find_guid(t, link, h->side, &h->guid, &r, err) < 0 ||
	    (r && view_client_read(t, r, &client, err) < 0))
		return -1;
	if (client && json_object_set_new(hop, "client", client) < 0)
		return err_nomem(err);
	return 0;
}

static int
add_clients(const struct run *run, const struct trace *t, json_t *way, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *txn = NULL;
	json_t *hops = json_object_get(way, "hops");
	uint32_t link;

	if (store_begin(run->store, STORE_READ, &txn, err) < 0 ||
	    store_link_id(txn, run->link->name, &link, err) < 0)
		return -1;
	for (size_t i = 0; link && i < t->n && i < json_array_size(hops); i++)
		if (add_client(txn, link, &t->hops[i], json_array_get(hops, i), err) < 0)
			return -1;
	return 0;
}

int
inspect_trace(const struct run *run, const char *address, unsigned from, json_t **ret,
    bool *ret_bad, struct err *err)
{
	_cleanup_(json_release) json_t *ways = json_array();
	struct trace_env env;

	tracing_init(&env, run->link, HOPS_MAX);
	*ret_bad = false;
	run_progress(run, RUN_PHASE_CONNECT, 0, 0);
	for (int side = SOURCE; side < SIDES; side++) {
		_cleanup_(trace_done) struct trace t = {0};
		json_t *way;

		if (!(from & 1U << side))
			continue;
		if (tracing_run(run, &env, (enum side)side, address, &t, err) < 0)
			return -1;
		way = view_trace(&env, (enum side)side, &t);
		json_add_item(&ways, way);
		if (ways && add_clients(run, &t, way, err) < 0)
			return -1;
		*ret_bad |= trace_is_bad(&t);
	}
	*ret = view_trace_answer(address, TAKE(ways));
	return *ret ? 0 : err_nomem(err);
}

int
inspect_explain(const struct run *run, const char *who, const char *attribute, json_t **ret,
    bool *ret_bad, struct err *err)
{
	_cleanup_(explaining_done) struct explaining e = {.n_hits = 0};

	run_progress(run, RUN_PHASE_CONNECT, 0, 0);
	if (explaining_run(run, who, &e, err) < 0)
		return -1;
	*ret_bad = e.x.d.in_conflict;
	for (size_t k = 0; k < HELD_KIND_MAX; k++)
		*ret_bad |= e.x.held[k] == EXPLAIN_HELD;
	*ret = view_explain(run->link, who, attribute, &e, err);
	return *ret ? 0 : -1;
}

int
inspect_find(const struct run *run, const char *text, json_t **ret, struct err *err)
{
	_cleanup_(explaining_done) struct explaining e = {.n_hits = 0};
	bool more;
	json_t *o;

	run_progress(run, RUN_PHASE_CONNECT, 0, 0);
	if (explaining_find_called(run, text, &e, &more, err) < 0)
		return -1;
	o = json_object();
	json_put_member(&o, "text", json_of_text(text));
	json_put_member(&o, "at", json_of_time(clock_realtime_s()));
	json_put_member(&o, "hits", view_explain_hits(run->link, &e));
	json_put_member(&o, "more", json_boolean(more));
	json_put_member(&o, "summary", json_null());
	*ret = o;
	return o ? 0 : err_nomem(err);
}

int
inspect_members(const struct run *run, const struct guid *group, uint64_t page, uint64_t size,
    json_t **ret, struct err *err)
{
	_cleanup_(group_members_done) struct group_members m = {.n = 0};
	struct view_members_page p = {.page = page, .size = size};

	run_progress(run, RUN_PHASE_CONNECT, 0, 0);
	if (group_members_run(run, group, &m, err) < 0)
		return -1;
	p.now = clock_realtime_s();
	*ret = view_members(run->link, group, &m, &p);
	return *ret ? 0 : err_nomem(err);
}
