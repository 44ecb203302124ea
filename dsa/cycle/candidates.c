/* SPDX-License-Identifier: MIT */
#include "dsa/cycle/candidates.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "dsa/base/str.h"
#include "dsa/cycle/delta.h"
#include "dsa/cycle/former.h"
#include "dsa/cycle/other_links.h"
#include "dsa/cycle/replica_lag.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/sid.h"
#include "dsa/rules/evidence.h"
#include "dsa/rules/heir.h"
#include "dsa/rules/identity.h"
#include "dsa/rules/pairs_csv.h"

/* The search for the counterpart of one source entry. */
struct hunt {
	struct cycle *c;
	const struct conf_scope *scope; /* of the source entry */
	const struct entry *source;
	const struct resolution *said;
	struct candidates *found;
	const char *what; /* the rule's name, for the evidence */
	unsigned key;	  /* that is looked up */
	struct bytes value;
	uint32_t refused; /* of the pairs' target, the last one that was reported */
	bool was_put;	  /* by the record galsync was about to put the stamp, or had */
	char rival[256];  /* another source object that a line of the pairs names too, or "" */
	bool interrupted; /* by the record, something was about to be written */
	bool heirs_only;  /* contacts are no hits */
	struct own_domains own; /* the source's */
	struct err *err;
};

static void
note_evidence(struct hunt *h)
{
	char text[SID_TEXT_SIZE] = "";
	struct guid g;

	if (h->key == MATCH_KEY_SID)
		(void)sid_format(h->value, text);
	else if ((h->key == MATCH_KEY_STAMP || h->key == MATCH_KEY_GUID) &&
		 guid_from_bytes(h->value, &g))
		guid_format(&g, text);
	else
		err_escape(text, sizeof text, h->value);
	(void)snprintf(h->found->evidence, sizeof h->found->evidence, "%s=%s", h->what, text);
}

/* Reported for pairs only: an operator wrote them. One name may be found under several keys. */
static void
report_nobody(struct hunt *h, const struct world_hit *hit)
{
	if (h->found->rule != MATCH_CSV || h->refused == hit->index)
		return;
	h->refused = hit->index;
	run_message(h->c->run, LOG_WARNING, &h->source->guid, h->source->dn,
	    "the pairs name '%s', which may not be a counterpart: it is no recipient",
	    hit->entry->dn);
}

static void
refuse(struct candidates *f, enum conflict_reason as, const char *why)
{
	f->refused_as = as;
	(void)snprintf(f->refusal, sizeof f->refusal, "%s", why);
}

/* What an object says of itself is asked of every candidate; who is in a privileged group, which
 * costs requests, only at a first match. */
static int
ask_door(struct hunt *h, const struct entry *e, struct err *err)
{
	const struct dir *d = h->c->run->dir[TARGET];
	struct identity_guard guard = {.own_sids = d->ops->info(h->c->run->dir[TARGET])->own_sids};
	const char *why;

	if (h->found->rule != MATCH_RECORD &&
	    world_find_privileged(h->c->world, e, &guard.privileged, err) < 0)
		return -1;
	if ((why = identity_refusal(e, &guard)))
		refuse(h->found, CONFLICT_REFUSED, why);
	return 0;
}

/* A line of the pairs names two source objects. */
static void
refuse_rival(struct hunt *h)
{
	_cleanup_(free) char *why =
	    str_printf("the pairs name another source object by that too, '%s'", h->rival);

	refuse(h->found, CONFLICT_AMBIGUOUS, why ? why : "the pairs name two source objects");
}

/* A first match must lie where matches are looked for, and a stamp that no record knows is believed
 * only if something else agrees. */
static void
ask_evidence(struct hunt *h, const struct entry *e)
{
	struct candidates *f = h->found;

	if (f->rule == MATCH_RECORD)
		return;
	if (!evidence_is_in_place(h->c->run->link, f->rule, e->dn))
		refuse(f, CONFLICT_REFUSED, "it lies outside match_bases");
	else if (f->rule == MATCH_STAMP && !h->was_put && !evidence_agrees(h->source, e))
		refuse(f, CONFLICT_REFUSED,
		    "its stamp names the source object, but neither the map nor a SID, an X500 "
		    "name or the primary address agrees");
	else if (f->rule == MATCH_CSV && *h->rival)
		refuse_rival(h);
}

/* Why the first candidate may not be the counterpart. */
static int
ask_all(struct hunt *h, const struct entry *e, struct err *err)
{
	struct candidates *f = h->found;

	if (ask_door(h, e, err) < 0)
		return -1;
	if (*f->refusal)
		return 0;
	if (other_links_refuse(
		h->c, &h->source->guid, e, f->rule == MATCH_RECORD, f->refusal, err) < 0)
		return -1;
	f->refused_as = CONFLICT_TAKEN;
	if (!*f->refusal)
		ask_evidence(h, e);
	return 0;
}

/* E was found, and does not count. */
static void
pass_over(const struct hunt *h, const struct entry *e, const char *why)
{
	char value[256];

	err_escape(value, sizeof value, h->value);
	run_decided(h->c->run, &h->source->guid, h->source->dn, "%s finds '%s' by '%s', which %s",
	    h->what, e->dn, value, why);
}

/* Does mail to the address that is looked up merely go on to there, and E belong to another source
 * object? The weaker claim does not stand in the way of the address' owner. */
static bool
is_mere_redirection(struct hunt *h, const struct entry *e)
{
	struct stamp stamp;

	return (h->found->rule == MATCH_MAIL || h->found->rule == MATCH_CSV) &&
	       h->key == MATCH_KEY_SMTP && !evidence_has_address(e, h->value) &&
	       stamp_of(e, h->c->run->link->target->stamp_attribute, &stamp) &&
	       !guid_equal(&stamp.source, &h->source->guid);
}

/* Does it not matter what the target object says? */
static bool
is_certain(enum match_method rule)
{
	return rule == MATCH_RECORD || rule == MATCH_STAMP || rule == MATCH_CSV;
}

/* The one way to become a candidate. */
static int
consider(struct world_hit *hit, void *arg, struct err *err)
{
	struct hunt *h = arg;
	struct candidates *f = h->found;
	const struct former_hit former = {
	    h->source, hit->entry, h->key, h->value, h->scope->create};
	bool none = false;

	if (h->heirs_only && kind_of(hit->entry) != kind_of(h->source))
		return 0;
	if (identity_is_nobody(hit->entry)) {
		pass_over(h, hit->entry, "is no recipient");
		report_nobody(h, hit);
		return 0;
	}
	if (!evidence_holds(f->rule, hit->entry, h->value, &h->own)) {
		pass_over(h, hit->entry, "is no evidence by that rule");
		return 0;
	}
	if (is_mere_redirection(h, hit->entry)) {
		pass_over(h, hit->entry, "only redirects to that address");
		return 0;
	}
	if (!is_certain(f->rule) && former_is_none(h->c, &former, &none, err) < 0)
		return -1;
	if (none) {
		pass_over(h, hit->entry, "is another's that does not need it any more");
		return 0;
	}
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i] == hit->index)
			return 0;
	if (f->n == 0) {
		note_evidence(h);
		if (ask_all(h, hit->entry, err) < 0)
			return -1;
	}
	f->v[f->n++] = hit->index;
	return f->n == ARRAY_SIZE(f->v);
}

/* Adds the target entries that have VALUE under KEY to the candidates. */
static int
hunt_key(unsigned key, struct bytes value, void *arg)
{
	struct hunt *h = arg;
	const struct world_query q = world_query_entries(TARGET, key, value);

	if (h->found->n == ARRAY_SIZE(h->found->v))
		return 0;
	h->key = key;
	h->value = value;
	return world_find_each(h->c->world, &q, consider, h, h->err) < 0 ? -1 : 0;
}

/* ---- the pairs of a file ---- */

/* What else in the source answers to the identifier of a line. */
struct rivals {
	const struct entry *source;
	const char *id;
	enum pair_claim claim; /* the strongest of them */
	char dn[256];	       /* whose it is */
};

static int
take_rival(struct world_hit *hit, void *arg, struct err *err)
{
	struct rivals *r = arg;
	enum pair_claim claim = pair_claim_of(hit->entry, r->id);

	(void)err;
	if (claim > r->claim && !guid_equal(&hit->entry->guid, &r->source->guid)) {
		r->claim = claim;
		(void)snprintf(r->dn, sizeof r->dn, "%s", hit->entry->dn);
	}
	return 0;
}

/* Is the source object meant by the line? Another one, in a scope or not, may have a better claim
 * to it, or one that is as good: then the candidate is refused. */
static int
ask_rivals(struct hunt *h, const struct pair_found *pair, bool *ret)
{
	static const unsigned keys[] = {MATCH_KEY_SMTP, MATCH_KEY_UPN};
	struct rivals r = {.source = h->source, .id = pair->id};

	for (size_t i = 0; pair->claim != PAIR_UNIQUE && i < ARRAY_SIZE(keys); i++) {
		const struct world_query q =
		    world_query_entries(SOURCE, keys[i], bytes_of(pair->id));

		if (world_find_each(h->c->world, &q, take_rival, &r, h->err) < 0)
			return -1;
	}
	*h->rival = '\0';
	*ret = r.claim <= pair->claim;
	if (!*ret)
		run_decided(h->c->run, &h->source->guid, h->source->dn,
		    "the pairs name '%s', which is rather '%s'", pair->id, r.dn);
	else if (r.claim == pair->claim)
		(void)snprintf(h->rival, sizeof h->rival, "%s", r.dn);
	return 0;
}

static int
hunt_dn(struct hunt *h, const char *dn)
{
	_cleanup_(free) char *norm = dn_normalize(dn, h->err);

	if (!norm)
		return h->err->src == ERR_SYS ? -1 : 0;
	return hunt_key(MATCH_KEY_DN, bytes_of(norm), h);
}

static int
hunt_csv(struct hunt *h, const struct match_csv *csv)
{
	static const unsigned keys[] = {MATCH_KEY_SMTP, MATCH_KEY_SAM, MATCH_KEY_UPN};
	struct pair_found pair = {.claim = PAIR_NONE};
	bool meant = false;
	struct guid g;

	if (!match_csv_find(csv, h->source, &pair))
		return 0;
	if (ask_rivals(h, &pair, &meant) < 0)
		return -1;
	if (!meant)
		return 0;
	if (guid_parse(pair.target, &g))
		return hunt_key(MATCH_KEY_GUID, guid_bytes(&g), h);
	if (strchr(pair.target, '='))
		return hunt_dn(h, pair.target);
	/* Whatever has that name: if it is one's address and another's logon name, both are found.
	 */
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (hunt_key(keys[i], bytes_of(pair.target), h) < 0)
			return -1;
	return 0;
}

/* ---- by what they are found ---- */

/* The recorded counterpart, if the directory still agrees. */
static int
hunt_record(struct hunt *h)
{
	_cleanup_(record_free) struct record *r = NULL;
	_cleanup_(entry_free) struct entry *target = NULL;
	struct candidates *f = h->found;
	struct cycle *c = h->c;

	if (!c->run->map)
		return 0;
	if (store_find_guid(c->run->map, c->run->link_id, SOURCE, &h->source->guid, &r, h->err) < 0)
		return -1;
	f->ended = r && r->ended;
	/* The GUID of what was created is not known if the process died right then. */
	h->was_put = r && guid_is_zero(&r->side[TARGET].guid);
	h->interrupted = r && r->state == RECORD_PENDING;
	f->rule = MATCH_RECORD;
	h->what = match_method_name(MATCH_RECORD);
	if (r && !guid_is_zero(&r->side[TARGET].guid) &&
	    hunt_key(MATCH_KEY_GUID, guid_bytes(&r->side[TARGET].guid), h) < 0)
		return -1;
	if (f->ended)
		return 0;
	if (f->n == 0)
		return lag_may_come(c, &h->source->guid, r, &f->may_come, h->err);
	if (world_get(c->world, TARGET, f->v[0], &target, h->err) < 0)
		return -1;
	if (!identity_believes(
		r, &h->source->guid, target, c->run->link->target->stamp_attribute, &f->created))
		*f = (struct candidates){.former = WORLD_NONE};
	else
		(void)snprintf(f->evidence, sizeof f->evidence, "%s", r->evidence);
	return 0;
}

static int
hunt_rules(struct hunt *h)
{
	const struct conf_link *link = h->c->run->link;

	for (size_t i = 0; i < link->n_match && h->found->n == 0; i++) {
		const struct match_rule *r = &link->match[i];

		h->what =
		    r->method == MATCH_ATTRIBUTE ? r->source_attr : match_method_name(r->method);
		h->found->rule = r->method;
		if (r->method == MATCH_CSV
			? hunt_csv(h, h->c->matching.csv[i])
			: match_source_keys(h->source, link->match, i, hunt_key, h))
			return -1;
	}
	return 0;
}

static int
hunt_stamp(struct hunt *h)
{
	h->what = match_method_name(MATCH_STAMP);
	h->found->rule = MATCH_STAMP;
	return hunt_key(MATCH_KEY_STAMP, guid_bytes(&h->source->guid), h);
}

/* What an operator said is a line of the pairs that names both by their GUIDs. */
static int
hunt_said(struct hunt *h)
{
	h->what = match_method_name(MATCH_CSV);
	h->found->rule = MATCH_CSV;
	*h->rival = '\0';
	return hunt_key(MATCH_KEY_GUID, guid_bytes(&h->said->target), h);
}

/* None of the candidates counts but what galsync itself made the counterpart. */
static int
hunt_own(struct hunt *h)
{
	struct candidates *f = h->found;

	if (hunt_stamp(h) < 0)
		return -1;
	if (*f->refusal || (f->n > 1 && h->said->as == RESOLVED_IGNORE))
		*f = (struct candidates){.former = WORLD_NONE};
	return 0;
}

/* Nobody is recorded. */
static int
hunt_anew(struct hunt *h)
{
	if (h->found->may_come)
		return hunt_stamp(h);
	if (h->said->as == RESOLVED_CREATE || h->said->as == RESOLVED_IGNORE)
		return hunt_own(h);
	if (h->said->as == RESOLVED_WITH && hunt_said(h) < 0)
		return -1;
	return h->found->n ? 0 : hunt_rules(h);
}

/* ---- in the place of a contact ---- */

/* Is the one candidate a contact that galsync made for SOURCE? */
static int
is_replaceable(struct hunt *h, bool *ret)
{
	_cleanup_(entry_free) struct entry *e = NULL;
	const struct candidates *f = h->found;
	enum kind kind = kind_of(h->source);

	*ret = false;
	if (f->n != 1 || f->ended || *f->refusal || h->c->run->link->forth ||
	    (kind != KIND_USER && kind != KIND_GROUP))
		return 0;
	if (world_get(h->c->world, TARGET, f->v[0], &e, h->err) < 0)
		return -1;
	*ret = heir_is_leftover(h->c->run->link, e, &h->source->guid);
	return 0;
}

static int
hunt_evidence(struct hunt *h)
{
	const struct conf_link *link = h->c->run->link;

	for (size_t i = 0; i < link->n_match && h->found->n == 0; i++) {
		enum match_method m = link->match[i].method;

		if (m != MATCH_X500_ON_TARGET && m != MATCH_SID_ON_TARGET)
			continue;
		h->what = match_method_name(m);
		h->found->rule = m;
		if (match_source_keys(h->source, link->match, i, hunt_key, h))
			return -1;
	}
	return 0;
}

/* A real object in the place of the contact that H found. A delta searches for one if it was asked
 * for the object, or only looks, or a process died, or what changed in the target names it. */
static int
hunt_heir(struct hunt *h)
{
	struct candidates heir = {.former = WORLD_NONE};
	struct hunt own = *h;
	bool replaceable;

	if (h->said->as == RESOLVED_IGNORE)
		return 0;
	if (is_replaceable(h, &replaceable) < 0)
		return -1;
	if (!replaceable)
		return 0;
	own.found = &heir;
	own.heirs_only = true;
	if ((h->said->as == RESOLVED_WITH && hunt_said(&own) < 0) ||
	    (heir.n == 0 && hunt_stamp(&own) < 0))
		return -1;
	if (heir.n == 0 &&
	    (!h->c->run->is_delta || h->interrupted || h->c->opt->look_at ||
		cycle_is_asked_for(h->c, &h->source->guid) ||
		delta_looks_for_heir(h->c, &h->source->guid)) &&
	    hunt_evidence(&own) < 0)
		return -1;
	if (heir.n != 1 || *heir.refusal)
		return 0;
	heir.former = h->found->v[0];
	*h->found = heir;
	return 0;
}

/* Of several that carry the stamp, a contact is what gives way to the real one. */
static int
drop_contacts(struct hunt *h)
{
	struct candidates *f = h->found;
	struct candidates heir = {.former = WORLD_NONE};
	struct hunt own = *h;

	if (f->rule != MATCH_STAMP || f->n < 2 || h->c->run->link->forth)
		return 0;
	own.found = &heir;
	own.heirs_only = true;
	if (hunt_stamp(&own) < 0)
		return -1;
	if (heir.n == 1)
		*f = heir;
	return 0;
}

int
candidates_find(struct cycle *c, const struct conf_scope *scope, const struct entry *source,
    const struct resolution *said, struct candidates *ret, struct err *err)
{
	struct dir *d = c->run->dir[SOURCE];
	struct hunt h = {.c = c,
	    .scope = scope,
	    .source = source,
	    .said = said,
	    .found = ret,
	    .refused = WORLD_NONE,
	    .own = own_domains_of(c->run->link->source, d->ops->info(d)->domain_dns),
	    .err = err};

	ret->former = WORLD_NONE;
	if (hunt_record(&h) < 0)
		return -1;
	if (ret->n || ret->ended)
		return hunt_heir(&h);
	if (world_demand_candidates(c->world, source, err) < 0 ||
	    world_fetch(c->world, TARGET, err) < 0)
		return -1;
	if (hunt_anew(&h) < 0 || drop_contacts(&h) < 0)
		return -1;
	return ret->rule == MATCH_STAMP ? hunt_heir(&h) : 0;
}
