/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_OPEN_MAP_H
#define GALSYNC_DAEMON_OPEN_MAP_H

/* The map, opened by the one program that writes it, with the file of what only it knows beside it
 * (mapping/keepsake.h). What is taken up from there, and what is lost, is logged. */

#include "dsa/config/conf.h"
#include "mapping/store.h"

int open_map_to_write(const struct conf *conf, struct store **ret, struct err *err) MUST_CHECK;

#endif
