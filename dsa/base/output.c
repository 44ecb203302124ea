/* SPDX-License-Identifier: MIT */
#include "dsa/base/output.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <uniwidth.h>

#include "dsa/base/str.h"

struct guard {
	int fd;
	enum escape_way way;
	struct escape escape;
};

static bool raw;
static struct guard out = {.fd = STDOUT_FILENO, .way = ESCAPE_LINES};
static struct guard diagnostics = {.fd = STDERR_FILENO, .way = ESCAPE_LINES};

static bool
write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno != EINTR)
			return false;
		p += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

static ssize_t
write_guarded(void *cookie, const char *s, size_t n)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct guard *g = cookie;

	escape_piece(&g->escape, (struct bytes){s, n}, g->way, &b);
	/* 0 is how a cookie fails. */
	return !b.failed && write_all(g->fd, b.data, b.len) ? (ssize_t)n : 0;
}

static FILE *
open_guard(struct guard *g, int mode)
{
	static const cookie_io_functions_t io = {.write = write_guarded};
	FILE *f = fopencookie(g, "w", io);

	if (f)
		(void)setvbuf(f, NULL, mode, 0);
	return f;
}

void
output_guard(enum output_way way)
{
	FILE *f;

	raw = way == OUTPUT_RAW;
	out.way = way == OUTPUT_JSON ? ESCAPE_JSON : ESCAPE_LINES;
	if (raw)
		return;
	if ((f = open_guard(&out, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF)))
		stdout = f;
	if ((f = open_guard(&diagnostics, _IONBF)))
		stderr = f;
}

bool
output_is_raw(void)
{
	return raw;
}

void
output_command(FILE *to, const char *sequence)
{
	(void)fflush(to);
	(void)write_all(to == stdout ? STDOUT_FILENO : STDERR_FILENO, sequence, strlen(sequence));
}

struct output_size
output_size_of(FILE *to)
{
	struct winsize w = {0};
	int fd = to == stdout ? STDOUT_FILENO : STDERR_FILENO;

	if (ioctl(fd, TIOCGWINSZ, &w) < 0)
		w = (struct winsize){0};
	return (struct output_size){w.ws_col ? w.ws_col : 80, w.ws_row ? w.ws_row : 24};
}

/* Of a terminal: a letter has one, one of East Asia two, an accent none. */
static size_t
width_of(uint32_t character)
{
	int n = uc_width(character, "UTF-8");

	return n > 0 ? (size_t)n : 0;
}

size_t
output_fit(const char *s, size_t columns)
{
	const uint8_t *p = (const uint8_t *)s;
	size_t left = strlen(s), used = 0, width = 0;

	while (left) {
		uint32_t character = 0xFFFD;
		size_t len = utf8_next(p + used, left, &character);

		width += width_of(character);
		if (width > columns)
			break;
		len = len ? len : 1;
		used += len;
		left -= len;
	}
	return used;
}

void
output_line(FILE *to, const char *s)
{
	size_t columns = output_size_of(to).columns;

	(void)fprintf(to, "%.*s", (int)output_fit(s, columns > 1 ? columns - 1 : 1), s);
	(void)fflush(to);
}
