/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_EXEC_RECOVER_H
#define GALSYNC_EXEC_RECOVER_H

#include "dsa/run/run.h"

/* Settles the journal entries of RUN's link that a crash or a broken connection left open: looks in
 * the directories, which are open, whether each change was made. Nothing is written to them. */
int exec_recover(const struct run *run, struct err *err) MUST_CHECK;

#endif
