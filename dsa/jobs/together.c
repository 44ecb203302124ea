/* SPDX-License-Identifier: MIT */
/*
 * All mailboxes of the domain are read once, with the few attributes that join them; references are
 * found among them by their DNs. What an order selects is asked of the server in a second search,
 * for GUIDs alone.
 */
#include "dsa/jobs/together.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsa/base/list.h"
#include "dsa/directory/dir.h"
#include "dsa/directory/dn.h"

#define MAILBOXES "(&(objectClass=user)(mailNickname=*))"

static const struct {
	const char *attr;
	enum tie tie;
} sources[] = {{"msExchDelegateListLink", TIE_DELEGATE}, {"publicDelegates", TIE_SEND_ON_BEHALF},
    {"assistant", TIE_ASSISTANT}, {"altRecipient", TIE_FORWARD}};

/* A DN as it is compared, and whose it is. */
struct named {
	char *dn_norm;
	size_t i;
};

/* A reference that was read: FROM names TO_NORM. */
struct ref {
	size_t from;
	enum tie tie;
	char *to_norm;
};

struct reading {
	struct together *t;
	struct named *names;
	size_t n_names, cap_names;
	struct ref *refs;
	size_t n_refs, cap_refs;
};

static void
reading_done(struct reading *r)
{
	for (size_t i = 0; i < r->n_names; i++)
		free(r->names[i].dn_norm);
	for (size_t i = 0; i < r->n_refs; i++)
		free(r->refs[i].to_norm);
	free(r->names);
	free(r->refs);
}

static inline void
reading_donep(struct reading *r)
{
	reading_done(r);
}

void
together_done(struct together *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->v[i].dn);
		free(t->v[i].name);
		free(t->v[i].mail);
	}
	free(TAKE(t->v));
	free(TAKE(t->moves));
	free(TAKE(t->asked));
	free(TAKE(t->ties));
	free(TAKE(t->set));
	t->n = t->n_ties = 0;
}

/* ---- reading ---- */

static int
add_name(struct reading *r, const char *dn, size_t i, struct err *err)
{
	char *norm = dn_normalize(dn, err);

	if (!norm)
		return -1;
	if (list_grow(r->names, r->n_names, r->cap_names) < 0) {
		free(norm);
		return err_nomem(err);
	}
	r->names[r->n_names++] = (struct named){norm, i};
	return 0;
}

/* A value that is no DN names nobody. */
static int
add_ref(struct reading *r, struct bytes value, enum tie tie, struct err *err)
{
	struct err bad;
	char *norm = dn_normalize(value.data, &bad);

	if (!norm)
		return bad.src == ERR_DATA ? 0 : (*err = bad, -1);
	if (list_grow(r->refs, r->n_refs, r->cap_refs) < 0) {
		free(norm);
		return err_nomem(err);
	}
	r->refs[r->n_refs++] = (struct ref){r->t->n - 1, tie, norm};
	return 0;
}

static char *
value_dup(const struct entry *e, const char *attr)
{
	const char *v = entry_get_str(e, attr);

	return strdup(v ? v : "");
}

static int
add_mailbox(struct together *t, const struct entry *e, struct err *err)
{
	const char *details = entry_get_str(e, "msExchRecipientTypeDetails");
	struct together_mailbox *m;

	if (list_grow(t->v, t->n, t->cap) < 0)
		return err_nomem(err);
	m = &t->v[t->n++];
	*m = (struct together_mailbox){.guid = e->guid,
	    .dn = strdup(e->dn),
	    .name = value_dup(e, "displayName"),
	    .mail = value_dup(e, "mail")};
	(void)snprintf(m->details, sizeof m->details, "%s", details ? details : "");
	return m->dn && m->name && m->mail ? 0 : err_nomem(err);
}

static int
take_mailbox(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	struct reading *r = arg;

	if (add_mailbox(r->t, own, err) < 0 || add_name(r, own->dn, r->t->n - 1, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		const struct attr *a = entry_find(own, sources[i].attr);

		for (size_t k = 0; a && k < a->n_values; k++)
			if (add_ref(r, a->values[k], sources[i].tie, err) < 0)
				return -1;
	}
	return 0;
}

static int
read_mailboxes(const struct run *run, struct reading *r, struct err *err)
{
	const char *attrs[ARRAY_SIZE(sources) + 5] = {
	    "objectGUID", "displayName", "mail", "msExchRecipientTypeDetails"};
	struct dir *d = run->dir[SOURCE];
	const struct dir_query q = {.base = d->ops->info(d)->domain_dn,
	    .scope = DIR_SUBTREE,
	    .filter = MAILBOXES,
	    .attrs = attrs};

	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		attrs[4 + i] = sources[i].attr;
	return d->ops->search(d, &q, take_mailbox, r, err);
}

/* ---- the map ---- */

static int
look_up(const struct run *run, struct together *t, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *txn = NULL;

	t->moves = calloc(t->n + 1, sizeof *t->moves);
	t->asked = calloc(t->n + 1, sizeof *t->asked);
	if (!t->moves || !t->asked)
		return err_nomem(err);
	if (store_begin(run->store, STORE_READ, &txn, err) < 0)
		return -1;
	for (size_t i = 0; i < t->n; i++) {
		_cleanup_(record_free) struct record *r = NULL;

		if (store_find_guid(txn, run->link_id, SOURCE, &t->v[i].guid, &r, err) < 0)
			return -1;
		t->v[i].known = r && r->kind == KIND_USER && !record_has_left(r);
		t->v[i].switched = r && r->active == TARGET;
		t->moves[i] = t->v[i].known && !t->v[i].switched;
	}
	return 0;
}

/* ---- ties ---- */

static int
by_name(const void *x, const void *y)
{
	return strcmp(((const struct named *)x)->dn_norm, ((const struct named *)y)->dn_norm);
}

static int
add_tie(struct together *t, const struct ref *ref, size_t to, struct err *err)
{
	if (ref->from == to || !t->v[ref->from].known || !t->v[to].known)
		return 0;
	if (list_grow(t->ties, t->n_ties, t->cap_ties) < 0)
		return err_nomem(err);
	t->ties[t->n_ties++] =
	    (struct together_tie){ref->from, to, tie_of(ref->tie, t->v[ref->from].details)};
	return 0;
}

static int
find_ties(struct reading *r, struct err *err)
{
	if (r->n_names)
		qsort(r->names, r->n_names, sizeof *r->names, by_name);
	for (size_t i = 0; i < r->n_refs; i++) {
		const struct named key = {r->refs[i].to_norm, 0},
				   *to = bsearch(&key, r->names, r->n_names, sizeof key, by_name);

		if (to && add_tie(r->t, &r->refs[i], to->i, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- who is asked about ---- */

struct asking {
	struct together *t;
	size_t *order; /* mailboxes by GUID */
};

static int
compare_at(const void *x, const void *y, void *arg)
{
	const struct together *t = arg;

	return memcmp(
	    &t->v[*(const size_t *)x].guid, &t->v[*(const size_t *)y].guid, sizeof(struct guid));
}

static void
ask_about(struct asking *a, const struct guid *g)
{
	size_t low = 0, high = a->t->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int c = memcmp(g, &a->t->v[a->order[middle]].guid, sizeof *g);

		if (c == 0)
			a->t->asked[a->order[middle]] = true;
		if (c == 0)
			return;
		if (c < 0)
			high = middle;
		else
			low = middle + 1;
	}
}

static int
take_asked(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;

	(void)err;
	ask_about(arg, &own->guid);
	return 0;
}

static int
ask_server(const struct run *run, const struct together_order *o, struct asking *a, struct err *err)
{
	static const char *const attrs[] = {"objectGUID", NULL};
	struct dir *d = run->dir[SOURCE];
	const struct dir_query q = {.base = o->base ? o->base : d->ops->info(d)->domain_dn,
	    .scope = DIR_SUBTREE,
	    .filter = o->filter ? o->filter : MAILBOXES,
	    .attrs = attrs};

	return d->ops->search(d, &q, take_asked, a, err);
}

static int
ask(const struct run *run, const struct together_order *o, struct together *t, struct err *err)
{
	_cleanup_(free) size_t *order = calloc(t->n + 1, sizeof *order);
	struct asking a = {t, order};

	if (!order)
		return err_nomem(err);
	for (size_t i = 0; i < t->n; i++)
		order[i] = i;
	if (t->n)
		qsort_r(order, t->n, sizeof *order, compare_at, t);
	if (o->base || o->filter)
		return ask_server(run, o, &a, err);
	for (size_t i = 0; i < o->n; i++)
		ask_about(&a, &o->objects[i]);
	for (size_t i = 0; !o->n && i < t->n; i++)
		t->asked[i] = true;
	return 0;
}

int
together_run(struct run *run, const struct together_order *o, struct together *ret, struct err *err)
{
	_cleanup_(reading_done) struct reading r = {.t = ret};

	*ret = (struct together){.n = 0};
	if (run_open_known(run, err) < 0 || read_mailboxes(run, &r, err) < 0 ||
	    look_up(run, ret, err) < 0 || find_ties(&r, err) < 0 || ask(run, o, ret, err) < 0)
		return -1;
	return together_sets(ret->n, ret->moves, ret->ties, ret->n_ties, &ret->set, err);
}
