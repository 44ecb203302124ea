/* SPDX-License-Identifier: MIT */
#include "dsa/cycle/replica_lag.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"
#include "dsa/directory/filter.h"
#include "mapping/journal.h"

struct lag {
	struct guid_list waiting; /* source GUIDs whose counterparts may not be here yet */
	struct guid_list missed;  /* and those that the server left out of an answer */
};

int
lag_new(struct lag **ret, struct err *err)
{
	*ret = calloc(1, sizeof **ret);
	return *ret ? 0 : err_nomem(err);
}

void
lag_free(struct lag *l)
{
	if (!l)
		return;
	free(l->waiting.v);
	free(l->missed.v);
	free(l);
}

/* The creation of the counterpart, as far as the journal remembers it. */
struct birth {
	uint32_t link;
	char *server; /* NULL: none that was, or may have been, made */
	int64_t at;
};

static int
note_birth(const struct journal_entry *e, void *arg, struct err *err)
{
	struct birth *b = arg;

	if (e->link != b->link || e->side != TARGET ||
	    (e->outcome != JOURNAL_DONE && e->outcome != JOURNAL_OPEN))
		return 0;
	if (e->change->op == CHANGE_ADD || e->change->op == CHANGE_DELETE) {
		free(TAKE(b->server));
		b->at = e->at;
	}
	if (e->change->op == CHANGE_ADD && !(b->server = strdup(e->server)))
		return err_nomem(err);
	return 0;
}

static int
take_tombstone(struct entry *e, void *arg, struct err *err)
{
	(void)err;
	*(bool *)arg = true;
	entry_free(e);
	return 0;
}

static int
has_tombstone(struct cycle *c, const struct guid *g, bool *ret, struct err *err)
{
	static const char *const attrs[] = {"objectGUID", NULL};
	struct dir *d = c->run->dir[TARGET];
	_cleanup_(free) char *filter = filter_guids("(isDeleted=TRUE)", g, 1);
	const struct dir_query q = {.base = d->ops->info(d)->domain_dn,
	    .scope = DIR_SUBTREE,
	    .filter = filter,
	    .attrs = attrs,
	    .deleted = true};

	*ret = false;
	return filter ? d->ops->search(d, &q, take_tombstone, ret, err) : err_nomem(err);
}

static void
reason(struct cycle *c, char *to, size_t size)
{
	(void)snprintf(to, size,
	    "its counterpart is not on '%s', which may not have received it yet",
	    c->run->dir[TARGET]->ops->info(c->run->dir[TARGET])->server);
}

/* Has the object waited for as long as anything may take? */
static int
waited_enough(struct cycle *c, const struct guid *source, bool *ret, struct err *err)
{
	struct store_retry r = {0};
	char why[256];
	bool found;

	*ret = false;
	reason(c, why, sizeof why);
	if (store_find_retry(c->run->map, c->run->link_id, source, &r, &found, err) < 0)
		return -1;
	*ret = found && strcmp(r.why, why) == 0 && c->run->start_s - r.since > RUN_REPLICATION_S;
	store_retry_done(&r);
	return 0;
}

static int
judge(struct cycle *c, const struct guid *source, const struct guid *target,
    const struct birth *birth, bool *ret, struct err *err)
{
	const char *server = c->run->dir[TARGET]->ops->info(c->run->dir[TARGET])->server;
	bool deleted = false, enough = false;

	*ret = false;
	if (birth->server ? str_equal_nocase(birth->server, server) : !target)
		return 0;
	if (!target)
		enough = c->run->start_s - birth->at > RUN_REPLICATION_S;
	else if (has_tombstone(c, target, &deleted, err) < 0 ||
		 waited_enough(c, source, &enough, err) < 0)
		return -1;
	*ret = !deleted && !enough;
	return 0;
}

int
lag_may_come(
    struct cycle *c, const struct guid *source, const struct record *r, bool *ret, struct err *err)
{
	bool known = r && !guid_is_zero(&r->side[TARGET].guid);
	struct birth birth = {.link = c->run->link_id};
	int rc;

	*ret = false;
	if (!c->run->map || c->run->dir[TARGET]->ops->info(c->run->dir[TARGET])->sole ||
	    (!c->opt->toggling && cycle_is_asked_for(c, source)))
		return 0;
	rc = journal_each_of(c->run->map, source, note_birth, &birth, err);
	if (rc == 0)
		rc = judge(c, source, known ? &r->side[TARGET].guid : NULL, &birth, ret, err);
	free(birth.server);
	return rc;
}

int
lag_wait_for(struct cycle *c, const struct guid *source, struct err *err)
{
	return guid_list_has(&c->lag->waiting, source)
		   ? 0
		   : guid_list_add(&c->lag->waiting, source, err);
}

int
lag_note_missed(struct cycle *c, const struct guid *source, struct err *err)
{
	return guid_list_has(&c->lag->missed, source) ? 0
						      : guid_list_add(&c->lag->missed, source, err);
}

/* T is NULL in plan mode. */
static int
put_down(struct cycle *c, struct store_txn *t, const struct guid *g, const char *why,
    const char *then, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;
	const char *dn;

	if (store_find_guid(t ? t : c->run->map, c->run->link_id, SOURCE, g, &r, err) < 0)
		return -1;
	dn = r ? r->side[SOURCE].dn : "";
	run_message(c->run, LOG_WARNING, g, dn, "%s: %s; tried again in the next cycle", why, then);
	return t ? store_put_retry(t, c->run->link_id, g, dn, why, c->run->start_s, err) : 0;
}

int
lag_store(struct cycle *c, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	char why[256];

	if (c->lag->waiting.n + c->lag->missed.n == 0)
		return 0;
	reason(c, why, sizeof why);
	if (!c->opt->plan_only && store_begin(c->run->store, STORE_WRITE, &t, err) < 0)
		return -1;
	c->res->failed += c->lag->waiting.n;
	for (size_t i = 0; i < c->lag->waiting.n; i++)
		if (put_down(c, t, &c->lag->waiting.v[i], why, "nothing is created", err) < 0)
			return -1;
	for (size_t i = 0; i < c->lag->missed.n; i++)
		if (put_down(c, t, &c->lag->missed.v[i],
			"it is there, but was missing from the answer of the server", "left alone",
			err) < 0)
			return -1;
	return t ? store_commit(TAKE(t), err) : 0;
}
