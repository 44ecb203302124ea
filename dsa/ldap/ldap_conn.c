/* SPDX-License-Identifier: MIT */

/*
 * A session with one server, and the distribution of its messages.
 *
 * Everything that the server sends is taken from libldap one message at a time, whoever it is for
 * (LDAP_RES_ANY, LDAP_MSG_ONE), and handed on by its message id: to the read that waits for it, or
 * to the change it answers. So changes may be under way while a search runs, a search may be nested
 * in the callback of another, and no answer is ever stolen by who did not ask. What nobody waits
 * for any more is dropped.
 *
 * libldap and its layers buffer: a message may be there although the descriptor is not readable.
 * Therefore ldap_conn_pump() must have said "none" before anybody polls.
 *
 * A session ends in ldap_conn_close() and nowhere else. Its number, the generation, tells a read
 * that is still on the stack that its request went down with an earlier session.
 */

#include <openldap.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "dsa/base/clock.h"
#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/ldap/ldap_err.h"
#include "dsa/ldap/ldap_priv.h"

int
ldap_conn_check_cancel(struct ldap_dir *d, struct err *err)
{
	struct err why;

	if (!atomic_load(&d->cancelled))
		return 0;
	(void)err_set(&why, ERR_SYS, ERR_LINK, ERR_LATER, ECANCELED, "cancelled");
	return ldap_conn_broke(d, &why, err);
}

void
ldap_conn_close(struct ldap_dir *d)
{
	if (d->ld) {
		/* A connection that broke takes no farewell; an intact one does not wait for long.
		 */
		d->sock.timeout_ms = 0;
		(void)ldap_unbind_ext(TAKE(d->ld), NULL, NULL);
		d->generation++;
	}
	d->sb = NULL;
	d->ready = d->tls = false;
	d->watch_msgid = -1;
	ldap_sock_close(&d->sock);
	ldap_write_unknown(d);
}

int
ldap_conn_broke(struct ldap_dir *d, const struct err *why, struct err *err)
{
	struct err copy = *why; /* WHY may be ERR or d->why */

	d->why = copy;
	d->sock.broken = true;
	ldap_conn_close(d);
	*err = copy;
	return -1;
}

int
ldap_conn_lost(struct ldap_dir *d, int rc, struct err *err)
{
	struct err why;
	char reason[160];

	if (ldap_conn_check_cancel(d, err) < 0)
		return -1;
	d->answers_late = d->sock.broken && d->sock.error == ETIMEDOUT;
	if (rc == LDAP_DECODING_ERROR)
		(void)err_set(
		    &why, ERR_LDAP, ERR_PEER, ERR_LATER, rc, "the server sent what is not LDAP");
	else if (rc == LDAP_NO_MEMORY)
		(void)err_nomem(&why);
	else if (d->answers_late)
		(void)err_set(&why, ERR_LDAP, ERR_PEER, ERR_LATER, LDAP_TIMEOUT,
		    "the server took nothing for %d ms", d->conf->timeout_ms);
	else
		(void)err_set(&why, ERR_LDAP, ERR_PEER, ERR_LATER, LDAP_SERVER_DOWN,
		    "the connection broke: %s", ldap_sock_reason(&d->sock, reason, sizeof reason));
	return ldap_conn_broke(d, &why, err);
}

int
ldap_conn_send_failed(struct ldap_dir *d, int rc, const char *what, struct err *err)
{
	if (rc == LDAP_SERVER_DOWN || d->sock.broken) {
		(void)ldap_conn_lost(d, LDAP_SERVER_DOWN, err);
		return err_ctx(err, "%s", what);
	}
	return err_ldap(err, rc, NULL, "%s", what);
}

int
ldap_result_code(struct ldap_dir *d, LDAPMessage *m, char **ret_diag, LDAPControl ***ret_ctrls)
{
	int code = LDAP_OTHER;
	int rc = ldap_parse_result(d->ld, m, &code, NULL, ret_diag, NULL, ret_ctrls, 0);

	if (rc == LDAP_SUCCESS && ldap_is_busy(code))
		d->busy = true;
	return rc == LDAP_SUCCESS ? code : rc;
}

/* An unsolicited notification: the server is about to end the session and says why. */
static int
ended_by_server(struct ldap_dir *d, LDAPMessage *m, struct err *err)
{
	_cleanup_(ldap_memfree) char *diag = NULL;
	int rc = ldap_result_code(d, m, &diag, NULL);
	struct err why;

	(void)err_ldap(&why, rc, diag, "the server ended the session");
	why.scope = ERR_PEER;
	why.retry = ERR_LATER;
	return ldap_conn_broke(d, &why, err);
}

static int
enqueue(struct ldap_read *r, LDAPMessage *m)
{
	if (r->head > 0 && r->head == r->n)
		r->head = r->n = 0;
	if (list_grow(r->queue, r->n, r->cap) < 0)
		return -1;
	r->queue[r->n++] = m;
	return 0;
}

/* Hands M to whom it is for; takes ownership of it. */
static int
dispatch(struct ldap_dir *d, LDAPMessage *m, struct err *err)
{
	_cleanup_(ldap_msgfree) LDAPMessage *own = m;
	int msgid = ldap_msgid(m);

	if (msgid == 0)
		return ended_by_server(d, m, err);
	for (struct ldap_read *r = d->reads; r; r = r->outer) {
		if (r->msgid != msgid || r->generation != d->generation)
			continue;
		if (enqueue(r, m) < 0) {
			struct err why;

			(void)err_nomem(&why);
			return ldap_conn_broke(d, &why, err);
		}
		own = NULL;
		return 1;
	}
	if (!ldap_feed_answer(d, msgid, m))
		(void)ldap_write_answer(d, msgid, m);
	return 1;
}

int
ldap_conn_pump(struct ldap_dir *d, struct err *err)
{
	for (;;) {
		struct timeval none = {0};
		LDAPMessage *m = NULL;
		int rc = ldap_result(d->ld, LDAP_RES_ANY, LDAP_MSG_ONE, &none, &m);

		if (rc > 0)
			return dispatch(d, m, err);
		if (rc < 0) {
			int code = LDAP_SERVER_DOWN;

			(void)ldap_get_option(d->ld, LDAP_OPT_RESULT_CODE, &code);
			return ldap_conn_lost(d, code, err);
		}
		if (ber_sockbuf_ctrl(d->sb, LBER_SB_OPT_DATA_READY, NULL) <= 0)
			return 0;
	}
}

int
ldap_conn_wait(struct ldap_dir *d, int64_t deadline_ms, struct err *err)
{
	/* Silence is counted from the last octet in either direction. */
	int64_t silent_ms = d->sock.progress_ms + d->conf->timeout_ms;
	int64_t until = deadline_ms ? deadline_ms : silent_ms;
	struct err why;

	if (ldap_conn_check_cancel(d, err) < 0)
		return -1;
	switch (ldap_sock_wait(&d->sock, POLLIN, until)) {
	case 1: return 0;
	case 0: break;
	default:
		if (ldap_conn_check_cancel(d, err) < 0)
			return -1;
		(void)err_sys(&why, errno, "poll");
		return ldap_conn_broke(d, &why, err);
	}
	d->answers_late = true;
	(void)err_set(&why, ERR_LDAP, ERR_PEER, ERR_LATER, LDAP_TIMEOUT, "no answer for %d ms",
	    deadline_ms ? d->conf->connect_timeout_ms : d->conf->timeout_ms);
	return ldap_conn_broke(d, &why, err);
}

void
ldap_read_begin(struct ldap_dir *d, struct ldap_read *r, int64_t deadline_ms)
{
	*r = (struct ldap_read){.outer = d->reads,
	    .msgid = -1,
	    .generation = d->generation,
	    .deadline_ms = deadline_ms};
	d->reads = r;
}

void
ldap_read_expect(struct ldap_dir *d, struct ldap_read *r, int msgid)
{
	r->msgid = msgid;
	r->generation = d->generation;
}

/* True unless more messages follow M as answers to the same request. */
static bool
is_last(LDAPMessage *m)
{
	int type = ldap_msgtype(m);

	return type != LDAP_RES_SEARCH_ENTRY && type != LDAP_RES_SEARCH_REFERENCE &&
	       type != LDAP_RES_INTERMEDIATE;
}

int
ldap_read_next(struct ldap_dir *d, struct ldap_read *r, LDAPMessage **ret, struct err *err)
{
	for (;;) {
		int rc;

		if (r->generation != d->generation || !d->ld) {
			*err = d->why;
			return -1;
		}
		if (r->head < r->n) {
			*ret = r->queue[r->head++];
			if (is_last(*ret))
				r->msgid = -1;
			return 0;
		}
		rc = ldap_conn_pump(d, err);
		if (rc == 0)
			rc = ldap_conn_wait(d, r->deadline_ms, err);
		if (rc < 0)
			return -1;
	}
}

void
ldap_read_end(struct ldap_dir *d, struct ldap_read *r)
{
	/* Reads end in the reverse order of their beginning, because they live on one stack. */
	d->reads = r->outer;
	if (r->msgid >= 0 && d->ld && r->generation == d->generation)
		(void)ldap_abandon_ext(d->ld, r->msgid, NULL, NULL);
	while (r->head < r->n)
		(void)ldap_msgfree(r->queue[r->head++]);
	free(r->queue);
}

/* Options that must not come from ldap.conf, ldaprc or the environment of the daemon. */
static int
set_options(LDAP *ld)
{
	const int version = LDAP_VERSION3, none = 0, never = LDAP_DEREF_NEVER;
	const struct timeval forever = {.tv_sec = -1};

	return ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version) == LDAP_OPT_SUCCESS &&
		       ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) == LDAP_OPT_SUCCESS &&
		       ldap_set_option(ld, LDAP_OPT_DEREF, &never) == LDAP_OPT_SUCCESS &&
		       ldap_set_option(ld, LDAP_OPT_SIZELIMIT, &none) == LDAP_OPT_SUCCESS &&
		       ldap_set_option(ld, LDAP_OPT_TIMELIMIT, &none) == LDAP_OPT_SUCCESS &&
		       ldap_set_option(ld, LDAP_OPT_RESTART, LDAP_OPT_ON) == LDAP_OPT_SUCCESS &&
		       ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &forever) ==
			   LDAP_OPT_SUCCESS &&
		       ldap_set_option(ld, LDAP_OPT_X_SASL_NOCANON, LDAP_OPT_ON) == LDAP_OPT_SUCCESS
		   ? 0
		   : -1;
}

/* TLS from the first octet: either the URL or the configuration says so. */
static bool
is_ldaps(const struct ldap_dir *d, const LDAPURLDesc *u)
{
	return d->conf->tls == TLS_LDAPS || strcmp(u->lud_scheme, "ldaps") == 0;
}

/* A connection without protection, and libldap on top of it. */
static int
connect_plain(
    struct ldap_dir *d, const char *url, const LDAPURLDesc *u, int64_t deadline_ms, struct err *err)
{
	bool standard = strcmp(u->lud_scheme, "ldap") == 0 && u->lud_port == LDAP_PORT;
	int port = is_ldaps(d, u) && standard ? LDAPS_PORT : u->lud_port;
	struct epoll_event ev = {.events = EPOLLIN};
	int rc;

	d->sock.timeout_ms = d->conf->timeout_ms;
	if (ldap_sock_connect(&d->sock, u->lud_host, port, deadline_ms, err) < 0)
		return -1;
	rc = ldap_init_fd(d->sock.fd, LDAP_PROTO_EXT, url, &d->ld);
	if (rc != LDAP_SUCCESS) {
		d->ld = NULL;
		return err_ldap(err, rc, NULL, "set up a session");
	}
	d->generation++;
	if (ldap_get_option(d->ld, LDAP_OPT_SOCKBUF, &d->sb) != LDAP_OPT_SUCCESS ||
	    ldap_sock_attach(&d->sock, d->sb) != 0 || set_options(d->ld) < 0)
		return err_set(err, ERR_LDAP, ERR_LINK, ERR_LATER, LDAP_LOCAL_ERROR,
		    "libldap refuses the options of the session");
	if (epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, d->sock.fd, &ev) < 0)
		return err_sys(err, errno, "epoll");
	return 0;
}

/* Connects a second time, verifying nothing and sending nothing, to see the certificate that was
 * refused: GnuTLS' own words are "unknown error code". */
static void
explain_refusal(struct ldap_dir *d, const LDAPURLDesc *u, const char *url, struct err *err)
{
	int64_t deadline_ms = clock_monotonic_ms() + d->conf->connect_timeout_ms;
	struct err ignored;
	char text[256];

	if (err->code != LDAP_CONNECT_ERROR || d->sock.broken)
		return;
	ldap_conn_close(d);
	if (connect_plain(d, url, u, deadline_ms, &ignored) == 0 &&
	    ldap_tls_setup(d, false, &ignored) == 0 &&
	    ldap_tls_start(d, is_ldaps(d, u), u->lud_host, deadline_ms, &ignored) == 0 &&
	    ldap_tls_describe_cert(d, u->lud_host, text, sizeof text))
		(void)err_set(
		    err, ERR_LDAP, ERR_PEER, ERR_LATER, LDAP_CONNECT_ERROR, "TLS: %s", text);
}

static int
open_url(struct ldap_dir *d, const LDAPURLDesc *u, const char *url, struct err *err)
{
	int64_t deadline_ms = clock_monotonic_ms() + d->conf->connect_timeout_ms;
	bool ldaps = is_ldaps(d, u);

	if (connect_plain(d, url, u, deadline_ms, err) < 0)
		return -1;
	if (ldaps || d->conf->tls != TLS_NONE) {
		if (ldap_tls_setup(d, true, err) < 0)
			return -1;
		if (ldap_tls_start(d, ldaps, u->lud_host, deadline_ms, err) < 0) {
			explain_refusal(d, u, url, err);
			return -1;
		}
		d->tls = true;
	}
	return ldap_auth_bind(d, u->lud_host, deadline_ms, err);
}

int
ldap_conn_open(struct ldap_dir *d, const char *url, struct err *err)
{
	LDAPURLDesc *u = NULL;
	int rc;

	if (ldap_conn_check_cancel(d, err) < 0)
		return -1;
	if (ldap_url_parse(url, &u) != LDAP_URL_SUCCESS)
		return err_conf(err, "'%s' is not an LDAP URL", url);
	if (!u->lud_host || !u->lud_host[0] ||
	    (strcmp(u->lud_scheme, "ldap") != 0 && strcmp(u->lud_scheme, "ldaps") != 0))
		rc = err_conf(err, "'%s' is not of the form ldap://host or ldaps://host", url);
	else
		rc = open_url(d, u, url, err);
	ldap_free_urldesc(u);
	if (rc < 0) {
		struct err why = *err;

		(void)ldap_conn_broke(d, &why, err);
	}
	return rc;
}
