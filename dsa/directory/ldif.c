/* SPDX-License-Identifier: MIT */
/* Changes as LDIF change records (RFC 2849). */
#include <stdio.h> /* ldif.h needs it */

#include <lber.h>
#include <ldif.h>

#include "dsa/directory/change.h"

#define WIDTH 76

DEFINE_CLEANUP(char *, ber_memfree)

/* A value with a control character, a blank at its end, or anything else that is no SAFE-STRING is
 * written in base64. Continuations begin with a blank. */
static void
add_line(struct buf *ret, const char *name, struct bytes v)
{
	_cleanup_(ber_memfree) char *lines =
	    ldif_put_wrap(LDIF_PUT_VALUE, name, v.data, v.len, WIDTH);

	if (lines)
		buf_add_str(ret, lines);
	else
		ret->failed = true;
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
