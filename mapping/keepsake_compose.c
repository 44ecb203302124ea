/* SPDX-License-Identifier: MIT */
/* The text of the file beside the map: a walk through what is kept. */
#include "dsa/base/json.h"
#include "mapping/keepsake_priv.h"
#include "mapping/store_db.h"

struct composing {
	struct store_txn *t;
	struct buf *to;
	uint32_t link;
	enum keepsake_part part;
	uint64_t n;    /* items of it so far */
	uint32_t wave; /* whose mailboxes come */
};

static int
add_json(struct buf *to, json_t *json, struct err *err)
{
	_cleanup_(json_release) json_t *own = json;
	_cleanup_(free) char *text = own ? json_dumps(own, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

	if (!text)
		return err_nomem(err);
	buf_add_str(to, text);
	return 0;
}

static int
add_item(struct composing *c, const void *item, struct err *err)
{
	buf_add_str(c->to, c->n++ ? ",\n" : "\n");
	return add_json(c->to, keepsake_item(c->part, item), err);
}

static int
add_wave(const struct wave *w, void *arg, struct err *err)
{
	return wave_is_open(w->state) ? add_item(arg, w, err) : 0;
}

static int
add_mailbox(const struct wave_member *m, void *arg, struct err *err)
{
	struct composing *c = arg;
	const struct keepsake_mailbox x = {c->wave, *m};

	return add_item(c, &x, err);
}

static int
add_mailboxes(const struct wave *w, void *arg, struct err *err)
{
	struct composing *c = arg;

	c->wave = w->id;
	return wave_is_open(w->state) ? wave_each_member(c->t, w->id, add_mailbox, c, err) : 0;
}

static int
add_verdict(const struct store_held *h, void *arg, struct err *err)
{
	struct composing *c = arg;
	_cleanup_(record_free) struct record *r = NULL;
	struct keepsake_verdict v = {.h = *h};

	if (!held_is_said(h))
		return 0;
	if (store_find_guid(c->t, c->link, SOURCE, &h->source, &r, err) < 0)
		return -1;
	v.dn = r ? r->side[SOURCE].dn : NULL;
	return add_item(c, &v, err);
}

static int
add_spent(const struct store_spent *x, void *arg, struct err *err)
{
	return add_item(arg, x, err);
}

/* Of a damaged one nothing is known that a hook could be told. */
static int
add_event(struct store_event *e, void *arg, struct err *err)
{
	return e->damaged || !event_is_turn(e->kind) ? 0 : add_item(arg, e, err);
}

static int
add_resolution(uint32_t link, const struct resolution *r, void *arg, struct err *err)
{
	(void)link;
	return add_item(arg, r, err);
}

static int
add_client(uint32_t link, struct client_report *r, void *arg, struct err *err)
{
	(void)link;
	return add_item(arg, r, err);
}

static int
add_items(struct composing *c, struct err *err)
{
	switch (c->part) {
	case KEEPSAKE_WAVES: return wave_each(c->t, c->link, add_wave, c, err);
	case KEEPSAKE_MAILBOXES: return wave_each(c->t, c->link, add_mailboxes, c, err);
	case KEEPSAKE_VERDICTS: return store_each_held(c->t, c->link, add_verdict, c, err);
	case KEEPSAKE_SPENT: return store_each_spent(c->t, c->link, add_spent, c, err);
	case KEEPSAKE_EVENTS: return store_each_event(c->t, c->link, add_event, c, err);
	case KEEPSAKE_RESOLUTIONS:
		return store_each_resolution(c->t, c->link, add_resolution, c, err);
	case KEEPSAKE_CLIENTS: return store_each_client(c->t, c->link, NULL, add_client, c, err);
	case KEEPSAKE_PARTS:
	default: return 0;
	}
}

static int
has_client(uint32_t link, struct client_report *r, void *arg, struct err *err)
{
	bool *found = arg;

	(void)link;
	(void)r;
	(void)err;
	*found = true;
	return 1;
}

/* A release that knows no reports of clients can read a file that has none. */
static int
add_part(struct composing *c, struct err *err)
{
	bool any = c->part != KEEPSAKE_CLIENTS;

	if (!any && store_each_client(c->t, c->link, NULL, has_client, &any, err) < 0)
		return -1;
	if (!any)
		return 0;
	buf_printf(c->to, ",\n\"%s\":[", keepsake_part_name(c->part));
	c->n = 0;
	if (add_items(c, err) < 0)
		return -1;
	buf_add_str(c->to, "]");
	return 0;
}

static int
add_link(struct composing *c, const char *name, struct err *err)
{
	buf_add_str(c->to, c->link > 1 ? ",\n{\"name\":" : "\n{\"name\":");
	if (add_json(c->to, json_of_text(name), err) < 0)
		return -1;
	for (c->part = KEEPSAKE_WAVES; c->part < KEEPSAKE_PARTS; c->part++)
		if (add_part(c, err) < 0)
			return -1;
	buf_add_str(c->to, "}");
	return 0;
}

int
keepsake_compose(struct store_txn *t, struct buf *ret, struct err *err)
{
	struct composing c = {.t = t, .to = ret};
	uint64_t wave, event;

	if (store_counter_get(t, "last-wave", &wave, err) < 0 ||
	    store_counter_get(t, "next-event", &event, err) < 0)
		return -1;
	buf_printf(ret, "{\"format\":%d,\"last_wave\":%llu,\"last_event\":%llu,\"links\":[",
	    KEEPSAKE_FORMAT, (unsigned long long)wave, (unsigned long long)event);
	/* Numbers are given out from 1 without gaps. */
	for (c.link = 1;; c.link++) {
		_cleanup_(free) char *name = NULL;

		if (store_link_name(t, c.link, &name, err) < 0 ||
		    (name && add_link(&c, name, err) < 0))
			return -1;
		if (!name)
			break;
	}
	buf_add_str(ret, "\n]}\n");
	return ret->failed ? err_nomem(err) : 0;
}
