/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_VERIFY_PRIV_H
#define GALSYNC_JOBS_VERIFY_PRIV_H

/* What verify.c, which judges, and verify_read.c, which reads, share. */

#include "dsa/directory/guid_set.h"
#include "dsa/jobs/verify.h"
#include "dsa/world/world.h"

/* What was read of one side. */
struct verify_side {
	struct workset *ws;
	uint32_t *dummies; /* entries with a dummy address */
	size_t n_dummies, cap_dummies;
	uint8_t *asked; /* a bit for each entry: it was asked which others have its addresses */
};

/* One reading of some or all objects, and the judgement of what was read. */
struct verify {
	const struct run *run;
	const struct verify_options *opt;
	struct verify_result *res;
	const struct guid_set *conflicts, *toggled; /* source GUIDs */
	const char *const *attrs[SIDES];
	struct verify_side side[SIDES];
	uint32_t at[SIDES]; /* the entries of the pair that is judged */
};

/* Reads every recipient of both forests. */
int verify_read_all(struct verify *v, struct err *err) MUST_CHECK;
/* Reads both objects of the N records, and who holds their addresses. */
int verify_read_some(
    struct verify *v, struct record *const *records, size_t n, struct err *err) MUST_CHECK;
/* The entry with GUID G, owned by the caller; *RET NULL and *RET_INDEX WORLD_NONE if there is
 * none.
 */
int verify_find(struct verify *v, enum side side, const struct guid *g, struct entry **ret,
    uint32_t *ret_index, struct err *err) MUST_CHECK;
/* audit_env.holder; ARG is the struct verify. */
int verify_holder(enum side side, struct bytes address, const struct entry *self, bool fresh,
    char **ret_dn, void *arg, struct err *err) MUST_CHECK;
/* Opens and closes the working sets. */
int verify_open(struct verify *v, struct err *err) MUST_CHECK;
void verify_close(struct verify *v);

#endif
