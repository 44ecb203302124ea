/* SPDX-License-Identifier: MIT */
#include "dsa/rules/scope.h"

#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/rules/across.h"
#include "dsa/rules/evidence.h"
#include "mapping/match.h"
#include "redirect/address.h"

/* msExchRecipientTypeDetails of what Exchange keeps for itself: arbitration (0x800000), and the
 * two other bits that must never be synchronized. */
#define SYSTEM_TYPES (0x1000000LL | 0x800000LL | 0x20000000LL)

static const char *const names[] = {
    [SCOPE_IN] = "in scope",
    [SCOPE_KIND] = "kind not synchronized",
    [SCOPE_BASE] = "outside the bases",
    [SCOPE_FILTER] = "excluded by filter",
    [SCOPE_NO_MAIL] = "not mail-enabled",
    [SCOPE_HIDDEN] = "hidden",
    [SCOPE_DISABLED] = "disabled",
    [SCOPE_CONFLICT] = "replication conflict",
    [SCOPE_SYSTEM] = "system mailbox",
    [SCOPE_OURS] = "created by galsync",
    [SCOPE_ECHO] = "stands for an object of another forest",
    [SCOPE_COUNTERPART] = "counterpart by another link",
};
_Static_assert(ARRAY_SIZE(names) == SCOPE_MAX, "a name for each verdict");

const char *
scope_verdict_name(enum scope_verdict v)
{
	return names[v];
}

const struct conf_scope *
scope_find(const struct conf_link *link, const char *dn_norm, unsigned kinds)
{
	for (size_t i = 0; i < link->n_scopes; i++)
		if ((link->scopes[i].kinds & kinds) &&
		    dn_norm_is_under(dn_norm, link->scopes[i].base_norm))
			return &link->scopes[i];
	return NULL;
}

/* What E lacks to be mail-enabled, or NULL. */
static const char *
lacks_of_mail(const struct entry *e, enum kind kind)
{
	static const char *const needs[] = {"mailNickname", "legacyExchangeDN", "proxyAddresses"};

	for (size_t i = 0; i < ARRAY_SIZE(needs); i++)
		if (!entry_get(e, needs[i]).data)
			return needs[i];
	if (!address_primary(e))
		return "primary address in proxyAddresses";
	if (kind == KIND_USER && !kind_has_mailbox(e) && !entry_get(e, "targetAddress").data)
		return "mailbox (homeMDB, msExchHomeServerName) and no targetAddress";
	return NULL;
}

/* A disabled account is normal for shared, room, equipment and linked mailboxes: only a plain
 * user's (type 1, or no type) says that a user left. */
static bool
is_disabled_person(const struct entry *e, enum kind kind)
{
	return kind == KIND_USER && kind_is_disabled(e) &&
	       entry_get_i64(e, "msExchRecipientTypeDetails", 1) == 1 &&
	       !entry_get(e, "msExchMasterAccountSid").data;
}

/* Another tool that synchronizes address lists made it, on behalf of another forest. */
static bool
is_from_elsewhere(const struct conf_link *link, const struct entry *e)
{
	const struct attr *a = entry_find(e, "msExchOriginatingForest");
	const char *own = link->source->dir.domain;

	for (size_t i = 0; own && a && i < a->n_values; i++)
		if (str_equal_nocase(a->values[i].data, own))
			return false;
	return own && a && a->n_values;
}

/* Does mail to it go on to the forest that would be written? A user of the source may do that, once
 * its mailbox was switched or moved; of a native of the target it means that it is none. */
static bool
leads_across(const struct conf_link *link, const struct entry *e, enum kind kind)
{
	struct bytes to = entry_get(e, "targetAddress");
	const struct conf_forest *f = link->target;
	const struct own_domains own = own_domains_of(f, f->dir.domain);

	if (!to.data || (kind == KIND_USER && !link->forth))
		return false;
	return own_domains_have(&own, address_value(to)) ||
	       (f->redirect_domain && address_in_domain(to, f->redirect_domain));
}

/* An object without a mailbox may stand for one of another forest: to project it would make an echo
 * of that, or a second object with its addresses. */
static bool
is_echo(const struct conf_link *link, const struct entry *e, enum kind kind)
{
	return !kind_has_mailbox(e) && (is_from_elsewhere(link, e) || leads_across(link, e, kind));
}

enum scope_verdict
scope_judge(const struct conf_link *link, const struct entry *e, const char *dn_norm,
    bool is_target, const struct conf_scope **ret)
{
	enum kind kind = kind_of(e);
	const struct conf_scope *s = scope_find(link, dn_norm, KIND_BIT(kind));
	struct stamp stamp;

	*ret = s;
	if (!s)
		return kind == KIND_OTHER || scope_find(link, dn_norm, ~0U) ? SCOPE_KIND
									    : SCOPE_BASE;
	if (dn_is_mangled(e->dn))
		return SCOPE_CONFLICT;
	if (entry_get_i64(e, "msExchRecipientTypeDetails", 0) & SYSTEM_TYPES)
		return SCOPE_SYSTEM;
	if (stamp_of(e, link->source->stamp_attribute, &stamp) && stamp.created)
		return SCOPE_OURS;
	/* Before all that the object says of itself: what is hidden or disabled leaves, and so
	 * would act on its counterpart, which may be the other link's source object. */
	if (is_target || across_is_stamped(link, e))
		return SCOPE_COUNTERPART;
	if (is_echo(link, e, kind))
		return SCOPE_ECHO;
	if (s->filter && !filter_match(s->filter, e))
		return SCOPE_FILTER;
	if (lacks_of_mail(e, kind))
		return SCOPE_NO_MAIL;
	if (s->hidden_leaves && entry_get_bool(e, "msExchHideFromAddressLists"))
		return SCOPE_HIDDEN;
	if (s->disabled_leaves && is_disabled_person(e, kind))
		return SCOPE_DISABLED;
	return SCOPE_IN;
}

/* ---- in words ---- */

static void
explain_kind(const struct conf_link *link, enum kind kind, const char *norm, struct buf *ret)
{
	const struct conf_scope *s = scope_find(link, norm, ~0U);
	const char *between = "";

	if (kind == KIND_OTHER || !s) {
		buf_add_str(ret, "it is no user, contact, group or public folder (objectClass)");
		return;
	}
	buf_printf(ret, "it is a %s, and the scope of '%s' takes ", kind_name(kind), s->base);
	for (size_t i = 0; i < link->n_scopes; i++)
		for (size_t k = KIND_USER; k < KIND_MAX; k++)
			if ((link->scopes[i].kinds & KIND_BIT(k)) &&
			    dn_norm_is_under(norm, link->scopes[i].base_norm)) {
				buf_printf(ret, "%s%s", between, kind_name((enum kind)k));
				between = ", ";
			}
	buf_add_str(ret, " only");
}

static void
explain_base(const struct conf_link *link, struct buf *ret)
{
	buf_add_str(ret, "it lies outside the bases of the scopes: ");
	for (size_t i = 0; i < link->n_scopes; i++)
		buf_printf(ret, "%s'%s'", i ? ", " : "", link->scopes[i].base);
}

static void
explain_echo(const struct conf_link *link, const struct entry *e, struct buf *ret)
{
	if (is_from_elsewhere(link, e))
		buf_printf(ret,
		    "another tool made it for an object of forest '%s' (msExchOriginatingForest)",
		    entry_get_str(e, "msExchOriginatingForest"));
	else
		buf_printf(ret,
		    "it stands for an object of forest '%s': mail to it goes on to there "
		    "(targetAddress is %s)",
		    link->target->name, entry_get_str(e, "targetAddress"));
}

/* What E says of itself. */
static void
explain_value(const struct conf_link *link, const struct entry *e, enum scope_verdict v,
    const struct conf_scope *s, struct buf *ret)
{
	const char *stamp = link->source->stamp_attribute;

	if (v == SCOPE_SYSTEM)
		buf_printf(ret, "a system mailbox of Exchange (msExchRecipientTypeDetails is %s)",
		    entry_get_str(e, "msExchRecipientTypeDetails"));
	else if (v == SCOPE_OURS)
		buf_printf(ret, "galsync made it for an object of another forest (%s is %s)", stamp,
		    entry_get_str(e, stamp));
	else if (v == SCOPE_FILTER)
		buf_printf(ret, "the filter of the scope of '%s' does not take it: %s", s->base,
		    s->filter_text ? s->filter_text : "");
	else if (v == SCOPE_NO_MAIL)
		buf_printf(ret, "not mail-enabled: it has no %s", lacks_of_mail(e, kind_of(e)));
	else if (v == SCOPE_HIDDEN)
		buf_printf(ret, "hidden from address lists (msExchHideFromAddressLists is TRUE)");
	else if (v == SCOPE_DISABLED)
		buf_printf(ret, "its account is disabled (userAccountControl is %s)",
		    entry_get_str(e, "userAccountControl"));
}

void
scope_explain(const struct conf_link *link, const struct entry *e, const char *dn_norm,
    enum scope_verdict v, struct buf *ret)
{
	const struct conf_scope *s = scope_find(link, dn_norm, KIND_BIT(kind_of(e)));

	switch (v) {
	case SCOPE_IN: buf_printf(ret, "in the scope of '%s'", s ? s->base : ""); break;
	case SCOPE_KIND: explain_kind(link, kind_of(e), dn_norm, ret); break;
	case SCOPE_BASE: explain_base(link, ret); break;
	case SCOPE_ECHO: explain_echo(link, e, ret); break;
	case SCOPE_CONFLICT:
		buf_add_str(ret,
		    "left by a replication conflict, as its name says: compare it with the object "
		    "that has the name, and delete or rename it");
		break;
	case SCOPE_COUNTERPART:
		buf_add_str(ret, "it is the counterpart of another link's source object");
		break;
	case SCOPE_FILTER:
	case SCOPE_NO_MAIL:
	case SCOPE_HIDDEN:
	case SCOPE_DISABLED:
	case SCOPE_SYSTEM:
	case SCOPE_OURS: explain_value(link, e, v, s, ret); break;
	case SCOPE_MAX: break;
	}
}
