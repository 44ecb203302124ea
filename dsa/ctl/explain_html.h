/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CTL_EXPLAIN_HTML_H
#define GALSYNC_CTL_EXPLAIN_HTML_H

#include <jansson.h>
#include <stdio.h>

/* Prints an answer to `explain` as one page for a ticket. It has no script, refers to nothing
 * outside of it, and whatever a directory has in it is text. */
void explain_html(const json_t *answer, FILE *to);

#endif
