/* SPDX-License-Identifier: MIT */

/* The sweep for what toggles left behind. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ldap.h>

#include "tests/support/toggle_fixture.h"

static void
leave_behind(struct lab *l)
{
	lab_add_value(l, SOURCE, "CN=Ann", "proxyAddresses", DUMMY);
	lab_add_value(l, SOURCE, "CN=Ann", "proxyAddresses", "smtp:old@Delete.me");
	lab_add_value(l, TARGET, "CN=Cid", "proxyAddresses", "smtp:cid@delete.me");
	/* in a scope, but not in the map */
	lab_add(l, SOURCE,
	    "dn: CN=Bob" ACME "\nobjectClass: user\nsAMAccountName: bob\n"
	    "proxyAddresses: smtp:bob@delete.me\n\n");
	lab_add(l, TARGET,
	    "dn: CN=Own" GLOBEX "\nobjectClass: contact\nproxyAddresses: smtp:own@delete.me\n"
	    "proxyAddresses: SMTP:own@globex.example\n\n");
	/* neither: not ours to write */
	lab_add(l, SOURCE,
	    "dn: CN=Far,CN=Users,DC=acme,DC=example\nobjectClass: user\nsAMAccountName: far\n"
	    "proxyAddresses: smtp:far@delete.me\n\n");
	/* a primary one, and what only looks like it */
	lab_add(l, TARGET,
	    "dn: CN=Pri" GLOBEX "\nobjectClass: contact\nproxyAddresses: SMTP:pri@delete.me\n"
	    "proxyAddresses: smtp:pri@not-delete.me\nproxyAddresses: "
	    "X400:c=x;smtp:pri@delete.me\n\n");
}

static void
sweeps(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	lab_run(&l);
	sweep(&l, false);
	assert_string_equal(job.told, "");
	leave_behind(&l);
	sweep(&l, true);
	assert_told("ok CN=Ann: smtp:ann@delete.me would be removed\n");
	assert_told("ok CN=Ann: smtp:old@Delete.me would be removed\n");
	assert_told("ok CN=Cid: smtp:cid@delete.me would be removed\n");
	assert_told("ok CN=Bob: smtp:bob@delete.me would be removed\n");
	assert_told("ok CN=Own: smtp:own@delete.me would be removed\n");
	assert_told("no CN=Far: smtp:far@delete.me is outside of what the link may write");
	assert_told("no CN=Pri: SMTP:pri@delete.me is its primary address");
	assert_false(told("not-delete.me"));
	assert_int_equal(job.failed, 2);
	assert_true(has(&l, SOURCE, "CN=Ann", DUMMY));
	sweep(&l, false);
	assert_told("ok CN=Own: smtp:own@delete.me is removed\n");
	assert_int_equal(job.failed, 2);
	assert_false(anywhere(&l));
	assert_int_equal(lab_count(&l, SOURCE, "CN=Bob", "proxyAddresses"), 0);
	assert_true(has(&l, TARGET, "CN=Own", "SMTP:own@globex.example"));
	assert_int_equal(lab_count(&l, TARGET, "CN=Own", "proxyAddresses"), 1);
	assert_int_equal(lab_count(&l, TARGET, "CN=Pri", "proxyAddresses"), 3);
	assert_true(has(&l, SOURCE, "CN=Far,CN=Users,DC=acme,DC=example", "smtp:far@delete.me"));
	sweep(&l, false);
	assert_int_equal(job.failed, 2);
	assert_false(told("ok "));
	lab_close(&l);
}

static void
sweep_refused(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	lab_run(&l);
	lab_add_value(&l, TARGET, "CN=Cid", "proxyAddresses", "smtp:cid@delete.me");
	lab_add_value(&l, TARGET, "CN=Ann", "proxyAddresses", DUMMY);
	assert_int_equal(
	    fakedir_refuse(l.fd[TARGET], lab_dn(TARGET, "CN=Cid"), LDAP_INSUFFICIENT_ACCESS), 0);
	sweep(&l, false);
	assert_told("no CN=Cid: smtp:cid@delete.me could not be removed: ");
	assert_told("ok CN=Ann: smtp:ann@delete.me is removed\n");
	lab_close(&l);
}

/* An interrupted toggle of this link is a leftover, a running one of another link is not. */
static void
own_operation(struct lab *l, const char *link, bool there)
{
	struct store_txn *t = NULL;
	char detail[] = "ann@delete.me";
	struct store_operation o = {.kind = OPERATION_TOGGLE, .since = 1, .detail = detail};
	uint32_t id;

	assert_true(guid_parse(lab_source_guid(l, "CN=Ann"), &o.source));
	assert_int_equal(store_begin(l->store, STORE_WRITE, &t, &l->err), 0);
	assert_int_equal(store_link_id(t, link, &id, &l->err), 0);
	assert_int_equal(there ? store_put_operation(t, id, &o, &l->err)
			       : store_clear_operation(t, id, &o.source, &l->err),
	    0);
	assert_int_equal(store_commit(t, &l->err), 0);
}

static void
owned(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	lab_run(&l);
	lab_add_value(&l, SOURCE, "CN=Ann", "proxyAddresses", DUMMY);
	own_operation(&l, "another", true);
	sweep(&l, false);
	assert_told("ok CN=Ann: smtp:ann@delete.me belongs to a toggle of another link");
	assert_true(has(&l, SOURCE, "CN=Ann", DUMMY));
	own_operation(&l, "another", false);
	own_operation(&l, "acme-globex", true);
	sweep(&l, false);
	assert_told("ok CN=Ann: smtp:ann@delete.me is removed");
	assert_false(anywhere(&l));
	lab_run_idle(&l);
	lab_close(&l);
}

/* An administrator removes the same value, or adds another, right before the sweep's write. */
static void
sweep_meddled(void **state)
{
	static void (*const what[])(struct lab *) = {add_another, same_value, gone};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(what); i++) {
		void (*fn)(struct lab *) = what[i];
		struct tap tap = {.hook = others_addresses, .hook_arg = &fn, .hook_at = 1};
		struct lab l;

		lab_open(&l, &people);
		lab_run(&l);
		lab_add_value(&l, SOURCE, "CN=Ann", "proxyAddresses", DUMMY);
		lab_add_value(&l, SOURCE, "CN=Ann", "proxyAddresses", "smtp:old@delete.me");
		meddled = &l;
		job.dry_run = false;
		job.sweep = true;
		assert_int_equal(lab_act(&l, &tap, toggle_them, NULL), 0);
		tap_done(&tap);
		assert_int_equal(job.failed, 0);
		assert_false(anywhere(&l));
		if (what[i] == add_another)
			assert_true(has(&l, SOURCE, "CN=Ann", "smtp:theirs@acme.example"));
		if (what[i] != gone)
			assert_false(has(&l, SOURCE, "CN=Ann", "smtp:old@delete.me"));
		lab_close(&l);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(sweeps),
	    cmocka_unit_test(sweep_refused), cmocka_unit_test(owned),
	    cmocka_unit_test(sweep_meddled)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
