/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_VERIFY_H
#define GALSYNC_JOBS_VERIFY_H

/*
 * Looks at every correspondence of a link as it is now on both sides and tells what is broken of
 * redirect/audit.h. Nothing is written.
 *
 * All of them: both forests are read in bulk into working sets on disk, and each record is judged
 * from there. Reading takes a while, in which others go on changing things; so whatever looks
 * broken is read once more, by itself, before it is told (the first VERIFY_SURE_MAX
 * correspondences; when more are broken the rest is told as it was found). Some of them: they, and
 * the holders of their addresses, are read, many in one request.
 *
 * Dummy addresses are looked for on every recipient of both forests that is read, whether it is in
 * the map or not. One that a toggle in the map's list of operations needs is left alone.
 *
 * The other thing it looks for, in the same way, is what a native move still needs, see
 * redirect/move_ready.h. Where none are named it looks at the mailboxes whose counterpart is a mail
 * user; one that is named is judged whatever it is.
 *
 * Who is named is meant to be synchronized: that it is not in the map, or left, is something broken
 * too. One that is finished has left as it should.
 */

#include "dsa/run/run.h"
#include "redirect/audit.h"
#include "redirect/move_ready.h"

#define VERIFY_SURE_MAX 1000

struct verify_options {
	/* The correspondences with these source GUIDs; all if N_SOURCES is 0. */
	const struct guid *sources;
	size_t n_sources;
	size_t sure_max; /* correspondences that are read a second time; 0: VERIFY_SURE_MAX */
	void (*found)(const struct audit_finding *f, void *arg);
	/* If given, what is missing for a native move is looked for, and nothing else. */
	void (*missing)(const struct move_ready_finding *f, void *arg);
	void *arg; /* of both */
};

struct verify_result {
	uint64_t read[SIDES]; /* objects */
	uint64_t checked;     /* correspondences */
	uint64_t unwritten;   /* records whose target is not written yet: not judged */
	uint64_t left;	 /* of CHECKED: left or finished, so only that nothing loops is judged */
	uint64_t broken; /* correspondences that something is wrong with, or missing for */
	uint64_t by[AUDIT_MAX]; /* findings */
	uint64_t by_need[MOVE_READY_MAX];
	struct audit_replies replies;
	uint64_t ms;
};

/* Verifies correspondences of RUN's link. The directories are opened if they are closed. The
 * observer gets the progress: objects read so far, then of how many records. */
int verify_run(struct run *run, const struct verify_options *opt, struct verify_result *ret,
    struct err *err) MUST_CHECK;

#endif
