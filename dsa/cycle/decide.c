/* SPDX-License-Identifier: MIT */
/*
 * Pass 1: a decision for every source entry.
 *
 * Candidates come from the target's key index and are verified against the entry's own values. The
 * recorded correspondence is asked first, but only believed while the directory agrees: the
 * counterpart must still exist, and its stamp must not name another source object; a record of what
 * was only intended, because the process died, needs its stamp. So a wrong record is dropped by
 * itself, and a lost one is found again by the stamp.
 *
 * A value that is not galsync's, where the stamp belongs, says that others use that attribute: then
 * nothing is written for the object, whether it was a counterpart before or not, until the value is
 * gone or the stamp has another attribute. That is so of an established correspondence too.
 *
 * What another link of the configuration has on either side is nothing for this one, and a second
 * link gives no mailbox a redirection (dsa/rules/across.h).
 *
 * What an operator said about a conflict (mapping/resolution.h) is heard first. Who is left alone
 * and has no counterpart gets none; one that has goes on with it, and its conflicts are not told.
 *
 * One target object has one counterpart. What comes with a record or a stamp keeps it; two that
 * found it by softer evidence are both conflicts.
 */
#include "dsa/cycle/decide.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "dsa/base/str.h"
#include "dsa/cycle/candidates.h"
#include "dsa/cycle/former.h"
#include "dsa/cycle/limits.h"
#include "dsa/cycle/other_links.h"
#include "dsa/cycle/replica_lag.h"
#include "dsa/directory/dn.h"
#include "dsa/rules/evidence.h"
#include "dsa/rules/identity.h"
#include "dsa/rules/project.h"

int
cycle_get_decision(
    struct cycle *c, uint32_t index, struct decision *ret, bool *found, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};

	decision_done(ret);
	if (workset_get_blob(
		world_workset(c->world, SOURCE), WORKSET_DECISION, index, &b, found, err) < 0)
		return -1;
	return *found ? decision_decode(buf_bytes(&b), ret, err) : 0;
}

int
cycle_find_decision(
    struct cycle *c, const struct guid *g, struct decision *ret, bool *found, struct err *err)
{
	uint32_t index;

	*found = false;
	if (world_find_guid(c->world, SOURCE, g, &index, err) < 0)
		return -1;
	return index == WORLD_NONE ? 0 : cycle_get_decision(c, index, ret, found, err);
}

int
cycle_put_decision(struct cycle *c, uint32_t index, const struct decision *d, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct decision told = *d;

	/* Whatever it is in conflict about, in this pass or a later one. */
	told.in_conflict = d->in_conflict && !d->ignored;
	decision_encode(&told, &b);
	if (b.failed)
		return err_nomem(err);
	return workset_put_blob(
	    world_workset(c->world, SOURCE), WORKSET_DECISION, index, buf_bytes(&b), err);
}

static int
set_text(char **field, const char *s, struct err *err)
{
	char *copy = strdup(s);

	if (!copy)
		return err_nomem(err);
	free(*field);
	*field = copy;
	return 0;
}

/* What found a counterpart; no conflict is without a word of why. */
static const char *
evidence_of(const struct decision *d)
{
	return *d->evidence ? d->evidence : match_method_name(d->rule);
}

/* Makes D a conflict about WHAT (NULL: its evidence) with the N target entries as candidates. */
static int
decide_conflict(struct cycle *c, struct decision *d, enum conflict_reason reason, const char *what,
    const uint32_t *targets, size_t n, struct err *err)
{
	d->state = DECIDE_CONFLICT;
	d->in_conflict = true;
	d->reason = reason;
	d->target = WORLD_NONE;
	if (set_text(&d->target_dn, "", err) < 0 ||
	    set_text(&d->what, what && *what ? what : evidence_of(d), err) < 0)
		return -1;
	decision_clear_candidates(d);
	for (size_t i = 0; i < n; i++) {
		_cleanup_(entry_free) struct entry *e = NULL;

		if (world_get(c->world, TARGET, targets[i], &e, err) < 0)
			return -1;
		if (decision_add_candidate(d, e->dn, &e->guid) < 0)
			return err_nomem(err);
	}
	return 0;
}

/* D found target entry INDEX. Settles which one has it if another source object found it before. */
static int
claim_target(struct cycle *c, uint32_t self, struct decision *d, uint32_t index, struct err *err)
{
	_cleanup_(decision_done) struct decision old = {0};
	enum identity_owner owner = IDENTITY_NOW;
	uint32_t holder = WORLD_NONE;
	bool found = false;

	if (world_get_owner(c->world, index, &holder, err) < 0)
		return -1;
	if (holder != WORLD_NONE && holder != self &&
	    cycle_get_decision(c, holder, &old, &found, err) < 0)
		return -1;
	if (found)
		owner = identity_settle(old.rule, old.state == DECIDE_CONFLICT, d->rule);
	if (owner == IDENTITY_OLD)
		return decide_conflict(c, d, CONFLICT_TAKEN, NULL, &index, 1, err);
	if (found &&
	    (decide_conflict(c, &old, owner == IDENTITY_NOW ? CONFLICT_TAKEN : CONFLICT_AMBIGUOUS,
		 NULL, &index, 1, err) < 0 ||
		cycle_put_decision(c, holder, &old, err) < 0))
		return -1;
	if (owner == IDENTITY_NEITHER)
		return decide_conflict(c, d, CONFLICT_AMBIGUOUS, NULL, &index, 1, err);
	d->target = index;
	return world_set_owner(c->world, index, self, err);
}

/* The value of TARGET that must not be lost, as evidence is written: "extensionAttribute15=7". */
static void
note_foreign(const struct cycle *c, const struct entry *target, char *ret, size_t size)
{
	const char *attr = c->run->link->target->stamp_attribute;
	char value[256];

	err_escape(value, sizeof value, stamp_foreign(target, attr));
	(void)snprintf(ret, size, "%s=%s", attr, value);
}

/* Target entry INDEX may not be the counterpart, V says why. */
static int
refuse_candidate(struct cycle *c, struct decision *d, enum identity_verdict v,
    const struct entry *target, uint32_t index, struct err *err)
{
	char foreign[512];
	_cleanup_(free) char *kinds = NULL;

	if (v == IDENTITY_TAKEN)
		return decide_conflict(c, d, CONFLICT_TAKEN, NULL, &index, 1, err);
	if (v == IDENTITY_KIND) {
		kinds = str_printf("%s: a %s cannot be the counterpart of a %s", evidence_of(d),
		    kind_name(kind_of(target)), kind_name(d->kind));
		return kinds ? decide_conflict(c, d, CONFLICT_KIND, kinds, &index, 1, err)
			     : err_nomem(err);
	}
	note_foreign(c, target, foreign, sizeof foreign);
	return decide_conflict(c, d, CONFLICT_STAMP, foreign, &index, 1, err);
}

/* The only candidate may not be the counterpart. */
static int
decide_refused(struct cycle *c, struct decision *d, const struct candidates *found, struct err *err)
{
	_cleanup_(free) char *what = str_printf("%s: %s", found->evidence, found->refusal);

	if (!what)
		return err_nomem(err);
	return decide_conflict(c, d, found->refused_as, what, found->v, 1, err);
}

/* Who may write the source object must not decide whose mailbox it takes: an operator does. */
static int
ask_approval(struct cycle *c, struct decision *d, const struct entry *target, uint32_t index,
    struct err *err)
{
	enum held_verdict said = HELD_APPROVED;
	_cleanup_(free) char *what = NULL;

	if (evidence_needs_approval(d->rule, target) &&
	    limits_find_verdict(c, HELD_MATCHES, &d->source, &target->guid, &said, err) < 0)
		return -1;
	d->waits = said == HELD_WAITS;
	if (said != HELD_REJECTED)
		return 0;
	what = str_printf("%s: rejected", d->evidence);
	if (!what)
		return err_nomem(err);
	return decide_conflict(c, d, CONFLICT_MATCH, what, &index, 1, err);
}

/* A mailbox has one redirection, whichever link gives it. D was decided: a correspondence with
 * TARGET (NULL: to be created). What the record or the stamp says is there already. */
static int
check_redirection(struct cycle *c, struct decision *d, const struct entry *source,
    const struct entry *target, struct err *err)
{
	const struct conf_link *link = c->run->link, *other;
	_cleanup_(free) char *what = NULL;

	if ((d->state == DECIDE_MATCHED && (d->rule == MATCH_RECORD || d->rule == MATCH_STAMP)) ||
	    !across_redirects(link, source, d->kind, d->shape))
		return 0;
	if (other_links_find_redirection(
		c, &source->guid, target ? &target->guid : NULL, &other, err) < 0)
		return -1;
	if (!other)
		return 0;
	what = str_printf("link '%s' redirects its mailbox already, to forest '%s'", other->name,
	    other->target->name);
	if (!what)
		return err_nomem(err);
	return decide_conflict(c, d, CONFLICT_TAKEN, what, NULL, 0, err);
}

/* Is target entry TARGET the counterpart of another object, which is finished for good? Its stamp
 * says so no more. */
static int
is_anothers(struct cycle *c, const struct entry *source, const struct entry *target,
    enum match_method rule, bool *ret, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;

	*ret = false;
	if (!c->run->map || rule == MATCH_RECORD)
		return 0;
	if (store_find_guid(c->run->map, c->run->link_id, TARGET, &target->guid, &r, err) < 0)
		return -1;
	*ret = r && r->ended && !guid_equal(&r->side[SOURCE].guid, &source->guid);
	return 0;
}

/* Takes target entry INDEX as the counterpart, if it may be that and no other object has it. */
static int
take_candidate(struct cycle *c, uint32_t self, struct decision *d, const struct entry *source,
    uint32_t index, struct err *err)
{
	const struct conf_link *link = c->run->link;
	const struct conf_scope *scope = &link->scopes[d->scope];
	_cleanup_(entry_free) struct entry *target = NULL;
	struct identity_in in = {.source = source,
	    .stamp_attribute = link->target->stamp_attribute,
	    .create = scope->create,
	    .promote_contacts = link->promote_contacts,
	    .was_created = d->created};
	enum identity_verdict v;
	bool taken, own = false;

	d->former = WORLD_NONE;
	if (world_get(c->world, TARGET, index, &target, err) < 0 ||
	    is_anothers(c, source, target, d->rule, &taken, err) < 0 ||
	    (d->rule != MATCH_RECORD && d->rule != MATCH_STAMP &&
		former_is_abandoned(c, target, &in.abandoned, &own, err) < 0))
		return -1;
	in.target = target;
	v = identity_judge(&in, &d->created);
	if (taken)
		v = IDENTITY_TAKEN;
	if (v != IDENTITY_MATCHED && v != IDENTITY_PROMOTE)
		return refuse_candidate(c, d, v, target, index, err);
	d->state = v == IDENTITY_PROMOTE ? DECIDE_PROMOTE : DECIDE_MATCHED;
	d->shape = project_shape(scope, d->kind, source, v == IDENTITY_PROMOTE ? NULL : target);
	if (set_text(&d->target_dn, target->dn, err) < 0 ||
	    check_redirection(c, d, source, target, err) < 0)
		return -1;
	/* What galsync made itself was never an own mailbox of the target. */
	if (d->state != DECIDE_CONFLICT && !(in.abandoned && own) &&
	    ask_approval(c, d, target, index, err) < 0)
		return -1;
	return d->state == DECIDE_CONFLICT ? 0 : claim_target(c, self, d, index, err);
}

/* D's object keeps the contact FORMER as its counterpart, whatever was found in its place. */
static int
keep_contact(struct cycle *c, uint32_t self, struct decision *d, const struct entry *source,
    uint32_t former, struct err *err)
{
	d->waits = false;
	d->created = true;
	d->rule = MATCH_RECORD;
	if (set_text(&d->evidence, "", err) < 0)
		return -1;
	return take_candidate(c, self, d, source, former, err);
}

/* D waits for an operator. With a contact it goes on with that, in conflict about what would take
 * the contact's place. */
static int
hold_match(struct cycle *c, struct decision *d, struct err *err)
{
	_cleanup_(entry_free) struct entry *source = NULL;
	uint32_t index = d->target, former = d->former, self = WORLD_NONE;

	if (decide_conflict(c, d, CONFLICT_MATCH, NULL, &index, 1, err) < 0)
		return -1;
	if (former == WORLD_NONE)
		return 0;
	if (world_find_guid(c->world, SOURCE, &d->source, &self, err) < 0 ||
	    world_get(c->world, SOURCE, self, &source, err) < 0)
		return -1;
	return keep_contact(c, self, d, source, former, err);
}

int
decide_hold_match(struct cycle *c, struct decision *d, struct err *err)
{
	if (!d->waits || !limits_hold(c, HELD_MATCHES) ||
	    (d->state != DECIDE_MATCHED && d->state != DECIDE_PROMOTE))
		return 0;
	return hold_match(c, d, err);
}

/* A real object was found in the place of the contact that is the counterpart. If it may not be
 * that, or an operator has to say so, everything stays as it is, and a conflict says why; what an
 * operator rejected is nothing to be told. */
static int
take_heir(struct cycle *c, uint32_t self, struct decision *d, const struct entry *source,
    const struct candidates *found, struct err *err)
{
	if (take_candidate(c, self, d, source, found->v[0], err) < 0)
		return -1;
	if (d->state == DECIDE_MATCHED) {
		d->former = found->former;
		return 0;
	}
	if (d->reason == CONFLICT_MATCH) {
		d->in_conflict = false;
		decision_clear_candidates(d);
	}
	return keep_contact(c, self, d, source, found->former, err);
}

static int
decide_nothing(struct decision *d, const char *why, struct err *err)
{
	d->state = DECIDE_NOTHING;
	return set_text(&d->what, why, err);
}

/* What is finished for good keeps its counterpart, if that is still there: what refers to the
 * source is translated as before. Nothing is judged of it, for nothing is done to it
 * (plan_object.c). */
static int
keep_finished(struct cycle *c, uint32_t self, struct decision *d, const struct entry *source,
    const struct candidates *found, struct err *err)
{
	_cleanup_(entry_free) struct entry *target = NULL;

	if (!found->n)
		return decide_nothing(d, "its coexistence was ended, and that is gone", err);
	d->state = DECIDE_MATCHED;
	if (world_get(c->world, TARGET, found->v[0], &target, err) < 0 ||
	    set_text(&d->target_dn, target->dn, err) < 0)
		return -1;
	d->shape = project_shape(&c->run->link->scopes[d->scope], d->kind, source, target);
	return claim_target(c, self, d, found->v[0], err);
}

/* Has SOURCE been synchronized, or does the one candidate of FOUND carry its stamp? */
static int
is_vouched(struct cycle *c, const struct entry *source, const struct candidates *found, bool *ret,
    struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;
	_cleanup_(entry_free) struct entry *target = NULL;
	struct stamp stamp;

	if (c->run->map &&
	    store_find_guid(c->run->map, c->run->link_id, SOURCE, &source->guid, &r, err) < 0)
		return -1;
	*ret = r && r->synced_at;
	if (*ret || found->n != 1)
		return 0;
	if (world_get(c->world, TARGET, found->v[0], &target, err) < 0)
		return -1;
	*ret = stamp_of(target, c->run->link->target->stamp_attribute, &stamp) &&
	       guid_equal(&stamp.source, &source->guid);
	return 0;
}

/* What another tool has paired waits for the adoption of its pair: no softer evidence, and no new
 * object, gets in its way. *RET: so it is, and D says it. */
static int
wait_for_adoption(struct cycle *c, const struct entry *source, const struct candidates *found,
    struct decision *d, bool *ret, struct err *err)
{
	bool vouched = found->n && found->rule == MATCH_RECORD;
	char what[256], text[192];
	struct bytes key;
	size_t tool;

	if (vouched || found->may_come || !c->matching.tools ||
	    !adopt_find_key(c->matching.tools, SOURCE, source, &tool, &key))
		return 0;
	if (is_vouched(c, source, found, &vouched, err) < 0)
		return -1;
	if (vouched)
		return 0;
	err_escape(text, sizeof text, key);
	(void)snprintf(what, sizeof what, "%.48s=%s", c->run->link->adopt[tool].tool, text);
	*ret = true;
	return decide_conflict(c, d, CONFLICT_ADOPT, what, found->v, found->n, err);
}

/* What an operator said about SOURCE; the caller frees. */
static int
find_said(const struct cycle *c, const struct guid *source, struct resolution *ret, struct err *err)
{
	const struct resolution *assumed = c->opt->assume;
	bool ignored;

	*ret = (struct resolution){.as = RESOLVED_NOT};
	if (assumed && guid_equal(&assumed->source, source)) {
		ret->as = assumed->as;
		ret->target = assumed->target;
		return 0;
	}
	if (!c->run->map)
		return 0;
	return store_find_resolution(c->run->map, c->run->link_id, source, ret, &ignored, err);
}

static int
find_counterpart(struct cycle *c, uint32_t index, const struct entry *source, struct decision *d,
    struct err *err)
{
	const struct conf_scope *scope = &c->run->link->scopes[d->scope];
	_cleanup_(resolution_done) struct resolution said = {.as = RESOLVED_NOT};
	struct candidates found = {.former = WORLD_NONE};
	bool waits = false;

	if (find_said(c, &source->guid, &said, err) < 0)
		return -1;
	d->ignored = said.as == RESOLVED_IGNORE;
	if (candidates_find(c, scope, source, &said, &found, err) < 0 ||
	    set_text(&d->evidence, found.evidence, err) < 0)
		return -1;
	d->rule = found.rule;
	d->created = found.created;
	if (found.ended)
		return keep_finished(c, index, d, source, &found, err);
	if (d->ignored && !found.n && !found.may_come)
		return decide_nothing(d, DECISION_IGNORED, err);
	if (said.as == RESOLVED_NOT && wait_for_adoption(c, source, &found, d, &waits, err) < 0)
		return -1;
	if (waits)
		return 0;
	if (found.n > 1)
		return decide_conflict(
		    c, d, CONFLICT_AMBIGUOUS, found.evidence, found.v, found.n, err);
	if (found.n == 1 && *found.refusal)
		return decide_refused(c, d, &found, err);
	if (found.former != WORLD_NONE)
		return take_heir(c, index, d, source, &found, err);
	if (found.n == 1)
		return take_candidate(c, index, d, source, found.v[0], err);
	if (found.may_come)
		return decide_nothing(d, "that may not have come to this server yet", err) < 0
			   ? -1
			   : lag_wait_for(c, &source->guid, err);
	if (limits_is_undone(c, &source->guid))
		return decide_conflict(c, d, CONFLICT_UNDONE, CONFLICT_UNDONE_WHAT, NULL, 0, err);
	if (scope->create == CREATE_NOTHING)
		return decide_nothing(d, "no rule finds one, and the scope creates none", err);
	d->state = DECIDE_CREATE;
	d->created = true;
	d->rule = MATCH_RECORD;
	d->shape = project_shape(scope, d->kind, source, NULL);
	return check_redirection(c, d, source, NULL, err);
}

int
decide_one(struct cycle *c, uint32_t index, const struct entry *source, struct decision *ret,
    struct err *err)
{
	_cleanup_(decision_done) struct decision d = {.target = WORLD_NONE,
	    .former = WORLD_NONE,
	    .source = source->guid,
	    .kind = kind_of(source),
	    .step = DECISION_UNPLANNED};
	_cleanup_(free) char *norm = dn_normalize(source->dn, err);
	const struct conf_scope *scope = NULL;

	if (!norm)
		return -1;
	if (set_text(&d.source_dn, source->dn, err) < 0 || set_text(&d.target_dn, "", err) < 0 ||
	    set_text(&d.evidence, "", err) < 0)
		return -1;
	if (other_links_judge_scope(c, source, norm, &scope, &d.verdict, err) < 0)
		return -1;
	if (scope)
		d.scope = (uint32_t)(scope - c->run->link->scopes);
	if (d.verdict == SCOPE_IN && find_counterpart(c, index, source, &d, err) < 0)
		return -1;
	decision_done(ret);
	*ret = d;
	d = (struct decision){0};
	return 0;
}

/* An entry that cannot even be decided is skipped with a word; the others go on. */
static int
decide_failed(struct cycle *c, const struct entry *source, const struct err *err)
{
	if (err->scope != ERR_ENTRY)
		return -1;
	c->res->problems++;
	run_message(c->run, LOG_WARNING, &source->guid, source->dn, "%s: skipped", err->text);
	return 0;
}

static int
name_one(struct cycle *c, uint32_t index, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0};
	_cleanup_(entry_free) struct entry *source = NULL;
	bool found;

	if (cycle_get_decision(c, index, &d, &found, err) < 0)
		return -1;
	if (!found || (d.state != DECIDE_CREATE && d.state != DECIDE_PROMOTE))
		return 0;
	if (world_get(c->world, SOURCE, index, &source, err) < 0)
		return -1;
	if (decide_names(c, index, source, &d, err) < 0) {
		if (decide_failed(c, source, err) < 0)
			return -1;
		if (decide_conflict(c, &d, CONFLICT_NAME, "no free name", NULL, 0, err) < 0)
			return -1;
	}
	return cycle_put_decision(c, index, &d, err);
}

/* Holds the first matches that wait for an operator, if they are too many: by default they all are.
 */
static int
hold_matches(struct cycle *c, uint32_t from, uint32_t n, struct err *err)
{
	if (limits_waiting(c, HELD_MATCHES)->n == 0)
		return 0;
	if (limits_check(c, HELD_MATCHES, err) < 0)
		return -1;
	for (uint32_t i = from; limits_hold(c, HELD_MATCHES) && i < n; i++) {
		_cleanup_(decision_done) struct decision d = {0};
		bool found;

		if (cycle_get_decision(c, i, &d, &found, err) < 0)
			return -1;
		if (!found || !d.waits)
			continue;
		if (decide_hold_match(c, &d, err) < 0 || cycle_put_decision(c, i, &d, err) < 0)
			return -1;
	}
	return 0;
}

/* What replication conflicts have left in the source: one line tells of all of it. */
struct mangled {
	size_t n;
	char *first; /* by its name, whatever the order of the answer */
};

static void
mangled_donep(struct mangled *m)
{
	free(m->first);
}

static int
note_mangled(struct mangled *m, const struct decision *d, struct err *err)
{
	if (d->verdict != SCOPE_CONFLICT)
		return 0;
	m->n++;
	return m->first && strcmp(m->first, d->source_dn) <= 0
		   ? 0
		   : set_text(&m->first, d->source_dn, err);
}

static void
tell_mangled(const struct cycle *c, const struct mangled *m)
{
	if (m->n == 1)
		run_message(c->run, LOG_WARNING, NULL, m->first,
		    "left by a replication conflict, as its name says, and ignored: compare it "
		    "with the object that has the name, and delete or rename it");
	else if (m->n)
		run_message(c->run, LOG_WARNING, NULL, m->first,
		    "the first of %zu objects that replication conflicts have left, as their "
		    "names say; they are ignored: compare each with the object that has the name, "
		    "and delete or rename it",
		    m->n);
}

void
decide_tell(const struct cycle *c, const struct decision *d)
{
	_cleanup_(buf_done) struct buf text = {0};

	if (!c->run->observer->decisions)
		return;
	decision_describe(d, c->run->link, &text);
	if (!text.failed)
		run_decided(c->run, &d->source, d->source_dn, "%s", (const char *)text.data);
}

/* Tells what was decided about those of ORDER. */
static int
tell_all(struct cycle *c, const uint32_t *order, uint32_t n, struct err *err)
{
	for (uint32_t i = 0; c->run->observer->decisions && i < n; i++) {
		_cleanup_(decision_done) struct decision d = {0};
		bool found;

		if (cycle_get_decision(c, order[i], &d, &found, err) < 0)
			return -1;
		if (found)
			decide_tell(c, &d);
	}
	return 0;
}

int
decide_from(struct cycle *c, uint32_t from, struct err *err)
{
	uint32_t n = world_count(c->world, SOURCE);
	_cleanup_(free) uint32_t *order = NULL;
	_cleanup_(mangled_done) struct mangled mangled = {.n = 0};

	if (world_order(c->world, SOURCE, from, &order, err) < 0)
		return -1;
	for (uint32_t i = from; i < n; i++) {
		_cleanup_(decision_done) struct decision d = {0};
		_cleanup_(entry_free) struct entry *source = NULL;
		uint32_t index = order[i - from];

		if (world_get(c->world, SOURCE, index, &source, err) < 0)
			return -1;
		/* It vanished while the other flow ran. */
		if (!*source->dn)
			continue;
		if (decide_one(c, index, source, &d, err) < 0) {
			if (decide_failed(c, source, err) < 0)
				return -1;
			continue;
		}
		c->res->out[d.verdict]++;
		if (cycle_put_decision(c, index, &d, err) < 0 ||
		    note_mangled(&mangled, &d, err) < 0)
			return -1;
		if (i % 256 == 0)
			run_progress(c->run, RUN_PHASE_DECIDE, i, n);
	}
	tell_mangled(c, &mangled);
	if (hold_matches(c, from, n, err) < 0)
		return -1;
	/* Names only when every match is known: a counterpart's own name is never given away. */
	for (uint32_t i = from; i < n; i++)
		if (name_one(c, order[i - from], err) < 0)
			return -1;
	return tell_all(c, order, n - from, err);
}

int
decide_all(struct cycle *c, struct err *err)
{
	return decide_from(c, 0, err);
}
