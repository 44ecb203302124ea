/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_HEIRS_PRIV_H
#define GALSYNC_CYCLE_HEIRS_PRIV_H

/* One hand-over, for heirs.c, which carries it out, and plan_moves.c, which shows it. */

#include "dsa/cycle/heirs.h"
#include "dsa/rules/heir.h"

#define HEIRS_REASON "give way"

struct heir {
	uint32_t source;
	enum side side;
	struct guid contact;
};

struct heirs {
	struct heir *v;
	size_t n, cap;
};

/* The entries are as they are now. */
struct over {
	struct cycle *c;
	const struct heir *heir;
	struct entry *source; /* as the cycle read it */
	struct entry *contact, *to;
	struct entry *native; /* of a return contact, and what its flow knows of it */
	struct record *back;
	struct err *err;
};
void over_done(struct over *o);
static inline void
over_donep(struct over *o)
{
	over_done(o);
}
/* Reads what has GUID G, or is called DN if that is NULL; *RET NULL: nothing. */
int over_read(struct over *o, enum side side, const struct guid *g, const char *dn,
    struct entry **ret) MUST_CHECK;
/* The counterpart of O's source object; *RET stays NULL if there is none. */
typedef int over_counterpart_fn(struct over *o, struct entry **ret);
/* Reads contact and heir, the counterpart by READ; O->source is there. 1 if both are there: what
 * they are is not judged, since a plan may make the one what it is to be. */
int over_read_both(struct over *o, over_counterpart_fn *read) MUST_CHECK;
/* What the rules take. It borrows. */
struct heir_pair over_pair(const struct over *o);

#endif
