/* SPDX-License-Identifier: MIT */
#include "dsa/world/world_priv.h"

#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/base/text_fold.h"
#include "dsa/directory/dn.h"
#include "dsa/rules/group_type.h"
#include "dsa/rules/names.h"
#include "dsa/run/guard.h"
#include "dsa/run/sides.h"

int
world_new(const struct run *run, const struct table *table, struct world **ret, struct err *err)
{
	_cleanup_(world_free) struct world *w = calloc(1, sizeof *w);

	if (!w)
		return err_nomem(err);
	w->run = run;
	w->table = table;
	w->may_read = true;
	for (int side = SOURCE; side < SIDES; side++)
		if (workset_open(run->work_dir, side_name((enum side)side), run->map_size_mb,
			&w->ws[side], err) < 0)
			return -1;
	*ret = TAKE(w);
	return 0;
}

void
world_free(struct world *w)
{
	if (!w)
		return;
	for (int side = SOURCE; side < SIDES; side++) {
		workset_free(w->ws[side]);
		world_demand_done(&w->demand[side]);
		free(w->ages[side]);
		table_attrs_free(w->wide[side]);
		free(w->others[side]);
		free(w->former[side].v);
	}
	world_forget_ous(w);
	guard_free(w->guard);
	free(w->ous);
	free(w->asked_ous);
	free(w);
}

static const char *const *
table_attrs(const struct table *t, enum side side)
{
	return side == SOURCE ? t->source_attrs : t->target_attrs;
}

const char *const *
world_attrs(const struct world *w, enum side side)
{
	return w->wide[side] ? w->wide[side] : table_attrs(w->table, side);
}

const struct run *
world_run(const struct world *w)
{
	return w->run;
}

/* ---- entries ---- */

uint32_t
world_count(const struct world *w, enum side side)
{
	return workset_count(w->ws[side]);
}

int
world_get(struct world *w, enum side side, uint32_t index, struct entry **ret, struct err *err)
{
	if (workset_get(w->ws[side], index, ret, err) < 0)
		return -1;
	for (size_t i = 0; w->others[side] && w->others[side][i]; i++)
		entry_remove(*ret, w->others[side][i]);
	return 0;
}

uint64_t
world_read_count(const struct world *w, enum side side)
{
	return w->n_read[side];
}

struct workset *
world_workset(struct world *w, enum side side)
{
	return w->ws[side];
}

int
world_find_privileged(struct world *w, const struct entry *e, bool *ret, struct err *err)
{
	_cleanup_(free) char *norm = dn_normalize(e->dn, err);

	if (!norm || (!w->guard && guard_read(w->run, TARGET, &w->guard, err) < 0))
		return -1;
	*ret = guard_has(w->guard, norm);
	return 0;
}

/* ---- order ----
 *
 * By age, whatever the order in which the entries came. Every domain controller tells the same age,
 * in seconds; the GUID decides between two.
 */

/* The digits of "20260501200000.0Z" before the point, as one number. */
static uint64_t
created_at(const struct entry *e)
{
	const char *s = entry_get_str(e, "whenCreated");
	uint64_t n = 0;

	for (size_t i = 0; s && i < 14 && s[i] >= '0' && s[i] <= '9'; i++)
		n = n * 10 + (uint64_t)(s[i] - '0');
	return n;
}

static int
note_age(struct world *w, enum side side, uint32_t index, const struct entry *e)
{
	while (index >= w->n_ages[side]) {
		if (list_grow(w->ages[side], w->n_ages[side], w->cap_ages[side]) < 0)
			return -1;
		w->ages[side][w->n_ages[side]++] = (struct world_age){0};
	}
	w->ages[side][index] = (struct world_age){created_at(e), e->guid};
	return 0;
}

struct sorting {
	const struct world *w;
	enum side side;
};

/* A claim is of a source entry, on whatever side. */
static struct world_age
age_of(const struct sorting *s, uint32_t number)
{
	enum side side = number & CLAIM_BIT ? SOURCE : s->side;
	uint32_t index = number & ~CLAIM_BIT;

	return index < s->w->n_ages[side] ? s->w->ages[side][index] : (struct world_age){0};
}

static int
by_age(const void *x, const void *y, void *arg)
{
	const struct sorting *s = arg;
	uint32_t p = *(const uint32_t *)x, q = *(const uint32_t *)y;
	struct world_age age_p = age_of(s, p), age_q = age_of(s, q);

	if ((p & CLAIM_BIT) != (q & CLAIM_BIT))
		return p & CLAIM_BIT ? 1 : -1;
	if (age_p.created != age_q.created)
		return age_p.created < age_q.created ? -1 : 1;
	return memcmp(age_p.guid.octets, age_q.guid.octets, GUID_LEN);
}

void
world_sort(const struct world *w, enum side side, uint32_t *v, size_t n)
{
	struct sorting s = {w, side};

	if (n > 1)
		qsort_r(v, n, sizeof *v, by_age, &s);
}

int
world_order(struct world *w, enum side side, uint32_t from, uint32_t **ret, struct err *err)
{
	uint32_t n = world_count(w, side), *v = malloc((n - from + 1) * sizeof *v);

	if (!v)
		return err_nomem(err);
	for (uint32_t i = from; i < n; i++)
		v[i - from] = i;
	world_sort(w, side, v, n - from);
	*ret = v;
	return 0;
}

/* ---- keys ---- */

/* What the index of one entry needs to be handed through match_target_keys(). */
struct indexer {
	struct workset *ws;
	uint32_t index;
	bool all;   /* of the target, else addresses, and */
	bool names; /* logon names, if pairs of a file name source objects by them */
	struct err *err;
};

static bool
has_pairs(const struct conf_link *link)
{
	for (size_t i = 0; i < link->n_match; i++)
		if (link->match[i].method == MATCH_CSV)
			return true;
	return false;
}

static int
add_key(unsigned key, struct bytes value, void *arg)
{
	struct indexer *x = arg;

	if (!x->all && key != MATCH_KEY_SMTP && key != MATCH_KEY_X500 &&
	    !(x->names && key == MATCH_KEY_UPN))
		return 0;
	return workset_add_key(x->ws, match_key_hash(key, value), x->index, x->err);
}

/* Names that differ in accents alone are one to AD. */
static int
add_folded(struct indexer *x, const struct entry *e, const char *attr, enum match_key key)
{
	const char *value = entry_get_str(e, attr);
	_cleanup_(free) char *fold = value ? text_fold_key(value) : NULL;

	if (!value)
		return 0;
	return fold ? add_key(key, bytes_of(fold), x) : err_nomem(x->err);
}

static int
add_target_keys(struct indexer *x, const struct entry *e, struct err *err)
{
	_cleanup_(free) char *rdn = dn_rdn_value(e->dn, err);
	_cleanup_(free) char *name = rdn ? names_key(dn_parent(e->dn), rdn) : NULL;

	if (!name)
		return rdn ? err_nomem(err) : -1;
	return add_key(MATCH_KEY_NAME, bytes_of(name), x) < 0 ||
		       add_folded(x, e, "sAMAccountName", MATCH_KEY_SAM_FOLDED) < 0 ||
		       add_folded(x, e, "userPrincipalName", MATCH_KEY_UPN_FOLDED) < 0
		   ? -1
		   : 0;
}

const char *
world_stamp_attr(const struct world *w, enum side side)
{
	const struct conf_link *link = w->run->link;

	return (side == SOURCE ? link->source : link->target)->stamp_attribute;
}

/* Of the source's stamps those matter that a return flow puts. */
static int
add_stamp(struct world *w, enum side side, const struct entry *e, uint32_t index, struct err *err)
{
	struct stamp stamp;

	if ((side == SOURCE && !w->run->link->back) ||
	    !stamp_of(e, world_stamp_attr(w, side), &stamp))
		return 0;
	return workset_add_key(
	    w->ws[side], match_key_hash(MATCH_KEY_STAMP, guid_bytes(&stamp.source)), index, err);
}

/* The primary group of nearly everybody: who has it is not asked for (world.h). */
static int
add_primary_group(
    struct world *w, enum side side, const struct entry *e, uint32_t index, struct err *err)
{
	struct bytes rid = entry_get(e, "primaryGroupID");

	if (!rid.data || bytes_equal(rid, bytes_of(WORLD_DOMAIN_USERS)))
		return 0;
	return workset_add_key(
	    w->ws[side], match_key_hash(MATCH_KEY_PRIMARY_GROUP, rid), index, err);
}

/* Of other groups nobody asks in what they are (plan_nesting.c). */
static int
add_members(struct world *w, enum side side, const struct entry *e, uint32_t index, struct err *err)
{
	const struct attr *a = entry_find(e, "member");

	if (!a || group_type_scope(entry_get_str(e, "groupType")) != GROUP_DOMAIN_LOCAL)
		return 0;
	for (size_t i = 0; i < a->n_values; i++) {
		_cleanup_(free) char *dn = dn_normalize(dn_strip_extended(a->values[i].data), err);

		if (!dn && err->src == ERR_SYS)
			return -1;
		if (dn && workset_add_key(w->ws[side],
			      match_key_hash(MATCH_KEY_MEMBER, bytes_of(dn)), index, err) < 0)
			return -1;
	}
	return 0;
}

static int
add_keys(struct world *w, enum side side, const struct entry *e, uint32_t index, struct err *err)
{
	const struct conf_link *link = w->run->link;
	struct indexer x = {.ws = w->ws[side],
	    .index = index,
	    .all = side == TARGET,
	    .names = has_pairs(link),
	    .err = err};
	_cleanup_(free) char *dn = dn_normalize(e->dn, err);

	if (!dn)
		return -1;
	if (workset_add_key(x.ws, match_key_hash(MATCH_KEY_DN, bytes_of(dn)), index, err) < 0 ||
	    workset_add_key(
		x.ws, match_key_hash(MATCH_KEY_GUID, guid_bytes(&e->guid)), index, err) < 0)
		return -1;
	if ((side == TARGET && add_target_keys(&x, e, err) < 0) ||
	    (side == SOURCE && add_members(w, side, e, index, err) < 0) ||
	    add_stamp(w, side, e, index, err) < 0 || add_primary_group(w, side, e, index, err) < 0)
		return -1;
	return match_target_keys(e, link->match, side == TARGET ? link->n_match : 0, add_key, &x);
}

/* Entry INDEX is called NOW, or has gone if that is "". */
static int
note_former(struct world *w, enum side side, uint32_t index, const char *now, struct err *err)
{
	_cleanup_(entry_free) struct entry *before = NULL;
	_cleanup_(free) char *norm = NULL;
	struct world_names *l = &w->former[side];

	if (!w->wide[side])
		return 0;
	if (workset_get(w->ws[side], index, &before, err) < 0)
		return -1;
	if (!*before->dn || strcmp(before->dn, now) == 0)
		return 0;
	norm = dn_normalize(before->dn, err);
	if (!norm)
		return -1;
	if (list_grow(l->v, l->n, l->cap) < 0)
		return err_nomem(err);
	l->v[l->n++] = match_key_hash(MATCH_KEY_DN, bytes_of(norm));
	return 0;
}

/* Makes E, which is entry INDEX, findable. */
static int
add_to_index(
    struct world *w, enum side side, const struct entry *e, uint32_t index, struct err *err)
{
	if (note_age(w, side, index, e) < 0)
		return err_nomem(err);
	return add_keys(w, side, e, index, err);
}

int
world_put(struct world *w, enum side side, struct entry *e, uint32_t *index, struct err *err)
{
	int rc;

	entry_sort(e);
	if (*index != WORLD_NONE && note_former(w, side, *index, e->dn, err) < 0)
		return -1;
	rc = *index == WORLD_NONE ? workset_add(w->ws[side], e, index, err)
				  : workset_replace(w->ws[side], *index, e, err);
	return rc < 0 ? -1 : add_to_index(w, side, e, *index, err);
}

int
world_vanish(struct world *w, enum side side, uint32_t index, struct err *err)
{
	_cleanup_(entry_free) struct entry *nothing = entry_new("");

	if (!nothing)
		return err_nomem(err);
	return note_former(w, side, index, "", err) < 0
		   ? -1
		   : workset_replace(w->ws[side], index, nothing, err);
}

int
world_take(struct world *w, enum side side, struct entry *e, struct err *err)
{
	uint32_t index;

	if (world_mark_read(w, side, MATCH_KEY_GUID, guid_bytes(&e->guid), err) < 0 ||
	    world_find_guid(w, side, &e->guid, &index, err) < 0)
		return -1;
	if (index != WORLD_NONE)
		return 0;
	w->n_read[side]++;
	return world_put(w, side, e, &index, err);
}

/* ---- reading ---- */

/* Only one thread reports, so that the observer needs no lock. */
static void
count_read(struct world *w, enum side side)
{
	w->n_read[side]++;
	if (side == SOURCE && w->n_read[SOURCE] % 256 == 0)
		run_progress(w->run, RUN_PHASE_READ, w->n_read[SOURCE], 0);
}

static int
take_read(enum side side, struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	struct world *w = arg;
	uint32_t index = WORLD_NONE;

	if (guid_is_zero(&own->guid))
		return err_set(err, ERR_DATA, ERR_LINK, ERR_NEVER, 0,
		    "'%s' came without objectGUID: the account may not read it", own->dn);
	if (world_put(w, side, own, &index, err) < 0)
		return -1;
	count_read(w, side);
	return 0;
}

int
world_read_all(struct world *w, struct err *err)
{
	const char *const *const attrs[SIDES] = {world_attrs(w, SOURCE), world_attrs(w, TARGET)};
	enum side failed = SOURCE;

	if (sides_read(w->run->dir, WORLD_FILTER, attrs, take_read, w, &failed, err) == 0)
		return 0;
	run_lost(w->run, failed, err);
	return -1;
}

int
world_refresh(struct world *w, enum side side, const struct guid *g, const char *dn,
    uint32_t *index, struct err *err)
{
	struct dir *d = w->run->dir[side];
	_cleanup_(entry_free) struct entry *e = NULL;
	int rc = guid_is_zero(g) ? d->ops->read(d, dn, world_attrs(w, side), &e, err)
				 : dir_read_guid(d, g, world_attrs(w, side), &e, err);

	if (rc < 0)
		return -1;
	if (e)
		return world_put(w, side, e, index, err);
	return *index == WORLD_NONE ? 0 : world_vanish(w, side, *index, err);
}

/* ---- one reading for two flows ---- */

struct world_reading {
	/* By the sides of the world that read. */
	struct workset *ws[SIDES];
	const char **attrs[SIDES];
	struct world_names former[SIDES];
};

void
world_reading_free(struct world_reading *r)
{
	for (int side = SOURCE; r && side < SIDES; side++) {
		workset_free(r->ws[side]);
		table_attrs_free(r->attrs[side]);
		free(r->former[side].v);
	}
	free(r);
}

static bool
is_among(const char *const *names, const char *name)
{
	while (*names && !str_equal_nocase(*names, name))
		names++;
	return *names;
}

/* Reads ATTRS, which W owns from now on, of SIDE. */
static int
set_wide(struct world *w, enum side side, const char **attrs, struct err *err)
{
	const char *const *own = table_attrs(w->table, side);
	size_t n = 0;

	while (attrs[n])
		n++;
	w->wide[side] = attrs;
	w->others[side] = calloc(n + 1, sizeof *w->others[side]);
	if (!w->others[side])
		return err_nomem(err);
	n = 0;
	for (size_t i = 0; attrs[i]; i++)
		if (!is_among(own, attrs[i]))
			w->others[side][n++] = attrs[i];
	return 0;
}

int
world_widen(struct world *w, const struct table *other, struct err *err)
{
	for (int s = SOURCE; s < SIDES; s++) {
		enum side side = (enum side)s;
		const char **both = table_join_attrs(
		    table_attrs(w->table, side), table_attrs(other, side_other(side)));

		if (!both)
			return err_nomem(err);
		if (set_wide(w, side, both, err) < 0)
			return -1;
	}
	return 0;
}

struct world_reading *
world_leave_reading(struct world *w)
{
	struct world_reading *r = w->wide[SOURCE] && w->wide[TARGET] ? calloc(1, sizeof *r) : NULL;

	for (int side = SOURCE; r && side < SIDES; side++) {
		r->ws[side] = TAKE(w->ws[side]);
		r->attrs[side] = TAKE(w->wide[side]);
		r->former[side] = w->former[side];
		w->former[side] = (struct world_names){.n = 0};
		free(TAKE(w->others[side]));
	}
	return r;
}

struct world_names *
world_former_names(struct world *w, enum side side)
{
	return &w->former[side];
}

static bool
has_all(const char *const *attrs, const char *const *wanted)
{
	while (*wanted && is_among(attrs, *wanted))
		wanted++;
	return !*wanted;
}

/* What vanished in the time of the world before stays that. */
static int
index_side(enum side side, void *arg, struct err *err)
{
	struct world *w = arg;

	for (uint32_t i = 0; i < world_count(w, side); i++) {
		_cleanup_(entry_free) struct entry *e = NULL;

		if (world_get(w, side, i, &e, err) < 0)
			return -1;
		if (!*e->dn)
			continue;
		if (add_to_index(w, side, e, i, err) < 0)
			return -1;
		count_read(w, side);
	}
	return 0;
}

static int
take_side(struct world *w, enum side side, struct world_reading *r, struct err *err)
{
	enum side from = side_other(side);

	w->former[side] = r->former[from];
	r->former[from] = (struct world_names){.n = 0};
	return set_wide(w, side, TAKE(r->attrs[from]), err) < 0
		   ? -1
		   : workset_take_entries(w->ws[side], r->ws[from], err);
}

int
world_begin_with(struct world *w, struct world_reading *r, bool *ret, struct err *err)
{
	*ret = has_all(r->attrs[TARGET], w->table->source_attrs) &&
	       has_all(r->attrs[SOURCE], w->table->target_attrs);
	if (!*ret)
		return 0;
	for (int side = SOURCE; side < SIDES; side++)
		if (take_side(w, (enum side)side, r, err) < 0)
			return -1;
	return sides_run(index_side, w, err);
}
