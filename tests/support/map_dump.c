/* SPDX-License-Identifier: MIT */
/*
 * A line for each field that has a value, its name before it. Values of text are written as they
 * are, all others in hexadecimal digits behind a #.
 */
#include "tests/support/map_sample.h"

#include <inttypes.h>
#include <string.h>

#include "dsa/base/str.h"
#include "mapping/event.h"
#include "mapping/held.h"
#include "mapping/journal.h"
#include "mapping/store_db.h"
#include "mapping/wave.h"

static void
add_number(struct buf *b, const char *name, int64_t n)
{
	buf_printf(b, "  %s %" PRId64 "\n", name, n);
}

static bool
is_text(struct bytes v)
{
	const uint8_t *p = v.data;

	for (size_t i = 0; i < v.len; i++)
		if (p[i] < ' ' || p[i] == 0x7f)
			return false;
	return utf8_valid(v);
}

static void
add_value(struct buf *b, const char *name, struct bytes v)
{
	const uint8_t *p = v.data;
	bool text = is_text(v);

	buf_printf(b, "  %s %s", name, text ? "" : "#");
	if (text)
		buf_add(b, v.data, v.len);
	for (size_t i = 0; !text && i < v.len; i++)
		buf_printf(b, "%02x", p[i]);
	buf_add_char(b, '\n');
}

static void
add_text(struct buf *b, const char *name, const char *text)
{
	if (text)
		add_value(b, name, bytes_of(text));
}

static void
add_guid(struct buf *b, const char *name, const struct guid *g)
{
	char text[GUID_TEXT_SIZE];

	guid_format(g, text);
	add_text(b, name, text);
}

static void
add_head(struct buf *b, const char *what, uint64_t number)
{
	buf_printf(b, "%s %" PRIu64 "\n", what, number);
}

/* ---- records ---- */

static void
add_side(struct buf *b, const struct record_side *s)
{
	add_guid(b, "guid", &s->guid);
	add_text(b, "dn", s->dn);
	add_value(b, "sid", s->sid);
	for (size_t i = 0; i < s->n_legacy_dns; i++)
		add_text(b, "legacy_dn", s->legacy_dns[i]);
}

static int
dump_record(const struct record *r, MAP_ARGS)
{
	struct buf *b = arg;

	add_head(b, "record", r->id);
	add_number(b, "link", r->link);
	add_text(b, "kind", kind_name(r->kind));
	add_number(b, "created", r->created);
	add_text(b, "rule", match_method_name(r->rule));
	add_text(b, "evidence", r->evidence);
	add_text(b, "active", side_name(r->active));
	add_text(b, "state", record_state_name(r->state));
	add_side(b, &r->side[SOURCE]);
	add_side(b, &r->side[TARGET]);
	add_text(b, "alias", r->alias);
	for (size_t i = 0; i < r->n_addresses; i++)
		add_text(b, "address", r->addresses[i]);
	for (size_t i = 0; i < r->written[TARGET].n; i++)
		buf_printf(b, "  put %016" PRIx64 "\n", r->written[TARGET].v[i]);
	for (size_t i = 0; i < r->written[SOURCE].n; i++)
		buf_printf(b, "  back %016" PRIx64 "\n", r->written[SOURCE].v[i]);
	add_number(b, "ready_used", r->ready_used);
	add_number(b, "source_guard", r->source_guard);
	add_number(b, "created_at", r->created_at);
	add_number(b, "synced_at", r->synced_at);
	add_number(b, "switched_at", r->switched_at);
	add_text(b, "last_error", r->last_error);
	return 0;
}

/* ---- the journal ---- */

static void
add_entry(struct buf *b, const char *what, const struct entry *e)
{
	if (!e)
		return;
	add_text(b, what, e->dn);
	for (size_t i = 0; i < e->n_attrs; i++) {
		add_text(b, "attr", e->attrs[i].name);
		for (size_t j = 0; j < e->attrs[i].n_values; j++)
			add_value(b, "value", e->attrs[i].values[j]);
	}
}

static void
add_change(struct buf *b, const struct change *c)
{
	static const char *const mods[] = {"add", "delete", "replace"};

	add_text(b, "op", change_op_name(c->op));
	add_text(b, "dn", c->dn);
	add_guid(b, "guid", &c->guid);
	add_entry(b, "entry", c->entry);
	for (size_t i = 0; i < c->n_mods; i++) {
		add_text(b, mods[c->mods[i].op], c->mods[i].attr);
		for (size_t j = 0; j < c->mods[i].n_values; j++)
			add_value(b, "value", c->mods[i].values[j]);
	}
	add_text(b, "new_rdn", c->new_rdn);
	add_text(b, "new_parent", c->new_parent);
}

static int
dump_journal(const struct journal_entry *e, MAP_ARGS)
{
	struct buf *b = arg;

	add_head(b, "entry", e->number);
	add_number(b, "cycle", (int64_t)e->cycle);
	add_number(b, "link", e->link);
	add_text(b, "side", side_name(e->side));
	add_guid(b, "source", &e->source);
	add_number(b, "at", e->at);
	add_number(b, "outcome", (int64_t)e->outcome);
	add_change(b, e->change);
	add_entry(b, "before", e->before);
	add_text(b, "reason", e->reason);
	add_text(b, "server", e->server);
	add_text(b, "error", e->error);
	return 0;
}

static int
dump_number(const struct journal_entry *e, MAP_ARGS)
{
	buf_printf(arg, " %" PRIu64, e->number);
	return 0;
}

/* ---- what is beside them ---- */

static int
dump_conflict(uint32_t link, const struct conflict *c, MAP_ARGS)
{
	struct buf *b = arg;

	add_head(b, "conflict of link", link);
	add_guid(b, "source", &c->source);
	add_text(b, "reason", conflict_reason_name(c->reason));
	add_text(b, "source_dn", c->source_dn);
	add_text(b, "what", c->what);
	for (size_t i = 0; i < c->n_candidates; i++) {
		add_text(b, "candidate", c->candidates[i]);
		add_guid(b, "guid", &c->candidate_guids[i]);
	}
	add_number(b, "since", c->since);
	return 0;
}

static int
dump_source(const struct guid *g, MAP_ARGS)
{
	add_guid(arg, "involved", g);
	return 0;
}

static int
dump_waiting(const struct waiting_ref *w, MAP_ARGS)
{
	add_guid(arg, "referrer", &w->referrer);
	add_text(arg, "attr", w->attr);
	add_text(arg, "wanted_dn", w->wanted);
	return 0;
}

static int
dump_retry(const struct store_retry *r, MAP_ARGS)
{
	struct buf *b = arg;

	add_guid(b, "retry", &r->source);
	add_text(b, "dn", r->dn);
	add_text(b, "why", r->why);
	add_number(b, "attempts", r->attempts);
	add_number(b, "since", r->since);
	add_number(b, "next", r->next);
	return 0;
}

static int
dump_operation(const struct store_operation *o, MAP_ARGS)
{
	struct buf *b = arg;

	add_guid(b, "operation", &o->source);
	add_number(b, "kind", (int64_t)o->kind);
	add_number(b, "since", o->since);
	add_text(b, "detail", o->detail);
	return 0;
}

static int
dump_held(const struct store_held *h, MAP_ARGS)
{
	struct buf *b = arg;

	add_guid(b, "held", &h->source);
	add_text(b, "kind", held_kind_name(h->kind));
	add_text(b, "verdict", held_verdict_name(h->verdict));
	add_number(b, "since", h->since);
	return 0;
}

static int
dump_event(struct store_event *e, MAP_ARGS)
{
	struct buf *b = arg;

	add_head(b, "event", e->number);
	add_number(b, "link", e->link);
	add_guid(b, "source", &e->source);
	add_text(b, "kind", event_kind_name(e->kind));
	add_number(b, "at", e->at);
	add_number(b, "attempts", e->attempts);
	add_number(b, "since", e->since);
	add_number(b, "next", e->next);
	add_number(b, "given_up", e->given_up);
	add_number(b, "damaged", e->damaged);
	add_text(b, "dn", e->dn);
	add_text(b, "body", e->body);
	add_text(b, "error", e->error);
	return 0;
}

static int
dump_member(const struct wave_member *m, MAP_ARGS)
{
	struct buf *b = arg;

	add_guid(b, "mailbox", &m->source);
	add_number(b, "line", m->line);
	add_number(b, "result", (int64_t)m->result);
	add_number(b, "at", m->at);
	add_text(b, "dn", m->dn);
	add_text(b, "text", m->text);
	return 0;
}

static int
dump_wave(const struct wave *w, MAP_ARGS)
{
	struct buf *b = arg;

	add_head(b, "wave", w->id);
	add_number(b, "link", w->link);
	add_number(b, "undo", w->undo);
	add_text(b, "state", wave_state_name(w->state));
	add_number(b, "at", w->at);
	add_number(b, "planned_at", w->planned_at);
	add_number(b, "started_at", w->started_at);
	add_number(b, "ended_at", w->ended_at);
	add_number(b, "total", w->total);
	add_number(b, "succeeded", w->succeeded);
	add_number(b, "failed", w->failed);
	add_text(b, "name", w->name);
	add_text(b, "why", w->why);
	return 0;
}

/* ---- all of it ---- */

static int
dump_counts(struct store_txn *t, uint32_t link, struct buf *b, struct err *err)
{
	struct store_counts n;

	if (store_count(t, link, &n, err) < 0)
		return -1;
	add_number(b, "records", (int64_t)n.records);
	/* The released version had no finished ones. */
	for (size_t i = 0; i < RECORD_FINISHED; i++)
		add_number(b, record_state_name((enum record_state)i), (int64_t)n.by_state[i]);
	add_number(b, "created", (int64_t)n.created);
	add_number(b, "matched", (int64_t)n.matched);
	add_number(b, "waiting_refs", (int64_t)n.waiting_refs);
	add_number(b, "conflicts", (int64_t)n.conflicts);
	return 0;
}

static int
dump_cursors(struct store_txn *t, uint32_t link, struct buf *b, struct err *err)
{
	struct guid place;

	for (int side = SOURCE; side < SIDES; side++) {
		struct bytes cursor = {NULL, 0};

		if (store_get_cursor(t, link, (enum side)side, &cursor, err) < 0)
			return -1;
		add_value(b, "cursor", cursor);
		free((void *)(uintptr_t)cursor.data);
	}
	if (store_get_conflict_place(t, link, &place, err) < 0)
		return -1;
	add_guid(b, "conflict_place", &place);
	return 0;
}

static int
dump_limits(struct store_txn *t, uint32_t link, struct buf *b, struct err *err)
{
	uint64_t decided, carried_out, spent;

	if (store_get_decided(t, link, &decided, &carried_out, err) < 0)
		return -1;
	add_number(b, "decided", (int64_t)decided);
	add_number(b, "carried_out", (int64_t)carried_out);
	for (int kind = HELD_NOTHING + 1; kind < HELD_KIND_MAX; kind++) {
		if (store_get_spent(t, link, (enum held_kind)kind, 1700050000, &spent, err) < 0)
			return -1;
		if (kind <= HELD_SWITCHES || spent)
			add_number(b, "spent", (int64_t)spent);
	}
	return store_each_held(t, link, dump_held, b, err);
}

static int
dump_link(struct store_txn *t, uint32_t link, const char *name, struct buf *b, struct err *err)
{
	struct guid involved = {
	    {1, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 2, 0, 0, 0, 0, 0xfe, 0xff}};
	_cleanup_(free) char *summary = NULL;

	add_head(b, "link", link);
	add_text(b, "name", name);
	if (store_get_summary(t, link, &summary, err) < 0)
		return -1;
	add_text(b, "summary", summary);
	if (dump_counts(t, link, b, err) < 0 || dump_cursors(t, link, b, err) < 0 ||
	    dump_limits(t, link, b, err) < 0 ||
	    store_each_operation(t, link, dump_operation, b, err) < 0 ||
	    store_each_retry(t, link, 0, dump_retry, b, err) < 0 ||
	    store_each_waiting(t, link, NULL, dump_waiting, b, err) < 0)
		return -1;
	add_text(b, "waiting for", "the boss");
	if (store_each_waiting(
		t, link, "cn=boss,ou=staff,dc=acme,dc=example", dump_waiting, b, err) < 0)
		return -1;
	return store_each_involved(t, link, &involved, dump_source, b, err);
}

static int
dump_links(struct store_txn *t, struct buf *b, struct err *err)
{
	for (uint32_t link = 1;; link++) {
		_cleanup_(free) char *name = NULL;

		if (store_link_name(t, link, &name, err) < 0)
			return -1;
		if (!name)
			return 0;
		if (dump_link(t, link, name, b, err) < 0)
			return -1;
	}
}

static int
dump_walks(struct store_txn *t, struct buf *b, struct err *err)
{
	if (store_each(t, 0, dump_record, b, err) < 0 ||
	    journal_each(t, 0, dump_journal, b, err) < 0)
		return -1;
	buf_add_str(b, "open");
	if (journal_each_open(t, 0, dump_number, b, err) < 0)
		return -1;
	buf_add_str(b, "\n");
	if (store_each_conflict(t, 0, dump_conflict, b, err) < 0 ||
	    store_each_event(t, 0, dump_event, b, err) < 0 ||
	    wave_each(t, 0, dump_wave, b, err) < 0)
		return -1;
	for (uint32_t id = 1; id <= WAVE_STATE_MAX; id++) {
		add_head(b, "mailboxes of wave", id);
		if (wave_each_member(t, id, dump_member, b, err) < 0)
			return -1;
	}
	return 0;
}

struct octets {
	uint64_t hash, pairs;
};

static int
add_octets(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	struct octets *o = arg;

	(void)err;
	o->hash = bytes_hash(value, bytes_hash(key, o->hash));
	o->pairs++;
	return 0;
}

/* The databases of version 0.1.0. */
static int
dump_octets(struct store_txn *t, struct buf *b, struct err *err)
{
	for (size_t i = 0; i <= DB_SPENT; i++) {
		struct octets o = {0, 0};

		if (store_db_each(
			t, (enum store_db)i, (struct bytes){NULL, 0}, add_octets, &o, err) < 0)
			return -1;
		buf_printf(
		    b, "database %zu: %" PRIu64 " pairs, %016" PRIx64 "\n", i, o.pairs, o.hash);
	}
	return 0;
}

int
map_dump(struct store *s, struct buf *ret, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(s, STORE_READ, &t, err) < 0 || dump_links(t, ret, err) < 0 ||
	    dump_walks(t, ret, err) < 0 || dump_octets(t, ret, err) < 0)
		return -1;
	return ret->failed ? err_nomem(err) : 0;
}
