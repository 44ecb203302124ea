/* SPDX-License-Identifier: MIT */

/* What one server told, and who has heard how much of it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/directory/feed_log.h"

#define QUESTIONS 8

static const char *const mail[] = {"mail", "name", NULL};
static const char *const title[] = {"Title", "NAME", NULL};
static const char *const nothing[] = {NULL};

/* An object is named by a letter. */
static struct dir_change
object(char c)
{
	struct dir_change ch = {.dn = "", .named = c == 'n', .deleted = c == 'd'};

	memset(ch.guid.octets, c, GUID_LEN);
	return ch;
}

static void
ask(struct feed_log *l, const char *from, const char *told, const char *to, int for_all)
{
	_cleanup_(feed_told_done) struct feed_told t = {0};

	for (; *told; told++) {
		const struct dir_change c = object(*told);

		assert_int_equal(feed_told_add(&t, &c), 0);
	}
	assert_int_equal(feed_log_add(l, bytes_of(from), &t, bytes_of(to)), for_all);
}

static int
take(const struct dir_change *c, void *arg, struct err *err)
{
	char *text = arg;
	const struct dir_change same = object((char)c->guid.octets[0]);

	(void)err;
	assert_string_equal(c->dn, "");
	assert_int_equal(c->named, same.named);
	assert_int_equal(c->deleted, same.deleted);
	text[strlen(text)] = (char)c->guid.octets[0];
	return 0;
}

/* What CURSOR has not heard, or NULL if the log does not know it. */
static const char *
unheard_of(struct feed_log *l, const char *cursor, const char *const *attrs)
{
	static char text[64];
	struct err err;
	uint64_t from;

	memset(text, 0, sizeof text);
	if (!feed_log_find(l, bytes_of(cursor), attrs, &from))
		return NULL;
	assert_int_equal(feed_log_tell(l, from, take, text, &err), 0);
	return text;
}

static void
expect(struct feed_log *l, const char *cursor, const char *unheard)
{
	const char *found = unheard_of(l, cursor, nothing);

	if (!unheard != !found || (unheard && strcmp(unheard, found) != 0))
		fail_msg("%s: '%s' and not '%s'", cursor, found ? found : "not known",
		    unheard ? unheard : "not known");
}

struct row {
	const char *name;
	struct {
		const char *from, *told, *to;
		int for_all;
	} questions[QUESTIONS];
	struct {
		const char *cursor, *unheard; /* NULL: not known */
	} then[QUESTIONS];
	const char *head;
};

static const struct row rows[] = {
    {.name = "nothing was asked", .then = {{"K", NULL}}, .head = ""},
    {.name = "only a cursor is wanted",
	.questions = {{"", "", "N", 1}},
	.then = {{"N", ""}, {"K", NULL}},
	.head = "N"},
    {.name = "the first answer is for everyone that has the same cursor",
	.questions = {{"K", "ab", "N", 1}},
	.then = {{"K", "ab"}, {"N", ""}},
	.head = "N"},
    {.name = "from the head on",
	.questions = {{"K", "ab", "L", 1}, {"L", "", "M", 1}, {"M", "cnd", "N", 1}},
	.then = {{"K", "abcnd"}, {"L", "cnd"}, {"M", "cnd"}, {"N", ""}},
	.head = "N"},
    {.name = "nothing is new, and the cursor is as good as ever",
	.questions = {{"K", "a", "N", 1}, {"N", "", "N", 1}},
	.then = {{"K", "a"}, {"N", ""}},
	.head = "N"},
    {.name = "one comes by itself, and has missed nothing",
	.questions = {{"K", "a", "N", 1}, {"X", "", "Y", 0}, {"N", "b", "O", 1}},
	.then = {{"X", "b"}, {"Y", "b"}, {"K", "ab"}, {"O", ""}},
	.head = "O"},
    {.name = "one comes by itself, and what it has missed is its own",
	.questions = {{"K", "a", "N", 1}, {"X", "xy", "Y", 0}, {"N", "b", "O", 1}},
	.then = {{"X", NULL}, {"Y", "b"}, {"K", "ab"}},
	.head = "O"},
    {.name = "a new one gets a cursor only",
	.questions = {{"K", "a", "N", 1}, {"", "", "Y", 0}, {"N", "b", "O", 1}},
	.then = {{"Y", "b"}, {"", NULL}},
	.head = "O"},
    /* As a server that tells changes and gives the cursor that it was asked with. */
    {.name = "who heard of something and did not move hears of it again",
	.questions = {{"K", "a", "K", 1}, {"K", "b", "K", 1}, {"K", "c", "L", 1}},
	.then = {{"K", "abc"}, {"L", ""}},
	.head = "L"},
    {.name = "two ways to one cursor",
	.questions = {{"", "", "H", 1}, {"", "", "N", 0}, {"H", "a", "N", 1}, {"N", "b", "O", 1}},
	.then = {{"H", "ab"}, {"N", "b"}, {"O", ""}},
	.head = "O"},
};

static void
who_heard_what(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(feed_log_free) struct feed_log *l = feed_log_new();
		const struct row *r = &rows[i];

		assert_non_null(l);
		print_message("%s\n", r->name);
		for (size_t j = 0; j < QUESTIONS && r->questions[j].from; j++)
			ask(l, r->questions[j].from, r->questions[j].told, r->questions[j].to,
			    r->questions[j].for_all);
		for (size_t j = 0; j < QUESTIONS && r->then[j].cursor; j++)
			expect(l, r->then[j].cursor, r->then[j].unheard);
		assert_true(bytes_equal(feed_log_head(l), bytes_of(r->head)));
		feed_log_forget(l);
		assert_int_equal(feed_log_head(l).len, 0);
		for (size_t j = 0; j < QUESTIONS && r->then[j].cursor; j++)
			expect(l, r->then[j].cursor, NULL);
	}
}

/* Who wants more than was asked about then has to ask itself. */
static void
attributes(void **state)
{
	_cleanup_(feed_log_free) struct feed_log *l = feed_log_new();

	(void)state;
	assert_non_null(l);
	assert_null(feed_log_attrs(l)[0]);
	assert_int_equal(feed_log_want(l, mail), 0);
	ask(l, "K", "a", "N", 1);
	assert_string_equal(unheard_of(l, "K", mail), "a");
	assert_null(unheard_of(l, "K", title));
	assert_null(unheard_of(l, "N", title));
	assert_int_equal(feed_log_want(l, title), 0);
	assert_int_equal(feed_log_want(l, mail), 0);
	assert_string_equal(feed_log_attrs(l)[0], "mail");
	assert_string_equal(feed_log_attrs(l)[2], "Title");
	assert_null(feed_log_attrs(l)[3]);
	/* Wanting alone tells nothing of what was before. */
	assert_null(unheard_of(l, "K", title));
	assert_null(unheard_of(l, "N", title));
	ask(l, "X", "", "Y", 0);
	assert_string_equal(unheard_of(l, "X", title), "");
	ask(l, "N", "b", "O", 1);
	assert_string_equal(unheard_of(l, "N", title), "b");
	assert_string_equal(unheard_of(l, "X", title), "b");
	assert_string_equal(unheard_of(l, "O", title), "");
	assert_string_equal(unheard_of(l, "K", mail), "ab");
	assert_null(unheard_of(l, "K", title));
}

static void
add_many(struct feed_log *l, const char *from, size_t n, const char *to)
{
	_cleanup_(feed_told_done) struct feed_told t = {0};
	const struct dir_change c = object('x');

	for (size_t i = 0; i < n; i++)
		assert_int_equal(feed_told_add(&t, &c), 0);
	assert_int_equal(t.many, n > FEED_LOG_CHANGES);
	assert_int_equal(feed_log_add(l, bytes_of(from), &t, bytes_of(to)), 1);
}

/* It has a bound: the oldest changes go, and with them who has not heard of them. */
static void
much(void **state)
{
	_cleanup_(feed_log_free) struct feed_log *l = feed_log_new();

	(void)state;
	assert_non_null(l);
	ask(l, "K", "a", "L", 1);
	add_many(l, "L", FEED_LOG_CHANGES - 1, "M");
	ask(l, "M", "b", "N", 1);
	expect(l, "K", NULL);
	expect(l, "M", "b");
	expect(l, "N", "");
	/* Of so many at once the log keeps none: only the flow that asked has them. */
	add_many(l, "N", FEED_LOG_CHANGES + 1, "O");
	expect(l, "M", NULL);
	expect(l, "N", NULL);
	expect(l, "O", "");
	ask(l, "O", "c", "P", 1);
	expect(l, "O", "c");
}

/* Cursors that nobody has any more go, those in use and the head stay. */
static void
many_cursors(void **state)
{
	_cleanup_(feed_log_free) struct feed_log *l = feed_log_new();
	char name[32], before[32] = "K";

	(void)state;
	assert_non_null(l);
	for (int i = 0; i < 3 * FEED_LOG_CURSORS; i++) {
		(void)snprintf(name, sizeof name, "cursor %d", i);
		ask(l, before, "", name, 1);
		expect(l, "K", "");
		memcpy(before, name, sizeof before);
	}
	expect(l, "cursor 0", NULL);
	expect(l, before, "");
	ask(l, before, "a", "N", 1);
	expect(l, "K", "a");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_heard_what),
	    cmocka_unit_test(attributes),
	    cmocka_unit_test(much),
	    cmocka_unit_test(many_cursors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
