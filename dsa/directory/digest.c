/* SPDX-License-Identifier: MIT */
#include "dsa/directory/digest.h"

#include <gnutls/crypto.h>
#include <string.h>

/* The mark, the size as u64, the SHA-256. */
#define MARK "\0sha256\0"
#define MARK_LEN 8
#define HASH_LEN 32
#define DIGEST_LEN (MARK_LEN + 8 + HASH_LEN)

bool
digest_is(struct bytes v)
{
	return v.len == DIGEST_LEN && memcmp(v.data, MARK, MARK_LEN) == 0;
}

bool
digest_is_due(struct bytes v)
{
	if (v.len > DIGEST_ABOVE)
		return true;
	return v.len >= MARK_LEN && memcmp(v.data, MARK, MARK_LEN) == 0;
}

static int
make(struct bytes v, struct buf *ret)
{
	uint8_t hash[HASH_LEN];

	/* A program may start without GnuTLS (dsa/ctl/main.c); else this only counts. */
	if (gnutls_global_init() < 0 ||
	    gnutls_hash_fast(GNUTLS_DIG_SHA256, v.data, v.len, hash) < 0)
		return -1;
	buf_add(ret, MARK, MARK_LEN);
	buf_add_u64(ret, v.len);
	buf_add(ret, hash, sizeof hash);
	return ret->failed ? -1 : 0;
}

char *
digest_text(struct bytes v)
{
	_cleanup_(buf_done) struct buf text = {0};

	digest_describe(v, &text);
	return text.failed ? NULL : buf_take_str(&text);
}

bool
digest_matches(struct bytes digest, struct bytes v)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct reader r = reader_of(digest);

	(void)reader_raw(&r, MARK_LEN);
	return reader_u64(&r) == v.len && make(v, &b) == 0 && bytes_equal(buf_bytes(&b), digest);
}

void
digest_describe(struct bytes v, struct buf *ret)
{
	_cleanup_(buf_done) struct buf own = {0};
	struct reader r;
	const uint8_t *hash;

	if (!digest_is(v)) {
		ret->failed |= make(v, &own) < 0;
		v = buf_bytes(&own);
	}
	r = reader_of(v);
	(void)reader_raw(&r, MARK_LEN);
	buf_printf(ret, "%llu octets, SHA-256 ", (unsigned long long)reader_u64(&r));
	hash = reader_raw(&r, HASH_LEN);
	for (size_t i = 0; hash && i < HASH_LEN; i++)
		buf_printf(ret, "%02x", hash[i]);
}

static bool
values_are_due(const struct bytes *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (digest_is_due(values[i]))
			return true;
	return false;
}

static int
digest_mod(struct mod *m)
{
	for (size_t i = 0; i < m->n_values; i++) {
		_cleanup_(buf_done) struct buf b = {0};
		void *copy;

		if (!digest_is_due(m->values[i]))
			continue;
		if (make(m->values[i], &b) < 0 || !(copy = bytes_dup(buf_bytes(&b))))
			return -1;
		free((void *)(uintptr_t)m->values[i].data);
		m->values[i] = (struct bytes){copy, b.len};
	}
	return 0;
}

int
digest_attr(struct entry *e, struct attr *a)
{
	for (size_t i = 0; i < a->n_values; i++) {
		_cleanup_(buf_done) struct buf b = {0};

		if (digest_is_due(a->values[i]) &&
		    (make(a->values[i], &b) < 0 || entry_put_value(e, a, i, buf_bytes(&b)) < 0))
			return -1;
	}
	return 0;
}

bool
digest_attr_is_due(const struct attr *a)
{
	return values_are_due(a->values, a->n_values);
}

int
digest_change(struct change *c)
{
	for (size_t i = 0; i < c->n_mods; i++)
		if (digest_mod(&c->mods[i]) < 0)
			return -1;
	for (size_t i = 0; c->entry && i < c->entry->n_attrs; i++)
		if (digest_attr(c->entry, &c->entry->attrs[i]) < 0)
			return -1;
	return 0;
}

bool
digest_change_is_due(const struct change *c)
{
	for (size_t i = 0; i < c->n_mods; i++)
		if (values_are_due(c->mods[i].values, c->mods[i].n_values))
			return true;
	for (size_t i = 0; c->entry && i < c->entry->n_attrs; i++)
		if (digest_attr_is_due(&c->entry->attrs[i]))
			return true;
	return false;
}
