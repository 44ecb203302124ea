/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_RECORD_H
#define GALSYNC_VIEW_VIEW_RECORD_H

/*
 * A correspondence as JSON: an item of `galsyncctl --json list`, `show`, `map lookup` and
 * `map export`. Its members, in this order:
 *
 *   link             name of the link
 *   origin           "source" or "target": the side of the original; of a return contact "target"
 *   kind             "user", "contact", ...: of the original (directory/kind.h)
 *   state            "pending", "synced", "waiting", "error", "left" or "finished"
 *   active           "source" or "target": whose mailbox the owner uses
 *   created          true: galsync created the other object; false: it was matched
 *   rule             how it was matched (mapping/match.h); "created" if it was created
 *   evidence         what matched, or ""
 *   source, target   both sides, objects:
 *     guid           as text; all zeros if there is no object yet
 *     dn             as last seen; "" if unknown
 *     sid            "S-1-5-...", or null
 *     legacy_exchange_dns   all that this side ever had, newest first
 *   alias            mailNickname of the original
 *   addresses        SMTP addresses of both sides without prefix, the original's primary one first
 *   created_at       when the correspondence was first seen; text in UTC (RFC 3339)
 *   synced_at        when it was last written, or null
 *   switched_at      when it was switched; null if it is not
 *   readiness_used   true: its readiness does not switch it any more (mapping/record.h)
 *   last_error       why the last write failed, or ""
 *   client           what the computers of its user reported (view_client.h): added by who has the
 *                    map
 */

#include <jansson.h>

#include "mapping/record.h"

/* A record as it is shown: a return flow's is seen from its own end in the map, and from that of
 * its link by people. */
struct view_turned {
	struct record r; /* shallow: what it points to is that of the record that was turned */
	enum side origin;
	char link[80];
};
/* FLOW is the name of R's flow in the map. */
void view_turn(const struct record *r, const char *flow, struct view_turned *ret);
/* Adds the members `link` and `origin` of the flow named FLOW to O. */
void view_put_flow(json_t **o, const char *flow);

/* FLOW is the name of RECORD's flow. NULL without memory. */
json_t *view_record(const struct record *record, const char *flow) MUST_CHECK;

#endif
