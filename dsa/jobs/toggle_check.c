/* SPDX-License-Identifier: MIT */
/* Which objects may be toggled, and what that means for the object: reads and decides, writes
 * nothing. */
#include "dsa/jobs/toggle_priv.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/filter.h"
#include "dsa/run/active.h"
#include "redirect/address.h"

const char *const toggle_attrs[] = {"objectGUID", "objectClass", "mailNickname", "proxyAddresses",
    "homeMDB", "msExchHomeServerName", "msExchRecipientTypeDetails", NULL};

int
toggle_record(struct toggle *t, const struct guid *g, struct record **ret)
{
	_cleanup_(store_abort) struct store_txn *txn = NULL;

	if (store_begin(t->run->store, STORE_READ, &txn, t->err) < 0)
		return -1;
	return store_find_guid(txn, t->run->link_id, SOURCE, g, ret, t->err);
}

enum dummy
toggle_dummy(const struct entry *e, struct bytes v)
{
	const struct attr *a = e ? entry_find(e, "proxyAddresses") : NULL;

	for (size_t i = 0; a && i < a->n_values; i++)
		if (bytes_equal_nocase(a->values[i], v))
			return address_is_primary(a->values[i]) ? DUMMY_PRIMARY : DUMMY_THERE;
	return DUMMY_ABSENT;
}

int
toggle_change(const struct entry *e, struct bytes v, bool there, struct change **ret)
{
	_cleanup_(change_free) struct change *c = change_new(CHANGE_MODIFY, e->dn, &e->guid);
	const struct attr *a = entry_find(e, "proxyAddresses");

	*ret = NULL;
	if (!c)
		return -1;
	if ((toggle_dummy(e, v) != DUMMY_ABSENT) == there || toggle_dummy(e, v) == DUMMY_PRIMARY)
		return 0;
	if (there && change_mod(c, MOD_ADD, "proxyAddresses", v) < 0)
		return -1;
	/* The value as it is spelled there. */
	for (size_t i = 0; !there && i < a->n_values; i++)
		if (bytes_equal_nocase(a->values[i], v) &&
		    change_mod(c, MOD_DELETE, "proxyAddresses", a->values[i]) < 0)
			return -1;
	*ret = TAKE(c);
	return 0;
}

static int
take_holder(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	struct entry **holder = arg;

	(void)err;
	entry_free(*holder);
	*holder = TAKE(own);
	return 0;
}

/* The object other than SELF that holds the address in the source forest, or NULL. */
static int
find_holder(struct toggle *t, const struct guid *self, const char *address, struct entry **ret)
{
	static const char *const guid_attrs[] = {"objectGUID", NULL};
	_cleanup_(free) char *v = filter_escape(bytes_of(address)), *filter = NULL;
	_cleanup_(entry_free) struct entry *holder = NULL;
	char guid[GUID_FILTER_SIZE];
	struct dir *d = t->run->dir[SOURCE];
	struct dir_query q = {
	    .base = d->ops->info(d)->domain_dn, .scope = DIR_SUBTREE, .attrs = guid_attrs};

	guid_filter(self, guid);
	filter =
	    v ? str_printf("(&(|(proxyAddresses=smtp:%s)(mail=%s))(!(objectGUID=%s)))", v, v, guid)
	      : NULL;
	if (!filter)
		return err_nomem(t->err);
	q.filter = filter;
	if (d->ops->search(d, &q, take_holder, &holder, t->err) < 0)
		return -1;
	*ret = TAKE(holder);
	return 0;
}

/* Pure: why the object must not be toggled, NULL if it may. DUMMY is NULL if it has no usable
 * alias. */
static const char *
refusal(const struct record *r, const struct active_side *active, const struct entry *e,
    const char *dummy, const struct entry *holder, char *why, size_t size)
{
	_cleanup_(free) char *v = dummy ? str_printf("smtp:%s", dummy) : NULL;

	if (!r)
		return "it is not in the map";
	if (!e)
		return "its source object is gone";
	if (r->ended)
		return "it is finished: its coexistence was ended";
	if (record_has_left(r))
		return "its source object has left the synchronization";
	if (active_is_purged(active))
		return "its mailbox in use, that of the target, is gone: connect or restore it";
	if (active->side == TARGET)
		return "its mailbox is switched: what the target lacks is not the source's to give";
	if (!dummy)
		return "it has no alias that can be the local part of an address";
	if (v && toggle_dummy(e, bytes_of(v)) == DUMMY_PRIMARY)
		return "its primary address is the dummy address: give it another one first";
	if (!holder)
		return NULL;
	(void)snprintf(
	    why, size, "the dummy address %s is an address of %.200s", dummy, holder->dn);
	return why;
}

void
candidate_done(struct candidate *c)
{
	record_free(c->record);
	entry_free(c->e);
	free(c->dummy);
}

int
toggle_check(struct toggle *t, const struct guid *g, struct candidate *c)
{
	_cleanup_(entry_free) struct entry *holder = NULL;
	struct active_side active = {.side = SOURCE};
	const char *alias, *why;

	if (toggle_record(t, g, &c->record) < 0 ||
	    dir_read_guid(t->run->dir[SOURCE], g, toggle_attrs, &c->e, t->err) < 0 ||
	    (c->record && active_read(t->run, c->record, &active, t->err) < 0))
		return -1;
	alias = c->e ? entry_get_str(c->e, "mailNickname") : NULL;
	if (alias && address_local_ok(alias)) {
		c->dummy = str_printf("%s@%s", alias, t->run->link->toggle_domain);
		if (!c->dummy)
			return err_nomem(t->err);
		if (find_holder(t, g, c->dummy, &holder) < 0)
			return -1;
	}
	why = refusal(c->record, &active, c->e, c->dummy, holder, c->why, sizeof c->why);
	if (!why)
		return 0;
	if (why != c->why)
		(void)snprintf(c->why, sizeof c->why, "%s", why);
	free(TAKE(c->dummy));
	return 0;
}
