/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_COUNT_DECISIONS_H
#define GALSYNC_TESTS_COUNT_DECISIONS_H

/* How many decisions a cycle makes: each asks once whether its object is in scope. For a program
 * that is linked with --wrap=other_links_judge_scope. */

#include "dsa/cycle/other_links.h"

static unsigned decisions;

int __real_other_links_judge_scope(struct cycle *c, const struct entry *e, const char *norm,
    const struct conf_scope **ret_scope, enum scope_verdict *ret, struct err *err);
int __wrap_other_links_judge_scope(struct cycle *c, const struct entry *e, const char *norm,
    const struct conf_scope **ret_scope, enum scope_verdict *ret, struct err *err);

int
__wrap_other_links_judge_scope(struct cycle *c, const struct entry *e, const char *norm,
    const struct conf_scope **ret_scope, enum scope_verdict *ret, struct err *err)
{
	decisions++;
	return __real_other_links_judge_scope(c, e, norm, ret_scope, ret, err);
}

#endif
