/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RUN_SHARED_FEED_H
#define GALSYNC_RUN_SHARED_FEED_H

/*
 * One feed for each forest and process, whatever the number of links and flows:
 *
 *   link 1, forward --+
 *   link 1, return  --+--> shared feed of a forest --> the directory of the flow that has to ask
 *   link 2, forward --+      (feed_log.h)
 *
 * It has no thread and no connection. A flow that wants to know what changed says how old the
 * answer may be. If the log has one, that is it; else the flow asks the server with its own
 * directory, from the head of the log on, and what the server tells is there for all. While one
 * asks, the others wait for that answer.
 *
 * It saves questions and nothing else. The cursor of a flow in the map is the truth of what that
 * flow has dealt with, and advances with the cycle of that flow only. A flow that does not fit asks
 * for itself, with its own cursor, as if there were no others:
 *
 *   - the log does not know the cursor: after a start, after a long pause;
 *   - the directory is connected to another server than the one that told the log: what one server
 *     knows another one may not have received yet, so that what is told by one and read on the
 *     other would be found unchanged. So there is a log for each server;
 *   - the server does not show which database instance it is;
 *   - the question that was waited for failed, or takes longer than a minute.
 *
 * What it hears of alone, the others are woken for: they ask when they need it, at the latest when
 * that question is answered, and with the cursor that one was given alone its next question joins
 * the log again.
 *
 * A cursor that the server does not take any more ends the log, not only the flow.
 */

#include "dsa/config/conf.h"
#include "dsa/directory/dir.h"

struct shared_feed;
struct shared_feeds;

/* Those of all forests of CONF, which outlives them. */
int shared_feeds_new(
    const struct conf *conf, struct shared_feeds **ret, struct err *err) MUST_CHECK;
void shared_feeds_free(struct shared_feeds *s);
DEFINE_CLEANUP(struct shared_feeds *, shared_feeds_free)
/* Of FOREST, which is one of CONF's; NULL if S is NULL. Two sections of one forest have two: with
 * other accounts, other servers. */
struct shared_feed *shared_feeds_of(struct shared_feeds *s, const struct conf_forest *forest);

struct shared_question {
	struct dir_since since;
	/* By the clock of clock_monotonic_us(): an answer that the server gave since then will do.
	 * 0: the server is asked now. */
	int64_t told_since_us;
	/* Called with a lock held: only takes down what it is told. Of an object that another one
	 * asked about there is no name. */
	dir_change_fn *fn;
	void *arg;
};
struct shared_answer {
	enum dir_feed feed;
	bool by_usn; /* how changes are found */
};

/* changes() of dir.h: the same promises to the one that asks, each object possibly more often. D is
 * a directory of the forest, opened before; *RET_CURSOR may be one that another one got. F NULL:
 * D is asked. */
int shared_feed_changes(struct shared_feed *f, struct dir *d, const struct shared_question *q,
    struct buf *ret_cursor, struct shared_answer *ret, struct err *err) MUST_CHECK;
/* A change of ours was made, or may have been: an answer from before it is too old. F may be NULL.
 */
void shared_feed_wrote(struct shared_feed *f);
/* For how many milliseconds the log of D's server has not been told what is new, or -1: there is
 * none, or F is NULL. */
int64_t shared_feed_age_ms(struct shared_feed *f, struct dir *d);

/* One that wants to know when another one has heard of changes. */
struct shared_listener {
	struct shared_listener *next;
	const struct dir *dir; /* with which it asks itself: of that it is not told */
	/* Called with a lock held, in any thread. */
	void (*fn)(void *arg);
	void *arg;
};
/* L belongs to the caller and stays where it is until it is taken away. F may be NULL. */
void shared_feed_listen(struct shared_feed *f, struct shared_listener *l);
void shared_feed_unlisten(struct shared_feed *f, struct shared_listener *l);

/*
 * A notification costs the server more the more clients wait for it, so one listener waits for all:
 *
 *   nobody --may_watch--> L watches --leave--> L is away --may_watch--> L watches
 *      ^                      |                   |
 *      +---- stop_watching ---+-------------------+--long, then may_watch by another--> that one
 *
 * It watches while it rests. What it is notified of it asks for, and with that it wakes the others.
 */

/* Is L the one that watches, from now on? L is at rest. True if F is NULL. */
bool shared_feed_may_watch(struct shared_feed *f, const struct shared_listener *l);
/* L, if it is the one, is at work: for a while it stays the one, because it comes back soon. */
void shared_feed_leave(struct shared_feed *f, const struct shared_listener *l);
/* L, if it is the one, cannot any more: the others are woken, and one of them takes over. */
void shared_feed_stop_watching(struct shared_feed *f, const struct shared_listener *l);

#endif
