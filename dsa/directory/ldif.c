/* SPDX-License-Identifier: MIT */
/* Changes as LDIF change records (RFC 2849). */
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/change.h"

#define FOLD_AT 76

static void
add_base64(struct buf *b, struct bytes v)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *p = v.data;

	for (size_t i = 0; i < v.len; i += 3) {
		size_t n = v.len - i;
		uint32_t x = (uint32_t)p[i] << 16 | (n > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
			     (n > 2 ? p[i + 2] : 0);

		buf_add_char(b, digits[x >> 18]);
		buf_add_char(b, digits[x >> 12 & 63]);
		buf_add_char(b, n > 1 ? digits[x >> 6 & 63] : '=');
		buf_add_char(b, n > 2 ? digits[x & 63] : '=');
	}
}

/* SAFE-STRING of the RFC, and no blank at the end, which many readers strip. */
static bool
is_safe(struct bytes v)
{
	const uint8_t *p = v.data;

	if (v.len && (p[0] == ' ' || p[0] == ':' || p[0] == '<' || p[v.len - 1] == ' '))
		return false;
	for (size_t i = 0; i < v.len; i++)
		if (p[i] == '\0' || p[i] == '\n' || p[i] == '\r' || p[i] >= 0x80)
			return false;
	return true;
}

static void
add_line(struct buf *ret, const char *name, struct bytes v)
{
	_cleanup_(buf_done) struct buf line = {0};

	buf_printf(&line, "%s:", name);
	if (!is_safe(v)) {
		buf_add_str(&line, ": ");
		add_base64(&line, v);
	} else if (v.len) {
		buf_add_char(&line, ' ');
		buf_add(&line, v.data, v.len);
	}
	for (size_t i = 0, room; i < line.len; i += room) {
		size_t left = line.len - i;

		/* A continuation begins with a blank, which counts. */
		room = i ? FOLD_AT - 1 : FOLD_AT;
		if (room > left)
			room = left;
		buf_add_str(ret, i ? "\n " : "");
		buf_add(ret, line.data + i, room);
	}
	buf_add_char(ret, '\n');
	ret->failed |= line.failed;
}

static void
add_text_line(struct buf *ret, const char *name, const char *v)
{
	add_line(ret, name, bytes_of(v));
}

static void
add_mods(const struct change *c, struct buf *ret)
{
	static const char *const ops[] = {
	    [MOD_ADD] = "add", [MOD_DELETE] = "delete", [MOD_REPLACE] = "replace"};

	for (size_t i = 0; i < c->n_mods; i++) {
		const struct mod *m = &c->mods[i];

		add_text_line(ret, ops[m->op], m->attr);
		for (size_t j = 0; j < m->n_values; j++)
			add_line(ret, m->attr, m->values[j]);
		buf_add_str(ret, "-\n");
	}
}

void
change_to_ldif(const struct change *c, struct buf *ret)
{
	char guid[GUID_TEXT_SIZE];

	if (!guid_is_zero(&c->guid)) {
		guid_format(&c->guid, guid);
		buf_printf(ret, "# objectGUID: %s\n", guid);
	}
	add_text_line(ret, "dn", c->dn);
	switch (c->op) {
	case CHANGE_ADD:
		buf_add_str(ret, "changetype: add\n");
		for (size_t i = 0; i < c->entry->n_attrs; i++)
			for (size_t j = 0; j < c->entry->attrs[i].n_values; j++)
				add_line(
				    ret, c->entry->attrs[i].name, c->entry->attrs[i].values[j]);
		break;
	case CHANGE_MODIFY:
		buf_add_str(ret, "changetype: modify\n");
		add_mods(c, ret);
		break;
	case CHANGE_RENAME:
		buf_add_str(ret, "changetype: modrdn\n");
		add_text_line(ret, "newrdn", c->new_rdn);
		buf_add_str(ret, "deleteoldrdn: 1\n");
		if (c->new_parent)
			add_text_line(ret, "newsuperior", c->new_parent);
		break;
	case CHANGE_DELETE: buf_add_str(ret, "changetype: delete\n"); break;
	}
	buf_add_char(ret, '\n');
}
