/* SPDX-License-Identifier: MIT */
#include "dsa/rules/together.h"

#include <stdlib.h>
#include <string.h>

#include "dsa/base/mem.h"

static const struct {
	const char *name, *breaks;
} rows[] = {
    [TIE_DELEGATE] = {"delegate", "cannot open its mailbox and calendar as before"},
    [TIE_SEND_ON_BEHALF] = {"send-on-behalf", "cannot send on its behalf"},
    [TIE_ASSISTANT] = {"assistant", "sees its calendar as that of another organization"},
    [TIE_FORWARD] = {"forward", "gets its mail by way of the other organization"},
    [TIE_SHARED] = {"shared", "cannot work in that shared mailbox"},
    [TIE_RESOURCE] = {"resource", "cannot manage the bookings of that resource"},
};
_Static_assert(ARRAY_SIZE(rows) == TIE_MAX, "a row for each");

const char *
tie_name(enum tie t)
{
	return rows[t].name;
}

const char *
tie_breaks(enum tie t)
{
	return rows[t].breaks;
}

/* msExchRecipientTypeDetails: 4 shared, 16 room, 32 equipment. */
enum tie
tie_of(enum tie attr_tie, const char *details)
{
	if (attr_tie != TIE_DELEGATE && attr_tie != TIE_SEND_ON_BEHALF)
		return attr_tie;
	if (strcmp(details, "4") == 0)
		return TIE_SHARED;
	return strcmp(details, "16") == 0 || strcmp(details, "32") == 0 ? TIE_RESOURCE : attr_tie;
}

/* The first of I's set, with a shorter way to it from now on. */
static size_t
first_of(size_t *set, size_t i)
{
	while (set[i] != i) {
		set[i] = set[set[i]];
		i = set[i];
	}
	return i;
}

int
together_sets(size_t n, const bool *moves, const struct together_tie *ties, size_t n_ties,
    size_t **ret, struct err *err)
{
	size_t *set = calloc(n + 1, sizeof *set);

	if (!set)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++)
		set[i] = i;
	for (size_t i = 0; i < n_ties; i++) {
		size_t x, y;

		if (!moves[ties[i].from] || !moves[ties[i].to])
			continue;
		x = first_of(set, ties[i].from);
		y = first_of(set, ties[i].to);
		/* The lower number stays the first. */
		set[x > y ? x : y] = x > y ? y : x;
	}
	for (size_t i = 0; i < n; i++)
		set[i] = first_of(set, i);
	*ret = set;
	return 0;
}

bool
together_splits(const struct together_tie *tie, const bool *moves, const bool *in)
{
	return moves[tie->from] && moves[tie->to] && in[tie->from] != in[tie->to];
}
