/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_LDAP_LDAP_TLS_H
#define GALSYNC_LDAP_LDAP_TLS_H

/* TLS on a session's connection, and why it failed. */

#include "dsa/ldap/ldap_session.h"

/* Sets the session's TLS options. VERIFY false: only to look at a certificate that was refused. */
int ldap_tls_setup(struct ldap_session *s, bool verify, struct err *err) MUST_CHECK;
/* StartTLS (unless LDAPS) and the handshake. */
int ldap_tls_start(struct ldap_session *s, bool ldaps, const char *host, int64_t deadline_ms,
    struct err *err) MUST_CHECK;
/* A sentence about the certificate of the session into TEXT; false if there is none to see. */
bool ldap_tls_describe_cert(struct ldap_session *s, const char *host, char *text, size_t size);

#endif
