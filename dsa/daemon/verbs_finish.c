/* SPDX-License-Identifier: MIT */
#include "dsa/daemon/verbs_finish.h"

#include <stdlib.h>
#include <string.h>

#include "dsa/daemon/verbs_wait.h"
#include "dsa/daemon/verbs_who.h"
#include "mapping/wave.h"

static enum worker_request
kind_of_request(bool dry_run)
{
	return dry_run ? REQUEST_FINISH_PLAN : REQUEST_FINISH;
}

/* ---- a link ---- */

static int
take_any(const struct record *r, void *arg, struct err *err)
{
	(void)r;
	(void)err;
	*(bool *)arg = true;
	return 1;
}

/* The link that is meant where one name was given and is that of a link; NULL: none is. *REFUSED:
 * an object of the map has the name too, and C is refused. */
static struct worker *
named_link(struct verbs *v, struct client *c, const json_t *request, bool *refused)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	const json_t *objects = json_object_get(request, "objects");
	const char *name = json_string_value(json_array_get(objects, 0));
	struct worker *w = NULL;
	bool found = false;
	struct err err;

	*refused = false;
	if (json_array_size(objects) == 1 && !json_object_get(request, "link"))
		w = verbs_find_worker(v, name);
	if (!w)
		return NULL;
	if (store_begin(v->store, STORE_READ, &t, &err) < 0 ||
	    store_lookup_who(t, name, take_any, &found, &err) < 0) {
		*refused = true;
		client_refuse(c, "%s", err.text);
	} else if (found) {
		*refused = true;
		client_refuse(c,
		    "'%s' is a link and an object of the map: name the object by its address, or "
		    "the link by \"all\" and \"link\"",
		    name);
	}
	return w;
}

static void
finish_link(struct client *c, struct worker *w, bool dry_run)
{
	verbs_wait_for(
	    c, w, worker_request(w, client_uid(c), kind_of_request(dry_run), NULL, 0), -1);
}

/* ---- a wave ---- */

static int
take_switched(const struct wave_member *m, void *arg, struct err *err)
{
	return m->result == WAVE_SUCCEEDED ? guid_list_add(arg, &m->source, err) : 0;
}

/* The mailboxes that wave ID switched, and its link; false with C refused. */
static bool
members_of(struct verbs *v, struct client *c, uint32_t id, char **ret_link, struct guid_list *ret)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	_cleanup_(wave_done) struct wave w = {0};
	struct err err;
	bool found;

	if (store_begin(v->store, STORE_READ, &t, &err) < 0 ||
	    wave_get(t, id, &w, &found, &err) < 0 ||
	    (found && (store_link_name(t, w.link, ret_link, &err) < 0 ||
			  wave_each_member(t, id, take_switched, ret, &err) < 0)))
		client_refuse(c, "%s", err.text);
	else if (!found)
		client_refuse(c, "there is no wave %u", id);
	else if (w.undo)
		client_refuse(c, "wave %u turned its mailboxes back to the source", id);
	else if (wave_is_open(w.state))
		client_refuse(c, "wave %u is %s: wait for its end, or name mailboxes", id,
		    wave_state_name(w.state));
	else if (ret->n == 0)
		client_refuse(c, "wave %u switched no mailbox", id);
	else
		return true;
	return false;
}

static void
finish_wave(struct verbs *v, struct client *c, const json_t *request, bool dry_run)
{
	json_int_t id = json_integer_value(json_object_get(request, "wave"));
	const char *named = json_string_value(json_object_get(request, "link"));
	_cleanup_(free) char *link = NULL;
	struct guid_list l = {0};
	struct worker *w;

	if (id < 1 || id > UINT32_MAX) {
		client_refuse(c, "\"wave\" is the number of a wave");
		return;
	}
	if (members_of(v, c, (uint32_t)id, &link, &l)) {
		w = verbs_find_worker(v, link);
		if (!w || (named && strcmp(named, link) != 0))
			client_refuse(c, "wave %lld is of link '%s'%s", (long long)id,
			    link ? link : "?", w ? "" : ", which is not configured");
		else
			verbs_wait_for(c, w,
			    worker_request(
				w, client_uid(c), kind_of_request(dry_run), TAKE(l.v), l.n),
			    -1);
	}
	free(l.v);
}

/* ---- mailboxes ---- */

static void
finish_objects(struct verbs *v, struct client *c, const json_t *request, bool dry_run)
{
	const json_t *objects = json_object_get(request, "objects");
	struct worker *w = verbs_worker(v, c, request);
	size_t n = w ? verbs_count(c, objects) : 0;
	_cleanup_(free) struct guid *g = n ? calloc(n, sizeof *g) : NULL;
	json_t *problems;

	if (n == 0)
		return;
	if (!g) {
		client_refuse(c, "out of memory");
		return;
	}
	problems = json_array();
	verbs_identify(v, worker_link(w)->name, objects, false, g, &problems);
	if (!verbs_refuse_list(c, problems, n, "nothing was begun"))
		verbs_wait_for(c, w,
		    worker_request(w, client_uid(c), kind_of_request(dry_run), TAKE(g), n), -1);
}

void
verb_finish(struct verbs *v, struct client *c, const json_t *request)
{
	const json_t *objects = json_object_get(request, "objects");
	const json_t *wave = json_object_get(request, "wave");
	bool all, dry_run, refused;
	struct worker *w;

	if (!verbs_take_flag(c, request, "dry_run", &dry_run) ||
	    !verbs_take_flag(c, request, "all", &all))
		return;
	if ((objects != NULL) + (wave != NULL) + all != 1) {
		client_refuse(c, "one of \"objects\", \"wave\" and \"all\" says what is meant");
	} else if (wave) {
		finish_wave(v, c, request, dry_run);
	} else if (all) {
		w = verbs_worker(v, c, request);
		if (w)
			finish_link(c, w, dry_run);
	} else {
		w = named_link(v, c, request, &refused);
		if (w && !refused)
			finish_link(c, w, dry_run);
		else if (!refused)
			finish_objects(v, c, request, dry_run);
	}
}
