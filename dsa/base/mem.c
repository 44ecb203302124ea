/* SPDX-License-Identifier: MIT */
#include "dsa/base/mem.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"

bool
bytes_equal(struct bytes x, struct bytes y)
{
	return x.len == y.len && (x.len == 0 || memcmp(x.data, y.data, x.len) == 0);
}

int
bytes_compare(struct bytes x, struct bytes y)
{
	size_t len = x.len < y.len ? x.len : y.len;
	int rc = len ? memcmp(x.data, y.data, len) : 0;

	return rc ? rc : (x.len > y.len) - (x.len < y.len);
}

bool
bytes_equal_nocase(struct bytes x, struct bytes y)
{
	const uint8_t *p = x.data, *q = y.data;
	size_t left = x.len;

	if (x.len != y.len)
		return false;
	/* Addresses differ at their end or not at all, and mostly not in case either. */
	for (; left >= sizeof(uint64_t); left -= sizeof(uint64_t)) {
		uint64_t v, w;

		memcpy(&v, p, sizeof v);
		memcpy(&w, q, sizeof w);
		if (v != w && ascii_lower_word(v) != ascii_lower_word(w))
			return false;
		p += sizeof v;
		q += sizeof w;
	}
	for (; left; left--)
		if (ascii_lower(*p++) != ascii_lower(*q++))
			return false;
	return true;
}

struct bytes
bytes_of(const char *s)
{
	return (struct bytes){s, strlen(s)};
}

void *
bytes_dup(struct bytes v)
{
	char *copy = malloc(v.len + 1);

	if (!copy)
		return NULL;
	if (v.len)
		memcpy(copy, v.data, v.len);
	copy[v.len] = '\0';
	return copy;
}

/* FNV-1a with a final avalanche (the finalizer of MurmurHash3): FNV alone leaves the high bits of
 * short keys nearly constant, and LMDB compares integer keys from the top. */
#define FNV_OFFSET 0xcbf29ce484222325ULL
#define FNV_PRIME 0x100000001b3ULL

static uint64_t
avalanche(uint64_t h)
{
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdULL;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53ULL;
	h ^= h >> 33;
	return h;
}

uint64_t
bytes_hash(struct bytes v, uint64_t seed)
{
	uint64_t h = FNV_OFFSET ^ seed;
	const uint8_t *p = v.data;

	for (size_t i = 0; i < v.len; i++)
		h = (h ^ p[i]) * FNV_PRIME;
	return avalanche(h);
}

uint64_t
bytes_hash_nocase(struct bytes v, uint64_t seed)
{
	uint64_t h = FNV_OFFSET ^ seed;
	const uint8_t *p = v.data;

	for (size_t i = 0; i < v.len; i++)
		h = (h ^ ascii_lower(p[i])) * FNV_PRIME;
	return avalanche(h);
}

void
buf_done(struct buf *b)
{
	free(b->data);
	*b = (struct buf){0};
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->data)
		b->data[0] = '\0';
}

static bool
buf_reserve(struct buf *b, size_t more)
{
	size_t cap = b->cap ? b->cap : 64;
	uint8_t *data;

	if (b->failed || more > SIZE_MAX / 4 - b->len) {
		b->failed = true;
		return false;
	}
	if (b->len + more + 1 <= b->cap)
		return true;
	while (cap < b->len + more + 1)
		cap *= 2;
	data = realloc(b->data, cap);
	if (!data) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

void
buf_add(struct buf *b, const void *data, size_t len)
{
	if (!buf_reserve(b, len))
		return;
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void
buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !buf_reserve(b, (size_t)n))
		return;
	va_start(ap, fmt);
	(void)vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void
buf_add_u8(struct buf *b, uint8_t v)
{
	buf_add(b, &v, 1);
}

void
buf_add_u32(struct buf *b, uint32_t v)
{
	uint8_t le[4];

	for (size_t i = 0; i < sizeof le; i++)
		le[i] = (uint8_t)(v >> (8 * i));
	buf_add(b, le, sizeof le);
}

void
buf_add_u64(struct buf *b, uint64_t v)
{
	uint8_t le[8];

	for (size_t i = 0; i < sizeof le; i++)
		le[i] = (uint8_t)(v >> (8 * i));
	buf_add(b, le, sizeof le);
}

void
buf_add_bytes(struct buf *b, struct bytes v)
{
	if (v.len > UINT32_MAX) {
		b->failed = true;
		return;
	}
	buf_add_u32(b, (uint32_t)v.len);
	buf_add(b, v.data, v.len);
}

struct bytes
buf_bytes(const struct buf *b)
{
	return (struct bytes){b->data, b->len};
}

char *
buf_take_str(struct buf *b)
{
	char *s;

	buf_add(b, "", 0);
	s = b->failed ? NULL : (char *)TAKE(b->data);
	buf_done(b);
	return s;
}

struct reader
reader_of(struct bytes v)
{
	return (struct reader){
	    .p = v.data, .end = v.len ? (const uint8_t *)v.data + v.len : v.data};
}

size_t
reader_left(const struct reader *r)
{
	return r->failed ? 0 : (size_t)(r->end - r->p);
}

const void *
reader_raw(struct reader *r, size_t len)
{
	const uint8_t *p = r->p;

	if (reader_left(r) < len) {
		r->failed = true;
		return NULL;
	}
	if (len) /* P may be NULL where there is nothing */
		r->p += len;
	return p;
}

uint8_t
reader_u8(struct reader *r)
{
	const uint8_t *p = reader_raw(r, 1);

	return p ? *p : 0;
}

uint32_t
reader_u32(struct reader *r)
{
	uint32_t v = 0;
	const void *p = reader_raw(r, sizeof v);

	if (p)
		memcpy(&v, p, sizeof v);
	return le32toh(v);
}

uint64_t
reader_u64(struct reader *r)
{
	uint64_t v = 0;
	const void *p = reader_raw(r, sizeof v);

	if (p)
		memcpy(&v, p, sizeof v);
	return le64toh(v);
}

struct bytes
reader_bytes(struct reader *r)
{
	size_t len = reader_u32(r);
	const void *p = reader_raw(r, len);

	return p ? (struct bytes){p, len} : (struct bytes){"", 0};
}
