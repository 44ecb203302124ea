/* SPDX-License-Identifier: MIT */
#include "dsa/rules/identity.h"

#include "dsa/directory/kind.h"

bool
identity_is_nobody(const struct entry *e)
{
	return kind_of(e) == KIND_OTHER;
}

const char *
identity_refusal(const struct entry *e, const struct identity_guard *guard)
{
	struct bytes sid = entry_get(e, "objectSid");

	if (identity_is_nobody(e))
		return "it is no recipient";
	if (entry_get_bool(e, "isCriticalSystemObject"))
		return "the directory needs it itself (isCriticalSystemObject)";
	if (entry_get_i64(e, "adminCount", 0) > 0)
		return "it is privileged (adminCount)";
	if (guard->privileged)
		return "it is in a privileged group";
	if (sid.len && guard->own_sids && attr_has(guard->own_sids, sid, false))
		return "it is the account of galsync itself, or a group of it";
	return NULL;
}

/* Of a kind that cannot be the counterpart: yet a contact that galsync made for this very group
 * gives way to it, as one that it made for a user does. */
static enum match_verdict
judge_kinds(const struct identity_in *in, bool own_contact)
{
	enum kind source = kind_of(in->source), target = kind_of(in->target);
	enum match_verdict v = match_judge(source, target, in->create == CREATE_CONTACT);

	if (v == MATCH_KIND && own_contact && source == KIND_GROUP && target == KIND_CONTACT)
		return MATCH_PROMOTE;
	/* A contact that galsync made for this very user (the scope created contacts once) gives
	 * way to the user without asking. */
	if (v == MATCH_PROMOTE && !in->promote_contacts && !own_contact)
		return in->create == CREATE_NOTHING ? MATCH_FOUND : MATCH_KIND;
	return v;
}

enum identity_verdict
identity_judge(const struct identity_in *in, bool *ret_created)
{
	struct stamp stamp = {.created = false};
	enum match_verdict v;
	bool stamped, ours;

	stamped = stamp_of(in->target, in->stamp_attribute, &stamp);
	/* What was deleted and made again is the same person, by whatever rule found that. */
	ours = stamped && (in->abandoned || guid_equal(&stamp.source, &in->source->guid));
	v = judge_kinds(in, ours && stamp.created);
	*ret_created = false;
	if (stamped && !ours)
		return IDENTITY_TAKEN;
	if (v == MATCH_KIND)
		return IDENTITY_KIND;
	/* Last: a value is only worth clearing on what is the counterpart then. */
	if (stamp_foreign(in->target, in->stamp_attribute).data)
		return IDENTITY_FOREIGN_STAMP;
	*ret_created =
	    v == MATCH_PROMOTE || (ours && stamp.created) || (!stamped && in->was_created);
	return v == MATCH_PROMOTE ? IDENTITY_PROMOTE : IDENTITY_MATCHED;
}

bool
identity_may_inherit(const struct entry *source, const struct entry *target, enum create_as create)
{
	const struct identity_in in = {.source = source, .target = target, .create = create};

	return judge_kinds(&in, true) != MATCH_KIND;
}

/* A stamp that was taken off says that the object belongs to others now. One that went with all
 * else that Exchange knew of the object went with the mailbox: it was disabled, and its attributes
 * were cleared. */
static bool
lost_all(const struct entry *target)
{
	static const char *const attrs[] = {"mailNickname", "proxyAddresses", "targetAddress",
	    "legacyExchangeDN", "homeMDB", "msExchHomeServerName", "msExchMailboxGuid"};

	for (size_t i = 0; i < ARRAY_SIZE(attrs); i++)
		if (entry_find(target, attrs[i]))
			return false;
	return true;
}

/* Intended, and perhaps never begun: then TARGET is no counterpart unless its stamp says so. That
 * of an adopted pair an operator has said, before anything was written. */
static bool
only_intended(const struct record *r)
{
	bool approved = r->rule == MATCH_ADOPT && !r->created;

	return r->state == RECORD_PENDING && !r->synced_at && !approved;
}

bool
identity_believes(const struct record *r, const struct guid *source, const struct entry *target,
    const char *stamp_attribute, bool *ret_created)
{
	struct stamp stamp;
	bool stamped = stamp_of(target, stamp_attribute, &stamp);

	*ret_created = false;
	if (stamped ? !guid_equal(&stamp.source, source) : only_intended(r))
		return false;
	*ret_created = r->created && !stamped && lost_all(target);
	return true;
}

bool
identity_is_recorded(const struct record *r, const struct entry *e, const char *stamp_attribute)
{
	struct stamp stamp;
	bool stamped = stamp_of(e, stamp_attribute, &stamp);
	bool ours = stamped && guid_equal(&stamp.source, &r->side[SOURCE].guid);

	/* The GUID of what was created is not known if the process died right then. */
	if (guid_is_zero(&r->side[TARGET].guid))
		return ours && stamp.created;
	if (!guid_equal(&e->guid, &r->side[TARGET].guid))
		return false;
	return ours || (!stamped && !only_intended(r));
}

static bool
is_strong(enum match_method m)
{
	return m == MATCH_RECORD || m == MATCH_STAMP;
}

enum identity_owner
identity_settle(enum match_method old, bool old_conflicts, enum match_method now)
{
	if (is_strong(old) && !old_conflicts)
		return IDENTITY_OLD;
	return is_strong(now) ? IDENTITY_NOW : IDENTITY_NEITHER;
}
