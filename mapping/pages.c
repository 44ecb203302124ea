/* SPDX-License-Identifier: MIT */
/*
 * A file: two pages of metadata, of which the newer one counts, and then pages of trees, runs of
 * pages with a long value each, and free pages. A tree's pages are branches down to `depth`, and
 * leaves. The metadata has the roots of two trees: that of the free pages, and that of the named
 * databases, whose values are trees themselves. A key with several values has them in a page within
 * its leaf, or in a tree.
 */
#include "mapping/pages.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "dsa/base/list.h"
#include "mapping/damage.h"

#define MAGIC 0xBEEFC0DEU
#define FORMAT 1
#define NO_PAGE UINT64_MAX
#define HEAD 16
#define PAGE_MIN 512
#define PAGE_MAX 65536
#define KEY_MAX 511
#define DEPTH_MAX 32
#define MAP_SIZE_MAX (1ULL << 47)
#define NAME_MAX_LEN 32

enum { BRANCH = 0x01, LEAF = 0x02, OVERFLOW = 0x04, META = 0x08, FIXED = 0x20, WITHIN = 0x40 };
/* Stays set in pages within a leaf. */
#define DIRTY 0x10
enum { NODE_LONG = 0x01, NODE_TREE = 0x02, NODE_SEVERAL = 0x04 };
enum { TREE_INTEGER = 0x08, TREE_FIXED = 0x10, TREE_INTEGER_VALUES = 0x20, TREE_SEVERAL = 0x04 };

struct page_head {
	uint64_t number;
	uint16_t fixed_len; /* FIXED: of a key */
	uint16_t flags;
	uint16_t lower, upper; /* OVERFLOW: how many pages, of 32 bits */
};
_Static_assert(sizeof(struct page_head) == HEAD, "as on disk");

struct tree_head {
	uint32_t pad; /* of the first tree: the size of a page */
	uint16_t flags, depth;
	uint64_t branches, leaves, overflows, entries, root;
};
_Static_assert(sizeof(struct tree_head) == 48, "as on disk");

struct meta {
	uint32_t magic, format;
	uint64_t address, map_size;
	struct tree_head trees[2]; /* the free pages; the named databases */
	uint64_t last_page, txn;
};
_Static_assert(sizeof(struct meta) == 136, "as on disk");

struct node {
	uint16_t lo, hi, flags, key_len;
};

/* A tree to be looked at. */
struct tree {
	char name[NAME_MAX_LEN];
	struct tree_head head;
	bool named, free; /* the tree of names; the tree of free pages */
};

struct pages {
	int fd;
	const char *dir;
	uint32_t size; /* of a page */
	uint64_t n;    /* pages in use, the free ones among them */
	uint8_t *used; /* a bit for each */
	struct tree *todo;
	size_t n_todo;
};

static inline void
pages_donep(struct pages *p)
{
	free(p->used);
	free(p->todo);
}

/* ---- the file ---- */

static int
read_at(const struct pages *p, void *to, size_t len, uint64_t at, struct err *err)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(p->fd, (char *)to + done, len - done, (off_t)(at + done));

		if (n < 0 && errno != EINTR)
			return err_sys(err, errno, "map in '%s'", p->dir);
		if (n == 0)
			return store_damaged(p->dir, err,
			    "page %" PRIu64
			    " is in use, but the file ends before it: it was cut off",
			    at / p->size);
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static bool
root_is_plausible(const struct tree_head *t, uint64_t last_page)
{
	if (t->root == NO_PAGE)
		return t->depth == 0 && t->entries == 0;
	return t->root > 1 && t->root <= last_page && t->depth > 0 && t->depth < DEPTH_MAX;
}

/* What is wrong with M, which is page I of the file; or NULL. */
static const char *
meta_refusal(const struct page_head *h, const struct meta *m, uint32_t page_size, unsigned i)
{
	if (m->magic != MAGIC)
		return "it does not begin as a map does";
	if (m->format != FORMAT)
		return "its format is unknown to this LMDB";
	if (h->number != i || h->flags != META || m->trees[0].pad != page_size)
		return "its first pages contradict each other";
	if (m->last_page < 1 || m->last_page >= MAP_SIZE_MAX / page_size ||
	    m->map_size > MAP_SIZE_MAX)
		return "its first pages have a size that cannot be";
	/* Each transaction goes to the page of its parity; none yet: 0. */
	if (m->txn && m->txn % 2 != i)
		return "its first pages have a wrong number of a transaction";
	for (size_t t = 0; t < ARRAY_SIZE(m->trees); t++)
		if (!root_is_plausible(&m->trees[t], m->last_page))
			return "its first pages point to what cannot be";
	return m->trees[1].flags ? "its first pages have a sort that cannot be" : NULL;
}

static int
read_metas(struct pages *p, struct meta ret[2], struct err *err)
{
	p->size = PAGE_MAX;
	for (unsigned i = 0; i < 2; i++) {
		uint8_t octets[HEAD + sizeof *ret];
		struct page_head h;
		const char *why;

		if (read_at(p, octets, sizeof octets, (uint64_t)i * p->size, err) < 0)
			return -1;
		memcpy(&h, octets, sizeof h);
		memcpy(&ret[i], octets + HEAD, sizeof *ret);
		if (i == 0 && ret[0].magic == MAGIC)
			p->size = ret[0].trees[0].pad;
		if (p->size < PAGE_MIN || p->size > PAGE_MAX || (p->size & (p->size - 1)))
			return store_damaged(p->dir, err, "its pages have a size that cannot be");
		why = meta_refusal(&h, &ret[i], p->size, i);
		if (why)
			return store_damaged(p->dir, err, "%s", why);
	}
	if (ret[0].txn + ret[1].txn && ret[0].txn + 1 != ret[1].txn && ret[1].txn + 1 != ret[0].txn)
		return store_damaged(
		    p->dir, err, "its first pages are not of two transactions in a row");
	return 0;
}

int
pages_check_head(int fd, const char *dir, bool *cut, struct err *err)
{
	struct pages p = {.fd = fd, .dir = dir};
	struct meta m[2];
	struct stat st;

	*cut = false;
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "map in '%s'", dir);
	if (!st.st_size)
		return 0;
	if (read_metas(&p, m, err) < 0)
		return -1;
	/* A writer makes the file longer before it says so: the size is asked for behind that. */
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "map in '%s'", dir);
	*cut = (uint64_t)st.st_size / p.size <= m[m[1].txn > m[0].txn].last_page;
	return 0;
}

/* ---- pages ---- */

static int
bad_page(
    const struct pages *p, const struct tree *t, uint64_t page, const char *why, struct err *err)
{
	return store_damaged(
	    p->dir, err, "page %" PRIu64 " of database '%s': %s", page, t->name, why);
}

/* N pages from PAGE on are used by T, and by nothing else. */
static int
use(struct pages *p, const struct tree *t, uint64_t page, uint64_t n, struct err *err)
{
	if (page < 2 || page >= p->n || n > p->n - page)
		return bad_page(p, t, page, "there is no such page", err);
	for (uint64_t i = page; i < page + n; i++) {
		uint8_t bit = (uint8_t)(1U << i % 8);

		if (p->used[i / 8] & bit)
			return bad_page(p, t, i, "it is used twice", err);
		p->used[i / 8] |= bit;
	}
	return 0;
}

/* A walk over the pages of one tree, in the order of its keys. */
struct walk {
	struct pages *p;
	const struct tree *t;
	uint64_t page; /* that is looked at */
	uint64_t branches, leaves, overflows, entries;
	uint8_t last[KEY_MAX]; /* the key before, which the next one must be greater than, */
	size_t last_len;
	bool has_last, may_equal; /* or may be equal to */
};

static int
bad(const struct walk *w, const char *why, struct err *err)
{
	return bad_page(w->p, w->t, w->page, why, err);
}

static int
compare(bool integers, struct bytes x, struct bytes y)
{
	size_t len = x.len < y.len ? x.len : y.len;
	uint64_t p, q;
	int rc;

	if (integers && x.len == sizeof p && y.len == sizeof q) {
		memcpy(&p, x.data, sizeof p);
		memcpy(&q, y.data, sizeof q);
		return (p > q) - (p < q);
	}
	rc = len ? memcmp(x.data, y.data, len) : 0;
	return rc ? rc : (x.len > y.len) - (x.len < y.len);
}

/* KEY comes next. MAY_EQUAL: it stands for the keys below it, of which the first may be the same.
 */
static int
come_to(struct walk *w, struct bytes key, bool may_equal, struct err *err)
{
	int rc;

	if (key.len > KEY_MAX)
		return bad(w, "a key is too long", err);
	if (w->has_last) {
		rc = compare(
		    w->t->head.flags & TREE_INTEGER, (struct bytes){w->last, w->last_len}, key);
		if (rc > 0 || (rc == 0 && !w->may_equal))
			return bad(w, "its keys are not in order", err);
	}
	memcpy(w->last, key.data, key.len);
	w->last_len = key.len;
	w->has_last = true;
	w->may_equal = may_equal;
	return 0;
}

/* ---- leaves ---- */

/* The values of one key, in a page within its leaf. */
static int
check_within(struct walk *w, struct bytes v, struct err *err)
{
	bool integers = w->t->head.flags & TREE_INTEGER_VALUES;
	const uint8_t *octets = v.data;
	struct page_head h;
	size_t n;

	if (v.len < HEAD)
		return bad(w, "the values of a key are cut off", err);
	memcpy(&h, octets, sizeof h);
	n = h.lower < HEAD ? 0 : (h.lower - HEAD) / 2U;
	if ((h.flags & ~DIRTY) != (LEAF | FIXED | WITHIN) || !n || !h.fixed_len ||
	    h.upper > v.len || n * h.fixed_len > v.len - HEAD)
		return bad(w, "the values of a key are not as they must be", err);
	for (size_t i = 1; i < n; i++) {
		const uint8_t *at = octets + HEAD + i * h.fixed_len;

		if (compare(integers, (struct bytes){at - h.fixed_len, h.fixed_len},
			(struct bytes){at, h.fixed_len}) >= 0)
			return bad(w, "the values of a key are not in order", err);
	}
	w->entries += n;
	return 0;
}

static int
add_tree(struct walk *w, struct bytes name, struct bytes head, struct err *err)
{
	struct pages *p = w->p;
	struct tree t = {.named = false};

	if (head.len != sizeof t.head)
		return bad(w, "the head of a tree has another length", err);
	memcpy(&t.head, head.data, sizeof t.head);
	if (!root_is_plausible(&t.head, p->n - 1))
		return bad(w, "the head of a tree points to what cannot be", err);
	(void)snprintf(t.name, sizeof t.name, "%.*s",
	    w->t->named && name.len < sizeof t.name ? (int)name.len : (int)strlen(w->t->name),
	    w->t->named && name.len < sizeof t.name ? (const char *)name.data : w->t->name);
	if (list_grow_by_one(p->todo, p->n_todo) < 0)
		return err_nomem(err);
	p->todo[p->n_todo++] = t;
	w->entries += w->t->named ? 1 : t.head.entries;
	return 0;
}

/* A list of free pages: how many, and their numbers. */
static int
check_free(struct walk *w, struct bytes v, struct err *err)
{
	const uint8_t *at = v.data;
	uint64_t n = 0, page;

	if (v.len >= sizeof n)
		memcpy(&n, at, sizeof n);
	if (v.len < sizeof n || n > v.len / sizeof n - 1)
		return bad(w, "a list of free pages is cut off", err);
	for (uint64_t i = 1; i <= n; i++) {
		memcpy(&page, at + i * sizeof page, sizeof page);
		if (use(w->p, w->t, page, 1, err) < 0)
			return -1;
	}
	return 0;
}

/* A value in a run of pages of its own. */
static int
check_long(struct walk *w, uint64_t page, size_t len, struct err *err)
{
	_cleanup_(free) uint8_t *octets = NULL;
	uint64_t needed = (HEAD - 1 + (uint64_t)len) / w->p->size + 1;
	struct page_head h;
	uint32_t n;

	w->page = page;
	if (page < 2 || page >= w->p->n)
		return bad(w, "there is no such page", err);
	if (read_at(w->p, &h, sizeof h, page * w->p->size, err) < 0)
		return -1;
	memcpy(&n, &h.lower, sizeof n);
	if (h.number != page || h.flags != OVERFLOW || n < needed)
		return bad(w, "it does not begin the long value that should be there", err);
	if (use(w->p, w->t, page, n, err) < 0)
		return -1;
	w->overflows += n;
	/* Is the end in the file? And of the list of free pages all. */
	if (!w->t->free)
		return read_at(w->p, &n, 1, page * w->p->size + HEAD + len - 1, err);
	octets = malloc(len + 1);
	if (!octets)
		return err_nomem(err);
	if (read_at(w->p, octets, len, page * w->p->size + HEAD, err) < 0)
		return -1;
	return check_free(w, (struct bytes){octets, len}, err);
}

static int
check_value(
    struct walk *w, uint16_t flags, struct bytes key, struct bytes v, size_t len, struct err *err)
{
	uint64_t page;

	switch (flags) {
	case NODE_LONG:
		memcpy(&page, v.data, sizeof page);
		w->entries++;
		return check_long(w, page, len, err);
	case NODE_TREE:
		return w->t->named ? add_tree(w, key, v, err)
				   : bad(w, "a value is of no sort that can be here", err);
	case NODE_SEVERAL | NODE_TREE: return add_tree(w, key, v, err);
	case NODE_SEVERAL: return check_within(w, v, err);
	case 0: w->entries++; return w->t->free ? check_free(w, v, err) : 0;
	default: return bad(w, "a value is of no sort that can be here", err);
	}
}

/* Node I of the page OCTETS, and what it takes of the page. */
static int
get_node(struct walk *w, const uint8_t *octets, size_t i, struct node *ret, size_t *ret_at,
    struct err *err)
{
	struct page_head h;
	uint16_t at;

	memcpy(&h, octets, sizeof h);
	memcpy(&at, octets + HEAD + 2 * i, sizeof at);
	if (at < h.upper || at % 2 || at + sizeof *ret > w->p->size)
		return bad(w, "it points outside of itself", err);
	memcpy(ret, octets + at, sizeof *ret);
	if (ret->key_len > w->p->size - at - sizeof *ret)
		return bad(w, "a key ends outside of it", err);
	*ret_at = at;
	return 0;
}

static size_t
even(size_t n)
{
	return n + n % 2;
}

static int
check_leaf(struct walk *w, const uint8_t *octets, size_t n, struct err *err)
{
	size_t taken = 0;
	struct page_head h;

	memcpy(&h, octets, sizeof h);
	for (size_t i = 0; i < n; i++) {
		size_t at = 0, len, here;
		struct node node = {0};
		struct bytes key, value;

		if (get_node(w, octets, i, &node, &at, err) < 0)
			return -1;
		len = (size_t)node.hi << 16 | node.lo;
		here = node.flags & NODE_LONG ? sizeof(uint64_t) : len;
		key = (struct bytes){octets + at + sizeof node, node.key_len};
		value = (struct bytes){octets + at + sizeof node + node.key_len, here};
		if (here > w->p->size - at - sizeof node - node.key_len)
			return bad(w, "a value ends outside of it", err);
		taken += even(sizeof node + node.key_len + here);
		if (come_to(w, key, false, err) < 0 ||
		    check_value(w, node.flags, key, value, len, err) < 0)
			return -1;
		w->page = h.number;
	}
	return taken == w->p->size - h.upper ? 0 : bad(w, "its pairs overlap", err);
}

/* Keys of one length and nothing else. */
static int
check_fixed(struct walk *w, const uint8_t *octets, size_t n, struct err *err)
{
	struct page_head h;

	memcpy(&h, octets, sizeof h);
	if (!h.fixed_len || n * h.fixed_len > w->p->size - HEAD)
		return bad(w, "it has more keys than room", err);
	for (size_t i = 0; i < n; i++)
		if (come_to(w, (struct bytes){octets + HEAD + i * h.fixed_len, h.fixed_len}, false,
			err) < 0)
			return -1;
	w->entries += n;
	return 0;
}

/* ---- branches ---- */

static int check_page(struct walk *w, uint64_t page, unsigned depth, struct err *err);

static int
check_branch(struct walk *w, const uint8_t *octets, size_t n, unsigned depth, struct err *err)
{
	uint64_t own = w->page;
	struct page_head h;
	size_t taken = 0;

	memcpy(&h, octets, sizeof h);
	for (size_t i = 0; i < n; i++) {
		struct node node = {0};
		size_t at = 0;

		w->page = own;
		if (get_node(w, octets, i, &node, &at, err) < 0)
			return -1;
		taken += even(sizeof node + node.key_len);
		/* The first key stands for everything that is less than the second. */
		if (i && come_to(w, (struct bytes){octets + at + sizeof node, node.key_len}, true,
			     err) < 0)
			return -1;
		if (check_page(w, (uint64_t)node.flags << 32 | (uint64_t)node.hi << 16 | node.lo,
			depth + 1, err) < 0)
			return -1;
	}
	w->page = own;
	return taken == w->p->size - h.upper ? 0 : bad(w, "its pairs overlap", err);
}

static int
check_page(struct walk *w, uint64_t page, unsigned depth, struct err *err)
{
	_cleanup_(free) uint8_t *octets = malloc(w->p->size);
	bool is_leaf = depth == w->t->head.depth;
	struct page_head h;
	size_t n;

	if (!octets)
		return err_nomem(err);
	w->page = page;
	if (use(w->p, w->t, page, 1, err) < 0 ||
	    read_at(w->p, octets, w->p->size, page * w->p->size, err) < 0)
		return -1;
	memcpy(&h, octets, sizeof h);
	if (h.number != page)
		return bad(w, "something else is in its place", err);
	if (h.flags != BRANCH && h.flags != LEAF && h.flags != (LEAF | FIXED))
		return bad(w, "it is of no sort that can be here", err);
	if (is_leaf != ((h.flags & LEAF) != 0))
		return bad(w, "it is at another depth of the tree", err);
	if (h.lower <= HEAD || h.lower % 2 || h.lower > h.upper || h.upper > w->p->size)
		return bad(w, "it does not say rightly how full it is", err);
	n = (h.lower - HEAD) / 2U;
	if (!is_leaf) {
		w->branches++;
		return check_branch(w, octets, n, depth, err);
	}
	w->leaves++;
	return h.flags & FIXED ? check_fixed(w, octets, n, err) : check_leaf(w, octets, n, err);
}

static int
check_tree(struct pages *p, const struct tree *t, struct err *err)
{
	struct walk w = {.p = p, .t = t, .page = t->head.root};
	const struct tree_head *h = &t->head;

	if (h->root == NO_PAGE)
		return 0;
	if (check_page(&w, h->root, 1, err) < 0)
		return -1;
	w.page = h->root;
	return w.branches == h->branches && w.leaves == h->leaves && w.overflows == h->overflows &&
		       w.entries == h->entries
		   ? 0
		   : bad(&w, "the tree below it has not as much as it should have", err);
}

/* ---- all of it ---- */

/* The state of TXN, or the newest. */
static int
choose(struct pages *p, uint64_t txn, struct meta *ret, struct err *err)
{
	struct meta m[2];

	if (read_metas(p, m, err) < 0)
		return -1;
	*ret = m[txn ? txn % 2 : m[1].txn > m[0].txn];
	if (txn && ret->txn != txn)
		return err_set(err, ERR_SYS, ERR_LINK, ERR_LATER, EAGAIN,
		    "map in '%s': it is written faster than it can be looked at", p->dir);
	return 0;
}

int
pages_check(int fd, const char *dir, uint64_t txn, struct err *err)
{
	_cleanup_(pages_done) struct pages p = {.fd = fd, .dir = dir};
	struct tree first[2] = {
	    {.name = "free pages", .free = true}, {.name = "names of databases", .named = true}};
	struct meta m;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "map in '%s'", dir);
	if (!st.st_size)
		return 0;
	if (choose(&p, txn, &m, err) < 0)
		return -1;
	p.n = m.last_page + 1;
	p.used = calloc(1, p.n / 8 + 1);
	if (!p.used)
		return err_nomem(err);
	for (size_t i = 0; i < ARRAY_SIZE(first); i++) {
		first[i].head = m.trees[i];
		if (i == 0)
			first[i].head.flags = TREE_INTEGER;
		if (check_tree(&p, &first[i], err) < 0)
			return -1;
	}
	/* Those that were found in other trees. */
	while (p.n_todo) {
		struct tree t = p.todo[--p.n_todo];

		if (check_tree(&p, &t, err) < 0)
			return -1;
	}
	return 0;
}
