/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_REDIRECT_MOVE_READY_H
#define GALSYNC_REDIRECT_MOVE_READY_H

/*
 * What a native move of a mailbox (Exchange's New-MoveRequest) needs, judged from both objects as
 * they are now and their record. Pure; each prerequisite that is missing is told with the object,
 * the attribute, what is there and what should be.
 *
 * The source is a mailbox, the target the mail user that was prepared for it: it carries the GUIDs
 * of the mailbox and of its archive, by which Exchange finds what it moves, all its addresses, and
 * the types of a mail user of another forest. While only the source has a mailbox it is the active
 * side (active_side.h), so that is not asked. A value of other people is a finding too: a cycle
 * does not overwrite it. Which of these Exchange itself would do without is not asked.
 */

#include <stdbool.h>
#include <stddef.h>

#include "dsa/base/mem.h"
#include "dsa/directory/entry.h"
#include "mapping/record.h"

/* Most are attributes and are called so. */
enum move_ready_need {
	MOVE_READY_OBJECT,	   /* both objects are there and are users */
	MOVE_READY_CORRESPONDENCE, /* written completely, without a conflict */
	MOVE_READY_HOME_MDB,	   /* the source has a mailbox and the target none */
	MOVE_READY_HOME_SERVER,
	MOVE_READY_MAIL,
	MOVE_READY_ALIAS,
	MOVE_READY_DISPLAY_NAME,
	MOVE_READY_CN,
	MOVE_READY_SAM,
	MOVE_READY_UPN,
	MOVE_READY_VERSION,
	MOVE_READY_MAILBOX_GUID, /* the source's */
	MOVE_READY_ARCHIVE_GUID, /* the source's, if it has an archive */
	MOVE_READY_ARCHIVE_NAME,
	MOVE_READY_CULTURE,	   /* the source's */
	MOVE_READY_DISPLAY_TYPE,   /* of a mail user, a room or equipment of another forest */
	MOVE_READY_TYPE_DETAILS,   /* of a mail user */
	MOVE_READY_TARGET_ADDRESS, /* an SMTP address of the source that is no address of the target
				    */
	/* The target has every other address of the source, its own redirect address, and every
	 * name of the source as X500; the source has the target's name as X500. */
	MOVE_READY_ADDRESSES,
	MOVE_READY_LEGACY_DN,
	MOVE_READY_MAX
};
/* The attribute; "object" and "correspondence" where it is none. */
const char *move_ready_name(enum move_ready_need need);

#define MOVE_READY_TEXT_SIZE 320

struct move_ready_finding {
	enum move_ready_need need;
	enum side side;		   /* of the object */
	const struct guid *source; /* of the correspondence */
	const char *dn;		   /* of the object; "" if it is not known */
	char there[MOVE_READY_TEXT_SIZE], want[MOVE_READY_TEXT_SIZE];
};

struct move_ready_env {
	const char *redirect_domain[SIDES]; /* or NULL */
	const char *toggle_domain;
	void (*found)(const struct move_ready_finding *f, void *arg);
	void *arg;
};
/* What has to be read of either side, NULL-terminated. */
extern const char *const move_ready_attrs[];

struct move_ready_pair {
	const struct record *record;
	const struct entry *side[SIDES]; /* NULL: it is gone */
	bool conflict;			 /* one is recorded */
};

/* True for a mailbox whose counterpart is a mail user: what a native move may be about. What was
 * moved already, has left or is not written yet is not. */
bool move_ready_concerns(const struct move_ready_pair *p);
/* Tells found() of each prerequisite that P lacks, whatever P is, and returns how many. */
size_t move_ready_judge(const struct move_ready_env *env, const struct move_ready_pair *p);

#endif
