/* SPDX-License-Identifier: MIT */
#include "dsa/rules/table.h"

#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/config/template.h"
#include "dsa/rules/across.h"
#include "dsa/rules/named_attrs.h"
#include "dsa/rules/project.h"

#define ALL_KINDS (~0U)
#define USERS KIND_BIT(KIND_USER)
#define GROUPS KIND_BIT(KIND_GROUP)
#define MBX SHAPE_BIT(SHAPE_MAILBOX)
#define MUSER SHAPE_BIT(SHAPE_MAIL_USER)
#define REMOTE SHAPE_BIT(SHAPE_REMOTE_MAILBOX)
#define CONTACT SHAPE_BIT(SHAPE_CONTACT)
#define GROUP SHAPE_BIT(SHAPE_GROUP)
#define ACCOUNTS (MBX | MUSER | REMOTE)
#define PEOPLE (ACCOUNTS | CONTACT)
#define ALL_SHAPES (PEOPLE | GROUP)
#define OWNED (WHEN_CREATE | WHEN_CREATED)

/* Rows of the usual sorts. A GAL attribute follows the source on every object, matched ones
 * included: both address lists must look the same. */
#define GAL(a)                                                                                     \
	{                                                                                          \
		.attr = (a), .source = (a), .how = ROW_COPY, .meet = MEET_SET, .kinds = ALL_KINDS, \
		.shapes = ALL_SHAPES, .when = WHEN_ALWAYS                                          \
	}
#define GAL_MULTI(a)                                                                               \
	{                                                                                          \
		.attr = (a), .source = (a), .how = ROW_MERGE, .meet = MEET_MERGE,                  \
		.kinds = ALL_KINDS, .shapes = ALL_SHAPES, .when = WHEN_ALWAYS                      \
	}
#define COPY(a, k, s, w)                                                                           \
	{                                                                                          \
		.attr = (a), .source = (a), .how = ROW_COPY, .meet = MEET_SET, .kinds = (k),       \
		.shapes = (s), .when = (w)                                                         \
	}
#define MULTI(a, k, s, w)                                                                          \
	{                                                                                          \
		.attr = (a), .source = (a), .how = ROW_MERGE, .meet = MEET_MERGE, .kinds = (k),    \
		.shapes = (s), .when = (w)                                                         \
	}
#define LINK(a, k, s)                                                                              \
	{                                                                                          \
		.attr = (a), .source = (a), .how = ROW_DN, .meet = MEET_LINK, .kinds = (k),        \
		.shapes = (s), .when = WHEN_ALWAYS                                                 \
	}
#define OWN(a, k, s, w)                                                                            \
	{                                                                                          \
		.attr = (a), .source = (a), .how = ROW_COPY, .meet = MEET_SET, .kinds = (k),       \
		.shapes = (s), .when = (w), .authority = AUTHORITY_NONE                            \
	}
#define CONSTANT(a, v, m, s, w)                                                                    \
	{                                                                                          \
		.attr = (a), .source = (v), .how = ROW_CONSTANT, .meet = (m), .kinds = ALL_KINDS,  \
		.shapes = (s), .when = (w), .authority = AUTHORITY_NONE                            \
	}
#define COMPUTED(a, f, m, s, w)                                                                    \
	{                                                                                          \
		.attr = (a), .compute = (f), .how = ROW_COPY, .meet = (m), .kinds = ALL_KINDS,     \
		.shapes = (s), .when = (w), .required = true, .authority = AUTHORITY_NONE          \
	}
#define ARCHIVE(a, f)                                                                              \
	{                                                                                          \
		.attr = (a), .source = (a), .compute = (f), .how = ROW_COPY, .meet = MEET_IF_OURS, \
		.kinds = USERS, .shapes = MUSER, .when = WHEN_ALWAYS, .authority = AUTHORITY_NONE  \
	}

static const struct row defaults[] = {
    /* What the object is. The account side of a matched object is left alone. */
    COMPUTED("objectClass", compute_object_class, MEET_SET, ALL_SHAPES, WHEN_CREATE),
    COMPUTED("cn", compute_cn, MEET_SET, ALL_SHAPES, WHEN_CREATE),
    COMPUTED("sAMAccountName", compute_sam, MEET_SET, ACCOUNTS | GROUP, WHEN_CREATE),
    COMPUTED("userPrincipalName", compute_upn, MEET_SET, ACCOUNTS, WHEN_CREATE),
    COMPUTED("userAccountControl", compute_uac, MEET_SET, ACCOUNTS, WHEN_CREATE),
    OWN("groupType", GROUPS, GROUP, OWNED),
    /* Who is named there owns the mailbox: never of a mailbox that was there before. */
    COMPUTED("msExchMasterAccountSid", compute_master_sid, MEET_SET, ACCOUNTS, OWNED),

    /* How mail reaches it. */
    {.attr = "mail",
	.compute = compute_mail,
	.back = compute_back_mail,
	.how = ROW_COPY,
	.meet = MEET_SET,
	.kinds = ALL_KINDS,
	.shapes = ALL_SHAPES,
	.when = WHEN_ALWAYS,
	.required = true},
    {.attr = "proxyAddresses",
	.compute = compute_addresses,
	.back = compute_back_addresses,
	.how = ROW_COPY,
	.meet = MEET_ADDRESSES,
	.kinds = ALL_KINDS,
	.shapes = ALL_SHAPES,
	.when = WHEN_ALWAYS,
	.lasts = true,
	.required = true},
    {.attr = "targetAddress",
	.compute = compute_target_address,
	.how = ROW_COPY,
	.meet = MEET_ROUTE,
	.kinds = ALL_KINDS,
	.shapes = PEOPLE,
	.when = WHEN_ALWAYS,
	.authority = AUTHORITY_NONE,
	.required = true},
    {.attr = "msExchCalendarRepairDisabled",
	.compute = compute_guard,
	.how = ROW_COPY,
	.meet = MEET_SET,
	.kinds = USERS,
	.shapes = MBX,
	.when = WHEN_ALWAYS,
	.authority = AUTHORITY_NONE},
    COMPUTED("legacyExchangeDN", compute_legacy_dn, MEET_IF_ABSENT, ALL_SHAPES, WHEN_ALWAYS),
    {.attr = "mailNickname",
	.source = "mailNickname",
	.how = ROW_COPY,
	.meet = MEET_SET,
	.kinds = ALL_KINDS,
	.shapes = ALL_SHAPES,
	.when = OWNED,
	.authority = AUTHORITY_NONE,
	.required = true},
    {.attr = "mailNickname",
	.source = "mailNickname",
	.how = ROW_COPY,
	.meet = MEET_IF_ABSENT,
	.kinds = ALL_KINDS,
	.shapes = ALL_SHAPES,
	.when = WHEN_MATCHED,
	.authority = AUTHORITY_NONE,
	.required = true},
    COMPUTED("msExchMailboxGuid", compute_mailbox_guid, MEET_IF_ABSENT, MBX, WHEN_ALWAYS),
    /* By these a native move finds the mailbox and its archive. */
    COMPUTED("msExchMailboxGuid", compute_moved_guid, MEET_IF_OURS, MUSER, WHEN_ALWAYS),
    ARCHIVE("msExchArchiveGUID", compute_archive_guid),
    ARCHIVE("msExchArchiveName", compute_archive_name),
    COMPUTED("homeMDB", compute_home_mdb, MEET_IF_ABSENT, MBX, WHEN_ALWAYS),
    COMPUTED("msExchHomeServerName", compute_home_server, MEET_IF_ABSENT, MBX, WHEN_ALWAYS),
    CONSTANT("mDBUseDefaults", "TRUE", MEET_IF_ABSENT, MBX, WHEN_ALWAYS),
    COMPUTED("msExchRecipientDisplayType", compute_display_type, MEET_SET, ALL_SHAPES, OWNED),
    COMPUTED("msExchRecipientDisplayType", compute_display_type, MEET_IF_ABSENT, ALL_SHAPES,
	WHEN_MATCHED),
    COMPUTED("msExchRecipientTypeDetails", compute_type_details, MEET_SET, ALL_SHAPES, OWNED),
    COMPUTED("msExchRecipientTypeDetails", compute_type_details, MEET_IF_ABSENT, ALL_SHAPES,
	WHEN_MATCHED),
    {.attr = "msExchRemoteRecipientType",
	.compute = compute_remote_type,
	.meet = MEET_IF_ABSENT,
	.kinds = USERS,
	.shapes = REMOTE,
	.when = WHEN_ALWAYS},
    CONSTANT("msExchVersion", "44220983382016", MEET_IF_ABSENT, ALL_SHAPES, WHEN_ALWAYS),
    {.attr = "msExchPoliciesExcluded",
	.compute = compute_policies_excluded,
	.how = ROW_COPY,
	.meet = MEET_MERGE,
	.kinds = ALL_KINDS,
	.shapes = ALL_SHAPES,
	.when = WHEN_ALWAYS,
	.authority = AUTHORITY_NONE},
    {.attr = "msExchPoliciesIncluded",
	.compute = compute_nothing,
	.meet = MEET_CLEAR,
	.kinds = ALL_KINDS,
	.shapes = CONTACT,
	.when = WHEN_CREATED,
	.authority = AUTHORITY_NONE},
    COMPUTED("msExchOriginatingForest", compute_originating_forest, MEET_MERGE,
	MUSER | CONTACT | GROUP, OWNED),
    MULTI("msExchUserCulture", USERS, ACCOUNTS, WHEN_ALWAYS),
    {.attr = "msExchHideFromAddressLists",
	.source = "msExchHideFromAddressLists",
	.back = compute_back_hidden,
	.how = ROW_COPY,
	.meet = MEET_SET,
	.kinds = ALL_KINDS,
	.shapes = ALL_SHAPES,
	.when = WHEN_ALWAYS},
    OWN("internetEncoding", ALL_KINDS, PEOPLE, OWNED),
    {.attr = "mAPIRecipient",
	.compute = compute_mapi_recipient,
	.meet = MEET_SET,
	.kinds = ALL_KINDS,
	.shapes = CONTACT,
	.when = OWNED,
	.authority = AUTHORITY_NONE},
    COPY("delivContLength", ALL_KINDS, ALL_SHAPES, OWNED),
    COPY("msExchSafeSendersHash", USERS, ACCOUNTS, WHEN_ALWAYS),
    COPY("msExchSafeRecipientsHash", USERS, ACCOUNTS, WHEN_ALWAYS),
    COPY("msExchBlockedSendersHash", USERS, ACCOUNTS, WHEN_ALWAYS),
    /* The original is behind a contact and sees to it itself. */
    COPY("msExchRequireAuthToSendTo", ALL_KINDS, ALL_SHAPES & ~CONTACT, OWNED),
    {.attr = "msExchRequireAuthToSendTo",
	.source = "FALSE",
	.how = ROW_CONSTANT,
	.meet = MEET_SET,
	.kinds = ALL_KINDS,
	.shapes = CONTACT,
	.when = OWNED},
    COPY("deliverAndRedirect", USERS, MBX, WHEN_ALWAYS),

    /* Rooms and equipment. */
    COPY("msExchResourceCapacity", USERS, ACCOUNTS, WHEN_ALWAYS),
    COPY("msExchResourceDisplay", USERS, ACCOUNTS, WHEN_ALWAYS),
    MULTI("msExchResourceMetaData", USERS, ACCOUNTS, WHEN_ALWAYS),
    MULTI("msExchResourceSearchProperties", USERS, ACCOUNTS, WHEN_ALWAYS),

    /* Groups. */
    COPY("hideDLMembership", GROUPS, GROUP, OWNED),
    COPY("oOFReplyToOriginator", GROUPS, GROUP, OWNED),
    COPY("reportToOriginator", GROUPS, GROUP, OWNED),
    COPY("reportToOwner", GROUPS, GROUP, OWNED),

    /* References. */
    LINK("member", GROUPS, GROUP),
    LINK("manager", ALL_KINDS, PEOPLE),
    LINK("assistant", ALL_KINDS, PEOPLE),
    LINK("managedBy", GROUPS, GROUP),
    LINK("msExchCoManagedByLink", GROUPS, GROUP),
    LINK("altRecipient", USERS, MBX),
    LINK("publicDelegates", USERS, MBX),
    LINK("authOrig", ALL_KINDS, ALL_SHAPES),
    LINK("unauthOrig", ALL_KINDS, ALL_SHAPES),
    LINK("dLMemSubmitPerms", ALL_KINDS, ALL_SHAPES),
    LINK("dLMemRejectPerms", ALL_KINDS, ALL_SHAPES),

    /* What the address list shows. */
    GAL("displayName"),
    GAL("displayNamePrintable"),
    GAL("givenName"),
    GAL("initials"),
    GAL("sn"),
    GAL("personalTitle"),
    GAL("generationQualifier"),
    GAL("title"),
    GAL("department"),
    GAL("company"),
    GAL("physicalDeliveryOfficeName"),
    GAL("telephoneNumber"),
    GAL_MULTI("otherTelephone"),
    GAL("homePhone"),
    GAL_MULTI("otherHomePhone"),
    GAL("mobile"),
    GAL_MULTI("otherMobile"),
    GAL("pager"),
    GAL_MULTI("otherPager"),
    GAL("facsimileTelephoneNumber"),
    GAL_MULTI("otherFacsimileTelephoneNumber"),
    GAL("ipPhone"),
    GAL("streetAddress"),
    GAL_MULTI("postOfficeBox"),
    GAL("l"),
    GAL("st"),
    GAL("postalCode"),
    GAL("c"),
    GAL("co"),
    {.attr = "countryCode",
	.source = "countryCode",
	.how = ROW_COPY,
	.meet = MEET_ZERO,
	.kinds = ALL_KINDS,
	.shapes = ALL_SHAPES,
	.when = WHEN_ALWAYS},
    GAL("info"),
    GAL("wWWHomePage"),
    GAL_MULTI("url"),
    GAL("telephoneAssistant"),
    GAL("msExchAssistantName"),
    GAL("thumbnailPhoto"),
    GAL_MULTI("userCertificate"),
    GAL_MULTI("userSMIMECertificate"),
    GAL("extensionAttribute1"),
    GAL("extensionAttribute2"),
    GAL("extensionAttribute3"),
    GAL("extensionAttribute4"),
    GAL("extensionAttribute5"),
    GAL("extensionAttribute6"),
    GAL("extensionAttribute7"),
    GAL("extensionAttribute8"),
    GAL("extensionAttribute9"),
    GAL("extensionAttribute10"),
    GAL("extensionAttribute11"),
    GAL("extensionAttribute12"),
    GAL("extensionAttribute13"),
    GAL("extensionAttribute14"),
    GAL("extensionAttribute15"),
    GAL_MULTI("msExchExtensionCustomAttribute1"),
    GAL_MULTI("msExchExtensionCustomAttribute2"),
    GAL_MULTI("msExchExtensionCustomAttribute3"),
    GAL_MULTI("msExchExtensionCustomAttribute4"),
    GAL_MULTI("msExchExtensionCustomAttribute5"),
};

/* Read on both sides beside what the rows name: identity, scope, matching. */
static const char *const always_read[] = {"objectGUID", "objectClass", "objectSid", "sIDHistory",
    "sAMAccountName", "userPrincipalName", "userAccountControl", "proxyAddresses", "mail",
    "mailNickname", "legacyExchangeDN", "targetAddress", "homeMDB", "msExchHomeServerName",
    "msExchMailboxGuid", "msExchArchiveGUID", "msExchArchiveName", "msExchMasterAccountSid",
    "msExchRecipientDisplayType", "msExchRecipientTypeDetails", "msExchHideFromAddressLists",
    "department", "isCriticalSystemObject", "adminCount", "showInAddressBook", "cn",
    "msExchCalendarRepairDisabled", "msExchOriginatingForest", "mAPIRecipient", "whenCreated",
    "primaryGroupID"};

const char *
shape_name(enum shape s)
{
	static const char *const shape_names[] = {[SHAPE_MAILBOX] = "mailbox",
	    [SHAPE_MAIL_USER] = "mail-user",
	    [SHAPE_REMOTE_MAILBOX] = "remote-mailbox",
	    [SHAPE_CONTACT] = "contact",
	    [SHAPE_GROUP] = "group"};

	_Static_assert(ARRAY_SIZE(shape_names) == SHAPE_MAX, "a name for each shape");
	return shape_names[s];
}

/* A name list under construction: NULL-terminated, each name once, all owned: a template names an
 * attribute only while it is walked. */
struct name_list {
	const char **v;
	size_t n, cap;
	bool failed;
};

static void
names_add(struct name_list *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_equal_nocase(l->v[i], name))
			return;
	if (list_grow(l->v, l->n + 1, l->cap) < 0) {
		l->failed = true;
		return;
	}
	l->v[l->n] = strdup(name);
	l->failed |= !l->v[l->n];
	l->n += l->v[l->n] != NULL;
	l->v[l->n] = NULL;
}

void
table_attrs_free(const char **v)
{
	for (size_t i = 0; v && v[i]; i++)
		free((void *)(uintptr_t)v[i]);
	free(v);
}

const char **
table_join_attrs(const char *const *a, const char *const *b)
{
	struct name_list l = {0};

	for (; *a; a++)
		names_add(&l, *a);
	for (; *b; b++)
		names_add(&l, *b);
	if (l.failed)
		table_attrs_free(TAKE(l.v));
	return l.v;
}

static void
names_add_cb(const char *name, void *arg)
{
	names_add(arg, name);
}

/* Templates name attributes in braces: they are read too. The template's own module walks them. */
static void
add_row_sources(const struct row *r, struct name_list *l)
{
	if (r->compute || r->how == ROW_CONSTANT)
		return;
	if (r->how == ROW_TEMPLATE)
		template_each_attr(r->source, names_add_cb, l);
	else
		names_add(l, r->source);
}

static int
collect_attrs(struct table *t, const struct conf_link *link, struct err *err)
{
	struct name_list source = {0}, target = {0};

	for (size_t i = 0; i < ARRAY_SIZE(always_read); i++) {
		names_add(&source, always_read[i]);
		names_add(&target, always_read[i]);
	}
	names_add(&target, "groupType");
	names_add(&target, "msExchPoliciesIncluded");
	names_add(&source, link->source->stamp_attribute);
	names_add(&target, link->target->stamp_attribute);
	across_each_attr(link, SOURCE, names_add_cb, &source);
	across_each_attr(link, TARGET, names_add_cb, &target);
	for (size_t i = 0; i < t->n; i++) {
		add_row_sources(&t->rows[i], &source);
		names_add(&target, t->rows[i].attr);
	}
	for (size_t i = 0; i < link->n_scopes; i++)
		if (link->scopes[i].filter)
			filter_each_attr(link->scopes[i].filter, names_add_cb, &source);
	for (size_t i = 0; i < link->n_match; i++)
		if (link->match[i].method == MATCH_ATTRIBUTE) {
			names_add(&source, link->match[i].source_attr);
			names_add(&target, link->match[i].target_attr);
		}
	for (size_t i = 0; i < link->n_adopt; i++) {
		names_add(&source, link->adopt[i].attribute[SOURCE]);
		names_add(&target, link->adopt[i].attribute[TARGET]);
	}
	if (link->primary_template)
		template_each_attr(link->primary_template, names_add_cb, &source);
	names_add(&source, link->marker_attribute);
	if (link->readiness_attribute)
		names_add(&source, link->readiness_attribute);
	if (link->client_attribute)
		names_add(&source, link->client_attribute);
	if (link->redirect_template)
		template_each_attr(link->redirect_template, names_add_cb, &source);
	t->source_attrs = source.v;
	t->target_attrs = target.v;
	return source.failed || target.failed ? err_nomem(err) : 0;
}

/* The site's rows for ATTR replace the defaults for the kinds they name. */
static unsigned
kinds_left(const struct conf_link *link, const char *attr, unsigned kinds)
{
	for (size_t i = 0; i < link->n_rows; i++)
		if (str_equal_nocase(link->rows[i].attr, attr))
			kinds &= link->rows[i].kinds ? ~link->rows[i].kinds : 0;
	return kinds;
}

/* A is NULL where no schema is known: then how it meets what is there is a guess. */
static struct row
site_row(const struct conf_row *c, const struct schema_attr *a)
{
	struct row r = {.attr = c->attr,
	    .source = c->source,
	    .how = c->how,
	    .kinds = c->kinds ? c->kinds : ALL_KINDS,
	    .shapes = ALL_SHAPES,
	    .when = OWNED | (c->on_matched ? WHEN_MATCHED : 0),
	    .authority = c->authority};

	if (c->how == ROW_DN)
		r.meet = MEET_LINK;
	else
		r.meet = c->how == ROW_MERGE || (a && !a->single) ? MEET_MERGE : MEET_SET;
	return r;
}

/* What the source object carries for galsync alone is never copied: a stamp of another link, the
 * marker, readiness, reports of clients. */
static bool
is_for_itself(const struct conf_link *link, const char *attr)
{
	return str_equal_nocase(attr, link->source->stamp_attribute) ||
	       str_equal_nocase(attr, link->marker_attribute) ||
	       (link->readiness_attribute && str_equal_nocase(attr, link->readiness_attribute)) ||
	       (link->client_attribute && str_equal_nocase(attr, link->client_attribute));
}

static struct row
stamp_row(const struct conf_link *link)
{
	return (struct row){.attr = link->target->stamp_attribute,
	    .compute = compute_stamp,
	    .meet = MEET_STAMP,
	    .kinds = ALL_KINDS,
	    .shapes = ALL_SHAPES,
	    .when = WHEN_ALWAYS,
	    .authority = AUTHORITY_NONE,
	    .lasts = true,
	    .required = true};
}

/* Default row I as LINK leaves it; false: it has no use for it. */
static bool
default_row(const struct conf_link *link, size_t i, struct row *ret)
{
	struct row r = defaults[i];

	r.kinds = kinds_left(link, r.attr, r.kinds);
	if (!r.kinds || str_equal_nocase(r.attr, link->target->stamp_attribute) ||
	    conf_is_kept(link, r.attr) || (r.source && is_for_itself(link, r.source)))
		return false;
	*ret = r;
	return true;
}

int
table_each_row(const struct conf_link *link, table_row_fn *fn, void *arg)
{
	struct row r = stamp_row(link);
	int rc = fn(&r, arg);

	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(defaults); i++)
		if (default_row(link, i, &r))
			rc = fn(&r, arg);
	for (size_t i = 0; rc == 0 && i < link->n_rows; i++)
		if (link->rows[i].how != ROW_REMOVE) {
			r = site_row(&link->rows[i], NULL);
			rc = fn(&r, arg);
		}
	return rc;
}

bool
table_is_own(const char *attr)
{
	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
		if (defaults[i].authority == AUTHORITY_NONE &&
		    str_equal_nocase(defaults[i].attr, attr))
			return true;
	return false;
}

static bool
is_possible(const struct row *r, const struct schema *source, const struct schema *target)
{
	return schema_find(target, r->attr) &&
	       (r->compute || r->how == ROW_CONSTANT || schema_find(source, r->source));
}

int
table_check_required(const struct conf_link *link, const struct schema *source,
    const struct schema *target, struct err *err)
{
	_cleanup_(buf_done) struct buf missing = {0};

	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
		struct row r;

		if (default_row(link, i, &r) && r.required && !is_possible(&r, source, target))
			buf_printf(&missing, "%s%s", missing.len ? ", " : "", r.attr);
	}
	if (missing.failed)
		return err_nomem(err);
	if (!missing.len)
		return 0;
	return err_conf(err,
	    "forest '%s' lacks attributes that galsync needs: %s; extend the schema (Exchange's "
	    "setup /PrepareSchema does)",
	    link->target->name, (const char *)missing.data);
}

static int
add_default_rows(
    struct table *t, const struct conf_link *link, const struct schema *source, struct err *err)
{
	_cleanup_(buf_done) struct buf lacking = {0};

	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
		struct row r;

		if (!default_row(link, i, &r))
			continue;
		if (is_possible(&r, source, t->target_schema)) {
			t->rows[t->n++] = r;
			continue;
		}
		buf_printf(&lacking, "%s%s", lacking.len ? ", " : "", r.attr);
		t->n_lacking++;
	}
	t->rows[t->n++] = stamp_row(link);
	t->lacking = buf_take_str(&lacking);
	return t->lacking ? 0 : err_nomem(err);
}

static void
add_site_rows(struct table *t, const struct conf_link *link)
{
	for (size_t i = 0; i < link->n_rows; i++) {
		const struct conf_row *c = &link->rows[i];

		if (c->how != ROW_REMOVE)
			t->rows[t->n++] = site_row(c, schema_find(t->target_schema, c->attr));
	}
}

static int
check_names(const struct conf_link *link, const struct schema *source, const struct schema *target,
    struct err *err)
{
	_cleanup_(mistakes_done) struct mistakes found = {.n = 0};
	const struct schema *const schema[SIDES] = {source, target};

	named_attrs_check(link, schema, &found);
	if (found.nomem)
		return err_nomem(err);
	return found.n ? err_conf(err, "%s", found.v[0].text) : 0;
}

int
table_new(const struct conf_link *link, const struct schema *source, const struct schema *target,
    struct table **ret, struct err *err)
{
	_cleanup_(table_free) struct table *t = calloc(1, sizeof *t);

	if (!t || !(t->rows = calloc(ARRAY_SIZE(defaults) + link->n_rows + 1, sizeof *t->rows)))
		return err_nomem(err);
	t->target_schema = target;
	if (table_check_required(link, source, target, err) < 0 ||
	    check_names(link, source, target, err) < 0 ||
	    add_default_rows(t, link, source, err) < 0)
		return -1;
	add_site_rows(t, link);
	for (size_t i = 0; i < t->n; i++)
		t->rows[i].schema = schema_find(target, t->rows[i].attr);
	if (table_add_back(t, link, source, err) < 0)
		return -1;
	if (collect_attrs(t, link, err) < 0)
		return -1;
	*ret = TAKE(t);
	return 0;
}

void
table_free(struct table *t)
{
	if (!t)
		return;
	table_free(t->back);
	free(t->rows);
	table_attrs_free(t->source_attrs);
	table_attrs_free(t->target_attrs);
	free(t->lacking);
	free(t);
}
