/* SPDX-License-Identifier: MIT */
/*
 * Users write the attribute, so that nothing of it is believed: each value is parsed, a few of an
 * object are looked at, and only the mailbox of that very object is concerned.
 */
#include "dsa/cycle/clients.h"

#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

#include "dsa/base/clock.h"
#include "dsa/base/list.h"
#include "dsa/rules/client.h"

/* Reports a transaction: others wait for the map meanwhile, and what it dirties is memory. */
#define BATCH 100

struct found {
	struct guid source;
	struct client_value value;
};

struct noting {
	struct cycle *c;
	struct found *v;
	size_t n, cap;
	uint64_t bad; /* values that are no reports */
	struct guid first_bad;
	char dn[256], why[CLIENT_WHY_SIZE]; /* of the first of them */
};

static void
note_bad(struct noting *n, const struct entry *e, const char *why)
{
	if (n->bad++)
		return;
	n->first_bad = e->guid;
	(void)snprintf(n->dn, sizeof n->dn, "%s", e->dn);
	(void)snprintf(n->why, sizeof n->why, "%s", why);
}

static int
look_at(struct noting *n, const struct entry *e, struct err *err)
{
	const struct attr *a = entry_find(e, n->c->run->link->client_attribute);

	for (size_t i = 0; a && i < a->n_values && i < CLIENT_VALUES_MAX; i++) {
		struct found f = {.source = e->guid};
		char why[CLIENT_WHY_SIZE];

		if (!client_parse(a->values[i], &f.value, why)) {
			note_bad(n, e, why);
			continue;
		}
		if (list_grow(n->v, n->n, n->cap) < 0)
			return err_nomem(err);
		n->v[n->n++] = f;
	}
	return 0;
}

static int
look_at_all(struct noting *n, struct err *err)
{
	for (uint32_t i = 0; i < world_count(n->c->world, SOURCE); i++) {
		_cleanup_(entry_free) struct entry *e = NULL;

		if (world_get(n->c->world, SOURCE, i, &e, err) < 0 || look_at(n, e, err) < 0)
			return -1;
	}
	return 0;
}

static int
put_one(struct store_txn *t, uint32_t link, struct found *f, struct err *err)
{
	_cleanup_(client_reports_done) struct client_reports all = {.n = 0};
	_cleanup_(record_free) struct record *r = NULL;
	struct client_report report = {.source = f->source,
	    .result = f->value.result,
	    .origin = CLIENT_BY_ATTRIBUTE,
	    .at = clock_realtime_s(),
	    .stated = f->value.stated,
	    .machine = f->value.machine,
	    .text = f->value.text};

	if (store_find_guid(t, link, SOURCE, &f->source, &r, err) < 0)
		return -1;
	if (!r)
		return 0;
	report.about = client_about(r);
	if (store_get_clients(t, link, &f->source, &all, err) < 0)
		return -1;
	return client_is_known(&all, &f->value) ? 0 : store_put_client(t, link, &report, err);
}

static int
put_some(const struct noting *n, size_t from, size_t to, struct err *err)
{
	const struct run *run = n->c->run;
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(run->store, STORE_WRITE, &t, err) < 0)
		return -1;
	for (size_t i = from; i < to; i++)
		if (put_one(t, run->link_id, &n->v[i], err) < 0)
			return -1;
	return store_commit(TAKE(t), err);
}

static int
put_all(const struct noting *n, struct err *err)
{
	for (size_t from = 0; from < n->n; from += BATCH) {
		size_t to = n->n - from > BATCH ? from + BATCH : n->n;

		if (put_some(n, from, to, err) < 0)
			return -1;
	}
	return 0;
}

int
clients_note(struct cycle *c, struct err *err)
{
	struct noting n = {.c = c};
	int rc;

	if (!c->run->link->client_attribute || !c->run->store || !c->run->link_id)
		return 0;
	rc = look_at_all(&n, err);
	if (rc == 0)
		rc = put_all(&n, err);
	if (rc == 0 && n.bad)
		run_message(c->run, LOG_NOTICE, &n.first_bad, n.dn,
		    "%s has %llu values that are no reports of a client, the first: %s",
		    c->run->link->client_attribute, (unsigned long long)n.bad, n.why);
	free(n.v);
	return rc;
}
