/* SPDX-License-Identifier: MIT */
#include "dsa/rules/client.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/when.h"

#define FORMAT "galsync1"
/* Of the longest value that is a report. */
#define VALUE_MAX (sizeof FORMAT + sizeof "failed" + CLIENT_MACHINE_MAX + 1 + 24 + CLIENT_TEXT_MAX)

/* The next field of *V up to ";"; false if there is none. */
static bool
next_field(struct bytes *v, struct bytes *ret)
{
	const char *p = v->data, *end;

	if (!p)
		return false;
	end = memchr(p, ';', v->len);
	*ret = (struct bytes){p, end ? (size_t)(end - p) : v->len};
	*v = end ? (struct bytes){end + 1, v->len - ret->len - 1} : (struct bytes){NULL, 0};
	return true;
}

static bool
is_text(struct bytes v, const char *text)
{
	return v.len == strlen(text) && memcmp(v.data, text, v.len) == 0;
}

static const char *
read_result(struct bytes v, struct client_value *ret)
{
	for (int i = CLIENT_OK; i < CLIENT_RESULT_MAX; i++)
		if (is_text(v, client_result_name((enum client_result)i))) {
			ret->result = (enum client_result)i;
			return NULL;
		}
	return "the result is neither ok nor failed";
}

static const char *
read_machine(struct bytes v, struct client_value *ret)
{
	if (!v.len || !client_machine_is_valid(v))
		return "the machine is not 1 to 64 of A-Z a-z 0-9 - _ .";
	memcpy(ret->machine, v.data, v.len);
	return NULL;
}

static const char *
read_time(struct bytes v, struct client_value *ret)
{
	char text[24] = "";

	if (v.len < sizeof text)
		memcpy(text, v.data, v.len);
	return v.len == sizeof "2026-12-01T08:15:00Z" - 1 && text[10] == 'T' &&
		       when_read_utc(text, &ret->stated) && ret->stated > 0
		   ? NULL
		   : "the time is none like 2026-12-01T08:15:00Z";
}

/* Why V is no report, or NULL. */
static const char *
read_fields(struct bytes v, struct client_value *ret)
{
	const char *(*const fields[])(struct bytes v, struct client_value * ret) = {
	    read_result, read_machine, read_time};
	struct bytes field;

	if (v.len > VALUE_MAX)
		return "it is too long";
	if (!next_field(&v, &field) || !is_text(field, FORMAT))
		return "it does not begin with " FORMAT ";";
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const char *why =
		    next_field(&v, &field) ? fields[i](field, ret) : "it has too few fields";

		if (why)
			return why;
	}
	if (!client_text_is_valid(v))
		return "the text has control characters, or more than 200 octets";
	if (v.len)
		memcpy(ret->text, v.data, v.len);
	return NULL;
}

bool
client_parse(struct bytes value, struct client_value *ret, char why[CLIENT_WHY_SIZE])
{
	struct client_value v = {.stated = 0};
	const char *bad = read_fields(value, &v);

	if (bad)
		(void)snprintf(why, CLIENT_WHY_SIZE, "%s", bad);
	else
		*ret = v;
	return !bad;
}

bool
client_is_known(const struct client_reports *all, const struct client_value *value)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct client_report *r = &all->v[i];

		if (r->result == value->result && r->stated == value->stated &&
		    strcmp(r->machine, value->machine) == 0 && strcmp(r->text, value->text) == 0)
			return true;
	}
	return false;
}

/* A record may not know when; it is switched all the same. */
int64_t
client_about(const struct record *r)
{
	if (!r || r->active != TARGET)
		return 0;
	return r->switched_at > 0 ? r->switched_at : 1;
}

bool
client_counts(const struct client_report *x, const struct record *r)
{
	return x->about && x->about == client_about(r);
}

struct client_verdict
client_judge(const struct client_reports *all, const struct record *r)
{
	struct client_verdict v = {.counts = 0};
	size_t named = 0;

	for (size_t i = 0; i < all->n; i++) {
		const struct client_report *x = &all->v[i];

		if (!client_counts(x, r))
			continue;
		v.counts++;
		v.done |= x->result == CLIENT_OK;
		named += x->result == CLIENT_OK && *x->machine;
		if (!v.last || x->at > v.last->at)
			v.last = x;
	}
	v.several = named > 1;
	return v;
}

bool
client_wants_marker(const struct record *r, bool done)
{
	return r->active == TARGET && !done;
}
