/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_FORMER_H
#define GALSYNC_CYCLE_FORMER_H

/*
 * Candidates that carry the stamp of another source object of this link. What they say is what
 * galsync wrote for that one, and says nothing of the object that found them once it is out of
 * date:
 *
 *   the object of the stamp    and                                      the candidate
 *   is gone                    it is of a kind that can be that of the  is taken over
 *                              source object
 *   is gone                    it is not, and galsync made it           is none
 *   is there                   has the value by which it was found      is taken
 *   is there                   has it no more; galsync put it there     is none
 *
 * What is none keeps the value until the new counterpart takes it over (plan_release.c).
 *
 *   feed -> entry -> [match] -> project -> diff -> plan -> exec -> record
 */

#include "dsa/cycle/state.h"

/* Was TARGET the counterpart of an object of this link that is gone for good? Its record says whose
 * it was, a look by GUID that that is gone. An active mailbox stays with the one it was finished
 * for. *RET_CREATED: galsync made it. */
int former_is_abandoned(struct cycle *c, const struct entry *target, bool *ret, bool *ret_created,
    struct err *err) MUST_CHECK;

/* TARGET was found for SOURCE, because it has VALUE under KEY (match.h). */
struct former_hit {
	const struct entry *source, *target;
	unsigned key;
	struct bytes value;
	enum create_as create; /* of the scope of SOURCE */
};
/* *RET: TARGET is no candidate, by the table above. */
int former_is_none(
    struct cycle *c, const struct former_hit *hit, bool *ret, struct err *err) MUST_CHECK;

#endif
