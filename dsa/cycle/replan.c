/* SPDX-License-Identifier: MIT */
/*
 * When the directory has moved on since it was read: the objects concerned are read again, and
 * decided and planned as if they had been read so in the first place. A few rounds of that are
 * enough unless somebody keeps writing to the very same objects.
 *
 * A server that dies may forget the last writes it acknowledged. Then what refers to an object that
 * this cycle made is refused, in every round, until that is made again: so what such an object
 * refers to is looked at, and what is missing joins it. All are decided before the first of them is
 * planned, so that a step waits for the steps it refers to, whatever order they failed in.
 */
#include "dsa/cycle/cycle_priv.h"

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/cycle/outcome.h"
#include "dsa/cycle/planner.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/guid_set.h"

static int
decide_again(struct cycle *c, uint32_t index, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0}, old = {0};
	_cleanup_(entry_free) struct entry *source = NULL, *target = NULL;
	bool found;

	if (cycle_get_decision(c, index, &old, &found, err) < 0)
		return -1;
	if (!found)
		return 0;
	if (world_refresh(c->world, SOURCE, &old.source, NULL, &index, err) < 0 ||
	    world_get(c->world, SOURCE, index, &source, err) < 0)
		return -1;
	if (old.target != WORLD_NONE) {
		if (world_get(c->world, TARGET, old.target, &target, err) < 0 ||
		    world_refresh(c->world, TARGET, &target->guid, NULL, &old.target, err) < 0)
			return -1;
	} else if (*old.target_dn) {
		static const struct guid none;
		uint32_t there = WORLD_NONE;

		/* Something has appeared under the name that was free, perhaps our own work. */
		if (world_find_dn(c->world, TARGET, old.target_dn, &there, err) < 0 ||
		    world_refresh(c->world, TARGET, &none, old.target_dn, &there, err) < 0)
			return -1;
	}
	if (!*source->dn) {
		decision_done(&old);
		return cycle_put_decision(c, index, &old, err);
	}
	if (cycle_decide_one(c, index, source, &d, err) < 0)
		return -1;
	if ((d.state == DECIDE_CREATE || d.state == DECIDE_PROMOTE) &&
	    cycle_choose_names(c, index, source, &d, err) < 0)
		return -1;
	return cycle_put_decision(c, index, &d, err);
}

/* SOURCE left: what is to be done with its counterpart depends on what that is now. */
static int
replan_leaver(struct cycle *c, const struct guid *source, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;
	_cleanup_(entry_free) struct entry *target = NULL;
	uint32_t index = WORLD_NONE;

	if (store_find_guid(c->read, c->run->link_id, SOURCE, source, &r, err) < 0)
		return -1;
	if (!r)
		return 0;
	if (planner_find_target(c, r, &index, &target, err) < 0 ||
	    (target && world_refresh(c->world, TARGET, &target->guid, NULL, &index, err) < 0))
		return -1;
	return cycle_plan_leaver(c, source, err);
}

/* Source entry INDEX could not be planned again: nobody may refer to what was to be created. */
static int
set_aside(struct cycle *c, uint32_t index, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0};
	bool found;

	if (index == WORLD_NONE)
		return 0;
	if (cycle_get_decision(c, index, &d, &found, err) < 0)
		return -1;
	if (!found || d.state == DECIDE_MATCHED)
		return 0;
	d.state = DECIDE_NOTHING;
	return cycle_put_decision(c, index, &d, err);
}

/* Runs ONE for each; moves those that fail to the front. */
static int
for_each(struct cycle *c, struct again *again, size_t n, size_t *ret_failed,
    int (*one)(struct cycle *c, const struct again *a, struct err *err), struct err *err)
{
	for (size_t i = *ret_failed; i < n; i++) {
		struct again failed = again[i];

		if (one(c, &failed, err) == 0)
			continue;
		if (err->scope != ERR_ENTRY)
			return -1;
		err_escape(failed.why, sizeof failed.why, bytes_of(err->text));
		again[i] = again[*ret_failed];
		again[(*ret_failed)++] = failed;
		if (set_aside(c, failed.source, err) < 0)
			return -1;
	}
	return 0;
}

static int
decide_one(struct cycle *c, const struct again *a, struct err *err)
{
	return a->source == WORLD_NONE ? 0 : decide_again(c, a->source, err);
}

static int
plan_one(struct cycle *c, const struct again *a, struct err *err)
{
	return a->source == WORLD_NONE ? replan_leaver(c, &a->left, err)
				       : cycle_plan_object(c, a->source, 0, err);
}

/* The source object DN has a counterpart that this cycle made: is it still there? */
static int
look_at_reference(struct cycle *c, const char *dn, struct guid_set *seen, struct err *err)
{
	static const char *const attrs[] = {"objectGUID", NULL};
	struct dir *d = c->run->dir[TARGET];
	_cleanup_(decision_done) struct decision ref = {0};
	_cleanup_(entry_free) struct entry *e = NULL;
	uint32_t index;
	bool found;
	int news;

	if (world_find_dn(c->world, SOURCE, dn, &index, err) < 0)
		return -1;
	if (index == WORLD_NONE)
		return 0;
	if (cycle_get_decision(c, index, &ref, &found, err) < 0)
		return -1;
	if (!found || (ref.state != DECIDE_CREATE && ref.state != DECIDE_PROMOTE))
		return 0;
	news = guid_set_add(seen, &ref.source);
	if (news <= 0)
		return news < 0 ? err_nomem(err) : 0;
	if (d->ops->read(d, ref.target_dn, attrs, &e, err) < 0)
		return -1;
	return e ? 0
		 : outcome_plan_again(
		       c, index, &ref.source, "the server has forgotten that it was made", err);
}

/* What the objects refer to, and what that refers to, as far as it is missing. */
static int
find_forgotten(struct cycle *c, struct guid_set *seen, struct err *err)
{
	const struct schema *schema = c->run->dir[SOURCE]->ops->schema(c->run->dir[SOURCE]);

	for (size_t i = 0; i < c->n_again; i++) {
		_cleanup_(entry_free) struct entry *e = NULL;

		if (c->again[i].source == WORLD_NONE)
			continue;
		if (world_get(c->world, SOURCE, c->again[i].source, &e, err) < 0)
			return -1;
		for (size_t j = 0; j < e->n_attrs; j++) {
			const struct attr *a = &e->attrs[j];

			if (!schema_is_reference(schema, a->name))
				continue;
			for (size_t k = 0; k < a->n_values; k++)
				if (look_at_reference(c, a->values[k].data, seen, err) < 0)
					return -1;
		}
	}
	return 0;
}

static int
give_up_leaver(
    struct cycle *c, struct store_txn *t, const struct again *a, const char *what, struct err *err)
{
	struct run_event event = {.kind = RUN_REFUSED, .source = &a->left, .side = TARGET};
	_cleanup_(record_free) struct record *r = NULL;

	if (store_find_guid(t, c->run->link_id, SOURCE, &a->left, &r, err) < 0)
		return -1;
	event.dn = r ? r->side[SOURCE].dn : "";
	if (outcome_refuse(c, t, &event, a->why, err) < 0)
		return -1;
	run_event(c->run, &event, "%s: %s; tried again in the next cycle", what, a->why);
	return 0;
}

/* Counted, told, and put down for the next cycle, which may be a delta. */
int
cycle_give_up(
    struct cycle *c, const struct again *failed, size_t n, const char *what, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (n == 0)
		return 0;
	if (store_begin(c->run->store, STORE_WRITE, &t, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		_cleanup_(entry_free) struct entry *e = NULL;
		struct run_event event = {.kind = RUN_REFUSED};

		c->res->failed++;
		if (failed[i].source == WORLD_NONE) {
			if (give_up_leaver(c, t, &failed[i], what, err) < 0)
				return -1;
			continue;
		}
		if (world_get(c->world, SOURCE, failed[i].source, &e, err) < 0)
			return -1;
		event.source = &e->guid;
		event.dn = e->dn;
		if (outcome_refuse(c, t, &event, failed[i].why, err) < 0)
			return -1;
		run_event(
		    c->run, &event, "%s: %s; tried again in the next cycle", what, failed[i].why);
	}
	return store_commit(TAKE(t), err);
}

/* OUs are made once in a cycle. Another server may only not have received them yet. */
static void
forget_ous(struct cycle *c)
{
	struct dir *d = c->run->dir[TARGET];

	if (!c->lost || strcmp(c->start_server, d->ops->info(d)->server) != 0)
		return;
	while (c->n_ous)
		free(c->ous[--c->n_ous]);
}

static int
replan(struct cycle *c, struct again *again, size_t n, struct err *err)
{
	size_t failed = 0;
	int rc;

	if (store_begin(c->run->store, STORE_READ, &c->read, err) < 0)
		return -1;
	world_set_map(c->world, c->read);
	cycle_begin_round(c);
	rc = for_each(c, again, n, &failed, decide_one, err);
	if (rc == 0)
		rc = for_each(c, again, n, &failed, plan_one, err);
	if (rc == 0)
		rc = cycle_limit_round(c, err);
	world_set_map(c->world, NULL);
	store_abort(TAKE(c->read));
	return rc < 0 ? -1
		      : cycle_give_up(c, again, failed,
			    "the directory changed while it was written, and then", err);
}

int
cycle_replan(struct cycle *c, struct err *err)
{
	_cleanup_(guid_set_done) struct guid_set seen = {0};
	_cleanup_(free) struct again *again = NULL;
	size_t n;

	if (c->lost && find_forgotten(c, &seen, err) < 0)
		return -1;
	forget_ous(c);
	again = TAKE(c->again);
	n = c->n_again;
	c->n_again = c->cap_again = 0;
	c->lost = false;
	plan_begin_round(c->plan);
	c->res->drift += n;
	return replan(c, again, n, err);
}
