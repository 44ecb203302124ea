/* SPDX-License-Identifier: MIT */
/*
 * A delta cycle: what changed on either side since the cursors, and nothing else.
 *
 *   cursors  ->  changes of both sides  ->  what that concerns  ->  read, decide, plan, apply
 *                                                                     |
 *              new cursors, in one transaction with the summary  <----+
 *
 * The feeds only say which objects changed. Concerned is a source object that changed; one whose
 * counterpart changed in the target (our own writes too: they are read once more and found right);
 * one below a container that was renamed or moved; a group that had a member which left; one that
 * waits for a reference to an object which now has a counterpart; one whose counterpart names what
 * becomes one; one that failed before; one that is in conflict, as far as a change may end that,
 * and some of the others (delta_conflicts.c). They are read again, so what a feed said of
 * attributes does not matter.
 *
 * The cursors advance only when all of that was done or put down to be tried again, on the servers
 * that told it. A crash before that brings the same changes again, and they are found done. Whether
 * a server was asked by this link or by another one (shared_feed.h) makes no difference here.
 */
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"
#include "dsa/cycle/delta.h"
#include "dsa/cycle/other_flow.h"
#include "dsa/cycle/other_links.h"
#include "dsa/cycle/records.h"
#include "dsa/directory/dn.h"
#include "dsa/run/sides.h"

int
delta_concern(struct delta *x, const struct guid *source, struct err *err)
{
	int rc = guid_is_zero(source) ? 0 : guid_set_add(&x->known, source);

	if (rc < 0)
		return err_nomem(err);
	return rc ? guid_list_add(&x->concerned, source, err) : 0;
}

/* ---- what changed ---- */

struct listening {
	struct delta *x;
	enum side side;
};

static int
hear(const struct dir_change *ch, void *arg, struct err *err)
{
	struct listening *l = arg;
	struct delta *x = l->x;

	if (guid_list_add(&x->changed[l->side], &ch->guid, err) < 0)
		return -1;
	/* What it is, is only known when it is read: it may be a container. */
	if (ch->named && !ch->deleted)
		return guid_list_add(&x->named[l->side], &ch->guid, err);
	return 0;
}

/* The attributes whose changes matter, and what tells of names, moves and deletions. */
static const char **
feed_attrs(const struct cycle *c, enum side side)
{
	static const char *const extra[] = {"isDeleted", "name", "parentGUID", "objectGUID"};
	const char *const *attrs = side == SOURCE ? c->table->source_attrs : c->table->target_attrs;
	size_t n = 0;
	const char **all;

	while (attrs[n])
		n++;
	all = calloc(n + ARRAY_SIZE(extra) + 1, sizeof *all);
	if (!all)
		return NULL;
	memcpy(all, attrs, n * sizeof *all);
	memcpy(all + n, extra, sizeof extra);
	return all;
}

static void
tell_feed(const struct cycle *c, enum side side, bool by_usn)
{
	const struct dir *d = c->run->dir[side];
	struct run_event e = {.kind = RUN_FEED, .level = LOG_DEBUG, .side = side, .by_usn = by_usn};

	if (!by_usn) {
		run_event(c->run, &e, "changes of forest '%s' are found by DirSync", d->name);
		return;
	}
	e.level = LOG_NOTICE;
	run_event(c->run, &e,
	    "changes of forest '%s' are found by uSNChanged, on one server: the account lacks the "
	    "right DS-Replication-Get-Changes (delegate.sh gives it)",
	    d->name);
}

/* A poll costs a server more than us, and each side has its own. */
struct polls {
	struct delta *x;
	const struct bytes *cursor;
	const char **attrs[SIDES];
	struct shared_answer answer[SIDES];
	bool failed[SIDES];
};

static const char *
invocation_of(const struct delta *x, enum side side)
{
	struct dir *d = x->c->run->dir[side];
	const struct dir_info *info = d->ops->info(d);

	return info ? info->invocation_id : "";
}

static int
poll_side(enum side side, void *arg, struct err *err)
{
	struct polls *p = arg;
	struct delta *x = p->x;
	const struct run *run = x->c->run;
	struct listening l = {x, side};
	const struct shared_question q = {.since = {p->cursor[side], p->attrs[side]},
	    .told_since_us = x->c->opt->told_since_us,
	    .fn = hear,
	    .arg = &l};

	p->failed[side] = shared_feed_changes(run->feed[side], run->dir[side], &q, &x->cursor[side],
			      &p->answer[side], err) < 0;
	(void)snprintf(x->told_by[side], sizeof x->told_by[side], "%s", invocation_of(x, side));
	return p->failed[side] ? -1 : 0;
}

static int
poll_both(struct polls *p, struct err *err)
{
	struct cycle *c = p->x->c;

	if (!p->attrs[SOURCE] || !p->attrs[TARGET])
		return err_nomem(err);
	if (sides_run(poll_side, p, err) == 0)
		return 0;
	if (p->failed[SOURCE] || p->failed[TARGET])
		run_lost(c->run, p->failed[SOURCE] ? SOURCE : TARGET, err);
	return -1;
}

int
delta_listen(
    struct delta *x, const struct bytes cursor[SIDES], enum side *ret_lost, struct err *err)
{
	struct polls p = {.x = x, .cursor = cursor};
	int rc;

	for (int side = SOURCE; side < SIDES; side++)
		p.attrs[side] = feed_attrs(x->c, (enum side)side);
	rc = poll_both(&p, err);
	free(p.attrs[SOURCE]);
	free(p.attrs[TARGET]);
	if (rc < 0)
		return -1;
	*ret_lost = SIDES;
	for (int side = SOURCE; side < SIDES; side++) {
		tell_feed(x->c, (enum side)side, p.answer[side].by_usn);
		/* A feed may name one more than once, in any order. */
		guid_list_sort_once(&x->changed[side]);
		guid_list_sort_once(&x->named[side]);
		if (p.answer[side].feed == DIR_FEED_LOST && *ret_lost == SIDES)
			*ret_lost = (enum side)side;
	}
	return 0;
}

bool
delta_reads_what_was_told(const struct delta *x)
{
	for (int side = SOURCE; side < SIDES; side++)
		if (strcmp(x->told_by[side], invocation_of(x, (enum side)side)) != 0)
			return false;
	return true;
}

/* ---- what that concerns ---- */

static int
concern(struct delta *x, const struct record *r, struct err *err)
{
	return delta_concern(x, &r->side[SOURCE].guid, err);
}

/* Those whose counterpart changed. */
static int
add_counterparts(struct delta *x, struct err *err)
{
	struct guid_list *l = &x->changed[TARGET];

	for (size_t i = 0; i < l->n; i++) {
		_cleanup_(record_free) struct record *r = NULL;

		if (store_find_guid(x->c->run->map, x->c->run->link_id, TARGET, &l->v[i], &r, err) <
		    0)
			return -1;
		if (r && concern(x, r, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- containers ---- */

static const char *const guid_alone[] = {"objectGUID", NULL};

static int
take_guid(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;

	return guid_is_zero(&own->guid) ? 0 : guid_list_add(arg, &own->guid, err);
}

static int
search_below(struct dir *d, const struct guid *container, struct guid_list *ret, struct err *err)
{
	char guid[GUID_TEXT_SIZE], base[GUID_TEXT_SIZE + 8];
	const struct dir_query q = {
	    .base = base, .scope = DIR_SUBTREE, .filter = WORLD_FILTER, .attrs = guid_alone};

	guid_format(container, guid);
	(void)snprintf(base, sizeof base, "<GUID=%s>", guid);
	return d->ops->search(d, &q, take_guid, ret, err);
}

int
delta_add_below(
    struct dir *d, const struct guid_list *named, struct guid_list *ret, struct err *err)
{
	struct guid_list found = {0};
	int rc =
	    dir_search_guids(d, named, "(|(objectClass=organizationalUnit)(objectClass=container))",
		guid_alone, take_guid, &found, err);

	for (size_t i = 0; rc == 0 && i < found.n; i++)
		rc = search_below(d, &found.v[i], ret, err);
	free(found.v);
	return rc;
}

static int
expand_containers(enum side side, void *arg, struct err *err)
{
	struct delta *x = arg;

	return delta_add_below(x->c->run->dir[side], &x->named[side], &x->changed[side], err);
}

/* What has a record is a recipient, which becomes no container: those that servers are asked about
 * are the others. */
static int
drop_recorded(struct delta *x, enum side side, struct err *err)
{
	struct guid_list *l = &x->named[side];
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		_cleanup_(record_free) struct record *r = NULL;

		if (store_find_guid(x->c->run->map, x->c->run->link_id, side, &l->v[i], &r, err) <
		    0)
			return -1;
		if (!r)
			l->v[kept++] = l->v[i];
	}
	l->n = kept;
	return 0;
}

/* Each side has its directory and its lists for itself. */
static int
expand_both(struct delta *x, struct err *err)
{
	for (int side = SOURCE; side < SIDES; side++)
		if (drop_recorded(x, (enum side)side, err) < 0)
			return -1;
	if (!x->named[TARGET].n)
		return expand_containers(SOURCE, x, err);
	return sides_run(expand_containers, x, err);
}

static int
take_retry(const struct store_retry *r, void *arg, struct err *err)
{
	struct delta *x = arg;

	if (other_flow_is_note(r->why) && guid_set_add(&x->told_of, &r->source) < 0)
		return err_nomem(err);
	return delta_concern(x, &r->source, err);
}

/* What failed before and is due again. */
static int
add_unfinished(struct delta *x, struct err *err)
{
	struct cycle *c = x->c;

	return store_each_retry(
	    c->run->map, c->run->link_id, clock_realtime_s(), take_retry, x, err);
}

int
delta_concern_asked(struct delta *x, struct err *err)
{
	for (size_t i = 0; i < x->c->opt->n_objects; i++)
		if (delta_concern(x, &x->c->opt->objects[i], err) < 0)
			return -1;
	guid_list_sort(&x->concerned);
	return 0;
}

int
delta_concerned(struct delta *x, struct err *err)
{
	bool anything = x->changed[SOURCE].n || x->changed[TARGET].n;

	if (expand_both(x, err) < 0 || add_counterparts(x, err) < 0)
		return -1;
	for (size_t i = 0; i < x->changed[SOURCE].n; i++)
		if (delta_concern(x, &x->changed[SOURCE].v[i], err) < 0)
			return -1;
	for (size_t i = 0; i < x->c->opt->n_objects; i++)
		if (delta_concern(x, &x->c->opt->objects[i], err) < 0)
			return -1;
	if (add_unfinished(x, err) < 0)
		return -1;
	guid_list_sort(&x->concerned);
	x->too_many = x->concerned.n > DELTA_MANY;
	if (x->too_many)
		return 0;
	return delta_add_heirs(x, err) < 0 ? -1 : delta_add_conflicts(x, anything, err);
}

/* ---- reading them ---- */

struct fetch {
	const struct delta *x;
	size_t from;
	uint32_t first;		   /* source entry of this round */
	struct guid_list recorded; /* counterparts */
};

static int
find_recorded(struct fetch *f, struct err *err)
{
	struct cycle *c = f->x->c;
	const struct guid_list *concerned = &f->x->concerned;

	for (size_t i = f->from; i < concerned->n; i++) {
		_cleanup_(record_free) struct record *r = NULL;

		if (store_find_guid(
			c->run->map, c->run->link_id, SOURCE, &concerned->v[i], &r, err) < 0)
			return -1;
		if (r && !guid_is_zero(&r->side[TARGET].guid) &&
		    guid_list_add(&f->recorded, &r->side[TARGET].guid, err) < 0)
			return -1;
	}
	return 0;
}

static int
demand_reference(struct cycle *c, struct bytes value, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;
	_cleanup_(free) char *norm = NULL;

	if (cycle_record_by_dn(c, SOURCE, value.data, &r, err) < 0)
		return -1;
	if (r)
		return 0;
	norm = dn_normalize(dn_strip_extended(value.data), err);
	if (!norm)
		return err->src == ERR_SYS ? -1 : 0;
	return world_demand(c->world, SOURCE, MATCH_KEY_DN, bytes_of(norm), err);
}

static int
demand_references_of(struct cycle *c, const struct entry *e, struct err *err)
{
	const struct schema *schema = c->run->dir[SOURCE]->ops->schema(c->run->dir[SOURCE]);

	for (size_t j = 0; j < e->n_attrs; j++) {
		const struct attr *a = &e->attrs[j];

		if (!schema_is_reference(schema, a->name))
			continue;
		for (size_t k = 0; k < a->n_values; k++)
			if (demand_reference(c, a->values[k], err) < 0)
				return -1;
	}
	return 0;
}

int
delta_fetch_references(struct cycle *c, const struct entry *e, struct err *err)
{
	if (!c->run->is_delta)
		return 0;
	return demand_references_of(c, e, err) < 0 ? -1 : world_fetch(c->world, SOURCE, err);
}

/* What the source entries from number FROM on refer to, as far as no record has that name. A
 * record's name is as old as the last step that stored it: what has left, or is in conflict, may
 * have been renamed since. */
static int
fetch_references(struct cycle *c, uint32_t from, struct err *err)
{
	uint32_t n = world_count(c->world, SOURCE);

	for (uint32_t i = from; i < n; i++) {
		_cleanup_(entry_free) struct entry *e = NULL;

		if (world_get(c->world, SOURCE, i, &e, err) < 0 ||
		    demand_references_of(c, e, err) < 0)
			return -1;
	}
	return world_fetch(c->world, SOURCE, err);
}

/* Each side has its directory and its working set for itself; the map is the source's. */
static int
fetch_side(enum side side, void *arg, struct err *err)
{
	const struct fetch *f = arg;
	struct cycle *c = f->x->c;
	const struct guid_list *concerned = &f->x->concerned;

	if (side == TARGET)
		return world_demand_guids(c->world, TARGET, f->recorded.v, f->recorded.n, err) < 0
			   ? -1
			   : world_fetch(c->world, TARGET, err);
	if (world_demand_guids(
		c->world, SOURCE, concerned->v + f->from, concerned->n - f->from, err) < 0 ||
	    world_fetch(c->world, SOURCE, err) < 0)
		return -1;
	return fetch_references(c, f->first, err);
}

/* Is SOURCE in scope and without a recorded counterpart? */
static int
is_stranger(struct cycle *c, const struct entry *source, bool *ret, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;
	_cleanup_(free) char *norm = dn_normalize(source->dn, err);
	const struct conf_scope *scope = NULL;
	enum scope_verdict verdict;

	*ret = false;
	/* A name that is none is told of when it is decided. */
	if (!norm)
		return err->src == ERR_SYS ? -1 : 0;
	if (other_links_judge_scope(c, source, norm, &scope, &verdict, err) < 0)
		return -1;
	if (verdict != SCOPE_IN)
		return 0;
	if (store_find_guid(c->run->map, c->run->link_id, SOURCE, &source->guid, &r, err) < 0)
		return -1;
	*ret = !r || guid_is_zero(&r->side[TARGET].guid);
	return 0;
}

/* What is made for SOURCE will be named like it, if nobody has that name. */
static int
demand_names(struct cycle *c, const struct entry *source, struct err *err)
{
	struct dir *d = c->run->dir[TARGET];
	const char *sam = entry_get_str(source, "sAMAccountName");
	_cleanup_(free) char *upn =
	    sam ? str_printf("%s@%s", sam, d->ops->info(d)->domain_dns) : NULL;

	if (!sam)
		return 0;
	if (!upn)
		return err_nomem(err);
	return world_demand(c->world, TARGET, MATCH_KEY_SAM, bytes_of(sam), err) < 0
		   ? -1
		   : world_demand(c->world, TARGET, MATCH_KEY_UPN, bytes_of(upn), err);
}

/* The candidates of all strangers from number FROM on, and who has their names, at once. */
static int
fetch_strangers(struct cycle *c, uint32_t from, struct err *err)
{
	uint32_t n = world_count(c->world, SOURCE);

	for (uint32_t i = from; i < n; i++) {
		_cleanup_(entry_free) struct entry *source = NULL;
		bool stranger = false;

		if (world_get(c->world, SOURCE, i, &source, err) < 0 ||
		    is_stranger(c, source, &stranger, err) < 0)
			return -1;
		if (stranger && (world_demand_candidates(c->world, source, err) < 0 ||
				    demand_names(c, source, err) < 0))
			return -1;
	}
	return world_fetch(c->world, TARGET, err);
}

int
delta_fetch(struct delta *x, size_t from, struct err *err)
{
	struct fetch f = {.x = x, .from = from, .first = world_count(x->c->world, SOURCE)};
	int rc = find_recorded(&f, err);

	if (rc == 0)
		rc = sides_run(fetch_side, &f, err);
	if (rc == 0)
		rc = fetch_strangers(x->c, f.first, err);
	free(f.recorded.v);
	return rc;
}

int
delta_new(struct cycle *c, struct delta **ret, struct err *err)
{
	*ret = calloc(1, sizeof **ret);
	if (!*ret)
		return err_nomem(err);
	(*ret)->c = c;
	return 0;
}

void
delta_free(struct delta *x)
{
	for (size_t i = 0; x && i < SIDES; i++) {
		free(x->changed[i].v);
		free(x->named[i].v);
		free(x->followed[i].v);
		guid_set_done(&x->news[i]);
		buf_done(&x->cursor[i]);
	}
	if (x) {
		free(x->concerned.v);
		free(x->emptied.v);
		guid_set_done(&x->known);
		guid_set_done(&x->told_of);
		guid_set_done(&x->named_anew);
	}
	free(x);
}

const struct guid_list *
delta_about(const struct cycle *c)
{
	return &c->delta->concerned;
}
