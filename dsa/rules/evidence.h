/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_EVIDENCE_H
#define GALSYNC_RULES_EVIDENCE_H

/*
 * What makes a first match believable. Pure.
 *
 * An administrator of one OU of the source chooses what its objects say of others: an address of
 * another mailbox, an X500 name, an account name. So by default only what the target object says of
 * the source object is evidence:
 *
 *   stamp           the target's stamp names the source's GUID, and a second sign agrees
 *   sid-on-target   the target's sIDHistory has the source's objectSid
 *   x500-on-target  the target's X500 addresses have the source's legacyExchangeDN
 *   mail-on-target  the target's primary address, or its mail, is the source's primary address, and
 *                   that is in a mail domain of the source
 *
 * Softer rules are asked only where the configuration names them. Whatever found it, a first match
 * with an object that has a mailbox of its own, or with a security group, is an operator's decision
 * (evidence_needs_approval()), but for one that an operator wrote down, in a file of pairs or by an
 * adoption.
 *
 *   feed -> entry -> [match] -> project -> diff -> plan -> exec -> record
 */

#include "dsa/config/conf.h"
#include "dsa/directory/entry.h"
#include "mapping/match.h"

/* The mail domains of a forest: the configured ones, or, without any, the domain's own name. */
struct own_domains {
	char *const *v;
	size_t n;
	const char *dns; /* "acme.example", or NULL */
};
struct own_domains own_domains_of(const struct conf_forest *f, const char *domain_dns);
/* Is ADDRESS (without type) in one of them? */
bool own_domains_have(const struct own_domains *o, struct bytes address);

/* Is it evidence by METHOD that TARGET was found under VALUE, which the source object has? OWN are
 * the source's domains. For softer rules it is true, but sam-account-name finds no groups: who
 * makes a group chooses its name. */
bool evidence_holds(enum match_method method, const struct entry *target, struct bytes value,
    const struct own_domains *own);
/* Does E itself have ADDRESS (without type), and does mail to it not merely go on to there? */
bool evidence_has_address(const struct entry *e, struct bytes address);
/* TARGET's stamp names SOURCE, but no record does: does anything else agree? Its sIDHistory, its
 * X500 names, its primary address; or an X500 name of SOURCE for it, which galsync wrote there. */
bool evidence_agrees(const struct entry *source, const struct entry *target);
/* Must an operator approve that METHOD found TARGET for the first time? */
bool evidence_needs_approval(enum match_method method, const struct entry *target);
/* May TARGET, found by METHOD for the first time, be matched where it lies: below one of LINK's
 * match_bases, if there are any? What carries the stamp may lie in the target_ou of a scope too. */
bool evidence_is_in_place(
    const struct conf_link *link, enum match_method method, const char *target_dn);

#endif
