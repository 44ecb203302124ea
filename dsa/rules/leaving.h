/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_LEAVING_H
#define GALSYNC_RULES_LEAVING_H

/*
 * What happens to a counterpart whose source left: it was deleted, or it is not in scope any more.
 * Pure. The first line that applies decides:
 *
 *   the source is there, an answer lacked it           MISSED: it did not leave
 *   no counterpart here, perhaps on another server     LATER
 *   no counterpart                                     FORGET: its record alone goes
 *   the owner uses the counterpart                     FINISH: the source ends as planned
 *   on_leave = keep                                    KEEP
 *   a foreign value where its stamp belongs            FOREIGN: left alone until that is gone
 *   on_leave = delete, created by galsync, and the     DELETE
 *   source is proved to be gone, unless objects below
 *   the counterpart stay
 *   on_leave = disable, an enabled account created     DISABLE, which hides too
 *   anything else                                      HIDE
 *
 * When the source is gone for good, what was matched, or is in use, lives on by itself. Where
 * natives get return contacts it is one of them: galsync's stamp goes, and so does the redirection
 * of its mailbox to the one that is no more.
 *
 * What was matched is never deleted or disabled: its account belongs to others. What is still
 * there, though out of scope or hidden, may come back: its counterpart is hidden, and deleted when
 * the source is.
 *
 *   feed -> entry -> [match] -> project -> diff -> plan -> exec -> record
 */

#include "dsa/config/conf.h"
#include "dsa/directory/change.h"
#include "dsa/directory/entry.h"
#include "dsa/rules/scope.h"
#include "mapping/record.h"
#include "redirect/active_side.h"

enum leaving {
	LEAVING_MISSED,
	LEAVING_LATER,
	LEAVING_FORGET,
	LEAVING_FINISH,
	LEAVING_KEEP,
	LEAVING_FOREIGN, /* and it is no one that left yet */
	LEAVING_HIDE,
	LEAVING_DISABLE,
	LEAVING_DELETE,
	LEAVING_MAX
};

struct leaving_facts {
	enum leave_action action; /* leaving_action() */
	bool gone;		  /* the source is there no more, by its GUID too */
	bool missed;		  /* the source is there by its GUID, but no search gave it */
	bool may_come;		  /* TARGET may be on another server and not here yet */
	bool foreign;		  /* TARGET's stamp attribute has a value that is no stamp */
	bool children;		  /* there are objects below TARGET, and they stay */
	bool shared;		  /* TARGET is an object of another link too */
	const struct record *record;
	const struct entry *target; /* NULL: it is not there, or not the counterpart any more */
	struct active_side active;  /* of both objects as they are */
};

/* The on_leave of the scope that the source of RECORD was in, by its last DN and its kind. If no
 * scope is configured for it any more: the mildest one of the link's. If the source is out of scope
 * (WHY) because it is the counterpart of another link's source object it did not leave: KEEP. The
 * object it led to may be that very source object. */
enum leave_action leaving_action(
    const struct conf_link *link, const struct record *record, enum scope_verdict why);
/* Are objects below the counterpart of RECORD deleted with it (delete_children)? The scope as
 * above; without one only if all of the link's say so. */
bool leaving_deletes_children(const struct conf_link *link, const struct record *record);
enum leaving leaving_judge(const struct leaving_facts *f);
/* Does the owner use the counterpart's mailbox? As its source ends, one witness that says so is
 * enough to keep it, whatever redirections are left. */
bool leaving_is_in_use(const struct active_side *a);
/* What became of the counterpart, for messages: "is deleted". */
const char *leaving_text(enum leaving l);
/* What L does to the counterpart TARGET, owned by the caller; *RET NULL if it is nothing, because
 * the counterpart is hidden already too. */
int leaving_change(
    enum leaving l, const struct entry *target, struct change **ret, struct err *err) MUST_CHECK;
/* Is the counterpart a native of LINK's return flow after L? */
bool leaving_lets_go(const struct conf_link *link, enum leaving l, const struct leaving_facts *f);
/* Adds to C what takes off the counterpart what galsync has put there for LINK: the stamp, and the
 * redirection of a mailbox to the source; of one in use also that it is hidden, if galsync did
 * that.
 */
int leaving_let_go(const struct conf_link *link, enum leaving l, const struct leaving_facts *f,
    struct change *c, struct err *err) MUST_CHECK;
/* Makes RECORD that of one that left. TARGET is the counterpart as it was before, or NULL. A hidden
 * one is remembered as hidden by galsync, so that it is shown again when the source comes back, but
 * for one that was matched and hidden before. */
int leaving_note(
    enum leaving l, const struct entry *target, struct record *record, struct err *err) MUST_CHECK;

#endif
