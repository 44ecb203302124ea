/* SPDX-License-Identifier: MIT */
#include "redirect/event_body.h"

#include <string.h>

#include "dsa/base/json.h"
#include "dsa/base/str.h"
#include "redirect/address.h"
#include "redirect/turn.h"

static const char *
value(const struct entry *e, const char *attr)
{
	return e ? entry_get_str(e, attr) : NULL;
}

static const char *
first(const char *x, const char *y)
{
	return x ? x : y;
}

static json_t *
side_object(const struct event_facts *f, enum side side)
{
	enum side own = f->origin == TARGET ? side_other(side) : side; /* in the record */
	const struct record_side *r = &f->record->side[own];
	const struct entry *e = f->side[side];
	const char *legacy = value(e, "legacyExchangeDN"), *alias = value(e, "mailNickname");
	char guid[GUID_TEXT_SIZE];
	json_t *o = json_object();

	guid_format(&r->guid, guid);
	if (own == SOURCE)
		alias = first(alias, f->record->alias);
	json_put_member(&o, "forest", json_of_text(f->forest[side]));
	json_put_member(&o, "server", json_of_text(f->server[side]));
	json_put_member(&o, "dn", json_of_text(e ? e->dn : r->dn));
	json_put_member(&o, "guid", json_of_text(guid_is_zero(&r->guid) ? NULL : guid));
	json_put_member(&o, "displayName", json_of_text(value(e, "displayName")));
	json_put_member(&o, "culture", json_of_text(value(e, "msExchUserCulture")));
	json_put_member(&o, "country", json_of_text(value(e, "c")));
	json_put_member(&o, "alias", json_of_text(alias));
	json_put_member(&o, "mail", json_of_text(e ? address_primary(e) : NULL));
	json_put_member(&o, "legacyExchangeDN",
	    json_of_text(first(legacy, r->n_legacy_dns ? r->legacy_dns[0] : NULL)));
	json_put_member(&o, "redirectAddress",
	    json_of_text(turn_redirect_address(
		f->side[SOURCE], f->side[TARGET], side, f->redirect_domain[side])));
	json_put_member(&o, "targetAddress", json_of_text(value(e, "targetAddress")));
	return o;
}

static json_t *
client_object(const struct client_report *r)
{
	json_t *o = json_object();

	json_put_member(&o, "result", json_of_text(client_result_name(r->result)));
	json_put_member(&o, "machine", json_of_text(r->machine));
	json_put_member(&o, "text", json_of_text(r->text));
	return o;
}

char *
event_body(const struct event_facts *f)
{
	_cleanup_(json_release) json_t *o = json_object();

	json_put_member(&o, "version", json_integer(EVENT_BODY_VERSION));
	json_put_member(&o, "event", json_of_text(event_kind_name(f->kind)));
	json_put_member(&o, "link", json_of_text(f->link));
	json_put_member(&o, "time", json_of_time(f->at));
	json_put_member(&o, "origin", json_of_text(side_name(f->origin)));
	json_put_member(&o, "kind", json_of_text(kind_name(f->record->kind)));
	json_put_member(&o, "active",
	    json_of_text(side_name(
		f->origin == TARGET ? side_other(f->record->active) : f->record->active)));
	json_put_member(&o, "source", side_object(f, SOURCE));
	json_put_member(&o, "target", side_object(f, TARGET));
	if (f->client)
		json_put_member(&o, "client", client_object(f->client));
	return o ? json_dumps(o, JSON_COMPACT) : NULL;
}

void
event_wave_failure(json_t **list, const struct wave_member *m)
{
	json_t *o;

	if (m->result != WAVE_FAILED || json_array_size(*list) >= EVENT_WAVE_FAILURES)
		return;
	o = json_object();
	json_put_member(&o, "dn", json_of_text(m->dn));
	json_put_member(&o, "text", json_of_text(m->text));
	json_add_item(list, o);
}

static json_t *
wave_object(const struct wave *w, json_t *failures)
{
	json_t *o = json_object();

	json_put_member(&o, "id", json_of_count(w->id));
	json_put_member(&o, "name", json_of_text(w->name));
	json_put_member(&o, "undo", json_boolean(w->undo));
	json_put_member(&o, "total", json_of_count(w->total));
	json_put_member(&o, "succeeded", json_of_count(w->succeeded));
	json_put_member(&o, "failed", json_of_count(w->failed));
	json_put_member(&o, "failures", failures);
	return o;
}

char *
event_wave_body(const char *link, const struct wave *w, json_t *failures)
{
	_cleanup_(json_release) json_t *o = json_object();

	json_put_member(&o, "version", json_integer(EVENT_BODY_VERSION));
	json_put_member(&o, "event", json_of_text(event_kind_name(EVENT_WAVE)));
	json_put_member(&o, "link", json_of_text(link));
	json_put_member(&o, "time", json_of_time(w->ended_at));
	json_put_member(&o, "wave", wave_object(w, failures));
	return o ? json_dumps(o, JSON_COMPACT) : NULL;
}

/* The number alone would come again if the map were made anew. */
char *
event_body_complete(const struct store_event *e)
{
	_cleanup_(json_release) json_t *o = json_loads(e->body, JSON_REJECT_DUPLICATES, NULL);
	_cleanup_(free) char *line = NULL;
	char guid[GUID_TEXT_SIZE];

	guid_format(&e->source, guid);
	if (!json_is_object(o) ||
	    json_object_set_new(o, "id",
		json_sprintf(
		    "%s-%lld-%llu", guid, (long long)e->at, (unsigned long long)e->number)) < 0 ||
	    json_object_set_new(o, "attempt", json_integer((json_int_t)e->attempts + 1)) < 0)
		return NULL;
	line = json_dumps(o, JSON_COMPACT);
	return line ? str_printf("%s\n", line) : NULL;
}
