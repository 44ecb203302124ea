/* SPDX-License-Identifier: MIT */
#include "dsa/jobs/resolving.h"

#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/jobs/explaining_find.h"

struct resolving {
	const struct run *run; /* the link's */
	const struct resolve_order *order;
	struct run flow; /* that the object is an original of */
	struct resolution old, now;
	bool synced;	/* it has a counterpart */
	bool conflicts; /* the map knows a conflict of it */
	enum conflict_reason reason;
	struct buf text; /* of the result */
};

static void
resolving_donep(struct resolving *r)
{
	resolution_done(&r->old);
	resolution_done(&r->now);
	buf_done(&r->text);
}

/* ---- who ---- */

static int
read_map(struct resolving *r, struct err *err)
{
	_cleanup_(conflict_done) struct conflict c = {.n_candidates = 0};
	_cleanup_(store_abort) struct store_txn *t = NULL;
	_cleanup_(record_free) struct record *record = NULL;
	const struct guid *g = &r->now.source;
	uint32_t link;
	bool ignored;

	if (store_begin(r->run->store, STORE_READ, &t, err) < 0 ||
	    store_link_id(t, r->flow.link->name, &link, err) < 0)
		return -1;
	r->flow.link_id = link;
	if (!link)
		return 0;
	if (store_find_conflict(t, link, g, &c, &r->conflicts, err) < 0 ||
	    store_find_resolution(t, link, g, &r->old, &ignored, err) < 0 ||
	    store_find_guid(t, link, SOURCE, g, &record, err) < 0)
		return -1;
	r->reason = c.reason;
	r->synced = record && record->synced_at;
	if (!r->conflicts)
		return 0;
	free(r->now.evidence);
	free(r->now.source_dn);
	r->now.evidence = str_printf("%s: %s", conflict_reason_name(c.reason), c.what);
	r->now.source_dn = strdup(c.source_dn);
	return r->now.evidence && r->now.source_dn ? 0 : err_nomem(err);
}

/* H as the object that is meant. */
static int
take_hit(struct resolving *r, const struct explaining_hit *h, struct err *err)
{
	resolution_done(&r->old);
	resolution_done(&r->now);
	r->now.source = h->source;
	r->now.source_dn = strdup(h->dn);
	r->now.target_dn = strdup("");
	r->now.evidence = strdup("");
	r->flow = h->origin == TARGET ? run_back(r->run) : run_job(r->run);
	if (!r->now.source_dn || !r->now.target_dn || !r->now.evidence)
		return err_nomem(err);
	return read_map(r, err);
}

static bool
is_meant(const struct resolving *r)
{
	return r->conflicts || r->old.as != RESOLVED_NOT;
}

/* Of several that WHO names the one is meant that something can be said about. Leaves a text if
 * there is none. */
static int
find_who(struct resolving *r, const struct explaining *e, struct err *err)
{
	size_t n = 0, which = 0;

	for (size_t i = 0; i < e->n_hits; i++) {
		if (e->hits[i].origin == TARGET && !r->run->link->back) {
			if (e->n_hits == 1)
				buf_printf(&r->text,
				    "it is a native of %s, and link '%s' makes no contacts of "
				    "these "
				    "(return_contacts_ou): there is nothing to resolve",
				    r->run->link->target->name, r->run->link->name);
			continue;
		}
		if (take_hit(r, &e->hits[i], err) < 0)
			return -1;
		if (is_meant(r) || e->n_hits == 1) {
			n++;
			which = i;
		}
	}
	if (n == 1)
		return take_hit(r, &e->hits[which], err);
	if (!r->text.len)
		buf_printf(&r->text, "%s: say which one, by its DN or its GUID",
		    n		? "it names several objects in conflict"
		    : e->n_hits ? "it names several objects"
				: "nobody is called so");
	return 0;
}

/* What is gone from its forest is found in the list, to be taken back. */
struct gone {
	struct resolving *r;
	uint32_t flows[SIDES];
	bool found;
};

static int
take_gone(uint32_t link, const struct resolution *x, void *arg, struct err *err)
{
	struct gone *g = arg;
	struct explaining_hit h = {.source = x->source, .dn = x->source_dn};
	const char *who = g->r->order->who;
	struct guid guid;

	if (link != g->flows[SOURCE] && (link != g->flows[TARGET] || !g->r->run->link->back))
		return 0;
	if (!(guid_parse(who, &guid) ? guid_equal(&guid, &x->source)
				     : strchr(who, '=') && dn_equal(who, x->source_dn)))
		return 0;
	h.origin = link == g->flows[SOURCE] ? SOURCE : TARGET;
	g->found = true;
	return take_hit(g->r, &h, err) < 0 ? -1 : 1;
}

static int
find_gone(struct resolving *r, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct gone g = {.r = r};

	if (store_begin(r->run->store, STORE_READ, &t, err) < 0 ||
	    store_flow_ids(t, r->run->link->name, g.flows, err) < 0 ||
	    store_each_resolution(t, 0, take_gone, &g, err) < 0)
		return -1;
	if (!g.found)
		buf_add_str(&r->text, "nobody is called so in either forest");
	return 0;
}

/* ---- the counterpart ---- */

static int
find_target(struct resolving *r, struct err *err)
{
	_cleanup_(entry_free) struct entry *e = NULL;
	size_t n;

	if (explaining_find_one(&r->flow, TARGET, r->order->target, &e, &n, err) < 0)
		return -1;
	if (!e) {
		buf_printf(&r->text, "'%s' names %s of %s", r->order->target,
		    n ? "several recipients" : "no recipient", r->flow.link->target->name);
		return 0;
	}
	free(r->now.target_dn);
	r->now.target = e->guid;
	r->now.target_dn = strdup(e->dn);
	return r->now.target_dn ? 0 : err_nomem(err);
}

/* ---- may it be said? ---- */

static void
add_possible(struct buf *b, unsigned possible)
{
	const char *between = "";

	for (size_t i = RESOLVED_WITH; i < RESOLVED_MAX; i++)
		if (possible & RESOLVED_BIT(i)) {
			buf_printf(b, "%s%s", between, resolved_as_name((enum resolved_as)i));
			between = ", ";
		}
}

/* Leaves a text if what is asked does not end the conflict. */
static void
ask_reason(struct resolving *r)
{
	unsigned possible = resolution_possible(r->reason, r->synced);

	if (!is_meant(r)) {
		buf_printf(&r->text, "no conflict of it is known: 'galsyncctl explain' says what "
				     "becomes of it");
	} else if (r->conflicts && !(possible & RESOLVED_BIT(r->order->as))) {
		buf_printf(&r->text, "'%s' does not end a conflict '%s'%s; possible: ",
		    resolved_as_name(r->order->as), conflict_reason_name(r->reason),
		    r->synced ? " of what has its counterpart" : "");
		add_possible(&r->text, possible);
	}
}

static void
add_state(const struct decision *d, struct buf *why)
{
	if (d->in_conflict || d->state == DECIDE_CONFLICT) {
		buf_printf(why, "it would be in conflict (%s): %s", conflict_reason_name(d->reason),
		    d->what ? d->what : "");
		for (size_t i = 0; i < DECISION_CANDIDATES && d->candidates[i]; i++)
			buf_printf(why, "%s'%s'", i ? " and " : ": ", d->candidates[i]);
	} else if (d->verdict != SCOPE_IN) {
		buf_printf(why, "it is not in scope: %s", scope_verdict_name(d->verdict));
	} else if (decision_has_target(d)) {
		buf_printf(why, "its counterpart is '%s'", d->target_dn);
	} else {
		buf_printf(why, "it would have no counterpart: %s",
		    d->what ? d->what : "it cannot be planned");
	}
}

bool
resolving_refuses(const struct decision *d, enum resolved_as as, const struct guid *found,
    const struct guid *target, struct buf *why)
{
	bool ok = d->verdict == SCOPE_IN;

	if (as == RESOLVED_CREATE)
		ok = ok && d->state == DECIDE_CREATE;
	else if (as == RESOLVED_WITH)
		ok = ok && (d->state == DECIDE_MATCHED || d->state == DECIDE_PROMOTE) && found &&
		     guid_equal(found, target);
	if (!ok)
		add_state(d, why);
	return !ok;
}

/* Leaves a text if a cycle would not do what is asked; without one, what it would leave out is in
 * LEFT. */
static int
ask_cycle(struct resolving *r, struct buf *left, struct err *err)
{
	_cleanup_(explaining_done) struct explaining e = {.n_hits = 0};
	const struct explain *x = &e.x;

	if (explaining_look(&r->flow, &r->now.source, &r->now, &e, err) < 0)
		return -1;
	if (!x->read) {
		buf_add_str(&r->text, "it is gone");
		return 0;
	}
	if (resolving_refuses(&x->d, r->now.as, x->object[TARGET] ? &x->object[TARGET]->guid : NULL,
		&r->now.target, &r->text))
		return 0;
	if (x->d.in_conflict)
		add_state(&x->d, left);
	return 0;
}

/* ---- it is said ---- */

static int
put(struct resolving *r, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	uint64_t cycle;

	r->now.at = clock_realtime_s();
	r->now.by = r->run->asked.id;
	if (store_begin(r->run->store, STORE_WRITE, &t, err) < 0 ||
	    journal_begin_cycle(t, r->flow.link_id, &cycle, err) < 0 ||
	    store_resolve(t, r->flow.link_id, &r->now, cycle, 0, err) < 0)
		return -1;
	return store_commit(TAKE(t), err);
}

static void
say_done(struct resolving *r, const struct buf *left)
{
	switch (r->now.as) {
	case RESOLVED_WITH:
		buf_printf(&r->text, "resolved: its counterpart is '%s'", r->now.target_dn);
		break;
	case RESOLVED_CREATE: buf_add_str(&r->text, "resolved: a counterpart is created"); break;
	case RESOLVED_IGNORE: buf_add_str(&r->text, "resolved: it is left alone"); break;
	case RESOLVED_NOT:
	case RESOLVED_MAX:
		buf_printf(&r->text, "'%s' is taken back", resolved_as_name(r->old.as));
		break;
	}
	if (left->len)
		buf_printf(&r->text, "; left out: %s", (const char *)left->data);
	buf_add_str(&r->text, "; the next cycle, which begins now, looks at it");
}

static int
resolve(struct resolving *r, bool *ret_done, struct err *err)
{
	_cleanup_(buf_done) struct buf left = {0};

	if (r->now.as == RESOLVED_WITH && find_target(r, err) < 0)
		return -1;
	if (!r->text.len && resolution_is_same(&r->old, &r->now))
		buf_add_str(&r->text, "that is what was said before");
	if (!r->text.len)
		ask_reason(r);
	if (!r->text.len && ask_cycle(r, &left, err) < 0)
		return -1;
	if (r->text.len)
		return 0;
	if (put(r, err) < 0)
		return -1;
	*ret_done = true;
	say_done(r, &left);
	return 0;
}

static int
reopen(struct resolving *r, bool *ret_done, struct err *err)
{
	const struct buf none = {0};

	if (r->old.as == RESOLVED_NOT) {
		buf_add_str(&r->text, "nothing was said about it");
		return 0;
	}
	if (put(r, err) < 0)
		return -1;
	*ret_done = true;
	say_done(r, &none);
	return 0;
}

int
resolving_run(struct run *run, const struct resolve_order *o, struct err *err)
{
	_cleanup_(resolving_done) struct resolving r = {.run = run, .order = o};
	_cleanup_(explaining_done) struct explaining who = {.n_hits = 0};
	struct run_result result = {.dn = o->who};
	int rc;

	if (run_open(run, err) < 0 || explaining_find(run, o->who, &who, err) < 0)
		return -1;
	rc = who.n_hits ? find_who(&r, &who, err) : find_gone(&r, err);
	r.now.as = o->as;
	if (rc == 0 && !r.text.len)
		rc = o->as == RESOLVED_NOT ? reopen(&r, &result.ok, err)
					   : resolve(&r, &result.ok, err);
	if (rc < 0)
		return -1;
	if (r.text.failed)
		return err_nomem(err);
	if (r.now.source_dn) {
		result.source = &r.now.source;
		result.dn = r.now.source_dn;
	}
	result.text = (const char *)r.text.data;
	run_report_result(run, &result);
	return 0;
}
