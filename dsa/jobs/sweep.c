/* SPDX-License-Identifier: MIT */
/*
 * Leftovers of proxy toggles on both sides, wherever they are:
 *
 *   search a side -> judge each value (pure) -> one change for the object's leftovers -> tell
 *
 * Each change removes values that were read, and nothing else. A sweep that is interrupted has
 * removed some of them; the next one finds the others.
 */
#include "dsa/jobs/toggle_priv.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/directory/dir.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/filter.h"
#include "dsa/exec/recover.h"
#include "dsa/jobs/turns.h"
#include "redirect/address.h"

/* Why a value is left, NULL: it is removed. Pure. */
struct ground {
	bool ours;	    /* the object is in the map or in one of the link's OUs */
	bool owned;	    /* a toggle of another link is at work on it */
	struct guid source; /* the source object of its correspondence, or zero */
};

static const char *
spared(const struct ground *g, struct bytes value)
{
	if (address_is_primary(value))
		return "is its primary address: give it another one first";
	if (!g->ours)
		return "is outside of what the link may write: remove it by hand";
	if (g->owned)
		return "belongs to a toggle of another link that is under way";
	return NULL;
}

/* ---- the ground ---- */

static bool
is_under(const char *dn_norm, const char *base, struct err *err)
{
	_cleanup_(free) char *base_norm = base ? dn_normalize(base, err) : NULL;

	return base_norm && dn_norm_is_under(dn_norm, base_norm);
}

static bool
in_our_ous(const struct conf_link *l, enum side side, const char *dn, struct err *err)
{
	_cleanup_(free) char *norm = dn_normalize(dn, err);

	for (size_t i = 0; norm && i < l->n_scopes; i++)
		if (is_under(
			norm, side == SOURCE ? l->scopes[i].base : l->scopes[i].target_ou, err))
			return true;
	return false;
}

struct owner {
	const struct guid *guid;
	bool found;
};

static int
take_operation(const struct store_operation *o, void *arg, struct err *err)
{
	struct owner *w = arg;

	(void)err;
	w->found = o->kind == OPERATION_TOGGLE && guid_equal(&o->source, w->guid);
	return w->found;
}

/* The link's own operations are leftovers too: a link that sweeps does nothing else at the time. */
static int
is_owned(struct toggle *t, struct store_txn *txn, const struct guid *g, bool *ret)
{
	struct owner w = {.guid = g};

	for (uint32_t id = 1; !w.found; id++) {
		_cleanup_(free) char *name = NULL;

		if (store_link_name(txn, id, &name, t->err) < 0)
			return -1;
		if (!name)
			break;
		if (id != t->run->link_id &&
		    store_each_operation(txn, id, take_operation, &w, t->err) < 0)
			return -1;
	}
	*ret = w.found;
	return 0;
}

static int
know_ground(struct toggle *t, enum side side, const struct entry *e, struct ground *ret)
{
	_cleanup_(store_abort) struct store_txn *txn = NULL;
	_cleanup_(record_free) struct record *r = NULL;

	if (store_begin(t->run->store, STORE_READ, &txn, t->err) < 0 ||
	    store_find_guid(txn, t->run->link_id, side, &e->guid, &r, t->err) < 0 ||
	    is_owned(t, txn, &e->guid, &ret->owned) < 0)
		return -1;
	if (side == SOURCE)
		ret->source = e->guid;
	else if (r)
		ret->source = r->side[SOURCE].guid;
	ret->ours = r || in_our_ous(t->run->link, side, e->dn, t->err);
	return 0;
}

/* ---- one object ---- */

static int
leftovers(struct toggle *t, const struct entry *e, const struct ground *g, struct change **ret)
{
	_cleanup_(change_free) struct change *c = change_new(CHANGE_MODIFY, e->dn, &e->guid);
	const struct attr *a = entry_find(e, "proxyAddresses");

	if (!c)
		return err_nomem(t->err);
	for (size_t i = 0; a && i < a->n_values; i++)
		if (address_in_domain(a->values[i], t->run->link->toggle_domain) &&
		    !spared(g, a->values[i]) &&
		    change_mod(c, MOD_DELETE, "proxyAddresses", a->values[i]) < 0)
			return err_nomem(t->err);
	*ret = TAKE(c);
	return 0;
}

/* FAILED: the server's words, or NULL. */
static void
tell_all(struct toggle *t, const struct entry *e, const struct ground *g, bool dry_run,
    const char *failed)
{
	const struct attr *a = entry_find(e, "proxyAddresses");
	char text[800];

	for (size_t i = 0; a && i < a->n_values; i++) {
		const char *why, *v = a->values[i].data;

		if (!address_in_domain(a->values[i], t->run->link->toggle_domain))
			continue;
		why = spared(g, a->values[i]);
		(void)snprintf(text, sizeof text, "%.200s %s%s", v,
		    why	      ? why
		    : failed  ? "could not be removed: "
		    : dry_run ? "would be removed"
			      : "is removed",
		    !why && failed ? failed : "");
		run_result(t->run, &e->guid, e->dn, !failed && (!why || g->owned), text);
	}
}

/* 1: it is not done, with ERR. */
static int
remove_leftovers(
    struct toggle *t, enum side side, const struct entry *e, const struct ground *g, bool again)
{
	_cleanup_(change_free) struct change *c = NULL;
	struct plan_step *s = NULL;

	if (leftovers(t, e, g, &c) < 0)
		return -1;
	if (change_is_empty(c))
		return 0;
	if (plan_step_of(&g->source, side, TAKE(c), e, "sweep", &s, t->err) < 0)
		return -1;
	s->looked_again = again;
	return exec_step(t->run, s, t->err);
}

static int
sweep_one(struct toggle *t, enum side side, struct entry **e, bool dry_run)
{
	for (int i = 0; *e; i++) {
		struct guid guid = (*e)->guid;
		struct ground g = {0};
		int rc = know_ground(t, side, *e, &g);

		if (rc == 0 && !dry_run)
			rc = remove_leftovers(t, side, *e, &g, i > 0);
		if (rc < 0)
			return -1;
		if (rc == 0 || t->err->retry != ERR_REREAD || i == TOGGLE_TRIES) {
			tell_all(t, *e, &g, dry_run, rc ? t->err->text : NULL);
			return 0;
		}
		entry_free(TAKE(*e));
		if (dir_read_guid(t->run->dir[side], &guid, toggle_attrs, e, t->err) < 0)
			return -1;
	}
	return 0;
}

/* ---- one side ---- */

struct found {
	struct entry **v;
	size_t n;
};

static void
found_donep(struct found *f)
{
	for (size_t i = 0; i < f->n; i++)
		entry_free(f->v[i]);
	free(f->v);
}

static int
take_found(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	struct found *f = arg;

	if (list_grow_by_one(f->v, f->n) < 0)
		return err_nomem(err);
	f->v[f->n++] = TAKE(own);
	return 0;
}

static int
sweep_side(struct toggle *t, enum side side, bool dry_run)
{
	_cleanup_(free) char *domain = filter_escape(bytes_of(t->run->link->toggle_domain));
	_cleanup_(free) char *filter =
	    domain ? str_printf("(proxyAddresses=smtp:*@%s)", domain) : NULL;
	_cleanup_(found_done) struct found f = {0};
	struct dir *d = t->run->dir[side];
	struct dir_query q = {.base = d->ops->info(d)->domain_dn,
	    .scope = DIR_SUBTREE,
	    .filter = filter,
	    .attrs = toggle_attrs};

	if (!filter)
		return err_nomem(t->err);
	/* Nothing is written while a search is under way. */
	if (d->ops->search(d, &q, take_found, &f, t->err) < 0)
		return -1;
	for (size_t i = 0; i < f.n; i++)
		if (sweep_one(t, side, &f.v[i], dry_run) < 0)
			return -1;
	return 0;
}

int
toggle_sweep(struct run *run, bool dry_run, struct err *err)
{
	struct run own;
	struct toggle t = {.run = &own, .err = err};

	if (run_open_known(run, err) < 0 || (!dry_run && exec_recover(run, err) < 0))
		return -1;
	own = run_job(run);
	for (int side = SOURCE; side < SIDES; side++)
		if (sweep_side(&t, (enum side)side, dry_run) < 0)
			return -1;
	/* What was interrupted has nothing left to remove: it is forgotten. */
	return dry_run ? 0 : turns_resume(run, err);
}
