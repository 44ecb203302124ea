/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_LDAP_LDAP_H
#define GALSYNC_LDAP_LDAP_H

/*
 * The real directory: Active Directory over LDAP with libldap and libsasl2. See dir.h for what it
 * does; the essay in ldap.c says how connections, time-outs and the window of requests work.
 *
 *   [feed] -> [entry] -> match -> project -> diff -> plan -> [exec] -> record
 */

#include "dsa/base/err.h"
#include "dsa/directory/dir.h"
#include "dsa/directory/dir_conf.h"

/* Makes a closed directory. CONF and what it points to must outlive it. READ_ONLY: every submit()
 * is refused, whatever the caller wants (plan mode). */
int ldap_dir_new(
    const struct dir_conf *conf, bool read_only, struct dir **ret, struct err *err) MUST_CHECK;

#endif
