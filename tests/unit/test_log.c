/* SPDX-License-Identifier: MIT */
/* Standard error is a pipe here; the journal is a function of our own in place of libsystemd's. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "dsa/base/log.h"

static char journal[4096];
static int journal_rc;

int
sd_journal_sendv(const struct iovec *iov, int n)
{
	for (int i = 0; journal_rc == 0 && i < n; i++) {
		strncat(journal, iov[i].iov_base, iov[i].iov_len);
		strcat(journal, "\n");
	}
	return journal_rc;
}

static int pipe_fd = -1, saved_stderr = -1;

static int
redirect(void **state)
{
	int fd[2];

	(void)state;
	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	saved_stderr = dup(STDERR_FILENO);
	if (dup2(fd[1], STDERR_FILENO) < 0)
		return -1;
	close(fd[1]);
	pipe_fd = fd[0];
	unsetenv("JOURNAL_STREAM");
	journal[0] = '\0';
	journal_rc = 0;
	log_set_level(LOG_INFO);
	log_init();
	return 0;
}

static int
restore(void **state)
{
	(void)state;
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(pipe_fd);
	return 0;
}

static const char *
stderr_text(void)
{
	static char text[65536];
	ssize_t n = read(pipe_fd, text, sizeof text - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void
use_journal(void)
{
	char stream[64];
	struct stat st;

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	(void)snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino);
	assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
	log_init();
}

static void
plain(void **state)
{
	const struct log_fields f = {.link = "acme-globex"};

	(void)state;
	errno = EBUSY;
	log_event(LOG_WARNING, LOG_ID_ENTRY_SKIPPED, &f, "skipped %d", 3);
	assert_int_equal(errno, EBUSY);
	log_event(LOG_ERR, LOG_ID_STORE, NULL, "line\nforged <1>\x1b[31m");
	assert_string_equal(stderr_text(), "<4>skipped 3\n"
					   "<3>line\\x0Aforged <1>\\x1B[31m\n");
	assert_string_equal(journal, "");
}

static void
foreign_stream(void **state)
{
	static const char *const streams[] = {"1:1", "", "x", "1:", "1:2:3"};

	(void)state;
	for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
		assert_int_equal(setenv("JOURNAL_STREAM", streams[i], 1), 0);
		log_init();
		log_event(LOG_NOTICE, LOG_ID_NONE, NULL, "text");
		assert_string_equal(stderr_text(), "<5>text\n");
	}
}

static void
journal_fields(void **state)
{
	const struct err err = {.src = ERR_LDAP, .code = 50, .text = "insufficient\naccess"};
	const struct log_fields f = {.cycle = "c1",
	    .link = "acme-globex",
	    .peer = "dc1.acme.example",
	    .op = "modify",
	    .dn = "CN=Jos\xc3\xa9\n,DC=x",
	    .guid = "11111111-2222-3333-4444-555555555555",
	    .side = "target",
	    .attrs = "title mail",
	    .err = &err};

	(void)state;
	use_journal();
	log_event_at("cycle.c", 7, "run", LOG_WARNING, LOG_ID_ENTRY_QUARANTINED, &f, "bad %s", "x");
	assert_string_equal(journal,
	    "MESSAGE=bad x\nPRIORITY=4\nMESSAGE_ID=fed6a49ceb1944dfa1b126ee314a2beb\n"
	    "CODE_FILE=cycle.c\nCODE_LINE=7\nCODE_FUNC=run\nGALSYNC_CYCLE=c1\n"
	    "GALSYNC_LINK=acme-globex\nGALSYNC_PEER=dc1.acme.example\nGALSYNC_OP=modify\n"
	    "GALSYNC_DN=CN=Jos\xc3\xa9\\x0A,DC=x\n"
	    "GALSYNC_GUID=11111111-2222-3333-4444-555555555555\n"
	    "GALSYNC_SIDE=target\nGALSYNC_ATTRS=title mail\n"
	    "GALSYNC_LDAP_RC=50\nGALSYNC_LDAP_DIAG=insufficient\\x0Aaccess\n");
	assert_string_equal(stderr_text(), "");
}

static void
journal_errno(void **state)
{
	const struct err err = {.src = ERR_SYS, .code = ENOSPC, .text = "no space"};

	(void)state;
	use_journal();
	log_event_at("a.c", 1, "f", LOG_ERR, LOG_ID_NONE, &(struct log_fields){.err = &err}, "m");
	assert_string_equal(
	    journal, "MESSAGE=m\nPRIORITY=3\nCODE_FILE=a.c\nCODE_LINE=1\nCODE_FUNC=f\nERRNO=28\n");
}

static void
journal_gone(void **state)
{
	(void)state;
	use_journal();
	journal_rc = -ENOENT;
	log_event(LOG_ERR, LOG_ID_NONE, NULL, "still seen");
	assert_string_equal(stderr_text(), "<3>still seen\n");
}

static int evaluated;

static int
evaluate(void)
{
	return ++evaluated;
}

static void
levels(void **state)
{
	(void)state;
	assert_int_equal(log_level_from_name("err"), LOG_ERR);
	assert_int_equal(log_level_from_name("debug"), LOG_DEBUG);
	assert_int_equal(log_level_from_name("loud"), -1);
	log_event(LOG_DEBUG, LOG_ID_NONE, NULL, "%d", evaluate());
	assert_int_equal(evaluated, 0);
	log_set_level(LOG_DEBUG);
	log_event(LOG_DEBUG, LOG_ID_NONE, NULL, "%d", evaluate());
	log_set_level(LOG_ERR);
	log_event(LOG_WARNING, LOG_ID_NONE, NULL, "%d", evaluate());
	assert_int_equal(evaluated, 1);
	assert_string_equal(stderr_text(), "<7>1\n");
}

static void *
write_lines(void *arg)
{
	for (int i = 0; i < 100; i++)
		log_event(LOG_INFO, LOG_ID_NONE, NULL, "thread %c%c%c%c", *(char *)arg,
		    *(char *)arg, *(char *)arg, *(char *)arg);
	return NULL;
}

static void
threads(void **state)
{
	char names[] = "abcd", *line, *rest, text[65536];
	pthread_t t[4];
	int n = 0;

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, write_lines, &names[i]), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	(void)snprintf(text, sizeof text, "%s", stderr_text());
	for (rest = text; (line = strsep(&rest, "\n")) && *line; n++) {
		assert_int_equal(strlen(line), strlen("<6>thread aaaa"));
		assert_int_equal(line[10], line[13]);
	}
	assert_int_equal(n, 400);
}

/* Every id is 32 hexadecimal digits, no id is there twice, and the operator finds each of them in
 * the catalog. */
static void
catalog(void **state)
{
	_cleanup_(free) char *text = calloc(1, 65536);
	const char *dir = getenv("GALSYNC_SRCDIR");
	char path[512];
	FILE *f;
	int n = 0;

	(void)state;
	(void)snprintf(path, sizeof path, "%s/conf/galsync.catalog", dir ? dir : ".");
	f = fopen(path, "re");
	assert_non_null(f);
	assert_non_null(text);
	assert_true(fread(text, 1, 65535, f) > 0);
	assert_int_equal(fclose(f), 0);
	assert_string_equal(log_id_text(LOG_ID_NONE), "");
	for (int i = LOG_ID_NONE + 1; i < LOG_ID_MAX; i++) {
		const char *id = log_id_text((enum log_id)i);
		char entry[64];

		assert_int_equal(strlen(id), 32);
		assert_int_equal(strspn(id, "0123456789abcdef"), 32);
		for (int j = LOG_ID_NONE + 1; j < i; j++)
			assert_string_not_equal(id, log_id_text((enum log_id)j));
		(void)snprintf(entry, sizeof entry, "\n-- %s\nSubject: ", id);
		if (!strstr(text, entry))
			fail_msg("%s has no entry for %s", path, id);
	}
	for (const char *p = text; (p = strstr(p, "\n-- ")); p++)
		n++;
	assert_int_equal(n, LOG_ID_MAX - 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(plain, redirect, restore),
	    cmocka_unit_test_setup_teardown(foreign_stream, redirect, restore),
	    cmocka_unit_test_setup_teardown(journal_fields, redirect, restore),
	    cmocka_unit_test_setup_teardown(journal_errno, redirect, restore),
	    cmocka_unit_test_setup_teardown(journal_gone, redirect, restore),
	    cmocka_unit_test_setup_teardown(levels, redirect, restore),
	    cmocka_unit_test_setup_teardown(threads, redirect, restore),
	    cmocka_unit_test(catalog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
