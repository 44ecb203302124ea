/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_REDIRECT_EVENT_BODY_H
#define GALSYNC_REDIRECT_EVENT_BODY_H

/*
 * What a hook program is told of a turned mailbox, or of a recipient that was created, matched or
 * left, as a JSON object. Pure. The object is made when that is recorded, from both sides as they
 * were read then, and completed at each delivery.
 * Its members are documented in galsyncd(8).
 */

#include <jansson.h>

#include "dsa/base/mem.h"
#include "dsa/directory/entry.h"
#include "mapping/client_report.h"
#include "mapping/event.h"
#include "mapping/record.h"
#include "mapping/wave.h"

#define EVENT_BODY_VERSION 1

struct event_facts {
	enum event_kind kind;
	const char *link;
	enum side origin; /* TARGET: of the return flow, whose record has its sides turned */
	int64_t at;
	const char *forest[SIDES], *server[SIDES]; /* the DCs in use; may be NULL */
	const char *redirect_domain[SIDES];	   /* may be NULL */
	const struct record *record;		   /* as it is now, of its flow */
	const struct entry *side[SIDES];	   /* NULL: what the record knows must do */
	const struct client_report *client; /* EVENT_REPORTED: what was reported; else NULL */
};

/* Caller frees; NULL: no memory. Octets that are no UTF-8 are escaped (dsa/base/json.h). */
char *event_body(const struct event_facts *f) MUST_CHECK;
/* The same of a wave of LINK that has ended: W, with FAILURES (taken over), a list to which
 * event_wave_failure() added each of its mailboxes that failed, the first EVENT_WAVE_FAILURES. */
#define EVENT_WAVE_FAILURES 50
void event_wave_failure(json_t **list, const struct wave_member *m);
char *event_wave_body(const char *link, const struct wave *w, json_t *failures) MUST_CHECK;
/* BODY with the members "id", the same at each delivery of E and no other event's, and "attempt",
 * from 1, and a newline. NULL if BODY is no JSON object (or there is no memory). Caller frees. */
char *event_body_complete(const struct store_event *e) MUST_CHECK;

#endif
