/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_LDAP_LDAP_CANCEL_H
#define GALSYNC_LDAP_LDAP_CANCEL_H

/* The wish of another thread that every wait of a directory ends, now and later. */

#include <stdatomic.h>

#include "dsa/base/err.h"

struct ldap_cancel {
	atomic_bool cancelled;
	int wake_fd; /* an eventfd: readable once it is cancelled */
};

int ldap_cancel_init(struct ldap_cancel *c, struct err *err) MUST_CHECK;
void ldap_cancel_done(struct ldap_cancel *c);
/* From any thread, and for good. */
void ldap_cancel_set(struct ldap_cancel *c);
bool ldap_cancel_is_set(const struct ldap_cancel *c);
/* -1 with ECANCELED if it is cancelled. */
int ldap_cancel_check(const struct ldap_cancel *c, struct err *err) MUST_CHECK;

#endif
