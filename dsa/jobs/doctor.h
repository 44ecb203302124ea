/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_DOCTOR_H
#define GALSYNC_JOBS_DOCTOR_H

/*
 * Looks at both forests of a link before the first write, and at any time after it, and tells
 * everything that would go wrong: cycle/check.h, and what only a session shows. Nothing is written,
 * in no directory and not in the map. What one forest does not answer keeps nothing of the other
 * one from being looked at.
 */

#include "dsa/run/run.h"

enum doctor_verdict {
	DOCTOR_OK,     /* something was looked at, and is as it should be */
	DOCTOR_NOTE,   /* it works, and there is something to know about it */
	DOCTOR_PROBLEM /* TEXT says where, what is wrong, and what to do */
};
typedef void doctor_fn(enum doctor_verdict verdict, const char *text, void *arg);

/* Examines RUN's link, the directories of which are opened if they are closed. RUN's map may be
 * NULL. Whatever keeps a look from being taken is a problem too: so there is no other failure. */
void doctor_run(const struct run *run, doctor_fn *fn, void *arg);

#endif
