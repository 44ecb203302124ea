/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/directory/feed.h"

#define A "aaaaaaaa-0000-0000-0000-000000000001"
#define B "bbbbbbbb-0000-0000-0000-000000000002"

/* ---- what is to be asked ---- */

/* A cursor of USN 100. WAY 0: there is none. */
struct row {
	const char *name;
	enum feed_way way;
	const char *then, *now; /* the invocationIds of the cursor and of the server */
	uint64_t usn;		/* of the server */
	enum feed_step step;
	const char *why; /* a part of it */
	bool no_dirsync;
	enum feed_former former;
};

static const struct row rows[] = {
    {"the first question", 0, "", A, 100, FEED_STEP_START, .why = NULL},
    {"the first, without the right", 0, "", A, 100, FEED_STEP_START, .why = NULL,
	.no_dirsync = true},
    {"the first, of a server that hides its id", 0, "", "", 100, FEED_STEP_START, .why = NULL},

    {"DirSync, nothing happened", FEED_DIRSYNC, A, A, 100, FEED_STEP_NOTHING, .why = NULL},
    {"DirSync, one more", FEED_DIRSYNC, A, A, 101, FEED_STEP_DIRSYNC, .why = NULL},
    {"DirSync, a window of USNs that were given to nothing of ours", FEED_DIRSYNC, A, A, UINT64_MAX,
	FEED_STEP_DIRSYNC, .why = NULL},
    {"DirSync, the USN went back by one", FEED_DIRSYNC, A, A, 99, FEED_STEP_LOST,
	.why = "set back"},
    {"DirSync, the USN is that of a new database", FEED_DIRSYNC, A, A, 0, FEED_STEP_LOST,
	.why = "set back"},
    {"DirSync, the right was taken", FEED_DIRSYNC, A, A, 101, FEED_STEP_LOST, .why = "DirSync",
	.no_dirsync = true},
    {"DirSync, the right was taken, nothing happened", FEED_DIRSYNC, A, A, 100, FEED_STEP_LOST,
	.why = "DirSync", .no_dirsync = true},
    {"DirSync, the right was taken, another server", FEED_DIRSYNC, A, B, 50, FEED_STEP_LOST,
	.why = "DirSync", .no_dirsync = true},

    /* Its cookie is good with every DC, unless its own was restored. */
    {"DirSync, another server", FEED_DIRSYNC, A, B, 100, FEED_STEP_LOOK, .why = NULL},
    {"DirSync, another server with a smaller USN", FEED_DIRSYNC, A, B, 5, FEED_STEP_LOOK,
	.why = NULL},
    {"DirSync, another server, the former is there", FEED_DIRSYNC, A, B, 100, FEED_STEP_DIRSYNC,
	.why = NULL, .former = FEED_FORMER_THERE},
    {"DirSync, a restored server", FEED_DIRSYNC, A, B, 100, FEED_STEP_LOST, .why = "restored",
	.former = FEED_FORMER_GONE},
    {"DirSync, another server that hides its id", FEED_DIRSYNC, A, "", 100, FEED_STEP_DIRSYNC,
	.why = NULL},
    {"DirSync, the former one hid its id", FEED_DIRSYNC, "", B, 100, FEED_STEP_DIRSYNC,
	.why = NULL},
    /* Whichever server it is: equal USNs prove nothing, and a smaller one may be a database set
       back. */
    {"DirSync, ids are hidden", FEED_DIRSYNC, "", "", 100, FEED_STEP_DIRSYNC, .why = NULL},
    {"DirSync, ids are hidden, a smaller USN", FEED_DIRSYNC, "", "", 99, FEED_STEP_LOST,
	.why = "set back"},

    {"uSNChanged, nothing happened", FEED_USN, A, A, 100, FEED_STEP_NOTHING, .why = NULL,
	.no_dirsync = true},
    {"uSNChanged, one more", FEED_USN, A, A, 101, FEED_STEP_USN, .why = NULL, .no_dirsync = true},
    {"uSNChanged, a window of USNs", FEED_USN, A, A, UINT64_MAX, FEED_STEP_USN, .why = NULL,
	.no_dirsync = true},
    {"uSNChanged, the right was given", FEED_USN, A, A, 101, FEED_STEP_USN, .why = NULL},
    {"uSNChanged, the USN went back", FEED_USN, A, A, 99, FEED_STEP_LOST, .why = "set back",
	.no_dirsync = true},
    {"uSNChanged, another server", FEED_USN, A, B, 100, FEED_STEP_LOST, .why = "another server",
	.no_dirsync = true},
    {"uSNChanged, another server with a larger USN", FEED_USN, A, B, 101, FEED_STEP_LOST,
	.why = "another server", .no_dirsync = true},
    {"uSNChanged, another server, the right was given", FEED_USN, A, B, 101, FEED_STEP_LOST,
	.why = "another server"},
    {"uSNChanged, another server that hides its id", FEED_USN, A, "", 101, FEED_STEP_LOST,
	.why = "another server"},
    {"uSNChanged, the former one hid its id", FEED_USN, "", B, 101, FEED_STEP_LOST,
	.why = "another server"},
    /* It may be another one each time. */
    {"uSNChanged, ids are hidden", FEED_USN, "", "", 101, FEED_STEP_LOST, .why = "does not show"},
    {"uSNChanged, ids are hidden, equal USNs", FEED_USN, "", "", 100, FEED_STEP_LOST,
	.why = "does not show"},
};

static void
next_step(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];
		struct feed_cursor c = {.way = r->way, .usn = 100};
		struct feed_server now = {.invocation = r->now,
		    .usn = r->usn,
		    .no_dirsync = r->no_dirsync,
		    .former = r->former};
		const char *why = NULL;
		enum feed_step step;

		strcpy(c.invocation, r->then);
		step = feed_next(r->way ? &c : NULL, &now, &why);
		if (step != r->step)
			fail_msg("%s: step %d, not %d", r->name, (int)step, (int)r->step);
		if (r->why ? !why || !strstr(why, r->why) : why != NULL)
			fail_msg("%s: '%s'", r->name, why ? why : "");
	}
}

/* Nothing that was committed after the cursor is ever skipped: NOTHING is only said of the same
 * database at the same USN, and USN only of the same database. */
static void
nothing_is_skipped(void **state)
{
	static const char *const ids[] = {"", A, B};
	static const uint64_t usns[] = {0, 99, 100, 101, UINT64_MAX};

	(void)state;
	for (unsigned i = 0; i < 2 * 3 * 3 * ARRAY_SIZE(usns) * 2 * 3; i++) {
		struct feed_cursor c = {.way = i % 2 ? FEED_USN : FEED_DIRSYNC, .usn = 100};
		struct feed_server s = {.invocation = ids[i / 6 % 3],
		    .usn = usns[i / 18 % ARRAY_SIZE(usns)],
		    .no_dirsync = i / 90 % 2,
		    .former = (enum feed_former)(i / 180 % 3)};
		const char *why = NULL;
		enum feed_step step;
		bool same;

		strcpy(c.invocation, ids[i / 2 % 3]);
		step = feed_next(&c, &s, &why);
		same = *s.invocation && strcmp(c.invocation, s.invocation) == 0;
		assert_int_not_equal(step, FEED_STEP_START);
		assert_int_equal(step == FEED_STEP_LOST, why != NULL);
		if (step == FEED_STEP_NOTHING)
			assert_true(same && s.usn == c.usn);
		if (step == FEED_STEP_USN)
			assert_true(c.way == FEED_USN && same && s.usn > c.usn);
		if (step == FEED_STEP_DIRSYNC)
			assert_true(c.way == FEED_DIRSYNC && !s.no_dirsync);
		if (step == FEED_STEP_LOOK)
			assert_int_equal(s.former, FEED_FORMER_UNKNOWN);
	}
}

/* ---- cursors ---- */

static void
there_and_back(void **state)
{
	static const char cookie[] = "MSDS\0\x03";
	struct feed_cursor all[] = {
	    {FEED_DIRSYNC, A, UINT64_MAX, {cookie, sizeof cookie}},
	    {FEED_USN, B, 0, {"", 0}},
	    {FEED_USN, "", 7, {"", 0}},
	};
	_cleanup_(buf_done) struct buf b = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct feed_cursor c;

		feed_cursor_encode(&all[i], &b);
		assert_false(b.failed);
		assert_true(feed_cursor_decode(buf_bytes(&b), &c));
		assert_int_equal(c.way, all[i].way);
		assert_string_equal(c.invocation, all[i].invocation);
		assert_int_equal(c.usn, all[i].usn);
		assert_true(bytes_equal(c.cookie, all[i].cookie));
	}
}

/* Whatever is in the map. */
static void
damaged(void **state)
{
	struct feed_cursor c = {FEED_DIRSYNC, A, 5, {"cookie", 6}};
	char longer[GUID_TEXT_SIZE + 1];
	_cleanup_(buf_done) struct buf b = {0};

	(void)state;
	feed_cursor_encode(&c, &b);
	for (size_t len = 0; len < b.len; len++)
		assert_false(feed_cursor_decode((struct bytes){b.data, len}, &c));
	/* Its version, and its way. */
	for (size_t i = 0; i < 2; i++)
		for (unsigned v = 0; v < 256; v++) {
			uint8_t was = b.data[i];
			bool good = v == 1 || (i == 1 && v == 2);

			b.data[i] = (uint8_t)v;
			assert_int_equal(feed_cursor_decode(buf_bytes(&b), &c), good);
			b.data[i] = was;
		}
	memset(longer, 'x', sizeof longer);
	buf_reset(&b);
	buf_add_u8(&b, 1);
	buf_add_u8(&b, FEED_USN);
	buf_add_bytes(&b, (struct bytes){longer, sizeof longer});
	buf_add_u64(&b, 1);
	buf_add_bytes(&b, (struct bytes){"", 0});
	assert_false(feed_cursor_decode(buf_bytes(&b), &c));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(next_step),
	    cmocka_unit_test(nothing_is_skipped), cmocka_unit_test(there_and_back),
	    cmocka_unit_test(damaged)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
