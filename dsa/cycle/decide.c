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
 * One target object has one counterpart. Who comes with a record or a stamp keeps it; two that
 * found it by softer evidence are both conflicts.
 */
#include "dsa/cycle/cycle_priv.h"

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/schema.h"
#include "dsa/directory/sid.h"
#include "dsa/rules/project.h"
#include "mapping/match.h"

#define MAX_CANDIDATES 4
#define MAX_HITS 16

/* The search for the counterpart of one source entry. */
struct hunt {
	struct cycle *c;
	const struct entry *source;
	uint32_t candidates[MAX_CANDIDATES];
	size_t n;
	char evidence[256]; /* of the first candidate */
	const char *what;   /* the rule's name, for the evidence */
	struct err *err;
};

/* Octets are octets; text compares without regard to case, as the directory does. */
static bool
is_octets(const struct cycle *c, unsigned key)
{
	const struct schema_attr *a = NULL;

	if (key == MATCH_KEY_SID)
		return true;
	if (key >= MATCH_KEY_ATTR)
		a = schema_find(
		    c->table->target_schema, c->run->link->match[key - MATCH_KEY_ATTR].target_attr);
	return a && a->syntax == SCHEMA_OCTETS;
}

/* The index knows hashes only: does TARGET really have VALUE under KEY? */
static bool
verify(const struct cycle *c, const struct entry *target, unsigned key, struct bytes value)
{
	struct stamp stamp;

	switch (key) {
	case MATCH_KEY_STAMP:
		return stamp_parse(
			   entry_get_str(target, c->run->link->target->stamp_attribute), &stamp) &&
		       bytes_equal(guid_bytes(&stamp.source), value);
	case MATCH_KEY_GUID: return bytes_equal(guid_bytes(&target->guid), value);
	case MATCH_KEY_DN: return dn_equal(target->dn, value.data);
	default:
		return match_verify(target, c->run->link->match, c->run->link->n_match, key, value,
		    is_octets(c, key));
	}
}

static void
note_evidence(struct hunt *h, unsigned key, struct bytes value)
{
	char text[SID_TEXT_SIZE] = "";
	struct guid g;

	if (key == MATCH_KEY_SID)
		(void)sid_format(value, text);
	else if (key == MATCH_KEY_STAMP && guid_from_bytes(value, &g))
		guid_format(&g, text);
	else
		err_escape(text, sizeof text, value);
	(void)snprintf(h->evidence, sizeof h->evidence, "%s=%s", h->what, text);
}

/* Adds the target entries that have VALUE under KEY to the candidates. */
static int
hunt_key(unsigned key, struct bytes value, void *arg)
{
	struct hunt *h = arg;
	uint32_t hits[MAX_HITS];
	size_t n = 0;

	if (cycle_fault(h->c, TARGET, key, value, h->err) < 0 ||
	    workset_find(h->c->ws[TARGET], match_key_hash(key, value), hits, MAX_HITS, &n, h->err) <
		0)
		return -1;
	for (size_t i = 0; i < n && h->n < MAX_CANDIDATES; i++) {
		_cleanup_(entry_free) struct entry *target = NULL;
		bool known = false;

		for (size_t j = 0; j < h->n; j++)
			known |= h->candidates[j] == hits[i];
		if (known || (hits[i] & CLAIM_BIT))
			continue;
		if (workset_get(h->c->ws[TARGET], hits[i], &target, h->err) < 0)
			return -1;
		/* Administrator, Domain Admins and their like are nobody's counterpart. */
		if (kind_of(target) == KIND_OTHER ||
		    entry_get_bool(target, "isCriticalSystemObject") ||
		    !verify(h->c, target, key, value))
			continue;
		if (h->n == 0)
			note_evidence(h, key, value);
		h->candidates[h->n++] = hits[i];
	}
	return 0;
}

/* The target that the CSV names for the source: by whatever identifier it is named. */
static int
hunt_csv(struct hunt *h, const struct match_csv *csv)
{
	static const char *const ids[] = {
	    "mail", "sAMAccountName", "userPrincipalName", "proxyAddresses"};
	static const unsigned keys[] = {MATCH_KEY_SMTP, MATCH_KEY_SAM, MATCH_KEY_UPN};
	char guid[GUID_TEXT_SIZE];
	const char *target;
	struct guid g;

	guid_format(&h->source->guid, guid);
	target = match_csv_find(csv, bytes_of(guid));
	if (!target)
		target = match_csv_find(csv, bytes_of(h->source->dn));
	for (size_t i = 0; !target && i < ARRAY_SIZE(ids); i++) {
		const struct attr *a = entry_find(h->source, ids[i]);

		for (size_t j = 0; a && !target && j < a->n_values; j++) {
			struct bytes v = a->values[j];
			const char *colon = i == 3 ? strchr(v.data, ':') : NULL;

			target = match_csv_find(csv, colon ? bytes_of(colon + 1) : v);
		}
	}
	if (!target)
		return 0;
	if (guid_parse(target, &g))
		return hunt_key(MATCH_KEY_GUID, guid_bytes(&g), h);
	if (strchr(target, '=')) {
		uint32_t index = DECISION_NO_TARGET;

		if (cycle_find_dn(h->c, TARGET, target, &index, h->err) < 0)
			return -1;
		if (index != DECISION_NO_TARGET)
			h->candidates[h->n++] = index;
		(void)snprintf(h->evidence, sizeof h->evidence, "csv=%s", target);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(keys) && h->n == 0; i++)
		if (hunt_key(keys[i], bytes_of(target), h) < 0)
			return -1;
	return 0;
}

int
cycle_find_dn(struct cycle *c, enum side side, const char *dn, uint32_t *ret, struct err *err)
{
	_cleanup_(free) char *norm = dn_normalize(dn_strip_extended(dn), err);
	uint32_t hits[MAX_HITS];
	size_t n = 0;

	*ret = DECISION_NO_TARGET;
	if (!norm)
		return 0;
	if (side == TARGET && cycle_fault(c, side, MATCH_KEY_DN, bytes_of(norm), err) < 0)
		return -1;
	if (workset_find(c->ws[side], match_key_hash(MATCH_KEY_DN, bytes_of(norm)), hits, MAX_HITS,
		&n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		_cleanup_(entry_free) struct entry *e = NULL;

		if (hits[i] & CLAIM_BIT)
			continue;
		if (workset_get(c->ws[side], hits[i], &e, err) < 0)
			return -1;
		if (dn_equal(e->dn, norm)) {
			*ret = hits[i];
			return 0;
		}
	}
	return 0;
}

int
cycle_get_decision(
    struct cycle *c, uint32_t index, struct decision *ret, bool *found, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};

	decision_done(ret);
	if (workset_get_blob(c->ws[SOURCE], WORKSET_DECISION, index, &b, found, err) < 0)
		return -1;
	return *found ? decision_decode(buf_bytes(&b), ret, err) : 0;
}

int
cycle_find_decision(
    struct cycle *c, const struct guid *g, struct decision *ret, bool *found, struct err *err)
{
	uint32_t hits[8];
	size_t n = 0;

	*found = false;
	if (workset_find(
		c->ws[SOURCE], match_key_hash(MATCH_KEY_GUID, guid_bytes(g)), hits, 8, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n && !*found; i++) {
		if (hits[i] & CLAIM_BIT)
			continue;
		if (cycle_get_decision(c, hits[i], ret, found, err) < 0)
			return -1;
		*found = *found && guid_equal(&ret->source, g);
	}
	return 0;
}

int
cycle_put_decision(struct cycle *c, uint32_t index, const struct decision *d, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};

	decision_encode(d, &b);
	if (b.failed)
		return err_nomem(err);
	return workset_put_blob(c->ws[SOURCE], WORKSET_DECISION, index, buf_bytes(&b), err);
}

int
cycle_get_claim(struct cycle *c, uint32_t index, uint32_t *ret, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct reader r;
	bool found;

	*ret = DECISION_NO_TARGET;
	if (workset_get_blob(c->ws[TARGET], WORKSET_CLAIM, index, &b, &found, err) < 0)
		return -1;
	if (found) {
		r = reader_of(buf_bytes(&b));
		*ret = reader_u32(&r);
	}
	return 0;
}

static int
put_claim(struct cycle *c, uint32_t target, uint32_t source, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};

	buf_add_u32(&b, source);
	if (b.failed)
		return err_nomem(err);
	return workset_put_blob(c->ws[TARGET], WORKSET_CLAIM, target, buf_bytes(&b), err);
}

static bool
is_strong(enum match_method m)
{
	return m == MATCH_RECORD || m == MATCH_STAMP;
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

/* Makes D a conflict about WHAT (NULL: its evidence) with the N target entries as candidates. */
static int
decide_conflict(struct cycle *c, struct decision *d, enum conflict_reason reason, const char *what,
    const uint32_t *targets, size_t n, struct err *err)
{
	d->state = DECIDE_CONFLICT;
	d->in_conflict = true;
	d->reason = reason;
	d->target = DECISION_NO_TARGET;
	if (set_text(&d->target_dn, "", err) < 0 ||
	    set_text(&d->what, what && *what ? what : d->evidence, err) < 0)
		return -1;
	decision_clear_candidates(d);
	for (size_t i = 0; i < n; i++) {
		_cleanup_(entry_free) struct entry *e = NULL;

		if (workset_get(c->ws[TARGET], targets[i], &e, err) < 0)
			return -1;
		if (decision_add_candidate(d, e->dn, &e->guid) < 0)
			return err_nomem(err);
	}
	return 0;
}

/* D found target entry INDEX. Settles who has it if somebody else found it before. */
static int
claim_target(struct cycle *c, uint32_t self, struct decision *d, uint32_t index, struct err *err)
{
	_cleanup_(decision_done) struct decision other = {0};
	uint32_t holder = DECISION_NO_TARGET;
	bool found = false;

	if (cycle_get_claim(c, index, &holder, err) < 0)
		return -1;
	if (holder == self)
		holder = DECISION_NO_TARGET;
	if (holder != DECISION_NO_TARGET && cycle_get_decision(c, holder, &other, &found, err) < 0)
		return -1;
	if (found && is_strong(other.rule) && other.state != DECIDE_CONFLICT)
		return decide_conflict(c, d, CONFLICT_TAKEN, NULL, &index, 1, err);
	if (found && !is_strong(d->rule)) {
		if (decide_conflict(c, &other, CONFLICT_AMBIGUOUS, NULL, &index, 1, err) < 0 ||
		    cycle_put_decision(c, holder, &other, err) < 0)
			return -1;
		return decide_conflict(c, d, CONFLICT_AMBIGUOUS, NULL, &index, 1, err);
	}
	if (found && (decide_conflict(c, &other, CONFLICT_TAKEN, NULL, &index, 1, err) < 0 ||
			 cycle_put_decision(c, holder, &other, err) < 0))
		return -1;
	d->target = index;
	return put_claim(c, index, self, err);
}

/* Takes target entry INDEX as the counterpart, if kinds allow it and nobody else has it. */
static int
take_candidate(struct cycle *c, uint32_t self, struct decision *d, const struct entry *source,
    uint32_t index, struct err *err)
{
	const struct conf_scope *scope = &c->run->link->scopes[d->scope];
	_cleanup_(entry_free) struct entry *target = NULL;
	struct stamp stamp;
	bool stamped, ours;
	enum match_verdict v;

	if (workset_get(c->ws[TARGET], index, &target, err) < 0)
		return -1;
	stamped = stamp_parse(entry_get_str(target, c->run->link->target->stamp_attribute), &stamp);
	ours = stamped && guid_equal(&stamp.source, &source->guid);
	v = match_judge(d->kind, kind_of(target), scope->create == CREATE_CONTACT);
	/* A contact that galsync made for this very user (the scope created contacts once) gives
	 * way to the user without asking. */
	if (v == MATCH_PROMOTE && !c->run->link->promote_contacts && !(ours && stamp.created))
		v = scope->create == CREATE_NOTHING ? MATCH_FOUND : MATCH_KIND;
	if (stamped && !ours)
		return decide_conflict(c, d, CONFLICT_TAKEN, NULL, &index, 1, err);
	if (v == MATCH_KIND)
		return decide_conflict(c, d, CONFLICT_KIND, NULL, &index, 1, err);
	d->state = v == MATCH_PROMOTE ? DECIDE_PROMOTE : DECIDE_MATCHED;
	d->created = v == MATCH_PROMOTE || (ours && stamp.created) || (!stamped && d->created);
	d->shape = project_shape(scope, d->kind, source, v == MATCH_PROMOTE ? NULL : target);
	if (set_text(&d->target_dn, target->dn, err) < 0)
		return -1;
	return claim_target(c, self, d, index, err);
}

/* A stamp that was taken off says that the object is somebody's own now. One that went with all
 * else that Exchange knew of the object went with the mailbox: it was disabled, and its attributes
 * were cleared. */
static bool
lost_all(const struct entry *target)
{
	static const char *const attrs[] = {"mailNickname", "proxyAddresses", "targetAddress",
	    "legacyExchangeDN", "homeMDB", "msExchHomeServerName", "msExchMailboxGuid"};

	for (size_t i = 0; i < ARRAY_SIZE(attrs); i++)
		if (entry_find(target, attrs[i]))
			return false;
	return true;
}

/* The recorded counterpart, if the directory still agrees. *ELSEWHERE: there is one, or may be,
 * that only this server does not have. */
static int
hunt_record(struct hunt *h, struct decision *d, bool *elsewhere)
{
	_cleanup_(record_free) struct record *r = NULL;
	_cleanup_(entry_free) struct entry *target = NULL;
	struct stamp stamp;
	bool stamped;

	if (!h->c->read)
		return 0;
	if (store_find_guid(h->c->read, h->c->run->link_id, SOURCE, &h->source->guid, &r, h->err) <
	    0)
		return -1;
	h->what = "record";
	if (r && !guid_is_zero(&r->side[TARGET].guid) &&
	    hunt_key(MATCH_KEY_GUID, guid_bytes(&r->side[TARGET].guid), h) < 0)
		return -1;
	if (h->n == 0)
		return cycle_elsewhere(h->c, &h->source->guid, r, elsewhere, h->err);
	if (workset_get(h->c->ws[TARGET], h->candidates[0], &target, h->err) < 0)
		return -1;
	stamped =
	    stamp_parse(entry_get_str(target, h->c->run->link->target->stamp_attribute), &stamp);
	if (stamped ? !guid_equal(&stamp.source, &h->source->guid)
		    : r->state == RECORD_PENDING && !r->synced_at) {
		h->n = 0;
		return 0;
	}
	d->rule = MATCH_RECORD;
	d->created = r->created && !stamped && lost_all(target);
	return set_text(&d->evidence, r->evidence, h->err);
}

static int
hunt_rules(struct hunt *h, struct decision *d)
{
	const struct conf_link *link = h->c->run->link;

	for (size_t i = 0; i < link->n_match && h->n == 0; i++) {
		const struct match_rule *r = &link->match[i];

		h->what =
		    r->method == MATCH_ATTRIBUTE ? r->source_attr : match_method_name(r->method);
		d->rule = r->method;
		if (r->method == MATCH_CSV
			? hunt_csv(h, h->c->csv[i])
			: match_source_keys(h->source, link->match, i, hunt_key, h))
			return -1;
	}
	return h->n ? set_text(&d->evidence, h->evidence, h->err) : 0;
}

/* Softer evidence than its stamp would find somebody else. */
static int
hunt_stamp(struct hunt *h, struct decision *d)
{
	h->what = match_method_name(MATCH_STAMP);
	d->rule = MATCH_STAMP;
	if (hunt_key(MATCH_KEY_STAMP, guid_bytes(&h->source->guid), h) < 0)
		return -1;
	return h->n ? set_text(&d->evidence, h->evidence, h->err) : 0;
}

static int
find_counterpart(struct cycle *c, uint32_t index, const struct entry *source, struct decision *d,
    struct err *err)
{
	struct hunt h = {.c = c, .source = source, .err = err};
	const struct conf_scope *scope = &c->run->link->scopes[d->scope];
	bool elsewhere = false;

	if (hunt_record(&h, d, &elsewhere) < 0)
		return -1;
	if (h.n == 0 && c->is_delta && cycle_fetch_candidates(c, source, err) < 0)
		return -1;
	if (h.n == 0 && (elsewhere ? hunt_stamp(&h, d) : hunt_rules(&h, d)) < 0)
		return -1;
	if (h.n > 1)
		return decide_conflict(
		    c, d, CONFLICT_AMBIGUOUS, h.evidence, h.candidates, h.n, err);
	if (h.n == 1)
		return take_candidate(c, index, d, source, h.candidates[0], err);
	if (elsewhere || scope->create == CREATE_NOTHING) {
		d->state = DECIDE_NOTHING;
		return elsewhere ? cycle_wait_for(c, &source->guid, err) : 0;
	}
	d->state = DECIDE_CREATE;
	d->created = true;
	d->rule = MATCH_RECORD;
	d->shape = project_shape(scope, d->kind, source, NULL);
	return 0;
}

int
cycle_decide_one(struct cycle *c, uint32_t index, const struct entry *source, struct decision *ret,
    struct err *err)
{
	_cleanup_(decision_done) struct decision d = {.target = DECISION_NO_TARGET,
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
	d.verdict = scope_judge(c->run->link, source, norm, &scope);
	if (scope)
		d.scope = (uint32_t)(scope - c->run->link->scopes);
	if (d.verdict == SCOPE_IN && find_counterpart(c, index, source, &d, err) < 0)
		return -1;
	decision_done(ret);
	*ret = d;
	d = (struct decision){0};
	return 0;
}

int
cycle_address_holder(struct cycle *c, enum side side, struct bytes address, uint32_t self,
    uint32_t claimant, struct entry **ret, struct err *err)
{
	bool x500 = address.len > 5 && ascii_lower(*(const uint8_t *)address.data) == 'x';
	struct bytes value = {(const char *)address.data + 5, address.len - 5};
	uint32_t hits[MAX_HITS];
	size_t n = 0;

	*ret = NULL;
	if (cycle_fault(c, side, x500 ? MATCH_KEY_X500 : MATCH_KEY_SMTP, value, err) < 0)
		return -1;
	if (workset_find(c->ws[side], match_key_hash(x500 ? MATCH_KEY_X500 : MATCH_KEY_SMTP, value),
		hits, MAX_HITS, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n && !*ret; i++) {
		_cleanup_(entry_free) struct entry *e = NULL;
		bool claim = hits[i] & CLAIM_BIT;
		const char *own;

		if (hits[i] == self || hits[i] == (CLAIM_BIT | claimant))
			continue;
		if (workset_get(c->ws[claim ? SOURCE : side], hits[i] & ~CLAIM_BIT, &e, err) < 0)
			return -1;
		own = entry_get_str(e, x500 ? "legacyExchangeDN" : "mail");
		if (claim || (own && bytes_equal_nocase(bytes_of(own), value)) ||
		    (entry_find(e, "proxyAddresses") &&
			attr_has(entry_find(e, "proxyAddresses"), address, true)))
			*ret = TAKE(e);
	}
	return 0;
}

/* An entry that cannot even be decided is skipped with a word; the others go on. */
static int
decide_failed(struct cycle *c, const struct entry *source, const struct err *err)
{
	if (err->scope != ERR_ENTRY)
		return -1;
	c->res->problems++;
	run_message(c->run, 4, &source->guid, source->dn, "%s: skipped", err->text);
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
	if (workset_get(c->ws[SOURCE], index, &source, err) < 0)
		return -1;
	if (cycle_choose_names(c, index, source, &d, err) < 0) {
		if (decide_failed(c, source, err) < 0)
			return -1;
		if (decide_conflict(c, &d, CONFLICT_NAME, "no free name", NULL, 0, err) < 0)
			return -1;
	}
	return cycle_put_decision(c, index, &d, err);
}

int
cycle_decide_from(struct cycle *c, uint32_t from, struct err *err)
{
	uint32_t n = workset_count(c->ws[SOURCE]);

	for (uint32_t i = from; i < n; i++) {
		_cleanup_(decision_done) struct decision d = {0};
		_cleanup_(entry_free) struct entry *source = NULL;

		if (workset_get(c->ws[SOURCE], i, &source, err) < 0)
			return -1;
		if (cycle_decide_one(c, i, source, &d, err) < 0) {
			if (decide_failed(c, source, err) < 0)
				return -1;
			continue;
		}
		c->res->out[d.verdict]++;
		if (cycle_put_decision(c, i, &d, err) < 0)
			return -1;
		if (i % 256 == 0)
			run_progress(c->run, RUN_PHASE_DECIDE, i, n);
	}
	/* Names only when every match is known: a counterpart's own name is never given away. */
	for (uint32_t i = from; i < n; i++)
		if (name_one(c, i, err) < 0)
			return -1;
	return 0;
}

int
cycle_decide(struct cycle *c, struct err *err)
{
	return cycle_decide_from(c, 0, err);
}
