/* SPDX-License-Identifier: MIT */
#include "dsa/cycle/heir_memory.h"

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/rules/diff.h"
#include "redirect/address.h"

int
heir_memory_find(
    const struct run *run, const struct guid *native, struct record **ret, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	uint32_t id = 0;

	if (!run->store || !run->link->back)
		return 0;
	if (store_begin(run->store, STORE_READ, &t, err) < 0 ||
	    store_link_id(t, run->link->back->name, &id, err) < 0)
		return -1;
	return id ? store_find_guid(t, id, SOURCE, native, ret, err) : 0;
}

struct passing {
	const struct change *reference; /* of the referrer, to the heir */
	uint64_t from, to[2];		/* as what it is remembered, before and from now on */
	uint32_t flow; /* whose counterpart the contact was: it knows that itself */
	struct record **v;
	size_t n, cap;
};

/* Takes R, where galsync had put the reference to the contact on the referrer. */
static int
note_reference(const struct record *r, void *arg, struct err *err)
{
	struct passing *p = arg;

	for (int side = SOURCE; side < SIDES; side++) {
		if (!dn_equal(r->side[side].dn, p->reference->dn) ||
		    !(record_was_written(r, (enum side)side, p->from) ||
			(side == TARGET && r->link == p->flow)))
			continue;
		if (list_grow(p->v, p->n, p->cap) < 0)
			return err_nomem(err);
		if (record_dup(r, &p->v[p->n], err) < 0)
			return -1;
		if (record_add_written(p->v[p->n++], (enum side)side, p->to, ARRAY_SIZE(p->to)) < 0)
			return err_nomem(err);
	}
	return 0;
}

int
heir_memory_reference(const struct run *run, const struct change *reference,
    const struct guid *contact, const struct guid *heir, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	const char *attr = reference->mods[0].attr;
	struct passing p = {.reference = reference,
	    .from = diff_link_hash(attr, contact),
	    .to = {diff_link_hash(attr, heir), diff_across_hash(attr)}};
	int rc = 0;

	if (!run->store || !run->link->back)
		return 0;
	if (store_begin(run->store, STORE_WRITE, &t, err) < 0 ||
	    store_link_id(t, run->link->back->name, &p.flow, err) < 0)
		return -1;
	rc = store_lookup(t, KEY_DN, reference->dn, note_reference, &p, err);
	for (size_t i = 0; i < p.n; i++) {
		if (rc == 0)
			rc = store_put(t, p.v[i], err);
		record_free(p.v[i]);
	}
	free(p.v);
	return rc < 0 || !p.n ? rc : store_commit(TAKE(t), err);
}

/* Had the return flow given the contact the address V, whether it was the primary one or not? */
static bool
was_given(const struct record *back, struct bytes v)
{
	_cleanup_(free) char *primary = NULL;

	if (!address_is_smtp(v))
		return false;
	if (record_was_written(back, TARGET, record_written_hash("proxyAddresses", v)))
		return true;
	primary = str_printf("SMTP:%s", (const char *)address_value(v).data);
	return primary && record_was_written(back, TARGET,
			      record_written_hash("proxyAddresses", bytes_of(primary)));
}

int
heir_memory_addresses(const struct run *run, const struct record *back, const struct guid *source,
    const struct change *onto, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	_cleanup_(record_free) struct record *r = NULL;
	bool any = false;

	if (!back || change_is_empty(onto))
		return 0;
	if (store_begin(run->store, STORE_WRITE, &t, err) < 0 ||
	    store_find_guid(t, run->link_id, SOURCE, source, &r, err) < 0)
		return -1;
	for (size_t i = 0; r && i < onto->n_mods; i++)
		for (size_t j = 0; j < onto->mods[i].n_values; j++) {
			struct bytes v = onto->mods[i].values[j];
			uint64_t hash = record_written_hash("proxyAddresses", v);

			if (onto->mods[i].op != MOD_ADD || !was_given(back, v))
				continue;
			if (record_add_written(r, SOURCE, &hash, 1) < 0)
				return err_nomem(err);
			any = true;
		}
	if (!any)
		return 0;
	return store_put(t, r, err) < 0 ? -1 : store_commit(TAKE(t), err);
}
