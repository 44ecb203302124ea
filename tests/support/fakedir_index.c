/* SPDX-License-Identifier: MIT */

/*
 * One table of hashes for everything that the fake database finds objects by: names, GUIDs, what
 * must be unique, references, children, and the values of the attributes that searches have asked
 * for. What falls together by chance is for the caller to see: it looks at the object anyway.
 */

#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/base/text_fold.h"
#include "dsa/directory/dn.h"
#include "tests/support/fakedir_index.h"

#define NONE UINT32_MAX
#define FIRST_SLOTS 64

/* ---- hashes ---- */

uint64_t
fake_hash(enum fake_key key, struct bytes v)
{
	return bytes_hash(v, (uint64_t)key << 56);
}

uint64_t
fake_hash_sibling(const char *parent_norm, const char *folded)
{
	return bytes_hash(bytes_of(folded), fake_hash(FAKE_KEY_SIBLING, bytes_of(parent_norm)));
}

uint64_t
fake_hash_unique(const char *attr, const char *folded)
{
	return bytes_hash(bytes_of(folded), fake_hash(FAKE_KEY_UNIQUE, bytes_of(attr)));
}

uint64_t
fake_hash_term(const char *attr, struct bytes v)
{
	return bytes_hash_nocase(
	    v, bytes_hash_nocase(bytes_of(attr), (uint64_t)FAKE_KEY_TERM << 56));
}

/* ---- the table ---- */

static void
link_in(struct fake_index *ix, uint32_t at)
{
	struct fake_node *n = &ix->nodes[at];
	uint32_t *head = &ix->heads[n->hash & (ix->n_slots - 1)];

	n->prev = NONE;
	n->next = *head;
	if (*head != NONE)
		ix->nodes[*head].prev = at;
	*head = at;
}

static int
make_slots(struct fake_index *ix, size_t n_slots)
{
	uint32_t *heads = malloc(n_slots * sizeof *heads);

	if (!heads)
		return -1;
	memset(heads, 0xff, n_slots * sizeof *heads);
	free(ix->heads);
	ix->heads = heads;
	ix->n_slots = n_slots;
	for (uint32_t i = 0; i < ix->n_nodes; i++)
		if (ix->nodes[i].object)
			link_in(ix, i);
	return 0;
}

static int
new_node(struct fake_index *ix, uint32_t *ret)
{
	if (ix->n_nodes >= ix->n_slots &&
	    make_slots(ix, ix->n_slots ? ix->n_slots * 2 : FIRST_SLOTS) < 0)
		return -1;
	if (ix->n_free) {
		*ret = ix->free[--ix->n_free];
		return 0;
	}
	if (list_grow(ix->nodes, ix->n_nodes, ix->cap_nodes) < 0)
		return -1;
	*ret = (uint32_t)ix->n_nodes++;
	return 0;
}

static int
add_key(struct fake_index *ix, struct object *o, uint64_t hash)
{
	uint32_t at;

	if (list_grow(o->nodes, o->n_nodes, o->cap_nodes) < 0 || new_node(ix, &at) < 0)
		return -1;
	ix->nodes[at] = (struct fake_node){.hash = hash, .object = o};
	link_in(ix, at);
	o->nodes[o->n_nodes++] = at;
	return 0;
}

static int
remove_node(struct fake_index *ix, uint32_t at)
{
	struct fake_node *n = &ix->nodes[at];

	if (list_grow(ix->free, ix->n_free, ix->cap_free) < 0)
		return -1;
	if (n->prev == NONE)
		ix->heads[n->hash & (ix->n_slots - 1)] = n->next;
	else
		ix->nodes[n->prev].next = n->next;
	if (n->next != NONE)
		ix->nodes[n->next].prev = n->prev;
	n->object = NULL;
	ix->free[ix->n_free++] = at;
	return 0;
}

/* ---- the keys of an object ---- */

static int
add_place(struct fake_index *ix, struct object *o)
{
	struct err ignored;
	const char *parent = dn_parent(o->norm);
	_cleanup_(free) char *value = dn_rdn_value(o->e->dn, &ignored);
	_cleanup_(free) char *folded = value ? text_fold_key(value) : NULL;

	if (!folded || add_key(ix, o, fake_hash(FAKE_KEY_NORM, bytes_of(o->norm))) < 0 ||
	    add_key(ix, o, fake_hash(FAKE_KEY_CHILD, bytes_of(parent))) < 0)
		return -1;
	return add_key(ix, o, fake_hash_sibling(parent, folded));
}

static int
add_unique(struct fake_index *ix, struct object *o, const char *attr)
{
	const char *value = entry_get_str(o->e, attr);
	_cleanup_(free) char *folded = value ? text_fold_key(value) : NULL;

	if (!value)
		return 0;
	return folded ? add_key(ix, o, fake_hash_unique(attr, folded)) : -1;
}

static int
add_refs(const struct fakedir *fd, struct fake_index *ix, struct object *o)
{
	for (size_t i = 0; i < o->e->n_attrs; i++) {
		const struct attr *a = &o->e->attrs[i];
		const struct schema_attr *s = schema_find(fd->schema, a->name);

		for (size_t j = 0; s && fake_schema_is_ref(s) && j < a->n_values; j++)
			if (add_key(ix, o, fake_hash(FAKE_KEY_REF, a->values[j])) < 0)
				return -1;
	}
	return 0;
}

static int
add_terms(struct fake_index *ix, struct object *o, const char *attr)
{
	const struct attr *a = entry_find(o->e, attr);

	for (size_t i = 0; a && i < a->n_values; i++)
		if (add_key(ix, o, fake_hash_term(attr, a->values[i])) < 0)
			return -1;
	return 0;
}

int
fake_index_drop(struct fakedir *fd, struct object *o)
{
	while (o->n_nodes)
		if (remove_node(&fd->index, o->nodes[--o->n_nodes]) < 0)
			return -1;
	entry_free(TAKE(o->view));
	return 0;
}

int
fake_index_put(struct fakedir *fd, struct object *o)
{
	struct fake_index *ix = &fd->index;

	if (fake_index_drop(fd, o) < 0 || add_place(ix, o) < 0 ||
	    add_key(ix, o, fake_hash(FAKE_KEY_GUID, guid_bytes(&o->e->guid))) < 0 ||
	    add_unique(ix, o, "sAMAccountName") < 0 || add_unique(ix, o, "userPrincipalName") < 0 ||
	    add_refs(fd, ix, o) < 0)
		return -1;
	o->usn = (uint64_t)entry_get_i64(o->e, "uSNChanged", 0);
	for (size_t i = 0; i < ix->n_asked; i++)
		if (add_terms(ix, o, ix->asked[i]) < 0)
			return -1;
	return 0;
}

int
fake_index_ask(struct fakedir *fd, const char *attr)
{
	struct fake_index *ix = &fd->index;

	for (size_t i = 0; i < ix->n_asked; i++)
		if (str_equal_nocase(ix->asked[i], attr))
			return 0;
	if (list_grow(ix->asked, ix->n_asked, ix->cap_asked) < 0 ||
	    !(ix->asked[ix->n_asked] = strdup(attr)))
		return -1;
	ix->n_asked++;
	for (size_t i = 0; i < fd->n; i++)
		if (add_terms(ix, fd->objects[i], attr) < 0)
			return -1;
	return 0;
}

void
fake_index_done(struct fake_index *ix)
{
	for (size_t i = 0; i < ix->n_asked; i++)
		free(ix->asked[i]);
	free(ix->asked);
	free(ix->nodes);
	free(ix->heads);
	free(ix->free);
}

/* ---- finding ---- */

struct object *
fake_index_next(const struct fake_index *ix, uint64_t hash, const struct object *after)
{
	uint32_t at = ix->n_slots ? ix->heads[hash & (ix->n_slots - 1)] : NONE;
	bool past = !after;

	for (; at != NONE; at = ix->nodes[at].next) {
		if (ix->nodes[at].hash != hash)
			continue;
		if (past && ix->nodes[at].object != after)
			return ix->nodes[at].object;
		past |= ix->nodes[at].object == after;
	}
	return NULL;
}

int
fake_index_all(const struct fake_index *ix, uint64_t hash, struct fake_objects *ret)
{
	uint32_t at = ix->n_slots ? ix->heads[hash & (ix->n_slots - 1)] : NONE;

	for (; at != NONE; at = ix->nodes[at].next) {
		if (ix->nodes[at].hash != hash)
			continue;
		if (list_grow(ret->v, ret->n, ret->cap) < 0)
			return -1;
		ret->v[ret->n++] = ix->nodes[at].object;
	}
	return 0;
}

static int
by_creation(const void *x, const void *y)
{
	const struct object *p = *(struct object *const *)x, *q = *(struct object *const *)y;

	return (p->number > q->number) - (p->number < q->number);
}

void
fake_objects_order(struct fake_objects *l)
{
	size_t n = 0;

	if (l->n)
		qsort(l->v, l->n, sizeof(struct object *), by_creation);
	for (size_t i = 0; i < l->n; i++)
		if (!n || l->v[n - 1] != l->v[i])
			l->v[n++] = l->v[i];
	l->n = n;
}
