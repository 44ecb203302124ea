/* SPDX-License-Identifier: MIT */
/*
 * When an object that galsync made may go, and how one that it deleted comes back.
 *
 * The server itself sets some attributes, and says of some that a client may not: they do not show
 * that the object is used, and are not put back. A back link does: another object names it.
 */
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/digest.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/kind.h"
#include "dsa/rules/undo_priv.h"

/* What a client may write, and the server writes by itself (MS-ADTS 3.1.1.5.2.4, 3.1.1.8). */
static const char *const by_server[] = {"accountExpires", "adminCount", "badPasswordTime",
    "badPwdCount", "cn", "codePage", "countryCode", "distinguishedName", "dSCorePropagationData",
    "instanceType", "isDeleted", "isRecycled", "lastKnownParent", "lastLogoff", "lastLogon",
    "lastLogonTimestamp", "logonCount", "name", "nTSecurityDescriptor", "objectCategory",
    "objectClass", "objectGUID", "objectSid", "operatorCount", "ou", "primaryGroupID", "pwdLastSet",
    "replPropertyMetaData", "sAMAccountType", "uSNChanged", "uSNCreated", "whenChanged",
    "whenCreated"};

/* What Update-Recipient adds to any recipient. */
static const char *const by_exchange[] = {
    "showInAddressBook", "msExchPoliciesIncluded", "msExchPoliciesExcluded", "msExchUMDtmfMap"};

static bool
is_among(const char *const *names, size_t n, const char *attr)
{
	for (size_t i = 0; i < n; i++)
		if (str_equal_nocase(names[i], attr))
			return true;
	return false;
}

static bool
is_servers(const struct schema_attr *s, const char *attr)
{
	return is_among(by_server, ARRAY_SIZE(by_server), attr) ||
	       (s && (s->system_only || s->constructed_or_backlink));
}

/* ---- an object that was made ---- */

static bool
was_logged_on(const struct entry *now)
{
	return entry_get_i64(now, "logonCount", 0) > 0 || entry_get_i64(now, "lastLogon", 0) > 0 ||
	       entry_get_i64(now, "lastLogonTimestamp", 0) > 0;
}

/* Is A as in MADE? */
static bool
is_as_made(const struct undo_in *in, const struct entry *made, const struct attr *a)
{
	const struct attr *ours = entry_find(made, a->name);

	if (!ours || ours->n_values != a->n_values)
		return false;
	for (size_t i = 0; i < ours->n_values; i++)
		if (!undo_find(in, a, ours->values[i]))
			return false;
	return true;
}

static int
judge_attr(const struct undo_in *in, const struct entry *made, const struct attr *a,
    struct undo_out *ret, struct err *err)
{
	const struct schema_attr *s = schema_find(in->schema, a->name);
	bool back_link = s && (s->link_id & 1);

	if (a->n_values == 0 || is_as_made(in, made, a))
		return 0;
	if (back_link)
		return undo_leave(ret, in->now->dn, a->name, a->values[0], "others name it", err);
	if (is_servers(s, a->name) || is_among(by_exchange, ARRAY_SIZE(by_exchange), a->name))
		return 0;
	return undo_leave(ret, in->now->dn, a->name, a->values[0],
	    entry_find(made, a->name) ? UNDO_CHANGED : "it was not written by this change", err);
}

/* What was written and is not there any more. */
static int
judge_missing(
    const struct undo_in *in, const struct entry *made, struct undo_out *ret, struct err *err)
{
	for (size_t i = 0; i < made->n_attrs; i++) {
		const struct attr *a = &made->attrs[i];

		if (a->n_values && !entry_find(in->now, a->name) &&
		    !is_servers(schema_find(in->schema, a->name), a->name) &&
		    undo_leave(
			ret, in->now->dn, a->name, (struct bytes){NULL, 0}, UNDO_CHANGED, err) < 0)
			return -1;
	}
	return 0;
}

/* What the change made: of one that brought an object back, what was deleted and what it added. */
static int
find_made(const struct undo_in *in, struct entry **ret, struct err *err)
{
	const struct change *c = in->entry->change;
	const struct entry *from = c->entry ? c->entry : in->entry->before;

	*ret = from ? entry_dup(from) : entry_new(c->dn);
	if (!*ret)
		return err_nomem(err);
	return c->entry ? 0 : undo_pretend(*ret, c, err);
}

int
undo_add(const struct undo_in *in, struct undo_out *ret, struct err *err)
{
	_cleanup_(entry_free) struct entry *made = NULL;
	struct bytes to;

	if (!in->now)
		return 0;
	if (find_made(in, &made, err) < 0)
		return -1;
	if (in->has_children)
		return undo_leave_all(in, ret, "there are objects below it", err);
	if (was_logged_on(in->now))
		return undo_leave_all(in, ret, "it was logged on with", err);
	if (kind_has_mailbox(in->now) && kind_is_finished(in->now) && !kind_is_finished(made))
		return undo_leave_all(in, ret, "Exchange has finished its mailbox", err);
	to = entry_get(in->now, "targetAddress");
	if (in->partner && kind_has_mailbox(in->partner) && undo_goes_round(in, to))
		return undo_leave_all(in, ret, "its counterpart redirects to it", err);
	for (size_t i = 0; i < in->now->n_attrs; i++)
		if (judge_attr(in, made, &in->now->attrs[i], ret, err) < 0)
			return -1;
	if (judge_missing(in, made, ret, err) < 0)
		return -1;
	if (ret->left.n)
		return 0;
	ret->change = change_new(CHANGE_DELETE, in->now->dn, &in->now->guid);
	return ret->change ? 0 : err_nomem(err);
}

/* ---- an object that was deleted ---- */

static int
bring_back(const struct undo_in *in, const struct attr *a, struct undo_out *ret, struct err *err)
{
	const struct schema_attr *s = schema_find(in->schema, a->name);
	const char *dn = in->entry->change->dn;
	bool is_class = str_equal_nocase(a->name, "objectClass");

	for (size_t i = 0; i < a->n_values; i++) {
		int rc = 0;

		if (s && (s->link_id & 1))
			rc = undo_leave(ret, dn, a->name, a->values[i],
			    "it was named there, which galsync does not put back", err);
		else if (!is_class && is_servers(s, a->name))
			continue;
		else if (digest_is(a->values[i]))
			rc = undo_leave(ret, dn, a->name, a->values[i],
			    "the journal has the value no more", err);
		else if (entry_add(ret->change->entry, a->name, a->values[i]) < 0)
			rc = err_nomem(err);
		if (rc < 0)
			return -1;
	}
	return 0;
}

/* The tombstone has A already, or gets it. */
static int
restore_attr(
    const struct undo_in *in, const struct entry *tombstone, const struct attr *a, struct change *c)
{
	const struct schema_attr *s = schema_find(in->schema, a->name);
	const struct attr *kept = entry_find(tombstone, a->name);

	if (s && s->single && kept && kept->n_values && a->n_values &&
	    !undo_find(in, kept, a->values[0]) &&
	    change_mod(c, MOD_DELETE, a->name, kept->values[0]) < 0)
		return -1;
	for (size_t i = 0; i < a->n_values; i++)
		if (!undo_find(in, kept, a->values[i]) &&
		    change_mod(c, MOD_ADD, a->name, a->values[i]) < 0)
			return -1;
	return 0;
}

int
undo_bring_back(
    const struct undo_in *in, const struct entry *tombstone, struct undo_out *ret, struct err *err)
{
	_cleanup_(change_free) struct change *c =
	    change_new(CHANGE_MODIFY, tombstone->dn, &tombstone->guid);
	const struct entry *was = ret->change->entry;

	if (!c || change_bring_back(c, ret->change->dn) < 0)
		return err_nomem(err);
	for (size_t i = 0; i < was->n_attrs; i++)
		if (!str_equal_nocase(was->attrs[i].name, "objectClass") &&
		    restore_attr(in, tombstone, &was->attrs[i], c) < 0)
			return err_nomem(err);
	change_free(ret->change);
	ret->change = TAKE(c);
	return 0;
}

int
undo_delete(const struct undo_in *in, struct undo_out *ret, struct err *err)
{
	const struct entry *was = in->entry->before;
	struct bytes to;

	if (in->now)
		return 0;
	if (!was || !was->n_attrs)
		return undo_leave_all(in, ret, "the journal does not have what it was", err);
	to = entry_get(was, "targetAddress");
	if (to.data && undo_goes_round(in, to))
		return undo_leave_all(
		    in, ret, "its counterpart redirects: mail could go round", err);
	ret->change = change_new(CHANGE_ADD, in->entry->change->dn, NULL);
	if (!ret->change || !(ret->change->entry = entry_new(in->entry->change->dn)))
		return err_nomem(err);
	for (size_t i = 0; i < was->n_attrs; i++)
		if (bring_back(in, &was->attrs[i], ret, err) < 0)
			return -1;
	return 0;
}
