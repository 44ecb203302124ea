/* SPDX-License-Identifier: MIT */
/* Any text as a distinguished name: one spelling, whichever way it is taken apart and put
 * together again. */
#include "fuzz.h"

#include "dsa/base/text_fold.h"
#include "dsa/directory/dn.h"

/* What is true of every text. */
static void
check_text(const char *s)
{
	_cleanup_(free) char *rdn = dn_rdn_dup(s), *key = text_fold_key(s), *again = NULL;
	_cleanup_(free) char *dns = dn_to_dns_domain(s);
	const char *parent = dn_parent(s);

	CHECK(rdn && key && (!dns || !strpbrk(dns, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")));
	CHECK(parent >= s && parent <= s + strlen(s));
	if (utf8_valid(bytes_of(s))) {
		CHECK(utf8_valid(bytes_of(key)));
		again = text_fold_key(key);
		CHECK(again && strcmp(key, again) == 0);
	}
}

/* What is true of a text as the value of an RDN. */
static void
check_value(const char *s)
{
	_cleanup_(free) char *dn = dn_build("CN", s, "OU=x,DC=y"), *norm = NULL, *value = NULL;
	struct err err = {0};

	norm = dn_normalize(dn, &err);
	value = dn_rdn_value(dn, &err);
	CHECK(norm && value && strcmp(value, s) == 0);
	CHECK(strcmp(dn_parent(dn), "OU=x,DC=y") == 0);
	CHECK(dn_is_under(dn, "ou=X, dc=Y") && !dn_is_under("ou=x,dc=y", dn));
}

/* What is true of a distinguished name. */
static void
check_dn(const char *s, const char *norm)
{
	_cleanup_(free) char *again = NULL, *rdn = dn_rdn_dup(s), *joined = NULL;
	const char *parent = dn_parent(s);
	struct err err = {0};

	again = dn_normalize(norm, &err);
	CHECK(again && strcmp(norm, again) == 0);
	CHECK(dn_equal(s, norm) && dn_is_under(s, norm) && dn_norm_is_under(norm, norm));
	if (!*parent)
		return;
	CHECK(dn_is_under(s, parent) && dn_norm_is_under(norm, dn_parent(norm)));
	CHECK(dn_equal(parent, dn_parent(norm)));
	joined = str_printf("%s,%s", rdn, parent);
	CHECK(dn_equal(s, joined));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(free) char *s = bytes_dup((struct bytes){data, size}), *norm = NULL;
	struct err err = {0};

	check_text(s);
	check_value(s);
	norm = dn_normalize(s, &err);
	if (norm)
		check_dn(s, norm);
	else
		check_refused(&err);
	return 0;
}
