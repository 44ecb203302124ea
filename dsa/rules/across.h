/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_ACROSS_H
#define GALSYNC_RULES_ACROSS_H

/*
 * What other links of the configuration have to do with an object. Pure.
 *
 * An object that is either side of a correspondence is neither source nor target in another link:
 * two links against each other would each redirect the other one's mailbox, and mail would loop.
 * Who says so is the map, and the directories alone, because the map may be lost:
 *
 *   the object is        by the map                    by the directories
 *   a counterpart        target of another's record    a stamp, in any stamp_attribute that the
 *                                                      configuration names for its forest
 *   a source object      source of another's record    the marker of a switch, in this link's
 *                                                      marker_attribute too; its redirect
 *                                                      address, in a scope of another link
 *
 * The first of two links that has an object keeps it. Where both know it, the target's stamp is
 * believed before anything else: a target object whose stamp names the source object of this link
 * is its counterpart, whatever else it is. Then what this link's own record says is believed before
 * markers, redirect addresses and the sources of others, so that of an object that is the source of
 * one link and the target of another exactly one remains: the target.
 *
 * A record of an object that has left the synchronization does not count, and neither
 * does one of a link that is not configured any more: then the directories speak, and an operator
 * who takes the stamp off gives the object free. A counterpart itself carries a redirect address of
 * its own forest, and address policies may give one to every mailbox. So that address says nothing
 * where no link takes the object for a source.
 *
 * Several links may have one source object. At most one of them gives its mailbox a redirection:
 * the mailbox, or mail user, that has a redirect address of its own and that mail can be switched
 * to. That is the link that has a record of it first; another one that would do the same for the
 * first time is in conflict. Contacts in any number of forests lead to the mailbox wherever it is.
 *
 *   feed -> entry -> [match] -> project -> diff -> plan -> exec -> record
 */

#include "dsa/config/conf.h"
#include "dsa/directory/entry.h"
#include "dsa/rules/table.h"
#include "mapping/record.h"

/* What the map says of an object: the other link of which it is a source object, and the one of
 * which it is the counterpart; NULL: of none. */
struct across {
	const struct conf_link *source_of, *target_of;
};

/* The link NAME of the configuration that LINK is part of, unless that is LINK; or NULL. */
const struct conf_link *across_find_link(const struct conf_link *link, const char *name);
/* Puts down that R, a record of LINK, has the object on SIDE. Of no effect if R does not count, or
 * if SIDE is TARGET and R is about the source object SOURCE (NULL: any counts): that is the same
 * correspondence. */
void across_add(struct across *a, const struct conf_link *link, const struct record *r,
    enum side side, const struct guid *source);

/* The attributes in which objects of SIDE of LINK carry the stamps and markers of other links.
 * Calls FN for each, perhaps more than once for one. */
void across_each_attr(const struct conf_link *link, enum side side,
    void (*fn)(const char *attr, void *arg), void *arg);

/* Does E, of the source forest of LINK, carry the stamp of any link? */
bool across_is_stamped(const struct conf_link *link, const struct entry *e);

/* May TARGET be the counterpart of the source object SOURCE in LINK? */
struct across_in {
	const struct conf_link *link;
	const struct guid *source;
	const struct entry *target;
	bool recorded; /* the record of LINK says so */
	struct across map;
};
#define ACROSS_TEXT_SIZE 384
/* False if it may, as far as other links are concerned. Else WHY says why not: "it is ...". Of a
 * stamp in LINK's own stamp_attribute that names another object nothing is said: see
 * identity_judge(). */
bool across_refuses(const struct across_in *in, char why[ACROSS_TEXT_SIZE]);

/* Does LINK give the mailbox SOURCE a redirection, with a counterpart of SHAPE? */
bool across_redirects(
    const struct conf_link *link, const struct entry *source, enum kind kind, enum shape shape);
/* Does R, a record of LINK, say that LINK gives its source object one? */
bool across_has_redirected(const struct conf_link *link, const struct record *r);

#endif
