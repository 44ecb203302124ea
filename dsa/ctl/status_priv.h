/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CTL_STATUS_PRIV_H
#define GALSYNC_CTL_STATUS_PRIV_H

/* What status.c, which gathers, and status_check.c, which prints for monitoring, share. */

#include <jansson.h>

#include "dsa/ctl/ctl.h"
#include "dsa/view/view_health.h"

enum status_form { STATUS_TEXT, STATUS_JSON, STATUS_CHECK, STATUS_METRICS };

/* The line of `status --check` about LINKS, whose worst is HEALTH. */
void status_print_check(const json_t *links, enum health health);
/* The metrics of LINKS, to standard output or, as a whole, into FILE. */
enum ctl_status status_print_metrics(const json_t *links, const char *file);

#endif
