/* SPDX-License-Identifier: MIT */
#include "dsa/ldap/ldap_cancel.h"

#include <sys/eventfd.h>

int
ldap_cancel_init(struct ldap_cancel *c, struct err *err)
{
	c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return c->wake_fd < 0 ? err_sys(err, errno, "eventfd") : 0;
}

void
ldap_cancel_done(struct ldap_cancel *c)
{
	closep(&c->wake_fd);
	c->wake_fd = -1;
}

void
ldap_cancel_set(struct ldap_cancel *c)
{
	atomic_store(&c->cancelled, true);
	/* It fails only when it is readable anyway. */
	(void)eventfd_write(c->wake_fd, 1);
}

bool
ldap_cancel_is_set(const struct ldap_cancel *c)
{
	return atomic_load(&c->cancelled);
}

int
ldap_cancel_check(const struct ldap_cancel *c, struct err *err)
{
	return ldap_cancel_is_set(c)
		   ? err_set(err, ERR_SYS, ERR_LINK, ERR_LATER, ECANCELED, "cancelled")
		   : 0;
}
