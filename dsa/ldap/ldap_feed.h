/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_LDAP_LDAP_FEED_H
#define GALSYNC_LDAP_LDAP_FEED_H

/* What changed since, and waking up when something does. */

#include "dsa/directory/dir.h"
#include "dsa/ldap/ldap_session.h"

/* Begins with S, INFO, and WATCH_MSGID -1. */
struct ldap_feed {
	struct ldap_session *s;
	struct dir_info *info;
	int watch_msgid; /* of the notification search in this session, or -1 */
	bool woken;
	uint64_t heard_usn; /* all changes until here were asked for; 0: none by this directory */
	bool no_dirsync;    /* the account lacks the right: changes are found by uSNChanged */
};

/* What dir.h's changes() is asked for. */
struct ldap_feed_question {
	struct bytes cursor;
	const char *const *attrs;
	dir_change_fn *fn;
	void *arg;
};

/* changes() of dir.h, in an open session. USN is the server's, read before. */
int ldap_feed_changes(struct ldap_feed *f, const struct ldap_feed_question *q, uint64_t usn,
    struct buf *ret_cursor, enum dir_feed *ret, struct err *err) MUST_CHECK;
/* Asks to be notified, in an open session. */
int ldap_feed_watch(struct ldap_feed *f, struct err *err) MUST_CHECK;
/* Before a write of ours: ends the notification search. */
void ldap_feed_unwatch(struct ldap_feed *f);
/* True if M is about the notification search. */
bool ldap_feed_answer(struct ldap_feed *f, int msgid, LDAPMessage *m);
/* True once after the server told that something changed. */
bool ldap_feed_woken(struct ldap_feed *f);
/* The session ended. */
void ldap_feed_ended(struct ldap_feed *f);

#endif
