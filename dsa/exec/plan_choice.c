/* SPDX-License-Identifier: MIT */
#include "dsa/exec/plan_choice.h"

#include <stdlib.h>
#include <string.h>

#include "dsa/base/list.h"
#include "dsa/directory/guid_set.h"

#define HELD "a limit holds it now"

/* Steps of the present phase that are not made, by number, which ascends. */
struct skipped {
	uint64_t *v;
	size_t n, cap;
	enum plan_phase phase;
};

struct plan_choice {
	struct plan_chosen *v; /* sorted by flow and digest when the first flow begins */
	size_t n, cap;
	enum side originals;
	struct skipped skipped;
	struct guid_set planned[SIDES]; /* sources of steps that were not chosen, by flow */
	struct guid_set held[SIDES];	/* and of what a limit holds */
	size_t others;
};

int
plan_choice_new(struct plan_choice **ret, struct err *err)
{
	*ret = calloc(1, sizeof **ret);
	return *ret ? 0 : err_nomem(err);
}

void
plan_choice_free(struct plan_choice *x)
{
	if (!x)
		return;
	for (size_t i = 0; i < x->n; i++) {
		free(x->v[i].dn);
		free(x->v[i].why);
	}
	free(x->v);
	free(x->skipped.v);
	for (int side = SOURCE; side < SIDES; side++) {
		guid_set_done(&x->planned[side]);
		guid_set_done(&x->held[side]);
	}
	free(x);
}

int
plan_choice_add(struct plan_choice *x, const struct plan_chosen *c, struct err *err)
{
	if (list_grow(x->v, x->n, x->cap) < 0)
		return err_nomem(err);
	x->v[x->n] = *c;
	x->v[x->n].why = NULL;
	x->v[x->n].dn = strdup(c->dn);
	return x->v[x->n++].dn ? 0 : err_nomem(err);
}

size_t
plan_choice_count(const struct plan_choice *x)
{
	return x->n;
}

size_t
plan_choice_others(const struct plan_choice *x)
{
	return x->others;
}

const struct plan_chosen *
plan_choice_get(const struct plan_choice *x, size_t i)
{
	return &x->v[i];
}

static int
compare(const void *p, const void *q)
{
	const struct plan_chosen *a = p, *b = q;

	if (a->originals != b->originals)
		return a->originals < b->originals ? -1 : 1;
	return memcmp(a->digest, b->digest, sizeof a->digest);
}

void
plan_choice_begin(struct plan_choice *x, enum side originals)
{
	if (x->n)
		qsort(x->v, x->n, sizeof *x->v, compare);
	x->originals = originals;
	x->skipped.n = 0;
}

/* *RET NULL: S was not chosen. */
static int
find(const struct plan_choice *x, const struct plan_step *s, struct plan_chosen **ret,
    struct err *err)
{
	struct plan_chosen key = {.originals = x->originals};

	if (plan_step_digest(s, x->originals, key.digest, err) < 0)
		return -1;
	*ret = x->n ? bsearch(&key, x->v, x->n, sizeof *x->v, compare) : NULL;
	return 0;
}

static int
by_number(const void *p, const void *q)
{
	uint64_t a = *(const uint64_t *)p, b = *(const uint64_t *)q;

	return a < b ? -1 : a > b;
}

static int
skip(struct plan_choice *x, const struct plan_step *s, struct err *err)
{
	if (list_grow(x->skipped.v, x->skipped.n, x->skipped.cap) < 0)
		return err_nomem(err);
	x->skipped.v[x->skipped.n++] = s->number;
	return 0;
}

static bool
lacks(const struct plan_choice *x, const struct plan_step *s)
{
	for (size_t i = 0; i < s->n_needs; i++)
		if (x->skipped.n && bsearch(&s->needs[i], x->skipped.v, x->skipped.n,
					sizeof *x->skipped.v, by_number))
			return true;
	return false;
}

static int
refuse(struct plan_chosen *c, const char *why, struct err *err)
{
	c->state = PLAN_CHOSEN_REFUSED;
	free(c->why);
	c->why = strdup(why);
	return c->why ? 0 : err_nomem(err);
}

static int
note_other(struct plan_choice *x, const struct plan_step *s, struct err *err)
{
	x->others++;
	if (!guid_is_zero(&s->guid) && guid_set_add(&x->planned[x->originals], &s->guid) < 0)
		return err_nomem(err);
	return skip(x, s, err);
}

int
plan_choice_admit(
    struct plan_choice *x, const struct plan_step *s, bool held, bool *ret, struct err *err)
{
	struct plan_chosen *c;

	*ret = false;
	if (s->phase != x->skipped.phase) {
		x->skipped.phase = s->phase;
		x->skipped.n = 0;
	}
	/* What writes to the map alone no plan shows. */
	if (!s->n_changes)
		return skip(x, s, err);
	if (find(x, s, &c, err) < 0)
		return -1;
	if (!c)
		return note_other(x, s, err);
	if (held && refuse(c, HELD, err) < 0)
		return -1;
	if (!held && lacks(x, s) &&
	    refuse(c,
		"another object must let go first of what it takes, and that change is not made",
		err) < 0)
		return -1;
	*ret = c->state != PLAN_CHOSEN_REFUSED;
	return *ret ? 0 : skip(x, s, err);
}

int
plan_choice_ended(
    struct plan_choice *x, const struct plan_step *s, const struct err *why, struct err *err)
{
	struct plan_chosen *c;

	if (find(x, s, &c, err) < 0)
		return -1;
	if (!c)
		return 0;
	if (why)
		return refuse(c, why->text, err);
	c->state = PLAN_CHOSEN_MADE;
	return 0;
}

int
plan_choice_note_held(struct plan_choice *x, const struct guid *source, struct err *err)
{
	return guid_set_add(&x->held[x->originals], source) < 0 ? err_nomem(err) : 0;
}

/* C was not met. */
static const char *
why_missing(const struct plan_choice *x, const struct plan_chosen *c)
{
	if (guid_set_has(&x->held[c->originals], &c->source))
		return HELD;
	if (guid_set_has(&x->planned[c->originals], &c->source))
		return "it is not what would be done now: the directory has moved on, or the file "
		       "was changed";
	return "nothing of it is to be done now: it was done meanwhile, or the directory has moved "
	       "on, or the file was changed";
}

int
plan_choice_close(struct plan_choice *x, struct err *err)
{
	for (size_t i = 0; i < x->n; i++)
		if (x->v[i].state == PLAN_CHOSEN_OPEN &&
		    refuse(&x->v[i], why_missing(x, &x->v[i]), err) < 0)
			return -1;
	return 0;
}
