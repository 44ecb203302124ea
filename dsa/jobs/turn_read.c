/* SPDX-License-Identifier: MIT */
/* Reads the mailboxes of a chunk, many in one request. */
#include "dsa/jobs/turn_priv.h"

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/dir.h"
#include "dsa/directory/filter.h"
#include "redirect/address.h"

#define PARTS 32 /* mailboxes in one request */

void
turn_forget_reads(struct mailbox *m)
{
	for (size_t i = 0; i < SIDES; i++) {
		entry_free(TAKE(m->side[i]));
		m->holders[i] = 0;
	}
	plan_step_free(TAKE(m->step));
}

void
turn_chunk_clear(struct chunk *c)
{
	for (size_t i = 0; i < c->n; i++) {
		turn_forget_reads(&c->m[i]);
		record_free(c->m[i].record);
	}
	c->n = 0;
}

int
turn_find_records(struct chunk *c, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(c->run->store, STORE_READ, &t, err) < 0)
		return -1;
	for (size_t i = 0; i < c->n; i++) {
		struct mailbox *m = &c->m[i];

		if (store_find_guid(t, c->run->link_id, SOURCE, &m->source, &m->record, err) < 0)
			return -1;
		if (m->record)
			m->was = m->record->active;
	}
	return 0;
}

struct turn_facts
turn_facts_of(const struct mailbox *m)
{
	return (struct turn_facts){.record = m->record,
	    .side = {m->side[SOURCE], m->side[TARGET]},
	    .holders = {m->holders[SOURCE], m->holders[TARGET]},
	    .begun = m->begun || m->made > 0,
	    .force = m->chunk->force};
}

struct reading {
	struct chunk *c;
	enum side side;
};

static int
take_entry(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	struct reading *r = arg;

	(void)err;
	for (size_t i = 0; i < r->c->n; i++) {
		struct mailbox *m = &r->c->m[i];

		if (m->record && m->state < STATE_FAILED && !m->side[r->side] &&
		    guid_equal(&m->record->side[r->side].guid, &own->guid)) {
			m->side[r->side] = TAKE(own);
			break;
		}
	}
	return 0;
}

/* Counts the objects that hold the redirect addresses: an address is unique only if it is found
 * once. */
static int
take_holder(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	struct reading *r = arg;
	const struct attr *a = entry_find(own, "proxyAddresses");

	(void)err;
	for (size_t i = 0; a && i < r->c->n; i++) {
		struct mailbox *m = &r->c->m[i];
		const char *v = turn_redirect_address(
		    m->side[SOURCE], m->side[TARGET], r->side, r->c->conf.redirect_domain[r->side]);
		_cleanup_(free) char *smtp = v ? str_printf("smtp:%s", v) : NULL;

		if (smtp && attr_has(a, bytes_of(smtp), true))
			m->holders[r->side]++;
	}
	return 0;
}

static const char **
read_attrs(const struct turn_conf *conf)
{
	size_t n = 0;
	const char **attrs;

	while (turn_attrs[n])
		n++;
	attrs = calloc(n + 3, sizeof *attrs);
	if (attrs) {
		memcpy(attrs, turn_attrs, n * sizeof *attrs);
		attrs[n] = conf->marker_attribute;
		attrs[n + 1] = conf->stamp_attribute;
	}
	return attrs;
}

static int
search(struct chunk *c, enum side side, struct buf *filter, dir_entry_fn *fn,
    const char *const *attrs, struct err *err)
{
	struct dir *d = c->run->dir[side];
	struct reading r = {c, side};
	_cleanup_(free) char *text =
	    filter->failed ? NULL : str_printf("(|%s)", (const char *)filter->data);
	struct dir_query q = {.base = d->ops->info(d)->domain_dn,
	    .scope = DIR_SUBTREE,
	    .filter = text,
	    .attrs = attrs};

	buf_reset(filter);
	return text ? d->ops->search(d, &q, fn, &r, err) : err_nomem(err);
}

static void
add_guid(struct buf *filter, const struct mailbox *m, enum side side)
{
	char text[GUID_FILTER_SIZE];

	guid_filter(&m->record->side[side].guid, text);
	buf_printf(filter, "(objectGUID=%s)", text);
}

static void
add_address(struct buf *filter, const struct mailbox *m, enum side side)
{
	const char *v = turn_redirect_address(
	    m->side[SOURCE], m->side[TARGET], side, m->chunk->conf.redirect_domain[side]);
	_cleanup_(free) char *text = v ? filter_escape(bytes_of(v)) : NULL;

	filter->failed |= v && !text;
	if (text)
		buf_printf(filter, "(proxyAddresses=smtp:%s)", text);
}

/* Asks about all mailboxes that are not at their end, PARTS in one request. */
static int
read_side(struct chunk *c, enum side side,
    void (*add)(struct buf *filter, const struct mailbox *m, enum side side), dir_entry_fn *fn,
    const char *const *attrs, struct err *err)
{
	_cleanup_(buf_done) struct buf filter = {0};
	size_t parts = 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct mailbox *m = &c->m[i];

		if (m->state < STATE_FAILED && m->record) {
			add(&filter, m, side);
			parts++;
		}
		if (filter.len && (parts == PARTS || i + 1 == c->n)) {
			if (search(c, side, &filter, fn, attrs, err) < 0)
				return -1;
			parts = 0;
		}
	}
	return 0;
}

int
turn_read(struct chunk *c, bool holders, struct err *err)
{
	static const char *const address_attrs[] = {"proxyAddresses", NULL};
	_cleanup_(free) const char **attrs = read_attrs(&c->conf);

	if (!attrs)
		return err_nomem(err);
	for (size_t i = 0; i < c->n; i++)
		if (c->m[i].state < STATE_FAILED)
			turn_forget_reads(&c->m[i]);
	for (int side = SOURCE; side < SIDES; side++) {
		if (read_side(c, (enum side)side, add_guid, take_entry, attrs, err) < 0)
			return -1;
		if (holders &&
		    read_side(c, (enum side)side, add_address, take_holder, address_attrs, err) < 0)
			return -1;
	}
	return 0;
}
