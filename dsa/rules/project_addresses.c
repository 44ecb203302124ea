/* SPDX-License-Identifier: MIT */
/* The addresses of both sides, and where the target sends mail on. */
#include "dsa/rules/project_priv.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/config/template.h"
#include "dsa/rules/evidence.h"
#include "redirect/active_side.h"
#include "redirect/address.h"
#include "redirect/tenant.h"

/* LOCAL is what a template gave for WHAT. */
static int
check_local(const char *what, const char *local, struct err *err)
{
	if (address_local_ok(local))
		return 0;
	return err_data(err,
	    "%s: '%s' cannot be the local part of an address; allowed: ASCII letters, digits and "
	    "!#$%%&'*+-/=?^_`{|}~ and inner dots",
	    what, local);
}

/* LOCAL and the first eight digits of the source's GUID, within the 64 octets of a local part. */
static char *
make_own(const char *local, const struct guid *source)
{
	char guid[GUID_TEXT_SIZE];

	guid_format(source, guid);
	return str_printf("%.55s-%.8s", local, guid);
}

/* "<alias>@DOMAIN" by the link's template, or SPARE the other one. */
static int
make_address(
    const struct project_in *in, const char *domain, bool spare, char **ret, struct err *err)
{
	_cleanup_(free) char *local = NULL, *own = NULL;

	if (template_expand(in->link->redirect_template, in->source, &local, err) < 0)
		return err_ctx(err, "redirect address");
	if (check_local("redirect address", local, err) < 0)
		return -1;
	if (spare && !(own = make_own(local, &in->source->guid)))
		return err_nomem(err);
	*ret = str_printf("%s@%s", own ? own : local, domain);
	return *ret ? 0 : err_nomem(err);
}

int
project_redirect_address(const struct project_in *in, enum side side, char **ret, struct err *err)
{
	const struct conf_link *link = in->link;
	const char *domain =
	    side == SOURCE ? link->source->redirect_domain : link->target->redirect_domain;

	*ret = NULL;
	return domain ? make_address(in, domain, in->spare[side], ret, err) : 0;
}

/* The letters of the alias that are safe in a legacyExchangeDN. */
static void
add_clean(struct buf *b, const char *s)
{
	for (; *s; s++)
		if ((*s >= '0' && *s <= '9') ||
		    (ascii_lower((uint8_t)*s) >= 'a' && ascii_lower((uint8_t)*s) <= 'z') ||
		    *s == '-' || *s == '_' || *s == '.')
			buf_add_char(b, *s);
}

char *
project_legacy_dn(const struct conf_link *link, const struct entry *source)
{
	_cleanup_(buf_done) struct buf b = {0};
	const char *alias = entry_get_str(source, "mailNickname");
	char guid[GUID_TEXT_SIZE];

	guid_format(&source->guid, guid);
	buf_printf(&b, "%s/cn=Recipients/cn=", link->admin_group);
	if (alias)
		add_clean(&b, alias);
	buf_add_char(&b, '-');
	for (const char *p = guid; *p; p++)
		if (*p != '-')
			buf_add_char(&b, *p);
	return buf_take_str(&b);
}

bool
project_is_internal(const struct conf_link *link, struct bytes v)
{
	const char *const domains[] = {link->source->redirect_domain, link->target->redirect_domain,
	    link->source->routing_domain, link->target->routing_domain, link->toggle_domain};

	for (size_t i = 0; i < ARRAY_SIZE(domains); i++)
		if (domains[i] && address_in_domain(v, domains[i]))
			return true;
	return active_is_adopted(v.data, link->adopted_domains[SOURCE]) ||
	       active_is_adopted(v.data, link->adopted_domains[TARGET]);
}

/* As the primary address of both sides it would make the target redirect to itself. */
static int
check_primary(const struct conf_link *link, const char *primary, struct err *err)
{
	_cleanup_(free) char *typed = str_printf("smtp:%s", primary);

	if (!typed)
		return err_nomem(err);
	if (!address_is_well_formed(bytes_of(typed)))
		return err_data(err, "the primary address '%s' is none: correct it", primary);
	if (project_is_internal(link, bytes_of(typed)))
		return err_data(err,
		    "the primary address '%s' is in a redirect domain or in the toggle_domain: "
		    "give the object one of its organization",
		    primary);
	return 0;
}

static int
expand_primary(const struct project_in *in, char **ret, struct err *err)
{
	_cleanup_(free) char *primary = NULL, *local = NULL;

	if (template_expand(in->link->primary_template, in->source, &primary, err) < 0)
		return -1;
	if (!(local = strdup(primary)))
		return err_nomem(err);
	if (strrchr(local, '@'))
		*strrchr(local, '@') = '\0';
	if (check_local("primary address", local, err) < 0)
		return -1;
	*ret = TAKE(primary);
	return 0;
}

/* The primary address the target is to have, without type. Caller frees. */
static int
target_primary(const struct project_in *in, char **ret, struct err *err)
{
	const char *own = address_primary(in->source);
	_cleanup_(free) char *primary = NULL;

	if (in->link->primary_template && in->kind != KIND_CONTACT) {
		if (expand_primary(in, &primary, err) < 0)
			return -1;
	} else if (!own) {
		return err_data(err, "the source has no primary SMTP address");
	} else if (!(primary = strdup(own))) {
		return err_nomem(err);
	}
	if (check_primary(in->link, primary, err) < 0)
		return -1;
	*ret = TAKE(primary);
	return 0;
}

int
compute_mail(const struct project_in *in, struct entry *ret, struct err *err)
{
	_cleanup_(free) char *primary = NULL;

	if (target_primary(in, &primary, err) < 0)
		return -1;
	return project_set_str(ret, "mail", primary, err);
}

/* The one sip: value of the source that is copied, the first by its octets; data NULL: none. */
static struct bytes
chosen_sip(const struct attr *a, size_t *ret_n)
{
	struct bytes best = {NULL, 0};

	*ret_n = 0;
	for (size_t i = 0; a && i < a->n_values; i++) {
		struct bytes v = a->values[i];

		if (!address_is_sip(v) || !address_is_well_formed(v))
			continue;
		++*ret_n;
		if (!best.data || bytes_compare(v, best) < 0)
			best = v;
	}
	return best;
}

/* The source's addresses that its counterpart carries too: all but those in a redirect domain, and
 * but the X500 of the target itself. */
static int
copy_addresses(const struct project_in *in, const char *target_legacy, struct address_list *list,
    struct err *err)
{
	const struct attr *a = entry_find(in->source, "proxyAddresses");
	size_t ignored;
	struct bytes sip = chosen_sip(a, &ignored);

	for (size_t i = 0; a && i < a->n_values; i++) {
		struct bytes v = a->values[i];
		bool own = address_is_x500(v) && target_legacy &&
			   bytes_equal_nocase(address_value(v), bytes_of(target_legacy));

		if (!own && !(address_is_sip(v) && !bytes_equal(v, sip)) &&
		    address_is_well_formed(v) && !project_is_internal(in->link, v) &&
		    address_list_add(list, v) < 0)
			return err_nomem(err);
	}
	return 0;
}

/* The legacyExchangeDNs that either side had, as X500 addresses, but for OWN. */
static int
add_remembered(
    const struct project_in *in, const char *own, struct address_list *list, struct err *err)
{
	for (int side = SOURCE; in->record && side < SIDES; side++) {
		const struct record_side *s = &in->record->side[side];

		for (size_t i = 0; i < s->n_legacy_dns; i++)
			if (!(own && str_equal_nocase(s->legacy_dns[i], own)) &&
			    address_list_add_x500(list, s->legacy_dns[i]) < 0)
				return err_nomem(err);
	}
	return 0;
}

/* The redirect address that the source still redirects to stays until it redirects to another one.
 */
static int
add_in_use(const struct project_in *in, struct address_list *list, struct err *err)
{
	const struct attr *a = in->target ? entry_find(in->target, "proxyAddresses") : NULL;
	const char *to = entry_get_str(in->source, "targetAddress");

	for (size_t i = 0; in->redirects && in->record && to && a && i < a->n_values; i++) {
		struct bytes v = a->values[i];

		if (bytes_equal_nocase(v, bytes_of(to)) &&
		    record_was_written(
			in->record, TARGET, record_written_hash("proxyAddresses", v)) &&
		    address_list_addf(list, "smtp:%s", (const char *)address_value(v).data) < 0)
			return err_nomem(err);
	}
	return 0;
}

/* What an active target has, it keeps: but for an old redirect address of its own. */
static int
keep_addresses(const struct project_in *in, struct address_list *list, struct err *err)
{
	const struct attr *a = entry_find(in->target, "proxyAddresses");
	const char *domain = in->link->target->redirect_domain;

	for (size_t i = 0; a && i < a->n_values; i++)
		if (!(domain && address_in_domain(a->values[i], domain)) &&
		    address_list_add(list, a->values[i]) < 0)
			return err_nomem(err);
	return 0;
}

/* X500 names of the source, all of them. */
static int
copy_names(const struct project_in *in, const char *target_legacy, struct address_list *list,
    struct err *err)
{
	const struct attr *a = entry_find(in->source, "proxyAddresses");

	for (size_t i = 0; a && i < a->n_values; i++)
		if (address_is_x500(a->values[i]) && address_is_well_formed(a->values[i]) &&
		    !(target_legacy &&
			bytes_equal_nocase(address_value(a->values[i]), bytes_of(target_legacy))) &&
		    address_list_add(list, a->values[i]) < 0)
			return err_nomem(err);
	return 0;
}

bool
project_lacks_primary(const struct project_in *in)
{
	return in->created && in->target && !address_primary(in->target) &&
	       address_primary(in->source);
}

static int
give_primary(const struct project_in *in, struct address_list *list, struct err *err)
{
	_cleanup_(free) char *primary = NULL;

	if (target_primary(in, &primary, err) < 0)
		return -1;
	return address_list_set_primary(list, primary) < 0 ? err_nomem(err) : 0;
}

/* The addresses that the source decides about: all, or of an active target the names alone. */
static int
governed_addresses(const struct project_in *in, const char *target_legacy,
    struct address_list *list, struct err *err)
{
	bool keeps = in->lead == TARGET && in->target;

	if (!keeps)
		return copy_addresses(in, target_legacy, list, err) < 0
			   ? -1
			   : give_primary(in, list, err);
	if (keep_addresses(in, list, err) < 0 || copy_names(in, target_legacy, list, err) < 0)
		return -1;
	return project_lacks_primary(in) ? give_primary(in, list, err) : 0;
}

/* The values of A that are no addresses, and the first of them by its octets. */
static struct bytes
first_malformed(const struct attr *a, size_t *ret_n)
{
	struct bytes first = {NULL, 0};

	*ret_n = 0;
	for (size_t i = 0; a && i < a->n_values; i++) {
		struct bytes v = a->values[i];

		if (address_is_well_formed(v))
			continue;
		++*ret_n;
		if (!first.data || bytes_compare(v, first) < 0)
			first = v;
	}
	return first;
}

static size_t
count_primaries(const struct attr *a)
{
	size_t n = 0;

	for (size_t i = 0; a && i < a->n_values; i++)
		n += address_is_primary(a->values[i]) && address_is_well_formed(a->values[i]);
	return n;
}

bool
project_odd_addresses(const struct project_in *in, char *ret, size_t size)
{
	const struct attr *a = entry_find(in->source, "proxyAddresses");
	size_t primaries = in->link->primary_template ? 0 : count_primaries(a), malformed, sips;
	struct bytes first = first_malformed(a, &malformed), sip = chosen_sip(a, &sips);
	char text[96];
	size_t len = 0;

	*ret = '\0';
	if (primaries > 1) {
		err_escape(text, sizeof text, bytes_of(address_primary(in->source)));
		len = (size_t)snprintf(ret, size,
		    "%zu primary addresses, of which '%s' is taken and the others become "
		    "secondary",
		    primaries, text);
	}
	if (sips > 1 && len < size) {
		err_escape(text, sizeof text, sip);
		len += (size_t)snprintf(ret + len, size - len,
		    "%s%zu sip addresses, of which only '%s' is copied", len ? "; " : "", sips,
		    text);
	}
	if (malformed && len < size) {
		err_escape(text, sizeof text, first);
		(void)snprintf(ret + len, size - len,
		    malformed == 1 ? "%s'%s', which is no address and not copied"
				   : "%s'%s' and others that are no addresses and not copied",
		    len ? "; " : "", text);
	}
	return *ret != '\0';
}

/* The address that leads to the target's mailbox in its tenant: the one that it has, or one like
 * its redirect address. */
static int
add_route(const struct project_in *in, struct address_list *list, struct err *err)
{
	const char *domain = in->link->target->routing_domain, *there;
	_cleanup_(free) char *made = NULL;

	if (in->shape != SHAPE_REMOTE_MAILBOX || !domain)
		return 0;
	there = in->target ? tenant_route(in->target, domain) : NULL;
	if (!there && make_address(in, domain, in->spare[TARGET], &made, err) < 0)
		return -1;
	return address_list_addf(list, "smtp:%s", there ? there : made) < 0 ? err_nomem(err) : 0;
}

int
compute_addresses(const struct project_in *in, struct entry *ret, struct err *err)
{
	_cleanup_(address_list_done) struct address_list list = {0};
	_cleanup_(free) char *redirect = NULL, *own_legacy = NULL;
	const char *legacy = entry_get_str(in->source, "legacyExchangeDN");
	const char *target_legacy =
	    in->target ? entry_get_str(in->target, "legacyExchangeDN") : NULL;

	if (!target_legacy &&
	    !(target_legacy = own_legacy = project_legacy_dn(in->link, in->source)))
		return err_nomem(err);
	if (governed_addresses(in, target_legacy, &list, err) < 0)
		return -1;
	if (legacy && !str_equal_nocase(legacy, target_legacy) &&
	    address_list_add_x500(&list, legacy) < 0)
		return err_nomem(err);
	if (add_remembered(in, target_legacy, &list, err) < 0 || add_in_use(in, &list, err) < 0)
		return -1;
	if (project_has_redirect(in)) {
		if (project_redirect_address(in, TARGET, &redirect, err) < 0)
			return -1;
		if (redirect && address_list_addf(&list, "smtp:%s", redirect) < 0)
			return err_nomem(err);
	}
	if (add_route(in, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.n; i++)
		if (entry_add(ret, "proxyAddresses", list.values[i]) < 0)
			return err_nomem(err);
	return 0;
}

/* Would a targetAddress TO of the target lead back to its own mailbox? Exchange gives a mail user's
 * or a contact's destination to the object as an address too: without a mailbox that is no loop. */
static bool
leads_to_itself(const struct project_in *in, const char *to)
{
	const struct entry *mailbox =
	    in->target && kind_has_mailbox(in->target) ? in->target : NULL;

	return active_leads_to(to, mailbox, in->link->target->redirect_domain) ||
	       active_is_adopted(to, in->link->adopted_domains[TARGET]);
}

/* Does the target's mailbox lie in a tenant of which the configuration does not say what leads
 * there? Then what is taken away would not come back. */
static bool
is_only_route(const struct project_in *in)
{
	return in->shape == SHAPE_REMOTE_MAILBOX && in->target && !in->link->target->routing_domain;
}

/* A redirection to a third place is not galsync's. And a mailbox whose source has none any more
 * keeps the redirection it has: nothing turns by itself. */
static bool
stays_there(const struct project_in *in)
{
	return in->target && in->kind == KIND_USER &&
	       (in->verdict.lost ||
		   (in->redirects && in->verdict.facts.leads[TARGET] == LEADS_AWAY));
}

/* An address of the source in a domain of its own forest: to another one mail would come back to
 * the forest that sends it. The primary one, or else the redirect address, or the first of the
 * others by its octets; NULL: there is none. Borrowed from the source. */
static const char *
own_address(const struct project_in *in)
{
	const struct conf_forest *from = in->link->source, *to = in->link->target;
	const struct own_domains there = own_domains_of(to, to->dir.domain);
	const struct own_domains own = own_domains_of(from, from->dir.domain);
	const struct attr *a = entry_find(in->source, "proxyAddresses");
	const char *primary = address_primary(in->source), *found = NULL;

	if (!in->link->forth || !primary || !own_domains_have(&there, bytes_of(primary)))
		return primary;
	for (size_t i = 0; a && i < a->n_values; i++) {
		struct bytes v = a->values[i];

		if (from->redirect_domain && address_in_domain(v, from->redirect_domain))
			return address_value(v).data;
		if (address_is_smtp(v) && own_domains_have(&own, address_value(v)) &&
		    (!found || strcmp(address_value(v).data, found) < 0))
			found = address_value(v).data;
	}
	return found;
}

/* The primary address of the target that the source is to have as well, without type, or NULL: it
 * keeps its own. What the configured template gives the target is no news. */
static int
news_of_primary(const struct project_in *in, const char **ret, struct err *err)
{
	const char *own = address_primary(in->source);
	_cleanup_(free) char *typed = own ? str_printf("smtp:%s", own) : NULL;
	_cleanup_(free) char *given = NULL;
	struct project_in forth = *in;

	*ret = NULL;
	if (!own)
		return 0;
	if (!typed)
		return err_nomem(err);
	if (!address_is_well_formed(bytes_of(typed)) ||
	    project_is_internal(in->link, bytes_of(typed)))
		return 0;
	forth.source = in->target;
	if (in->link->primary_template && in->kind != KIND_CONTACT &&
	    expand_primary(&forth, &given, err) < 0 && err->scope != ERR_ENTRY)
		return -1;
	if (!(given && str_equal_nocase(given, own)))
		*ret = own;
	return 0;
}

int
compute_back_mail(const struct project_in *in, struct entry *ret, struct err *err)
{
	const char *primary;

	if (news_of_primary(in, &primary, err) < 0)
		return -1;
	return primary ? project_set_str(ret, "mail", primary, err) : 1;
}

/* The addresses that people write to. X500 names come over by another way (project_source()), and
 * what each organization makes for itself not at all. */
int
compute_back_addresses(const struct project_in *in, struct entry *ret, struct err *err)
{
	const struct attr *a = entry_find(in->source, "proxyAddresses");
	_cleanup_(address_list_done) struct address_list list = {0};
	const char *primary;

	if (news_of_primary(in, &primary, err) < 0)
		return -1;
	for (size_t i = 0; a && i < a->n_values; i++) {
		struct bytes v = a->values[i];

		if (address_is_smtp(v) && address_is_well_formed(v) &&
		    !project_is_internal(in->link, v) &&
		    address_list_addf(&list, "smtp:%s", (const char *)address_value(v).data) < 0)
			return err_nomem(err);
	}
	if (primary && address_list_set_primary(&list, primary) < 0)
		return err_nomem(err);
	for (size_t i = 0; i < list.n; i++)
		if (entry_add(ret, "proxyAddresses", list.values[i]) < 0)
			return err_nomem(err);
	return 0;
}

/* Where what is hidden leaves, the flag would end the correspondence. */
int
compute_back_hidden(const struct project_in *in, struct entry *ret, struct err *err)
{
	struct bytes v = entry_get(in->source, "msExchHideFromAddressLists");

	if (in->scope->hidden_leaves)
		return 1;
	return v.data ? project_set_str(ret, "msExchHideFromAddressLists", v.data, err) : 0;
}

/* Where the target sends mail on: to the source's mailbox while that is the active one. */
int
compute_target_address(const struct project_in *in, struct entry *ret, struct err *err)
{
	_cleanup_(free) char *redirect = NULL, *text = NULL;
	const char *own = entry_get_str(in->source, "targetAddress");

	if (stays_there(in) || is_only_route(in))
		return 1;
	if (in->kind == KIND_CONTACT || !in->redirects) {
		/* What is itself no mailbox passes its own destination on, a group its address. */
		if (own)
			return leads_to_itself(in, own)
				   ? 0
				   : project_set_str(ret, "targetAddress", own, err);
		if (in->kind == KIND_USER && !kind_has_mailbox(in->source))
			return 0;
	} else if (project_redirect_address(in, SOURCE, &redirect, err) < 0) {
		return -1;
	}
	if (!redirect && !address_primary(in->source))
		return 0;
	if (!redirect && !own_address(in))
		return err_data(err, "none of its addresses is in a mail domain of its own forest: "
				     "mail to a contact "
				     "of it would come back");
	text = str_printf("SMTP:%s", redirect ? redirect : own_address(in));
	return !text ? err_nomem(err) : project_set_str(ret, "targetAddress", text, err);
}

/* Every name of the target, so that whatever was addressed to it resolves at the source. */
static int
target_names(
    const struct project_in *in, const char *legacy_dn, struct address_list *list, struct err *err)
{
	const char *own = entry_get_str(in->source, "legacyExchangeDN");
	const struct attr *a = in->target ? entry_find(in->target, "proxyAddresses") : NULL;

	if (legacy_dn && !(own && str_equal_nocase(own, legacy_dn)) &&
	    address_list_add_x500(list, legacy_dn) < 0)
		return err_nomem(err);
	for (size_t i = 0; a && i < a->n_values; i++)
		if (address_is_x500(a->values[i]) &&
		    !(own && bytes_equal_nocase(address_value(a->values[i]), bytes_of(own))) &&
		    address_list_add(list, a->values[i]) < 0)
			return err_nomem(err);
	return add_remembered(in, own, list, err);
}

int
project_source(
    const struct project_in *in, const char *target_legacy_dn, struct entry **ret, struct err *err)
{
	_cleanup_(entry_free) struct entry *e = entry_new(in->source->dn);
	_cleanup_(address_list_done) struct address_list list = {0};
	_cleanup_(free) char *redirect = NULL;

	if (!e || entry_touch(e, "proxyAddresses") < 0)
		return err_nomem(err);
	if (target_names(in, target_legacy_dn, &list, err) < 0)
		return -1;
	if (in->redirects) {
		if (project_redirect_address(in, SOURCE, &redirect, err) < 0)
			return -1;
		if (redirect && address_list_addf(&list, "smtp:%s", redirect) < 0)
			return err_nomem(err);
	}
	for (size_t i = 0; i < list.n; i++)
		if (entry_add(e, "proxyAddresses", list.values[i]) < 0)
			return err_nomem(err);
	*ret = TAKE(e);
	return 0;
}
