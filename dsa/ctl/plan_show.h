/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CTL_PLAN_SHOW_H
#define GALSYNC_CTL_PLAN_SHOW_H

/*
 * A plan for people: lines of plan_text.h, as they come, printed in one of two forms.
 *
 *   diff   what is done to an object, and below it a line for each value: old -> new, + new, - old
 *   csv    a row for each value (csv.h), under the header
 *          record,flow,forest,dn,operation,reason,attribute,old,new,text
 *
 * Values are decoded: GUIDs and SIDs as text, other octets that are no text as base64.
 */

#include "dsa/exec/plan_text.h"

enum plan_show_form { PLAN_SHOW_DIFF, PLAN_SHOW_CSV };

/* What comes before the first line. */
void plan_show_begin(enum plan_show_form form);
/* Prints L, the line that R gave last. */
int plan_show_line(enum plan_show_form form, const struct plan_reader *r, const struct plan_line *l,
    struct err *err) MUST_CHECK;
/* Prints the counts of SUMMARY that are not 0, as comments: "# created: mailbox 2". */
void plan_show_counts(const json_t *summary);

#endif
