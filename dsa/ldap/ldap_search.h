/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_LDAP_LDAP_SEARCH_H
#define GALSYNC_LDAP_LDAP_SEARCH_H

/* Reads within one session: nothing here opens another one. */

#include "dsa/directory/dir.h"
#include "dsa/ldap/ldap_session.h"

/* LDAP_SERVER_SHOW_DELETED_OID of MS-ADTS. */
#define LDAP_CONTROL_SHOW_DELETED "1.2.840.113556.1.4.417"
/* LDAP_SERVER_SHOW_DEACTIVATED_LINK_OID: with the recycle bin, the references of what is deleted.
 */
#define LDAP_CONTROL_SHOW_DEACTIVATED_LINK "1.2.840.113556.1.4.2065"

/* The query of dir.h's search. *DELIVERED is set when an entry was delivered. */
int ldap_search_once(struct ldap_session *s, const struct dir_query *q, dir_entry_fn *fn, void *arg,
    bool *delivered, struct err *err) MUST_CHECK;
/* The entry NAME (a DN or "<GUID=...>"); *RET is NULL if there is none. */
int ldap_read_once(struct ldap_session *s, const char *name, const char *const *attrs,
    struct entry **ret, struct err *err) MUST_CHECK;
/* highestCommittedUSN now. */
int ldap_read_usn(struct ldap_session *s, uint64_t *ret, struct err *err) MUST_CHECK;
/* The entry in M. Attributes are named as the server names them; ranges are left as they are. */
int ldap_search_convert(
    struct ldap_session *s, LDAPMessage *m, struct entry **ret, struct err *err) MUST_CHECK;

#endif
