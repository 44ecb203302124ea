/* SPDX-License-Identifier: MIT */
/*
 * Encoding: format octet, operation, DN, GUID, then for an add the encoded
 * entry, for a modify the count of modifications and for each its operation,
 * attribute, count and values, for a rename the new RDN and the new parent
 * (empty: stays). Integers are little-endian, everything of variable size
 * stands behind its 32-bit length.
 */
#include "dsa/directory/change.h"

#include <string.h>
#include <strings.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"

#define CHANGE_FORMAT 1
#define IS_DELETED "isDeleted"

struct change *
change_new(enum change_op op, const char *dn, const struct guid *guid)
{
	struct change *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->op = op;
	c->dn = strdup(dn);
	if (guid)
		c->guid = *guid;
	if (!c->dn) {
		free(c);
		return NULL;
	}
	return c;
}

void
change_free(struct change *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_mods; i++) {
		for (size_t j = 0; j < c->mods[i].n_values; j++)
			free((void *)(uintptr_t)c->mods[i].values[j].data);
		free(c->mods[i].values);
		free(c->mods[i].attr);
	}
	free(c->mods);
	entry_free(c->entry);
	free(c->new_rdn);
	free(c->new_parent);
	free(c->dn);
	free(c);
}

struct change *
change_dup(const struct change *c)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct change *copy = NULL;
	struct err ignored;

	change_encode(c, &b);
	if (b.failed || change_decode(buf_bytes(&b), &copy, &ignored) < 0)
		return NULL;
	return copy;
}

/* The place of a new modification: behind all of its attribute, a deletion
 * before its additions. */
static size_t
place_for(const struct change *c, enum mod_op op, const char *attr)
{
	size_t at = c->n_mods;

	for (size_t i = 0; op == MOD_DELETE && i < c->n_mods; i++)
		if (str_equal_nocase(c->mods[i].attr, attr)) {
			at = i;
			break;
		}
	return at;
}

static struct mod *
find_mod(struct change *c, enum mod_op op, const char *attr)
{
	char *copy;
	size_t at;

	for (size_t i = 0; i < c->n_mods; i++)
		if (c->mods[i].op == op && str_equal_nocase(c->mods[i].attr, attr))
			return &c->mods[i];
	if (list_grow(c->mods, c->n_mods, c->cap) < 0)
		return NULL;
	copy = strdup(attr);
	if (!copy)
		return NULL;
	at = place_for(c, op, attr);
	memmove(&c->mods[at + 1], &c->mods[at], (c->n_mods - at) * sizeof *c->mods);
	c->mods[at] = (struct mod){.op = op, .attr = copy};
	c->n_mods++;
	return &c->mods[at];
}

int
change_mod(struct change *c, enum mod_op op, const char *attr, struct bytes v)
{
	struct mod *m = find_mod(c, op, attr);
	char *copy;

	if (!m)
		return -1;
	if (list_grow(m->values, m->n_values, m->cap) < 0)
		return -1;
	copy = bytes_dup(v);
	if (!copy)
		return -1;
	m->values[m->n_values++] = (struct bytes){copy, v.len};
	return 0;
}

int
change_bring_back(struct change *c, const char *to)
{
	return find_mod(c, MOD_DELETE, IS_DELETED) &&
		       change_mod_str(c, MOD_REPLACE, "distinguishedName", to) == 0
		   ? 0
		   : -1;
}

const char *
change_brought_back(const struct change *c)
{
	const struct mod *m = c->mods;

	return c->op == CHANGE_MODIFY && c->n_mods > 1 && m[0].op == MOD_DELETE &&
		       str_equal_nocase(m[0].attr, IS_DELETED) && m[1].op == MOD_REPLACE &&
		       str_equal_nocase(m[1].attr, "distinguishedName") && m[1].n_values == 1
		   ? m[1].values[0].data
		   : NULL;
}

int
change_mod_str(struct change *c, enum mod_op op, const char *attr, const char *v)
{
	return change_mod(c, op, attr, bytes_of(v));
}

int
change_move(struct change *c, const char *attr, struct change *to)
{
	size_t i = 0;

	while (i < c->n_mods) {
		if (!str_equal_nocase(c->mods[i].attr, attr)) {
			i++;
			continue;
		}
		if (list_grow(to->mods, to->n_mods, to->cap) < 0)
			return -1;
		to->mods[to->n_mods++] = c->mods[i];
		c->n_mods--;
		memmove(&c->mods[i], &c->mods[i + 1], (c->n_mods - i) * sizeof *c->mods);
	}
	return 0;
}

bool
change_is_empty(const struct change *c)
{
	return c->op == CHANGE_MODIFY && c->n_mods == 0;
}

const char *
change_op_name(enum change_op op)
{
	switch (op) {
	case CHANGE_ADD: return "add";
	case CHANGE_MODIFY: return "modify";
	case CHANGE_RENAME: return "rename";
	case CHANGE_DELETE: return "delete";
	}
	return "change";
}

void
change_brief(const struct change *c, struct buf *ret)
{
	static const char *const signs[] = {
	    [MOD_ADD] = "+", [MOD_DELETE] = "-", [MOD_REPLACE] = "="};

	if (c->op == CHANGE_RENAME)
		buf_printf(ret, "to '%s'%s%s%s", c->new_rdn, c->new_parent ? " below '" : "",
		    c->new_parent ? c->new_parent : "", c->new_parent ? "'" : "");
	else if (c->op == CHANGE_ADD)
		change_attrs(c, ret);
	for (size_t i = 0; i < c->n_mods; i++) {
		const struct mod *m = &c->mods[i];

		buf_printf(ret, "%s%s%s", i ? " " : "", signs[m->op], m->attr);
		if (m->n_values != 1)
			buf_printf(ret, "(%zu)", m->n_values);
	}
}

void
change_attrs(const struct change *c, struct buf *ret)
{
	size_t n = c->entry ? c->entry->n_attrs : 0;

	for (size_t i = 0; i < n; i++)
		buf_printf(ret, "%s%s", i ? " " : "", c->entry->attrs[i].name);
	for (size_t i = 0; i < c->n_mods; i++) {
		bool named = false;

		for (size_t j = 0; j < i; j++)
			named |= strcasecmp(c->mods[j].attr, c->mods[i].attr) == 0;
		if (!named)
			buf_printf(ret, "%s%s", i ? " " : "", c->mods[i].attr);
	}
}

void
change_encode(const struct change *c, struct buf *ret)
{
	_cleanup_(buf_done) struct buf inner = {0};

	buf_add_u8(ret, CHANGE_FORMAT);
	buf_add_u8(ret, (uint8_t)c->op);
	buf_add_bytes(ret, bytes_of(c->dn));
	buf_add(ret, c->guid.octets, GUID_LEN);
	if (c->entry)
		entry_encode(c->entry, &inner);
	buf_add_bytes(ret, buf_bytes(&inner));
	ret->failed |= inner.failed;
	buf_add_u32(ret, (uint32_t)c->n_mods);
	for (size_t i = 0; i < c->n_mods; i++) {
		const struct mod *m = &c->mods[i];

		buf_add_u8(ret, (uint8_t)m->op);
		buf_add_bytes(ret, bytes_of(m->attr));
		buf_add_u32(ret, (uint32_t)m->n_values);
		for (size_t j = 0; j < m->n_values; j++)
			buf_add_bytes(ret, m->values[j]);
	}
	buf_add_bytes(ret, bytes_of(c->new_rdn ? c->new_rdn : ""));
	buf_add_bytes(ret, bytes_of(c->new_parent ? c->new_parent : ""));
}

static int
decode_mod(struct reader *r, struct change *c, struct err *err)
{
	uint8_t op = reader_u8(r);
	_cleanup_(free) char *attr = bytes_dup(reader_bytes(r));
	uint32_t n = reader_u32(r);

	if (!attr)
		return err_nomem(err);
	if (op > MOD_REPLACE || n > reader_left(r) / 4)
		r->failed = true;
	if (!r->failed && !find_mod(c, (enum mod_op)op, attr))
		return err_nomem(err);
	for (uint32_t i = 0; i < n && !r->failed; i++) {
		struct bytes v = reader_bytes(r);

		if (!r->failed && change_mod(c, (enum mod_op)op, attr, v) < 0)
			return err_nomem(err);
	}
	return 0;
}

/* Names go into LDIF as they are, where a line end in one would begin another change. */
static bool
names_ok(const struct change *c)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789-.;=_";

	for (size_t i = 0; i < c->n_mods; i++)
		if (!*c->mods[i].attr || c->mods[i].attr[strspn(c->mods[i].attr, allowed)])
			return false;
	for (size_t i = 0; c->entry && i < c->entry->n_attrs; i++) {
		const char *name = c->entry->attrs[i].name;

		if (!*name || name[strspn(name, allowed)])
			return false;
	}
	return true;
}

static int
read_optional(struct reader *r, char **ret, struct err *err)
{
	struct bytes v = reader_bytes(r);

	if (!v.len)
		return 0;
	if (memchr(v.data, '\0', v.len)) {
		r->failed = true; /* the string would end there, or be empty */
		return 0;
	}
	*ret = bytes_dup(v);
	return *ret ? 0 : err_nomem(err);
}

int
change_decode(struct bytes raw, struct change **ret, struct err *err)
{
	struct reader r = reader_of(raw);
	_cleanup_(change_free) struct change *c = calloc(1, sizeof *c);
	struct bytes entry;
	const void *guid;
	uint32_t n;
	uint8_t op;

	if (!c)
		return err_nomem(err);
	if (reader_u8(&r) != CHANGE_FORMAT || (op = reader_u8(&r)) > CHANGE_DELETE)
		return err_data(err, "no encoded change");
	c->op = (enum change_op)op;
	if (!(c->dn = bytes_dup(reader_bytes(&r))))
		return err_nomem(err);
	if ((guid = reader_raw(&r, GUID_LEN)))
		memcpy(c->guid.octets, guid, GUID_LEN);
	entry = reader_bytes(&r);
	if (entry.len && entry_decode(entry, &c->entry, err) < 0)
		return -1;
	n = reader_u32(&r);
	for (uint32_t i = 0; i < n && !r.failed; i++)
		if (decode_mod(&r, c, err) < 0)
			return -1;
	if (read_optional(&r, &c->new_rdn, err) < 0 || read_optional(&r, &c->new_parent, err) < 0)
		return -1;
	if (r.failed || reader_left(&r) || !names_ok(c) ||
	    (c->op == CHANGE_ADD) != (c->entry != NULL) ||
	    (c->op == CHANGE_RENAME) != (c->new_rdn != NULL))
		return err_data(err, "damaged encoded change");
	*ret = TAKE(c);
	return 0;
}
