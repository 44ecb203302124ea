/* SPDX-License-Identifier: MIT */
#include "dsa/cycle/decision.h"

#include <string.h>

void
decision_done(struct decision *d)
{
	free(d->source_dn);
	free(d->target_dn);
	free(d->rdn_value);
	free(d->sam);
	free(d->upn);
	free(d->evidence);
	free(d->what);
	decision_clear_candidates(d);
	*d = (struct decision){0};
}

void
decision_clear_candidates(struct decision *d)
{
	for (size_t i = 0; i < DECISION_CANDIDATES; i++) {
		free(TAKE(d->candidates[i]));
		d->candidate_guids[i] = (struct guid){{0}};
	}
}

int
decision_add_candidate(struct decision *d, const char *dn, const struct guid *g)
{
	size_t n = 0;

	for (; n < DECISION_CANDIDATES && d->candidates[n]; n++)
		if (guid_equal(&d->candidate_guids[n], g))
			return 0;
	if (n == DECISION_CANDIDATES)
		return 0;
	d->candidates[n] = strdup(dn);
	if (!d->candidates[n])
		return -1;
	d->candidate_guids[n] = *g;
	return 0;
}

/* By what the counterpart was found: evidence begins with the name of its rule. */
static void
describe_match(const struct decision *d, struct buf *ret)
{
	const char *by = *d->evidence ? d->evidence : match_method_name(d->rule);

	if (d->rule != MATCH_RECORD)
		buf_printf(ret, ", found by %s", by);
	else
		buf_printf(
		    ret, ", as the map says%s%s", *d->evidence ? ", found by " : "", d->evidence);
}

static void
describe_conflict(const struct decision *d, struct buf *ret)
{
	if (d->ignored)
		buf_add_str(ret, DECISION_IGNORED "; else it would be ");
	buf_printf(
	    ret, "in conflict (%s): %s", conflict_reason_name(d->reason), d->what ? d->what : "");
	for (size_t i = 0; i < DECISION_CANDIDATES && d->candidates[i]; i++)
		buf_printf(ret, "%s'%s'", i ? " and " : ": ", d->candidates[i]);
}

void
decision_describe(const struct decision *d, const struct conf_link *link, struct buf *ret)
{
	if (d->verdict != SCOPE_IN) {
		buf_printf(ret, "not in scope: %s", scope_verdict_name(d->verdict));
		return;
	}
	buf_printf(
	    ret, "%s in the scope of '%s'; ", kind_name(d->kind), link->scopes[d->scope].base);
	switch (d->state) {
	case DECIDE_MATCHED:
		buf_printf(ret, "its counterpart is '%s'", d->target_dn);
		describe_match(d, ret);
		break;
	case DECIDE_PROMOTE:
		buf_printf(ret, "a new %s takes the place of the contact", shape_name(d->shape));
		describe_match(d, ret);
		break;
	case DECIDE_CREATE:
		buf_printf(ret, "no rule finds a counterpart: %s '%s' is created",
		    shape_name(d->shape), d->target_dn);
		break;
	case DECIDE_CONFLICT: describe_conflict(d, ret); break;
	case DECIDE_NOTHING:
		buf_printf(ret, "it has no counterpart: %s", d->what ? d->what : "");
		break;
	case DECIDE_OUT:
	case DECIDE_STATE_MAX: break;
	}
}

static void
add_text(struct buf *b, const char *s)
{
	buf_add_bytes(b, bytes_of(s ? s : ""));
}

void
decision_encode(const struct decision *d, struct buf *ret)
{
	buf_add_u8(ret, (uint8_t)d->state);
	buf_add_u8(ret, (uint8_t)d->verdict);
	buf_add_u32(ret, d->scope);
	buf_add_u8(ret, (uint8_t)d->kind);
	buf_add_u8(ret, (uint8_t)d->shape);
	buf_add(ret, d->source.octets, GUID_LEN);
	buf_add_u32(ret, d->target);
	buf_add_u32(ret, d->former);
	buf_add_u8(ret, d->created);
	buf_add_u8(ret, d->waits);
	buf_add_u8(ret, d->ignored);
	buf_add_u8(ret, d->failed);
	buf_add_u8(ret, d->apart);
	buf_add_u8(ret, d->straight);
	buf_add_u8(ret, d->again);
	buf_add_u8(ret, (uint8_t)d->rule);
	buf_add_u32(ret, d->waited);
	buf_add_u64(ret, d->step);
	buf_add_u8(ret, d->in_conflict);
	buf_add_u8(ret, (uint8_t)d->reason);
	add_text(ret, d->source_dn);
	add_text(ret, d->target_dn);
	add_text(ret, d->rdn_value);
	add_text(ret, d->sam);
	add_text(ret, d->upn);
	add_text(ret, d->evidence);
	add_text(ret, d->what);
	for (size_t i = 0; i < DECISION_CANDIDATES; i++)
		add_text(ret, d->candidates[i]);
	for (size_t i = 0; i < DECISION_CANDIDATES; i++)
		buf_add(ret, d->candidate_guids[i].octets, GUID_LEN);
}

static char *
read_text(struct reader *r, bool empty_is_null)
{
	struct bytes v = reader_bytes(r);
	char *s = v.len || !empty_is_null ? bytes_dup(v) : NULL;

	if (!s && (v.len || !empty_is_null))
		r->failed = true;
	return s;
}

int
decision_decode(struct bytes raw, struct decision *ret, struct err *err)
{
	struct reader r = reader_of(raw);
	const void *guid;

	decision_done(ret);
	ret->state = (enum decision_state)reader_u8(&r);
	ret->verdict = (enum scope_verdict)reader_u8(&r);
	ret->scope = reader_u32(&r);
	ret->kind = (enum kind)reader_u8(&r);
	ret->shape = (enum shape)reader_u8(&r);
	if ((guid = reader_raw(&r, GUID_LEN)))
		memcpy(ret->source.octets, guid, GUID_LEN);
	ret->target = reader_u32(&r);
	ret->former = reader_u32(&r);
	ret->created = reader_u8(&r);
	ret->waits = reader_u8(&r);
	ret->ignored = reader_u8(&r);
	ret->failed = reader_u8(&r);
	ret->apart = reader_u8(&r);
	ret->straight = reader_u8(&r);
	ret->again = reader_u8(&r);
	ret->rule = (enum match_method)reader_u8(&r);
	ret->waited = reader_u32(&r);
	ret->step = reader_u64(&r);
	ret->in_conflict = reader_u8(&r);
	ret->reason = (enum conflict_reason)reader_u8(&r);
	ret->source_dn = read_text(&r, false);
	ret->target_dn = read_text(&r, false);
	ret->rdn_value = read_text(&r, true);
	ret->sam = read_text(&r, true);
	ret->upn = read_text(&r, true);
	ret->evidence = read_text(&r, false);
	ret->what = read_text(&r, true);
	for (size_t i = 0; i < ARRAY_SIZE(ret->candidates); i++)
		ret->candidates[i] = read_text(&r, true);
	for (size_t i = 0; i < DECISION_CANDIDATES; i++)
		if ((guid = reader_raw(&r, GUID_LEN)))
			memcpy(ret->candidate_guids[i].octets, guid, GUID_LEN);
	if (!r.failed)
		return 0;
	decision_done(ret);
	return err_set(err, ERR_DATA, ERR_LINK, ERR_LATER, 0, "working set: damaged decision");
}
