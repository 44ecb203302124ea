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

static bool
is_mail_enabled(const struct entry *e, enum kind kind)
{
	if (!entry_get(e, "mailNickname").data || !entry_get(e, "legacyExchangeDN").data ||
	    !entry_get(e, "proxyAddresses").data || !address_primary(e))
		return false;
	if (kind == KIND_USER)
		return kind_has_mailbox(e) || entry_get(e, "targetAddress").data;
	return true;
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
	if (!is_mail_enabled(e, kind))
		return SCOPE_NO_MAIL;
	if (s->hidden_leaves && entry_get_bool(e, "msExchHideFromAddressLists"))
		return SCOPE_HIDDEN;
	if (s->disabled_leaves && is_disabled_person(e, kind))
		return SCOPE_DISABLED;
	return SCOPE_IN;
}
