/* SPDX-License-Identifier: MIT */
/*
 * The name of a counterpart: its source's, or one with a number while another object has that.
 *
 *   its own name is                                 it gets
 *   free, or its own already                        it
 *   that of a counterpart which is renamed in this  one with a number, and its own in a later round
 *   cycle, as where two exchange their names        of the cycle
 *   anything else's                                 one with a number, and keeps it
 */
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/cycle/plan.h"
#include "dsa/cycle/planning.h"
#include "dsa/directory/dn.h"

struct rdn_taking {
	const struct planning *p;
	bool failed;
};

static int
take_any(struct world_hit *hit, void *arg, struct err *err)
{
	(void)hit;
	(void)err;
	*(bool *)arg = true;
	return 1;
}

static bool
rdn_taken(enum match_key key, const char *value, void *arg)
{
	struct rdn_taking *t = arg;
	struct world_query q = world_query(TARGET, key, bytes_of(value));
	bool taken = false;

	/* What it is called now is its own: only its spelling may change. */
	q.but_entry = t->p->d->target;
	q.but_claim = t->p->index;
	t->failed |= world_find_each(t->p->c->world, &q, take_any, &taken, t->p->err) < 0;
	return taken;
}

/* A free RDN for P's counterpart in PARENT: its present one, in whatever spelling, is free for it.
 * Only ret->rdn_value and ret->dn are set. */
static int
choose_free(const struct planning *p, const char *parent, struct names *ret)
{
	struct rdn_taking t = {.p = p};
	const struct names_in in = {p->in.link, SHAPE_CONTACT, p->in.source, parent};
	_cleanup_(free) char *key = NULL;

	if (names_choose(&in, rdn_taken, &t, ret, p->err) < 0)
		return -1;
	if (t.failed)
		return -1;
	key = names_key(parent, ret->rdn_value);
	if (!key)
		return err_nomem(p->err);
	return world_claim(p->c->world, TARGET, MATCH_KEY_NAME, bytes_of(key), p->index, p->err);
}

static int
take_first(struct world_hit *hit, void *arg, struct err *err)
{
	(void)err;
	*(uint32_t *)arg = hit->index;
	return 1;
}

/* Its own name, OWN, is another counterpart's in PARENT still: the source entry of that, which is
 * called otherwise now; or WORLD_NONE. */
static int
find_former(struct planning *p, const char *parent, const char *own, uint32_t *ret)
{
	_cleanup_(free) char *key = names_key(parent, own);
	struct world_query q =
	    world_query_entries(TARGET, MATCH_KEY_NAME, bytes_of(key ? key : ""));
	_cleanup_(entry_free) struct entry *source = NULL;
	uint32_t holder = WORLD_NONE, owner = WORLD_NONE;

	*ret = WORLD_NONE;
	q.but_entry = p->d->target;
	if (!key)
		return err_nomem(p->err);
	if (world_find_each(p->c->world, &q, take_first, &holder, p->err) < 0 ||
	    (holder != WORLD_NONE && plan_owner_of(p->c, holder, &owner, p->err) < 0))
		return -1;
	if (owner == WORLD_NONE)
		return 0;
	if (world_get(p->c->world, SOURCE, owner, &source, p->err) < 0)
		return -1;
	if (!names_acceptable(source, own))
		*ret = owner;
	return 0;
}

/* The name that P's counterpart is to have in PARENT. If its own is given up in this cycle, it gets
 * that behind it. */
static int
choose_name(struct planning *p, const char *parent, struct names *ret)
{
	_cleanup_(free) char *own = dn_rdn_value(p->in.source->dn, p->err);
	uint32_t former;

	if (!own || find_former(p, parent, own, &former) < 0 || choose_free(p, parent, ret) < 0)
		return -1;
	return former != WORLD_NONE && plan_later(p, "a name", former) < 0 ? -1 : 0;
}

int
plan_rename(struct planning *p, const struct entry *target)
{
	_cleanup_(free) char *now = dn_rdn_value(target->dn, p->err), *escaped = NULL;
	_cleanup_(names_done) struct names n = {0};
	struct change *rename;

	if (!now)
		return -1;
	/* A numbered name is one. But where others have just let go of theirs, its own may be free.
	 */
	if (!p->d->created || (names_acceptable(p->in.source, now) && !plan_round(p->c->plan)))
		return 0;
	if (choose_name(p, dn_parent(target->dn), &n) < 0)
		return -1;
	if (strcmp(n.rdn_value, now) == 0)
		return 0;
	rename = change_new(CHANGE_RENAME, target->dn, &target->guid);
	escaped = dn_escape_value(n.rdn_value);
	if (!rename || !escaped || !(rename->new_rdn = str_printf("CN=%s", escaped))) {
		change_free(rename);
		return err_nomem(p->err);
	}
	return plan_step_add(p->step, TARGET, rename, target, "rename", p->err);
}
