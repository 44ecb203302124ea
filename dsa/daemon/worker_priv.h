/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_WORKER_PRIV_H
#define GALSYNC_DAEMON_WORKER_PRIV_H

/* What worker.c, which has the thread and its times, and worker_run.c, which does the work, share.
 */

#include <pthread.h>
#include <stdatomic.h>

#include "dsa/daemon/lines.h"
#include "dsa/daemon/waves.h"
#include "dsa/daemon/worker.h"

struct request {
	uint64_t number; /* 0: none */
	enum worker_request what;
	struct guid *objects;
	size_t n;
	int plan_fd;
	char *address; /* TRACE */
	unsigned from;
};

struct worker {
	const struct conf *conf;
	const struct conf_link *link;
	struct store *store;
	int notify_fd, wake_fd;
	pthread_t thread;
	struct dir *dir[SIDES];
	struct lines *lines;
	atomic_bool stop;
	unsigned failures; /* in a row */
	struct waves waves;
	json_t *results; /* of the request under way, for its answer */

	pthread_mutex_t lock; /* for what follows */
	struct worker_state state;
	struct request request;
	uint64_t requests;
	bool pause;
	bool hurry; /* there is work for a cycle: no rest before it */
	struct answers answers;
};

/* Something has changed that the main thread shows. */
void worker_tell(struct worker *w);

/* worker_run.c. In the worker's thread; ARG is the worker: */
void worker_on_progress(enum cycle_phase phase, uint64_t done, uint64_t total, void *arg);
/* A line for a change of a turn, of a wave too. */
void worker_on_changed(uint64_t number, enum side side, const struct guid *source,
    const struct change *change, const char *reason, void *arg);
/* Does what Q asks for, a delta if it is no request. */
int worker_run(
    struct worker *w, const struct request *q, struct cycle_result *r, struct err *err) MUST_CHECK;
/* Is Q no cycle? */
bool worker_is_turn(const struct request *q);
/* How Q ended; NULL without memory. */
struct worker_answer *worker_answer_of(
    struct worker *w, const struct request *q, int rc, const struct cycle_result *r) MUST_CHECK;

#endif
