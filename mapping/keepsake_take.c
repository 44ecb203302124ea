/* SPDX-License-Identifier: MIT */
/* What the file beside the map says goes into a map: as it is read, in a transaction that is given
 * up where something is not as it must be. */
#include <stdio.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/json.h"
#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "mapping/keepsake_priv.h"
#include "mapping/store_db.h"

#define ENDED_WHY "the map was put back from a copy: what became of it is not known"

struct taking {
	struct store_txn *t;
	uint64_t last_wave, last_event;
	uint32_t link;
	char place[160]; /* what is read, for errors */
	uint32_t *old;	 /* the open waves of a copy that the file did not name yet */
	size_t n_old, cap_old;
	struct keepsake_counts n;
};

static int
bad(struct err *err, const char *what)
{
	return err_set(err, ERR_DATA, ERR_DAEMON, ERR_NEVER, 0, "%s", what);
}

/* ---- the state of a copy ---- */

static int
note_open(const struct wave *w, void *arg, struct err *err)
{
	struct taking *x = arg;

	if (!wave_is_open(w->state))
		return 0;
	if (list_grow(x->old, x->n_old, x->cap_old) < 0)
		return err_nomem(err);
	x->old[x->n_old++] = w->id;
	return 0;
}

/* The file's wave ID takes the place of the copy's, if that has it. */
static int
drop_old(struct taking *x, uint32_t id, struct err *err)
{
	for (size_t i = 0; i < x->n_old; i++) {
		if (x->old[i] != id)
			continue;
		x->old[i] = x->old[--x->n_old];
		return wave_delete(x->t, id, err);
	}
	return 0;
}

/* A wave whose end nobody knows must not do anything. */
static int
cancel(struct taking *x, uint32_t id, struct err *err)
{
	_cleanup_(wave_done) struct wave w = {0};
	char *why = strdup(ENDED_WHY);
	bool found;

	if (!why)
		return err_nomem(err);
	if (wave_get(x->t, id, &w, &found, err) < 0 || !found) {
		free(why);
		return found ? -1 : 0;
	}
	free(w.why);
	w.why = why;
	w.state = WAVE_CANCELLED;
	x->n.cancelled++;
	return wave_put(x->t, &w, err);
}

static int
cancel_old(struct taking *x, struct err *err)
{
	for (size_t i = 0; i < x->n_old; i++)
		if (cancel(x, x->old[i], err) < 0)
			return -1;
	return 0;
}

static int
clear_copy(struct taking *x, struct err *err)
{
	static const enum store_db gone[] = {DB_HELD, DB_SPENT, DB_EVENT, DB_RESOLUTION, DB_CLIENT};

	for (size_t i = 0; i < ARRAY_SIZE(gone); i++)
		if (store_db_clear(x->t, gone[i], err) < 0)
			return -1;
	return wave_each(x->t, 0, note_open, x, err);
}

struct distrust {
	struct taking x;
	int64_t now;
	struct held_list approved;
};

static int
note_due(const struct wave *w, void *arg, struct err *err)
{
	struct distrust *d = arg;

	return w->state == WAVE_RUNNING || w->at <= d->now ? note_open(w, &d->x, err) : 0;
}

static int
note_approved(const struct store_held *h, void *arg, struct err *err)
{
	struct distrust *d = arg;

	if (h->verdict != HELD_APPROVED)
		return 0;
	return held_list_add(&d->approved, h) < 0 ? err_nomem(err) : 0;
}

static int
forget_approved(struct distrust *d, uint32_t link, struct err *err)
{
	d->approved.n = 0;
	if (store_each_held(d->x.t, link, note_approved, d, err) < 0)
		return -1;
	for (size_t i = 0; i < d->approved.n; i++) {
		const struct store_held *h = &d->approved.v[i];

		if (store_clear_held(d->x.t, link, h->kind, &h->source, err) < 0)
			return -1;
		d->x.n.forgotten++;
	}
	return 0;
}

int
keepsake_distrust(struct store_txn *t, int64_t now, struct keepsake_counts *ret, struct err *err)
{
	struct distrust d = {.x = {.t = t}, .now = now};
	int rc = wave_each(t, 0, note_due, &d, err);
	bool more = true;

	for (uint32_t link = 1; rc == 0 && more; link++) {
		_cleanup_(free) char *name = NULL;

		rc = store_link_name(t, link, &name, err);
		more = name != NULL;
		if (rc == 0 && more)
			rc = forget_approved(&d, link, err);
	}
	if (rc == 0)
		rc = cancel_old(&d.x, err);
	free(d.x.old);
	free(d.approved.v);
	*ret = d.x.n;
	return rc;
}

/* ---- items ---- */

static int
take_wave(struct taking *x, void *item, struct err *err)
{
	struct wave *w = item;

	w->link = x->link;
	if (w->id > x->last_wave)
		return bad(err, "\"id\" is larger than \"last_wave\"");
	x->n.waves++;
	return wave_take(x->t, w, err);
}

static int
take_mailbox(struct taking *x, void *item, struct err *err)
{
	_cleanup_(wave_done) struct wave w = {0};
	struct keepsake_mailbox *m = item;
	bool found;

	if (wave_get(x->t, m->wave, &w, &found, err) < 0)
		return -1;
	if (!found || w.link != x->link || !wave_is_open(w.state))
		return bad(err, "\"wave\" is none of the link's");
	w.total++;
	w.succeeded += m->m.result == WAVE_SUCCEEDED;
	w.failed += m->m.result == WAVE_FAILED;
	return wave_take_member(x->t, w.id, &m->m, err) < 0 ? -1 : wave_put(x->t, &w, err);
}

static int
take_verdict(struct taking *x, void *item, struct err *err)
{
	const struct keepsake_verdict *v = item;

	x->n.verdicts++;
	return store_put_held(x->t, x->link, &v->h, err);
}

static int
take_spent(struct taking *x, void *item, struct err *err)
{
	return store_put_spent(x->t, x->link, item, err);
}

static int
take_event(struct taking *x, void *item, struct err *err)
{
	struct store_event *e = item;

	e->link = x->link;
	if (e->number > x->last_event)
		return bad(err, "\"number\" is larger than \"last_event\"");
	x->n.events++;
	return store_take_event(x->t, e, err);
}

static int
take_resolution(struct taking *x, void *item, struct err *err)
{
	const struct resolution *r = item;

	if ((r->as == RESOLVED_WITH) == guid_is_zero(&r->target))
		return bad(err, "\"target\" goes with \"with\", and with nothing else");
	x->n.verdicts++;
	return store_put_resolution(x->t, x->link, r, err);
}

static int
take_client(struct taking *x, void *item, struct err *err)
{
	const struct client_report *r = item;

	if (!client_machine_is_valid(bytes_of(r->machine)))
		return bad(err, "\"machine\" is no name of a machine");
	if (!client_text_is_valid(bytes_of(r->text)))
		return bad(err, "\"text\" is no text of a report");
	return store_put_client(x->t, x->link, r, err);
}

static const struct {
	enum store_db db;
	int (*take)(struct taking *x, void *item, struct err *err);
} takers[] = {
    [KEEPSAKE_WAVES] = {DB_WAVE, take_wave},
    [KEEPSAKE_MAILBOXES] = {DB_WAVE_MEMBER, take_mailbox},
    [KEEPSAKE_VERDICTS] = {DB_HELD, take_verdict},
    [KEEPSAKE_SPENT] = {DB_SPENT, take_spent},
    [KEEPSAKE_EVENTS] = {DB_EVENT, take_event},
    [KEEPSAKE_RESOLUTIONS] = {DB_RESOLUTION, take_resolution},
    [KEEPSAKE_CLIENTS] = {DB_CLIENT, take_client},
};
_Static_assert(ARRAY_SIZE(takers) == KEEPSAKE_PARTS, "a way for each part");

static int
take_item(struct taking *x, enum keepsake_part p, const json_t *json, struct err *err)
{
	union {
		struct wave wave;
		struct keepsake_mailbox mailbox;
		struct keepsake_verdict verdict;
		struct store_spent spent;
		struct store_event event;
		struct resolution resolution;
		struct client_report client;
	} item;
	uint64_t before = 0, after = 0;
	int rc;

	memset(&item, 0, sizeof item);
	rc = keepsake_parse_item(p, json, &item, err);
	/* What the wave of a copy had goes with it: counted behind that. */
	if (rc == 0 && p == KEEPSAKE_WAVES)
		rc = drop_old(x, item.wave.id, err);
	if (rc == 0)
		rc = store_db_count(x->t, takers[p].db, &before, err);
	if (rc == 0)
		rc = takers[p].take(x, &item, err);
	if (rc == 0)
		rc = store_db_count(x->t, takers[p].db, &after, err);
	if (rc == 0 && after != before + 1)
		rc = bad(err, "it is there already");
	keepsake_item_done(p, &item);
	return rc;
}

static int
take_part(struct taking *x, enum keepsake_part p, const json_t *list, struct err *err)
{
	if (!json_is_array(list))
		return bad(err, "is no list");
	for (size_t i = 0; i < json_array_size(list); i++) {
		(void)snprintf(x->place, sizeof x->place, "links[%u].%s[%zu]", x->link - 1,
		    keepsake_part_name(p), i);
		if (take_item(x, p, json_array_get(list, i), err) < 0)
			return -1;
	}
	return 0;
}

/* ---- links ---- */

/* The name of link I, which no link before it has. */
static const char *
name_of(const json_t *links, size_t i, struct err *err)
{
	const char *name = json_string_value(json_object_get(json_array_get(links, i), "name"));

	if (!name || !*name || str_has_control(name)) {
		(void)bad(err, "\"name\" is no name of a link");
		return NULL;
	}
	for (size_t j = 0; j < i; j++) {
		const json_t *other = json_object_get(json_array_get(links, j), "name");

		if (strcmp(json_string_value(other), name) == 0) {
			(void)bad(err, "\"name\" is that of a link before it");
			return NULL;
		}
	}
	return name;
}

static int
take_link(struct taking *x, const json_t *links, size_t i, struct err *err)
{
	const json_t *o = json_array_get(links, i);
	const char *names[KEEPSAKE_PARTS + 1] = {"name"}, *name;
	char key[32];

	(void)snprintf(x->place, sizeof x->place, "links[%zu]", i);
	for (size_t p = 0; p < KEEPSAKE_PARTS; p++)
		names[p + 1] = keepsake_part_name((enum keepsake_part)p);
	/* The last sections may be left out. */
	if (json_check_members(o, names, KEEPSAKE_RESOLUTIONS + 1, ARRAY_SIZE(names), err) < 0)
		return -1;
	name = name_of(links, i, err);
	if (!name || store_link_id(x->t, name, &x->link, err) < 0)
		return -1;
	(void)snprintf(key, sizeof key, KEEPSAKE_TAKEN, x->link);
	if (store_counter_set(x->t, key, (uint64_t)clock_realtime_s(), err) < 0)
		return -1;
	x->n.links++;
	for (size_t p = 0; p < KEEPSAKE_PARTS; p++) {
		const json_t *part = json_object_get(o, names[p + 1]);

		(void)snprintf(x->place, sizeof x->place, "links[%zu].%s", i, names[p + 1]);
		if (part && take_part(x, (enum keepsake_part)p, part, err) < 0)
			return -1;
	}
	return 0;
}

static int
take_number(const json_t *root, const char *name, uint64_t most, uint64_t *ret, struct err *err)
{
	const json_t *v = json_object_get(root, name);
	char text[120];

	if (json_is_integer(v) && json_integer_value(v) >= 0 &&
	    (uint64_t)json_integer_value(v) <= most) {
		*ret = (uint64_t)json_integer_value(v);
		return 0;
	}
	(void)snprintf(text, sizeof text, "\"%s\" is no whole number from 0 to %llu", name,
	    (unsigned long long)most);
	return bad(err, text);
}

/* As far as the map has not got yet: a number is given out once. */
static int
raise_counter(struct taking *x, const char *name, uint64_t to, struct err *err)
{
	uint64_t now;

	if (store_counter_get(x->t, name, &now, err) < 0)
		return -1;
	return now < to ? store_counter_set(x->t, name, to, err) : 0;
}

/* Of a format that is not known nothing else is looked at. */
static int
check_format(const json_t *root, struct err *err)
{
	uint64_t format = 0;
	char text[120];

	if (!json_is_object(root))
		return bad(err, "it is no object");
	if (take_number(root, "format", INT64_MAX, &format, err) < 0)
		return -1;
	if (format == KEEPSAKE_FORMAT)
		return 0;
	(void)snprintf(text, sizeof text, "it has format %llu, this galsync knows format %d",
	    (unsigned long long)format, KEEPSAKE_FORMAT);
	return bad(err, text);
}

static int
take_root(struct taking *x, const json_t *root, struct err *err)
{
	static const char *const names[] = {"format", "last_wave", "last_event", "links"};
	const json_t *links = json_object_get(root, "links");

	if (check_format(root, err) < 0 ||
	    json_check_members(root, names, ARRAY_SIZE(names), ARRAY_SIZE(names), err) < 0 ||
	    take_number(root, "last_wave", UINT32_MAX - 1, &x->last_wave, err) < 0 ||
	    take_number(root, "last_event", INT64_MAX - 1, &x->last_event, err) < 0)
		return -1;
	if (!json_is_array(links))
		return bad(err, "\"links\" is no list");
	if (raise_counter(x, "last-wave", x->last_wave, err) < 0 ||
	    raise_counter(x, "next-event", x->last_event, err) < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(links); i++)
		if (take_link(x, links, i, err) < 0)
			return -1;
	return cancel_old(x, err);
}

int
keepsake_take(struct store_txn *t, struct bytes text, bool is_copy, struct keepsake_counts *ret,
    struct err *err)
{
	struct taking x = {.t = t};
	json_error_t why;
	_cleanup_(json_release) json_t *root =
	    json_loadb(text.data ? text.data : "", text.len, JSON_REJECT_DUPLICATES, &why);
	int rc = 0;

	if (!root && json_error_code(&why) == json_error_out_of_memory)
		return err_nomem(err);
	if (!root)
		return err_set(err, ERR_DATA, ERR_DAEMON, ERR_NEVER, 0, "line %d, column %d: %s",
		    why.line, why.column, why.text);
	if (is_copy)
		rc = clear_copy(&x, err);
	if (rc == 0)
		rc = take_root(&x, root, err);
	if (rc < 0 && err->src == ERR_DATA && *x.place)
		(void)err_ctx(err, "in %s", x.place);
	free(x.old);
	*ret = x.n;
	return rc;
}
