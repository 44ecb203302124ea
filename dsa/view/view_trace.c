/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_trace.h"

#include "dsa/base/json.h"

static json_t *
view_hop(const struct trace_env *env, const struct trace_hop *h)
{
	static const char *const actives[] = {
	    [TRACE_NOT_IN_MAP] = NULL, [TRACE_ACTIVE] = "active", [TRACE_PASSIVE] = "passive"};
	char guid[GUID_TEXT_SIZE], text[1024];
	json_t *o = json_object();

	guid_format(&h->guid, guid);
	trace_hop_text(env, h, text, sizeof text);
	json_put_member(&o, "depth", json_of_count(h->depth));
	json_put_member(&o, "forest", json_of_text(env->forest[h->side].name));
	json_put_member(&o, "step", json_of_text(trace_step_name(h->step)));
	json_put_member(&o, "address", json_of_text(h->address));
	json_put_member(&o, "kind", json_of_text(h->dn ? kind_name(h->kind) : NULL));
	json_put_member(&o, "dn", json_of_text(h->dn));
	json_put_member(&o, "guid", json_of_text(guid_is_zero(&h->guid) ? NULL : guid));
	json_put_member(&o, "to", json_of_text(h->detail));
	json_put_member(
	    &o, "mailbox", json_of_text(h->step == TRACE_MAILBOX ? actives[h->active] : NULL));
	json_put_member(&o, "note", json_of_text(h->note));
	json_put_member(&o, "ok", json_boolean(h->step < TRACE_FIRST_BAD));
	json_put_member(&o, "text", json_of_text(text));
	return o;
}

static json_t *
view_hops(const struct trace_env *env, const struct trace *t)
{
	json_t *a = json_array();

	for (size_t i = 0; i < t->n; i++)
		json_add_item(&a, view_hop(env, &t->hops[i]));
	return a;
}

static json_t *
view_counts(const struct trace *t)
{
	json_t *o = json_object();

	for (size_t i = 0; i < TRACE_STEP_MAX; i++)
		if (t->count[i])
			json_put_member(
			    &o, trace_step_name((enum trace_step)i), json_of_count(t->count[i]));
	return o;
}

json_t *
view_trace(const struct trace_env *env, enum side from, const struct trace *t)
{
	json_t *o = json_object();

	json_put_member(&o, "from", json_of_text(env->forest[from].name));
	json_put_member(&o, "ok", json_boolean(!trace_is_bad(t)));
	json_put_member(&o, "hops", view_hops(env, t));
	json_put_member(&o, "unlisted", json_of_count(t->unlisted));
	json_put_member(&o, "count", view_counts(t));
	return o;
}

json_t *
view_trace_answer(const char *address, json_t *ways)
{
	json_t *o = json_object();

	json_put_member(&o, "address", json_of_text(address));
	json_put_member(&o, "ways", ways);
	json_put_member(&o, "summary", json_null());
	return o;
}
