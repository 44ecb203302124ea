/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_REDIRECT_TENANT_H
#define GALSYNC_REDIRECT_TENANT_H

/*
 * The way to a mailbox in the tenant of a hybrid organization. Pure. Its object in the organization
 * has a targetAddress in the routing domain, which leads to the tenant and to nothing else. That is
 * no redirection: it is where the mailbox lies.
 *
 *   the mailbox is   its targetAddress
 *   active           the address in the routing domain
 *   passive          the redirect address of the other side, as of any mailbox
 *
 * So that the way back to the tenant is not forgotten while it redirects, its proxyAddresses have
 * the address in the routing domain at any time, and nothing else may take its place in
 * targetAddress before they do.
 */

#include <stdbool.h>

#include "dsa/directory/entry.h"

/* The address of E in the routing DOMAIN, without type: its targetAddress, else the first of its
 * proxyAddresses by the alphabet. NULL: it has none, or there is no DOMAIN (NULL). Borrowed from E.
 */
const char *tenant_route(const struct entry *e, const char *domain);
/* Do the proxyAddresses of E have the address in the routing DOMAIN, so that targetAddress may lead
 * elsewhere? */
bool tenant_keeps_route(const struct entry *e, const char *domain);

#endif
