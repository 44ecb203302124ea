/* SPDX-License-Identifier: MIT */
/*
 * A decision is in the map before the client is answered; the worker's next cycle, which begins at
 * once, finds it there and looks at every object.
 */
#include "dsa/daemon/verbs_held.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsa/base/json.h"
#include "dsa/base/log.h"
#include "dsa/daemon/verbs_who.h"
#include "dsa/view/view_held.h"

struct decision_asked {
	const char *link;
	enum held_kind kind; /* HELD_NOTHING: every kind */
	enum held_verdict verdict;
	const struct guid *who;
	size_t n_who;	       /* 0: everything that waits */
	const json_t *objects; /* what WHO was called */
};

/* False if the request's kind is none, and C is refused. */
static bool
take_kind(struct client *c, const json_t *request, enum held_kind *ret)
{
	const json_t *v = json_object_get(request, "kind");
	const char *name = json_string_value(v);

	*ret = name ? held_kind_of(name) : HELD_NOTHING;
	if (v && *ret == HELD_NOTHING) {
		client_refuse(c,
		    "\"kind\" is deletes, redirections, switches, matches, member_removals, "
		    "primary_changes or undone");
		return false;
	}
	return true;
}

/* In both flows of the link; WHO, or all that is held. */
static int
decide_one(struct store_txn *t, const uint32_t flows[SIDES], const struct decision_asked *a,
    const struct guid *who, size_t ret[HELD_KIND_MAX], struct err *err)
{
	memset(ret, 0, HELD_KIND_MAX * sizeof *ret);
	for (int side = SOURCE; side < SIDES; side++) {
		size_t n[HELD_KIND_MAX];

		if (!flows[side])
			continue;
		if (store_decide_held(t, flows[side], a->kind, who, a->verdict, n, err) < 0)
			return -1;
		for (size_t k = 0; k < HELD_KIND_MAX; k++)
			ret[k] += n[k];
	}
	return 0;
}

/* All in one transaction, which is given up if one of them is not held: PROBLEMS then names it. */
static int
decide(struct verbs *v, const struct decision_asked *a, size_t ret[HELD_KIND_MAX],
    json_t **problems, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	uint32_t flows[SIDES];

	memset(ret, 0, HELD_KIND_MAX * sizeof *ret);
	if (store_begin(v->store, STORE_WRITE, &t, err) < 0 ||
	    store_flow_ids(t, a->link, flows, err) < 0)
		return -1;
	for (size_t i = 0; i < (a->n_who ? a->n_who : 1); i++) {
		size_t n[HELD_KIND_MAX], sum = 0;

		if (decide_one(t, flows, a, a->n_who ? &a->who[i] : NULL, n, err) < 0)
			return -1;
		for (size_t k = 0; k < HELD_KIND_MAX; k++) {
			ret[k] += n[k];
			sum += n[k];
		}
		if (a->n_who && sum == 0)
			verbs_problem(problems, json_string_value(json_array_get(a->objects, i)),
			    "no limit holds it");
	}
	return !*problems || json_array_size(*problems) ? 0 : store_commit(TAKE(t), err);
}

static void
log_decided(struct client *c, const struct decision_asked *a, const size_t n[HELD_KIND_MAX])
{
	struct log_fields fields = {.link = a->link};
	char what[160] = "";

	for (size_t k = HELD_NOTHING + 1; k < HELD_KIND_MAX; k++)
		if (n[k])
			(void)snprintf(what + strlen(what), sizeof what - strlen(what), "%s%zu %s",
			    *what ? ", " : "", n[k], held_kind_name((enum held_kind)k));
	log_event(LOG_NOTICE, LOG_ID_DECIDED, &fields, "link %s: %s by user %u: %s", a->link,
	    held_verdict_name(a->verdict), client_uid(c), what);
}

static void
answer(struct client *c, const size_t n[HELD_KIND_MAX])
{
	json_t *o = client_answer(true);

	json_put_member(&o, "decided", view_held_decided(n));
	client_send(c, o);
}

static void
run(struct verbs *v, struct client *c, struct worker *w, const struct decision_asked *a)
{
	size_t n[HELD_KIND_MAX] = {0}, sum = 0;
	json_t *problems = json_array();
	struct err err;

	if (decide(v, a, n, &problems, &err) < 0) {
		json_decref(problems);
		client_refuse(c, "%s", err.text);
		return;
	}
	if (verbs_refuse_list(c, problems, a->n_who, "nothing was decided"))
		return;
	for (size_t k = 0; k < HELD_KIND_MAX; k++)
		sum += n[k];
	if (sum == 0) {
		client_refuse(c, "nothing of link '%s' is held", a->link);
		return;
	}
	log_decided(c, a, n);
	worker_hurry(w);
	answer(c, n);
}

static void
approve_or_reject(
    struct verbs *v, struct client *c, const json_t *request, enum held_verdict verdict)
{
	struct decision_asked a = {
	    .verdict = verdict, .objects = json_object_get(request, "objects")};
	_cleanup_(free) struct guid *who = NULL;
	struct worker *w = verbs_worker(v, c, request);
	json_t *problems;

	if (!w || !take_kind(c, request, &a.kind))
		return;
	a.link = worker_link(w)->name;
	a.n_who = a.objects ? verbs_count(c, a.objects) : 0;
	if (a.objects && a.n_who == 0)
		return;
	who = calloc(a.n_who + 1, sizeof *who);
	if (!who) {
		client_refuse(c, "out of memory");
		return;
	}
	problems = json_array();
	verbs_identify(v, a.link, a.objects, true, who, &problems);
	a.who = who;
	if (!verbs_refuse_list(c, problems, a.n_who, "nothing was decided"))
		run(v, c, w, &a);
}

void
verb_approve(struct verbs *v, struct client *c, const json_t *request)
{
	approve_or_reject(v, c, request, HELD_APPROVED);
}

void
verb_reject(struct verbs *v, struct client *c, const json_t *request)
{
	approve_or_reject(v, c, request, HELD_REJECTED);
}
