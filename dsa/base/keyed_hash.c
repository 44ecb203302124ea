/* SPDX-License-Identifier: MIT */
#include "dsa/base/keyed_hash.h"

#include <endian.h>
#include <pthread.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>

#include "dsa/base/str.h"

struct state {
	uint64_t v[4];
};

static uint64_t
rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static void
rounds(struct state *s, unsigned n)
{
	uint64_t *v = s->v;

	while (n--) {
		v[0] += v[1];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[0] = rotate(v[0], 32);
		v[2] += v[3];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[2] = rotate(v[2], 32);
	}
}

static void
take_word(struct state *s, uint64_t word)
{
	s->v[3] ^= word;
	rounds(s, 1);
	s->v[0] ^= word;
}

/* K are the halves of the key. */
static uint64_t
hash(const uint64_t k[2], struct bytes value, bool fold)
{
	struct state s = {{k[0] ^ 0x736f6d6570736575ULL, k[1] ^ 0x646f72616e646f6dULL,
	    k[0] ^ 0x6c7967656e657261ULL, k[1] ^ 0x7465646279746573ULL}};
	const uint8_t *p = value.data;
	size_t left = value.len;
	uint64_t word;

	for (; left >= sizeof word; p += sizeof word, left -= sizeof word) {
		memcpy(&word, p, sizeof word);
		word = le64toh(word);
		take_word(&s, fold ? ascii_lower_word(word) : word);
	}
	word = 0;
	while (left--)
		word |= (uint64_t)p[left] << (left * 8);
	take_word(&s, (fold ? ascii_lower_word(word) : word) | (uint64_t)value.len << 56);
	s.v[2] ^= 0xff;
	rounds(&s, 3);
	return s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
}

static uint64_t
half(const uint8_t *key)
{
	uint64_t x = 0;

	for (unsigned i = 0; i < 8; i++)
		x |= (uint64_t)key[i] << (i * 8);
	return x;
}

uint64_t
keyed_hash_siphash(const uint8_t key[KEYED_HASH_KEY], struct bytes v)
{
	const uint64_t k[2] = {half(key), half(key + 8)};

	return hash(k, v, false);
}

static uint64_t process_key[2];

/* Where getrandom() is refused, what the kernel gave the process at its start is as good. */
static void
make_key(void)
{
	const void *given = (const void *)(uintptr_t)getauxval(AT_RANDOM);

	if (getrandom(process_key, sizeof process_key, 0) != (ssize_t)sizeof process_key && given)
		memcpy(process_key, given, sizeof process_key);
}

static uint64_t
hash_by_process(struct bytes v, uint64_t seed, bool fold)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	uint64_t k[2];

	(void)pthread_once(&once, make_key);
	k[0] = process_key[0] ^ seed;
	k[1] = process_key[1];
	return hash(k, v, fold);
}

uint64_t
keyed_hash(struct bytes v, uint64_t seed)
{
	return hash_by_process(v, seed, false);
}

uint64_t
keyed_hash_nocase(struct bytes v, uint64_t seed)
{
	return hash_by_process(v, seed, true);
}
