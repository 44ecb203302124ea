/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_VERBS_PRIV_H
#define GALSYNC_DAEMON_VERBS_PRIV_H

/* What the verbs_*.c share. A verb answers C at once, or refuses it, or lets it wait for a worker.
 */

#include "dsa/daemon/verbs.h"

typedef void verb_fn(struct verbs *v, struct client *c, const json_t *request);

verb_fn verb_resync, verb_switch, verb_undo_switch, verb_proxy_toggle, verb_verify, verb_trace;
verb_fn verb_approve, verb_reject;
verb_fn verb_wave_add, verb_wave_plan, verb_wave_cancel, verb_wave_reschedule;

/* The worker of the link that the request names; the only one if it names none. NULL: refused. */
struct worker *verbs_worker(struct verbs *v, struct client *c, const json_t *request);
/* C waits for request NUMBER of W (0: W has a request already, and C is refused). PLAN_FD, or -1,
 * is taken over: it is sent before the answer. */
void verbs_wait_for(struct client *c, struct worker *w, uint64_t number, int plan_fd);
/* What a request may name: the longest answer about so many fits into CONTROL_PENDING_MAX. */
#define VERBS_OBJECTS_MAX 10000
/* How many OBJECTS has; 0 if that is no list, or one of a wrong length: C is refused. */
size_t verbs_count(struct client *c, const json_t *objects);
/* Identifies every one of OBJECTS of LINK into G, which has room for them; with FRESH
 * also by GUIDs that the map does not know. What is wrong is put into PROBLEMS, all of it. */
void verbs_identify(struct verbs *v, const char *link, const json_t *objects, bool fresh,
    struct guid *g, json_t *problems);
/* Puts into PROBLEMS that WHO, as the client called him, cannot be taken, and WHY. */
void verbs_problem(json_t *problems, const char *who, const char *why);
/* Refuses a list of OF objects, "WHAT: ...", with its PROBLEMS. */
void verbs_refuse_list(struct client *c, json_t *problems, size_t of, const char *what);
/* The state of all workers. */
json_t *verbs_links(struct verbs *v);
json_t *verbs_number(uint64_t n);
/* As text, in UTC; null for 0. */
json_t *verbs_time(int64_t t);

#endif
