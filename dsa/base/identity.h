/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BASE_IDENTITY_H
#define GALSYNC_BASE_IDENTITY_H

/*
 * Root in another user's folder. Whatever user galsync puts into the state directory, a link to one
 * of root's files for instance, root would follow. So root takes on the identity of the folder's
 * owner (user, group, groups) before it opens anything there: then it can reach no more than the
 * owner can. For any other user, and in a folder of root's, this does nothing.
 */

#include "dsa/base/err.h"

/* As who owns DIR. A DIR that is not there has no owner, and changes nothing. FOR_GOOD: there is no
 * way back; else identity_return(). No thread may be running. */
int identity_take(const char *dir, bool for_good, struct err *err) MUST_CHECK;
/* As root again, if identity_take() changed that. A process that cannot is ended. */
void identity_return(void);

#endif
