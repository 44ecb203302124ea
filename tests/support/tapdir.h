/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_TAPDIR_H
#define GALSYNC_TESTS_TAPDIR_H

/*
 * A tap on a directory: counts and records what goes through, stops everything at a chosen step as
 * the death of the process would, and lets another client change the directory at a chosen moment.
 *
 * One `struct tap` is shared by all directories of a run, so that steps are counted through the
 * run. Each submit is a step; with COUNT_READS so is each search, read and usn (the steps of
 * directories that are read by several threads then come in any order). After the stop nothing is
 * seen any more: every call fails and every outcome is reported as unknown, with ERR_PEER and
 * ERR_LATER. A test runs once without a stop, learns STEPS, and then runs once for each step.
 *
 *   struct tap tap = {.stop_at = n, .how = TAP_STOP_AFTER};
 *   struct dir *d = tapdir_new(fakedir_connect(fd), &tap);
 *   ...
 *   dir_free(d);
 *   tap_done(&tap);
 */

#include <stdatomic.h>

#include "dsa/directory/dir.h"

enum tap_stop {
	/* The step itself is not done; what was under way is done, its answers are lost. */
	TAP_STOP_BEFORE,
	/* The step is done as well, its answer lost. */
	TAP_STOP_AFTER,
	/* Neither the step nor what was under way is done. */
	TAP_STOP_DROP,
};

struct tap {
	atomic_uint steps; /* so far */
	unsigned stop_at;  /* the number of a step, from 1; 0: never */
	enum tap_stop how;
	bool count_reads;
	atomic_bool stopped;

	/* Called before write number HOOK_AT, from 1 (0: before each), on the way to the directory:
	 * between what was read and what is written. WRITE is the number of this one. */
	void (*hook)(void *arg, unsigned write, const struct change *c);
	void *hook_arg;
	unsigned hook_at;

	/* The writes that reached a directory of the tap, whether it took them or not. */
	unsigned writes;
	struct buf text; /* "# forest 'name'" and the change as LDIF, each */
};

/* Wraps INNER, which it owns from now on, also if it fails. NULL without memory. INNER may be NULL,
 * then so is the result. TAP must outlive the directory. */
struct dir *tapdir_new(struct dir *inner, struct tap *tap) MUST_CHECK;
void tap_done(struct tap *tap);

#endif
