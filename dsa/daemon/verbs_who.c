/* SPDX-License-Identifier: MIT */
#include "dsa/daemon/verbs_who.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsa/base/json.h"
#include "dsa/directory/dn.h"
#include "dsa/view/view_result.h"

struct who {
	uint32_t flows[SIDES];
	bool natives; /* they are meant too */
	struct guid guid;
	unsigned n;
};

static int
take_who(const struct record *r, void *arg, struct err *err)
{
	struct who *w = arg;

	(void)err;
	if (r->link != w->flows[SOURCE] && !(w->natives && r->link == w->flows[TARGET]))
		return 0;
	w->guid = r->side[SOURCE].guid;
	w->n++;
	return 0;
}

struct by_dn {
	const char *dn;
	struct guid guid;
	bool found;
};

static int
take_dn(uint32_t link, const struct conflict *c, void *arg, struct err *err)
{
	struct by_dn *x = arg;

	(void)link;
	(void)err;
	x->found = dn_equal(c->source_dn, x->dn);
	x->guid = c->source;
	return x->found;
}

/* The source object without a counterpart that WHO names: by its GUID or, of one in conflict, by
 * its DN. */
static bool
find_fresh(struct store_txn *t, uint32_t link, const char *who, struct guid *ret)
{
	struct by_dn x = {.dn = who};
	struct err err;

	if (guid_parse(who, ret))
		return true;
	if (!strchr(who, '=') || store_each_conflict(t, link, take_dn, &x, &err) < 0 || !x.found)
		return false;
	*ret = x.guid;
	return true;
}

bool
verbs_identify_one(struct verbs *v, const char *link, const char *who, bool fresh, struct guid *ret,
    char *why, size_t size)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct who w = {.natives = fresh};
	struct err err;

	if (store_begin(v->store, STORE_READ, &t, &err) < 0 ||
	    store_flow_ids(t, link, w.flows, &err) < 0 ||
	    store_lookup_who(t, who, take_who, &w, &err) < 0) {
		(void)snprintf(why, size, "%s", err.text);
		return false;
	}
	if (w.n == 1)
		*ret = w.guid;
	else if (w.n > 1)
		(void)snprintf(
		    why, size, "'%.200s' is ambiguous: %u correspondences have it", who, w.n);
	else if (fresh && (find_fresh(t, w.flows[SOURCE], who, ret) ||
			      (w.flows[TARGET] && find_fresh(t, w.flows[TARGET], who, ret))))
		return true;
	else
		(void)snprintf(why, size, "'%.200s' is not in the map of link '%s'%s", who, link,
		    fresh ? "; a source object that is not there yet is named by its GUID or, in "
			    "conflict, by "
			    "its DN"
			  : "");
	return w.n == 1;
}

void
verbs_problem(json_t **problems, const char *who, const char *why)
{
	json_add_item(
	    problems, view_result(&(struct run_result){.dn = who ? who : "", .text = why}));
}

bool
verbs_refuse_list(struct client *c, json_t *problems, size_t of, const char *what)
{
	_cleanup_(json_release) json_t *own = problems;
	json_t *o;
	char text[96];

	if (own && json_array_size(own) == 0)
		return false;
	if (!own) {
		client_refuse(c, "out of memory");
		return true;
	}
	(void)snprintf(
	    text, sizeof text, "%s: %zu of %zu cannot be taken", what, json_array_size(own), of);
	o = client_answer(false);
	json_put_member(&o, "error", json_of_text(text));
	json_put_member(&o, "results", TAKE(own));
	client_send(c, o);
	return true;
}

size_t
verbs_count(struct client *c, const json_t *objects)
{
	size_t n = json_array_size(objects);

	if (n > 0 && n <= VERBS_OBJECTS_MAX)
		return n;
	client_refuse(c, "\"objects\" is a list of who is meant: 1 to %d (a wave may have more)",
	    VERBS_OBJECTS_MAX);
	return 0;
}

void
verbs_identify(struct verbs *v, const char *link, const json_t *objects, bool fresh, struct guid *g,
    json_t **problems)
{
	for (size_t i = 0; i < json_array_size(objects); i++) {
		const char *who = json_string_value(json_array_get(objects, i));
		char why[512] = "it is no string";
		bool ok = who && verbs_identify_one(v, link, who, fresh, &g[i], why, sizeof why);

		for (size_t j = 0; ok && j < i; j++)
			if (guid_equal(&g[j], &g[i])) {
				(void)snprintf(why, sizeof why, "it is named twice");
				ok = false;
			}
		if (!ok)
			verbs_problem(problems, who, why);
	}
}
