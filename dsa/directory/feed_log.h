/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DIRECTORY_FEED_LOG_H
#define GALSYNC_DIRECTORY_FEED_LOG_H

/*
 * What the feed of one server told, in memory, for all that have a cursor of it:
 *
 *   [feed] -> entry -> match -> project -> diff -> plan -> exec -> record
 *
 *   told      a  b  c  d  e  f  g        objects that changed, in the order of the questions
 *             ^        ^        ^
 *   cursors   K        L        N, head
 *
 * A flow with cursor L has not heard of d to g. The log goes on where its head is: the server is
 * asked from there on, and what it tells is put behind the rest, for all. A cursor that the log
 * does not know is asked with by itself; the answer is another way to the same present, and joins
 * the log:
 *
 *   question   told        then
 *   head->N    anything    it is for all, N is the head
 *   K->N       anything    N stands at the end
 *   K->N       nothing     and so does K
 *   K->N       anything    it is for all, N is the head, if there was no log yet
 *
 * N may stand at the end: what changes after N changes after the head too, which was given out
 * before K was asked with.
 *
 * So all questions are asked one after the other, of one server (a database instance: USNs and
 * cookies of two servers are in no order), each about all attributes that any flow has wanted so
 * far. A flow that wants more than was asked about when its cursor was put there does not find it.
 * Nothing here asks, and nothing depends on what the log knows: a cursor that it does not know, or
 * does not know any more, is as good as ever.
 */

#include "dsa/directory/dir.h"

/* More than so many changes are not kept, nor more than so many cursors: those that were not used
 * for the longest time go. */
#define FEED_LOG_CHANGES 8192
#define FEED_LOG_CURSORS 1024

struct feed_log;

/* What one question brought. Begins with zeros. */
struct feed_told {
	struct feed_object *v;
	size_t n, cap;
	bool many; /* more than FEED_LOG_CHANGES: V has not all of them */
};
void feed_told_done(struct feed_told *t);
static inline void
feed_told_donep(struct feed_told *t)
{
	feed_told_done(t);
}
/* -1 without memory. */
int feed_told_add(struct feed_told *t, const struct dir_change *c) MUST_CHECK;

/* NULL without memory. */
struct feed_log *feed_log_new(void) MUST_CHECK;
void feed_log_free(struct feed_log *l);
DEFINE_CLEANUP(struct feed_log *, feed_log_free)
/* Knows nothing any more but the attributes. */
void feed_log_forget(struct feed_log *l);

/* The next questions are about the changes of ATTRS (NULL-terminated) too. -1 without memory. */
int feed_log_want(struct feed_log *l, const char *const *attrs) MUST_CHECK;
/* All attributes that are wanted, NULL-terminated; valid until the next want(). */
const char *const *feed_log_attrs(const struct feed_log *l);

/* Where the next question for everyone begins, valid until the log changes; empty: there is no log
 * yet. */
struct bytes feed_log_head(const struct feed_log *l);
/* Does the log know CURSOR, and what happened to ATTRS since? *RET_FROM is then what it has not
 * heard, for feed_log_tell(). */
bool feed_log_find(
    struct feed_log *l, struct bytes cursor, const char *const *attrs, uint64_t *ret_from);
/* Tells FN what is in the log from FROM on. The name of an object is not kept: it is "". */
int feed_log_tell(const struct feed_log *l, uint64_t from, dir_change_fn *fn, void *arg,
    struct err *err) MUST_CHECK;
/* The server was asked from cursor FROM on (empty: only for a cursor), about all attributes that
 * are wanted, and told TOLD and cursor TO.
 * True if that is for everyone: TO is the head now. -1 without memory; then all is forgotten. */
int feed_log_add(struct feed_log *l, struct bytes from, const struct feed_told *told,
    struct bytes to) MUST_CHECK;

#endif
