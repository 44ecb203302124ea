/* SPDX-License-Identifier: MIT */
#include "dsa/exec/plan_step.h"

#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/world/world.h"

struct plan_step *
plan_step_new(uint32_t source, const struct guid *guid)
{
	struct plan_step *s = calloc(1, sizeof *s);

	if (s) {
		s->source = source;
		s->guid = *guid;
		s->phase = PLAN_OBJECTS;
	}
	return s;
}

void
plan_step_free(struct plan_step *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_changes; i++) {
		change_free(s->changes[i].change);
		entry_free(s->changes[i].before);
		free(s->changes[i].reason);
	}
	for (size_t i = 0; i < s->n_waiting; i++) {
		free(s->waiting[i].attr);
		free(s->waiting[i].wanted);
	}
	free(s->waiting);
	record_free(s->record);
	free(s);
}

static bool
is_about(const struct mod *m, const struct attr *a)
{
	return str_equal_nocase(m->attr, a->name);
}

/* Must A be kept whole for C? What a modification takes away was there, and what it adds was not:
 * of a long list no more than that is kept, unless all of it goes. */
static bool
needs_all(const struct change *c, const struct attr *a)
{
	bool all = a->n_values <= PLAN_LONG_LIST;

	for (size_t i = 0; i < c->n_mods && !all; i++)
		all = is_about(&c->mods[i], a) &&
		      (c->mods[i].op == MOD_REPLACE || c->mods[i].n_values == 0);
	return all;
}

static int
keep_values(struct entry *e, const struct attr *a, const struct bytes *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (entry_add(e, a->name, values[i]) < 0)
			return -1;
	return 0;
}

static int
keep_attr(struct entry *e, const struct change *c, const struct attr *a)
{
	if (needs_all(c, a))
		return keep_values(e, a, a->values, a->n_values);
	for (size_t i = 0; i < c->n_mods; i++)
		if (is_about(&c->mods[i], a) && c->mods[i].op == MOD_DELETE &&
		    keep_values(e, a, c->mods[i].values, c->mods[i].n_values) < 0)
			return -1;
	return 0;
}

/* What the change touches, as it was. A delete touches everything that was read, and so does what
 * takes it back. */
static int
before_image(const struct change *c, const struct entry *present, struct entry **ret)
{
	_cleanup_(entry_free) struct entry *e = NULL;

	if (c->op == CHANGE_DELETE || change_brought_back(c)) {
		*ret = entry_dup(present);
		return *ret ? 0 : -1;
	}
	e = entry_new(present->dn);
	if (!e)
		return -1;
	e->guid = present->guid;
	for (size_t i = 0; i < c->n_mods; i++) {
		const struct attr *a = entry_find(present, c->mods[i].attr);

		if (entry_find(e, c->mods[i].attr))
			continue;
		if (entry_touch(e, c->mods[i].attr) < 0 || (a && keep_attr(e, c, a) < 0))
			return -1;
	}
	*ret = TAKE(e);
	return 0;
}

int
plan_step_add(struct plan_step *s, enum side side, struct change *change,
    const struct entry *present, const char *reason, struct err *err)
{
	_cleanup_(change_free) struct change *own = change;
	struct plan_change *c = &s->changes[s->n_changes];
	_cleanup_(entry_free) struct entry *before = NULL;
	_cleanup_(free) char *why = strdup(reason);

	if (change_is_empty(own))
		return 0;
	if (s->n_changes == PLAN_MAX_CHANGES)
		return err_set(
		    err, ERR_DATA, ERR_ENTRY, ERR_NEVER, 0, "too many changes of one object");
	if (!why || (present && own->op != CHANGE_ADD && before_image(own, present, &before) < 0))
		return err_nomem(err);
	*c = (struct plan_change){
	    .side = side, .change = TAKE(own), .before = TAKE(before), .reason = TAKE(why)};
	s->n_changes++;
	return 0;
}

struct change *
plan_step_take(struct plan_step *s, size_t i)
{
	struct change *taken = s->changes[i].change;

	entry_free(s->changes[i].before);
	free(s->changes[i].reason);
	s->n_changes--;
	memmove(&s->changes[i], &s->changes[i + 1], (s->n_changes - i) * sizeof *s->changes);
	return taken;
}

int
plan_step_of(const struct guid *source, enum side side, struct change *change,
    const struct entry *present, const char *reason, struct plan_step **ret, struct err *err)
{
	_cleanup_(change_free) struct change *own = change;
	_cleanup_(plan_step_free) struct plan_step *s = plan_step_new(WORLD_NONE, source);

	if (!s)
		return err_nomem(err);
	if (plan_step_add(s, side, TAKE(own), present, reason, err) < 0)
		return -1;
	*ret = TAKE(s);
	return 0;
}

int
plan_step_add_waiting(struct plan_step *s, const char *attr, const char *wanted, struct err *err)
{
	if (list_grow(s->waiting, s->n_waiting, s->cap_waiting) < 0)
		return err_nomem(err);
	s->waiting[s->n_waiting] = (struct waiting_ref){
	    .referrer = s->guid, .attr = strdup(attr), .wanted = strdup(wanted)};
	s->n_waiting++;
	return s->waiting[s->n_waiting - 1].attr && s->waiting[s->n_waiting - 1].wanted
		   ? 0
		   : err_nomem(err);
}

static void
add_nested(struct buf *ret, const struct buf *inner)
{
	buf_add_bytes(ret, buf_bytes(inner));
	ret->failed |= inner->failed;
}

bool
plan_step_need(struct plan_step *s, uint64_t number)
{
	for (size_t i = 0; i < s->n_needs; i++)
		if (s->needs[i] == number)
			return true;
	if (s->n_needs == PLAN_MAX_NEEDS)
		return false;
	s->needs[s->n_needs++] = number;
	if (number >= s->after)
		s->after = number + 1;
	return true;
}

void
plan_step_encode(const struct plan_step *s, struct buf *ret)
{
	_cleanup_(buf_done) struct buf inner = {0};

	buf_add_u32(ret, s->source);
	buf_add(ret, s->guid.octets, GUID_LEN);
	buf_add_u8(ret, (uint8_t)s->phase);
	buf_add_u64(ret, s->number);
	buf_add_u64(ret, s->after);
	buf_add_u8(ret, (uint8_t)s->n_needs);
	for (size_t i = 0; i < s->n_needs; i++)
		buf_add_u64(ret, s->needs[i]);
	buf_add_u8(ret, s->creates);
	buf_add_u8(ret, s->optional);
	buf_add_u8(ret, s->moved);
	buf_add_u8(ret, s->forgets);
	buf_add_u8(ret, (uint8_t)s->counts);
	buf_add_u8(ret, (uint8_t)s->n_changes);
	for (size_t i = 0; i < s->n_changes; i++) {
		const struct plan_change *c = &s->changes[i];

		buf_add_u8(ret, (uint8_t)c->side);
		buf_add_bytes(ret, bytes_of(c->reason));
		buf_reset(&inner);
		change_encode(c->change, &inner);
		add_nested(ret, &inner);
		buf_reset(&inner);
		if (c->before)
			entry_encode(c->before, &inner);
		add_nested(ret, &inner);
	}
	buf_reset(&inner);
	if (s->record)
		record_encode(s->record, &inner);
	buf_add_u64(ret, s->record ? s->record->id : 0);
	add_nested(ret, &inner);
	buf_add_u32(ret, (uint32_t)s->n_waiting);
	for (size_t i = 0; i < s->n_waiting; i++) {
		buf_add_bytes(ret, bytes_of(s->waiting[i].attr));
		buf_add_bytes(ret, bytes_of(s->waiting[i].wanted));
	}
}

static int
decode_change(struct reader *r, struct plan_step *s, struct err *err)
{
	struct plan_change *c = &s->changes[s->n_changes];
	struct bytes raw;

	c->side = reader_u8(r) ? TARGET : SOURCE;
	c->reason = bytes_dup(reader_bytes(r));
	s->n_changes++;
	if (!c->reason)
		return err_nomem(err);
	if (change_decode(reader_bytes(r), &c->change, err) < 0)
		return -1;
	raw = reader_bytes(r);
	return raw.len ? entry_decode(raw, &c->before, err) : 0;
}

static int
decode_waiting(struct reader *r, struct plan_step *s, struct err *err)
{
	uint32_t n = reader_u32(r);

	for (uint32_t i = 0; i < n && !r->failed; i++) {
		_cleanup_(free) char *attr = bytes_dup(reader_bytes(r));
		_cleanup_(free) char *dn = bytes_dup(reader_bytes(r));

		if (!attr || !dn)
			return err_nomem(err);
		if (plan_step_add_waiting(s, attr, dn, err) < 0)
			return -1;
	}
	return 0;
}

int
plan_step_decode(struct bytes raw, struct plan_step **ret, struct err *err)
{
	_cleanup_(plan_step_free) struct plan_step *s = calloc(1, sizeof *s);
	struct reader r = reader_of(raw);
	struct bytes record;
	const void *guid;
	size_t n;
	uint64_t id;

	if (!s)
		return err_nomem(err);
	s->source = reader_u32(&r);
	if ((guid = reader_raw(&r, GUID_LEN)))
		memcpy(s->guid.octets, guid, GUID_LEN);
	s->phase = (enum plan_phase)reader_u8(&r);
	s->number = reader_u64(&r);
	s->after = reader_u64(&r);
	s->n_needs = reader_u8(&r);
	if (s->n_needs > PLAN_MAX_NEEDS)
		r.failed = true;
	for (size_t i = 0; !r.failed && i < s->n_needs; i++)
		s->needs[i] = reader_u64(&r);
	s->creates = reader_u8(&r);
	s->optional = reader_u8(&r);
	s->moved = reader_u8(&r);
	s->forgets = reader_u8(&r);
	s->counts = reader_u8(&r);
	n = reader_u8(&r);
	for (size_t i = 0; i < n && i < PLAN_MAX_CHANGES; i++)
		if (decode_change(&r, s, err) < 0)
			return -1;
	id = reader_u64(&r);
	record = reader_bytes(&r);
	if (record.len && record_decode(record, id, &s->record, err) < 0)
		return -1;
	if (decode_waiting(&r, s, err) < 0)
		return -1;
	if (r.failed || n > PLAN_MAX_CHANGES || (s->counts & HELD_BIT(HELD_NOTHING)))
		return err_set(
		    err, ERR_DATA, ERR_LINK, ERR_LATER, 0, "working set: damaged plan step");
	s->size = raw.len;
	*ret = TAKE(s);
	return 0;
}
