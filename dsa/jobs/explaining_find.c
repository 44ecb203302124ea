/* SPDX-License-Identifier: MIT */
#include "dsa/jobs/explaining_find.h"

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/filter.h"
#include "dsa/directory/sid.h"
#include "dsa/world/world.h"
#include "redirect/address.h"

struct finding {
	const struct run *run;
	struct explaining *to;
	enum side side;
	uint32_t flows[SIDES]; /* numbers in the map, 0: not known */
	bool full;	       /* a forest may have more of them */
};

/* ---- the filter ---- */

static void
add_assertion(struct buf *b, const char *attr, struct bytes value)
{
	_cleanup_(free) char *escaped = filter_escape(value);

	if (escaped)
		buf_printf(b, "(%s%s)", attr, escaped);
	b->failed |= !escaped;
}

/* Without the prefix of an address. */
static const char *
bare(const char *who)
{
	if (str_starts_nocase(who, "smtp:") || str_starts_nocase(who, "x500:"))
		return who + 5;
	return who;
}

/* What may have WHO as a name. */
static int
make_filter(const char *who, struct buf *ret, struct err *err)
{
	static const char *const names[] = {
	    "proxyAddresses=smtp:", "proxyAddresses=x500:", "mail=", "legacyExchangeDN=",
	    "userPrincipalName=", "sAMAccountName=", "mailNickname=", "displayName=", "cn="};
	_cleanup_(free) char *norm = NULL;
	uint8_t sid[SID_MAX_LEN];
	struct guid g;
	size_t len;

	buf_add_str(ret, "(&" WORLD_FILTER "(|");
	if (guid_parse(who, &g))
		add_assertion(ret, "objectGUID=", guid_bytes(&g));
	else if (sid_parse(who, sid, &len))
		add_assertion(ret, "objectSid=", (struct bytes){(const char *)sid, len});
	else if (strchr(who, '=') && *bare(who) != '/' && (norm = dn_normalize(who, err)))
		add_assertion(ret, "distinguishedName=", bytes_of(who));
	else
		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			add_assertion(ret, names[i], bytes_of(bare(who)));
	buf_add_str(ret, "))");
	return ret->failed ? err_nomem(err) : 0;
}

/* Who is called so: names that address lists show, and have an index for. */
static int
make_filter_of_names(const char *text, struct buf *ret, struct err *err)
{
	static const char *const names[] = {"displayName", "sn", "givenName"};
	_cleanup_(free) char *escaped = filter_escape(bytes_of(text));

	if (!escaped)
		return err_nomem(err);
	buf_add_str(ret, "(&" WORLD_FILTER "(mailNickname=*)(|");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		buf_printf(ret, "(%s=%s*)", names[i], escaped);
	buf_add_str(ret, "))");
	return ret->failed ? err_nomem(err) : 0;
}

/* ---- whose it is ---- */

static char *
name_of(const struct entry *e)
{
	const char *name = entry_get_str(e, "displayName");
	struct err ignored;
	char *rdn = name ? NULL : dn_rdn_value(e->dn, &ignored);

	return rdn ? rdn : strdup(name ? name : e->dn);
}

/* The same original by another of its objects is no second hit. */
static int
add_hit(struct finding *f, enum side origin, const struct guid *source, const struct entry *e,
    struct err *err)
{
	struct explaining *x = f->to;
	struct explaining_hit *h;
	const char *mail = entry_get_str(e, "mail");

	for (size_t i = 0; i < x->n_hits; i++)
		if (x->hits[i].origin == origin && guid_equal(&x->hits[i].source, source))
			return 0;
	if (list_grow(x->hits, x->n_hits, x->cap_hits) < 0)
		return err_nomem(err);
	h = &x->hits[x->n_hits++];
	*h = (struct explaining_hit){.origin = origin,
	    .source = *source,
	    .side = f->side,
	    .dn = strdup(e->dn),
	    .name = name_of(e),
	    .address = mail ? strdup(mail) : NULL,
	    .kind = kind_of(e)};
	return h->dn && h->name && (h->address || !mail) ? 0 : err_nomem(err);
}

/* The record of the counterpart G of an original of ORIGIN, or NULL. No transaction is open while a
 * server is asked: the pages that it sees could not be used again. */
static int
find_record(const struct finding *f, enum side origin, const struct guid *g, struct record **ret,
    struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (!f->flows[origin])
		return 0;
	if (store_begin(f->run->store, STORE_READ, &t, err) < 0)
		return -1;
	return store_find_guid(t, f->flows[origin], TARGET, g, ret, err);
}

/* Is E the counterpart of an object of the other side, by the map or by its stamp? *RET has the
 * GUID of that. */
static int
find_original(
    struct finding *f, const struct entry *e, struct guid *ret, bool *ret_found, struct err *err)
{
	static const char *const attrs[] = {"objectGUID", NULL};
	enum side origin = side_other(f->side);
	const struct conf_forest *forest =
	    f->side == SOURCE ? f->run->link->source : f->run->link->target;
	_cleanup_(record_free) struct record *r = NULL;
	_cleanup_(entry_free) struct entry *original = NULL;
	struct stamp stamp;

	*ret_found = false;
	if (find_record(f, origin, &e->guid, &r, err) < 0)
		return -1;
	if (r) {
		*ret = r->side[SOURCE].guid;
		*ret_found = true;
		return 0;
	}
	if (!stamp_of(e, forest->stamp_attribute, &stamp) ||
	    (f->side == SOURCE && !f->run->link->back))
		return 0;
	if (dir_read_guid(f->run->dir[origin], &stamp.source, attrs, &original, err) < 0)
		return -1;
	*ret = stamp.source;
	*ret_found = original != NULL;
	return 0;
}

static int
take(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	struct finding *f = arg;
	struct guid source = own->guid;
	bool found;

	if (find_original(f, own, &source, &found, err) < 0)
		return -1;
	return add_hit(
	    f, found ? side_other(f->side) : f->side, found ? &source : &own->guid, own, err);
}

/* The answers are taken when the search has ended: a stamp is followed by another request. */
struct found {
	struct entry *v[EXPLAINING_HITS];
	size_t n;
};

static int
keep(struct entry *e, void *arg, struct err *err)
{
	struct found *f = arg;

	(void)err;
	if (f->n < EXPLAINING_HITS)
		f->v[f->n++] = e;
	else
		entry_free(e);
	return 0;
}

static int
search(
    const struct run *run, enum side side, const char *filter, struct found *ret, struct err *err)
{
	const struct conf_forest *forest = side == SOURCE ? run->link->source : run->link->target;
	const char *const attrs[] = {
	    "objectGUID", "objectClass", "displayName", "mail", forest->stamp_attribute, NULL};
	struct dir *d = run->dir[side];
	const struct dir_query q = {.base = d->ops->info(d)->domain_dn,
	    .scope = DIR_SUBTREE,
	    .filter = filter,
	    .attrs = attrs,
	    .limit = EXPLAINING_HITS};

	return d->ops->search(d, &q, keep, ret, err);
}

static int
search_side(struct finding *f, enum side side, const char *filter, struct err *err)
{
	struct found found = {.n = 0};
	int rc = search(f->run, side, filter, &found, err);

	f->side = side;
	f->full |= found.n == EXPLAINING_HITS;
	for (size_t i = 0; i < found.n; i++)
		if (rc == 0)
			rc = take(found.v[i], f, err);
		else
			entry_free(found.v[i]);
	return rc;
}

/* ---- what is gone ---- */

static int
take_record(const struct record *r, void *arg, struct err *err)
{
	struct finding *f = arg;
	enum side origin = r->link == f->flows[SOURCE] ? SOURCE : TARGET;
	_cleanup_(entry_free) struct entry *e = NULL;

	if (r->link != f->flows[origin] || !r->link)
		return 0;
	e = entry_new(r->side[SOURCE].dn);
	if (!e || (r->n_addresses && entry_add_str(e, "mail", r->addresses[0]) < 0))
		return err_nomem(err);
	f->side = origin;
	return add_hit(f, origin, &r->side[SOURCE].guid, e, err);
}

static int
find_flows(struct finding *f, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	return store_begin(f->run->store, STORE_READ, &t, err) < 0
		   ? -1
		   : store_flow_ids(t, f->run->link->name, f->flows, err);
}

static int
find_gone(struct finding *f, const char *who, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	return store_begin(f->run->store, STORE_READ, &t, err) < 0
		   ? -1
		   : store_lookup_who(t, who, take_record, f, err);
}

static int
search_both(struct finding *f, const struct buf *filter, struct err *err)
{
	if (find_flows(f, err) < 0)
		return -1;
	for (int side = SOURCE; side < SIDES; side++)
		if (search_side(f, (enum side)side, (const char *)filter->data, err) < 0)
			return -1;
	return 0;
}

int
explaining_find(const struct run *run, const char *who, struct explaining *e, struct err *err)
{
	_cleanup_(buf_done) struct buf filter = {0};
	struct finding f = {.run = run, .to = e};

	if (make_filter(who, &filter, err) < 0 || search_both(&f, &filter, err) < 0)
		return -1;
	return e->n_hits ? 0 : find_gone(&f, who, err);
}

int
explaining_find_called(const struct run *run, const char *text, struct explaining *ret,
    bool *ret_more, struct err *err)
{
	_cleanup_(buf_done) struct buf filter = {0};
	struct finding f = {.run = run, .to = ret};

	*ret = (struct explaining){.n_hits = 0};
	if (run_open(run, err) < 0 || make_filter_of_names(text, &filter, err) < 0 ||
	    search_both(&f, &filter, err) < 0)
		return -1;
	*ret_more = f.full;
	return 0;
}

int
explaining_find_one(const struct run *run, enum side side, const char *who, struct entry **ret,
    size_t *ret_n, struct err *err)
{
	_cleanup_(buf_done) struct buf filter = {0};
	struct found found = {.n = 0};
	int rc;

	*ret = NULL;
	if (make_filter(who, &filter, err) < 0)
		return -1;
	rc = search(run, side, (const char *)filter.data, &found, err);
	*ret_n = found.n;
	if (rc == 0 && found.n == 1)
		*ret = TAKE(found.v[0]);
	for (size_t i = 0; i < found.n; i++)
		entry_free(found.v[i]);
	return rc;
}
