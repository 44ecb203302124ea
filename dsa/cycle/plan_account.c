/* SPDX-License-Identifier: MIT */
/*
 * Account names (account_name.h) that a row of the configuration keeps, and that change hands.
 *
 *   another object of the target that has the name is    the counterpart
 *   a counterpart whose own step gives it another one    waits for that step, and needs its success
 *   a counterpart to which its source gives another      has one of its own for a moment, and gets
 *     one, but that waits itself, as in a ring           the name in a later round of the cycle
 *   anything else                                        is refused by the directory, and told
 */
#include "dsa/base/str.h"
#include "dsa/cycle/decide.h"
#include "dsa/cycle/planning.h"
#include "dsa/rules/account_name.h"

/* One account name that P's counterpart is to get. */
struct naming {
	struct planning *p;
	const char *attr;
	unsigned key; /* enum match_key */
	char *value;
	uint32_t holder, owner; /* what has it in the target, and whose counterpart that is */
};

static bool
adds(const struct mod *m, const char *attr)
{
	return m->op == MOD_ADD && m->n_values == 1 && str_equal_nocase(m->attr, attr);
}

/* What CHANGE makes ATTR; caller frees. *RET NULL: nothing. */
static int
new_value(struct planning *p, const struct change *change, const char *attr, char **ret)
{
	*ret = NULL;
	for (size_t i = 0; i < change->n_mods; i++)
		if (adds(&change->mods[i], attr) && !(*ret = bytes_dup(change->mods[i].values[0])))
			return err_nomem(p->err);
	return 0;
}

static int
take_first(struct world_hit *hit, void *arg, struct err *err)
{
	(void)err;
	*(uint32_t *)arg = hit->index;
	return 1;
}

static int
find_holder(struct naming *n)
{
	struct planning *p = n->p;
	struct world_query q = world_query_entries(TARGET, n->key, bytes_of(n->value));

	q.but_entry = p->d->target;
	n->holder = n->owner = WORLD_NONE;
	if (world_find_each(p->c->world, &q, take_first, &n->holder, p->err) < 0)
		return -1;
	return n->holder == WORLD_NONE ? 0 : plan_owner_of(p->c, n->holder, &n->owner, p->err);
}

/* Does the source of the holder give that another name? */
static int
gives_up(struct naming *n, const struct decision *d, bool *ret)
{
	struct planning *p = n->p;
	_cleanup_(entry_free) struct entry *source = NULL;
	_cleanup_(free) char *given = NULL;

	if (world_get(p->c->world, SOURCE, n->owner, &source, p->err) < 0 ||
	    account_name_given(p->c->run->link, d->kind, source, n->attr, &given, p->err) < 0)
		return -1;
	*ret = given && !str_equal_nocase(given, n->value);
	return 0;
}

/* The step of the holder's owner, if it is planned in this round, is needed: 1. */
static int
wait_for_owner(struct naming *n, const struct decision *d)
{
	struct planning *p = n->p;
	_cleanup_(plan_step_free) struct plan_step *s = NULL;

	if (d->step >= DECISION_NO_STEP)
		return 0;
	if (plan_find(p->c->plan, PLAN_OBJECTS, d->step, &s, p->err) < 0)
		return -1;
	for (size_t i = 0; s && s->counts == 0 && i < s->n_changes; i++) {
		const struct change *c = s->changes[i].change;

		for (size_t j = 0; s->changes[i].side == TARGET && j < c->n_mods; j++)
			if (adds(&c->mods[j], n->attr))
				return plan_step_need(p->step, d->step);
	}
	return 0;
}

/* 1: it is waited for; 2: P's counterpart has another name meanwhile; 0: neither. */
static int
ask_owner(struct naming *n)
{
	struct planning *p = n->p;
	_cleanup_(decision_done) struct decision d = {0};
	bool found, up = false;
	int rc;

	if (!plan_is_on_stack(p, n->owner) && plan_referred(p, n->owner) < 0)
		return -1;
	if (cycle_get_decision(p->c, n->owner, &d, &found, p->err) < 0 ||
	    (found && gives_up(n, &d, &up) < 0))
		return -1;
	if (!up)
		return 0;
	rc = wait_for_owner(n, &d);
	if (rc)
		return rc;
	rc = plan_later(p, "an account name", n->owner);
	return rc > 0 ? 2 : rc;
}

/* CHANGE and WANT have another name for now. */
static int
put_between(struct naming *n, struct entry *want, const struct entry *target, struct change *change)
{
	struct planning *p = n->p;
	_cleanup_(free) char *name = account_name_between(n->attr, n->value, &target->guid);
	_cleanup_(change_free) struct change *own =
	    change_new(CHANGE_MODIFY, target->dn, &target->guid);

	if (!name || !own || change_move(change, n->attr, own) < 0 ||
	    entry_set_str(want, n->attr, name) < 0)
		return err_nomem(p->err);
	for (size_t i = 0; i < own->n_mods; i++) {
		const struct mod *m = &own->mods[i];

		for (size_t j = 0; j < m->n_values; j++)
			if (change_mod(change, m->op, n->attr,
				m->op == MOD_ADD ? bytes_of(name) : m->values[j]) < 0)
				return err_nomem(p->err);
	}
	return 0;
}

static int
plan_one(struct naming *n, struct entry *want, const struct entry *target, struct change *change)
{
	int rc;

	if (find_holder(n) < 0)
		return -1;
	if (n->owner == WORLD_NONE || n->owner == n->p->index)
		return 0;
	rc = ask_owner(n);
	if (rc < 0)
		return -1;
	return rc == 2 ? put_between(n, want, target, change) : 0;
}

int
plan_account_names(
    struct planning *p, struct entry *want, const struct entry *target, struct change *change)
{
	struct naming names[] = {{.p = p, .attr = "sAMAccountName", .key = MATCH_KEY_SAM},
	    {.p = p, .attr = "userPrincipalName", .key = MATCH_KEY_UPN}};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct naming *n = &names[i];
		int rc = new_value(p, change, n->attr, &n->value);

		if (rc == 0 && n->value)
			rc = plan_one(n, want, target, change);
		free(n->value);
		if (rc < 0)
			return -1;
	}
	return 0;
}
