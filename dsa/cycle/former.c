/* SPDX-License-Identifier: MIT */
#include "dsa/cycle/former.h"

#include "dsa/base/str.h"
#include "dsa/cycle/leave.h"
#include "dsa/directory/dir.h"
#include "dsa/rules/identity.h"
#include "redirect/address.h"

/* The record of the other source object for which TARGET, as its stamp says, is the counterpart;
 * *RET NULL if the map does not agree, or if TARGET stays that whatever becomes of the source. */
static int
find_owner(struct cycle *c, const struct entry *target, struct stamp *ret_stamp,
    struct record **ret, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;

	if (!c->run->map || !stamp_of(target, c->run->link->target->stamp_attribute, ret_stamp))
		return 0;
	if (store_find_guid(c->run->map, c->run->link_id, SOURCE, &ret_stamp->source, &r, err) < 0)
		return -1;
	if (r && !r->ended && r->state != RECORD_FINISHED &&
	    guid_equal(&r->side[TARGET].guid, &target->guid))
		*ret = TAKE(r);
	return 0;
}

int
former_is_abandoned(
    struct cycle *c, const struct entry *target, bool *ret, bool *ret_created, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;
	struct stamp stamp;
	bool missed;

	*ret = false;
	if (find_owner(c, target, &stamp, &r, err) < 0)
		return -1;
	if (!r)
		return 0;
	*ret_created = stamp.created;
	return leave_prove_gone(c, &stamp.source, ret, &missed, err);
}

/* The source object G as it is, *RET NULL if it is gone. In a delta it need not be in the working
 * set, and is not put there: it is not what the delta is about. */
static int
read_source(struct cycle *c, const struct guid *g, struct entry **ret, struct err *err)
{
	struct dir *d = c->run->dir[SOURCE];
	uint32_t index;

	if (world_find_guid(c->world, SOURCE, g, &index, err) < 0)
		return -1;
	return index != WORLD_NONE ? world_get(c->world, SOURCE, index, ret, err)
				   : dir_read_guid(d, g, c->table->source_attrs, ret, err);
}

/* Did galsync put the address of HIT there, as R remembers? */
static bool
was_put(const struct record *r, const struct former_hit *hit)
{
	const struct attr *a = entry_find(hit->target, "proxyAddresses");

	for (size_t i = 0; a && i < a->n_values; i++)
		if (bytes_equal_nocase(address_value(a->values[i]), hit->value) &&
		    record_was_written(
			r, TARGET, record_written_hash("proxyAddresses", a->values[i])))
			return true;
	return false;
}

struct claim {
	const struct former_hit *hit;
	bool found;
};

static int
is_claimed(unsigned key, struct bytes value, void *arg)
{
	struct claim *w = arg;

	w->found |= key == w->hit->key && bytes_equal_nocase(value, w->hit->value);
	return w->found;
}

/* Has OWNER itself that by which the target object was found? */
static bool
claims(const struct conf_link *link, const struct former_hit *hit, const struct entry *owner)
{
	struct claim w = {.hit = hit};

	if (hit->key >= MATCH_KEY_ATTR)
		(void)match_source_keys(
		    owner, link->match, hit->key - MATCH_KEY_ATTR, is_claimed, &w);
	else
		(void)match_target_keys(owner, NULL, 0, is_claimed, &w);
	return w.found;
}

int
former_is_none(struct cycle *c, const struct former_hit *hit, bool *ret, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;
	_cleanup_(entry_free) struct entry *owner = NULL;
	struct stamp stamp = {.created = false};

	*ret = false;
	if (find_owner(c, hit->target, &stamp, &r, err) < 0)
		return -1;
	if (!r || guid_equal(&stamp.source, &hit->source->guid))
		return 0;
	if (read_source(c, &stamp.source, &owner, err) < 0)
		return -1;
	/* A SID is of the target's own, whatever galsync wrote. */
	if (owner)
		*ret = hit->key != MATCH_KEY_SID && (r->created || was_put(r, hit)) &&
		       !claims(c->run->link, hit, owner);
	else
		*ret =
		    stamp.created && !identity_may_inherit(hit->source, hit->target, hit->create);
	return 0;
}
