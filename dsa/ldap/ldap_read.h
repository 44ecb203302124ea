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
	int msgid;	     /* -1: nothing more is to come */
	unsigned generation; /* of the session it was sent in */
	int64_t deadline_ms; /* 0: as long as there is progress */
	LDAPMessage **queue;
	size_t head, n, cap;
};

void ldap_read_begin(struct ldap_session *s, struct ldap_read *r, int64_t deadline_ms);
/* The request of R is MSGID from now on (the next page, the next step of a bind). */
void ldap_read_expect(struct ldap_session *s, struct ldap_read *r, int msgid);
/* The next message for R, to be freed by the caller with ldap_msgfree(). */
int ldap_read_next(
    struct ldap_session *s, struct ldap_read *r, LDAPMessage **ret, struct err *err) MUST_CHECK;
/* Forgets R; a request that is not answered completely is abandoned. */
void ldap_read_end(struct ldap_session *s, struct ldap_read *r);
/* The session's: gives M to the read that waits for an answer to MSGID. 1 taken over, 0 there is
 * none, -1 without memory. */
int ldap_read_offer(struct ldap_session *s, int msgid, LDAPMessage *m);

#endif
