/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <ldap.h>
#include <string.h>

#include "dsa/ldap/ldap_err.h"

/* The judgement of each result code, row by row. */
static const struct {
	int rc;
	enum err_scope scope;
	enum err_retry retry;
} rows[] = {
    {LDAP_SERVER_DOWN, ERR_PEER, ERR_LATER},
    {LDAP_CONNECT_ERROR, ERR_PEER, ERR_LATER},
    {LDAP_TIMEOUT, ERR_PEER, ERR_LATER},
    {LDAP_UNAVAILABLE, ERR_PEER, ERR_LATER},
    {LDAP_BUSY, ERR_PEER, ERR_LATER},
    {LDAP_NO_SUCH_OBJECT, ERR_ENTRY, ERR_REREAD},
    {LDAP_ALREADY_EXISTS, ERR_ENTRY, ERR_REREAD},
    {LDAP_NO_SUCH_ATTRIBUTE, ERR_ENTRY, ERR_REREAD},
    {LDAP_TYPE_OR_VALUE_EXISTS, ERR_ENTRY, ERR_REREAD},
    {LDAP_NOT_ALLOWED_ON_NONLEAF, ERR_ENTRY, ERR_REREAD},
    {LDAP_CONSTRAINT_VIOLATION, ERR_ENTRY, ERR_NEVER},
    {LDAP_OBJECT_CLASS_VIOLATION, ERR_ENTRY, ERR_NEVER},
    {LDAP_NAMING_VIOLATION, ERR_ENTRY, ERR_NEVER},
    {LDAP_UNDEFINED_TYPE, ERR_ENTRY, ERR_NEVER},
    {LDAP_INVALID_SYNTAX, ERR_ENTRY, ERR_NEVER},
    {LDAP_INVALID_DN_SYNTAX, ERR_ENTRY, ERR_NEVER},
    {LDAP_UNWILLING_TO_PERFORM, ERR_ENTRY, ERR_NEVER},
    {LDAP_INVALID_CREDENTIALS, ERR_LINK, ERR_NEVER},
    {LDAP_INSUFFICIENT_ACCESS, ERR_LINK, ERR_NEVER},
    {LDAP_STRONG_AUTH_REQUIRED, ERR_LINK, ERR_NEVER},
    {LDAP_UNAVAILABLE_CRITICAL_EXTENSION, ERR_LINK, ERR_NEVER},
    /* Anything else. */
    {LDAP_OPERATIONS_ERROR, ERR_LINK, ERR_LATER},
    {LDAP_PROTOCOL_ERROR, ERR_LINK, ERR_LATER},
    {LDAP_SIZELIMIT_EXCEEDED, ERR_LINK, ERR_LATER},
    {LDAP_OTHER, ERR_LINK, ERR_LATER},
    {4711, ERR_LINK, ERR_LATER},
};

static void
judgements(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = {0};

		assert_int_equal(err_ldap(&err, rows[i].rc, NULL, "modify"), -1);
		assert_int_equal(err.src, ERR_LDAP);
		assert_int_equal(err.code, rows[i].rc);
		if (err.scope != rows[i].scope || err.retry != rows[i].retry)
			fail_msg("result %d: scope %d, retry %d", rows[i].rc, (int)err.scope,
			    (int)err.retry);
	}
}

/* The server's words are there, but nothing in them can forge a line. */
static void
text(void **state)
{
	struct err err = {0};

	(void)state;
	(void)err_ldap(&err, LDAP_NO_SUCH_OBJECT, "0000208D: NameErr: DSID-1\n\x1b[31m\n",
	    "read '%s'", "CN=x");
	assert_string_equal(
	    err.text, "read 'CN=x': No such object (32): 0000208D: NameErr: DSID-1\\x0A\\x1B[31m");
	(void)err_ldap(&err, LDAP_BUSY, "", "bind");
	assert_string_equal(err.text, "bind: Server is busy (51)");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(judgements),
	    cmocka_unit_test(text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
