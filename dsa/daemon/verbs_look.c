/* SPDX-License-Identifier: MIT */
#include "dsa/daemon/verbs_look.h"

#include <stdlib.h>
#include <string.h>

#include "dsa/base/json.h"
#include "dsa/base/list.h"
#include "dsa/daemon/verbs_wait.h"
#include "dsa/daemon/verbs_who.h"
#include "mapping/wave.h"

/* ---- mailboxes ---- */

/* They must be known, as for the turn itself: *RET is the caller's to free. False: C is refused. */
static bool
take_objects(struct verbs *v, struct client *c, const json_t *request, const struct worker *w,
    struct guid **ret, size_t *ret_n)
{
	const json_t *objects = json_object_get(request, "objects");
	size_t n = verbs_count(c, objects);
	_cleanup_(free) struct guid *g = n ? calloc(n, sizeof *g) : NULL;
	json_t *problems;

	if (n == 0)
		return false;
	if (!g) {
		client_refuse(c, "out of memory");
		return false;
	}
	problems = json_array();
	verbs_identify(v, worker_link(w)->name, objects, false, g, &problems);
	if (verbs_refuse_list(c, problems, n, "nothing was looked at"))
		return false;
	*ret = TAKE(g);
	*ret_n = n;
	return true;
}

void
verb_switch_plan(struct verbs *v, struct client *c, const json_t *request)
{
	struct turn_order o = {.turn = TURN_SWITCH};
	struct worker *w;
	struct guid *g;
	bool undo;

	if (!verbs_take_flag(c, request, "undo", &undo) ||
	    !verbs_take_flag(c, request, "force", &o.force))
		return;
	w = verbs_worker(v, c, request);
	if (!w || !take_objects(v, c, request, w, &g, &o.n))
		return;
	o.turn = undo ? TURN_UNDO : TURN_SWITCH;
	o.sources = g;
	verbs_wait_for(c, w, worker_request_look(w, &o), -1);
}

/* ---- a wave ---- */

struct members {
	struct wave_member *v; /* their GUIDs and lines alone */
	size_t n, cap;
};

static void
members_donep(struct members *m)
{
	free(m->v);
}

static int
take_open(const struct wave_member *x, void *arg, struct err *err)
{
	struct members *m = arg;

	if (x->result != WAVE_OPEN)
		return 0;
	if (list_grow(m->v, m->n, m->cap) < 0)
		return err_nomem(err);
	m->v[m->n++] = (struct wave_member){.source = x->source, .line = x->line};
	return 0;
}

static int
by_line(const void *x, const void *y)
{
	const struct wave_member *p = x, *q = y;

	return p->line < q->line ? -1 : p->line > q->line;
}

/* Wave ID, which is open, its link and what has not ended of it; false with C refused. */
static bool
take_wave(struct verbs *v, struct client *c, uint32_t id, struct wave *ret, char **ret_link,
    struct members *m)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct err err;
	bool found;

	if (store_begin(v->store, STORE_READ, &t, &err) < 0 ||
	    wave_get(t, id, ret, &found, &err) < 0 ||
	    (found && (store_link_name(t, ret->link, ret_link, &err) < 0 ||
			  wave_each_member(t, id, take_open, m, &err) < 0)))
		client_refuse(c, "%s", err.text);
	else if (!found)
		client_refuse(c, "there is no wave %u", id);
	else if (!wave_is_open(ret->state))
		client_refuse(c, "wave %u is %s", id, wave_state_name(ret->state));
	else
		return true;
	return false;
}

static void
look_at(struct client *c, struct worker *w, const struct wave *wave, struct members *m)
{
	struct turn_order o = {
	    .turn = wave->undo ? TURN_UNDO : TURN_SWITCH, .force = wave->force, .n = m->n};
	struct guid *g = calloc(m->n + 1, sizeof *g);

	if (!g) {
		client_refuse(c, "out of memory");
		return;
	}
	if (m->n)
		qsort(m->v, m->n, sizeof *m->v, by_line);
	for (size_t i = 0; i < m->n; i++)
		g[i] = m->v[i].source;
	o.sources = g;
	verbs_wait_for(c, w, worker_request_look(w, &o), -1);
}

void
verb_wave_check(struct verbs *v, struct client *c, const json_t *request)
{
	json_int_t id = json_integer_value(json_object_get(request, "wave"));
	_cleanup_(members_done) struct members m = {.v = NULL};
	_cleanup_(wave_done) struct wave wave = {.id = 0};
	_cleanup_(free) char *link = NULL;
	struct worker *w;

	if (id < 1 || id > UINT32_MAX) {
		client_refuse(c, "\"wave\" is the number of a wave");
		return;
	}
	if (!take_wave(v, c, (uint32_t)id, &wave, &link, &m))
		return;
	w = verbs_find_worker(v, link);
	if (w)
		look_at(c, w, &wave, &m);
	else
		client_refuse(c, "wave %lld is of link '%s', which is not configured",
		    (long long)id, link ? link : "?");
}
