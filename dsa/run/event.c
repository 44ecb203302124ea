/* SPDX-License-Identifier: MIT */
#include "dsa/run/event.h"

#include <stdio.h>
#include <syslog.h>

#include "dsa/base/str.h"
#include "dsa/run/run.h"

static const char *const phase_names[] = {
    [RUN_PHASE_CONNECT] = "connect",
    [RUN_PHASE_WAIT] = "wait",
    [RUN_PHASE_READ] = "read",
    [RUN_PHASE_DECIDE] = "decide",
    [RUN_PHASE_PLAN] = "plan",
    [RUN_PHASE_APPLY] = "apply",
    [RUN_PHASE_CONFIRM] = "confirm",
};
_Static_assert(ARRAY_SIZE(phase_names) == RUN_PHASE_MAX, "a name for each phase");

const char *
run_phase_name(enum run_phase p)
{
	return phase_names[p];
}

static bool
has_side(const struct run_event *e)
{
	return e->kind == RUN_CONNECTED || e->kind == RUN_LOST || e->kind == RUN_FEED || e->op;
}

static void
report(const struct run *run, const struct run_event *what, const char *text)
{
	struct run_event e = *what;

	e.text = text;
	e.cycle = e.cycle ? e.cycle : run->cycle;
	e.delta = run->is_delta;
	if (!e.dn)
		e.dn = run->link->name;
	if (has_side(&e)) {
		const struct dir_info *info = run->dir[e.side]->ops->info(run->dir[e.side]);

		e.peer = info ? info->server : NULL;
	}
	run->observer->event(&e, run->observer->arg);
}

PRINTF_LIKE(3, 0)
static void
report_text(const struct run *run, const struct run_event *what, const char *fmt, va_list ap)
{
	char text[1024];

	(void)vsnprintf(text, sizeof text, fmt, ap);
	report(run, what, text);
}

void
run_event(const struct run *run, const struct run_event *e, const char *fmt, ...)
{
	va_list ap;

	if (!run->observer->event)
		return;
	va_start(ap, fmt);
	report_text(run, e, fmt, ap);
	va_end(ap);
}

void
run_message(const struct run *run, int level, const struct guid *source, const char *dn,
    const char *fmt, ...)
{
	const struct run_event e = {
	    .kind = RUN_MESSAGE, .level = level, .source = source, .dn = dn};
	va_list ap;

	if (!run->observer->event)
		return;
	va_start(ap, fmt);
	report_text(run, &e, fmt, ap);
	va_end(ap);
}

void
run_decided(const struct run *run, const struct guid *source, const char *dn, const char *fmt, ...)
{
	const struct run_event e = {
	    .kind = RUN_DECIDED, .level = LOG_DEBUG, .source = source, .dn = dn};
	va_list ap;

	if (!run->observer->decisions || !run->observer->event)
		return;
	va_start(ap, fmt);
	report_text(run, &e, fmt, ap);
	va_end(ap);
}

void
run_lost(const struct run *run, enum side side, const struct err *err)
{
	/* Where it is not mended at once, the run ends with the same words. */
	const struct run_event e = {.kind = RUN_LOST, .level = LOG_DEBUG, .side = side, .err = err};

	if (err->scope == ERR_PEER)
		run_event(run, &e, "%s", err->text);
}

void
run_changed(const struct run *run, uint64_t cycle, enum side side, const struct guid *source,
    const struct change *change, const char *reason)
{
	_cleanup_(buf_done) struct buf text = {0}, attrs = {0};
	struct run_event e = {.kind = RUN_CHANGED,
	    .level = LOG_INFO,
	    .cycle = cycle,
	    .dn = change->dn,
	    .source = source,
	    .side = side,
	    .op = change_op_name(change->op)};

	if (!run->observer->event)
		return;
	buf_printf(&text, "%s: ", reason);
	change_brief(change, &text);
	change_attrs(change, &attrs);
	e.attrs = attrs.len && !attrs.failed ? (const char *)attrs.data : NULL;
	report(run, &e, text.failed ? reason : (const char *)text.data);
}

void
run_progress(const struct run *run, enum run_phase phase, uint64_t done, uint64_t total)
{
	if (run->observer->progress)
		run->observer->progress(phase, done, total, run->observer->arg);
}

void
run_report_result(const struct run *run, const struct run_result *r)
{
	if (run->observer->result)
		run->observer->result(r, run->observer->arg);
}

void
run_result(
    const struct run *run, const struct guid *source, const char *dn, bool ok, const char *text)
{
	const struct run_result r = {.source = source, .dn = dn, .ok = ok, .text = text};

	run_report_result(run, &r);
}
