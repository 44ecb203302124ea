/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_MAPPING_KEEPSAKE_H
#define GALSYNC_MAPPING_KEEPSAKE_H

/*
 * What only the map knows, kept beside it: one small file, DIR/memory.json, replaced as a whole
 * behind each transaction that changed any of it. If the map is lost, it goes into the new one.
 *
 * What becomes of each database when the map is lost (store.c has what is in them):
 *
 *   record, key      made again from the directories by the next full cycle, by the stamps. Not by
 *                    them: readiness that was used up. An object that is ready then has used it up
 *                    (dsa/rules/ready.h), so the flag itself need not be kept.
 *                    Nor by them: that a mailbox was finished for good. It is a switched one then,
 *                    and may be finished again, which is told when the map is new.
 *   cursor           may be lost: the next cycle is a full one
 *   waiting, wanted  made again by it; so are conflict and involved, but for since when
 *   retry            may be lost: what fails is tried, and fails, again
 *   operation        may be lost: the cycle puts half of a turn right by the state of both sides,
 *                    and removes the dummy addresses of toggles
 *   journal, outcome, open, about
 *                    may be lost with the map: they are what a copy of it is made for. Numbers of
 *                    changes and cycles begin again at 1.
 *   event            KEPT if it tells of a turn: the hook was not told yet; with the last number,
 *                    which is part of an event's id. What was created, matched or left the
 *                    directories show.
 *   wave, mailbox    KEPT while the wave is planned or running, with the results so far; and the
 *                    last number. Of those that are over only the map, and copies of it, know.
 *   client           KEPT: no directory has it any more, once a user's computer has reported again
 *   held             KEPT where an operator decided, a first match with the object that it was
 *                    about; what waits is found again
 *   resolution       KEPT
 *   spent            KEPT: else a lost map would open each limit anew
 *   meta             names of links are KEPT, because the rest is theirs; summaries and other
 *                    counters are made again
 *
 * That a link is paused is known to the running daemon alone.
 *
 * Who writes it: the thread whose commit changed something, under a lock, from a read transaction
 * that it begins then; so the file never has less than that commit, and threads that wait for the
 * lock find their own change written. What only makes the file shorter, and what may be done again
 * (an event was delivered, a mailbox of a wave has ended), may come a little later, so that the
 * file takes a small part of the time however large it is: with a later commit, or when the map is
 * closed. The file never makes a commit fail: it is told, and tried again.
 *
 * A crash between the commit and the file leaves an older file; the map is there then, the file is
 * not read, and the next start writes it again. The map and what was kept go together in one
 * transaction when they are taken up: a crash before it finds a new map again.
 *
 * A file that cannot be understood is never taken up in part: it is moved aside, to
 * memory.json.bad-TIME, and told with the place and the reason.
 *
 * A map that was put back from a copy (mapping/backup.h) is older than the file, and may be older
 * than what was done since. So the file's state replaces the copy's; what a copy alone says is not
 * acted on: approvals are forgotten (what they were about is held and asked again), waves that are
 * due are cancelled. Nothing that was under way is resumed, and the next cycle is a full one.
 */

#include <stdint.h>

#include "mapping/store.h"

#define KEEPSAKE_FILE "memory.json"

enum keepsake_news_kind {
	KEEPSAKE_TAKEN_UP,  /* the map is new: what the file has is in it */
	KEEPSAKE_PUT_BACK,  /* the map is a copy of before: the same, if FILE is not NULL */
	KEEPSAKE_BAD,	    /* ERR says why; it is called ASIDE now */
	KEEPSAKE_UNWRITTEN, /* ERR says why; tried again, and not told again until it works */
	KEEPSAKE_WRITTEN    /* it works again */
};
struct keepsake_counts {
	uint64_t links, waves, verdicts, events; /* taken up; what was said
						  * about conflicts counts as a verdict */
	uint64_t cancelled, forgotten;		 /* PUT_BACK: waves; approvals */
};
struct keepsake_news {
	enum keepsake_news_kind kind;
	const char *file, *aside;
	struct keepsake_counts counts;
	const struct err *err;
};
typedef void keepsake_fn(const struct keepsake_news *n, void *arg);

/* From now on, and until it is closed, the writable map S has its file. Takes up what the file has,
 * if the map is new (it knows no link) or a copy, before anything else is done; else only writes
 * the file if it differs. TELL is called from whichever thread it happens in, several at a time
 * maybe. -1: the map or the file cannot be read; then nothing was taken up, and nothing may be
 * done, lest the file be replaced. */
int keepsake_attach(struct store *s, keepsake_fn *tell, void *arg, struct err *err) MUST_CHECK;
/* When what was kept of LINK was last taken up, in seconds since the epoch; 0: it never was. */
int keepsake_taken_at(struct store_txn *t, uint32_t link, int64_t *ret, struct err *err) MUST_CHECK;

#endif
