/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_MAPPING_BACKUP_H
#define GALSYNC_MAPPING_BACKUP_H

/*
 * A copy of the map, made while another process writes it: the state of one moment, without free
 * pages. A copy knows that it is one: when it is put in the map's place and opened for writing, it
 * is not taken for the map of a moment ago (keepsake.h says what is done then). To readers it is a
 * map like any other.
 */

#include "mapping/store.h"

/* Copies S to the file PATH, which only its owner may read. PATH that exists is replaced with
 * FORCE, and only if it is a regular file; never if it is a file of the map itself. Whatever
 * happens, either nothing or the whole copy has that name; a crash leaves PATH.new. */
int backup_make(struct store *s, const char *path, bool force, struct err *err) MUST_CHECK;
/* Was T's map put back from a copy, and nothing said about it yet? */
int backup_is_marked(struct store_txn *t, bool *ret, struct err *err) MUST_CHECK;
/* From now on it is the map. */
int backup_unmark(struct store_txn *t, struct err *err) MUST_CHECK;

#endif
