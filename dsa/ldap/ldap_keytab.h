/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_LDAP_LDAP_KEYTAB_H
#define GALSYNC_LDAP_LDAP_KEYTAB_H

/* What can be said of a keytab before a KDC is asked. */

#include <stdbool.h>
#include <stddef.h>

#include "dsa/directory/dir_conf.h"

/* Has the keytab of CONF keys of its principal, but none for AES? Then today's KDCs give no ticket
 * for it, and TEXT says so and what to do. False too if there is no keytab or it cannot be read:
 * the login says that. */
bool ldap_keytab_lacks_aes(const struct dir_conf *conf, char *text, size_t size);

#endif
