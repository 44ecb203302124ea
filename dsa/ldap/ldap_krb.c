/* SPDX-License-Identifier: MIT */

/*
 * Tickets.
 *
 * libgssapi takes its credentials from the environment, which is one for the process, while each
 * forest has a keytab of its own and its own thread. So we fetch the tickets ourselves into a
 * credential cache in memory that belongs to one directory; ldap_auth.c names that cache around
 * the bind. The ticket-granting ticket is kept until ten minutes before it ends, so that a
 * reconnect needs no KDC.
 *
 * What is between libkrb5 and a KDC that does not answer takes half a minute, and nothing ends it.
 * So a thread of its own asks, and we wait for that thread, or for cancel(). In that case it is
 * left to itself: it works on copies and frees them when libkrb5 has returned.
 */

#include "dsa/ldap/ldap_krb.h"

#include <krb5.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"
#include "dsa/base/thread.h"

#define TICKET_RESERVE_S 600

struct ldap_krb {
	krb5_context ctx;
	krb5_ccache cache;
	char *cache_name;
	int64_t ends_s; /* 0: no ticket */
};

/* What one thread asks and another one waits for. The thread that lets go of it last frees it. */
struct errand {
	atomic_int holders;
	int done_fd; /* eventfd: readable when it is done */
	struct ldap_krb *krb;
	char *principal, *keytab;
	char *host; /* whose service ticket is wanted too, or NULL */
	struct err err;
	int rc;
};

/* What the codes mean to an administrator; the others speak for themselves. */
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
	"the KDC accepts none of the keytab's encryption types: it needs keys for AES, export it "
	"again"},
    {KRB5KDC_ERR_CLIENT_REVOKED, ERR_LINK, ERR_LATER, "the account is disabled or locked"},
    {KRB5KRB_AP_ERR_SKEW, ERR_LINK, ERR_LATER, "the clocks differ by more than five minutes"},
    {KRB5_KDC_UNREACH, ERR_PEER, ERR_LATER, NULL},
    {KRB5_REALM_CANT_RESOLVE, ERR_PEER, ERR_LATER, NULL},
    {KRB5_REALM_UNKNOWN, ERR_PEER, ERR_LATER, NULL},
};

static int
err_krb(krb5_context ctx, krb5_error_code code, const struct errand *x, struct err *err)
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
	    "Kerberos: no ticket for '%s' with keytab '%s': %s%s%s", x->principal, x->keytab, said,
	    a.advice ? ": " : "", a.advice ? a.advice : "");
}

void
ldap_krb_free(struct ldap_krb *k)
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

static int
krb_new(struct errand *x, struct err *err)
{
	_cleanup_(ldap_krb_free) struct ldap_krb *k = calloc(1, sizeof *k);
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
		return err_krb(k->ctx, code, x, err);
	}
	x->krb = TAKE(k);
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
login(struct errand *x, struct err *err)
{
	_cleanup_(free) char *file = str_printf("FILE:%s", x->keytab);
	struct ldap_krb *k = x->krb;
	krb5_principal principal = NULL;
	krb5_keytab keytab = NULL;
	krb5_error_code code;

	if (!file)
		return err_nomem(err);
	k->ends_s = 0;
	code = krb5_parse_name(k->ctx, x->principal, &principal);
	if (!code)
		code = krb5_kt_resolve(k->ctx, file, &keytab);
	if (!code)
		code = check_keytab(k->ctx, keytab);
	if (!code)
		code = fetch_ticket(k, principal, keytab);
	if (code)
		(void)err_krb(k->ctx, code, x, err);
	if (code == KRB5_KT_NOTFOUND)
		tell_principals(k->ctx, keytab, err);
	if (keytab)
		(void)krb5_kt_close(k->ctx, keytab);
	krb5_free_principal(k->ctx, principal);
	return code ? -1 : 0;
}

/* The ticket that the bind is going to take from the cache, by the name that it is going to use. If
 * the KDC refuses it, the bind is refused too and says why. */
static int
fetch_service_ticket(struct errand *x, struct err *err)
{
	struct ldap_krb *k = x->krb;
	krb5_creds wanted = {0}, *got = NULL;
	krb5_error_code code;

	code = krb5_cc_get_principal(k->ctx, k->cache, &wanted.client);
	if (!code)
		code = krb5_sname_to_principal(
		    k->ctx, x->host, "ldap", KRB5_NT_SRV_HST, &wanted.server);
	if (!code)
		code = krb5_get_credentials(k->ctx, 0, k->cache, &wanted, &got);
	krb5_free_creds(k->ctx, got);
	krb5_free_cred_contents(k->ctx, &wanted);
	return code == KRB5_KDC_UNREACH ? err_krb(k->ctx, code, x, err) : 0;
}

/* ---- the errand ---- */

static void
errand_release(struct errand *x)
{
	if (!x || atomic_fetch_sub(&x->holders, 1) > 1)
		return;
	ldap_krb_free(x->krb);
	closep(&x->done_fd);
	free(x->principal);
	free(x->keytab);
	free(x->host);
	free(x);
}
DEFINE_CLEANUP(struct errand *, errand_release)

static struct errand *
errand_new(const struct dir_conf *conf, const char *host, struct err *err)
{
	_cleanup_(errand_release) struct errand *x = calloc(1, sizeof *x);

	if (!x) {
		(void)err_nomem(err);
		return NULL;
	}
	x->holders = 1;
	x->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (x->done_fd < 0) {
		(void)err_sys(err, errno, "eventfd");
		return NULL;
	}
	x->principal = strdup(conf->principal);
	x->keytab = strdup(conf->keytab);
	x->host = host ? strdup(host) : NULL;
	if (!x->principal || !x->keytab || (host && !x->host)) {
		(void)err_nomem(err);
		return NULL;
	}
	return TAKE(x);
}

static int
do_errand(struct errand *x, struct err *err)
{
	if (!x->krb && krb_new(x, err) < 0)
		return -1;
	if (x->krb->ends_s <= clock_realtime_s() + TICKET_RESERVE_S && login(x, err) < 0)
		return -1;
	return x->host ? fetch_service_ticket(x, err) : 0;
}

static void *
run_errand(void *arg)
{
	_cleanup_(errand_release) struct errand *x = arg;

	x->rc = do_errand(x, &x->err);
	(void)eventfd_write(x->done_fd, 1);
	return NULL;
}

static int
start_errand(struct errand *x, struct err *err)
{
	pthread_t thread;
	int rc;

	atomic_fetch_add(&x->holders, 1);
	rc = thread_start(&thread, run_errand, x);
	if (rc) {
		atomic_fetch_sub(&x->holders, 1);
		return err_sys(err, rc, "thread to ask the KDC");
	}
	(void)pthread_detach(thread);
	return 0;
}

static int
wait_for_errand(const struct ldap_cancel *cancel, struct errand *x, struct err *err)
{
	struct pollfd fds[2] = {
	    {.fd = x->done_fd, .events = POLLIN}, {.fd = cancel->wake_fd, .events = POLLIN}};

	for (;;) {
		if (ldap_cancel_check(cancel, err) < 0)
			return -1;
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return err_sys(err, errno, "poll");
		if (fds[0].revents)
			return 0;
	}
}

int
ldap_krb_ticket(struct ldap_krb **k, const struct dir_conf *conf, const char *host,
    const struct ldap_cancel *cancel, struct err *err)
{
	_cleanup_(errand_release) struct errand *x = NULL;

	if (!host && *k && (*k)->ends_s > clock_realtime_s() + TICKET_RESERVE_S)
		return 0;
	x = errand_new(conf, host, err);
	if (!x)
		return -1;
	x->krb = TAKE(*k);
	if (start_errand(x, err) < 0) {
		*k = TAKE(x->krb);
		return -1;
	}
	if (wait_for_errand(cancel, x, err) < 0)
		return -1;
	*k = TAKE(x->krb);
	if (x->rc < 0)
		*err = x->err;
	return x->rc;
}

const char *
ldap_krb_cache(const struct ldap_krb *k)
{
	return k->cache_name;
}

void
ldap_krb_forget(struct ldap_krb *k)
{
	k->ends_s = 0;
}
