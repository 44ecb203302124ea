/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_TURNS_H
#define GALSYNC_JOBS_TURNS_H

/* Switches and undoes of a link's mailboxes (turn_run.h) as a job of their own. */

#include "dsa/jobs/turn_run.h"

/* Finishes what was interrupted of RUN's link: settles the open entries of the journal, and ends
 * its turns, its toggles and the ends of coexistence, each reported as an event. Must be done
 * before anything else is written: the map keeps one operation of a mailbox, and later it cannot be
 * known who made a change. The directories are open. */
int turns_resume(const struct run *run, struct err *err) MUST_CHECK;
/* The same without the toggles: a toggle under way is not ended by its own cycle. */
int turns_resume_switches(const struct run *run, struct err *err) MUST_CHECK;
/* Opens the directories, finishes what was interrupted, and turns the mailboxes of O. The observer
 * gets a result for each of them. */
int turns_run(struct run *run, const struct turn_order *o, struct err *err) MUST_CHECK;

#endif
