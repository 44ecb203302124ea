/* SPDX-License-Identifier: MIT */
#include "dsa/ldap/ldap_cert.h"

#include <gnutls/x509.h>
#include <ldap.h>
#include <stdio.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/err.h"

#define DNS_NAME_SIZE 256

DEFINE_CLEANUP(gnutls_x509_crt_t, gnutls_x509_crt_deinit)

static int
import(struct bytes der, gnutls_x509_crt_t *ret)
{
	_cleanup_(gnutls_x509_crt_deinit) gnutls_x509_crt_t c = NULL;
	const gnutls_datum_t raw = {(unsigned char *)(uintptr_t)der.data, (unsigned)der.len};

	if (der.len > UINT32_MAX || gnutls_x509_crt_init(&c) < 0 ||
	    gnutls_x509_crt_import(c, &raw, GNUTLS_X509_FMT_DER) < 0)
		return -1;
	*ret = TAKE(c);
	return 0;
}

/* The DNS names of the certificate, separated by blanks. */
static void
add_names(gnutls_x509_crt_t c, struct buf *ret)
{
	char raw[DNS_NAME_SIZE], name[DNS_NAME_SIZE];
	unsigned type = 0;
	int rc;

	for (unsigned i = 0;; i++) {
		size_t len = sizeof raw;

		rc = gnutls_x509_crt_get_subject_alt_name2(c, i, raw, &len, &type, NULL);
		if (rc < 0 && rc != GNUTLS_E_SHORT_MEMORY_BUFFER)
			return;
		if (rc < 0 || type != GNUTLS_SAN_DNSNAME)
			continue;
		err_escape(name, sizeof name, (struct bytes){raw, len});
		buf_printf(ret, "%s%s", ret->len ? " " : "", name);
	}
}

/* The text of the name that GET, a function of GnuTLS, takes from the certificate as DER. */
static void
name_text(
    gnutls_x509_crt_t c, int (*get)(gnutls_x509_crt_t, gnutls_datum_t *), char *text, size_t size)
{
	gnutls_datum_t der = {0};
	struct berval out = {0};

	if (get(c, &der) >= 0) {
		struct berval in = {.bv_len = der.size, .bv_val = (char *)der.data};

		(void)ldap_X509dn2bv(&in, &out, NULL, 0);
		gnutls_free(der.data);
	}
	err_escape(text, size, out.bv_val ? (struct bytes){out.bv_val, out.bv_len} : bytes_of("?"));
	ldap_memfree(out.bv_val);
}

bool
ldap_cert_describe(
    struct bytes der, const char *host, const char *ca_file, int64_t now_s, char *text, size_t size)
{
	_cleanup_(gnutls_x509_crt_deinit) gnutls_x509_crt_t c = NULL;
	_cleanup_(buf_done) struct buf names = {0};
	char issuer[160], subject[160], when[CLOCK_TEXT_SIZE];

	if (import(der, &c) < 0)
		return false;
	name_text(c, gnutls_x509_crt_get_raw_issuer_dn, issuer, sizeof issuer);
	name_text(c, gnutls_x509_crt_get_raw_dn, subject, sizeof subject);
	add_names(c, &names);
	if (gnutls_x509_crt_get_expiration_time(c) < now_s) {
		clock_format_local(gnutls_x509_crt_get_expiration_time(c), when);
		(void)snprintf(text, size, "the certificate of %s expired at %s", host, when);
	} else if (gnutls_x509_crt_get_activation_time(c) > now_s) {
		clock_format_local(gnutls_x509_crt_get_activation_time(c), when);
		(void)snprintf(
		    text, size, "the certificate of %s is not valid before %s", host, when);
	} else if (!gnutls_x509_crt_check_hostname(c, host)) {
		(void)snprintf(text, size,
		    "the certificate is not for %s but for: %s (issued by %s)", host,
		    names.len ? (const char *)names.data : subject, issuer);
	} else {
		(void)snprintf(text, size,
		    "the certificate of %s (%s) is not trusted: issued by %s, which %s does not "
		    "vouch for",
		    host, subject, issuer, ca_file);
	}
	return true;
}
