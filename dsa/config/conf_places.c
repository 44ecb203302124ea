/* SPDX-License-Identifier: MIT */
/* A plain list: it is looked through when something is wrong, and for nothing else. */
#include "dsa/config/conf_places.h"

#include "dsa/base/list.h"
#include "dsa/base/str.h"

struct place_of_string {
	const char *string;
	char *text;
};

struct conf_places {
	struct place_of_string *v;
	size_t n, cap;
};

int
conf_places_add(
    struct conf_places **p, const char *string, const char *file, int line, const char *key)
{
	char *text = key ? str_printf("%s:%d: %s", file, line, key) : NULL;

	if (text && !*p)
		*p = calloc(1, sizeof **p);
	if (!text || !*p || list_grow((*p)->v, (*p)->n, (*p)->cap) < 0) {
		free(text);
		return -1;
	}
	(*p)->v[(*p)->n++] = (struct place_of_string){string, text};
	return 0;
}

const char *
conf_places_find(const struct conf_places *p, const char *string)
{
	for (size_t i = 0; p && string && i < p->n; i++)
		if (p->v[i].string == string)
			return p->v[i].text;
	return NULL;
}

void
conf_places_free(struct conf_places *p)
{
	for (size_t i = 0; p && i < p->n; i++)
		free(p->v[i].text);
	if (p)
		free(p->v);
	free(p);
}
