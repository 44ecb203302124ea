/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_SUPPORT_JSON_FIXTURE_H
#define GALSYNC_TESTS_SUPPORT_JSON_FIXTURE_H

/* JSON as text, octet for octet; and names as users and broken tools leave them in directories.
 * Behind cmocka.h. */

#include <stdlib.h>
#include <string.h>

#include "dsa/base/json.h"

/* Control characters, what JSON escapes, a character, and an octet that is none. */
#define HOSTILE "\"\\\n\x1b\xc3\xa9\xff"
#define HOSTILE_JSON "\"\\\"\\\\\\n\\u001B\xc3\xa9\\\\xFF\""

/* O, which is released, is WANT. */
static inline void
json_must_be(json_t *o, const char *want)
{
	_cleanup_(json_release) json_t *own = o;
	_cleanup_(free) char *text = json_dumps(own, JSON_COMPACT | JSON_ENCODE_ANY);

	assert_non_null(text);
	assert_string_equal(text, want);
}

static unsigned json_left;

static void *
json_countdown(size_t size)
{
	if (json_left == 0)
		return NULL;
	json_left--;
	return malloc(size);
}

/* Without memory for the last, the last but one, ... piece MAKE gives nothing, and else WANT. */
static inline void
json_must_be_whole(json_t *(*make)(void), const char *want)
{
	json_t *o = NULL;

	for (unsigned n = 0; !o; n++) {
		json_set_alloc_funcs(json_countdown, free);
		json_left = n;
		o = make();
		json_set_alloc_funcs(malloc, free);
	}
	json_must_be(o, want);
}

#endif
