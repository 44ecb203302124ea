/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <syslog.h>

#include "dsa/base/clock.h"
#include "dsa/view/view_explain.h"

const char *
view_explain_verdict(const struct explaining *e)
{
	static const char *const states[] = {[DECIDE_OUT] = "out",
	    [DECIDE_MATCHED] = "match",
	    [DECIDE_CREATE] = "create",
	    [DECIDE_PROMOTE] = "promote",
	    [DECIDE_CONFLICT] = "conflict",
	    [DECIDE_NOTHING] = "nothing"};
	const struct explain *x = &e->x;

	_Static_assert(ARRAY_SIZE(states) == DECIDE_STATE_MAX, "a name for each state");
	if (e->no_flow)
		return "no-flow";
	if (x->record && x->record->ended)
		return "finished";
	if (!x->read)
		return "gone";
	if (x->d.verdict != SCOPE_IN)
		return "out";
	if (x->d.state == DECIDE_MATCHED && x->record && x->record->synced_at)
		return "synchronized";
	return states[x->d.state];
}

static void
say_time(struct buf *b, int64_t at)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format_utc(at, text);
	buf_add_str(b, text);
}

/* The first thing that the cycle had to complain about, or NULL. */
static const char *
complaint(const struct explaining *e)
{
	for (size_t i = 0; i < e->n_notes; i++)
		if (e->notes[i].level <= LOG_WARNING)
			return e->notes[i].text;
	return NULL;
}

static const char *
target_dn(const struct explain *x)
{
	if (x->object[TARGET])
		return x->object[TARGET]->dn;
	if (x->d.target_dn && *x->d.target_dn)
		return x->d.target_dn;
	return x->record ? x->record->side[TARGET].dn : "";
}

static size_t
count_changes(const struct explain *x)
{
	size_t n = 0;

	for (size_t i = 0; i < x->n_steps; i++)
		if (!x->steps[i].held)
			n += x->steps[i].step->n_changes;
	return n;
}

/* What became of its counterpart. */
static void
say_counterpart(struct buf *b, const struct explain *x)
{
	const struct entry *t = x->object[TARGET];

	if (!t)
		buf_add_str(b, ", and it has no counterpart any more");
	else
		buf_printf(b, ", and its counterpart '%s' is %s", t->dn,
		    entry_get_bool(t, "msExchHideFromAddressLists") ? "hidden" : "as it was");
}

/* It is not in scope, or gone: what that does, or did, to its counterpart. */
static void
say_leaving(struct buf *b, const struct explaining *e)
{
	const struct explain *x = &e->x;

	if (x->record && record_has_left(x->record)) {
		buf_add_str(b, "; it has left");
		if (e->left_at) {
			buf_add_str(b, " at ");
			say_time(b, e->left_at);
		}
		say_counterpart(b, x);
	} else if (x->record && x->held[HELD_DELETES] == EXPLAIN_HELD) {
		buf_printf(b,
		    "; it is to leave, which a limit holds (galsyncctl approve --kind deletes), "
		    "and its counterpart '%s' stays until then",
		    target_dn(x));
	} else if (x->record && x->held[HELD_DELETES] == EXPLAIN_REJECTED) {
		buf_printf(b,
		    "; an operator has rejected that it leaves, so its counterpart '%s' stays",
		    target_dn(x));
	} else if (x->record) {
		buf_printf(b, "; with the next cycle it leaves, and its counterpart is '%s'",
		    target_dn(x));
	} else if (e->left_at) {
		buf_add_str(b, "; its counterpart was deleted at ");
		say_time(b, e->left_at);
	}
}

static void
say_candidates(struct buf *b, const struct decision *d)
{
	for (size_t i = 0; i < DECISION_CANDIDATES && d->candidates[i]; i++)
		buf_printf(b, "%s'%s'", i ? " and " : ": ", d->candidates[i]);
}

static void
say_conflict(struct buf *b, const char *forest, const struct explain *x)
{
	const struct decision *d = &x->d;

	if (d->reason == CONFLICT_MATCH && x->held[HELD_MATCHES] != EXPLAIN_REJECTED)
		buf_printf(b,
		    "is not in %s yet: its first match, found by %s, waits for an operator "
		    "(galsyncctl approve --kind matches)",
		    forest, d->what);
	else
		buf_printf(b, "is not in %s: %sin conflict (%s): %s", forest,
		    d->ignored ? DECISION_IGNORED "; else it would be " : "",
		    conflict_reason_name(d->reason), d->what ? d->what : "");
	say_candidates(b, d);
}

static void
say_matched(struct buf *b, const char *forest, const struct explain *x)
{
	const struct decision *d = &x->d;
	size_t n = count_changes(x);

	if (x->record && x->record->synced_at)
		buf_printf(b, "is in %s as '%s'", forest, target_dn(x));
	else
		buf_printf(b, "is to be matched in %s with '%s', found by %s", forest, target_dn(x),
		    *d->evidence ? d->evidence : match_method_name(d->rule));
	if (x->object[TARGET] && entry_get_bool(x->object[TARGET], "msExchHideFromAddressLists"))
		buf_add_str(b, ", hidden from address lists there");
	if (d->in_conflict) {
		buf_printf(b, ", but in conflict (%s): %s", conflict_reason_name(d->reason),
		    d->what ? d->what : "");
		say_candidates(b, d);
	}
	if (x->held[HELD_REDIRECTIONS] == EXPLAIN_HELD)
		buf_add_str(b, ", and a limit holds a change of its redirection");
	if (x->held[HELD_MEMBER_REMOVALS] == EXPLAIN_HELD)
		buf_add_str(b, ", and a limit holds that members are removed from it");
	if (x->held[HELD_PRIMARY_CHANGES] == EXPLAIN_HELD)
		buf_add_str(b, ", and a limit holds a change of its primary address");
	if (n)
		buf_printf(b, ", and the next cycle makes %zu change%s", n, n == 1 ? "" : "s");
}

static void
say_state(struct buf *b, const struct conf_link *flow, const struct explaining *e)
{
	const struct explain *x = &e->x;
	const struct decision *d = &x->d;
	const char *forest = flow->target->name, *why = complaint(e);

	switch (d->state) {
	case DECIDE_MATCHED: say_matched(b, forest, x); break;
	case DECIDE_CONFLICT: say_conflict(b, forest, x); break;
	case DECIDE_CREATE:
		buf_printf(b,
		    "is not in %s yet: no rule finds a counterpart, and the next cycle creates the "
		    "%s '%s'",
		    forest, shape_name(d->shape), d->target_dn);
		break;
	case DECIDE_PROMOTE:
		buf_printf(b,
		    "is in %s as a contact alone: the next cycle creates a %s in its place, '%s'",
		    forest, shape_name(d->shape), d->target_dn);
		break;
	case DECIDE_NOTHING:
		buf_printf(b, "is not in %s: %s", forest,
		    d->what ? d->what
		    : why   ? why
			    : "it cannot be planned");
		break;
	case DECIDE_OUT:
	case DECIDE_STATE_MAX: break;
	}
	if (!e->retry_why)
		return;
	buf_printf(b, "; a write was refused: %s; it is tried again at ", e->retry_why);
	say_time(b, e->retry_at);
}

/* Of the one that was found. */
static void
say_one(struct buf *b, const struct conf_link *link, const struct explaining *e)
{
	const struct explain *x = &e->x;

	if (e->no_flow) {
		buf_printf(b,
		    "is in %s alone: link '%s' makes no contacts of its natives "
		    "(return_contacts_ou)",
		    link->target->name, link->name);
	} else if (x->record && x->record->ended) {
		buf_printf(b,
		    "is in %s as '%s', and its coexistence was ended: nothing is done to it any "
		    "more",
		    x->link->target->name, target_dn(x));
	} else if (!x->read) {
		buf_printf(b, "is gone from %s", x->link->source->name);
		say_leaving(b, e);
	} else if (x->d.verdict != SCOPE_IN) {
		buf_printf(b, "is not in %s: %s", x->link->target->name,
		    x->why.data ? (const char *)x->why.data : "");
		say_leaving(b, e);
	} else {
		say_state(b, x->link, e);
	}
}

void
view_explain_sentence(
    const struct conf_link *link, const char *who, const struct explaining *e, struct buf *ret)
{
	if (!e->n_hits) {
		buf_printf(ret,
		    "'%s' names nobody in %s and nobody in %s, and the map knows nobody of that "
		    "name.",
		    who, link->source->name, link->target->name);
		return;
	}
	if (e->n_hits > 1) {
		buf_printf(ret, "'%s' names %zu objects: say which one, by its DN or its GUID.",
		    who, e->n_hits);
		return;
	}
	buf_printf(ret, "%s ", e->hits[0].name);
	say_one(ret, link, e);
	buf_add_char(ret, '.');
}
