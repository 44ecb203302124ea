/* SPDX-License-Identifier: MIT */
/* OUs of the target that are to be made, and names below them. */
#include "dsa/cycle/planning.h"

#include "dsa/base/str.h"
#include "dsa/directory/dn.h"

static int
plan_ou(struct cycle *c, const char *ou, struct err *err)
{
	static const struct guid none;
	_cleanup_(plan_step_free) struct plan_step *s = plan_step_new(WORLD_NONE, &none);
	_cleanup_(change_free) struct change *add = change_new(CHANGE_ADD, ou, NULL);

	if (!s || !add || !(add->entry = entry_new(ou)) ||
	    entry_add_str(add->entry, "objectClass", "organizationalUnit") < 0)
		return err_nomem(err);
	s->phase = PLAN_OUS;
	if (plan_step_add(s, TARGET, TAKE(add), NULL, "organizational unit", err) < 0)
		return -1;
	return plan_put_step(c, s, err);
}

int
plan_ensure_ou(struct cycle *c, const char *ou, struct err *err)
{
	const char *domain = c->run->dir[TARGET]->ops->info(c->run->dir[TARGET])->domain_dn;
	_cleanup_(free) char *norm = dn_normalize(ou, err);
	enum world_ou known;

	if (!norm)
		return -1;
	if (!dn_is_under(norm, domain))
		return err_data(err, "'%s' lies outside the domain '%s'", ou, domain);
	if (world_find_ou(c->world, norm, &known, err) < 0)
		return -1;
	if (known != WORLD_OU_MISSING)
		return 0;
	if (!str_starts_nocase(norm, "ou="))
		return err_data(err, "'%s' does not exist, and only an OU can be created", ou);
	if (plan_ensure_ou(c, dn_parent(ou), err) < 0 || plan_ou(c, ou, err) < 0)
		return -1;
	return world_add_ou(c->world, norm, err);
}

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

int
plan_choose_rdn(const struct planning *p, const char *parent, struct names *ret)
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
