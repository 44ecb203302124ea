/* SPDX-License-Identifier: MIT */
#include "dsa/base/terminal.h"

#include <unistd.h>

#define C1_LEAD 0xC2

static bool
is_control(uint8_t c)
{
	return (c < ' ' && c != '\n' && c != '\t') || c == 0x7f;
}

void
terminal_escape(struct terminal_guard *g, const char *s, size_t n, struct buf *ret)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)s[i];
		bool c1 = g->lead && c >= 0x80 && c <= 0x9f;

		if (g->lead && !c1)
			buf_add_u8(ret, C1_LEAD);
		g->lead = c == C1_LEAD;
		if (c1 || is_control(c))
			buf_printf(ret, "\\x%02X", c);
		else if (!g->lead)
			buf_add_u8(ret, c);
	}
}

static ssize_t
write_guarded(void *cookie, const char *s, size_t n)
{
	_cleanup_(buf_done) struct buf b = {0};

	terminal_escape(cookie, s, n, &b);
	for (size_t done = 0; !b.failed && done < b.len;) {
		ssize_t w = write(STDOUT_FILENO, b.data + done, b.len - done);

		if (w < 0)
			return 0; /* that is how a cookie fails */
		done += (size_t)w;
	}
	return b.failed ? 0 : (ssize_t)n;
}

void
terminal_guard_stdout(void)
{
	static struct terminal_guard guard;
	static const cookie_io_functions_t io = {.write = write_guarded};
	FILE *f;

	if (!isatty(STDOUT_FILENO))
		return;
	f = fopencookie(&guard, "w", io);
	if (!f)
		return;
	(void)setvbuf(f, NULL, _IOLBF, 0);
	stdout = f;
}
