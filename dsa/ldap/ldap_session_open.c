/* SPDX-License-Identifier: MIT */
/* How a session begins: connection, libldap on top of it, TLS, bind. */
#include <errno.h>
#include <openldap.h>
#include <string.h>
#include <sys/epoll.h>

#include "dsa/base/clock.h"
#include "dsa/ldap/ldap_auth.h"
#include "dsa/ldap/ldap_bounds.h"
#include "dsa/ldap/ldap_err.h"
#include "dsa/ldap/ldap_session.h"
#include "dsa/ldap/ldap_tls.h"

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
is_ldaps(const struct ldap_session *s, const LDAPURLDesc *u)
{
	return s->conf->tls == TLS_LDAPS || strcmp(u->lud_scheme, "ldaps") == 0;
}

/* A connection without protection, and libldap on top of it. */
static int
connect_plain(struct ldap_session *s, const char *url, const LDAPURLDesc *u, int64_t deadline_ms,
    struct err *err)
{
	bool standard = strcmp(u->lud_scheme, "ldap") == 0 && u->lud_port == LDAP_PORT;
	int port = is_ldaps(s, u) && standard ? LDAPS_PORT : u->lud_port;

	s->sock.timeout_ms = s->conf->timeout_ms;
	if (ldap_sock_connect(&s->sock, u->lud_host, port, deadline_ms, err) < 0)
		return -1;
	return ldap_session_attach(s, url, err);
}

int
ldap_session_attach(struct ldap_session *s, const char *url, struct err *err)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int rc = ldap_init_fd(s->sock.fd, LDAP_PROTO_EXT, url, &s->ld);

	if (rc != LDAP_SUCCESS) {
		s->ld = NULL;
		return err_ldap(err, rc, NULL, "set up a session");
	}
	s->generation++;
	s->message_max = LDAP_GREETING_MAX;
	s->waited_ms = 0;
	s->received_before = s->sock.received;
	if (ldap_get_option(s->ld, LDAP_OPT_SOCKBUF, &s->sb) != LDAP_OPT_SUCCESS ||
	    ldap_sock_attach(&s->sock, s->sb) != 0 || set_options(s->ld) < 0 ||
	    !ldap_bounds_message(s->sb, LDAP_GREETING_MAX))
		return err_set(err, ERR_LDAP, ERR_LINK, ERR_LATER, LDAP_LOCAL_ERROR,
		    "libldap refuses the options of the session");
	if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->sock.fd, &ev) < 0)
		return err_sys(err, errno, "epoll");
	return 0;
}

int
ldap_session_trust(struct ldap_session *s, struct err *err)
{
	s->message_max = LDAP_MESSAGE_MAX;
	if (ldap_bounds_message(s->sb, LDAP_MESSAGE_MAX))
		return 0;
	return err_set(err, ERR_LDAP, ERR_LINK, ERR_LATER, LDAP_LOCAL_ERROR,
	    "libldap refuses the bound of messages");
}

/* Connects a second time, verifying nothing and sending nothing, to see the certificate that was
 * refused: GnuTLS' own words are "unknown error code". */
static void
explain_refusal(struct ldap_session *s, const LDAPURLDesc *u, const char *url, struct err *err)
{
	int64_t deadline_ms = clock_monotonic_ms() + s->conf->connect_timeout_ms;
	struct err ignored;
	char text[256];

	if (err->code != LDAP_CONNECT_ERROR || s->sock.broken)
		return;
	ldap_session_close(s);
	if (connect_plain(s, url, u, deadline_ms, &ignored) == 0 &&
	    ldap_tls_setup(s, false, &ignored) == 0 &&
	    ldap_tls_start(s, is_ldaps(s, u), u->lud_host, deadline_ms, &ignored) == 0 &&
	    ldap_tls_describe_cert(s, u->lud_host, text, sizeof text))
		(void)err_set(
		    err, ERR_LDAP, ERR_PEER, ERR_LATER, LDAP_CONNECT_ERROR, "TLS: %s", text);
}

static int
open_url(struct ldap_session *s, const LDAPURLDesc *u, const char *url, struct err *err)
{
	int64_t deadline_ms = clock_monotonic_ms() + s->conf->connect_timeout_ms;
	bool ldaps = is_ldaps(s, u);

	if (connect_plain(s, url, u, deadline_ms, err) < 0)
		return -1;
	if (ldaps || s->conf->tls != TLS_NONE) {
		if (ldap_tls_setup(s, true, err) < 0)
			return -1;
		if (ldap_tls_start(s, ldaps, u->lud_host, deadline_ms, err) < 0) {
			explain_refusal(s, u, url, err);
			return -1;
		}
		s->tls = true;
	}
	if (ldap_auth_bind(s, u->lud_host, deadline_ms, err) < 0)
		return -1;
	return ldap_session_trust(s, err);
}

int
ldap_session_open(struct ldap_session *s, const char *url, struct err *err)
{
	LDAPURLDesc *u = NULL;
	int rc;

	s->answers_late = s->busy = s->too_large = false;
	if (ldap_session_check_cancel(s, err) < 0)
		return -1;
	if (ldap_url_parse(url, &u) != LDAP_URL_SUCCESS)
		return err_conf(err, "'%s' is not an LDAP URL", url);
	if (!u->lud_host || !u->lud_host[0] ||
	    (strcmp(u->lud_scheme, "ldap") != 0 && strcmp(u->lud_scheme, "ldaps") != 0))
		rc = err_conf(err, "'%s' is not of the form ldap://host or ldaps://host", url);
	else
		rc = open_url(s, u, url, err);
	ldap_free_urldesc(u);
	if (rc < 0) {
		struct err why = *err;

		(void)ldap_session_broke(s, &why, err);
	}
	return rc;
}
