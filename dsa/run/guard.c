/* SPDX-License-Identifier: MIT */
#include "dsa/run/guard.h"

#include <stdlib.h>
#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/filter.h"

#define PARTS 64 /* names in one filter */
/* Relative identifiers (MS-DTYP 2.4.2.4) of groups whose members count by their primary group, or
 * that AD does not protect itself. */
#define DOMAIN_ADMINS "512"
#define SCHEMA_ADMINS "518"
#define ENTERPRISE_ADMINS "519"
#define POLICY_OWNERS "Group Policy Creator Owners"

struct guard {
	char **v; /* normalized names, each once, in the order in which they were found */
	size_t n, cap;
};

void
guard_free(struct guard *g)
{
	for (size_t i = 0; g && i < g->n; i++)
		free(g->v[i]);
	if (g)
		free(g->v);
	free(g);
}

bool
guard_has(const struct guard *g, const char *dn_norm)
{
	for (size_t i = 0; i < g->n; i++)
		if (strcmp(g->v[i], dn_norm) == 0)
			return true;
	return false;
}

static int
add(struct guard *g, const char *dn, struct err *err)
{
	_cleanup_(free) char *norm = dn_normalize(dn_strip_extended(dn), err);

	if (!norm)
		return err->src == ERR_SYS ? -1 : 0;
	if (guard_has(g, norm))
		return 0;
	if (list_grow(g->v, g->n, g->cap) < 0)
		return err_nomem(err);
	g->v[g->n++] = TAKE(norm);
	return 0;
}

/* A group makes its members privileged; what was found by its primary group is so itself. */
static int
take(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	const struct attr *member = entry_find(own, "member");

	if (!entry_has_class(own, "group"))
		return add(arg, own->dn, err);
	for (size_t i = 0; member && i < member->n_values; i++)
		if (add(arg, member->values[i].data, err) < 0)
			return -1;
	return 0;
}

static int
search(const struct run *run, enum side side, const char *filter, struct guard *g, struct err *err)
{
	static const char *const attrs[] = {"objectGUID", "objectClass", "member", NULL};
	struct dir *d = run->dir[side];
	const struct dir_query q = {.base = d->ops->info(d)->domain_dn,
	    .scope = DIR_SUBTREE,
	    .filter = filter,
	    .attrs = attrs};

	return d->ops->search(d, &q, take, g, err);
}

/* The members of the groups among the names from number *FROM on, some of them at a time. */
static int
descend(const struct run *run, enum side side, size_t *from, struct guard *g, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};
	size_t end = g->n - *from > PARTS ? *from + PARTS : g->n;

	buf_add_str(&b, "(&(objectClass=group)(|");
	for (; *from < end; ++*from) {
		_cleanup_(free) char *text = filter_escape(bytes_of(g->v[*from]));

		b.failed |= !text;
		if (text)
			buf_printf(&b, "(distinguishedName=%s)", text);
	}
	buf_add_str(&b, "))");
	return b.failed ? err_nomem(err) : search(run, side, (const char *)b.data, g, err);
}

int
guard_read(const struct run *run, enum side side, struct guard **ret, struct err *err)
{
	_cleanup_(guard_free) struct guard *g = calloc(1, sizeof *g);
	size_t from = 0;

	if (!g)
		return err_nomem(err);
	if (search(run, side,
		"(|(&(objectClass=group)(|(adminCount=1)(sAMAccountName=" POLICY_OWNERS
		")))(primaryGroupID=" DOMAIN_ADMINS ")(primaryGroupID=" SCHEMA_ADMINS
		")(primaryGroupID=" ENTERPRISE_ADMINS "))",
		g, err) < 0)
		return err_ctx(err, "members of privileged groups");
	/* Each name is asked about once, so this ends. */
	while (from < g->n)
		if (descend(run, side, &from, g, err) < 0)
			return err_ctx(err, "members of privileged groups");
	*ret = TAKE(g);
	return 0;
}
