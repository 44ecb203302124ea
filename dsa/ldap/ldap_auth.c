/* SPDX-License-Identifier: MIT */

/*
 * Kerberos: the tickets are in the directory's own cache (ldap_krb.c), which is named around the
 * bind with gss_krb5_ccache_name(), kept by MIT Kerberos for each thread separately. They are
 * dropped when a bind fails, because the key may have been changed.
 *
 * Passwords are read when they are needed and wiped at once; libldap's own copy of the request is
 * out of our reach until the session ends.
 */

#include "dsa/ldap/ldap_auth.h"

#include <gssapi/gssapi_krb5.h>
#include <sasl/sasl.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "dsa/base/str.h"
#include "dsa/ldap/ldap_err.h"
#include "dsa/ldap/ldap_mem.h"
#include "dsa/ldap/ldap_read.h"

#define LEAST_SSF 56

struct secret {
	char data[1024];
	size_t len;
};

static void
secret_wipep(struct secret *s)
{
	explicit_bzero(s, sizeof *s);
}

/* True if systemd put the file there for this service: root's, and readable by us through the
 * group or an access list that shows as the group's right. */
static bool
is_credential(const char *path, const struct stat *st)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	size_t len = dir ? strlen(dir) : 0;

	return len && strncmp(path, dir, len) == 0 && path[len] == '/' && !strstr(path, "/../") &&
	       st->st_uid == 0 && (st->st_mode & 037) == 0;
}

/* Opens a file that holds a secret; refused if others may read it. */
static int
open_secret(const char *path, const char *what, struct err *err)
{
	_cleanup_(close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int ok;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot read the %s '%s'", what, path);
	if (!S_ISREG(st.st_mode))
		return err_set(
		    err, ERR_CONF, ERR_LINK, ERR_NEVER, 0, "the %s '%s' is no file", what, path);
	if ((st.st_mode & 077) && !is_credential(path, &st))
		return err_set(err, ERR_CONF, ERR_LINK, ERR_NEVER, 0,
		    "the %s '%s' is refused: others than its owner may use it (mode %04o, 0600 or "
		    "0400 is needed)",
		    what, path, (unsigned)(st.st_mode & 07777));
	ok = fd;
	fd = -1;
	return ok;
}

static int
read_password(const struct dir_conf *conf, struct secret *ret, struct err *err)
{
	_cleanup_(close) int fd = open_secret(conf->password_file, "password file", err);
	ssize_t n;

	if (fd < 0)
		return -1;
	ret->len = 0;
	while ((n = read(fd, ret->data + ret->len, sizeof ret->data - ret->len)) > 0)
		ret->len += (size_t)n;
	if (n < 0)
		return err_sys(
		    err, errno, "cannot read the password file '%s'", conf->password_file);
	if (ret->len == sizeof ret->data)
		return err_set(err, ERR_CONF, ERR_LINK, ERR_NEVER, 0,
		    "the password file '%s' is too long", conf->password_file);
	if (ret->len && ret->data[ret->len - 1] == '\n')
		ret->len--;
	if (ret->len && ret->data[ret->len - 1] == '\r')
		ret->len--;
	/* A bind with an empty password succeeds, anonymously (RFC 4513 section 5.1.2). */
	if (ret->len == 0)
		return err_set(err, ERR_CONF, ERR_LINK, ERR_NEVER, 0,
		    "the password file '%s' is empty", conf->password_file);
	return 0;
}

static int
prepare_ticket(struct ldap_session *s, struct err *err)
{
	/* Without a keytab: whatever the environment offers (KRB5CCNAME, KRB5_CLIENT_KTNAME). */
	if (!s->conf->keytab)
		return 0;
	if (!s->conf->principal)
		return err_conf(err, "a keytab needs a principal");
	{
		_cleanup_(close) int fd = open_secret(s->conf->keytab, "keytab", err);

		if (fd < 0)
			return -1;
	}
	return ldap_krb_ticket(&s->krb, s->conf, NULL, &s->cancel, err);
}

int
ldap_auth_prepare(struct ldap_session *s, struct err *err)
{
	_cleanup_(secret_wipe) struct secret password = {.len = 0};

	if (s->conf->mechanism != AUTH_SIMPLE)
		return prepare_ticket(s, err);
	if (!s->conf->bind_dn || !s->conf->bind_dn[0] || !s->conf->password_file)
		return err_conf(err, "a simple bind needs bind_dn and password_file");
	return read_password(s->conf, &password, err);
}

/* The server has LdapEnforceChannelBinding, and the bind did not bring the binding of its channel.
 */
#define CHANNEL_BINDING                                                                            \
	"the server demands channel binding, and the bind is not tied to the TLS channel that "    \
	"ends "                                                                                    \
	"there: is TLS ended by a proxy in between? Kerberos with tls.mode = \"none\" needs none"

/* AD answers each failed bind with code 49; why it failed is a Windows error code behind "data". */
static const struct {
	unsigned code;
	const char *text;
} ad_codes[] = {
    {0x57, CHANNEL_BINDING},
    {0x80090346, CHANNEL_BINDING}, /* SEC_E_BAD_BINDINGS */
    {0x525, "there is no such account"},
    {0x52e, "wrong password"},
    {0x52f, "the account is restricted"},
    {0x530, "the account may not log on at this time"},
    {0x531, "the account may not log on at this machine"},
    {0x532, "the password has expired"},
    {0x533, "the account is disabled"},
    {0x701, "the account has expired"},
    {0x773, "the password must be changed first"},
    {0x775, "the account is locked"},
};

/* What a server demands that answers with strongerAuthRequired. */
static const char *
strength_hint(const struct ldap_session *s)
{
	if (s->conf->mechanism == AUTH_SIMPLE)
		return "the server demands a signed session: use the mechanism GSSAPI";
	return s->tls ? "the server wants signing by SASL on top of TLS, which AD refuses: set "
			"tls.mode = "
			"\"none\", or with Samba 'ldap server require strong auth = "
			"allow_sasl_over_tls'"
		      : "the server demands TLS: set tls.mode = \"ldaps\" or \"starttls\"";
}

static const char *
bind_hint(const struct ldap_session *s, int rc, const char *diag)
{
	const char *data = diag ? strstr(diag, " data ") : NULL;
	unsigned code = data ? (unsigned)strtoul(data + 6, NULL, 16) : 0;

	for (size_t i = 0; i < ARRAY_SIZE(ad_codes); i++) {
		if (ad_codes[i].code == code)
			return ad_codes[i].text;
	}
	if (rc == LDAP_STRONG_AUTH_REQUIRED)
		return strength_hint(s);
	if (diag && strstr(diag, "Server not found in Kerberos database"))
		return "the server has no ldap/ service principal name for the host name in its "
		       "URL";
	return NULL;
}

static int
bind_failed(struct ldap_session *s, int rc, const char *diag, const char *who, struct err *err)
{
	const char *hint = bind_hint(s, rc, diag);

	/* Signatures, key numbers and clocks are in tickets: the next attempt takes a new one. */
	if (s->krb)
		ldap_krb_forget(s->krb);
	(void)err_ldap(err, rc, diag, "bind as %s", who);
	/* What would be the entry's fault in the answer to a change is the server's here. */
	if (err->scope == ERR_ENTRY) {
		err->scope = ERR_PEER;
		err->retry = ERR_LATER;
	}
	return hint ? err_ctx(err, "%s", hint) : -1;
}

static int
simple_bind(struct ldap_session *s, struct ldap_read *r, struct err *err)
{
	_cleanup_(secret_wipe) struct secret password = {.len = 0};
	_cleanup_(ldap_msgfree) LDAPMessage *m = NULL;
	_cleanup_(ldap_memfree) char *diag = NULL;
	struct berval cred;
	int msgid, rc;

	if (!s->tls)
		return err_set(err, ERR_CONF, ERR_LINK, ERR_NEVER, 0,
		    "a simple bind sends the password: refused without TLS");
	if (read_password(s->conf, &password, err) < 0)
		return -1;
	cred = (struct berval){.bv_len = password.len, .bv_val = password.data};
	rc = ldap_sasl_bind(s->ld, s->conf->bind_dn, LDAP_SASL_SIMPLE, &cred, NULL, NULL, &msgid);
	if (rc != LDAP_SUCCESS)
		return ldap_session_send_failed(s, rc, "bind", err);
	ldap_read_expect(s, r, msgid, 0);
	if (ldap_read_next(s, r, &m, err) < 0)
		return err_ctx(err, "bind");
	rc = ldap_session_result(s, m, &diag, NULL);
	if (rc == LDAP_SUCCESS)
		return 0;
	(void)bind_failed(s, rc, diag, s->conf->bind_dn, err);
	return err_ctx(err, "password_file '%s'", s->conf->password_file);
}

/* GSSAPI asks for an authorization identity: none, the account acts for itself. */
static int
interact(LDAP *ld, unsigned flags, void *defaults, void *prompts)
{
	(void)ld;
	(void)flags;
	(void)defaults;
	for (sasl_interact_t *p = prompts; p->id != SASL_CB_LIST_END; p++) {
		p->result = "";
		p->len = 0;
	}
	return LDAP_SUCCESS;
}

/* Sign and seal without TLS. On top of TLS no second layer, AD refuses that; instead the bind is
 * tied to the TLS channel, which AD may demand. */
static int
set_security(struct ldap_session *s, struct err *err)
{
	const char *props =
	    s->tls ? "noanonymous,noplain,minssf=0,maxssf=0" : "noanonymous,noplain,minssf=56";

	if (ldap_set_option(s->ld, LDAP_OPT_X_SASL_SECPROPS, props) != LDAP_OPT_SUCCESS)
		return err_set(err, ERR_SASL, ERR_LINK, ERR_LATER, LDAP_LOCAL_ERROR,
		    "SASL: libldap refuses '%s'", props);
#ifdef LDAP_OPT_X_SASL_CBINDING_TLS_ENDPOINT
	if (s->tls) {
		const int endpoint = LDAP_OPT_X_SASL_CBINDING_TLS_ENDPOINT;

		(void)ldap_set_option(s->ld, LDAP_OPT_X_SASL_CBINDING, &endpoint);
	}
#endif
	return 0;
}

/* The rounds of a SASL bind; returns an LDAP code, or -1000 with err if the session broke. */
enum { SESSION_BROKE = -1000 };

static int
sasl_rounds(struct ldap_session *s, struct ldap_read *r, const char *mechanism, struct err *err)
{
	const char *chosen = NULL;
	LDAPMessage *answer = NULL;

	for (;;) {
		int msgid = -1;
		int rc = ldap_sasl_interactive_bind(s->ld, NULL, mechanism, NULL, NULL,
		    LDAP_SASL_QUIET, interact, NULL, answer, &chosen, &msgid);

		(void)ldap_msgfree(answer);
		answer = NULL;
		if (rc == LDAP_SERVER_DOWN) {
			(void)ldap_session_lost(s, rc, err);
			return SESSION_BROKE;
		}
		if (rc != LDAP_SASL_BIND_IN_PROGRESS)
			return rc;
		ldap_read_expect(s, r, msgid, 0);
		if (ldap_read_next(s, r, &answer, err) < 0) {
			(void)err_ctx(err, "bind");
			return SESSION_BROKE;
		}
	}
}

static int
sasl_bind(struct ldap_session *s, struct ldap_read *r, const char *host, struct err *err)
{
	const char *mechanism = s->conf->mechanism == AUTH_GSSAPI ? "GSSAPI" : "GSS-SPNEGO";
	const char *who = s->conf->principal ? s->conf->principal : "the default principal";
	_cleanup_(ldap_memfree) char *diag = NULL;
	ber_len_t ssf = 0;
	OM_uint32 minor;
	int rc;

	if (set_security(s, err) < 0)
		return -1;
	if (s->krb && ldap_krb_ticket(&s->krb, s->conf, host, &s->cancel, err) < 0)
		return -1;
	if (s->krb && gss_krb5_ccache_name(&minor, ldap_krb_cache(s->krb), NULL) != GSS_S_COMPLETE)
		return err_set(err, ERR_SASL, ERR_LINK, ERR_LATER, (int)minor,
		    "GSSAPI refuses the credential cache");
	rc = sasl_rounds(s, r, mechanism, err);
	if (s->krb)
		(void)gss_krb5_ccache_name(&minor, NULL, NULL);
	if (rc == SESSION_BROKE)
		return -1;
	if (rc != LDAP_SUCCESS) {
		(void)ldap_get_option(s->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &diag);
		return bind_failed(s, rc, diag, who, err);
	}
	(void)ldap_get_option(s->ld, LDAP_OPT_X_SASL_SSF, &ssf);
	s->sasl_ssf = s->tls ? 0 : (int)ssf;
	if (!s->tls && ssf < LEAST_SSF)
		return err_set(err, ERR_SASL, ERR_LINK, ERR_NEVER, 0,
		    "the server grants no encryption with %s (%d bits), and there is no TLS",
		    mechanism, (int)ssf);
	return 0;
}

int
ldap_auth_bind(struct ldap_session *s, const char *host, int64_t deadline_ms, struct err *err)
{
	struct ldap_read r;
	int rc;

	s->sasl_ssf = 0;
	ldap_read_begin(s, &r, deadline_ms);
	rc = s->conf->mechanism == AUTH_SIMPLE ? simple_bind(s, &r, err)
					       : sasl_bind(s, &r, host, err);
	ldap_read_end(s, &r);
	return rc;
}
