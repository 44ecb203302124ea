/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_STATE_H
#define GALSYNC_CYCLE_STATE_H

/*
 * What the passes of a running cycle share: what they work on, and the parts, each of which owns
 * its state, which no other file looks into. A part is made when it is first needed and freed with
 * the cycle.
 */

#include "dsa/cycle/cycle.h"
#include "dsa/cycle/decision.h"
#include "dsa/exec/plan.h"
#include "dsa/rules/adopt.h"
#include "dsa/rules/pairs_csv.h"
#include "dsa/rules/table.h"
#include "dsa/world/world.h"

/* What the deciding pass finds counterparts by beside the table. */
struct matching {
	struct match_csv **csv;	   /* by match rule; NULL where the rule is no CSV */
	struct adopt_tools *tools; /* whose pairs are adopted, NULL: none */
};

struct cycle {
	struct run *run;
	const struct cycle_options *opt;
	struct cycle_result *res;
	struct table *table;
	struct matching matching;
	struct world *world;   /* NULL as long as nothing is read */
	struct plan *plan;     /* in the world's working set */
	struct delta *delta;   /* delta.h */
	struct limits *limits; /* limits.h */
	struct lag *lag;       /* replica_lag.h */
	struct births *births; /* confirm.h */
	struct replan *replan; /* replan.h */
	struct heirs *heirs;   /* heirs.h */
};

/* Was the cycle asked for the object with source GUID G? */
bool cycle_is_asked_for(const struct cycle *c, const struct guid *g);

#endif
