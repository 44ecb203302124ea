/* SPDX-License-Identifier: MIT */
#include "dsa/daemon/verbs_object.h"

#include <stdlib.h>

#include "dsa/daemon/verbs_wait.h"
#include "dsa/daemon/verbs_who.h"

/* Nothing is done any more to what is finished for good, and that is better said than done. */
static bool
may_be_synchronized(
    struct verbs *v, struct client *c, const char *link, const char *who, const struct guid *source)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	_cleanup_(record_free) struct record *r = NULL;
	struct err err;
	uint32_t id;

	if (store_begin(v->store, STORE_READ, &t, &err) < 0 ||
	    store_link_id(t, link, &id, &err) < 0 ||
	    store_find_guid(t, id, SOURCE, source, &r, &err) < 0)
		client_refuse(c, "%s", err.text);
	else if (r && r->ended)
		client_refuse(c,
		    "'%.200s' is finished: its coexistence was ended, and nothing is done to it "
		    "any more",
		    who);
	else
		return true;
	return false;
}

bool
verbs_take_object(
    struct verbs *v, struct client *c, const char *link, const char *who, struct guid *ret)
{
	char why[512];
	bool ok = verbs_identify_one(v, link, who, true, ret, why, sizeof why);

	if (!ok)
		client_refuse(c, "%s", why);
	return ok && may_be_synchronized(v, c, link, who, ret);
}

void
verb_resync(struct verbs *v, struct client *c, const json_t *request)
{
	const char *who = json_string_value(json_object_get(request, "object"));
	struct worker *w = verbs_worker(v, c, request);
	struct guid *g = who ? malloc(sizeof *g) : NULL;

	if (who && !g)
		client_refuse(c, "out of memory");
	if (!w || (who && (!g || !verbs_take_object(v, c, worker_link(w)->name, who, g)))) {
		free(g);
		return;
	}
	verbs_wait_for(c, w,
	    worker_request(w, client_uid(c), who ? REQUEST_OBJECT : REQUEST_FULL, g, who ? 1 : 0),
	    -1);
}

/* Every object must be known before anything begins: a list with a mistake is refused whole, with
 * all its mistakes. */
static void
turn(struct verbs *v, struct client *c, const json_t *request, enum worker_request what)
{
	const json_t *objects = json_object_get(request, "objects");
	struct worker *w = verbs_worker(v, c, request);
	size_t n = w ? verbs_count(c, objects) : 0;
	_cleanup_(free) struct guid *g = NULL;
	json_t *problems;

	if (n == 0)
		return;
	g = calloc(n, sizeof *g);
	if (!g) {
		client_refuse(c, "out of memory");
		return;
	}
	problems = json_array();
	/* Of a GUID that the map does not know verify says just that. */
	verbs_identify(v, worker_link(w)->name, objects,
	    what == REQUEST_VERIFY || what == REQUEST_MOVE_READY, g, &problems);
	if (!verbs_refuse_list(c, problems, n, "nothing was begun"))
		verbs_wait_for(c, w, worker_request(w, client_uid(c), what, TAKE(g), n), -1);
}

void
verb_switch(struct verbs *v, struct client *c, const json_t *request)
{
	bool force;

	if (verbs_take_flag(c, request, "force", &force))
		turn(v, c, request, force ? REQUEST_FORCED_SWITCH : REQUEST_SWITCH);
}

void
verb_undo_switch(struct verbs *v, struct client *c, const json_t *request)
{
	turn(v, c, request, REQUEST_UNDO);
}

void
verb_proxy_toggle(struct verbs *v, struct client *c, const json_t *request)
{
	bool dry_run, sweep;
	struct worker *w;

	if (!verbs_take_flag(c, request, "dry_run", &dry_run) ||
	    !verbs_take_flag(c, request, "sweep", &sweep))
		return;
	if (!sweep) {
		turn(v, c, request, dry_run ? REQUEST_TOGGLE_PLAN : REQUEST_TOGGLE);
	} else if (json_object_get(request, "objects")) {
		client_refuse(c, "\"sweep\" is about all objects: it goes without \"objects\"");
	} else {
		w = verbs_worker(v, c, request);
		if (w)
			verbs_wait_for(c, w,
			    worker_request(w, client_uid(c),
				dry_run ? REQUEST_SWEEP_PLAN : REQUEST_SWEEP, NULL, 0),
			    -1);
	}
}

void
verb_map_rebuild(struct verbs *v, struct client *c, const json_t *request)
{
	struct worker *w;
	bool plan;

	if (!verbs_take_flag(c, request, "plan", &plan))
		return;
	w = verbs_worker(v, c, request);
	if (w)
		verbs_wait_for(c, w,
		    worker_request(
			w, client_uid(c), plan ? REQUEST_REBUILD_PLAN : REQUEST_REBUILD, NULL, 0),
		    -1);
}

void
verb_verify(struct verbs *v, struct client *c, const json_t *request)
{
	enum worker_request what;
	struct worker *w;
	bool moves;

	if (!verbs_take_flag(c, request, "move_ready", &moves))
		return;
	what = moves ? REQUEST_MOVE_READY : REQUEST_VERIFY;
	if (json_object_get(request, "objects")) {
		turn(v, c, request, what);
		return;
	}
	w = verbs_worker(v, c, request);
	if (w)
		verbs_wait_for(c, w, worker_request(w, client_uid(c), what, NULL, 0), -1);
}

static void
adopt(struct verbs *v, struct client *c, const json_t *request, enum worker_request what)
{
	struct worker *w = verbs_worker(v, c, request);

	if (w && worker_link(w)->n_adopt == 0)
		client_refuse(c,
		    "link '%s' adopts nothing: name the tool in its adopt, see galsync.conf(5)",
		    worker_link(w)->name);
	else if (w)
		verbs_wait_for(c, w, worker_request(w, client_uid(c), what, NULL, 0), -1);
}

void
verb_adopt(struct verbs *v, struct client *c, const json_t *request)
{
	adopt(v, c, request, REQUEST_ADOPT);
}

void
verb_adopt_plan(struct verbs *v, struct client *c, const json_t *request)
{
	adopt(v, c, request, REQUEST_ADOPT_PLAN);
}
