/* SPDX-License-Identifier: MIT */
/* A report is in the map before the client is answered; the worker's next cycle, which begins at
 * once, does what follows from it. */
#include "dsa/daemon/verbs_client.h"

#include <stdlib.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/json.h"
#include "dsa/daemon/verbs_who.h"
#include "dsa/view/view_client.h"

/* The member NAME of REQUEST, a text, or "" if it is absent; NULL: C is refused. */
static const char *
take_text(struct client *c, const json_t *request, const char *name)
{
	const json_t *v = json_object_get(request, name);

	if (!v)
		return "";
	if (!json_is_string(v) || strlen(json_string_value(v)) != json_string_length(v)) {
		client_refuse(c, "\"%s\" is a text without NUL", name);
		return NULL;
	}
	return json_string_value(v);
}

static bool
is_valid(struct client *c, const struct client_report *r)
{
	if (r->result == CLIENT_RESULT_MAX)
		client_refuse(c, "\"result\" is ok or failed");
	else if (!client_machine_is_valid(bytes_of(r->machine)))
		client_refuse(
		    c, "\"machine\" is at most %d of A-Z a-z 0-9 - _ .", CLIENT_MACHINE_MAX);
	else if (!client_text_is_valid(bytes_of(r->text)))
		client_refuse(
		    c, "\"text\" is at most %d octets without control characters", CLIENT_TEXT_MAX);
	else
		return true;
	return false;
}

/* 1: it is not switched. RET is what the map has of the mailbox then. */
static int
put(struct verbs *v, const char *link, struct client_report *r, json_t **ret, struct err *err)
{
	_cleanup_(client_reports_done) struct client_reports all = {.n = 0};
	_cleanup_(store_abort) struct store_txn *t = NULL;
	_cleanup_(record_free) struct record *record = NULL;
	uint32_t id;

	if (store_begin(v->store, STORE_WRITE, &t, err) < 0 ||
	    store_link_id(t, link, &id, err) < 0 ||
	    store_find_guid(t, id, SOURCE, &r->source, &record, err) < 0)
		return -1;
	r->about = client_about(record);
	if (!r->about)
		return 1;
	if (store_put_client(t, id, r, err) < 0 ||
	    store_get_clients(t, id, &r->source, &all, err) < 0)
		return -1;
	*ret = view_client(&all, record);
	return store_commit(TAKE(t), err);
}

static void
run(struct verbs *v, struct client *c, struct worker *w, struct client_report *r)
{
	const char *link = worker_link(w)->name;
	json_t *o, *told = NULL;
	struct err err;
	int rc = put(v, link, r, &told, &err);

	if (rc != 0) {
		json_decref(told);
		client_refuse(c, "%s",
		    rc < 0 ? err.text
			   : "its mailbox is not switched: a report is about the one it was "
			     "switched to");
		return;
	}
	worker_hurry(w);
	o = client_answer(true);
	json_put_member(&o, "client", told);
	client_send(c, o);
}

void
verb_client(struct verbs *v, struct client *c, const json_t *request)
{
	struct worker *w = verbs_worker(v, c, request);
	const char *result, *machine, *text, *who;
	struct client_report r = {.origin = CLIENT_BY_SOCKET, .at = clock_realtime_s()};
	_cleanup_(free) char *own_machine = NULL;
	_cleanup_(free) char *own_text = NULL;
	char why[400];

	if (!w || !(who = take_text(c, request, "object")) ||
	    !(result = take_text(c, request, "result")) ||
	    !(machine = take_text(c, request, "machine")) ||
	    !(text = take_text(c, request, "text")))
		return;
	own_machine = strdup(machine);
	own_text = strdup(text);
	r.result = client_result_from_name(result);
	r.machine = own_machine;
	r.text = own_text;
	if (!own_machine || !own_text)
		client_refuse(c, "out of memory");
	else if (is_valid(c, &r)) {
		if (verbs_identify_one(
			v, worker_link(w)->name, who, false, &r.source, why, sizeof why))
			run(v, c, w, &r);
		else
			client_refuse(c, "%s", why);
	}
}
