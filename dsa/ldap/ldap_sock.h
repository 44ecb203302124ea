/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_LDAP_LDAP_SOCK_H
#define GALSYNC_LDAP_LDAP_SOCK_H

/* One TCP connection below libldap. Every wait on it is bounded and can be cancelled; the essay in
 * ldap_sock.c says why it is our own. */

#include <lber.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsa/base/err.h"

#define LDAP_SOCK_BUF 65536

/* Begins with FD -1, and with WAKE_FD and TIMEOUT_MS set. */
struct ldap_sock {
	int fd;	     /* -1: not connected */
	int wake_fd; /* readable once the directory is cancelled */
	int timeout_ms;
	/* Reads wait for data until this moment (TLS handshake); 0: they give EAGAIN. */
	int64_t read_until_ms;
	/* Otherwise they give EAGAIN from this moment on, whatever there is, so that a server that
	 * sends without end can be left; 0: never. */
	int64_t breath_ms;
	int64_t progress_ms; /* when octets last came or went */
	uint64_t received;   /* octets that came, on all connections */
	int error; /* errno of what broke the connection; 0: the server closed it, or none */
	bool broken;
	size_t pos, len; /* what was read ahead and not yet taken */
	uint8_t buf[LDAP_SOCK_BUF];
};

/* Connects to HOST, trying its addresses in turn, not longer than until DEADLINE_MS. */
int ldap_sock_connect(struct ldap_sock *s, const char *host, int port, int64_t deadline_ms,
    struct err *err) MUST_CHECK;
void ldap_sock_close(struct ldap_sock *s);
/* Makes S the transport of SB. */
int ldap_sock_attach(struct ldap_sock *s, Sockbuf *sb) MUST_CHECK;
/* Waits for EVENTS until UNTIL_MS: 1 ready, 0 time is up, -1 with errno ECANCELED. */
int ldap_sock_wait(struct ldap_sock *s, short events, int64_t until_ms);
/* What broke the connection, in words: BUF, which they are written to. */
const char *ldap_sock_reason(const struct ldap_sock *s, char *buf, size_t size);

#endif
