/* SPDX-License-Identifier: MIT */
/*
 * Other tools whose estates are adopted. What is known of a tool that is built in is a row of a
 * table here; each value that the configuration gives takes the place of the row's.
 */
#include "dsa/config/conf_passes.h"

#include <string.h>

#include "dsa/base/str.h"

/* The names of a row's values are those of struct conf_adopt. */
struct known_tool {
	const char *tool, *attribute[SIDES], *value, *redirect_domain[SIDES];
	const char *keep[4]; /* NULL behind the last */
};

static const struct known_tool known[] = {
    /* Both objects of a matched pair carry the same 32 hexadecimal digits in the one attribute, and
     * a text of the tool's own ("ID.../CF:...") in the other. */
    {.tool = "qmm",
	.attribute = {"extensionAttribute15", "extensionAttribute15"},
	.value = "^([0-9A-Fa-f]{32})$",
	.redirect_domain = {"source.qmm", "target.qmm"},
	.keep = {"extensionAttribute14"}},
};

static const struct known_tool *
find_tool(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(known); i++)
		if (strcmp(known[i].tool, name) == 0)
			return &known[i];
	return NULL;
}

bool
conf_is_tool(const char *name)
{
	return find_tool(name) != NULL;
}

static bool
fill_text(char **field, const char *text)
{
	if (!*field && text)
		*field = strdup(text);
	return *field || !text;
}

static bool
fill_keep(struct conf_adopt *a, const struct known_tool *t)
{
	if (a->n_keep)
		return true;
	free(a->keep);
	a->keep = calloc(ARRAY_SIZE(t->keep), sizeof *a->keep);
	for (size_t i = 0; a->keep && i < ARRAY_SIZE(t->keep) && t->keep[i]; i++) {
		a->keep[i] = strdup(t->keep[i]);
		if (!a->keep[i])
			return false;
		a->n_keep++;
	}
	return a->keep != NULL;
}

static bool
fill_tool(struct conf_adopt *a, const struct known_tool *t)
{
	for (int side = SOURCE; side < SIDES; side++)
		if (!fill_text(&a->attribute[side], t->attribute[side]) ||
		    !fill_text(&a->redirect_domain[side], t->redirect_domain[side]))
			return false;
	return fill_text(&a->value, t->value) && fill_keep(a, t);
}

static bool
list_domains(struct conf_link *l, enum side side)
{
	const char **v = calloc(l->n_adopt + 1, sizeof *v);
	size_t n = 0;

	l->adopted_domains[side] = v;
	for (size_t i = 0; v && i < l->n_adopt; i++)
		if (l->adopt[i].redirect_domain[side])
			v[n++] = l->adopt[i].redirect_domain[side];
	return v != NULL;
}

bool
conf_complete_adopt(struct conf_link *l)
{
	for (size_t i = 0; i < l->n_adopt; i++) {
		const struct known_tool *t = find_tool(l->adopt[i].tool);

		if (t && !fill_tool(&l->adopt[i], t))
			return false;
	}
	return l->n_adopt == 0 || (list_domains(l, SOURCE) && list_domains(l, TARGET));
}

static bool
is_kept_by(const struct conf_adopt *a, const char *attr)
{
	for (int side = SOURCE; side < SIDES; side++)
		if (a->attribute[side] && str_equal_nocase(attr, a->attribute[side]))
			return true;
	for (size_t i = 0; i < a->n_keep; i++)
		if (str_equal_nocase(attr, a->keep[i]))
			return true;
	return false;
}

bool
conf_is_kept(const struct conf_link *l, const char *attr)
{
	for (size_t i = 0; attr && i < l->n_adopt; i++)
		if (is_kept_by(&l->adopt[i], attr))
			return true;
	return false;
}
