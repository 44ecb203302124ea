/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BASE_JSON_H
#define GALSYNC_BASE_JSON_H

/*
 * JSON values out of ours, with Jansson.
 *
 * Jansson refuses text that is not UTF-8, and a container refuses a value that could not be made.
 *An object with a foreign name in it would then be missing from a list, and that would go
 *unnoticed. So no text is refused here, and an object or a list is either whole or NULL:
 *
 *	json_t *o = json_object();
 *
 *	json_put_member(&o, "dn", json_of_text(r->dn));
 *	json_put_member(&o, "since", json_of_time(r->since));
 *	return o;
 *
 * Every json_of_...() gives a new value, and NULL only without memory.
 */

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "dsa/base/err.h"
#include "dsa/base/mem.h"

static inline void
json_releasep(json_t **o)
{
	json_decref(*o);
}

/* The text S; null if S is NULL. An octet that belongs to no UTF-8 character (RFC 3629) is written
 * as \xHH, with a backslash; everything else stays. Jansson escapes what JSON wants escaped. */
json_t *json_of_text(const char *s) MUST_CHECK;
/* The same for octets, which may be none. */
json_t *json_of_octets(struct bytes v) MUST_CHECK;
/* An array of N texts. */
json_t *json_of_texts(char *const *v, size_t n) MUST_CHECK;
/* A number. Jansson's numbers end at INT64_MAX; what is larger becomes that. */
json_t *json_of_count(uint64_t n) MUST_CHECK;
/* Seconds since the epoch as text in UTC, "2024-05-01T20:00:00Z" (RFC 3339); null for 0, which is
 * never, and for a time outside the years 0 to 9999, for which RFC 3339 has no text. */
json_t *json_of_time(int64_t t) MUST_CHECK;

/* Adds the member NAME to the object *O, or an item to the array *A. VALUE is taken over. If VALUE
 * is NULL, or without memory, what was there is released, and *O or *A is NULL from then on. */
void json_put_member(json_t **o, const char *name, json_t *value);
void json_add_item(json_t **a, json_t *value);

/* For a strict reader. Is JSON an object with members of the first MUST of these N names, and of no
 * others than the N? ERR_DATA names the first that is missing, or too much. */
int json_check_members(const json_t *json, const char *const *names, size_t must, size_t n,
    struct err *err) MUST_CHECK;

#endif
