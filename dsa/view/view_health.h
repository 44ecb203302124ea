/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_HEALTH_H
#define GALSYNC_VIEW_VIEW_HEALTH_H

/*
 * How a link is, in one word: the rule behind the exit status of `galsyncctl status`, its line for
 * monitoring and the metrics. It is pure: values in, a verdict out.
 *
 *   fine        nothing is to be done
 *   attention   something waits for an operator: a conflict, what a limit holds, a write that
 *               failed, a configuration that is refused or broken
 *   broken      the link does not do its work: its cycles fail (a side that is not reachable is
 *               the usual cause), they are overdue, or no daemon runs where one has to
 *
 * A cycle is overdue if none ended well for HEALTH_INTERVALS intervals and HEALTH_GRACE_S seconds,
 * while the link is neither paused nor running one.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "dsa/base/mem.h"

#define HEALTH_INTERVALS 3
#define HEALTH_GRACE_S 60

enum health { HEALTH_FINE, HEALTH_ATTENTION, HEALTH_BROKEN, HEALTH_MAX };
/* "FINE", "ATTENTION", "BROKEN". */
const char *health_name(enum health h);

/* Why a link is not fine, in the order in which they are told. */
enum health_reason {
	HEALTH_NO_DAEMON,
	HEALTH_FAILING,
	HEALTH_OVERDUE,
	HEALTH_CONFIGURATION,
	HEALTH_CONFLICTS,
	HEALTH_HELD,
	HEALTH_RETRIES,
	HEALTH_ERRORS,
	HEALTH_REASON_MAX
};
/* "conflicts", "held", ...: what the count of a reason counts. */
const char *health_reason_name(enum health_reason r);

struct health_facts {
	bool no_daemon; /* none tells of the link, and one has to run */
	bool told;	/* a daemon tells of it: */
	bool failing, paused, running;
	int64_t interval_s; /* between two cycles */
	int64_t age_s;	    /* since the last cycle that did not fail; -1: there was none */
	bool configuration; /* refused or broken */
	uint64_t conflicts, held, retries, errors;
};

/* N[r] is how much of each reason there is, 1 for what is no number. */
enum health health_judge(const struct health_facts *f, uint64_t ret_n[HEALTH_REASON_MAX]);

/* The facts of LINK, an item of `galsyncctl --json status` (view_link.h; what is not in it is not
 * so), at the time NOW, in seconds since the epoch. MUST_RUN: that no daemon answers is a fault. */
void health_facts_of(const json_t *link, int64_t now, bool must_run, struct health_facts *ret);

#endif
