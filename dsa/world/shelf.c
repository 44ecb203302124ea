/* SPDX-License-Identifier: MIT */
#include "dsa/world/shelf.h"

#include <string.h>

#include "dsa/base/list.h"

struct shelf_row {
	struct shelf_item *items;
	size_t n, cap;
};

struct shelf {
	struct shelf_row row[SHELF_ROWS + 1];
	size_t size;
};

struct shelf *
shelf_new(void)
{
	return calloc(1, sizeof(struct shelf));
}

static void
drop_value(struct shelf_item *item)
{
	free((void *)(uintptr_t)item->value.data);
}

void
shelf_free(struct shelf *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(s->row); i++) {
		for (size_t k = 0; k < s->row[i].n; k++)
			drop_value(&s->row[i].items[k]);
		free(s->row[i].items);
	}
	free(s);
}

static bool
is_before(const struct shelf_item *item, uint64_t key, uint32_t number)
{
	return item->key != key ? item->key < key : item->number < number;
}

/* The place of the first item that is not before KEY and NUMBER. */
static size_t
place_of(const struct shelf_row *r, uint64_t key, uint32_t number)
{
	size_t low = 0, high = r->n;

	/* Entries come in the order of their numbers. */
	if (r->n && is_before(&r->items[r->n - 1], key, number))
		return r->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (is_before(&r->items[middle], key, number))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The item of KEY and NUMBER, a new one if there is none; NULL: no memory. */
static struct shelf_item *
take_place(struct shelf *s, struct shelf_row *r, uint64_t key, uint32_t number)
{
	size_t place = place_of(r, key, number);

	if (place < r->n && r->items[place].key == key && r->items[place].number == number)
		return &r->items[place];
	if (list_grow(r->items, r->n, r->cap) < 0)
		return NULL;
	s->size += sizeof *r->items;
	memmove(&r->items[place + 1], &r->items[place], (r->n - place) * sizeof *r->items);
	r->n++;
	r->items[place] = (struct shelf_item){.key = key, .number = number};
	return &r->items[place];
}

int
shelf_put(struct shelf *s, size_t row, uint64_t key, struct bytes value, struct err *err)
{
	_cleanup_(free) void *copy = bytes_dup(value);
	struct shelf_item *item = copy ? take_place(s, &s->row[row], key, 0) : NULL;

	if (!item)
		return err_nomem(err);
	s->size = s->size - item->value.len + value.len;
	drop_value(item);
	item->value = (struct bytes){TAKE(copy), value.len};
	return 0;
}

int
shelf_add_pair(struct shelf *s, uint64_t hash, uint32_t number, struct err *err)
{
	return take_place(s, &s->row[SHELF_PAIRS], hash, number) ? 0 : err_nomem(err);
}

static void
drop_row(struct shelf *s, struct shelf_row *r)
{
	for (size_t i = 0; i < r->n; i++) {
		s->size -= sizeof *r->items + r->items[i].value.len;
		drop_value(&r->items[i]);
	}
	free(r->items);
	*r = (struct shelf_row){.n = 0};
}

void
shelf_keep(struct shelf *s, size_t row)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->row); i++)
		if (i != row)
			drop_row(s, &s->row[i]);
}

const struct shelf_item *
shelf_from(const struct shelf *s, size_t row, uint64_t from, size_t *ret_n)
{
	const struct shelf_row *r = &s->row[row];
	size_t place = place_of(r, from, 0);

	*ret_n = r->n - place;
	return *ret_n ? &r->items[place] : NULL;
}

size_t
shelf_size(const struct shelf *s)
{
	return s->size;
}
