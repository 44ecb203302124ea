/* SPDX-License-Identifier: MIT */
/* The lines of a plan: to text. */
#include "dsa/exec/plan_text.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>

#include "dsa/base/json.h"
#include "dsa/directory/change_json.h"

#define CHUNK 65536

/* O is taken over. */
static void
add_line(json_t *o, struct buf *ret)
{
	_cleanup_(json_release) json_t *own = o;
	_cleanup_(free) char *text = own ? json_dumps(own, JSON_COMPACT) : NULL;

	if (!text) {
		ret->failed = true;
		return;
	}
	buf_add_str(ret, text);
	buf_add_char(ret, '\n');
}

void
plan_text_head(const char *link, int64_t made, struct buf *ret)
{
	json_t *o = json_object();

	json_put_member(&o, "galsync_plan", json_integer(PLAN_TEXT_FORMAT));
	json_put_member(&o, "link", json_of_text(link));
	json_put_member(&o, "made", json_of_time(made));
	json_put_member(&o, "version", json_of_text(GALSYNC_VERSION));
	add_line(o, ret);
}

void
plan_text_flow(enum side originals, const char *const forest[SIDES], struct buf *ret)
{
	json_t *o = json_object();

	json_put_member(&o, "flow", json_string(originals == SOURCE ? "forward" : "return"));
	json_put_member(&o, "source", json_of_text(forest[SOURCE]));
	json_put_member(&o, "target", json_of_text(forest[TARGET]));
	add_line(o, ret);
}

static json_t *
step_change(const struct plan_change *pc, const char *const forest[SIDES])
{
	json_t *o = json_object();

	json_put_member(&o, "forest", json_of_text(forest[pc->side]));
	json_put_member(&o, "reason", json_of_text(pc->reason));
	json_put_member(&o, "change", change_json(pc->change));
	if (pc->before)
		json_put_member(&o, "before", change_entry_json(pc->before));
	return o;
}

static json_t *
step_json(const struct plan_step *s, const char *const forest[SIDES])
{
	json_t *step = json_object(), *changes = json_array();
	char guid[GUID_TEXT_SIZE];

	guid_format(&s->guid, guid);
	for (size_t i = 0; i < s->n_changes; i++)
		json_add_item(&changes, step_change(&s->changes[i], forest));
	if (!guid_is_zero(&s->guid))
		json_put_member(&step, "source", json_string(guid));
	json_put_member(&step, "changes", changes);
	return step;
}

void
plan_text_later(const struct plan_step *s, const char *const forest[SIDES], struct buf *ret)
{
	json_t *o = json_object();

	json_put_member(&o, "later", step_json(s, forest));
	add_line(o, ret);
}

void
plan_text_step(const struct plan_step *s, const char *const forest[SIDES], enum held_kind held,
    struct buf *ret)
{
	json_t *o = json_object();

	json_put_member(&o, "step", step_json(s, forest));
	if (held != HELD_NOTHING)
		json_put_member(&o, "held", json_string(held_kind_name(held)));
	add_line(o, ret);
}

void
plan_text_held(enum held_kind limit, const char *source_dn, struct buf *ret)
{
	json_t *o = json_object(), *x = json_object();

	json_put_member(&x, "limit", json_string(held_kind_name(limit)));
	json_put_member(&x, "source_dn", json_of_text(source_dn));
	json_put_member(&o, "held", x);
	add_line(o, ret);
}

void
plan_text_conflict(const struct conflict *c, struct buf *ret)
{
	json_t *o = json_object(), *x = json_object();

	json_put_member(&x, "source_dn", json_of_text(c->source_dn));
	json_put_member(&x, "reason", json_string(conflict_reason_name(c->reason)));
	json_put_member(&x, "what", json_of_text(c->what ? c->what : ""));
	json_put_member(&x, "candidates", json_of_texts(c->candidates, c->n_candidates));
	json_put_member(&o, "conflict", x);
	add_line(o, ret);
}

void
plan_text_ready(const char *dn, struct buf *ret)
{
	json_t *o = json_object();

	json_put_member(&o, "ready", json_of_text(dn));
	add_line(o, ret);
}

void
plan_text_summary(json_t *summary, struct buf *ret)
{
	json_t *o = json_object();

	json_put_member(&o, "summary", summary);
	add_line(o, ret);
}

/* ---- sums ---- */

static int
hash_file(int fd, gnutls_hash_hd_t hash, off_t *ret_size, struct err *err)
{
	char octets[CHUNK];
	off_t at = 0;
	ssize_t n;

	while ((n = pread(fd, octets, sizeof octets, at)) > 0) {
		if (gnutls_hash(hash, octets, (size_t)n) < 0)
			return err_nomem(err);
		at += n;
	}
	*ret_size = at;
	return n < 0 ? err_sys(err, errno, "the plan's file") : 0;
}

int
plan_text_seal(int fd, struct err *err)
{
	_cleanup_(buf_done) struct buf line = {0};
	uint8_t sum[PLAN_DIGEST_LEN];
	gnutls_hash_hd_t hash;
	off_t size = 0;
	int rc;

	if (gnutls_global_init() < 0 || gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) < 0)
		return err_nomem(err);
	rc = hash_file(fd, hash, &size, err);
	gnutls_hash_deinit(hash, sum);
	if (rc < 0)
		return -1;
	buf_add_str(&line, "{\"sha256\":\"");
	for (size_t i = 0; i < sizeof sum; i++)
		buf_printf(&line, "%02x", sum[i]);
	buf_add_str(&line, "\"}\n");
	if (line.failed)
		return err_nomem(err);
	if (pwrite(fd, line.data, line.len, size) != (ssize_t)line.len)
		return err_sys(err, errno, "the plan's file");
	return 0;
}

static void
add_nested(struct buf *ret, struct buf *inner)
{
	buf_add_bytes(ret, buf_bytes(inner));
	ret->failed |= inner->failed;
	buf_reset(inner);
}

int
plan_step_digest(
    const struct plan_step *s, enum side originals, uint8_t ret[PLAN_DIGEST_LEN], struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0}, inner = {0};

	buf_add_u8(&b, PLAN_TEXT_FORMAT);
	buf_add_u8(&b, (uint8_t)originals);
	buf_add(&b, s->guid.octets, GUID_LEN);
	buf_add_u8(&b, (uint8_t)s->n_changes);
	for (size_t i = 0; i < s->n_changes; i++) {
		const struct plan_change *pc = &s->changes[i];

		buf_add_u8(&b, (uint8_t)pc->side);
		buf_add_bytes(&b, bytes_of(pc->reason));
		change_encode(pc->change, &inner);
		add_nested(&b, &inner);
		if (pc->before)
			entry_encode(pc->before, &inner);
		add_nested(&b, &inner);
	}
	if (b.failed || gnutls_global_init() < 0 ||
	    gnutls_hash_fast(GNUTLS_DIG_SHA256, b.data, b.len, ret) < 0)
		return err_nomem(err);
	return 0;
}
