/* SPDX-License-Identifier: MIT */
/*
 * A rebuild, step by step, and what a crash leaves behind:
 *
 *   settle    turns that were interrupted                     see turns.h
 *   read      both forests, whole                             nothing
 *   judge     every target object with a stamp, then every    nothing
 *             record; the report
 *   begin     an operation of the link; no cursors            the same: the next full cycle, which
 *             any more                                        the missing cursors demand, rebuilds
 *   write     records, some in a transaction                  the same, a part of them written
 *   end       the operation goes                              nothing
 *
 * Between judge and end the directories are looked at no more, and no other link's cycle writes to
 * the target (forest_lock.h), so both passes over the stamps find the same.
 */
#include "dsa/jobs/rebuild.h"

#include <syslog.h>

#include "dsa/base/clock.h"
#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/guid_set.h"
#include "dsa/jobs/turns.h"
#include "dsa/rules/across.h"
#include "dsa/rules/table.h"
#include "dsa/run/active.h"
#include "dsa/world/world.h"
#include "mapping/keepsake.h"
#include "mapping/store.h"

#define BATCH 50     /* records a transaction: the pages it dirties are anonymous memory */
#define TOLD_MAX 100 /* findings of a rebuild that nobody asked for */

struct rebuild {
	struct run run; /* a job's own: MAP is the transaction that it reads by */
	const struct rebuild_options *opt;
	struct rebuild_report *res;
	struct active_conf active;
	struct table *table;
	struct world *world;
	struct guid_set gone; /* sources that are proved to be gone */
	int64_t now;
	bool writes; /* the second pass */
	struct record *batch[BATCH];
	size_t n;
	struct {
		uint64_t *v;
		size_t n, cap;
	} dropped; /* ids of records */
};

static void
rebuild_done(struct rebuild *b)
{
	store_abort(TAKE(b->run.map));
	for (size_t i = 0; i < b->n; i++)
		record_free(b->batch[i]);
	free(b->dropped.v);
	guid_set_done(&b->gone);
	world_free(b->world);
	table_free(b->table);
}

static inline void
rebuild_donep(struct rebuild *b)
{
	rebuild_done(b);
}

static int
open_map(struct rebuild *b, struct err *err)
{
	return store_begin(b->run.store, STORE_READ, &b->run.map, err);
}

static void
find(const struct rebuild *b, enum rebuild_count what, const struct guid *source,
    const char *source_dn, const char *target_dn)
{
	const struct rebuild_finding f = {what, source, {source_dn, target_dn}};

	if (b->opt->found)
		b->opt->found(&f, b->opt->arg);
}

/* ---- a target object with a stamp ---- */

static int
count_hit(struct world_hit *hit, void *arg, struct err *err)
{
	size_t *n = arg;

	(void)hit;
	(void)err;
	return ++*n > 1;
}

/* How many target objects have a stamp of SOURCE: 0, 1, or 2 for more. */
static int
count_stamped(struct rebuild *b, const struct guid *source, size_t *ret, struct err *err)
{
	const struct world_query q =
	    world_query_entries(TARGET, MATCH_KEY_STAMP, guid_bytes(source));

	*ret = 0;
	return world_find_each(b->world, &q, count_hit, ret, err) < 0 ? -1 : 0;
}

/* The source object with GUID G. What no search gave is asked for by itself, because an answer may
 * lack what is there. *RET NULL: it is gone. */
static int
find_source(struct rebuild *b, const struct guid *g, struct entry **ret, struct err *err)
{
	uint32_t index;

	*ret = NULL;
	if (world_find_guid(b->world, SOURCE, g, &index, err) < 0)
		return -1;
	if (index == WORLD_NONE && !guid_set_has(&b->gone, g) &&
	    world_refresh(b->world, SOURCE, g, "", &index, err) < 0)
		return -1;
	if (index != WORLD_NONE)
		return world_get(b->world, SOURCE, index, ret, err);
	return guid_set_add(&b->gone, g) < 0 ? err_nomem(err) : 0;
}

static int
find_known(struct rebuild *b, const struct guid *source, struct record **ret, struct err *err)
{
	*ret = NULL;
	return b->run.link_id
		   ? store_find_guid(b->run.map, b->run.link_id, SOURCE, source, ret, err)
		   : 0;
}

/* What the records of other links that are configured have G as. */
struct across_look {
	const struct rebuild *b;
	enum side side;
	const struct guid *source;
	struct across found;
};

static int
look_across(const struct record *r, void *arg, struct err *err)
{
	struct across_look *l = arg;
	_cleanup_(free) char *name = NULL;
	const struct conf_link *link;

	if (r->link == l->b->run.link_id)
		return 0;
	if (store_link_name(l->b->run.map, r->link, &name, err) < 0)
		return -1;
	link = name ? across_find_link(l->b->run.link, name) : NULL;
	if (link)
		across_add(&l->found, link, r, l->side, l->source);
	return 0;
}

static int
find_across(struct rebuild *b, const struct guid *g, const struct guid *source, struct across *ret,
    struct err *err)
{
	struct across_look l = {.b = b, .source = source};

	for (int side = SOURCE; conf_has_others(b->run.link) && side < SIDES; side++) {
		l.side = (enum side)side;
		if (store_lookup_guid(b->run.map, l.side, g, look_across, &l, err) < 0)
			return -1;
	}
	*ret = l.found;
	return 0;
}

/* What the map says of other links. */
static int
fill_others(struct rebuild *b, struct rebuild_in *in, struct err *err)
{
	struct across source, target;

	if (find_across(b, &in->stamp.source, NULL, &source, err) < 0 ||
	    find_across(b, &in->target->guid, NULL, &target, err) < 0)
		return -1;
	in->is_target = source.target_of != NULL;
	in->is_others = target.source_of || target.target_of;
	return 0;
}

static void
tell(const struct rebuild *b, const struct rebuild_in *in, const struct rebuild_judged *j)
{
	static const enum rebuild_count by[REBUILD_VERDICT_MAX] = {
	    [REBUILD_UNNOTICED] = REBUILD_NOT_NOTICED,
	    [REBUILD_TWICE] = REBUILD_NAMED_TWICE,
	    [REBUILD_REFUSED] = REBUILD_NOT_ADMITTED};
	const struct guid *g = &in->stamp.source;
	const char *source = in->source	 ? in->source->dn
			     : in->known ? in->known->side[SOURCE].dn
					 : "";
	const char *target = in->target->dn;

	rebuild_count(b->res, in, j);
	if (by[j->verdict])
		find(b, by[j->verdict], g, source, target);
	if (j->half)
		find(b, REBUILD_HALF_TURNS, g, source, target);
	if (j->side_differs)
		find(b, REBUILD_SIDE_DIFFERS, g, source, target);
	if (j->counterpart_differs)
		find(b, REBUILD_COUNTERPART_DIFFERS, g, source, target);
}

static int put(struct rebuild *b, struct record *r, struct err *err);

/* What cannot be recorded is skipped by the cycle too, which says so again. */
static int
skip(const struct rebuild *b, const struct rebuild_in *in, const struct err *err)
{
	if (err->scope != ERR_ENTRY)
		return -1;
	run_message(
	    &b->run, LOG_WARNING, &in->stamp.source, in->target->dn, "%s: not recorded", err->text);
	return 0;
}

static int
judge(struct rebuild *b, const struct rebuild_in *in, struct err *err)
{
	struct record *r = NULL;
	struct rebuild_judged j;

	if (rebuild_judge(in, &j, err) < 0)
		return -1;
	if (!b->writes) {
		tell(b, in, &j);
		return 0;
	}
	if (rebuild_fill(in, &j, &r, err) < 0)
		return skip(b, in, err);
	return r ? put(b, r, err) : 0;
}

static int
look_at_stamped(
    struct rebuild *b, const struct entry *target, const struct stamp *stamp, struct err *err)
{
	_cleanup_(record_free) struct record *known = NULL;
	_cleanup_(entry_free) struct entry *source = NULL;
	struct rebuild_in in = {.link = b->run.link,
	    .active = &b->active,
	    .target = target,
	    .stamp = *stamp,
	    .link_id = b->run.link_id,
	    .now = b->now};
	struct dir *d = b->run.dir[TARGET];
	uint32_t index;
	size_t n;

	in.guard.own_sids = d->ops->info(d)->own_sids;
	if (world_find_privileged(b->world, target, &in.guard.privileged, err) < 0)
		return -1;
	if (find_known(b, &stamp->source, &known, err) < 0 || fill_others(b, &in, err) < 0 ||
	    count_stamped(b, &stamp->source, &n, err) < 0 ||
	    world_find_guid(b->world, SOURCE, &stamp->source, &index, err) < 0)
		return -1;
	in.known = known;
	in.twice = n > 1;
	/* Nothing is asked of the server about the many of another link. */
	if ((index != WORLD_NONE || rebuild_is_ours(&in)) &&
	    find_source(b, &stamp->source, &source, err) < 0)
		return -1;
	in.source = source;
	return judge(b, &in, err);
}

static int
look_at_stamps(struct rebuild *b, struct err *err)
{
	const char *attribute = b->run.link->target->stamp_attribute;
	uint32_t n = world_count(b->world, TARGET);

	for (uint32_t i = 0; i < n; i++) {
		_cleanup_(entry_free) struct entry *target = NULL;
		struct stamp stamp;

		if (world_get(b->world, TARGET, i, &target, err) < 0)
			return -1;
		/* What a replication conflict has left is the duplicate of another. */
		if (!dn_is_mangled(target->dn) && stamp_of(target, attribute, &stamp) &&
		    look_at_stamped(b, target, &stamp, err) < 0)
			return -1;
		if (i % 256 == 0)
			run_progress(
			    &b->run, b->writes ? RUN_PHASE_CONFIRM : RUN_PHASE_DECIDE, i, n);
	}
	return 0;
}

/* ---- what the map has ---- */

static int
find_fate(struct rebuild *b, const struct record *r, enum rebuild_fate *ret, struct err *err)
{
	struct rebuild_record_facts f = {
	    .record = r, .now = b->now, .replication_s = RUN_REPLICATION_S};
	_cleanup_(entry_free) struct entry *target = NULL;
	uint32_t index = WORLD_NONE;
	struct stamp stamp;
	size_t n;

	if (count_stamped(b, &r->side[SOURCE].guid, &n, err) < 0)
		return -1;
	if (!guid_is_zero(&r->side[TARGET].guid) &&
	    world_find_guid(b->world, TARGET, &r->side[TARGET].guid, &index, err) < 0)
		return -1;
	if (index != WORLD_NONE && world_get(b->world, TARGET, index, &target, err) < 0)
		return -1;
	f.there = target != NULL;
	f.stamped = n > 0;
	if (target && stamp_of(target, b->run.link->target->stamp_attribute, &stamp))
		f.stamp = &stamp;
	*ret = rebuild_fate_of(&f);
	return 0;
}

static int
look_at_record(const struct record *r, void *arg, struct err *err)
{
	struct rebuild *b = arg;
	enum rebuild_fate fate;
	bool drops;

	if (find_fate(b, r, &fate, err) < 0)
		return -1;
	drops = fate == REBUILD_DROPPED;
	if (!drops && fate != REBUILD_UNCONFIRMED)
		return 0;
	b->res->n[drops ? REBUILD_GO : REBUILD_STAY]++;
	find(b, drops ? REBUILD_GO : REBUILD_STAY, &r->side[SOURCE].guid, r->side[SOURCE].dn,
	    r->side[TARGET].dn);
	if (!drops)
		return 0;
	if (list_grow(b->dropped.v, b->dropped.n, b->dropped.cap) < 0)
		return err_nomem(err);
	b->dropped.v[b->dropped.n++] = r->id;
	return 0;
}

/* ---- writing ---- */

static int
store_batch(struct rebuild *b, struct store_txn *t, struct err *err)
{
	for (size_t i = 0; i < b->n; i++)
		if (store_put(t, b->batch[i], err) < 0)
			return -1;
	return 0;
}

/* What is read of the map afterwards is newer: a long look keeps the file from reusing its pages.
 */
static int
flush(struct rebuild *b, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	store_abort(TAKE(b->run.map));
	if (store_begin(b->run.store, STORE_WRITE, &t, err) < 0 || store_batch(b, t, err) < 0 ||
	    store_commit(TAKE(t), err) < 0)
		return -1;
	for (size_t i = 0; i < b->n; i++)
		record_free(b->batch[i]);
	b->n = 0;
	return open_map(b, err);
}

/* R is taken over. */
static int
put(struct rebuild *b, struct record *r, struct err *err)
{
	b->batch[b->n++] = r;
	return b->n == BATCH ? flush(b, err) : 0;
}

/* Order is important: without cursors the next cycle is a full one, which finds the operation. */
static int
begin(struct rebuild *b, struct err *err)
{
	const struct store_operation o = {.kind = OPERATION_REBUILD, .since = b->now};
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(b->run.store, STORE_WRITE, &t, err) < 0 ||
	    store_put_operation(t, b->run.link_id, &o, err) < 0 ||
	    store_clear_cursors(t, b->run.link_id, err) < 0)
		return -1;
	return store_commit(TAKE(t), err);
}

static int
drop(struct rebuild *b, struct err *err)
{
	for (size_t i = 0; i < b->dropped.n;) {
		_cleanup_(store_abort) struct store_txn *t = NULL;

		if (store_begin(b->run.store, STORE_WRITE, &t, err) < 0)
			return -1;
		for (size_t end = i + BATCH; i < end && i < b->dropped.n; i++)
			if (store_delete(t, b->dropped.v[i], err) < 0)
				return -1;
		if (store_commit(TAKE(t), err) < 0)
			return -1;
	}
	return 0;
}

static int
end(struct rebuild *b, struct err *err)
{
	static const struct guid zero = {{0}};
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(b->run.store, STORE_WRITE, &t, err) < 0 || store_batch(b, t, err) < 0 ||
	    store_clear_operation(t, b->run.link_id, &zero, err) < 0)
		return -1;
	return store_commit(TAKE(t), err);
}

static int
write_all(struct rebuild *b, struct err *err)
{
	store_abort(TAKE(b->run.map));
	if (begin(b, err) < 0 || drop(b, err) < 0 || open_map(b, err) < 0)
		return -1;
	b->writes = true;
	if (look_at_stamps(b, err) < 0)
		return -1;
	store_abort(TAKE(b->run.map));
	return end(b, err);
}

/* ---- the whole ---- */

static int
read_all(struct rebuild *b, struct err *err)
{
	struct dir *const *dir = b->run.dir;

	if (table_new(b->run.link, dir[SOURCE]->ops->schema(dir[SOURCE]),
		dir[TARGET]->ops->schema(dir[TARGET]), &b->table, err) < 0)
		return err_ctx(err, "link '%s'", b->run.link->name);
	run_progress(&b->run, RUN_PHASE_READ, 0, 0);
	if (world_new(&b->run, b->table, &b->world, err) < 0 || world_read_all(b->world, err) < 0)
		return -1;
	return open_map(b, err);
}

static int
judge_all(struct rebuild *b, struct err *err)
{
	if (look_at_stamps(b, err) < 0)
		return -1;
	return b->run.link_id ? store_each(b->run.map, b->run.link_id, look_at_record, b, err) : 0;
}

/* WHY is said with the report, or NULL: it was asked for. */
static int
report(const struct rebuild *b, const char *why, struct err *err)
{
	_cleanup_(buf_done) struct buf text = {0};

	rebuild_report_print(b->res, &text);
	if (text.failed)
		return err_nomem(err);
	run_message(&b->run, why ? LOG_WARNING : LOG_NOTICE, NULL, b->run.link->name, "%s: %s",
	    why ? why : "the map is made anew from the directories", (const char *)text.data);
	return 0;
}

static bool
finds_any(const struct rebuild_report *r)
{
	return r->n[REBUILD_STAMPED] > r->n[REBUILD_OF_OTHERS] || r->n[REBUILD_GO] ||
	       r->n[REBUILD_STAY];
}

static int
rebuild(struct run *run, const struct rebuild_options *opt, const char *why,
    struct rebuild_report *ret, struct err *err)
{
	_cleanup_(forest_lock_release) struct forest_lock *lock = NULL;
	_cleanup_(rebuild_done) struct rebuild b = {.run = run_job(run),
	    .opt = opt,
	    .res = ret,
	    .active = active_conf_of(run->link),
	    .now = clock_realtime_s()};

	*ret = (struct rebuild_report){.n = {0}};
	/* It reads everything, whatever it is a part of. */
	b.run.is_delta = false;
	b.run.map = NULL;
	if (!opt->plan_only && run_lock_target(run, &lock, err) < 0)
		return -1;
	if (read_all(&b, err) < 0 || judge_all(&b, err) < 0)
		return -1;
	if (opt->plan_only)
		return 0;
	if ((!why || finds_any(ret)) && report(&b, why, err) < 0)
		return -1;
	return write_all(&b, err);
}

/* A link that the map does not know gets its number. */
static int
find_link(struct run *run, bool writes, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(run->store, writes ? STORE_WRITE : STORE_READ, &t, err) < 0 ||
	    store_link_id(t, run->link->name, &run->link_id, err) < 0)
		return -1;
	return writes ? store_commit(TAKE(t), err) : 0;
}

int
rebuild_run(
    struct run *run, const struct rebuild_options *opt, struct rebuild_report *ret, struct err *err)
{
	run_progress(run, RUN_PHASE_CONNECT, 0, 0);
	if (run_open(run, err) < 0 || find_link(run, !opt->plan_only, err) < 0)
		return -1;
	if (!opt->plan_only && turns_resume(run, err) < 0)
		return -1;
	return rebuild(run, opt, NULL, ret, err);
}

/* ---- by itself ---- */

static int
is_rebuild(const struct store_operation *o, void *arg, struct err *err)
{
	(void)err;
	*(bool *)arg = o->kind == OPERATION_REBUILD;
	return *(bool *)arg;
}

/* *RET_EMPTY: the map has no record of the link. *RET_OPEN: a rebuild was interrupted. */
static int
look_at_map(const struct run *run, bool *ret_empty, bool *ret_open, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct store_counts counts;

	*ret_open = false;
	if (store_begin(run->store, STORE_READ, &t, err) < 0 ||
	    store_count(t, run->link_id, &counts, err) < 0 ||
	    store_each_operation(t, run->link_id, is_rebuild, ret_open, err) < 0)
		return -1;
	*ret_empty = counts.records == 0;
	return 0;
}

static int
note_any(struct entry *e, void *arg, struct err *err)
{
	(void)err;
	entry_free(e);
	*(bool *)arg = true;
	return 0;
}

/* A first synchronization need not read everything twice. */
static int
is_stamped(const struct run *run, bool *ret, struct err *err)
{
	struct dir *d = run->dir[TARGET];
	static const char *const attrs[] = {"objectGUID", NULL};
	_cleanup_(free) char *filter =
	    str_printf("(%s=galsync:*)", run->link->target->stamp_attribute);
	const struct dir_query q = {.base = d->ops->info(d)->domain_dn,
	    .scope = DIR_SUBTREE,
	    .filter = filter,
	    .attrs = attrs,
	    .limit = 1};

	*ret = false;
	return filter ? d->ops->search(d, &q, note_any, ret, err) : err_nomem(err);
}

struct telling {
	const struct run *run;
	size_t n;
};

static void
tell_found(const struct rebuild_finding *f, void *arg)
{
	struct telling *t = arg;

	if (f->what == REBUILD_HALF_TURNS || t->n++ >= TOLD_MAX)
		return;
	run_message(t->run, LOG_WARNING, f->source, f->dn[TARGET],
	    "made anew from the directories: one %s (source object '%s')",
	    rebuild_count_text(f->what), f->dn[SOURCE]);
}

/* What only the map knew may have been taken up from beside it (keepsake.h): that was said. */
static int
report_lost(struct run *run, struct err *err)
{
	const struct run_event e = {.kind = RUN_MAP_LOST, .level = LOG_WARNING};
	_cleanup_(store_abort) struct store_txn *t = NULL;
	int64_t taken = 0;

	if (store_begin(run->store, STORE_READ, &t, err) < 0 ||
	    keepsake_taken_at(t, run->link_id, &taken, err) < 0)
		return -1;
	if (!taken)
		run_event(run, &e,
		    "the map was lost, or the link had another name: planned waves, operators' "
		    "verdicts and undelivered hook events of before are lost with it; who was "
		    "finished for good counts as switched, and members that the marker group "
		    "still owes are not tried again");
	return 0;
}

int
rebuild_if_lost(struct run *run, struct err *err)
{
	struct telling t = {.run = run};
	const struct rebuild_options opt = {.found = tell_found, .arg = &t};
	struct rebuild_report report;
	bool empty, open, stamped = false;

	if (look_at_map(run, &empty, &open, err) < 0 ||
	    (empty && !open && is_stamped(run, &stamped, err) < 0))
		return -1;
	if (!open && !stamped)
		return 0;
	if (!open && report_lost(run, err) < 0)
		return -1;
	return rebuild(run, &opt,
	    open ? "the map was being made anew from the directories when that was interrupted: it "
		   "is done again"
		 : "the map knows nothing of the link, but target objects carry stamps of galsync: "
		   "the map is made anew from the directories",
	    &report, err);
}
