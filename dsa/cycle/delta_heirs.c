/* SPDX-License-Identifier: MIT */
/*
 * A user or a group of the target that changed may be one that the contact of a source object has
 * to give way to (dsa/rules/heir.h): it names the source object. The delta is about that then, and
 * looks for what names it.
 */
#include "dsa/cycle/delta.h"
#include "dsa/directory/kind.h"
#include "dsa/directory/sid.h"

static bool
has_rule(const struct conf_link *link, enum match_method m)
{
	for (size_t i = 0; i < link->n_match; i++)
		if (link->match[i].method == m)
			return true;
	return false;
}

struct naming {
	struct delta *x;
	const struct entry *heir;
	struct err *err;
};

static int
take_named(const struct record *r, void *arg, struct err *err)
{
	const struct naming *n = arg;
	struct delta *x = n->x;

	if (r->link != x->c->run->link_id || record_has_left(r) || !r->created ||
	    guid_equal(&r->side[TARGET].guid, &n->heir->guid))
		return 0;
	if (guid_set_add(&x->named_anew, &r->side[SOURCE].guid) < 0)
		return err_nomem(err);
	return delta_concern(x, &r->side[SOURCE].guid, err);
}

/* A match_key_fn: what the heir says of a source object, by the rules that have evidence. */
static int
follow_key(unsigned key, struct bytes value, void *arg)
{
	struct naming *n = arg;
	const struct conf_link *link = n->x->c->run->link;
	struct store_txn *map = n->x->c->run->map;
	_cleanup_(free) char *name = NULL;
	char sid[SID_TEXT_SIZE];

	if (key == MATCH_KEY_SID && has_rule(link, MATCH_SID_ON_TARGET))
		return sid_format(value, sid)
			   ? store_lookup(map, KEY_SID, sid, take_named, n, n->err)
			   : 0;
	if (key != MATCH_KEY_X500 || !has_rule(link, MATCH_X500_ON_TARGET))
		return 0;
	name = bytes_dup(value);
	return name ? store_lookup(map, KEY_X500, name, take_named, n, n->err) : err_nomem(n->err);
}

/* A dir_entry_fn: a changed object of the target. */
static int
follow(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	struct naming n = {.x = arg, .heir = own, .err = err};
	enum kind kind = kind_of(own);

	return kind == KIND_USER || kind == KIND_GROUP
		   ? match_target_keys(own, NULL, 0, follow_key, &n)
		   : 0;
}

/* ---- what changed ---- */

/* Is the object G of the target no counterpart? */
static int
is_strange(struct delta *x, const struct guid *g, bool *ret, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;

	if (store_find_guid(x->c->run->map, x->c->run->link_id, TARGET, g, &r, err) < 0)
		return -1;
	*ret = !r;
	return 0;
}

static int
read_strangers(struct delta *x, struct err *err)
{
	static const char *const attrs[] = {"objectGUID", "objectClass", "objectSid", "sIDHistory",
	    "legacyExchangeDN", "proxyAddresses", NULL};
	const struct guid_list *l = &x->changed[TARGET];
	struct guid_list strangers = {0};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < l->n; i++) {
		bool strange = false;

		rc = is_strange(x, &l->v[i], &strange, err);
		if (rc == 0 && strange)
			rc = guid_list_add(&strangers, &l->v[i], err);
	}
	if (rc == 0)
		rc =
		    dir_search_guids(x->c->run->dir[TARGET], &strangers, "", attrs, follow, x, err);
	free(strangers.v);
	return rc;
}

/* Does the link make contacts of what may have a real object later? */
static bool
makes_contacts(const struct conf_link *link)
{
	for (size_t i = 0; i < link->n_scopes; i++)
		if (link->scopes[i].create == CREATE_CONTACT)
			return !link->forth;
	return false;
}

int
delta_add_heirs(struct delta *x, struct err *err)
{
	const struct conf_link *link = x->c->run->link;

	return makes_contacts(link) &&
		       (has_rule(link, MATCH_X500_ON_TARGET) || has_rule(link, MATCH_SID_ON_TARGET))
		   ? read_strangers(x, err)
		   : 0;
}

bool
delta_looks_for_heir(const struct cycle *c, const struct guid *source)
{
	return c->delta && guid_set_has(&c->delta->named_anew, source);
}
