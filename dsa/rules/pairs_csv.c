/* SPDX-License-Identifier: MIT */
#include "dsa/rules/pairs_csv.h"

#include <string.h>

#include "dsa/base/csv.h"
#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "redirect/address.h"

struct pair {
	char *source, *target;
	unsigned line;
};

struct match_csv {
	struct pair *pairs; /* sorted by source, ASCII case ignored */
	size_t n, cap;
};

void
match_csv_free(struct match_csv *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++) {
		free(m->pairs[i].source);
		free(m->pairs[i].target);
	}
	free(m->pairs);
	free(m);
}
DEFINE_CLEANUP(struct match_csv *, match_csv_free)

static int
add_pair(
    struct match_csv *m, unsigned line, const char *source, const char *target, struct err *err)
{
	struct pair p = {.source = strdup(source), .target = strdup(target), .line = line};

	if (!p.source || !p.target || list_grow(m->pairs, m->n, m->cap) < 0) {
		free(p.source);
		free(p.target);
		return err_nomem(err);
	}
	m->pairs[m->n++] = p;
	return 0;
}

struct loading {
	struct match_csv *m;
	const char *file;
	bool begun; /* a line with columns was read */
};

/* True if L is two columns: what is behind them is empty. */
static bool
is_pair(const struct csv_line *l)
{
	for (size_t i = 2; i < l->n; i++)
		if (*l->columns[i])
			return false;
	return l->n >= 2 && *l->columns[0] && *l->columns[1];
}

static int
take_line(const struct csv_line *l, void *arg, struct err *err)
{
	struct loading *p = arg;
	bool first = !p->begun;
	char shown[80];

	err_escape(shown, sizeof shown, l->raw);
	if (l->wrong)
		return err_conf(err, "%s:%u: %s: %s", p->file, l->number, shown, l->wrong);
	p->begun = true;
	if (!is_pair(l))
		return err_conf(err,
		    "%s:%u: %s: it has %zu columns; expected are two, source and target, neither "
		    "empty: quote what holds a separator, and use one separator in the whole file",
		    p->file, l->number, shown, l->n);
	if (first && str_equal_nocase(l->columns[0], "source") &&
	    str_equal_nocase(l->columns[1], "target"))
		return 0;
	return add_pair(p->m, l->number, l->columns[0], l->columns[1], err);
}

/* Those of one source in the order of the file. */
static int
compare_pairs(const void *x, const void *y)
{
	const struct pair *p = x, *q = y;
	int c = strcasecmp(p->source, q->source);

	return c ? c : (p->line > q->line) - (p->line < q->line);
}

/* A source may be named again with the same target. */
static int
check_twice(const struct match_csv *m, const char *file, struct err *err)
{
	for (size_t i = 1; i < m->n; i++) {
		const struct pair *p = &m->pairs[i - 1], *q = &m->pairs[i];

		if (strcasecmp(p->source, q->source) == 0 && strcasecmp(p->target, q->target) != 0)
			return err_conf(err,
			    "%s:%u: '%s' is paired with '%s', and with '%s' in line %u", file,
			    q->line, q->source, q->target, p->target, p->line);
	}
	return 0;
}

int
match_csv_load(const char *file, struct match_csv **ret, struct err *err)
{
	_cleanup_(match_csv_free) struct match_csv *m = calloc(1, sizeof *m);
	struct loading l = {.m = m, .file = file};

	if (!m)
		return err_nomem(err);
	if (csv_read(file, take_line, &l, err) < 0)
		return err_ctx(err, "a match rule's file of pairs");
	if (m->n)
		qsort(m->pairs, m->n, sizeof *m->pairs, compare_pairs);
	if (check_twice(m, file, err) < 0)
		return -1;
	*ret = TAKE(m);
	return 0;
}

static int
compare_id(const void *x, const void *y)
{
	const struct bytes *id = x;
	const struct pair *p = y;
	int c = strncasecmp(id->data, p->source, id->len);

	return c ? c : p->source[id->len] ? -1 : 0;
}

/* ---- who is meant ---- */

enum sort { SORT_GUID, SORT_DN, SORT_ADDRESS, SORT_NAME };

/* An address may have "=" in it, but no comma, which every DN of an object has. */
static enum sort
sort_of(const char *id)
{
	struct guid g;

	if (guid_parse(id, &g))
		return SORT_GUID;
	if (strchr(id, '=') && (strchr(id, ',') || !strchr(id, '@')))
		return SORT_DN;
	return strchr(id, '@') ? SORT_ADDRESS : SORT_NAME;
}

static bool
has_text(const struct entry *e, const char *attr, const char *id)
{
	const struct attr *a = entry_find(e, attr);

	return a && attr_has(a, bytes_of(id), true);
}

static bool
is_guid(const struct entry *source, const char *id)
{
	struct guid g;

	return guid_parse(id, &g) && guid_equal(&g, &source->guid);
}

static enum pair_claim
claim_address(const struct entry *source, const char *id)
{
	const struct attr *a = entry_find(source, "proxyAddresses");
	const char *primary = address_primary(source);

	if ((primary && str_equal_nocase(primary, id)) || has_text(source, "mail", id) ||
	    has_text(source, "userPrincipalName", id))
		return PAIR_PRIMARY;
	for (size_t i = 0; a && i < a->n_values; i++)
		if (address_is_smtp(a->values[i]) &&
		    bytes_equal_nocase(address_value(a->values[i]), bytes_of(id)))
			return PAIR_SECONDARY;
	return PAIR_NONE;
}

enum pair_claim
pair_claim_of(const struct entry *source, const char *id)
{
	bool unique = false;

	switch (sort_of(id)) {
	case SORT_GUID: unique = is_guid(source, id); break;
	case SORT_DN: unique = str_equal_nocase(source->dn, id); break;
	case SORT_NAME: unique = has_text(source, "sAMAccountName", id); break;
	case SORT_ADDRESS: return claim_address(source, id);
	}
	return unique ? PAIR_UNIQUE : PAIR_NONE;
}

struct asking {
	const struct match_csv *m;
	const struct entry *source;
	struct pair_found *best;
};

/* Takes the line of ID if the claim to it is stronger than the best so far. */
static void
ask(const struct asking *a, struct bytes id)
{
	const struct pair *hit = NULL;
	enum pair_claim claim;

	if (a->m->n && id.len && !memchr(id.data, '\0', id.len))
		hit = bsearch(&id, a->m->pairs, a->m->n, sizeof *a->m->pairs, compare_id);
	claim = hit ? pair_claim_of(a->source, hit->source) : PAIR_NONE;
	if (claim > a->best->claim)
		*a->best = (struct pair_found){hit->source, hit->target, claim};
}

bool
match_csv_find(const struct match_csv *m, const struct entry *source, struct pair_found *ret)
{
	static const char *const names[] = {"sAMAccountName", "mail", "userPrincipalName"};
	const struct attr *addresses = entry_find(source, "proxyAddresses");
	const struct asking a = {m, source, ret};
	char guid[GUID_TEXT_SIZE];

	*ret = (struct pair_found){.claim = PAIR_NONE};
	guid_format(&source->guid, guid);
	ask(&a, bytes_of(guid));
	ask(&a, bytes_of(source->dn));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		ask(&a, entry_get(source, names[i]));
	for (size_t i = 0; addresses && i < addresses->n_values; i++)
		ask(&a, address_value(addresses->values[i]));
	return ret->claim != PAIR_NONE;
}
