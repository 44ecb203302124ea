/* SPDX-License-Identifier: MIT */
#include "dsa/base/text_fold.h"
#include "dsa/cycle/cycle_priv.h"
#include "dsa/directory/dn.h"
#include "dsa/rules/names.h"
#include "dsa/run/sides.h"
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
	_cleanup_(free) char *fold = value ? text_fold_key(value) : NULL;

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
	if (stamp_parse(entry_get_str(e, c->run->link->target->stamp_attribute), &stamp) &&
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
	    e, c->run->link->match, side == TARGET ? c->run->link->n_match : 0, add_key, &x);
}

static int
take_entry(enum side side, struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	struct cycle *c = arg;
	uint32_t index = DECISION_NO_TARGET;

	if (guid_is_zero(&own->guid))
		return err_set(err, ERR_DATA, ERR_LINK, ERR_NEVER, 0,
		    "'%s' came without objectGUID: the account may not read it", own->dn);
	if (cycle_index(c, side, own, &index, err) < 0)
		return -1;
	c->res->read[side]++;
	/* Only one thread reports, so that the callback needs no lock. */
	if (side == SOURCE && c->res->read[SOURCE] % 256 == 0)
		run_progress(c->run, RUN_PHASE_READ, c->res->read[SOURCE], 0);
	return 0;
}

int
cycle_read(struct cycle *c, struct err *err)
{
	const char *const *const attrs[SIDES] = {c->table->source_attrs, c->table->target_attrs};
	enum side failed = SOURCE;

	if (sides_read(c->run->dir, CYCLE_FILTER, attrs, take_entry, c, &failed, err) == 0)
		return 0;
	run_lost(c->run, failed, err);
	return -1;
}
