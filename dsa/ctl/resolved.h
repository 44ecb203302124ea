/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CTL_RESOLVED_H
#define GALSYNC_CTL_RESOLVED_H

#include "dsa/ctl/ctl.h"
#include "mapping/resolution.h"

/* Prints what was said, who said it and when, as lines of an object. */
void ctl_print_resolution(const struct resolution *r);
/* `map export --resolved`: what was said, of FLOWS as ctl_flows() gives them. */
enum ctl_status ctl_export_resolutions(struct ctl *c, const uint32_t flows[SIDES]);

#endif
