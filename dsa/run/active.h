/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RUN_ACTIVE_H
#define GALSYNC_RUN_ACTIVE_H

/* Whose mailbox is used (redirect/active_side.h), asked of a link. */

#include "dsa/run/run.h"
#include "redirect/active_side.h"

/* What LINK's objects are judged by. It borrows from LINK. */
struct active_conf active_conf_of(const struct conf_link *link);
/* Reads both objects of R from RUN's directories, which are open, and judges them. An object that
 * is gone is judged as gone. */
int active_read(const struct run *run, const struct record *r, struct active_side *ret,
    struct err *err) MUST_CHECK;

#endif
