/* SPDX-License-Identifier: MIT */
#include "dsa/base/json.h"

#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"

/* The first and the last second that RFC 3339 has a text for. */
#define FIRST_TIME INT64_C(-62167219200)
#define LAST_TIME INT64_C(253402300799)

/* How many octets the character at the beginning of V has; 0 if there is none. */
static size_t
character(struct bytes v)
{
	for (size_t len = 1; len <= 4 && len <= v.len; len++)
		if (utf8_valid((struct bytes){v.data, len}))
			return len;
	return 0;
}

static void
escape(struct bytes v, struct buf *ret)
{
	const uint8_t *p = v.data;

	for (size_t i = 0, len; i < v.len; i += len ? len : 1) {
		len = character((struct bytes){p + i, v.len - i});
		if (len)
			buf_add(ret, p + i, len);
		else
			buf_printf(ret, "\\x%02X", p[i]);
	}
}

json_t *
json_of_octets(struct bytes v)
{
	_cleanup_(buf_done) struct buf b = {0};

	if (v.len == 0)
		return json_string("");
	if (utf8_valid(v))
		return json_stringn(v.data, v.len);
	escape(v, &b);
	return b.failed ? NULL : json_stringn((const char *)b.data, b.len);
}

json_t *
json_of_text(const char *s)
{
	return s ? json_of_octets(bytes_of(s)) : json_null();
}

json_t *
json_of_texts(char *const *v, size_t n)
{
	json_t *a = json_array();

	for (size_t i = 0; i < n; i++)
		json_add_item(&a, json_of_text(v[i]));
	return a;
}

json_t *
json_of_count(uint64_t n)
{
	return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

json_t *
json_of_time(int64_t t)
{
	char text[CLOCK_TEXT_SIZE];

	if (t == 0 || t < FIRST_TIME || t > LAST_TIME)
		return json_null();
	clock_format_utc(t, text);
	return json_string(text);
}

static void
drop(json_t **o)
{
	json_decref(*o);
	*o = NULL;
}

void
json_put_member(json_t **o, const char *name, json_t *value)
{
	if (json_object_set_new(*o, name, value) < 0)
		drop(o);
}

void
json_add_item(json_t **a, json_t *value)
{
	if (json_array_append_new(*a, value) < 0)
		drop(a);
}

#define bad(e, ...) err_set(e, ERR_DATA, ERR_DAEMON, ERR_NEVER, 0, __VA_ARGS__)

int
json_check_members(
    const json_t *json, const char *const *names, size_t must, size_t n, struct err *err)
{
	const char *key;
	json_t *v;

	if (!json_is_object(json))
		return bad(err, "is no object");
	for (size_t i = 0; i < must; i++)
		if (!json_object_get(json, names[i]))
			return bad(err, "\"%s\" is missing", names[i]);
	/* Jansson's walk wants what it does not change to be changeable. */
	json_object_foreach((json_t *)(uintptr_t)json, key, v)
	{
		size_t i = 0;

		while (i < n && strcmp(key, names[i]) != 0)
			i++;
		if (i == n)
			return bad(err, "\"%.64s\" is not known", key);
	}
	return 0;
}
