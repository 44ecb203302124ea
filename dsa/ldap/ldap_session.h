/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_LDAP_LDAP_SESSION_H
#define GALSYNC_LDAP_LDAP_SESSION_H

/*
 * A session with one server: connected, protected, bound. The struct outlives its sessions, of
 * which there is one at a time, or none.
 *
 * The server's messages are handed to the read that waits for them (ldap_read.h), and all others to
 * the owner. However a session ends, the owner is told once the end is complete, and WHY says the
 * reason.
 */

#include <lber.h>
#include <ldap.h>

#include <stdbool.h>
#include <stdint.h>

#include "dsa/base/err.h"
#include "dsa/directory/dir_conf.h"
#include "dsa/ldap/ldap_cancel.h"
#include "dsa/ldap/ldap_krb.h"
#include "dsa/ldap/ldap_sock.h"

struct ldap_read;
struct schema;

/* What a session tells its owner. */
struct ldap_session_owner {
	/* M, which no read waits for, answers request MSGID. It is freed afterwards. */
	void (*message)(void *arg, int msgid, LDAPMessage *m);
	/* The session has ended, or none was there. */
	void (*ended)(void *arg);
	void *arg;
};

struct ldap_session {
	const struct dir_conf *conf;
	const struct schema *schema; /* says which values are names; NULL until it is known */
	struct ldap_session_owner owner;
	struct ldap_cancel cancel;
	int epoll_fd; /* readable when a message or the wish to cancel may be there */

	LDAP *ld; /* NULL: no session */
	Sockbuf *sb;
	struct ldap_sock sock;
	bool ready; /* the owner has found the server fit; false again when the session ends */
	bool tls;
	int sasl_ssf;	     /* bits of SASL's own protection */
	unsigned generation; /* counts sessions and their ends */
	struct err why;	     /* the last session broke */
	bool answers_late;   /* it broke because the server did not answer in time */
	bool too_large;	     /* it broke because of a message larger than MESSAGE_MAX */
	size_t message_max;  /* octets */
	/* How long the answer under way was waited for, and what had come before it. */
	int64_t waited_ms;
	uint64_t received_before;
	bool busy; /* the server said so */

	struct ldap_read *reads; /* innermost first */
	struct ldap_krb *krb;
};

/* S is zeroed. CONF outlives it. -1 with err; ldap_session_done() is due in either case. */
int ldap_session_init(struct ldap_session *s, const struct dir_conf *conf,
    const struct ldap_session_owner *owner, struct err *err) MUST_CHECK;
/* Of a session that has ended. */
void ldap_session_done(struct ldap_session *s);

/* Puts libldap on top of the connection that S->sock is; URL names the server. */
int ldap_session_attach(struct ldap_session *s, const char *url, struct err *err) MUST_CHECK;
/* The server is who it should be: it may send larger messages. */
int ldap_session_trust(struct ldap_session *s, struct err *err) MUST_CHECK;
/* Connects to the server at URL, secures the connection and binds. */
int ldap_session_open(struct ldap_session *s, const char *url, struct err *err) MUST_CHECK;
void ldap_session_close(struct ldap_session *s);
/* The session broke: keeps WHY and closes. Returns -1 with a copy of WHY in ERR. */
int ldap_session_broke(struct ldap_session *s, const struct err *why, struct err *err);
/* A call of libldap said with RC that the session broke: closes it. Returns -1 with the reason. */
int ldap_session_lost(struct ldap_session *s, int rc, struct err *err);
/* WHAT could not be sent: RC is libldap's code. Closes the session if it broke. Returns -1. */
int ldap_session_send_failed(struct ldap_session *s, int rc, const char *what, struct err *err);
/* -1 with ECANCELED, the session closed, if it is cancelled. */
int ldap_session_check_cancel(struct ldap_session *s, struct err *err) MUST_CHECK;

/* Handles one message if there is one: 1 handled, 0 none, -1 the session broke. */
int ldap_session_pump(struct ldap_session *s, struct err *err) MUST_CHECK;
/* Waits for a message: 0 something came, -1 time-out (closed), cancelled (closed). DEADLINE_MS 0:
 * as long as there is progress, and an end in sight (ldap_bounds.h). */
int ldap_session_wait(struct ldap_session *s, int64_t deadline_ms, struct err *err) MUST_CHECK;
/* -1, the session closed, if WAITED_MS are more than the answer under way is waited for. */
int ldap_session_bear(struct ldap_session *s, int64_t waited_ms, struct err *err) MUST_CHECK;
/* Parses a result message: its code, and the server's words (freed by the caller). */
int ldap_session_result(
    struct ldap_session *s, LDAPMessage *m, char **ret_diag, LDAPControl ***ret_ctrls);
/* The one of CTRLS that is named OID, with a value, or NULL: libldap's parsers of controls end the
 * process at one that has none, or an empty one. */
LDAPControl *ldap_session_control(LDAPControl **ctrls, const char *oid);

#endif
