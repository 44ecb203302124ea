/* SPDX-License-Identifier: MIT */
#include "dsa/cycle/confirm.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/cycle/other_flow.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/sid.h"
#include "mapping/match.h"

#define BATCH 128 /* records a transaction: the pages it dirties are anonymous memory */
#define FEW 100

struct births {
	/* What the target had committed before the first write; it may be from long before. */
	uint64_t start_usn;
	char start_server[256];	  /* and the server that said so: USNs are a DC's own */
	struct guid_list created; /* source GUIDs, of a delta only */
	bool any;
};

int
births_new(struct run *run, struct births **ret, struct err *err)
{
	_cleanup_(births_free) struct births *b = calloc(1, sizeof *b);
	struct dir *d = run->dir[TARGET];

	if (!b)
		return err_nomem(err);
	(void)snprintf(b->start_server, sizeof b->start_server, "%s", run_server(run, TARGET));
	/* A delta hardly ever searches for what it made, and then an older number finds it too. */
	b->start_usn = d->ops->info(d)->highest_usn;
	if (!run->is_delta && d->ops->usn(d, &b->start_usn, err) < 0)
		return -1;
	*ret = TAKE(b);
	return 0;
}

void
births_free(struct births *b)
{
	if (b)
		free(b->created.v);
	free(b);
}

int
births_add(struct cycle *c, const struct guid *source, struct err *err)
{
	c->births->any = true;
	/* A full cycle makes many, and learns them all by one search. */
	return c->run->is_delta ? guid_list_add(&c->births->created, source, err) : 0;
}

bool
births_same_server(const struct cycle *c)
{
	return strcmp(c->births->start_server, run_server(c->run, TARGET)) == 0;
}

struct learned {
	struct stamp stamp;
	struct guid guid;
	uint8_t sid[SID_MAX_LEN];
	size_t sid_len;
	char *dn;
};

struct confirm {
	struct cycle *c;
	struct learned v[BATCH];
	size_t n;
};

static int
store_one(struct cycle *c, struct store_txn *t, const struct learned *l, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL, *before = NULL;

	if (store_find_guid(t, c->run->link_id, SOURCE, &l->stamp.source, &r, err) < 0)
		return -1;
	if (!r ||
	    (guid_equal(&r->side[TARGET].guid, &l->guid) && strcmp(r->side[TARGET].dn, l->dn) == 0))
		return 0;
	if (record_dup(r, &before, err) < 0)
		return -1;
	r->side[TARGET].guid = l->guid;
	if (record_set_str(&r->side[TARGET].dn, l->dn) < 0 ||
	    (l->sid_len &&
		record_set_sid(&r->side[TARGET], (struct bytes){l->sid, l->sid_len}) < 0))
		return err_nomem(err);
	return other_flow_wake(c, t, before, r, err) < 0 ? -1 : store_put(t, r, err);
}

static int
flush(struct confirm *f, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	int rc = store_begin(f->c->run->store, STORE_WRITE, &t, err);

	for (size_t i = 0; i < f->n; i++) {
		if (rc == 0)
			rc = store_one(f->c, t, &f->v[i], err);
		free(f->v[i].dn);
	}
	f->n = 0;
	return rc < 0 ? -1 : store_commit(TAKE(t), err);
}

static int
learn(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	struct confirm *f = arg;
	struct learned *l = &f->v[f->n];
	struct bytes sid = entry_get(own, "objectSid");

	if (dn_is_mangled(own->dn) ||
	    !stamp_of(own, f->c->run->link->target->stamp_attribute, &l->stamp))
		return 0;
	l->guid = own->guid;
	l->sid_len = sid.len <= sizeof l->sid ? sid.len : 0;
	if (l->sid_len)
		memcpy(l->sid, sid.data, l->sid_len);
	l->dn = strdup(own->dn);
	if (!l->dn)
		return err_nomem(err);
	return ++f->n == BATCH ? flush(f, err) : 0;
}

/* A few are read one by one: no server has to look through its directory for them. */
static int
confirm_few(struct cycle *c, struct confirm *f, const char *const *attrs, struct err *err)
{
	struct dir *d = c->run->dir[TARGET];

	for (size_t i = 0; i < c->births->created.n; i++) {
		_cleanup_(store_abort) struct store_txn *t = NULL;
		_cleanup_(record_free) struct record *r = NULL;
		_cleanup_(entry_free) struct entry *e = NULL;

		if (store_begin(c->run->store, STORE_READ, &t, err) < 0 ||
		    store_find_guid(t, c->run->link_id, SOURCE, &c->births->created.v[i], &r, err) <
			0)
			return -1;
		store_abort(TAKE(t));
		if (r && d->ops->read(d, r->side[TARGET].dn, attrs, &e, err) < 0)
			return -1;
		if (e && learn(TAKE(e), f, err) < 0)
			return -1;
	}
	return 0;
}

int
cycle_confirm(struct cycle *c, struct err *err)
{
	struct dir *d = c->run->dir[TARGET];
	const char *stamp = c->run->link->target->stamp_attribute;
	const char *const attrs[] = {"objectGUID", "objectSid", stamp, NULL};
	/* USNs are a DC's own: after a failover every stamp is looked at. */
	bool same = births_same_server(c);
	_cleanup_(free) char *filter =
	    same ? str_printf("(&(uSNCreated>=%llu)(%s=galsync:created:*))",
		       (unsigned long long)c->births->start_usn + 1, stamp)
		 : str_printf("(%s=galsync:created:*)", stamp);
	struct dir_query q = {.base = d->ops->info(d)->domain_dn,
	    .scope = DIR_SUBTREE,
	    .filter = filter,
	    .attrs = attrs};
	_cleanup_(free) struct confirm *f = calloc(1, sizeof *f);
	int rc;

	if (!c->births->any)
		return 0;
	if (!f || !filter)
		return err_nomem(err);
	f->c = c;
	rc = c->run->is_delta && c->births->created.n <= FEW ? confirm_few(c, f, attrs, err)
							     : d->ops->search(d, &q, learn, f, err);
	if (rc == 0)
		return flush(f, err);
	for (size_t i = 0; i < f->n; i++)
		free(f->v[i].dn);
	return -1;
}
