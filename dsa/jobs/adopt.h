/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_ADOPT_H
#define GALSYNC_JOBS_ADOPT_H

/*
 * Takes over the pairs of another tool (rules/adopt.h). Both forests are read, each key is told of,
 * and, unless it is only a plan, the pairs are recorded: in state pending, by the rule "adopt".
 * Nothing is written to a directory. The next synchronization finds the pairs by their records, as
 * if a rule of the link had matched them, and writes stamp, addresses and redirections.
 *
 * All records are stored in one transaction. A crash leaves all of them or none. They take the
 * place of the records of an earlier adoption that no synchronization has begun to carry out. If
 * the map is lost before the next full synchronization, the pairs have to be adopted once more:
 * nothing in the directories says yet that they were.
 */

#define ADOPT_NAMED 4 /* objects of a side with the same key that are named */

#include "dsa/rules/adopt.h"
#include "dsa/run/run.h"

/* One key. What is lent is valid during the call. */
struct adopt_finding {
	enum adopt_verdict verdict;
	const char *tool;
	struct bytes key;
	const char *why;	   /* NULL with PAIR and KNOWN */
	const struct guid *source; /* of the first source object; NULL: none carries it */
	size_t n[SIDES];	   /* how many objects of each side carry it, and */
	/* the names of the first of them, NULL-terminated */
	char *const *dn[SIDES];
	enum side active; /* of a PAIR */
	enum adopt_redirection redirection;
};

struct adopt_options {
	bool plan_only; /* nothing is recorded */
	void (*found)(const struct adopt_finding *f, void *arg);
	void *arg;
};

struct adopt_result {
	uint64_t read[SIDES];	    /* objects */
	uint64_t keyed[SIDES];	    /* that carry a key */
	uint64_t unreadable[SIDES]; /* that have a value which is no key */
	uint64_t by[ADOPT_MAX];	    /* keys by verdict */
	/* Of the pairs: */
	uint64_t active[SIDES];
	uint64_t loops; /* both redirect to each other; that ends */
	uint64_t redirections[ADOPT_REDIRECT_MAX];
	uint64_t ms;
};

/* Adopts the pairs of RUN's link, whose configuration has adopt. The directories are opened if they
 * are closed. A link that was never synchronized gets its number in the map, unless it is a plan.
 * The observer gets the progress. */
int adopt_run(struct run *run, const struct adopt_options *opt, struct adopt_result *ret,
    struct err *err) MUST_CHECK;

#endif
