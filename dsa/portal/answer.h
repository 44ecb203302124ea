/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_PORTAL_ANSWER_H
#define GALSYNC_PORTAL_ANSWER_H

/* The answer to a request: what is read, as a page, as JSON or as CSV. */

#include "dsa/portal/source.h"

struct answer {
	unsigned status; /* of HTTP */
	const char *type;
	bool lasts; /* it is part of the program, and may be kept for a while */
	struct buf body;
};
static inline void
answer_donep(struct answer *a)
{
	buf_done(&a->body);
}

/* RET must be empty. Without memory its body has failed. */
void answer_make(struct source *s, const struct portal_request *r, struct answer *ret);
/* What is wrong with a request, or with the portal, as a page. TEXT may be of others. */
void answer_error(unsigned status, const char *text, struct answer *ret);

#endif
