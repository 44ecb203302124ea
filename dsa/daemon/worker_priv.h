/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_WORKER_PRIV_H
#define GALSYNC_DAEMON_WORKER_PRIV_H

/* What worker.c, which has the thread and its times, and worker_run.c, which does the work, share.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "dsa/daemon/lines.h"
#include "dsa/daemon/waves.h"
#include "dsa/daemon/worker.h"
#include "dsa/run/memory.h"

struct request {
	uint64_t number; /* 0: none */
	uid_t by;	 /* who asks */
	enum worker_request what;
	struct guid *objects;
	size_t n;
	int plan_fd; /* PLAN */
	enum plan_form form;
	struct plan_choice *choice; /* APPLY */
	enum turn turn;		    /* LOOK: at OBJECTS */
	bool force;
	struct undo_query undo; /* TAKE_BACK; its `who` is ADDRESS */
	/* TRACE; EXPLAIN, RESOLVE, TAKE_BACK: who; FIND: a name; TOGETHER: a base, or NULL */
	char *address;
	/* EXPLAIN; RESOLVE: its counterpart; TOGETHER: a filter; or NULL */
	char *attribute;
	enum resolved_as as; /* RESOLVE */
	unsigned from;
	uint64_t page, size; /* MEMBERS, of the first of OBJECTS */
};

struct worker {
	const struct conf *conf;
	struct run run;
	struct dir_memory memory;     /* of its directories */
	struct run_observer observer; /* of RUN */
	int notify_fd, wake_fd;
	pthread_t thread;
	struct lines *lines, *back_lines; /* the latter of the return flow, or NULL */
	atomic_bool stop;
	unsigned failures; /* in a row */
	uint32_t wave;	   /* under way, or the last one */
	json_t *results;   /* of the request under way, for its answer; NULL: not asked for */
	bool results_lost; /* there was no memory for them */
	uint64_t listed;   /* results, and what blocks them, so far */
	uint64_t unlisted; /* results beyond what an answer has room for */
	uint64_t refused;  /* how many of them are failures */
	bool quiet;	   /* what runs does nothing, so there is nothing to log */
	unsigned begun;	   /* of the phases (bits) of what runs */
	bool unasked;	   /* what runs is a cycle that was not asked for: */
	bool gave_way;	   /* it waited for another link, and there is something better to do */
	struct shared_listener listener[SIDES];
	bool notified;	       /* a server said that something changed: it is to be asked */
	int64_t heard_us;      /* when it did, or another worker heard of it; 0: not yet */
	int64_t began_us;      /* what runs, or ran last */
	int64_t told_since_us; /* what a server told since then is new enough for that */

	pthread_mutex_t lock; /* for what follows */
	struct worker_state state;
	struct request request;
	uint64_t requests;
	bool pause;
	bool hurry; /* there is work for a cycle: no rest before it */
	bool news;  /* another worker heard of changes */
	struct answers answers;
};

/* Something has changed that the main thread shows. */
void worker_tell(struct worker *w);

/* worker_run.c. In the worker's thread: */

/* Sets RUN's observer: state, journal lines and the answer to the client that asked. */
void worker_observe(struct worker *w);
/* Does what Q asks for, a delta if it is no request. R is zeroed; of what is no cycle its first has
 * the counts. */
int worker_run(struct worker *w, const struct request *q, struct cycle_result r[SIDES],
    struct err *err) MUST_CHECK;
/* Removes what the journal has too much of, or a part of it: so that the next cycle need not wait.
 */
void worker_trim_journal(struct worker *w);
/* Is Q no cycle? */
bool worker_is_turn(const struct request *q);
/* How Q ended; NULL without memory. */
struct worker_answer *worker_answer_of(struct worker *w, const struct request *q, int rc,
    const struct cycle_result r[SIDES]) MUST_CHECK;

#endif
