/* SPDX-License-Identifier: MIT */

/* The address that leads to a mailbox in a tenant, and whether it may make room. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "redirect/tenant.h"
#include "tests/support/given.h"

#define TO(address) "targetAddress: " address "\n"
#define HAS(address) "proxyAddresses: " address "\n"

static const struct tenant_case {
	const char *has, *route;
	bool kept, no_domain;
} cases[] = {
    {"", .route = NULL},
    {TO("SMTP:ann@Tenant"), .route = "ann@Tenant"},
    {TO("smtp:ann@tenant") HAS("smtp:ANN@tenant"), .route = "ann@tenant", .kept = true},
    {TO("SMTP:b@tenant") HAS("smtp:ann@tenant"), .route = "b@tenant"},
    {TO("SMTP:ann@other") HAS("SMTP:ann@tenant"), .route = "ann@tenant", .kept = true},
    {TO("ann@tenant"), .route = NULL},
    {TO("X500:ann@tenant"), .route = NULL},
    {HAS("smtp:c@tenant") HAS("SMTP:b@tenant") HAS("smtp:d@tenant"), .route = "b@tenant",
	.kept = true},
    {HAS("smtp:ann@sub.tenant") HAS("sip:ann@tenant") HAS("X500:/o=ann@tenant"), .route = NULL},
    {TO("SMTP:ann@tenant") HAS("sip:ann@tenant"), .route = "ann@tenant"},
    {TO("SMTP:ann@tenant") HAS("smtp:ann@tenant"), .route = NULL, .no_domain = true},
};

static void
routed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(buf_done) struct buf ldif = {0};
		_cleanup_(entry_free) struct entry *e = NULL;
		const char *domain = cases[i].no_domain ? NULL : "tenant";

		buf_printf(&ldif, "dn: CN=Ann\nobjectClass: user\n%s", cases[i].has);
		e = given_entry((const char *)ldif.data);
		given_same(i, "route", tenant_route(e, domain), cases[i].route);
		given_same(i, "kept", tenant_keeps_route(e, domain) ? "yes" : "no",
		    cases[i].kept ? "yes" : "no");
	}
	given_all_same();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(routed)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
