/* SPDX-License-Identifier: MIT */
/* Open addressing, at most half full. */
#include "dsa/directory/guid_set.h"

#include "dsa/base/keyed_hash.h"

void
guid_set_done(struct guid_set *s)
{
	free(s->v);
	*s = (struct guid_set){0};
}

static size_t
place_of(const struct guid *v, size_t cap, const struct guid *g)
{
	size_t i = keyed_hash(guid_bytes(g), 0) & (cap - 1);

	while (!guid_is_zero(&v[i]) && !guid_equal(&v[i], g))
		i = (i + 1) & (cap - 1);
	return i;
}

static int
grow(struct guid_set *s)
{
	size_t cap = s->cap ? s->cap * 2 : 64;
	struct guid *v = calloc(cap, sizeof *v);

	if (!v)
		return -1;
	for (size_t i = 0; i < s->cap; i++)
		if (!guid_is_zero(&s->v[i]))
			v[place_of(v, cap, &s->v[i])] = s->v[i];
	free(s->v);
	s->v = v;
	s->cap = cap;
	return 0;
}

int
guid_set_add(struct guid_set *s, const struct guid *g)
{
	size_t i;

	if (s->n * 2 >= s->cap && grow(s) < 0)
		return -1;
	i = place_of(s->v, s->cap, g);
	if (guid_is_zero(g) || !guid_is_zero(&s->v[i]))
		return 0;
	s->v[i] = *g;
	s->n++;
	return 1;
}

bool
guid_set_has(const struct guid_set *s, const struct guid *g)
{
	return s->cap && !guid_is_zero(g) && !guid_is_zero(&s->v[place_of(s->v, s->cap, g)]);
}
