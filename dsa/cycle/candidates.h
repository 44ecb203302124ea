/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_CANDIDATES_H
#define GALSYNC_CYCLE_CANDIDATES_H

/*
 * Which target objects may be the counterpart of a source object: by the record, while the
 * directory agrees, else by the first of the link's rules that finds any. Each passes the door of
 * dsa/rules/identity.h, by whatever rule it was found. What another link has (dsa/rules/across.h)
 * stays a candidate, but with a refusal: an object beside it would want the same addresses. What
 * has become of no use (former.h) is none.
 *
 * What an operator said about a conflict comes before the link's rules: which object is its
 * counterpart, as a line of a CSV of pairs; that none of the candidates counts, or that it is left
 * alone: then only what carries its stamp is its counterpart.
 *
 * A contact that galsync made for a user or a group is looked behind: a real one of that kind which
 * carries the source's stamp, its legacyExchangeDN as X500 or its SID, takes the contact's place
 * (dsa/rules/heir.h), if the link's rules ask for that evidence.
 *
 *   feed -> entry -> [match] -> project -> diff -> plan -> exec -> record
 */

#include "dsa/cycle/state.h"
#include "dsa/rules/across.h"

struct candidates {
	uint32_t
	    v[DECISION_CANDIDATES]; /* target entries; two are a conflict, the others are told */
	size_t n;
	enum match_method rule; /* that found them */
	char evidence[256];	/* of the first one: "mail=jose@acme.example"; or the record's */
	/* Why the first one may not be the counterpart: by the door, by where it lies, by what
	 * other links say; "" if it may. */
	char refusal[ACROSS_TEXT_SIZE];
	enum conflict_reason refused_as; /* with a refusal */
	bool created;			 /* by the record: galsync created the counterpart */
	/* The contact that was the counterpart, if V is a real object found in its place. */
	uint32_t former;
	bool ended;    /* its record is finished for good: nobody else is looked for */
	bool may_come; /* there is one, or may be, that only this server does not have */
};

/* For SOURCE in SCOPE, about which an operator SAID something (RESOLVED_NOT: nothing). RET is
 * zeroed at first. With `may_come` there may be none, or one that carries our stamp: softer
 * evidence would find another object. */
int candidates_find(struct cycle *c, const struct conf_scope *scope, const struct entry *source,
    const struct resolution *said, struct candidates *ret, struct err *err) MUST_CHECK;

#endif
