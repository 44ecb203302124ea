/* SPDX-License-Identifier: MIT */
/*
 * The marker group: whose mailbox is switched is a member. It guides logon scripts and decides
 * nothing about mail; so what is wrong with it is told, and stops no turn and no cycle.
 *
 * A change of the members is a difference from what is there, made between the two changes of a
 * turn and its record. A crash leaves the operation, and with it the same change is made again.
 */
#include "dsa/jobs/turn_priv.h"

#include <stdio.h>

#include "dsa/directory/dir.h"

static bool
any_wanted(const struct chunk *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->m[i].member != MEMBER_ANY)
			return true;
	return false;
}

static int
add_differences(const struct chunk *c, const struct attr *members, struct change *change)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct mailbox *m = &c->m[i];
		const char *dn = m->side[SOURCE] ? m->side[SOURCE]->dn : NULL;
		bool is, want = m->member == MEMBER_YES;

		if (m->member == MEMBER_ANY || !dn)
			continue;
		is = members && attr_has(members, bytes_of(dn), true);
		if (is != want &&
		    change_mod_str(change, want ? MOD_ADD : MOD_DELETE, "member", dn) < 0)
			return -1;
	}
	return 0;
}

/* 1: the group cannot be changed, with ERR. */
static int
change_members(struct chunk *c, struct err *err)
{
	static const char *const attrs[] = {"member", "objectGUID", NULL};
	static const struct guid several;
	const char *dn = c->conf.marker_group;
	struct dir *d = c->run->dir[SOURCE];
	_cleanup_(entry_free) struct entry *group = NULL;
	_cleanup_(change_free) struct change *change = NULL;
	struct plan_step *s = NULL;

	if (d->ops->read(d, dn, attrs, &group, err) < 0)
		return turn_is_fatal(err) ? -1 : 1;
	if (!group) {
		(void)err_data(err, "'%s' does not exist", dn);
		return 1;
	}
	change = change_new(CHANGE_MODIFY, group->dn, &group->guid);
	if (!change || add_differences(c, entry_find(group, "member"), change) < 0)
		return err_nomem(err);
	if (change_is_empty(change))
		return 0;
	if (plan_step_of(&several, SOURCE, TAKE(change), group, "marker group", &s, err) < 0)
		return -1;
	return exec_step(c->run, s, err);
}

int
turn_change_group(struct chunk *c, struct err *err)
{
	int rc = c->conf.marker_group && any_wanted(c) ? change_members(c, err) : 0;

	/* A mailbox may have been renamed, or the same members changed. */
	for (int i = 1; i < TRIES && rc > 0; i++) {
		if (turn_read(c, false, err) < 0)
			return -1;
		rc = change_members(c, err);
	}
	if (rc < 0)
		return -1;
	for (size_t i = 0; i < c->n; i++) {
		struct mailbox *m = &c->m[i];

		if (rc > 0 && m->member != MEMBER_ANY)
			(void)snprintf(m->group_why, sizeof m->group_why,
			    "the redirection is as asked for, but the marker group is not: %s",
			    err->text);
		m->member = MEMBER_ANY;
	}
	return 0;
}
