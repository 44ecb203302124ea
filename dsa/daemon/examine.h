/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_EXAMINE_H
#define GALSYNC_DAEMON_EXAMINE_H

/* `galsyncd --doctor`: what jobs/doctor.h and the keytabs tell, a line each, on standard output. */

#include "dsa/config/conf.h"
#include "dsa/daemon/once.h"

/* Examines the link named LINK, or all if it is NULL, of CONF, which came from FILE. STATUS_FAILED
 * if there is a problem. */
enum exit_status examine_run(const struct conf *conf, const char *file, const char *link);
/* What is wrong with the keytab of F, one of CONF's forests, though it is valid: it will not work
 * for long. NULL: nothing. Caller frees. */
char *examine_keytab(
    const struct conf *conf, const char *file, const struct conf_forest *f) MUST_CHECK;

#endif
