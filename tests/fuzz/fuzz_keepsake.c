/* SPDX-License-Identifier: MIT */
/* Any JSON as an item of the file beside the map, of each part. What is one is the same after a
 * second time round. */
#include "fuzz.h"

#include "dsa/base/json.h"
#include "mapping/keepsake_priv.h"

union item {
	struct wave wave;
	struct keepsake_mailbox mailbox;
	struct keepsake_verdict verdict;
	struct store_spent spent;
	struct store_event event;
	struct resolution resolution;
};

static void
check_part(enum keepsake_part p, const json_t *json)
{
	union item item, again;
	_cleanup_(json_release) json_t *made = NULL, *second = NULL;
	struct err err = {0};

	memset(&item, 0, sizeof item);
	memset(&again, 0, sizeof again);
	if (keepsake_parse_item(p, json, &item, &err) < 0) {
		check_refused(&err);
		keepsake_item_done(p, &item);
		return;
	}
	made = keepsake_item(p, &item);
	CHECK(made && keepsake_parse_item(p, made, &again, &err) == 0);
	second = keepsake_item(p, &again);
	CHECK(second && json_equal(made, second));
	keepsake_item_done(p, &item);
	keepsake_item_done(p, &again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(json_release) json_t *json =
	    json_loadb((const char *)(size ? data : (const uint8_t *)""), size,
		JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);

	for (int p = 0; json && p < KEEPSAKE_PARTS; p++)
		check_part((enum keepsake_part)p, json);
	return 0;
}
