/* SPDX-License-Identifier: MIT */
#include "dsa/jobs/group_members.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dsa/base/list.h"
#include "dsa/directory/dn.h"

void
group_members_done(struct group_members *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i].name);
		free(m->v[i].dn[SOURCE]);
		free(m->v[i].dn[TARGET]);
	}
	free(TAKE(m->v));
	m->n = 0;
}

/* ---- who it is ---- */

struct seeking {
	uint32_t flows[SIDES]; /* by the side of their originals; 0: not known */
	enum side side;	       /* where it is a member */
	const char *dn;
	struct group_member *m;
	bool has_left; /* what was found; something that has not goes before it */
};

static int
take_record(const struct record *r, void *arg, struct err *err)
{
	struct seeking *s = arg;
	enum side origin = r->link == s->flows[SOURCE] ? SOURCE : TARGET;
	/* The side of the record that it is: a return flow's is turned. */
	enum side own = s->side == origin ? SOURCE : TARGET, other = side_other(own);
	struct group_member *m = s->m;

	if (!r->link || r->link != s->flows[origin] || !dn_equal(r->side[own].dn, s->dn) ||
	    (m->record && (record_has_left(r) || !s->has_left)))
		return 0;
	m->record = r->id;
	m->original = r->side[SOURCE].guid;
	m->kind = r->kind;
	m->alone = guid_is_zero(&r->side[TARGET].guid) || record_has_left(r);
	s->has_left = record_has_left(r);
	free(TAKE(m->dn[side_other(s->side)]));
	if (!m->alone && !(m->dn[side_other(s->side)] = strdup(r->side[other].dn)))
		return err_nomem(err);
	return 0;
}

static int
add_member(struct group_members *l, struct store_txn *t, struct seeking *s, struct err *err)
{
	struct err ignored;
	struct group_member *m;

	if (list_grow(l->v, l->n, l->cap) < 0)
		return err_nomem(err);
	m = &l->v[l->n++];
	*m = (struct group_member){.alone = true};
	m->dn[s->side] = strdup(s->dn);
	m->name = dn_rdn_value(s->dn, &ignored);
	if (!m->name)
		m->name = strdup(s->dn);
	if (!m->dn[s->side] || !m->name)
		return err_nomem(err);
	m->in[s->side] = true;
	l->in[s->side]++;
	s->m = m;
	return store_lookup(t, KEY_DN, s->dn, take_record, s, err);
}

/* ---- one list of both ---- */

static int
by_record(const void *p, const void *q)
{
	const struct group_member *x = p, *y = q;

	return x->record < y->record ? -1 : x->record > y->record;
}

static bool
is_on_both(const struct group_member *m)
{
	return m->in[SOURCE] && m->in[TARGET];
}

static int
by_name(const void *p, const void *q)
{
	const struct group_member *x = p, *y = q;
	int c = (int)is_on_both(x) - (int)is_on_both(y);

	if (!c)
		c = strcasecmp(x->name, y->name);
	return c ? c : by_record(x, y);
}

/* Y is the same as X, on the other side: what it has goes to X. */
static void
join(struct group_member *x, struct group_member *y)
{
	for (int side = SOURCE; side < SIDES; side++) {
		if (!x->in[side] && y->in[side]) {
			free(x->dn[side]);
			x->dn[side] = TAKE(y->dn[side]);
			x->in[side] = true;
		}
		free(TAKE(y->dn[side]));
	}
	free(TAKE(y->name));
}

static void
put_together(struct group_members *l)
{
	size_t n = 0;

	if (l->n > 1)
		qsort(l->v, l->n, sizeof *l->v, by_record);
	for (size_t i = 0; i < l->n; i++) {
		struct group_member *last = n ? &l->v[n - 1] : NULL;

		if (last && last->record && last->record == l->v[i].record)
			join(last, &l->v[i]);
		else
			l->v[n++] = l->v[i];
	}
	l->n = n;
	for (size_t i = 0; i < n; i++) {
		l->both += is_on_both(&l->v[i]);
		l->alone += l->v[i].alone && !is_on_both(&l->v[i]);
	}
	if (n > 1)
		qsort(l->v, n, sizeof *l->v, by_name);
}

/* ---- the group ---- */

/* The GUIDs of the group by the sides of the link; zero: there is none. */
static int
find_group(const struct run *run, const struct guid *group, struct seeking *s,
    struct guid ret[SIDES], struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	memset(ret, 0, SIDES * sizeof *ret);
	if (store_begin(run->store, STORE_READ, &t, err) < 0 ||
	    store_flow_ids(t, run->link->name, s->flows, err) < 0)
		return -1;
	for (int origin = SOURCE; origin < SIDES; origin++) {
		_cleanup_(record_free) struct record *r = NULL;

		if (!s->flows[origin])
			continue;
		if (store_find_guid(t, s->flows[origin], SOURCE, group, &r, err) < 0)
			return -1;
		if (!r)
			continue;
		ret[origin] = r->side[SOURCE].guid;
		ret[side_other((enum side)origin)] = r->side[TARGET].guid;
		return 0;
	}
	return 0;
}

static int
add_members(struct group_members *l, const struct run *run, struct seeking *s,
    const struct entry *e, struct err *err)
{
	const struct attr *a = entry_find(e, "member");
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(run->store, STORE_READ, &t, err) < 0)
		return -1;
	for (size_t i = 0; a && i < a->n_values; i++) {
		s->dn = dn_strip_extended(a->values[i].data);
		s->has_left = false;
		if (add_member(l, t, s, err) < 0)
			return -1;
	}
	return 0;
}

int
group_members_run(
    const struct run *run, const struct guid *group, struct group_members *ret, struct err *err)
{
	static const char *const attrs[] = {"member", NULL};
	struct guid guids[SIDES];
	struct seeking s = {.dn = NULL};

	*ret = (struct group_members){.n = 0};
	if (run_open(run, err) < 0 || find_group(run, group, &s, guids, err) < 0)
		return -1;
	for (int side = SOURCE; side < SIDES; side++) {
		_cleanup_(entry_free) struct entry *e = NULL;

		if (guid_is_zero(&guids[side]))
			continue;
		if (dir_read_guid(run->dir[side], &guids[side], attrs, &e, err) < 0)
			return -1;
		ret->there[side] = e != NULL;
		s.side = (enum side)side;
		if (e && add_members(ret, run, &s, e, err) < 0)
			return -1;
	}
	put_together(ret);
	return 0;
}
