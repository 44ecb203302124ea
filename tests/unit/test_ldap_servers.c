/* SPDX-License-Identifier: MIT */
/* Which server is tried when. A server that is a letter in UP opens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/ldap/ldap_servers.h"

static const char *const urls[] = {"a", "b", "c"};

/* What open() finds, and the order in which it was asked. */
struct world {
	const char *up;
	char final; /* the failure of this one is final */
	char asked[16];
	struct ldap_servers v;
	struct err err;
};

static int
open_letter(const char *url, void *arg, bool *final, struct err *err)
{
	struct world *w = arg;
	size_t n = strlen(w->asked);

	assert_true(n + 1 < sizeof w->asked);
	w->asked[n] = url[0];
	*final = url[0] == w->final;
	if (strchr(w->up, url[0]))
		return 0;
	return err_set(err, ERR_LDAP, url[0] == 'a' ? ERR_LINK : ERR_PEER,
	    url[0] == 'a' ? ERR_NEVER : ERR_LATER, 0, "%s is down", url);
}

/* Opens at NOW_MS while the servers of UP are there; the order of the attempts is checked. */
static int
go(struct world *w, const char *up, int64_t now_ms, const char *order)
{
	int rc;

	w->up = up;
	memset(w->asked, 0, sizeof w->asked);
	w->err = (struct err){0};
	rc = ldap_servers_open(&w->v, urls, ARRAY_SIZE(urls), now_ms, open_letter, w, &w->err);
	assert_string_equal(w->asked, order);
	return rc;
}

static void
order(void **state)
{
	struct world w = {0};

	(void)state;
	assert_int_equal(go(&w, "bc", 0, "ab"), 0);
	assert_string_equal(w.v.url, "b");
	/* The last used is the first. */
	assert_int_equal(go(&w, "abc", 0, "b"), 0);
	/* The one that stopped answering is the last. */
	ldap_servers_avoid(&w.v);
	assert_int_equal(go(&w, "c", 0, "ac"), 0);
	assert_int_equal(go(&w, "a", 0, "ca"), 0);
	ldap_servers_avoid(&w.v);
	assert_int_equal(go(&w, "a", 0, "bca"), 0);
	/* That is forgotten when a server is in use. */
	assert_int_equal(go(&w, "abc", 0, "a"), 0);
	ldap_servers_done(&w.v);
	assert_int_equal(ldap_servers_open(&w.v, NULL, 0, 0, open_letter, &w, &w.err), -1);
	ldap_servers_done(&w.v);
}

static void
failures(void **state)
{
	struct world w = {0};

	(void)state;
	assert_int_equal(go(&w, "", 0, "abc"), -1);
	assert_string_equal(w.err.text, "a: a is down; b: b is down; c: c is down");
	/* What may be tried again soonest decides. */
	assert_int_equal(w.err.retry, ERR_LATER);
	assert_int_equal(w.err.scope, ERR_PEER);
	w.final = 'b';
	assert_int_equal(go(&w, "c", 0, "ab"), -1);
	assert_string_equal(w.err.text, "a: a is down; b: b is down");
	ldap_servers_done(&w.v);
}

static int
fail_long(const char *url, void *arg, bool *final, struct err *err)
{
	(void)url;
	(void)arg;
	(void) final;
	return err_set(err, ERR_LDAP, ERR_PEER, ERR_LATER, 0, "%0100d\xc3\xa9%0300d", 0, 0);
}

/* Each server's failure gets its share of the text, and no letter is cut in half. */
static void
long_failures(void **state)
{
	struct ldap_servers v = {0};
	struct err err = {0};

	(void)state;
	assert_int_equal(ldap_servers_open(&v, urls, 3, 0, fail_long, NULL, &err), -1);
	assert_non_null(strstr(err.text, "a: 0"));
	assert_non_null(strstr(err.text, "; b: 0"));
	assert_non_null(strstr(err.text, "; c: 0"));
	assert_true(err.text[strlen(err.text) - 1] != '\xc3');
	ldap_servers_done(&v);
}

static void
rest(void **state)
{
	struct world w = {0};
	int64_t now = 10000, rest_ms = 1000;

	(void)state;
	assert_int_equal(go(&w, "abc", now, "a"), 0);
	/* Each session in which a change was refused so doubles the rest, up to half a minute. */
	for (int i = 0; i < 8; i++) {
		ldap_servers_answered(&w.v, true, now);
		ldap_servers_answered(&w.v, true, now + 500); /* the same session: that is once */
		ldap_servers_avoid(&w.v);
		assert_int_equal(go(&w, "", now + rest_ms - 1, "bc"), -1);
		assert_non_null(
		    strstr(w.err.text, "the server is busy: it is asked again in 1 ms"));
		assert_string_equal(w.v.url, "c");
		assert_int_equal(go(&w, "a", now + rest_ms, "bca"), 0);
		now += rest_ms;
		rest_ms = rest_ms * 2 < 30000 ? rest_ms * 2 : 30000;
	}
	/* It takes a change: there is no rest any more, and the next begins small. */
	ldap_servers_answered(&w.v, false, now);
	ldap_servers_avoid(&w.v);
	assert_int_equal(go(&w, "a", now, "bca"), 0);
	ldap_servers_answered(&w.v, true, now);
	ldap_servers_avoid(&w.v);
	assert_int_equal(go(&w, "a", now + 1000, "bca"), 0);
	ldap_servers_done(&w.v);
}

static void
return_to_first(void **state)
{
	struct world w = {0};

	(void)state;
	assert_false(ldap_servers_may_return(&w.v, "a", 60, 100000)); /* nothing was opened */
	assert_int_equal(go(&w, "c", 1000, "abc"), 0);
	assert_false(ldap_servers_may_return(&w.v, "a", 60, 60999));
	assert_true(ldap_servers_may_return(&w.v, "a", 60, 61000));
	assert_false(ldap_servers_may_return(&w.v, "a", 0, 61000));
	assert_false(ldap_servers_may_return(&w.v, "c", 60, 61000));
	ldap_servers_return(&w.v);
	assert_int_equal(go(&w, "bc", 61000, "ab"), 0);
	/* Once: then the last used is the first again. */
	assert_int_equal(go(&w, "abc", 61000, "b"), 0);
	ldap_servers_done(&w.v);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(order),
	    cmocka_unit_test(failures),
	    cmocka_unit_test(long_failures),
	    cmocka_unit_test(rest),
	    cmocka_unit_test(return_to_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
