/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_LDAP_LDAP_SERVERS_H
#define GALSYNC_LDAP_LDAP_SERVERS_H

/*
 * Which server. They are tried in the order of the list, with two exceptions: the server used last
 * comes first, because replication makes others lag behind what was written there, and a server
 * that stopped answering comes last.
 *
 * A server that answers "busy" to changes is left alone for a while, longer each time until it
 * takes one: without that, each attempt would find an open session, and the attempts would be over
 * in no time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsa/base/err.h"

/* Begins as zeros. */
struct ldap_servers {
	char *url;		    /* of the present session, or the last one tried; NULL: none */
	char *last_url, *avoid_url; /* the server used last; the one that stopped answering */
	int64_t opened_ms;	    /* when the former was chosen */
	bool returning;		    /* the servers are tried in the order of the list */
	bool rested;		    /* the present session has prolonged the rest already */
	int rest_ms;		    /* how long it is left alone; 0: it took a change since */
	int64_t rest_until_ms;
};

/* Opens a session with the server at URL. *FINAL: the next server would answer the same, at the
 * account's expense. */
typedef int ldap_servers_open_fn(const char *url, void *arg, bool *final, struct err *err);

/* NOW_MS is clock_monotonic_ms(), here and below. */

/* Tries the N servers of URLS until one opens. The error has the reason of each. */
int ldap_servers_open(struct ldap_servers *v, const char *const *urls, size_t n, int64_t now_ms,
    ldap_servers_open_fn *open, void *arg, struct err *err) MUST_CHECK;
/* The present server stopped answering, or said that it is busy. */
void ldap_servers_avoid(struct ldap_servers *v);
/* The present server took a change; BUSY: it said that it cannot take any now. */
void ldap_servers_answered(struct ldap_servers *v, bool busy, int64_t now_ms);
/* True if the present server, opened at least AFTER_S seconds ago, is another than FIRST: what that
 * one missed while it was away it has received by then. AFTER_S 0: never. */
bool ldap_servers_may_return(
    const struct ldap_servers *v, const char *first, int after_s, int64_t now_ms);
/* The next ldap_servers_open() goes by the order of the list alone. */
void ldap_servers_return(struct ldap_servers *v);
void ldap_servers_done(struct ldap_servers *v);

#endif
