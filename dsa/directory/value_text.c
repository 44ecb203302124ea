/* SPDX-License-Identifier: MIT */
#include "dsa/directory/value_text.h"

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/digest.h"
#include "dsa/directory/guid.h"
#include "dsa/directory/sid.h"

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && str_equal_nocase(s + n - m, end);
}

static bool
add_guid(const char *attr, struct bytes v, struct buf *ret)
{
	char text[GUID_TEXT_SIZE];
	struct guid g;

	if (!ends_with(attr, "guid") || !guid_from_bytes(v, &g))
		return false;
	guid_format(&g, text);
	buf_add_str(ret, text);
	return true;
}

static bool
add_sid(const char *attr, struct bytes v, struct buf *ret)
{
	char text[SID_TEXT_SIZE];

	if ((!ends_with(attr, "sid") && !ends_with(attr, "sidhistory")) || !sid_format(v, text))
		return false;
	buf_add_str(ret, text);
	return true;
}

static void
add_hex(struct bytes v, struct buf *ret)
{
	const uint8_t *p = v.data;

	buf_add_str(ret, "0x");
	for (size_t i = 0; i < v.len; i++)
		buf_printf(ret, "%02x", p[i]);
}

/* Text has no NUL, and no control characters but the ends of its lines. */
static bool
is_text(struct bytes v)
{
	const uint8_t *p = v.data;

	for (size_t i = 0; i < v.len; i++)
		if (p[i] == 0x7f || (p[i] < 0x20 && p[i] != '\t' && p[i] != '\r' && p[i] != '\n'))
			return false;
	return utf8_valid(v);
}

void
value_text(const char *attr, struct bytes v, struct buf *ret)
{
	if (digest_is(v) || digest_is_due(v))
		digest_describe(v, ret);
	else if (!add_guid(attr, v, ret) && !add_sid(attr, v, ret)) {
		if (is_text(v))
			buf_add(ret, v.data, v.len);
		else
			add_hex(v, ret);
	}
}
