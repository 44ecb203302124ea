/* SPDX-License-Identifier: MIT */

/* The map's own list of pairs: what may be said, what is kept, also beside the map, and how the
 * journal has it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "mapping/resolution.h"
#include "tests/support/keepsake_fixture.h"

#define WITH RESOLVED_BIT(RESOLVED_WITH)
#define CREATE RESOLVED_BIT(RESOLVED_CREATE)
#define IGNORE RESOLVED_BIT(RESOLVED_IGNORE)

/* Every reason: of an object without a counterpart, and of one that has it. */
static void
what_ends_which(void **state)
{
	static const struct {
		unsigned alone, synced;
	} table[] = {
	    [CONFLICT_AMBIGUOUS] = {WITH | CREATE | IGNORE, IGNORE},
	    [CONFLICT_TAKEN] = {WITH | CREATE | IGNORE, IGNORE},
	    [CONFLICT_KIND] = {WITH | CREATE | IGNORE, IGNORE},
	    [CONFLICT_ADDRESS] = {WITH | IGNORE, IGNORE},
	    [CONFLICT_NAME] = {WITH | IGNORE, IGNORE},
	    [CONFLICT_STAMP] = {WITH | CREATE | IGNORE, IGNORE},
	    [CONFLICT_ADOPT] = {WITH | CREATE | IGNORE, IGNORE},
	    [CONFLICT_REFUSED] = {WITH | CREATE | IGNORE, IGNORE},
	    [CONFLICT_MATCH] = {WITH | CREATE | IGNORE, WITH | IGNORE},
	    [CONFLICT_FOREIGN] = {IGNORE, IGNORE},
	    [CONFLICT_UNDONE] = {IGNORE, IGNORE},
	};

	(void)state;
	assert_int_equal(ARRAY_SIZE(table), CONFLICT_REASON_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		enum conflict_reason r = (enum conflict_reason)i;

		assert_int_equal(resolution_possible(r, false), table[i].alone);
		assert_int_equal(resolution_possible(r, true), table[i].synced);
	}
}

static struct resolution
said(enum resolved_as as, uint8_t who)
{
	static char source[] = "CN=J\xc3\xb3,DC=acme", target[] = "CN=B, C,DC=globex", none[] = "",
		    why[] = "ambiguous: mail=a\"b";

	return (struct resolution){.source = fixture_guid(who, 1),
	    .as = as,
	    .target = as == RESOLVED_WITH ? fixture_guid(who, 2) : (struct guid){{0}},
	    .by = 1000,
	    .at = 1700000000,
	    .source_dn = source,
	    .target_dn = as == RESOLVED_WITH ? target : none,
	    .evidence = why};
}

static void
same(const struct resolution *x, const struct resolution *y)
{
	assert_true(guid_equal(&x->source, &y->source));
	assert_true(resolution_is_same(x, y));
	assert_int_equal(x->by, y->by);
	assert_int_equal(x->at, y->at);
	assert_string_equal(x->source_dn, y->source_dn);
	assert_string_equal(x->target_dn, y->target_dn);
	assert_string_equal(x->evidence, y->evidence);
}

/* No prefix of one is one, and nothing behind it is read over. */
static void
encoded(void **state)
{
	const struct resolution r = said(RESOLVED_WITH, 7);
	_cleanup_(buf_done) struct buf b = {0};
	struct err err;

	(void)state;
	resolution_encode(&r, &b);
	for (size_t len = 0; len <= b.len + 1; len++) {
		_cleanup_(resolution_done) struct resolution back = {.as = RESOLVED_NOT};
		_cleanup_(buf_done) struct buf part = {0};
		int rc;

		buf_add(&part, b.data, len < b.len ? len : b.len);
		if (len > b.len)
			buf_add_u8(&part, 0);
		rc = resolution_decode(buf_bytes(&part), &r.source, &back, &err);
		assert_int_equal(rc, len == b.len ? 0 : -1);
		if (rc == 0)
			same(&r, &back);
	}
}

static void
say(struct fixture *f, uint32_t link, const struct resolution *r, uint64_t undoes)
{
	struct store_txn *t = fixture_begin(f, STORE_WRITE);
	struct err err;

	if (!link)
		link = fixture_link(t, "acme-globex");
	if (store_resolve(t, link, r, 3, undoes, &err) < 0)
		fail_msg("%s", err.text);
	fixture_commit(t);
}

static void
is_said(struct fixture *f, uint8_t who, enum resolved_as as)
{
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_READ);
	_cleanup_(resolution_done) struct resolution r = {.as = RESOLVED_NOT};
	const struct guid g = fixture_guid(who, 1);
	const struct resolution expected = said(as, who);
	struct err err;
	bool found;

	assert_int_equal(store_find_resolution(t, 1, &g, &r, &found, &err), 0);
	assert_int_equal(found, as != RESOLVED_NOT);
	if (found)
		same(&r, &expected);
}

static int
show_entry(const struct journal_entry *e, void *arg, struct err *err)
{
	_cleanup_(resolution_done) struct resolution is = {.as = RESOLVED_NOT},
						     was = {.as = RESOLVED_NOT};

	assert_true(resolution_is_change(e));
	assert_int_equal(e->outcome, JOURNAL_DONE);
	assert_int_equal(e->asked.by, ASKED_BY_USER);
	if (resolution_of_change(e, false, &is, err) < 0 ||
	    resolution_of_change(e, true, &was, err) < 0)
		fail_msg("%s", err->text);
	assert_string_equal(is.source_dn, "CN=J\xc3\xb3,DC=acme");
	buf_printf(arg, "%llu %u %s %u %s -> %s %u %s\n", (unsigned long long)e->number,
	    e->asked.id, resolved_as_name(was.as), fixture_number(&was.target), was.target_dn,
	    resolved_as_name(is.as), fixture_number(&is.target), is.target_dn);
	return 0;
}

static int
count_retry(const struct store_retry *r, void *arg, struct err *err)
{
	(void)err;
	*(unsigned *)arg += r->attempts == 0;
	return 0;
}

/* What is said, said otherwise, and taken back; the object is looked at again. */
static void
journaled(void **state)
{
	struct fixture *f = *state;
	const struct resolution with = said(RESOLVED_WITH, 1), create = said(RESOLVED_CREATE, 1),
				none = said(RESOLVED_NOT, 1);
	_cleanup_(store_abort) struct store_txn *t = NULL;
	_cleanup_(buf_done) struct buf b = {0};
	struct guid g = fixture_guid(1, 1);
	unsigned again = 0;
	struct err err;

	is_said(f, 1, RESOLVED_NOT);
	say(f, 0, &with, 0);
	is_said(f, 1, RESOLVED_WITH);
	say(f, 0, &create, 0);
	is_said(f, 1, RESOLVED_CREATE);
	say(f, 0, &none, 2);
	is_said(f, 1, RESOLVED_NOT);
	t = fixture_begin(f, STORE_READ);
	assert_int_equal(journal_each_of(t, &g, show_entry, &b, &err), 0);
	assert_string_equal((const char *)b.data, "1 1000 nothing 0  -> with 1 CN=B, C,DC=globex\n"
						  "2 1000 with 1 CN=B, C,DC=globex -> create 0 \n"
						  "3 1000 create 0  -> nothing 0 \n");
	assert_int_equal(store_each_retry(t, 1, 0, count_retry, &again, &err), 0);
	assert_int_equal(again, 1);
}

/* A lost map has it again; what a file says that is none is not taken. */
static void
kept_beside_the_map(void **state)
{
	struct fixture *f = *state;
	const struct resolution with = said(RESOLVED_WITH, 1), ignore = said(RESOLVED_IGNORE, 2),
				none = said(RESOLVED_NOT, 3);
	struct news news;

	keepsake_open(f, &news);
	say(f, 0, &with, 0);
	say(f, 0, &ignore, 0);
	say(f, 0, &none, 0);
	lose_map(f);
	keepsake_open(f, &news);
	assert_int_equal(news.last.kind, KEEPSAKE_TAKEN_UP);
	assert_int_equal(news.last.counts.verdicts, 2);
	is_said(f, 1, RESOLVED_WITH);
	is_said(f, 2, RESOLVED_IGNORE);
	is_said(f, 3, RESOLVED_NOT);
}

/* Changes the file: FROM becomes TO. */
static void
edit(const struct fixture *f, const char *from, const char *to)
{
	char path[300], text[4096], *at;
	size_t n;
	FILE *file;

	keepsake_path(f, path, sizeof path);
	file = fopen(path, "r+");
	assert_non_null(file);
	n = fread(text, 1, sizeof text - 1, file);
	text[n] = '\0';
	at = strstr(text, from);
	assert_non_null(at);
	rewind(file);
	assert_int_equal(ftruncate(fileno(file), 0), 0);
	(void)fprintf(file, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	assert_int_equal(fclose(file), 0);
}

static void
files_of_others(void **state)
{
	static const struct {
		const char *from, *to, *why; /* WHY NULL: it is taken */
	} table[] = {
	    {",\n\"resolutions\":[", ",\n\"resolution\":[", "\"resolution\""},
	    {"\"create\"", "\"made\"", "none of: with create ignore"},
	    {"\"create\"", "\"with\"", "\"target\" goes with \"with\""},
	    {"\"by\":1000", "\"by\":-1", "\"by\" is no whole number"},
	    /* An older galsync does not know the section. */
	    {",\n\"resolutions\":[\n{", ",\n\"resolutions\":[\n{", NULL},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct resolution create = said(RESOLVED_CREATE, 1);
		struct news news;

		keepsake_open(f, &news);
		say(f, 0, &create, 0);
		lose_map(f);
		edit(f, table[i].from, table[i].to);
		keepsake_open(f, &news);
		assert_int_equal(news.last.kind, table[i].why ? KEEPSAKE_BAD : KEEPSAKE_TAKEN_UP);
		if (table[i].why && !strstr(news.why, table[i].why))
			fail_msg("'%s' is no '%s'", news.why, table[i].why);
		is_said(f, 1, table[i].why ? RESOLVED_NOT : RESOLVED_CREATE);
		lose_map(f);
	}
}

/* The file of an older galsync has no such section. */
static void
file_of_an_older_one(void **state)
{
	struct fixture *f = *state;
	const struct resolution none = said(RESOLVED_NOT, 1);
	struct news news;

	keepsake_open(f, &news);
	say(f, 0, &none, 0);
	lose_map(f);
	edit(f, ",\n\"resolutions\":[]", "");
	keepsake_open(f, &news);
	assert_int_equal(news.last.kind, KEEPSAKE_TAKEN_UP);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_ends_which),
	    cmocka_unit_test(encoded),
	    cmocka_unit_test_setup_teardown(journaled, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(
		kept_beside_the_map, fixture_setup_dir, fixture_teardown),
	    cmocka_unit_test_setup_teardown(files_of_others, fixture_setup_dir, fixture_teardown),
	    cmocka_unit_test_setup_teardown(
		file_of_an_older_one, fixture_setup_dir, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
