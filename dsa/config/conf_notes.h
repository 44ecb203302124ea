/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CONFIG_CONF_NOTES_H
#define GALSYNC_CONFIG_CONF_NOTES_H

/*
 * The mistakes that are found in a configuration: loading goes on after each, so that one run finds
 * them all. They are handed out in the order of the file, includes in place.
 */

#include <libconfig.h>
#include <stdbool.h>
#include <stddef.h>

#include "dsa/base/mem.h"

struct conf_errors;
struct conf_text;

/* Begin with { .file, .text }. */
struct conf_notes {
	const char *file;	      /* the main file, as the caller named it */
	const struct conf_text *text; /* says where a line stands */
	struct conf_note *v;
	size_t n, cap;
	bool nomem; /* something failed for lack of memory: the result is worth nothing */
};

void conf_notes_done(struct conf_notes *n);
static inline void
conf_notes_donep(struct conf_notes *n)
{
	conf_notes_done(n);
}
/* Notes a mistake at LINE of the whole text (0: of the main file as a whole); KEY may be NULL. */
void conf_note_line(struct conf_notes *n, unsigned line, const char *key, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* Notes a mistake at setting AT, or at its member MEMBER (which may be absent; NULL: AT itself). */
void conf_note(struct conf_notes *n, const config_setting_t *at, const char *member,
    const char *fmt, ...) PRINTF_LIKE(4, 5);
/* Appends what setting AT, or its member MEMBER (NULL: AT itself), is called to RET: the path of
 * its names, "links[0].scopes[1].base". */
void conf_path(const config_setting_t *at, const char *member, struct buf *ret);
/* Moves the mistakes to ERRORS, a line each; of very many the rest is counted. */
void conf_notes_hand_out(struct conf_notes *n, struct conf_errors *errors);
/* Member NAME of GROUP, or NULL: also if GROUP is no group. */
config_setting_t *conf_member(const config_setting_t *group, const char *name);

#endif
