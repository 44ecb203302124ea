/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BENCH_SESSION_H
#define GALSYNC_BENCH_SESSION_H

/* What the tools that speak LDAP by themselves share. They end with a word where something fails.
 */

#include <ldap.h>

double now_s(void);
_Noreturn void die(const char *what, int rc);
/* Binds with GSSAPI, by the ticket in the environment. */
LDAP *connect_to(const char *uri);

#endif
