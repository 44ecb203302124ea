/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_TRACING_H
#define GALSYNC_JOBS_TRACING_H

/* redirect/trace.h over the two live directories of a link and its map. Nothing is written. */

#include "dsa/run/run.h"
#include "redirect/trace.h"

/* The organizations of LINK; at most MAX_HOPS hops are listed. tracing_run() does the rest. */
void tracing_init(struct trace_env *env, const struct conf_link *link, size_t max_hops);
/* Follows ADDRESS sent in organization FROM. The directories are opened if they are closed. ENV is
 * from tracing_init(). RET must be empty and is the caller's to free, also after a failure. */
int tracing_run(const struct run *run, const struct trace_env *env, enum side from,
    const char *address, struct trace *ret, struct err *err) MUST_CHECK;

#endif
