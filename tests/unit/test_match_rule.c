/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mapping/match.h"

static void
good(void **state)
{
	static const struct {
		const char *text;
		enum match_method method;
		const char *source, *target, *csv, *format; /* format NULL: as text */
	} rows[] = {
	    {"stamp", MATCH_STAMP, NULL, NULL, NULL, NULL},
	    {"sid-history", MATCH_SID_HISTORY, NULL, NULL, NULL, NULL},
	    {"x500", MATCH_X500, NULL, NULL, NULL, NULL},
	    {"mail", MATCH_MAIL, NULL, NULL, NULL, NULL},
	    {"sam-account-name", MATCH_SAM, NULL, NULL, NULL, NULL},
	    {"user-principal-name", MATCH_UPN, NULL, NULL, NULL, NULL},
	    {"attribute:employeeID", MATCH_ATTRIBUTE, "employeeID", "employeeID", NULL, NULL},
	    {"attribute:employeeID=extensionAttribute3", MATCH_ATTRIBUTE, "employeeID",
		"extensionAttribute3", NULL, NULL},
	    {"attribute:a=a", MATCH_ATTRIBUTE, "a", "a", NULL, "attribute:a"},
	    {"csv:/etc/galsync/pairs.csv", MATCH_CSV, NULL, NULL, "/etc/galsync/pairs.csv", NULL},
	    {"csv:a=b:c", MATCH_CSV, NULL, NULL, "a=b:c", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct match_rule r = {0};
		struct err err = {0};
		char *text;

		assert_int_equal(match_rule_parse(rows[i].text, &r, &err), 0);
		assert_int_equal(r.method, rows[i].method);
		assert_int_equal(!r.source_attr, !rows[i].source);
		assert_int_equal(!r.csv_file, !rows[i].csv);
		if (rows[i].source) {
			assert_string_equal(r.source_attr, rows[i].source);
			assert_string_equal(r.target_attr, rows[i].target);
		}
		if (rows[i].csv)
			assert_string_equal(r.csv_file, rows[i].csv);
		text = match_rule_format(&r);
		assert_string_equal(text, rows[i].format ? rows[i].format : rows[i].text);
		free(text);
		match_rule_done(&r);
		assert_null(r.source_attr);
	}
}

static void
bad(void **state)
{
	static const char *const rows[] = {"", "record", "Stamp", "mail ", "sid_history",
	    "attribute", "attribute:", "attribute:=", "attribute:a=", "attribute:=b",
	    "attribute:1a", "attribute:a b", "attribute:a=b=c", "attribute:a;binary", "csv",
	    "csv:", "attribut:a"};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct match_rule r = {.method = MATCH_METHOD_MAX};
		struct err err = {0};

		assert_int_equal(match_rule_parse(rows[i], &r, &err), -1);
		assert_int_equal(err.src, ERR_CONF);
		assert_non_null(strstr(err.text, "allowed: "));
		assert_int_equal(r.method, MATCH_METHOD_MAX); /* untouched */
		assert_null(r.source_attr);
	}
}

static void
names(void **state)
{
	(void)state;
	assert_string_equal(match_method_name(MATCH_RECORD), "record");
	assert_string_equal(match_method_name(MATCH_SAM), "sam-account-name");
	assert_string_equal(match_method_name(MATCH_CSV), "csv");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(good),
	    cmocka_unit_test(bad),
	    cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
