/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "dsa/directory/dn.h"

#define GUID_PREFIX "<GUID=6f9619ff-8b86-d011-b42d-00c04fc964ff>;"

static const struct {
	const char *dn, *norm; /* NULL: refused */
} normal_rows[] = {
    {"", ""},
    {"   ", ""},
    {"CN=Jos\xc3\xa9,OU=Staff,DC=Acme,DC=Example", "cn=jos\xc3\xa9,ou=staff,dc=acme,dc=example"},
    {"cn = A B , dc = X", "cn=a b,dc=x"},
    {"CN=a;DC=x", "cn=a,dc=x"},
    {"CN=a+L=b,DC=x", "cn=a+l=b,dc=x"},
    {"2.5.4.3=a", "2.5.4.3=a"},
    {"msExch-x=a", "msexch-x=a"},
    {"CN=Smith\\, John", "cn=smith\\, john"},
    {"CN=Smith\\2C John", "cn=smith\\, john"},
    {"CN=Smith\\2c\\20John", "cn=smith\\, john"},
    {"CN=\"Smith, John\" ,DC=x", "cn=smith\\, john,dc=x"},
    {"CN=\"a\\\"b\"", "cn=a\\\"b"},
    {"CN=\\ a\\ ", "cn=\\ a\\ "},
    {"CN=\\20a\\20 ", "cn=\\ a\\ "},
    {"CN=\" a \"", "cn=\\ a\\ "},
    {"CN=\\20", "cn=\\ "},
    {"CN=a \\ ", "cn=a \\ "},
    {"CN=\\#1", "cn=\\#1"},
    {"CN=a#1", "cn=a#1"},
    {"CN=a=b", "cn=a\\=b"},
    {"CN=a\\=b", "cn=a\\=b"},
    {"CN=\\<\\>\\+\\;", "cn=\\<\\>\\+\\;"},
    {"CN=a\\\\,DC=x", "cn=a\\\\,dc=x"},
    {"CN=\\C3\\A9", "cn=\xc3\xa9"},
    {"CN=\\41", "cn=a"},
    {"CN=x\\0ADEL:1,DC=x", "cn=x\\0Adel:1,dc=x"},
    {"CN=a\\00b", "cn=a\\00b"},
    {"CN=", "cn="},
    {"CN=,DC=x", "cn=,dc=x"},
    {GUID_PREFIX "<SID=010100>;CN=a", "cn=a"},
    {"CN", NULL},
    {"=a", NULL},
    {",CN=a", NULL},
    {"CN=a,", NULL},
    {"CN=a, ", NULL},
    {"CN=a+", NULL},
    {"CN=a,,DC=x", NULL},
    {"CN=a\\", NULL},
    {"CN=a\\z", NULL},
    {"CN=a\\4", NULL},
    {"CN=\"a", NULL},
    {"CN=\"a\"b,DC=x", NULL}, /* nothing may be lost behind the quotation */
    {"CN=a\"b\",DC=x", NULL},
    {"C N=a", NULL},
    {"CN\xc3\xa9=a", NULL},
    {"<GUID=6f96>", NULL},
    {"/o=acme/cn=x", NULL},
};

static void
normalize(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(normal_rows); i++) {
		struct err err = {0};
		_cleanup_(free) char *norm = dn_normalize(normal_rows[i].dn, &err), *again = NULL;

		if (!norm != !normal_rows[i].norm)
			fail_msg("'%s' gives '%s'", normal_rows[i].dn, norm ? norm : "(refused)");
		if (!norm) {
			assert_int_equal(err.src, ERR_DATA);
			assert_int_equal(err.scope, ERR_ENTRY);
			assert_false(dn_equal(normal_rows[i].dn, normal_rows[i].dn));
			continue;
		}
		assert_string_equal(norm, normal_rows[i].norm);
		again = dn_normalize(norm, &err);
		assert_string_equal(again, norm);
		assert_true(dn_equal(normal_rows[i].dn, norm));
	}
}

/* Remote text is escaped when it enters an error, and cut to fit. */
static void
error_text(void **state)
{
	struct err err = {0};
	char big[400];

	(void)state;
	assert_null(dn_normalize("\x1b[31m\xff", &err));
	assert_string_equal(err.text, "'\\x1B[31m\\xFF' is not a distinguished name");
	memset(big, 'a', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	assert_null(dn_normalize(big, &err));
	assert_non_null(strstr(err.text, "a' is not a distinguished name"));
}

static void
under(void **state)
{
	static const struct {
		const char *dn, *base;
		bool under;
	} rows[] = {
	    {"CN=a,OU=Staff,DC=acme,DC=example", "ou=staff, dc=ACME,dc=example", true},
	    {"OU=Staff,DC=acme,DC=example", "OU=Staff,DC=acme,DC=example", true},
	    {"DC=acme,DC=example", "OU=Staff,DC=acme,DC=example", false},
	    {"OU=Support Staff,DC=x", "Staff,DC=x", false},
	    {"OU=NotStaff,DC=x", "OU=Staff,DC=x", false},
	    {"OU=aOU=Staff,DC=x", "OU=Staff,DC=x", false},
	    {"CN=a\\,DC=x", "DC=x", false},
	    {"CN=a\\\\,DC=x", "DC=x", true}, /* the value ends in a backslash */
	    {"CN=a\\\\\\,DC=x", "DC=x", false},
	    {"CN=a\\5C,DC=x", "DC=x", true},
	    {"CN=a+DC=x", "DC=x", false},
	    {"CN=a,DC=x", "", true},
	    {"", "", true},
	    {"", "DC=x", false},
	    {"CN=a,DC=x", "nonsense", false},
	    {"nonsense", "", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (dn_is_under(rows[i].dn, rows[i].base) != rows[i].under)
			fail_msg("'%s' under '%s'", rows[i].dn, rows[i].base);
	assert_true(dn_norm_is_under(",dc=x", "dc=x"));
	assert_true(dn_equal("CN=a,DC=x", GUID_PREFIX "cn=A;dc=X"));
	assert_false(dn_equal("CN=a,DC=x", "CN=a,DC=x,DC=y"));
	/* Only ASCII is folded. */
	assert_false(dn_equal("CN=\xc3\x89", "CN=\xc3\xa9"));
}

static void
parts(void **state)
{
	static const struct {
		const char *dn, *parent, *rdn, *value; /* VALUE NULL: refused */
	} rows[] = {
	    {"CN=a,DC=x", "DC=x", "CN=a", "a"},
	    {"CN=Smith\\, John, DC=x", "DC=x", "CN=Smith\\, John", "Smith, John"},
	    {"CN=\"Smith, John\";DC=x", "DC=x", "CN=\"Smith, John\"", "Smith, John"},
	    {"CN=a\\\\,DC=x", "DC=x", "CN=a\\\\", "a\\"},
	    {"CN=a", "", "CN=a", "a"},
	    {"CN=x\\0ADEL:1,DC=x", "DC=x", "CN=x\\0ADEL:1", "x\nDEL:1"},
	    {"CN=  a  ,DC=x", "DC=x", "CN=  a  ", "a"},
	    {GUID_PREFIX "CN=a,DC=x", "DC=x", "CN=a", "a"},
	    {"CN=a+L=b,DC=x", "DC=x", "CN=a+L=b", "a"},
	    {"CN=a\\00b,DC=x", "DC=x", "CN=a\\00b", NULL}, /* would lose what follows */
	    {"CN=a\\", "", "CN=a\\", NULL},
	    {"", "", "", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = {0};
		_cleanup_(free) char *rdn = dn_rdn_dup(rows[i].dn);
		_cleanup_(free) char *value = dn_rdn_value(rows[i].dn, &err);

		assert_string_equal(dn_parent(rows[i].dn), rows[i].parent);
		assert_string_equal(rdn, rows[i].rdn);
		if (rows[i].value)
			assert_string_equal(value, rows[i].value);
		else
			assert_null(value);
		assert_int_equal(err.src, rows[i].value ? ERR_SRC_NONE : ERR_DATA);
	}
	assert_string_equal(dn_strip_extended("<GUID=x>"), "<GUID=x>");
	assert_string_equal(dn_strip_extended("<a>;<b>;CN=c"), "CN=c");
}

static void
build(void **state)
{
	static const struct {
		const char *value, *parent, *dn;
	} rows[] = {
	    {"a", "DC=x", "CN=a,DC=x"},
	    {"a", "", "CN=a"},
	    {"Smith, John", "DC=x", "CN=Smith\\, John,DC=x"},
	    {"#1 \"a\" + b;<c>=\\", "", "CN=\\#1 \\\"a\\\" \\+ b\\;\\<c\\>\\=\\\\"},
	    {" a ", "", "CN=\\ a\\ "},
	    {" ", "", "CN=\\ "},
	    {"a\r\nb", "", "CN=a\\0D\\0Ab"},
	    {"Jos\xc3\xa9", "", "CN=Jos\xc3\xa9"},
	    {"", "", "CN="},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = {0};
		_cleanup_(free) char *dn = dn_build("CN", rows[i].value, rows[i].parent);
		_cleanup_(free) char *value = dn_rdn_value(dn, &err);

		assert_string_equal(dn, rows[i].dn);
		assert_string_equal(value, rows[i].value);
	}
}

static void
mangled(void **state)
{
	static const struct {
		const char *dn, *plain; /* NULL: it is not mangled */
	} rows[] = {
	    {"CN=Ann\\0ACNF:11111111-1111-1111-1111-111111111111,DC=x", "Ann"},
	    {"CN=Ann\\0adel:11111111,DC=x", NULL},
	    {"CN=Ann\\0aDEL:11111111,CN=Deleted Objects,DC=x", "Ann"},
	    {"CN=Ann\nCNF:1,DC=x", "Ann"},
	    {"<GUID=11111111-1111-1111-1111-111111111111>;CN=Ash\\, Ann\\0ACNF:1,DC=x", "Ash, Ann"},
	    {"OU=B\\0ACNF:1,DC=x", "B"},
	    {"CN=Ann,OU=B\\0ACNF:1,DC=x", NULL},
	    {"CN=Ann\\0AAsh,DC=x", NULL},
	    {"CN=Ann CNF:1,DC=x", NULL},
	    {"CN=Ann\\, CNF:1,DC=x", NULL},
	    {"CN=Ann\\", NULL},
	    {"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = {0};
		_cleanup_(free) char *value = NULL;

		assert_int_equal(dn_is_mangled(rows[i].dn), rows[i].plain != NULL);
		if (!rows[i].plain)
			continue;
		value = dn_rdn_value(rows[i].dn, &err);
		dn_unmangle(value);
		assert_string_equal(value, rows[i].plain);
		dn_unmangle(value);
		assert_string_equal(value, rows[i].plain);
	}
}

static void
dns_domain(void **state)
{
	static const struct {
		const char *dn, *domain;
	} rows[] = {
	    {"DC=acme,DC=example", "acme.example"},
	    {"CN=a,OU=b,DC=Acme,DC=EXAMPLE", "acme.example"},
	    {"DC=dns-node,CN=MicrosoftDNS,DC=acme,DC=example", "acme.example"},
	    {"CN=dc\\,DC=no,DC=x", "x"},
	    {"CN=a", ""},
	    {"DC=acme,CN=a", ""},
	    {"", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(free) char *domain = dn_to_dns_domain(rows[i].dn);

		assert_string_equal(domain, rows[i].domain);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(normalize),
	    cmocka_unit_test(error_text),
	    cmocka_unit_test(under),
	    cmocka_unit_test(parts),
	    cmocka_unit_test(build),
	    cmocka_unit_test(mangled),
	    cmocka_unit_test(dns_domain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
