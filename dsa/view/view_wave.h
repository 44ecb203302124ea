/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_WAVE_H
#define GALSYNC_VIEW_VIEW_WAVE_H

/*
 * Waves and their mailboxes (mapping/wave.h) as JSON.
 *
 * An item of `galsyncctl --json wave list`, and what `wave show` prints, in this order:
 *
 *   id           number of the wave
 *   name         for people, or ""
 *   link         name of the link
 *   turn         "switch" or "undo"
 *   force        true: also mailboxes that Exchange has not finished
 *   state        "planned", "running", "done" or "cancelled"
 *   at           when it is due; text in UTC
 *   planned, started, ended   when it was; text in UTC, or null
 *   waits        what keeps it from going on, or ""
 *   mailboxes    how many it has; of them have ended
 *   done         well, and
 *   failed       not well
 *   results      of `wave show` only: a list with a mailbox each:
 *     line       in the file that it was planned with
 *     guid, dn   of the source object
 *     result     "open", "done" or "failed"
 *     at         when it ended; text in UTC, or null
 *     text       why it failed, or a remark, or ""
 *
 * The answer to `wave-plan`, `wave-cancel` and `wave-reschedule` has: wave (the number), link,
 * mailboxes, at; the latter two also ended (how many mailboxes have), before at.
 *
 * A line of a list that cannot be taken, in `problems` of `wave-add` and of `galsyncctl --json
 * wave`: line (its number), who (as it was given), text (what is wrong).
 */

#include <jansson.h>

#include "mapping/wave.h"

/* "open", "done", "failed". */
const char *view_wave_result_name(enum wave_result r);

/* The mailboxes of a wave. */
struct view_wave_members {
	struct wave_member *v;
	size_t n, cap;
};
void view_wave_members_done(struct view_wave_members *m);
static inline void
view_wave_members_donep(struct view_wave_members *m)
{
	view_wave_members_done(m);
}
/* Those of wave ID, in the order of their lines. RET must be empty and is the caller's to release,
 * also after a failure. */
int view_wave_members_read(
    struct store_txn *t, uint32_t id, struct view_wave_members *ret, struct err *err) MUST_CHECK;

/* What keeps the open wave W of LINK from going on, as the map and LINKS, what the daemon says of
 * its links (NULL: it does not answer), have it; "" if nothing does. Borrowed. */
const char *view_wave_waits(const json_t *links, const struct wave *w, const char *link);

/* All of these give NULL without memory. LINK is the name of W's link. */
json_t *view_wave(const struct wave *w, const char *link, const char *waits) MUST_CHECK;
/* The same with `results`. */
json_t *view_wave_show(const struct wave *w, const char *link, const char *waits,
    const struct view_wave_members *members) MUST_CHECK;
/* LINE is what the client said, also if that is no line. */
json_t *view_wave_problem(int64_t line, const char *who, const char *text) MUST_CHECK;
/* Adds to the answer *O (json_put_member()) what became of W; HAD: it was there before. */
void view_wave_answer(json_t **o, const struct wave *w, const char *link, bool had);

#endif
