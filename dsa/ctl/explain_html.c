/* SPDX-License-Identifier: MIT */
#include "dsa/ctl/explain_html.h"

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/page/html.h"

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" "
    "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    "<style>\nbody { font: 15px/1.4 sans-serif; margin: 2em; max-width: 75em }\n"
    "h1 { font-size: 1.3em } h2 { font-size: 1.1em }\n"
    "table { border-collapse: collapse; margin: 0 0 1em }\n"
    "th, td { border: 1px solid #bbb; padding: .2em .6em; text-align: left; vertical-align: top }\n"
    "th { background: #eee } td { overflow-wrap: anywhere }\n</style>\n";

static void
put_text(const char *s, FILE *to)
{
	_cleanup_(buf_done) struct buf b = {0};

	html_add_text(&b, s);
	(void)fwrite(b.data ? (const char *)b.data : "", 1, b.len, to);
}

static void
put_element(const char *name, const char *text, FILE *to)
{
	(void)fprintf(to, "<%s>", name);
	put_text(text, to);
	(void)fprintf(to, "</%s>\n", name);
}

/* A text, a number, yes or no. */
static void
put_plain(const json_t *v, FILE *to)
{
	if (json_is_string(v))
		put_text(json_string_value(v), to);
	else if (json_is_integer(v))
		(void)fprintf(to, "%lld", (long long)json_integer_value(v));
	else if (json_is_boolean(v))
		(void)fputs(json_is_true(v) ? "yes" : "no", to);
}

/* The plain members of an object, in one cell. */
static void
put_members(const json_t *o, FILE *to)
{
	const char *key, *between = "";
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)o, key, v)
	{
		if (json_is_null(v) || json_is_object(v) || json_is_array(v))
			continue;
		(void)fputs(between, to);
		put_text(key, to);
		(void)fputs(": ", to);
		put_plain(v, to);
		between = "<br>";
	}
}

static void
put_cell(const json_t *v, FILE *to)
{
	(void)fputs("<td>", to);
	if (json_is_object(v))
		put_members(v, to);
	else if (!json_is_array(v))
		put_plain(v, to);
	for (size_t i = 0; i < json_array_size(v); i++) {
		const json_t *item = json_array_get(v, i);

		(void)fputs(i ? "<br>" : "", to);
		if (json_is_object(item))
			put_members(item, to);
		else
			put_plain(item, to);
	}
	(void)fputs("</td>\n", to);
}

/* What is not empty and has no place of its own, a row each. */
static void
put_facts(const json_t *a, FILE *to)
{
	static const char *const own[] = {"ok", "status", "error", "summary", "sentence",
	    "attributes", "changes", "notes", "decisions"};
	const char *key;
	json_t *v;

	(void)fputs("<table>\n", to);
	json_object_foreach((json_t *)(uintptr_t)a, key, v)
	{
		bool elsewhere = json_is_null(v) || (json_is_array(v) && !json_array_size(v));

		for (size_t i = 0; i < ARRAY_SIZE(own); i++)
			elsewhere |= strcmp(own[i], key) == 0;
		if (elsewhere)
			continue;
		(void)fputs("<tr>", to);
		put_element("th", key, to);
		put_cell(v, to);
		(void)fputs("</tr>\n", to);
	}
	(void)fputs("</table>\n", to);
}

/* A list of objects with these members. */
static void
put_table(const json_t *list, const char *title, const char *const *keys, size_t n, FILE *to)
{
	if (!json_array_size(list))
		return;
	put_element("h2", title, to);
	(void)fputs("<table>\n<tr>", to);
	for (size_t i = 0; i < n; i++)
		put_element("th", keys[i], to);
	(void)fputs("</tr>\n", to);
	for (size_t i = 0; i < json_array_size(list); i++) {
		(void)fputs("<tr>\n", to);
		for (size_t j = 0; j < n; j++)
			put_cell(json_object_get(json_array_get(list, i), keys[j]), to);
		(void)fputs("</tr>\n", to);
	}
	(void)fputs("</table>\n", to);
}

static void
put_list(const json_t *list, const char *title, FILE *to)
{
	if (!json_array_size(list))
		return;
	put_element("h2", title, to);
	(void)fputs("<ul>\n", to);
	for (size_t i = 0; i < json_array_size(list); i++)
		put_element("li", json_string_value(json_array_get(list, i)), to);
	(void)fputs("</ul>\n", to);
}

void
explain_html(const json_t *a, FILE *to)
{
	static const char *const changes[] = {"forest", "op", "dn", "reason", "held", "attributes"};
	static const char *const rows[] = {"attribute", "text", "source", "target", "after", "how",
	    "from", "when", "matched", "authority", "ours", "written"};
	const char *sentence = json_string_value(json_object_get(a, "sentence"));

	(void)fputs(head, to);
	put_element("title", sentence, to);
	(void)fputs("</head>\n<body>\n", to);
	put_element("h1", sentence, to);
	put_facts(a, to);
	put_table(json_object_get(a, "changes"), "what the next cycle does", changes,
	    ARRAY_SIZE(changes), to);
	put_table(json_object_get(a, "attributes"), "attributes", rows, ARRAY_SIZE(rows), to);
	put_list(json_object_get(a, "notes"), "notes", to);
	put_list(json_object_get(a, "decisions"), "how it was decided", to);
	(void)fputs("</body>\n</html>\n", to);
}
