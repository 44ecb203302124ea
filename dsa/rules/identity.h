/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_IDENTITY_H
#define GALSYNC_RULES_IDENTITY_H

/*
 * Which object is the counterpart, once candidates are found. Pure.
 *
 * Every candidate, by whatever rule it was found, passes one door first (identity_refusal()). A
 * recorded counterpart is believed only while the directory agrees (identity_believes()). What is
 * left is judged by kind and stamp (identity_judge()); and if two source objects found the same
 * target object, identity_settle() says which of them has it.
 *
 *   feed -> entry -> [match] -> project -> diff -> plan -> exec -> record
 */

#include "dsa/config/conf.h"
#include "dsa/directory/entry.h"
#include "mapping/match.h"
#include "mapping/record.h"

/* What is known beside the entry itself of who has power over its forest. */
struct identity_guard {
	const struct attr *own_sids; /* of galsync's account and its groups, or NULL */
	bool privileged;	     /* the entry is in a privileged group */
};
/* Why E may not be the counterpart of any object, or NULL: it is no recipient; the directory itself
 * needs it (isCriticalSystemObject); AD protects it, or it is in a privileged group; it is the
 * account, or a group of the account, that galsync itself uses. Who takes such an object over has
 * the forest. */
const char *identity_refusal(const struct entry *e, const struct identity_guard *guard);
/* Is E no recipient at all? Then it is no rival either. */
bool identity_is_nobody(const struct entry *e);

struct identity_in {
	const struct entry *source, *target; /* TARGET is the only candidate */
	const char *stamp_attribute;
	enum create_as create; /* of the source's scope */
	bool promote_contacts; /* of the link */
	bool was_created;      /* by the record: galsync created TARGET */
	bool abandoned; /* the source object that TARGET's stamp names is proved to be gone */
};

enum identity_verdict {
	IDENTITY_MATCHED,
	IDENTITY_PROMOTE, /* the contact TARGET gives way to a user; one of galsync's to a group */
	IDENTITY_TAKEN,	  /* its stamp names another source object */
	IDENTITY_KIND,	  /* an object of this kind cannot be the counterpart */
	/* It could be, but where its stamp belongs it has a value that is not galsync's, and that
	 * stays: others use the attribute. */
	IDENTITY_FOREIGN_STAMP
};
/* *RET_CREATED: the counterpart was, or will be, created by galsync. */
enum identity_verdict identity_judge(const struct identity_in *in, bool *ret_created);

/* Can TARGET, which galsync made for an object that is gone, be the counterpart of SOURCE, in a
 * scope that creates as CREATE says? Or is it only in its way? */
bool identity_may_inherit(
    const struct entry *source, const struct entry *target, enum create_as create);

/* Does the directory agree with R, by which TARGET is the counterpart of the source object SOURCE?
 * Not if TARGET's stamp names another one; and if the record was only intended (a process died),
 * only if its stamp says so. An adopted pair was approved, so it is believed from the start.
 * *RET_CREATED: galsync created it, though it has lost its stamp with all else that Exchange knew
 * of it. */
bool identity_believes(const struct record *r, const struct guid *source,
    const struct entry *target, const char *stamp_attribute, bool *ret_created);
/* Is E the counterpart that R names? By GUID, or where that was never learned by its stamp. */
bool identity_is_recorded(
    const struct record *r, const struct entry *e, const char *stamp_attribute);

/* Two source objects found the same target object, OLD before NOW. What comes with a record or a
 * stamp keeps it; of two that found it by softer evidence neither has it. */
enum identity_owner { IDENTITY_OLD, IDENTITY_NOW, IDENTITY_NEITHER };
enum identity_owner identity_settle(
    enum match_method old, bool old_conflicts, enum match_method now);

#endif
