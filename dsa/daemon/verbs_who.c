/* SPDX-License-Identifier: MIT */
/* Verbs about objects: who is meant, and what is asked for them. */
#include "dsa/daemon/verbs_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct who {
	uint32_t link;
	struct guid guid;
	unsigned n;
};

static int
take_who(const struct record *r, void *arg)
{
	struct who *w = arg;

	if (r->link != w->link)
		return 0;
	w->guid = r->side[SOURCE].guid;
	w->n++;
	return 0;
}

/* The source object of LINK that WHO names. With FRESH it may be a GUID that the map does not know
 * yet. False with the reason in WHY. */
static bool
identify(struct verbs *v, const char *link, const char *who, bool fresh, struct guid *ret,
    char *why, size_t size)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct who w = {.n = 0};
	struct err err;

	if (store_begin(v->store, STORE_READ, &t, &err) < 0 ||
	    store_link_id(t, link, &w.link, &err) < 0 ||
	    store_lookup_who(t, who, take_who, &w, &err) < 0) {
		(void)snprintf(why, size, "%s", err.text);
		return false;
	}
	if (w.n == 1)
		*ret = w.guid;
	else if (w.n > 1)
		(void)snprintf(
		    why, size, "'%.200s' is ambiguous: %u correspondences have it", who, w.n);
	else if (fresh && guid_parse(who, ret))
		return true;
	else
		(void)snprintf(why, size, "'%.200s' is not in the map of link '%s'%s", who, link,
		    fresh ? "; a source object that is not there yet is named by its GUID" : "");
	return w.n == 1;
}

static bool
verbs_object(struct verbs *v, struct client *c, const char *link, const char *who, struct guid *ret)
{
	char why[512];
	bool ok = identify(v, link, who, true, ret, why, sizeof why);

	if (!ok)
		client_refuse(c, "%s", why);
	return ok;
}

void
verb_resync(struct verbs *v, struct client *c, const json_t *request)
{
	const char *who = json_string_value(json_object_get(request, "object"));
	struct worker *w = verbs_worker(v, c, request);
	struct guid *g = who ? malloc(sizeof *g) : NULL;

	if (who && !g)
		client_refuse(c, "out of memory");
	if (!w || (who && (!g || !verbs_object(v, c, worker_link(w)->name, who, g)))) {
		free(g);
		return;
	}
	verbs_wait_for(
	    c, w, worker_request(w, who ? REQUEST_OBJECT : REQUEST_FULL, g, who ? 1 : 0, -1), -1);
}

void
verbs_problem(json_t *problems, const char *who, const char *why)
{
	(void)json_array_append_new(problems, json_pack("{s:s, s:s, s:b, s:s}", "guid", "", "dn",
						  who ? who : "", "ok", 0, "text", why));
}

void
verbs_refuse_list(struct client *c, json_t *problems, size_t of, const char *what)
{
	char text[96];

	(void)snprintf(text, sizeof text, "%s: %zu of %zu cannot be taken", what,
	    json_array_size(problems), of);
	client_send(c, json_pack("{s:b, s:s, s:O}", "ok", 0, "error", text, "results", problems));
}

size_t
verbs_count(struct client *c, const json_t *objects)
{
	size_t n = json_array_size(objects);

	if (n > 0 && n <= VERBS_OBJECTS_MAX)
		return n;
	client_refuse(c, "\"objects\" is a list of who is meant: 1 to %d (a wave may have more)",
	    VERBS_OBJECTS_MAX);
	return 0;
}

void
verbs_identify(struct verbs *v, const char *link, const json_t *objects, bool fresh, struct guid *g,
    json_t *problems)
{
	for (size_t i = 0; i < json_array_size(objects); i++) {
		const char *who = json_string_value(json_array_get(objects, i));
		char why[512] = "it is no string";
		bool ok = who && identify(v, link, who, fresh, &g[i], why, sizeof why);

		for (size_t j = 0; ok && j < i; j++)
			if (guid_equal(&g[j], &g[i])) {
				(void)snprintf(why, sizeof why, "it is named twice");
				ok = false;
			}
		if (!ok)
			verbs_problem(problems, who, why);
	}
}

/* Every object must be known before anything begins: a list with a mistake is refused whole, with
 * all its mistakes. */
static void
turn(struct verbs *v, struct client *c, const json_t *request, enum worker_request what)
{
	const json_t *objects = json_object_get(request, "objects");
	struct worker *w = verbs_worker(v, c, request);
	size_t n = w ? verbs_count(c, objects) : 0;
	json_t *problems;
	struct guid *g;

	if (n == 0)
		return;
	g = calloc(n, sizeof *g);
	problems = json_array();
	if (g)
		/* Of whom the map does not know verify says just that. */
		verbs_identify(
		    v, worker_link(w)->name, objects, what == REQUEST_VERIFY, g, problems);
	if (!g) {
		client_refuse(c, "out of memory");
	} else if (json_array_size(problems)) {
		verbs_refuse_list(c, problems, n, "nothing was begun");
		free(g);
	} else {
		verbs_wait_for(c, w, worker_request(w, what, g, n, -1), -1);
	}
	json_decref(problems);
}

void
verb_switch(struct verbs *v, struct client *c, const json_t *request)
{
	turn(v, c, request, REQUEST_SWITCH);
}

void
verb_undo_switch(struct verbs *v, struct client *c, const json_t *request)
{
	turn(v, c, request, REQUEST_UNDO);
}

/* A member that is true or false, or absent. A text that means true to its writer must not make a
 * dry run a real one. */
static bool
take_flag(struct client *c, const json_t *request, const char *name, bool *ret)
{
	const json_t *v = json_object_get(request, name);

	*ret = json_is_true(v);
	if (v && !json_is_boolean(v))
		client_refuse(c, "\"%s\" is true or false", name);
	return !v || json_is_boolean(v);
}

void
verb_proxy_toggle(struct verbs *v, struct client *c, const json_t *request)
{
	bool dry_run, sweep;
	struct worker *w;

	if (!take_flag(c, request, "dry_run", &dry_run) || !take_flag(c, request, "sweep", &sweep))
		return;
	if (!sweep) {
		turn(v, c, request, dry_run ? REQUEST_TOGGLE_PLAN : REQUEST_TOGGLE);
	} else if (json_object_get(request, "objects")) {
		client_refuse(c, "\"sweep\" is about all objects: it goes without \"objects\"");
	} else {
		w = verbs_worker(v, c, request);
		if (w)
			verbs_wait_for(c, w,
			    worker_request(
				w, dry_run ? REQUEST_SWEEP_PLAN : REQUEST_SWEEP, NULL, 0, -1),
			    -1);
	}
}

void
verb_verify(struct verbs *v, struct client *c, const json_t *request)
{
	struct worker *w;

	if (json_object_get(request, "objects")) {
		turn(v, c, request, REQUEST_VERIFY);
		return;
	}
	w = verbs_worker(v, c, request);
	if (w)
		verbs_wait_for(c, w, worker_request(w, REQUEST_VERIFY, NULL, 0, -1), -1);
}
