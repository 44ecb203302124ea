/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "dsa/base/escape.h"
#include "dsa/cycle/decide.h"
#include "dsa/cycle/limits.h"
#include "dsa/cycle/plan.h"

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
print_step(struct cycle *c, const struct plan_step *s, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};
	enum held_kind kind = limits_holding(c, s);
	bool held = limits_uncount_if_held(c, s);

	for (size_t i = 0; i < s->n_changes; i++) {
		const struct plan_change *pc = &s->changes[i];

		add_comment(c, pc, kind, &b);
		if (!held)
			change_to_ldif(pc->change, &b);
	}
	if (b.failed)
		return err_nomem(err);
	if (b.len && fwrite(b.data, 1, b.len, c->opt->plan_to) != b.len)
		return err_sys(err, errno, "write of the plan");
	return 0;
}

/* Which mailboxes would be switched, as comments. */
static int
print_ready(struct cycle *c, struct err *err)
{
	const struct guid_list *l = c->opt->ready ? &c->opt->ready->of[READY_SWITCH] : NULL;

	for (size_t i = 0; l && i < l->n; i++) {
		_cleanup_(decision_done) struct decision d = {0};
		_cleanup_(buf_done) struct buf dn = {0};
		bool found;

		if (cycle_find_decision(c, &l->v[i], &d, &found, err) < 0)
			return -1;
		if (!found)
			continue;
		escape_add(bytes_of(d.source_dn), ESCAPE_NAME, &dn);
		if (dn.failed)
			return err_nomem(err);
		if (fprintf(c->opt->plan_to, "# ready to be switched: %s\n", dn.data) < 0)
			return err_sys(err, errno, "write of the plan");
	}
	return 0;
}

int
plan_print(struct cycle *c, struct err *err)
{
	if (!c->opt->plan_to)
		return 0;
	if (fprintf(c->opt->plan_to, "version: 1\n\n") < 0)
		return err_sys(err, errno, "write of the plan");
	for (;;) {
		_cleanup_(plan_step_free) struct plan_step *s = NULL;

		if (plan_next(c->plan, &s, err) < 0)
			return -1;
		if (!s)
			break;
		if (print_step(c, s, err) < 0)
			return -1;
	}
	if (print_ready(c, err) < 0)
		return -1;
	return fflush(c->opt->plan_to) ? err_sys(err, errno, "write of the plan") : 0;
}
