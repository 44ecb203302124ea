/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_LDAP_LDAP_WRITE_H
#define GALSYNC_LDAP_LDAP_WRITE_H

/* Changes under way, from the request to the callback; dir.h says what is promised of them. */

#include "dsa/directory/dir.h"
#include "dsa/ldap/ldap_session.h"

struct ldap_write;

struct ldap_write_list {
	struct ldap_write *first, **end;
	size_t n;
};

struct ldap_writes {
	struct ldap_write_list sent, finished; /* finished: its callback is still to be called */
	int64_t heard_ms; /* when one of SENT was answered last, or the first of them was sent */
};

void ldap_writes_init(struct ldap_writes *ws);
/* Waits until there is room in the window, calling back for changes that finish meanwhile. -1 if
 * the session broke; all changes are reported then. */
int ldap_writes_make_room(
    struct ldap_writes *ws, struct ldap_session *s, struct err *err) MUST_CHECK;
/* Sends C. -1: it was certainly not sent, and DONE is not called. */
int ldap_writes_send(struct ldap_writes *ws, struct ldap_session *s, const struct change *c,
    dir_done_fn *done, void *arg, struct err *err) MUST_CHECK;
/* The answer to a change, if MSGID is one; *RET_RC is its result. */
bool ldap_writes_answer(
    struct ldap_writes *ws, struct ldap_session *s, int msgid, LDAPMessage *m, int *ret_rc);
/* Moves all changes under way to the finished ones, outcome unknown because of WHY. */
void ldap_writes_unknown(struct ldap_writes *ws, const char *why);
/* Takes in every answer that is there. With changes under way, silence has an end. */
int ldap_writes_take_answers(
    struct ldap_writes *ws, struct ldap_session *s, struct err *err) MUST_CHECK;
/* Calls back for every finished change. */
void ldap_writes_report(struct ldap_writes *ws);
size_t ldap_writes_pending(const struct ldap_writes *ws);

#endif
