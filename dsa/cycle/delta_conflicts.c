/* SPDX-License-Identifier: MIT */
/*
 * Which conflicts a delta looks at again.
 *
 * A conflict is about a source object and its candidates: what the match rules found, or what holds
 * an address. It ends, or becomes another one, when one of these changes, or when another source
 * object that wants the same candidate changes. The map knows for every object whose candidate it
 * is, so these are found without a look at the other conflicts:
 *
 *   a source object changed        it is concerned anyway; what shares a candidate with it; whose
 *                                  candidate it is, because it carries an address
 *   a target object changed        whose candidate it is
 *   an object found a counterpart  the objects of which that is a candidate: two that find the same
 *                                  one by soft evidence are both in conflict, so neither may be
 *                                  decided without the other
 *
 * What the map cannot know (a new object that a rule would find too, a name that has become free, a
 * CSV file, another attribute for the stamp) is found by going round: each delta with changes looks
 * at a few of the other conflicts, from where the last one ended.
 */
#include <string.h>

#include "dsa/cycle/delta.h"

/* Of the other conflicts, how many a delta looks at. */
#define AT_ONCE 100

struct taking {
	struct delta *x;
	size_t max; /* as many concerned are enough */
};

static int
take_involved(const struct guid *source, void *arg, struct err *err)
{
	struct taking *w = arg;

	if (w->x->concerned.n >= w->max)
		return 1;
	return delta_concern(w->x, source, err);
}

/* The objects of which G is a candidate. */
static int
add_involved(struct delta *x, const struct guid *g, size_t max, struct err *err)
{
	struct taking w = {.x = x, .max = max};

	return store_each_involved(x->c->run->map, x->c->run->link_id, g, take_involved, &w, err);
}

/* What shares a candidate with SOURCE. */
static int
add_sharers(struct delta *x, const struct guid *source, struct err *err)
{
	_cleanup_(conflict_done) struct conflict known = {.reason = CONFLICT_AMBIGUOUS};
	bool found;

	if (store_find_conflict(x->c->run->map, x->c->run->link_id, source, &known, &found, err) <
	    0)
		return -1;
	for (size_t i = 0; i < known.n_candidates; i++)
		if (add_involved(x, &known.candidate_guids[i], DELTA_MANY, err) < 0)
			return -1;
	return 0;
}

struct round {
	struct delta *x;
	size_t left; /* to be taken */
	bool more;   /* there are others behind the last one that was taken */
};

static int
take_other(const struct guid *source, void *arg, struct err *err)
{
	struct round *w = arg;
	struct delta *x = w->x;

	w->more = w->left == 0;
	if (w->more)
		return 1;
	x->conflict_place = *source;
	if (guid_set_has(&x->known, source))
		return 0;
	w->left--;
	return delta_concern(x, source, err);
}

/* The next ones of those that no change leads to. */
static int
add_others(struct delta *x, struct err *err)
{
	struct round w = {.x = x, .left = AT_ONCE};
	struct cycle *c = x->c;
	struct guid place;

	if (store_get_conflict_place(c->run->map, c->run->link_id, &place, err) < 0 ||
	    store_each_conflict_after(c->run->map, c->run->link_id, &place, take_other, &w, err) <
		0)
		return -1;
	/* Where all are taken it does not matter where the next one begins. */
	if (!w.more)
		x->conflict_place = place;
	return 0;
}

int
delta_add_conflicts(struct delta *x, bool anything, struct err *err)
{
	size_t n = x->concerned.n;

	for (size_t i = 0; i < x->changed[TARGET].n; i++)
		if (add_involved(x, &x->changed[TARGET].v[i], DELTA_MANY, err) < 0)
			return -1;
	for (size_t i = 0; i < n; i++) {
		struct guid g = x->concerned.v[i];

		if (add_involved(x, &g, DELTA_MANY, err) < 0 || add_sharers(x, &g, err) < 0)
			return -1;
	}
	return anything ? add_others(x, err) : 0;
}

int
delta_add_rivals(struct delta *x, const struct decision *d, struct err *err)
{
	_cleanup_(entry_free) struct entry *target = NULL;

	if (d->target == WORLD_NONE || d->rule == MATCH_RECORD || d->rule == MATCH_STAMP)
		return 0;
	if (world_get(x->c->world, TARGET, d->target, &target, err) < 0)
		return -1;
	return add_involved(x, &target->guid, SIZE_MAX, err);
}
