/* SPDX-License-Identifier: MIT */
/* Looks through the journal: which entries are meant, and who is. */
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/digest.h"
#include "dsa/directory/dn.h"
#include "mapping/journal_priv.h"
#include "mapping/store_db.h"

/* ---- which entries ---- */

struct finding {
	struct store_txn *t;
	const struct journal_query *q;
	journal_fn *fn;
	void *arg;
};

static bool
is_meant(const struct journal_query *q, const struct journal_head *h)
{
	bool any_link = !q->link[SOURCE] && !q->link[TARGET];

	return h->number > q->after && (!q->cycle || h->cycle == q->cycle) &&
	       (!q->wave || (h->asked.by == ASKED_BY_WAVE && h->asked.id == q->wave)) &&
	       h->at >= q->since &&
	       (any_link ||
		   (h->link && (h->link == q->link[SOURCE] || h->link == q->link[TARGET])));
}

/* Only what is meant is read as a whole. */
static int
give(struct finding *f, uint64_t number, struct bytes raw, struct err *err)
{
	_cleanup_(journal_entry_free) struct journal_entry *e = NULL;
	struct reader r = reader_of(raw);
	const struct journal_head h = journal_read_head(&r, number);

	if (!is_meant(f->q, &h))
		return 0;
	if (journal_get(f->t, number, &e, err) < 0)
		return -1;
	return e ? f->fn(e, f->arg, err) : 0;
}

static int
give_pair(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	uint64_t number;

	memcpy(&number, key.data, sizeof number);
	return give(arg, number, value, err);
}

static int
give_about(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	struct finding *f = arg;
	const uint8_t *p = value.data;
	uint64_t number = 0;
	struct bytes raw;
	bool found;

	(void)key;
	for (size_t i = 0; i < value.len; i++)
		number = number << 8 | p[i];
	if (store_db_get(
		f->t, DB_JOURNAL, (struct bytes){&number, sizeof number}, &raw, &found, err) < 0)
		return -1;
	return found ? give(f, number, raw, err) : 0;
}

int
journal_find(
    struct store_txn *t, const struct journal_query *q, journal_fn *fn, void *arg, struct err *err)
{
	struct finding f = {t, q, fn, arg};
	uint64_t from = q->after + 1;
	struct bytes none = {NULL, 0};

	if (q->source)
		return store_db_each(t, DB_ABOUT, guid_bytes(q->source), give_about, &f, err);
	return store_db_each_from(
	    t, DB_JOURNAL, none, (struct bytes){&from, sizeof from}, give_pair, &f, err);
}

/* ---- who ---- */

struct naming {
	const char *who; /* without prefix */
	const char *dn;	 /* normalized, or NULL: it is none */
	struct guid guid;
	bool is_guid;
	struct guid_list *ret;
};

/* An address in any of its prefixes, or the value as it is. */
static bool
is_value(struct bytes v, const char *who)
{
	const char *s = v.data;

	if (digest_is(v))
		return false;
	if (str_starts_nocase(s, "smtp:") || str_starts_nocase(s, "x500:"))
		s += 5;
	return str_equal_nocase(s, who);
}

static bool
is_name(const char *attr)
{
	static const char *const names[] = {"proxyAddresses", "mail", "mailNickname",
	    "sAMAccountName", "userPrincipalName", "legacyExchangeDN"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_equal_nocase(attr, names[i]))
			return true;
	return false;
}

static bool
attr_names(const char *attr, const struct bytes *values, size_t n, const char *who)
{
	if (!is_name(attr))
		return false;
	for (size_t i = 0; i < n; i++)
		if (is_value(values[i], who))
			return true;
	return false;
}

static bool
entry_names(const struct entry *e, const char *who)
{
	for (size_t i = 0; e && i < e->n_attrs; i++)
		if (attr_names(e->attrs[i].name, e->attrs[i].values, e->attrs[i].n_values, who))
			return true;
	return false;
}

static bool
change_names(const struct change *c, const char *who)
{
	for (size_t i = 0; i < c->n_mods; i++)
		if (attr_names(c->mods[i].attr, c->mods[i].values, c->mods[i].n_values, who))
			return true;
	return entry_names(c->entry, who);
}

static bool
names(const struct naming *n, const struct journal_entry *e)
{
	if (n->is_guid)
		return guid_equal(&n->guid, &e->source) || guid_equal(&n->guid, &e->change->guid);
	if (n->dn)
		return dn_equal(e->change->dn, n->dn);
	return change_names(e->change, n->who) || entry_names(e->before, n->who);
}

static int
add_once(struct guid_list *l, const struct guid *g, struct err *err)
{
	return guid_is_zero(g) || guid_list_has(l, g) ? 0 : guid_list_add(l, g, err);
}

static int
note_entry(const struct journal_entry *e, void *arg, struct err *err)
{
	struct naming *n = arg;

	return names(n, e) ? add_once(n->ret, &e->source, err) : 0;
}

static int
note_record(const struct record *r, void *arg, struct err *err)
{
	return add_once(((struct naming *)arg)->ret, &r->side[SOURCE].guid, err);
}

int
journal_find_who(struct store_txn *t, const char *who, struct guid_list *ret, struct err *err)
{
	_cleanup_(free) char *dn = NULL;
	struct naming n = {.who = who, .ret = ret};
	struct err ignored;

	if (store_lookup_who(t, who, note_record, &n, err) < 0)
		return -1;
	if (ret->n)
		return 0;
	if (str_starts_nocase(who, "smtp:") || str_starts_nocase(who, "x500:"))
		n.who += 5;
	n.is_guid = guid_parse(who, &n.guid);
	n.dn = dn = strchr(who, '=') && who[0] != '/' ? dn_normalize(n.who, &ignored) : NULL;
	return journal_each(t, 0, note_entry, &n, err);
}
