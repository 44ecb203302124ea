/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_EXPLAIN_H
#define GALSYNC_VIEW_VIEW_EXPLAIN_H

/*
 * Why an object is, or is not, in the other address list (jobs/explaining.h) as JSON. The answer to
 * `explain` has
 *
 *   who       that was asked for
 *   sentence  the answer in one sentence
 *   hits      who has the name: origin, forest (where it was found), dn, guid (of the original),
 *             name, kind, address
 *   summary   null
 *
 * and, if that is one:
 *
 *   link, origin   the link, and on which side of it the original is
 *   forests        the names of the original's forest and of the other one
 *   verdict        "synchronized", "create", "match", "promote", "conflict", "nothing", "out",
 *                  "gone", "finished", "no-flow"
 *   scope          in (true or false), verdict, why; null if the original is gone
 *   counterpart    dn, shape, rule, evidence, created (by galsync), exists; or null
 *   names          rdn, sam_account_name, user_principal_name of what is to be created; or null
 *   conflict       reason, what, candidates, help, resolutions (view_conflict.h); or null
 *   resolved       what an operator said about a conflict (view_conflict.h); or null
 *   record         view_record.h; or null
 *   left           when its leave action was carried out; or null
 *   held           limit, verdict ("held", "approved", "rejected"), since
 *   wave           id, at, undo; or null
 *   retry          why, attempts, next; or null
 *   client         what the computers of its user reported (view_client.h), or null
 *   waiting        references that wait for a counterpart: attribute, dn
 *   changes        what the next cycle writes: forest, op, dn, reason, held, attributes
 *   others         about how many other objects there are changes beside them
 *   attributes     attribute, forest (where it is written, NULL: nowhere), source, target (values),
 *                  after (values, once the changes are made), how, from, when, matched, authority,
 *                  flows, ours (galsync wrote all values; null if not known), written (cycle,
 *                  number, at, reason, server, outcome, error; or null), text
 *   notes          what the cycle says of it
 *   decisions      how it came to that
 */

#include <jansson.h>

#include "dsa/jobs/explaining.h"

/* The members of the answer. ATTRIBUTE: only that one; NULL: all that have a value. NULL without
 * memory. */
json_t *view_explain(const struct conf_link *link, const char *who, const char *attribute,
    const struct explaining *e, struct err *err) MUST_CHECK;

/* E's hits alone, as a list. NULL without memory. */
json_t *view_explain_hits(const struct conf_link *link, const struct explaining *e) MUST_CHECK;

/* view_explain_text.c: the answer in one sentence. */
void view_explain_sentence(
    const struct conf_link *link, const char *who, const struct explaining *e, struct buf *ret);
/* Its short name. */
const char *view_explain_verdict(const struct explaining *e);
/* view_explain_rows.c: the attributes as a list. */
json_t *view_explain_rows(
    const struct explaining *e, const char *attribute, struct err *err) MUST_CHECK;

#endif
