/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CTL_RESOLVED_H
#define GALSYNC_CTL_RESOLVED_H

#include "mapping/resolution.h"

/* Prints what was said, who said it and when, as lines of an object. */
void ctl_print_resolution(const struct resolution *r);

#endif
