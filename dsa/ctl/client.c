/* SPDX-License-Identifier: MIT */
#include "dsa/ctl/client.h"

#include "dsa/base/clock.h"
#include "dsa/base/when.h"
#include "dsa/ctl/shown.h"

const char *
text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? shown(s) : "";
}

const char *
time_of(const json_t *o, const char *key)
{
	static char ring[SHOWN_AT_ONCE][CLOCK_TEXT_SIZE];
	static size_t next;
	const char *s = json_string_value(json_object_get(o, key));
	int64_t at;
	char *text;

	if (!s || !when_read_utc(s, &at))
		return text_of(o, key);
	text = ring[next];
	next = (next + 1) % SHOWN_AT_ONCE;
	clock_format_local(at, text);
	return text;
}
