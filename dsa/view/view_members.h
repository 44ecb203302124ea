/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_MEMBERS_H
#define GALSYNC_VIEW_VIEW_MEMBERS_H

/*
 * The members of a group (jobs/group_members.h) as JSON, by pages. The answer to `members` has
 *
 *   guid            of the original
 *   at              when the directories were asked
 *   forests         of each side: name, side, there (the group is), members (how many)
 *   both            how many are members on both sides
 *   no_counterpart  how many have none
 *   found, page, pages
 *   items           name, kind (null if it is not known), guid (of the original, null without a
 *                   correspondence), known (there is one), source, target (the DNs of both, or
 *                   null), result: "both", "source" or "target" (a member on that side, and the
 *                   counterpart is none), "no-counterpart"
 *   summary         null
 */

#include <jansson.h>

#include "dsa/jobs/group_members.h"

#define VIEW_MEMBERS_SIZE 100
#define VIEW_MEMBERS_SIZE_MAX 10000

struct view_members_page {
	uint64_t page, size; /* from 1 on; behind the last page is that one */
	int64_t now;
};

/* NULL without memory. */
json_t *view_members(const struct conf_link *link, const struct guid *group,
    const struct group_members *m, const struct view_members_page *p) MUST_CHECK;

#endif
