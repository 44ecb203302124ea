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

/* The object DN on SIDE of the correspondence of SOURCE (NULL: of none). */
static json_t *
view_object(const struct conf_link *link, enum side side, const struct guid *source, const char *dn)
{
	const struct conf_forest *forest = side == SOURCE ? link->source : link->target;
	char guid[GUID_TEXT_SIZE] = "";
	json_t *o = json_object();

	if (source)
		guid_format(source, guid);
	json_put_member(&o, "guid", json_of_text(guid));
	json_put_member(&o, "side", json_of_text(side_name(link->forth ? side_other(side) : side)));
	json_put_member(&o, "forest", json_of_text(forest->name));
	json_put_member(&o, "dn", json_of_text(dn));
	return o;
}

static void
put_values(json_t **o, const char *there, const char *want)
{
	json_put_member(o, "ok", json_false());
	json_put_member(o, "there", json_of_text(there));
	json_put_member(o, "should_be", json_of_text(want));
}

void
view_verify_init(struct view_verify *v, const struct conf_link *link)
{
	*v = (struct view_verify){.link = link, .results = json_array()};
}

/* Takes O over. */
static void
collect(struct view_verify *v, json_t *o)
{
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

void
view_verify_found(const struct audit_finding *f, void *arg)
{
	struct view_verify *v = arg;
	json_t *o = view_object(v->link, f->side, f->source, f->dn);

	json_put_member(&o, "invariant", json_of_text(audit_invariant_name(f->what)));
	put_values(&o, f->there, f->want);
	collect(v, o);
}

void
view_verify_missing(const struct move_ready_finding *f, void *arg)
{
	struct view_verify *v = arg;
	json_t *o = view_object(v->link, f->side, f->source, f->dn);

	json_put_member(&o, "attribute", json_of_text(move_ready_name(f->need)));
	put_values(&o, f->there, f->want);
	collect(v, o);
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
by_attribute(const struct verify_result *r, uint64_t *ret_sum)
{
	json_t *o = json_object();

	*ret_sum = 0;
	for (size_t i = 0; i < MOVE_READY_MAX; i++) {
		*ret_sum += r->by_need[i];
		if (r->by_need[i])
			json_put_member(&o, move_ready_name((enum move_ready_need)i),
			    json_of_count(r->by_need[i]));
	}
	return o;
}

static void
put_times(json_t **o, const struct verify_result *r)
{
	json_put_member(o, "ms", json_of_count(r->ms));
	json_put_member(
	    o, "per_second", json_of_count(r->ms ? r->checked * 1000 / r->ms : r->checked));
}

static json_t *
view_summary(const struct verify_result *r)
{
	uint64_t findings;
	json_t *by = by_invariant(r, &findings), *o = json_object();

	json_put_member(&o, "checked", json_of_count(r->checked));
	json_put_member(&o, "not_written_yet", json_of_count(r->unwritten));
	json_put_member(&o, "left", json_of_count(r->left));
	json_put_member(&o, "broken", json_of_count(r->broken));
	json_put_member(&o, "findings", json_of_count(findings));
	json_put_member(&o, "read_source", json_of_count(r->read[SOURCE]));
	json_put_member(&o, "read_target", json_of_count(r->read[TARGET]));
	json_put_member(&o, "reply_names", json_of_count(r->replies.known));
	json_put_member(&o, "reply_names_missing", json_of_count(r->replies.missing));
	put_times(&o, r);
	json_put_member(&o, "by_invariant", by);
	return o;
}

static json_t *
view_moves(const struct verify_result *r)
{
	uint64_t findings;
	json_t *by = by_attribute(r, &findings), *o = json_object();

	json_put_member(&o, "checked", json_of_count(r->checked));
	json_put_member(&o, "not_written_yet", json_of_count(r->unwritten));
	json_put_member(&o, "ready", json_of_count(r->checked - r->broken));
	json_put_member(&o, "not_ready", json_of_count(r->broken));
	json_put_member(&o, "findings", json_of_count(findings));
	json_put_member(&o, "read_source", json_of_count(r->read[SOURCE]));
	json_put_member(&o, "read_target", json_of_count(r->read[TARGET]));
	put_times(&o, r);
	json_put_member(&o, "by_attribute", by);
	return o;
}

/* SUMMARY is taken over. */
static json_t *
answer(struct view_verify *v, json_t *summary)
{
	json_t *o = json_object();

	json_put_member(&o, "results", TAKE(v->results));
	json_put_member(&o, "unlisted", json_of_count(v->unlisted));
	json_put_member(&o, "summary", summary);
	return o;
}

json_t *
view_verify(struct view_verify *v, const struct verify_result *r)
{
	return answer(v, view_summary(r));
}

json_t *
view_verify_moves(struct view_verify *v, const struct verify_result *r)
{
	return answer(v, view_moves(r));
}
