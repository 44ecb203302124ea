/* SPDX-License-Identifier: MIT */
/* Which lines a link writes, and when it is silent. The journal is a function of our own. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <lmdb.h>
#include <systemd/sd-journal.h>

#include "dsa/daemon/lines.h"

static char journal[8192]; /* the last line: its fields, each between two line ends */
static unsigned n_lines;

int
sd_journal_sendv(const struct iovec *iov, int n)
{
	(void)strcpy(journal, "\n");
	for (int i = 0; i < n; i++) {
		strncat(journal, iov[i].iov_base, iov[i].iov_len);
		strcat(journal, "\n");
	}
	n_lines++;
	return 0;
}

static const struct guid ann = {{1}}, bob = {{2}};
static struct lines *lines;

static int
set_up(void **state)
{
	char stream[64];
	struct stat st;
	struct err err;

	(void)state;
	if (fstat(STDERR_FILENO, &st) < 0)
		return -1;
	(void)snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino);
	(void)setenv("JOURNAL_STREAM", stream, 1);
	log_init();
	log_set_level(LOG_INFO);
	n_lines = 0;
	return lines_new("acme-globex", 60, &lines, &err);
}

static int
tear_down(void **state)
{
	(void)state;
	lines_free(lines);
	return 0;
}

/* Tells E; how many lines that made. */
static unsigned
tell(const struct run_event *e)
{
	n_lines = 0;
	lines_event(e, lines);
	return n_lines;
}

static void
assert_field(const char *name, const char *value)
{
	char field[512];

	(void)snprintf(field, sizeof field, "\n%s=%s\n", name, value);
	if (!strstr(journal, field))
		fail_msg("%s: not in:%s", field + 1, journal);
}

static void
assert_id(enum log_id id)
{
	assert_field("MESSAGE_ID", log_id_text(id));
}

static struct run_event
about(enum run_event_kind kind, int level, const struct guid *g, const char *text)
{
	return (struct run_event){.kind = kind,
	    .level = level,
	    .source = g,
	    .dn = g ? "CN=x" : "acme-globex",
	    .text = text};
}

static void
notes_once(void **state)
{
	struct run_event e = about(RUN_MESSAGE, LOG_WARNING, &ann, "title is too long");
	struct run_event other = about(RUN_MESSAGE, LOG_WARNING, &bob, "title is too long");
	struct run_event full = {.kind = RUN_BEGUN, .level = LOG_INFO, .cycle = 7, .text = "x"};
	struct cycle_result r = {.number = 7};

	(void)state;
	lines_begin(lines, true);
	assert_int_equal(tell(&e), 0);
	lines_begin(lines, false);
	assert_int_equal(tell(&e), 1);
	assert_id(LOG_ID_ENTRY_SKIPPED);
	assert_field("GALSYNC_GUID", "00000001-0000-0000-0000-000000000000");
	assert_int_equal(tell(&e), 0);
	assert_int_equal(tell(&other), 1);
	e.text = "title is much too long";
	assert_int_equal(tell(&e), 1);
	/* A full cycle in which it was well ends it. */
	assert_int_equal(tell(&full), 1);
	assert_id(LOG_ID_CYCLE_BEGIN);
	assert_field("GALSYNC_CYCLE", "7");
	assert_int_equal(tell(&other), 0);
	lines_succeeded(lines, &r);
	assert_int_equal(tell(&other), 0);
	assert_int_equal(tell(&e), 1);
	/* What is no condition but has happened is told each time. */
	e.level = LOG_NOTICE;
	assert_int_equal(tell(&e), 1);
	assert_int_equal(tell(&e), 1);
}

static void
changes(void **state)
{
	struct run_event e = {.kind = RUN_CHANGED,
	    .level = LOG_INFO,
	    .cycle = 12,
	    .source = &ann,
	    .dn = "CN=Ann,DC=globex",
	    .side = TARGET,
	    .peer = "dc.globex.example",
	    .op = "modify",
	    .attrs = "title",
	    .text = "project: -title +title"};

	(void)state;
	assert_int_equal(tell(&e), 1);
	assert_int_equal(tell(&e), 1);
	assert_id(LOG_ID_CHANGE);
	assert_field("MESSAGE", "modify of 'CN=Ann,DC=globex' (target): project: -title +title");
	assert_field("PRIORITY", "6");
	assert_field("GALSYNC_CYCLE", "12");
	assert_field("GALSYNC_LINK", "acme-globex");
	assert_field("GALSYNC_PEER", "dc.globex.example");
	assert_field("GALSYNC_SIDE", "target");
	assert_field("GALSYNC_OP", "modify");
	assert_field("GALSYNC_DN", "CN=Ann,DC=globex");
	assert_field("GALSYNC_ATTRS", "title");
}

static void
conflicts_and_refusals(void **state)
{
	static const struct {
		enum err_src src;
		enum err_retry retry;
		int code;
		enum log_id id;
	} rows[] = {
	    {ERR_LDAP, ERR_NEVER, 19, LOG_ID_ENTRY_QUARANTINED},
	    {ERR_LDAP, ERR_NEVER, 50, LOG_ID_RIGHTS},
	    {ERR_LDAP, ERR_LATER, 80, LOG_ID_ENTRY_SKIPPED},
	};
	struct run_event e = about(RUN_CONFLICT, LOG_WARNING, &ann, "two candidates");

	(void)state;
	assert_int_equal(tell(&e), 1);
	assert_id(LOG_ID_CONFLICT);
	e.again = true;
	assert_int_equal(tell(&e), 0);
	e = about(RUN_RESOLVED, LOG_INFO, &ann, "resolved");
	assert_int_equal(tell(&e), 1);
	assert_id(LOG_ID_CONFLICT_RESOLVED);
	assert_field("PRIORITY", "5");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct err err = {.src = rows[i].src, .retry = rows[i].retry, .code = rows[i].code};

		e = about(RUN_REFUSED, LOG_ERR, &ann, "refused");
		e.err = &err;
		assert_int_equal(tell(&e), 1);
		assert_id(rows[i].id);
		e.again = true;
		assert_int_equal(tell(&e), 0);
	}
	e = about(RUN_ACCEPTED, LOG_NOTICE, &ann, "done");
	assert_int_equal(tell(&e), 1);
	assert_id(LOG_ID_ENTRY_CLEARED);
}

static void
held_and_released(void **state)
{
	struct run_event e = about(RUN_HELD, LOG_ERR, NULL, "60 objects would leave");
	struct cycle_result r = {.delta = true, .held = true};

	(void)state;
	lines_begin(lines, true);
	assert_int_equal(tell(&e), 0);
	lines_begin(lines, false);
	assert_int_equal(tell(&e), 1);
	assert_id(LOG_ID_HELD);
	n_lines = 0;
	lines_succeeded(lines, &r);
	assert_int_equal(n_lines, 0);
	assert_int_equal(tell(&e), 0);
	e.text = "61 objects would leave";
	assert_int_equal(tell(&e), 1);
	r.held = false;
	n_lines = 0;
	lines_succeeded(lines, &r);
	lines_succeeded(lines, &r);
	assert_int_equal(n_lines, 1);
	assert_id(LOG_ID_RELEASED);
}

static struct run_event
connection(enum run_event_kind kind, enum side side, const char *peer, const struct err *err)
{
	struct run_event e = about(kind, LOG_WARNING, NULL, err ? err->text : "");

	e.side = side;
	e.peer = peer;
	e.err = err;
	return e;
}

static void
outages(void **state)
{
	const struct err err = {
	    .src = ERR_LDAP, .scope = ERR_PEER, .retry = ERR_LATER, .code = -1, .text = "down"};
	struct run_event up = connection(RUN_CONNECTED, TARGET, "dc1", NULL);
	struct run_event other = connection(RUN_CONNECTED, TARGET, "dc2", NULL);
	struct run_event down = connection(RUN_LOST, TARGET, "dc1", &err);
	struct cycle_result r = {.delta = true};

	(void)state;
	assert_int_equal(tell(&up), 1);
	assert_id(LOG_ID_CONNECTED);
	assert_field("GALSYNC_PEER", "dc1");
	assert_int_equal(tell(&up), 0);
	assert_int_equal(tell(&other), 1);
	assert_int_equal(tell(&up), 1);
	/* One outage of many attempts, some of which come as far as a connection. */
	assert_int_equal(tell(&down), 1);
	assert_id(LOG_ID_DISCONNECTED);
	assert_field("GALSYNC_PEER", "dc1");
	assert_field("GALSYNC_SIDE", "target");
	assert_field("GALSYNC_LDAP_RC", "-1");
	n_lines = 0;
	for (int i = 0; i < 3; i++) {
		lines_failed(lines, &err);
		lines_event(&other, lines);
		lines_event(&down, lines);
	}
	lines_event(&other, lines);
	assert_int_equal(n_lines, 0);
	lines_succeeded(lines, &r);
	lines_succeeded(lines, &r);
	assert_int_equal(n_lines, 1);
	assert_id(LOG_ID_CONNECTED);
	assert_field("GALSYNC_PEER", "dc2");
	assert_int_equal(tell(&other), 0);
}

static void
failures(void **state)
{
	static const struct {
		struct err err;
		enum log_id id;
		const char *level;
	} rows[] = {
	    {{.src = ERR_LMDB, .retry = ERR_LATER, .code = MDB_MAP_FULL}, LOG_ID_STORE, "4"},
	    {{.src = ERR_SYS, .retry = ERR_LATER, .code = ENOSPC}, LOG_ID_STORE, "4"},
	    {{.src = ERR_SYS, .retry = ERR_LATER, .code = ENOMEM}, LOG_ID_CYCLE_FAILED, "4"},
	    {{.src = ERR_LDAP, .retry = ERR_NEVER, .code = 50}, LOG_ID_RIGHTS, "3"},
	    {{.src = ERR_CONF, .retry = ERR_NEVER}, LOG_ID_CONFIG_BAD, "3"},
	    {{.src = ERR_SASL, .scope = ERR_PEER, .retry = ERR_LATER}, LOG_ID_DISCONNECTED, "4"},
	};
	struct cycle_result r = {.delta = true};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		n_lines = 0;
		lines_failed(lines, &rows[i].err);
		lines_failed(lines, &rows[i].err);
		assert_int_equal(n_lines, 1);
		assert_id(rows[i].id);
		assert_field("PRIORITY", rows[i].level);
		lines_succeeded(lines, &r);
		assert_int_equal(n_lines, 2);
		assert_field("MESSAGE", "link acme-globex: works again");
	}
}

static void
feeds(void **state)
{
	struct run_event e = connection(RUN_FEED, SOURCE, "dc", NULL);

	(void)state;
	assert_int_equal(tell(&e), 0);
	e.by_usn = true;
	assert_int_equal(tell(&e), 1);
	assert_id(LOG_ID_RIGHTS);
	assert_field("GALSYNC_SIDE", "source");
	assert_int_equal(tell(&e), 0);
	e.by_usn = false;
	assert_int_equal(tell(&e), 1);
}

static void
turned(void **state)
{
	struct run_result r = {.source = &ann, .dn = "CN=x", .ok = true, .text = ""};
	struct run_event wave = {
	    .kind = RUN_WAVE, .level = LOG_NOTICE, .dn = "x", .text = "wave 1: begins"};

	(void)state;
	lines_result(lines, &r);
	assert_id(LOG_ID_SWITCH);
	assert_field("MESSAGE", "CN=x: done");
	r.ok = false;
	r.text = "it is not in the map";
	lines_result(lines, &r);
	assert_field("MESSAGE", "CN=x: not done: it is not in the map");
	assert_int_equal(tell(&wave), 1);
	assert_id(LOG_ID_WAVE);
}

static void
forgotten(void **state)
{
	struct run_event e = {.kind = RUN_MAP_LOST,
	    .level = LOG_WARNING,
	    .dn = "x",
	    .text = "the map knows no object of this link"};

	(void)state;
	assert_int_equal(tell(&e), 1);
	assert_id(LOG_ID_MAP_ANEW);
	assert_field("PRIORITY", "4");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {TEST(notes_once), TEST(changes),
	    TEST(conflicts_and_refusals), TEST(held_and_released), TEST(outages), TEST(failures),
	    TEST(feeds), TEST(turned), TEST(forgotten)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
