/* SPDX-License-Identifier: MIT */
/* A stored step has its round, phase and number as key, so that the keys ascend in the order in
 * which steps begin. */
#include "dsa/exec/plan.h"

struct plan {
	struct workset *ws;
	unsigned round;
	uint64_t number; /* of the next step that is put */
	uint64_t from;	 /* the key from which on the next step is looked for */
	struct buf raw;	 /* reused */
};

int
plan_new(struct workset *w, struct plan **ret, struct err *err)
{
	struct plan *p = calloc(1, sizeof *p);

	if (!p)
		return err_nomem(err);
	p->ws = w;
	*ret = p;
	return 0;
}

void
plan_free(struct plan *p)
{
	if (!p)
		return;
	buf_done(&p->raw);
	free(p);
}

static uint64_t
key_of(const struct plan *p, enum plan_phase phase, uint64_t number)
{
	return (uint64_t)p->round << 40 | (uint64_t)phase << 36 | number;
}

int
plan_put(struct plan *p, struct plan_step *s, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};

	s->number = p->number++;
	/* One at a time: an OU before the OU below it. */
	if (s->phase == PLAN_OUS || s->in_order)
		s->after = s->number;
	plan_step_encode(s, &b);
	if (b.failed)
		return err_nomem(err);
	return workset_put_blob(
	    p->ws, WORKSET_PLAN, key_of(p, s->phase, s->number), buf_bytes(&b), err);
}

int
plan_find(
    struct plan *p, enum plan_phase phase, uint64_t number, struct plan_step **ret, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};
	bool found;

	*ret = NULL;
	if (workset_get_blob(p->ws, WORKSET_PLAN, key_of(p, phase, number), &b, &found, err) < 0)
		return -1;
	return found ? plan_step_decode(buf_bytes(&b), ret, err) : 0;
}

int
plan_next(struct plan *p, struct plan_step **ret, struct err *err)
{
	uint64_t key = 0;
	bool found;

	*ret = NULL;
	if (workset_next_blob(p->ws, WORKSET_PLAN, p->from, &key, &p->raw, &found, err) < 0)
		return -1;
	if (!found)
		return 0;
	p->from = key + 1;
	if (plan_step_decode(buf_bytes(&p->raw), ret, err) < 0)
		return -1;
	(*ret)->looked_again = p->round > 0;
	return 0;
}

void
plan_begin_round(struct plan *p)
{
	p->round++;
}

unsigned
plan_round(const struct plan *p)
{
	return p->round;
}
