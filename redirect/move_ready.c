/* SPDX-License-Identifier: MIT */
#include "redirect/move_ready.h"

#include <stdarg.h>
#include <stdio.h>

#include "dsa/base/err.h"
#include "dsa/base/str.h"
#include "dsa/directory/kind.h"
#include "redirect/address.h"

#define DETAILS_MAIL_USER 128
/* A mail user (6) of another forest, where the mailbox is; its own type is in the second octet. */
#define DISPLAY_REMOTE 0x80000006U
#define DISPLAY_ACL 0x40000000U /* that it may stand in ACLs is no matter of the move */
#define DISPLAY_ROOM 7U
#define DISPLAY_EQUIPMENT 8U

static const char *const names[] = {
    [MOVE_READY_OBJECT] = "object",
    [MOVE_READY_CORRESPONDENCE] = "correspondence",
    [MOVE_READY_HOME_MDB] = "homeMDB",
    [MOVE_READY_HOME_SERVER] = "msExchHomeServerName",
    [MOVE_READY_MAIL] = "mail",
    [MOVE_READY_ALIAS] = "mailNickname",
    [MOVE_READY_DISPLAY_NAME] = "displayName",
    [MOVE_READY_CN] = "cn",
    [MOVE_READY_SAM] = "sAMAccountName",
    [MOVE_READY_UPN] = "userPrincipalName",
    [MOVE_READY_VERSION] = "msExchVersion",
    [MOVE_READY_MAILBOX_GUID] = "msExchMailboxGuid",
    [MOVE_READY_ARCHIVE_GUID] = "msExchArchiveGUID",
    [MOVE_READY_ARCHIVE_NAME] = "msExchArchiveName",
    [MOVE_READY_CULTURE] = "msExchUserCulture",
    [MOVE_READY_DISPLAY_TYPE] = "msExchRecipientDisplayType",
    [MOVE_READY_TYPE_DETAILS] = "msExchRecipientTypeDetails",
    [MOVE_READY_TARGET_ADDRESS] = "targetAddress",
    [MOVE_READY_ADDRESSES] = "proxyAddresses",
    [MOVE_READY_LEGACY_DN] = "legacyExchangeDN",
};
_Static_assert(ARRAY_SIZE(names) == MOVE_READY_MAX, "a name for each");

const char *const move_ready_attrs[] = {"objectGUID", "objectClass", "homeMDB",
    "msExchHomeServerName", "mail", "mailNickname", "displayName", "cn", "sAMAccountName",
    "userPrincipalName", "msExchVersion", "msExchMailboxGuid", "msExchArchiveGUID",
    "msExchArchiveName", "msExchUserCulture", "msExchRecipientDisplayType",
    "msExchRecipientTypeDetails", "targetAddress", "proxyAddresses", "legacyExchangeDN", NULL};

const char *
move_ready_name(enum move_ready_need need)
{
	return names[need];
}

struct judging {
	const struct move_ready_env *env;
	const struct move_ready_pair *p;
	const struct entry *source, *target;
	size_t n;
};

/* THERE NULL: nothing is there. */
static void tell(struct judging *j, enum move_ready_need need, enum side side, const char *there,
    const char *fmt, ...) PRINTF_LIKE(5, 6);

static void
tell(struct judging *j, enum move_ready_need need, enum side side, const char *there,
    const char *fmt, ...)
{
	struct move_ready_finding f = {
	    .need = need, .side = side, .source = &j->p->record->side[SOURCE].guid};
	char want[MOVE_READY_TEXT_SIZE * 2];
	va_list ap;

	f.dn = j->p->side[side] ? j->p->side[side]->dn : j->p->record->side[side].dn;
	err_escape(f.there, sizeof f.there, bytes_of(there ? there : "nothing"));
	va_start(ap, fmt);
	(void)vsnprintf(want, sizeof want, fmt, ap);
	va_end(ap);
	err_escape(f.want, sizeof f.want, bytes_of(want));
	j->env->found(&f, j->env->arg);
	j->n++;
}

/* ---- the objects and their record ---- */

static bool
check_objects(struct judging *j)
{
	bool users = true;

	for (int s = SOURCE; s < SIDES; s++) {
		enum side side = (enum side)s;
		const struct entry *e = j->p->side[side];

		if (guid_is_zero(&j->p->record->side[side].guid))
			tell(j, MOVE_READY_OBJECT, side, NULL,
			    "a mail user: a synchronization writes it");
		else if (!e)
			tell(j, MOVE_READY_OBJECT, side, NULL, "the object of the correspondence");
		else if (kind_of(e) != KIND_USER)
			tell(j, MOVE_READY_OBJECT, side, kind_name(kind_of(e)), "a user");
		users &= e && kind_of(e) == KIND_USER;
	}
	return users;
}

static void
check_correspondence(struct judging *j)
{
	const struct record *r = j->p->record;
	bool settled = r->state == RECORD_SYNCED || r->state == RECORD_WAITING;
	char state[MOVE_READY_TEXT_SIZE];

	if (j->p->conflict)
		tell(j, MOVE_READY_CORRESPONDENCE, SOURCE, "a conflict",
		    "none: galsyncctl conflicts names its candidates");
	if (!settled) {
		(void)snprintf(state, sizeof state, "%s%s%s", record_state_name(r->state),
		    *r->last_error ? ": " : "", r->last_error);
		tell(j, MOVE_READY_CORRESPONDENCE, TARGET, state, "synced");
	}
}

/* ---- the target's attributes ---- */

static void
check_mailboxes(struct judging *j)
{
	static const enum move_ready_need of_mailbox[] = {
	    MOVE_READY_HOME_MDB, MOVE_READY_HOME_SERVER};

	if (!kind_has_mailbox(j->source))
		tell(j, MOVE_READY_HOME_MDB, SOURCE, NULL,
		    "a mailbox database: without a mailbox there is nothing to move");
	for (size_t i = 0; i < ARRAY_SIZE(of_mailbox); i++) {
		const char *there = entry_get_str(j->target, names[of_mailbox[i]]);

		if (there)
			tell(
			    j, of_mailbox[i], TARGET, there, "nothing: a mail user has no mailbox");
	}
}

static void
check_present(struct judging *j)
{
	static const struct {
		const char *want;
		enum move_ready_need need;
		bool copied;
	} present[] = {
	    {"the primary SMTP address", MOVE_READY_MAIL, false},
	    {"an alias", MOVE_READY_ALIAS, true},
	    {"a name", MOVE_READY_DISPLAY_NAME, true},
	    {"a name", MOVE_READY_CN, false},
	    {"a logon name", MOVE_READY_SAM, false},
	    {"a logon name in a domain of the target", MOVE_READY_UPN, false},
	    {"44220983382016", MOVE_READY_VERSION, false},
	    {"a name for replies", MOVE_READY_LEGACY_DN, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(present); i++) {
		const char *attr = names[present[i].need];
		bool neither = present[i].copied && !entry_get(j->source, attr).data;

		if (!entry_get(j->target, attr).data)
			tell(j, present[i].need, TARGET, NULL, "%s%s", present[i].want,
			    neither ? ", which the source has not either" : "");
	}
}

static void
show_guid(struct bytes v, char ret[GUID_TEXT_SIZE])
{
	struct guid g;

	if (guid_from_bytes(v, &g))
		guid_format(&g, ret);
	else
		(void)snprintf(ret, GUID_TEXT_SIZE, "%zu octets", v.len);
}

static void
check_guid(struct judging *j, enum move_ready_need need)
{
	struct bytes own = entry_get(j->source, names[need]);
	struct bytes there = entry_get(j->target, names[need]);
	char want_text[GUID_TEXT_SIZE], there_text[GUID_TEXT_SIZE];

	if (!own.data || (there.data && bytes_equal(own, there)))
		return;
	show_guid(own, want_text);
	show_guid(there, there_text);
	tell(j, need, TARGET, there.data ? there_text : NULL, "%s, as the source", want_text);
}

static void
check_guids(struct judging *j)
{
	if (!entry_get(j->source, names[MOVE_READY_MAILBOX_GUID]).data)
		tell(j, MOVE_READY_MAILBOX_GUID, SOURCE, NULL,
		    "the GUID of its mailbox, which Exchange gives");
	check_guid(j, MOVE_READY_MAILBOX_GUID);
	check_guid(j, MOVE_READY_ARCHIVE_GUID);
}

/* The target has every value of the source. */
static void
check_values(struct judging *j, enum move_ready_need need)
{
	const struct attr *own = entry_find(j->source, names[need]);
	const struct attr *there = entry_find(j->target, names[need]);

	for (size_t i = 0; own && i < own->n_values; i++)
		if (!attr_has(there, own->values[i], true))
			tell(j, need, TARGET, entry_get_str(j->target, names[need]),
			    "%s, as the source", (const char *)own->values[i].data);
}

static void
check_types(struct judging *j)
{
	static const char display_type[] = "msExchRecipientDisplayType";
	static const char details[] = "msExchRecipientTypeDetails";
	uint32_t own = (uint32_t)entry_get_i64(j->source, display_type, 0) & 0xff;
	uint32_t there = (uint32_t)entry_get_i64(j->target, display_type, 0);
	bool is_resource = own == DISPLAY_ROOM || own == DISPLAY_EQUIPMENT;
	uint32_t want = DISPLAY_REMOTE | (is_resource ? own << 8 : 0);

	if ((there & ~DISPLAY_ACL) != want)
		tell(j, MOVE_READY_DISPLAY_TYPE, TARGET, entry_get_str(j->target, display_type),
		    "%d", (int)(int32_t)want);
	if (entry_get_i64(j->target, details, 0) != DETAILS_MAIL_USER)
		tell(j, MOVE_READY_TYPE_DETAILS, TARGET, entry_get_str(j->target, details), "%d",
		    DETAILS_MAIL_USER);
}

/* ---- addresses ---- */

/* The first SMTP address of E in DOMAIN (NULL: none), without its type; or NULL. */
static const char *
address_in(const struct entry *e, const char *domain)
{
	const struct attr *a = entry_find(e, "proxyAddresses");

	for (size_t i = 0; domain && a && i < a->n_values; i++)
		if (address_in_domain(a->values[i], domain))
			return address_value(a->values[i]).data;
	return NULL;
}

/* Until it is moved the mail user sends to the mailbox. */
static void
check_target_address(struct judging *j)
{
	const char *const *domain = j->env->redirect_domain;
	const char *to = entry_get_str(j->target, "targetAddress");
	const char *own = address_in(j->source, domain[SOURCE]);
	bool leads = to && address_is_smtp(bytes_of(to)) &&
		     attr_has(entry_find(j->source, "proxyAddresses"), bytes_of(to), true) &&
		     !(domain[TARGET] && address_in_domain(bytes_of(to), domain[TARGET]));

	if (leads)
		return;
	if (!own)
		own = address_primary(j->source);
	tell(j, MOVE_READY_TARGET_ADDRESS, TARGET, to, "%s%s",
	    own ? "SMTP:" : "an SMTP address of the source", own ? own : "");
}

/* Does the name LEGACY_DN resolve at E? */
static bool
resolves(const struct entry *e, struct bytes legacy_dn)
{
	const char *own = entry_get_str(e, "legacyExchangeDN");
	const struct attr *a = entry_find(e, "proxyAddresses");

	if (own && bytes_equal_nocase(bytes_of(own), legacy_dn))
		return true;
	for (size_t i = 0; a && i < a->n_values; i++)
		if (address_is_x500(a->values[i]) &&
		    bytes_equal_nocase(address_value(a->values[i]), legacy_dn))
			return true;
	return false;
}

static bool
is_sip(struct bytes v)
{
	return v.len > 4 && str_starts_nocase(v.data, "sip:");
}

static bool
has_sip(const struct attr *a)
{
	for (size_t i = 0; a && i < a->n_values; i++)
		if (is_sip(a->values[i]))
			return true;
	return false;
}

/* Is the source's address V on the target, or does it not belong there? */
static bool
is_covered(const struct judging *j, struct bytes v)
{
	const char *const domains[] = {j->env->redirect_domain[SOURCE],
	    j->env->redirect_domain[TARGET], j->env->toggle_domain};
	const struct attr *there = entry_find(j->target, "proxyAddresses");

	for (size_t i = 0; i < ARRAY_SIZE(domains); i++)
		if (domains[i] && address_in_domain(v, domains[i]))
			return true;
	if (address_is_x500(v))
		return resolves(j->target, address_value(v));
	/* No object is ever given a second sip:. */
	return attr_has(there, v, true) || (is_sip(v) && has_sip(there));
}

static void
check_addresses(struct judging *j)
{
	const struct attr *a = entry_find(j->source, "proxyAddresses");
	const char *domain = j->env->redirect_domain[TARGET];
	const char *own = entry_get_str(j->source, "legacyExchangeDN");
	const char *name = entry_get_str(j->target, "legacyExchangeDN");

	for (size_t i = 0; a && i < a->n_values; i++)
		if (!is_covered(j, a->values[i]))
			tell(j, MOVE_READY_ADDRESSES, TARGET, NULL, "%s, which the source has",
			    (const char *)a->values[i].data);
	if (own && !resolves(j->target, bytes_of(own)))
		tell(j, MOVE_READY_ADDRESSES, TARGET, NULL, "X500:%s, the source's name", own);
	if (name && !resolves(j->source, bytes_of(name)))
		tell(j, MOVE_READY_ADDRESSES, SOURCE, NULL, "X500:%s, the target's name", name);
	if (domain && !address_in(j->target, domain))
		tell(j, MOVE_READY_ADDRESSES, TARGET, NULL,
		    "an address in %s, to which the source sends after the move", domain);
}

/* ---- the whole ---- */

bool
move_ready_concerns(const struct move_ready_pair *p)
{
	const struct entry *source = p->side[SOURCE], *target = p->side[TARGET];

	return source && target && !record_has_left(p->record) && kind_of(source) == KIND_USER &&
	       kind_has_mailbox(source) && kind_of(target) == KIND_USER &&
	       !kind_has_mailbox(target) && !kind_is_remote_mailbox(target);
}

size_t
move_ready_judge(const struct move_ready_env *env, const struct move_ready_pair *p)
{
	struct judging j = {
	    .env = env, .p = p, .source = p->side[SOURCE], .target = p->side[TARGET]};

	check_correspondence(&j);
	if (!check_objects(&j))
		return j.n;
	check_mailboxes(&j);
	check_present(&j);
	check_guids(&j);
	if (entry_get(j.source, names[MOVE_READY_ARCHIVE_GUID]).data)
		check_values(&j, MOVE_READY_ARCHIVE_NAME);
	check_values(&j, MOVE_READY_CULTURE);
	check_types(&j);
	check_target_address(&j);
	check_addresses(&j);
	return j.n;
}
