/* SPDX-License-Identifier: MIT */
#include "dsa/daemon/admission.h"

#define TEXT(n) TEXT_OF(n)
#define TEXT_OF(n) #n

const char *
admission_refusal(enum control_right right, uid_t uid, const struct admission *now)
{
	if (uid == 0)
		return now->all < ADMISSION_ROOT ? NULL
						 : "too many clients: root has no place left";
	if (right == CONTROL_CHANGE)
		return now->all < ADMISSION_ADMINS
			   ? NULL
			   : "too many clients: the places of administrators are taken";
	if (now->of_user >= ADMISSION_OF_ONE)
		return "too many clients: a user has at most " TEXT(ADMISSION_OF_ONE) " of them";
	return now->all < ADMISSION_READERS
		   ? NULL
		   : "too many clients: at most " TEXT(ADMISSION_READERS) " are served";
}

bool
admission_may_end(enum control_right right, bool waits, int64_t idle_ms)
{
	return right != CONTROL_CHANGE && !waits && idle_ms >= ADMISSION_IDLE_MS;
}
