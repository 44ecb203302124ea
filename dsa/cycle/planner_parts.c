/* SPDX-License-Identifier: MIT */
#include "dsa/cycle/planner.h"

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/cycle/decide.h"
#include "dsa/cycle/records.h"
#include "dsa/directory/dn.h"
#include "dsa/rules/identity.h"
#include "dsa/rules/leaving.h"
#include "redirect/address.h"

int
planner_put_step(struct cycle *c, struct plan_step *s, struct err *err)
{
	c->res->changes += s->n_changes;
	return plan_put(c->plan, s, err);
}

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
	return planner_put_step(c, s, err);
}

int
planner_ensure_ou(struct cycle *c, const char *ou, struct err *err)
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
	if (planner_ensure_ou(c, dn_parent(ou), err) < 0 || plan_ou(c, ou, err) < 0)
		return -1;
	return world_add_ou(c->world, norm, err);
}

struct rdn_taking {
	struct cycle *c;
	uint32_t self;
	struct err *err;
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

	q.but_claim = t->self;
	t->failed |= world_find_each(t->c->world, &q, take_any, &taken, t->err) < 0;
	return taken;
}

int
planner_choose_rdn(struct cycle *c, uint32_t index, const struct entry *source, const char *parent,
    struct names *ret, struct err *err)
{
	struct rdn_taking t = {.c = c, .self = index, .err = err};
	_cleanup_(free) char *key = NULL;

	if (names_choose(c->run->link, SHAPE_CONTACT, source, parent, rdn_taken, &t, ret, err) < 0)
		return -1;
	if (t.failed)
		return -1;
	key = names_key(parent, ret->rdn_value);
	if (!key)
		return err_nomem(err);
	return world_claim(c->world, TARGET, MATCH_KEY_NAME, bytes_of(key), index, err);
}

int
planner_get_record(struct cycle *c, const struct entry *source, struct record **ret_old,
    struct record **ret, struct err *err)
{
	_cleanup_(record_free) struct record *old = NULL;

	if (c->run->map &&
	    store_find_guid(c->run->map, c->run->link_id, SOURCE, &source->guid, &old, err) < 0)
		return -1;
	if (old) {
		if (record_dup(old, ret, err) < 0)
			return -1;
	} else if (!(*ret = record_new())) {
		return err_nomem(err);
	}
	*ret_old = TAKE(old);
	return 0;
}

/* ---- who is recorded ---- */

struct recorded {
	const struct cycle *c;
	const struct record *r;
	uint32_t index;
	struct entry *entry;
};

static int
take_recorded(struct world_hit *hit, void *arg, struct err *err)
{
	struct recorded *w = arg;

	(void)err;
	if (!identity_is_recorded(w->r, hit->entry, w->c->run->link->target->stamp_attribute))
		return 0;
	w->index = hit->index;
	w->entry = TAKE(hit->entry);
	return 1;
}

int
planner_find_target(struct cycle *c, const struct record *r, uint32_t *ret_index,
    struct entry **ret, struct err *err)
{
	const struct record_side *side = &r->side[TARGET];
	bool known = !guid_is_zero(&side->guid);
	const struct world_query q =
	    world_query_entries(TARGET, known ? MATCH_KEY_GUID : MATCH_KEY_STAMP,
		guid_bytes(known ? &side->guid : &r->side[SOURCE].guid));
	struct recorded w = {.c = c, .r = r, .index = WORLD_NONE};

	/* What carries the stamp is not searched, but it has that name. */
	if (!known && world_find_dn(c->world, TARGET, side->dn, ret_index, err) < 0)
		return -1;
	if (world_find_each(c->world, &q, take_recorded, &w, err) < 0)
		return -1;
	*ret_index = w.index;
	*ret = w.entry;
	return 0;
}

/* The source entry that has target entry INDEX as its counterpart in this cycle, or
 * WORLD_NONE. */
static int
owner_of(struct cycle *c, uint32_t index, uint32_t *ret, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0};
	uint32_t claim = WORLD_NONE;
	bool found = false;

	*ret = WORLD_NONE;
	if (world_get_owner(c->world, index, &claim, err) < 0)
		return -1;
	if (claim != WORLD_NONE && cycle_get_decision(c, claim, &d, &found, err) < 0)
		return -1;
	if (found && decision_has_target(&d) && d.target == index)
		*ret = claim;
	return 0;
}

struct left_named {
	enum side side;
	uint32_t link;
	const char *dn;
	bool found;
};

static int
is_left_named(const struct record *r, void *arg)
{
	struct left_named *w = arg;

	w->found =
	    r->link == w->link && r->state == RECORD_LEFT && dn_equal(r->side[w->side].dn, w->dn);
	return w->found;
}

/* Was DN on SIDE the name of somebody who left? Another may have it now. */
static int
left_with_name(struct cycle *c, enum side side, const char *dn, bool *ret, struct err *err)
{
	struct left_named w = {side, c->run->link_id, dn_strip_extended(dn), false};

	if (store_lookup(c->run->map, KEY_DN, w.dn, is_left_named, &w, err) < 0)
		return -1;
	*ret = w.found;
	return 0;
}

/* The record of a source object that is in the working set, and what was decided about it. */
static int
record_by_index(
    struct cycle *c, uint32_t index, struct record **ret, struct decision *ret_d, struct err *err)
{
	_cleanup_(entry_free) struct entry *e = NULL;
	bool decided;

	if (cycle_get_decision(c, index, ret_d, &decided, err) < 0 ||
	    (!decided && world_get(c->world, SOURCE, index, &e, err) < 0))
		return -1;
	return store_find_guid(
	    c->run->map, c->run->link_id, SOURCE, e ? &e->guid : &ret_d->source, ret, err);
}

/* The record of one that is not: of those who left, many may have had the name. */
static int
record_by_name(struct cycle *c, const char *dn, struct record **ret, struct err *err)
{
	static const char *const attrs[] = {"objectGUID", NULL};
	struct dir *d = c->run->dir[SOURCE];
	_cleanup_(entry_free) struct entry *e = NULL;
	bool left = false;

	if (cycle_record_by_dn(c, SOURCE, dn, ret, err) < 0)
		return -1;
	if (*ret)
		return 0;
	if (left_with_name(c, SOURCE, dn, &left, err) < 0 ||
	    (left && d->ops->read(d, dn_strip_extended(dn), attrs, &e, err) < 0))
		return -1;
	return e ? store_find_guid(c->run->map, c->run->link_id, SOURCE, &e->guid, ret, err) : 0;
}

static bool
is_deleted_when_left(
    const struct conf_link *link, const struct record *r, const struct entry *target)
{
	const struct leaving_facts f = {
	    .action = leaving_action(link, r), .record = r, .target = target};

	return leaving_judge(&f) == LEAVING_DELETE;
}

int
planner_recorded_target(
    struct cycle *c, const char *dn, uint32_t index, char **ret_dn, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;
	_cleanup_(entry_free) struct entry *target = NULL;
	uint32_t at = WORLD_NONE, owner = WORLD_NONE;
	_cleanup_(decision_done) struct decision d = {0};
	bool decided, leaves;

	if (!c->run->map)
		return 0;
	if (index != WORLD_NONE ? record_by_index(c, index, &r, &d, err) < 0
				: record_by_name(c, dn, &r, err) < 0)
		return -1;
	if (!r)
		return 0;
	decided = d.source_dn != NULL;
	/* Most references of a delta are of this sort, and not worth a request each. */
	if (c->run->is_delta && !decided && r->state != RECORD_LEFT &&
	    !guid_is_zero(&r->side[TARGET].guid)) {
		*ret_dn = strdup(r->side[TARGET].dn);
		return *ret_dn ? 1 : err_nomem(err);
	}
	if (planner_find_target(c, r, &at, &target, err) < 0)
		return -1;
	if (!target)
		return 0;
	if (owner_of(c, at, &owner, err) < 0)
		return -1;
	if (owner != WORLD_NONE && owner != index)
		return 0;
	leaves = decided && d.verdict != SCOPE_IN && is_deleted_when_left(c->run->link, r, target);
	*ret_dn = strdup(target->dn);
	return !*ret_dn ? err_nomem(err) : leaves ? 2 : 1;
}

static int
judge_ours(struct cycle *c, const char *dn, bool *ret, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;
	_cleanup_(entry_free) struct entry *e = NULL;
	uint32_t index = WORLD_NONE, owner = WORLD_NONE;

	*ret = false;
	if (c->run->is_delta) {
		if (cycle_record_by_dn(c, TARGET, dn, &r, err) < 0)
			return -1;
		*ret = r != NULL;
		if (r)
			return 0;
		if (!c->run->map || left_with_name(c, TARGET, dn, ret, err) < 0 || !*ret)
			return -1;
		*ret = false;
	}
	if (world_find_dn(c->world, TARGET, dn, &index, err) < 0 || index == WORLD_NONE ||
	    owner_of(c, index, &owner, err) < 0)
		return -1;
	*ret = owner != WORLD_NONE;
	if (*ret || !c->run->map)
		return 0;
	if (world_get(c->world, TARGET, index, &e, err) < 0 ||
	    store_find_guid(c->run->map, c->run->link_id, TARGET, &e->guid, &r, err) < 0)
		return -1;
	*ret = r && identity_is_recorded(r, e, c->run->link->target->stamp_attribute);
	return 0;
}

bool
planner_is_ours(struct cycle *c, const char *dn)
{
	struct err ignored;
	bool ours;

	return judge_ours(c, dn, &ours, &ignored) == 0 && ours;
}

/* ---- entries ---- */

int
planner_remove_value(struct entry *e, const char *attr, struct bytes v, struct err *err)
{
	_cleanup_(entry_free) struct entry *old = entry_dup(e);
	const struct attr *a = old ? entry_find(old, attr) : NULL;

	entry_remove(e, attr);
	if (!old || entry_touch(e, attr) < 0)
		return err_nomem(err);
	for (size_t i = 0; a && i < a->n_values; i++)
		if (!bytes_equal(a->values[i], v) && entry_add(e, attr, a->values[i]) < 0)
			return err_nomem(err);
	return 0;
}

int
planner_inherit_x500(
    struct entry *want, const struct entry *contact, const char *own, struct err *err)
{
	_cleanup_(address_list_done) struct address_list list = {0};
	const char *legacy = entry_get_str(contact, "legacyExchangeDN");
	const struct attr *a = entry_find(contact, "proxyAddresses");
	bool bad = legacy && address_list_addf(&list, "X500:%s", legacy) < 0;

	for (size_t i = 0; a && i < a->n_values; i++)
		bad |= address_is_x500(a->values[i]) && address_list_add(&list, a->values[i]) < 0;
	for (size_t i = 0; !bad && i < list.n; i++) {
		const struct attr *w = entry_find(want, "proxyAddresses");
		struct bytes v = list.values[i];

		if (!(w && attr_has(w, v, true)) &&
		    !(own && bytes_equal_nocase(address_value(v), bytes_of(own))))
			bad = entry_add(want, "proxyAddresses", v) < 0;
	}
	return bad ? err_nomem(err) : 0;
}

int
planner_entry_of_want(const struct entry *want, const char *dn, struct entry **ret, struct err *err)
{
	_cleanup_(entry_free) struct entry *e = entry_new(dn);

	if (!e)
		return err_nomem(err);
	for (size_t i = 0; i < want->n_attrs; i++)
		for (size_t j = 0; j < want->attrs[i].n_values; j++)
			if (entry_add(e, want->attrs[i].name, want->attrs[i].values[j]) < 0)
				return err_nomem(err);
	*ret = TAKE(e);
	return 0;
}

const char *
planner_lost_mail(
    const struct project_in *in, const struct record *record, const struct change *change)
{
	const char *mail = entry_get_str(in->target, "mail");
	const char *at = mail ? strrchr(mail, '@') : NULL;
	_cleanup_(free) char *local = at ? strndup(mail, (size_t)(at - mail)) : NULL;
	bool overwritten = false;

	for (size_t i = 0; i < change->n_mods; i++)
		overwritten |=
		    change->mods[i].op == MOD_DELETE && strcmp(change->mods[i].attr, "mail") == 0;
	if (!overwritten || in->created || !local || !at[1] || !address_local_ok(local) ||
	    record_was_put(record, record_put_hash("mail", bytes_of(mail))))
		return NULL;
	return mail;
}
