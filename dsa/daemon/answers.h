/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_ANSWERS_H
#define GALSYNC_DAEMON_ANSWERS_H

/*
 * How requests to a worker ended, by their numbers, until they are fetched: the next request may
 * end before any client looked. The caller locks.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "dsa/cycle/summary.h"

struct worker_answer {
	uint64_t number;
	int status;	 /* 0 done, 1 failed, 3 held or conflicts, or something found */
	char error[512]; /* why it failed as a whole; "" if single objects did */
	bool cycle;	 /* it was a cycle: */
	struct cycle_result result[SIDES]; /* with these counts, by flow, */
	int64_t finished_at;		   /* and ended then: seconds since the epoch */
	/* What became of each object of a switch, undo or toggle, an array; of a verify, trace or
	 * adoption an object whose members are the answer's; or NULL. */
	json_t *results;
	struct worker_answer *next;
};
void worker_answer_free(struct worker_answer *a);
static inline void
worker_answer_freep(struct worker_answer **a)
{
	worker_answer_free(*a);
}

/* Zeros: there is none. */
struct answers {
	struct worker_answer *first;
};
void answers_done(struct answers *l);
/* A is taken over. */
void answers_add(struct answers *l, struct worker_answer *a);
/* That of request NUMBER, the caller's from now on; NULL if there is none. */
struct worker_answer *answers_take(struct answers *l, uint64_t number);
/* Those of the requests up to NUMBER, for which no client has come. */
void answers_forget(struct answers *l, uint64_t number);

#endif
