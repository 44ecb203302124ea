/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_CLIENT_H
#define GALSYNC_RULES_CLIENT_H

/*
 * What the computers of users report (mapping/client_report.h): how a report is read out of an
 * attribute that every user may write, and what the reports of a mailbox mean together. Pure.
 *
 * A value of the attribute is
 *
 *   galsync1;RESULT;MACHINE;TIME[;TEXT]
 *
 *   RESULT    ok or failed
 *   MACHINE   name of the computer: letters, digits, "-", "_" and ".", 1 to CLIENT_MACHINE_MAX
 *   TIME      when it ran there, in UTC: 2026-12-01T08:15:00Z
 *   TEXT      for people; no control characters, CLIENT_TEXT_MAX octets at most, it may have ";"
 *
 * and nothing else is one. The time only tells two runs apart: users set their clocks, so what
 * counts is when galsync read it first.
 */

#include "dsa/base/mem.h"
#include "mapping/client_report.h"
#include "mapping/record.h"

/* So many values of the attribute are looked at, and the rest is not. */
#define CLIENT_VALUES_MAX 4
#define CLIENT_WHY_SIZE 128

struct client_value {
	enum client_result result;
	int64_t stated;
	char machine[CLIENT_MACHINE_MAX + 1], text[CLIENT_TEXT_MAX + 1];
};
/* Reads VALUE; any octets are survived. False with the reason, which has nothing of VALUE in it, in
 * WHY. */
bool client_parse(struct bytes value, struct client_value *ret, char why[CLIENT_WHY_SIZE]);

/* Is VALUE already among ALL, as it was read before? */
bool client_is_known(const struct client_reports *all, const struct client_value *value);

/* Which switch a report is about that comes now: when R's mailbox was switched, 0 if it is not. R
 * may be NULL. */
int64_t client_about(const struct record *r);

/* What the reports of a mailbox mean. Those count that came since the mailbox was switched, while
 * it is switched: what was reported before is about another mailbox. No clock says which these are.
 *
 *   counts    how many there are of these
 *   done      one of them is ok: the marker has led a logon script to its end
 *   last      the one that came last, NULL if none counts
 *   several   ok from two machines or more, which is a user with several computers, or two
 *             persons at one mailbox
 */
struct client_verdict {
	size_t counts;
	bool done, several;
	const struct client_report *last;
};
/* R is NULL if the map has no record. */
bool client_counts(const struct client_report *x, const struct record *r);
struct client_verdict client_judge(const struct client_reports *all, const struct record *r);

/* Is a switched mailbox, or one that is not, to be in the marker group? DONE: client_judge(). */
bool client_wants_marker(const struct record *r, bool done);

#endif
