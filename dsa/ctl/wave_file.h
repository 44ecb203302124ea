/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CTL_WAVE_FILE_H
#define GALSYNC_CTL_WAVE_FILE_H

/*
 * A file, of a wave or of --file, that names mailboxes: CSV as base/csv.h has it. The first column
 * of a line is a mailbox; what is behind it is the site's own. The first line may be a header,
 * which is known by its name: "who", "alias", "mail" and the like.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "dsa/base/err.h"

struct wave_line {
	char *who;
	unsigned line; /* from 1 */
};

struct wave_file {
	struct wave_line *lines;
	size_t n, cap;
	unsigned header; /* the line that was taken for one, or 0 */
};

/* Reads PATH ("-": the standard input) to its end. A line that is wrong is added to the array
 * *PROBLEMS (view_wave_problem()). */
int wave_file_read(
    const char *path, struct wave_file *ret, json_t **problems, struct err *err) MUST_CHECK;
/* Adds the mailbox WHO, as one more line. */
int wave_file_add(struct wave_file *f, const char *who, struct err *err) MUST_CHECK;
/* Says on stderr if a line was taken for a header. */
void wave_file_tell_header(const struct wave_file *f, const char *path);
/* Prints PROBLEM on stderr: file, line, what is there, what is wrong. */
void wave_file_print_problem(const char *path, const json_t *problem);
void wave_file_done(struct wave_file *f);
static inline void
wave_file_donep(struct wave_file *f)
{
	wave_file_done(f);
}

#endif
