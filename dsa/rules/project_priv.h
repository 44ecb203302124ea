/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_PROJECT_PRIV_H
#define GALSYNC_RULES_PROJECT_PRIV_H

/* Shared by the computed rows (project_addresses.c, project_rows.c). */

#include "dsa/rules/project.h"

/* Makes V the only value of ATTR. */
static inline int
project_set_str(struct entry *e, const char *attr, const char *v, struct err *err)
{
	return entry_set_str(e, attr, v) < 0 ? err_nomem(err) : 0;
}

#endif
