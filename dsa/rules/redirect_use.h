/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_REDIRECT_USE_H
#define GALSYNC_RULES_REDIRECT_USE_H

/*
 * Who has addresses in the redirect domains of a link, which must be new: mail that is redirected
 * to an address there goes to whatever has it. Pure.
 *
 *   an address in a redirect domain, and the object that has it         whose it is
 *   the object has a stamp in its forest's stamp_attribute              galsync's
 *   it is what the redirect_address of a link from this forest makes    galsync's
 *     of the object, in the domain of this forest
 *   anything else                                                       not galsync's
 *
 * What the map knows, its reader knows.
 */

#include "dsa/rules/mistake.h"

/* Calls FN with each attribute that the question is answered from on SIDE, perhaps repeatedly. ATTR
 * is valid during the call only. */
void redirect_use_each_attr(const struct conf_link *link, enum side side,
    void (*fn)(const char *attr, void *arg), void *arg);
/* The first address of E, of SIDE, in a redirect domain of LINK that is not galsync's, as it stands
 * there, and in *RET_OF the side whose domain it is in; or data NULL. Borrowed from E. */
struct bytes redirect_use_foreign(
    const struct conf_link *link, enum side side, const struct entry *e, enum side *ret_of);
/* The redirect domain of SIDE, if nobody but galsync should use it: NULL too if the link adopts a
 * tool that redirects by it. */
const char *redirect_use_domain(const struct conf_link *link, enum side side);
/* Adds to RET that N objects of SIDE, one of them DN, have such addresses, as ADDRESS, in the
 * domain of side OF. */
struct redirect_use {
	enum side side, of;
	size_t n;
	const char *dn, *address;
};
void redirect_use_tell(
    const struct conf_link *link, const struct redirect_use *use, struct mistakes *ret);

#endif
