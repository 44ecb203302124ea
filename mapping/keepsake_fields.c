/* SPDX-License-Identifier: MIT */
/* The items of the file beside the map, field by field: one table writes and reads them. */
#include <string.h>

#include "dsa/base/json.h"
#include "mapping/keepsake_priv.h"

enum field_type {
	FIELD_BOOL,
	FIELD_U32,
	FIELD_U64,
	FIELD_TIME,
	FIELD_TEXT,
	FIELD_GUID,
	FIELD_GUID_IF_ANY, /* zero: the item has no such field; those stand last */
	FIELD_NAME
};

struct field {
	const char *name;
	enum field_type type;
	size_t at;			 /* in the struct */
	uint64_t least, most;		 /* of a number; of NAME's values */
	const char *(*text)(unsigned v); /* NAME */
};

/* Enums are read and written as what they are here. */
_Static_assert(sizeof(enum held_kind) == sizeof(unsigned), "the size of an enum");

static const char *
text_of_state(unsigned v)
{
	return wave_state_name((enum wave_state)v);
}

static const char *
text_of_result(unsigned v)
{
	static const char *const names[] = {
	    [WAVE_OPEN] = "open", [WAVE_SUCCEEDED] = "done", [WAVE_FAILED] = "failed"};

	_Static_assert(ARRAY_SIZE(names) == WAVE_RESULT_MAX, "a name for each result");
	return names[v];
}

static const char *
text_of_kind(unsigned v)
{
	return held_kind_name((enum held_kind)v);
}

static const char *
text_of_verdict(unsigned v)
{
	return held_verdict_name((enum held_verdict)v);
}

static const char *
text_of_event(unsigned v)
{
	return event_kind_name((enum event_kind)v);
}

static const char *
text_of_resolved(unsigned v)
{
	return resolved_as_name((enum resolved_as)v);
}

static const char *
text_of_client(unsigned v)
{
	return client_result_name((enum client_result)v);
}

static const char *
text_of_origin(unsigned v)
{
	return client_origin_name((enum client_origin)v);
}

#define NUMBER(type_, name_, struct_, member, least_)                                              \
	{                                                                                          \
		.name = (name_), .type = (type_), .at = offsetof(struct_, member),                 \
		.least = (least_), .most = (type_) == FIELD_U32 ? UINT32_MAX : INT64_MAX           \
	}
#define PLAIN(type_, name_, struct_, member)                                                       \
	{                                                                                          \
		.name = (name_), .type = (type_), .at = offsetof(struct_, member)                  \
	}
#define NAME(name_, struct_, member, least_, most_, text_)                                         \
	{                                                                                          \
		.name = (name_), .type = FIELD_NAME, .at = offsetof(struct_, member),              \
		.least = (least_), .most = (most_), .text = (text_)                                \
	}

static const struct field wave_fields[] = {
    NUMBER(FIELD_U32, "id", struct wave, id, 1),
    PLAIN(FIELD_TEXT, "name", struct wave, name),
    PLAIN(FIELD_BOOL, "undo", struct wave, undo),
    NAME("state", struct wave, state, WAVE_PLANNED, WAVE_RUNNING, text_of_state),
    NUMBER(FIELD_TIME, "at", struct wave, at, 0),
    NUMBER(FIELD_TIME, "planned", struct wave, planned_at, 0),
    NUMBER(FIELD_TIME, "started", struct wave, started_at, 0),
    PLAIN(FIELD_TEXT, "waits", struct wave, why),
};
static const struct field mailbox_fields[] = {
    NUMBER(FIELD_U32, "wave", struct keepsake_mailbox, wave, 1),
    PLAIN(FIELD_GUID, "source", struct keepsake_mailbox, m.source),
    PLAIN(FIELD_TEXT, "dn", struct keepsake_mailbox, m.dn),
    NUMBER(FIELD_U32, "line", struct keepsake_mailbox, m.line, 0),
    NAME("result", struct keepsake_mailbox, m.result, WAVE_OPEN, WAVE_FAILED, text_of_result),
    NUMBER(FIELD_TIME, "at", struct keepsake_mailbox, m.at, 0),
    PLAIN(FIELD_TEXT, "text", struct keepsake_mailbox, m.text),
};
static const struct field verdict_fields[] = {
    NAME("limit", struct keepsake_verdict, h.kind, HELD_NOTHING + 1, HELD_KIND_MAX - 1,
	text_of_kind),
    PLAIN(FIELD_GUID, "source", struct keepsake_verdict, h.source),
    PLAIN(FIELD_TEXT, "dn", struct keepsake_verdict, dn),
    NAME("verdict", struct keepsake_verdict, h.verdict, HELD_WAITS, HELD_REJECTED, text_of_verdict),
    NUMBER(FIELD_TIME, "since", struct keepsake_verdict, h.since, 0),
    PLAIN(FIELD_GUID_IF_ANY, "target", struct keepsake_verdict, h.target),
};
static const struct field spent_fields[] = {
    NAME("limit", struct store_spent, kind, HELD_NOTHING + 1, HELD_KIND_MAX - 1, text_of_kind),
    NUMBER(FIELD_U64, "hour", struct store_spent, hour, 0),
    NUMBER(FIELD_U64, "count", struct store_spent, n, 0),
};
static const struct field event_fields[] = {
    NUMBER(FIELD_U64, "number", struct store_event, number, 1),
    PLAIN(FIELD_GUID, "source", struct store_event, source),
    PLAIN(FIELD_TEXT, "dn", struct store_event, dn),
    NAME("event", struct store_event, kind, EVENT_SWITCHED, EVENT_KIND_MAX - 1, text_of_event),
    NUMBER(FIELD_TIME, "at", struct store_event, at, 0),
    NUMBER(FIELD_U32, "attempts", struct store_event, attempts, 0),
    NUMBER(FIELD_TIME, "since", struct store_event, since, 0),
    NUMBER(FIELD_TIME, "next", struct store_event, next, 0),
    PLAIN(FIELD_BOOL, "given_up", struct store_event, given_up),
    PLAIN(FIELD_TEXT, "body", struct store_event, body),
    PLAIN(FIELD_TEXT, "error", struct store_event, error),
};
static const struct field client_fields[] = {
    PLAIN(FIELD_GUID, "source", struct client_report, source),
    PLAIN(FIELD_TEXT, "machine", struct client_report, machine),
    NAME("result", struct client_report, result, CLIENT_OK, CLIENT_RESULT_MAX - 1, text_of_client),
    NAME("origin", struct client_report, origin, CLIENT_BY_SOCKET, CLIENT_ORIGIN_MAX - 1,
	text_of_origin),
    PLAIN(FIELD_BOOL, "settled", struct client_report, settled),
    NUMBER(FIELD_TIME, "at", struct client_report, at, 0),
    NUMBER(FIELD_TIME, "stated", struct client_report, stated, 0),
    NUMBER(FIELD_TIME, "about", struct client_report, about, 0),
    PLAIN(FIELD_TEXT, "text", struct client_report, text),
};

static const struct field resolution_fields[] = {
    NAME("resolution", struct resolution, as, RESOLVED_WITH, RESOLVED_MAX - 1, text_of_resolved),
    PLAIN(FIELD_GUID, "source", struct resolution, source),
    PLAIN(FIELD_TEXT, "source_dn", struct resolution, source_dn),
    PLAIN(FIELD_TEXT, "target_dn", struct resolution, target_dn),
    NUMBER(FIELD_U32, "by", struct resolution, by, 0),
    NUMBER(FIELD_TIME, "at", struct resolution, at, 0),
    PLAIN(FIELD_TEXT, "evidence", struct resolution, evidence),
    PLAIN(FIELD_GUID_IF_ANY, "target", struct resolution, target),
};

static const struct {
	const char *name;
	const struct field *fields;
	size_t n;
} parts[] = {
    [KEEPSAKE_WAVES] = {"waves", wave_fields, ARRAY_SIZE(wave_fields)},
    [KEEPSAKE_MAILBOXES] = {"mailboxes", mailbox_fields, ARRAY_SIZE(mailbox_fields)},
    [KEEPSAKE_VERDICTS] = {"verdicts", verdict_fields, ARRAY_SIZE(verdict_fields)},
    [KEEPSAKE_SPENT] = {"spent", spent_fields, ARRAY_SIZE(spent_fields)},
    [KEEPSAKE_EVENTS] = {"events", event_fields, ARRAY_SIZE(event_fields)},
    [KEEPSAKE_RESOLUTIONS] = {"resolutions", resolution_fields, ARRAY_SIZE(resolution_fields)},
    [KEEPSAKE_CLIENTS] = {"clients", client_fields, ARRAY_SIZE(client_fields)},
};
_Static_assert(ARRAY_SIZE(parts) == KEEPSAKE_PARTS, "fields for each part");
#define FIELDS_MAX 16

const char *
keepsake_part_name(enum keepsake_part p)
{
	return parts[p].name;
}

/* ---- writing ---- */

static uint64_t
number_in(const struct field *f, const void *p)
{
	uint64_t v = 0;
	uint32_t small = 0;

	if (f->type == FIELD_U32 || f->type == FIELD_NAME) {
		memcpy(&small, p, sizeof small);
		return small;
	}
	memcpy(&v, p, sizeof v);
	/* A time before the epoch is none that the map gives out. */
	return f->type == FIELD_TIME && v > INT64_MAX ? 0 : v;
}

static json_t *
json_of_field(const struct field *f, const void *item)
{
	const char *p = (const char *)item + f->at;
	char guid[GUID_TEXT_SIZE];
	struct guid g;
	const char *text;

	switch (f->type) {
	case FIELD_BOOL: return json_boolean(*(const bool *)p);
	case FIELD_TEXT: memcpy(&text, p, sizeof text); return json_of_text(text ? text : "");
	case FIELD_NAME: return json_of_text(f->text((unsigned)number_in(f, p)));
	case FIELD_GUID:
	case FIELD_GUID_IF_ANY:
		memcpy(&g, p, sizeof g);
		guid_format(&g, guid);
		return json_of_text(guid);
	case FIELD_U32:
	case FIELD_U64:
	case FIELD_TIME:
	default: return json_of_count(number_in(f, p));
	}
}

static bool
is_left_out(const struct field *f, const void *item)
{
	struct guid g;

	if (f->type != FIELD_GUID_IF_ANY)
		return false;
	memcpy(&g, (const char *)item + f->at, sizeof g);
	return guid_is_zero(&g);
}

json_t *
keepsake_item(enum keepsake_part p, const void *item)
{
	json_t *o = json_object();

	for (size_t i = 0; i < parts[p].n; i++) {
		const struct field *f = &parts[p].fields[i];

		if (!is_left_out(f, item))
			json_put_member(&o, f->name, json_of_field(f, item));
	}
	return o;
}

/* ---- reading ---- */

static int bad(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

static int
bad(struct err *err, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return err_set(err, ERR_DATA, ERR_DAEMON, ERR_NEVER, 0, "%s", text);
}

static int
take_number(const struct field *f, const json_t *v, void *p, struct err *err)
{
	json_int_t n = json_integer_value(v);
	uint32_t small = (uint32_t)n;
	uint64_t large = (uint64_t)n;

	if (!json_is_integer(v) || n < 0 || large < f->least || large > f->most)
		return bad(err, "\"%s\" is no whole number from %llu to %llu", f->name,
		    (unsigned long long)f->least, (unsigned long long)f->most);
	if (f->type == FIELD_U32)
		memcpy(p, &small, sizeof small);
	else
		memcpy(p, &large, sizeof large);
	return 0;
}

static int
take_name(const struct field *f, const json_t *v, void *p, struct err *err)
{
	_cleanup_(buf_done) struct buf known = {0};
	const char *text = json_string_value(v);

	for (unsigned i = (unsigned)f->least; i <= f->most; i++) {
		if (text && strcmp(text, f->text(i)) == 0) {
			memcpy(p, &i, sizeof i);
			return 0;
		}
		buf_printf(&known, " %s", f->text(i));
	}
	return bad(
	    err, "\"%s\" is none of:%s", f->name, known.failed ? "" : (const char *)known.data);
}

static int
take_text(const struct field *f, const json_t *v, void *p, struct err *err)
{
	char *copy;

	if (!json_is_string(v))
		return bad(err, "\"%s\" is no text", f->name);
	copy = strdup(json_string_value(v));
	if (!copy)
		return err_nomem(err);
	memcpy(p, &copy, sizeof copy);
	return 0;
}

static int
take_field(const struct field *f, const json_t *v, void *item, struct err *err)
{
	char *p = (char *)item + f->at;
	struct guid g;

	switch (f->type) {
	case FIELD_TEXT: return take_text(f, v, p, err);
	case FIELD_NAME: return take_name(f, v, p, err);
	case FIELD_BOOL:
		if (!json_is_boolean(v))
			return bad(err, "\"%s\" is neither true nor false", f->name);
		*(bool *)p = json_is_true(v);
		return 0;
	case FIELD_GUID:
	case FIELD_GUID_IF_ANY:
		if (!json_is_string(v) || !guid_parse(json_string_value(v), &g) || guid_is_zero(&g))
			return bad(err, "\"%s\" is no GUID", f->name);
		memcpy(p, &g, sizeof g);
		return 0;
	case FIELD_U32:
	case FIELD_U64:
	case FIELD_TIME:
	default: return take_number(f, v, p, err);
	}
}

int
keepsake_parse_item(enum keepsake_part p, const json_t *json, void *ret, struct err *err)
{
	const struct field *f = parts[p].fields;
	const char *names[FIELDS_MAX] = {NULL};
	size_t must = 0;

	for (size_t i = 0; i < parts[p].n; i++) {
		names[i] = f[i].name;
		must += f[i].type != FIELD_GUID_IF_ANY;
	}
	if (json_check_members(json, names, must, parts[p].n, err) < 0)
		return -1;
	for (size_t i = 0; i < parts[p].n; i++) {
		const json_t *v = json_object_get(json, f[i].name);

		if (v && take_field(&f[i], v, ret, err) < 0)
			return -1;
	}
	return 0;
}

void
keepsake_item_done(enum keepsake_part p, void *item)
{
	for (size_t i = 0; i < parts[p].n; i++) {
		char *text;

		if (parts[p].fields[i].type != FIELD_TEXT)
			continue;
		memcpy(&text, (char *)item + parts[p].fields[i].at, sizeof text);
		free(text);
	}
}
