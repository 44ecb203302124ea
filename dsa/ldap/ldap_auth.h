/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_LDAP_LDAP_AUTH_H
#define GALSYNC_LDAP_LDAP_AUTH_H

/* Logging in to the server: passwords, tickets, binds. */

#include "dsa/ldap/ldap_session.h"

/* What can fail before a server is asked: Kerberos ticket or password file. */
int ldap_auth_prepare(struct ldap_session *s, struct err *err) MUST_CHECK;
/* HOST is the server's, as in its URL. */
int ldap_auth_bind(
    struct ldap_session *s, const char *host, int64_t deadline_ms, struct err *err) MUST_CHECK;

#endif
