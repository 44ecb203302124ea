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

static void
finds(void **state)
{
	static const struct {
		const char *text, *source, *target; /* NULL: nothing is found */
	} rows[] = {
	    {"ann,bea\n", "ann", "bea"},
	    {"ann,bea\n", "ANN", "bea"},
	    {"ann,bea\n", "an", NULL},
	    {"ann,bea\n", "anna", NULL},
	    {"ann,bea\n", "", NULL},
	    {"", "ann", NULL},
	    {BOM "ann,bea\n", "ann", "bea"},
	    {BOM "source;target\nann;bea\n", "ann", "bea"},
	    {"# pairs\n\nSource,Target\nann,bea\n", "source", NULL},
	    {"ann,bea\nsource,target\n", "source", "target"},
	    {GUID "\tCN=Bea,OU=Staff\r\ncid\tdan\r\n", GUID, "CN=Bea,OU=Staff"},
	    {"cid;dan\rann;bea\r", "ann", "bea"},
	    {"\"CN=Ann,OU=Staff\",bea\n", "cn=ann,ou=staff", "bea"},
	    {"ann,bea,,\n", "ann", "bea"},
	    {"ann,bea\nANN,bea\n", "ann", "bea"},
	    {"jos\xc3\xa9,bea\n", "jos\xc3\xa9", "bea"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct match_csv *m = NULL;
		const char *target;
		struct err err;

		assert_int_equal(load(rows[i].text, &m, &err), 0);
		target = match_csv_find(m, bytes_of(rows[i].source));
		if (rows[i].target) {
			assert_non_null(target);
			assert_string_equal(target, rows[i].target);
		} else {
			assert_null(target);
		}
		match_csv_free(m);
	}
}

/* Octets with a NUL in them are no identifier. */
static void
nul_is_not_found(void **state)
{
	struct match_csv *m = NULL;
	struct err err;

	(void)state;
	assert_int_equal(load("ann,bea\n", &m, &err), 0);
	assert_null(match_csv_find(m, (struct bytes){"ann\0x", 5}));
	match_csv_free(m);
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
	    cmocka_unit_test(nul_is_not_found),
	    cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests_name("pairs_csv", tests, NULL, NULL);
}
