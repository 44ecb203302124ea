/* SPDX-License-Identifier: MIT */

/* A group of so many members that they are written in several requests. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/scenario.h"

#define MEMBERS 2500
#define UNITS 50 /* the fake directory compares siblings one by one */

static void
add_many(struct lab *l)
{
	_cleanup_(buf_done) struct buf b = {0}, group = {0};

	for (unsigned i = 0; i < UNITS; i++)
		buf_printf(&b, "dn: OU=U%u" ACME "\nobjectClass: organizationalUnit\n\n", i);
	buf_add_str(&group, "dn: CN=All" ACME "\nobjectClass: group\nsAMAccountName: all\n"
			    "groupType: 8\n" RECIPIENT("all"));
	for (unsigned i = 0; i < MEMBERS; i++) {
		buf_printf(&b,
		    "dn: CN=C%u,OU=U%u" ACME "\nobjectClass: contact\nmailNickname: c%u\n"
		    "mail: c%u@acme.example\nproxyAddresses: SMTP:c%u@acme.example\n"
		    "legacyExchangeDN: " ACME_LEGACY "c%u\ntargetAddress: SMTP:c%u@x.example\n\n",
		    i, i % UNITS, i, i, i, i, i);
		buf_printf(&group, "member: CN=C%u,OU=U%u" ACME "\n", i, i % UNITS);
	}
	buf_add(&b, group.data, group.len);
	assert_false(b.failed || group.failed);
	lab_add(l, SOURCE, (const char *)b.data);
}

/* No request may carry more values of one attribute than this. */
#define CHUNK 1000

struct chunks {
	size_t largest;
	unsigned of_group;
};

static void
measure(void *arg, unsigned number, const struct change *c)
{
	struct chunks *k = arg;

	(void)number;
	for (size_t i = 0; i < c->n_mods; i++)
		if (c->mods[i].n_values > k->largest)
			k->largest = c->mods[i].n_values;
	for (size_t i = 0; c->entry && i < c->entry->n_attrs; i++)
		if (c->entry->attrs[i].n_values > k->largest)
			k->largest = c->entry->attrs[i].n_values;
	k->of_group += strncmp(c->dn, "CN=All,", 7) == 0;
}

static void
large_group(void **state)
{
	static const struct scenario sc = {.name = "large group",
	    .scope = "create = \"mailbox\"; layout = \"mirror\";",
	    .link = "limits = { member_removals = 10000; member_removal_percent = 100; };"};
	static const char *const one[] = {"CN=C7,OU=U7" ACME, "CN=C1234,OU=U34" ACME};
	struct chunks k = {0, 0};
	struct tap tap = {.hook = measure, .hook_arg = &k};
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	add_many(&l);
	fakedir_set_window(l.fd[TARGET], 64);
	assert_int_equal(lab_cycle(&l, &tap), 0);
	assert_int_equal(l.res.failed, 0);
	assert_int_equal(l.res.created[SHAPE_CONTACT], MEMBERS);
	assert_int_equal(lab_count(&l, TARGET, "CN=All", "member"), MEMBERS);
	assert_int_equal(k.largest, CHUNK);
	/* On the source its addresses, on the target the add and two more. */
	assert_int_equal(k.of_group, 4);
	assert_int_equal(l.res.references, 2);
	tap_done(&tap);

	/* One member more, or less, is one value, by a delta and by a full cycle. */
	for (int i = 0; i < 4; i++) {
		k = (struct chunks){0, 0};
		tap = (struct tap){.hook = measure, .hook_arg = &k};
		l.delta = i % 2;
		if (i < 2)
			lab_delete_value(&l, SOURCE, "CN=All", "member", one[i]);
		else
			lab_add_value(&l, SOURCE, "CN=All", "member", one[i - 2]);
		assert_int_equal(lab_cycle(&l, &tap), 0);
		assert_int_equal(l.res.failed, 0);
		assert_int_equal(
		    lab_count(&l, TARGET, "CN=All", "member"), MEMBERS - (i == 1      ? 2
									     : i == 3 ? 0
										      : 1));
		assert_int_equal(k.of_group, 1);
		assert_int_equal(k.largest, 1);
		assert_int_equal(l.res.changes, 1);
		tap_done(&tap);
	}
	l.delta = false;

	/* A group is emptied in chunks too. */
	k = (struct chunks){0, 0};
	tap = (struct tap){.hook = measure, .hook_arg = &k};
	lab_set(&l, SOURCE, "CN=All", "member", NULL);
	assert_int_equal(lab_cycle(&l, &tap), 0);
	assert_int_equal(l.res.failed, 0);
	assert_int_equal(lab_count(&l, TARGET, "CN=All", "member"), 0);
	assert_int_equal(k.largest, CHUNK);
	assert_int_equal(k.of_group, 3);
	tap_done(&tap);
	lab_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(large_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
