/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_RESULT_H
#define GALSYNC_VIEW_VIEW_RESULT_H

/*
 * How it ended for one object that a request named, as JSON: an item of `results` of a switch, an
 * undo, a toggle, a finish, and of a list that was refused. Its members, in this order:
 *
 *   guid   of the source object, or "" if the object is not known
 *   dn     of the source object, or what the client called it
 *   ok     true: it was done, or would be
 *   text   a remark, or why not
 *   blockers    only where a mailbox cannot be finished: a list of what it still depends on, or
 *               what it waits for:
 *     dn        of the object
 *     attribute of it, or ""
 *     value     of the attribute, or what is missing there, or ""
 *     text      what is the matter
 */

#include <jansson.h>

#include "dsa/run/event.h"

/* R's source may be NULL. NULL without memory. */
json_t *view_result(const struct run_result *r) MUST_CHECK;

#endif
