/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_PROGRESS_H
#define GALSYNC_DAEMON_PROGRESS_H

/*
 * Shows how far a run by hand has come: a bar with a rate, and how long the rest takes, on a
 * terminal; nothing elsewhere. It goes to standard error.
 */

#include <stdbool.h>
#include <stdint.h>

#include "dsa/base/pace.h"
#include "dsa/cycle/cycle.h"

struct progress {
	bool terminal, drawn;
	enum run_phase phase;
	bool started;
	struct pace pace;
	int64_t drawn_ms;
};

void progress_init(struct progress *p);
void progress_update(struct progress *p, enum run_phase phase, uint64_t done, uint64_t total);
/* Takes the bar away, so that something else can be written. It comes back with the next update. */
void progress_clear(struct progress *p);

#endif
