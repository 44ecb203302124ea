/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_link.h"

#include <stdlib.h>
#include <string.h>

#include "dsa/base/json.h"

void
view_link_done(struct view_link *v)
{
	free(TAKE(v->name));
	json_decref(TAKE(v->last_cycle));
	view_hook_done(&v->hook);
}

static int
read_last_cycle(struct store_txn *t, uint32_t link, json_t **ret, struct err *err)
{
	_cleanup_(free) char *text = NULL;
	json_t *o;

	if (store_get_summary(t, link, &text, err) < 0)
		return -1;
	o = text ? json_loads(text, 0, NULL) : NULL;
	*ret = o ? o : json_null();
	return 0;
}

static int
count_retry(const struct store_retry *r, void *arg, struct err *err)
{
	uint64_t *n = arg;

	(void)r;
	(void)err;
	(*n)++;
	return 0;
}

static int
count_conflict(uint32_t link, const struct conflict *c, void *arg, struct err *err)
{
	uint64_t *by = arg;

	(void)link;
	(void)err;
	by[c->reason]++;
	return 0;
}

int
view_link_read(
    struct store_txn *t, uint32_t link, const char *name, struct view_link *ret, struct err *err)
{
	*ret = (struct view_link){.name = strdup(name)};
	if (!ret->name)
		return err_nomem(err);
	if (store_count(t, link, &ret->counts, err) < 0 ||
	    store_each_conflict(t, link, count_conflict, ret->conflicts_by, err) < 0 ||
	    store_each_retry(t, link, 0, count_retry, &ret->retries, err) < 0 ||
	    journal_measure(t, &ret->journal, err) < 0 ||
	    view_held_count(t, link, &ret->held, err) < 0 ||
	    view_clients_count(t, link, &ret->clients, err) < 0 ||
	    view_hook_count(t, name, &ret->hook, err) < 0)
		return -1;
	return read_last_cycle(t, link, &ret->last_cycle, err);
}

json_t *
view_link_daemon(const json_t *links, const char *flow)
{
	size_t len;

	/* Both flows are one worker's. */
	(void)store_is_return(flow, &len);
	for (size_t i = 0; i < json_array_size(links); i++) {
		json_t *l = json_array_get(links, i);
		const char *link = json_string_value(json_object_get(l, "link"));

		if (link && strlen(link) == len && strncmp(link, flow, len) == 0)
			return l;
	}
	return NULL;
}

static json_t *
states(const struct store_counts *n)
{
	json_t *o = json_object();

	for (size_t i = 0; i < RECORD_STATE_MAX; i++)
		json_put_member(
		    &o, record_state_name((enum record_state)i), json_of_count(n->by_state[i]));
	return o;
}

static json_t *
reasons(const uint64_t by[CONFLICT_REASON_MAX])
{
	json_t *o = json_object();

	for (size_t i = 0; i < CONFLICT_REASON_MAX; i++)
		json_put_member(
		    &o, conflict_reason_name((enum conflict_reason)i), json_of_count(by[i]));
	return o;
}

json_t *
view_link(const struct view_link *v, json_t *daemon, json_t *configuration)
{
	const struct store_counts *n = &v->counts;
	json_t *o = json_object();

	json_put_member(&o, "link", json_of_text(v->name));
	json_put_member(&o, "correspondences", json_of_count(n->records));
	json_put_member(&o, "states", states(n));
	json_put_member(&o, "created", json_of_count(n->created));
	json_put_member(&o, "matched", json_of_count(n->matched));
	json_put_member(&o, "waiting_references", json_of_count(n->waiting_refs));
	json_put_member(&o, "conflicts", json_of_count(n->conflicts));
	json_put_member(&o, "conflicts_by", reasons(v->conflicts_by));
	json_put_member(&o, "retries", json_of_count(v->retries));
	json_put_member(&o, "journal", json_of_count(v->journal.entries));
	json_put_member(&o, "journal_octets", json_of_count(v->journal.octets));
	json_put_member(&o, "journal_oldest", json_of_time(v->journal.oldest));
	json_put_member(&o, "map_bytes_used", json_of_count(n->bytes_used));
	json_put_member(&o, "map_bytes_max", json_of_count(n->bytes_max));
	json_put_member(&o, "last_cycle", json_incref(v->last_cycle));
	json_put_member(&o, "held", view_held_counts(&v->held));
	json_put_member(&o, "clients", view_clients(&v->clients));
	json_put_member(&o, "hook", view_hook(&v->hook));
	json_put_member(&o, "daemon", daemon ? json_incref(daemon) : json_null());
	json_put_member(
	    &o, "configuration", configuration ? json_incref(configuration) : json_null());
	return o;
}
