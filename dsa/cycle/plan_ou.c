/* SPDX-License-Identifier: MIT */
/* OUs of the target that are to be made. */
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
