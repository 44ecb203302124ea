/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_LDAP_DISCOVER_H
#define GALSYNC_LDAP_DISCOVER_H

/*
 * Finds the domain controllers of a domain by their SRV records (MS-ADTS 6.3.2.3): those of the
 * site first, if one is given (_ldap._tcp.<site>._sites.dc._msdcs.<domain>), then all
 * (_ldap._tcp.dc._msdcs.<domain>), each group in the order of RFC 2782: by priority, and among
 * equals at random in proportion to their weight.
 */

#include <stddef.h>

#include "dsa/base/err.h"
#include "dsa/base/mem.h"

/* A list of LDAP URLs, ended by NULL. */
void discover_free(char **urls);
DEFINE_CLEANUP(char **, discover_free)
/* Finds them. SITE may be NULL. LDAPS: URLs of the TLS port 636 instead of the port in the record.
 * Blocks for some seconds at most. -1 if there are none, or if no name server answers. */
int discover_servers(
    const char *domain, const char *site, bool ldaps, char ***ret, struct err *err) MUST_CHECK;

#endif
