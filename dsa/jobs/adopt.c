/* SPDX-License-Identifier: MIT */
/*
 * Both forests are read first, whole, and what carries a key is kept in a working set of each side.
 * Then no network is needed any more: every key is judged once, at the first object that carries
 * it, against the map as it is in the one transaction that takes the records too. So no pair is
 * recorded that another link has got meanwhile.
 */
#include "dsa/jobs/adopt.h"

#include <string.h>
#include <syslog.h>

#include "dsa/base/clock.h"
#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/guid_set.h"
#include "dsa/rules/across.h"
#include "dsa/rules/record_fill.h"
#include "dsa/rules/table.h"
#include "dsa/run/active.h"
#include "dsa/run/guard.h"
#include "dsa/run/sides.h"
#include "dsa/world/world.h"
#include "redirect/address.h"

struct adopting {
	struct run *run;
	const struct adopt_options *opt;
	struct adopt_result *res;
	struct table *table;
	struct adopt_tools *tools;
	struct workset *ws[SIDES]; /* what carries a key */
	struct guid_set paired;	   /* the objects of the pairs so far */
	struct guard *guard[SIDES];
	struct store_txn *map;
};

/* What carries one key on one side. */
struct carriers {
	size_t n;
	uint32_t index; /* of the first */
	struct entry *first;
	char *dn[ADOPT_NAMED + 1];
};

static void
carriers_done(struct carriers *c)
{
	entry_free(c->first);
	for (size_t i = 0; i < ARRAY_SIZE(c->dn); i++)
		free(c->dn[i]);
}

static void
adopting_donep(struct adopting *a)
{
	adopt_tools_free(a->tools);
	for (int side = SOURCE; side < SIDES; side++) {
		workset_free(a->ws[side]);
		guard_free(a->guard[side]);
	}
	guid_set_done(&a->paired);
	table_free(a->table);
	store_abort(a->map);
}

/* ---- reading ---- */

static uint64_t
hash_of(size_t tool, struct bytes key)
{
	return match_key_hash((unsigned)tool, key);
}

static int
prepare(struct adopting *a, struct err *err)
{
	const struct conf_link *link = a->run->link;
	struct dir *source = a->run->dir[SOURCE], *target = a->run->dir[TARGET];

	if (link->n_adopt == 0)
		return err_conf(
		    err, "link '%s' adopts nothing: name the tool in its adopt", link->name);
	if (adopt_tools_new(link, &a->tools, err) < 0 || run_open(a->run, err) < 0 ||
	    table_new(
		link, source->ops->schema(source), target->ops->schema(target), &a->table, err) < 0)
		return -1;
	for (int side = SOURCE; side < SIDES; side++) {
		_cleanup_(free) char *name =
		    str_printf("adopt-%s-%s", side_name((enum side)side), link->name);

		if (!name)
			return err_nomem(err);
		if (workset_open(a->run->work_dir, name, a->run->map_size_mb, &a->ws[side], err) <
		    0)
			return -1;
	}
	return 0;
}

/* Each side has its own working set and counters, so both may be read at the same time. */
static int
take(enum side side, struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	struct adopting *a = arg;
	const struct conf_link *link = a->run->link;
	bool keyed = false, unreadable = false;
	uint32_t index = WORLD_NONE;

	for (size_t i = 0; i < link->n_adopt; i++) {
		struct bytes key = adopt_key(a->tools, i, side, own);

		unreadable |= !key.data && entry_find(own, link->adopt[i].attribute[side]);
		if (!key.data)
			continue;
		keyed = true;
		if (index == WORLD_NONE && workset_add(a->ws[side], own, &index, err) < 0)
			return -1;
		if (workset_add_key(a->ws[side], hash_of(i, key), index, err) < 0)
			return -1;
	}
	a->res->keyed[side] += keyed;
	a->res->unreadable[side] += unreadable;
	/* Only one thread reports. */
	if (++a->res->read[side] % 256 == 0 && side == SOURCE)
		run_progress(a->run, RUN_PHASE_READ, a->res->read[side], 0);
	return 0;
}

static int
read_all(struct adopting *a, struct err *err)
{
	const char *const *const attrs[SIDES] = {a->table->source_attrs, a->table->target_attrs};

	for (int side = SOURCE; side < SIDES; side++)
		if (guard_read(a->run, (enum side)side, &a->guard[side], err) < 0)
			return -1;
	return sides_read(a->run->dir, WORLD_FILTER, attrs, take, a, NULL, err);
}

/* ---- the map ---- */

/* Is R of an adoption that no synchronization has begun to carry out? Then another one takes its
 * place. */
static bool
is_unbegun(const struct adopting *a, const struct record *r)
{
	return r->link == a->run->link_id && r->rule == MATCH_ADOPT && !r->created &&
	       r->state == RECORD_PENDING && !r->synced_at && r->written[TARGET].n == 0;
}

struct search {
	const struct adopting *a;
	struct adopt_facts *f;
	enum side object; /* that is looked for, */
	enum side as;	  /* as this side of a correspondence */
};

static int
take_record(const struct record *r, void *arg, struct err *err)
{
	struct search *s = arg;
	bool own = r->link == s->a->run->link_id;
	bool same = own && guid_equal(&r->side[SOURCE].guid, &s->f->side[SOURCE]->guid) &&
		    guid_equal(&r->side[TARGET].guid, &s->f->side[TARGET]->guid);

	(void)err;
	if (is_unbegun(s->a, r) || (!own && s->object == SOURCE && s->as == SOURCE))
		return 0;
	s->f->known |= same;
	s->f->taken |= !same;
	return 0;
}

/* Each object may be either side of a correspondence of any link. */
static int
ask_map(const struct adopting *a, struct adopt_facts *f, struct err *err)
{
	/* By the key of another tool. */
	f->taken = guid_set_has(&a->paired, &f->side[SOURCE]->guid) ||
		   guid_set_has(&a->paired, &f->side[TARGET]->guid);
	for (int object = SOURCE; object < SIDES; object++)
		for (int as = SOURCE; as < SIDES; as++) {
			struct search s = {a, f, (enum side)object, (enum side)as};

			if (store_lookup_guid(
				a->map, s.as, &f->side[object]->guid, take_record, &s, err) < 0)
				return -1;
		}
	return 0;
}

struct unbegun {
	const struct adopting *a;
	uint64_t *v;
	size_t n, cap;
};

static int
take_unbegun(const struct record *r, void *arg, struct err *err)
{
	struct unbegun *u = arg;

	if (!is_unbegun(u->a, r))
		return 0;
	if (list_grow(u->v, u->n, u->cap) < 0)
		return err_nomem(err);
	u->v[u->n++] = r->id;
	return 0;
}

static int
open_map(struct adopting *a, struct err *err)
{
	enum store_mode mode = a->opt->plan_only ? STORE_READ : STORE_WRITE;
	struct unbegun u = {.a = a};
	int rc = 0;

	if (store_begin(a->run->store, mode, &a->map, err) < 0 ||
	    store_link_id(a->map, a->run->link->name, &a->run->link_id, err) < 0)
		return -1;
	if (a->opt->plan_only)
		return 0;
	rc = store_each(a->map, a->run->link_id, take_unbegun, &u, err);
	for (size_t i = 0; rc == 0 && i < u.n; i++)
		rc = store_delete(a->map, u.v[i], err);
	free(u.v);
	return rc;
}

static int
add_addresses(struct record *r, const struct entry *e)
{
	const struct attr *v = entry_find(e, "proxyAddresses");

	for (size_t i = 0; v && i < v->n_values; i++)
		if (address_is_smtp(v->values[i]) &&
		    record_add_address(r, address_value(v->values[i]).data) < 0)
			return -1;
	return 0;
}

/* What is not known here the next synchronization fills in. */
static int
fill_record(struct record *r, const struct adopt_finding *f, const struct entry *const side[SIDES])
{
	const char *alias = entry_get_str(side[SOURCE], "mailNickname");
	_cleanup_(free) char *evidence =
	    str_printf("%s=%.*s", f->tool, (int)f->key.len, (const char *)f->key.data);

	r->kind = kind_of(side[SOURCE]);
	r->rule = MATCH_ADOPT;
	r->state = RECORD_PENDING;
	r->active = f->active;
	r->created_at = clock_realtime_s();
	if (!evidence || record_set_str(&r->evidence, evidence) < 0 ||
	    record_set_str(&r->alias, alias ? alias : "") < 0)
		return -1;
	for (int s = SOURCE; s < SIDES; s++)
		if (record_fill_side(&r->side[s], side[s]) < 0 || add_addresses(r, side[s]) < 0)
			return -1;
	return 0;
}

static int
record_pair(struct adopting *a, const struct adopt_finding *f,
    const struct entry *const side[SIDES], struct err *err)
{
	_cleanup_(record_free) struct record *r = record_new();

	if (!r || fill_record(r, f, side) < 0)
		return err_nomem(err);
	r->link = a->run->link_id;
	return store_put(a->map, r, err);
}

/* ---- judging ---- */

static int
take_carrier(struct carriers *c, uint32_t index, struct entry *e)
{
	_cleanup_(entry_free) struct entry *own = e;

	if (c->n < ADOPT_NAMED && !(c->dn[c->n] = strdup(own->dn)))
		return -1;
	if (c->n++ == 0) {
		c->index = index;
		c->first = TAKE(own);
	}
	return 0;
}

/* All of SIDE that carry KEY of tool I. With a MINE, only if that is the first of them. */
static int
find_carriers(struct adopting *a, size_t i, struct bytes key, enum side side, uint32_t mine,
    struct carriers *ret, struct err *err)
{
	_cleanup_(workset_hits_done) struct workset_hits hits = {.n = 0};

	if (workset_find(a->ws[side], hash_of(i, key), &hits, err) < 0)
		return -1;
	for (size_t j = 0; j < hits.n; j++) {
		_cleanup_(entry_free) struct entry *e = NULL;
		struct bytes theirs;

		if (workset_get(a->ws[side], hits.v[j], &e, err) < 0)
			return -1;
		theirs = adopt_key(a->tools, i, side, e);
		if (!theirs.data || !bytes_equal_nocase(theirs, key))
			continue;
		if (take_carrier(ret, hits.v[j], TAKE(e)) < 0)
			return err_nomem(err);
		if (mine != WORLD_NONE && ret->index != mine)
			return 0;
	}
	return 0;
}

static int
take_pair(struct adopting *a, const struct entry *const side[SIDES], struct adopt_finding *f,
    struct err *err)
{
	const struct active_conf conf = active_conf_of(a->run->link);
	struct active_side v = active_side_of(&conf, side, NULL);

	f->active = v.side;
	f->redirection = adopt_redirection_of(a->run->link, side, &v);
	a->res->active[v.side]++;
	a->res->loops += v.is_loop;
	a->res->redirections[f->redirection]++;
	if (guid_set_add(&a->paired, &side[SOURCE]->guid) < 0 ||
	    guid_set_add(&a->paired, &side[TARGET]->guid) < 0)
		return err_nomem(err);
	return a->opt->plan_only ? 0 : record_pair(a, f, side, err);
}

/* What is known of E, of SIDE, beside itself. */
static int
look_at_guard(const struct adopting *a, enum side side, const struct entry *e,
    struct identity_guard *ret, struct err *err)
{
	struct dir *d = a->run->dir[side];
	_cleanup_(free) char *norm = dn_normalize(e->dn, err);

	if (!norm)
		return -1;
	*ret = (struct identity_guard){d->ops->info(d)->own_sids, guard_has(a->guard[side], norm)};
	return 0;
}

static int
settle(struct adopting *a, struct adopt_finding *f, const struct carriers c[SIDES], struct err *err)
{
	const struct entry *const side[SIDES] = {c[SOURCE].first, c[TARGET].first};
	struct adopt_facts facts = {.n = {c[SOURCE].n, c[TARGET].n},
	    .side = {side[SOURCE], side[TARGET]},
	    .link = a->run->link};
	char why[ACROSS_TEXT_SIZE];

	if (side[SOURCE] && side[TARGET]) {
		const struct across_in in = {
		    .link = a->run->link, .source = &side[SOURCE]->guid, .target = side[TARGET]};

		if (ask_map(a, &facts, err) < 0 ||
		    look_at_guard(a, SOURCE, side[SOURCE], &facts.guard[SOURCE], err) < 0 ||
		    look_at_guard(a, TARGET, side[TARGET], &facts.guard[TARGET], err) < 0)
			return -1;
		facts.across = across_refuses(&in, why) ? why : NULL;
	}
	if (adopt_judge(&facts, &f->verdict, &f->why, err) < 0)
		return -1;
	a->res->by[f->verdict]++;
	if (f->verdict == ADOPT_PAIR && take_pair(a, side, f, err) < 0)
		return -1;
	a->opt->found(f, a->opt->arg);
	return 0;
}

/* Judges the key of tool I on entry INDEX of SIDE, unless that was done at another object. */
static int
judge_key(
    struct adopting *a, size_t i, enum side side, uint32_t index, struct bytes key, struct err *err)
{
	struct carriers c[SIDES] = {{.index = WORLD_NONE}, {.index = WORLD_NONE}};
	struct adopt_finding f = {
	    .tool = a->run->link->adopt[i].tool, .key = key, .dn = {c[SOURCE].dn, c[TARGET].dn}};
	int rc = find_carriers(a, i, key, side, index, &c[side], err);
	bool mine = rc == 0 && c[side].index == index;

	if (mine)
		rc = find_carriers(
		    a, i, key, side_other(side), WORLD_NONE, &c[side_other(side)], err);
	f.source = c[SOURCE].first ? &c[SOURCE].first->guid : NULL;
	f.n[SOURCE] = c[SOURCE].n;
	f.n[TARGET] = c[TARGET].n;
	/* What both sides have was judged with the source. */
	if (rc == 0 && mine && (side == SOURCE || c[SOURCE].n == 0))
		rc = settle(a, &f, c, err);
	carriers_done(&c[SOURCE]);
	carriers_done(&c[TARGET]);
	return rc;
}

static int
judge_side(struct adopting *a, enum side side, struct err *err)
{
	uint32_t n = workset_count(a->ws[side]);

	for (uint32_t index = 0; index < n; index++) {
		_cleanup_(entry_free) struct entry *e = NULL;

		if (workset_get(a->ws[side], index, &e, err) < 0)
			return -1;
		for (size_t i = 0; i < a->run->link->n_adopt; i++) {
			struct bytes key = adopt_key(a->tools, i, side, e);

			if (key.data && judge_key(a, i, side, index, key, err) < 0)
				return -1;
		}
		if (index % 256 == 0)
			run_progress(a->run, RUN_PHASE_DECIDE, index, n);
	}
	return 0;
}

static int
judge_all(struct adopting *a, struct err *err)
{
	if (open_map(a, err) < 0 || judge_side(a, SOURCE, err) < 0 ||
	    judge_side(a, TARGET, err) < 0)
		return -1;
	if (a->opt->plan_only)
		return 0;
	if (store_commit(TAKE(a->map), err) < 0)
		return -1;
	run_message(a->run, LOG_NOTICE, NULL, a->run->link->name,
	    "%llu pairs of other tools were adopted: the next full synchronization writes them",
	    (unsigned long long)a->res->by[ADOPT_PAIR]);
	return 0;
}

int
adopt_run(
    struct run *run, const struct adopt_options *opt, struct adopt_result *ret, struct err *err)
{
	_cleanup_(adopting_done) struct adopting a = {.run = run, .opt = opt, .res = ret};
	int64_t since = clock_monotonic_ms();

	*ret = (struct adopt_result){0};
	if (prepare(&a, err) < 0 || read_all(&a, err) < 0 || judge_all(&a, err) < 0)
		return -1;
	ret->ms = (uint64_t)(clock_monotonic_ms() - since);
	return 0;
}
