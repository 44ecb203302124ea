/* SPDX-License-Identifier: MIT */
#include "dsa/daemon/inspect.h"

#include <string.h>

#include "dsa/jobs/tracing.h"
#include "dsa/jobs/verify.h"

#define LISTED_MAX 1000		  /* findings */
#define LISTED_OCTETS (600 << 10) /* of their text: a client may let a MiB wait */
#define HOPS_MAX 200

/* ---- verify ---- */

struct verifying {
	const struct conf_link *link;
	json_t *results;
	size_t octets;
	uint64_t unlisted;
};

static void
on_found(const struct audit_finding *f, void *arg)
{
	struct verifying *v = arg;
	const struct conf_link *link = v->link;
	char guid[GUID_TEXT_SIZE] = "";
	size_t octets = strlen(f->dn) + strlen(f->there) + strlen(f->want);

	if (json_array_size(v->results) >= LISTED_MAX || v->octets + octets > LISTED_OCTETS) {
		v->unlisted++;
		return;
	}
	v->octets += octets;
	if (f->source)
		guid_format(f->source, guid);
	(void)json_array_append_new(
	    v->results, json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:s}", "guid", guid, "side",
			    side_name(f->side), "forest",
			    f->side == SOURCE ? link->source->name : link->target->name, "dn",
			    f->dn, "invariant", audit_invariant_name(f->what), "ok", 0, "there",
			    f->there, "should_be", f->want));
}

static json_t *
summary_of(const struct verify_result *r)
{
	json_t *by = json_object();
	json_int_t findings = 0;

	for (size_t i = 0; i < AUDIT_MAX; i++) {
		if (r->by[i])
			(void)json_object_set_new(by, audit_invariant_name((enum audit_invariant)i),
			    json_integer((json_int_t)r->by[i]));
		findings += (json_int_t)r->by[i];
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "checked",
	    (json_int_t)r->checked, "not_written_yet", (json_int_t)r->unwritten, "broken",
	    (json_int_t)r->broken, "findings", findings, "read_source", (json_int_t)r->read[SOURCE],
	    "read_target", (json_int_t)r->read[TARGET], "reply_names", (json_int_t)r->replies.known,
	    "reply_names_missing", (json_int_t)r->replies.missing, "ms", (json_int_t)r->ms,
	    "per_second", (json_int_t)(r->ms ? r->checked * 1000 / r->ms : r->checked),
	    "by_invariant", by);
}

int
inspect_verify(struct run *run, const struct guid *sources, size_t n, json_t **ret, bool *ret_bad,
    struct err *err)
{
	struct verifying v = {.link = run->link, .results = json_array()};
	const struct verify_options opt = {
	    .sources = sources, .n_sources = n, .found = on_found, .arg = &v};
	struct verify_result r;

	run_progress(run, RUN_PHASE_CONNECT, 0, 0);
	if (verify_run(run, &opt, &r, err) < 0) {
		json_decref(v.results);
		return -1;
	}
	*ret_bad = json_array_size(v.results) || v.unlisted;
	*ret = json_pack("{s:o, s:I, s:o}", "results", v.results, "unlisted",
	    (json_int_t)v.unlisted, "summary", summary_of(&r));
	return *ret ? 0 : err_nomem(err);
}

/* ---- trace ---- */

static json_t *
text_or_null(const char *s)
{
	return s ? json_string(s) : json_null();
}

static json_t *
hop_json(const struct trace_env *env, const struct trace_hop *h)
{
	static const char *const actives[] = {
	    [TRACE_NOT_IN_MAP] = NULL, [TRACE_ACTIVE] = "active", [TRACE_PASSIVE] = "passive"};
	char guid[GUID_TEXT_SIZE] = "", text[1024];

	if (!guid_is_zero(&h->guid))
		guid_format(&h->guid, guid);
	trace_hop_text(env, h, text, sizeof text);
	return json_pack("{s:i, s:s, s:s, s:o, s:s?, s:s?, s:s?, s:o, s:s?, s:b, s:s}", "depth",
	    (int)h->depth, "forest", env->forest[h->side].name, "step", trace_step_name(h->step),
	    "address", text_or_null(h->address), "kind", h->dn ? kind_name(h->kind) : NULL, "dn",
	    h->dn, "guid", *guid ? guid : NULL, "to", text_or_null(h->detail), "mailbox",
	    h->step == TRACE_MAILBOX ? actives[h->active] : NULL, "ok", h->step < TRACE_FIRST_BAD,
	    "text", text);
}

static json_t *
trace_json(const struct trace_env *env, enum side from, const struct trace *t)
{
	json_t *hops = json_array(), *count = json_object();

	for (size_t i = 0; i < t->n; i++)
		(void)json_array_append_new(hops, hop_json(env, &t->hops[i]));
	for (size_t i = 0; i < TRACE_STEP_MAX; i++)
		if (t->count[i])
			(void)json_object_set_new(count, trace_step_name((enum trace_step)i),
			    json_integer((json_int_t)t->count[i]));
	return json_pack("{s:s, s:b, s:o, s:I, s:o}", "from", env->forest[from].name, "ok",
	    !trace_is_bad(t), "hops", hops, "unlisted", (json_int_t)t->unlisted, "count", count);
}

int
inspect_trace(const struct run *run, const char *address, unsigned from, json_t **ret,
    bool *ret_bad, struct err *err)
{
	json_t *ways = json_array();
	struct trace_env env;
	int rc = 0;

	tracing_init(&env, run->link, HOPS_MAX);
	*ret_bad = false;
	run_progress(run, RUN_PHASE_CONNECT, 0, 0);
	for (int side = SOURCE; rc == 0 && side < SIDES; side++) {
		_cleanup_(trace_done) struct trace t = {0};

		if (!(from & 1U << side))
			continue;
		rc = tracing_run(run, &env, (enum side)side, address, &t, err);
		if (rc == 0 &&
		    json_array_append_new(ways, trace_json(&env, (enum side)side, &t)) < 0)
			rc = err_nomem(err);
		*ret_bad |= trace_is_bad(&t);
	}
	if (rc < 0) {
		json_decref(ways);
		return -1;
	}
	*ret = json_pack("{s:s, s:o, s:n}", "address", address, "ways", ways, "summary");
	return *ret ? 0 : err_nomem(err);
}
