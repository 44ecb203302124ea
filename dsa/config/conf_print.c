/* SPDX-License-Identifier: MIT */
/* The effective configuration as text, by the table of keys. What is unset is not printed. */
#include <inttypes.h>
#include <string.h>

#include "dsa/config/conf.h"
#include "dsa/config/conf_key.h"

static void print_section(struct buf *b, enum conf_section section, const void *base, int depth);

static void
indent(struct buf *b, int depth)
{
	while (depth-- > 0)
		buf_add_str(b, "  ");
}

static void
begin(struct buf *b, const struct conf_key *k, int depth)
{
	indent(b, depth);
	buf_printf(b, "%s = ", k->name);
}

/* Control characters are refused when a file is loaded, so two escapes are enough. */
static void
quote(struct buf *b, const char *s)
{
	buf_add_char(b, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_add_char(b, '\\');
		buf_add_char(b, *s);
	}
	buf_add_char(b, '"');
}

static void
print_string(struct buf *b, const struct conf_key *k, const char *s, int depth)
{
	if (!s)
		return;
	begin(b, k, depth);
	quote(b, s);
	buf_add_str(b, ";\n");
}

static void
print_kinds(struct buf *b, const struct conf_key *k, unsigned kinds, int depth)
{
	const char *separator = "[ ";

	if (!kinds)
		return;
	begin(b, k, depth);
	for (size_t i = KIND_USER; i < KIND_MAX; i++)
		if (kinds & KIND_BIT(i)) {
			buf_add_str(b, separator);
			quote(b, kind_name((enum kind)i));
			separator = ", ";
		}
	buf_add_str(b, " ];\n");
}

/* STRINGS and MATCH: an empty list is printed only where the default is another one. */
static void
print_array(struct buf *b, const struct conf_key *k, const char *array, size_t n, int depth)
{
	if (n == 0 && !k->def_text)
		return;
	begin(b, k, depth);
	buf_add_char(b, '[');
	for (size_t i = 0; i < n; i++) {
		const struct match_rule *rules = (const void *)array;
		char *text = k->type == CONF_MATCH ? match_rule_format(&rules[i]) : NULL;

		buf_add_str(b, i ? ", " : " ");
		if (k->type == CONF_MATCH && !text)
			b->failed = true;
		else
			quote(b, text ? text : conf_get_ptr(array, i * sizeof(char *)));
		free(text);
	}
	buf_add_str(b, n ? " ];\n" : "];\n");
}

static void
print_list(struct buf *b, const struct conf_key *k, const char *array, size_t n, int depth)
{
	if (n == 0)
		return;
	begin(b, k, depth);
	buf_add_str(b, "(\n");
	for (size_t i = 0; i < n; i++) {
		indent(b, depth + 1);
		buf_add_str(b, "{\n");
		print_section(b, k->sub, array + i * conf_section_info(k->sub)->size, depth + 2);
		indent(b, depth + 1);
		buf_add_str(b, i + 1 < n ? "},\n" : "}\n");
	}
	indent(b, depth);
	buf_add_str(b, ");\n");
}

static void
print_group(struct buf *b, const struct conf_key *k, const void *base, int depth)
{
	_cleanup_(buf_done) struct buf inner = {0};

	print_section(&inner, k->sub, base, depth + 1);
	if (inner.failed)
		b->failed = true;
	if (inner.len == 0)
		return;
	begin(b, k, depth);
	buf_add_str(b, "{\n");
	buf_add(b, inner.data, inner.len);
	indent(b, depth);
	buf_add_str(b, "};\n");
}

/* The L keeps libconfig 1.5 from cutting the number to 32 bits. */
static void
print_number(struct buf *b, const struct conf_key *k, int64_t v, int depth)
{
	begin(b, k, depth);
	buf_printf(b, "%" PRId64 "%s;\n", v, v > INT32_MAX || v < INT32_MIN ? "L" : "");
}

static void
print_word(struct buf *b, const struct conf_key *k, const char *word, int depth)
{
	begin(b, k, depth);
	buf_printf(b, "%s;\n", word);
}

static void
print_key(struct buf *b, const struct conf_key *k, const void *base, int depth)
{
	const void *field = (const char *)base + k->offset;
	const struct conf_forest *forest;
	size_t n = 0;
	int number;
	unsigned kinds;

	if (k->type == CONF_STRINGS || k->type == CONF_MATCH || k->type == CONF_LIST)
		memcpy(&n, (const char *)base + k->n_offset, sizeof n);
	switch (k->type) {
	case CONF_STRING:
	case CONF_PATH: print_string(b, k, conf_get_ptr(field, 0), depth); break;
	case CONF_INT: print_number(b, k, *(const int *)field, depth); break;
	case CONF_INT64: print_number(b, k, *(const int64_t *)field, depth); break;
	case CONF_BOOL: print_word(b, k, *(const bool *)field ? "true" : "false", depth); break;
	case CONF_ENUM:
		memcpy(&number, field, sizeof number);
		print_string(b, k, k->names[number], depth);
		break;
	case CONF_FLAG: print_string(b, k, k->names[*(const bool *)field], depth); break;
	case CONF_KINDS:
		memcpy(&kinds, field, sizeof kinds);
		print_kinds(b, k, kinds, depth);
		break;
	case CONF_STRINGS:
	case CONF_MATCH: print_array(b, k, conf_get_ptr(field, 0), n, depth); break;
	case CONF_FOREST_NAME:
		forest = *(const struct conf_forest *const *)field;
		print_string(b, k, forest->name, depth);
		break;
	case CONF_GROUP: print_group(b, k, base, depth); break;
	case CONF_LIST: print_list(b, k, conf_get_ptr(field, 0), n, depth); break;
	case CONF_TYPE_MAX: break;
	}
}

static void
print_section(struct buf *b, enum conf_section section, const void *base, int depth)
{
	for (const struct conf_key *k = NULL; (k = conf_next_key(section, k));)
		print_key(b, k, base, depth);
}

void
conf_print(const struct conf *c, FILE *to)
{
	_cleanup_(buf_done) struct buf b = {0};

	print_section(&b, CONF_TOP, c, 0);
	if (b.failed)
		(void)fputs("# out of memory\n", to);
	else
		(void)fwrite(b.data, 1, b.len, to);
}
