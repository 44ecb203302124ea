/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_hook.h"

#include <stdlib.h>

#include "dsa/base/json.h"

struct counting {
	struct view_hook n;
	int64_t error_at;
};

void
view_hook_done(struct view_hook *v)
{
	free(TAKE(v->error));
}

static int
count_one(struct store_event *e, void *arg, struct err *err)
{
	struct counting *c = arg;

	(void)err;
	c->n.waiting += !e->given_up;
	c->n.failing += !e->given_up && e->attempts;
	c->n.given_up += e->given_up;
	if (*e->error && e->next >= c->error_at) {
		free(c->n.error);
		c->n.error = TAKE(e->error);
		c->error_at = e->next;
	}
	return 0;
}

int
view_hook_count(struct store_txn *t, const char *name, struct view_hook *ret, struct err *err)
{
	struct counting c = {.n = {0}};
	uint32_t flows[SIDES];
	int rc = store_flow_ids(t, name, flows, err);

	for (int side = SOURCE; rc == 0 && side < SIDES; side++)
		if (flows[side])
			rc = store_each_event(t, flows[side], count_one, &c, err);
	if (rc < 0) {
		view_hook_done(&c.n);
		return -1;
	}
	*ret = c.n;
	return 0;
}

json_t *
view_hook(const struct view_hook *v)
{
	json_t *o = json_object();

	json_put_member(&o, "waiting", json_of_count(v->waiting));
	json_put_member(&o, "failing", json_of_count(v->failing));
	json_put_member(&o, "given_up", json_of_count(v->given_up));
	json_put_member(&o, "error", json_of_text(v->error));
	return o;
}
