/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BASE_MEM_H
#define GALSYNC_BASE_MEM_H

/*
 * Ownership helpers and the two memory types that everything else is made of.
 *
 * Locals are released by the cleanup attribute and by nothing else; ownership leaves a function
 * through TAKE(). `struct bytes` is a directory value: a pointer and a length, because SIDs and
 * GUIDs contain NUL. `struct buf` is a growing octet buffer for encoders and for text.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(fn) __attribute__((__cleanup__(fn##p)))
#define DEFINE_CLEANUP(type, fn)                                                                   \
	static inline void fn##p(type *p)                                                          \
	{                                                                                          \
		if (*p)                                                                            \
			fn(*p);                                                                    \
	}
/* Moves the pointer out of variable P and leaves NULL behind. */
#define TAKE(p)                                                                                    \
	__extension__({                                                                            \
		__typeof__(p) take_ = (p);                                                         \
		(p) = NULL;                                                                        \
		take_;                                                                             \
	})
#define MUST_CHECK __attribute__((__warn_unused_result__))
#define PRINTF_LIKE(fmt, args) __attribute__((__format__(__printf__, fmt, args)))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static inline void
freep(void *p)
{
	free(*(void **)p);
}

static inline void
closep(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

/* A directory value. DATA is not owned unless the holder says so. Where a module promises it,
 * DATA[LEN] is a NUL that is not part of the value, so that text may be used as a string. */
struct bytes {
	const void *data;
	size_t len;
};

/* True if both have the same length and octets. */
bool bytes_equal(struct bytes x, struct bytes y);
/* True if both are equal when ASCII letters are compared without regard to case. */
bool bytes_equal_nocase(struct bytes x, struct bytes y);
/* By octets, the shorter first where one begins the other: <0, 0, >0. */
int bytes_compare(struct bytes x, struct bytes y);
/* The octets of the string S without its NUL; S must outlive the result. */
struct bytes bytes_of(const char *s);
/* A fresh copy of V's octets with a NUL behind them, to be freed by the caller; NULL: no memory. */
void *bytes_dup(struct bytes v);
/* A 64-bit hash of V, continued from SEED (0 to begin). Stable across runs and machines: it is
 * stored in the map. Not for tables in memory: anyone can choose values that fall together
 * (keyed_hash.h). */
uint64_t bytes_hash(struct bytes v, uint64_t seed);
/* The same over the octets with ASCII letters folded to lower case. */
uint64_t bytes_hash_nocase(struct bytes v, uint64_t seed);

/* A growing buffer. Start with `struct buf b = {0}` and declare it `_cleanup_(buf_done)`. After a
 * failed append `failed` stays set and all further appends do nothing, so that a long encoder may
 * check once at its end. DATA[LEN] is always NUL once anything was appended. */
struct buf {
	uint8_t *data;
	size_t len, cap;
	bool failed;
};

void buf_done(struct buf *b);
static inline void
buf_donep(struct buf *b)
{
	buf_done(b);
}
/* Empties B and keeps its memory. */
void buf_reset(struct buf *b);
void buf_add(struct buf *b, const void *data, size_t len);
void buf_add_str(struct buf *b, const char *s);
static inline void
buf_add_char(struct buf *b, char c)
{
	if (b->failed || b->len + 2 > b->cap) {
		buf_add(b, &c, 1);
		return;
	}
	b->data[b->len++] = (uint8_t)c;
	b->data[b->len] = '\0';
}
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Little-endian integers of fixed size, and octets behind their 32-bit length. */
void buf_add_u8(struct buf *b, uint8_t v);
void buf_add_u32(struct buf *b, uint32_t v);
void buf_add_u64(struct buf *b, uint64_t v);
void buf_add_bytes(struct buf *b, struct bytes v);
/* B's octets, borrowed until the next append. */
struct bytes buf_bytes(const struct buf *b);
/* Moves the text out of B (caller frees); NULL if any append failed. B is empty afterwards. An
 * empty buffer gives an empty string. */
char *buf_take_str(struct buf *b);

/* A reader over foreign octets: never reads past the end; after the first short read `failed`
 * stays set and every further read gives zero or an empty value. */
struct reader {
	const uint8_t *p, *end;
	bool failed;
};

struct reader reader_of(struct bytes v);
uint8_t reader_u8(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);
/* Octets behind their 32-bit length, borrowed from the reader's memory. */
struct bytes reader_bytes(struct reader *r);
/* LEN raw octets, or NULL. */
const void *reader_raw(struct reader *r, size_t len);
/* How many octets are left. */
size_t reader_left(const struct reader *r);

#endif
