/* SPDX-License-Identifier: MIT */
/* Any octets as a GUID and as a SID, in both forms. */
#include "fuzz.h"

#include "dsa/directory/guid.h"
#include "dsa/directory/sid.h"

static void
check_octets(struct bytes v)
{
	char guid_text[GUID_TEXT_SIZE], filter[GUID_FILTER_SIZE], sid_text[SID_TEXT_SIZE];
	uint8_t sid[SID_MAX_LEN];
	struct guid g, back;
	size_t len = 0;

	CHECK(guid_from_bytes(v, &g) == (v.len == GUID_LEN));
	if (v.len == GUID_LEN) {
		guid_format(&g, guid_text);
		guid_filter(&g, filter);
		CHECK(strlen(filter) == GUID_FILTER_SIZE - 1);
		CHECK(guid_parse(guid_text, &back) && guid_equal(&g, &back));
	}
	CHECK(sid_format(v, sid_text) == sid_valid(v));
	CHECK(!sid_is_self(v) || sid_valid(v));
	if (!sid_valid(v))
		CHECK(!*sid_text);
	else if (v.len > 8) /* without a sub-authority there is no text form */
		CHECK(sid_parse(sid_text, sid, &len) && bytes_equal(v, (struct bytes){sid, len}));
}

static void
check_text(const char *s)
{
	char text[SID_TEXT_SIZE];
	uint8_t sid[SID_MAX_LEN];
	struct guid g, back;
	size_t len = 0;

	if (guid_parse(s, &g)) {
		guid_format(&g, text);
		CHECK(guid_parse(text, &back) && guid_equal(&g, &back));
		CHECK(str_equal_nocase(*s == '{' ? s + 37 : s + 36, *s == '{' ? "}" : ""));
	}
	if (sid_parse(s, sid, &len)) {
		CHECK(len <= sizeof sid && sid_valid((struct bytes){sid, len}));
		CHECK(sid_format((struct bytes){sid, len}, text));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(free) char *s = bytes_dup((struct bytes){data, size});

	check_octets((struct bytes){data, size});
	check_text(s);
	return 0;
}
