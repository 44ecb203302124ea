/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_VERBS_WHO_H
#define GALSYNC_DAEMON_VERBS_WHO_H

/*
 * The objects that a request names, by anything store_lookup_who() knows. A list with a mistake in
 * it is refused whole, with all its mistakes: PROBLEMS is a JSON array of them, or NULL when there
 * was no memory for one.
 */

#include "dsa/daemon/verbs.h"

/* What a request may name: the longest answer about so many fits into CONTROL_PENDING_MAX. */
#define VERBS_OBJECTS_MAX 10000

/* How many OBJECTS has; 0 if that is no list, or one of a wrong length: C is refused. */
size_t verbs_count(struct client *c, const json_t *objects);
/* The source object of LINK that WHO names. With FRESH it may be a GUID that the map does not know
 * yet, or the DN of an object in conflict. False with the reason in WHY. */
bool verbs_identify_one(struct verbs *v, const char *link, const char *who, bool fresh,
    struct guid *ret, char *why, size_t size);
/* The same for every one of OBJECTS into G, which has room for them; what is wrong is put into
 * PROBLEMS, all of it. */
void verbs_identify(struct verbs *v, const char *link, const json_t *objects, bool fresh,
    struct guid *g, json_t **problems);
/* Puts into PROBLEMS that WHO, as the client wrote it, cannot be taken, and WHY. */
void verbs_problem(json_t **problems, const char *who, const char *why);
/* Refuses a list of OF objects, "WHAT: ...", if it has PROBLEMS (taken over), or they are NULL. */
bool verbs_refuse_list(struct client *c, json_t *problems, size_t of, const char *what);

#endif
