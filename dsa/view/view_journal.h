/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_JOURNAL_H
#define GALSYNC_VIEW_VIEW_JOURNAL_H

/*
 * How large the journal is, which all links share, as JSON: the member `journal` of the answer to
 * `status`. (`galsyncctl --json status` has the same numbers in each link: view_link.h.)
 *
 *   entries   how many
 *   octets    of the map that they take
 *   oldest    when the first of them was written; text in UTC, or null
 */

#include <jansson.h>

#include "mapping/journal.h"

/* NULL without memory. */
json_t *view_journal(const struct journal_size *n) MUST_CHECK;

#endif
