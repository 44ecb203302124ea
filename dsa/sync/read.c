/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "dsa/directory/dn.h"
#include "dsa/sync/cycle_priv.h"
#include "dsa/sync/names.h"
#include "mapping/match.h"

/* What the index of one entry needs to be handed through match_target_keys(). */
struct indexer {
	struct workset *ws;
	uint32_t index;
	bool addresses_only;
	struct err *err;
};

static int
add_key(unsigned key, struct bytes value, void *arg)
{
	struct indexer *x = arg;

	if (x->addresses_only && key != MATCH_KEY_SMTP && key != MATCH_KEY_X500)
		return 0;
	return workset_add_key(x->ws, match_key_hash(key, value), x->index, x->err);
}

/* Names that differ in accents alone are one to AD. */
static int
add_folded(struct indexer *x, const struct entry *e, const char *attr, enum match_key key)
{
	const char *value = entry_get_str(e, attr);
	_cleanup_(free) char *fold = value ? dn_fold_key(value) : NULL;

	if (!value)
		return 0;
	return fold ? add_key(key, bytes_of(fold), x) : err_nomem(x->err);
}

static int
add_target_keys(struct cycle *c, struct indexer *x, const struct entry *e, struct err *err)
{
	_cleanup_(free) char *rdn = dn_rdn_value(e->dn, err);
	_cleanup_(free) char *name = rdn ? names_key(dn_parent(e->dn), rdn) : NULL;
	struct stamp stamp;

	if (!name)
		return rdn ? err_nomem(err) : -1;
	if (add_key(MATCH_KEY_NAME, bytes_of(name), x) < 0 ||
	    add_folded(x, e, "sAMAccountName", MATCH_KEY_SAM_FOLDED) < 0 ||
	    add_folded(x, e, "userPrincipalName", MATCH_KEY_UPN_FOLDED) < 0)
		return -1;
	if (stamp_parse(entry_get_str(e, c->link->target->stamp_attribute), &stamp) &&
	    add_key(MATCH_KEY_STAMP, guid_bytes(&stamp.source), x) < 0)
		return -1;
	return 0;
}

int
cycle_index(
    struct cycle *c, enum side side, const struct entry *e, uint32_t *index, struct err *err)
{
	struct indexer x = {.ws = c->ws[side], .err = err, .addresses_only = side == SOURCE};
	_cleanup_(free) char *dn = dn_normalize(e->dn, err);

	if (!dn)
		return -1;
	if (*index == DECISION_NO_TARGET) {
		if (workset_add(x.ws, e, index, err) < 0)
			return -1;
	} else if (workset_replace(x.ws, *index, e, err) < 0) {
		return -1;
	}
	x.index = *index;
	if (workset_add_key(x.ws, match_key_hash(MATCH_KEY_DN, bytes_of(dn)), x.index, err) < 0 ||
	    workset_add_key(
		x.ws, match_key_hash(MATCH_KEY_GUID, guid_bytes(&e->guid)), x.index, err) < 0)
		return -1;
	if (side == TARGET && add_target_keys(c, &x, e, err) < 0)
		return -1;
	return match_target_keys(
	    e, c->link->match, side == TARGET ? c->link->n_match : 0, add_key, &x);
}

struct reading {
	struct cycle *c;
	enum side side;
	struct err err;
	int rc;
};

static int
take_entry(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	struct reading *r = arg;
	uint32_t index = DECISION_NO_TARGET;

	if (guid_is_zero(&own->guid))
		return err_set(err, ERR_DATA, ERR_LINK, ERR_NEVER, 0,
		    "'%s' came without objectGUID: the account may not read it", own->dn);
	if (cycle_index(r->c, r->side, own, &index, err) < 0)
		return -1;
	r->c->res->read[r->side]++;
	/* Only one thread reports, so that the callback needs no lock. */
	if (r->side == SOURCE && r->c->res->read[SOURCE] % 256 == 0)
		cycle_progress(r->c, CYCLE_READ, r->c->res->read[SOURCE], 0);
	return 0;
}

static void *
read_side(void *arg)
{
	struct reading *r = arg;
	struct dir *d = r->c->dir[r->side];
	struct dir_query q = {.base = d->ops->info(d)->domain_dn,
	    .scope = DIR_SUBTREE,
	    .filter = CYCLE_FILTER,
	    .attrs = r->side == SOURCE ? r->c->table->source_attrs : r->c->table->target_attrs};

	r->rc = d->ops->search(d, &q, take_entry, r, &r->err);
	if (r->rc < 0)
		(void)err_ctx(&r->err, "read of forest '%s'", d->name);
	return NULL;
}

int
cycle_read(struct cycle *c, struct err *err)
{
	struct reading r[SIDES] = {{.c = c, .side = SOURCE}, {.c = c, .side = TARGET}};
	sigset_t all, before;
	pthread_t thread;
	int rc;

	/* Signals belong to the main thread: this one starts with all of them blocked. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&thread, NULL, read_side, &r[TARGET]);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc)
		return err_sys(err, rc, "thread to read forest '%s'", c->dir[TARGET]->name);
	(void)read_side(&r[SOURCE]);
	if (r[SOURCE].rc < 0)
		c->dir[TARGET]->ops->cancel(c->dir[TARGET]);
	(void)pthread_join(thread, NULL);
	if (r[SOURCE].rc < 0 || r[TARGET].rc < 0) {
		enum side side = r[SOURCE].rc < 0 ? SOURCE : TARGET;

		*err = r[side].err;
		cycle_lost(c, side, err);
		return -1;
	}
	return 0;
}
