/* SPDX-License-Identifier: MIT */

/*
 * TLS of a session: at least version 1.2, and the server's certificate is always verified, against
 * one context for each session (two forests have two certificate authorities).
 *
 * libldap may be built on OpenSSL or on GnuTLS. With GnuTLS it ignores the minimum version, which
 * must be part of the priority string, and it forgets why a certificate was refused. So after a
 * refusal ldap_session_open() fetches the certificate once more and ldap_tls_describe_cert() says
 * what is to be seen in it: expired, another name, or issued by an authority that is not trusted.
 */

#include "dsa/ldap/ldap_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"
#include "dsa/ldap/ldap_cert.h"
#include "dsa/ldap/ldap_err.h"
#include "dsa/ldap/ldap_mem.h"
#include "dsa/ldap/ldap_read.h"

#define GNUTLS_PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

static const char *const system_ca_files[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
};

static int
refused_option(const char *what, struct err *err)
{
	return err_set(err, ERR_LDAP, ERR_LINK, ERR_LATER, LDAP_LOCAL_ERROR,
	    "TLS: libldap refuses to set %s", what);
}

static int
set_int(LDAP *ld, int option, int value, const char *what, struct err *err)
{
	return ldap_set_option(ld, option, &value) == LDAP_OPT_SUCCESS ? 0
								       : refused_option(what, err);
}

/* The system's authorities: what ldap.conf says, else where distributions keep them. */
static const char *
system_ca_file(LDAP *ld, char **ret_owned)
{
	if (ldap_get_option(ld, LDAP_OPT_X_TLS_CACERTFILE, ret_owned) == LDAP_OPT_SUCCESS &&
	    *ret_owned)
		return *ret_owned;
	for (size_t i = 0; i < ARRAY_SIZE(system_ca_files); i++) {
		if (access(system_ca_files[i], R_OK) == 0)
			return system_ca_files[i];
	}
	return NULL;
}

static int
no_certificates(const char *file, struct err *err)
{
	return err_set(err, ERR_LDAP, ERR_LINK, ERR_NEVER, LDAP_LOCAL_ERROR,
	    "TLS: the ca_file '%s' has no certificate in it: a PEM file with the authority's "
	    "certificate is needed",
	    file);
}

/* GnuTLS takes any file, finds nothing in it and then trusts no server. */
static bool
has_certificate(const char *file)
{
	FILE *f = fopen(file, "re");
	_cleanup_(free) char *line = NULL;
	bool found = false;
	size_t size = 0;

	while (f && !found && getline(&line, &size, f) >= 0)
		found = strstr(line, "-----BEGIN ") && strstr(line, "CERTIFICATE-----");
	if (f)
		(void)fclose(f);
	return found;
}

static int
set_authorities(struct ldap_session *s, struct err *err)
{
	_cleanup_(ldap_memfree) char *owned = NULL;
	const char *file = s->conf->ca_file ? s->conf->ca_file : system_ca_file(s->ld, &owned);

	if (!file)
		return err_conf(err, "TLS: no ca_file is configured and the system has none");
	if (access(file, R_OK) < 0) {
		int en = errno;

		(void)err_sys(err, en, "TLS: cannot read the CA file '%s'", file);
		err->retry = ERR_NEVER;
		return -1;
	}
	if (!has_certificate(file))
		return no_certificates(file, err);
	if (ldap_set_option(s->ld, LDAP_OPT_X_TLS_CACERTFILE, file) != LDAP_OPT_SUCCESS ||
	    (s->conf->ca_file &&
		ldap_set_option(s->ld, LDAP_OPT_X_TLS_CACERTDIR, NULL) != LDAP_OPT_SUCCESS))
		return refused_option("the CA file", err);
	return 0;
}

int
ldap_tls_setup(struct ldap_session *s, bool verify, struct err *err)
{
	const int require = verify ? LDAP_OPT_X_TLS_DEMAND : LDAP_OPT_X_TLS_NEVER;
	_cleanup_(ldap_memfree) char *package = NULL;
	int client = 0;

	if (set_int(s->ld, LDAP_OPT_X_TLS_REQUIRE_CERT, require, "verification", err) < 0 ||
	    set_int(s->ld, LDAP_OPT_X_TLS_PROTOCOL_MIN, LDAP_OPT_X_TLS_PROTOCOL_TLS1_2,
		"the least version", err) < 0 ||
	    set_authorities(s, err) < 0)
		return -1;
	(void)ldap_get_option(s->ld, LDAP_OPT_X_TLS_PACKAGE, &package);
	if (package && strcmp(package, "GnuTLS") == 0 &&
	    ldap_set_option(s->ld, LDAP_OPT_X_TLS_CIPHER_SUITE, GNUTLS_PRIORITY) !=
		LDAP_OPT_SUCCESS)
		return refused_option("the least version", err);
	if (ldap_set_option(s->ld, LDAP_OPT_X_TLS_NEWCTX, &client) != LDAP_OPT_SUCCESS)
		return err_set(err, ERR_LDAP, ERR_LINK, ERR_NEVER, LDAP_LOCAL_ERROR,
		    "TLS: no usable certificates in the ca_file '%s'",
		    s->conf->ca_file ? s->conf->ca_file : "of the system");
	return 0;
}

static int
ask_start_tls(struct ldap_session *s, struct ldap_read *r, struct err *err)
{
	_cleanup_(ldap_msgfree) LDAPMessage *m = NULL;
	_cleanup_(ldap_memfree) char *diag = NULL;
	int msgid, rc;

	rc = ldap_start_tls(s->ld, NULL, NULL, &msgid);
	if (rc != LDAP_SUCCESS)
		return ldap_session_send_failed(s, rc, "StartTLS", err);
	ldap_read_expect(s, r, msgid, 0);
	if (ldap_read_next(s, r, &m, err) < 0)
		return err_ctx(err, "StartTLS");
	rc = ldap_session_result(s, m, &diag, NULL);
	if (rc != LDAP_SUCCESS)
		return err_ldap(err, rc, diag, "TLS: the server refuses StartTLS");
	return 0;
}

static int
handshake(struct ldap_session *s, const char *host, int64_t deadline_ms, struct err *err)
{
	_cleanup_(ldap_memfree) char *diag = NULL;
	char reason[160], said[200];
	int rc;

	/* libldap calls us in a loop until it is done or the socket fails. */
	s->sock.read_until_ms = deadline_ms;
	rc = ldap_install_tls(s->ld);
	s->sock.read_until_ms = 0;
	if (rc == LDAP_SUCCESS)
		return 0;
	if (ldap_session_check_cancel(s, err) < 0)
		return -1;
	if (s->sock.broken && s->sock.error == ETIMEDOUT)
		return err_set(err, ERR_LDAP, ERR_PEER, ERR_LATER, LDAP_TIMEOUT,
		    "TLS handshake: no answer for %d ms", s->conf->connect_timeout_ms);
	if (s->sock.broken)
		return err_set(err, ERR_LDAP, ERR_PEER, ERR_LATER, LDAP_SERVER_DOWN,
		    "TLS handshake: %s", ldap_sock_reason(&s->sock, reason, sizeof reason));
	(void)ldap_get_option(s->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &diag);
	err_escape(said, sizeof said, bytes_of(diag ? diag : ldap_err2string(rc)));
	return err_set(err, ERR_LDAP, ERR_PEER, ERR_LATER, LDAP_CONNECT_ERROR,
	    "TLS handshake with %s: %s", host, said);
}

int
ldap_tls_start(
    struct ldap_session *s, bool ldaps, const char *host, int64_t deadline_ms, struct err *err)
{
	if (!ldaps) {
		struct ldap_read r;
		int rc;

		ldap_read_begin(s, &r, deadline_ms);
		rc = ask_start_tls(s, &r, err);
		ldap_read_end(s, &r);
		if (rc < 0)
			return -1;
	}
	return handshake(s, host, deadline_ms, err);
}

bool
ldap_tls_describe_cert(struct ldap_session *s, const char *host, char *text, size_t size)
{
	struct berval der = {0};
	bool ok;

	if (ldap_get_option(s->ld, LDAP_OPT_X_TLS_PEERCERT, &der) != LDAP_OPT_SUCCESS ||
	    !der.bv_val)
		return false;
	ok = ldap_cert_describe((struct bytes){der.bv_val, der.bv_len}, host,
	    s->conf->ca_file ? s->conf->ca_file : "the system's CA file", clock_realtime_s(), text,
	    size);
	ldap_memfree(der.bv_val);
	return ok;
}
