/* SPDX-License-Identifier: MIT */
/*
 * A delta does not read the directories whole. Its working sets begin with the objects that
 * changed, and whatever else a decision asks for is read when it asks: before a key is looked up in
 * the index, the objects that have it are searched in the directory, once for each key in a cycle.
 * So the passes decide the same in both sorts of cycles.
 *
 * What is likely to be asked for is fetched for many at once, because a request costs a round trip.
 */
#include "dsa/cycle/cycle_priv.h"

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/filter.h"
#include "dsa/rules/scope.h"
#include "mapping/match.h"
#include "redirect/address.h"

#define PARTS 64 /* assertions in one filter */

struct fault {
	struct cycle *c;
	enum side side;
	struct buf filter; /* the assertions so far */
	size_t n;
};

static const char *const *
attrs_of(const struct cycle *c, enum side side)
{
	return side == SOURCE ? c->table->source_attrs : c->table->target_attrs;
}

/* Marks HASH as looked for on SIDE; *SEEN if it was before. */
static int
mark(struct cycle *c, enum side side, uint64_t hash, bool *seen, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};

	if (workset_get_blob(c->ws[side], WORKSET_SEEN, hash, &b, seen, err) < 0 || *seen)
		return *seen ? 0 : -1;
	return workset_put_blob(c->ws[side], WORKSET_SEEN, hash, bytes_of("1"), err);
}

int
cycle_take_entry(struct cycle *c, enum side side, const struct entry *e, struct err *err)
{
	uint32_t hits[8], index = DECISION_NO_TARGET;
	size_t n = 0;
	bool seen;

	if (mark(c, side, match_key_hash(MATCH_KEY_GUID, guid_bytes(&e->guid)), &seen, err) < 0 ||
	    workset_find(c->ws[side], match_key_hash(MATCH_KEY_GUID, guid_bytes(&e->guid)), hits, 8,
		&n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		_cleanup_(entry_free) struct entry *known = NULL;

		if (hits[i] & CLAIM_BIT)
			continue;
		if (workset_get(c->ws[side], hits[i], &known, err) < 0)
			return -1;
		if (guid_equal(&known->guid, &e->guid))
			return 0;
	}
	c->res->read[side]++;
	return cycle_index(c, side, e, &index, err);
}

static int
take(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	struct fault *f = arg;

	return guid_is_zero(&own->guid) ? 0 : cycle_take_entry(f->c, f->side, own, err);
}

/* Asks for everything collected in F. */
static int
flush(struct fault *f, struct err *err)
{
	struct dir *d = f->c->run->dir[f->side];
	_cleanup_(free) char *filter = NULL;
	struct dir_query q = {.base = d->ops->info(d)->domain_dn,
	    .scope = DIR_SUBTREE,
	    .attrs = attrs_of(f->c, f->side)};

	if (f->n == 0)
		return 0;
	if (!f->filter.failed)
		filter = str_printf("(&" CYCLE_FILTER "(|%s))", (const char *)f->filter.data);
	if (!filter)
		return err_nomem(err);
	buf_reset(&f->filter);
	f->n = 0;
	q.filter = filter;
	return d->ops->search(d, &q, take, f, err);
}

static void
assertion(struct fault *f, const char *attr, const char *prefix, struct bytes value)
{
	_cleanup_(free) char *text = filter_escape(value);

	f->filter.failed |= !text;
	if (text)
		buf_printf(&f->filter, "(%s=%s%s)", attr, prefix, text);
}

/* Adds what finds the objects that have VALUE under KEY. */
static void
add_assertions(struct fault *f, unsigned key, struct bytes value)
{
	const struct conf_link *link = f->c->run->link;

	switch (key) {
	case MATCH_KEY_GUID: assertion(f, "objectGUID", "", value); break;
	case MATCH_KEY_SMTP:
		assertion(f, "mail", "", value);
		assertion(f, "proxyAddresses", "smtp:", value);
		assertion(f, "targetAddress", "smtp:", value);
		break;
	case MATCH_KEY_X500:
		assertion(f, "legacyExchangeDN", "", value);
		assertion(f, "proxyAddresses", "x500:", value);
		break;
	case MATCH_KEY_SID:
		assertion(f, "objectSid", "", value);
		assertion(f, "sIDHistory", "", value);
		break;
	case MATCH_KEY_SAM: assertion(f, "sAMAccountName", "", value); break;
	case MATCH_KEY_UPN: assertion(f, "userPrincipalName", "", value); break;
	case MATCH_KEY_DN: assertion(f, "distinguishedName", "", value); break;
	default:
		if (key >= MATCH_KEY_ATTR && key - MATCH_KEY_ATTR < link->n_match)
			assertion(f, link->match[key - MATCH_KEY_ATTR].target_attr, "", value);
	}
}

static int
collect(unsigned key, struct bytes value, struct fault *f, struct err *err)
{
	bool seen;

	if (mark(f->c, f->side, match_key_hash(key, value), &seen, err) < 0)
		return -1;
	if (seen)
		return 0;
	add_assertions(f, key, value);
	return ++f->n < PARTS ? 0 : flush(f, err);
}

/* A stamp is in an attribute that no directory has an index for. It need not be searched: an object
 * with our stamp that the map has lost carries the source's addresses too, and is found by them. */
int
cycle_fault(struct cycle *c, enum side side, unsigned key, struct bytes value, struct err *err)
{
	struct fault f = {.c = c, .side = side};
	int rc;

	if (!c->is_delta || key == MATCH_KEY_STAMP || key == MATCH_KEY_NAME)
		return 0;
	rc = collect(key, value, &f, err);
	if (rc == 0)
		rc = flush(&f, err);
	buf_done(&f.filter);
	return rc;
}

int
cycle_fetch_guids(
    struct cycle *c, enum side side, const struct guid *guids, size_t n, struct err *err)
{
	struct fault f = {.c = c, .side = side};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = collect(MATCH_KEY_GUID, guid_bytes(&guids[i]), &f, err);
	if (rc == 0)
		rc = flush(&f, err);
	buf_done(&f.filter);
	return rc;
}

static int
collect_reference(struct fault *f, struct bytes value, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;
	_cleanup_(free) char *norm = NULL;

	if (cycle_record_by_dn(f->c, SOURCE, value.data, &r, err) < 0)
		return -1;
	if (r)
		return 0;
	norm = dn_normalize(dn_strip_extended(value.data), err);
	if (!norm)
		return err->src == ERR_SYS ? -1 : 0;
	return collect(MATCH_KEY_DN, bytes_of(norm), f, err);
}

/* A record's name is as old as the last step that stored it: who has left, or is in conflict, may
 * have been renamed since. */
int
cycle_fetch_references(struct cycle *c, uint32_t from, struct err *err)
{
	const struct schema *schema = c->run->dir[SOURCE]->ops->schema(c->run->dir[SOURCE]);
	struct fault f = {.c = c, .side = SOURCE};
	uint32_t n = workset_count(c->ws[SOURCE]);
	int rc = 0;

	for (uint32_t i = from; rc == 0 && i < n; i++) {
		_cleanup_(entry_free) struct entry *e = NULL;

		rc = workset_get(c->ws[SOURCE], i, &e, err);
		for (size_t j = 0; rc == 0 && j < e->n_attrs; j++) {
			const struct attr *a = &e->attrs[j];

			if (!schema_is_reference(schema, a->name))
				continue;
			for (size_t k = 0; rc == 0 && k < a->n_values; k++)
				rc = collect_reference(&f, a->values[k], err);
		}
	}
	if (rc == 0)
		rc = flush(&f, err);
	buf_done(&f.filter);
	return rc;
}

struct collecting {
	struct fault f;
	struct err *err;
};

static int
collect_key(unsigned key, struct bytes value, void *arg)
{
	struct collecting *x = arg;

	return collect(key, value, &x->f, x->err);
}

static int
collect_candidates(struct collecting *x, const struct entry *source)
{
	const struct conf_link *link = x->f.c->run->link;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < link->n_match; i++)
		if (link->match[i].method != MATCH_STAMP && link->match[i].method != MATCH_CSV)
			rc = match_source_keys(source, link->match, i, collect_key, x);
	return rc;
}

int
cycle_fetch_candidates(struct cycle *c, const struct entry *source, struct err *err)
{
	struct collecting x = {.f = {.c = c, .side = TARGET}, .err = err};
	int rc = collect_candidates(&x, source);

	if (rc == 0)
		rc = flush(&x.f, err);
	buf_done(&x.f.filter);
	return rc;
}

static int
is_stranger(struct cycle *c, const struct entry *source, bool *ret, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;
	_cleanup_(free) char *norm = dn_normalize(source->dn, err);
	const struct conf_scope *scope = NULL;

	*ret = false;
	/* A name that is none is told of when it is decided. */
	if (!norm)
		return err->src == ERR_SYS ? -1 : 0;
	if (scope_judge(c->run->link, source, norm, &scope) != SCOPE_IN)
		return 0;
	if (store_find_guid(c->read, c->run->link_id, SOURCE, &source->guid, &r, err) < 0)
		return -1;
	*ret = !r || guid_is_zero(&r->side[TARGET].guid);
	return 0;
}

int
cycle_fetch_strangers(struct cycle *c, uint32_t from, struct err *err)
{
	struct collecting x = {.f = {.c = c, .side = TARGET}, .err = err};
	uint32_t n = workset_count(c->ws[SOURCE]);
	int rc = 0;

	for (uint32_t i = from; rc == 0 && i < n; i++) {
		_cleanup_(entry_free) struct entry *source = NULL;
		bool stranger = false;

		rc = workset_get(c->ws[SOURCE], i, &source, err);
		if (rc == 0)
			rc = is_stranger(c, source, &stranger, err);
		if (rc == 0 && stranger)
			rc = collect_candidates(&x, source);
	}
	if (rc == 0)
		rc = flush(&x.f, err);
	buf_done(&x.f.filter);
	return rc;
}

int
cycle_fetch_addresses(struct cycle *c, enum side side, const struct attr *a, struct err *err)
{
	struct fault f = {.c = c, .side = side};
	int rc = 0;

	for (size_t i = 0; c->is_delta && a && rc == 0 && i < a->n_values; i++) {
		bool x500 = address_is_x500(a->values[i]);

		if (x500 || address_is_smtp(a->values[i]))
			rc = collect(x500 ? MATCH_KEY_X500 : MATCH_KEY_SMTP,
			    address_value(a->values[i]), &f, err);
	}
	if (rc == 0)
		rc = flush(&f, err);
	buf_done(&f.filter);
	return rc;
}

/* All objects of PARENT whose name begins like RDN: whatever the naming rule may try. A name that
 * differs in accents only is not found by every server; it is refused by those that mind, and then
 * the object is read and named again. */
int
cycle_fetch_names(struct cycle *c, const char *parent, const char *rdn, struct err *err)
{
	struct fault f = {.c = c, .side = TARGET};
	struct dir *d = c->run->dir[TARGET];
	size_t len = utf8_prefix_utf16(bytes_of(rdn), 40);
	_cleanup_(free) char *text = NULL, *filter = NULL;
	struct dir_query q = {.base = parent, .scope = DIR_ONE, .attrs = attrs_of(c, TARGET)};
	int rc;

	if (!c->is_delta)
		return 0;
	text = filter_escape((struct bytes){rdn, len});
	filter = text ? str_printf("(cn=%s*)", text) : NULL;
	if (!filter)
		return err_nomem(err);
	q.filter = filter;
	rc = d->ops->search(d, &q, take, &f, err);
	/* The OU is to be created: nothing is in it. */
	return rc < 0 && err->src == ERR_LDAP && err->code == 32 ? 0 : rc;
}

struct by_dn {
	enum side side;
	uint32_t link;
	const char *dn;
	struct record *found;
	bool failed;
};

static int
is_by_dn(const struct record *r, void *arg)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct by_dn *w = arg;
	struct err ignored;

	if (r->link != w->link || r->state == RECORD_LEFT || !dn_equal(r->side[w->side].dn, w->dn))
		return 0;
	record_encode(r, &b);
	w->failed = b.failed || record_decode(buf_bytes(&b), r->id, &w->found, &ignored) < 0;
	return 1;
}

int
cycle_record_by_dn(
    struct cycle *c, enum side side, const char *dn, struct record **ret, struct err *err)
{
	struct by_dn w = {.side = side, .link = c->run->link_id, .dn = dn_strip_extended(dn)};

	*ret = NULL;
	if (!c->read)
		return 0;
	if (store_lookup(c->read, KEY_DN, w.dn, is_by_dn, &w, err) < 0)
		return -1;
	if (w.failed)
		return err_nomem(err);
	*ret = w.found;
	return 0;
}
