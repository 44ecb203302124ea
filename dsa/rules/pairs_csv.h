/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_PAIRS_CSV_H
#define GALSYNC_RULES_PAIRS_CSV_H

/*
 * A file of pairs for the csv match rule: CSV as base/csv.h has it, whose lines name a source
 * object and its counterpart in two columns; columns behind them must be empty. An identifier is a
 * GUID, a DN, a mail address, a sAMAccountName or a userPrincipalName. A first line "source,target"
 * is passed over.
 *
 * A line is an operator's word, and who may write one object chooses what that says of itself.
 * So an identifier is compared with what is of its sort, never a GUID with an address; and of two
 * objects that an address names, the stronger claim is meant.
 */

#include "dsa/base/err.h"
#include "dsa/directory/entry.h"

struct match_csv;

/* Reads FILE whole. ERR_CONF with file and line for a line that is wrong or has not two columns,
 * and for a source that is named again with another target. */
int match_csv_load(const char *file, struct match_csv **ret, struct err *err) MUST_CHECK;
void match_csv_free(struct match_csv *m);

/* By what an object answers to an identifier, the weakest first. Nothing keeps addresses and logon
 * names apart from each other; the others are one object's alone. */
enum pair_claim {
	PAIR_NONE,
	PAIR_SECONDARY, /* one of its SMTP addresses */
	PAIR_PRIMARY,	/* its primary address, mail, or userPrincipalName */
	PAIR_UNIQUE	/* its GUID, DN or sAMAccountName */
};

struct pair_found {
	const char *id, *target; /* the two columns; borrowed */
	enum pair_claim claim;
};

/* The claim of SOURCE to the identifier ID of a line. */
enum pair_claim pair_claim_of(const struct entry *source, const char *id);
/* The line that SOURCE has the strongest claim to (ASCII case ignored); false if there is none. */
bool match_csv_find(const struct match_csv *m, const struct entry *source, struct pair_found *ret);

#endif
