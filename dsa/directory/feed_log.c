/* SPDX-License-Identifier: MIT */
#include "dsa/directory/feed_log.h"

#include <string.h>
#include <strings.h>

#include "dsa/base/list.h"

struct feed_object {
	struct guid guid;
	bool named, deleted;
};

struct cursor {
	void *octets;
	size_t len;
	uint64_t at;   /* the number of the first change that it has not heard of */
	size_t wanted; /* so many attributes were asked about then, and are since */
	uint64_t used; /* when it was asked for, in questions */
};

struct feed_log {
	char **attrs; /* NULL-terminated, in the order in which they were wanted */
	size_t n_attrs, cap_attrs;
	struct feed_object *told;
	size_t n_told, cap_told;
	uint64_t first; /* the number of the oldest */
	struct cursor *cursors;
	size_t n_cursors, cap_cursors;
	size_t head; /* of the cursors; of no meaning where there are none */
	uint64_t uses;
};

/* ---- an answer ---- */

void
feed_told_done(struct feed_told *t)
{
	free(t->v);
	*t = (struct feed_told){.n = 0};
}

int
feed_told_add(struct feed_told *t, const struct dir_change *c)
{
	t->many |= t->n == FEED_LOG_CHANGES;
	if (t->many)
		return 0;
	if (list_grow(t->v, t->n, t->cap) < 0)
		return -1;
	t->v[t->n++] =
	    (struct feed_object){.guid = c->guid, .named = c->named, .deleted = c->deleted};
	return 0;
}

/* ---- life ---- */

void
feed_log_forget(struct feed_log *l)
{
	l->first += l->n_told;
	l->n_told = 0;
	for (size_t i = 0; i < l->n_cursors; i++)
		free(l->cursors[i].octets);
	l->n_cursors = 0;
}

struct feed_log *
feed_log_new(void)
{
	_cleanup_(feed_log_free) struct feed_log *l = calloc(1, sizeof *l);

	if (!l || list_grow(l->attrs, 0, l->cap_attrs) < 0)
		return NULL;
	l->attrs[0] = NULL;
	return TAKE(l);
}

void
feed_log_free(struct feed_log *l)
{
	if (!l)
		return;
	feed_log_forget(l);
	for (size_t i = 0; i < l->n_attrs; i++)
		free(l->attrs[i]);
	free(l->attrs);
	free(l->told);
	free(l->cursors);
	free(l);
}

/* ---- attributes ---- */

/* Its number from 1 on; more than there are if it is none of them. */
static size_t
number_of(const struct feed_log *l, const char *attr)
{
	size_t i = 0;

	while (i < l->n_attrs && strcasecmp(l->attrs[i], attr) != 0)
		i++;
	return i + 1;
}

/* How many of the log's attributes have ATTRS among them. */
static size_t
enough_for(const struct feed_log *l, const char *const *attrs)
{
	size_t most = 0;

	for (; *attrs; attrs++) {
		size_t n = number_of(l, *attrs);

		most = n > most ? n : most;
	}
	return most;
}

int
feed_log_want(struct feed_log *l, const char *const *attrs)
{
	for (; *attrs; attrs++) {
		char *copy;

		if (number_of(l, *attrs) <= l->n_attrs)
			continue;
		if (list_grow(l->attrs, l->n_attrs + 1, l->cap_attrs) < 0 ||
		    !(copy = strdup(*attrs)))
			return -1;
		l->attrs[l->n_attrs++] = copy;
		l->attrs[l->n_attrs] = NULL;
	}
	return 0;
}

const char *const *
feed_log_attrs(const struct feed_log *l)
{
	return (const char *const *)l->attrs;
}

/* ---- cursors ---- */

static struct bytes
octets_of(const struct cursor *c)
{
	return (struct bytes){c->octets, c->len};
}

struct bytes
feed_log_head(const struct feed_log *l)
{
	return l->n_cursors ? octets_of(&l->cursors[l->head]) : (struct bytes){NULL, 0};
}

static struct cursor *
find(const struct feed_log *l, struct bytes cursor)
{
	for (size_t i = 0; i < l->n_cursors; i++)
		if (bytes_equal(octets_of(&l->cursors[i]), cursor))
			return &l->cursors[i];
	return NULL;
}

bool
feed_log_find(struct feed_log *l, struct bytes cursor, const char *const *attrs, uint64_t *ret_from)
{
	struct cursor *c = find(l, cursor);

	if (!c || c->at < l->first || enough_for(l, attrs) > c->wanted)
		return false;
	c->used = ++l->uses;
	*ret_from = c->at;
	return true;
}

static void
drop(struct feed_log *l, size_t i)
{
	size_t last = --l->n_cursors;

	free(l->cursors[i].octets);
	l->cursors[i] = l->cursors[last];
	if (l->head == last)
		l->head = i;
}

/* Makes room; the head stays. */
static void
drop_unused(struct feed_log *l)
{
	size_t oldest = SIZE_MAX;

	for (size_t i = 0; i < l->n_cursors; i++)
		if (i != l->head &&
		    (oldest == SIZE_MAX || l->cursors[i].used < l->cursors[oldest].used))
			oldest = i;
	if (l->n_cursors >= FEED_LOG_CURSORS && oldest != SIZE_MAX)
		drop(l, oldest);
}

/* CURSOR has heard of everything before AT. *RET is its place. */
static int
put(struct feed_log *l, struct bytes cursor, uint64_t at, size_t *ret)
{
	struct cursor *c = find(l, cursor);
	void *octets = c ? NULL : bytes_dup(cursor);

	if (!c) {
		drop_unused(l);
		if (!octets || list_grow(l->cursors, l->n_cursors, l->cap_cursors) < 0) {
			free(octets);
			return -1;
		}
		c = &l->cursors[l->n_cursors++];
		*c = (struct cursor){.octets = octets, .len = cursor.len};
	}
	c->at = at;
	c->wanted = l->n_attrs;
	c->used = ++l->uses;
	*ret = (size_t)(c - l->cursors);
	return 0;
}

/* ---- changes ---- */

static uint64_t
end_of(const struct feed_log *l)
{
	return l->first + l->n_told;
}

int
feed_log_tell(
    const struct feed_log *l, uint64_t from, dir_change_fn *fn, void *arg, struct err *err)
{
	for (uint64_t at = from; at < end_of(l); at++) {
		const struct feed_object *o = &l->told[at - l->first];
		const struct dir_change c = {
		    .guid = o->guid, .dn = "", .named = o->named, .deleted = o->deleted};

		if (fn(&c, arg, err) < 0)
			return -1;
	}
	return 0;
}

/* Makes room for MORE: the oldest go, and the cursors that have not heard of them. */
static void
drop_oldest(struct feed_log *l, size_t more)
{
	size_t n = l->n_told + more > FEED_LOG_CHANGES ? l->n_told + more - FEED_LOG_CHANGES : 0;

	if (!n)
		return;
	l->n_told -= n;
	l->first += n;
	memmove(l->told, l->told + n, l->n_told * sizeof *l->told);
	for (size_t i = l->n_cursors; i-- > 0;)
		if (l->cursors[i].at < l->first && i != l->head)
			drop(l, i);
}

static int
append(struct feed_log *l, const struct feed_told *told)
{
	if (list_reserve(l->told, l->n_told, l->cap_told, told->n) < 0)
		return -1;
	if (told->n)
		memcpy(l->told + l->n_told, told->v, told->n * sizeof *told->v);
	l->n_told += told->n;
	return 0;
}

/* Everyone hears TOLD. */
static int
go_on(struct feed_log *l, struct bytes from, const struct feed_told *told, struct bytes to)
{
	/* Who hears of something and gets no other cursor has to hear of it again. */
	bool stays = told->n && bytes_equal(from, to);
	const struct cursor *known = find(l, from);
	size_t ignored;

	if (told->many)
		feed_log_forget(l);
	else if (from.len && (!known || known->at == end_of(l)) &&
		 put(l, from, end_of(l), stays ? &l->head : &ignored) < 0)
		return -1;
	if (!told->many) {
		drop_oldest(l, told->n);
		if (append(l, told) < 0)
			return -1;
	}
	return !stays && put(l, to, end_of(l), &l->head) < 0 ? -1 : 1;
}

/* TOLD is for the one alone that has cursor FROM; from TO on it is with the others. */
static int
join(struct feed_log *l, struct bytes from, const struct feed_told *told, struct bytes to)
{
	size_t ignored;

	if (from.len && !told->n && put(l, from, end_of(l), &ignored) < 0)
		return -1;
	return put(l, to, end_of(l), &ignored);
}

int
feed_log_add(struct feed_log *l, struct bytes from, const struct feed_told *told, struct bytes to)
{
	struct bytes head = feed_log_head(l);
	bool for_all = !head.len || bytes_equal(head, from);
	int rc = for_all ? go_on(l, from, told, to) : join(l, from, told, to);

	if (rc < 0)
		feed_log_forget(l);
	return rc;
}
