/* SPDX-License-Identifier: MIT */
#include "dsa/rules/limit.h"

#include <stdio.h>

#include "dsa/base/str.h"
#include "redirect/address.h"

/* Below so many correspondences a percentage says nothing. */
#define PERCENT_FROM 20

struct limit {
	const char *what; /* N of them WHAT */
	const char *then; /* how it is said of those of the last day */
	const char *key, *percent_key;
	int64_t max;
	int percent;  /* 100: none, for what came and went in a day may be more than there is */
	bool is_part; /* N are a part of the correspondences */
};

static struct limit
limit_of(const struct conf_link *link, enum held_kind kind)
{
	switch (kind) {
	case HELD_DELETES:
		return (struct limit){"objects would leave at once", "left", "deletes",
		    "delete_percent", link->max_deletes, link->max_delete_percent, true};
	case HELD_REDIRECTIONS:
		return (struct limit){"redirections would be changed at once", "were",
		    "redirections", "redirection_percent", link->max_redirections,
		    link->max_redirection_percent, true};
	case HELD_SWITCHES:
		return (struct limit){"mailboxes are ready to be switched at once", "", "switches",
		    NULL, link->max_switches, 100, true};
	case HELD_MATCHES:
		return (struct limit){
		    "mailboxes or security groups would be matched for the first time", "were",
		    "matches", NULL, link->max_matches, 100, true};
	case HELD_MEMBER_REMOVALS:
		return (struct limit){"members of groups would be removed at once", "were",
		    "member_removals", "member_removal_percent", link->max_member_removals,
		    link->max_member_removal_percent, false};
	case HELD_PRIMARY_CHANGES:
		return (struct limit){"primary addresses would be changed at once", "were",
		    "primary_changes", "primary_change_percent", link->max_primary_changes,
		    link->max_primary_change_percent, true};
	case HELD_UNDONE:
	case HELD_NOTHING:
	case HELD_KIND_MAX: break;
	}
	return (struct limit){.max = INT64_MAX, .percent = 100};
}

bool
limit_allows(const struct conf_link *link, enum held_kind kind, const struct limit_use *use,
    char *why, size_t size)
{
	const struct limit l = limit_of(link, kind);
	uint64_t n = use->n + use->spent;
	char before[80] = "";
	bool percent;

	if (use->n == 0)
		return true;
	percent = l.percent < 100 && use->records >= PERCENT_FROM &&
		  n * 100 > use->records * (uint64_t)l.percent;
	if (n <= (uint64_t)l.max && !percent)
		return true;
	if (use->spent)
		(void)snprintf(before, sizeof before, " and %llu %s in the last 24 hours",
		    (unsigned long long)use->spent, l.then);
	if (n > (uint64_t)l.max) {
		(void)snprintf(why, size, "%llu %s%s, the limit is %lld (limits.%s)",
		    (unsigned long long)use->n, l.what, before, (long long)l.max, l.key);
		return false;
	}
	if (l.is_part)
		(void)snprintf(why, size, "%llu of %llu %s%s, the limit is %d %% (limits.%s)",
		    (unsigned long long)use->n, (unsigned long long)use->records, l.what, before,
		    l.percent, l.percent_key);
	else
		(void)snprintf(why, size,
		    "%llu %s%s, with %llu correspondences, the limit is %d %% of these (limits.%s)",
		    (unsigned long long)use->n, l.what, before, (unsigned long long)use->records,
		    l.percent, l.percent_key);
	return false;
}

uint32_t
limit_member_removals(const struct change *c)
{
	uint32_t n = 0;

	for (size_t i = 0; c->op == CHANGE_MODIFY && i < c->n_mods; i++)
		if (c->mods[i].op == MOD_DELETE && str_equal_nocase(c->mods[i].attr, "member"))
			n += (uint32_t)c->mods[i].n_values;
	return n;
}

struct bytes
limit_primary_in(const struct change *c, enum mod_op op)
{
	for (size_t i = 0; c->op == CHANGE_MODIFY && i < c->n_mods; i++) {
		const struct mod *m = &c->mods[i];

		if (m->op != op || !str_equal_nocase(m->attr, "proxyAddresses"))
			continue;
		for (size_t j = 0; j < m->n_values; j++)
			if (address_is_primary(m->values[j]))
				return address_value(m->values[j]);
	}
	return (struct bytes){NULL, 0};
}

bool
limit_changes_primary(const struct change *c)
{
	struct bytes old = limit_primary_in(c, MOD_DELETE), now = limit_primary_in(c, MOD_ADD);

	return old.data && (!now.data || !bytes_equal_nocase(old, now));
}
