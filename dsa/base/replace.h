/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BASE_REPLACE_H
#define GALSYNC_BASE_REPLACE_H

/*
 * A file that is replaced as a whole: written under another name beside it, brought to the disk,
 * and then given its name. Who opens the file finds the old one or the new one, also after a power
 * failure. A crash before the end leaves the old one, and FILE.new beside it.
 *
 *	_cleanup_(replace_abort) struct replace *r = NULL;
 *
 *	if (replace_begin(path, false, &r, err) < 0 || replace_write(r, text, err) < 0)
 *		return -1;
 *	return replace_end(TAKE(r), true, err);
 */

#include <stdbool.h>

#include "dsa/base/err.h"
#include "dsa/base/mem.h"

struct replace;

/* Makes PATH.new, empty, which its owner alone may read and write. If it is there already it is
 * left over from a crash: emptied if LEFTOVER_IS_OURS, else an error. */
int replace_begin(
    const char *path, bool leftover_is_ours, struct replace **ret, struct err *err) MUST_CHECK;
/* For who writes by other means: the open file, and its name. Both stay R's. */
int replace_fd(const struct replace *r);
const char *replace_name(const struct replace *r);
/* Appends V. */
int replace_write(struct replace *r, struct bytes v, struct err *err) MUST_CHECK;
/* Gives the file its name, and frees R in any case. Unless MAY_REPLACE, a file that has the name
 * already stays, and that is ERR_SYS with EEXIST. After an error the old file is there. */
int replace_end(struct replace *r, bool may_replace, struct err *err) MUST_CHECK;
/* Removes what was written, and frees R. */
void replace_abort(struct replace *r);
DEFINE_CLEANUP(struct replace *, replace_abort)

#endif
