/* SPDX-License-Identifier: MIT */
#include "dsa/jobs/clients.h"

#include <string.h>
#include <syslog.h>

#include "dsa/base/clock.h"
#include "dsa/rules/client.h"
#include "dsa/run/hook_event.h"

/* New mailboxes at a time. */
#define PORTION 500

struct fresh {
	struct guid v[PORTION];
	size_t n;
};

static int
take_fresh(uint32_t link, struct client_report *r, void *arg, struct err *err)
{
	struct fresh *f = arg;

	(void)link;
	(void)err;
	if (r->settled || (f->n && guid_equal(&f->v[f->n - 1], &r->source)))
		return 0;
	f->v[f->n++] = r->source;
	return f->n == PORTION;
}

static int
find_fresh(const struct run *run, struct fresh *ret, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	ret->n = 0;
	if (store_begin(run->store, STORE_READ, &t, err) < 0)
		return -1;
	return store_each_client(t, run->link_id, NULL, take_fresh, ret, err);
}

static void
tell(const struct run *run, const struct client_report *r, const struct record *of,
    const struct client_verdict *v)
{
	const char *on = *r->machine ? " on " : "";

	run_message(run, r->result == CLIENT_OK ? LOG_INFO : LOG_NOTICE, &r->source,
	    of->side[SOURCE].dn, "its client%s%s reports: %s%s%s", on, r->machine,
	    client_result_name(r->result), *r->text ? ": " : "", r->text);
	if (v->several && r->result == CLIENT_OK)
		run_message(run, LOG_NOTICE, &r->source, of->side[SOURCE].dn,
		    "its profile was updated on several machines");
}

static int
settle_one(const struct run *run, struct store_txn *t, struct client_report *r,
    const struct record *of, struct err *err)
{
	r->settled = true;
	if (store_put_client(t, run->link_id, r, err) < 0)
		return -1;
	return client_counts(r, of) ? hook_event_store_client(run, t, of, r, err) : 0;
}

static int
settle(const struct run *run, struct store_txn *t, const struct guid *source, struct err *err)
{
	_cleanup_(client_reports_done) struct client_reports all = {.n = 0};
	_cleanup_(record_free) struct record *r = NULL;
	struct client_verdict v;

	if (store_find_guid(t, run->link_id, SOURCE, source, &r, err) < 0 ||
	    store_get_clients(t, run->link_id, source, &all, err) < 0)
		return -1;
	v = client_judge(&all, r);
	for (size_t i = 0; i < all.n; i++) {
		if (all.v[i].settled)
			continue;
		if (settle_one(run, t, &all.v[i], r, err) < 0)
			return -1;
		/* What was there before the switch is of no interest to anybody. */
		if (client_counts(&all.v[i], r))
			tell(run, &all.v[i], r, &v);
	}
	return !v.done || !run->link->marker_group
		   ? 0
		   : store_owe_membership(t, run->link_id, source, false, clock_realtime_s(), err);
}

static int
settle_all(const struct run *run, const struct fresh *f, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(run->store, STORE_WRITE, &t, err) < 0)
		return -1;
	for (size_t i = 0; i < f->n; i++)
		if (settle(run, t, &f->v[i], err) < 0)
			return -1;
	return store_commit(TAKE(t), err);
}

int
clients_settle(const struct run *run, struct err *err)
{
	struct fresh f;

	if (!run->store || !run->link_id || run->link->forth)
		return 0;
	do {
		if (find_fresh(run, &f, err) < 0 || (f.n && settle_all(run, &f, err) < 0))
			return -1;
	} while (f.n == PORTION);
	return 0;
}
