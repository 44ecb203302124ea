/* SPDX-License-Identifier: MIT */
#include "dsa/cycle/records.h"
#include "dsa/directory/dn.h"

struct by_dn {
	enum side side;
	uint32_t link;
	const char *dn;
	struct record *found;
	bool failed;
};

static int
is_by_dn(const struct record *r, void *arg)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct by_dn *w = arg;
	struct err ignored;

	if (r->link != w->link || r->state == RECORD_LEFT || !dn_equal(r->side[w->side].dn, w->dn))
		return 0;
	record_encode(r, &b);
	w->failed = b.failed || record_decode(buf_bytes(&b), r->id, &w->found, &ignored) < 0;
	return 1;
}

int
cycle_record_by_dn(
    struct cycle *c, enum side side, const char *dn, struct record **ret, struct err *err)
{
	struct by_dn w = {.side = side, .link = c->run->link_id, .dn = dn_strip_extended(dn)};

	*ret = NULL;
	if (!c->run->map)
		return 0;
	if (store_lookup(c->run->map, KEY_DN, w.dn, is_by_dn, &w, err) < 0)
		return -1;
	if (w.failed)
		return err_nomem(err);
	*ret = w.found;
	return 0;
}
