/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_LINES_H
#define GALSYNC_DAEMON_LINES_H

/*
 * The journal lines of one link: from what its cycles tell to lines with a message id and fields.
 *
 * A cycle tells what is so each time; a line is written when it begins to be so, and one when it
 * ends. What the map remembers (conflicts, refused objects) is said once for all time; the rest
 * (outages, held changes, skipped objects) once in the life of this object.
 *
 *     works --connection lost, cycle failed: a line--> failing --cycle complete: a line--> works
 *
 * Everything belongs to the link's thread.
 */

#include "dsa/base/err.h"
#include "dsa/base/log.h"
#include "dsa/cycle/cycle.h"

struct lines;

/* LINK outlives the lines. LONGEST_PAUSE_S is between two attempts of a cycle that fails; 0: there
 * is one attempt. */
int lines_new(
    const char *link, int longest_pause_s, struct lines **ret, struct err *err) MUST_CHECK;
void lines_free(struct lines *l);
DEFINE_CLEANUP(struct lines *, lines_free)

/* A run begins. What a plan finds was, or will be, told by the cycles: it is LOG_DEBUG. */
void lines_begin(struct lines *l, bool plan);
/* Everything is read now, because of WHY; for what the cycle does not know itself. */
void lines_full(struct lines *l, const char *why);
/* run_observer.event; ARG is the struct lines. */
void lines_event(const struct run_event *e, void *arg);
/* The switch, undo or toggle of one mailbox has ended so. */
void lines_result(struct lines *l, const struct run_result *r);
/* The cycle is complete, or was given up. */
void lines_succeeded(struct lines *l, const struct cycle_result *r);
void lines_failed(struct lines *l, const struct err *err);

/* REMOVED old entries left the journal, or (ERR not NULL) could not. */
void lines_trimmed(struct lines *l, size_t removed, const struct err *err);

/* What sort of event a failure is. */
enum log_id lines_id_of(const struct err *err);

#endif
