/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "redirect/address.h"

static void
values(void **state)
{
	static const struct {
		const char *v;
		bool smtp, primary, x500;
		const char *value;
	} rows[] = {
	    {"SMTP:a@x", true, true, false, "a@x"},
	    {"smtp:a@x", true, false, false, "a@x"},
	    {"Smtp:a@x", true, false, false, "a@x"},
	    {"X500:/o=a/cn=b", false, false, true, "/o=a/cn=b"},
	    {"x500:/o=a:b", false, false, true, "/o=a:b"},
	    {"sip:a@x", false, false, false, "a@x"},
	    {"SMTP:", false, false, false, ""},
	    {"smtp", false, false, false, "smtp"},
	    {"", false, false, false, ""},
	    {"a@x", false, false, false, "a@x"},
	    {"xSMTP:a@x", false, false, false, "a@x"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bytes v = bytes_of(rows[i].v);

		assert_int_equal(address_is_smtp(v), rows[i].smtp);
		assert_int_equal(address_is_primary(v), rows[i].primary);
		assert_int_equal(address_is_x500(v), rows[i].x500);
		assert_true(bytes_equal(address_value(v), bytes_of(rows[i].value)));
	}
}

static void
domains(void **state)
{
	static const struct {
		const char *v, *domain;
		bool in;
	} rows[] = {
	    {"smtp:a@redirect.acme.example", "redirect.acme.example", true},
	    {"SMTP:a@Redirect.ACME.example", "redirect.acme.example", true},
	    {"smtp:a@acme.example", "redirect.acme.example", false},
	    {"smtp:a@redirect.acme.example", "acme.example", false}, /* a domain of its own */
	    {"smtp:a@xacme.example", "acme.example", false},
	    {"smtp:a@acme.example.org", "acme.example", false},
	    {"x500:a@acme.example", "acme.example", false},
	    {"a@acme.example", "acme.example", false},
	    {"smtp:acme.example", "acme.example", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(
		    address_in_domain(bytes_of(rows[i].v), rows[i].domain), rows[i].in);
}

static void
primary(void **state)
{
	_cleanup_(entry_free) struct entry *e = entry_new("CN=x");

	(void)state;
	assert_null(address_primary(e));
	assert_int_equal(entry_add_str(e, "proxyAddresses", "smtp:second@x"), 0);
	assert_null(address_primary(e));
	assert_int_equal(entry_add_str(e, "mail", "mail@x"), 0);
	assert_string_equal(address_primary(e), "mail@x");
	assert_int_equal(entry_add_str(e, "proxyAddresses", "SMTP:first@x"), 0);
	assert_string_equal(address_primary(e), "first@x");
}

/* Whatever the order of the values. */
static void
several_primaries(void **state)
{
	static const struct {
		const char *mail, *values[3], *primary;
	} rows[] = {
	    {"b@x", {"SMTP:a@x", "SMTP:b@x", "SMTP:c@x"}, "b@x"},
	    {"B@X", {"SMTP:a@x", "smtp:c@x", "SMTP:b@x"}, "b@x"},
	    {"c@x", {"SMTP:b@x", "SMTP:a@x", "smtp:c@x"}, "a@x"},
	    {"c@x", {"SMTP:b@x", "smtp:a@x", "smtp:c@x"}, "b@x"},
	    {NULL, {"SMTP:b@x", "SMTP:a@x", "SMTP:"}, "a@x"},
	    {NULL, {"SMTP:a", "SMTP:b@x", "SMTP:@x"}, "b@x"},
	    {NULL, {"SMTP:a b@x", "SMTP:c@x", "SMTP:c@"}, "c@x"},
	    {"a b@x", {"SMTP:a b@x", "SMTP:c@x", "SMTP:d@x"}, "a b@x"},
	    {"c@x", {"SMTP:", "smtp:a@x", "smtp:b@x"}, "c@x"},
	    {NULL, {"SMTP:", "smtp:a@x", "smtp:b@x"}, NULL},
	};
	static const size_t orders[][3] = {
	    {0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (size_t j = 0; j < ARRAY_SIZE(orders); j++) {
			_cleanup_(entry_free) struct entry *e = entry_new("CN=x");

			if (rows[i].mail)
				assert_int_equal(entry_add_str(e, "mail", rows[i].mail), 0);
			for (size_t k = 0; k < 3; k++)
				assert_int_equal(entry_add_str(e, "proxyAddresses",
						     rows[i].values[orders[j][k]]),
				    0);
			if (rows[i].primary)
				assert_string_equal(address_primary(e), rows[i].primary);
			else
				assert_null(address_primary(e));
		}
}

static void
local_parts(void **state)
{
	static const struct {
		const char *local;
		bool ok;
	} rows[] = {{"jose", true}, {"j.o.s.e", true}, {"a+b", true}, {"o'neil", true}, {"-", true},
	    {"", false}, {".a", false}, {"a.", false}, {"a..b", false}, {"a b", false},
	    {"a@b", false}, {"a\"b", false}, {"jos\xc3\xa9", false}, {"a,b", false},
	    {"a(b)", false}, {"a\n", false}, {"a:b", false},
	    {"1234567890123456789012345678901234567890123456789012345678901234", true},
	    {"12345678901234567890123456789012345678901234567890123456789012345", false}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(address_local_ok(rows[i].local), rows[i].ok);
}

/* "A|B|C" as a list, added value by value. */
static void
fill(struct address_list *l, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "|");

		assert_int_equal(address_list_add(l, (struct bytes){text, len}), 0);
		text += len + (text[len] == '|');
	}
}

static void
assert_list(const struct address_list *l, const char *expected)
{
	_cleanup_(buf_done) struct buf b = {0};

	buf_add_str(&b, "");
	for (size_t i = 0; i < l->n; i++)
		buf_printf(&b, "%s%s", i ? "|" : "", (const char *)l->values[i].data);
	assert_string_equal((char *)b.data, expected);
}

static void
lists(void **state)
{
	_cleanup_(address_list_done) struct address_list l = {0};

	(void)state;
	fill(&l, "smtp:a@x|smtp:A@X|X500:/o=1|x500:/O=1|sip:a@x|smtp:b@x");
	assert_list(&l, "smtp:a@x|X500:/o=1|sip:a@x|smtp:b@x");
	fill(&l, "SMTP:A@x");
	assert_list(&l, "SMTP:a@x|X500:/o=1|sip:a@x|smtp:b@x");
	fill(&l, "smtp:a@x"); /* does not demote */
	assert_list(&l, "SMTP:a@x|X500:/o=1|sip:a@x|smtp:b@x");
	assert_int_equal(address_list_find(&l, bytes_of("Smtp:B@x")), 3);
	assert_int_equal(address_list_find(&l, bytes_of("smtp:c@x")), -1);
	assert_int_equal(address_list_addf(&l, "smtp:%s@%s", "c", "x"), 0);
	assert_int_equal(address_list_find(&l, bytes_of("smtp:c@x")), 4);
	assert_int_equal(address_list_set_primary(&l, "B@X"), 0);
	assert_list(&l, "smtp:a@x|X500:/o=1|sip:a@x|SMTP:b@x|smtp:c@x");
	assert_int_equal(address_list_set_primary(&l, "new@x"), 0);
	assert_list(&l, "smtp:a@x|X500:/o=1|sip:a@x|smtp:b@x|smtp:c@x|SMTP:new@x");
	assert_int_equal(address_list_set_primary(&l, "new@x"), 0);
	assert_list(&l, "smtp:a@x|X500:/o=1|sip:a@x|smtp:b@x|smtp:c@x|SMTP:new@x");
	assert_int_equal(address_list_add_x500(&l, "/O=1"), 0);
	assert_int_equal(l.n, 6);
	assert_int_equal(address_list_add_x500(&l, "/o=2"), 0);
	assert_list(&l, "smtp:a@x|X500:/o=1|sip:a@x|smtp:b@x|smtp:c@x|SMTP:new@x|X500:/o=2");
	for (int i = 0; i < 100; i++)
		assert_int_equal(address_list_addf(&l, "smtp:n%d@x", i), 0);
	assert_int_equal(l.n, 107);
	address_list_done(&l);
	assert_int_equal(l.n, 0);
}

/* Values with "ours" in them may be removed. */
static bool
may_remove(struct bytes present, void *arg)
{
	(void)arg;
	return strstr(present.data, "ours") != NULL;
}

static const struct {
	const char *want, *present, *deleted, *added;
} merges[] = {
    {"", "", "", ""},
    {"SMTP:a@x|smtp:b@x", "", "", "SMTP:a@x|smtp:b@x"},
    {"SMTP:a@x|smtp:b@x", "smtp:B@X|SMTP:A@X", "", ""}, /* the case says nothing */
    {"SMTP:a@x", "Smtp:a@x", "Smtp:a@x", "SMTP:a@x"},
    {"smtp:a@x", "Smtp:a@x", "", ""},
    /* the spelling of what is ours is the wanted one */
    {"SMTP:Ours@x|smtp:b@x", "SMTP:ours@x|smtp:B@x", "SMTP:ours@x", "SMTP:Ours@x"},
    {"smtp:OURS@x", "SMTP:ours@x", "", ""},
    {"SMTP:a@x|smtp:OURS@x", "SMTP:ours@x", "SMTP:ours@x", "SMTP:a@x|smtp:OURS@x"},
    /* a new primary demotes the old one */
    {"SMTP:a@x", "SMTP:b@x", "SMTP:b@x", "smtp:b@x|SMTP:a@x"},
    {"SMTP:a@x|smtp:b@x", "SMTP:b@x|smtp:a@x", "smtp:a@x|SMTP:b@x", "SMTP:a@x|smtp:b@x"},
    {"SMTP:a@x", "SMTP:ours@x", "SMTP:ours@x", "SMTP:a@x"},
    /* and none does not */
    {"smtp:a@x", "SMTP:b@x", "", "smtp:a@x"},
    {"smtp:a@x", "SMTP:a@x", "", ""},
    {"smtp:a@x|smtp:b@x", "SMTP:A@x", "", "smtp:b@x"},
    /* what is not ours stays, and X500 always */
    {"SMTP:a@x", "SMTP:a@x|smtp:theirs@x|smtp:ours@x|X500:/o=ours|x400:c=us", "smtp:ours@x", ""},
    {"", "X500:/o=ours|x500:/o=theirs|smtp:ours@x|SMTP:theirs@x", "smtp:ours@x", ""},
    {"X500:/o=1|x500:/o=2", "x500:/O=1", "", "x500:/o=2"},
    {"smtp:ours@x", "smtp:ours@x", "", ""},
    /* one sip */
    {"sip:a@x", "", "", "sip:a@x"},
    {"sip:a@x", "SIP:A@x", "", ""},
    {"sip:a@x", "sip:b@x", "", ""},
    {"sip:a@x|sip:b@x", "", "", "sip:a@x"},
    {"sip:a@x|sip:b@x", "sip:b@x", "", ""},
    {"sip:a@x", "sip:ours@x", "sip:ours@x", "sip:a@x"},
    {"sip:a@x", "sip:ours@x|sip:b@x", "sip:ours@x", ""},
};

static void
assert_values(const struct change *c, enum mod_op op, const char *expected)
{
	_cleanup_(buf_done) struct buf b = {0};

	buf_add_str(&b, "");
	for (size_t i = 0; i < c->n_mods; i++) {
		assert_string_equal(c->mods[i].attr, "proxyAddresses");
		for (size_t j = 0; c->mods[i].op == op && j < c->mods[i].n_values; j++)
			buf_printf(
			    &b, "%s%s", b.len ? "|" : "", (const char *)c->mods[i].values[j].data);
	}
	assert_string_equal((char *)b.data, expected);
}

static void
merge(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(merges); i++) {
		_cleanup_(address_list_done) struct address_list want = {0}, present = {0};
		_cleanup_(change_free) struct change *c = change_new(CHANGE_MODIFY, "CN=x", NULL);
		struct attr a = {0};

		fill(&want, merges[i].want);
		fill(&present, merges[i].present);
		a.values = present.values;
		a.n_values = present.n;
		assert_int_equal(
		    address_merge(&want, present.n ? &a : NULL, may_remove, NULL, c), 0);
		assert_values(c, MOD_DELETE, merges[i].deleted);
		assert_values(c, MOD_ADD, merges[i].added);
		assert_values(c, MOD_REPLACE, "");
		assert_int_equal(change_is_empty(c), !*merges[i].deleted && !*merges[i].added);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values),
	    cmocka_unit_test(domains),
	    cmocka_unit_test(primary),
	    cmocka_unit_test(several_primaries),
	    cmocka_unit_test(local_parts),
	    cmocka_unit_test(lists),
	    cmocka_unit_test(merge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
