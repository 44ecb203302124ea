/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_SUPPORT_MAP_SAMPLE_H
#define GALSYNC_TESTS_SUPPORT_MAP_SAMPLE_H

/*
 * A map with one of everything, and a map as text. Both are for maps of released versions that are
 * kept in tests/data: the release wrote the map and the text, and today's code has to read the same
 * out of the map. The files are therefore also compiled with the headers of a release, see
 * tests/data/README.
 */

#include "dsa/base/mem.h"
#include "mapping/store.h"

/* What a callback of the map gets behind what it is given. A release that had no error there is
 * compiled with a definition of its own. */
#ifndef MAP_ARGS
#define MAP_ARGS void *arg, __attribute__((unused)) struct err *err
#endif

/* Fills the empty map S: every kind and state of a record, entries of the journal of every outcome,
 * conflicts, held changes, operations, references that wait, retries, events, waves, cursors and
 * summaries, in two links. Always the same. */
int map_sample_fill(struct store *s, struct err *err) MUST_CHECK;
/* Appends everything that is in S, field by field, and of each database a hash over its octets. */
int map_dump(struct store *s, struct buf *ret, struct err *err) MUST_CHECK;

#endif
