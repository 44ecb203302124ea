/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_PORTAL_ASSETS_H
#define GALSYNC_PORTAL_ASSETS_H

/* The files beside this one that browsers get: they are part of the program. */

#include "dsa/base/mem.h"

struct bytes assets_js(void);
struct bytes assets_icon(void);

#endif
