/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mapping/match.h"

/* The keys of an entry as text: "<key>=<value>;", octets below a blank as "\xHH". */
static int
note(unsigned key, struct bytes value, void *arg)
{
	char text[200];

	err_escape(text, sizeof text, value);
	buf_printf(arg, "%u=%s;", key, text);
	return 0;
}

static int
stop(unsigned key, struct bytes value, void *arg)
{
	(void)note(key, value, arg);
	return 42;
}

static void
add(struct entry *e, const char *attr, const char *value)
{
	assert_int_equal(entry_add_str(e, attr, value), 0);
}

static struct entry *
some_entry(void)
{
	static const uint8_t sid[] = {1, 1, 0, 0, 0, 0, 0, 5, 9, 0, 0, 0};
	static const struct guid g = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
	struct entry *e = entry_new("CN=Jose,DC=x");

	assert_non_null(e);
	assert_int_equal(entry_add(e, "objectGUID", guid_bytes(&g)), 0);
	add(e, "proxyAddresses", "SMTP:Jose@acme.example");
	add(e, "proxyAddresses", "smtp:j@acme.example");
	add(e, "proxyAddresses", "x500:/o=acme/cn=old");
	add(e, "proxyAddresses", "sip:jose@acme.example");
	add(e, "proxyAddresses", "smtp:");
	add(e, "mail", "jose@acme.example");
	add(e, "targetAddress", "SMTP:jose@redirect.example");
	add(e, "legacyExchangeDN", "/o=acme/cn=jose");
	add(e, "sAMAccountName", "jose");
	add(e, "userPrincipalName", "jose@acme.local");
	add(e, "employeeID", "4711");
	add(e, "employeeID", "");
	assert_int_equal(entry_add(e, "objectSid", (struct bytes){sid, sizeof sid}), 0);
	assert_int_equal(entry_touch(e, "sIDHistory"), 0);
	return e;
}

#define SID_TEXT "\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x05\\x09\\x00\\x00\\x00"

static char attr_id[] = "employeeID", attr_number[] = "employeeNumber";
static const struct match_rule rules[] = {{.method = MATCH_STAMP}, {.method = MATCH_SID_HISTORY},
    {.method = MATCH_X500}, {.method = MATCH_MAIL}, {.method = MATCH_SAM}, {.method = MATCH_UPN},
    {.method = MATCH_ATTRIBUTE, .source_attr = attr_id, .target_attr = attr_number},
    {.method = MATCH_ATTRIBUTE, .source_attr = attr_number, .target_attr = attr_id},
    {.method = MATCH_CSV}};

static void
source_keys(void **state)
{
	static const char *const expected[ARRAY_SIZE(rules)] = {
	    "1=\\x01\\x02\\x03\\x04\\x05\\x06\\x07\\x08\\x09\\x0A\\x0B\\x0C\\x0D\\x0E\\x0F\\x10;",
	    "4=" SID_TEXT ";", "5=/o=acme/cn=jose;5=/o=acme/cn=old;",
	    "6=Jose@acme.example;6=j@acme.example;6=jose@acme.example;", "7=jose;",
	    "8=jose@acme.local;", "38=4711;", "", ""};
	_cleanup_(entry_free) struct entry *e = some_entry(), *empty = entry_new("CN=x");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		_cleanup_(buf_done) struct buf b = {0}, first = {0};

		buf_add_str(&b, "");
		assert_int_equal(match_source_keys(e, rules, i, note, &b), 0);
		assert_string_equal((char *)b.data, expected[i]);
		assert_int_equal(
		    match_source_keys(e, rules, i, stop, &first), *expected[i] ? 42 : 0);
		buf_reset(&b);
		assert_int_equal(match_source_keys(empty, rules, i, note, &b), 0);
		assert_int_equal(b.len, 0);
	}
}

static void
assert_target_keys(const struct entry *e, const char *expected)
{
	_cleanup_(buf_done) struct buf b = {0};

	buf_add_str(&b, "");
	assert_int_equal(match_target_keys(e, rules, ARRAY_SIZE(rules), note, &b), 0);
	assert_string_equal((char *)b.data, expected);
}

#define SMTP_KEYS "6=Jose@acme.example;6=j@acme.example;6=jose@acme.example;"
#define OTHER_KEYS                                                                                 \
	"5=/o=acme/cn=jose;5=/o=acme/cn=old;4=" SID_TEXT ";7=jose;8=jose@acme.local;39=4711;"

static void
target_keys(void **state)
{
	_cleanup_(entry_free) struct entry *e = some_entry(), *empty = entry_new("CN=x");
	_cleanup_(buf_done) struct buf b = {0};

	(void)state;
	assert_target_keys(empty, "");
	assert_target_keys(e, SMTP_KEYS "6=jose@redirect.example;" OTHER_KEYS);
	/* A mailbox that forwards is not the one it forwards to. */
	add(e, "homeMDB", "CN=DB1");
	assert_target_keys(e, SMTP_KEYS OTHER_KEYS);
	assert_int_equal(match_target_keys(e, rules, ARRAY_SIZE(rules), stop, &b), 42);
	assert_string_equal((char *)b.data, "6=Jose@acme.example;");
}

/* What a source asks for is what the target is found by, whatever the case. */
static void
hashes(void **state)
{
	uint64_t h = match_key_hash(MATCH_KEY_SMTP, bytes_of("jose@acme.example"));

	(void)state;
	assert_int_equal(h, match_key_hash(MATCH_KEY_SMTP, bytes_of("JOSE@Acme.Example")));
	assert_int_not_equal(h, match_key_hash(MATCH_KEY_SMTP, bytes_of("jose@acme.exampl")));
	assert_int_not_equal(h, match_key_hash(MATCH_KEY_UPN, bytes_of("jose@acme.example")));
	for (unsigned k = 0; k < 16; k++)
		for (unsigned j = 0; j < k; j++)
			assert_int_not_equal(match_key_hash(MATCH_KEY_ATTR + k, bytes_of("1")),
			    match_key_hash(MATCH_KEY_ATTR + j, bytes_of("1")));
	/* Octets that differ as A and a do hash alike: who compares octets must verify octets. */
	assert_int_equal(match_key_hash(MATCH_KEY_SID, bytes_of("A")),
	    match_key_hash(MATCH_KEY_SID, bytes_of("a")));
}

static void
stamps(void **state)
{
	static const struct {
		const char *text;
		bool ok, created;
		const char *side; /* NULL: none */
	} rows[] = {
	    {"galsync:created:6f9619ff-8b86-d011-b42d-00c04fc964ff", true, true, NULL},
	    {"galsync:matched:6f9619ff-8b86-d011-b42d-00c04fc964ff", true, false, NULL},
	    {"GALSYNC:Matched:6F9619FF-8B86-D011-B42D-00C04FC964FF", true, false, NULL},
	    {"galsync:created:6f9619ff-8b86-d011-b42d-00c04fc964ff:source", true, true, ":source"},
	    {"galsync:matched:6f9619ff-8b86-d011-b42d-00c04fc964ff:target", true, false, ":target"},
	    {"galsync:matched:6f9619ff-8b86-d011-b42d-00c04fc964ff:Target", true, false, ":target"},
	    {"galsync:matched:6f9619ff-8b86-d011-b42d-00c04fc964ff:", false, false, NULL},
	    {"galsync:matched:6f9619ff-8b86-d011-b42d-00c04fc964ff:both", false, false, NULL},
	    {"galsync:matched:6f9619ff-8b86-d011-b42d-00c04fc964ff:target:", false, false, NULL},
	    {"galsync:matched:6f9619ff-8b86-d011-b42d-00c04fc964ff ", false, false, NULL},
	    {"galsync:matched:6f9619ff-8b86-d011-b42d-00c04fc964f", false, false, NULL},
	    {"galsync:matched:", false, false, NULL},
	    {"galsync:", false, false, NULL},
	    {"galsync:deleted:6f9619ff-8b86-d011-b42d-00c04fc964ff", false, false, NULL},
	    {" galsync:created:6f9619ff-8b86-d011-b42d-00c04fc964ff", false, false, NULL},
	    {"6f9619ff-8b86-d011-b42d-00c04fc964ff", false, false, NULL},
	    {"", false, false, NULL},
	    {NULL, false, false, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct stamp s = {.created = true, .source = {{0xee}}};
		char text[STAMP_TEXT_SIZE];

		assert_int_equal(stamp_parse(rows[i].text, &s), rows[i].ok);
		if (!rows[i].ok) {
			assert_int_equal(s.source.octets[0], 0xee); /* untouched */
			continue;
		}
		assert_int_equal(s.created, rows[i].created);
		assert_int_equal(s.source.octets[0], 0xff);
		assert_int_equal(s.has_side, rows[i].side != NULL);
		stamp_format(&s, text);
		assert_int_equal(strlen(text), strlen(rows[i].text));
		assert_memory_equal(text, rows[rows[i].created ? 0 : 1].text, 52);
		assert_string_equal(text + 52, rows[i].side ? rows[i].side : "");
	}
}

static void
foreign(void **state)
{
	static const struct {
		const char *values[3], *want;
	} rows[] = {
	    {{NULL}, NULL},
	    {{"galsync:created:6f9619ff-8b86-d011-b42d-00c04fc964ff"}, NULL},
	    {{"galsync:created:6f9619ff-8b86-d011-b42d-00c04fc964ff",
		 "GALSYNC:Matched:6F9619FF-8B86-D011-B42D-00C04FC964FF"},
		NULL},
	    {{"HR-4711"}, "HR-4711"},
	    {{""}, ""},
	    {{"galsync:created:6f9619ff-8b86-d011-b42d-00c04fc964ff", "b", "a"}, "b"},
	    {{"galsync:switched:2026-01-01T00:00:00Z:6f9619ff-8b86-d011-b42d-00c04fc964ff"},
		"galsync:switched:2026-01-01T00:00:00Z:6f9619ff-8b86-d011-b42d-00c04fc964ff"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(entry_free) struct entry *e = entry_new("CN=Ann,DC=x");
		struct bytes got;

		assert_non_null(e);
		assert_int_equal(entry_add_str(e, "info", "mine"), 0);
		for (size_t j = 0; j < ARRAY_SIZE(rows[i].values) && rows[i].values[j]; j++)
			assert_int_equal(
			    entry_add_str(e, "adminDescription", rows[i].values[j]), 0);
		got = stamp_foreign(e, "ADMINDESCRIPTION");
		if (rows[i].want)
			assert_string_equal(got.data, rows[i].want);
		else
			assert_null(got.data);
	}
}

static void
judge(void **state)
{
	static const struct {
		enum kind source, target;
		enum match_verdict user, contact; /* without and with AS_CONTACT */
	} rows[] = {
	    {KIND_USER, KIND_USER, MATCH_FOUND, MATCH_FOUND},
	    {KIND_USER, KIND_CONTACT, MATCH_PROMOTE, MATCH_FOUND},
	    {KIND_USER, KIND_GROUP, MATCH_KIND, MATCH_KIND},
	    {KIND_USER, KIND_OTHER, MATCH_KIND, MATCH_KIND},
	    {KIND_GROUP, KIND_GROUP, MATCH_FOUND, MATCH_FOUND},
	    {KIND_GROUP, KIND_CONTACT, MATCH_KIND, MATCH_FOUND},
	    {KIND_GROUP, KIND_USER, MATCH_KIND, MATCH_KIND},
	    {KIND_GROUP, KIND_DYNAMIC_GROUP, MATCH_KIND, MATCH_KIND},
	    {KIND_CONTACT, KIND_CONTACT, MATCH_FOUND, MATCH_FOUND},
	    {KIND_CONTACT, KIND_USER, MATCH_KIND, MATCH_KIND},
	    {KIND_DYNAMIC_GROUP, KIND_CONTACT, MATCH_FOUND, MATCH_FOUND},
	    {KIND_DYNAMIC_GROUP, KIND_DYNAMIC_GROUP, MATCH_KIND, MATCH_KIND},
	    {KIND_DYNAMIC_GROUP, KIND_GROUP, MATCH_KIND, MATCH_KIND},
	    {KIND_PUBLIC_FOLDER, KIND_CONTACT, MATCH_FOUND, MATCH_FOUND},
	    {KIND_PUBLIC_FOLDER, KIND_PUBLIC_FOLDER, MATCH_KIND, MATCH_KIND},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(match_judge(rows[i].source, rows[i].target, false), rows[i].user);
		assert_int_equal(
		    match_judge(rows[i].source, rows[i].target, true), rows[i].contact);
	}
}

/* RIDs 1089 (0x0441) and 1121 (0x0461): octets that differ only in what is a letter's case in text.
 */
static void
sids_that_differ_in_case(void **state)
{
	const uint8_t one[] = {1, 2, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 0x41, 4, 0, 0};
	const uint8_t other[] = {1, 2, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 0x61, 4, 0, 0};
	struct bytes x = {one, sizeof one}, y = {other, sizeof other};
	_cleanup_(entry_free) struct entry *e = entry_new("CN=x");

	(void)state;
	assert_int_equal(entry_add(e, "objectSid", x), 0);
	assert_true(match_key_hash(MATCH_KEY_SID, x) == match_key_hash(MATCH_KEY_SID, y));
	assert_true(match_verify(e, NULL, 0, MATCH_KEY_SID, x, true));
	assert_false(match_verify(e, NULL, 0, MATCH_KEY_SID, y, true));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(source_keys),
	    cmocka_unit_test(target_keys),
	    cmocka_unit_test(hashes),
	    cmocka_unit_test(stamps),
	    cmocka_unit_test(foreign),
	    cmocka_unit_test(judge),
	    cmocka_unit_test(sids_that_differ_in_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
