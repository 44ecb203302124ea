/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_ACCOUNT_NAME_H
#define GALSYNC_RULES_ACCOUNT_NAME_H

/*
 * Account names (sAMAccountName and userPrincipalName) that a row of the configuration keeps. The
 * directory has each once in a domain. Pure.
 *
 *   feed -> entry -> match -> [project] -> diff -> plan -> exec -> record
 */

#include "dsa/config/conf.h"
#include "dsa/directory/entry.h"
#include "dsa/directory/kind.h"

/* The name that LINK's rows give the counterpart of SOURCE, of KIND, as ATTR; *RET NULL: none does.
 * The caller frees. */
int account_name_given(const struct conf_link *link, enum kind kind, const struct entry *source,
    const char *attr, char **ret, struct err *err) MUST_CHECK;
/* A name that nothing but the object G has, for as long as another one still has VALUE, which is to
 * be its ATTR. The caller frees; NULL without memory. */
char *account_name_between(const char *attr, const char *value, const struct guid *g) MUST_CHECK;

#endif
