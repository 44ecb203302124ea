/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DIRECTORY_FEED_H
#define GALSYNC_DIRECTORY_FEED_H

/*
 * The feed, where the flow of a delta begins:
 *
 *   [feed] -> entry -> match -> project -> diff -> plan -> exec -> record
 *
 * These are its decisions: what a cursor is, what the server is to be asked to learn what happened
 * since, and when a cursor is of no use any more. Nothing here asks or writes; ldap_feed.c does.
 *
 *   decode  ->  next()  --LOOK-->  is there a DC of the cursor's instance?  -->  next()
 *                       --DIRSYNC-->  ask, refused for want of the right    -->  next()
 *                       --START, USN-->  ask, and the cursor of now
 *                       --NOTHING-->  the same cursor
 *                       --LOST-->  everything has to be read
 *
 * USNs are a DC's own (MS-ADTS 3.1.1.1.9): one says something only together with the invocationId
 * of the database it counts for. With the same invocationId it never goes back, unless the database
 * was replaced by an older copy of it by force.
 */

#include <stdbool.h>
#include <stdint.h>

#include "dsa/base/mem.h"
#include "dsa/directory/guid.h"

enum feed_way { FEED_DIRSYNC = 1, FEED_USN = 2 };

struct feed_cursor {
	enum feed_way way;
	char invocation[GUID_TEXT_SIZE]; /* of the DC that answered, "" if it did not show it */
	uint64_t usn;			 /* its highestCommittedUSN before it was asked */
	struct bytes cookie;		 /* of DirSync; borrowed */
};

/* False if RAW is no cursor of this version: damaged, or of another program. */
bool feed_cursor_decode(struct bytes raw, struct feed_cursor *ret) MUST_CHECK;
void feed_cursor_encode(const struct feed_cursor *c, struct buf *ret);

/* Whether any DC still has the database instance that a cursor names. */
enum feed_former { FEED_FORMER_UNKNOWN, FEED_FORMER_THERE, FEED_FORMER_GONE };

/* What is known of the server before it is asked. */
struct feed_server {
	const char *invocation; /* "" if it does not show it */
	uint64_t usn;		/* its highestCommittedUSN now */
	bool no_dirsync;	/* the account lacks the right */
	enum feed_former former;
};

enum feed_step {
	FEED_STEP_START,   /* there is no cursor: only one that stands for now is wanted */
	FEED_STEP_NOTHING, /* nothing was committed since: the cursor stands for now as well */
	FEED_STEP_LOOK,	   /* find out about FORMER first */
	FEED_STEP_DIRSYNC, /* ask with the cookie */
	FEED_STEP_USN,	   /* ask for every uSNChanged above the cursor's */
	FEED_STEP_LOST,	   /* the cursor is of no use */
};

/* What to do with cursor C (NULL: there is none). *RET_WHY, a constant, is set with LOST only. */
enum feed_step feed_next(
    const struct feed_cursor *c, const struct feed_server *s, const char **ret_why);

#endif
