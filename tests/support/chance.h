/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_CHANCE_H
#define GALSYNC_TESTS_CHANCE_H

/* Random games that can be played again: the same state gives the same throws, everywhere. */

#include <stdint.h>

/* The next throw, from 0 to N - 1; N is at least 1. *STATE is the game's. */
static inline unsigned
chance_roll(uint64_t *state, unsigned n)
{
	*state = *state * 6364136223846793005U + 1442695040888963407U;
	return (unsigned)(*state >> 33) % n;
}

#endif
