/* SPDX-License-Identifier: MIT */
/*
 * The marker group: whose mailbox is switched is a member, until its client reports that it is done
 * (dsa/rules/client.h). It guides logon scripts and decides
 * nothing about mail; so what is wrong with it is told, and stops no turn and no cycle.
 *
 * A change of the members is a difference from what is there, made between the two changes of a
 * turn and its record. A crash leaves the operation, and with it the same change is made again.
 *
 * What cannot be changed is owed: it is put down in the transaction that ends the operation, and
 * tried again before the next cycles and turns, in growing intervals, as long as the link has a
 * group and the mailbox is as it was turned. Nothing else is ever compared: who is no member any
 * more may have been taken out by others, and who is one may have been put there. So a lost map
 * forgets what is owed.
 */
#include "dsa/jobs/turn_priv.h"

#include <stdio.h>
#include <syslog.h>

#include "dsa/base/clock.h"
#include "dsa/directory/dir.h"
#include "dsa/rules/client.h"

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
		(void)err_set(err, ERR_DATA, ERR_LINK, ERR_LATER, 0, "'%s' does not exist", dn);
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

/* 1: the group cannot be changed, with ERR. */
static int
try_members(struct chunk *c, struct err *err)
{
	int rc = c->conf.marker_group && any_wanted(c) ? change_members(c, err) : 0;

	/* A mailbox may have been renamed, or the same members changed. */
	for (int i = 1; i < TRIES && rc > 0; i++) {
		if (turn_read(c, false, err) < 0)
			return -1;
		rc = change_members(c, err);
	}
	return rc;
}

/* Nothing is wanted any more; WHY is why it was not done, or NULL. */
static void
settle(struct chunk *c, const struct err *why)
{
	for (size_t i = 0; i < c->n; i++) {
		struct mailbox *m = &c->m[i];

		if (m->member == MEMBER_ANY)
			continue;
		m->owed = why ? m->member : MEMBER_ANY;
		m->member = MEMBER_ANY;
		if (why)
			(void)snprintf(m->group_why, sizeof m->group_why,
			    "the marker group is not yet as it must be, which is tried again: %s",
			    why->text);
		else
			m->group_why[0] = '\0';
	}
	if (why)
		run_message(c->run, LOG_WARNING, NULL, c->conf.marker_group,
		    "the marker group cannot be changed, which is tried again: %s", why->text);
}

int
turn_change_group(struct chunk *c, struct err *err)
{
	int rc = try_members(c, err);

	if (rc < 0)
		return -1;
	settle(c, rc > 0 ? err : NULL);
	return 0;
}

/* ---- what failed before ---- */

int
turn_put_owed(struct store_txn *t, const struct mailbox *m, struct err *err)
{
	uint32_t link = m->chunk->run->link_id;

	if (m->owed == MEMBER_ANY)
		return store_clear_membership(t, link, &m->source, err);
	return store_put_membership(
	    t, link, &m->source, m->owed == MEMBER_YES, clock_realtime_s(), err);
}

/* It may have been turned by others, or have gone; or its client has reported. */
static int
forget_not_owed(struct store_txn *t, struct mailbox *m, struct err *err)
{
	_cleanup_(client_reports_done) struct client_reports all = {.n = 0};
	bool wanted;

	if (store_get_clients(t, m->chunk->run->link_id, &m->source, &all, err) < 0)
		return -1;
	wanted = m->record && client_wants_marker(m->record, client_judge(&all, m->record).done);
	if (!m->chunk->conf.marker_group || !m->record || !m->side[SOURCE] ||
	    wanted != (m->member == MEMBER_YES))
		m->member = MEMBER_ANY;
	return 0;
}

static int
forget_all_not_owed(struct chunk *c, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(c->run->store, STORE_READ, &t, err) < 0)
		return -1;
	for (size_t i = 0; i < c->n; i++)
		if (forget_not_owed(t, &c->m[i], err) < 0)
			return -1;
	return 0;
}

/* One at a time: that one cannot be a member must not keep the others out. */
static int
pay_each(struct chunk *c, struct err *err)
{
	enum membership want[CHUNK] = {MEMBER_ANY};
	int rc = 0;

	for (size_t i = 0; i < c->n; i++) {
		want[i] = c->m[i].member;
		c->m[i].member = MEMBER_ANY;
	}
	for (size_t i = 0; i < c->n && rc == 0; i++) {
		c->m[i].member = want[i];
		want[i] = MEMBER_ANY;
		rc = try_members(c, err);
		if (rc < 0)
			return -1;
		if (rc > 0 && err->scope != ERR_ENTRY)
			break; /* it is as bad with all others */
		settle(c, rc > 0 ? err : NULL);
		rc = 0;
	}
	for (size_t i = 0; i < c->n && rc > 0; i++)
		if (want[i] != MEMBER_ANY)
			c->m[i].member = want[i];
	if (rc > 0)
		settle(c, err);
	return 0;
}

static int
pay_chunk(struct chunk *c, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	int rc;

	if (turn_find_records(c, err) < 0 || turn_read(c, false, err) < 0 ||
	    forget_all_not_owed(c, err) < 0)
		return -1;
	rc = try_members(c, err);
	if (rc > 0 && err->scope == ERR_ENTRY)
		rc = pay_each(c, err);
	else if (rc >= 0)
		settle(c, rc > 0 ? err : NULL);
	if (rc < 0 || store_begin(c->run->store, STORE_WRITE, &t, err) < 0)
		return -1;
	for (size_t i = 0; i < c->n; i++)
		if (turn_put_owed(t, &c->m[i], err) < 0)
			return -1;
	return store_commit(TAKE(t), err);
}

struct owing {
	struct store_membership v[CHUNK];
	size_t n;
};

static int
take_owed(const struct store_membership *m, void *arg, struct err *err)
{
	struct owing *o = arg;

	(void)err;
	o->v[o->n++] = *m;
	return o->n == CHUNK;
}

static int
find_owed(const struct run *run, struct owing *o, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(run->store, STORE_READ, &t, err) < 0)
		return -1;
	return store_each_membership(t, run->link_id, clock_realtime_s(), take_owed, o, err);
}

int
turn_pay_owed(struct run *run, const struct turn_conf *conf, struct err *err)
{
	struct owing o = {.n = 0};
	struct chunk *c;
	int rc;

	if (find_owed(run, &o, err) < 0)
		return -1;
	if (o.n == 0)
		return 0;
	c = calloc(1, sizeof *c);
	if (!c)
		return err_nomem(err);
	*c = (struct chunk){.run = run, .conf = *conf};
	for (; c->n < o.n; c->n++)
		c->m[c->n] = (struct mailbox){.chunk = c,
		    .source = o.v[c->n].source,
		    .member = o.v[c->n].wanted ? MEMBER_YES : MEMBER_NO};
	rc = pay_chunk(c, err);
	turn_chunk_clear(c);
	free(c);
	return rc;
}
