/* SPDX-License-Identifier: MIT */
/* The computed rows that say what an object is and where its mailbox lies. */
#include "dsa/rules/project_priv.h"

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/sid.h"

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
enum {
	DISPLAY_MAILBOX = 0,
	DISPLAY_GROUP = 1,
	DISPLAY_PUBLIC_FOLDER = 2,
	DISPLAY_DYNAMIC_GROUP = 3,
	DISPLAY_MAIL_USER = 6, /* or contact */
	DISPLAY_ROOM = 7,
	DISPLAY_EQUIPMENT = 8,
	DISPLAY_SECURITY_GROUP = 9
};
#define GROUP_UNIVERSAL 8
#define GROUP_SECURITY 0x80000000LL

static int
set_bytes(struct entry *e, const char *attr, struct bytes v, struct err *err)
{
	return entry_set(e, attr, v) < 0 ? err_nomem(err) : 0;
}

static int
set_number(struct entry *e, const char *attr, int64_t v, struct err *err)
{
	_cleanup_(free) char *text = str_printf("%lld", (long long)v);

	return !text ? err_nomem(err) : project_set_str(e, attr, text, err);
}

int
compute_object_class(const struct project_in *in, struct entry *ret, struct err *err)
{
	return project_set_str(ret, "objectClass",
	    in->shape == SHAPE_GROUP	 ? "group"
	    : in->shape == SHAPE_CONTACT ? "contact"
					 : "user",
	    err);
}

int
compute_cn(const struct project_in *in, struct entry *ret, struct err *err)
{
	return project_set_str(ret, "cn", in->names->rdn_value, err);
}

int
compute_sam(const struct project_in *in, struct entry *ret, struct err *err)
{
	return in->names->sam ? project_set_str(ret, "sAMAccountName", in->names->sam, err) : 0;
}

int
compute_upn(const struct project_in *in, struct entry *ret, struct err *err)
{
	return in->names->upn ? project_set_str(ret, "userPrincipalName", in->names->upn, err) : 0;
}

int
compute_uac(const struct project_in *in, struct entry *ret, struct err *err)
{
	(void)in;
	return set_number(ret, "userAccountControl", UAC_NORMAL_ACCOUNT | UAC_ACCOUNTDISABLE, err);
}

/* The Calendar Repair Assistant leaves the passive mailbox alone. */
int
compute_guard(const struct project_in *in, struct entry *ret, struct err *err)
{
	if (!in->redirects || in->active == TARGET)
		return 0;
	return project_set_str(ret, "msExchCalendarRepairDisabled", "TRUE", err);
}

int
compute_legacy_dn(const struct project_in *in, struct entry *ret, struct err *err)
{
	_cleanup_(free) char *dn = project_legacy_dn(in->link, in->source);

	return !dn ? err_nomem(err) : project_set_str(ret, "legacyExchangeDN", dn, err);
}

/* A mailbox of its own has a GUID of its own, the same at every attempt. */
int
compute_mailbox_guid(const struct project_in *in, struct entry *ret, struct err *err)
{
	struct guid derived = guid_derive(&in->source->guid, "galsync mailbox");

	return set_bytes(ret, "msExchMailboxGuid", guid_bytes(&derived), err);
}

/* What a prepared mail user carries of the source's mailbox, so that a move request finds it. If
 * the source has no mailbox any more, that may have been moved: the target keeps what it has, even
 * where its domain controller does not tell of its new mailbox yet, so that it looks passive. */
static int
copy_for_move(const struct project_in *in, const char *attr, struct entry *ret, struct err *err)
{
	const struct attr *a = entry_find(in->source, attr);

	if (in->target && entry_get(in->target, attr).data && !kind_has_mailbox(in->source))
		return 1;
	for (size_t i = 0; a && i < a->n_values; i++)
		if (entry_add(ret, attr, a->values[i]) < 0)
			return err_nomem(err);
	return 0;
}

int
compute_moved_guid(const struct project_in *in, struct entry *ret, struct err *err)
{
	return copy_for_move(in, "msExchMailboxGuid", ret, err);
}

int
compute_archive_guid(const struct project_in *in, struct entry *ret, struct err *err)
{
	return copy_for_move(in, "msExchArchiveGUID", ret, err);
}

/* The name of one archive is none for another: a target with an archive of others keeps its name.
 */
int
compute_archive_name(const struct project_in *in, struct entry *ret, struct err *err)
{
	struct bytes own = entry_get(in->source, "msExchArchiveGUID");
	struct bytes there =
	    in->target ? entry_get(in->target, "msExchArchiveGUID") : (struct bytes){NULL, 0};
	bool foreign = there.data && !(own.data && bytes_equal(own, there)) &&
		       !(in->record && record_was_written(in->record, TARGET,
					   record_written_hash("msExchArchiveGUID", there)));

	return foreign ? 1 : copy_for_move(in, "msExchArchiveName", ret, err);
}

int
compute_home_mdb(const struct project_in *in, struct entry *ret, struct err *err)
{
	uint64_t h = bytes_hash(guid_bytes(&in->source->guid), 0);

	if (!in->link->n_databases)
		return 0;
	return project_set_str(ret, "homeMDB", in->link->databases[h % in->link->n_databases], err);
}

int
compute_home_server(const struct project_in *in, struct entry *ret, struct err *err)
{
	return in->link->home_server
		   ? project_set_str(ret, "msExchHomeServerName", in->link->home_server, err)
		   : 0;
}

/* Directories show the type as a signed 32-bit number. */
static int
set_display(struct entry *ret, uint32_t v, struct err *err)
{
	return set_number(ret, "msExchRecipientDisplayType", (int32_t)v, err);
}

/* Of a user without a type: an account that is disabled, or has no mailbox, is no mailbox user's,
 * unless Exchange says otherwise. On an account that is to have the mailbox, or is prepared for it,
 * only the mailbox counts. */
static uint32_t
untyped_user(const struct project_in *in)
{
	int64_t details = entry_get_i64(in->source, "msExchRecipientTypeDetails", 0);
	bool disabled = in->shape == SHAPE_CONTACT && !details && kind_is_disabled(in->source);
	bool none = in->shape != SHAPE_MAILBOX && !kind_has_mailbox(in->source);

	if (details == DETAILS_ROOM)
		return DISPLAY_ROOM;
	if (details == DETAILS_EQUIPMENT)
		return DISPLAY_EQUIPMENT;
	return disabled || none ? DISPLAY_MAIL_USER : DISPLAY_MAILBOX;
}

/* What the source is in its own forest. Exchange 2003 gave its objects no type: there it follows
 * from what they are. */
static uint32_t
local_type(const struct project_in *in)
{
	int64_t group_type = entry_get_i64(in->source, "groupType", 0);

	if (entry_get(in->source, "msExchRecipientDisplayType").data)
		return (uint32_t)entry_get_i64(in->source, "msExchRecipientDisplayType", 0) & 0xff;
	switch (in->kind) {
	case KIND_USER: return untyped_user(in);
	case KIND_GROUP:
		return (group_type & GROUP_SECURITY) ? DISPLAY_SECURITY_GROUP : DISPLAY_GROUP;
	case KIND_DYNAMIC_GROUP: return DISPLAY_DYNAMIC_GROUP;
	case KIND_PUBLIC_FOLDER: return DISPLAY_PUBLIC_FOLDER;
	case KIND_CONTACT:
	case KIND_OTHER:
	case KIND_MAX: break;
	}
	return DISPLAY_MAIL_USER;
}

/* May stand in access control lists: a mailbox user and a security group do. */
static uint32_t
with_acl(uint32_t type)
{
	return type == DISPLAY_MAILBOX || type == DISPLAY_SECURITY_GROUP ? type | DISPLAY_ACL
									 : type;
}

int
compute_display_type(const struct project_in *in, struct entry *ret, struct err *err)
{
	bool has = entry_get(in->source, "msExchRecipientDisplayType").data;
	uint32_t src = (uint32_t)entry_get_i64(in->source, "msExchRecipientDisplayType", 0);
	uint32_t type = local_type(in), acl = 0;

	if (in->shape == SHAPE_MAILBOX && has)
		return set_display(ret, src & DISPLAY_REMOTE ? DISPLAY_ACL : src, err);
	if (in->shape == SHAPE_GROUP && has)
		return set_display(ret, src, err);
	if (in->shape == SHAPE_MAILBOX || in->shape == SHAPE_GROUP)
		return set_display(ret, with_acl(type), err);
	if (in->shape == SHAPE_MAIL_USER && in->scope->linked && !kind_is_disabled(in->source))
		acl = DISPLAY_ACL;
	return set_display(ret, type << 8 | DISPLAY_REMOTE | acl | DISPLAY_MAIL_USER, err);
}

/* msExchRemoteRecipientType: galsync asks for the mailbox, nothing was moved to the tenant. */
enum { REMOTE_USER = 1, REMOTE_ROOM = 33, REMOTE_EQUIPMENT = 65, REMOTE_SHARED = 97 };

/* A mailbox in the tenant, by the source's msExchRecipientTypeDetails. */
static const struct {
	int64_t source, details, type;
} remote_types[] = {
    {DETAILS_SHARED, REMOTE_SHARED_MAILBOX, REMOTE_SHARED},
    {DETAILS_ROOM, REMOTE_ROOM_MAILBOX, REMOTE_ROOM},
    {DETAILS_EQUIPMENT, REMOTE_EQUIPMENT_MAILBOX, REMOTE_EQUIPMENT},
    {DETAILS_USER, REMOTE_USER_MAILBOX, REMOTE_USER}, /* and all others */
};

static size_t
find_remote_type(const struct entry *source)
{
	int64_t details = entry_get_i64(source, "msExchRecipientTypeDetails", 0);
	size_t i = 0;

	while (i < ARRAY_SIZE(remote_types) - 1 && remote_types[i].source != details)
		i++;
	return i;
}

/* Only where the configuration asks for such mailboxes. */
int
compute_remote_type(const struct project_in *in, struct entry *ret, struct err *err)
{
	if (in->scope->create != CREATE_REMOTE_MAILBOX)
		return 1;
	return set_number(
	    ret, "msExchRemoteRecipientType", remote_types[find_remote_type(in->source)].type, err);
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
	case SHAPE_REMOTE_MAILBOX: v = remote_types[find_remote_type(in->source)].details; break;
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
	return project_set_str(ret, "msExchOriginatingForest", in->link->source->dir.domain, err);
}

/* The e-mail address policies of Exchange, as both attributes name them. */
#define ADDRESS_POLICIES "{26491cfc-9e50-4857-861b-0cb8df22b5d7}"

/* Does an administrator let one rewrite the primary address of E? */
static bool
has_address_policy(const struct entry *e)
{
	const struct attr *a = e ? entry_find(e, "msExchPoliciesIncluded") : NULL;

	for (size_t i = 0; a && i < a->n_values; i++)
		if (strcasestr(a->values[i].data, ADDRESS_POLICIES))
			return true;
	return false;
}

/* Keeps address policies from rewriting the primary address; but never beside one that applies, for
 * both together contradict each other. From galsync's own contacts such a one is taken away. */
int
compute_policies_excluded(const struct project_in *in, struct entry *ret, struct err *err)
{
	bool ours = in->shape == SHAPE_CONTACT && in->created;

	return !ours && has_address_policy(in->target)
		   ? 0
		   : project_set_str(ret, "msExchPoliciesExcluded", ADDRESS_POLICIES, err);
}

int
compute_nothing(const struct project_in *in, struct entry *ret, struct err *err)
{
	(void)in, (void)ret, (void)err;
	return 0;
}

/* Does the recipient take rich text? What has a mailbox does; of anything else it says so itself.
 */
int
compute_mapi_recipient(const struct project_in *in, struct entry *ret, struct err *err)
{
	const char *own = entry_get_str(in->source, "mAPIRecipient");

	if (in->kind == KIND_USER && kind_has_mailbox(in->source))
		own = "TRUE";
	return own ? project_set_str(ret, "mAPIRecipient", own, err) : 0;
}

int
compute_stamp(const struct project_in *in, struct entry *ret, struct err *err)
{
	struct stamp stamp = {.created = in->created,
	    .source = in->source->guid,
	    .has_side = true,
	    .active = in->active};
	char text[STAMP_TEXT_SIZE];

	stamp_format(&stamp, text);
	return project_set_str(ret, in->link->target->stamp_attribute, text, err);
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
	return master.data ? set_bytes(ret, "msExchMasterAccountSid", master, err) : 0;
}
