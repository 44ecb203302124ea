/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BASE_KEYED_HASH_H
#define GALSYNC_BASE_KEYED_HASH_H

/*
 * The hash of whatever others may choose: names, addresses, GUIDs of a directory. Nobody who does
 * not know the key can choose values that fall together, and so make a look-up as slow as a walk.
 * The key is made when the process first needs it, at random.
 *
 * So a hash means nothing to another process and is never stored: what outlives the process takes
 * bytes_hash() (mem.h).
 */

#include <stdint.h>

#include "dsa/base/mem.h"

#define KEYED_HASH_KEY 16

/* Of V, continued from SEED (0 to begin), by the key of the process. */
uint64_t keyed_hash(struct bytes v, uint64_t seed);
/* The same over the octets with ASCII letters folded to lower case. */
uint64_t keyed_hash_nocase(struct bytes v, uint64_t seed);
/* SipHash-1-3 (Aumasson and Bernstein, 2012) of V by KEY: what the above are made of. */
uint64_t keyed_hash_siphash(const uint8_t key[KEYED_HASH_KEY], struct bytes v);

#endif
