/* SPDX-License-Identifier: MIT */
/* What a cycle tells: the plan as LDIF, the conflicts, the summary. */
#include "dsa/cycle/cycle_priv.h"

#include <jansson.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "dsa/base/clock.h"

static int
print_step(struct cycle *c, const struct plan_step *s, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};
	bool held = cycle_holds(c, s);

	for (size_t i = 0; i < s->n_changes; i++) {
		const struct plan_change *pc = &s->changes[i];

		if (held) {
			buf_printf(&b, "# held (limits.%s): %s of '%s' in forest %s\n",
			    held_kind_name(s->counts), pc->reason, pc->change->dn,
			    c->run->dir[pc->side]->name);
			continue;
		}
		buf_printf(&b, "# forest: %s (%s), %s\n", c->run->dir[pc->side]->name,
		    side_name(pc->side), pc->reason);
		change_to_ldif(pc->change, &b);
	}
	if (b.failed)
		return err_nomem(err);
	if (b.len && fwrite(b.data, 1, b.len, c->opt->plan_to) != b.len)
		return err_sys(err, errno, "write of the plan");
	return 0;
}

int
cycle_print_plan(struct cycle *c, struct err *err)
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
	if (c->ready_text.failed)
		return err_nomem(err);
	if (c->ready_text.len &&
	    fwrite(c->ready_text.data, 1, c->ready_text.len, c->opt->plan_to) != c->ready_text.len)
		return err_sys(err, errno, "write of the plan");
	return fflush(c->opt->plan_to) ? err_sys(err, errno, "write of the plan") : 0;
}

void
cycle_tell_taken(const struct cycle *c, const struct run_event *e, const char *address,
    const char *holder, bool whole)
{
	run_event(c->run, e, "%s is held by '%s': %s", address, holder,
	    whole ? "the object is not synchronized until that is resolved"
		  : "the address is left out");
}

static int
put_conflict(
    struct cycle *c, struct store_txn *t, const struct decision *d, bool *again, struct err *err)
{
	_cleanup_(conflict_done) struct conflict old = {.reason = CONFLICT_AMBIGUOUS};
	bool found;
	char *candidates[DECISION_CANDIDATES];
	struct guid guids[DECISION_CANDIDATES];
	struct conflict x = {.source = d->source,
	    .reason = d->reason,
	    .source_dn = d->source_dn,
	    .what = d->what ? d->what : d->evidence,
	    .candidates = candidates,
	    .candidate_guids = guids,
	    .since = clock_realtime_s()};

	for (size_t i = 0; i < DECISION_CANDIDATES && d->candidates[i]; i++) {
		guids[i] = d->candidate_guids[i];
		candidates[x.n_candidates++] = d->candidates[i];
	}
	if (store_find_conflict(t, c->run->link_id, &d->source, &old, &found, err) < 0)
		return -1;
	*again = found && old.reason == x.reason && strcmp(old.what, x.what) == 0;
	return store_put_conflict(t, c->run->link_id, &x, err);
}

struct resolved {
	struct guid_list guids;
	struct err *err;
	bool failed;
};

static int
collect_conflict(uint32_t link, const struct conflict *x, void *arg)
{
	struct resolved *r = arg;

	(void)link;
	r->failed = guid_list_add(&r->guids, &x->source, r->err) < 0;
	return r->failed;
}

static int
clear_conflict(struct cycle *c, struct store_txn *t, const struct guid *source, struct err *err)
{
	_cleanup_(conflict_done) struct conflict old = {.reason = CONFLICT_AMBIGUOUS};
	struct run_event e = {.kind = RUN_RESOLVED, .level = LOG_INFO, .source = source};
	bool found;

	if (store_find_conflict(t, c->run->link_id, source, &old, &found, err) < 0 ||
	    store_clear_conflict(t, c->run->link_id, source, err) < 0)
		return -1;
	e.dn = old.source_dn;
	if (found)
		run_event(c->run, &e, "the conflict is resolved (%s: %s)",
		    conflict_reason_name(old.reason), old.what);
	return 0;
}

/* After a full cycle: forgets the stored conflicts of objects that are in none any more. */
static int
clear_resolved(struct cycle *c, struct store_txn *t, struct err *err)
{
	struct resolved r = {.err = err};
	int rc = store_each_conflict(t, c->run->link_id, collect_conflict, &r, err);

	if (r.failed)
		rc = -1;
	for (size_t i = 0; rc == 0 && i < r.guids.n; i++) {
		_cleanup_(decision_done) struct decision d = {0};
		bool found;

		rc = cycle_find_decision(c, &r.guids.v[i], &d, &found, err);
		if (rc == 0 && !(found && d.in_conflict))
			rc = clear_conflict(c, t, &r.guids.v[i], err);
	}
	free(r.guids.v);
	return rc;
}

static void
tell_conflict(const struct cycle *c, const struct decision *d, bool again)
{
	const struct run_event e = {.kind = RUN_CONFLICT,
	    .level = LOG_WARNING,
	    .source = &d->source,
	    .dn = d->source_dn,
	    .again = again};
	_cleanup_(buf_done) struct buf b = {0};

	if (d->reason == CONFLICT_ADDRESS) {
		cycle_tell_taken(c, &e, d->what, d->candidates[0], d->state == DECIDE_CONFLICT);
		return;
	}
	for (size_t i = 0; i < DECISION_CANDIDATES && d->candidates[i]; i++)
		buf_printf(&b, "%s'%s'", i ? " and " : "", d->candidates[i]);
	run_event(c->run, &e, "conflict (%s): %s%s%s; nothing is written until it is resolved",
	    conflict_reason_name(d->reason), d->what ? d->what : "", b.len ? ": " : "",
	    b.len ? (char *)b.data : "");
}

/* In a delta: the concerned that were in conflict and are deleted. Whom an answer only lacks may be
 * somebody's rival still. */
static int
find_gone(struct cycle *c, struct guid_list *ret, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(c->run->store, STORE_READ, &t, err) < 0)
		return -1;
	for (size_t i = 0; i < c->concerned->n; i++) {
		_cleanup_(conflict_done) struct conflict known = {.reason = CONFLICT_AMBIGUOUS};
		const struct guid *g = &c->concerned->v[i];
		bool found, gone, missed;

		if (store_find_conflict(t, c->run->link_id, g, &known, &found, err) < 0)
			return -1;
		if (!found)
			continue;
		if (cycle_prove_gone(c, g, &gone, &missed, err) < 0 ||
		    (gone && guid_list_add(ret, g, err) < 0))
			return -1;
	}
	return 0;
}

/* Calls for every decision in conflict; T NULL: only reports. A delta knows of those it decided
 * about that they are in no conflict. */
static int
walk_conflicts(struct cycle *c, struct store_txn *t, struct err *err)
{
	uint32_t n = world_count(c->world, SOURCE);

	c->res->conflicts = 0;
	for (uint32_t i = 0; i < n; i++) {
		_cleanup_(decision_done) struct decision d = {0};
		bool found, again = false;

		if (cycle_get_decision(c, i, &d, &found, err) < 0)
			return -1;
		if (found && !d.in_conflict && t && c->is_delta &&
		    clear_conflict(c, t, &d.source, err) < 0)
			return -1;
		if (!found || !d.in_conflict)
			continue;
		c->res->conflicts++;
		if (t && put_conflict(c, t, &d, &again, err) < 0)
			return -1;
		tell_conflict(c, &d, again);
	}
	return 0;
}

/* A delta did not look at all that there are. One that was asked for, about certain objects,
 * answers for these. */
static int
count_conflicts(struct cycle *c, struct store_txn *t, struct err *err)
{
	struct store_counts counts;

	if (store_count(t, c->run->link_id, &counts, err) < 0)
		return -1;
	c->res->conflicts = c->opt->n_objects ? 0 : counts.conflicts;
	for (size_t i = 0; i < c->opt->n_objects; i++) {
		_cleanup_(conflict_done) struct conflict known = {.reason = CONFLICT_AMBIGUOUS};
		bool found;

		if (store_find_conflict(
			t, c->run->link_id, &c->opt->objects[i], &known, &found, err) < 0)
			return -1;
		c->res->conflicts += found;
	}
	return 0;
}

static int
store_conflicts(struct cycle *c, const struct guid_list *gone, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(c->run->store, STORE_WRITE, &t, err) < 0)
		return -1;
	for (size_t i = 0; i < gone->n; i++)
		if (clear_conflict(c, t, &gone->v[i], err) < 0)
			return -1;
	if ((!c->is_delta && clear_resolved(c, t, err) < 0) || walk_conflicts(c, t, err) < 0 ||
	    count_conflicts(c, t, err) < 0)
		return -1;
	return store_commit(TAKE(t), err);
}

int
cycle_store_conflicts(struct cycle *c, struct err *err)
{
	struct guid_list gone = {0};
	int rc = 0;

	if (c->opt->plan_only)
		return walk_conflicts(c, NULL, err);
	if (c->is_delta)
		rc = find_gone(c, &gone, err);
	if (rc == 0)
		rc = store_conflicts(c, &gone, err);
	free(gone.v);
	return rc;
}

static void
print_count(FILE *to, const char *what, uint64_t n)
{
	if (n)
		(void)fprintf(to, "  %-34s %8llu\n", what, (unsigned long long)n);
}

static void
print_outs(const struct cycle_result *r, FILE *to)
{
	for (size_t i = SCOPE_IN + 1; i < SCOPE_MAX; i++)
		if (r->out[i]) {
			char text[64];

			(void)snprintf(text, sizeof text, "not in scope: %s",
			    scope_verdict_name((enum scope_verdict)i));
			print_count(to, text, r->out[i]);
		}
}

void
cycle_print_summary(
    const struct conf_link *link, const struct cycle_result *r, bool plan_only, FILE *to)
{
	static const char *const leaves[] = {
	    "left, kept", "left, hidden", "left, disabled", "left, deleted"};
	uint64_t ms = 0;

	(void)fprintf(to, "link %s: %s\n", link->name,
	    plan_only  ? "plan"
	    : r->delta ? "delta synchronization"
		       : "full synchronization");
	(void)fprintf(to,
	    "  read                               %8llu source, %llu target objects\n",
	    (unsigned long long)r->read[SOURCE], (unsigned long long)r->read[TARGET]);
	print_count(to, "in scope", r->out[SCOPE_IN]);
	print_outs(r, to);
	for (size_t i = 0; i < SHAPE_MAX; i++) {
		char text[64];

		(void)snprintf(text, sizeof text, "created: %s", shape_name((enum shape)i));
		print_count(to, text, r->created[i]);
	}
	print_count(to, "contacts replaced by users", r->promoted);
	print_count(to, "matched for the first time", r->matched);
	print_count(to, "target objects updated", r->updated[TARGET]);
	print_count(to, "source objects updated", r->updated[SOURCE]);
	print_count(to, "renamed", r->renamed);
	print_count(to, "reference changes", r->references);
	for (size_t i = 0; i < ARRAY_SIZE(leaves); i++)
		print_count(to, leaves[i], r->left[i]);
	print_count(to, "ready to be switched", r->ready);
	print_count(to, "switched", r->switched);
	print_count(to, "unchanged", r->unchanged);
	print_count(to, "references waiting", r->waiting);
	print_count(to, "conflicts", r->conflicts);
	print_count(to, "problems", r->problems);
	print_count(to, "planned again", r->drift);
	print_count(to, "failed", r->failed);
	if (r->held)
		(void)fprintf(to, "  held: %s\n", r->held_why);
	(void)fprintf(to, "  changes %-26s %8llu\n", plan_only ? "planned" : "written",
	    (unsigned long long)(plan_only ? r->changes : r->applied));
	(void)fprintf(to, "  time");
	for (size_t i = 0; i < RUN_PHASE_MAX; i++) {
		if (r->phase_ms[i])
			(void)fprintf(to, " %s %.2f s,", run_phase_name((enum run_phase)i),
			    (double)r->phase_ms[i] / 1000);
		ms += r->phase_ms[i];
	}
	(void)fprintf(to, " in all %.2f s\n", (double)ms / 1000);
}

static json_t *
count(uint64_t n)
{
	return json_integer((json_int_t)n);
}

char *
cycle_summary_json(const struct conf_link *link, const struct cycle_result *r)
{
	char when[CLOCK_TEXT_SIZE];
	json_t *o, *created = json_object(), *out = json_object(), *ms = json_object();
	char *text;

	clock_format_utc(clock_realtime_s(), when);
	for (size_t i = 0; i < SHAPE_MAX; i++)
		(void)json_object_set_new(created, shape_name((enum shape)i), count(r->created[i]));
	for (size_t i = SCOPE_IN + 1; i < SCOPE_MAX; i++)
		if (r->out[i])
			(void)json_object_set_new(
			    out, scope_verdict_name((enum scope_verdict)i), count(r->out[i]));
	for (size_t i = 0; i < RUN_PHASE_MAX; i++)
		(void)json_object_set_new(
		    ms, run_phase_name((enum run_phase)i), count(r->phase_ms[i]));
	o = json_pack(
	    "{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
	    "s:o, s:o, s:o, s:o, s:b, s:s, s:o, s:o}",
	    "link", link->name, "kind", r->delta ? "delta" : "full", "finished", when, "cycle",
	    count(r->number), "read_source", count(r->read[SOURCE]), "read_target",
	    count(r->read[TARGET]), "in_scope", count(r->out[SCOPE_IN]), "created", created,
	    "matched", count(r->matched), "promoted", count(r->promoted), "updated_target",
	    count(r->updated[TARGET]), "updated_source", count(r->updated[SOURCE]), "references",
	    count(r->references), "unchanged", count(r->unchanged), "conflicts",
	    count(r->conflicts), "problems", count(r->problems), "failed", count(r->failed),
	    "ready", count(r->ready), "switched", count(r->switched), "changes", count(r->applied),
	    "held", r->held, "held_why", r->held_why, "out", out, "phase_ms", ms);
	text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	json_decref(o);
	return text;
}
