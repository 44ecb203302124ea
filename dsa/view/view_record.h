/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_RECORD_H
#define GALSYNC_VIEW_VIEW_RECORD_H

/*
 * A correspondence as JSON: an item of `galsyncctl --json list`, `show`, `map lookup` and
 * `map export`. Its members, in this order:
 *
 *   link             name of the link
 *   kind             "user", "contact", ...: of the source object (directory/kind.h)
 *   state            "pending", "synced", "waiting", "error", "left" or "finished"
 *   active           "source" or "target": whose mailbox the owner uses
 *   created          true: galsync created the target object; false: it was matched
 *   rule             how it was matched (mapping/match.h); "created" if it was created
 *   evidence         what matched, or ""
 *   source, target   both sides, objects:
 *     guid           as text; all zeros if there is no object yet
 *     dn             as last seen; "" if unknown
 *     sid            "S-1-5-...", or null
 *     legacy_exchange_dns   all that this side ever had, newest first
 *   alias            mailNickname of the source
 *   addresses        SMTP addresses of both sides without prefix, the source's primary one first
 *   created_at       when the correspondence was first seen; text in UTC (RFC 3339)
 *   synced_at        when it was last written, or null
 *   switched_at      when it was switched; null if it is not
 *   readiness_used   true: its readiness does not switch it any more (mapping/record.h)
 *   last_error       why the last write failed, or ""
 */

#include <jansson.h>

#include "mapping/record.h"

/* LINK is the name of R's link. NULL without memory. */
json_t *view_record(const struct record *r, const char *link) MUST_CHECK;

#endif
