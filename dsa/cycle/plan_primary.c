/* SPDX-License-Identifier: MIT */
/*
 * Members of a group by primaryGroupID. A directory does not name them in `member`, and refuses to
 * add one there (MS-ADTS 3.1.1.4.5.21): of a group of the source they count as its members, and of
 * its counterpart they are there already.
 *
 * Who has the group of nearly everybody, Domain Users, is not counted: mail to it reaches those
 * that it names.
 */
#include "dsa/cycle/planning.h"

#include <stdio.h>
#include <string.h>

#include "dsa/directory/dn.h"
#include "dsa/directory/sid.h"
#include "dsa/rules/group_type.h"

/* The RID of GROUP, as primaryGroupID has it, into RET. False if it is no object's primary group.
 */
static bool
rid_of(const struct entry *group, char *ret, size_t size)
{
	const char *type = entry_get_str(group, "groupType");
	uint32_t rid;

	if (!type || !group_type_is_security(type) || !sid_rid(entry_get(group, "objectSid"), &rid))
		return false;
	(void)snprintf(ret, size, "%lu", (unsigned long)rid);
	return strcmp(ret, WORLD_DOMAIN_USERS) != 0;
}

/* Adds the name of each object of SIDE of which GROUP is the primary group to RET's `member`. */
static int
add_member(struct world_hit *hit, void *arg, struct err *err)
{
	return entry_add_str(arg, "member", hit->entry->dn) < 0 ? err_nomem(err) : 0;
}

static int
add_members(struct planning *p, enum side side, const struct entry *group, struct entry *ret)
{
	char rid[16];
	struct world_query q;

	if (!rid_of(group, rid, sizeof rid))
		return 0;
	q = world_query_entries(side, MATCH_KEY_PRIMARY_GROUP, bytes_of(rid));
	return world_find_each(p->c->world, &q, add_member, ret, p->err);
}

int
plan_add_primary_members(struct planning *p, enum side side, struct entry *group)
{
	return add_members(p, side, group, group);
}

static bool
has_name(const struct attr *a, const char *dn)
{
	for (size_t i = 0; i < a->n_values; i++)
		if (dn_equal(a->values[i].data, dn))
			return true;
	return false;
}

int
plan_drop_primary_members(
    struct planning *p, enum side side, const struct entry *group, struct entry *want)
{
	_cleanup_(entry_free) struct entry *there = entry_new(""), *old = NULL;
	const struct attr *members, *a;

	if (!there)
		return err_nomem(p->err);
	if (!entry_find(want, "member"))
		return 0;
	if (add_members(p, side, group, there) < 0)
		return -1;
	members = entry_find(there, "member");
	if (!members)
		return 0;
	if (!(old = entry_dup(want)))
		return err_nomem(p->err);
	entry_remove(want, "member");
	if (entry_touch(want, "member") < 0)
		return err_nomem(p->err);
	a = entry_find(old, "member");
	for (size_t i = 0; i < a->n_values; i++)
		if (!has_name(members, a->values[i].data) &&
		    entry_add(want, "member", a->values[i]) < 0)
			return err_nomem(p->err);
	return 0;
}
