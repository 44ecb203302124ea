/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_LDAP_LDAP_PRIV_H
#define GALSYNC_LDAP_LDAP_PRIV_H

/*
 * Shared by the files of the LDAP directory and by nothing else. From the bottom up:
 *
 *   ldap_sock.c    one TCP connection; every wait there is bounded and can be cancelled
 *   ldap_tls.c     TLS on it, and why it failed
 *   ldap_krb.c     Kerberos tickets
 *   ldap_auth.c    passwords, binds
 *   ldap_conn.c    a session with one server; hands its messages to who waits for them
 *   ldap_search.c  reads
 *   ldap_write.c   the window of changes under way
 *   ldap_feed.c    what changed since, and waking up when something does
 *   ldap.c         the directory: which server, what is known of the forest
 */

/* lber's and libldap's types stay in these files. */
#include <lber.h>
#include <ldap.h>

#include <stdatomic.h>
#include <stdint.h>

#include "dsa/directory/dir.h"
#include "dsa/directory/dir_conf.h"

/* LDAP_SERVER_SHOW_DELETED_OID of MS-ADTS. */
#define LDAP_CONTROL_SHOW_DELETED "1.2.840.113556.1.4.417"

#define LDAP_SOCK_BUF 65536

struct ldap_sock {
	int fd;	     /* -1: not connected */
	int wake_fd; /* readable once the directory is cancelled */
	int timeout_ms;
	/* Reads wait for data until this moment (TLS handshake); 0: they give EAGAIN. */
	int64_t read_until_ms;
	int64_t progress_ms; /* when octets last came or went */
	int error; /* errno of what broke the connection; 0: the server closed it, or none */
	bool broken;
	size_t pos, len; /* what was read ahead and not yet taken */
	uint8_t buf[LDAP_SOCK_BUF];
};

/* A request whose answers somebody waits for. Lives on the stack of who waits; reads nest when
 * the callback of a search reads on the same directory. */
struct ldap_read {
	struct ldap_read *outer;
	int msgid;	     /* -1: nothing more is to come */
	unsigned generation; /* of the session it was sent in */
	int64_t deadline_ms; /* 0: as long as there is progress */
	LDAPMessage **queue;
	size_t head, n, cap;
};

/* A change under way, or one whose outcome has not been reported yet. */
struct ldap_write {
	struct ldap_write *next;
	int msgid;
	const struct change *change;
	dir_done_fn *done;
	void *arg;
	bool known; /* RC is the server's answer, DIAG its words; else DIAG is why we cannot know */
	int rc;
	char *diag;
};

struct ldap_writes {
	struct ldap_write *first, **end;
	size_t n;
};

struct ldap_krb; /* the Kerberos identity of one directory, ldap_krb.c */

struct ldap_dir {
	struct dir dir;
	const struct dir_conf *conf;
	bool read_only;
	atomic_bool cancelled;
	int wake_fd, epoll_fd;

	LDAP *ld; /* NULL: no session */
	Sockbuf *sb;
	struct ldap_sock sock;
	char *url;  /* of the session */
	bool ready; /* bound, and the forest is known */
	bool tls;
	unsigned generation; /* counts sessions and their ends */
	struct err why;	     /* the last session broke */
	bool answers_late;   /* it broke because the server did not answer in time */

	struct ldap_read *reads; /* innermost first */
	struct ldap_writes sent, finished;

	int watch_msgid; /* of the notification search in this session, or -1 */
	bool woken;
	uint64_t heard_usn; /* all changes until here were asked for; 0: none yet */
	bool no_dirsync;    /* the account lacks the right: changes are found by uSNChanged */

	/* What the server said of itself. */
	bool busy;   /* in this session: it is left when nothing is under way */
	bool rested; /* the present session has prolonged the rest already */
	int rest_ms; /* how long it is left alone; 0: it took a change since */
	int64_t rest_until_ms;

	struct ldap_krb *krb;
	char *last_url, *avoid_url; /* the server used last; the one that stopped answering */
	int64_t opened_ms;	    /* when that was chosen, of clock_monotonic_ms() */
	bool returning;		    /* the servers are tried in the order of preference */
	struct dir_info info;
	char *facts[6]; /* what info's strings point to */
	struct schema *schema;
};

/* ldap_sock.c */

/* Connects to HOST, trying its addresses in turn, not longer than until DEADLINE_MS. */
int ldap_sock_connect(struct ldap_sock *s, const char *host, int port, int64_t deadline_ms,
    struct err *err) MUST_CHECK;
void ldap_sock_close(struct ldap_sock *s);
/* Makes S the transport of SB. */
int ldap_sock_attach(struct ldap_sock *s, Sockbuf *sb) MUST_CHECK;
/* Waits for EVENTS until UNTIL_MS: 1 ready, 0 time is up, -1 with errno ECANCELED. */
int ldap_sock_wait(struct ldap_sock *s, short events, int64_t until_ms);
/* What broke the connection, in words. */
const char *ldap_sock_reason(const struct ldap_sock *s, char *buf, size_t size);

/* ldap_tls.c */

/* Sets the session's TLS options. VERIFY false: only to look at a certificate that was refused. */
int ldap_tls_setup(struct ldap_dir *d, bool verify, struct err *err) MUST_CHECK;
/* StartTLS (unless LDAPS) and the handshake. */
int ldap_tls_start(struct ldap_dir *d, bool ldaps, const char *host, int64_t deadline_ms,
    struct err *err) MUST_CHECK;
/* A sentence about the certificate of the session into TEXT; false if there is none to see. */
bool ldap_tls_describe_cert(struct ldap_dir *d, const char *host, char *text, size_t size);

/* ldap_krb.c */

/* Makes sure that d->krb holds a ticket-granting ticket of the configured principal, by its keytab,
 * good for ten more minutes, and if HOST is given, the ticket for that host's ldap service. Waits
 * for the KDC as long as libkrb5 does (half a minute if none answers), or until cancel(). */
int ldap_krb_ticket(struct ldap_dir *d, const char *host, struct err *err) MUST_CHECK;
/* The name of the credential cache, as in KRB5CCNAME; valid until the next ldap_krb_ticket(). */
const char *ldap_krb_cache(const struct ldap_krb *k);
/* The tickets are taken anew the next time. */
void ldap_krb_forget(struct ldap_krb *k);
void ldap_krb_free(struct ldap_krb *k);

/* ldap_auth.c */

/* What can fail before a server is asked: Kerberos ticket or password file. */
int ldap_auth_prepare(struct ldap_dir *d, struct err *err) MUST_CHECK;
/* HOST is the server's, as in its URL. */
int ldap_auth_bind(
    struct ldap_dir *d, const char *host, int64_t deadline_ms, struct err *err) MUST_CHECK;
void ldap_auth_done(struct ldap_dir *d);

/* ldap_conn.c */

/* Connects to the server at URL, secures the connection and binds. */
int ldap_conn_open(struct ldap_dir *d, const char *url, struct err *err) MUST_CHECK;
/* Ends the session. Changes under way become finished with unknown outcome, because of d->why. */
void ldap_conn_close(struct ldap_dir *d);
/* The session broke: keeps WHY and closes. Returns -1 with a copy of WHY in ERR. */
int ldap_conn_broke(struct ldap_dir *d, const struct err *why, struct err *err);
/* -1 with err if a call of libldap said that the session broke (and closes it), or was cancelled.
 */
int ldap_conn_lost(struct ldap_dir *d, int rc, struct err *err);
/* WHAT could not be sent: RC is libldap's code. Closes the session if it broke. Returns -1. */
int ldap_conn_send_failed(struct ldap_dir *d, int rc, const char *what, struct err *err);
/* Handles one message if there is one: 1 handled, 0 none, -1 the session broke. */
int ldap_conn_pump(struct ldap_dir *d, struct err *err) MUST_CHECK;
/* Waits for a message: 0 something came, -1 time-out (closed), cancelled (closed). */
int ldap_conn_wait(struct ldap_dir *d, int64_t deadline_ms, struct err *err) MUST_CHECK;
/* -1 with ECANCELED, the session closed, if cancel() was called. */
int ldap_conn_check_cancel(struct ldap_dir *d, struct err *err) MUST_CHECK;

void ldap_read_begin(struct ldap_dir *d, struct ldap_read *r, int64_t deadline_ms);
/* The request of R is MSGID from now on (the next page, the next step of a bind). */
void ldap_read_expect(struct ldap_dir *d, struct ldap_read *r, int msgid);
/* The next message for R, to be freed by the caller with ldap_msgfree(). */
int ldap_read_next(
    struct ldap_dir *d, struct ldap_read *r, LDAPMessage **ret, struct err *err) MUST_CHECK;
/* Forgets R; a request that is not answered completely is abandoned. */
void ldap_read_end(struct ldap_dir *d, struct ldap_read *r);
/* Parses a result message: its code, and the server's words (freed by the caller). */
int ldap_result_code(struct ldap_dir *d, LDAPMessage *m, char **ret_diag, LDAPControl ***ret_ctrls);

/* ldap_search.c */

int ldap_dir_search(
    struct dir *dir, const struct dir_query *q, dir_entry_fn *fn, void *arg, struct err *err);
int ldap_dir_read(struct dir *dir, const char *name, const char *const *attrs, struct entry **ret,
    struct err *err);
int ldap_dir_usn(struct dir *dir, uint64_t *ret, struct err *err);
/* The same within the present session, without reconnecting. *DELIVERED: an entry was. */
int ldap_search_once(struct ldap_dir *d, const struct dir_query *q, dir_entry_fn *fn, void *arg,
    bool *delivered, struct err *err) MUST_CHECK;
/* The entry in M. */
int ldap_search_convert(
    struct ldap_dir *d, LDAPMessage *m, struct entry **ret, struct err *err) MUST_CHECK;
int ldap_read_once(struct ldap_dir *d, const char *name, const char *const *attrs,
    struct entry **ret, struct err *err) MUST_CHECK;

/* ldap_feed.c */

int ldap_dir_changes(struct dir *dir, const struct dir_since *since, dir_change_fn *fn, void *arg,
    struct buf *ret_cursor, enum dir_feed *ret, struct err *err);
int ldap_dir_watch(struct dir *dir, struct err *err);
bool ldap_dir_woken(struct dir *dir);
/* Before a write of ours: ends the notification search. */
void ldap_feed_unwatch(struct ldap_dir *d);
/* True if M is about the notification search. */
bool ldap_feed_answer(struct ldap_dir *d, int msgid, LDAPMessage *m);

/* ldap_write.c */

int ldap_dir_submit(
    struct dir *dir, const struct change *c, dir_done_fn *done, void *arg, struct err *err);
int ldap_dir_process(struct dir *dir, struct err *err);
size_t ldap_dir_pending(const struct dir *dir);
/* The answer to a change, if MSGID is one. */
bool ldap_write_answer(struct ldap_dir *d, int msgid, LDAPMessage *m);
/* Moves all changes under way to the finished ones, outcome unknown. */
void ldap_write_unknown(struct ldap_dir *d);
/* Calls back for every finished change. */
void ldap_write_report(struct ldap_dir *d);

/* ldap.c */

/* Opens if closed, and notices a connection that the server closed meanwhile, or a server that said
 * that it is busy. */
int ldap_dir_ensure(struct ldap_dir *d, struct err *err) MUST_CHECK;

/* RC answered a change: keeps account of how long a busy server is left alone. */
void ldap_dir_note_answer(struct ldap_dir *d, int rc);

/* Results by which a server says that it cannot now, whatever it is asked. */
static inline bool
ldap_is_busy(int rc)
{
	return rc == LDAP_BUSY || rc == LDAP_UNAVAILABLE;
}

static inline struct ldap_dir *
ldap_dir_of(struct dir *dir)
{
	return (struct ldap_dir *)dir;
}

/* libldap takes pointers to char for what it only reads. */
static inline void *
ldap_unconst(const void *p)
{
	return (void *)(uintptr_t)p;
}

static inline void
ldap_msgfreep(LDAPMessage **m)
{
	(void)ldap_msgfree(*m);
}

static inline void
ldap_memfreep(char **p)
{
	ldap_memfree(*p);
}

static inline void
ldap_controls_freep(LDAPControl ***c)
{
	ldap_controls_free(*c);
}

#endif
