/* SPDX-License-Identifier: MIT */
#include "redirect/active_side.h"

#include <time.h>

#include "dsa/base/str.h"
#include "dsa/directory/kind.h"
#include "redirect/address.h"

#define MARKER "galsync:switched:"

/* ---- the rule ---- */

static enum side
what_witnesses_say(const struct active_facts *f)
{
	const enum active_witness w[] = {f->stamp, f->marker, f->map};

	for (size_t i = 0; i < ARRAY_SIZE(w); i++)
		if (w[i] != WITNESS_SILENT)
			return w[i] == WITNESS_TARGET ? TARGET : SOURCE;
	return SOURCE;
}

static enum side
judge(const struct active_facts *f)
{
	bool there = f->leads[SOURCE] == LEADS_ACROSS, back = f->leads[TARGET] == LEADS_ACROSS;
	bool one = f->mailbox[SOURCE] != f->mailbox[TARGET];

	if (back && !there)
		return SOURCE;
	if (back && f->finished && f->mailbox[TARGET])
		return TARGET;
	if (one)
		return f->mailbox[TARGET] ? TARGET : SOURCE;
	if (there && !back && f->mailbox[TARGET])
		return TARGET;
	return what_witnesses_say(f);
}

struct active_side
active_side_judge(const struct active_facts *f)
{
	struct active_side a = {.side = judge(f), .facts = *f};
	enum active_witness says = a.side == TARGET ? WITNESS_TARGET : WITNESS_SOURCE;

	a.is_loop = f->leads[SOURCE] == LEADS_ACROSS && f->leads[TARGET] == LEADS_ACROSS;
	a.lost = a.side == SOURCE && !f->mailbox[SOURCE] && f->mailbox[TARGET];
	a.moved = f->map != WITNESS_SILENT && f->map != says && f->stamp != says;
	return a;
}

bool
active_is_purged(const struct active_side *a)
{
	const struct active_facts *f = &a->facts;
	bool used =
	    f->stamp == WITNESS_TARGET || f->marker == WITNESS_TARGET || f->map == WITNESS_TARGET;
	/* Without its addresses it looks like a third place. */
	bool sends = f->leads[SOURCE] == LEADS_ACROSS ||
		     (f->leads[SOURCE] == LEADS_AWAY && f->marker == WITNESS_TARGET);

	return used && sends && !f->mailbox[TARGET] && f->leads[TARGET] == LEADS_NOWHERE;
}

/* ---- reading ---- */

bool
active_has_mailbox(const struct entry *e, enum side side)
{
	return kind_of(e) == KIND_USER &&
	       (kind_has_mailbox(e) || (side == TARGET && kind_is_remote_mailbox(e)));
}

bool
active_is_marker(const char *v)
{
	return v && str_starts_nocase(v, MARKER);
}

/* Does E carry the address TO? */
static bool
carries(const struct entry *e, const char *to)
{
	const struct attr *a = e ? entry_find(e, "proxyAddresses") : NULL;

	return a && attr_has(a, bytes_of(to), true);
}

static bool
is_in_domain(const char *to, const char *domain)
{
	return domain && address_in_domain(bytes_of(to), domain);
}

bool
active_is_adopted(const char *to, const char *const *adopted)
{
	for (size_t i = 0; to && adopted && adopted[i]; i++)
		if (is_in_domain(to, adopted[i]))
			return true;
	return false;
}

/* Is TO in a domain that carries mail to SIDE and to nothing else? */
static bool
is_redirect(const struct active_conf *conf, enum side side, const char *to)
{
	return is_in_domain(to, conf->redirect_domain[side]) ||
	       active_is_adopted(to, conf->adopted[side]);
}

bool
active_leads_to(const char *to, const struct entry *e, const char *domain)
{
	return to && (is_in_domain(to, domain) || carries(e, to));
}

static bool
leads_to_address_of(const struct entry *from, const struct entry *to)
{
	const char *address = from ? entry_get_str(from, "targetAddress") : NULL;

	return address && carries(to, address);
}

/* What a cloud tenant has is delivered there, whatever addresses it has here. */
bool
active_goes_round(
    const struct active_side *a, const struct entry *const objects[SIDES], enum side side)
{
	const struct entry *e = objects[side], *peer = objects[side_other(side)];

	if (a->facts.leads[side] == LEADS_HOME)
		return !kind_is_remote_mailbox(e) && leads_to_address_of(e, e);
	return a->is_loop && a->side == side && leads_to_address_of(e, peer) &&
	       leads_to_address_of(peer, e);
}

/* Did galsync put TO on the target? The source may have lost the address since. */
static bool
was_put(const struct record *r, enum side side, const char *to)
{
	return r && side == TARGET &&
	       record_was_written(r, TARGET, record_written_hash("targetAddress", bytes_of(to)));
}

/* Does TO lead to the tenant in which the mailbox of E, the target (NULL: it is gone), lies? Where
 * the configuration does not say what leads there, anything may. */
static bool
leads_to_tenant(const struct active_conf *conf, const struct entry *e, const char *to)
{
	return e && kind_is_remote_mailbox(e) &&
	       (!conf->routing_domain || is_in_domain(to, conf->routing_domain));
}

/* Does TO lead to the tenant by the very address that TARGET leads there by? */
static bool
leads_like(const struct active_conf *conf, const struct entry *target, const char *to)
{
	const char *own = target ? entry_get_str(target, "targetAddress") : NULL;

	return own && str_equal_nocase(own, to) && leads_to_tenant(conf, target, to);
}

/* A mail user or contact carries its own destination as an address: without a mailbox that is no
 * way back to itself. */
static enum active_leads
leads(const struct active_conf *conf, const struct entry *const side[SIDES], enum side from,
    const struct record *r)
{
	const struct entry *e = side[from], *peer = side[side_other(from)];
	const char *to = e ? entry_get_str(e, "targetAddress") : NULL;

	if (!to)
		return LEADS_NOWHERE;
	if (is_redirect(conf, from, to))
		return LEADS_HOME;
	if (is_redirect(conf, side_other(from), to))
		return LEADS_ACROSS;
	if (from == TARGET && conf->routing_domain && leads_to_tenant(conf, e, to))
		return LEADS_NOWHERE;
	if (kind_has_mailbox(e) && carries(e, to))
		return LEADS_HOME;
	if (from == SOURCE && leads_like(conf, peer, to))
		return LEADS_ACROSS;
	if ((peer && active_has_mailbox(peer, side_other(from)) && carries(peer, to)) ||
	    was_put(r, from, to))
		return LEADS_ACROSS;
	return from == TARGET && leads_to_tenant(conf, e, to) ? LEADS_NOWHERE : LEADS_AWAY;
}

static enum active_witness
says(bool any, enum side side)
{
	if (!any)
		return WITNESS_SILENT;
	return side == TARGET ? WITNESS_TARGET : WITNESS_SOURCE;
}

/* The time in the marker V, "galsync:switched:2026-05-01T20:00:00Z:...". */
static int64_t
marked_at(const char *v)
{
	struct tm tm = {.tm_year = 0};
	const char *end = strptime(v + sizeof MARKER - 1, "%Y-%m-%dT%H:%M:%SZ", &tm);

	return end ? (int64_t)timegm(&tm) : 0;
}

/* The stamp of another correspondence is no witness. */
static enum active_witness
stamp_says(
    const struct active_conf *conf, const struct entry *const side[SIDES], const struct record *r)
{
	const struct guid *source = side[SOURCE] ? &side[SOURCE]->guid
				    : r		 ? &r->side[SOURCE].guid
						 : NULL;
	struct stamp s;

	if (!source || !side[TARGET] || !conf->stamp_attribute ||
	    !stamp_of(side[TARGET], conf->stamp_attribute, &s) || !guid_equal(&s.source, source))
		return WITNESS_SILENT;
	return says(s.has_side, s.active);
}

struct active_side
active_side_of(const struct active_conf *conf, const struct entry *const side[SIDES],
    const struct record *record)
{
	struct active_side a;
	struct active_facts f = {.stamp = stamp_says(conf, side, record)};
	bool marked = side[SOURCE] && conf->marker_attribute &&
		      active_is_marker(entry_get_str(side[SOURCE], conf->marker_attribute));

	if (side[SOURCE] ? kind_of(side[SOURCE]) != KIND_USER : record && record->kind != KIND_USER)
		return (struct active_side){.side = SOURCE};
	for (int s = SOURCE; s < SIDES; s++) {
		f.mailbox[s] = side[s] && active_has_mailbox(side[s], (enum side)s);
		f.leads[s] = leads(conf, side, (enum side)s, record);
	}
	f.marker = says(marked, TARGET);
	if (record && record->id && record->synced_at)
		f.map = says(true, record->active);
	f.finished = record && record->state == RECORD_FINISHED;
	a = active_side_judge(&f);
	if (a.side == TARGET && marked)
		a.since = marked_at(entry_get_str(side[SOURCE], conf->marker_attribute));
	return a;
}
