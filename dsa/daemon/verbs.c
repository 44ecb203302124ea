/* SPDX-License-Identifier: MIT */
#include "dsa/daemon/verbs.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dsa/base/json.h"
#include "dsa/daemon/verbs_client.h"
#include "dsa/daemon/verbs_finish.h"
#include "dsa/daemon/verbs_held.h"
#include "dsa/daemon/verbs_look.h"
#include "dsa/daemon/verbs_object.h"
#include "dsa/daemon/verbs_plan.h"
#include "dsa/daemon/verbs_resolve.h"
#include "dsa/daemon/verbs_together.h"
#include "dsa/daemon/verbs_trace.h"
#include "dsa/daemon/verbs_undo.h"
#include "dsa/daemon/verbs_wave.h"
#include "dsa/view/view_journal.h"
#include "mapping/journal.h"

struct worker *
verbs_find_worker(struct verbs *v, const char *link)
{
	for (size_t i = 0; link && i < v->n_workers; i++)
		if (strcmp(worker_link(v->workers[i])->name, link) == 0)
			return v->workers[i];
	return NULL;
}

struct worker *
verbs_worker(struct verbs *v, struct client *c, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "link"));
	struct worker *w = !name && v->n_workers == 1 ? v->workers[0] : verbs_find_worker(v, name);

	if (!w && name)
		client_refuse(c, "there is no link '%s'", name);
	else if (!w)
		client_refuse(c, "there are several links: name one");
	return w;
}

bool
verbs_take_flag(struct client *c, const json_t *request, const char *name, bool *ret)
{
	const json_t *v = json_object_get(request, name);

	*ret = json_is_true(v);
	if (v && !json_is_boolean(v))
		client_refuse(c, "\"%s\" is true or false", name);
	return !v || json_is_boolean(v);
}

static json_t *
links(struct verbs *v)
{
	json_t *a = json_array();

	for (size_t i = 0; i < v->n_workers; i++) {
		struct worker_state s;

		worker_get_state(v->workers[i], &s);
		json_add_item(&a, view_worker(worker_link(v->workers[i]), &s));
	}
	return a;
}

/* Null if the map cannot be read. */
static json_t *
journal(struct verbs *v)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct journal_size n;
	struct err ignored;

	if (store_begin(v->store, STORE_READ, &t, &ignored) < 0 ||
	    journal_measure(t, &n, &ignored) < 0)
		return json_null();
	return view_journal(&n);
}

static void
verb_status(struct verbs *v, struct client *c, const json_t *request)
{
	json_t *o = client_answer(true);

	(void)request;
	json_put_member(&o, "program", json_of_text(GALSYNC_VERSION));
	json_put_member(&o, "pid", json_integer(getpid()));
	json_put_member(&o, "started", json_of_time(v->started_at));
	json_put_member(&o, "configuration", view_configuration(&v->configuration));
	json_put_member(&o, "journal", journal(v));
	json_put_member(&o, "links", links(v));
	client_send(c, o);
}

void
verbs_send_state(struct verbs *v, struct client *c)
{
	json_t *o = json_object();

	json_put_member(&o, "event", json_of_text("state"));
	json_put_member(&o, "configuration", view_configuration(&v->configuration));
	json_put_member(&o, "links", links(v));
	client_send(c, o);
}

static void
verb_watch(struct verbs *v, struct client *c, const json_t *request)
{
	(void)request;
	client_wait(c)->watching = true;
	verbs_send_state(v, c);
}

static void
set_pause(struct verbs *v, struct client *c, const json_t *request, bool pause)
{
	const char *name = json_string_value(json_object_get(request, "link"));
	size_t n = 0;
	json_t *o;

	for (size_t i = 0; i < v->n_workers; i++)
		if (!name || strcmp(worker_link(v->workers[i])->name, name) == 0) {
			worker_pause(v->workers[i], pause);
			n++;
		}
	if (n == 0) {
		client_refuse(c, "there is no link '%s'", name ? name : "");
		return;
	}
	o = client_answer(true);
	json_put_member(&o, "links", json_of_count(n));
	client_send(c, o);
}

static void
verb_pause(struct verbs *v, struct client *c, const json_t *request)
{
	set_pause(v, c, request, true);
}

static void
verb_resume(struct verbs *v, struct client *c, const json_t *request)
{
	set_pause(v, c, request, false);
}

static const struct {
	const char *name;
	enum control_right needs;
	verb_fn *run;
} verbs[] = {
    {"status", CONTROL_READ, verb_status},
    {"watch", CONTROL_READ, verb_watch},
    {"plan", CONTROL_READ, verb_plan},
    {"verify", CONTROL_READ, verb_verify},
    {"trace", CONTROL_READ, verb_trace},
    {"explain", CONTROL_READ, verb_explain},
    {"find", CONTROL_READ, verb_find},
    {"members", CONTROL_READ, verb_members},
    {"adopt-plan", CONTROL_READ, verb_adopt_plan},
    {"switch-plan", CONTROL_READ, verb_switch_plan},
    {"wave-check", CONTROL_READ, verb_wave_check},
    {"wave-suggest", CONTROL_READ, verb_wave_suggest},
    {"pause", CONTROL_CHANGE, verb_pause},
    {"resume", CONTROL_CHANGE, verb_resume},
    {"resync", CONTROL_CHANGE, verb_resync},
    {"map-rebuild", CONTROL_CHANGE, verb_map_rebuild},
    {"switch", CONTROL_CHANGE, verb_switch},
    {"undo-switch", CONTROL_CHANGE, verb_undo_switch},
    {"proxy-toggle", CONTROL_CHANGE, verb_proxy_toggle},
    {"finish", CONTROL_CHANGE, verb_finish},
    {"adopt", CONTROL_CHANGE, verb_adopt},
    {"approve", CONTROL_CHANGE, verb_approve},
    {"reject", CONTROL_CHANGE, verb_reject},
    {"conflict-resolve", CONTROL_CHANGE, verb_conflict_resolve},
    {"conflict-reopen", CONTROL_CHANGE, verb_conflict_reopen},
    {"client", CONTROL_CHANGE, verb_client},
    {"apply-add", CONTROL_CHANGE, verb_apply_add},
    {"apply", CONTROL_CHANGE, verb_apply},
    {"undo", CONTROL_CHANGE, verb_undo},
    {"wave-add", CONTROL_CHANGE, verb_wave_add},
    {"wave-plan", CONTROL_CHANGE, verb_wave_plan},
    {"wave-cancel", CONTROL_CHANGE, verb_wave_cancel},
    {"wave-reschedule", CONTROL_CHANGE, verb_wave_reschedule},
};

void
verbs_request(struct client *c, const json_t *request, void *arg)
{
	const char *name = json_string_value(json_object_get(request, "verb"));
	char known[480] = "";

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (name && strcmp(name, verbs[i].name) == 0) {
			if (client_right(c) < verbs[i].needs)
				client_refuse(c,
				    "permission denied: '%s' needs root or the group galsync-admin",
				    name);
			else if (client_wait(c)->number)
				client_refuse(c, "the last request is not answered yet");
			else
				verbs[i].run(arg, c, request);
			return;
		}
		(void)snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s",
		    i ? ", " : "", verbs[i].name);
	}
	if (name)
		client_refuse(c, "there is no verb '%.64s': it is one of %s", name, known);
	else
		client_refuse(c, "a request has a \"verb\": one of %s", known);
}
