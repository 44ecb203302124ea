/* SPDX-License-Identifier: MIT */
#include "dsa/cycle/records.h"
#include "dsa/directory/dn.h"
#include "dsa/rules/identity.h"
#include "dsa/run/active.h"

struct by_dn {
	enum side side;
	uint32_t link;
	const char *dn;
	store_record_fn *fn;
	void *arg;
};

static int
is_by_dn(const struct record *r, void *arg, struct err *err)
{
	const struct by_dn *w = arg;

	if (r->link != w->link || r->state == RECORD_LEFT || !dn_equal(r->side[w->side].dn, w->dn))
		return 0;
	return w->fn(r, w->arg, err);
}

int
cycle_each_by_dn(struct cycle *c, enum side side, const char *dn, store_record_fn *fn, void *arg,
    struct err *err)
{
	struct by_dn w = {side, c->run->link_id, dn_strip_extended(dn), fn, arg};

	return c->run->map ? store_lookup(c->run->map, KEY_DN, w.dn, is_by_dn, &w, err) : 0;
}

struct only_one {
	struct record *found;
	size_t n;
};

static int
take_only(const struct record *r, void *arg, struct err *err)
{
	struct only_one *w = arg;

	return w->n++ == 0 && record_dup(r, &w->found, err) < 0 ? -1 : 0;
}

int
cycle_record_by_dn(
    struct cycle *c, enum side side, const char *dn, struct record **ret, struct err *err)
{
	struct only_one w = {.n = 0};
	int rc = cycle_each_by_dn(c, side, dn, take_only, &w, err);

	*ret = NULL;
	if (rc == 0 && w.n == 1)
		*ret = TAKE(w.found);
	record_free(w.found);
	return rc;
}

struct active_side
cycle_active_side(const struct cycle *c, const struct entry *source, const struct entry *target,
    const struct record *record)
{
	const struct active_conf conf = active_conf_of(c->run->link);
	const struct entry *const side[SIDES] = {source, target};

	return active_side_of(&conf, side, record);
}

int
cycle_find_source(struct cycle *c, const struct record *r, struct entry **ret, struct err *err)
{
	uint32_t index;

	*ret = NULL;
	if (world_find_guid(c->world, SOURCE, &r->side[SOURCE].guid, &index, err) < 0)
		return -1;
	return index == WORLD_NONE ? 0 : world_get(c->world, SOURCE, index, ret, err);
}

struct recorded {
	const struct cycle *c;
	const struct record *r;
	uint32_t index;
	struct entry *entry;
};

static int
take_recorded(struct world_hit *hit, void *arg, struct err *err)
{
	struct recorded *w = arg;

	(void)err;
	if (!identity_is_recorded(w->r, hit->entry, w->c->run->link->target->stamp_attribute))
		return 0;
	w->index = hit->index;
	w->entry = TAKE(hit->entry);
	return 1;
}

int
cycle_find_recorded(struct cycle *c, const struct record *r, uint32_t *ret_index,
    struct entry **ret, struct err *err)
{
	const struct record_side *side = &r->side[TARGET];
	bool known = !guid_is_zero(&side->guid);
	const struct world_query q =
	    world_query_entries(TARGET, known ? MATCH_KEY_GUID : MATCH_KEY_STAMP,
		guid_bytes(known ? &side->guid : &r->side[SOURCE].guid));
	struct recorded w = {.c = c, .r = r, .index = WORLD_NONE};

	/* What carries the stamp is not searched, but it has that name. */
	if (!known && world_find_dn(c->world, TARGET, side->dn, ret_index, err) < 0)
		return -1;
	if (world_find_each(c->world, &q, take_recorded, &w, err) < 0)
		return -1;
	*ret_index = w.index;
	*ret = w.entry;
	return 0;
}
