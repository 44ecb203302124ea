/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_CHANGE_H
#define GALSYNC_VIEW_VIEW_CHANGE_H

/*
 * A change that galsync made, or tried to, as JSON: an item of `galsyncctl --json history`. Its
 * members, in this order:
 *
 *   number      of the change, by which `undo` takes it back
 *   cycle       the run it belongs to
 *   at          when it was about to be made; text in UTC
 *   link        name of the link
 *   origin      "source" or "target": the side of the original of its correspondence
 *   side        "source" or "target" of the link: where it was made
 *   forest      the DNS name of the domain it was made in
 *   server      dnsHostName of the domain controller, or ""
 *   dn          of the object
 *   guid        of the object; all zeros for one that was created
 *   original    GUID of the original of its correspondence; all zeros: it is about none, or several
 *   operation   "add", "modify", "rename", "delete", or "resolve": an operator said what becomes
 *               of an object in conflict (mapping/resolution.h), and nothing was written
 *   new_rdn, new_parent   of a rename; else null
 *   rule        why: "create", "project", "switch", ...
 *   asked_by    "user UID", "wave ID", or null: galsync by itself, or not known
 *   undoes      number of the change that it takes back, or null
 *   outcome     "done", "failed", "stale" (the object had changed, nothing was written), or "open"
 *   error       the server's words, or null
 *   attributes  a list of objects:
 *     name
 *     old       the values that it took away; of a delete all that there were
 *     new       the values that it put there
 *
 * A GUID and a SID are given as text, a large value by size and SHA-256 (value_text.h).
 */

#include <jansson.h>

#include "mapping/journal.h"

/* FLOW is the name of E's flow in the map. NULL without memory. */
json_t *view_change(const struct journal_entry *e, const char *flow) MUST_CHECK;

#endif
