/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_HEIR_MEMORY_H
#define GALSYNC_CYCLE_HEIR_MEMORY_H

/*
 * What galsync had written of a return contact stays known as its own when the contact gives way
 * (heirs.h): else nobody would ever take it away again. It is remembered before it is written at
 * its new place: what is not there is no harm.
 *
 *   feed -> entry -> match -> project -> diff -> plan -> [exec] -> record
 */

#include "dsa/directory/change.h"
#include "dsa/run/run.h"
#include "mapping/record.h"

/* What the return flow knows of the contact of NATIVE; *RET, the caller's, NULL: nothing. */
int heir_memory_find(const struct run *run, const struct guid *native, struct record **ret,
    struct err *err) MUST_CHECK;
/* REFERENCE makes what names CONTACT name HEIR, which is no counterpart of the return flow. If
 * galsync had put the reference to the contact there, the one to the heir is its own too. */
int heir_memory_reference(const struct run *run, const struct change *reference,
    const struct guid *contact, const struct guid *heir, struct err *err) MUST_CHECK;
/* ONTO gives the source object SOURCE addresses of the contact of BACK (NULL: not known). Those
 * that the contact had from its native are galsync's at the heir: when the target has the
 * authority, they go with those of the native. */
int heir_memory_addresses(const struct run *run, const struct record *back,
    const struct guid *source, const struct change *onto, struct err *err) MUST_CHECK;

#endif
