/* SPDX-License-Identifier: MIT */
#include "dsa/rules/diff.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/keyed_hash.h"
#include "dsa/directory/dn.h"
#include "mapping/match.h"
#include "redirect/address.h"
#include "redirect/tenant.h"

struct diff {
	const struct record *record; /* or NULL */
	enum side side;		     /* that is written */
	const struct diff_in *in;
	struct change *change;
	const char *attr;
	const struct schema_attr *schema; /* of ATTR, or NULL */
};

static bool
was_put(const struct diff *d, struct bytes v)
{
	return d->record && record_was_written(d->record, d->side, record_written_hash(d->attr, v));
}

static bool
may_remove_address(struct bytes v, void *arg)
{
	return was_put(arg, v);
}

static int
meet_set(struct diff *d, const struct attr *want, const struct attr *present)
{
	bool has = present && present->n_values;

	if (!want->n_values) {
		for (size_t i = 0; has && i < present->n_values; i++)
			if (was_put(d, present->values[i]) &&
			    change_mod(d->change, MOD_DELETE, d->attr, present->values[i]) < 0)
				return -1;
		return 0;
	}
	if (has && present->n_values == 1 &&
	    schema_compare(d->schema, present->values[0], want->values[0]) == SCHEMA_SAME)
		return 0;
	for (size_t i = 0; has && i < present->n_values; i++)
		if (change_mod(d->change, MOD_DELETE, d->attr, present->values[i]) < 0)
			return -1;
	return change_mod(d->change, MOD_ADD, d->attr, want->values[0]);
}

/* AD refuses to be without the value: 0 is what it has of itself. */
static int
meet_zero(struct diff *d, const struct attr *want, const struct attr *present)
{
	static const char zero[] = "0";

	if (want->n_values || !present || present->n_values != 1)
		return meet_set(d, want, present);
	if (bytes_equal(present->values[0], bytes_of(zero)) || !was_put(d, present->values[0]))
		return 0;
	return change_mod(d->change, MOD_DELETE, d->attr, present->values[0]) < 0
		   ? -1
		   : change_mod_str(d->change, MOD_ADD, d->attr, zero);
}

/* Only a stamp makes room for a stamp. No object with another value gets here (identity.h); this is
 * what keeps the value if one does. */
static int
meet_stamp(struct diff *d, const struct attr *want, const struct attr *present)
{
	struct stamp ignored;

	for (size_t i = 0; present && i < present->n_values; i++)
		if (!stamp_parse(present->values[i].data, &ignored))
			return 0;
	return meet_set(d, want, present);
}

/* How the value of A (NULL: none) that is most like V is like it. */
static enum schema_likeness
likeness(const struct diff *d, const struct attr *a, struct bytes v)
{
	enum schema_likeness best = SCHEMA_DIFFERENT;

	for (size_t i = 0; a && i < a->n_values && best != SCHEMA_SAME; i++) {
		enum schema_likeness l = schema_compare(d->schema, a->values[i], v);

		if (l > best)
			best = l;
	}
	return best;
}

/* Is a value of PRESENT, which is not as it is spelled, V in the spelling of others? That stays. */
static bool
is_spelled_by_others(const struct diff *d, const struct attr *present, struct bytes v)
{
	for (size_t i = 0; i < present->n_values; i++)
		if (schema_compare(d->schema, present->values[i], v) == SCHEMA_RESPELLED &&
		    !was_put(d, present->values[i]))
			return true;
	return false;
}

/* What galsync put follows the spelling of the source: the old one goes and the new one comes in
 * one request. */
static int
meet_merge(struct diff *d, const struct attr *want, const struct attr *present)
{
	for (size_t i = 0; present && i < present->n_values; i++)
		if (likeness(d, want, present->values[i]) != SCHEMA_SAME &&
		    was_put(d, present->values[i]) &&
		    change_mod(d->change, MOD_DELETE, d->attr, present->values[i]) < 0)
			return -1;
	for (size_t i = 0; i < want->n_values; i++) {
		struct bytes v = want->values[i];
		enum schema_likeness l = likeness(d, present, v);

		if (l == SCHEMA_SAME ||
		    (l == SCHEMA_RESPELLED && is_spelled_by_others(d, present, v)))
			continue;
		if (change_mod(d->change, MOD_ADD, d->attr, v) < 0)
			return -1;
	}
	return 0;
}

/* Hashes of normalized DNs, so that a group of thousands is compared in n log n. */
struct dn_set {
	uint64_t *of; /* each value's, and behind them the same, sorted */
	size_t n;
};

static void
dn_set_done(struct dn_set *s)
{
	free(s->of);
}

static inline void
dn_set_donep(struct dn_set *s)
{
	dn_set_done(s);
}

static int
compare_u64(const void *x, const void *y)
{
	uint64_t p = *(const uint64_t *)x, q = *(const uint64_t *)y;

	return p < q ? -1 : p > q;
}

static uint64_t
hash_dn(struct bytes v)
{
	struct err ignored;
	_cleanup_(free) char *norm = dn_normalize(dn_strip_extended(v.data), &ignored);

	return norm ? keyed_hash(bytes_of(norm), 0) : keyed_hash(v, 1);
}

static int
dn_set_of(const struct attr *a, struct dn_set *ret)
{
	ret->n = a ? a->n_values : 0;
	ret->of = malloc((2 * ret->n + 1) * sizeof *ret->of);
	if (!ret->of)
		return -1;
	for (size_t i = 0; i < ret->n; i++)
		ret->of[i] = ret->of[ret->n + i] = hash_dn(a->values[i]);
	qsort(ret->of + ret->n, ret->n, sizeof *ret->of, compare_u64);
	return 0;
}

static bool
dn_set_has(const struct dn_set *s, uint64_t h)
{
	return bsearch(&h, s->of + s->n, s->n, sizeof h, compare_u64) != NULL;
}

/* The hash under which a link is remembered whose object nobody knows, in whatever form the server
 * shows it. */
static uint64_t
name_hash(const char *attr, struct bytes v)
{
	struct err ignored;
	const char *dn = dn_strip_extended(v.data);
	_cleanup_(free) char *norm = dn_normalize(dn, &ignored);

	return record_written_hash(attr, bytes_of(norm ? norm : dn));
}

uint64_t
diff_link_hash(const char *attr, const struct guid *g)
{
	char text[GUID_TEXT_SIZE + 8], guid[GUID_TEXT_SIZE];

	guid_format(g, guid);
	(void)snprintf(text, sizeof text, "<GUID=%s>", guid);
	return record_written_hash(attr, bytes_of(text));
}

uint64_t
diff_across_hash(const char *attr)
{
	return record_written_hash(attr, bytes_of("<across>"));
}

/* As what the link V under ATTR is remembered from now on. */
static uint64_t
link_hash(const struct diff_in *d, const char *attr, struct bytes v)
{
	struct guid g;

	return d->who && d->who(dn_strip_extended(v.data), &g, d->arg) ? diff_link_hash(attr, &g)
								       : name_hash(attr, v);
}

/* Did galsync put the link V under ATTR there? Of the target's that is remembered of those alone
 * that lead across. */
static bool
link_was_put(const struct diff_in *d, enum side side, const char *attr, struct bytes v)
{
	const struct record *r = d->record;

	if (!r || !r->written[side].n)
		return false;
	if (record_was_written(r, side, record_written_hash(attr, v)) ||
	    record_was_written(r, side, name_hash(attr, v)))
		return true;
	return (side == SOURCE || record_was_written(r, side, diff_across_hash(attr))) &&
	       record_was_written(r, side, link_hash(d, attr, v));
}

static bool
may_remove_link(const struct diff *d, struct bytes v)
{
	if (link_was_put(d->in, d->side, d->attr, v))
		return true;
	return d->side == TARGET && d->in->is_ours(dn_strip_extended(v.data), d->in->arg);
}

static int
meet_link(struct diff *d, const struct attr *want, const struct attr *present, bool single)
{
	_cleanup_(dn_set_done) struct dn_set wanted = {0}, there = {0};

	if (dn_set_of(want, &wanted) < 0 || dn_set_of(present, &there) < 0)
		return -1;
	for (size_t i = 0; present && i < present->n_values; i++) {
		struct bytes v = present->values[i];
		bool replaced = single && want->n_values;

		if (dn_set_has(&wanted, there.of[i]) || !(replaced || may_remove_link(d, v)))
			continue;
		if (change_mod(d->change, MOD_DELETE, d->attr, v) < 0)
			return -1;
	}
	for (size_t i = 0; i < want->n_values; i++)
		if (!dn_set_has(&there, wanted.of[i]) &&
		    change_mod(d->change, MOD_ADD, d->attr, want->values[i]) < 0)
			return -1;
	return 0;
}

static int
meet_addresses(struct diff *d, const struct attr *want, const struct attr *present)
{
	_cleanup_(address_list_done) struct address_list list = {0};

	for (size_t i = 0; i < want->n_values; i++)
		if (address_list_add(&list, want->values[i]) < 0)
			return -1;
	return address_merge(&list, present, may_remove_address, d, d->change);
}

/* Is any of PRESENT neither wanted nor put by galsync? */
static bool
has_foreign(const struct diff *d, const struct attr *want, const struct attr *present)
{
	for (size_t i = 0; present && i < present->n_values; i++)
		if (likeness(d, want, present->values[i]) != SCHEMA_SAME &&
		    !was_put(d, present->values[i]))
			return true;
	return false;
}

static int
meet_if_ours(struct diff *d, const struct attr *want, const struct attr *present)
{
	if (has_foreign(d, want, present))
		return 0;
	return d->schema && d->schema->single ? meet_set(d, want, present)
					      : meet_merge(d, want, present);
}

static int
meet_clear(struct diff *d, const struct attr *present)
{
	for (size_t i = 0; present && i < present->n_values; i++)
		if (change_mod(d->change, MOD_DELETE, d->attr, present->values[i]) < 0)
			return -1;
	return 0;
}

static int
meet(struct diff *d, const struct row *r, const struct attr *want, const struct attr *present)
{
	switch (r->meet) {
	case MEET_SET:
	case MEET_ROUTE: return meet_set(d, want, present);
	case MEET_ZERO: return meet_zero(d, want, present);
	case MEET_CLEAR: return meet_clear(d, present);
	case MEET_STAMP: return meet_stamp(d, want, present);
	case MEET_IF_ABSENT: return present && present->n_values ? 0 : meet_set(d, want, NULL);
	case MEET_IF_OURS: return meet_if_ours(d, want, present);
	case MEET_MERGE: return meet_merge(d, want, present);
	case MEET_LINK: return meet_link(d, want, present, d->schema && d->schema->single);
	case MEET_ADDRESSES: return meet_addresses(d, want, present);
	}
	return 0;
}

static bool
row_applies(const struct row *r, const struct project_in *in, unsigned when)
{
	return (r->when & when) && (r->kinds & KIND_BIT(in->kind)) &&
	       (r->shapes & SHAPE_BIT(in->shape));
}

/* Is R the row that would take away what leads to a mailbox in a tenant, and only that does? */
static bool
is_only_route(const struct row *r, const struct diff_in *in)
{
	const char *domain = in->in->link->target->routing_domain, *to;
	const struct attr *kept;

	if (r->meet != MEET_ROUTE || in->in->shape != SHAPE_REMOTE_MAILBOX || !domain)
		return false;
	to = entry_get_str(in->present, "targetAddress");
	kept = entry_find(in->want, "proxyAddresses");
	if (!to || !address_in_domain(bytes_of(to), domain))
		return false;
	return !(kept && attr_has(kept, bytes_of(to), true)) &&
	       !tenant_keeps_route(in->present, domain);
}

int
diff_target(const struct diff_in *in, struct change *change, struct err *err)
{
	struct diff d = {
	    .record = in->record, .side = project_side(in->in), .in = in, .change = change};

	for (size_t i = 0; i < in->table->n; i++) {
		const struct row *r = &in->table->rows[i];
		const struct attr *w;

		if (!row_applies(r, in->in, in->when) || !(w = entry_find(in->want, r->attr)) ||
		    is_only_route(r, in))
			continue;
		d.attr = r->attr;
		d.schema = r->schema;
		if (meet(&d, r, w, entry_find(in->present, r->attr)) < 0)
			return err_nomem(err);
	}
	return 0;
}

static bool
change_has(const struct change *c, enum mod_op op, const char *attr, struct bytes v)
{
	for (size_t i = 0; i < c->n_mods; i++) {
		const struct mod *m = &c->mods[i];

		if (m->op != op || strcmp(m->attr, attr) != 0)
			continue;
		for (size_t j = 0; j < m->n_values; j++)
			if (bytes_equal(m->values[j], v))
				return true;
	}
	return false;
}

/* Has IN's target V of row R in another spelling alone? */
static bool
is_there_respelled(const struct project_in *in, const struct row *r, struct bytes v)
{
	const struct attr *a = in->target ? entry_find(in->target, r->attr) : NULL;
	bool respelled = false;

	for (size_t i = 0; a && i < a->n_values; i++) {
		enum schema_likeness l = schema_compare(r->schema, a->values[i], v);

		if (l == SCHEMA_SAME)
			return false;
		respelled |= l == SCHEMA_RESPELLED;
	}
	return respelled;
}

/* What galsync put on IN's target, and what CHANGE leaves there though it is not wanted, is still
 * galsync's: the X500 names. Adds it to WRITTEN, which has N of at most TOTAL. */
static void
note_lasting(const struct project_in *in, const struct change *change, const struct record *record,
    uint64_t *written, size_t *n, size_t total)
{
	const struct attr *a = in->target ? entry_find(in->target, "proxyAddresses") : NULL;

	for (size_t i = 0; a && i < a->n_values && *n < total; i++) {
		uint64_t h = record_written_hash("proxyAddresses", a->values[i]);

		if (address_is_x500(a->values[i]) &&
		    record_was_written(record, project_side(in), h) &&
		    !change_has(change, MOD_DELETE, "proxyAddresses", a->values[i]))
			written[(*n)++] = h;
	}
}

struct noting {
	const struct diff_in *d;
	const struct change *change;
	const struct record *record;
	uint64_t *written;
	size_t n, max; /* two rows may be about one attribute */
};

static void
note_hash(struct noting *n, uint64_t hash)
{
	if (n->n < n->max)
		n->written[n->n++] = hash;
}

/* Notes V of row R, which is wanted unless it is LEFT, if it is galsync's when the change was made.
 */
static void
note_value(struct noting *n, const struct row *r, struct bytes v, bool left)
{
	const struct project_in *in = n->d->in;
	uint64_t hash = record_written_hash(r->attr, v);

	if (record_was_written(n->record, project_side(in), hash) ||
	    change_has(n->change, MOD_ADD, r->attr, v) ||
	    (in->created && !left && !is_there_respelled(in, r, v)))
		note_hash(n, hash);
}

/* The same of a link. */
static void
note_link(struct noting *n, const struct row *r, struct bytes v, bool left)
{
	if (!left || link_was_put(n->d, project_side(n->d->in), r->attr, v))
		note_hash(n, link_hash(n->d, r->attr, v));
}

/* Links of the target to counterparts need no memory: their rule is diff_is_ours_fn; of others that
 * are wanted the caller knows. Nor do the rows of a create alone: what they gave is never touched
 * again. A value that cannot be written, or does not flow now, leaves what is there, and that stays
 * ours. */
static void
note_row(struct noting *n, const struct row *r)
{
	const struct project_in *in = n->d->in;
	const struct attr *w = entry_find(n->d->want, r->attr);
	bool left = !w && in->target, link = r->meet == MEET_LINK, across = link && !in->back;
	size_t before = n->n;

	if (left)
		w = entry_find(in->target, r->attr);
	if (!w || (across && !left))
		return;
	for (size_t i = 0; i < w->n_values; i++)
		if (link)
			note_link(n, r, w->values[i], left);
		else
			note_value(n, r, w->values[i], left);
	if (across && n->n > before)
		note_hash(n, diff_across_hash(r->attr));
}

static size_t
count_values(const struct entry *e)
{
	size_t n = 0;

	for (size_t i = 0; e && i < e->n_attrs; i++)
		n += e->attrs[i].n_values;
	return n;
}

int
diff_note_written(
    const struct diff_in *d, const struct change *change, struct record *record, struct err *err)
{
	unsigned when = d->when == WHEN_CREATE ? WHEN_CREATED : d->when;
	size_t total = count_values(d->want) + count_values(d->in->target) + d->table->n;
	_cleanup_(free) uint64_t *written = malloc((total + 1) * sizeof *written);
	struct noting n = {d, change, record, written, 0, total};

	if (!written)
		return err_nomem(err);
	for (size_t i = 0; i < d->table->n; i++)
		if (row_applies(&d->table->rows[i], d->in, when))
			note_row(&n, &d->table->rows[i]);
	note_lasting(d->in, change, record, written, &n.n, total);
	return record_set_written(record, project_side(d->in), written, n.n) < 0 ? err_nomem(err)
										 : 0;
}

/* Does C give ATTR another value? */
static bool
gives(const struct change *c, const char *attr)
{
	for (size_t i = 0; i < c->n_mods; i++)
		if (c->mods[i].op == MOD_ADD && strcmp(c->mods[i].attr, attr) == 0)
			return true;
	return false;
}

/* Did others put V where row R writes? What flows back may replace what came from the source. */
static bool
is_of_others(const struct diff_in *d, const struct row *r, struct bytes v)
{
	enum side side = project_side(d->in);

	if (!d->record)
		return true;
	if (r->meet == MEET_LINK)
		return !link_was_put(d, side, r->attr, v);
	return !record_was_written(d->record, side, record_written_hash(r->attr, v)) &&
	       !(d->in->back &&
		   record_was_written(d->record, TARGET, record_written_hash(r->source, v)));
}

static void
add_lost(const char *attr, struct bytes v, char *ret, size_t size)
{
	size_t len = strlen(ret);
	char text[64];

	err_escape(text, sizeof text, v);
	(void)snprintf(ret + len, size - len, "%s%s '%s'", len ? ", " : "", attr, text);
}

bool
diff_lost(const struct diff_in *d, const struct change *change, char *ret, size_t size)
{
	*ret = '\0';
	for (size_t i = 0; i < d->table->n; i++) {
		const struct row *r = &d->table->rows[i];
		const struct attr *a;

		if (r->compute || r->authority == AUTHORITY_NONE ||
		    !row_applies(r, d->in, d->when) || !gives(change, r->attr) ||
		    !(r->meet == MEET_SET || r->meet == MEET_ZERO || r->meet == MEET_LINK))
			continue;
		a = entry_find(d->present, r->attr);
		for (size_t j = 0; a && j < a->n_values; j++)
			if (change_has(change, MOD_DELETE, r->attr, a->values[j]) &&
			    is_of_others(d, r, a->values[j]))
				add_lost(r->attr, a->values[j], ret, size);
	}
	return *ret != '\0';
}

int
diff_source(
    const struct entry *want, const struct entry *present, struct change *change, struct err *err)
{
	const struct attr *w = entry_find(want, "proxyAddresses");
	const struct attr *p = entry_find(present, "proxyAddresses");

	for (size_t i = 0; w && i < w->n_values; i++)
		if (!(p && attr_has(p, w->values[i], true)) &&
		    change_mod(change, MOD_ADD, "proxyAddresses", w->values[i]) < 0)
			return err_nomem(err);
	return 0;
}
