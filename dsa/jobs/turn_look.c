/* SPDX-License-Identifier: MIT */
#include "dsa/jobs/turn_look.h"

#include <stdio.h>
#include <string.h>

#include "dsa/directory/guid_set.h"
#include "dsa/jobs/turn_priv.h"

struct looking {
	struct guid_set under_way;
	turn_looked_fn *fn;
	void *arg;
};

static void
looking_donep(struct looking *l)
{
	guid_set_done(&l->under_way);
}

static int
take_operation(const struct store_operation *o, void *arg, struct err *err)
{
	return guid_set_add(arg, &o->source) < 0 ? err_nomem(err) : 0;
}

static int
find_under_way(const struct run *run, struct guid_set *ret, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(run->store, STORE_READ, &t, err) < 0)
		return -1;
	return store_each_operation(t, run->link_id, take_operation, ret, err);
}

static void
take_need(size_t need, bool ok, const char *why, void *arg)
{
	struct turn_looked *l = arg;

	l->need[need].asked = true;
	l->need[need].ok = ok;
	(void)snprintf(l->need[need].why, sizeof l->need[need].why, "%s", why);
	l->ok &= ok;
}

static const char *
remark_of(const struct looking *x, const struct mailbox *m, bool already)
{
	if (guid_set_has(&x->under_way, &m->source))
		return "what was interrupted of it is finished, or turned back, before";
	if (already)
		return m->turn == TURN_SWITCH ? "switched already" : "not switched";
	if (m->turn == TURN_SWITCH && !turn_can_mark(&m->chunk->conf, m->side[SOURCE]))
		return "it will not be marked: the marker attribute has another value, which stays";
	return "";
}

static int
look_at(const struct looking *x, const struct mailbox *m, struct err *err)
{
	struct turn_looked *l = calloc(1, sizeof *l);
	const struct turn_facts f = turn_facts_of(m);
	int rc;

	if (!l)
		return err_nomem(err);
	l->source = &m->source;
	l->dn = m->side[SOURCE] ? m->side[SOURCE]->dn : m->record ? m->record->side[SOURCE].dn : "";
	l->ok = true;
	turn_check_each(&m->chunk->conf, m->turn, &f, &l->already, take_need, l);
	l->remark = remark_of(x, m, l->already);
	rc = x->fn(l, x->arg, err);
	free(l);
	return rc;
}

static int
look_at_chunk(struct chunk *c, const struct looking *x, struct err *err)
{
	if (turn_find_records(c, err) < 0 || turn_read(c, true, err) < 0)
		return -1;
	for (size_t i = 0; i < c->n; i++)
		if (look_at(x, &c->m[i], err) < 0)
			return -1;
	return 0;
}

static int
look_at_all(struct run *run, const struct turn_order *o, const struct looking *x, struct err *err)
{
	struct chunk *c = calloc(1, sizeof *c);
	int rc = c ? 0 : err_nomem(err);

	for (size_t from = 0; rc == 0 && from < o->n; from += CHUNK) {
		*c = (struct chunk){.run = run, .conf = turn_conf_of(run->link), .force = o->force};
		for (size_t i = from; i < o->n && c->n < CHUNK; i++)
			c->m[c->n++] =
			    (struct mailbox){.chunk = c, .turn = o->turn, .source = o->sources[i]};
		rc = look_at_chunk(c, x, err);
		run_progress(run, RUN_PHASE_READ, from + c->n, o->n);
		turn_chunk_clear(c);
	}
	free(c);
	return rc;
}

int
turn_look(
    struct run *run, const struct turn_order *o, turn_looked_fn *fn, void *arg, struct err *err)
{
	_cleanup_(looking_done) struct looking x = {.fn = fn, .arg = arg};

	if (run_open_known(run, err) < 0 || find_under_way(run, &x.under_way, err) < 0)
		return -1;
	return look_at_all(run, o, &x, err);
}
