/* SPDX-License-Identifier: MIT */
/* Any octets as the target of a request: the first line's address, its path, and its parameters,
 * separated by NULs, a name and a value each. What is taken says the same when it is said again. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "dsa/portal/request.h"

/* The next text of *AT, of which *LEFT octets remain; NULL if there is none. */
static const char *
next(const char **at, size_t *left)
{
	const char *s = *at;
	size_t len = *left ? strnlen(s, *left) : 0;

	if (len == *left)
		return NULL;
	*at += len + 1;
	*left -= len + 1;
	return s;
}

static void
say_again(const struct portal_request *r)
{
	_cleanup_(buf_done) struct buf first = {0}, second = {0};
	struct roster_query again = r->query;
	char *pair, *rest;

	buf_add_str(&first, "");
	roster_query_add(&r->query, &first);
	CHECK(!first.failed);
	for (const uint8_t *p = first.data; *p; p++)
		CHECK(*p > ' ' && *p < 0x7f && *p != '"' && *p != '<' && *p != '>');
	/* Numbers and names of choices need no escapes: they are understood as they stand. */
	roster_query_init(&again);
	rest = (char *)first.data;
	while ((pair = strsep(&rest, "&")) && *pair) {
		char *value = strchr(pair, '='), why[512];

		CHECK(value);
		*value++ = '\0';
		if (!strchr(value, '%'))
			CHECK(roster_query_set(&again, pair, value, why, sizeof why));
	}
	roster_query_add(&again, &second);
	CHECK(!second.failed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(free) char *text = bytes_dup((struct bytes){data, size});
	const char *at = text, *uri, *name, *value;
	size_t left = size + 1;
	struct portal_request r;
	bool too_long;
	char why[512];

	CHECK(text);
	uri = next(&at, &left);
	if (!uri)
		return 0;
	(void)request_host_is_local(uri);
	CHECK(!request_is_clean(uri, &too_long) || (*uri == '/' && !too_long));
	if (!request_parse(uri, &r))
		return 0;
	/* There is no path but plain ones. */
	CHECK(request_is_clean(uri, &too_long));
	while ((name = next(&at, &left)) && (value = next(&at, &left))) {
		*why = '\0';
		CHECK(request_take(&r, name, value, why, sizeof why) || *why);
	}
	CHECK(r.query.page >= 1 && r.query.size >= 1 && r.query.size <= ROSTER_SIZE_MAX);
	CHECK(r.problems.page >= 1 && r.problems.sort < PROBLEM_MAX);
	say_again(&r);
	return 0;
}
