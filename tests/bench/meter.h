/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BENCH_METER_H
#define GALSYNC_BENCH_METER_H

/*
 * A meter on a directory that is in this process: what is asked of it, and the CPU that its server
 * takes, so that the rest of the process's CPU is galsync's own.
 */

#include <stdatomic.h>

#include "dsa/directory/dir.h"

struct meter {
	_Atomic uint64_t server_ns; /* CPU of the server, of all threads */
	_Atomic uint64_t requests;  /* reads of any kind, and changes */
	_Atomic uint64_t entries;   /* that were delivered */
};

/* Wraps INNER, which it owns from now on, also if it fails. NULL without memory. METER, which
 * several directories may share, must outlive it. */
struct dir *meter_new(struct dir *inner, struct meter *meter) MUST_CHECK;

#endif
