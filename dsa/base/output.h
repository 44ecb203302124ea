/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BASE_OUTPUT_H
#define GALSYNC_BASE_OUTPUT_H

/*
 * What a program prints passes through here, wherever it goes: a pipe and a file are read on a
 * terminal later. The guard escapes what escape.h says, but line feed and tab; a name that is part
 * of a line is escaped before, by ESCAPE_NAME, so that it stays on its line.
 *
 * Process-wide by nature: there is one standard output. Call it once, before threads exist.
 */

#include <stdio.h>

#include "dsa/base/escape.h"

enum output_way {
	OUTPUT_TEXT,
	OUTPUT_JSON, /* what goes to standard output is JSON, and stays JSON */
	OUTPUT_RAW   /* nothing is escaped: the octets are wanted */
};

/* Puts the guard before standard output and standard error. Without memory nothing is changed. */
void output_guard(enum output_way way);
/* True after output_guard(OUTPUT_RAW): names are then printed as they are. */
bool output_is_raw(void);
/* Sends SEQUENCE, one of our own that moves or wipes, past the guard to the terminal behind TO,
 * which is stdout or stderr. What was printed before goes first. */
void output_command(FILE *to, const char *sequence);

/* How large the terminal behind TO is, which is stdout or stderr. One that does not say has 80
 * columns and 24 rows. */
struct output_size {
	size_t columns, rows;
};
struct output_size output_size_of(FILE *to);
/* How many octets of the line S fit into COLUMNS: whole characters, of the width that terminals
 * give them. What is to stay on its line leaves the last column free, where a terminal may begin
 * the next line already. */
size_t output_fit(const char *s, size_t columns);
/* Writes as much of the line S to the terminal behind TO as fits, without its end, so that it can
 * be wiped again. */
void output_line(FILE *to, const char *s);

#endif
