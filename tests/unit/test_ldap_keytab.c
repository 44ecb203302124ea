/* SPDX-License-Identifier: MIT */

/* Keytabs by the types of their keys. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "dsa/base/mem.h"
#include "dsa/ldap/ldap_keytab.h"

#define PRINCIPAL "svc@ACME.EXAMPLE"

enum { DES = 3, AES128 = 17, AES256 = 18, RC4 = 23 };

static void
add_be(struct buf *b, unsigned octets, uint32_t v)
{
	while (octets--)
		buf_add_u8(b, (uint8_t)(v >> (8 * octets)));
}

static void
add_text(struct buf *b, const char *text)
{
	add_be(b, 2, (uint32_t)strlen(text));
	buf_add_str(b, text);
}

/* An entry of version 2 of the format of MIT Kerberos. */
static void
add_key(struct buf *keytab, const char *name, unsigned type)
{
	_cleanup_(buf_done) struct buf e = {0};

	add_be(&e, 2, 1);
	add_text(&e, "ACME.EXAMPLE");
	add_text(&e, name);
	add_be(&e, 4, 1); /* of the name */
	add_be(&e, 4, 0); /* the time */
	buf_add_u8(&e, 1);
	add_be(&e, 2, type);
	add_text(&e, "0123456789abcdef");
	add_be(keytab, 4, (uint32_t)e.len);
	buf_add(keytab, e.data, e.len);
}

/* What is said of a keytab with the octets of B; NULL: nothing. */
static const char *
said(const struct buf *b, enum auth_mechanism mechanism)
{
	static char text[512];
	char path[64];
	int fd = memfd_create("keytab", MFD_CLOEXEC);
	struct dir_conf conf = {.mechanism = mechanism, .principal = PRINCIPAL, .keytab = path};
	bool lacks;

	assert_true(fd >= 0);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	assert_int_equal(write(fd, b->data, b->len), b->len);
	lacks = ldap_keytab_lacks_aes(&conf, text, sizeof text);
	(void)close(fd);
	return lacks ? text : NULL;
}

static void
keys(void **state)
{
	static const struct {
		const char *names[2];
		unsigned types[2];
		const char *lacks;
	} cases[] = {
	    {{"svc", "svc"}, {RC4, DES}, "only arcfour-hmac, des-cbc-md5: "},
	    {{"svc", "svc"}, {RC4, RC4}, "only arcfour-hmac: "},
	    {{"svc", "svc"}, {RC4, AES256}, NULL},
	    {{"svc", "svc"}, {AES128, RC4}, NULL},
	    /* AES, but of another account. */
	    {{"svc", "other"}, {RC4, AES256}, "only arcfour-hmac: "},
	    /* None at all: the login says so. */
	    {{"other", "other"}, {RC4, AES256}, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		_cleanup_(buf_done) struct buf b = {0};
		const char *text;

		add_be(&b, 2, 0x0502);
		for (size_t j = 0; j < 2; j++)
			add_key(&b, cases[i].names[j], cases[i].types[j]);
		text = said(&b, AUTH_GSSAPI);
		if (!cases[i].lacks != !text || (text && !strstr(text, cases[i].lacks)))
			fail_msg("row %zu: %s", i, text ? text : "nothing said");
		if (text) {
			assert_non_null(strstr(text, "no AES key of '" PRINCIPAL "'"));
			assert_non_null(strstr(text, "export the keytab again"));
		}
		assert_null(said(&b, AUTH_SIMPLE));
	}
}

static void
no_keytab(void **state)
{
	static const char *const texts[] = {"", "rubbish", "\5\2\0\1\0\0cut"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		_cleanup_(buf_done) struct buf b = {0};

		buf_add_str(&b, texts[i]);
		assert_null(said(&b, AUTH_GSSAPI));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(keys), cmocka_unit_test(no_keytab)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
