/* SPDX-License-Identifier: MIT */
/* A hash set with open addressing that is at most half full. */
#include "dsa/base/told.h"

#include "dsa/base/keyed_hash.h"

#define FIRST_CAP 64
#define MET 1U

void
told_done(struct told *t)
{
	free(t->slot);
	*t = (struct told){NULL, 0, 0};
}

/* The slot of HASH, or the empty one where it belongs. */
static uint64_t *
find(const struct told *t, uint64_t hash)
{
	size_t i = (hash >> 1) & (t->cap - 1);

	while (t->slot[i] && (t->slot[i] | MET) != (hash | MET))
		i = (i + 1) & (t->cap - 1);
	return &t->slot[i];
}

/* A set of CAP slots with those of the hashes that have all bits of MASK. */
static bool
rebuild(struct told *t, size_t cap, uint64_t mask)
{
	struct told fresh = {calloc(cap, sizeof *fresh.slot), 0, cap};

	if (!fresh.slot)
		return false;
	for (size_t i = 0; i < t->cap; i++)
		if (t->slot[i] && (t->slot[i] & mask) == mask) {
			*find(&fresh, t->slot[i]) = t->slot[i];
			fresh.n++;
		}
	free(t->slot);
	*t = fresh;
	return true;
}

/* Room for one more. */
static bool
make_room(struct told *t)
{
	if (t->n == TOLD_MAX)
		told_done(t);
	if (t->n < t->cap / 2)
		return true;
	return rebuild(t, t->cap ? t->cap * 2 : FIRST_CAP, 0);
}

bool
told_before(struct told *t, struct bytes id, const char *text)
{
	uint64_t hash = keyed_hash(bytes_of(text), keyed_hash(id, 0)) | MET;
	uint64_t *slot = t->cap ? find(t, hash) : NULL;

	if (slot && *slot) {
		*slot |= MET;
		return true;
	}
	if (make_room(t)) {
		*find(t, hash) = hash;
		t->n++;
	}
	return false;
}

void
told_begin(struct told *t)
{
	for (size_t i = 0; i < t->cap; i++)
		t->slot[i] &= ~(uint64_t)MET;
}

void
told_end(struct told *t)
{
	if (t->cap)
		(void)rebuild(t, t->cap, MET);
}
