/* SPDX-License-Identifier: MIT */

/*
 * Who we are to the server.
 *
 * Kerberos: libgssapi takes its credentials from the environment, which is one for the process,
 * while each forest has a keytab of its own and its own thread. So we fetch the ticket-granting
 * ticket ourselves into a credential cache in memory that belongs to one directory, and name that
 * cache with gss_krb5_ccache_name(), which MIT Kerberos keeps for each thread separately, around
 * the bind. The ticket is kept until ten minutes before it ends, so that a reconnect needs no KDC;
 * it is dropped when a bind fails, because the key may have been changed.
 *
 * What Kerberos waits for (the KDC) is bounded by libkrb5's own time-outs, not by ours, and cannot
 * be cancelled.
 *
 * Passwords are read when they are needed and wiped at once; libldap's own copy of the request is
 * out of our reach until the session ends.
 */

#include <gssapi/gssapi_krb5.h>
#include <krb5.h>
#include <sasl/sasl.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"
#include "dsa/directory/ldap_err.h"
#include "dsa/directory/ldap_priv.h"

#define TICKET_RESERVE_S 600
#define LEAST_SSF 56

struct ldap_krb {
	krb5_context ctx;
	krb5_ccache cache;
	char *cache_name;
	int64_t ends_s; /* 0: no ticket */
};

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
	/* A bind with an empty password succeeds, as nobody (RFC 4513 section 5.1.2). */
	if (ret->len == 0)
		return err_set(err, ERR_CONF, ERR_LINK, ERR_NEVER, 0,
		    "the password file '%s' is empty", conf->password_file);
	return 0;
}

/* What the codes mean to who set galsync up; the others speak for themselves. */
static const struct krb_advice {
	krb5_error_code code;
	enum err_scope scope;
	enum err_retry retry;
	const char *advice;
} krb_advices[] = {
    {KRB5_KT_NOTFOUND, ERR_LINK, ERR_NEVER, "the keytab has no key of this principal"},
    {KRB5_KEYTAB_BADVNO, ERR_LINK, ERR_NEVER, "the file is no keytab: export it again"},
    {KRB5KDC_ERR_PREAUTH_FAILED, ERR_LINK, ERR_NEVER,
	"the key in the keytab is not the account's: was the password changed since?"},
    {KRB5KRB_AP_ERR_BAD_INTEGRITY, ERR_LINK, ERR_NEVER,
	"the key in the keytab is not the account's: was the password changed since?"},
    {KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN, ERR_LINK, ERR_NEVER, "the realm has no such account"},
    {KRB5KDC_ERR_KEY_EXP, ERR_LINK, ERR_NEVER, "the account's password has expired"},
    {KRB5KDC_ERR_ETYPE_NOSUPP, ERR_LINK, ERR_NEVER,
	"the KDC accepts none of the keytab's encryption types"},
    {KRB5KDC_ERR_CLIENT_REVOKED, ERR_LINK, ERR_LATER, "the account is disabled or locked"},
    {KRB5KRB_AP_ERR_SKEW, ERR_LINK, ERR_LATER, "the clocks differ by more than five minutes"},
    {KRB5_KDC_UNREACH, ERR_PEER, ERR_LATER, NULL},
    {KRB5_REALM_CANT_RESOLVE, ERR_PEER, ERR_LATER, NULL},
    {KRB5_REALM_UNKNOWN, ERR_PEER, ERR_LATER, NULL},
};

static int
err_krb(krb5_context ctx, krb5_error_code code, const struct dir_conf *conf, struct err *err)
{
	struct krb_advice a = {code, ERR_LINK, ERR_LATER, NULL};
	const char *msg = krb5_get_error_message(ctx, code);
	char said[256];

	for (size_t i = 0; i < ARRAY_SIZE(krb_advices); i++) {
		if (krb_advices[i].code == code)
			a = krb_advices[i];
	}
	err_escape(said, sizeof said, bytes_of(msg));
	krb5_free_error_message(ctx, msg);
	return err_set(err, ERR_SASL, a.scope, a.retry, (int)code,
	    "Kerberos: no ticket for '%s' with keytab '%s': %s%s%s", conf->principal, conf->keytab,
	    said, a.advice ? ": " : "", a.advice ? a.advice : "");
}

static void
krb_free(struct ldap_krb *k)
{
	if (!k)
		return;
	if (k->cache)
		(void)krb5_cc_destroy(k->ctx, k->cache);
	if (k->ctx)
		krb5_free_context(k->ctx);
	free(k->cache_name);
	free(k);
}
DEFINE_CLEANUP(struct ldap_krb *, krb_free)

static int
krb_new(const struct dir_conf *conf, struct ldap_krb **ret, struct err *err)
{
	_cleanup_(krb_free) struct ldap_krb *k = calloc(1, sizeof *k);
	krb5_error_code code;

	/* The address makes the name unique: the cache lives as long as K. */
	if (!k || !(k->cache_name = str_printf("MEMORY:galsync-%p", (void *)k)))
		return err_nomem(err);
	code = krb5_init_context(&k->ctx);
	if (code) {
		k->ctx = NULL;
		return err_set(err, ERR_SASL, ERR_LINK, ERR_LATER, (int)code,
		    "Kerberos: cannot be set up (is krb5.conf readable and correct?)");
	}
	code = krb5_cc_resolve(k->ctx, k->cache_name, &k->cache);
	if (code) {
		k->cache = NULL;
		return err_krb(k->ctx, code, conf, err);
	}
	*ret = TAKE(k);
	return 0;
}

/* Is it a keytab at all? A login with one that is none fails as if the KDC had refused the key. */
static krb5_error_code
check_keytab(krb5_context ctx, krb5_keytab keytab)
{
	krb5_kt_cursor cursor;
	krb5_error_code code = krb5_kt_start_seq_get(ctx, keytab, &cursor);

	if (!code)
		(void)krb5_kt_end_seq_get(ctx, keytab, &cursor);
	return code;
}

/* Appends the keytab's principals to ERR: a wrong realm or case is seen at once. */
static void
tell_principals(krb5_context ctx, krb5_keytab keytab, struct err *err)
{
	_cleanup_(buf_done) struct buf names = {0};
	krb5_keytab_entry entry;
	krb5_kt_cursor cursor;

	if (krb5_kt_start_seq_get(ctx, keytab, &cursor) != 0)
		return;
	while (krb5_kt_next_entry(ctx, keytab, &entry, &cursor) == 0) {
		char *name = NULL;

		if (krb5_unparse_name(ctx, entry.principal, &name) == 0 &&
		    !(names.data && strstr((const char *)names.data, name)))
			buf_printf(&names, "%s%s", names.len ? ", " : "", name);
		krb5_free_unparsed_name(ctx, name);
		(void)krb5_free_keytab_entry_contents(ctx, &entry);
	}
	(void)krb5_kt_end_seq_get(ctx, keytab, &cursor);
	(void)err_ctx(err, "it has keys of: %s", names.len ? (const char *)names.data : "nobody");
}

static krb5_error_code
fetch_ticket(struct ldap_krb *k, krb5_principal principal, krb5_keytab keytab)
{
	krb5_get_init_creds_opt *opt = NULL;
	krb5_creds creds = {0};
	krb5_error_code code;

	code = krb5_get_init_creds_opt_alloc(k->ctx, &opt);
	if (code)
		return code;
	code = krb5_get_init_creds_opt_set_out_ccache(k->ctx, opt, k->cache);
	if (!code)
		code = krb5_get_init_creds_keytab(k->ctx, &creds, principal, keytab, 0, NULL, opt);
	if (!code) {
		/* Kerberos times are 32 bits without sign after 2038. */
		k->ends_s = (int64_t)(uint32_t)creds.times.endtime;
		krb5_free_cred_contents(k->ctx, &creds);
	}
	krb5_get_init_creds_opt_free(k->ctx, opt);
	return code;
}

static int
krb_login(struct ldap_krb *k, const struct dir_conf *conf, struct err *err)
{
	_cleanup_(free) char *file = str_printf("FILE:%s", conf->keytab);
	krb5_principal principal = NULL;
	krb5_keytab keytab = NULL;
	krb5_error_code code;

	if (!file)
		return err_nomem(err);
	k->ends_s = 0;
	code = krb5_parse_name(k->ctx, conf->principal, &principal);
	if (!code)
		code = krb5_kt_resolve(k->ctx, file, &keytab);
	if (!code)
		code = check_keytab(k->ctx, keytab);
	if (!code)
		code = fetch_ticket(k, principal, keytab);
	if (code)
		(void)err_krb(k->ctx, code, conf, err);
	if (code == KRB5_KT_NOTFOUND)
		tell_principals(k->ctx, keytab, err);
	if (keytab)
		(void)krb5_kt_close(k->ctx, keytab);
	krb5_free_principal(k->ctx, principal);
	return code ? -1 : 0;
}

static int
prepare_ticket(struct ldap_dir *d, struct err *err)
{
	/* Without a keytab: whatever the environment offers (KRB5CCNAME, KRB5_CLIENT_KTNAME). */
	if (!d->conf->keytab)
		return 0;
	if (d->krb && d->krb->ends_s > clock_realtime_s() + TICKET_RESERVE_S)
		return 0;
	if (!d->conf->principal)
		return err_conf(err, "a keytab needs a principal");
	{
		_cleanup_(close) int fd = open_secret(d->conf->keytab, "keytab", err);

		if (fd < 0)
			return -1;
	}
	if (!d->krb && krb_new(d->conf, &d->krb, err) < 0)
		return -1;
	return krb_login(d->krb, d->conf, err);
}

int
ldap_auth_prepare(struct ldap_dir *d, struct err *err)
{
	_cleanup_(secret_wipe) struct secret password = {.len = 0};

	if (d->conf->mechanism != AUTH_SIMPLE)
		return prepare_ticket(d, err);
	if (!d->conf->bind_dn || !d->conf->bind_dn[0] || !d->conf->password_file)
		return err_conf(err, "a simple bind needs bind_dn and password_file");
	return read_password(d->conf, &password, err);
}

void
ldap_auth_done(struct ldap_dir *d)
{
	krb_free(TAKE(d->krb));
}

/* AD answers each failed bind with code 49; why it failed is a Windows error code behind "data". */
static const struct {
	unsigned code;
	const char *text;
} ad_codes[] = {
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

static const char *
bind_hint(const char *diag)
{
	const char *data = diag ? strstr(diag, " data ") : NULL;
	unsigned code = data ? (unsigned)strtoul(data + 6, NULL, 16) : 0;

	for (size_t i = 0; i < ARRAY_SIZE(ad_codes); i++) {
		if (ad_codes[i].code == code)
			return ad_codes[i].text;
	}
	if (diag && strstr(diag, "Server not found in Kerberos database"))
		return "the server has no ldap/ service principal name for the host name in its "
		       "URL";
	return NULL;
}

static int
bind_failed(struct ldap_dir *d, int rc, const char *diag, const char *who, struct err *err)
{
	const char *hint = bind_hint(diag);

	/* Signatures, key numbers and clocks are in tickets: the next attempt takes a new one. */
	if (d->krb)
		d->krb->ends_s = 0;
	(void)err_ldap(err, rc, diag, "bind as %s", who);
	/* What would be the entry's fault in the answer to a change is the server's here. */
	if (err->scope == ERR_ENTRY) {
		err->scope = ERR_PEER;
		err->retry = ERR_LATER;
	}
	return hint ? err_ctx(err, "%s", hint) : -1;
}

static int
simple_bind(struct ldap_dir *d, struct ldap_read *r, struct err *err)
{
	_cleanup_(secret_wipe) struct secret password = {.len = 0};
	_cleanup_(ldap_msgfree) LDAPMessage *m = NULL;
	_cleanup_(ldap_memfree) char *diag = NULL;
	struct berval cred;
	int msgid, rc;

	if (!d->tls)
		return err_set(err, ERR_CONF, ERR_LINK, ERR_NEVER, 0,
		    "a simple bind sends the password: refused without TLS");
	if (read_password(d->conf, &password, err) < 0)
		return -1;
	cred = (struct berval){.bv_len = password.len, .bv_val = password.data};
	rc = ldap_sasl_bind(d->ld, d->conf->bind_dn, LDAP_SASL_SIMPLE, &cred, NULL, NULL, &msgid);
	if (rc != LDAP_SUCCESS)
		return ldap_conn_send_failed(d, rc, "bind", err);
	ldap_read_expect(d, r, msgid);
	if (ldap_read_next(d, r, &m, err) < 0)
		return err_ctx(err, "bind");
	rc = ldap_result_code(d, m, &diag, NULL);
	if (rc == LDAP_SUCCESS)
		return 0;
	(void)bind_failed(d, rc, diag, d->conf->bind_dn, err);
	return err_ctx(err, "password_file '%s'", d->conf->password_file);
}

/* GSSAPI asks for an authorization identity: none, we act as who we are. */
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
set_security(struct ldap_dir *d, struct err *err)
{
	const char *props =
	    d->tls ? "noanonymous,noplain,minssf=0,maxssf=0" : "noanonymous,noplain,minssf=56";

	if (ldap_set_option(d->ld, LDAP_OPT_X_SASL_SECPROPS, props) != LDAP_OPT_SUCCESS)
		return err_set(err, ERR_SASL, ERR_LINK, ERR_LATER, LDAP_LOCAL_ERROR,
		    "SASL: libldap refuses '%s'", props);
#ifdef LDAP_OPT_X_SASL_CBINDING_TLS_ENDPOINT
	if (d->tls) {
		const int endpoint = LDAP_OPT_X_SASL_CBINDING_TLS_ENDPOINT;

		(void)ldap_set_option(d->ld, LDAP_OPT_X_SASL_CBINDING, &endpoint);
	}
#endif
	return 0;
}

/* The rounds of a SASL bind; returns an LDAP code, or -1000 with err if the session broke. */
enum { SESSION_BROKE = -1000 };

static int
sasl_rounds(struct ldap_dir *d, struct ldap_read *r, const char *mechanism, struct err *err)
{
	const char *chosen = NULL;
	LDAPMessage *answer = NULL;

	for (;;) {
		int msgid = -1;
		int rc = ldap_sasl_interactive_bind(d->ld, NULL, mechanism, NULL, NULL,
		    LDAP_SASL_QUIET, interact, NULL, answer, &chosen, &msgid);

		(void)ldap_msgfree(answer);
		answer = NULL;
		if (rc == LDAP_SERVER_DOWN) {
			(void)ldap_conn_lost(d, rc, err);
			return SESSION_BROKE;
		}
		if (rc != LDAP_SASL_BIND_IN_PROGRESS)
			return rc;
		ldap_read_expect(d, r, msgid);
		if (ldap_read_next(d, r, &answer, err) < 0) {
			(void)err_ctx(err, "bind");
			return SESSION_BROKE;
		}
	}
}

static int
sasl_bind(struct ldap_dir *d, struct ldap_read *r, struct err *err)
{
	const char *mechanism = d->conf->mechanism == AUTH_GSSAPI ? "GSSAPI" : "GSS-SPNEGO";
	const char *who = d->conf->principal ? d->conf->principal : "the default principal";
	_cleanup_(ldap_memfree) char *diag = NULL;
	ber_len_t ssf = 0;
	OM_uint32 minor;
	int rc;

	if (set_security(d, err) < 0)
		return -1;
	if (d->krb && gss_krb5_ccache_name(&minor, d->krb->cache_name, NULL) != GSS_S_COMPLETE)
		return err_set(err, ERR_SASL, ERR_LINK, ERR_LATER, (int)minor,
		    "GSSAPI refuses the credential cache");
	rc = sasl_rounds(d, r, mechanism, err);
	if (d->krb)
		(void)gss_krb5_ccache_name(&minor, NULL, NULL);
	if (rc == SESSION_BROKE)
		return -1;
	if (rc != LDAP_SUCCESS) {
		(void)ldap_get_option(d->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &diag);
		return bind_failed(d, rc, diag, who, err);
	}
	(void)ldap_get_option(d->ld, LDAP_OPT_X_SASL_SSF, &ssf);
	d->info.sasl_ssf = d->tls ? 0 : (int)ssf;
	if (!d->tls && ssf < LEAST_SSF)
		return err_set(err, ERR_SASL, ERR_LINK, ERR_NEVER, 0,
		    "the server grants no encryption with %s (%d bits), and there is no TLS",
		    mechanism, (int)ssf);
	return 0;
}

int
ldap_auth_bind(struct ldap_dir *d, int64_t deadline_ms, struct err *err)
{
	struct ldap_read r;
	int rc;

	d->info.sasl_ssf = 0;
	ldap_read_begin(d, &r, deadline_ms);
	rc = d->conf->mechanism == AUTH_SIMPLE ? simple_bind(d, &r, err) : sasl_bind(d, &r, err);
	ldap_read_end(d, &r);
	return rc;
}
