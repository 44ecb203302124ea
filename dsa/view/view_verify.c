/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_verify.h"

#include "dsa/base/json.h"

#define LISTED_MAX 1000
#define LISTED_OCTETS (1 << 20)

void
view_verify_done(struct view_verify *v)
{
	json_decref(TAKE(v->results));
}

static json_t *
view_finding(const struct audit_finding *f, const struct conf_link *link)
{
	const struct conf_forest *forest = f->side == SOURCE ? link->source : link->target;
	char guid[GUID_TEXT_SIZE] = "";
	json_t *o = json_object();

	if (f->source)
		guid_format(f->source, guid);
	json_put_member(&o, "guid", json_of_text(guid));
	json_put_member(&o, "side", json_of_text(side_name(f->side)));
	json_put_member(&o, "forest", json_of_text(forest->name));
	json_put_member(&o, "dn", json_of_text(f->dn));
	json_put_member(&o, "invariant", json_of_text(audit_invariant_name(f->what)));
	json_put_member(&o, "ok", json_false());
	json_put_member(&o, "there", json_of_text(f->there));
	json_put_member(&o, "should_be", json_of_text(f->want));
	return o;
}

void
view_verify_init(struct view_verify *v, const struct conf_link *link)
{
	*v = (struct view_verify){.link = link, .results = json_array()};
}

void
view_verify_found(const struct audit_finding *f, void *arg)
{
	struct view_verify *v = arg;
	json_t *o = view_finding(f, v->link);
	/* A control character takes six octets. */
	size_t octets = json_dumpb(o, NULL, 0, JSON_COMPACT);

	v->found++;
	if (json_array_size(v->results) >= LISTED_MAX || v->octets + octets > LISTED_OCTETS) {
		v->unlisted++;
		json_decref(o);
		return;
	}
	v->octets += octets;
	json_add_item(&v->results, o);
}

static json_t *
by_invariant(const struct verify_result *r, uint64_t *ret_sum)
{
	json_t *o = json_object();

	*ret_sum = 0;
	for (size_t i = 0; i < AUDIT_MAX; i++) {
		*ret_sum += r->by[i];
		if (r->by[i])
			json_put_member(&o, audit_invariant_name((enum audit_invariant)i),
			    json_of_count(r->by[i]));
	}
	return o;
}

static json_t *
view_summary(const struct verify_result *r)
{
	uint64_t findings;
	json_t *by = by_invariant(r, &findings), *o = json_object();

	json_put_member(&o, "checked", json_of_count(r->checked));
	json_put_member(&o, "not_written_yet", json_of_count(r->unwritten));
	json_put_member(&o, "broken", json_of_count(r->broken));
	json_put_member(&o, "findings", json_of_count(findings));
	json_put_member(&o, "read_source", json_of_count(r->read[SOURCE]));
	json_put_member(&o, "read_target", json_of_count(r->read[TARGET]));
	json_put_member(&o, "reply_names", json_of_count(r->replies.known));
	json_put_member(&o, "reply_names_missing", json_of_count(r->replies.missing));
	json_put_member(&o, "ms", json_of_count(r->ms));
	json_put_member(
	    &o, "per_second", json_of_count(r->ms ? r->checked * 1000 / r->ms : r->checked));
	json_put_member(&o, "by_invariant", by);
	return o;
}

json_t *
view_verify(struct view_verify *v, const struct verify_result *r)
{
	json_t *o = json_object();

	json_put_member(&o, "results", TAKE(v->results));
	json_put_member(&o, "unlisted", json_of_count(v->unlisted));
	json_put_member(&o, "summary", view_summary(r));
	return o;
}
