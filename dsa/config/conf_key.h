/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CONFIG_CONF_KEY_H
#define GALSYNC_CONFIG_CONF_KEY_H

/*
 * The table of keys: the only place that knows a key's name, type, range and default, and where its
 * value lies in the structures of conf.h. Loading, printing, releasing and the checks go by it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsa/base/mem.h"
#include "dsa/config/conf_value.h"

/* A group of keys. AUTH and TLS lie in the structure of their forest, MAILBOX and LIMITS in that of
 * their link; the others have a structure of their own. */
enum conf_section {
	CONF_TOP,
	CONF_FOREST,
	CONF_AUTH,
	CONF_TLS,
	CONF_LINK,
	CONF_SCOPE,
	CONF_RETURN_SCOPE,
	CONF_MAILBOX,
	CONF_LIMITS,
	CONF_ROW,
	CONF_ADOPT,
	CONF_SECTION_MAX
};

enum conf_type {
	CONF_STRING,	  /* char * */
	CONF_PATH,	  /* char *, made absolute: relative to the directory of its file */
	CONF_INT,	  /* int */
	CONF_INT64,	  /* int64_t */
	CONF_BOOL,	  /* bool */
	CONF_ENUM,	  /* an enum; names[] by its values */
	CONF_FLAG,	  /* bool with two names, that of false first */
	CONF_STRINGS,	  /* char ** and size_t */
	CONF_KINDS,	  /* unsigned of KIND_BIT()s */
	CONF_MATCH,	  /* struct match_rule * and size_t */
	CONF_FOREST_NAME, /* const struct conf_forest * */
	CONF_GROUP,	  /* the keys of section SUB, in the same structure */
	CONF_LIST,	  /* an array of section SUB's structures and size_t */
	CONF_TYPE_MAX
};

struct conf_key {
	enum conf_section section;
	const char *name;
	enum conf_type type;
	size_t offset;	 /* in the section's structure */
	size_t n_offset; /* of the count: STRINGS, MATCH, LIST */
	enum conf_section sub;
	bool required;
	int64_t min, max, def;	  /* numbers; BOOL, ENUM and FLAG: def */
	const char *const *names; /* ENUM, FLAG: NULL-terminated */
	const char *def_text;	  /* STRING, PATH; STRINGS, KINDS, MATCH: words; NULL: unset */
	conf_value_check *check;  /* of each string */
	const char *allowed;	  /* what CHECK accepts, for people */
};

struct conf_section_info {
	enum conf_section parent;
	const char *name; /* the parent's key, NULL for TOP */
	size_t size;	  /* of an element of the list */
};

const struct conf_section_info *conf_section_info(enum conf_section section);
/* "links.scopes.base": the name under which the manual describes KEY. Caller frees. */
char *conf_key_path(const struct conf_key *key) MUST_CHECK;
/* The next key of SECTION behind KEY (NULL: the first), or NULL. */
const struct conf_key *conf_next_key(enum conf_section section, const struct conf_key *key);
/* The key of SECTION called NAME, or NULL. */
const struct conf_key *conf_find_key(enum conf_section section, const char *name);
/* The key of SECTION whose name is most like NAME (edit distance), or NULL if none is near. */
const struct conf_key *conf_nearest_key(enum conf_section section, const char *name);

/* Pointers to char of any constness are stored alike but are not one type to the compiler. */
char *conf_get_ptr(const void *base, size_t offset);
void conf_set_ptr(void *base, size_t offset, const void *p);

#endif
