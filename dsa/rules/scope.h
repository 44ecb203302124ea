/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_SCOPE_H
#define GALSYNC_RULES_SCOPE_H

/*
 * Which source objects a link takes: pure. The server is asked for all recipients of the domain
 * and the choice is made here, so that an object that leaves a filter is noticed.
 *
 *   feed -> entry -> [match] -> project -> diff -> plan -> exec -> record
 */

#include "dsa/base/mem.h"
#include "dsa/config/conf.h"
#include "dsa/directory/entry.h"

enum scope_verdict {
	SCOPE_IN,
	SCOPE_KIND,	   /* no recipient, or a kind the scope does not name */
	SCOPE_BASE,	   /* outside every configured base */
	SCOPE_FILTER,	   /* the scope's filter does not match */
	SCOPE_NO_MAIL,	   /* not mail-enabled */
	SCOPE_HIDDEN,	   /* hidden from address lists */
	SCOPE_DISABLED,	   /* disabled account of a plain user, where the scope says so */
	SCOPE_CONFLICT,	   /* what a replication conflict has left: a duplicate (dn_is_mangled()) */
	SCOPE_SYSTEM,	   /* arbitration, discovery and other mailboxes of Exchange's own */
	SCOPE_OURS,	   /* created by galsync on behalf of another forest: would come back */
	SCOPE_ECHO,	   /* it stands for an object of another forest: see scope.c */
	SCOPE_COUNTERPART, /* the counterpart of another link's source object: across.h */
	SCOPE_MAX
};

/* "in scope", "hidden", ... for messages. */
const char *scope_verdict_name(enum scope_verdict v);
/* Judges E, whose normalized DN is DN_NORM. IS_TARGET: the map has it as the counterpart of another
 * link's source object. *ret is the scope it lies in (by base), or NULL. */
enum scope_verdict scope_judge(const struct conf_link *link, const struct entry *e,
    const char *dn_norm, bool is_target, const struct conf_scope **ret);
/* Adds to RET for people why V, which scope_judge() said of E, is so: by which value, base, filter
 * or kind. It goes on behind "it is not synchronized: ". */
void scope_explain(const struct conf_link *link, const struct entry *e, const char *dn_norm,
    enum scope_verdict v, struct buf *ret);
/* The scope whose base holds DN_NORM and that names one of KINDS (KIND_BIT()s; ~0U: any), or NULL.
 * Two scopes may share a base when they name different kinds. */
const struct conf_scope *scope_find(
    const struct conf_link *link, const char *dn_norm, unsigned kinds);

#endif
