/* SPDX-License-Identifier: MIT */
/* What a cycle tells of itself. */
#include "dsa/cycle/cycle_priv.h"

#include <stdio.h>
#include <syslog.h>

static bool
has_side(const struct cycle_event *e)
{
	return e->kind == CYCLE_CONNECTED || e->kind == CYCLE_LOST || e->kind == CYCLE_FEED ||
	       e->op;
}

PRINTF_LIKE(3, 0)
static void
tell(const struct cycle *c, const struct cycle_event *what, const char *fmt, va_list ap)
{
	struct cycle_event e = *what;
	char text[1024];

	(void)vsnprintf(text, sizeof text, fmt, ap);
	e.text = text;
	e.cycle = c->res->number;
	e.delta = c->lazy;
	if (!e.dn)
		e.dn = c->link->name;
	if (has_side(&e)) {
		const struct dir_info *info = c->dir[e.side]->ops->info(c->dir[e.side]);

		e.peer = info ? info->server : NULL;
	}
	c->opt->tell(&e, c->opt->arg);
}

void
cycle_tell(const struct cycle *c, const struct cycle_event *what, const char *fmt, ...)
{
	va_list ap;

	if (!c->opt->tell)
		return;
	va_start(ap, fmt);
	tell(c, what, fmt, ap);
	va_end(ap);
}

void
cycle_note(const struct cycle *c, int level, const struct guid *source, const char *dn,
    const char *fmt, ...)
{
	const struct cycle_event e = {
	    .kind = CYCLE_NOTE, .level = level, .source = source, .dn = dn};
	va_list ap;

	if (!c->opt->tell)
		return;
	va_start(ap, fmt);
	tell(c, &e, fmt, ap);
	va_end(ap);
}

void
cycle_tell_change(const struct cycle_options *opt, const struct cycle_event *where,
    const struct change *change, const char *reason)
{
	_cleanup_(buf_done) struct buf text = {0}, attrs = {0};
	struct cycle_event e = *where;

	if (!opt->tell)
		return;
	e.kind = CYCLE_CHANGED;
	e.level = LOG_INFO;
	e.dn = change->dn;
	e.op = change_op_name(change->op);
	buf_printf(&text, "%s: ", reason);
	change_brief(change, &text);
	change_attrs(change, &attrs);
	e.text = text.failed ? reason : (const char *)text.data;
	e.attrs = attrs.len && !attrs.failed ? (const char *)attrs.data : NULL;
	opt->tell(&e, opt->arg);
}

void
cycle_tell_resumed(const struct cycle_options *opt, const struct guid *source, const char *dn,
    bool ok, const char *text)
{
	char words[600];
	const struct cycle_event e = {.kind = CYCLE_NOTE,
	    .level = ok ? LOG_NOTICE : LOG_ERR,
	    .source = source,
	    .dn = dn,
	    .text = words};

	if (!opt->tell)
		return;
	(void)snprintf(words, sizeof words, "the turn that was interrupted is %s%s%s",
	    ok ? "finished" : "ended", *text ? ": " : "", text);
	opt->tell(&e, opt->arg);
}

void
cycle_changed(const struct cycle *c, enum side side, const struct guid *source,
    const struct change *change, const char *reason)
{
	const struct dir_info *info = c->dir[side]->ops->info(c->dir[side]);
	const struct cycle_event where = {.cycle = c->res->number,
	    .source = source,
	    .side = side,
	    .peer = info ? info->server : NULL};

	cycle_tell_change(c->opt, &where, change, reason);
}

void
cycle_turn_changed(uint64_t number, enum side side, const struct guid *source,
    const struct change *change, const char *reason, void *arg)
{
	const struct cycle *c = arg;
	const struct dir_info *info = c->dir[side]->ops->info(c->dir[side]);
	const struct cycle_event where = {
	    .cycle = number, .source = source, .side = side, .peer = info ? info->server : NULL};

	cycle_tell_change(c->opt, &where, change, reason);
}

void
cycle_tell_taken(const struct cycle *c, const struct cycle_event *e, const char *address,
    const char *holder, bool whole)
{
	cycle_tell(c, e, "%s is held by '%s': %s", address, holder,
	    whole ? "the object is not synchronized until that is resolved"
		  : "the address is left out");
}

void
cycle_note_taken(const struct cycle *c, const struct entry *source, const char *address,
    const char *holder, bool whole)
{
	const struct cycle_event e = {
	    .kind = CYCLE_NOTE, .level = LOG_WARNING, .source = &source->guid, .dn = source->dn};

	cycle_tell_taken(c, &e, address, holder, whole);
}

void
cycle_broken(const struct cycle *c, const struct entry *source, enum side side, bool left)
{
	const struct cycle_event e = {.kind = CYCLE_BROKEN,
	    /* Who wants it so need not be told in every cycle. */
	    .level = left ? LOG_DEBUG : LOG_WARNING,
	    .source = &source->guid,
	    .dn = source->dn};

	cycle_tell(c, &e, "somebody changed the redirection of the %s object: %s", side_name(side),
	    left ? "an operator rejected that it is put right"
		 : "it is put right, as far as the limits allow");
}
