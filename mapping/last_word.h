/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_MAPPING_LAST_WORD_H
#define GALSYNC_MAPPING_LAST_WORD_H

/*
 * The map is a file in memory. Where it is cut off while it is open, where its disk fails, or where
 * a page of it misleads LMDB, there is no error to return: the kernel sends a signal, or LMDB ends
 * the process by an assertion. Neither can be gone on from. The process says on the standard error
 * what happened to which file and what to do, and exits with status 1, without a core.
 *
 * A fault that is neither in the map nor LMDB's goes to the handler that was there before.
 */

#include <lmdb.h>
#include <stdbool.h>

/* To be called for each environment before it is opened. PATH, of its file, lives as long as ENV.
 */
void last_word_arm(MDB_env *env, const char *path);
/* Between these, whatever faults in this thread is the map's: its length leads anywhere. */
void last_word_read(bool reading);

#endif
