/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dsa/base/escape.h"
#include "dsa/cycle/conflicts.h"
#include "dsa/cycle/decide.h"
#include "dsa/cycle/limits.h"
#include "dsa/cycle/plan.h"
#include "dsa/exec/plan_text.h"

/* A comment ends with its line: a name in it has none. */
static void
add_comment(
    const struct cycle *c, const struct plan_change *pc, enum held_kind held, struct buf *ret)
{
	const char *forest = c->run->dir[pc->side]->name;

	if (held != HELD_NOTHING) {
		buf_printf(ret, "# held (%s%s): ", held == HELD_UNDONE ? "" : "limits.",
		    held_kind_name(held));
		escape_add(bytes_of(pc->reason), ESCAPE_NAME, ret);
		buf_add_str(ret, " of '");
		escape_add(bytes_of(pc->change->dn), ESCAPE_NAME, ret);
		buf_printf(ret, "' in forest %s\n", forest);
	} else {
		buf_printf(ret, "# forest: %s (%s), ", forest, side_name(pc->side));
		escape_add(bytes_of(pc->reason), ESCAPE_NAME, ret);
		buf_add_char(ret, '\n');
	}
}

static int
write_out(const struct cycle *c, const struct buf *b, struct err *err)
{
	if (b->failed)
		return err_nomem(err);
	if (b->len && fwrite(b->data, 1, b->len, c->opt->plan_to) != b->len)
		return err_sys(err, errno, "write of the plan");
	return 0;
}

static bool
is_ldif(const struct cycle *c)
{
	return c->opt->plan_form == PLAN_FORM_LDIF;
}

static void
add_step_ldif(
    const struct cycle *c, const struct plan_step *s, enum held_kind held, struct buf *ret)
{
	for (size_t i = 0; i < s->n_changes; i++) {
		add_comment(c, &s->changes[i], held, ret);
		if (held == HELD_NOTHING)
			change_to_ldif(s->changes[i].change, ret);
	}
}

/* Where a delta was not possible, everything was planned; who asked for one object is shown that.
 */
static bool
is_shown(const struct cycle *c, const struct plan_step *s)
{
	return s->n_changes &&
	       (c->run->is_delta || !c->opt->n_objects || cycle_is_asked_for(c, &s->guid));
}

static int
print_step(struct cycle *c, const struct plan_step *s, struct err *err)
{
	const char *const forest[SIDES] = {c->run->dir[SOURCE]->name, c->run->dir[TARGET]->name};
	_cleanup_(buf_done) struct buf b = {0};
	enum held_kind kind = limits_holding(c, s);

	(void)limits_uncount_if_held(c, s);
	if (!is_shown(c, s))
		return 0;
	if (is_ldif(c))
		add_step_ldif(c, s, kind, &b);
	else
		plan_text_step(s, forest, kind, &b);
	return write_out(c, &b, err);
}

/* Every line of TEXT, as a comment. */
static void
add_commented(const struct buf *text, struct buf *ret)
{
	const char *at = (const char *)text->data, *end = at + text->len;

	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((stop ? stop : end) - at);

		if (n) {
			buf_add_str(ret, "# ");
			buf_add(ret, at, n);
		}
		buf_add_char(ret, '\n');
		at += n + 1;
	}
	ret->failed |= text->failed;
}

static void
add_move_ldif(const struct cycle *c, const struct plan_step *s, struct buf *ret)
{
	for (size_t i = 0; i < s->n_changes; i++) {
		const struct plan_change *pc = &s->changes[i];
		_cleanup_(buf_done) struct buf ldif = {0};

		buf_printf(ret, "# later, forest: %s (%s), ", c->run->dir[pc->side]->name,
		    side_name(pc->side));
		escape_add(bytes_of(pc->reason), ESCAPE_NAME, ret);
		buf_add_char(ret, '\n');
		change_to_ldif(pc->change, &ldif);
		add_commented(&ldif, ret);
	}
}

static int
print_move(struct cycle *c, const struct plan_step *s, void *arg, struct err *err)
{
	const char *const forest[SIDES] = {c->run->dir[SOURCE]->name, c->run->dir[TARGET]->name};
	_cleanup_(buf_done) struct buf b = {0};

	(void)arg;
	if (!is_shown(c, s))
		return 0;
	if (is_ldif(c))
		add_move_ldif(c, s, &b);
	else
		plan_text_later(s, forest, &b);
	return write_out(c, &b, err);
}

static void
add_conflict_comment(const struct conflict *x, struct buf *ret)
{
	buf_printf(ret, "# conflict (%s): '", conflict_reason_name(x->reason));
	escape_add(bytes_of(x->source_dn), ESCAPE_NAME, ret);
	buf_add_str(ret, "': ");
	escape_add(bytes_of(x->what ? x->what : ""), ESCAPE_NAME, ret);
	for (size_t i = 0; i < x->n_candidates; i++) {
		buf_add_str(ret, i ? " and '" : ": '");
		escape_add(bytes_of(x->candidates[i]), ESCAPE_NAME, ret);
		buf_add_char(ret, '\'');
	}
	buf_add_char(ret, '\n');
}

static int
print_conflict(struct cycle *c, const struct decision *d, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};
	char *candidates[DECISION_CANDIDATES];
	struct guid guids[DECISION_CANDIDATES];
	struct conflict x;

	conflicts_of(d, candidates, guids, &x);
	if (is_ldif(c))
		add_conflict_comment(&x, &b);
	else
		plan_text_conflict(&x, &b);
	return write_out(c, &b, err);
}

static int
print_conflicts(struct cycle *c, struct err *err)
{
	uint32_t n = world_count(c->world, SOURCE);

	for (uint32_t i = 0; i < n; i++) {
		_cleanup_(decision_done) struct decision d = {0};
		bool found;

		if (cycle_get_decision(c, i, &d, &found, err) < 0)
			return -1;
		if (!found || !d.in_conflict ||
		    (c->opt->n_objects && !c->run->is_delta && !cycle_is_asked_for(c, &d.source)))
			continue;
		if (print_conflict(c, &d, err) < 0)
			return -1;
	}
	return 0;
}

static int
print_ready_one(struct cycle *c, const char *source_dn, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};

	if (is_ldif(c)) {
		buf_add_str(&b, "# ready to be switched: ");
		escape_add(bytes_of(source_dn), ESCAPE_NAME, &b);
		buf_add_char(&b, '\n');
	} else {
		plan_text_ready(source_dn, &b);
	}
	return write_out(c, &b, err);
}

/* What is held and has no step: the counterparts of what left, and switches. */
static int
print_held(enum held_kind kind, const struct guid *source, void *arg, struct err *err)
{
	struct cycle *c = arg;
	_cleanup_(record_free) struct record *r = NULL;
	_cleanup_(buf_done) struct buf b = {0};
	const char *dn;

	if (kind != HELD_DELETES && kind != HELD_SWITCHES)
		return 0;
	if (c->run->map &&
	    store_find_guid(c->run->map, c->run->link_id, SOURCE, source, &r, err) < 0)
		return -1;
	dn = r ? r->side[SOURCE].dn : "";
	if (is_ldif(c)) {
		buf_printf(&b, "# held (limits.%s): '", held_kind_name(kind));
		escape_add(bytes_of(dn), ESCAPE_NAME, &b);
		buf_add_str(&b, "'\n");
	} else {
		plan_text_held(kind, dn, &b);
	}
	return write_out(c, &b, err);
}

/* Which mailboxes would be switched. */
static int
print_ready(struct cycle *c, struct err *err)
{
	const struct guid_list *l = c->opt->ready ? &c->opt->ready->of[READY_SWITCH] : NULL;

	for (size_t i = 0; l && i < l->n; i++) {
		_cleanup_(decision_done) struct decision d = {0};
		bool found;

		if (cycle_find_decision(c, &l->v[i], &d, &found, err) < 0 ||
		    (found && print_ready_one(c, d.source_dn, err) < 0))
			return -1;
	}
	return 0;
}

static int
print_begin(const struct cycle *c, struct err *err)
{
	const char *const forest[SIDES] = {c->run->dir[SOURCE]->name, c->run->dir[TARGET]->name};
	_cleanup_(buf_done) struct buf b = {0};

	if (is_ldif(c))
		buf_add_str(&b, "version: 1\n\n");
	else
		plan_text_flow(c->run->link->forth ? TARGET : SOURCE, forest, &b);
	return write_out(c, &b, err);
}

int
plan_print(struct cycle *c, struct err *err)
{
	if (!c->opt->plan_to)
		return 0;
	if (print_begin(c, err) < 0)
		return -1;
	for (;;) {
		_cleanup_(plan_step_free) struct plan_step *s = NULL;

		if (plan_next(c->plan, &s, err) < 0)
			return -1;
		if (!s)
			break;
		if (print_step(c, s, err) < 0)
			return -1;
	}
	if (plan_each_move(c, print_move, NULL, err) < 0 ||
	    limits_each_held(c, print_held, c, err) < 0 || print_conflicts(c, err) < 0 ||
	    print_ready(c, err) < 0)
		return -1;
	return fflush(c->opt->plan_to) ? err_sys(err, errno, "write of the plan") : 0;
}
