/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_LDAP_LDAP_MEM_H
#define GALSYNC_LDAP_LDAP_MEM_H

/* libldap's memory: cleanups of locals, and its want of const. Its types stay in this room. */

#include <ldap.h>

#include <stdint.h>

#include "dsa/base/mem.h"

/* libldap takes pointers to char for what it only reads. */
static inline void *
ldap_unconst(const void *p)
{
	return (void *)(uintptr_t)p;
}

static inline void
ldap_msgfreep(LDAPMessage **m)
{
	(void)ldap_msgfree(*m);
}

static inline void
ldap_memfreep(char **p)
{
	ldap_memfree(*p);
}

static inline void
ldap_controls_freep(LDAPControl ***c)
{
	ldap_controls_free(*c);
}

#endif
