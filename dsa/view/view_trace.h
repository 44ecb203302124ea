/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_TRACE_H
#define GALSYNC_VIEW_VIEW_TRACE_H

/*
 * The way of a mail (redirect/trace.h) as JSON. The answer to `trace` has
 *
 *   address   that was asked for
 *   ways      a list with the way from each organization
 *   summary   null
 *
 * A way has, in this order:
 *
 *   from        forest in which the mail is sent
 *   ok          false: it ends nowhere, in a circle, or at two objects
 *   hops        a list, in the order in which they are met:
 *     depth     a hop comes from the last one before it that is one less deep
 *     forest    that has the mail
 *     step      what happens: "redirect", "mailbox", "dead-end", ... (redirect/trace.h)
 *     address   that was looked for; null for a member of a group and a forward
 *     kind, dn, guid   of the object; null if there is none
 *     to        where it is sent, the mailbox's database, or what is wrong; or null
 *     mailbox   of a mailbox in the map: "active" or "passive"; else null
 *     client    of a mailbox in the map of which something was reported: view_client.h
 *     note      why the object, or the address that nobody has, is in no correspondence; or null
 *     ok        false: it goes wrong here
 *     text      what happens, for people
 *   unlisted    how many hops there are beyond those
 *   count       an object: hops by step, of each step that there was
 */

#include <jansson.h>

#include "redirect/trace.h"

/* The way T of a mail that was sent in the organization FROM of ENV. NULL without memory. */
json_t *view_trace(const struct trace_env *env, enum side from, const struct trace *t) MUST_CHECK;
/* The answer's members; WAYS is taken over, and may be NULL without memory. */
json_t *view_trace_answer(const char *address, json_t *ways) MUST_CHECK;

#endif
