/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CONFIG_CONF_TEXT_H
#define GALSYNC_CONFIG_CONF_TEXT_H

/* The main file with every @include replaced by the file's text, and where each line came from. */

#include <stdbool.h>
#include <stddef.h>

#include "dsa/base/mem.h"

struct conf_notes;

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
	bool missing_file; /* a file is missing: what is absent may stand there */
	bool unreadable;   /* the text ends early: no more can be said about it */
};

/* Reads FILE and what it includes into T, which is zeroed. What cannot be read is noted. */
void conf_text_read(struct conf_text *t, const char *file, struct conf_notes *notes);
void conf_text_done(struct conf_text *t);
static inline void
conf_text_donep(struct conf_text *t)
{
	conf_text_done(t);
}
/* Where line LINE of the whole text stands. Line 0, for the whole, is the first one of the main
 * file; NULL if nothing was read. */
const struct conf_file *conf_text_where(const struct conf_text *t, unsigned line, int *ret_line);

#endif
