/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_adopt.h"

#include "dsa/base/json.h"

#define LISTED_MAX 1000
#define LISTED_OCTETS (1 << 19)

static const char *const redirections[] = {[ADOPT_REDIRECT_NONE] = "none",
    [ADOPT_REDIRECT_OURS] = "ours",
    [ADOPT_REDIRECT_TURN] = "turned",
    [ADOPT_REDIRECT_SET] = "set",
    [ADOPT_REDIRECT_AWAY] = "away"};
_Static_assert(ARRAY_SIZE(redirections) == ADOPT_REDIRECT_MAX, "a name for each");

void
view_adopt_init(struct view_adopt *v)
{
	*v = (struct view_adopt){.listed = {json_array(), json_array()}};
}

void
view_adopt_done(struct view_adopt *v)
{
	for (size_t i = 0; i < ARRAY_SIZE(v->listed); i++)
		json_decref(TAKE(v->listed[i]));
}

static bool
is_adopted(enum adopt_verdict v)
{
	return v == ADOPT_PAIR || v == ADOPT_KNOWN;
}

static json_t *
names_of(const struct adopt_finding *f, enum side side)
{
	json_t *a = json_array();

	for (size_t i = 0; f->dn[side][i]; i++)
		json_add_item(&a, json_of_text(f->dn[side][i]));
	return a;
}

static json_t *
view_finding(const struct adopt_finding *f)
{
	bool pair = f->verdict == ADOPT_PAIR;
	char guid[GUID_TEXT_SIZE] = "";
	json_t *o = json_object();

	if (f->source)
		guid_format(f->source, guid);
	json_put_member(&o, "ok", json_boolean(is_adopted(f->verdict)));
	json_put_member(&o, "verdict", json_of_text(adopt_verdict_name(f->verdict)));
	json_put_member(&o, "tool", json_of_text(f->tool));
	json_put_member(&o, "key", json_of_octets(f->key));
	json_put_member(&o, "why", json_of_text(f->why ? f->why : ""));
	json_put_member(&o, "guid", json_of_text(guid));
	json_put_member(&o, "source", names_of(f, SOURCE));
	json_put_member(&o, "target", names_of(f, TARGET));
	json_put_member(&o, "n_source", json_of_count(f->n[SOURCE]));
	json_put_member(&o, "n_target", json_of_count(f->n[TARGET]));
	json_put_member(&o, "active", pair ? json_of_text(side_name(f->active)) : json_null());
	json_put_member(
	    &o, "redirection", pair ? json_of_text(redirections[f->redirection]) : json_null());
	return o;
}

void
view_adopt_found(const struct adopt_finding *f, void *arg)
{
	struct view_adopt *v = arg;
	json_t *o = view_finding(f);
	size_t octets = json_dumpb(o, NULL, 0, JSON_COMPACT), i = is_adopted(f->verdict);

	if (json_array_size(v->listed[i]) >= LISTED_MAX || v->octets[i] + octets > LISTED_OCTETS) {
		v->unlisted++;
		json_decref(o);
		return;
	}
	v->octets[i] += octets;
	json_add_item(&v->listed[i], o);
}

static json_t *
by_verdict(const struct adopt_result *r)
{
	json_t *o = json_object();

	for (size_t i = 0; i < ADOPT_MAX; i++)
		if (r->by[i])
			json_put_member(
			    &o, adopt_verdict_name((enum adopt_verdict)i), json_of_count(r->by[i]));
	return o;
}

static json_t *
by_redirection(const struct adopt_result *r)
{
	json_t *o = json_object();

	for (size_t i = 0; i < ADOPT_REDIRECT_MAX; i++)
		json_put_member(&o, redirections[i], json_of_count(r->redirections[i]));
	return o;
}

static json_t *
view_summary(const struct adopt_result *r)
{
	json_t *o = json_object();

	json_put_member(&o, "pairs", json_of_count(r->by[ADOPT_PAIR]));
	json_put_member(&o, "by_verdict", by_verdict(r));
	json_put_member(&o, "source_active", json_of_count(r->active[SOURCE]));
	json_put_member(&o, "target_active", json_of_count(r->active[TARGET]));
	json_put_member(&o, "loops", json_of_count(r->loops));
	json_put_member(&o, "stamps", json_of_count(r->by[ADOPT_PAIR]));
	json_put_member(&o, "redirections", by_redirection(r));
	json_put_member(&o, "read_source", json_of_count(r->read[SOURCE]));
	json_put_member(&o, "read_target", json_of_count(r->read[TARGET]));
	json_put_member(&o, "keyed_source", json_of_count(r->keyed[SOURCE]));
	json_put_member(&o, "keyed_target", json_of_count(r->keyed[TARGET]));
	json_put_member(&o, "unreadable_source", json_of_count(r->unreadable[SOURCE]));
	json_put_member(&o, "unreadable_target", json_of_count(r->unreadable[TARGET]));
	json_put_member(&o, "ms", json_of_count(r->ms));
	return o;
}

bool
view_adopt_is_partial(const struct adopt_result *r)
{
	uint64_t n = 0;

	for (size_t i = 0; i < ADOPT_MAX; i++)
		n += is_adopted((enum adopt_verdict)i) ? 0 : r->by[i];
	return n > 0;
}

json_t *
view_adopt(struct view_adopt *v, const struct adopt_result *r, bool recorded)
{
	json_t *o = json_object();

	/* What an administrator has to look at stands first. */
	if (!v->listed[0] || !v->listed[1] || json_array_extend(v->listed[0], v->listed[1]) < 0)
		json_decref(TAKE(o));
	json_put_member(&o, "results", TAKE(v->listed[0]));
	json_put_member(&o, "unlisted", json_of_count(v->unlisted));
	json_put_member(&o, "recorded", json_boolean(recorded));
	json_put_member(&o, "summary", view_summary(r));
	return o;
}
