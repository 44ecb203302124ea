/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_MISTAKE_H
#define GALSYNC_RULES_MISTAKE_H

/*
 * What does not go together: what the configuration names, and what was found in the forests. Each
 * mistake says where the setting stands, what is wrong and what to do:
 *
 *   /etc/galsync/galsync.conf:12: links[0].scopes[0].base: 'OU=Stuff,DC=acme,DC=example' does not
 *   exist in forest 'acme': correct the name
 *
 * Checks go on after a mistake, so that one run finds them all.
 *
 *   galsyncd --doctor shows all of them; a cycle does not begin with one that stops it
 */

#include "dsa/base/err.h"
#include "dsa/base/mem.h"
#include "dsa/config/conf.h"

enum mistake_weight {
	MISTAKE_NOTE,	/* good to know before the first write */
	MISTAKE_WARNS,	/* something will fail, or not be what it should */
	MISTAKE_RIGHTS, /* a right is missing without which nothing can be synchronized */
	MISTAKE_STOPS	/* what was written would be wrong */
};

struct mistake {
	enum mistake_weight weight;
	char *text;
};

struct mistakes {
	struct mistake *v;
	size_t n, cap;
	bool nomem; /* something is not in the list for lack of memory */
};

/* Where a setting stands. STRING is its value, one of the configuration's own (conf_where()). Where
 * that is not known, KEY and LINE of FILE, that of the group which it is in, say it. */
struct mistake_at {
	const char *string, *key, *file;
	int line;
};
/* Of the key KEY of LINK, or of what LINK refers to. */
static inline struct mistake_at
mistake_at(const struct conf_link *link, const char *string, const char *key)
{
	return (struct mistake_at){string, key, link->file, link->line};
}

/* Adds a mistake of LINK to LIST, unless it is there already. */
void mistakes_add(struct mistakes *list, enum mistake_weight weight, const struct conf_link *link,
    const struct mistake_at *at, const char *fmt, ...) PRINTF_LIKE(5, 6);
/* Moves what MORE has to LIST, behind what is there. */
void mistakes_join(struct mistakes *list, struct mistakes *more);
/* The first mistake that keeps a cycle from beginning, or NULL. */
const struct mistake *mistakes_stop(const struct mistakes *list);
void mistakes_done(struct mistakes *list);
static inline void
mistakes_donep(struct mistakes *list)
{
	mistakes_done(list);
}

#endif
