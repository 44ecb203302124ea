/* SPDX-License-Identifier: MIT */
#include "dsa/sync/planner.h"

#include <string.h>
#include <time.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "redirect/address.h"

/* Steps sort by round, phase, and order of planning. */
uint64_t
planner_step_key(unsigned round, enum plan_phase phase, uint64_t number)
{
	return (uint64_t)round << 56 | (uint64_t)phase << 48 | number;
}

int
planner_put_step(struct cycle *c, struct plan_step *s, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};

	s->number = c->plan_next++;
	/* One at a time: an OU before the OU below it. */
	if (s->phase == PLAN_OUS)
		s->after = s->number;
	plan_step_encode(s, &b);
	if (b.failed)
		return err_nomem(err);
	c->res->changes += s->n_changes;
	return workset_put_blob(c->ws[SOURCE], WORKSET_PLAN,
	    planner_step_key(c->round, s->phase, s->number), buf_bytes(&b), err);
}

static int
remember_ou(struct cycle *c, char *norm, struct err *err)
{
	if (c->n_ous == c->cap_ous) {
		size_t cap = c->cap_ous ? c->cap_ous * 2 : 16;
		char **ous = realloc(c->ous, cap * sizeof *ous);

		if (!ous) {
			free(norm);
			return err_nomem(err);
		}
		c->ous = ous;
		c->cap_ous = cap;
	}
	c->ous[c->n_ous++] = norm;
	return 0;
}

static int
plan_ou(struct cycle *c, const char *ou, struct err *err)
{
	static const struct guid none;
	_cleanup_(plan_step_free) struct plan_step *s = plan_step_new(DECISION_NO_TARGET, &none);
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
	static const char *const attrs[] = {"objectClass", NULL};
	_cleanup_(free) char *norm = dn_normalize(ou, err);
	_cleanup_(entry_free) struct entry *e = NULL;
	struct dir *d = c->dir[TARGET];

	if (!norm)
		return -1;
	for (size_t i = 0; i < c->n_ous; i++)
		if (strcmp(c->ous[i], norm) == 0)
			return 0;
	if (!dn_is_under(norm, d->ops->info(d)->domain_dn))
		return err_data(
		    err, "'%s' lies outside the domain '%s'", ou, d->ops->info(d)->domain_dn);
	if (d->ops->read(d, ou, attrs, &e, err) < 0)
		return -1;
	if (!e) {
		if (!str_starts_nocase(norm, "ou="))
			return err_data(
			    err, "'%s' does not exist, and only an OU can be created", ou);
		if (planner_ensure_ou(c, dn_parent(ou), err) < 0 || plan_ou(c, ou, err) < 0)
			return -1;
	}
	return remember_ou(c, TAKE(norm), err);
}

struct rdn_taking {
	struct cycle *c;
	uint32_t self;
	struct err *err;
	bool failed;
};

static bool
rdn_taken(enum match_key key, const char *value, void *arg)
{
	struct rdn_taking *t = arg;
	uint32_t hits[2];
	size_t n = 0;

	if (workset_find(
		t->c->ws[TARGET], match_key_hash(key, bytes_of(value)), hits, 2, &n, t->err) < 0)
		t->failed = true;
	return n > 1 || (n == 1 && hits[0] != (CLAIM_BIT | t->self));
}

int
planner_choose_rdn(struct cycle *c, uint32_t index, const struct entry *source, const char *parent,
    struct names *ret, struct err *err)
{
	struct rdn_taking t = {.c = c, .self = index, .err = err};
	_cleanup_(free) char *key = NULL;

	if (names_choose(c->link, SHAPE_CONTACT, source, parent, rdn_taken, &t, ret, err) < 0)
		return -1;
	if (t.failed)
		return -1;
	key = names_key(parent, ret->rdn_value);
	if (!key)
		return err_nomem(err);
	return workset_add_key(
	    c->ws[TARGET], match_key_hash(MATCH_KEY_NAME, bytes_of(key)), CLAIM_BIT | index, err);
}

static int
dup_record(const struct record *r, struct record **ret, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};

	record_encode(r, &b);
	return b.failed ? err_nomem(err) : record_decode(buf_bytes(&b), r->id, ret, err);
}

int
planner_get_record(struct cycle *c, const struct entry *source, struct record **ret_old,
    struct record **ret, struct err *err)
{
	_cleanup_(record_free) struct record *old = NULL;

	if (c->read && store_find_guid(c->read, c->link_id, SOURCE, &source->guid, &old, err) < 0)
		return -1;
	if (old) {
		if (dup_record(old, ret, err) < 0)
			return -1;
	} else if (!(*ret = record_new())) {
		return err_nomem(err);
	}
	*ret_old = TAKE(old);
	return 0;
}

static int
fill_side(struct record_side *s, const struct entry *e)
{
	struct bytes sid = entry_get(e, "objectSid");
	const char *legacy = entry_get_str(e, "legacyExchangeDN");

	s->guid = e->guid;
	if (record_set_str(&s->dn, e->dn) < 0 || (sid.data && record_set_sid(s, sid) < 0))
		return -1;
	return legacy ? record_add_legacy_dn(s, legacy) : 0;
}

static int
add_smtp(struct record *r, const struct entry *e)
{
	const struct attr *a = e ? entry_find(e, "proxyAddresses") : NULL;

	for (size_t i = 0; a && i < a->n_values; i++)
		if (address_is_smtp(a->values[i]) &&
		    record_add_address(r, address_value(a->values[i]).data) < 0)
			return -1;
	return 0;
}

/* Both redirect addresses belong to the correspondence from the start. */
static int
add_redirects(const struct project_in *in, struct record *r, struct err *err)
{
	for (int side = SOURCE; in->redirects && side < SIDES; side++) {
		_cleanup_(free) char *address = NULL;

		if (side == TARGET && in->shape != SHAPE_MAILBOX && in->shape != SHAPE_MAIL_USER)
			continue;
		if (project_redirect_address(in->link, (enum side)side, in->source, &address, err) <
		    0)
			return -1;
		if (address && record_add_address(r, address) < 0)
			return err_nomem(err);
	}
	return 0;
}

static int
fill_addresses(const struct project_in *in, struct record *r, struct err *err)
{
	const char *primary = address_primary(in->source);

	record_clear_addresses(r);
	if ((primary && record_add_address(r, primary) < 0) || add_smtp(r, in->source) < 0 ||
	    add_smtp(r, in->target) < 0)
		return err_nomem(err);
	if (add_redirects(in, r, err) < 0)
		return -1;
	record_sort_addresses(r);
	return 0;
}

/* Exchange has finished a mailbox once Update-Recipient put it into the address lists. */
static enum record_state
state_of(const struct project_in *in, const struct entry *target)
{
	bool finished = target && entry_get(target, "showInAddressBook").data;

	if (in->shape != SHAPE_MAILBOX || !in->created ||
	    entry_get_bool(in->source, "msExchHideFromAddressLists"))
		return RECORD_SYNCED;
	return finished ? RECORD_SYNCED : RECORD_WAITING;
}

int
planner_fill_record(struct cycle *c, const struct project_in *in, const struct decision *d,
    const struct entry *target, const char *problems, struct record *r, struct err *err)
{
	_cleanup_(free) char *legacy = NULL;
	const char *alias = entry_get_str(in->source, "mailNickname");
	bool existing = in->target != NULL;

	r->link = c->link_id;
	r->kind = in->kind;
	r->created = in->created;
	r->active = in->active;
	r->state = state_of(in, in->target);
	if (d->rule != MATCH_RECORD || !r->id)
		r->rule = d->rule;
	if (!r->id)
		r->created_at = clock_realtime_s();
	if ((d->rule != MATCH_RECORD && record_set_str(&r->evidence, d->evidence) < 0) ||
	    record_set_str(&r->alias, alias ? alias : "") < 0 ||
	    record_set_str(&r->last_error, problems ? problems : "") < 0 ||
	    fill_side(&r->side[SOURCE], in->source) < 0)
		return err_nomem(err);
	if (existing) {
		if (fill_side(&r->side[TARGET], target) < 0)
			return err_nomem(err);
	} else if (record_set_str(&r->side[TARGET].dn, d->target_dn) < 0) {
		return err_nomem(err);
	}
	if (!existing || !entry_get(target, "legacyExchangeDN").data) {
		legacy = project_legacy_dn(in->link, in->source);
		if (!legacy || record_add_legacy_dn(&r->side[TARGET], legacy) < 0)
			return err_nomem(err);
	}
	if (!existing)
		r->side[TARGET].guid = (struct guid){{0}};
	return fill_addresses(in, r, err);
}

bool
planner_same_record(const struct record *x, const struct record *y)
{
	_cleanup_(buf_done) struct buf p = {0}, q = {0};

	record_encode(x, &p);
	record_encode(y, &q);
	return !p.failed && !q.failed && bytes_equal(buf_bytes(&p), buf_bytes(&q));
}
