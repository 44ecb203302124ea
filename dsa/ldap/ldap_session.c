/* SPDX-License-Identifier: MIT */

/*
 * Everything that the server sends is taken from libldap one message at a time, whatever it answers
 * (LDAP_RES_ANY, LDAP_MSG_ONE), and handed on by its message id: to the read that waits for it, or
 * to the owner, which knows of the changes. So changes may be under way while a search runs, a
 * search may be nested in the callback of another, and no answer is taken by another request. What
 * nothing waits for any more is dropped.
 *
 * libldap and its layers buffer: a message may be there although the descriptor is not readable.
 * Therefore ldap_session_pump() must have said "none" before a poll.
 *
 * A session ends in ldap_session_close() and nowhere else. Its number, the generation, tells a read
 * that is still on the stack that its request went down with an earlier session.
 */

#include "dsa/ldap/ldap_session.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>

#include "dsa/base/clock.h"
#include "dsa/ldap/ldap_bounds.h"
#include "dsa/ldap/ldap_err.h"
#include "dsa/ldap/ldap_mem.h"
#include "dsa/ldap/ldap_read.h"

/* For so long libldap may read without asking us. */
#define BREATH_MS 200

int
ldap_session_init(struct ldap_session *s, const struct dir_conf *conf,
    const struct ldap_session_owner *owner, struct err *err)
{
	struct epoll_event ev = {.events = EPOLLIN};

	s->conf = conf;
	s->owner = *owner;
	s->sock.fd = s->epoll_fd = -1;
	if (ldap_cancel_init(&s->cancel, err) < 0)
		return -1;
	s->sock.wake_fd = s->cancel.wake_fd;
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll_fd < 0 || epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->cancel.wake_fd, &ev) < 0)
		return err_sys(err, errno, "epoll");
	return 0;
}

void
ldap_session_done(struct ldap_session *s)
{
	ldap_krb_free(TAKE(s->krb));
	ldap_cancel_done(&s->cancel);
	closep(&s->epoll_fd);
}

int
ldap_session_check_cancel(struct ldap_session *s, struct err *err)
{
	struct err why;

	return ldap_cancel_check(&s->cancel, &why) < 0 ? ldap_session_broke(s, &why, err) : 0;
}

void
ldap_session_close(struct ldap_session *s)
{
	if (s->ld) {
		/* A connection that broke takes no farewell; an intact one does not wait for long.
		 */
		s->sock.timeout_ms = 0;
		(void)ldap_unbind_ext(TAKE(s->ld), NULL, NULL);
		s->generation++;
	}
	s->sb = NULL;
	s->ready = s->tls = false;
	ldap_sock_close(&s->sock);
	s->owner.ended(s->owner.arg);
}

int
ldap_session_broke(struct ldap_session *s, const struct err *why, struct err *err)
{
	struct err copy = *why; /* WHY may be ERR or s->why */

	s->why = copy;
	s->sock.broken = true;
	ldap_session_close(s);
	*err = copy;
	return -1;
}

int
ldap_session_lost(struct ldap_session *s, int rc, struct err *err)
{
	struct err why;
	char reason[160];

	if (ldap_session_check_cancel(s, err) < 0)
		return -1;
	s->answers_late = s->sock.broken && s->sock.error == ETIMEDOUT;
	if (s->too_large)
		(void)err_set(&why, ERR_LDAP, ERR_PEER, ERR_LATER, LDAP_PROTOCOL_ERROR,
		    "the server sent a message of more than the %zu octets that are allowed%s",
		    s->message_max, s->message_max < LDAP_MESSAGE_MAX ? " before the bind" : "");
	else if (rc == LDAP_DECODING_ERROR)
		(void)err_set(
		    &why, ERR_LDAP, ERR_PEER, ERR_LATER, rc, "the server sent what is not LDAP");
	else if (rc == LDAP_NO_MEMORY)
		(void)err_nomem(&why);
	else if (s->answers_late)
		(void)err_set(&why, ERR_LDAP, ERR_PEER, ERR_LATER, LDAP_TIMEOUT,
		    "the server took nothing for %d ms", s->conf->timeout_ms);
	else
		(void)err_set(&why, ERR_LDAP, ERR_PEER, ERR_LATER, LDAP_SERVER_DOWN,
		    "the connection broke: %s", ldap_sock_reason(&s->sock, reason, sizeof reason));
	return ldap_session_broke(s, &why, err);
}

int
ldap_session_send_failed(struct ldap_session *s, int rc, const char *what, struct err *err)
{
	if (rc == LDAP_SERVER_DOWN || s->sock.broken) {
		(void)ldap_session_lost(s, LDAP_SERVER_DOWN, err);
		return err_ctx(err, "%s", what);
	}
	return err_ldap(err, rc, NULL, "%s", what);
}

int
ldap_session_result(
    struct ldap_session *s, LDAPMessage *m, char **ret_diag, LDAPControl ***ret_ctrls)
{
	int code = LDAP_OTHER;
	int rc = ldap_parse_result(s->ld, m, &code, NULL, ret_diag, NULL, ret_ctrls, 0);

	if (rc == LDAP_SUCCESS && ldap_is_busy(code))
		s->busy = true;
	return rc == LDAP_SUCCESS ? code : rc;
}

LDAPControl *
ldap_session_control(LDAPControl **ctrls, const char *oid)
{
	LDAPControl *c = ldap_control_find(oid, ctrls, NULL);

	return c && c->ldctl_value.bv_len ? c : NULL;
}

/* An unsolicited notification: the server is about to end the session and says why. */
static int
ended_by_server(struct ldap_session *s, LDAPMessage *m, struct err *err)
{
	_cleanup_(ldap_memfree) char *diag = NULL;
	int rc = ldap_session_result(s, m, &diag, NULL);
	struct err why;

	(void)err_ldap(&why, rc, diag, "the server ended the session");
	why.scope = ERR_PEER;
	why.retry = ERR_LATER;
	return ldap_session_broke(s, &why, err);
}

/* Hands M to whatever waits for it; takes ownership of it. */
static int
dispatch(struct ldap_session *s, LDAPMessage *m, struct err *err)
{
	_cleanup_(ldap_msgfree) LDAPMessage *own = m;
	int msgid = ldap_msgid(m);
	struct err why;

	if (msgid == 0)
		return ended_by_server(s, m, err);
	/* There are not more last answers than requests. */
	if (ldap_read_is_last(m)) {
		s->waited_ms = 0;
		s->received_before = s->sock.received;
	} else if (ldap_session_bear(s, s->waited_ms, err) < 0) {
		return -1;
	}
	switch (ldap_read_offer(s, msgid, m, &why)) {
	case 1: own = NULL; return 1;
	case 0: s->owner.message(s->owner.arg, msgid, m); return 1;
	default: return ldap_session_broke(s, &why, err);
	}
}

int
ldap_session_bear(struct ldap_session *s, int64_t waited_ms, struct err *err)
{
	uint64_t octets = s->sock.received - s->received_before;
	struct err why;

	if (octets <= LDAP_ANSWER_MAX &&
	    waited_ms <= ldap_bounds_patience_ms(s->conf->timeout_ms, octets))
		return 0;
	s->answers_late = true;
	(void)err_set(&why, ERR_LDAP, ERR_PEER, ERR_LATER, LDAP_TIMEOUT,
	    "an answer has no end: %lld ms were waited for it, and %llu octets came",
	    (long long)waited_ms, (unsigned long long)octets);
	return ldap_session_broke(s, &why, err);
}

/* The time since *SINCE_MS, which becomes now, was spent on the answer under way. */
static int
spend(struct ldap_session *s, int64_t *since_ms, struct err *err)
{
	int64_t now = clock_monotonic_ms();

	s->waited_ms += now - *since_ms;
	*since_ms = now;
	return ldap_session_bear(s, s->waited_ms, err);
}

int
ldap_session_pump(struct ldap_session *s, struct err *err)
{
	int64_t since_ms = clock_monotonic_ms();

	for (;;) {
		struct timeval none = {0};
		LDAPMessage *m = NULL;
		int rc;

		/* libldap passes over what nobody asked for, as long as there is more. */
		s->sock.breath_ms = since_ms + BREATH_MS;
		errno = 0;
		rc = ldap_result(s->ld, LDAP_RES_ANY, LDAP_MSG_ONE, &none, &m);
		if (rc > 0) {
			s->waited_ms += clock_monotonic_ms() - since_ms;
			return dispatch(s, m, err);
		}
		if (rc < 0) {
			int code = LDAP_SERVER_DOWN;

			s->too_large = errno == ERANGE;
			(void)ldap_get_option(s->ld, LDAP_OPT_RESULT_CODE, &code);
			return ldap_session_lost(s, code, err);
		}
		if (spend(s, &since_ms, err) < 0 || ldap_session_check_cancel(s, err) < 0)
			return -1;
		if (ber_sockbuf_ctrl(s->sb, LBER_SB_OPT_DATA_READY, NULL) <= 0)
			return 0;
	}
}

int
ldap_session_wait(struct ldap_session *s, int64_t deadline_ms, struct err *err)
{
	/* Silence is counted from the last octet in either direction. */
	int64_t silent_ms = s->sock.progress_ms + s->conf->timeout_ms;
	int64_t until = deadline_ms ? deadline_ms : silent_ms;
	int64_t since_ms = clock_monotonic_ms();
	struct err why;

	if (ldap_session_check_cancel(s, err) < 0)
		return -1;
	/* Who always sends is never waited for. */
	switch (
	    deadline_ms && since_ms > deadline_ms ? 0 : ldap_sock_wait(&s->sock, POLLIN, until)) {
	case 1: return spend(s, &since_ms, err);
	case 0: break;
	default:
		if (ldap_session_check_cancel(s, err) < 0)
			return -1;
		(void)err_sys(&why, errno, "poll");
		return ldap_session_broke(s, &why, err);
	}
	s->answers_late = true;
	(void)err_set(&why, ERR_LDAP, ERR_PEER, ERR_LATER, LDAP_TIMEOUT, "no answer for %d ms",
	    deadline_ms ? s->conf->connect_timeout_ms : s->conf->timeout_ms);
	return ldap_session_broke(s, &why, err);
}
