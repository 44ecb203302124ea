/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_MAPPING_PRIMARY_H
#define GALSYNC_MAPPING_PRIMARY_H

/*
 * The address its owner is known by. Exchange keeps one value "SMTP:..." in proxyAddresses and the
 * same address in `mail`; scripts leave several, or none.
 *
 *   feed -> entry -> [match] -> [project] -> diff -> plan -> exec -> record
 */

#include "dsa/directory/entry.h"

/* E's primary SMTP address without its type; data NULL if it has none. Of several "SMTP:" values
 * the one that `mail` names is it; if that names none, the first by its octets of those that look
 * like addresses: whatever the order in which a server answers. Without any it is `mail`. Borrowed
 * from E. */
struct bytes primary_of(const struct entry *e);

#endif
