/* SPDX-License-Identifier: MIT */
/*
 * The contacts that give way to an object being planned (dsa/rules/heir.h). What they hold is left
 * out of its plan, and is no conflict: it is moved when the plan was carried out (heirs.h).
 */
#include "dsa/cycle/planning.h"

#include "dsa/cycle/heirs.h"
#include "dsa/directory/kind.h"
#include "dsa/rules/heir.h"

/* Has P's object a counterpart that a contact in the target can give way to? */
static bool
has_heir(const struct planning *p)
{
	return p->d->state == DECIDE_PROMOTE ||
	       (p->in.target && kind_of(p->in.target) != KIND_CONTACT);
}

static bool
gives_way(const struct planning *p, enum side side, uint32_t index, const struct entry *e)
{
	const struct conf_link *link = p->in.link;

	if (link->forth || (p->d->state != DECIDE_MATCHED && p->d->state != DECIDE_PROMOTE))
		return false;
	if (side == SOURCE)
		return p->in.target && index != p->index &&
		       heir_is_return_contact(link, e, &p->in.target->guid);
	if (p->d->state == DECIDE_PROMOTE && index == p->d->target)
		return true;
	return has_heir(p) && index != p->d->target &&
	       heir_is_leftover(link, e, &p->in.source->guid);
}

int
plan_gives_way(struct planning *p, enum side side, uint32_t index, const struct entry *e)
{
	if (!gives_way(p, side, index, e))
		return 0;
	p->inherits[side] = true;
	return heirs_add(p->c, p->index, side, e, p->err) < 0 ? -1 : 1;
}

struct looking {
	struct planning *p;
	enum side side;
};

static int
look_at(struct world_hit *hit, void *arg, struct err *err)
{
	const struct looking *l = arg;

	(void)err;
	return plan_gives_way(l->p, l->side, hit->index, hit->entry) < 0 ? -1 : 0;
}

static int
look(struct planning *p, enum side side, unsigned key, const struct guid *g)
{
	struct looking l = {p, side};
	struct world_query q = world_query_entries(side, key, guid_bytes(g));

	q.by_all_means = true;
	if (side == TARGET && p->d->state == DECIDE_MATCHED)
		q.but_entry = p->d->target;
	return world_find_each(p->c->world, &q, look_at, &l, p->err) < 0 ? -1 : 0;
}

/* A hand-over was under way, or refused: the map remembers which contact it was about. */
static int
look_for_begun(struct planning *p)
{
	const struct run *run = p->c->run;
	struct store_retry retry = {.attempts = 0};
	struct guid contact;
	bool found = false, named;

	if (!run->is_delta || !run->map)
		return 0;
	if (store_find_retry(run->map, run->link_id, &p->in.source->guid, &retry, &found, p->err) <
	    0)
		return -1;
	named = found && heirs_names_contact(retry.why, &contact);
	store_retry_done(&retry);
	if (!named)
		return 0;
	return look(p, TARGET, MATCH_KEY_GUID, &contact) < 0
		   ? -1
		   : look(p, SOURCE, MATCH_KEY_GUID, &contact);
}

/* A delta has not read the return contact of the counterpart; the map knows it. */
static int
look_for_recorded(struct planning *p)
{
	const struct run *run = p->c->run;
	_cleanup_(record_free) struct record *r = NULL;
	uint32_t id = 0;

	if (!run->is_delta || !run->map)
		return 0;
	if (store_link_id(run->map, p->in.link->back->name, &id, p->err) < 0)
		return -1;
	if (!id)
		return 0;
	if (store_find_guid(run->map, id, SOURCE, &p->in.target->guid, &r, p->err) < 0)
		return -1;
	return r && !guid_is_zero(&r->side[TARGET].guid)
		   ? look(p, SOURCE, MATCH_KEY_GUID, &r->side[TARGET].guid)
		   : 0;
}

int
plan_find_heirs(struct planning *p)
{
	if (p->in.link->forth || !p->in.target)
		return 0;
	if (has_heir(p) && look(p, TARGET, MATCH_KEY_STAMP, &p->in.source->guid) < 0)
		return -1;
	if (look_for_begun(p) < 0)
		return -1;
	if (!p->in.link->back)
		return 0;
	return look(p, SOURCE, MATCH_KEY_STAMP, &p->in.target->guid) < 0 ? -1
									 : look_for_recorded(p);
}
