/* SPDX-License-Identifier: MIT */
#include "redirect/audit.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/kind.h"
#include "mapping/match.h"
#include "redirect/active_side.h"
#include "redirect/address.h"
#include "redirect/tenant.h"
#include "redirect/turn.h"

#define GUARD "msExchCalendarRepairDisabled"

#define ATTRS                                                                                      \
	"objectGUID", "objectClass", "mail", "proxyAddresses", "targetAddress",                    \
	    "legacyExchangeDN", "homeMDB", "msExchHomeServerName", GUARD

/* A mailbox in a tenant is one of the target's, see active_has_mailbox(). */
static const char *const source_attrs[] = {ATTRS, NULL};
static const char *const target_attrs[] = {ATTRS, "msExchRecipientTypeDetails", NULL};
const char *const *const audit_attrs[SIDES] = {source_attrs, target_attrs};

static const char *const names[] = {
    [AUDIT_OBJECTS] = "objects",
    [AUDIT_LOOP] = "loop",
    [AUDIT_SELF] = "self",
    [AUDIT_MAP] = "map",
    [AUDIT_REDIRECTION] = "redirection",
    [AUDIT_MAILBOX] = "mailbox",
    [AUDIT_REDIRECT_ADDRESS] = "redirect-address",
    [AUDIT_FOREIGN_REDIRECT] = "foreign-redirect-address",
    [AUDIT_ADDRESSES] = "addresses",
    [AUDIT_REPLY] = "reply",
    [AUDIT_MAIL] = "mail",
    [AUDIT_PRIMARY] = "primary",
    [AUDIT_STAMP] = "stamp",
    [AUDIT_GUARD] = "calendar-repair-guard",
    [AUDIT_DUMMY] = "dummy",
    [AUDIT_UNIQUE] = "unique",
    [AUDIT_WRITTEN] = "written",
};
_Static_assert(ARRAY_SIZE(names) == AUDIT_MAX, "a name for each invariant");

const char *
audit_invariant_name(enum audit_invariant i)
{
	return names[i];
}

struct audit {
	const struct audit_env *env;
	const struct audit_pair *p;
	struct audit_replies *replies;
	bool redirects; /* the active side has a mailbox, and there is a redirect domain */
	struct active_side verdict;
	enum side active, passive;
	struct err *err;
};

/* THERE NULL: nothing is there. */
static void tell(struct audit *a, enum audit_invariant what, enum side side, const char *there,
    const char *fmt, ...) PRINTF_LIKE(5, 6);

static void
tell(struct audit *a, enum audit_invariant what, enum side side, const char *there, const char *fmt,
    ...)
{
	struct audit_finding f = {
	    .what = what, .side = side, .source = &a->p->record->side[SOURCE].guid};
	char want[AUDIT_TEXT_SIZE * 2];
	va_list ap;

	f.dn = a->p->side[side] ? a->p->side[side]->dn : a->p->record->side[side].dn;
	err_escape(f.there, sizeof f.there, bytes_of(there ? there : "nothing"));
	va_start(ap, fmt);
	(void)vsnprintf(want, sizeof want, fmt, ap);
	va_end(ap);
	err_escape(f.want, sizeof f.want, bytes_of(want));
	a->env->found(&f, a->env->arg);
}

/* ---- redirection ---- */

/* Others answer for the redirections of what left or is finished: all but those that make mail go
 * round, which the next cycle ends. */
static bool
is_others(const struct audit *a, enum side side)
{
	return record_has_left(a->p->record) && !active_goes_round(&a->verdict, a->p->side, side);
}

static bool
check_loop(struct audit *a)
{
	const char *there = entry_get_str(a->p->side[SOURCE], "targetAddress");
	const char *back = entry_get_str(a->p->side[TARGET], "targetAddress");
	const char *const *domain = a->env->redirect_domain;
	bool circle = there && back && domain[SOURCE] && domain[TARGET] &&
		      address_in_domain(bytes_of(there), domain[TARGET]) &&
		      address_in_domain(bytes_of(back), domain[SOURCE]);

	if ((!a->verdict.is_loop && !circle) || is_others(a, a->active))
		return true;
	tell(a, AUDIT_LOOP, a->active, a->active == SOURCE ? there : back,
	    "nothing in targetAddress: the %s object '%s' redirects too, to %s",
	    side_name(a->passive), a->p->side[a->passive]->dn, a->active == SOURCE ? back : there);
	return false;
}

static void
check_self(struct audit *a)
{
	for (int s = SOURCE; s < SIDES; s++)
		if (a->verdict.facts.leads[s] == LEADS_HOME && !is_others(a, (enum side)s))
			tell(a, AUDIT_SELF, (enum side)s,
			    entry_get_str(a->p->side[s], "targetAddress"),
			    "no targetAddress that leads back to the object itself");
}

/* The next cycle takes over what the directories say. */
static void
check_map(struct audit *a)
{
	enum side known = a->p->record->active;

	if (known != a->active)
		tell(a, AUDIT_MAP, a->active, side_name(known),
		    "%s as the active side in the map: both objects say so", side_name(a->active));
}

/* Nothing turns by itself. */
static void
check_lost(struct audit *a)
{
	if (a->verdict.lost)
		tell(a, AUDIT_MAILBOX, SOURCE, NULL,
		    "homeMDB and msExchHomeServerName: it is the active side, and its counterpart "
		    "redirects to it");
}

/* True if TO leads to E: to one of its addresses in DOMAIN, or to the domain if it has none. */
static bool
leads_to(const char *to, const struct entry *e, const char *domain)
{
	const struct attr *a = entry_find(e, "proxyAddresses");
	bool any = false;

	if (!to || !address_in_domain(bytes_of(to), domain))
		return false;
	for (size_t i = 0; a && i < a->n_values; i++) {
		if (!address_in_domain(a->values[i], domain))
			continue;
		if (bytes_equal_nocase(a->values[i], bytes_of(to)))
			return true;
		any = true;
	}
	return !any;
}

/* FROM is the targetAddress of the active side. */
static void
check_tenant(struct audit *a, const char *from)
{
	const struct entry *e = a->p->side[a->active];
	const char *domain = a->env->routing_domain[TARGET], *route;

	if (a->active == SOURCE || !kind_is_remote_mailbox(e) || !domain || from)
		return;
	route = tenant_route(e, domain);
	tell(a, AUDIT_REDIRECTION, TARGET, NULL,
	    "targetAddress SMTP:%s%s, to the mailbox in the tenant",
	    route ? route : "an address in ", route ? "" : domain);
}

static void
check_redirection(struct audit *a)
{
	const struct entry *active = a->p->side[a->active], *passive = a->p->side[a->passive];
	const char *domain = a->env->redirect_domain[a->active], *own;
	const char *from = entry_get_str(active, "targetAddress");
	const char *to = entry_get_str(passive, "targetAddress");

	if (from && a->verdict.facts.leads[a->active] != LEADS_NOWHERE)
		tell(a, AUDIT_REDIRECTION, a->active, from,
		    "nothing in targetAddress: the %s is the active side", side_name(a->active));
	check_tenant(a, from);
	if (!domain || leads_to(to, active, domain))
		return;
	own = turn_redirect_address(a->p->side[SOURCE], a->p->side[TARGET], a->active, domain);
	tell(a, AUDIT_REDIRECTION, a->passive, to, "targetAddress SMTP:%s%s",
	    own ? own : "the redirect address at ", own ? "" : domain);
}

static void
check_redirect_addresses(struct audit *a)
{
	for (int s = SOURCE; s < SIDES; s++) {
		enum side side = (enum side)s;
		const char *domain = a->env->redirect_domain[side];
		const char *foreign = a->env->redirect_domain[side_other(side)];
		const struct entry *e = a->p->side[side];
		const struct attr *v = entry_find(e, "proxyAddresses");
		bool needed = a->redirects && domain && kind_of(e) == KIND_USER;

		if (needed &&
		    !turn_redirect_address(a->p->side[SOURCE], a->p->side[TARGET], side, domain))
			tell(a, AUDIT_REDIRECT_ADDRESS, side, NULL, "an address in %s", domain);
		for (size_t i = 0; foreign && v && i < v->n_values; i++)
			if (address_in_domain(v->values[i], foreign))
				tell(a, AUDIT_FOREIGN_REDIRECT, side, v->values[i].data,
				    "no address in %s, which is the other organization's", foreign);
	}
}

static void
check_mailboxes(struct audit *a)
{
	if (kind_has_mailbox(a->p->side[a->passive]) &&
	    !entry_get_bool(a->p->side[a->passive], GUARD))
		tell(a, AUDIT_GUARD, a->passive, entry_get_str(a->p->side[a->passive], GUARD),
		    GUARD " TRUE while the mailbox is passive");
}

/* ---- addresses ---- */

/* May ADDRESS be missing on SIDE, because a conflict is recorded and another object holds it? */
static int
is_excused(struct audit *a, enum side side, struct bytes address, bool *ret)
{
	const enum side sides[] = {side, SOURCE};

	*ret = false;
	for (size_t i = 0; a->p->conflict && !*ret && i < ARRAY_SIZE(sides); i++) {
		_cleanup_(free) char *dn = NULL;

		if (a->env->holder(sides[i], address, a->p->side[sides[i]], false, &dn, a->env->arg,
			a->err) < 0)
			return -1;
		*ret = dn != NULL;
	}
	return 0;
}

static bool
has_type(struct bytes v, const char *type)
{
	return v.len > strlen(type) && str_starts_nocase(v.data, type);
}

static bool
has_any(const struct attr *a, const char *type)
{
	for (size_t i = 0; a && i < a->n_values; i++)
		if (has_type(a->values[i], type))
			return true;
	return false;
}

/* The source's address V is not for the target, or not judged here. */
static bool
stays_at_source(const struct audit *a, struct bytes v, const struct attr *target)
{
	const char *const domains[] = {a->env->own_domain[SOURCE], a->env->own_domain[TARGET],
	    a->env->routing_domain[SOURCE], a->env->routing_domain[TARGET], a->env->toggle_domain};

	for (size_t i = 0; i < ARRAY_SIZE(domains); i++)
		if (domains[i] && address_in_domain(v, domains[i]))
			return true;
	for (int side = SOURCE; side < SIDES; side++)
		if (active_is_adopted(v.data, a->env->adopted[side]))
			return true;
	/* No object is ever given a second sip:. */
	return address_is_x500(v) || (has_type(v, "sip:") && has_any(target, "sip:"));
}

/* The side whose addresses the other one has. */
static enum side
leading(const struct audit *a)
{
	const bool *mailbox = a->verdict.facts.mailbox;

	return a->active == TARGET || mailbox[SOURCE] || mailbox[TARGET] ? a->active
									 : a->p->authority;
}

static int
check_addresses(struct audit *a)
{
	const struct attr *v = entry_find(a->p->side[SOURCE], "proxyAddresses");
	const struct attr *there = entry_find(a->p->side[TARGET], "proxyAddresses");
	bool excused;

	/* The addresses of a target that decides are its own. */
	for (size_t i = 0; leading(a) == SOURCE && v && i < v->n_values; i++) {
		if (stays_at_source(a, v->values[i], there) ||
		    (there && attr_has(there, v->values[i], true)))
			continue;
		if (is_excused(a, TARGET, v->values[i], &excused) < 0)
			return -1;
		if (!excused)
			tell(a, AUDIT_ADDRESSES, TARGET, NULL, "%s, which the source has",
			    (const char *)v->values[i].data);
	}
	return 0;
}

static void
check_primary(struct audit *a, enum side side)
{
	const struct entry *e = a->p->side[side];
	const struct attr *v = entry_find(e, "proxyAddresses");
	const char *mail = entry_get_str(e, "mail"), *primary = NULL;
	char found[AUDIT_TEXT_SIZE] = "";
	size_t n = 0, len = 0;

	for (size_t i = 0; v && i < v->n_values; i++) {
		if (!address_is_primary(v->values[i]))
			continue;
		primary = address_value(v->values[i]).data;
		if (len < sizeof found)
			len += (size_t)snprintf(
			    found + len, sizeof found - len, "%sSMTP:%s", n ? ", " : "", primary);
		n++;
	}
	if (n != 1)
		tell(a, AUDIT_PRIMARY, side, n ? found : NULL,
		    "exactly one primary address (SMTP:)");
	/* The class of public folders need not have the attribute. */
	else if (!(mail && str_equal_nocase(mail, primary)) && kind_of(e) != KIND_PUBLIC_FOLDER)
		tell(a, AUDIT_MAIL, side, mail, "mail %s, the primary address", primary);
}

static int
check_unique(struct audit *a, enum side side, struct bytes address)
{
	_cleanup_(free) char *dn = NULL;

	if (a->env->holder(side, address, a->p->side[side], true, &dn, a->env->arg, a->err) < 0)
		return -1;
	if (dn)
		tell(a, AUDIT_UNIQUE, side, address.data, "held by nobody else: '%s' has it too",
		    dn);
	return 0;
}

static int
check_all_unique(struct audit *a, enum side side)
{
	const struct attr *v = entry_find(a->p->side[side], "proxyAddresses");
	const char *legacy = entry_get_str(a->p->side[side], "legacyExchangeDN");
	_cleanup_(free) char *x500 = legacy ? address_x500_of(legacy) : NULL;

	for (size_t i = 0; v && i < v->n_values; i++)
		if ((address_is_smtp(v->values[i]) || address_is_x500(v->values[i])) &&
		    check_unique(a, side, v->values[i]) < 0)
			return -1;
	if (legacy && !x500)
		return err_nomem(a->err);
	return x500 && !(v && attr_has(v, bytes_of(x500), true))
		   ? check_unique(a, side, bytes_of(x500))
		   : 0;
}

/* ---- replies ---- */

/* Every name of SIDE, as X500 values. */
static int
names_of(struct audit *a, enum side side, struct address_list *ret)
{
	const struct record_side *r = &a->p->record->side[side];
	const struct attr *v = entry_find(a->p->side[side], "proxyAddresses");
	const char *legacy = entry_get_str(a->p->side[side], "legacyExchangeDN");
	bool bad = legacy && address_list_add_x500(ret, legacy) < 0;

	for (size_t i = 0; i < r->n_legacy_dns; i++)
		bad |= address_list_add_x500(ret, r->legacy_dns[i]) < 0;
	for (size_t i = 0; v && i < v->n_values; i++)
		bad |= address_is_x500(v->values[i]) && address_list_add(ret, v->values[i]) < 0;
	return bad ? err_nomem(a->err) : 0;
}

static bool
resolves(const struct entry *e, struct bytes name)
{
	const struct attr *v = entry_find(e, "proxyAddresses");
	const char *legacy = entry_get_str(e, "legacyExchangeDN");

	return (v && attr_has(v, name, true)) ||
	       (legacy && bytes_equal_nocase(address_value(name), bytes_of(legacy)));
}

/* Every name of the other side must resolve on SIDE. */
static int
check_replies(struct audit *a, enum side side)
{
	_cleanup_(address_list_done) struct address_list list = {0};
	bool excused;

	if (names_of(a, side_other(side), &list) < 0)
		return -1;
	for (size_t i = 0; i < list.n; i++) {
		a->replies->known++;
		if (resolves(a->p->side[side], list.values[i]))
			continue;
		a->replies->missing++;
		if (is_excused(a, side, list.values[i], &excused) < 0)
			return -1;
		if (!excused)
			tell(a, AUDIT_REPLY, side, NULL, "%s, which is a name of its counterpart",
			    (const char *)list.values[i].data);
	}
	return 0;
}

/* ---- the rest ---- */

static void
check_stamp(struct audit *a)
{
	const char *text = entry_get_str(a->p->side[TARGET], a->env->stamp_attribute);
	struct stamp there,
	    want = {a->p->record->created, a->p->record->side[SOURCE].guid, true, a->active};
	char stamp[STAMP_TEXT_SIZE];

	if (stamp_parse(text, &there) && there.created == want.created &&
	    guid_equal(&there.source, &want.source) && there.has_side &&
	    there.active == want.active)
		return;
	stamp_format(&want, stamp);
	tell(a, AUDIT_STAMP, TARGET, text, "%s %s", a->env->stamp_attribute, stamp);
}

bool
audit_dummies(
    const struct audit_env *env, enum side side, const struct entry *e, const struct guid *source)
{
	const struct attr *v = entry_find(e, "proxyAddresses");
	bool any = false;

	for (size_t i = 0; v && i < v->n_values; i++) {
		struct audit_finding f = {
		    .what = AUDIT_DUMMY, .side = side, .source = source, .dn = e->dn};

		if (!address_in_domain(v->values[i], env->toggle_domain))
			continue;
		err_escape(f.there, sizeof f.there, v->values[i]);
		(void)snprintf(f.want, sizeof f.want, "no address in %s%s", env->toggle_domain,
		    address_is_primary(v->values[i]) ? ", least of all as the primary one" : "");
		env->found(&f, env->arg);
		any = true;
	}
	return any;
}

static bool
check_objects(struct audit *a)
{
	for (int side = SOURCE; side < SIDES; side++)
		if (!a->p->side[side] && !record_has_left(a->p->record)) {
			char guid[GUID_TEXT_SIZE];

			guid_format(&a->p->record->side[side].guid, guid);
			tell(a, AUDIT_OBJECTS, (enum side)side, NULL, "an object with GUID %s",
			    guid);
		}
	return a->p->side[SOURCE] && a->p->side[TARGET];
}

/* What the directory refused is missing on one side, whatever that is. A counterpart that left and
 * could not be deleted is hidden: that is no end. */
static void
check_written(struct audit *a)
{
	const struct record *r = a->p->record;

	if (r->state == RECORD_ERROR || (r->state == RECORD_LEFT && *r->last_error))
		tell(a, AUDIT_WRITTEN, TARGET, a->p->record->last_error,
		    "all that is to be written: the last write failed");
}

int
audit_pair(const struct audit_env *env, const struct audit_pair *p, struct audit_replies *replies,
    struct err *err)
{
	struct audit a = {.env = env, .p = p, .replies = replies, .err = err};
	const struct active_conf conf = {
	    .redirect_domain = {env->redirect_domain[SOURCE], env->redirect_domain[TARGET]},
	    .routing_domain = env->routing_domain[TARGET],
	    .adopted = {env->adopted[SOURCE], env->adopted[TARGET]},
	    .stamp_attribute = env->stamp_attribute,
	    .marker_attribute = env->marker_attribute};
	bool left = record_has_left(p->record), both;

	if (guid_is_zero(&p->record->side[TARGET].guid))
		return 0;
	if (left)
		check_written(&a);
	both = check_objects(&a);
	if (!both && !left)
		return 0;
	a.verdict = active_side_of(&conf, p->side, p->record);
	a.active = a.verdict.side;
	a.passive = side_other(a.active);
	a.redirects = a.verdict.facts.mailbox[a.active] && env->redirect_domain[SOURCE];
	if (both && check_loop(&a) && a.redirects && !left)
		check_redirection(&a);
	check_self(&a);
	if (left)
		return 0;
	check_map(&a);
	check_lost(&a);
	check_redirect_addresses(&a);
	if (a.redirects)
		check_mailboxes(&a);
	check_stamp(&a);
	check_written(&a);
	if (check_addresses(&a) < 0)
		return -1;
	for (int side = SOURCE; side < SIDES; side++) {
		check_primary(&a, (enum side)side);
		if (check_all_unique(&a, (enum side)side) < 0 ||
		    check_replies(&a, (enum side)side) < 0)
			return -1;
	}
	return 0;
}
