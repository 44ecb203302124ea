/* SPDX-License-Identifier: MIT */
/*
 * What operators said about conflicts. A value is: as (u8), target GUID, user id, time, the DNs of
 * both, the evidence.
 *
 * In the journal it is a text: "with <GUID> <DN>", "create", "ignore", or no value at all.
 */
#include "mapping/resolution.h"

#include <string.h>

#include "dsa/base/str.h"
#include "mapping/store_db.h"

#define WHY "an operator said what becomes of it"

static const char *const names[] = {
    [RESOLVED_NOT] = "nothing",
    [RESOLVED_WITH] = "with",
    [RESOLVED_CREATE] = "create",
    [RESOLVED_IGNORE] = "ignore",
};
_Static_assert(ARRAY_SIZE(names) == RESOLVED_MAX, "a name for each");

const char *
resolved_as_name(enum resolved_as as)
{
	return names[as];
}

void
resolution_done(struct resolution *r)
{
	free(r->source_dn);
	free(r->target_dn);
	free(r->evidence);
	*r = (struct resolution){.as = RESOLVED_NOT};
}

bool
resolution_is_same(const struct resolution *x, const struct resolution *y)
{
	return x->as == y->as && (x->as != RESOLVED_WITH || guid_equal(&x->target, &y->target));
}

unsigned
resolution_possible(enum conflict_reason reason, bool has_counterpart)
{
	const unsigned ignore = RESOLVED_BIT(RESOLVED_IGNORE), with = RESOLVED_BIT(RESOLVED_WITH),
		       create = RESOLVED_BIT(RESOLVED_CREATE);

	/* What was taken back comes again by an approval alone. */
	if (reason == CONFLICT_FOREIGN || reason == CONFLICT_UNDONE)
		return ignore;
	if (has_counterpart)
		return reason == CONFLICT_MATCH ? with | ignore : ignore;
	/* A name or an address that is not free is not free for a new object either. */
	return reason == CONFLICT_NAME || reason == CONFLICT_ADDRESS ? with | ignore
								     : with | create | ignore;
}

/* ---- the list ---- */

void
resolution_encode(const struct resolution *r, struct buf *ret)
{
	buf_add_u8(ret, (uint8_t)r->as);
	buf_add(ret, r->target.octets, GUID_LEN);
	buf_add_u32(ret, r->by);
	buf_add_u64(ret, (uint64_t)r->at);
	buf_add_bytes(ret, bytes_of(r->source_dn ? r->source_dn : ""));
	buf_add_bytes(ret, bytes_of(r->target_dn ? r->target_dn : ""));
	buf_add_bytes(ret, bytes_of(r->evidence ? r->evidence : ""));
}

int
resolution_decode(
    struct bytes raw, const struct guid *source, struct resolution *ret, struct err *err)
{
	_cleanup_(resolution_done) struct resolution r = {.as = RESOLVED_NOT};
	struct reader in = reader_of(raw);
	uint8_t as = reader_u8(&in);
	const void *target = reader_raw(&in, GUID_LEN);

	r.by = reader_u32(&in);
	r.at = (int64_t)reader_u64(&in);
	r.source_dn = bytes_dup(reader_bytes(&in));
	r.target_dn = bytes_dup(reader_bytes(&in));
	r.evidence = bytes_dup(reader_bytes(&in));
	if (!r.source_dn || !r.target_dn || !r.evidence)
		return err_nomem(err);
	if (!target || in.failed || reader_left(&in) || as <= RESOLVED_NOT || as >= RESOLVED_MAX)
		return err_set(
		    err, ERR_DATA, ERR_LINK, ERR_NEVER, 0, "map: damaged resolution of a conflict");
	memcpy(r.target.octets, target, GUID_LEN);
	r.as = (enum resolved_as)as;
	r.source = *source;
	*ret = r;
	r = (struct resolution){.as = RESOLVED_NOT};
	return 0;
}

int
store_put_resolution(
    struct store_txn *t, uint32_t link, const struct resolution *r, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};
	uint8_t octets[LINK_GUID_LEN];
	struct bytes key = {octets, sizeof octets};

	store_link_guid(link, &r->source, octets);
	store_keep(t, KEPT_MORE);
	if (r->as == RESOLVED_NOT)
		return store_db_delete(t, DB_RESOLUTION, key, (struct bytes){NULL, 0}, err);
	resolution_encode(r, &b);
	return b.failed ? err_nomem(err) : store_db_put(t, DB_RESOLUTION, key, buf_bytes(&b), err);
}

int
store_find_resolution(struct store_txn *t, uint32_t link, const struct guid *source,
    struct resolution *ret, bool *found, struct err *err)
{
	uint8_t key[LINK_GUID_LEN];
	struct bytes raw;

	*ret = (struct resolution){.as = RESOLVED_NOT};
	store_link_guid(link, source, key);
	if (store_db_get(t, DB_RESOLUTION, (struct bytes){key, sizeof key}, &raw, found, err) < 0)
		return -1;
	return *found ? resolution_decode(raw, source, ret, err) : 0;
}

struct walk {
	store_resolution_fn *fn;
	void *arg;
};

static int
give(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	_cleanup_(resolution_done) struct resolution r = {.as = RESOLVED_NOT};
	const struct walk *w = arg;
	const uint8_t *p = key.data;
	struct guid g;

	if (key.len != LINK_GUID_LEN)
		return 0;
	memcpy(g.octets, p + 4, GUID_LEN);
	if (resolution_decode(value, &g, &r, err) < 0)
		return -1;
	return w->fn((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3], &r,
	    w->arg, err);
}

int
store_each_resolution(
    struct store_txn *t, uint32_t link, store_resolution_fn *fn, void *arg, struct err *err)
{
	struct walk w = {fn, arg};
	uint8_t key[4];

	store_be32(link, key);
	return store_db_each(
	    t, DB_RESOLUTION, (struct bytes){key, link ? sizeof key : 0}, give, &w, err);
}

/* ---- the journal ---- */

/* NULL without memory. */
static char *
text_of(const struct resolution *r)
{
	char guid[GUID_TEXT_SIZE];

	if (r->as != RESOLVED_WITH)
		return strdup(names[r->as]);
	guid_format(&r->target, guid);
	return str_printf("%s %s %s", names[r->as], guid, r->target_dn ? r->target_dn : "");
}

static int
make_change(const struct resolution *old, const struct resolution *now, struct journal_entry *e,
    struct err *err)
{
	_cleanup_(free) char *was = text_of(old), *is = text_of(now);
	const char *dn = now->source_dn ? now->source_dn : "";

	e->reason = strdup(RESOLUTION_REASON);
	e->server = strdup("");
	e->change = change_new(CHANGE_MODIFY, dn, &now->source);
	e->before = entry_new(dn);
	if (!was || !is || !e->reason || !e->server || !e->change || !e->before)
		return err_nomem(err);
	if ((old->as != RESOLVED_NOT &&
		(change_mod_str(e->change, MOD_DELETE, RESOLUTION_ATTR, was) < 0 ||
		    entry_add_str(e->before, RESOLUTION_ATTR, was) < 0)) ||
	    (now->as != RESOLVED_NOT &&
		change_mod_str(e->change, MOD_ADD, RESOLUTION_ATTR, is) < 0))
		return err_nomem(err);
	return 0;
}

int
store_resolve(struct store_txn *t, uint32_t link, const struct resolution *r, uint64_t cycle,
    uint64_t undoes, struct err *err)
{
	_cleanup_(resolution_done) struct resolution old = {.as = RESOLVED_NOT};
	_cleanup_(journal_entry_free) struct journal_entry *e = journal_entry_new();
	bool found;

	if (!e)
		return err_nomem(err);
	e->cycle = cycle;
	e->link = link;
	e->side = SOURCE;
	e->source = r->source;
	e->at = r->at;
	e->asked = (struct asker){ASKED_BY_USER, r->by};
	e->undoes = undoes;
	if (store_find_resolution(t, link, &r->source, &old, &found, err) < 0 ||
	    make_change(&old, r, e, err) < 0 || store_put_resolution(t, link, r, err) < 0 ||
	    journal_intend(t, e, err) < 0 ||
	    journal_finish(t, e->number, JOURNAL_DONE, NULL, err) < 0)
		return -1;
	return store_look_again(
	    t, link, &r->source, r->source_dn ? r->source_dn : "", WHY, r->at, err);
}

bool
resolution_is_change(const struct journal_entry *e)
{
	return strcmp(e->reason, RESOLUTION_REASON) == 0;
}

static int
parse(const char *text, struct resolution *ret)
{
	char guid[GUID_TEXT_SIZE] = "";

	for (size_t i = RESOLVED_CREATE; i < RESOLVED_MAX; i++)
		if (strcmp(text, names[i]) == 0) {
			ret->as = (enum resolved_as)i;
			return 0;
		}
	if (strncmp(text, "with ", 5) != 0)
		return -1;
	memcpy(guid, text + 5, strnlen(text + 5, sizeof guid - 1));
	if (!guid_parse(guid, &ret->target) || text[5 + strlen(guid)] != ' ')
		return -1;
	ret->as = RESOLVED_WITH;
	free(ret->target_dn);
	ret->target_dn = strdup(text + 5 + strlen(guid) + 1);
	return 0;
}

/* The value that E's change puts there, or, with BEFORE, had there; NULL: none. */
static const char *
value_of(const struct journal_entry *e, bool before)
{
	if (before)
		return e->before ? entry_get_str(e->before, RESOLUTION_ATTR) : NULL;
	for (size_t i = 0; i < e->change->n_mods; i++)
		if (e->change->mods[i].op == MOD_ADD && e->change->mods[i].n_values)
			return e->change->mods[i].values[0].data;
	return NULL;
}

int
resolution_of_change(
    const struct journal_entry *e, bool before, struct resolution *ret, struct err *err)
{
	_cleanup_(resolution_done) struct resolution r = {
	    .source = e->source, .by = e->asked.id, .at = e->at};
	const char *text = value_of(e, before);

	r.source_dn = strdup(e->change->dn);
	r.target_dn = strdup("");
	r.evidence = str_printf("change %llu", (unsigned long long)e->number);
	if (text && parse(text, &r) < 0)
		return err_set(err, ERR_DATA, ERR_ENTRY, ERR_NEVER, 0,
		    "map: change %llu says '%.80s', which is no resolution of a conflict",
		    (unsigned long long)e->number, text);
	if (!r.source_dn || !r.target_dn || !r.evidence)
		return err_nomem(err);
	*ret = r;
	r = (struct resolution){.as = RESOLVED_NOT};
	return 0;
}
