/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RUN_MEMORY_H
#define GALSYNC_RUN_MEMORY_H

/*
 * The map as the memory of the directories of a run (struct dir_memory). A lost map costs a read.
 */

#include "dsa/directory/dir.h"
#include "mapping/store.h"

/* STORE outlives it. READ_ONLY: it was opened for reading, and nothing is kept. */
struct dir_memory run_memory(struct store *store, bool read_only);

#endif
