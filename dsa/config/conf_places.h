/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CONFIG_CONF_PLACES_H
#define GALSYNC_CONFIG_CONF_PLACES_H

/* Where the strings of a configuration stand in its files: what conf_where() knows. */

#include "dsa/base/mem.h"

struct conf_places;

/* Remembers that STRING, known by its address, is the value of KEY in line LINE of
 * FILE. KEY NULL: there was no memory for it. *P is made if it is NULL. -1 without memory. */
int conf_places_add(struct conf_places **p, const char *string, const char *file, int line,
    const char *key) MUST_CHECK;
/* "FILE:LINE: KEY" of STRING, or NULL. */
const char *conf_places_find(const struct conf_places *p, const char *string);
void conf_places_free(struct conf_places *p);

#endif
