/* SPDX-License-Identifier: MIT */
/* Any text as a search filter, asked of an entry with values of every sort; and the text as a
 * value, which its escaped form must find. */
#include "fuzz.h"

#include "dsa/directory/filter.h"

static void
count_attr(const char *attr, void *arg)
{
	CHECK(*attr);
	++*(size_t *)arg;
}

static struct entry *
some_entry(struct bytes v)
{
	struct entry *e = entry_new("CN=x,DC=y");

	CHECK(e && entry_add_str(e, "objectClass", "top") == 0 &&
	      entry_add_str(e, "objectClass", "user") == 0 && entry_add(e, "cn", v) == 0 &&
	      entry_add_str(e, "userAccountControl", "514") == 0 &&
	      entry_add_str(e, "title", "Temp worker") == 0 && entry_touch(e, "mail") == 0);
	return e;
}

static bool
ask(const char *text, const struct entry *e)
{
	_cleanup_(filter_free) struct filter *f = NULL;
	struct err err = {0};

	CHECK(filter_parse(text, &f, &err) == 0);
	return filter_match(f, e);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(filter_free) struct filter *f = NULL;
	_cleanup_(free) char *s = bytes_dup((struct bytes){data, size}), *esc = NULL, *not = NULL;
	_cleanup_(entry_free) struct entry *e = some_entry((struct bytes){data, size});
	struct err err = {0};
	size_t n = 0;

	esc = filter_escape((struct bytes){data, size});
	not = str_printf("(&(cn=%s)(cn>=%s)(!(!(cn=%s))))", esc, esc, esc);
	CHECK(ask(not, e));
	free(not );
	not = str_printf("(cn=*%s*)", esc);
	CHECK(ask(not, e));
	if (filter_parse(s, &f, &err) < 0) {
		check_refused(&err);
		CHECK(err.src == ERR_CONF);
		return 0;
	}
	filter_each_attr(f, count_attr, &n);
	/* Never both true and not true; both false where it is undefined. */
	free(not );
	not = str_printf("(!%s)", s);
	if (filter_match(f, e)) {
		_cleanup_(filter_free) struct filter *g = NULL;

		CHECK(filter_parse(not, &g, &err) < 0 || !filter_match(g, e));
	}
	return 0;
}
