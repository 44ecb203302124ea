/* SPDX-License-Identifier: MIT */
#include "dsa/world/reading.h"

#include <stdlib.h>

#include "dsa/directory/dn.h"
#include "dsa/directory/guid_set.h"
#include "dsa/directory/schema.h"

struct renewal {
	struct world *w;
	enum side side;
	struct guid_set came;
	size_t n; /* that are asked for */
};

static void
renewal_donep(struct renewal *r)
{
	guid_set_done(&r->came);
}

static int
take(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	struct renewal *r = arg;
	uint32_t index;

	if (guid_is_zero(&own->guid))
		return 0;
	if (guid_set_add(&r->came, &own->guid) < 0)
		return err_nomem(err);
	/* Only one thread reports. */
	if (r->side == SOURCE)
		run_progress(world_run(r->w), RUN_PHASE_READ, r->came.n, r->n);
	return world_find_guid(r->w, r->side, &own->guid, &index, err) < 0
		   ? -1
		   : world_put(r->w, r->side, own, &index, err);
}

/* What was asked for and did not come. */
static int
end_gone(struct renewal *r, const struct guid_list *list, struct err *err)
{
	for (size_t i = 0; i < list->n; i++) {
		uint32_t index;

		if (guid_set_has(&r->came, &list->v[i]))
			continue;
		if (world_find_guid(r->w, r->side, &list->v[i], &index, err) < 0)
			return -1;
		if (index != WORLD_NONE && world_vanish(r->w, r->side, index, err) < 0)
			return -1;
	}
	return 0;
}

static int
renew(struct renewal *r, const struct guid_list *list, struct err *err)
{
	guid_set_done(&r->came);
	r->came = (struct guid_set){.n = 0};
	r->n = list->n;
	if (dir_search_guids(world_run(r->w)->dir[r->side], list, WORLD_FILTER,
		world_attrs(r->w, r->side), take, r, err) < 0)
		return -1;
	return end_gone(r, list, err);
}

/* ---- what refers to them ---- */

static int
compare(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

	return a < b ? -1 : a > b;
}

static const struct world_names *
sorted_names(struct world *w, enum side side)
{
	struct world_names *names = world_former_names(w, side);

	if (names->n)
		qsort(names->v, names->n, sizeof *names->v, compare);
	return names;
}

/* Does A have one of NAMES as a value? */
static int
names_one(const struct attr *a, const struct world_names *names, bool *ret, struct err *err)
{
	for (size_t i = 0; !*ret && i < a->n_values; i++) {
		_cleanup_(free) char *norm =
		    dn_normalize(dn_strip_extended(a->values[i].data), err);
		uint64_t hash = norm ? match_key_hash(MATCH_KEY_DN, bytes_of(norm)) : 0;

		if (!norm && err->src == ERR_SYS)
			return -1;
		*ret = norm && bsearch(&hash, names->v, names->n, sizeof hash, compare);
	}
	return 0;
}

static int
refers(const struct renewal *r, const struct entry *e, const struct world_names *names, bool *ret,
    struct err *err)
{
	struct dir *d = world_run(r->w)->dir[r->side];
	const struct schema *schema = d->ops->schema(d);

	*ret = false;
	for (size_t i = 0; !*ret && i < e->n_attrs; i++)
		if (schema_is_reference(schema, e->attrs[i].name) &&
		    names_one(&e->attrs[i], names, ret, err) < 0)
			return -1;
	return 0;
}

/* What still names one by a name that it has not any more. */
static int
find_referrers(struct renewal *r, struct guid_list *ret, struct err *err)
{
	const struct world_names *names = sorted_names(r->w, r->side);

	for (uint32_t i = 0; names->n && i < world_count(r->w, r->side); i++) {
		_cleanup_(entry_free) struct entry *e = NULL;
		bool yes;

		if (world_get(r->w, r->side, i, &e, err) < 0 || refers(r, e, names, &yes, err) < 0)
			return -1;
		if (yes && guid_list_add(ret, &e->guid, err) < 0)
			return -1;
	}
	return 0;
}

int
world_renew(struct world *w, enum side side, const struct guid_list *list, struct err *err)
{
	_cleanup_(renewal_done) struct renewal r = {.w = w, .side = side};
	struct guid_list referrers = {.n = 0};
	int rc = renew(&r, list, err);

	if (rc == 0)
		rc = find_referrers(&r, &referrers, err);
	if (rc == 0)
		rc = renew(&r, &referrers, err);
	free(referrers.v);
	return rc;
}
