/* SPDX-License-Identifier: MIT */
#include "dsa/base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dsa/base/escape.h"
#include "dsa/base/str.h"

/* Takes away what vsnprintf() left of a character that did not fit: the text goes into JSON and
 * the journal, which refuse broken UTF-8. */
static void
trim_tail(char *text, size_t size)
{
	size_t len = strlen(text), at = len;

	if (len + 1 < size)
		return;
	while (at > 0 && len - at < 3 && ((uint8_t)text[at - 1] & 0xc0) == 0x80)
		at--;
	if (at > 0 && (uint8_t)text[at - 1] >= 0xc0 &&
	    !utf8_valid((struct bytes){text + at - 1, len - at + 1}))
		text[at - 1] = '\0';
}

int
err_set_at(struct err *e, struct err_place at, enum err_src src, enum err_scope scope,
    enum err_retry retry, int code, const char *fmt, ...)
{
	va_list ap;

	*e = (struct err){.src = src,
	    .scope = scope,
	    .retry = retry,
	    .code = code,
	    .file = at.file,
	    .func = at.func,
	    .line = at.line};
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	trim_tail(e->text, sizeof e->text);
	return -1;
}

int
err_sys_at(struct err *e, struct err_place at, int en, const char *fmt, ...)
{
	char what[256], why[128];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	trim_tail(what, sizeof what);
	if (en == ENOMEM && strcmp(what, "out of memory") == 0)
		return err_set_at(e, at, ERR_SYS, ERR_LINK, ERR_LATER, en, "%s", what);
	return err_set_at(e, at, ERR_SYS, ERR_LINK, ERR_LATER, en, "%s: %s", what,
	    strerror_r(en, why, sizeof why));
}

int
err_ctx(struct err *e, const char *fmt, ...)
{
	size_t len = strlen(e->text);
	va_list ap;

	if (len + 3 < sizeof e->text) {
		memcpy(e->text + len, ": ", 3);
		va_start(ap, fmt);
		(void)vsnprintf(e->text + len + 2, sizeof e->text - len - 2, fmt, ap);
		va_end(ap);
		trim_tail(e->text, sizeof e->text);
	}
	return -1;
}

void
err_escape(char *dst, size_t size, struct bytes v)
{
	const uint8_t *p = v.data;
	bool text = utf8_valid(v);
	size_t n = 0;

	for (size_t i = 0, used; i < v.len; i += used) {
		struct bytes rest = {p + i, text ? v.len - i : 1};
		char out[ESCAPE_LEN];
		size_t len = escape_next(rest, ESCAPE_NAME, out, &used);

		if (n + len >= size)
			break;
		memcpy(dst + n, out, len);
		n += len;
	}
	if (size)
		dst[n] = '\0';
}
