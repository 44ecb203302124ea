/* SPDX-License-Identifier: MIT */

/*
 * The LDAP directory as a whole. From the bottom up:
 *
 *   ldap_cancel.h   the wish that every wait ends
 *   ldap_sock.h     one TCP connection; every wait there is bounded and can be cancelled
 *   ldap_krb.h      Kerberos tickets
 *   ldap_session.h  a session with one server; hands its messages to what waits for them
 *   ldap_read.h     a request that is waited for
 *   ldap_tls.h      TLS on a session, and why it failed
 *   ldap_auth.h     passwords, binds
 *   ldap_search.h   reads within a session
 *   ldap_write.h    the window of changes under way
 *   ldap_feed.h     what changed since, and waking up when something does
 *   ldap_forest.h   what is known of the forest, and whether a server is fit
 *   ldap_servers.h  which server
 *
 * Here they are put together: sessions are opened when they are needed, and opened again.
 *
 * Servers. They are those of the configuration, or those that DNS lists. A bind that is refused for
 * the password ends the attempt at once: every other server would refuse it too, and count it
 * towards the account's lock-out.
 *
 * A server that answers "busy" or "unavailable" is left as soon as nothing is under way, for
 * another one if there is any. If it said so to changes, it is left alone for a while; open() fails
 * meanwhile, so that the next attempt goes by the usual pauses.
 *
 * Sessions. A session ends when the connection breaks, when nothing comes for the configured
 * time-out, when cancel() is called, and by close(). All but close() leave the directory ready to
 * open another one at the next call, whichever that is. Changes under way are reported as unknown,
 * by the next submit() or process(), or by close() itself. The schema is kept until close().
 *
 * Time. No wait is longer than connect_timeout_ms (connection, TLS and bind together, for each
 * server) or timeout_ms (silence while an answer is due), but for name resolution and Kerberos,
 * whose libraries have time-outs of their own, up to half a minute. cancel() ends every wait but
 * that for a name: the daemon makes that short with RES_OPTIONS.
 *
 * Environment. libldap would read ldap.conf, ldaprc in the working directory and LDAP* variables;
 * all that matters is set for each session, so they have no say but in the system's CA file.
 */

#include "dsa/ldap/ldap.h"

#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/ldap/discover.h"
#include "dsa/ldap/ldap_auth.h"
#include "dsa/ldap/ldap_err.h"
#include "dsa/ldap/ldap_feed.h"
#include "dsa/ldap/ldap_forest.h"
#include "dsa/ldap/ldap_search.h"
#include "dsa/ldap/ldap_servers.h"
#include "dsa/ldap/ldap_session.h"
#include "dsa/ldap/ldap_write.h"

struct ldap_dir {
	struct dir dir;
	const struct dir_conf *conf;
	bool read_only;
	struct ldap_servers servers;
	struct ldap_session session;
	struct ldap_forest forest;
	struct ldap_writes writes;
	struct ldap_feed feed;
};

static struct ldap_dir *
ldap_dir_of(struct dir *dir)
{
	return (struct ldap_dir *)dir;
}

/* ---- what the session tells ---- */

static void
take_message(void *arg, int msgid, LDAPMessage *m)
{
	struct ldap_dir *d = arg;
	int rc;

	if (ldap_feed_answer(&d->feed, msgid, m) ||
	    !ldap_writes_answer(&d->writes, &d->session, msgid, m, &rc))
		return;
	if (rc == LDAP_SUCCESS || ldap_is_busy(rc))
		ldap_servers_answered(&d->servers, rc != LDAP_SUCCESS, clock_monotonic_ms());
}

static void
take_end(void *arg)
{
	struct ldap_dir *d = arg;

	ldap_feed_ended(&d->feed);
	ldap_writes_unknown(&d->writes, d->session.why.text);
}

/* ---- opening ---- */

/* A failure that the next server would repeat, at the account's expense. */
static bool
is_final(const struct ldap_dir *d, const struct err *err)
{
	return ldap_cancel_is_set(&d->session.cancel) ||
	       (d->conf->mechanism == AUTH_SIMPLE && err->src == ERR_LDAP &&
		   err->code == LDAP_INVALID_CREDENTIALS);
}

static int
open_server(const char *url, void *arg, bool *final, struct err *err)
{
	struct ldap_dir *d = arg;
	struct ldap_session *s = &d->session;
	int rc = ldap_session_open(s, url, err);

	d->forest.name = d->dir.name;
	d->forest.memory = d->dir.memory;
	if (rc == 0 && ldap_forest_learn(&d->forest, s, url, d->read_only, err) < 0) {
		struct err why = *err;

		rc = ldap_session_broke(s, &why, err);
	}
	s->ready = rc == 0;
	*final = rc < 0 && is_final(d, err);
	return rc;
}

/* Nothing is under way: no read, no change. */
static bool
is_idle(const struct ldap_dir *d)
{
	return !d->session.reads && d->writes.sent.n == 0;
}

/* Ends the session with a server that is busy. */
static void
leave_busy(struct ldap_dir *d)
{
	struct ldap_session *s = &d->session;
	struct err why, ignored;

	if (!s->ready || !s->busy || !is_idle(d))
		return;
	(void)err_set(&why, ERR_LDAP, ERR_PEER, ERR_LATER, LDAP_BUSY, "the server is busy");
	(void)ldap_session_broke(s, &why, &ignored);
	s->answers_late = true;
}

/* The first server of the list is there for a reason: the nearest, the strongest. */
static bool
is_to_return(const struct ldap_dir *d)
{
	const struct dir_conf *conf = d->conf;

	return conf->n_servers > 1 && is_idle(d) &&
	       ldap_servers_may_return(
		   &d->servers, conf->servers[0], conf->return_after_s, clock_monotonic_ms());
}

static int
open_any(struct ldap_dir *d, const char *const *urls, size_t n, struct err *err)
{
	return ldap_servers_open(&d->servers, urls, n, clock_monotonic_ms(), open_server, d, err);
}

static int
ldap_dir_open(struct dir *dir, struct err *err)
{
	struct ldap_dir *d = ldap_dir_of(dir);
	_cleanup_(discover_free) char **found = NULL;
	const struct dir_conf *conf = d->conf;
	struct ldap_session *s = &d->session;
	size_t n = 0;

	leave_busy(d);
	if (s->ready && !is_to_return(d))
		return 0;
	if (ldap_session_check_cancel(s, err) < 0)
		return -1;
	if (s->ready) {
		ldap_session_close(s);
		ldap_servers_return(&d->servers);
	} else if (s->answers_late) {
		ldap_servers_avoid(&d->servers);
	}
	if (ldap_auth_prepare(s, err) < 0)
		return -1;
	if (conf->n_servers)
		return open_any(d, conf->servers, conf->n_servers, err);
	if (!conf->domain)
		return err_conf(err, "neither servers nor a domain are configured");
	if (discover_servers(conf->domain, conf->site, conf->tls == TLS_LDAPS, &found, err) < 0)
		return -1;
	while (found[n])
		n++;
	return open_any(d, (const char *const *)found, n, err);
}

/* Opens if closed, and notices a connection that the server closed meanwhile, or a server that said
 * that it is busy. */
static int
ensure(struct ldap_dir *d, struct err *err)
{
	struct ldap_session *s = &d->session;

	if (ldap_session_check_cancel(s, err) < 0)
		return -1;
	/* With nothing under way, what comes is the news that the server closed: AD does so after
	 * fifteen idle minutes. A change sent into that would have an unknown outcome. */
	if (s->ready && is_idle(d)) {
		struct err ignored;
		int rc;

		do
			rc = ldap_session_pump(s, &ignored);
		while (rc > 0);
	}
	/* Only busy: the return to the preferred server waits for the next open(). */
	leave_busy(d);
	return s->ready ? 0 : ldap_dir_open(&d->dir, err);
}

/* ---- reads, with one reconnect ---- */

/* After a failure: true if the session broke, nothing was delivered, and another session could be
 * opened. Else ERR says why not. */
static bool
may_repeat(struct ldap_dir *d, bool delivered, struct err *err)
{
	struct err again;

	if (d->session.ready || delivered || ldap_cancel_is_set(&d->session.cancel))
		return false;
	if (ensure(d, &again) == 0)
		return true;
	(void)err_ctx(err, "and no other session: %.300s", again.text);
	return false;
}

static int
ldap_dir_search(
    struct dir *dir, const struct dir_query *q, dir_entry_fn *fn, void *arg, struct err *err)
{
	struct ldap_dir *d = ldap_dir_of(dir);
	struct ldap_session *s = &d->session;
	bool delivered = false;

	if (ensure(d, err) < 0)
		return -1;
	if (ldap_search_once(s, q, fn, arg, &delivered, err) == 0)
		return 0;
	return may_repeat(d, delivered, err) ? ldap_search_once(s, q, fn, arg, &delivered, err)
					     : -1;
}

static int
ldap_dir_read(struct dir *dir, const char *name, const char *const *attrs, struct entry **ret,
    struct err *err)
{
	struct ldap_dir *d = ldap_dir_of(dir);
	struct ldap_session *s = &d->session;

	if (ensure(d, err) < 0)
		return -1;
	if (ldap_read_once(s, name, attrs, ret, err) == 0)
		return 0;
	return may_repeat(d, false, err) ? ldap_read_once(s, name, attrs, ret, err) : -1;
}

static int
ldap_dir_usn(struct dir *dir, uint64_t *ret, struct err *err)
{
	struct ldap_dir *d = ldap_dir_of(dir);

	if (ensure(d, err) < 0)
		return -1;
	if (ldap_read_usn(&d->session, ret, err) == 0)
		return 0;
	return may_repeat(d, false, err) ? ldap_read_usn(&d->session, ret, err) : -1;
}

static int
ldap_dir_changes(struct dir *dir, const struct dir_since *since, dir_change_fn *fn, void *arg,
    struct buf *ret_cursor, enum dir_feed *ret, struct err *err)
{
	const struct ldap_feed_question q = {since->cursor, since->attrs, fn, arg};
	struct ldap_dir *d = ldap_dir_of(dir);
	uint64_t usn;

	/* This also opens the session, and another one if the server has closed it. */
	if (ldap_dir_usn(dir, &usn, err) < 0)
		return -1;
	d->forest.info.highest_usn = usn;
	if (ldap_feed_changes(&d->feed, &q, usn, ret_cursor, ret, err) < 0)
		return err_ctx(err, "changes of forest '%s'", dir->name);
	return 0;
}

static int
ldap_dir_watch(struct dir *dir, struct err *err)
{
	struct ldap_dir *d = ldap_dir_of(dir);

	return ensure(d, err) < 0 ? -1 : ldap_feed_watch(&d->feed, err);
}

static bool
ldap_dir_woken(struct dir *dir)
{
	return ldap_feed_woken(&ldap_dir_of(dir)->feed);
}

/* ---- writes ---- */

static int
check(const struct ldap_dir *d, const struct change *c, struct err *err)
{
	if (d->read_only)
		return err_set(err, ERR_CONF, ERR_LINK, ERR_NEVER, 0,
		    "%s '%s': the directory is opened for reading only", change_op_name(c->op),
		    c->dn);
	if (change_is_empty(c))
		return err_data(err, "modify '%s': nothing to modify", c->dn);
	return 0;
}

/* There is no session. However the server puts it, that is not the fault of the change that
 * happened to be next: otherwise one object after the other would be blamed, each at the price of
 * one more refused bind. */
static int
no_session(struct err *err)
{
	if (err->scope != ERR_DAEMON)
		err->scope = ERR_PEER;
	return -1;
}

/* Sends C, reopening if need be. *OPEN: there was a session to send it in. */
static int
hand_over(struct ldap_dir *d, const struct change *c, dir_done_fn *done, void *arg, bool *open,
    struct err *err)
{
	do {
		*open = ensure(d, err) == 0;
		if (!*open)
			return no_session(err);
		/* A break while waiting for room is not about C: try with the next session. */
	} while (ldap_writes_make_room(&d->writes, &d->session, err) < 0 || !d->session.ready);
	ldap_feed_unwatch(&d->feed);
	return ldap_writes_send(&d->writes, &d->session, c, done, arg, err);
}

static int
ldap_dir_submit(
    struct dir *dir, const struct change *c, dir_done_fn *done, void *arg, struct err *err)
{
	struct ldap_dir *d = ldap_dir_of(dir);
	bool open;

	if (check(d, c, err) < 0)
		return -1;
	if (hand_over(d, c, done, arg, &open, err) == 0)
		return 0;
	/* A connection that the server had closed unnoticed: once more. */
	if (!open || d->session.ready || ldap_cancel_is_set(&d->session.cancel))
		return -1;
	return hand_over(d, c, done, arg, &open, err);
}

static int
ldap_dir_process(struct dir *dir, struct err *err)
{
	struct ldap_dir *d = ldap_dir_of(dir);
	int rc = ldap_session_check_cancel(&d->session, err);

	if (rc == 0)
		rc = ldap_writes_take_answers(&d->writes, &d->session, err);
	ldap_writes_report(&d->writes);
	return rc;
}

static size_t
ldap_dir_pending(const struct dir *dir)
{
	return ldap_writes_pending(&((const struct ldap_dir *)dir)->writes);
}

/* ---- life ---- */

static const struct dir_info *
ldap_dir_info(struct dir *dir)
{
	const struct ldap_forest *f = &ldap_dir_of(dir)->forest;

	return f->facts[LDAP_FACT_DOMAIN] ? &f->info : NULL;
}

static const struct schema *
ldap_dir_schema(struct dir *dir)
{
	return ldap_dir_of(dir)->forest.schema;
}

static int
ldap_dir_fd(const struct dir *dir)
{
	return ((const struct ldap_dir *)dir)->session.epoll_fd;
}

static void
ldap_dir_cancel(struct dir *dir)
{
	ldap_cancel_set(&ldap_dir_of(dir)->session.cancel);
}

static void
ldap_dir_close(struct dir *dir)
{
	struct ldap_dir *d = ldap_dir_of(dir);

	(void)err_set(&d->session.why, ERR_LDAP, ERR_PEER, ERR_LATER, LDAP_SERVER_DOWN,
	    "the session was closed");
	ldap_session_close(&d->session);
	ldap_writes_report(&d->writes);
	ldap_forest_forget_schema(&d->forest, &d->session);
}

static void
ldap_dir_free(struct dir *dir)
{
	struct ldap_dir *d = ldap_dir_of(dir);

	ldap_dir_close(dir);
	ldap_session_done(&d->session);
	ldap_forest_done(&d->forest);
	ldap_servers_done(&d->servers);
	free(d);
}

static const struct dir_ops ldap_dir_ops = {.open = ldap_dir_open,
    .info = ldap_dir_info,
    .schema = ldap_dir_schema,
    .search = ldap_dir_search,
    .read = ldap_dir_read,
    .changes = ldap_dir_changes,
    .watch = ldap_dir_watch,
    .woken = ldap_dir_woken,
    .usn = ldap_dir_usn,
    .submit = ldap_dir_submit,
    .process = ldap_dir_process,
    .pending = ldap_dir_pending,
    .fd = ldap_dir_fd,
    .cancel = ldap_dir_cancel,
    .close = ldap_dir_close,
    .free = ldap_dir_free};

int
ldap_dir_new(const struct dir_conf *conf, bool read_only, struct dir **ret, struct err *err)
{
	_cleanup_(dir_free) struct dir *dir = NULL;
	struct ldap_dir *d = calloc(1, sizeof *d);
	const struct ldap_session_owner owner = {take_message, take_end, d};

	if (!d)
		return err_nomem(err);
	dir = &d->dir;
	d->dir.ops = &ldap_dir_ops;
	d->dir.name = conf->name;
	d->conf = conf;
	d->read_only = read_only;
	d->feed = (struct ldap_feed){.s = &d->session, .info = &d->forest.info, .watch_msgid = -1};
	ldap_writes_init(&d->writes);
	if (ldap_session_init(&d->session, conf, &owner, err) < 0)
		return err_ctx(err, "set up a directory");
	*ret = TAKE(dir);
	return 0;
}
