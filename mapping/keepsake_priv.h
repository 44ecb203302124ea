/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_MAPPING_KEEPSAKE_PRIV_H
#define GALSYNC_MAPPING_KEEPSAKE_PRIV_H

/*
 * The text of the file of keepsake.h, format 1: JSON, an item a line.
 *
 *   {"format":1,"last_wave":7,"last_event":12,"links":[
 *   {"name":"acme-globex",
 *   "waves":[
 *   {"id":7,"name":"Sales","undo":false,"state":"planned","at":1700000000,...}],
 *   "mailboxes":[
 *   {"wave":7,"source":"<GUID>","dn":"CN=Jo,...","line":2,"result":"open","at":0,"text":""}],
 *   "verdicts":[...],"spent":[...],"events":[...],"resolutions":[...],"clients":[...]}
 *   ]}
 *
 * The links stand in the order of their numbers. The fields of an item are those of its section
 * (keepsake_fields.c): all of them, and no others; only the target of a verdict that is about none
 * is left out. The section of resolutions came later: a file without it has none. Times are seconds
 * since the epoch, 0: not yet.
 */

#include <jansson.h>

#include "mapping/client_report.h"
#include "mapping/event.h"
#include "mapping/held.h"
#include "mapping/keepsake.h"
#include "mapping/resolution.h"
#include "mapping/wave.h"

#define KEEPSAKE_FORMAT 1
#define KEEPSAKE_TAKEN "taken/%u" /* a counter of the map by link: keepsake_taken_at() */

/* What a section's items are, as structs. */
struct keepsake_mailbox {
	uint32_t wave;
	struct wave_member m;
};
struct keepsake_verdict {
	struct store_held h;
	char *dn; /* of the source object if the map knows it: for who reads the file */
};

enum keepsake_part {
	KEEPSAKE_WAVES,	    /* struct wave */
	KEEPSAKE_MAILBOXES, /* behind the waves that have them */
	KEEPSAKE_VERDICTS,
	KEEPSAKE_SPENT,	      /* struct store_spent */
	KEEPSAKE_EVENTS,      /* struct store_event */
	KEEPSAKE_RESOLUTIONS, /* struct resolution; older files do not have it */
	KEEPSAKE_CLIENTS,     /* struct client_report; a link without any has no such section */
	KEEPSAKE_PARTS
};
const char *keepsake_part_name(enum keepsake_part p);
/* An item of P as JSON; NULL without memory. */
json_t *keepsake_item(enum keepsake_part p, const void *item) MUST_CHECK;
/* The other way, into a zeroed struct, whose texts are the caller's then, also after an error:
 * ERR_DATA with the field, what it is and what is allowed. */
int keepsake_parse_item(
    enum keepsake_part p, const json_t *json, void *ret, struct err *err) MUST_CHECK;
/* Frees the texts. */
void keepsake_item_done(enum keepsake_part p, void *item);

/* The text of what T's map holds. */
int keepsake_compose(struct store_txn *t, struct buf *ret, struct err *err) MUST_CHECK;
/* Puts what TEXT says into T's map, which is new, or with IS_COPY a copy of before: its own state
 * is replaced then. ERR_DATA: the text cannot be taken, with place and reason; T is to be aborted.
 */
int keepsake_take(struct store_txn *t, struct bytes text, bool is_copy, struct keepsake_counts *ret,
    struct err *err) MUST_CHECK;
/* For a copy without a file: forgets approvals and cancels waves that are due at NOW. */
int keepsake_distrust(
    struct store_txn *t, int64_t now, struct keepsake_counts *ret, struct err *err) MUST_CHECK;

#endif
