/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_RIGHTS_H
#define GALSYNC_RULES_RIGHTS_H

/*
 * What the accounts of a link need in its forests, from the configuration alone. Pure.
 *
 * A right holds at a place: an OU, for all that lies below it, or one group. It is named as finely
 * as a directory can give it: the classes of objects that are created or deleted there, and each
 * attribute that is written with the classes of the objects that it is written on. The attributes
 * are those of the effective projection table (table.h), and what redirections, switches and leave
 * actions write beside it. Reading is all or nothing: an account that may follow the changes of a
 * domain sees what is in it.
 *
 * What galsync created lies in the target OUs. What was there before and is matched lies at the
 * match places; fewer attributes are written there, and none that make an account what it is.
 *
 *   galsyncd -T --rights prints it, conf/delegate.sh grants it, cycle/check.h asks for it
 */

#include <stddef.h>

#include "dsa/base/err.h"
#include "dsa/base/mem.h"
#include "dsa/config/conf.h"

enum rights_sort {
	RIGHTS_SOURCE_SCOPE,
	RIGHTS_MARKER_GROUP,
	RIGHTS_RETURN_OU,
	RIGHTS_TARGET_OU,
	RIGHTS_MATCH_SCOPE,
	RIGHTS_SORT_MAX
};

enum rights_class {
	RIGHTS_USER,
	RIGHTS_CONTACT,
	RIGHTS_GROUP,
	RIGHTS_DYNAMIC_GROUP,
	RIGHTS_PUBLIC_FOLDER,
	RIGHTS_OU,
	RIGHTS_CLASS_MAX
};
#define RIGHTS_BIT(c) (1U << (c))

struct rights_attr {
	const char *name;
	unsigned classes; /* RIGHTS_BIT()s; 0: the object that the place is */
};

struct rights_place {
	enum rights_sort sort;
	const char *dn;	  /* NULL: the configuration does not say where */
	unsigned creates; /* RIGHTS_BIT()s */
	unsigned deletes;
	struct rights_attr *attrs; /* to write; each name once */
	size_t n, cap;
	/* Each user may write this attribute of its own object, or NULL. That is no right of the
	 * account. */
	const char *self;
};

struct rights {
	const struct conf_link *link;
	struct rights_place *v; /* each sort and DN once */
	size_t n, cap;
};

/* What LINK needs. It borrows from LINK. */
int rights_of(const struct conf_link *link, struct rights *ret, struct err *err) MUST_CHECK;
void rights_done(struct rights *r);
static inline void
rights_donep(struct rights *r)
{
	rights_done(r);
}

/* In which forest the place is. */
enum side rights_side(enum rights_sort sort);
/* "source-scope", "marker-group", "return-ou", "target-ou", "match-scope". */
const char *rights_sort_name(enum rights_sort sort);
/* The class as the schema names it. */
const char *rights_class_name(enum rights_class c);

/* Appends what all links of C need, as text that people read and that delegate.sh reads: see
 * RIGHTS in galsyncd(8). FILE is where C came from. */
int rights_print(
    const struct conf *c, const char *file, struct buf *ret, struct err *err) MUST_CHECK;

#endif
