/* SPDX-License-Identifier: MIT */
/* Certificates made here, of which something is wrong, or nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <gnutls/x509.h>

#include "dsa/ldap/ldap_cert.h"

#define NOW 1704067200 /* 2024-01-01T00:00:00Z */
#define DAY 86400
#define HOST "dc1.globex.example"
#define CA_FILE "/etc/ca.pem"
#define MAX_NAMES 3

struct made {
	const char *subject;		 /* RFC 4514; NULL: CN=HOST */
	const char *dns[MAX_NAMES], *ip; /* alternative names */
	int64_t from_s, until_s;	 /* 0: valid NOW */
};

static gnutls_x509_privkey_t key;
static gnutls_x509_crt_t authority;

static void
must(int rc)
{
	if (rc < 0)
		fail_msg("GnuTLS: %s", gnutls_strerror(rc));
}

static gnutls_x509_crt_t
begin(const char *subject, int64_t from_s, int64_t until_s)
{
	static const uint8_t serial[] = {1};
	gnutls_x509_crt_t c = NULL;

	must(gnutls_x509_crt_init(&c));
	must(gnutls_x509_crt_set_version(c, 3));
	must(gnutls_x509_crt_set_serial(c, serial, sizeof serial));
	must(gnutls_x509_crt_set_dn(c, subject, NULL));
	must(gnutls_x509_crt_set_key(c, key));
	must(gnutls_x509_crt_set_activation_time(c, from_s));
	must(gnutls_x509_crt_set_expiration_time(c, until_s));
	return c;
}

/* The certificate in DER, signed by the authority; freed by the caller. */
static gnutls_datum_t
make(const struct made *m)
{
	gnutls_x509_crt_t c = begin(m->subject ? m->subject : "CN=" HOST,
	    m->from_s ? m->from_s : NOW - DAY, m->until_s ? m->until_s : NOW + DAY);
	gnutls_datum_t der = {0};
	uint8_t ip[4];

	for (size_t i = 0; i < MAX_NAMES && m->dns[i]; i++)
		must(gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_DNSNAME, m->dns[i],
		    (unsigned)strlen(m->dns[i]), GNUTLS_FSAN_APPEND));
	if (m->ip) {
		assert_int_equal(inet_pton(AF_INET, m->ip, ip), 1);
		must(gnutls_x509_crt_set_subject_alt_name(
		    c, GNUTLS_SAN_IPADDRESS, ip, sizeof ip, GNUTLS_FSAN_APPEND));
	}
	must(gnutls_x509_crt_sign2(c, authority, key, GNUTLS_DIG_SHA256, 0));
	must(gnutls_x509_crt_export2(c, GNUTLS_X509_FMT_DER, &der));
	gnutls_x509_crt_deinit(c);
	return der;
}

static int
setup(void **state)
{
	(void)state;
	must(gnutls_x509_privkey_init(&key));
	must(gnutls_x509_privkey_generate(
	    key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
	authority = begin("CN=galsync lab CA,O=Lab", NOW - DAY, NOW + DAY);
	must(gnutls_x509_crt_sign2(authority, authority, key, GNUTLS_DIG_SHA256, 0));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	gnutls_x509_crt_deinit(authority);
	gnutls_x509_privkey_deinit(key);
	return 0;
}

#define UNTRUSTED(host, subject)                                                                   \
	"the certificate of " host " (" subject                                                    \
	") is not trusted: issued by cn=galsync lab CA,o=Lab, which " CA_FILE                      \
	" does not vouch for"
#define NOT_FOR(host, names)                                                                       \
	"the certificate is not for " host " but for: " names " (issued by cn=galsync lab "        \
	"CA,o=Lab)"

static void
sentences(void **state)
{
	static const struct {
		const char *host;
		struct made made;
		const char *want;
	} rows[] = {
	    /* Validity comes first, whatever the name. */
	    {HOST, {.from_s = NOW - 2 * DAY, .until_s = NOW - DAY},
		"the certificate of " HOST " expired at 2023-12-31T01:00:00+01:00"},
	    {"other.example", {.from_s = NOW - 2 * DAY, .until_s = NOW - 1},
		"the certificate of other.example expired at 2024-01-01T00:59:59+01:00"},
	    {HOST, {.from_s = NOW + 1, .until_s = NOW + DAY},
		"the certificate of " HOST " is not valid before 2024-01-01T01:00:01+01:00"},
	    {HOST, {.from_s = NOW, .until_s = NOW}, UNTRUSTED(HOST, "cn=" HOST)},
	    /* Names: alternative names, else the common name. */
	    {HOST, {.dns = {HOST}}, UNTRUSTED(HOST, "cn=" HOST)},
	    {HOST, {.subject = "CN=x", .dns = {"DC1.Globex.Example"}}, UNTRUSTED(HOST, "cn=x")},
	    {HOST, {.dns = {"a.example", "b.example"}}, NOT_FOR(HOST, "a.example b.example")},
	    {"other.example", {0}, NOT_FOR("other.example", "cn=" HOST)},
	    {"globex.example", {0}, NOT_FOR("globex.example", "cn=" HOST)},
	    {HOST, {.subject = "CN=x", .dns = {"*.globex.example"}}, UNTRUSTED(HOST, "cn=x")},
	    {"a.dc1.globex.example", {.dns = {"*.globex.example"}},
		NOT_FOR("a.dc1.globex.example", "*.globex.example")},
	    /* Addresses. */
	    {"192.0.2.7", {.subject = "CN=x", .ip = "192.0.2.7"}, UNTRUSTED("192.0.2.7", "cn=x")},
	    {"192.0.2.8", {.dns = {"a.example"}, .ip = "192.0.2.7"},
		NOT_FOR("192.0.2.8", "a.example")},
	};

	(void)state;
	/* Times are local, as wherever people read them. */
	assert_int_equal(setenv("TZ", "CET-1", 1), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		gnutls_datum_t der = make(&rows[i].made);
		char text[512], little[16];

		assert_true(ldap_cert_describe((struct bytes){der.data, der.size}, rows[i].host,
		    CA_FILE, NOW, text, sizeof text));
		assert_string_equal(text, rows[i].want);
		assert_true(ldap_cert_describe((struct bytes){der.data, der.size}, rows[i].host,
		    CA_FILE, NOW, little, sizeof little));
		assert_memory_equal(little, text, sizeof little - 1);
		gnutls_free(der.data);
	}
}

/* What others wrote is escaped. */
static void
escaped(void **state)
{
	const struct made m = {.subject = "CN=x", .dns = {"a-b.example", "c.example"}};
	gnutls_datum_t der = make(&m);
	char *name = memmem(der.data, der.size, "a-b.example", 11), text[512];

	(void)state;
	assert_non_null(name);
	name[1] = '\n';
	assert_true(ldap_cert_describe(
	    (struct bytes){der.data, der.size}, HOST, CA_FILE, NOW, text, sizeof text));
	assert_string_equal(text, NOT_FOR(HOST, "a\\x0Ab.example c.example"));
	gnutls_free(der.data);
}

/* Each octet changed, and each beginning: a sentence or none, and nothing worse. */
static void
rubbish(void **state)
{
	const struct made m = {.dns = {HOST, "*.globex.example"}, .ip = "192.0.2.7"};
	gnutls_datum_t der = make(&m);
	char text[512];

	(void)state;
	for (unsigned i = 0; i < der.size; i++) {
		for (int bit = 0; bit < 8; bit++) {
			der.data[i] ^= (uint8_t)(1 << bit);
			(void)ldap_cert_describe((struct bytes){der.data, der.size}, HOST, CA_FILE,
			    NOW, text, sizeof text);
			der.data[i] ^= (uint8_t)(1 << bit);
		}
		assert_false(ldap_cert_describe(
		    (struct bytes){der.data, i}, HOST, CA_FILE, NOW, text, sizeof text));
	}
	gnutls_free(der.data);
	assert_false(
	    ldap_cert_describe((struct bytes){NULL, 0}, HOST, CA_FILE, NOW, text, sizeof text));
	assert_false(ldap_cert_describe(
	    (struct bytes){"rubbish", 7}, HOST, CA_FILE, NOW, text, sizeof text));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sentences),
	    cmocka_unit_test(escaped),
	    cmocka_unit_test(rubbish),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
