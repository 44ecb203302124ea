/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_WORLD_READING_H
#define GALSYNC_WORLD_READING_H

/*
 * One reading for both flows of a link. The second flow's world begins with the entries of the
 * first one's (world_begin_with()), which are as old as that reading. Then what changed since, by
 * galsync or by anybody else, is read again:
 *
 *   the objects that a feed names      many in one request
 *   what refers to those of them that  a directory that ends or renames a reference says nothing of
 *   went, or are called otherwise now  the object that has it
 *
 *   feed -> [entry] -> match -> project -> diff -> plan -> exec -> record
 */

#include "dsa/world/world.h"

/* Reads the objects of SIDE with the GUIDs of LIST again, and what still names one by a name that
 * it has not any more. Objects that are not there any more vanish. */
int world_renew(
    struct world *w, enum side side, const struct guid_list *list, struct err *err) MUST_CHECK;

#endif
