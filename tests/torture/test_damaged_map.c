/* SPDX-License-Identifier: MIT */
/*
 * A map with one of everything, damaged in every way: cut off, pages zeroed and exchanged, bits
 * turned. Each damaged file is opened and read whole by a child. What the child may do is say that
 * the map is damaged, by an error or by its last word, or give what was in it before the damage:
 * then the bit was in nothing that is in use. It never dies of a signal, and never tells anything
 * else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "dsa/base/str.h"
#include "mapping/check.h"
#include "tests/support/map_sample.h"
#include "tests/support/store_fixture.h"

#define PAGE 4096U

/* How a child ended. */
enum { SAME = 0, LAST_WORD = 1, REFUSED = 40, TELLS_ELSE, NO_WORD, CHECK_IS_WRONG };

struct sample {
	struct fixture *f;
	char *octets, *dump; /* of the undamaged map */
	size_t len;
	unsigned refused, last_words, same;
};

static char *
dumped(struct store *s, struct err *err)
{
	struct buf text = {0};

	if (map_dump(s, &text, err) < 0) {
		buf_done(&text);
		return NULL;
	}
	return buf_take_str(&text);
}

static char *
read_file(const char *path, size_t *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct buf b = {0};
	char piece[PAGE];
	ssize_t n;

	assert_true(fd >= 0);
	while ((n = read(fd, piece, sizeof piece)) > 0)
		buf_add(&b, piece, (size_t)n);
	(void)close(fd);
	*ret_len = b.len;
	return (char *)b.data;
}

static int
setup(void **state)
{
	struct sample *s = calloc(1, sizeof *s);
	struct err err = {0};
	void *f = NULL;

	assert_non_null(s);
	(void)fixture_setup(&f);
	s->f = f;
	if (map_sample_fill(s->f->s, &err) < 0)
		fail_msg("%s", err.text);
	s->dump = dumped(s->f->s, &err);
	assert_non_null(s->dump);
	store_close(TAKE(s->f->s));
	s->octets = read_file(s->f->path, &s->len);
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct sample *s = *state;
	void *f = s->f;

	(void)fixture_teardown(&f);
	free(s->octets);
	free(s->dump);
	free(s);
	return 0;
}

static void
write_file(const char *path, const char *octets, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_true(write(fd, octets, len) == (ssize_t)len);
	assert_int_equal(close(fd), 0);
}

/* ---- the child ---- */

static void
note_nothing(const char *what, void *arg)
{
	(void)what;
	(void)arg;
}

static int
judge(const struct sample *s, const struct err *err)
{
	_cleanup_(free) char *path = str_printf("%s/why", s->f->dir);

	if (path)
		write_text(path, bytes_of(err->text));
	return err->retry == ERR_NEVER && strstr(err->text, "damaged") ? REFUSED
	       : strstr(err->text, "is no map of galsync")	       ? REFUSED
	       : strstr(err->text, "use the galsync that wrote it")    ? REFUSED
								       : NO_WORD;
}

/* A whole check finds whatever the reading finds. */
static int
use(const struct sample *s, enum store_mode mode)
{
	_cleanup_(store_close) struct store *store = NULL;
	_cleanup_(free) char *got = NULL;
	struct map_check n = {.damages = 0};
	struct err err = {.text = ""};

	if (store_open(s->f->dir, mode, 16, &store, &err) < 0)
		return judge(s, &err);
	if (map_check(store, note_nothing, NULL, &n, &err) < 0)
		return judge(s, &err);
	got = dumped(store, &err);
	if (!got)
		return n.damages ? judge(s, &err) : CHECK_IS_WRONG;
	if (strcmp(got, s->dump) != 0)
		return n.damages ? REFUSED : TELLS_ELSE;
	return n.damages ? REFUSED : SAME;
}

static int
child(const struct sample *s, enum store_mode mode)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS};
	const struct rlimit no_core = {0, 0};
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	/* Not those of cmocka, which would go on with its tests here. */
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		(void)signal(signals[i], SIG_DFL);
	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)dup2(fd, STDERR_FILENO);
	(void)close(fd);
	return use(s, mode);
}

static void
fail_on(const struct sample *s, const char *what, int status)
{
	_cleanup_(free) char *path = str_printf("%s/why", s->f->dir);
	_cleanup_(free) char *why = path ? read_text(path) : NULL;

	fail_msg("%s: status %d, last error '%s'", what, status, why ? why : "");
}

/* The damaged file is written anew for each: a writer may have gone on with it. */
static void
try_mode(struct sample *s, const char *octets, size_t len, enum store_mode mode, const char *what)
{
	int status = 0;
	pid_t pid;

	write_file(s->f->path, octets, len);
	pid = fork();
	if (pid == 0)
		_exit(child(s, mode));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status))
		fail_msg("%s: signal %d", what, WTERMSIG(status));
	switch (WEXITSTATUS(status)) {
	case SAME: s->same++; break;
	case LAST_WORD: s->last_words++; break;
	case REFUSED: s->refused++; break;
	default: fail_on(s, what, WEXITSTATUS(status));
	}
	/* A writer has looked at every page before. */
	if (mode == STORE_WRITE && WEXITSTATUS(status) == LAST_WORD)
		fail_msg("%s: it went as far as a last word", what);
}

static void
try(struct sample *s, const char *octets, size_t len, const char *what)
{
	try_mode(s, octets, len, STORE_READ, what);
	try_mode(s, octets, len, STORE_WRITE, what);
}

/* ---- the damages ---- */

static void
undamaged(void **state)
{
	struct sample *s = *state;

	try(s, s->octets, s->len, "undamaged");
	assert_int_equal(s->same, 2);
}

static void
cut_off(void **state)
{
	static const size_t odd[] = {1, 100, PAGE - 1, PAGE + 1, PAGE + 200};
	struct sample *s = *state;
	char what[64];

	assert_true(s->len > 20U * PAGE && s->len % PAGE == 0);
	for (size_t len = PAGE; len < s->len; len += PAGE) {
		(void)snprintf(what, sizeof what, "cut to %zu octets", len);
		try(s, s->octets, len, what);
	}
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++)
		try(s, s->octets, odd[i], "cut within the first pages");
	/* A page at the end may be free. */
	assert_true(s->refused > s->same);
	assert_true(s->same < 2 * 4);
}

static void
pages_gone(void **state)
{
	struct sample *s = *state;
	_cleanup_(free) char *octets = malloc(s->len);
	char what[64];

	assert_non_null(octets);
	for (size_t at = 0; at < s->len; at += PAGE) {
		(void)snprintf(what, sizeof what, "page %zu", at / PAGE);
		memcpy(octets, s->octets, s->len);
		memset(octets + at, 0, PAGE);
		try(s, octets, s->len, what);
		memset(octets + at, 0xff, PAGE);
		try(s, octets, s->len, what);
		/* Another page in its place. */
		memcpy(octets + at, s->octets + (at + 5U * PAGE) % s->len, PAGE);
		try(s, octets, s->len, what);
	}
	assert_true(s->refused > s->same);
}

/* A prime: every bit of an octet and every place of a page come up. */
static void
bits_turned(void **state)
{
	struct sample *s = *state;
	size_t step = getenv("GALSYNC_BITS") ? strtoul(getenv("GALSYNC_BITS"), NULL, 10) : 1409;
	char what[64];

	for (size_t bit = 7; bit < 8 * s->len; bit += step) {
		(void)snprintf(
		    what, sizeof what, "bit %zu of page %zu", bit % (8U * PAGE), bit / (8U * PAGE));
		s->octets[bit / 8] ^= (char)(1U << bit % 8);
		try(s, s->octets, s->len, what);
		s->octets[bit / 8] ^= (char)(1U << bit % 8);
	}
	assert_true(s->refused > 0 && s->same > 0);
}

/* All bits of what every look-up needs: the first pages. */
static void
bits_of_the_first_pages(void **state)
{
	struct sample *s = *state;
	char what[64];

	for (size_t bit = 0; bit < 8U * 160; bit += 3)
		for (size_t page = 0; page < 2; page++) {
			size_t at = page * PAGE + bit / 8;

			(void)snprintf(what, sizeof what, "bit %zu of page %zu", bit, page);
			s->octets[at] ^= (char)(1U << bit % 8);
			try(s, s->octets, s->len, what);
			s->octets[at] ^= (char)(1U << bit % 8);
		}
}

/* Cut off while it is open: there is no error to return any more. */
static void
cut_off_while_open(void **state)
{
	struct sample *s = *state;
	char text[1024] = "";
	int ends[2], status = 0;
	ssize_t n;
	pid_t pid;

	write_file(s->f->path, s->octets, s->len);
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		struct store *store = NULL;
		struct err err = {.text = ""};

		(void)dup2(ends[1], STDERR_FILENO);
		if (store_open(s->f->dir, STORE_READ, 0, &store, &err) < 0 ||
		    truncate(s->f->path, 2 * PAGE) < 0)
			_exit(NO_WORD);
		free(dumped(store, &err));
		_exit(SAME);
	}
	(void)close(ends[1]);
	n = read(ends[0], text, sizeof text - 1);
	assert_true(n > 0);
	for (ssize_t more; (more = read(ends[0], text + n, sizeof text - 1 - (size_t)n)) > 0;)
		n += more;
	(void)close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), LAST_WORD);
	assert_non_null(strstr(text, s->f->path));
	assert_non_null(strstr(text, "is damaged: a part of it cannot be read"));
	assert_non_null(strstr(text, "move it away and let the map be rebuilt from the stamps"));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
	    TEST(undamaged),
	    TEST(cut_off),
	    TEST(pages_gone),
	    TEST(bits_turned),
	    TEST(bits_of_the_first_pages),
	    TEST(cut_off_while_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
