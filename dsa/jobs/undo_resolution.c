/* SPDX-License-Identifier: MIT */
/*
 * What an operator said about an object in conflict, taken back: what was said before it is so
 * again. The map's list is changed and its journal has it, in one transaction; no directory is
 * asked, and nothing is kept off: the next cycle looks at the object.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/list.h"
#include "dsa/jobs/undo_priv.h"

#define OTHERWISE "another thing was said about it since"

/* What is said now, or, in a dry run, would be. */
static int
find_now(const struct undoing *u, const struct undo_change *c, struct store_txn *t,
    struct resolution *ret, struct err *err)
{
	const struct journal_entry *e = c->entry;
	bool ignored;

	*ret = (struct resolution){.as = RESOLVED_NOT};
	for (size_t i = u->n_said; i-- > 0;)
		if (u->said[i].link == e->link && guid_equal(&u->said[i].source, &e->source)) {
			ret->as = u->said[i].as;
			ret->target = u->said[i].target;
			return 0;
		}
	return store_find_resolution(t, e->link, &e->source, ret, &ignored, err);
}

static int
pretend(
    struct undoing *u, const struct undo_change *c, const struct resolution *was, struct err *err)
{
	if (list_grow(u->said, u->n_said, u->cap_said) < 0)
		return err_nomem(err);
	u->said[u->n_said++] =
	    (struct undo_said){c->entry->link, c->entry->source, was->as, was->target};
	return 0;
}

/* All of an undo has one number. */
static int
put(struct undoing *u, struct undo_change *c, struct store_txn *t, struct resolution *was,
    struct err *err)
{
	was->by = c->run->asked.id;
	was->at = clock_realtime_s();
	if (!c->run->cycle) {
		if (journal_begin_cycle(t, c->entry->link, &c->run->cycle, err) < 0)
			return -1;
		for (size_t i = 0; i < u->n_flows; i++)
			u->flow[i].cycle = c->run->cycle;
	}
	return store_resolve(t, c->entry->link, was, c->run->cycle, c->entry->number, err);
}

int
undo_resolution(struct undoing *u, struct undo_change *c, bool *ret_left, const char **ret_text,
    struct err *err)
{
	_cleanup_(resolution_done) struct resolution is = {.as = RESOLVED_NOT},
						     was = {.as = RESOLVED_NOT},
						     now = {.as = RESOLVED_NOT};
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(c->run->store, u->dry_run ? STORE_READ : STORE_WRITE, &t, err) < 0 ||
	    resolution_of_change(c->entry, false, &is, err) < 0 ||
	    resolution_of_change(c->entry, true, &was, err) < 0 || find_now(u, c, t, &now, err) < 0)
		return -1;
	*ret_left = !resolution_is_same(&now, &is) && !resolution_is_same(&now, &was);
	*ret_text = *ret_left ? OTHERWISE : "all is as it was before already";
	if (*ret_left || resolution_is_same(&now, &was))
		return 0;
	(void)snprintf(c->text, sizeof c->text,
	    "what is said about its conflict: '%s', and before "
	    "it: '%s'",
	    resolved_as_name(is.as), resolved_as_name(was.as));
	*ret_text = c->text;
	if (u->dry_run)
		return pretend(u, c, &was, err);
	return put(u, c, t, &was, err) < 0 ? -1 : store_commit(TAKE(t), err);
}
