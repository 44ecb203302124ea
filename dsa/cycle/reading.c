/* SPDX-License-Identifier: MIT */
#include "dsa/cycle/reading.h"

#include <string.h>
#include <syslog.h>

#include "dsa/cycle/delta.h"
#include "dsa/run/sides.h"
#include "dsa/world/reading.h"

void
shared_reading_done(struct shared_reading *r)
{
	world_reading_free(r->world);
	for (int side = SOURCE; side < SIDES; side++)
		buf_done(&r->cursor[side]);
}

static bool
keeps_cursors(const struct cycle *c)
{
	return !c->opt->plan_only && !c->opt->only;
}

static void
forget_cursors(struct cycle *c)
{
	for (int side = SOURCE; side < SIDES; side++)
		buf_reset(&c->delta->cursor[side]);
}

/* ---- everything ---- */

/* The cursors are taken before anything is read: what changes meanwhile is heard of twice. A forest
 * whose feed does not work can still be synchronized in full. */
static void
take_cursors(struct cycle *c)
{
	const struct bytes none[SIDES] = {0};
	enum side lost;
	struct err err;

	if (delta_listen(c->delta, none, &lost, &err) == 0)
		return;
	run_message(c->run, LOG_WARNING, NULL, c->run->link->name,
	    "%s: the next cycle is a full one again", err.text);
	forget_cursors(c);
}

/* Reads what the return flow needs too. Without its table that flow says itself why. */
static int
widen(struct cycle *c, struct err *err)
{
	_cleanup_(table_free) struct table *other = NULL;
	const struct schema *of[SIDES];

	if (!c->opt->leaves || c->opt->only)
		return 0;
	for (int side = SOURCE; side < SIDES; side++)
		of[side] = c->run->dir[side]->ops->schema(c->run->dir[side]);
	if (table_new(c->run->link->back, of[TARGET], of[SOURCE], &other, err) < 0)
		return err->src == ERR_SYS ? -1 : 0;
	return world_widen(c->world, other, err);
}

static int
read_everything(struct cycle *c, struct err *err)
{
	if (keeps_cursors(c))
		take_cursors(c);
	return widen(c, err) < 0 ? -1 : world_read_all(c->world, err);
}

/* ---- what changed since another flow read everything ---- */

static bool
is_told_by(const struct cycle *c, const struct shared_reading *r)
{
	for (int side = SOURCE; side < SIDES; side++)
		if (strcmp(c->delta->told_by[side], r->told_by[side_other((enum side)side)]) != 0)
			return false;
	return delta_reads_what_was_told(c->delta);
}

/* Of deletions uSNChanged tells only an account that may read what was deleted. */
static bool
hears_all(const struct cycle *c)
{
	for (int side = SOURCE; side < SIDES; side++)
		if (c->run->dir[side]->ops->info(c->run->dir[side])->by_usn)
			return false;
	return true;
}

static void
forget_news(struct delta *x)
{
	for (int side = SOURCE; side < SIDES; side++) {
		free(x->changed[side].v);
		free(x->named[side].v);
		x->changed[side] = x->named[side] = (struct guid_list){.n = 0};
	}
}

/* Hears of it. False: nobody tells that. */
static bool
hear(struct cycle *c, const struct shared_reading *r)
{
	const struct bytes since[SIDES] = {
	    [SOURCE] = buf_bytes(&r->cursor[TARGET]), [TARGET] = buf_bytes(&r->cursor[SOURCE])};
	enum side lost;
	struct err ignored;

	if (delta_listen(c->delta, since, &lost, &ignored) == 0 && lost == SIDES &&
	    is_told_by(c, r) && hears_all(c))
		return true;
	forget_news(c->delta);
	forget_cursors(c);
	return false;
}

static int
renew_side(enum side side, void *arg, struct err *err)
{
	struct cycle *c = arg;
	struct dir *d = c->run->dir[side];
	struct guid_list *changed = &c->delta->changed[side];
	int rc = delta_add_below(d, &c->delta->named[side], changed, err);

	guid_list_sort_once(changed);
	return rc < 0 ? -1 : world_renew(c->world, side, changed, err);
}

/* What is read of another server than the one that told may be from before that. */
static void
keep_what_was_told(struct cycle *c, const struct shared_reading *r)
{
	if (is_told_by(c, r))
		return;
	run_message(c->run, LOG_INFO, NULL, c->run->link->name,
	    "another server answers than the one that told of the changes: the next cycle looks at "
	    "them again");
	forget_cursors(c);
}

/* *RET false: there is nothing to begin with. */
static int
begin_with_left(struct cycle *c, bool *ret, struct err *err)
{
	struct shared_reading *r = c->opt->takes;
	_cleanup_(world_reading_free) struct world_reading *world = r ? TAKE(r->world) : NULL;

	if (!world || c->opt->only || (!c->opt->plan_only && !hear(c, r)))
		return 0;
	if (world_begin_with(c->world, world, ret, err) < 0)
		return -1;
	if (*ret && !c->opt->plan_only) {
		if (sides_run(renew_side, c, err) < 0)
			return -1;
		keep_what_was_told(c, r);
	}
	forget_news(c->delta);
	return 0;
}

int
reading_read(struct cycle *c, struct err *err)
{
	bool begun = false;

	if (begin_with_left(c, &begun, err) < 0)
		return -1;
	return begun ? 0 : read_everything(c, err);
}

/* Can it be told what changes in all that was read? */
static bool
has_cursors(const struct cycle *c)
{
	const struct delta *x = c->delta;

	return x->cursor[SOURCE].len && x->cursor[TARGET].len && delta_reads_what_was_told(x) &&
	       hears_all(c);
}

void
reading_leave(struct cycle *c)
{
	struct shared_reading *r = c->opt->leaves;

	if (!r || c->run->is_delta || (!c->opt->plan_only && !has_cursors(c)))
		return;
	r->world = world_leave_reading(c->world);
	for (int side = SOURCE; side < SIDES; side++) {
		r->cursor[side] = c->delta->cursor[side];
		c->delta->cursor[side] = (struct buf){0};
		memcpy(r->told_by[side], c->delta->told_by[side], sizeof r->told_by[side]);
	}
}
