/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_EXPLAINING_H
#define GALSYNC_JOBS_EXPLAINING_H

/*
 * Why an object is, or is not, in the other address list: the object is found live in both forests,
 * in the map or not, and a cycle that writes nothing says what it makes of it (cycle/explain.h).
 * Beside that are what the map's journal knows of its attributes and the waves that are planned.
 *
 * A name may be that of both objects of a pair: they are one answer. Who has the name of several is
 * only told which. What is gone from both forests is found by the map.
 */

#include "dsa/base/list.h"
#include "dsa/cycle/explain.h"
#include "mapping/client_report.h"
#include "mapping/journal.h"

/* So many of a forest are found. */
#define EXPLAINING_HITS 20

/* An object that was found, as the flow that it is an original of sees it. */
struct explaining_hit {
	/* On which side of the link the original is: SOURCE is the forward flow. */
	enum side origin;
	struct guid source; /* the original's */
	enum side side;	    /* where it was found */
	char *dn;
	char *name;    /* displayName, or the DN's first part */
	char *address; /* or NULL */
	enum kind kind;
};

/* What a cycle said about the object: LEVEL of syslog, LOG_DEBUG: how it came to that. */
struct explaining_note {
	int level;
	char *text;
};

/* The last change of an attribute by galsync. */
struct explaining_written {
	enum side side; /* of the flow */
	char *attr;
	uint64_t number, cycle; /* of the journal */
	int64_t at;
	enum journal_outcome outcome;
	char *reason, *server, *error; /* ERROR may be NULL */
};

struct explaining {
	struct explaining_hit *hits; /* nobody, one, or several: then there is nothing more */
	size_t n_hits, cap_hits;
	bool no_flow; /* it is a native of the target, and the link has no return contacts */
	struct explain x;
	struct explaining_note *notes;
	size_t n_notes, cap_notes;
	struct explaining_written *written;
	size_t n_written, cap_written;
	int64_t left_at; /* when its leave action was carried out, 0: not, or not known */
	uint32_t wave;	 /* that it is in and that has not ended for it, or 0 */
	int64_t wave_at;
	bool wave_undoes;
	struct client_reports clients; /* what the computers of its user reported */
	char *retry_why;	       /* a write failed: why; NULL: none did */
	uint32_t attempts;
	int64_t retry_at;
};

void explaining_done(struct explaining *e);
static inline void
explaining_donep(struct explaining *e)
{
	explaining_done(e);
}
/* Finds WHO (anything that store_lookup_who() takes, a userPrincipalName, a sAMAccountName, a name
 * that address lists show) and explains it. Nothing is read but what a cycle reads: who may ask
 * need not be allowed all that the account may read. RET is zeroed at first. */
int explaining_run(
    const struct run *run, const char *who, struct explaining *ret, struct err *err) MUST_CHECK;
/* Only fills RET's hits, with those whose displayName, first or last name begins with TEXT, live in
 * both forests. *RET_MORE: there may be others, for a forest gave EXPLAINING_HITS. */
int explaining_find_called(const struct run *run, const char *text, struct explaining *ret,
    bool *ret_more, struct err *err) MUST_CHECK;

#endif
