/* SPDX-License-Identifier: MIT */
#include "redirect/event_body.h"

#include <jansson.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/err.h"
#include "dsa/base/str.h"
#include "redirect/address.h"
#include "redirect/turn.h"

static void
json_releasep(json_t **o)
{
	json_decref(*o);
}

/* null for NULL. Octets that are no UTF-8 are written as \xHH. */
static json_t *
text(const char *s)
{
	_cleanup_(free) char *escaped = NULL;
	size_t size;

	if (!s)
		return json_null();
	if (utf8_valid(bytes_of(s)))
		return json_string(s);
	size = 4 * strlen(s) + 1;
	escaped = malloc(size);
	if (!escaped)
		return NULL;
	err_escape(escaped, size, bytes_of(s));
	return json_string(escaped);
}

static json_t *
moment(int64_t t)
{
	char when[CLOCK_TEXT_SIZE];

	clock_format_utc(t, when);
	return json_string(when);
}

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
	const struct record_side *r = &f->record->side[side];
	const struct entry *e = f->side[side];
	const char *legacy = value(e, "legacyExchangeDN"), *alias = value(e, "mailNickname");
	char guid[GUID_TEXT_SIZE];

	guid_format(&r->guid, guid);
	if (side == SOURCE)
		alias = first(alias, f->record->alias);
	return json_pack("{s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "forest",
	    text(f->forest[side]), "server", text(f->server[side]), "dn", text(e ? e->dn : r->dn),
	    "guid", guid, "displayName", text(value(e, "displayName")), "alias", text(alias),
	    "mail", text(e ? address_primary(e) : NULL), "legacyExchangeDN",
	    text(first(legacy, r->n_legacy_dns ? r->legacy_dns[0] : NULL)), "redirectAddress",
	    text(turn_redirect_address(
		f->side[SOURCE], f->side[TARGET], side, f->redirect_domain[side])),
	    "targetAddress", text(value(e, "targetAddress")));
}

char *
event_body(const struct event_facts *f)
{
	_cleanup_(json_release) json_t *o = json_pack("{s:i, s:s, s:o, s:o, s:s, s:o, s:o}",
	    "version", EVENT_BODY_VERSION, "event", event_kind_name(f->kind), "link", text(f->link),
	    "time", moment(f->at), "active", side_name(f->record->active), "source",
	    side_object(f, SOURCE), "target", side_object(f, TARGET));

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
