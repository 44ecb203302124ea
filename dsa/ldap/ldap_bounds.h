/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_LDAP_LDAP_BOUNDS_H
#define GALSYNC_LDAP_LDAP_BOUNDS_H

/*
 * How much a server may make us do. What it says is not to be trusted before it has proved who it
 * is, and not without end afterwards. Whatever exceeds a bound ends the request or the session with
 * an error that says so, and is tried again later.
 *
 * - A message is not larger than LDAP_GREETING_MAX until the bind is over: answers to StartTLS and
 *   to the steps of a bind have at most the tokens of Kerberos, of 64 KiB. Later it is not larger
 *   than LDAP_MESSAGE_MAX. A message is one entry, so the size of a page does not matter, and that
 *   of a photo (AD: 100 KiB) or of a range (1,500 names) is far below. A server without ranges may
 *   give all members in one: there is room for 400,000 names of 160 octets.
 * - A page has no more entries than were asked for. A search has at most LDAP_ENTRIES_MAX entries,
 *   and at most LDAP_EMPTY_PAGES_MAX pages without one in a row (a server that looks at much and
 *   finds nothing gives some). Each page begins with another entry than the one before. A page
 *   without entries has another cookie than the one before.
 * - An attribute read by ranges has at most LDAP_VALUES_MAX values of at most
 * LDAP_VALUES_OCTETS_MAX octets together. Each range has at least one value, and no more than it
 * says.
 * - All messages that answer one request have at most LDAP_ANSWER_MAX octets together; what the
 *   server sends without having been asked counts with them.
 * - An answer need not be fast, but it must end. From the request on we wait for it LDAP_PATIENCE
 *   times as long as timeout_ms of the configuration, and longer by the time that the octets which
 *   came take at LDAP_LEAST_RATE octets a second, but not longer by more than LDAP_SLOW_MAX_S.
 *   timeout_ms itself is for silence: an octet now and then ends that, but not this. For answers to
 *   writes, of which several are under way, it is counted from the last answer.
 */

#include <lber.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LDAP_GREETING_MAX ((size_t)256 << 10)
#define LDAP_MESSAGE_MAX ((size_t)64 << 20)
#define LDAP_ANSWER_MAX ((uint64_t)4 << 30)
#define LDAP_ENTRIES_MAX 10000000U
#define LDAP_REFERENCES_MAX 10000U
#define LDAP_EMPTY_PAGES_MAX 1000U
#define LDAP_VALUES_MAX 2000000U
#define LDAP_VALUES_OCTETS_MAX ((size_t)256 << 20)
#define LDAP_PATIENCE 20
#define LDAP_LEAST_RATE 16384
#define LDAP_SLOW_MAX_S 3600

/* No message that comes through SB is larger than MAX octets from now on. False if libldap refuses
 * that. */
bool ldap_bounds_message(Sockbuf *sb, size_t max);

/* For how long an answer of which OCTETS have come is waited for. */
int64_t ldap_bounds_patience_ms(int timeout_ms, uint64_t octets);

/* The pages of one search. Begins as zeros. */
struct ldap_pages {
	uint64_t entries;	/* of all pages */
	uint64_t first, before; /* hashes of the first entries of this page and the one before */
	unsigned n, empty;	/* entries of this page; pages without one in a row */
};
/* An entry came. NAME is its DN; NULL where an object may be told again. */
void ldap_pages_entry(struct ldap_pages *p, const char *name);
/* The page has ended, and the server says that there is another one. SAME_COOKIE: as it said after
 * the one before. What is wrong with that, or NULL. */
const char *ldap_pages_turn(struct ldap_pages *p, bool same_cookie);

/* The values of one attribute that is read by ranges. Begins as zeros. */
struct ldap_values {
	uint64_t n, octets;
};
/* A range that says LOW to HIGH brought N values of OCTETS together, and is not the last. What is
 * wrong with that, or NULL. */
const char *ldap_values_more(
    struct ldap_values *v, uint64_t low, uint64_t high, uint64_t n, uint64_t octets);

#endif
