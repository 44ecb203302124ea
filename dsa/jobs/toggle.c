/* SPDX-License-Identifier: MIT */
#include "dsa/jobs/toggle_priv.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/kind.h"
#include "dsa/jobs/sync.h"
#include "dsa/jobs/turns.h"
#include "dsa/rules/project.h"
#include "dsa/rules/scope.h"

static int
put_operation(struct toggle *t, const struct guid *g, const char *dummy)
{
	_cleanup_(store_abort) struct store_txn *txn = NULL;
	_cleanup_(free) char *detail = strdup(dummy);
	struct store_operation o = {
	    .source = *g, .kind = OPERATION_TOGGLE, .since = clock_realtime_s(), .detail = detail};

	if (!detail)
		return err_nomem(t->err);
	if (store_begin(t->run->store, STORE_WRITE, &txn, t->err) < 0 ||
	    store_put_operation(txn, t->run->link_id, &o, t->err) < 0)
		return -1;
	return store_commit(TAKE(txn), t->err);
}

static int
clear_operation(struct toggle *t, const struct guid *g)
{
	_cleanup_(store_abort) struct store_txn *txn = NULL;

	if (store_begin(t->run->store, STORE_WRITE, &txn, t->err) < 0 ||
	    store_clear_operation(txn, t->run->link_id, g, t->err) < 0)
		return -1;
	return store_commit(TAKE(txn), t->err);
}

/* ---- adding and removing ---- */

/* Once. E is the object as it was read. 1: it is not done, with ERR. */
static int
try_dummy(struct toggle *t, const struct entry *e, struct bytes dummy, bool there, bool again)
{
	_cleanup_(change_free) struct change *c = NULL;
	struct plan_step *s = NULL;

	if (toggle_change(e, dummy, there, &c) < 0)
		return err_nomem(t->err);
	if (!c)
		return 0;
	if (plan_step_of(&e->guid, SOURCE, TAKE(c), e, "proxy toggle", &s, t->err) < 0)
		return -1;
	s->looked_again = again;
	return exec_step(t->run, s, t->err);
}

/* Adds or removes the dummy; what is so already is left so, and so is one that is primary. *E is
 * the object as it was read (NULL: it is gone), read again if it has changed meanwhile. An
 * entry's refusal is 1, with ERR. */
static int
set_dummy(struct toggle *t, struct entry **e, const char *dummy, bool there)
{
	_cleanup_(free) char *v = str_printf("smtp:%s", dummy);

	if (!v)
		return err_nomem(t->err);
	for (int i = 0; *e; i++) {
		struct guid g = (*e)->guid;
		int rc = try_dummy(t, *e, bytes_of(v), there, i > 0);

		if (rc <= 0 || t->err->retry != ERR_REREAD || i == TOGGLE_TRIES)
			return rc;
		entry_free(TAKE(*e));
		if (dir_read_guid(t->run->dir[SOURCE], &g, toggle_attrs, e, t->err) < 0)
			return -1;
	}
	return 0;
}

static void
tell(const struct toggle *t, const struct guid *g, const struct candidate *c, bool ok,
    const char *text)
{
	run_result(t->run, g,
	    c->e	? c->e->dn
	    : c->record ? c->record->side[SOURCE].dn
			: "",
	    ok, text);
}

/* ---- the steps of one object ---- */

/* Reads it, refuses what must not be toggled, writes down and adds. *DUMMY is NULL if refused. */
static int
begin_one(struct toggle *t, const struct guid *g, char **ret_dummy)
{
	_cleanup_(candidate_done) struct candidate c = {0};
	int rc;

	if (toggle_check(t, g, &c) < 0)
		return -1;
	if (!c.dummy) {
		tell(t, g, &c, false, c.why);
		return 0;
	}
	/* Order is important! What is not written down would be left behind by a crash. */
	if (put_operation(t, g, c.dummy) < 0)
		return -1;
	rc = set_dummy(t, &c.e, c.dummy, true);
	if (rc < 0)
		return -1;
	if (rc > 0 || !c.e) {
		tell(t, g, &c, false, c.e ? t->err->text : "its source object is gone");
		return clear_operation(t, g);
	}
	*ret_dummy = TAKE(c.dummy);
	return 0;
}

/* Is a mailbox what a cycle makes of the pair? */
static int
wants_mailbox(
    const struct toggle *t, const struct candidate *c, const struct entry *target, bool *ret)
{
	_cleanup_(free) char *norm = c->e ? dn_normalize(c->e->dn, t->err) : NULL;
	const struct conf_scope *scope =
	    norm ? scope_find(t->run->link, norm, KIND_BIT(KIND_USER)) : NULL;
	enum shape shape;

	if (c->e && !norm)
		return -1;
	shape = scope && c->record->kind == KIND_USER
		    ? project_shape(scope, KIND_USER, c->e, target)
		    : SHAPE_MAX;
	*ret = shape == SHAPE_MAILBOX || shape == SHAPE_REMOTE_MAILBOX;
	return 0;
}

static const char *
verify_target(bool mailbox, const struct entry *target, struct bytes dummy)
{
	if (!target)
		return "it has no counterpart after the cycle";
	if (mailbox && !active_has_mailbox(target, TARGET))
		return "its counterpart has no mailbox after the cycle";
	if (toggle_dummy(target, dummy) != DUMMY_ABSENT)
		return "the dummy address reached the target";
	return NULL;
}

static int
read_target(struct toggle *t, const struct record *r, struct entry **ret)
{
	if (!r || guid_is_zero(&r->side[TARGET].guid))
		return 0;
	return dir_read_guid(t->run->dir[TARGET], &r->side[TARGET].guid, toggle_attrs, ret, t->err);
}

/* Looks at the counterpart, removes the dummy, looks once more. */
static int
end_one(struct toggle *t, const struct guid *g, const char *dummy)
{
	_cleanup_(candidate_done) struct candidate c = {0};
	_cleanup_(entry_free) struct entry *target = NULL, *after = NULL;
	_cleanup_(free) char *v = str_printf("smtp:%s", dummy);
	const char *why;
	bool mailbox = false;
	int rc;

	if (!v)
		return err_nomem(t->err);
	if (toggle_record(t, g, &c.record) < 0 ||
	    dir_read_guid(t->run->dir[SOURCE], g, toggle_attrs, &c.e, t->err) < 0 ||
	    read_target(t, c.record, &target) < 0 ||
	    (c.record && target && wants_mailbox(t, &c, target, &mailbox) < 0))
		return -1;
	why = !c.record			  ? "it left the map"
	      : record_has_left(c.record) ? "its source object has left the synchronization"
					  : verify_target(mailbox, target, bytes_of(v));
	rc = set_dummy(t, &c.e, dummy, false);
	if (rc < 0 || dir_read_guid(t->run->dir[SOURCE], g, toggle_attrs, &after, t->err) < 0)
		return -1;
	if (toggle_dummy(after, bytes_of(v)) == DUMMY_THERE) {
		tell(t, g, &c, false,
		    "the dummy address could not be removed yet: the next cycle does it");
		return 0;
	}
	if (toggle_dummy(after, bytes_of(v)) == DUMMY_PRIMARY)
		why = "the dummy address became the primary one: give the object another one";
	tell(t, g, &c, !why, why ? why : "");
	return clear_operation(t, g);
}

static int
run_cycle(const struct run *run, const struct guid *sources, size_t n, struct err *err)
{
	struct run own = *run;
	const struct cycle_options o = {.objects = sources, .n_objects = n, .toggling = true};
	struct cycle_result ignored;

	return sync_run(&own, false, &o, &ignored, err);
}

static void
free_all(char **texts, size_t n)
{
	for (size_t i = 0; texts && i < n; i++)
		free(texts[i]);
	free(texts);
}

int
toggle_run(struct run *run, const struct guid *sources, size_t n, struct err *err)
{
	struct run own;
	struct toggle t = {.run = &own, .err = err};
	char **dummies = calloc(n + 1, sizeof *dummies);
	bool any = false;
	int rc = dummies ? run_open_known(run, err) : err_nomem(err);

	own = run_job(run);
	if (rc == 0)
		rc = turns_resume(&own, err);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = begin_one(&t, &sources[i], &dummies[i]);
		any |= dummies[i] != NULL;
	}
	if (rc == 0 && any)
		rc = run_cycle(&own, sources, n, err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		if (dummies[i])
			rc = end_one(&t, &sources[i], dummies[i]);
	if (rc < 0 && any)
		(void)err_ctx(err, "dummy addresses that are still there go before the next cycle");
	free_all(dummies, n);
	return rc;
}

/* ---- what would be done ---- */

/* Two with one alias cannot be toggled together: the second would find the first one's dummy. */
static bool
is_among(const char *dummy, char *const *dummies, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (dummies[i] && str_equal_nocase(dummies[i], dummy))
			return true;
	return false;
}

static int
plan_one(struct toggle *t, const struct guid *g, char **dummies, size_t i)
{
	_cleanup_(candidate_done) struct candidate c = {0};
	_cleanup_(entry_free) struct entry *target = NULL;
	char text[600];

	if (toggle_check(t, g, &c) < 0 || read_target(t, c.record, &target) < 0)
		return -1;
	if (!c.dummy) {
		tell(t, g, &c, false, c.why);
		return 0;
	}
	if (is_among(c.dummy, dummies, i)) {
		tell(t, g, &c, false, "another one of this list has the same alias");
		return 0;
	}
	(void)snprintf(
	    text, sizeof text, "smtp:%.100s would be added and removed again; ", c.dummy);
	if (!target)
		(void)snprintf(
		    text + strlen(text), sizeof text - strlen(text), "it has no counterpart yet");
	else
		(void)snprintf(text + strlen(text), sizeof text - strlen(text),
		    "its counterpart %.300s has %s mailbox", target->dn,
		    active_has_mailbox(target, TARGET) ? "a" : "no");
	tell(t, g, &c, true, text);
	dummies[i] = TAKE(c.dummy);
	return 0;
}

int
toggle_plan(struct run *run, const struct guid *sources, size_t n, struct err *err)
{
	struct toggle t = {.run = run, .err = err};
	char **dummies = calloc(n + 1, sizeof *dummies);
	int rc = dummies ? run_open_known(run, err) : err_nomem(err);

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = plan_one(&t, &sources[i], dummies, i);
	free_all(dummies, n);
	return rc;
}

/* ---- after a crash ---- */

struct left {
	struct guid *v;
	char **dummies;
	size_t n;
};

static int
collect(const struct store_operation *o, void *arg, struct err *err)
{
	struct left *l = arg;

	if (o->kind != OPERATION_TOGGLE)
		return 0;
	if (list_grow_by_one(l->v, l->n) < 0 || list_grow_by_one(l->dummies, l->n) < 0 ||
	    !(l->dummies[l->n] = strdup(o->detail)))
		return err_nomem(err);
	l->v[l->n++] = o->source;
	return 0;
}

static int
find_left(const struct run *run, struct left *l, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *txn = NULL;

	if (store_begin(run->store, STORE_READ, &txn, err) < 0)
		return -1;
	return store_each_operation(txn, run->link_id, collect, l, err);
}

int
toggle_resume(const struct run *run, struct err *err)
{
	struct run own = run_job(run);
	struct toggle t = {.run = &own, .err = err};
	struct left l = {.n = 0};
	int rc = find_left(run, &l, err);

	for (size_t i = 0; rc == 0 && i < l.n; i++) {
		_cleanup_(entry_free) struct entry *e = NULL;

		rc = dir_read_guid(run->dir[SOURCE], &l.v[i], toggle_attrs, &e, err);
		if (rc == 0)
			rc = set_dummy(&t, &e, l.dummies[i], false);
		/* Refused: every cycle tries to remove leftovers. */
		if (rc >= 0)
			rc = clear_operation(&t, &l.v[i]);
	}
	free_all(l.dummies, l.n);
	free(l.v);
	return rc;
}
