/* SPDX-License-Identifier: MIT */
/*
 * Layout on disk, integers little-endian:
 *
 *   offset  size
 *        0     1  format: 1, or 2 with what was written on the source
 *        1     1  kind          2  1  rule         3  1  state
 *        4     1  flags: bit 0 created, bit 1 the target is active, bit 2 readiness is used up,
 *                 bit 3 the source's guard is galsync's, bit 4 its coexistence was ended
 *        5     4  link
 *        9    16  source GUID  25 16  target GUID
 *       41     8  created_at   49  8  synced_at   57  8  switched_at
 *       65        then, each behind its 32-bit length: evidence, alias, last_error, source DN,
 * target DN, source SID, target SID; then, each behind its 32-bit count, the legacy DNs of the
 *                 source, those of the target, the addresses, and the hashes (8 octets each) of
 *                 what was written on the target, and in format 2 of what was on the source
 *
 * A record on whose source nothing was written is of format 1, as it always was.
 * The GUIDs stand at fixed places, so that a look-up can verify a hit without decoding.
 */
#include "mapping/record.h"

#include <endian.h>
#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "mapping/record_view.h"

#define FORMAT_BOTH_SIDES 2
#define FLAG_CREATED 1U
#define FLAG_TARGET_ACTIVE 2U
#define FLAG_READY_USED 4U
#define FLAG_SOURCE_GUARD 8U
#define FLAG_ENDED 16U
#define FLAGS_ALL 31U

static const char *const state_names[] = {
    [RECORD_PENDING] = "pending",
    [RECORD_SYNCED] = "synced",
    [RECORD_WAITING] = "waiting",
    [RECORD_ERROR] = "error",
    [RECORD_LEFT] = "left",
    [RECORD_FINISHED] = "finished",
};
_Static_assert(ARRAY_SIZE(state_names) == RECORD_STATE_MAX, "a name for each state");

const char *
record_state_name(enum record_state s)
{
	return state_names[s];
}

const char *
side_name(enum side s)
{
	return s == SOURCE ? "source" : "target";
}

struct record *
record_new(void)
{
	_cleanup_(record_free) struct record *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->evidence = strdup("");
	r->alias = strdup("");
	r->last_error = strdup("");
	r->side[SOURCE].dn = strdup("");
	r->side[TARGET].dn = strdup("");
	if (!r->evidence || !r->alias || !r->last_error || !r->side[SOURCE].dn ||
	    !r->side[TARGET].dn)
		return NULL;
	return TAKE(r);
}

static void
free_strings(char **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i]);
	free(v);
}

void
record_free(struct record *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < SIDES; i++) {
		free(r->side[i].dn);
		free((void *)(uintptr_t)r->side[i].sid.data);
		free_strings(r->side[i].legacy_dns, r->side[i].n_legacy_dns);
	}
	free_strings(r->addresses, r->n_addresses);
	free(r->evidence);
	free(r->alias);
	free(r->last_error);
	for (size_t i = 0; i < SIDES; i++)
		free(r->written[i].v);
	free(r);
}

int
record_set_str(char **field, const char *s)
{
	char *copy = strdup(s);

	if (!copy)
		return -1;
	free(*field);
	*field = copy;
	return 0;
}

int
record_set_sid(struct record_side *s, struct bytes v)
{
	char *copy = bytes_dup(v);

	if (!copy)
		return -1;
	free((void *)(uintptr_t)s->sid.data);
	s->sid = (struct bytes){copy, v.len};
	return 0;
}

int
record_add_legacy_dn(struct record_side *s, const char *dn)
{
	char *copy;

	for (size_t i = 0; i < s->n_legacy_dns; i++)
		if (str_equal_nocase(s->legacy_dns[i], dn))
			return 0;
	if (list_grow_by_one(s->legacy_dns, s->n_legacy_dns) < 0)
		return -1;
	copy = strdup(dn);
	if (!copy)
		return -1;
	memmove(s->legacy_dns + 1, s->legacy_dns, s->n_legacy_dns * sizeof *s->legacy_dns);
	s->legacy_dns[0] = copy;
	s->n_legacy_dns++;
	return 0;
}

void
record_forget_legacy_dn(struct record_side *s, size_t i)
{
	free(s->legacy_dns[i]);
	s->n_legacy_dns--;
	memmove(s->legacy_dns + i, s->legacy_dns + i + 1,
	    (s->n_legacy_dns - i) * sizeof *s->legacy_dns);
}

void
record_clear_addresses(struct record *r)
{
	free_strings(TAKE(r->addresses), r->n_addresses);
	r->n_addresses = 0;
}

bool
record_has_address(const struct record *r, const char *address)
{
	for (size_t i = 0; i < r->n_addresses; i++)
		if (str_equal_nocase(r->addresses[i], address))
			return true;
	return false;
}

int
record_add_address(struct record *r, const char *address)
{
	char *copy;

	if (record_has_address(r, address))
		return 0;
	if (list_grow_by_one(r->addresses, r->n_addresses) < 0)
		return -1;
	copy = str_lower_dup(address);
	if (!copy)
		return -1;
	r->addresses[r->n_addresses++] = copy;
	return 0;
}

static int
compare_strings(const void *x, const void *y)
{
	return strcmp(*(char *const *)x, *(char *const *)y);
}

void
record_sort_addresses(struct record *r)
{
	if (r->n_addresses > 2)
		qsort(r->addresses + 1, r->n_addresses - 1, sizeof *r->addresses, compare_strings);
}

uint64_t
record_written_hash(const char *attr, struct bytes value)
{
	return bytes_hash_nocase(value, bytes_hash_nocase(bytes_of(attr), 0));
}

static int
compare_u64(const void *x, const void *y)
{
	uint64_t p = *(const uint64_t *)x, q = *(const uint64_t *)y;

	return p < q ? -1 : p > q;
}

bool
record_was_written(const struct record *r, enum side side, uint64_t hash)
{
	const struct record_written *w = &r->written[side];

	return w->n && bsearch(&hash, w->v, w->n, sizeof hash, compare_u64);
}

int
record_set_written(struct record *r, enum side side, const uint64_t *hashes, size_t n)
{
	uint64_t *written = malloc((n + 1) * sizeof *written);
	size_t kept = 0;

	if (!written)
		return -1;
	if (n)
		memcpy(written, hashes, n * sizeof *written);
	qsort(written, n, sizeof *written, compare_u64);
	for (size_t i = 0; i < n; i++)
		if (!kept || written[kept - 1] != written[i])
			written[kept++] = written[i];
	free(r->written[side].v);
	r->written[side] = (struct record_written){written, kept};
	return 0;
}

int
record_add_written(struct record *r, enum side side, const uint64_t *hashes, size_t n)
{
	const struct record_written *w = &r->written[side];
	_cleanup_(free) uint64_t *all = malloc((w->n + n + 1) * sizeof *all);

	if (!all)
		return -1;
	if (w->n)
		memcpy(all, w->v, w->n * sizeof *all);
	if (n)
		memcpy(all + w->n, hashes, n * sizeof *all);
	return record_set_written(r, side, all, w->n + n);
}

void
record_forget_written(struct record *r, enum side side, uint64_t hash)
{
	struct record_written *w = &r->written[side];
	size_t kept = 0;

	for (size_t i = 0; i < w->n; i++)
		if (w->v[i] != hash)
			w->v[kept++] = w->v[i];
	w->n = kept;
}

static void
add_written(struct buf *b, const struct record_written *w)
{
	buf_add_u32(b, (uint32_t)w->n);
	for (size_t i = 0; i < w->n; i++)
		buf_add_u64(b, w->v[i]);
}

static void
add_strings(struct buf *b, char *const *v, size_t n)
{
	buf_add_u32(b, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		buf_add_bytes(b, bytes_of(v[i]));
}

void
record_encode(const struct record *r, struct buf *ret)
{
	buf_add_u8(ret, r->written[SOURCE].n ? FORMAT_BOTH_SIDES : RECORD_FORMAT);
	buf_add_u8(ret, (uint8_t)r->kind);
	buf_add_u8(ret, (uint8_t)r->rule);
	buf_add_u8(ret, (uint8_t)r->state);
	buf_add_u8(ret,
	    (uint8_t)((r->created ? FLAG_CREATED : 0) |
		      (r->active == TARGET ? FLAG_TARGET_ACTIVE : 0) |
		      (r->ready_used ? FLAG_READY_USED : 0) |
		      (r->source_guard ? FLAG_SOURCE_GUARD : 0) | (r->ended ? FLAG_ENDED : 0)));
	buf_add_u32(ret, r->link);
	buf_add(ret, r->side[SOURCE].guid.octets, GUID_LEN);
	buf_add(ret, r->side[TARGET].guid.octets, GUID_LEN);
	buf_add_u64(ret, (uint64_t)r->created_at);
	buf_add_u64(ret, (uint64_t)r->synced_at);
	buf_add_u64(ret, (uint64_t)r->switched_at);
	buf_add_bytes(ret, bytes_of(r->evidence));
	buf_add_bytes(ret, bytes_of(r->alias));
	buf_add_bytes(ret, bytes_of(r->last_error));
	buf_add_bytes(ret, bytes_of(r->side[SOURCE].dn));
	buf_add_bytes(ret, bytes_of(r->side[TARGET].dn));
	buf_add_bytes(ret, r->side[SOURCE].sid);
	buf_add_bytes(ret, r->side[TARGET].sid);
	add_strings(ret, r->side[SOURCE].legacy_dns, r->side[SOURCE].n_legacy_dns);
	add_strings(ret, r->side[TARGET].legacy_dns, r->side[TARGET].n_legacy_dns);
	add_strings(ret, r->addresses, r->n_addresses);
	add_written(ret, &r->written[TARGET]);
	if (r->written[SOURCE].n)
		add_written(ret, &r->written[SOURCE]);
}

bool
record_equal(const struct record *x, const struct record *y)
{
	_cleanup_(buf_done) struct buf p = {0}, q = {0};

	record_encode(x, &p);
	record_encode(y, &q);
	return !p.failed && !q.failed && bytes_equal(buf_bytes(&p), buf_bytes(&q));
}

/* Reads a record into pieces of memory of its own, or all into one block. */
struct decoder {
	struct reader rd;
	uint8_t *block; /* or NULL: what is left of the block */
};

/* What a record of LEN octets needs in one block: a string takes its NUL in place of its length, an
 * array at most twice the octets of its elements, and each its share of alignment. */
#define BLOCK_SIZE(len) (3 * (len) + 8 * sizeof(void *))
#define ALIGNMENT sizeof(uint64_t)

static void *
take(struct decoder *d, size_t size)
{
	void *p = d->block;

	if (!p)
		p = malloc(size);
	else
		d->block += size;
	if (!p)
		d->rd.failed = true;
	return p;
}

/* For anything but octets. */
static void *
take_array(struct decoder *d, size_t size)
{
	if (d->block)
		d->block += -(uintptr_t)d->block % ALIGNMENT;
	return take(d, size);
}

/* A copy with a NUL behind it. */
static char *
copy_of(struct decoder *d, struct bytes v)
{
	char *copy = take(d, v.len + 1);

	if (!copy)
		return NULL;
	memcpy(copy, v.data, v.len);
	copy[v.len] = '\0';
	return copy;
}

static char *
read_str(struct decoder *d)
{
	return copy_of(d, reader_bytes(&d->rd));
}

static struct bytes
read_sid(struct decoder *d)
{
	struct bytes v = reader_bytes(&d->rd);
	const char *copy = v.len ? copy_of(d, v) : NULL;

	return (struct bytes){copy, copy ? v.len : 0};
}

static void
read_strings(struct decoder *d, char ***ret, size_t *ret_n)
{
	uint32_t n = reader_u32(&d->rd);

	/* Every string takes at least the four octets of its length. */
	if (n > reader_left(&d->rd) / 4) {
		d->rd.failed = true;
		return;
	}
	if (!n)
		return;
	*ret = take_array(d, n * sizeof **ret);
	for (; *ret && *ret_n < n && !d->rd.failed; (*ret_n)++)
		(*ret)[*ret_n] = read_str(d);
}

static void
read_written(struct decoder *d, struct record_written *ret)
{
	uint32_t n = reader_u32(&d->rd);
	const uint8_t *raw;

	if (n > reader_left(&d->rd) / sizeof *ret->v) {
		d->rd.failed = true;
		return;
	}
	raw = reader_raw(&d->rd, n * sizeof *ret->v);
	ret->v = take_array(d, (n + 1U) * sizeof *ret->v);
	if (!raw || !ret->v)
		return;
	memcpy(ret->v, raw, n * sizeof *ret->v);
	for (; ret->n < n; ret->n++) {
		ret->v[ret->n] = le64toh(ret->v[ret->n]);
		if (ret->n && ret->v[ret->n] <= ret->v[ret->n - 1])
			d->rd.failed = true; /* not sorted: a search would miss */
	}
}

/* Both sets. Only what was written on the source makes a record one of format 2. */
static void
read_both_written(struct decoder *d, bool both, struct record *r)
{
	read_written(d, &r->written[TARGET]);
	if (!both)
		return;
	read_written(d, &r->written[SOURCE]);
	if (!r->written[SOURCE].n)
		d->rd.failed = true;
}

/* The part of fixed size. */
static void
read_head(struct reader *rd, struct record *r, bool *ret_both)
{
	uint8_t format = reader_u8(rd), kind, rule, state, flags;
	const void *source, *target;

	*ret_both = format == FORMAT_BOTH_SIDES;
	if (format != RECORD_FORMAT && format != FORMAT_BOTH_SIDES)
		rd->failed = true;
	kind = reader_u8(rd);
	rule = reader_u8(rd);
	state = reader_u8(rd);
	flags = reader_u8(rd);
	if (kind >= KIND_MAX || rule >= MATCH_METHOD_MAX || state >= RECORD_STATE_MAX ||
	    flags > FLAGS_ALL)
		rd->failed = true;
	r->kind = (enum kind)kind;
	r->rule = (enum match_method)rule;
	r->state = (enum record_state)state;
	r->created = flags & FLAG_CREATED;
	r->active = flags & FLAG_TARGET_ACTIVE ? TARGET : SOURCE;
	r->ready_used = flags & FLAG_READY_USED;
	r->source_guard = flags & FLAG_SOURCE_GUARD;
	r->ended = flags & FLAG_ENDED;
	r->link = reader_u32(rd);
	source = reader_raw(rd, GUID_LEN);
	target = reader_raw(rd, GUID_LEN);
	if (source && target) {
		memcpy(r->side[SOURCE].guid.octets, source, GUID_LEN);
		memcpy(r->side[TARGET].guid.octets, target, GUID_LEN);
	}
	r->created_at = (int64_t)reader_u64(rd);
	r->synced_at = (int64_t)reader_u64(rd);
	r->switched_at = (int64_t)reader_u64(rd);
}

static int
read_record(struct decoder *d, struct record *r, struct err *err)
{
	bool both;

	read_head(&d->rd, r, &both);
	r->evidence = read_str(d);
	r->alias = read_str(d);
	r->last_error = read_str(d);
	r->side[SOURCE].dn = read_str(d);
	r->side[TARGET].dn = read_str(d);
	r->side[SOURCE].sid = read_sid(d);
	r->side[TARGET].sid = read_sid(d);
	read_strings(d, &r->side[SOURCE].legacy_dns, &r->side[SOURCE].n_legacy_dns);
	read_strings(d, &r->side[TARGET].legacy_dns, &r->side[TARGET].n_legacy_dns);
	read_strings(d, &r->addresses, &r->n_addresses);
	read_both_written(d, both, r);
	if (d->rd.failed || reader_left(&d->rd))
		return err_set(err, ERR_DATA, ERR_LINK, ERR_NEVER, 0, "map: record %llu is damaged",
		    (unsigned long long)r->id);
	return 0;
}

int
record_decode(struct bytes raw, uint64_t id, struct record **ret, struct err *err)
{
	_cleanup_(record_free) struct record *r = calloc(1, sizeof *r);
	struct decoder d = {.rd = reader_of(raw)};

	if (!r)
		return err_nomem(err);
	r->id = id;
	if (read_record(&d, r, err) < 0)
		return -1;
	*ret = TAKE(r);
	return 0;
}

int
record_dup(const struct record *r, struct record **ret, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};

	record_encode(r, &b);
	return b.failed ? err_nomem(err) : record_decode(buf_bytes(&b), r->id, ret, err);
}

int
record_decode_view(struct bytes raw, uint64_t id, const struct record **ret, struct err *err)
{
	_cleanup_(free) struct record *r = malloc(sizeof *r + BLOCK_SIZE(raw.len));
	struct decoder d = {.rd = reader_of(raw)};

	if (!r)
		return err_nomem(err);
	d.block = (uint8_t *)(r + 1);
	*r = (struct record){.id = id};
	if (read_record(&d, r, err) < 0)
		return -1;
	*ret = TAKE(r);
	return 0;
}
