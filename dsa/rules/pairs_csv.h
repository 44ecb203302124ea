/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_PAIRS_CSV_H
#define GALSYNC_RULES_PAIRS_CSV_H

/*
 * A file of pairs for the csv match rule: CSV as base/csv.h has it, whose lines name a source
 * object and its counterpart in two columns; columns behind them must be empty. An identifier is a
 * GUID, a DN, a mail address, a sAMAccountName or a userPrincipalName. A first line "source,target"
 * is passed over.
 */

#include "dsa/base/err.h"

struct match_csv;

/* Reads FILE whole. ERR_CONF with file and line for a line that is wrong or has not two columns,
 * and for a source that is named again with another target. */
int match_csv_load(const char *file, struct match_csv **ret, struct err *err) MUST_CHECK;
void match_csv_free(struct match_csv *m);
/* The counterpart named for source identifier ID (ASCII case ignored), or NULL. Borrowed. */
const char *match_csv_find(const struct match_csv *m, struct bytes id);

#endif
