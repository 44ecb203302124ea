/* SPDX-License-Identifier: MIT */
#include "dsa/rules/evidence.h"

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/kind.h"
#include "redirect/active_side.h"
#include "redirect/address.h"

#define GROUP_SECURITY 0x80000000U /* MS-ADTS 2.2.12 */

/* ---- mail domains ---- */

struct own_domains
own_domains_of(const struct conf_forest *f, const char *domain_dns)
{
	return (struct own_domains){f->mail_domains, f->n_mail_domains, domain_dns};
}

bool
own_domains_have(const struct own_domains *o, struct bytes address)
{
	const char *at = address.len ? memrchr(address.data, '@', address.len) : NULL;
	const char *end = (const char *)address.data + address.len;
	struct bytes domain;

	if (!at)
		return false;
	domain = (struct bytes){at + 1, (size_t)(end - (at + 1))};
	for (size_t i = 0; i < o->n; i++)
		if (bytes_equal_nocase(domain, bytes_of(o->v[i])))
			return true;
	return o->n == 0 && o->dns && bytes_equal_nocase(domain, bytes_of(o->dns));
}

/* ---- what the target object says ---- */

static bool
has_sid_history(const struct entry *target, struct bytes sid)
{
	const struct attr *a = entry_find(target, "sIDHistory");

	return sid.len && a && attr_has(a, sid, false);
}

static bool
carries_x500(const struct entry *e, struct bytes legacy_dn)
{
	const struct attr *a = entry_find(e, "proxyAddresses");

	for (size_t i = 0; legacy_dn.len && a && i < a->n_values; i++)
		if (address_is_x500(a->values[i]) &&
		    bytes_equal_nocase(address_value(a->values[i]), legacy_dn))
			return true;
	return false;
}

static bool
is_known_by(const struct entry *target, struct bytes address)
{
	const char *primary = address_primary(target), *mail = entry_get_str(target, "mail");

	return address.len && ((primary && bytes_equal_nocase(bytes_of(primary), address)) ||
				  (mail && bytes_equal_nocase(bytes_of(mail), address)));
}

bool
evidence_has_address(const struct entry *e, struct bytes address)
{
	const struct attr *a = entry_find(e, "proxyAddresses");

	for (size_t i = 0; a && i < a->n_values; i++)
		if (address_is_smtp(a->values[i]) &&
		    bytes_equal_nocase(address_value(a->values[i]), address))
			return true;
	return is_known_by(e, address);
}

bool
evidence_holds(enum match_method method, const struct entry *target, struct bytes value,
    const struct own_domains *own)
{
	switch (method) {
	case MATCH_SID_ON_TARGET: return has_sid_history(target, value);
	case MATCH_X500_ON_TARGET: return carries_x500(target, value);
	case MATCH_MAIL_ON_TARGET:
		return own_domains_have(own, value) && is_known_by(target, value);
	case MATCH_SAM: return kind_of(target) != KIND_GROUP;
	case MATCH_RECORD:
	case MATCH_STAMP:
	case MATCH_SID_HISTORY:
	case MATCH_X500:
	case MATCH_MAIL:
	case MATCH_UPN:
	case MATCH_ATTRIBUTE:
	case MATCH_CSV:
	case MATCH_ADOPT:
	case MATCH_METHOD_MAX: break;
	}
	return true;
}

bool
evidence_agrees(const struct entry *source, const struct entry *target)
{
	const char *primary = address_primary(source);

	return has_sid_history(target, entry_get(source, "objectSid")) ||
	       carries_x500(target, entry_get(source, "legacyExchangeDN")) ||
	       carries_x500(source, entry_get(target, "legacyExchangeDN")) ||
	       (primary && is_known_by(target, bytes_of(primary)));
}

/* ---- whether that is enough ---- */

bool
evidence_needs_approval(enum match_method method, const struct entry *target)
{
	if (method == MATCH_RECORD || method == MATCH_STAMP || method == MATCH_CSV ||
	    method == MATCH_ADOPT)
		return false;
	if (kind_of(target) == KIND_GROUP)
		return ((uint64_t)entry_get_i64(target, "groupType", 0) & GROUP_SECURITY) != 0;
	return active_has_mailbox(target, TARGET);
}

bool
evidence_is_in_place(const struct conf_link *link, enum match_method method, const char *target_dn)
{
	if (link->n_match_bases == 0 || method == MATCH_RECORD)
		return true;
	for (size_t i = 0; i < link->n_match_bases; i++)
		if (dn_is_under(target_dn, link->match_bases[i]))
			return true;
	for (size_t i = 0; method == MATCH_STAMP && i < link->n_scopes; i++)
		if (dn_is_under(target_dn, link->scopes[i].target_ou))
			return true;
	return false;
}
