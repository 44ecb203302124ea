/* SPDX-License-Identifier: MIT */
#include "dsa/page/html.h"

#include "dsa/base/escape.h"

void
html_add_text(struct buf *b, const char *s)
{
	_cleanup_(buf_done) struct buf shown = {0};

	if (!s || !*s)
		return;
	escape_add(bytes_of(s), ESCAPE_NAME, &shown);
	if (shown.failed) {
		b->failed = true;
		return;
	}
	for (size_t i = 0; i < shown.len; i++)
		switch (shown.data[i]) {
		case '&': buf_add_str(b, "&amp;"); break;
		case '<': buf_add_str(b, "&lt;"); break;
		case '>': buf_add_str(b, "&gt;"); break;
		case '"': buf_add_str(b, "&quot;"); break;
		case '\'': buf_add_str(b, "&#39;"); break;
		default: buf_add_char(b, (char)shown.data[i]);
		}
}
