/* SPDX-License-Identifier: MIT */
#include "dsa/rules/rebuild.h"

#include <inttypes.h>
#include <stdio.h>

#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/rules/evidence.h"
#include "dsa/rules/leaving.h"
#include "dsa/rules/ready.h"
#include "dsa/rules/record_fill.h"
#include "dsa/rules/scope.h"
#include "redirect/turn.h"

#define HIDES "msExchHideFromAddressLists"

/* ---- whose it is ---- */

static bool
is_below_base(const struct conf_link *link, const char *dn)
{
	for (size_t i = 0; i < link->n_scopes; i++)
		if (dn_is_under(dn, link->scopes[i].base))
			return true;
	return false;
}

static bool
is_below_target_ou(const struct conf_link *link, const char *dn)
{
	for (size_t i = 0; i < link->n_scopes; i++)
		if (link->scopes[i].target_ou && dn_is_under(dn, link->scopes[i].target_ou))
			return true;
	return false;
}

/* Do other links have their counterparts in that forest too? */
static bool
shares_target(const struct conf_link *link)
{
	const struct conf *whole = link->whole;

	for (size_t i = 0; whole && i < CONF_FLOWS(whole); i++) {
		const struct conf_link *other = conf_flow(whole, i);

		if (other && other != link && conf_same_forest(other->target, link->target))
			return true;
	}
	return false;
}

bool
rebuild_is_ours(const struct rebuild_in *in)
{
	const struct conf_link *link = in->link;

	if (in->known || in->is_others)
		return in->known;
	return (in->source && is_below_base(link, in->source->dn)) || !shares_target(link) ||
	       (in->stamp.created && is_below_target_ou(link, in->target->dn));
}

/* ---- the verdict ---- */

/* What a record would say of the source if there were one. It borrows from IN. */
static struct record
bare_record(const struct rebuild_in *in)
{
	struct record r = {.kind = kind_of(in->source ? in->source : in->target)};

	r.created = in->stamp.created;
	r.side[SOURCE].guid = in->stamp.source;
	r.side[SOURCE].dn = (char *)(uintptr_t)(in->source ? in->source->dn : "");
	return r;
}

static struct active_side
judge_active(const struct rebuild_in *in)
{
	const struct entry *const side[SIDES] = {in->source, in->target};
	const struct record bare = bare_record(in);

	return active_side_of(in->active, side, in->known ? in->known : &bare);
}

static enum rebuild_verdict
judge_left(const struct rebuild_in *in, enum scope_verdict why, const struct active_side *active)
{
	const struct record bare = bare_record(in);

	if (!rebuild_is_ours(in))
		return REBUILD_OTHERS;
	if (leaving_is_in_use(active))
		return REBUILD_FINISHED;
	return entry_get_bool(in->target, HIDES) ||
		       leaving_action(in->link, &bare, why) == LEAVE_KEEP
		   ? REBUILD_LEFT
		   : REBUILD_UNNOTICED;
}

/* Does the next cycle have something to put right? */
static bool
is_half(const struct rebuild_in *in, const struct active_side *a)
{
	const struct active_facts *f = &a->facts;
	enum side passive = side_other(a->side);

	if (!f->mailbox[a->side] || !in->link->source->redirect_domain)
		return false;
	if (f->leads[a->side] == LEADS_ACROSS || f->leads[SOURCE] == LEADS_HOME ||
	    f->leads[TARGET] == LEADS_HOME || (in->stamp.has_side && in->stamp.active != a->side))
		return true;
	return f->leads[passive] == LEADS_NOWHERE && (a->side == SOURCE || f->mailbox[SOURCE]);
}

static bool
is_same_pair(const struct rebuild_in *in)
{
	return in->known && guid_equal(&in->known->side[TARGET].guid, &in->target->guid);
}

/* A stamp that no record knows is believed as in a cycle: where stamps belong, and if anything else
 * agrees. Of what has left the synchronization nothing is written any more. */
static bool
is_believed(const struct rebuild_in *in)
{
	return is_same_pair(in) || (evidence_is_in_place(in->link, MATCH_STAMP, in->target->dn) &&
				       evidence_agrees(in->source, in->target));
}

static int
judge_scope(const struct rebuild_in *in, struct rebuild_judged *ret, struct err *err)
{
	_cleanup_(free) char *norm = in->source ? dn_normalize(in->source->dn, err) : NULL;
	enum scope_verdict why = SCOPE_BASE;

	if (in->source && !norm)
		return -1;
	if (norm)
		why = scope_judge(in->link, in->source, norm, in->is_target, &ret->scope);
	ret->verdict = why == SCOPE_IN ? REBUILD_PAIR : judge_left(in, why, &ret->active);
	return 0;
}

int
rebuild_judge(const struct rebuild_in *in, struct rebuild_judged *ret, struct err *err)
{
	struct rebuild_judged j = {.active = judge_active(in)};

	if (judge_scope(in, &j, err) < 0)
		return -1;
	if (j.verdict != REBUILD_OTHERS && in->twice)
		j.verdict = REBUILD_TWICE;
	if (j.verdict != REBUILD_OTHERS && (identity_refusal(in->target, &in->guard) ||
					       (j.verdict == REBUILD_PAIR && !is_believed(in))))
		j.verdict = REBUILD_REFUSED;
	if (j.verdict == REBUILD_PAIR) {
		j.half = is_half(in, &j.active);
		j.side_differs = is_same_pair(in) && in->known->active != j.active.side;
	}
	j.counterpart_differs = j.verdict <= REBUILD_LEFT && in->known &&
				!guid_is_zero(&in->known->side[TARGET].guid) && !is_same_pair(in);
	*ret = j;
	return 0;
}

/* ---- the record ---- */

/* A turn that neither galsync nor the map knows of is not recorded here: the next cycle tells it,
 * and its limit counts it. */
static enum side
side_of(const struct rebuild_in *in, const struct rebuild_judged *j)
{
	return j->verdict == REBUILD_PAIR && is_same_pair(in) && j->active.moved ? in->known->active
										 : j->active.side;
}

/* By galsync, says the marker. */
static bool
is_guarded(const struct rebuild_in *in)
{
	const char *marker = in->link->marker_attribute;

	return in->source && marker && turn_marker_guards(entry_get_str(in->source, marker));
}

static int
fill_pair(const struct rebuild_in *in, const struct record_facts *facts, struct record *r,
    struct err *err)
{
	const struct record *known = is_same_pair(in) ? in->known : NULL;

	if (record_forget_other(facts->in, r) < 0)
		return err_nomem(err);
	if (record_fill(facts, r, err) < 0)
		return -1;
	/* What the last cycle left open is open still. */
	if (known && record_set_str(&r->last_error, known->last_error) < 0)
		return err_nomem(err);
	r->state = known ? known->state : RECORD_PENDING;
	if (!in->known)
		r->ready_used = r->active == SOURCE && ready_is(in->link, in->source);
	r->source_guard |= is_guarded(in);
	if (!known || !record_equal(known, r))
		r->state = RECORD_PENDING;
	return 0;
}

/* What is hidden was hidden by galsync, if that created it. */
static int
fill_left(const struct rebuild_in *in, const struct rebuild_judged *j,
    const struct record_facts *facts, struct record *r, struct err *err)
{
	bool hidden = in->stamp.created && entry_get_bool(in->target, HIDES);

	r->side[SOURCE].guid = in->stamp.source;
	r->source_guard |= is_guarded(in);
	if (record_fill_left(facts, r, err) < 0)
		return -1;
	return leaving_note(j->verdict == REBUILD_FINISHED ? LEAVING_FINISH
			    : hidden			   ? LEAVING_HIDE
							   : LEAVING_KEEP,
	    in->target, r, err);
}

static struct project_in
pair_of(const struct rebuild_in *in, const struct rebuild_judged *j)
{
	struct project_in p = {.link = in->link,
	    .scope = j->scope,
	    .source = in->source,
	    .target = in->target,
	    .kind = kind_of(in->source ? in->source : in->target),
	    .created = in->stamp.created,
	    .active = side_of(in, j),
	    .verdict = j->active};

	if (j->verdict == REBUILD_PAIR) {
		p.shape = project_shape(j->scope, p.kind, in->source, in->target);
		p.redirects =
		    j->active.facts.mailbox[j->active.side] && in->link->source->redirect_domain;
	}
	return p;
}

static int
fresh(const struct rebuild_in *in, struct record **ret, struct err *err)
{
	if (in->known)
		return record_dup(in->known, ret, err);
	*ret = record_new();
	return *ret ? 0 : err_nomem(err);
}

int
rebuild_fill(const struct rebuild_in *in, const struct rebuild_judged *j, struct record **ret,
    struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;
	char guid[GUID_TEXT_SIZE], evidence[GUID_TEXT_SIZE + 16];
	const struct project_in pair = pair_of(in, j);
	const struct record_facts facts = {.in = &pair,
	    .link = in->link_id,
	    .rule = is_same_pair(in) ? MATCH_RECORD : MATCH_STAMP,
	    .evidence = evidence,
	    .target_dn = in->target->dn,
	    .now = in->now};

	*ret = NULL;
	if (in->known && in->known->ended)
		return 0;
	/* Of what left the map knows more, and the next cycle looks after it. */
	if (j->verdict > REBUILD_LEFT || (j->verdict != REBUILD_PAIR && is_same_pair(in)))
		return 0;
	guid_format(&in->stamp.source, guid);
	(void)snprintf(evidence, sizeof evidence, "%s=%s", match_method_name(MATCH_STAMP), guid);
	if (fresh(in, &r, err) < 0 ||
	    (j->verdict == REBUILD_PAIR ? fill_pair(in, &facts, r, err)
					: fill_left(in, j, &facts, r, err)) < 0)
		return -1;
	if (!in->known || !record_equal(in->known, r))
		*ret = TAKE(r);
	return 0;
}

/* ---- what the map has ---- */

enum rebuild_fate
rebuild_fate_of(const struct rebuild_record_facts *f)
{
	const struct record *r = f->record;

	/* Its stamp was taken off: that it is finished for good only the map knows. */
	if (r->ended)
		return REBUILD_CONFIRMED;
	if (f->stamp && guid_equal(&f->stamp->source, &r->side[SOURCE].guid))
		return REBUILD_CONFIRMED;
	if (f->stamped)
		return REBUILD_REPLACED;
	if (f->stamp)
		return REBUILD_DROPPED;
	if (f->there)
		return REBUILD_UNCONFIRMED;
	return f->now - (r->synced_at > r->created_at ? r->synced_at : r->created_at) <
		       f->replication_s
		   ? REBUILD_UNCONFIRMED
		   : REBUILD_DROPPED;
}

/* ---- the report ---- */

static const struct {
	const char *name, *text;
} counts[] = {
    [REBUILD_STAMPED] = {"stamped", "target objects with a stamp of galsync"},
    [REBUILD_PAIRS] = {"correspondences", "correspondences"},
    [REBUILD_CREATED] = {"created", "with a target that galsync created"},
    [REBUILD_MATCHED] = {"matched", "with one that was there before"},
    [REBUILD_SOURCE_ACTIVE] = {"source_active", "with the source active"},
    [REBUILD_TARGET_ACTIVE] = {"target_active", "with the target active"},
    [REBUILD_ENDED] = {"finished", "finished"},
    [REBUILD_ARE_LEFT] = {"left", "left"},
    [REBUILD_NOT_NOTICED] = {"left_unnoticed",
	"whose source left or is gone, and nothing was done to them: they are left alone"},
    [REBUILD_SOURCE_GONE] = {"source_gone", "naming a source object that is gone"},
    [REBUILD_OF_OTHERS] = {"of_other_links", "of other links"},
    [REBUILD_NAMED_TWICE] = {"named_twice",
	"naming a source object that another one names too: not recorded"},
    [REBUILD_NOT_ADMITTED] = {"refused", "that may be no counterparts"},
    [REBUILD_WITHOUT_SIDE] = {"without_side", "with a stamp that names no side"},
    [REBUILD_HALF_TURNS] = {"half_turns", "half turned: the next cycle puts them right"},
    [REBUILD_UNKNOWN] = {"not_in_map", "not in the map"},
    [REBUILD_SIDE_DIFFERS] = {"side_differs", "with another active side than in the map"},
    [REBUILD_COUNTERPART_DIFFERS] = {"counterpart_differs",
	"with another counterpart than in the map"},
    [REBUILD_GO] = {"dropped", "records without a counterpart: they go"},
    [REBUILD_STAY] = {"unconfirmed", "records that no stamp confirms: they stay"},
};
_Static_assert(ARRAY_SIZE(counts) == REBUILD_COUNT_MAX, "a name and a text for each");

const char *
rebuild_count_name(enum rebuild_count c)
{
	return counts[c].name;
}

const char *
rebuild_count_text(enum rebuild_count c)
{
	return counts[c].text;
}

static void
count_recorded(
    struct rebuild_report *r, const struct rebuild_in *in, const struct rebuild_judged *j)
{
	static const enum rebuild_count by[] = {[REBUILD_PAIR] = REBUILD_PAIRS,
	    [REBUILD_FINISHED] = REBUILD_ENDED,
	    [REBUILD_LEFT] = REBUILD_ARE_LEFT};

	r->n[by[j->verdict]]++;
	r->n[REBUILD_UNKNOWN] += !in->known;
	r->n[REBUILD_COUNTERPART_DIFFERS] += j->counterpart_differs;
	if (j->verdict != REBUILD_PAIR)
		return;
	r->by_kind[kind_of(in->source)]++;
	r->n[in->stamp.created ? REBUILD_CREATED : REBUILD_MATCHED]++;
	r->n[j->active.side == SOURCE ? REBUILD_SOURCE_ACTIVE : REBUILD_TARGET_ACTIVE]++;
	r->n[REBUILD_WITHOUT_SIDE] += !in->stamp.has_side;
	r->n[REBUILD_HALF_TURNS] += j->half;
	r->n[REBUILD_SIDE_DIFFERS] += j->side_differs;
}

void
rebuild_count(struct rebuild_report *r, const struct rebuild_in *in, const struct rebuild_judged *j)
{
	r->n[REBUILD_STAMPED]++;
	r->n[REBUILD_SOURCE_GONE] += !in->source && j->verdict != REBUILD_OTHERS;
	if (j->verdict <= REBUILD_LEFT)
		count_recorded(r, in, j);
	r->n[REBUILD_NOT_NOTICED] += j->verdict == REBUILD_UNNOTICED;
	r->n[REBUILD_OF_OTHERS] += j->verdict == REBUILD_OTHERS;
	r->n[REBUILD_NAMED_TWICE] += j->verdict == REBUILD_TWICE;
	r->n[REBUILD_NOT_ADMITTED] += j->verdict == REBUILD_REFUSED;
}

void
rebuild_report_print(const struct rebuild_report *r, struct buf *text)
{
	const char *comma = "";

	for (size_t i = 0; i < REBUILD_COUNT_MAX; i++) {
		if (!r->n[i] && i != REBUILD_PAIRS)
			continue;
		buf_printf(text, "%s%" PRIu64 " %s", comma, r->n[i], counts[i].text);
		comma = ", ";
	}
}
