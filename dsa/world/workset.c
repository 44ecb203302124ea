/* SPDX-License-Identifier: MIT */
#include "dsa/world/workset.h"

#include <string.h>

#include "dsa/base/list.h"
#include "dsa/world/scratch.h"
#include "dsa/world/shelf.h"

/* The most frequent cycle is a delta about a few objects or none: it stays on the shelf. */
#define SHELF_OCTETS (256 << 10)

enum row { ROW_ENTRY, ROW_BLOB, ROW_MAX = ROW_BLOB + WORKSET_BLOB_MAX };
_Static_assert(ROW_MAX == SHELF_ROWS, "a row for each");

struct workset {
	struct shelf *shelf;	 /* or */
	struct scratch *scratch; /* if it was too large for the shelf */
	uint32_t n;
	struct buf encode; /* reused */
	char *name, *dir;
	int64_t max_mb;
};

int
workset_open(
    const char *dir, const char *name, int64_t max_mb, struct workset **ret, struct err *err)
{
	_cleanup_(workset_free) struct workset *w = calloc(1, sizeof *w);

	if (!w || !(w->name = strdup(name)) || !(w->dir = strdup(dir)) || !(w->shelf = shelf_new()))
		return err_nomem(err);
	w->max_mb = max_mb;
	*ret = TAKE(w);
	return 0;
}

void
workset_free(struct workset *w)
{
	if (!w)
		return;
	shelf_free(w->shelf);
	scratch_free(w->scratch);
	buf_done(&w->encode);
	free(w->name);
	free(w->dir);
	free(w);
}

uint32_t
workset_count(const struct workset *w)
{
	return w->n;
}

/* The shelf is kept if that fails, too large as it is: the next write tries again. */
static int
leave_shelf(struct workset *w, struct err *err)
{
	_cleanup_(scratch_free) struct scratch *s = NULL;

	if (shelf_size(w->shelf) <= SHELF_OCTETS)
		return 0;
	if (scratch_open(w->dir, w->name, w->max_mb, &s, err) < 0 ||
	    scratch_put_shelf(s, w->shelf, err) < 0)
		return -1;
	shelf_free(TAKE(w->shelf));
	w->scratch = TAKE(s);
	return 0;
}

int
workset_take_entries(struct workset *w, struct workset *from, struct err *err)
{
	if (from->scratch && scratch_keep(from->scratch, ROW_ENTRY, err) < 0)
		return -1;
	if (from->shelf)
		shelf_keep(from->shelf, ROW_ENTRY);
	shelf_free(w->shelf);
	w->shelf = TAKE(from->shelf);
	w->scratch = TAKE(from->scratch);
	w->n = from->n;
	return 0;
}

static int
put(struct workset *w, size_t row, uint64_t key, struct bytes value, struct err *err)
{
	if (w->scratch)
		return scratch_put(w->scratch, row, key, value, err);
	return shelf_put(w->shelf, row, key, value, err) < 0 ? -1 : leave_shelf(w, err);
}

/* The value of the first key of ROW that is not less than *KEY, borrowed until the next write, and
 * that key. */
static int
seek(struct workset *w, size_t row, uint64_t *key, struct bytes *ret, bool *found, struct err *err)
{
	const struct shelf_item *item;
	size_t n;

	if (w->scratch)
		return scratch_seek(w->scratch, row, key, ret, found, err);
	item = shelf_from(w->shelf, row, *key, &n);
	*found = item != NULL;
	if (item) {
		*key = item->key;
		*ret = item->value;
	}
	return 0;
}

static int
get(struct workset *w, size_t row, uint64_t key, struct bytes *ret, bool *found, struct err *err)
{
	uint64_t at = key;

	if (w->scratch)
		return scratch_get(w->scratch, row, key, ret, found, err);
	if (seek(w, row, &at, ret, found, err) < 0)
		return -1;
	*found = *found && at == key;
	return 0;
}

static int
put_entry(struct workset *w, uint32_t index, const struct entry *e, struct err *err)
{
	buf_reset(&w->encode);
	entry_encode(e, &w->encode);
	if (w->encode.failed)
		return err_nomem(err);
	return put(w, ROW_ENTRY, index, buf_bytes(&w->encode), err);
}

int
workset_add(struct workset *w, const struct entry *e, uint32_t *ret, struct err *err)
{
	if (put_entry(w, w->n, e, err) < 0)
		return -1;
	*ret = w->n++;
	return 0;
}

int
workset_replace(struct workset *w, uint32_t index, const struct entry *e, struct err *err)
{
	return put_entry(w, index, e, err);
}

static int
get_entry(struct workset *w, uint32_t index, struct bytes *ret, struct err *err)
{
	bool found;

	if (get(w, ROW_ENTRY, index, ret, &found, err) < 0)
		return -1;
	return found ? 0
		     : err_set(err, ERR_DATA, ERR_LINK, ERR_LATER, 0,
			   "working set '%s': there is no entry %u", w->name, index);
}

int
workset_get(struct workset *w, uint32_t index, struct entry **ret, struct err *err)
{
	struct bytes v = {NULL, 0};

	return get_entry(w, index, &v, err) < 0 ? -1 : entry_decode(v, ret, err);
}

int
workset_get_guid(
    struct workset *w, uint32_t index, struct guid *ret, bool *ret_named, struct err *err)
{
	struct bytes v = {NULL, 0};

	return get_entry(w, index, &v, err) < 0 ? -1 : entry_decode_guid(v, ret, ret_named, err);
}

int
workset_add_key(struct workset *w, uint64_t hash, uint32_t index, struct err *err)
{
	if (w->scratch)
		return scratch_add_pair(w->scratch, hash, index, err);
	return shelf_add_pair(w->shelf, hash, index, err) < 0 ? -1 : leave_shelf(w, err);
}

void
workset_hits_done(struct workset_hits *h)
{
	free(h->v);
}

int
workset_add_hit(struct workset_hits *h, uint32_t index)
{
	if (list_grow(h->v, h->n, h->cap) < 0)
		return -1;
	h->v[h->n++] = index;
	return 0;
}

int
workset_find(struct workset *w, uint64_t hash, struct workset_hits *ret, struct err *err)
{
	const struct shelf_item *item;
	size_t n;

	ret->n = 0;
	if (w->scratch)
		return scratch_find(w->scratch, hash, ret, err);
	for (item = shelf_from(w->shelf, SHELF_PAIRS, hash, &n); n && item->key == hash;
	     n--, item++)
		if (workset_add_hit(ret, item->number) < 0)
			return err_nomem(err);
	return 0;
}

int
workset_put_blob(
    struct workset *w, enum workset_blob sort, uint64_t key, struct bytes value, struct err *err)
{
	return put(w, ROW_BLOB + sort, key, value, err);
}

static int
copy_out(struct bytes v, struct buf *ret, struct err *err)
{
	buf_reset(ret);
	buf_add(ret, v.data, v.len);
	return ret->failed ? err_nomem(err) : 0;
}

int
workset_get_blob(struct workset *w, enum workset_blob sort, uint64_t key, struct buf *ret,
    bool *found, struct err *err)
{
	struct bytes v = {NULL, 0};

	if (get(w, ROW_BLOB + sort, key, &v, found, err) < 0)
		return -1;
	return copy_out(*found ? v : (struct bytes){NULL, 0}, ret, err);
}

int
workset_next_blob(struct workset *w, enum workset_blob sort, uint64_t from, uint64_t *ret_key,
    struct buf *ret, bool *found, struct err *err)
{
	struct bytes v = {NULL, 0};

	if (seek(w, ROW_BLOB + sort, &from, &v, found, err) < 0)
		return -1;
	if (*found)
		*ret_key = from;
	return copy_out(v, ret, err);
}
