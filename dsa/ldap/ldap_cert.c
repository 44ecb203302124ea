/* SPDX-License-Identifier: MIT */
#include "dsa/ldap/ldap_cert.h"

#include <arpa/inet.h>
#include <ldap.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dsa/base/clock.h"
#include "dsa/base/err.h"
#include "dsa/base/str.h"

enum {
	DER_OCTETS = 0x04,
	DER_OID = 0x06,
	DER_UTC_TIME = 0x17,
	DER_GENERAL_TIME = 0x18,
	DER_SEQUENCE = 0x30,
	DER_VERSION = 0xA0,
	DER_EXTENSIONS = 0xA3,
	SAN_DNS = 0x82,
	SAN_IP = 0x87
};

struct tlv {
	uint8_t tag;
	struct bytes whole, value;
};

/* Takes the next element off R. */
static bool
next(struct reader *r, struct tlv *ret)
{
	const uint8_t *start = r->p;
	uint8_t tag = reader_u8(r), first = reader_u8(r);
	size_t len = first;

	if (first & 0x80) {
		len = 0;
		if ((first & 0x7f) > 3)
			return false;
		for (int i = first & 0x7f; i > 0; i--)
			len = len << 8 | reader_u8(r);
	}
	ret->tag = tag;
	ret->value = (struct bytes){reader_raw(r, len), len};
	ret->whole = (struct bytes){start, (size_t)(r->p - start)};
	return !r->failed;
}

static bool
next_is(struct reader *r, uint8_t tag, struct tlv *ret)
{
	return next(r, ret) && ret->tag == tag;
}

static bool
all_digits(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
	}
	return true;
}

static int
two_digits(const char *p)
{
	return (p[0] - '0') * 10 + (p[1] - '0');
}

/* UTCTime "YYMMDDhhmmssZ" or GeneralizedTime "YYYYMMDDhhmmssZ"; -1 if it is neither. */
static int64_t
parse_time(const struct tlv *t)
{
	size_t year_len = t->tag == DER_UTC_TIME ? 2 : 4;
	const char *p = t->value.data;
	struct tm tm = {0};

	if ((t->tag != DER_UTC_TIME && t->tag != DER_GENERAL_TIME) ||
	    t->value.len != year_len + 11 || !all_digits(p, year_len + 10))
		return -1;
	if (year_len == 2)
		tm.tm_year = two_digits(p) < 50 ? two_digits(p) + 100 : two_digits(p);
	else
		tm.tm_year = two_digits(p) * 100 + two_digits(p + 2) - 1900;
	p += year_len;
	tm.tm_mon = two_digits(p) - 1;
	tm.tm_mday = two_digits(p + 2);
	tm.tm_hour = two_digits(p + 4);
	tm.tm_min = two_digits(p + 6);
	tm.tm_sec = two_digits(p + 8);
	return timegm(&tm);
}

struct cert {
	struct bytes issuer, subject; /* DER names */
	int64_t not_before_s, not_after_s;
	struct bytes extensions;
};

static bool
parse(struct bytes der, struct cert *ret)
{
	struct reader r = reader_of(der), tbs, validity;
	struct tlv t, from, until;

	if (!next_is(&r, DER_SEQUENCE, &t))
		return false;
	r = reader_of(t.value);
	if (!next_is(&r, DER_SEQUENCE, &t))
		return false;
	tbs = reader_of(t.value);
	/* Version is optional; then serial number and signature algorithm. */
	if (!next(&tbs, &t) || (t.tag == DER_VERSION && !next(&tbs, &t)) || !next(&tbs, &t))
		return false;
	if (!next_is(&tbs, DER_SEQUENCE, &t))
		return false;
	ret->issuer = t.whole;
	if (!next_is(&tbs, DER_SEQUENCE, &t))
		return false;
	validity = reader_of(t.value);
	if (!next(&validity, &from) || !next(&validity, &until))
		return false;
	ret->not_before_s = parse_time(&from);
	ret->not_after_s = parse_time(&until);
	if (!next_is(&tbs, DER_SEQUENCE, &t))
		return false;
	ret->subject = t.whole;
	ret->extensions = (struct bytes){NULL, 0};
	while (reader_left(&tbs) && next(&tbs, &t)) {
		if (t.tag == DER_EXTENSIONS)
			ret->extensions = t.value;
	}
	return !tbs.failed;
}

/* The GeneralNames of the subjectAltName extension; empty if there is none. */
static struct bytes
alt_names(struct bytes extensions)
{
	static const uint8_t san[] = {0x55, 0x1d, 0x11};
	struct reader r = reader_of(extensions);
	struct tlv t, ext, oid;

	if (!extensions.data || !next_is(&r, DER_SEQUENCE, &t))
		return (struct bytes){NULL, 0};
	r = reader_of(t.value);
	while (reader_left(&r) && next_is(&r, DER_SEQUENCE, &ext)) {
		struct reader e = reader_of(ext.value);

		if (!next_is(&e, DER_OID, &oid) ||
		    !bytes_equal(oid.value, (struct bytes){san, sizeof san}))
			continue;
		while (reader_left(&e) && next(&e, &t)) {
			if (t.tag != DER_OCTETS)
				continue;
			e = reader_of(t.value);
			return next_is(&e, DER_SEQUENCE, &t) ? t.value : (struct bytes){NULL, 0};
		}
	}
	return (struct bytes){NULL, 0};
}

static bool
name_matches(struct bytes pattern, const char *host)
{
	const char *p = pattern.data, *dot = strchr(host, '.');

	if (bytes_equal_nocase(pattern, bytes_of(host)))
		return true;
	return dot && pattern.len > 1 && p[0] == '*' && p[1] == '.' &&
	       bytes_equal_nocase((struct bytes){p + 1, pattern.len - 1}, bytes_of(dot));
}

static bool
address_matches(struct bytes address, const char *host)
{
	uint8_t octets[16];

	return (address.len == 4 && inet_pton(AF_INET, host, octets) == 1 &&
		   memcmp(octets, address.data, 4) == 0) ||
	       (address.len == 16 && inet_pton(AF_INET6, host, octets) == 1 &&
		   memcmp(octets, address.data, 16) == 0);
}

/* Whether HOST is among NAMES; writes the DNS names there, separated by blanks. */
static bool
names_have(struct bytes names, const char *host, struct buf *ret)
{
	struct reader r = reader_of(names);
	bool found = false;
	struct tlv t;

	while (names.data && reader_left(&r) && next(&r, &t)) {
		if (t.tag == SAN_DNS) {
			char name[256];

			found = found || name_matches(t.value, host);
			err_escape(name, sizeof name, t.value);
			buf_printf(ret, "%s%s", ret->len ? " " : "", name);
		} else if (t.tag == SAN_IP) {
			found = found || address_matches(t.value, host);
		}
	}
	return found;
}

static void
name_text(struct bytes der, char *text, size_t size)
{
	struct berval in = {.bv_len = der.len, .bv_val = (char *)(uintptr_t)der.data}, out = {0};

	if (ldap_X509dn2bv(&in, &out, NULL, 0) == LDAP_SUCCESS && out.bv_val)
		err_escape(text, size, (struct bytes){out.bv_val, out.bv_len});
	else
		(void)snprintf(text, size, "?");
	ldap_memfree(out.bv_val);
}

bool
ldap_cert_describe(
    struct bytes der, const char *host, const char *ca_file, int64_t now_s, char *text, size_t size)
{
	_cleanup_(buf_done) struct buf names = {0};
	char issuer[160], subject[160], when[CLOCK_TEXT_SIZE];
	struct cert c;
	bool named;

	if (!parse(der, &c))
		return false;
	name_text(c.issuer, issuer, sizeof issuer);
	name_text(c.subject, subject, sizeof subject);
	named = names_have(alt_names(c.extensions), host, &names);
	if (c.not_after_s < now_s) {
		clock_format_utc(c.not_after_s, when);
		(void)snprintf(text, size, "the certificate of %s expired at %s", host, when);
	} else if (c.not_before_s > now_s) {
		clock_format_utc(c.not_before_s, when);
		(void)snprintf(
		    text, size, "the certificate of %s is not valid before %s", host, when);
	} else if (!named && (names.len || !strcasestr(subject, host))) {
		(void)snprintf(text, size,
		    "the certificate is not for %s but for: %s (issued by %s)", host,
		    names.len ? (const char *)names.data : subject, issuer);
	} else {
		(void)snprintf(text, size,
		    "the certificate of %s (%s) is not trusted: issued by %s, which %s does not "
		    "vouch "
		    "for",
		    host, subject, issuer, ca_file);
	}
	return true;
}
