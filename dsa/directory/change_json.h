/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DIRECTORY_CHANGE_JSON_H
#define GALSYNC_DIRECTORY_CHANGE_JSON_H

/*
 * Entries and changes as JSON, for plans that people and programs read, and back, strictly: what
 * was written comes back octet by octet, and what was not written so is an error that names the
 * place.
 *
 *   CHANGE   {"op":"add","dn":"...","entry":ENTRY}
 *            {"op":"modify","dn":"...","guid":"...","mods":[MOD,...]}
 *            {"op":"rename","dn":"...","guid":"...","new_rdn":"CN=...","new_parent":"OU=..."}
 *            {"op":"delete","dn":"...","guid":"..."}
 *   MOD      {"op":"add","attr":"title","values":[VALUE,...]}; op may be delete or replace too.
 *            What is deleted must be there, and what is added must not: the server refuses the
 *            change otherwise.
 *   ENTRY    {"dn":"...","guid":"...","attrs":{"title":[VALUE,...],...}}; without "guid" if it is
 *            still to be made
 *   VALUE    a text; or {"base64":"..."} of octets that are no UTF-8, or have a NUL among them
 *
 * "guid" is the objectGUID, by which the object is addressed; it is left out of a change of what is
 * only made by another change before it. "new_parent" is left out where the object stays where it
 * is.
 */

#include <jansson.h>

#include "dsa/directory/change.h"

/* NULL without memory. */
json_t *change_value_json(struct bytes v) MUST_CHECK;
json_t *change_entry_json(const struct entry *e) MUST_CHECK;
json_t *change_json(const struct change *c) MUST_CHECK;
/* The other way; ERR_DATA with the place, innermost first. */
int change_entry_of_json(const json_t *json, struct entry **ret, struct err *err) MUST_CHECK;
int change_of_json(const json_t *json, struct change **ret, struct err *err) MUST_CHECK;
/* The member NAME of JSON, a text; NULL with ERR_DATA if it is none, or has a NUL. */
const char *change_json_text(const json_t *json, const char *name, struct err *err) MUST_CHECK;

#endif
