/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_PROBLEMS_H
#define GALSYNC_VIEW_VIEW_PROBLEMS_H

/*
 * What an operator has to look at, in one list: conflicts, what a limit holds, writes that failed
 * and are tried again, and records whose last write failed. Counted by reason and by age, and
 * paged, the oldest first. galsync-portal(8) names the members.
 */

#include <jansson.h>
#include <stdbool.h>

#include "dsa/view/roster.h"

enum problem_sort { PROBLEM_CONFLICT, PROBLEM_HELD, PROBLEM_RETRY, PROBLEM_ERROR, PROBLEM_MAX };
/* "conflict", "held", "retry", "error"; PROBLEM_MAX for a name of none. */
const char *problem_name(enum problem_sort s);
enum problem_sort problem_of(const char *name);

struct view_problems_query {
	int sort; /* -1: all */
	int64_t page, size;
};

/* ALL: one page of everything. *RET is the caller's to release. */
int view_problems(struct roster *r, struct store_txn *t, const struct view_problems_query *q,
    bool all, int64_t now, json_t **ret, struct err *err) MUST_CHECK;

#endif
