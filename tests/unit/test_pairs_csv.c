/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "dsa/rules/pairs_csv.h"
#include "tests/support/given.h"

#define BOM "\xef\xbb\xbf"
#define GUID "01000000-0000-0000-0000-000000000000"

static char path[] = "/tmp/galsync-pairs-XXXXXX";

static int
load(const char *text, struct match_csv **ret, struct err *err)
{
	int fd, rc;

	(void)strcpy(path + strlen(path) - 6, "XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	rc = match_csv_load(path, ret, err);
	(void)close(fd);
	assert_int_equal(unlink(path), 0);
	return rc;
}

#define USER(extra) "dn: CN=Ann,OU=Staff\nobjectClass: user\n" extra "\n"
#define SAM(name) USER("sAMAccountName: " name "\n")
#define ANN                                                                                        \
	USER("objectGUID:: AAAAAQAAAAAAAAAAAAAAAA==\nsAMAccountName: ann\n"                        \
	     "userPrincipalName: ann@corp.example\nmail: ann@acme.example\n"                       \
	     "proxyAddresses: SMTP:a@acme.example\nproxyAddresses: smtp:old@acme.example\n")

static void
finds(void **state)
{
	static const struct {
		const char *text, *source, *target; /* NULL: nothing is found */
	} rows[] = {
	    {"ann,bea\n", SAM("ann"), "bea"},
	    {"ann,bea\n", SAM("ANN"), "bea"},
	    {"ann,bea\n", SAM("an"), NULL},
	    {"ann,bea\n", SAM("anna"), NULL},
	    {"ann,bea\n", USER(""), NULL},
	    {"", SAM("ann"), NULL},
	    {BOM "ann,bea\n", SAM("ann"), "bea"},
	    {BOM "source;target\nann;bea\n", SAM("ann"), "bea"},
	    {"# pairs\n\nSource,Target\nann,bea\n", SAM("source"), NULL},
	    {"ann,bea\nsource,target\n", SAM("source"), "target"},
	    {GUID "\tCN=Bea,OU=Staff\r\ncid\tdan\r\n", ANN, "CN=Bea,OU=Staff"},
	    {"cid;dan\rann;bea\r", SAM("ann"), "bea"},
	    {"\"cn=ann,ou=staff\",bea\n", USER(""), "bea"},
	    {"ann,bea,,\n", SAM("ann"), "bea"},
	    {"ann,bea\nANN,bea\n", SAM("ann"), "bea"},
	    {"jos\xc3\xa9,bea\n", SAM("jos\xc3\xa9"), "bea"},
	    /* The strongest claim decides, whatever comes first. */
	    {"old@acme.example,cid\nann@acme.example,dan\nann,bea\n", ANN, "bea"},
	    {"old@acme.example,cid\nann@acme.example,dan\n", ANN, "dan"},
	    {"old@acme.example,cid\n", ANN, "cid"},
	    /* Octets with a NUL in them are no identifier. */
	    {"ann,bea\n", USER("sAMAccountName:: YW5uAHg=\n"), NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(entry_free) struct entry *source = given_entry(rows[i].source);
		struct match_csv *m = NULL;
		struct pair_found found;
		struct err err;
		bool hit;

		assert_int_equal(load(rows[i].text, &m, &err), 0);
		hit = match_csv_find(m, source, &found);
		given_same(i, "the counterpart", hit ? found.target : "none",
		    rows[i].target ? rows[i].target : "none");
		match_csv_free(m);
	}
	given_all_same();
}

/* An identifier is compared with what is of its sort. */
static void
claims(void **state)
{
	static const char *const names[] = {"none", "secondary", "primary", "unique"};
	static const struct {
		const char *source, *id;
		enum pair_claim want;
	} rows[] = {
	    {ANN, GUID, PAIR_UNIQUE},
	    {ANN, "02000000-0000-0000-0000-000000000000", PAIR_NONE},
	    {ANN, "cn=ann,OU=Staff", PAIR_UNIQUE},
	    {ANN, "Ann", PAIR_UNIQUE},
	    {ANN, "ann@corp.example", PAIR_PRIMARY},
	    {ANN, "ANN@acme.example", PAIR_PRIMARY},
	    {ANN, "a@acme.example", PAIR_PRIMARY},
	    {ANN, "old@acme.example", PAIR_SECONDARY},
	    {ANN, "cid", PAIR_NONE},
	    {USER("mail: " GUID "\n"), GUID, PAIR_NONE},
	    {USER("proxyAddresses: smtp:" GUID "\n"), GUID, PAIR_NONE},
	    {SAM(GUID), GUID, PAIR_NONE},
	    {USER("proxyAddresses: X500:CN=Bea,OU=Staff\n"), "CN=Bea,OU=Staff", PAIR_NONE},
	    {USER("proxyAddresses: smtp:CN=Bea,OU=a@b\n"), "CN=Bea,OU=a@b", PAIR_NONE},
	    {USER("mail: bea\n"), "bea", PAIR_NONE},
	    {USER("proxyAddresses: SMTP:bea\n"), "bea", PAIR_NONE},
	    {USER("userPrincipalName: bea\n"), "bea", PAIR_NONE},
	    {SAM("bea@acme.example"), "bea@acme.example", PAIR_NONE},
	    {USER("proxyAddresses: sip:bea@acme.example\n"), "bea@acme.example", PAIR_NONE},
	    {USER("targetAddress: SMTP:bea@acme.example\n"), "bea@acme.example", PAIR_NONE},
	    {USER("proxyAddresses: smtp:prvs=1@acme.example\n"), "prvs=1@acme.example",
		PAIR_SECONDARY},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(entry_free) struct entry *source = given_entry(rows[i].source);

		given_same(
		    i, rows[i].id, names[pair_claim_of(source, rows[i].id)], names[rows[i].want]);
	}
	given_all_same();
}

static void
refuses(void **state)
{
	static const struct {
		const char *text, *why; /* what is behind the file's name */
	} rows[] = {
	    {"ann,bea\ncid\n", ":2: cid: it has 1 columns; expected are two, source and target"},
	    {"ann,bea\ncid;dan\n", ":2: cid;dan: it has 1 columns; expected are two"},
	    {"# x\nann,\n", ":2: ann,: it has 2 columns; expected are two"},
	    {",bea\n", ":1: ,bea: it has 2 columns; expected are two"},
	    {"a,b,c\n", ":1: a,b,c: it has 3 columns; expected are two"},
	    {"ann,bea\rjos\xe9,bea\r", ":2: jos\\xE9,bea: it is not UTF-8: save the file as CSV"},
	    {"\"ann,bea\n", ":1: \"ann,bea: its quote is not closed in this line: "},
	    {"ann,bea\ncid,dan\nAnn,eve\n",
		":3: 'Ann' is paired with 'eve', and with 'bea' in line 1"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct match_csv *m = NULL;
		struct err err;

		assert_int_equal(load(rows[i].text, &m, &err), -1);
		assert_null(m);
		assert_int_equal(err.src, ERR_CONF);
		assert_memory_equal(err.text, path, strlen(path));
		if (strncmp(err.text + strlen(path), rows[i].why, strlen(rows[i].why)) != 0)
			fail_msg("%s", err.text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds),
	    cmocka_unit_test(claims),
	    cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests_name("pairs_csv", tests, NULL, NULL);
}
