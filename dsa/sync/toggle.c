/* SPDX-License-Identifier: MIT */
#include "dsa/sync/toggle.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"
#include "dsa/directory/kind.h"
#include "dsa/sync/cycle_priv.h"
#include "redirect/address.h"

static const char *const attrs[] = {"objectGUID", "objectClass", "mailNickname", "proxyAddresses",
    "homeMDB", "msExchHomeServerName", NULL};

struct toggle {
	const struct conf_link *link;
	struct dir *const *dir;
	struct store *store;
	uint32_t link_id;
	const struct cycle_options *opt;
	toggle_result_fn *result;
	void *arg;
	struct err *err;
};

static int
put_operation(struct toggle *t, const struct guid *g, const char *dummy)
{
	_cleanup_(store_abort) struct store_txn *txn = NULL;
	_cleanup_(free) char *detail = strdup(dummy);
	struct store_operation o = {
	    .source = *g, .kind = OPERATION_TOGGLE, .since = clock_realtime_s(), .detail = detail};

	if (!detail)
		return err_nomem(t->err);
	if (store_begin(t->store, STORE_WRITE, &txn, t->err) < 0 ||
	    store_put_operation(txn, t->link_id, &o, t->err) < 0)
		return -1;
	return store_commit(TAKE(txn), t->err);
}

static int
clear_operation(struct toggle *t, const struct guid *g)
{
	_cleanup_(store_abort) struct store_txn *txn = NULL;

	if (store_begin(t->store, STORE_WRITE, &txn, t->err) < 0 ||
	    store_clear_operation(txn, t->link_id, g, t->err) < 0)
		return -1;
	return store_commit(TAKE(txn), t->err);
}

static int
get_record(struct toggle *t, const struct guid *g, struct record **ret)
{
	_cleanup_(store_abort) struct store_txn *txn = NULL;

	if (store_begin(t->store, STORE_READ, &txn, t->err) < 0)
		return -1;
	return store_find_guid(txn, t->link_id, SOURCE, g, ret, t->err);
}

static bool
has_address(const struct entry *e, const char *address)
{
	_cleanup_(free) char *v = str_printf("smtp:%s", address);

	return v && e && attr_has(entry_find(e, "proxyAddresses"), bytes_of(v), true);
}

static void
tell_changed(const struct toggle *t, const struct guid *source, const struct change *change)
{
	const struct dir_info *info = t->dir[SOURCE]->ops->info(t->dir[SOURCE]);
	const struct cycle_event where = {
	    .source = source, .side = SOURCE, .peer = info ? info->server : NULL};

	cycle_tell_change(t->opt, &where, change, "proxy toggle");
}

/* Adds or removes the dummy; what is so already is left so. An entry's refusal is 1, with ERR. */
static int
set_dummy(struct toggle *t, const struct entry *e, const char *dummy, bool there)
{
	_cleanup_(change_free) struct change *c = change_new(CHANGE_MODIFY, e->dn, &e->guid);
	_cleanup_(free) char *v = str_printf("smtp:%s", dummy);
	const struct attr *a = entry_find(e, "proxyAddresses");

	if (!c || !v)
		return err_nomem(t->err);
	if (has_address(e, dummy) == there)
		return 0;
	if (there && change_mod_str(c, MOD_ADD, "proxyAddresses", v) < 0)
		return err_nomem(t->err);
	/* The value as it is spelled there. */
	for (size_t i = 0; !there && a && i < a->n_values; i++)
		if (bytes_equal_nocase(a->values[i], bytes_of(v)) &&
		    change_mod(c, MOD_DELETE, "proxyAddresses", a->values[i]) < 0)
			return err_nomem(t->err);
	if (dir_apply(t->dir[SOURCE], c, t->err) == 0) {
		tell_changed(t, &e->guid, c);
		return 0;
	}
	return t->err->scope == ERR_PEER || t->err->code == ECANCELED ? -1 : 1;
}

/* ---- the steps of one object ---- */

/* Reads it, refuses what must not be toggled, writes down and adds. *DUMMY is NULL if refused. */
static int
begin_one(struct toggle *t, const struct guid *g, char **ret_dummy)
{
	_cleanup_(record_free) struct record *r = NULL;
	_cleanup_(entry_free) struct entry *e = NULL;
	_cleanup_(free) char *dummy = NULL;
	const char *alias, *why = NULL;
	int rc;

	if (get_record(t, g, &r) < 0 || dir_read_guid(t->dir[SOURCE], g, attrs, &e, t->err) < 0)
		return -1;
	alias = e ? entry_get_str(e, "mailNickname") : NULL;
	if (!r || !e)
		why = "it is not in the map";
	else if (r->active == TARGET)
		why = "its mailbox is switched: what the target lacks is not the source's to give";
	else if (!alias || !address_local_ok(alias))
		why = "its alias cannot be the local part of an address";
	if (why) {
		t->result(g, e ? e->dn : "", false, why, t->arg);
		return 0;
	}
	dummy = str_printf("%s@%s", alias, t->link->toggle_domain);
	if (!dummy)
		return err_nomem(t->err);
	if (put_operation(t, g, dummy) < 0)
		return -1;
	rc = set_dummy(t, e, dummy, true);
	if (rc < 0)
		return -1;
	if (rc > 0) {
		t->result(g, e->dn, false, t->err->text, t->arg);
		return clear_operation(t, g);
	}
	*ret_dummy = TAKE(dummy);
	return 0;
}

static const char *
verify_target(const struct record *r, const struct entry *target, const char *dummy)
{
	if (!target)
		return "it has no counterpart after the cycle";
	if (r->kind == KIND_USER && !kind_has_mailbox(target) && r->created)
		return "its counterpart has no mailbox after the cycle";
	if (has_address(target, dummy))
		return "the dummy address reached the target";
	return NULL;
}

/* Looks at the counterpart, removes the dummy, looks once more. */
static int
end_one(struct toggle *t, const struct guid *g, const char *dummy)
{
	_cleanup_(record_free) struct record *r = NULL;
	_cleanup_(entry_free) struct entry *e = NULL, *target = NULL, *after = NULL;
	const char *why;
	int rc;

	if (get_record(t, g, &r) < 0 || dir_read_guid(t->dir[SOURCE], g, attrs, &e, t->err) < 0)
		return -1;
	if (r && !guid_is_zero(&r->side[TARGET].guid) &&
	    dir_read_guid(t->dir[TARGET], &r->side[TARGET].guid, attrs, &target, t->err) < 0)
		return -1;
	why = r ? verify_target(r, target, dummy) : "it left the map";
	rc = e ? set_dummy(t, e, dummy, false) : 0;
	if (rc < 0 || (rc == 0 && dir_read_guid(t->dir[SOURCE], g, attrs, &after, t->err) < 0))
		return -1;
	if (rc > 0 || has_address(after, dummy)) {
		t->result(g, e ? e->dn : "", false,
		    "the dummy address could not be removed yet: the next cycle does it", t->arg);
		return 0;
	}
	t->result(g, e ? e->dn : "", !why, why ? why : "", t->arg);
	return clear_operation(t, g);
}

static int
run_cycle(struct toggle *t, const struct guid *sources, size_t n, const struct cycle_options *opt)
{
	struct cycle_options o = *opt;
	struct cycle_result result;
	bool full = false;

	o.objects = sources;
	o.n_objects = n;
	o.toggling = true;
	if (cycle_delta(
		t->link, t->dir[SOURCE], t->dir[TARGET], t->store, &o, &result, &full, t->err) < 0)
		return -1;
	return full ? cycle_full(
			  t->link, t->dir[SOURCE], t->dir[TARGET], t->store, &o, &result, t->err)
		    : 0;
}

int
toggle_run(const struct conf_link *link, struct dir *const dir[SIDES], struct store *store,
    const struct guid *sources, size_t n, const struct cycle_options *opt, toggle_result_fn *result,
    void *arg, struct err *err)
{
	struct toggle t = {.link = link,
	    .dir = dir,
	    .store = store,
	    .opt = opt,
	    .result = result,
	    .arg = arg,
	    .err = err};
	_cleanup_(store_abort) struct store_txn *txn = NULL;
	char **dummies = calloc(n + 1, sizeof *dummies);
	int rc = dummies ? 0 : err_nomem(err);

	if (rc == 0 && (dir_open(dir[SOURCE], err) < 0 || dir_open(dir[TARGET], err) < 0 ||
			   store_begin(store, STORE_READ, &txn, err) < 0 ||
			   store_link_id(txn, link->name, &t.link_id, err) < 0))
		rc = -1;
	store_abort(TAKE(txn));
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = begin_one(&t, &sources[i], &dummies[i]);
	if (rc == 0)
		rc = run_cycle(&t, sources, n, opt);
	for (size_t i = 0; rc == 0 && i < n; i++)
		if (dummies[i])
			rc = end_one(&t, &sources[i], dummies[i]);
	for (size_t i = 0; dummies && i < n; i++)
		free(dummies[i]);
	free(dummies);
	return rc;
}

/* ---- after a crash ---- */

struct left {
	struct guid *v;
	char **dummies;
	size_t n;
	bool failed;
};

static int
collect(const struct store_operation *o, void *arg)
{
	struct left *l = arg;
	struct guid *v;
	char **d;

	if (o->kind != OPERATION_TOGGLE)
		return 0;
	v = realloc(l->v, (l->n + 1) * sizeof *v);
	l->v = v ? v : l->v;
	d = realloc(l->dummies, (l->n + 1) * sizeof *d);
	l->dummies = d ? d : l->dummies;
	if (!v || !d || !(d[l->n] = strdup(o->detail))) {
		l->failed = true;
		return 1;
	}
	v[l->n++] = o->source;
	return 0;
}

int
toggle_resume(const struct conf_link *link, struct dir *source, struct store *store,
    uint32_t link_id, const struct cycle_options *opt, struct err *err)
{
	struct dir *const dir[SIDES] = {source, NULL};
	struct toggle t = {
	    .link = link, .dir = dir, .store = store, .link_id = link_id, .opt = opt, .err = err};
	struct store_txn *txn = NULL;
	struct left l = {.failed = false};
	int rc = store_begin(store, STORE_READ, &txn, err);

	if (rc == 0)
		rc = store_each_operation(txn, link_id, collect, &l, err);
	store_abort(txn);
	if (rc == 0 && l.failed)
		rc = err_nomem(err);
	for (size_t i = 0; rc == 0 && i < l.n; i++) {
		_cleanup_(entry_free) struct entry *e = NULL;

		rc = dir_read_guid(source, &l.v[i], attrs, &e, err);
		if (rc == 0 && e)
			rc = set_dummy(&t, e, l.dummies[i], false);
		/* Refused: every cycle tries to remove leftovers. */
		if (rc >= 0)
			rc = clear_operation(&t, &l.v[i]);
	}
	for (size_t i = 0; i < l.n; i++)
		free(l.dummies[i]);
	free(l.dummies);
	free(l.v);
	return rc;
}
