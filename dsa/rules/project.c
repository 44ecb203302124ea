/* SPDX-License-Identifier: MIT */
#include "dsa/rules/project.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/config/template.h"
#include "dsa/directory/sid.h"
#include "redirect/address.h"
#include "redirect/turn.h"

/* msExchRecipientTypeDetails. */
enum {
	DETAILS_USER = 1,
	DETAILS_LINKED = 2,
	DETAILS_SHARED = 4,
	DETAILS_ROOM = 16,
	DETAILS_EQUIPMENT = 32,
	DETAILS_CONTACT = 64,
	DETAILS_MAIL_USER = 128,
	DETAILS_UNIVERSAL_GROUP = 256,
	DETAILS_NON_UNIVERSAL_GROUP = 512,
	DETAILS_UNIVERSAL_SECURITY_GROUP = 1024,
	DETAILS_FOREST_CONTACT = 32768
};
/* msExchRecipientDisplayType: what stands for an object of another forest is "mail user or contact"
 * (6) here and keeps the remote object's type in the second octet. */
#define DISPLAY_REMOTE 0x80000000U
#define DISPLAY_ACL 0x40000000U
#define DISPLAY_MAIL_USER 6U
#define DISPLAY_SECURITY_GROUP 9U
#define DISPLAY_GROUP 1U
#define GROUP_UNIVERSAL 8
#define GROUP_SECURITY 0x80000000LL

static int
nomem_if(bool failed, struct err *err)
{
	return failed ? err_nomem(err) : 0;
}

static int
set_str(struct entry *e, const char *attr, const char *v, struct err *err)
{
	return nomem_if(entry_set_str(e, attr, v) < 0, err);
}

static int
set_number(struct entry *e, const char *attr, int64_t v, struct err *err)
{
	_cleanup_(free) char *text = str_printf("%lld", (long long)v);

	return !text ? err_nomem(err) : set_str(e, attr, text, err);
}

enum shape
project_shape(const struct conf_scope *scope, enum kind kind, const struct entry *source,
    const struct entry *target)
{
	bool contacts = scope->create == CREATE_CONTACT;

	if (target) {
		if (kind_of(target) == KIND_GROUP)
			return SHAPE_GROUP;
		if (kind_of(target) != KIND_USER)
			return SHAPE_CONTACT;
		if (kind_has_mailbox(target))
			return SHAPE_MAILBOX;
		return scope->create == CREATE_MAILBOX && kind_has_mailbox(source)
			   ? SHAPE_MAILBOX
			   : SHAPE_MAIL_USER;
	}
	if (kind == KIND_GROUP && !contacts)
		return SHAPE_GROUP;
	if (kind != KIND_USER || contacts)
		return SHAPE_CONTACT;
	return scope->create == CREATE_MAILBOX && kind_has_mailbox(source) ? SHAPE_MAILBOX
									   : SHAPE_MAIL_USER;
}

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

int
project_redirect_address(const struct conf_link *link, enum side side, const struct entry *source,
    char **ret, struct err *err)
{
	const char *domain =
	    side == SOURCE ? link->source->redirect_domain : link->target->redirect_domain;
	_cleanup_(free) char *local = NULL;

	if (!domain) {
		*ret = NULL;
		return 0;
	}
	if (template_expand(link->redirect_template, source, &local, err) < 0)
		return err_ctx(err, "redirect address");
	if (check_local("redirect address", local, err) < 0)
		return -1;
	*ret = str_printf("%s@%s", local, domain);
	return nomem_if(!*ret, err);
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

/* Is V an address that each organization makes for itself: in a redirect domain, or a dummy? */
static bool
is_internal(const struct conf_link *link, struct bytes v)
{
	const char *const domains[] = {
	    link->source->redirect_domain, link->target->redirect_domain, link->toggle_domain};

	for (size_t i = 0; i < ARRAY_SIZE(domains); i++)
		if (domains[i] && address_in_domain(v, domains[i]))
			return true;
	return false;
}

/* As the primary address of both sides it would make the target redirect to itself. */
static int
check_primary(const struct conf_link *link, const char *primary, struct err *err)
{
	_cleanup_(free) char *typed = str_printf("smtp:%s", primary);

	if (!typed)
		return err_nomem(err);
	if (is_internal(link, bytes_of(typed)))
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
compute_object_class(const struct project_in *in, struct entry *ret, struct err *err)
{
	return set_str(ret, "objectClass",
	    in->shape == SHAPE_GROUP	 ? "group"
	    : in->shape == SHAPE_CONTACT ? "contact"
					 : "user",
	    err);
}

int
compute_cn(const struct project_in *in, struct entry *ret, struct err *err)
{
	return set_str(ret, "cn", in->names->rdn_value, err);
}

int
compute_sam(const struct project_in *in, struct entry *ret, struct err *err)
{
	return in->names->sam ? set_str(ret, "sAMAccountName", in->names->sam, err) : 0;
}

int
compute_upn(const struct project_in *in, struct entry *ret, struct err *err)
{
	return in->names->upn ? set_str(ret, "userPrincipalName", in->names->upn, err) : 0;
}

int
compute_uac(const struct project_in *in, struct entry *ret, struct err *err)
{
	(void)in;
	return set_number(ret, "userAccountControl", UAC_NORMAL_ACCOUNT | UAC_ACCOUNTDISABLE, err);
}

int
compute_mail(const struct project_in *in, struct entry *ret, struct err *err)
{
	_cleanup_(free) char *primary = NULL;

	if (target_primary(in, &primary, err) < 0)
		return -1;
	return set_str(ret, "mail", primary, err);
}

/* The source's addresses that its counterpart carries too: all but those in a redirect domain, and
 * but the X500 of the target itself. */
static int
copy_addresses(const struct project_in *in, const char *target_legacy, struct address_list *list,
    struct err *err)
{
	const struct attr *a = entry_find(in->source, "proxyAddresses");

	for (size_t i = 0; a && i < a->n_values; i++) {
		struct bytes v = a->values[i];
		bool own = address_is_x500(v) && target_legacy &&
			   bytes_equal_nocase(address_value(v), bytes_of(target_legacy));

		if (!own && !is_internal(in->link, v) && address_list_add(list, v) < 0)
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
			    address_list_addf(list, "X500:%s", s->legacy_dns[i]) < 0)
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
		    record_was_put(in->record, record_put_hash("proxyAddresses", v)) &&
		    address_list_addf(list, "smtp:%s", (const char *)address_value(v).data) < 0)
			return err_nomem(err);
	}
	return 0;
}

int
compute_addresses(const struct project_in *in, struct entry *ret, struct err *err)
{
	_cleanup_(address_list_done) struct address_list list = {0};
	_cleanup_(free) char *primary = NULL, *redirect = NULL, *own_legacy = NULL;
	const char *legacy = entry_get_str(in->source, "legacyExchangeDN");
	const char *target_legacy =
	    in->target ? entry_get_str(in->target, "legacyExchangeDN") : NULL;

	if (!target_legacy &&
	    !(target_legacy = own_legacy = project_legacy_dn(in->link, in->source)))
		return err_nomem(err);
	if (target_primary(in, &primary, err) < 0 ||
	    copy_addresses(in, target_legacy, &list, err) < 0)
		return -1;
	if (address_list_set_primary(&list, primary) < 0 ||
	    (legacy && !str_equal_nocase(legacy, target_legacy) &&
		address_list_addf(&list, "X500:%s", legacy) < 0))
		return err_nomem(err);
	if (add_remembered(in, target_legacy, &list, err) < 0 || add_in_use(in, &list, err) < 0)
		return -1;
	if (project_has_redirect(in)) {
		if (project_redirect_address(in->link, TARGET, in->source, &redirect, err) < 0)
			return -1;
		if (redirect && address_list_addf(&list, "smtp:%s", redirect) < 0)
			return err_nomem(err);
	}
	for (size_t i = 0; i < list.n; i++)
		if (entry_add(ret, "proxyAddresses", list.values[i]) < 0)
			return err_nomem(err);
	return 0;
}

/* The Calendar Repair Assistant leaves the passive mailbox alone. */
int
compute_guard(const struct project_in *in, struct entry *ret, struct err *err)
{
	if (!in->redirects || in->active == TARGET)
		return 0;
	return set_str(ret, "msExchCalendarRepairDisabled", "TRUE", err);
}

/* Would a targetAddress TO of the target lead back to its own mailbox? Exchange gives a mail user's
 * or a contact's destination to the object as an address too: without a mailbox that is no loop. */
static bool
leads_to_itself(const struct project_in *in, const char *to)
{
	const struct entry *mailbox =
	    in->target && kind_has_mailbox(in->target) ? in->target : NULL;

	return turn_leads_to(to, mailbox, in->link->target->redirect_domain);
}

/* Where the target sends mail on: to the source's mailbox while that is the active one. */
int
compute_target_address(const struct project_in *in, struct entry *ret, struct err *err)
{
	_cleanup_(free) char *redirect = NULL, *text = NULL;
	const char *own = entry_get_str(in->source, "targetAddress");

	if (in->active == TARGET)
		return 0;
	if (in->kind == KIND_CONTACT || !in->redirects) {
		/* What is itself no mailbox passes its own destination on, a group its address. */
		if (own)
			return leads_to_itself(in, own) ? 0
							: set_str(ret, "targetAddress", own, err);
		if (in->kind == KIND_USER && !kind_has_mailbox(in->source))
			return 0;
	} else if (project_redirect_address(in->link, SOURCE, in->source, &redirect, err) < 0) {
		return -1;
	}
	if (!redirect && !address_primary(in->source))
		return 0;
	text = str_printf("SMTP:%s", redirect ? redirect : address_primary(in->source));
	return !text ? err_nomem(err) : set_str(ret, "targetAddress", text, err);
}

int
compute_legacy_dn(const struct project_in *in, struct entry *ret, struct err *err)
{
	_cleanup_(free) char *dn = project_legacy_dn(in->link, in->source);

	return !dn ? err_nomem(err) : set_str(ret, "legacyExchangeDN", dn, err);
}

/* A prepared mail user carries the source's mailbox GUID, so that a move request can find it; a
 * mailbox of its own has a GUID of its own, the same at every attempt. */
int
compute_mailbox_guid(const struct project_in *in, struct entry *ret, struct err *err)
{
	struct bytes own = entry_get(in->source, "msExchMailboxGuid");
	struct guid derived = guid_derive(&in->source->guid, "galsync mailbox");

	if (in->shape == SHAPE_MAILBOX)
		own = guid_bytes(&derived);
	return own.data ? nomem_if(entry_set(ret, "msExchMailboxGuid", own) < 0, err) : 0;
}

int
compute_home_mdb(const struct project_in *in, struct entry *ret, struct err *err)
{
	uint64_t h = bytes_hash(guid_bytes(&in->source->guid), 0);

	if (!in->link->n_databases)
		return 0;
	return set_str(ret, "homeMDB", in->link->databases[h % in->link->n_databases], err);
}

int
compute_home_server(const struct project_in *in, struct entry *ret, struct err *err)
{
	return in->link->home_server
		   ? set_str(ret, "msExchHomeServerName", in->link->home_server, err)
		   : 0;
}

/* Directories show the type as a signed 32-bit number. */
static int
set_display(struct entry *ret, uint32_t v, struct err *err)
{
	return set_number(ret, "msExchRecipientDisplayType", (int32_t)v, err);
}

int
compute_display_type(const struct project_in *in, struct entry *ret, struct err *err)
{
	bool has = entry_get(in->source, "msExchRecipientDisplayType").data;
	uint32_t src = (uint32_t)entry_get_i64(in->source, "msExchRecipientDisplayType", 0);
	int64_t group_type = entry_get_i64(in->source, "groupType", 0);

	if (in->shape == SHAPE_MAILBOX)
		return set_display(ret, has && !(src & DISPLAY_REMOTE) ? src : DISPLAY_ACL, err);
	if (in->shape == SHAPE_GROUP && has)
		return set_display(ret, src, err);
	if (in->shape == SHAPE_GROUP)
		return set_display(ret,
		    (group_type & GROUP_SECURITY) ? DISPLAY_ACL | DISPLAY_SECURITY_GROUP
						  : DISPLAY_GROUP,
		    err);
	if (in->shape == SHAPE_MAIL_USER && in->scope->linked && !kind_is_disabled(in->source))
		return set_display(
		    ret, (src & 0xff) << 8 | DISPLAY_REMOTE | DISPLAY_ACL | DISPLAY_MAIL_USER, err);
	return set_display(ret, (src & 0xff) << 8 | DISPLAY_REMOTE | DISPLAY_MAIL_USER, err);
}

static int64_t
group_details(const struct entry *source)
{
	int64_t type = entry_get_i64(source, "groupType", 0);

	if (!(type & GROUP_UNIVERSAL))
		return DETAILS_NON_UNIVERSAL_GROUP;
	return (type & GROUP_SECURITY) ? DETAILS_UNIVERSAL_SECURITY_GROUP : DETAILS_UNIVERSAL_GROUP;
}

int
compute_type_details(const struct project_in *in, struct entry *ret, struct err *err)
{
	int64_t src = entry_get_i64(in->source, "msExchRecipientTypeDetails", 0), v = 0;

	switch (in->shape) {
	case SHAPE_MAILBOX:
		v = src == DETAILS_SHARED || src == DETAILS_ROOM || src == DETAILS_EQUIPMENT ? src
		    : in->scope->linked ? DETAILS_LINKED
					: DETAILS_USER;
		break;
	case SHAPE_MAIL_USER: v = DETAILS_MAIL_USER; break;
	case SHAPE_CONTACT:
		v = in->kind == KIND_CONTACT ? DETAILS_CONTACT : DETAILS_FOREST_CONTACT;
		break;
	case SHAPE_GROUP: v = group_details(in->source); break;
	case SHAPE_MAX: break;
	}
	return set_number(ret, "msExchRecipientTypeDetails", v, err);
}

int
compute_originating_forest(const struct project_in *in, struct entry *ret, struct err *err)
{
	return set_str(ret, "msExchOriginatingForest", in->link->source->dir.domain, err);
}

int
compute_stamp(const struct project_in *in, struct entry *ret, struct err *err)
{
	struct stamp stamp = {.created = in->created, .source = in->source->guid};
	char text[STAMP_TEXT_SIZE];

	stamp_format(&stamp, text);
	return set_str(ret, in->link->target->stamp_attribute, text, err);
}

/* Resource forest: the target's account is only the mailbox's; its master is the source's account,
 * or the source's own master. A disabled account with SELF is its own master: nothing to stamp. */
int
compute_master_sid(const struct project_in *in, struct entry *ret, struct err *err)
{
	struct bytes master = entry_get(in->source, "msExchMasterAccountSid");
	bool disabled = kind_is_disabled(in->source);

	if (!in->scope->linked || in->kind != KIND_USER)
		return 0;
	if (master.data && !disabled)
		return err_data(err, "the enabled account has msExchMasterAccountSid: clear it or "
				     "disable the account");
	if (!master.data && disabled)
		return err_data(err,
		    "the disabled account has no msExchMasterAccountSid: set it (SELF "
		    "for a shared mailbox) or enable the account");
	if (master.data && sid_is_self(master))
		return 0;
	if (!master.data)
		master = entry_get(in->source, "objectSid");
	return master.data ? nomem_if(entry_set(ret, "msExchMasterAccountSid", master) < 0, err)
			   : 0;
}

/* Every name of the target, so that whatever was addressed to it resolves at the source. */
static int
target_names(
    const struct project_in *in, const char *legacy_dn, struct address_list *list, struct err *err)
{
	const char *own = entry_get_str(in->source, "legacyExchangeDN");
	const struct attr *a = in->target ? entry_find(in->target, "proxyAddresses") : NULL;

	if (legacy_dn && !(own && str_equal_nocase(own, legacy_dn)) &&
	    address_list_addf(list, "X500:%s", legacy_dn) < 0)
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
		if (project_redirect_address(in->link, SOURCE, in->source, &redirect, err) < 0)
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

static int
project_links(const struct row *r, const struct project_in *in, project_ref_fn *ref, void *arg,
    struct entry *ret, struct err *err)
{
	const struct attr *a = entry_find(in->source, r->source);

	for (size_t i = 0; a && i < a->n_values; i++) {
		_cleanup_(free) char *dn = NULL;
		int rc = ref(r->attr, a->values[i].data, arg, &dn, err);

		if (rc < 0 || (rc > 0 && entry_add_str(ret, r->attr, dn) < 0))
			return rc < 0 ? -1 : err_nomem(err);
	}
	return 0;
}

static int
project_row(const struct row *r, const struct project_in *in, project_ref_fn *ref, void *arg,
    struct entry *ret, struct err *err)
{
	_cleanup_(free) char *text = NULL;
	const struct attr *a;

	if (r->compute)
		return r->compute(in, ret, err);
	switch (r->how) {
	case ROW_DN: return project_links(r, in, ref, arg, ret, err);
	case ROW_CONSTANT: return nomem_if(entry_add_str(ret, r->attr, r->source) < 0, err);
	case ROW_TEMPLATE:
		if (template_expand(r->source, in->source, &text, err) < 0)
			return -1;
		return nomem_if(entry_add_str(ret, r->attr, text) < 0, err);
	case ROW_COPY:
	case ROW_MERGE:
		a = entry_find(in->source, r->source);
		for (size_t i = 0; a && i < a->n_values; i++)
			if (entry_add(ret, r->attr, a->values[i]) < 0)
				return err_nomem(err);
		return 0;
	case ROW_REMOVE: break;
	}
	return 0;
}

/* May A be written to the target, whose schema says SA of it? If not, WHY says what it does not
 * take.
 */
static bool
is_admitted(const struct schema_attr *sa, const struct attr *a, char *why, size_t size)
{
	if (sa->single && a->n_values > 1) {
		(void)snprintf(why, size, "%zu values, one is allowed", a->n_values);
		return false;
	}
	for (size_t i = 0; i < a->n_values; i++)
		if (!schema_check_value(sa, a->values[i], why, size))
			return false;
	return true;
}

/* Reports and drops an attribute that the target would refuse. */
static void
drop_invalid(const struct table *t, const struct row *r, struct entry *e,
    project_problem_fn *problem, void *arg)
{
	const struct schema_attr *sa = schema_find(t->target_schema, r->attr);
	const struct attr *a = entry_find(e, r->attr);
	char why[160];

	if (!sa || !a || is_admitted(sa, a, why, sizeof why))
		return;
	(void)problem(r->attr, why, arg);
	entry_remove(e, r->attr);
}

int
project(const struct table *table, const struct project_in *in, unsigned when, project_ref_fn *ref,
    project_problem_fn *problem, void *arg, struct entry **ret, struct err *err)
{
	_cleanup_(entry_free) struct entry *e = entry_new("");

	if (!e)
		return err_nomem(err);
	for (size_t i = 0; i < table->n; i++) {
		const struct row *r = &table->rows[i];

		if (!(r->when & when) || !(r->kinds & KIND_BIT(in->kind)) ||
		    !(r->shapes & SHAPE_BIT(in->shape)) ||
		    (r->follows && in->redirects && in->active == TARGET))
			continue;
		if (entry_touch(e, r->attr) < 0)
			return err_nomem(err);
		if (project_row(r, in, ref, arg, e, err) < 0)
			return err_ctx(err, "attribute '%s'", r->attr);
		drop_invalid(table, r, e, problem, arg);
	}
	*ret = TAKE(e);
	return 0;
}
