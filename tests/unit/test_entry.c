/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/directory/change.h"

static const uint8_t guid_octets[] = {
    0xff, 0x19, 0x96, 0x6f, 0x86, 0x8b, 0x11, 0xd0, 0xb4, 0x2d, 0, 0xc0, 0x4f, 0xc9, 0x64, 0xff};

static struct entry *
some_entry(void)
{
	struct entry *e = entry_new("CN=Jos\xc3\xa9,DC=x");

	assert_non_null(e);
	assert_int_equal(entry_add_str(e, "objectClass", "top"), 0);
	assert_int_equal(entry_add_str(e, "OBJECTCLASS", "User"), 0);
	assert_int_equal(entry_add_str(e, "mail", "jose@acme.example"), 0);
	assert_int_equal(entry_touch(e, "title"), 0);
	assert_int_equal(
	    entry_add(e, "objectGUID", (struct bytes){guid_octets, sizeof guid_octets}), 0);
	assert_int_equal(entry_add(e, "photo", (struct bytes){"\0\xff", 2}), 0);
	return e;
}

static void
values(void **state)
{
	_cleanup_(entry_free) struct entry *e = some_entry();
	const struct attr *a = entry_find(e, "objectclass");

	(void)state;
	assert_int_equal(e->n_attrs, 5);
	assert_int_equal(a->n_values, 2);
	assert_string_equal(a->name, "objectClass"); /* as it came first */
	assert_string_equal(a->values[1].data, "User");
	assert_true(entry_has_class(e, "USER"));
	assert_false(entry_has_class(e, "use"));
	assert_memory_equal(e->guid.octets, guid_octets, sizeof guid_octets);
	assert_string_equal(entry_get_str(e, "MAIL"), "jose@acme.example");
	assert_int_equal(entry_get(e, "photo").len, 2);
	assert_memory_equal(entry_get(e, "photo").data, "\0\xff", 3); /* a NUL behind it */
	/* Cleared is there, without values. */
	assert_non_null(entry_find(e, "title"));
	assert_int_equal(entry_find(e, "title")->n_values, 0);
	assert_null(entry_get_str(e, "title"));
	assert_null(entry_find(e, "titl"));
	assert_null(entry_get(e, "absent").data);
	assert_true(attr_has(a, bytes_of("User"), false));
	assert_false(attr_has(a, bytes_of("user"), false));
	assert_true(attr_has(a, bytes_of("user"), true));
	assert_false(attr_has(a, bytes_of("use"), true));
	entry_free(NULL);
}

/* Names of every length up to more than is kept for look-ups, alike at their end, and cut. */
static void
names_alike(void **state)
{
	static const char whole[] = "msExchHomeServerName";
	const size_t n = sizeof whole - 1;
	_cleanup_(entry_free) struct entry *e = entry_new("CN=x");

	(void)state;
	for (size_t i = 0; i < n; i++)
		assert_int_equal(entry_add_str(e, whole + i, whole + i), 0);
	assert_int_equal(e->n_attrs, n);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(entry_get_str(e, whole + i), whole + i);
	assert_string_equal(entry_get_str(e, "MSEXCHHOMESERVERNAME"), whole);
	assert_null(entry_find(e, "xxExchHomeServerName"));
	entry_cut_name(e, &e->attrs[0], strlen("msExchHome"));
	assert_null(entry_find(e, whole));
	assert_string_equal(entry_get_str(e, "msExchHome"), whole);
}

static void
set_and_remove(void **state)
{
	_cleanup_(entry_free) struct entry *e = some_entry();

	(void)state;
	assert_int_equal(entry_set_str(e, "ObjectClass", "contact"), 0);
	assert_int_equal(entry_find(e, "objectClass")->n_values, 1);
	assert_true(entry_has_class(e, "contact"));
	assert_int_equal(entry_set(e, "new", (struct bytes){"a\0b", 3}), 0);
	assert_int_equal(entry_get(e, "new").len, 3);
	assert_int_equal(entry_touch(e, "mail"), 0); /* keeps what is there */
	assert_non_null(entry_get_str(e, "mail"));
	entry_remove(e, "MAIL");
	entry_remove(e, "mail");
	assert_null(entry_find(e, "mail"));
	for (unsigned i = 0; i < 100; i++) {
		char name[] = {'a', (char)('a' + i / 10), (char)('a' + i % 10), '\0'};

		assert_int_equal(entry_add_str(e, name, name), 0);
	}
	assert_string_equal(entry_get_str(e, "AJJ"), "ajj");
	assert_true(entry_has_class(e, "contact"));
}

static void
expect_numbers(const struct entry *e, unsigned n, const bool there[])
{
	for (unsigned i = 0; i < n; i++) {
		char name[24];

		(void)snprintf(name, sizeof name, "Number%u", i);
		if (there[i])
			assert_string_equal(entry_get_str(e, name), name);
		else
			assert_null(entry_find(e, name));
	}
}

/* More attributes than there are places for them, and fewer again, in any order. */
static void
many_names(void **state)
{
	_cleanup_(entry_free) struct entry *e = entry_new("CN=x");
	bool there[400] = {false};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(there); i++) {
		char name[24];

		(void)snprintf(name, sizeof name, "Number%u", i);
		assert_int_equal(entry_add_str(e, name, name), 0);
		there[i] = true;
		if (i == 20)
			expect_numbers(e, ARRAY_SIZE(there), there);
	}
	expect_numbers(e, ARRAY_SIZE(there), there);
	for (unsigned i = 0; i < ARRAY_SIZE(there); i++) {
		_cleanup_(entry_free) struct entry *copy = NULL;
		char name[24];
		unsigned gone = i * 37 % ARRAY_SIZE(there);

		(void)snprintf(name, sizeof name, "nUMBER%u", gone);
		entry_remove(e, name);
		there[gone] = false;
		expect_numbers(e, ARRAY_SIZE(there), there);
		if (i % 50)
			continue;
		copy = entry_dup(e);
		assert_non_null(copy);
		expect_numbers(copy, ARRAY_SIZE(there), there);
	}
	assert_int_equal(e->n_attrs, 0);
}

static void
typed_values(void **state)
{
	static const struct {
		const char *value;
		int64_t number; /* -7: none */
		bool yes;
	} rows[] = {{"514", 514, false}, {"-2147483640", -2147483640, false}, {"TRUE", -7, true},
	    {"true", -7, true}, {"TRUE ", -7, false}, {"FALSE", -7, false}, {"", -7, false},
	    {"5x", -7, false}, {"9223372036854775807", INT64_MAX, false},
	    {"9223372036854775808", -7, false}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(entry_free) struct entry *e = entry_new("");

		assert_int_equal(entry_add_str(e, "a", rows[i].value), 0);
		assert_int_equal(entry_get_i64(e, "a", -7), rows[i].number);
		assert_int_equal(entry_get_bool(e, "a"), rows[i].yes);
		assert_int_equal(entry_get_i64(e, "b", -7), -7);
		assert_false(entry_get_bool(e, "b"));
	}
}

static void
assert_same_entry(const struct entry *x, const struct entry *y)
{
	_cleanup_(buf_done) struct buf p = {0}, q = {0};

	entry_encode(x, &p);
	entry_encode(y, &q);
	assert_true(bytes_equal(buf_bytes(&p), buf_bytes(&q)));
}

static void
entry_encoding(void **state)
{
	_cleanup_(entry_free) struct entry *e = some_entry(), *back = NULL, *copy = entry_dup(e);
	_cleanup_(buf_done) struct buf b = {0};
	struct err err = {0};

	(void)state;
	entry_encode(e, &b);
	assert_int_equal(entry_decode(buf_bytes(&b), &back, &err), 0);
	assert_string_equal(back->dn, e->dn);
	assert_true(guid_equal(&back->guid, &e->guid));
	assert_int_equal(entry_find(back, "title")->n_values, 0);
	assert_same_entry(e, back);
	assert_same_entry(e, copy);
	for (size_t len = 0; len < b.len; len++) {
		_cleanup_(free) void *cut = bytes_dup((struct bytes){b.data, len});
		struct entry *none = NULL;

		assert_int_equal(entry_decode((struct bytes){cut, len}, &none, &err), -1);
		assert_int_equal(err.src, ERR_DATA);
		assert_null(none);
	}
	buf_add_u8(&b, 0);
	entry_free(TAKE(back));
	assert_int_equal(entry_decode(buf_bytes(&b), &back, &err), -1);
	b.data[0]++;
	assert_int_equal(entry_decode(buf_bytes(&b), &back, &err), -1);
}

/* The attributes are N names, each so many octets, and have no values. */
static int
decode_names(size_t n, const struct bytes *names)
{
	_cleanup_(entry_free) struct entry *e = NULL;
	_cleanup_(buf_done) struct buf b = {0};
	struct err err = {0};
	struct guid zero = {{0}};
	int rc;

	buf_add_u8(&b, 1);
	buf_add(&b, zero.octets, GUID_LEN);
	buf_add_bytes(&b, bytes_of("CN=x"));
	buf_add_u32(&b, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		buf_add_bytes(&b, names[i]);
		buf_add_u32(&b, 0);
	}
	rc = entry_decode(buf_bytes(&b), &e, &err);
	assert_true(rc == 0 ? e != NULL : !e && err.src == ERR_DATA);
	return rc;
}

/* The second of two with one name would never be found. */
static void
entry_names_once(void **state)
{
	const struct bytes apart[] = {bytes_of("mail"), bytes_of("member"), bytes_of("manager")};
	const struct bytes twice[] = {bytes_of("mail"), bytes_of("member"), bytes_of("MAIL")};
	const struct bytes nul[] = {bytes_of("mail"), {"mail\0x", 6}};
	struct bytes many[400];
	char names[400][8];

	(void)state;
	assert_int_equal(decode_names(3, apart), 0);
	assert_int_equal(decode_names(3, twice), -1);
	assert_int_equal(decode_names(2, nul), -1);
	assert_int_equal(decode_names(1, &nul[1]), -1);
	/* More than there are places. */
	for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
		(void)snprintf(names[i], sizeof names[i], "a%zu", i);
		many[i] = bytes_of(names[i]);
	}
	assert_int_equal(decode_names(ARRAY_SIZE(many), many), 0);
	many[399] = many[398];
	assert_int_equal(decode_names(ARRAY_SIZE(many), many), -1);
}

/* The GUID alone, of what is too short for all else too. */
static void
entry_guid(void **state)
{
	_cleanup_(entry_free) struct entry *e = some_entry(), *gone = entry_new("");
	_cleanup_(buf_done) struct buf b = {0}, none = {0};
	struct err err = {0};
	struct guid g;
	bool named;

	(void)state;
	entry_encode(e, &b);
	assert_int_equal(entry_decode_guid(buf_bytes(&b), &g, &named, &err), 0);
	assert_true(named && guid_equal(&g, &e->guid));
	entry_encode(gone, &none);
	assert_int_equal(entry_decode_guid(buf_bytes(&none), &g, &named, &err), 0);
	assert_false(named);
	for (size_t len = 0; len < 1 + GUID_LEN + 4; len++) {
		assert_int_equal(
		    entry_decode_guid((struct bytes){b.data, len}, &g, &named, &err), -1);
		assert_int_equal(err.src, ERR_DATA);
	}
}

static void
entry_one_attribute(void **state)
{
	_cleanup_(entry_free) struct entry *e = some_entry(), *one = entry_dup_attr(e, "TITLE"),
					   *none = entry_dup_attr(e, "pager");

	(void)state;
	assert_string_equal(one->dn, e->dn);
	assert_true(guid_equal(&one->guid, &e->guid));
	assert_int_equal(one->n_attrs, 1);
	assert_non_null(entry_find(one, "title"));
	assert_int_equal(none->n_attrs, 0);
	/* It grows as any other. */
	assert_int_equal(entry_add_str(one, "title", "Boss"), 0);
	assert_int_equal(entry_add_str(one, "company", "Globex"), 0);
	assert_string_equal(entry_get_str(one, "company"), "Globex");
}

/* Numbers that promise more than there is. */
static void
entry_too_many(void **state)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct entry *none = NULL;
	struct err err = {0};
	struct guid zero = {{0}};

	(void)state;
	buf_add_u8(&b, 1);
	buf_add(&b, zero.octets, GUID_LEN);
	buf_add_bytes(&b, bytes_of("CN=x"));
	buf_add_u32(&b, UINT32_MAX);
	assert_int_equal(entry_decode(buf_bytes(&b), &none, &err), -1);
	buf_add_bytes(&b, bytes_of("mail"));
	buf_add_u32(&b, UINT32_MAX);
	assert_int_equal(entry_decode(buf_bytes(&b), &none, &err), -1);
	assert_null(none);
}

static struct change *
modify(void)
{
	struct guid g;
	struct change *c;

	memcpy(g.octets, guid_octets, GUID_LEN);
	c = change_new(CHANGE_MODIFY, "CN=a,DC=x", &g);
	assert_non_null(c);
	return c;
}

static void
mods(void **state)
{
	_cleanup_(change_free) struct change *c = modify();

	(void)state;
	assert_true(change_is_empty(c));
	assert_int_equal(change_mod_str(c, MOD_ADD, "mail", "new@x"), 0);
	assert_int_equal(change_mod_str(c, MOD_REPLACE, "title", "Boss"), 0);
	assert_int_equal(change_mod_str(c, MOD_ADD, "MAIL", "more@x"), 0);
	assert_int_equal(change_mod_str(c, MOD_DELETE, "Mail", "old@x"), 0);
	assert_int_equal(change_mod_str(c, MOD_DELETE, "mail", "older@x"), 0);
	assert_int_equal(change_mod_str(c, MOD_DELETE, "fax", "1"), 0);
	assert_false(change_is_empty(c));
	/* Deletions before additions, of the same attribute. */
	assert_int_equal(c->n_mods, 4);
	assert_int_equal(c->mods[0].op, MOD_DELETE);
	assert_string_equal(c->mods[0].attr, "Mail");
	assert_int_equal(c->mods[0].n_values, 2);
	assert_int_equal(c->mods[1].op, MOD_ADD);
	assert_int_equal(c->mods[1].n_values, 2);
	assert_string_equal(c->mods[1].values[1].data, "more@x");
	assert_string_equal(c->mods[2].attr, "title");
	assert_string_equal(c->mods[3].attr, "fax");
	change_free(NULL);
}

static void
described(void **state)
{
	_cleanup_(change_free) struct change *c = modify();
	_cleanup_(buf_done) struct buf brief = {0}, attrs = {0};

	(void)state;
	assert_int_equal(change_mod_str(c, MOD_ADD, "proxyAddresses", "smtp:secret@x"), 0);
	assert_int_equal(change_mod_str(c, MOD_ADD, "proxyAddresses", "smtp:more@x"), 0);
	assert_int_equal(change_mod_str(c, MOD_DELETE, "title", "Old"), 0);
	assert_int_equal(change_mod_str(c, MOD_ADD, "Title", "New"), 0);
	assert_int_equal(change_mod_str(c, MOD_REPLACE, "fax", "1"), 0);
	change_brief(c, &brief);
	change_attrs(c, &attrs);
	assert_string_equal((char *)brief.data, "+proxyAddresses(2) -title +Title =fax");
	assert_string_equal((char *)attrs.data, "proxyAddresses title fax");
	assert_string_equal(change_op_name(c->op), "modify");
}

/* One change of each sort. */
static struct change *
some_change(enum change_op op)
{
	struct change *c = modify();

	c->op = op;
	switch (op) {
	case CHANGE_ADD:
		c->entry = some_entry();
		c->guid = (struct guid){{0}};
		break;
	case CHANGE_MODIFY:
		assert_int_equal(change_mod_str(c, MOD_ADD, "mail", "new@x"), 0);
		assert_int_equal(change_mod_str(c, MOD_DELETE, "mail", "old@x"), 0);
		assert_int_equal(change_mod(c, MOD_REPLACE, "photo", (struct bytes){"\0", 1}), 0);
		break;
	case CHANGE_RENAME:
		c->new_rdn = strdup("CN=b");
		c->new_parent = strdup("OU=y,DC=x");
		break;
	case CHANGE_DELETE: break;
	}
	return c;
}

static void
assert_damaged(const void *data, size_t len)
{
	_cleanup_(free) void *copy = bytes_dup((struct bytes){data, len});
	struct change *none = NULL;
	struct err err = {0};

	assert_int_equal(change_decode((struct bytes){copy, len}, &none, &err), -1);
	assert_int_equal(err.src, ERR_DATA);
	assert_null(none);
}

static void
change_encoding(void **state)
{
	(void)state;
	for (int op = CHANGE_ADD; op <= CHANGE_DELETE; op++) {
		_cleanup_(change_free) struct change *c = some_change((enum change_op)op);
		_cleanup_(change_free) struct change *back = NULL, *copy = change_dup(c);
		_cleanup_(buf_done) struct buf b = {0}, again = {0}, third = {0};
		struct err err = {0};

		change_encode(c, &b);
		assert_int_equal(change_decode(buf_bytes(&b), &back, &err), 0);
		assert_int_equal(back->op, op);
		assert_string_equal(back->dn, c->dn);
		assert_true(guid_equal(&back->guid, &c->guid));
		assert_int_equal(!back->entry, op != CHANGE_ADD);
		change_encode(back, &again);
		change_encode(copy, &third);
		assert_true(bytes_equal(buf_bytes(&b), buf_bytes(&again)));
		assert_true(bytes_equal(buf_bytes(&b), buf_bytes(&third)));
		for (size_t len = 0; len < b.len; len++)
			assert_damaged(b.data, len);
		b.data[1] = (uint8_t)((op + 1) % 4); /* another operation with these contents */
		if (op != CHANGE_DELETE && op != CHANGE_RENAME)
			b.data[1] = CHANGE_RENAME;
		if (op != CHANGE_RENAME)
			assert_damaged(b.data, b.len);
		b.data[1] = CHANGE_DELETE + 1;
		assert_damaged(b.data, b.len);
	}
}

/* A name that would begin a line of its own in LDIF. */
static void
change_names(void **state)
{
	static const char *const bad[] = {
	    "mail\ndn: CN=other", "", "ma il", "mail:", "m\xc3\xa4il"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_(change_free) struct change *c = modify(), *add = some_change(CHANGE_ADD);
		_cleanup_(buf_done) struct buf b = {0}, a = {0};

		assert_int_equal(change_mod_str(c, MOD_ADD, bad[i], "x"), 0);
		change_encode(c, &b);
		assert_damaged(b.data, b.len);
		assert_int_equal(entry_add_str(add->entry, bad[i], "x"), 0);
		change_encode(add, &a);
		assert_damaged(a.data, a.len);
	}
}

static void
assert_ldif(const struct change *c, const char *expected)
{
	_cleanup_(buf_done) struct buf b = {0};

	change_to_ldif(c, &b);
	assert_false(b.failed);
	assert_string_equal((char *)b.data, expected);
}

#define GUID_LINE "# objectGUID: 6f9619ff-8b86-d011-b42d-00c04fc964ff\n"

static void
ldif(void **state)
{
	static const char *const expected[] = {
	    [CHANGE_ADD] = "dn: CN=a,DC=x\n"
			   "changetype: add\n"
			   "objectClass: top\n"
			   "objectClass: User\n"
			   "mail: jose@acme.example\n"
			   "objectGUID:: /xmWb4aLEdC0LQDAT8lk/w==\n"
			   "photo:: AP8=\n\n",
	    [CHANGE_MODIFY] = GUID_LINE "dn: CN=a,DC=x\n"
					"changetype: modify\n"
					"delete: mail\nmail: old@x\n-\n"
					"add: mail\nmail: new@x\n-\n"
					"replace: photo\nphoto:: AA==\n-\n\n",
	    [CHANGE_RENAME] = GUID_LINE "dn: CN=a,DC=x\n"
					"changetype: modrdn\n"
					"newrdn: CN=b\n"
					"deleteoldrdn: 1\n"
					"newsuperior: OU=y,DC=x\n\n",
	    [CHANGE_DELETE] = GUID_LINE "dn: CN=a,DC=x\nchangetype: delete\n\n",
	};
	_cleanup_(change_free) struct change *stay = some_change(CHANGE_RENAME);

	(void)state;
	for (size_t op = 0; op < ARRAY_SIZE(expected); op++) {
		_cleanup_(change_free) struct change *c = some_change((enum change_op)op);

		assert_ldif(c, expected[op]);
	}
	free(TAKE(stay->new_parent));
	assert_ldif(stay, GUID_LINE "dn: CN=a,DC=x\nchangetype: modrdn\nnewrdn: CN=b\n"
				    "deleteoldrdn: 1\n\n");
}

/* RFC 2849: SAFE-STRING without control characters, else base64. */
static void
ldif_values(void **state)
{
	static const struct {
		struct bytes v;
		const char *line;
	} rows[] = {
	    {{"a b", 3}, "a: a b"},
	    {{"", 0}, "a:"},
	    {{" a", 2}, "a:: IGE="},
	    {{"a ", 2}, "a:: YSA="},
	    {{":a", 2}, "a:: OmE="},
	    {{"<a", 2}, "a:: PGE="},
	    {{"a:<", 3}, "a: a:<"},
	    {{"#a", 2}, "a: #a"},
	    {{"\x1b[1m", 4}, "a:: G1sxbQ=="}, /* SAFE-CHAR, but not for a terminal */
	    {{"a\tb", 3}, "a:: YQli"},
	    {{"a\nb", 3}, "a:: YQpi"},
	    {{"a\rb", 3}, "a:: YQ1i"},
	    {{"a\0b", 3}, "a:: YQBi"},
	    {{"Jos\xc3\xa9", 5}, "a:: Sm9zw6k="},
	    {{"\xff\xff\xff\xff", 4}, "a:: /////w=="},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(change_free) struct change *c = change_new(CHANGE_MODIFY, "dc=x", NULL);
		_cleanup_(buf_done) struct buf b = {0};

		assert_int_equal(change_mod(c, MOD_REPLACE, "a", rows[i].v), 0);
		buf_printf(&b, "dn: dc=x\nchangetype: modify\nreplace: a\n%s\n-\n\n", rows[i].line);
		assert_ldif(c, (char *)b.data);
	}
}

/* Lines of at most 76 octets; joined again they are what was folded. */
static void
ldif_folding(void **state)
{
	char text[400];

	(void)state;
	for (size_t len = 60; len < sizeof text; len++) {
		_cleanup_(change_free) struct change *c = change_new(CHANGE_MODIFY, "dc=x", NULL);
		_cleanup_(buf_done) struct buf b = {0}, joined = {0}, expected = {0};
		size_t start = 0;

		memset(text, 'a', len);
		text[len] = '\0';
		assert_int_equal(change_mod_str(c, MOD_REPLACE, "a", text), 0);
		change_to_ldif(c, &b);
		for (size_t i = 0; i < b.len; i++) {
			if (b.data[i] == '\n') {
				assert_true(i - start <= 76);
				start = i + 1;
			}
			if (b.data[i] == '\n' && b.data[i + 1] == ' ')
				i++;
			else
				buf_add(&joined, &b.data[i], 1);
		}
		buf_printf(
		    &expected, "dn: dc=x\nchangetype: modify\nreplace: a\na: %s\n-\n\n", text);
		assert_string_equal((char *)joined.data, (char *)expected.data);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values),
	    cmocka_unit_test(names_alike),
	    cmocka_unit_test(set_and_remove),
	    cmocka_unit_test(many_names),
	    cmocka_unit_test(typed_values),
	    cmocka_unit_test(entry_encoding),
	    cmocka_unit_test(entry_names_once),
	    cmocka_unit_test(entry_guid),
	    cmocka_unit_test(entry_one_attribute),
	    cmocka_unit_test(entry_too_many),
	    cmocka_unit_test(mods),
	    cmocka_unit_test(described),
	    cmocka_unit_test(change_encoding),
	    cmocka_unit_test(change_names),
	    cmocka_unit_test(ldif),
	    cmocka_unit_test(ldif_values),
	    cmocka_unit_test(ldif_folding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
