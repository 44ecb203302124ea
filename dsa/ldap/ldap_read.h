/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_LDAP_LDAP_READ_H
#define GALSYNC_LDAP_LDAP_READ_H

/*
 * A request whose answers are waited for. It lives on the stack of the function that waits; reads
 * nest when the callback of a search reads on the same directory.
 *
 *	ldap_read_begin(s, &r, 0);
 *	... send; ldap_read_expect(s, &r, msgid); ldap_read_next(s, &r, &m, err) ...
 *	ldap_read_end(s, &r);
 */

#include "dsa/ldap/ldap_session.h"

struct ldap_read {
	struct ldap_read *outer;
	int msgid;		      /* -1: nothing more is to come */
	unsigned generation;	      /* of the session it was sent in */
	int64_t deadline_ms;	      /* 0: as long as there is progress */
	unsigned most;		      /* entries that may answer the request */
	unsigned entries, references; /* that did */
	LDAPMessage **queue;
	size_t head, n, cap;
};

void ldap_read_begin(struct ldap_session *s, struct ldap_read *r, int64_t deadline_ms);
/* The request of R is MSGID from now on (the next page, the next step of a bind). Not more than
 * MOST entries may answer it. */
void ldap_read_expect(struct ldap_session *s, struct ldap_read *r, int msgid, unsigned most);
/* The next message for R, to be freed by the caller with ldap_msgfree(). */
int ldap_read_next(
    struct ldap_session *s, struct ldap_read *r, LDAPMessage **ret, struct err *err) MUST_CHECK;
/* Forgets R; a request that is not answered completely is abandoned. */
void ldap_read_end(struct ldap_session *s, struct ldap_read *r);
/* True unless more messages follow M as answers to the same request. */
bool ldap_read_is_last(LDAPMessage *m);
/* The session's: gives M to the read that waits for an answer to MSGID. 1 taken over, 0 there is
 * none; else -1 with why the session must end, and M is the caller's. */
int ldap_read_offer(struct ldap_session *s, int msgid, LDAPMessage *m, struct err *why) MUST_CHECK;

#endif
