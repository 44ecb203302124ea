/* SPDX-License-Identifier: MIT */
/* Any text as a template. What is well-formed expands or says which value is missing. */
#include "fuzz.h"

#include "dsa/config/template.h"

static void
count(const char *attr, void *arg)
{
	CHECK(*attr);
	++*(size_t *)arg;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(free) char *text = bytes_dup((struct bytes){data, size}), *out = NULL;
	_cleanup_(entry_free) struct entry *e = entry_new("CN=x");
	char why[200] = "";
	struct err err = {0};
	size_t attrs = 0;
	bool good;

	CHECK(text && e && entry_add_str(e, "mailNickname", "Jo") == 0 &&
	      entry_add_str(e, "a", "%{b}") == 0);
	good = template_check(text, why, sizeof why);
	CHECK(good || *why);
	template_each_attr(text, count, &attrs);
	if (template_expand(text, e, &out, &err) < 0)
		check_refused(&err);
	else
		CHECK(good && out);
	return 0;
}
