/* SPDX-License-Identifier: MIT */
/*
 * Which changes are meant the worker finds out: that may be a look through the whole journal, and
 * nobody waits for it here. Only of which link they are is asked first, where that is one look-up.
 */
#include "dsa/daemon/verbs_undo.h"

#include <stdlib.h>
#include <string.h>

#include "dsa/daemon/verbs_wait.h"
#include "dsa/daemon/verbs_who.h"
#include "mapping/journal.h"
#include "mapping/wave.h"

/* ---- what is asked for ---- */

/* A number from 1 to MAX; 0: it is absent. False with C refused if it is anything else. */
static bool
take_number(
    struct client *c, const json_t *request, const char *name, json_int_t max, uint64_t *ret)
{
	const json_t *v = json_object_get(request, name);
	json_int_t n = json_integer_value(v);
	bool ok = !v || (n > 0 && n <= max);

	*ret = ok ? (uint64_t)n : 0;
	if (!ok)
		client_refuse(c, "\"%s\" is a number from 1 to %lld", name, (long long)max);
	return ok;
}

static bool
take_query(struct client *c, const json_t *request, struct undo_query *ret)
{
	uint64_t wave;

	ret->who = json_string_value(json_object_get(request, "object"));
	if (!take_number(c, request, "change", INT64_MAX, &ret->change) ||
	    !take_number(c, request, "cycle", INT64_MAX, &ret->cycle) ||
	    !take_number(c, request, "wave", UINT32_MAX, &wave))
		return false;
	ret->wave = (uint32_t)wave;
	if ((ret->who != NULL) + (ret->change > 0) + (ret->cycle > 0) + (wave > 0) == 1)
		return true;
	client_refuse(
	    c, "one of \"change\", \"cycle\", \"wave\" and \"object\" says what is meant");
	return false;
}

/* ---- of which link ---- */

struct links {
	uint32_t id; /* 0: none yet */
	bool several;
};

static int
take_link(const struct record *r, void *arg, struct err *err)
{
	struct links *l = arg;

	(void)err;
	l->several |= l->id && l->id != r->link;
	l->id = r->link;
	return 0;
}

/* The flow that what Q means is of, 0: more than a look-up would have to say it. */
static int
find_flow(struct store_txn *t, const struct undo_query *q, uint32_t *ret, struct err *err)
{
	_cleanup_(journal_entry_free) struct journal_entry *e = NULL;
	_cleanup_(wave_done) struct wave w = {.id = 0};
	struct links l = {.id = 0};
	bool found = false;

	*ret = 0;
	if (q->change && journal_get(t, q->change, &e, err) < 0)
		return -1;
	if (q->wave && wave_get(t, q->wave, &w, &found, err) < 0)
		return -1;
	if (q->who && store_lookup_who(t, q->who, take_link, &l, err) < 0)
		return -1;
	*ret = e ? e->link : found ? w.link : l.several ? 0 : l.id;
	return 0;
}

/* The worker of the link, named or found; NULL with C refused. */
static struct worker *
find_worker(struct verbs *v, struct client *c, const json_t *request, const struct undo_query *q)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	_cleanup_(free) char *flow = NULL;
	struct worker *w = NULL;
	uint32_t id;
	struct err err;
	size_t len;

	if (json_object_get(request, "link") || v->n_workers == 1)
		return verbs_worker(v, c, request);
	if (store_begin(v->store, STORE_READ, &t, &err) < 0 || find_flow(t, q, &id, &err) < 0 ||
	    (id && store_link_name(t, id, &flow, &err) < 0)) {
		client_refuse(c, "%s", err.text);
		return NULL;
	}
	if (flow) {
		if (store_is_return(flow, &len))
			flow[len] = '\0';
		w = verbs_find_worker(v, flow);
	}
	return w ? w : verbs_worker(v, c, request);
}

void
verb_undo(struct verbs *v, struct client *c, const json_t *request)
{
	struct undo_query q = {.who = NULL};
	char *who = NULL;
	struct worker *w;
	bool dry_run;

	if (!verbs_take_flag(c, request, "dry_run", &dry_run) || !take_query(c, request, &q))
		return;
	w = find_worker(v, c, request, &q);
	if (!w)
		return;
	if (q.who && !(who = strdup(q.who))) {
		client_refuse(c, "out of memory");
		return;
	}
	verbs_wait_for(c, w, worker_request_undo(w, client_uid(c), dry_run, &q, who), -1);
}
