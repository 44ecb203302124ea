/* SPDX-License-Identifier: MIT */
#include "dsa/rules/heir.h"

#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/kind.h"
#include "dsa/rules/project.h"
#include "mapping/match.h"
#include "redirect/address.h"

#define MARK "galsync:"

static const char *const addressed[] = {"proxyAddresses", "mail", "legacyExchangeDN", HEIR_MEMO};

/* By what other objects are named, and where that is told of. */
static const struct {
	const char *back, *attr;
} links[] = {
    {"memberOf", "member"},
    {"directReports", "manager"},
    {"managedObjects", "managedBy"},
    {"msExchCoManagedObjectsBL", "msExchCoManagedByLink"},
    {"altRecipientBL", "altRecipient"},
    {"publicDelegatesBL", "publicDelegates"},
    {"authOrigBL", "authOrig"},
    {"unauthOrigBL", "unauthOrig"},
    {"dLMemSubmitPermsBL", "dLMemSubmitPerms"},
    {"dLMemRejectPermsBL", "dLMemRejectPerms"},
};

const char *const *
heir_read(void)
{
	static const char *const attrs[] = {"objectGUID", "objectClass", "objectSid",
	    "proxyAddresses", "mail", "legacyExchangeDN", HEIR_MEMO, HEIR_HIDES, "memberOf",
	    "directReports", "managedObjects", "msExchCoManagedObjectsBL", "altRecipientBL",
	    "publicDelegatesBL", "authOrigBL", "unauthOrigBL", "dLMemSubmitPermsBL",
	    "dLMemRejectPermsBL", NULL};

	return attrs;
}

const char *
heir_attr(size_t i)
{
	return i < ARRAY_SIZE(addressed) ? addressed[i] : NULL;
}

const char *
heir_reference(size_t i)
{
	return i < ARRAY_SIZE(links) ? links[i].attr : NULL;
}

/* ---- who ---- */

static bool
is_contact_of(const struct entry *e, const char *attr, const struct guid *g, struct stamp *ret)
{
	return kind_of(e) == KIND_CONTACT && !dn_is_mangled(e->dn) && stamp_of(e, attr, ret) &&
	       guid_equal(&ret->source, g);
}

bool
heir_is_return_contact(
    const struct conf_link *link, const struct entry *e, const struct guid *native)
{
	struct stamp stamp;

	return link->back && is_contact_of(e, link->source->stamp_attribute, native, &stamp) &&
	       stamp.created && dn_is_under(e->dn, link->return_contacts_ou);
}

bool
heir_is_leftover(const struct conf_link *link, const struct entry *e, const struct guid *source)
{
	struct stamp stamp;

	return !link->forth && is_contact_of(e, link->target->stamp_attribute, source, &stamp) &&
	       (stamp.created || link->promote_contacts);
}

/* ---- references ---- */

/* REFERRER names the contact in ATTR. The heir may be there already, or be the referrer. */
static int
redirect_one(const struct heir_pair *p, const char *attr, const char *referrer, bool has,
    struct change **ret, struct err *err)
{
	_cleanup_(change_free) struct change *c = change_new(CHANGE_MODIFY, referrer, NULL);

	if (!c || change_mod_str(c, MOD_DELETE, attr, p->contact->dn) < 0 ||
	    (!has && !dn_equal(referrer, p->heir->dn) &&
		change_mod_str(c, MOD_ADD, attr, p->heir->dn) < 0))
		return err_nomem(err);
	*ret = TAKE(c);
	return 0;
}

int
heir_references(const struct heir_pair *p, struct change ***ret, size_t *ret_n, struct err *err)
{
	struct change **v = NULL;
	size_t n = 0, cap = 0;
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		const struct attr *a = entry_find(p->contact, links[i].back);
		const struct attr *has = entry_find(p->heir, links[i].back);

		for (size_t j = 0; rc == 0 && a && j < a->n_values; j++) {
			const char *referrer = dn_strip_extended(a->values[j].data);

			/* What it says of itself ends with it. */
			if (dn_equal(referrer, p->contact->dn))
				continue;
			if (list_grow(v, n, cap) < 0)
				rc = err_nomem(err);
			else
				rc = redirect_one(p, links[i].attr, referrer,
				    attr_has_dn(has, referrer), &v[n], err);
			n += rc == 0;
		}
	}
	*ret = v;
	*ret_n = n;
	return rc;
}

/* ---- addresses ---- */

static enum heir_part
part_of(const char *attr, struct bytes v)
{
	return strcmp(attr, "legacyExchangeDN") == 0 ||
		       (strcmp(attr, "proxyAddresses") == 0 && address_is_x500(v))
		   ? HEIR_NAMES
		   : HEIR_ADDRESSES;
}

/* "galsync:ATTR:VALUE". */
static char *
memo_of(const char *attr, struct bytes v)
{
	return str_printf(MARK "%s:%.*s", attr, (int)v.len, (const char *)v.data);
}

/* The attribute that MEMO, a value of HEIR_MEMO, is of, and its value; NULL: it is none of ours. */
static const char *
parse_memo(struct bytes memo, struct bytes *ret)
{
	const char *text = memo.data;

	for (size_t i = 0; str_starts_nocase(text, MARK) && i < ARRAY_SIZE(addressed) - 1; i++) {
		size_t n = strlen(addressed[i]);
		const char *at = text + sizeof MARK - 1;

		if (strncmp(at, addressed[i], n) == 0 && at[n] == ':') {
			*ret = bytes_of(at + n + 1);
			return addressed[i];
		}
	}
	return NULL;
}

/* Takes value V of ATTR off the contact, into the memo. */
static int
put_aside(const struct heir_pair *p, const char *attr, struct bytes v, struct change *c)
{
	const struct attr *memos = entry_find(p->contact, HEIR_MEMO);
	_cleanup_(free) char *memo = memo_of(attr, v);

	if (!memo || change_mod(c, MOD_DELETE, attr, v) < 0)
		return -1;
	return memos && attr_has(memos, bytes_of(memo), true)
		   ? 0
		   : change_mod_str(c, MOD_ADD, HEIR_MEMO, memo);
}

/* V of proxyAddresses, or the name or address V, as a value of the heir's proxyAddresses; NULL:
 * it gets none. *RET_FAILED without memory. */
static char *
inherited(const struct heir_pair *p, const char *attr, struct bytes v, bool *ret_failed)
{
	const char *own = entry_get_str(p->heir, "legacyExchangeDN");
	const struct attr *a = entry_find(p->heir, "proxyAddresses");
	_cleanup_(free) char *value = NULL;
	bool proxy = strcmp(attr, "proxyAddresses") == 0, has_sip = false;

	if (!proxy)
		value = str_printf("%s:%s", *attr == 'm' ? "smtp" : "X500", (const char *)v.data);
	else if (address_is_smtp(v))
		value = str_printf("smtp:%s", (const char *)address_value(v).data);
	else
		value = bytes_dup(v);
	*ret_failed |= !value;
	for (size_t i = 0; a && i < a->n_values; i++)
		has_sip |= address_is_sip(a->values[i]);
	if (!value || !address_is_well_formed(bytes_of(value)) ||
	    project_is_internal(p->link, bytes_of(value)) ||
	    (a && attr_has(a, bytes_of(value), true)) ||
	    (has_sip && address_is_sip(bytes_of(value))) ||
	    (own && address_is_x500(bytes_of(value)) &&
		bytes_equal_nocase(bytes_of(own), address_value(bytes_of(value)))))
		return NULL;
	return TAKE(value);
}

/* Had galsync given the contact V of ATTR, an address, because its native had it, which has it no
 * more? VALUE is that as one of proxyAddresses. */
static bool
is_bygone(const struct heir_pair *p, const char *attr, struct bytes v, const char *value)
{
	const struct attr *a = p->native ? entry_find(p->native, "proxyAddresses") : NULL;

	return a && p->back && address_is_smtp(bytes_of(value)) &&
	       record_was_written(p->back, TARGET, record_written_hash(attr, v)) &&
	       !attr_has(a, bytes_of(value), true);
}

static int
give(const struct heir_pair *p, const char *attr, struct bytes v, struct change *c)
{
	bool failed = false;
	_cleanup_(free) char *value = inherited(p, attr, v, &failed);

	if (value && is_bygone(p, attr, v, value))
		return 0;

	for (size_t i = 0; value && i < c->n_mods; i++)
		for (size_t j = 0; j < c->mods[i].n_values; j++)
			if (bytes_equal_nocase(c->mods[i].values[j], bytes_of(value)))
				return 0;
	if (failed)
		return -1;
	return value ? change_mod_str(c, MOD_ADD, "proxyAddresses", value) : 0;
}

/* What the contact still has of PART, or, with MEMO, what was put aside. */
static int
each_value(const struct heir_pair *p, enum heir_part part, struct change *const c[2])
{
	const struct attr *memos = entry_find(p->contact, HEIR_MEMO);

	for (size_t i = 0; i < ARRAY_SIZE(addressed) - 1; i++) {
		const struct attr *a = entry_find(p->contact, addressed[i]);

		for (size_t j = 0; a && j < a->n_values; j++)
			if (part_of(addressed[i], a->values[j]) == part &&
			    (put_aside(p, addressed[i], a->values[j], c[0]) < 0 ||
				give(p, addressed[i], a->values[j], c[1]) < 0))
				return -1;
	}
	for (size_t i = 0; memos && i < memos->n_values; i++) {
		struct bytes v;
		const char *attr = parse_memo(memos->values[i], &v);

		if (attr && part_of(attr, v) == part && give(p, attr, v, c[1]) < 0)
			return -1;
	}
	return 0;
}

int
heir_move(const struct heir_pair *p, enum heir_part part, struct change *ret[2], struct err *err)
{
	_cleanup_(change_free) struct change *off =
	    change_new(CHANGE_MODIFY, p->contact->dn, &p->contact->guid);
	_cleanup_(change_free) struct change *onto =
	    change_new(CHANGE_MODIFY, p->heir->dn, &p->heir->guid);

	if (!off || !onto || each_value(p, part, (struct change *const[2]){off, onto}) < 0)
		return err_nomem(err);
	if (p->shows && part == HEIR_NAMES && entry_get_bool(p->heir, HEIR_HIDES) &&
	    change_mod(onto, MOD_DELETE, HEIR_HIDES, entry_get(p->heir, HEIR_HIDES)) < 0)
		return err_nomem(err);
	ret[0] = TAKE(off);
	ret[1] = TAKE(onto);
	return 0;
}

int
heir_put_back(const struct heir_pair *p, struct change **ret, struct err *err)
{
	_cleanup_(change_free) struct change *c =
	    change_new(CHANGE_MODIFY, p->contact->dn, &p->contact->guid);
	const struct attr *memos = entry_find(p->contact, HEIR_MEMO);
	const struct attr *there = entry_find(p->heir, "proxyAddresses");

	for (size_t i = 0; c && memos && i < memos->n_values; i++) {
		struct bytes v;
		const char *attr = parse_memo(memos->values[i], &v);

		/* The heir has what belongs to it. */
		if (!attr || (there && attr_has(there, v, true)))
			continue;
		if (change_mod(c, MOD_DELETE, HEIR_MEMO, memos->values[i]) < 0 ||
		    change_mod(c, MOD_ADD, attr, v) < 0)
			return err_nomem(err);
	}
	if (!c)
		return err_nomem(err);
	*ret = TAKE(c);
	return 0;
}

/* ---- its name ---- */

char *
heir_spare_rdn(const struct entry *contact)
{
	char guid[GUID_TEXT_SIZE];
	_cleanup_(free) char *value = NULL, *escaped = NULL;
	struct err ignored;
	_cleanup_(free) char *now = dn_rdn_value(contact->dn, &ignored);

	if (!now)
		return NULL;
	guid_format(&contact->guid, guid);
	value = str_printf("%.*s (%.8s)", (int)utf8_prefix_utf16(bytes_of(now), 50), now, guid);
	escaped = value ? dn_escape_value(value) : NULL;
	return escaped ? str_printf("CN=%s", escaped) : NULL;
}
