/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_WORKER_H
#define GALSYNC_DAEMON_WORKER_H

/*
 * One link's worker: a thread with its own two directories that runs cycles one after the other, as
 * changes are notified, at the latest every interval_s, and again after a growing pause when one
 * failed. The main thread commands it and looks at its state; both never wait for each other.
 *
 * What changed the workers tell each other (shared_feed.h). When a notification or the interval
 * makes one of them ask a forest, the others hear of it and have that answer; so a forest is asked
 * once in an interval, whatever the number of links, and no link knows less than it would if it had
 * asked itself an interval ago. One worker that rests waits for the notifications of a forest, for
 * all of them.
 *
 *            +--------------- command, notification, interval ---------------+
 *            v                                                               |
 *         running --done--> idle --------------------------------------------+
 *            |   ^            |  ^
 *            |   +--pause over+  +--resume--- paused <--pause-- (after the running cycle)
 *            +--failed--> waiting (back-off with jitter)
 *
 * A cycle that fails is not an end: the worker says so once, tries again, and says once that it
 * works again. The first cycle after a start is a delta where the map's cursors allow it.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "dsa/base/err.h"
#include "dsa/config/conf.h"
#include "dsa/cycle/cycle.h"
#include "dsa/daemon/answers.h"
#include "dsa/exec/plan_choice.h"
#include "dsa/jobs/turn_run.h"
#include "dsa/jobs/undo_choose.h"
#include "dsa/run/shared_feed.h"
#include "dsa/view/view_worker.h"
#include "mapping/resolution.h"
#include "mapping/store.h"

struct worker;

/* What all workers have: everything outlives them. */
struct worker_shares {
	const struct conf *conf;
	struct store *store;
	struct shared_feeds *feeds; /* of CONF */
	int notify_fd; /* an eventfd that becomes readable when the state of a worker has changed */
};
/* Starts the worker of LINK, which is one of SHARES's configuration. */
int worker_start(const struct worker_shares *shares, const struct conf_link *link,
    struct worker **ret, struct err *err) MUST_CHECK;
/* Ends it: what is under way is reported as unknown and settled by the next start. Returns within
 * seconds. */
void worker_stop(struct worker *w);
DEFINE_CLEANUP(struct worker *, worker_stop)
const struct conf_link *worker_link(const struct worker *w);
/* A copy. */
void worker_get_state(struct worker *w, struct worker_state *ret);

void worker_pause(struct worker *w, bool pause);
/* A wave was planned or has another time: looks at its clock again. */
void worker_wake(struct worker *w);
/* Begins the next cycle now, unless it is paused. */
void worker_hurry(struct worker *w);
enum worker_request {
	REQUEST_FULL,
	REQUEST_OBJECT,
	REQUEST_PLAN,
	REQUEST_SWITCH,
	REQUEST_FORCED_SWITCH, /* whether Exchange has finished the mailbox or not */
	REQUEST_UNDO,
	REQUEST_TOGGLE,
	REQUEST_VERIFY,
	REQUEST_MOVE_READY,
	REQUEST_TRACE,
	REQUEST_EXPLAIN,
	REQUEST_FIND,
	REQUEST_MEMBERS,
	REQUEST_TOGGLE_PLAN,
	REQUEST_SWEEP,
	REQUEST_SWEEP_PLAN,
	REQUEST_REBUILD,
	REQUEST_REBUILD_PLAN,
	REQUEST_FINISH,
	REQUEST_FINISH_PLAN,
	REQUEST_ADOPT,
	REQUEST_ADOPT_PLAN,
	REQUEST_APPLY,
	REQUEST_LOOK,
	REQUEST_TOGETHER,
	REQUEST_TAKE_BACK, /* changes of the journal */
	REQUEST_TAKE_BACK_PLAN,
	REQUEST_RESOLVE /* a conflict */
};
/* The user BY asks for a cycle: a full one, or one about the N source objects OBJECTS (taken over);
 * or for a switch, undo or toggle of the N objects, or to verify them or look what they lack for a
 * native move, or all if N is 0, or to sweep leftovers of toggles, or to rebuild the map, or to
 * adopt, or to end the coexistence of them, or of all that are switched if N is 0; the _PLANs only
 * tell. Returns the number by which its end is known, or 0 if one is waiting already. A paused
 * worker carries it out too. */
uint64_t worker_request(
    struct worker *w, uid_t by, enum worker_request what, struct guid *objects, size_t n);
/* The same for a plan written to FD (taken over), a full one or, if OBJECT (taken over) is not
 * NULL, of what is about that; as LDIF or as the text of plan_text.h. */
uint64_t worker_request_plan(struct worker *w, enum plan_form form, struct guid *object, int fd);
/* The same for a cycle that makes the steps of CHOICE (taken over) alone. */
uint64_t worker_request_apply(struct worker *w, uid_t by, struct plan_choice *choice);
/* The same for a trace of ADDRESS (taken over) sent in the organizations FROM, a bit for each side.
 */
uint64_t worker_request_trace(struct worker *w, char *address, unsigned from);
/* The same for a look at what a turn of O's mailboxes needs (turn_look.h). What O lends is taken
 * over: its list, which is malloc'ed. */
uint64_t worker_request_look(struct worker *w, const struct turn_order *o);
/* The same to take the changes of the link that Q means back, or only to tell. WHO (taken over) is
 * a copy of Q's, or NULL. */
uint64_t worker_request_undo(
    struct worker *w, uid_t by, bool dry_run, const struct undo_query *q, char *who);
/* The same for an explanation of WHO, and of ATTRIBUTE or, NULL, of all of them (both taken over).
 */
uint64_t worker_request_explain(struct worker *w, char *who, char *attribute);
/* The same for who is called TEXT (taken over). */
uint64_t worker_request_find(struct worker *w, char *text);
/* The same for the members of GROUP (taken over): page PAGE, from 1 on, of SIZE. */
uint64_t worker_request_members(struct worker *w, struct guid *group, uint64_t page, uint64_t size);
/* The same to say about the conflict of WHO what AS says, with TARGET or NULL (both taken over). */
uint64_t worker_request_resolve(
    struct worker *w, uid_t by, char *who, enum resolved_as as, char *target);
/* The same for who must move together (together.h), of what BASE and FILTER select, or of the N
 * OBJECTS (all taken over). */
uint64_t worker_request_together(
    struct worker *w, char *base, char *filter, struct guid *objects, size_t n);
/* How request NUMBER ended, the caller's from now on; NULL if it has not, or was forgotten. */
struct worker_answer *worker_take_answer(struct worker *w, uint64_t number);
/* No client will ask for the answers up to NUMBER. */
void worker_forget_answers(struct worker *w, uint64_t number);

#endif
