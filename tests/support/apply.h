/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_APPLY_H
#define GALSYNC_TESTS_APPLY_H

#include "dsa/directory/dir.h"

/* One change of D without the executor, waited for. -1 with the outcome's err if it was not done.
 */
int apply_change(struct dir *d, const struct change *c, struct err *err) MUST_CHECK;

#endif
