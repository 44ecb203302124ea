/* SPDX-License-Identifier: MIT */
/* What the objects of both forests are asked for before the first write. */
#include "dsa/cycle/check.h"

#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/rules/redirect_use.h"
#include "dsa/rules/same_value.h"
#include "dsa/rules/scope.h"
#include "mapping/store.h"

/* ---- addresses in the redirect domains ---- */

/* Texts, each once. */
struct texts {
	char **v; /* NULL-terminated if there are any */
	size_t n, cap;
	bool nomem;
};

static void
texts_done(struct texts *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->v[i]);
	free(t->v);
}

static inline void
texts_donep(struct texts *t)
{
	texts_done(t);
}

static void
texts_add(struct texts *t, char *text)
{
	if (!text || list_grow(t->v, t->n + 1, t->cap) < 0) {
		free(text);
		t->nomem = true;
		return;
	}
	t->v[t->n++] = text;
	t->v[t->n] = NULL;
}

static void
add_name(const char *attr, void *arg)
{
	struct texts *names = arg;

	for (size_t i = 0; i < names->n; i++)
		if (str_equal_nocase(names->v[i], attr))
			return;
	texts_add(names, strdup(attr));
}

/* What others have in the domain of one side, on one side. */
struct uses {
	const struct check *k;
	enum side side;
	struct store_txn *map; /* or NULL */
	struct texts leads; /* of the source, sorted: where mailboxes that are in use in the target
			     * redirect to */
	bool has_leads;
	struct {
		size_t n;
		char *dn, *address; /* of the first */
	} of[SIDES];
};

static void
uses_done(struct uses *u)
{
	texts_done(&u->leads);
	for (int of = SOURCE; of < SIDES; of++) {
		free(u->of[of].dn);
		free(u->of[of].address);
	}
}

static inline void
uses_donep(struct uses *u)
{
	uses_done(u);
}

static int
note_record(const struct record *r, void *arg, struct err *err)
{
	(void)r;
	(void)err;
	*(bool *)arg = true;
	return 1;
}

/* By either side: what is the target of one link is the source of another. */
static int
is_known(const struct uses *u, const struct guid *g, bool *ret, struct err *err)
{
	*ret = false;
	for (int side = SOURCE; u->map && !*ret && side < SIDES; side++)
		if (store_lookup_guid(u->map, (enum side)side, g, note_record, ret, err) < 0)
			return -1;
	return 0;
}

static int
take_lead(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	struct uses *u = arg;
	const char *to = entry_get_str(own, "targetAddress");

	if (to)
		texts_add(&u->leads, str_lower_dup(to));
	return u->leads.nomem ? err_nomem(err) : 0;
}

static int
compare_texts(const void *x, const void *y)
{
	return strcmp(*(char *const *)x, *(char *const *)y);
}

static int
read_leads(struct uses *u, const char *domain, struct err *err)
{
	static const char *const attrs[] = {"targetAddress", NULL};
	struct dir *d = u->k->run->dir[SOURCE];
	_cleanup_(free) char *filter = str_printf("(targetAddress=smtp:*@%s)", domain);
	const struct dir_query q = {.base = d->ops->info(d)->domain_dn,
	    .scope = DIR_SUBTREE,
	    .filter = filter,
	    .attrs = attrs};

	u->has_leads = true;
	if (!filter)
		return err_nomem(err);
	if (!u->k->open[SOURCE])
		return 0;
	if (d->ops->search(d, &q, take_lead, u, err) < 0)
		return -1;
	if (u->leads.n)
		qsort(u->leads.v, u->leads.n, sizeof *u->leads.v, compare_texts);
	return 0;
}

/* Does a source object redirect to ADDRESS of the target? Where galsync has finished a mailbox,
 * that is all it leaves. */
static int
is_led_to(struct uses *u, enum side of, struct bytes address, bool *ret, struct err *err)
{
	_cleanup_(free) char *text = NULL;

	*ret = false;
	if (u->side != TARGET || of != TARGET)
		return 0;
	if (!u->has_leads && read_leads(u, redirect_use_domain(u->k->run->link, TARGET), err) < 0)
		return -1;
	if (!(text = str_lower_dup(address.data)))
		return err_nomem(err);
	*ret =
	    u->leads.n && bsearch(&text, u->leads.v, u->leads.n, sizeof *u->leads.v, compare_texts);
	return 0;
}

/* The first by name stands for all: whatever order the server answers in, it is the same one. */
static int
count_use(struct uses *u, enum side of, const char *dn, struct bytes address, struct err *err)
{
	char *dn_copy, *address_copy;

	u->of[of].n++;
	if (u->of[of].dn && strcmp(u->of[of].dn, dn) <= 0)
		return 0;
	dn_copy = strdup(dn);
	address_copy = bytes_dup(address);
	if (!dn_copy || !address_copy) {
		free(dn_copy);
		free(address_copy);
		return err_nomem(err);
	}
	free(u->of[of].dn);
	free(u->of[of].address);
	u->of[of].dn = dn_copy;
	u->of[of].address = address_copy;
	return 0;
}

static int
take_use(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	struct uses *u = arg;
	enum side of;
	struct bytes address = redirect_use_foreign(u->k->run->link, u->side, own, &of);
	bool ours;

	if (!address.data)
		return 0;
	if (is_known(u, &own->guid, &ours, err) < 0 ||
	    (!ours && is_led_to(u, of, address, &ours, err) < 0))
		return -1;
	return ours ? 0 : count_use(u, of, own->dn, address, err);
}

/* NULL without memory; "" if there is no domain to look in. */
static char *
use_filter(const struct conf_link *link)
{
	_cleanup_(buf_done) struct buf b = {0};

	for (int of = SOURCE; of < SIDES; of++) {
		const char *domain = redirect_use_domain(link, (enum side)of);

		if (domain)
			buf_printf(&b, "(proxyAddresses=smtp:*@%s)", domain);
	}
	if (b.len) {
		_cleanup_(free) char *parts = buf_take_str(&b);

		return parts ? str_printf("(|%s)", parts) : NULL;
	}
	return buf_take_str(&b);
}

static int
find_uses(struct uses *u, const char *filter, struct err *err)
{
	_cleanup_(texts_done) struct texts names = {0};
	struct dir *d = u->k->run->dir[u->side];
	struct dir_query q = {
	    .base = d->ops->info(d)->domain_dn, .scope = DIR_SUBTREE, .filter = filter};

	redirect_use_each_attr(u->k->run->link, u->side, add_name, &names);
	if (names.nomem)
		return err_nomem(err);
	q.attrs = (const char *const *)names.v;
	return d->ops->search(d, &q, take_use, u, err);
}

static int
check_side(const struct check *k, enum side side, const char *filter, struct store_txn *map,
    struct err *err)
{
	_cleanup_(uses_done) struct uses u = {.k = k, .side = side, .map = map};

	if (find_uses(&u, filter, err) < 0)
		return -1;
	for (int of = SOURCE; of < SIDES; of++) {
		const struct redirect_use use = {
		    side, (enum side)of, u.of[of].n, u.of[of].dn, u.of[of].address};

		if (use.n)
			redirect_use_tell(k->run->link, &use, k->found);
	}
	return 0;
}

int
check_addresses(const struct check *k, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *map = NULL;
	_cleanup_(free) char *filter = use_filter(k->run->link);

	if (!filter)
		return err_nomem(err);
	if (k->run->store && store_begin(k->run->store, STORE_READ, &map, err) < 0)
		return -1;
	for (int side = SOURCE; *filter && side < SIDES; side++)
		if (k->open[side] && check_side(k, (enum side)side, filter, map, err) < 0)
			return -1;
	return 0;
}

/* ---- one value for two objects ---- */

struct valuing {
	const struct conf_link *link;
	struct same_value *values;
};

static int
take_value(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	struct valuing *v = arg;
	_cleanup_(free) char *norm = dn_normalize(own->dn, err);
	const struct conf_scope *scope;

	if (!norm)
		return err->src == ERR_SYS ? -1 : 0;
	return scope_judge(v->link, own, norm, false, &scope) == SCOPE_IN
		   ? same_value_add(v->values, own, kind_of(own), err)
		   : 0;
}

int
check_values(const struct check *k, const struct table *table, struct err *err)
{
	_cleanup_(same_value_free) struct same_value *values = NULL;
	struct valuing v = {.link = k->run->link};
	struct dir *d = k->run->dir[SOURCE];
	struct dir_query q = {
	    .scope = DIR_SUBTREE, .filter = WORLD_FILTER, .attrs = table->source_attrs};

	if (!k->open[SOURCE])
		return 0;
	if (same_value_new(k->run->link, &values, err) < 0)
		return -1;
	if (!values)
		return 0;
	v.values = values;
	q.base = d->ops->info(d)->domain_dn;
	if (d->ops->search(d, &q, take_value, &v, err) < 0)
		return -1;
	same_value_tell(values, k->found);
	return 0;
}
