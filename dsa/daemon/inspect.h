/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_INSPECT_H
#define GALSYNC_DAEMON_INSPECT_H

/* What only looks: verify and trace, and what they found as members of the answer to the client.
 * An answer is bounded: what is too much is counted. */

#include <jansson.h>

#include "dsa/config/conf.h"
#include "dsa/cycle/cycle.h"
#include "mapping/store.h"

struct inspect {
	const struct conf *conf;
	const struct conf_link *link;
	struct dir *const *dir;
	struct store *store;
	void (*progress)(enum cycle_phase phase, uint64_t done, uint64_t total, void *arg);
	void *arg;
};

/* Verifies the N sources, or all if N is 0. *RET_BAD: something is broken. */
int inspect_verify(const struct inspect *in, const struct guid *sources, size_t n, json_t **ret,
    bool *ret_bad, struct err *err) MUST_CHECK;
/* Follows ADDRESS sent in each organization of FROM, which has a bit for each side. *RET_BAD: a way
 * ends nowhere, in a circle, or at two objects. */
int inspect_trace(const struct inspect *in, const char *address, unsigned from, json_t **ret,
    bool *ret_bad, struct err *err) MUST_CHECK;

#endif
