/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RUN_RUN_H
#define GALSYNC_RUN_RUN_H

/*
 * A run: a link, its two directories, the map, and an observer. Whatever works on a link (a cycle,
 * a switch, a toggle, a look) gets one. It owns nothing of this. A run belongs to one thread at a
 * time; a copy with another observer is a run too.
 */

#include <stdint.h>

#include "dsa/config/conf.h"
#include "dsa/directory/dir.h"
#include "dsa/run/event.h"
#include "dsa/run/forest_lock.h"
#include "dsa/run/shared_feed.h"
#include "mapping/journal.h"
#include "mapping/store.h"

/* What one domain controller knows the others know after this time, in seconds. */
#define RUN_REPLICATION_S ((int64_t)24 * 3600)

struct run {
	const struct conf_link *link;
	struct dir *dir[SIDES];
	struct shared_feed *feed[SIDES]; /* of their forests; NULL: this run asks for itself */
	struct store *store;		 /* NULL: a plan without a map */
	uint32_t link_id;     /* the link's number in the map; 0: the map does not know it yet */
	const char *work_dir; /* for files that the run needs while it lasts */
	int64_t map_size_mb;  /* the limit of each of them */
	const struct run_observer *observer;
	/* Of what runs just now: */
	int64_t start_s;       /* when it began, realtime */
	struct store_txn *map; /* what it reads of the map by, or NULL */
	uint64_t cycle;	       /* the number in the journal of what runs, 0: it has none */
	bool is_delta;	       /* what runs looks at changes only */
	struct asker asked;    /* who asked for it */
};

/* A copy of RUN for a job of its own: its changes get a number of their own in the journal. */
struct run run_job(const struct run *run);
/* RUN's return flow, over the same directories: its link is RUN's `back`, which must be there. To
 * what works on it, SOURCE is the side that RUN calls the target. */
struct run run_back(const struct run *run);
/* Opens both directories, side by side; without effect on what is open. Each that is open, or could
 * not be opened, is reported. */
int run_open(const struct run *run, struct err *err) MUST_CHECK;
/* After a connection broke: opens both directories again, with a growing pause between attempts,
 * which ends with ECANCELED when one of the directories is cancelled. */
int run_reopen(const struct run *run, struct err *err) MUST_CHECK;
/* Opens both directories and sets link_id. ERR_DATA if the map does not know the link yet. */
int run_open_known(struct run *run, struct err *err) MUST_CHECK;
/* Does the map know RUN's flow? Nothing is opened. */
int run_is_known(const struct run *run, bool *ret, struct err *err) MUST_CHECK;
/* Takes the lock of the target forest, which is open, for RUN's link. While it waits the observer
 * gets progress, and one message if it waits long; it ends with ECANCELED when one of the
 * directories is cancelled, and with EAGAIN when the observer gives way. */
int run_lock_target(const struct run *run, struct forest_lock **ret, struct err *err) MUST_CHECK;
/* The name of the server of SIDE, which is open. Borrowed. */
const char *run_server(const struct run *run, enum side side);

#endif
