/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_REDIRECT_ADDRESS_H
#define GALSYNC_REDIRECT_ADDRESS_H

/*
 * The algebra of proxyAddresses: pure functions over values. A value is "TYPE:address"; values are
 * compared without regard to case, but for an SMTP address the spelling of the type has a meaning:
 * "SMTP:" is the one primary address, "smtp:" a secondary one. X500 values carry every
 * legacyExchangeDN the object (or its counterpart) ever had and are never taken away, because old
 * replies and calendar items are addressed by them.
 *
 *   feed -> entry -> match -> [project] -> [diff] -> plan -> exec -> record
 */

#include <stdbool.h>
#include <stddef.h>

#include "dsa/base/err.h"
#include "dsa/base/mem.h"
#include "dsa/directory/change.h"
#include "dsa/directory/entry.h"

/* True if V is "smtp:..." in any case. */
bool address_is_smtp(struct bytes v);
/* True if V is "SMTP:...", exactly. */
bool address_is_primary(struct bytes v);
bool address_is_x500(struct bytes v);
/* True if V is "sip:..." in any case: an object has one at most. */
bool address_is_sip(struct bytes v);
/* The part behind the type's colon; V itself if there is no colon. Borrowed. */
struct bytes address_value(struct bytes v);
/* True if V is an SMTP address (with type) in mail domain DOMAIN. */
bool address_in_domain(struct bytes v, const char *domain);
/* The primary SMTP address without its type, or NULL: primary_of(). Borrowed from E. */
const char *address_primary(const struct entry *e);
/* The legacyExchangeDN NAME as an X500 value, "X500:" before it, owned by the caller. NULL: no
 * memory. */
char *address_x500_of(const char *name) MUST_CHECK;
/* True if LOCAL is usable as the local part of an SMTP address (RFC 5321 dot-string). */
bool address_local_ok(const char *local);

/* Is V worth copying: "TYPE:address" of UTF-8 without control characters; of an SMTP address a
 * local part and a domain (RFC 5321, or RFC 6531 with other letters), of an X500 one a name that
 * begins with "/"? Directories take anything. */
bool address_is_well_formed(struct bytes v);
/* The same of an SMTP address without type. */
bool address_smtp_ok(struct bytes address);

/* Is V the SMTP address (with type) of an office and not of a person: postmaster, hostmaster, abuse
 * and the like (RFC 2142), to which certificate authorities send what proves a domain's owner? */
bool address_is_office(struct bytes v);

/* A list of values under construction; values are owned and have a NUL behind them. */
struct address_list {
	struct bytes *values;
	size_t n, cap;
};
void address_list_done(struct address_list *l);
static inline void
address_list_donep(struct address_list *l)
{
	address_list_done(l);
}
/* Adds a copy of V unless an equal one (ignoring case) is there. An "SMTP:" value replaces an equal
 * "smtp:" one. */
int address_list_add(struct address_list *l, struct bytes v) MUST_CHECK;
int address_list_addf(struct address_list *l, const char *fmt, ...) PRINTF_LIKE(2, 3) MUST_CHECK;
/* The same of address_x500_of(NAME). */
int address_list_add_x500(struct address_list *l, const char *name) MUST_CHECK;
/* Index of the equal value (ignoring case), or -1. */
long address_list_find(const struct address_list *l, struct bytes v);

/* Makes PRIMARY (without type) the one primary of L: adds it if need be and demotes any other. */
int address_list_set_primary(struct address_list *l, const char *primary) MUST_CHECK;

/* Compares WANT (with at most one primary) with the PRESENT attribute (NULL: none) and adds the
 * value-level modifications of proxyAddresses to CHANGE:
 *   - what is wanted and absent is added; a wrong spelling of the type is turned, and the spelling
 *     of the address where MAY_REMOVE says so;
 *   - a present primary that is not the wanted one becomes secondary (if a primary is wanted);
 *   - what is present and not wanted is removed only if MAY_REMOVE says so, and X500 never is.
 * A second "sip:" value is never added. MAY_REMOVE is asked with the present value. */
typedef bool address_may_remove_fn(struct bytes present, void *arg);
int address_merge(const struct address_list *want, const struct attr *present,
    address_may_remove_fn *may_remove, void *arg, struct change *change) MUST_CHECK;

#endif
