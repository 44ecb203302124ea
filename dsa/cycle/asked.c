/* SPDX-License-Identifier: MIT */
#include "dsa/cycle/asked.h"

#include <stdio.h>
#include <string.h>

#include "dsa/cycle/decide.h"
#include "dsa/directory/kind.h"

/* Whose GUID G was, as far as the map knows: *RET is NULL, or the caller's to free. */
static int
find_name(const struct cycle *c, const struct guid *g, char **ret, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	_cleanup_(record_free) struct record *r = NULL;

	*ret = NULL;
	if (!c->run->store)
		return 0;
	if (store_begin(c->run->store, STORE_READ, &t, err) < 0 ||
	    store_find_guid(t, c->run->link_id, SOURCE, g, &r, err) < 0)
		return -1;
	return r && !(*ret = strdup(r->side[SOURCE].dn)) ? err_nomem(err) : 0;
}

static int
explain_gone(struct cycle *c, const struct guid *g, struct err *err)
{
	_cleanup_(free) char *dn = NULL;
	char guid[GUID_TEXT_SIZE], *why = c->res->absent_why;

	if (find_name(c, g, &dn, err) < 0)
		return -1;
	guid_format(g, guid);
	(void)snprintf(why, sizeof c->res->absent_why,
	    "%s%.250s%sforest '%s' has no object with GUID %s", dn ? "'" : "", dn ? dn : "",
	    dn ? "' is not there any more: " : "", c->run->link->source->name, guid);
	return 0;
}

/* The source did not give it, or it could not be judged. */
static int
explain_unseen(struct cycle *c, const struct guid *g, struct err *err)
{
	static const char *const attrs[] = {"objectGUID", "objectClass", NULL};
	_cleanup_(entry_free) struct entry *e = NULL;

	if (dir_read_guid(c->run->dir[SOURCE], g, attrs, &e, err) < 0)
		return -1;
	if (!e)
		return explain_gone(c, g, err);
	(void)snprintf(c->res->absent_why, sizeof c->res->absent_why,
	    kind_of(e) == KIND_OTHER ? "'%.250s' is not synchronized: it is no recipient"
				     : "'%.250s' could not be judged: the log says why",
	    e->dn);
	return 0;
}

/* Leaves absent_why "" if the object is synchronized, or in conflict. */
static int
explain(struct cycle *c, const struct guid *g, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0};
	char *why = c->res->absent_why;
	bool found;

	if (cycle_find_decision(c, g, &d, &found, err) < 0)
		return -1;
	if (!found)
		return explain_unseen(c, g, err);
	if (d.verdict != SCOPE_IN)
		(void)snprintf(why, sizeof c->res->absent_why, "'%.250s' is not synchronized: %s",
		    d.source_dn, scope_verdict_name(d.verdict));
	else if (d.state == DECIDE_NOTHING)
		(void)snprintf(why, sizeof c->res->absent_why,
		    "'%.250s' has no counterpart, and its scope creates none", d.source_dn);
	return 0;
}

int
asked_judge(struct cycle *c, struct err *err)
{
	char first[sizeof c->res->absent_why] = "";

	for (size_t i = 0; !c->opt->toggling && i < c->opt->n_objects; i++) {
		c->res->absent_why[0] = '\0';
		if (explain(c, &c->opt->objects[i], err) < 0)
			return -1;
		c->res->absent += c->res->absent_why[0] != '\0';
		if (!first[0])
			memcpy(first, c->res->absent_why, sizeof first);
	}
	memcpy(c->res->absent_why, first, sizeof first);
	return 0;
}
