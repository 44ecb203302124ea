/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CONFIG_CONF_PRIV_H
#define GALSYNC_CONFIG_CONF_PRIV_H

/*
 * What the files conf*.c share; nobody else includes it.
 *
 *   conf_keys.c   the table of keys: the only place that knows a key's name, type, range, default
 *   conf_read.c   the file and what it includes, as one text with a map of its lines
 *   conf_load.c   the text -> struct conf, by the table
 *   conf_value.c  what a single value must look like
 *   conf_complete.c  defaults and forms that follow from other values
 *   conf_check.c  what values must be together
 *   conf_print.c  struct conf -> text, by the table
 *   conf.c        release, look-up, the list of mistakes
 */

#include <libconfig.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsa/config/conf.h"

/* A group of keys. AUTH and TLS lie in the structure of their forest, MAILBOX and LIMITS in that of
 * their link; the others have a structure of their own. */
enum conf_section {
	CONF_TOP,
	CONF_FOREST,
	CONF_AUTH,
	CONF_TLS,
	CONF_LINK,
	CONF_SCOPE,
	CONF_MAILBOX,
	CONF_LIMITS,
	CONF_ROW,
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

/* False with the reason in WHY ("is no DN: ..."): the message reads "'VALUE' WHY". */
typedef bool conf_value_check(const char *value, char *why, size_t size);

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

/* The main file with every @include replaced by the file's text, and where each line came from. */
struct conf_file {
	char *name; /* for messages */
	char *dir;  /* absolute */
};
struct conf_where {
	unsigned file, line;
};
struct conf_text {
	struct buf text;
	struct conf_file *files;
	size_t n_files;
	struct conf_where *lines; /* of line i + 1 of TEXT */
	size_t n_lines, cap;
};

struct conf_ctx {
	const char *file; /* as the caller named it */
	struct conf_text text;
	config_t cfg;
	struct conf *conf;
	struct conf_note *notes;
	size_t n_notes, cap_notes;
	bool nomem;
	bool public;	   /* the files that values name are not looked at */
	bool missing_file; /* a file is missing: what is absent may stand there */
	bool unreadable;   /* the text ends early: no more can be said about it */
};

/* Notes a mistake at LINE of the whole text (0: of the main file as a whole); KEY may be NULL. */
void conf_note_line(struct conf_ctx *c, unsigned line, const char *key, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* Notes a mistake at setting AT, or at its member MEMBER (which may be absent; NULL: AT itself). */
void conf_note(struct conf_ctx *c, const config_setting_t *at, const char *member, const char *fmt,
    ...) PRINTF_LIKE(4, 5);
/* Where line LINE of the whole text stands. */
const struct conf_file *conf_where(const struct conf_ctx *c, unsigned line, int *ret_line);
config_setting_t *conf_member(const config_setting_t *group, const char *name);

/* Fills c->text. What cannot be read is noted. */
void conf_read(struct conf_ctx *c, const char *file);
void conf_text_done(struct conf_text *t);
/* Fills c->conf from the parsed text; notes what is wrong. */
void conf_load_tree(struct conf_ctx *c);
/* Adds to c->conf what follows from other values. */
void conf_complete(struct conf_ctx *c);
/* Checks the completed c->conf. */
void conf_check(struct conf_ctx *c);

#define CONF_TEMPLATE_HELP                                                                         \
	"text with %{attributeName}, %{attributeName:lower} and %% for a percent sign"
/* CHECK opens a file that the value names. */
bool conf_check_opens(conf_value_check *check);
conf_value_check conf_check_text, conf_check_name, conf_check_dns, conf_check_url, conf_check_attr,
    conf_check_dn, conf_check_filter, conf_check_template, conf_check_address_template,
    conf_check_local_template, conf_check_legacy_dn, conf_check_principal, conf_check_bind_dn,
    conf_check_secret_file, conf_check_readable_file, conf_check_program;

#endif
