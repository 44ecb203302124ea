/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_rebuild.h"

#include "dsa/base/json.h"

#define LISTED_MAX 1000
#define LISTED_OCTETS (1 << 20)

void
view_rebuild_done(struct view_rebuild *v)
{
	json_decref(TAKE(v->results));
}

static json_t *
view_finding(const struct rebuild_finding *f)
{
	char guid[GUID_TEXT_SIZE];
	json_t *o = json_object();

	guid_format(f->source, guid);
	json_put_member(&o, "guid", json_of_text(guid));
	json_put_member(&o, "source", json_of_text(f->dn[SOURCE]));
	json_put_member(&o, "target", json_of_text(f->dn[TARGET]));
	json_put_member(&o, "what", json_of_text(rebuild_count_name(f->what)));
	json_put_member(&o, "text", json_of_text(rebuild_count_text(f->what)));
	return o;
}

void
view_rebuild_found(const struct rebuild_finding *f, void *arg)
{
	struct view_rebuild *v = arg;
	json_t *o = view_finding(f);
	size_t octets = json_dumpb(o, NULL, 0, JSON_COMPACT);

	if (json_array_size(v->results) >= LISTED_MAX || v->octets + octets > LISTED_OCTETS) {
		v->unlisted++;
		json_decref(o);
		return;
	}
	if (!v->results && !v->failed)
		v->results = json_array();
	v->octets += octets;
	json_add_item(&v->results, o);
	v->failed |= !v->results;
}

static json_t *
view_kinds(const struct rebuild_report *r)
{
	json_t *o = json_object();

	for (size_t i = 0; i < KIND_MAX; i++)
		if (r->by_kind[i])
			json_put_member(&o, kind_name((enum kind)i), json_of_count(r->by_kind[i]));
	return o;
}

json_t *
view_rebuild(struct view_rebuild *v, const struct rebuild_report *r, bool written)
{
	json_t *o = json_object(), *counts = json_object(), *texts = json_object();

	for (size_t i = 0; i < REBUILD_COUNT_MAX; i++) {
		enum rebuild_count c = (enum rebuild_count)i;

		json_put_member(&counts, rebuild_count_name(c), json_of_count(r->n[i]));
		json_put_member(&texts, rebuild_count_name(c), json_of_text(rebuild_count_text(c)));
	}
	json_put_member(&o, "results", v->results || v->failed ? TAKE(v->results) : json_array());
	json_put_member(&o, "unlisted", json_of_count(v->unlisted));
	json_put_member(&o, "report", counts);
	json_put_member(&o, "texts", texts);
	json_put_member(&o, "by_kind", view_kinds(r));
	json_put_member(&o, "written", json_boolean(written));
	return o;
}
