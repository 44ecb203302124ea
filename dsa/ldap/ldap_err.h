/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_LDAP_LDAP_ERR_H
#define GALSYNC_LDAP_LDAP_ERR_H

/*
 * The only place that judges LDAP result codes (RFC 4511 section 4.1.9): which scope an error has
 * and whether it may be tried again. The table is in ldap_err.c and tested row by row.
 */

#include "dsa/base/err.h"

/* Fills E from LDAP result RC and the server's DIAG (may be NULL; escaped here; AD's leading
 * "0000208D: NameErr: DSID-..." codes are kept, administrators search for them). The text is
 * "<what>: <name of the code> (<rc>): <diag>". Returns -1. */
#define err_ldap(e, rc, diag, ...) err_ldap_at(e, ERR_HERE, rc, diag, __VA_ARGS__)
int err_ldap_at(struct err *e, struct err_place at, int rc, const char *diag, const char *fmt, ...)
    PRINTF_LIKE(5, 6);
/* Results by which a server says that it cannot now, whatever it is asked. */
bool ldap_is_busy(int rc);

#endif
