/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_KEEPSAKE_FIXTURE_H
#define GALSYNC_TESTS_KEEPSAKE_FIXTURE_H

/* A map with the file of what only it knows beside it, for tests: what was told, what is kept, as
 * text, and the loss of the map. Behind cmocka.h. */

#include <sys/stat.h>

#include "mapping/client_report.h"
#include "mapping/event.h"
#include "mapping/held.h"
#include "mapping/keepsake.h"
#include "mapping/wave.h"
#include "tests/support/store_fixture.h"

/* What was told last, and how often anything was. */
struct news {
	unsigned n;
	struct keepsake_news last;
	char file[320], aside[320], why[512];
};

static inline void
news_take(const struct keepsake_news *n, void *arg)
{
	struct news *x = arg;

	x->n++;
	x->last = *n;
	(void)snprintf(x->file, sizeof x->file, "%s", n->file ? n->file : "");
	(void)snprintf(x->aside, sizeof x->aside, "%s", n->aside ? n->aside : "");
	(void)snprintf(x->why, sizeof x->why, "%s", n->err ? n->err->text : "");
}

static inline void
keepsake_open(struct fixture *f, struct news *news)
{
	struct err err = {0};

	*news = (struct news){0};
	if (!f->s)
		fixture_open_store(f, 16);
	if (keepsake_attach(f->s, news_take, news, &err) < 0)
		fail_msg("%s", err.text);
}

static inline void
keepsake_close(struct fixture *f)
{
	store_close(TAKE(f->s));
}

static inline void
keepsake_path(const struct fixture *f, char *ret, size_t size)
{
	(void)snprintf(ret, size, "%s/" KEEPSAKE_FILE, f->dir);
}

static inline void
lose_map(struct fixture *f)
{
	char lock[300];

	keepsake_close(f);
	(void)snprintf(lock, sizeof lock, "%s-lock", f->path);
	assert_int_equal(unlink(f->path), 0);
	(void)unlink(lock);
}

/* ---- what is there ---- */

static inline int
show_member(const struct wave_member *m, void *arg, struct err *err)
{
	(void)err;
	buf_printf(arg, "  %u line %u result %d at %lld '%s' '%s'\n", fixture_number(&m->source),
	    m->line, (int)m->result, (long long)m->at, m->dn, m->text);
	return 0;
}

struct showing {
	struct store_txn *t;
	struct buf *to;
};

static inline int
show_wave(const struct wave *w, void *arg, struct err *err)
{
	struct showing *s = arg;

	buf_printf(s->to, "wave %u of %u '%s' %s%s at %lld, %lld, %lld; %u %u %u '%s'\n", w->id,
	    w->link, w->name, wave_state_name(w->state), w->undo ? " undo" : "", (long long)w->at,
	    (long long)w->planned_at, (long long)w->started_at, w->total, w->succeeded, w->failed,
	    w->why);
	return wave_each_member(s->t, w->id, show_member, s->to, err);
}

static inline int
show_verdict(const struct store_held *h, void *arg, struct err *err)
{
	(void)err;
	buf_printf(arg, "%s %u %s %lld", held_kind_name(h->kind), fixture_number(&h->source),
	    held_verdict_name(h->verdict), (long long)h->since);
	if (!guid_is_zero(&h->target))
		buf_printf(arg, " with %u", fixture_number(&h->target));
	buf_add_str(arg, "\n");
	return 0;
}

static inline int
show_spent(const struct store_spent *x, void *arg, struct err *err)
{
	(void)err;
	buf_printf(arg, "spent %s %llu %llu\n", held_kind_name(x->kind),
	    (unsigned long long)x->hour, (unsigned long long)x->n);
	return 0;
}

static inline int
show_event(struct store_event *e, void *arg, struct err *err)
{
	(void)err;
	buf_printf(arg,
	    "event %llu of %u: %u %s at %lld, %u attempts, %lld, %lld%s '%s' '%s' '%s'\n",
	    (unsigned long long)e->number, e->link, fixture_number(&e->source),
	    event_kind_name(e->kind), (long long)e->at, e->attempts, (long long)e->since,
	    (long long)e->next, e->given_up ? " given up" : "", e->dn, e->body, e->error);
	return 0;
}

static inline int
show_report(uint32_t link, struct client_report *r, void *arg, struct err *err)
{
	(void)err;
	buf_printf(arg, "client of %u: %u %s by %s%s at %lld, %lld, %lld on '%s' '%s'\n", link,
	    fixture_number(&r->source), client_result_name(r->result),
	    client_origin_name(r->origin), r->settled ? " settled" : "", (long long)r->at,
	    (long long)r->stated, (long long)r->about, r->machine, r->text);
	return 0;
}

/* Everything that may be kept, as text. The caller frees. */
static inline char *
show_all(struct fixture *f)
{
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_READ);
	struct buf b = {0};
	struct showing s = {t, &b};
	struct err err;

	buf_add_str(&b, "");
	assert_int_equal(wave_each(t, 0, show_wave, &s, &err), 0);
	for (uint32_t link = 1; link <= 2; link++) {
		_cleanup_(free) char *name = NULL;

		assert_int_equal(store_link_name(t, link, &name, &err), 0);
		buf_printf(&b, "link %u %s\n", link, name ? name : "-");
		assert_int_equal(store_each_held(t, link, show_verdict, &b, &err), 0);
		assert_int_equal(store_each_spent(t, link, show_spent, &b, &err), 0);
		assert_int_equal(store_each_event(t, link, show_event, &b, &err), 0);
		assert_int_equal(store_each_client(t, link, NULL, show_report, &b, &err), 0);
	}
	return buf_take_str(&b);
}

/* ---- what is put there ---- */

static inline uint32_t
add_wave(struct store_txn *t, uint32_t link, enum wave_state state, int64_t at, size_t n)
{
	char name[] = "Night \"1\"", why[] = "a DC", dn[] = "CN=J\xc3\xb3,DC=acme", text[] = "";
	struct wave w = {.link = link, .at = at, .planned_at = 5, .name = name, .why = why};
	struct wave_member m[4] = {0};
	struct err err;

	for (size_t i = 0; i < n; i++)
		m[i] = (struct wave_member){.source = fixture_guid((uint8_t)(i + 1), 1),
		    .line = (uint32_t)i + 2,
		    .dn = dn,
		    .text = text};
	w.state = state;
	w.started_at = state == WAVE_PLANNED ? 0 : at + 1;
	assert_int_equal(wave_add(t, &w, m, n, &err), 0);
	return w.id;
}

static inline void
end_member(struct store_txn *t, uint32_t id, uint8_t who, bool ok)
{
	_cleanup_(wave_done) struct wave w = {0};
	const struct wave_outcome o = {fixture_guid(who, 1), ok, 77, ok ? "" : "no mailbox"};
	struct err err;
	bool found;

	assert_int_equal(wave_get(t, id, &w, &found, &err), 0);
	assert_int_equal(wave_end_member(t, &w, &o, &found, &err), 0);
	assert_true(found);
	assert_int_equal(wave_put(t, &w, &err), 0);
}

static inline void
add_verdict(
    struct store_txn *t, uint32_t link, enum held_kind kind, uint8_t who, enum held_verdict v)
{
	const struct store_held h = {.source = fixture_guid(who, 1),
	    .kind = kind,
	    .verdict = v,
	    .since = 7 + who,
	    .target =
		kind == HELD_MATCHES ? fixture_guid((uint8_t)(who + 1), 1) : (struct guid){{0}}};
	struct err err;

	assert_int_equal(store_put_held(t, link, &h, &err), 0);
}

static inline uint64_t
add_event(struct store_txn *t, uint32_t link, uint8_t who)
{
	char dn[] = "CN=X", body[] = "{\"a\":\"\\u0001\"}", error[] = "status 1";
	struct store_event e = {.link = link,
	    .source = fixture_guid(who, 1),
	    .kind = EVENT_UNDONE,
	    .at = 9,
	    .attempts = 2,
	    .since = 10,
	    .next = 11,
	    .given_up = true,
	    .dn = dn,
	    .body = body,
	    .error = error};
	struct err err;

	assert_int_equal(store_add_event(t, &e, &err), 0);
	return e.number;
}

static inline void
add_client(struct store_txn *t, uint32_t link, uint8_t who)
{
	char machine[] = "PC-1", text[] = "a \"b\"";
	const struct client_report r = {.source = fixture_guid(who, 1),
	    .result = CLIENT_FAILED,
	    .origin = CLIENT_BY_ATTRIBUTE,
	    .settled = true,
	    .at = 21,
	    .stated = 22,
	    .about = 23,
	    .machine = machine,
	    .text = text};
	struct err err;

	assert_int_equal(store_put_client(t, link, &r, &err), 0);
}

/* Some of everything, of two links. */
static inline void
fill_all(struct fixture *f)
{
	struct store_txn *t = fixture_begin(f, STORE_WRITE);
	uint32_t one = fixture_link(t, "acme-globex"), two = fixture_link(t, "other");
	const struct store_spent spent = {HELD_SWITCHES, 480000, 12};
	struct err err;

	(void)add_wave(t, one, WAVE_DONE, 1000, 1);
	(void)add_wave(t, two, WAVE_PLANNED, 2000, 2);
	(void)add_wave(t, one, WAVE_RUNNING, 900, 4);
	end_member(t, 3, 1, true);
	end_member(t, 3, 3, false);
	(void)add_wave(t, one, WAVE_CANCELLED, 900, 1);
	add_verdict(t, one, HELD_DELETES, 1, HELD_APPROVED);
	add_verdict(t, one, HELD_DELETES, 2, HELD_WAITS);
	add_verdict(t, one, HELD_REDIRECTIONS, 1, HELD_REJECTED);
	add_verdict(t, two, HELD_SWITCHES, 9, HELD_REJECTED);
	add_verdict(t, two, HELD_MATCHES, 4, HELD_REJECTED);
	assert_int_equal(store_put_spent(t, two, &spent, &err), 0);
	(void)add_event(t, two, 3);
	(void)add_event(t, one, 3);
	add_client(t, one, 5);
	fixture_commit(t);
}

#endif
