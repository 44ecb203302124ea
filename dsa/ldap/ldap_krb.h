/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_LDAP_LDAP_KRB_H
#define GALSYNC_LDAP_LDAP_KRB_H

/* The Kerberos identity of one directory: its tickets, in a credential cache of their own. */

#include "dsa/base/err.h"
#include "dsa/directory/dir_conf.h"
#include "dsa/ldap/ldap_cancel.h"

struct ldap_krb;

/* Makes sure that *K (NULL at first) holds a ticket-granting ticket of the principal of CONF, by
 * its keytab, good for ten more minutes, and if HOST is given, the ticket for that host's ldap
 * service. Waits for the KDC as long as libkrb5 does (half a minute if none answers), or until it
 * is cancelled; *K is NULL then. */
int ldap_krb_ticket(struct ldap_krb **k, const struct dir_conf *conf, const char *host,
    const struct ldap_cancel *cancel, struct err *err) MUST_CHECK;
/* The name of the credential cache, as in KRB5CCNAME; valid until the next ldap_krb_ticket(). */
const char *ldap_krb_cache(const struct ldap_krb *k);
/* The tickets are taken anew the next time. */
void ldap_krb_forget(struct ldap_krb *k);
void ldap_krb_free(struct ldap_krb *k);
DEFINE_CLEANUP(struct ldap_krb *, ldap_krb_free)

#endif
