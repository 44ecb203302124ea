/* SPDX-License-Identifier: MIT */
/*
 * Which changes are meant: one, those of a cycle or of a wave that were made, or those about an
 * object. Of the latter what was taken back already, and what took it back, is not meant again: it
 * would be done once more, and taken back once more.
 */
#include "dsa/daemon/verbs_undo.h"

#include <stdlib.h>
#include <string.h>

#include "dsa/base/list.h"
#include "dsa/daemon/verbs_wait.h"
#include "dsa/daemon/verbs_who.h"
#include "mapping/journal.h"

struct entry_head {
	uint64_t number, undoes;
	uint32_t link;
	bool taken_back;
};

struct chosen {
	struct entry_head *v;
	size_t n, cap;
};

static int
take_entry(const struct journal_entry *e, void *arg, struct err *err)
{
	struct chosen *c = arg;

	if (e->outcome != JOURNAL_DONE)
		return 0;
	if (list_grow(c->v, c->n, c->cap) < 0)
		return err_nomem(err);
	c->v[c->n++] = (struct entry_head){e->number, e->undoes, e->link, false};
	return 0;
}

/* ---- an object ---- */

static int
by_number(const void *x, const void *y)
{
	const struct entry_head *p = x, *q = y;

	return p->number < q->number ? -1 : p->number > q->number;
}

static struct entry_head *
find(const struct chosen *c, uint64_t number)
{
	const struct entry_head key = {.number = number};

	return c->n ? bsearch(&key, c->v, c->n, sizeof *c->v, by_number) : NULL;
}

/* Leaves what stands: the last word about a change is the last entry's. */
static void
keep_standing(struct chosen *c)
{
	size_t n = 0;

	if (c->n)
		qsort(c->v, c->n, sizeof *c->v, by_number);
	for (size_t i = c->n; i-- > 0;) {
		struct entry_head *of = c->v[i].undoes ? find(c, c->v[i].undoes) : NULL;

		if (of && !c->v[i].taken_back)
			of->taken_back = true;
	}
	for (size_t i = 0; i < c->n; i++)
		if (!c->v[i].undoes && !c->v[i].taken_back)
			c->v[n++] = c->v[i];
	c->n = n;
}

static int
choose_object(struct store_txn *t, const char *who, struct chosen *c, struct err *err)
{
	struct guid_list l = {0};
	int rc = journal_find_who(t, who, &l, err);

	for (size_t i = 0; rc == 0 && i < l.n; i++)
		rc = journal_each_of(t, &l.v[i], take_entry, c, err);
	free(l.v);
	keep_standing(c);
	return rc;
}

/* ---- what is asked for ---- */

struct undo_asked {
	uint64_t change, cycle, wave;
	const char *who;
};

/* A number from 1 to MAX; 0: it is absent. False with C refused if it is anything else. */
static bool
take_number(
    struct client *c, const json_t *request, const char *name, json_int_t max, uint64_t *ret)
{
	const json_t *v = json_object_get(request, name);
	json_int_t n = json_integer_value(v);
	bool ok = !v || (n > 0 && n <= max);

	*ret = ok ? (uint64_t)n : 0;
	if (!ok)
		client_refuse(c, "\"%s\" is a number from 1 to %lld", name, (long long)max);
	return ok;
}

static bool
take_asked(struct client *c, const json_t *request, struct undo_asked *ret)
{
	ret->who = json_string_value(json_object_get(request, "object"));
	if (!take_number(c, request, "change", INT64_MAX, &ret->change) ||
	    !take_number(c, request, "cycle", INT64_MAX, &ret->cycle) ||
	    !take_number(c, request, "wave", UINT32_MAX, &ret->wave))
		return false;
	if ((ret->who != NULL) + (ret->change > 0) + (ret->cycle > 0) + (ret->wave > 0) == 1)
		return true;
	client_refuse(
	    c, "one of \"change\", \"cycle\", \"wave\" and \"object\" says what is meant");
	return false;
}

static int
choose(struct store_txn *t, const struct undo_asked *a, struct chosen *c, struct err *err)
{
	_cleanup_(journal_entry_free) struct journal_entry *e = NULL;
	const struct journal_query q = {.cycle = a->cycle, .wave = (uint32_t)a->wave};

	if (a->who)
		return choose_object(t, a->who, c, err);
	if (!a->change)
		return journal_find(t, &q, take_entry, c, err);
	if (journal_get(t, a->change, &e, err) < 0)
		return -1;
	return e ? take_entry(e, c, err) : 0;
}

/* Leaves those of the flows of LINK. Without a name all must be of one link, whose worker is given;
 * else NULL with CL refused. */
static struct worker *
keep_link(
    struct verbs *v, struct client *cl, struct store_txn *t, const char *link, struct chosen *c)
{
	struct worker *w = NULL;
	struct err err;
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++) {
		_cleanup_(free) char *flow = NULL;
		struct worker *own;
		size_t len = 0;

		if (store_link_name(t, c->v[i].link, &flow, &err) < 0 || !flow)
			continue;
		(void)store_is_return(flow, &len);
		flow[len] = '\0';
		own = verbs_find_worker(v, flow);
		if (!own || (link && strcmp(link, flow) != 0))
			continue;
		if (w && own != w) {
			client_refuse(cl, "these changes are of several links: name one");
			return NULL;
		}
		w = own;
		c->v[n++] = c->v[i];
	}
	c->n = n;
	if (!w)
		client_refuse(cl, "the journal has no change of that which was made%s",
		    link ? " by this link" : "");
	return w;
}

static void
ask(struct client *c, struct worker *w, const struct chosen *l, bool dry_run)
{
	uint64_t *numbers = calloc(l->n + 1, sizeof *numbers);

	if (!numbers) {
		client_refuse(c, "out of memory");
		return;
	}
	for (size_t i = 0; i < l->n; i++)
		numbers[i] = l->v[i].number;
	verbs_wait_for(c, w, worker_request_undo(w, client_uid(c), dry_run, numbers, l->n), -1);
}

void
verb_undo(struct verbs *v, struct client *c, const json_t *request)
{
	const char *link = json_string_value(json_object_get(request, "link"));
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct undo_asked a = {.who = NULL};
	struct chosen l = {.n = 0};
	struct worker *w;
	struct err err;
	bool dry_run;

	if (!verbs_take_flag(c, request, "dry_run", &dry_run) || !take_asked(c, request, &a))
		return;
	if (store_begin(v->store, STORE_READ, &t, &err) < 0 || choose(t, &a, &l, &err) < 0)
		client_refuse(c, "%s", err.text);
	else if ((w = keep_link(v, c, t, link, &l)))
		ask(c, w, &l, dry_run);
	free(l.v);
}
