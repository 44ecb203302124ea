/* SPDX-License-Identifier: MIT */
#include "dsa/rules/record_fill.h"

#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "redirect/address.h"

int
record_forget_other(const struct project_in *in, struct record *r)
{
	const struct guid *was = &r->side[TARGET].guid;

	if (!r->id || !in->target || guid_equal(was, &in->target->guid) ||
	    (guid_is_zero(was) && in->created))
		return 0;
	r->synced_at = 0;
	return record_set_written(r, TARGET, NULL, 0);
}

int
record_fill_side(struct record_side *s, const struct entry *e)
{
	const char *legacy = entry_get_str(e, "legacyExchangeDN");

	s->guid = e->guid;
	if (record_set_str(&s->dn, e->dn) < 0 || record_set_sid(s, entry_get(e, "objectSid")) < 0)
		return -1;
	return legacy ? record_add_legacy_dn(s, legacy) : 0;
}

/* GUID and SID are known when the object is there. */
static int
forget_side(struct record_side *s, const char *dn)
{
	s->guid = (struct guid){{0}};
	return record_set_str(&s->dn, dn) < 0 ? -1 : record_set_sid(s, (struct bytes){NULL, 0});
}

/* ---- addresses ---- */

static int
add_smtp(struct record *r, struct bytes v)
{
	return address_is_smtp(v) ? record_add_address(r, address_value(v).data) : 0;
}

static int
add_all_smtp(struct record *r, const struct bytes *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (add_smtp(r, values[i]) < 0)
			return -1;
	return 0;
}

/* The values of proxyAddresses that C changes by OP. NULL: none. */
static const struct mod *
address_mod(const struct change *c, enum mod_op op)
{
	for (size_t i = 0; i < c->n_mods; i++)
		if (c->mods[i].op == op && str_equal_nocase(c->mods[i].attr, "proxyAddresses"))
			return &c->mods[i];
	return NULL;
}

static bool
has_value(const struct mod *m, struct bytes v)
{
	for (size_t i = 0; i < m->n_values; i++)
		if (bytes_equal(m->values[i], v))
			return true;
	return false;
}

/* But for the dummy of a toggle, which is there for a moment and no address of the object. */
static int
add_of_source(const struct record_facts *f, struct record *r)
{
	const struct project_in *in = f->in;
	const struct mod *gone = f->retires ? address_mod(f->retires, MOD_DELETE) : NULL;
	const struct attr *a = in->source ? entry_find(in->source, "proxyAddresses") : NULL;
	const char *toggle = in->link->toggle_domain;

	for (size_t i = 0; a && i < a->n_values; i++)
		if (!(toggle && address_in_domain(a->values[i], toggle)) &&
		    !(gone && has_value(gone, a->values[i])) && add_smtp(r, a->values[i]) < 0)
			return -1;
	return 0;
}

static bool
is_taken_away(const struct record_facts *f, struct bytes address)
{
	for (size_t i = 0; i < f->n_changes; i++) {
		const struct mod *m = address_mod(f->changes[i], MOD_DELETE);

		if (m && has_value(m, address))
			return true;
	}
	return false;
}

/* What the counterpart has when the changes were made. */
static int
add_of_target(const struct record_facts *f, struct record *r)
{
	const struct entry *target = f->in->target;
	const struct attr *a = target ? entry_find(target, "proxyAddresses") : NULL;

	for (size_t i = 0; a && i < a->n_values; i++)
		if (!is_taken_away(f, a->values[i]) && add_smtp(r, a->values[i]) < 0)
			return -1;
	for (size_t i = 0; i < f->n_changes; i++) {
		const struct change *c = f->changes[i];
		const struct attr *new = c->entry ? entry_find(c->entry, "proxyAddresses") : NULL;
		const struct mod *m = address_mod(c, MOD_ADD);

		if ((new &&add_all_smtp(r, new->values, new->n_values) < 0) ||
		    (m && add_all_smtp(r, m->values, m->n_values) < 0))
			return -1;
	}
	return 0;
}

/* Both redirect addresses belong to the correspondence from the start. */
static int
add_redirects(const struct project_in *in, struct record *r, struct err *err)
{
	for (int side = SOURCE; in->redirects && side < SIDES; side++) {
		_cleanup_(free) char *address = NULL;

		if (side == TARGET && !project_has_redirect(in))
			continue;
		if (project_redirect_address(in, (enum side)side, &address, err) < 0)
			return -1;
		if (address && record_add_address(r, address) < 0)
			return err_nomem(err);
	}
	return 0;
}

static int
fill_addresses(const struct record_facts *f, struct record *r, struct err *err)
{
	const char *primary = address_primary(f->in->source);

	record_clear_addresses(r);
	if ((primary && record_add_address(r, primary) < 0) || add_of_source(f, r) < 0 ||
	    add_of_target(f, r) < 0)
		return err_nomem(err);
	if (add_redirects(f->in, r, err) < 0)
		return -1;
	record_sort_addresses(r);
	return 0;
}

/* ---- what was written ---- */

static bool
adds(const struct change *c, uint64_t hash)
{
	for (size_t i = 0; i < c->n_mods; i++)
		for (size_t j = 0; c->mods[i].op == MOD_ADD && j < c->mods[i].n_values; j++)
			if (record_written_hash(c->mods[i].attr, c->mods[i].values[j]) == hash)
				return true;
	return false;
}

/* A value that is taken away is not there to be taken away again; one that comes back in another
 * spelling is. */
static void
forget_taken(const struct change *c, struct record *r)
{
	for (size_t i = 0; i < c->n_mods; i++)
		for (size_t j = 0; c->mods[i].op == MOD_DELETE && j < c->mods[i].n_values; j++) {
			uint64_t hash = record_written_hash(c->mods[i].attr, c->mods[i].values[j]);

			if (!adds(c, hash))
				record_forget_written(r, TARGET, hash);
		}
}

/* ---- the rest ---- */

static enum record_state
state_of(const struct project_in *in)
{
	bool finished = in->target && kind_is_finished(in->target);

	if (in->shape != SHAPE_MAILBOX || !in->created ||
	    entry_get_bool(in->source, "msExchHideFromAddressLists"))
		return RECORD_SYNCED;
	return finished ? RECORD_SYNCED : RECORD_WAITING;
}

/* The name that the counterpart has when the changes were made. */
static int
set_new_name(const struct record_facts *f, struct record_side *s)
{
	for (size_t i = 0; i < f->n_changes; i++) {
		const struct change *c = f->changes[i];
		char *dn;

		if (c->op != CHANGE_RENAME)
			continue;
		dn = str_printf(
		    "%s,%s", c->new_rdn, c->new_parent ? c->new_parent : dn_parent(s->dn));
		if (!dn)
			return -1;
		free(s->dn);
		s->dn = dn;
	}
	return 0;
}

static int
fill_target(const struct record_facts *f, struct record_side *s)
{
	const struct entry *target = f->in->target;
	_cleanup_(free) char *legacy = NULL;

	if ((target ? record_fill_side(s, target) : forget_side(s, f->target_dn)) < 0 ||
	    set_new_name(f, s) < 0)
		return -1;
	if (target && entry_get(target, "legacyExchangeDN").data)
		return 0;
	legacy = project_legacy_dn(f->in->link, f->in->source);
	return legacy ? record_add_legacy_dn(s, legacy) : -1;
}

/* What was created is found by its stamp if the process died before it learned the GUID: that is no
 * other evidence. */
static bool
is_found_again(const struct record *r, const struct project_in *in)
{
	return r->id && r->created && in->created && guid_is_zero(&r->side[TARGET].guid);
}

static int
fill_evidence(const struct record_facts *f, struct record *r)
{
	bool is_new = f->rule != MATCH_RECORD && !is_found_again(r, f->in);

	if (is_new || !r->id)
		r->rule = f->rule;
	return is_new ? record_set_str(&r->evidence, f->evidence) : 0;
}

/* The verdict on both objects may not be what the map knew. An undo that others made uses readiness
 * up like one of ours. */
static void
note_turn(const struct record_facts *f, struct record *r)
{
	bool turned = r->id && r->active != f->in->active;

	r->active = f->in->active;
	if (r->active == SOURCE)
		r->switched_at = 0;
	else if (!r->switched_at)
		r->switched_at = turned ? f->now : f->in->verdict.since;
	r->ready_used |= turned && r->active == SOURCE;
}

int
record_fill(const struct record_facts *f, struct record *r, struct err *err)
{
	const char *alias = entry_get_str(f->in->source, "mailNickname");

	if (fill_evidence(f, r) < 0)
		return err_nomem(err);
	r->link = f->link;
	r->kind = f->in->kind;
	r->created = f->in->created;
	note_turn(f, r);
	for (size_t i = 0; i < f->n_changes; i++)
		forget_taken(f->changes[i], r);
	r->state = state_of(f->in);
	if (!r->id)
		r->created_at = f->now;
	if (record_set_str(&r->alias, alias ? alias : "") < 0 ||
	    record_set_str(&r->last_error, f->problems ? f->problems : "") < 0 ||
	    record_fill_side(&r->side[SOURCE], f->in->source) < 0 ||
	    fill_target(f, &r->side[TARGET]) < 0)
		return err_nomem(err);
	return fill_addresses(f, r, err);
}

/* What OF says of the source object, or, if that has it no more, of its counterpart. */
static const char *
last_known(const struct project_in *in, const char *(*of)(const struct entry *e))
{
	const char *v = in->source ? of(in->source) : NULL;

	return v ? v : of(in->target);
}

static const char *
alias_of(const struct entry *e)
{
	return entry_get_str(e, "mailNickname");
}

int
record_fill_left(const struct record_facts *f, struct record *r, struct err *err)
{
	const struct project_in *in = f->in;
	const char *alias = last_known(in, alias_of), *primary = last_known(in, address_primary);

	r->link = f->link;
	r->kind = in->kind;
	r->created = in->created;
	if (!r->id)
		r->created_at = f->now;
	note_turn(f, r);
	record_clear_addresses(r);
	if (fill_evidence(f, r) < 0 || record_set_str(&r->alias, alias ? alias : "") < 0 ||
	    (in->source && record_fill_side(&r->side[SOURCE], in->source) < 0) ||
	    record_fill_side(&r->side[TARGET], in->target) < 0 ||
	    (primary && record_add_address(r, primary) < 0) || add_of_source(f, r) < 0 ||
	    add_of_target(f, r) < 0)
		return err_nomem(err);
	record_sort_addresses(r);
	return 0;
}
