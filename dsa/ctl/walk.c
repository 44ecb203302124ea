/* SPDX-License-Identifier: MIT */
#include "dsa/ctl/walk.h"

struct walk {
	struct ctl *c;
	bool prints;
	store_record_fn *fn;
	void *arg;
	uint64_t last; /* that FN was given */
	bool more;     /* behind that */
};

static int
give_portion(const struct record *r, void *arg, struct err *err)
{
	struct walk *w = arg;
	int rc = w->fn(r, w->arg, err);

	if (rc)
		return rc;
	w->last = r->id;
	w->more = w->prints && !w->c->json && ctl_output_is_much();
	return w->more;
}

static int
walk_flow(struct walk *w, uint32_t link, struct err *err)
{
	w->last = 0;
	do {
		w->more = false;
		if (store_each_after(w->c->txn, link, w->last, give_portion, w, err) < 0)
			return -1;
		if (w->more && ctl_output_next(w->c, err) < 0)
			return -1;
	} while (w->more);
	return 0;
}

int
ctl_walk_records(struct ctl *c, const uint32_t flows[SIDES], bool prints, store_record_fn *fn,
    void *arg, struct err *err)
{
	struct walk w = {.c = c, .prints = prints, .fn = fn, .arg = arg};

	if (walk_flow(&w, flows[SOURCE], err) < 0)
		return -1;
	return flows[TARGET] ? walk_flow(&w, flows[TARGET], err) : 0;
}

void
ctl_turn(struct ctl *c, const struct record *r, struct view_turned *ret)
{
	_cleanup_(free) char *flow = ctl_link_name(c, r->link);

	view_turn(r, flow ? flow : "?", ret);
}
