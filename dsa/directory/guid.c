/* SPDX-License-Identifier: MIT */
#include "dsa/directory/guid.h"

#include <string.h>

#include "dsa/base/hex.h"
#include "dsa/base/list.h"

/* Text position of each stored octet: the first three fields are little-endian. */
static const uint8_t order[GUID_LEN] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

bool
guid_from_bytes(struct bytes v, struct guid *ret)
{
	if (v.len != GUID_LEN)
		return false;
	memcpy(ret->octets, v.data, GUID_LEN);
	return true;
}

bool
guid_parse(const char *s, struct guid *ret)
{
	bool braces = *s == '{';
	struct guid g;

	s += braces;
	for (size_t i = 0; i < GUID_LEN; i++) {
		int octet;

		if ((i == 4 || i == 6 || i == 8 || i == 10) && *s++ != '-')
			return false;
		octet = hex_octet(s);
		if (octet < 0)
			return false;
		g.octets[order[i]] = (uint8_t)octet;
		s += 2;
	}
	if (braces && *s++ != '}')
		return false;
	if (*s)
		return false;
	*ret = g;
	return true;
}

void
guid_format(const struct guid *g, char ret[GUID_TEXT_SIZE])
{
	size_t n = 0;

	for (size_t i = 0; i < GUID_LEN; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			ret[n++] = '-';
		hex_put(g->octets[order[i]], &ret[n]);
		n += 2;
	}
	ret[n] = '\0';
}

void
guid_filter(const struct guid *g, char ret[GUID_FILTER_SIZE])
{
	char *p = ret;

	for (size_t i = 0; i < GUID_LEN; i++) {
		*p++ = '\\';
		hex_put(g->octets[i], p);
		p += 2;
	}
	*p = '\0';
}

bool
guid_equal(const struct guid *x, const struct guid *y)
{
	return memcmp(x->octets, y->octets, GUID_LEN) == 0;
}

bool
guid_is_zero(const struct guid *g)
{
	static const struct guid zero;

	return guid_equal(g, &zero);
}

struct guid
guid_derive(const struct guid *from, const char *purpose)
{
	uint64_t seed = bytes_hash(bytes_of(purpose), 0);
	uint64_t half[2] = {
	    bytes_hash(guid_bytes(from), seed), bytes_hash(guid_bytes(from), ~seed)};
	struct guid g;

	for (size_t i = 0; i < GUID_LEN; i++)
		g.octets[order[i]] = (uint8_t)(half[i / 8] >> (8 * (i % 8)));
	g.octets[order[6]] = (uint8_t)((g.octets[order[6]] & 0x0f) | 0x80);
	g.octets[order[8]] = (uint8_t)((g.octets[order[8]] & 0x3f) | 0x80);
	return g;
}

int
guid_list_add(struct guid_list *l, const struct guid *g, struct err *err)
{
	if (list_grow(l->v, l->n, l->cap) < 0)
		return err_nomem(err);
	l->v[l->n++] = *g;
	return 0;
}

bool
guid_list_has(const struct guid_list *l, const struct guid *g)
{
	for (size_t i = 0; i < l->n; i++)
		if (guid_equal(&l->v[i], g))
			return true;
	return false;
}

static int
compare(const void *x, const void *y)
{
	return memcmp(x, y, GUID_LEN);
}

void
guid_list_sort(struct guid_list *l)
{
	if (l->n)
		qsort(l->v, l->n, sizeof *l->v, compare);
}

void
guid_list_sort_once(struct guid_list *l)
{
	size_t n = 0;

	guid_list_sort(l);
	for (size_t i = 0; i < l->n; i++)
		if (n == 0 || !guid_equal(&l->v[n - 1], &l->v[i]))
			l->v[n++] = l->v[i];
	l->n = n;
}
