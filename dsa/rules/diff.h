/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_DIFF_H
#define GALSYNC_RULES_DIFF_H

/*
 * The difference between what is wanted and what is there, as one compare-and-set modify. Pure.
 *
 * A value is taken away only if galsync put it there (the record's `written` set), or if it is a
 * link to an object that is itself a counterpart, whose membership the source decides, or if the
 * table says that a created object has none (MEET_CLEAR). Everything else on the target belongs to
 * others and stays. The stamp takes the place of a stamp only.
 *
 * Of what flows back (IN->back) the same is true of the source object, by the values that galsync
 * wrote there. Of its links it takes only those away that the target had, too, since: a reference
 * that never made it to the target is no reason to lose it at the source.
 *
 * Values compare as the target's schema says. A value that differs in its spelling alone is the
 * same one: what galsync put gets the spelling of the source, that of others keeps its own where
 * there may be several values.
 *
 *   feed -> entry -> match -> project -> [diff] -> plan -> exec -> record
 */

#include "dsa/directory/change.h"
#include "dsa/directory/entry.h"
#include "dsa/rules/project.h"
#include "dsa/rules/table.h"

/* True if the target object named DN is the counterpart of some source object of this link. Not
 * asked of what flows back. */
typedef bool diff_is_ours_fn(const char *dn, void *arg);
/* The GUID of what is named DN on the side that is written. False: nothing knows it. */
typedef bool diff_who_fn(const char *dn, struct guid *ret, void *arg);

struct diff_in {
	const struct table *table;
	const struct project_in *in;
	unsigned when; /* one WHEN_ bit */
	const struct entry *want, *present;
	const struct record *record; /* the correspondence so far, or NULL */
	diff_is_ours_fn *is_ours;
	diff_who_fn *who; /* NULL: references are known by name */
	void *arg;	  /* of both */
};

/* Adds to CHANGE what turns D's PRESENT into WANT under the rows that apply. */
int diff_target(const struct diff_in *d, struct change *change, struct err *err) MUST_CHECK;
/* The record's new `written` set after CHANGE was made of D: what was written and is still wanted,
 * and what the change adds. On a created object everything wanted counts as written, but for what
 * is there in the spelling of others. Fills RECORD. */
int diff_note_written(const struct diff_in *d, const struct change *change, struct record *record,
    struct err *err) MUST_CHECK;
/* As what a reference under ATTR to the object G is remembered: an object that is renamed stays
 * what galsync referred to. */
uint64_t diff_link_hash(const char *attr, const struct guid *g);
/* As what it is remembered that galsync wrote a reference under ATTR on the target to what is no
 * counterpart of this flow: whose object that is, is looked up only then. */
uint64_t diff_across_hash(const char *attr);
/* What CHANGE overwrites of D's PRESENT that others had put there, as text: "title 'Boss', ...",
 * for the attributes that an organization decides about. False: nothing. */
#define DIFF_LOST_SIZE 512
bool diff_lost(const struct diff_in *d, const struct change *change, char *ret, size_t size);
/* Adds the values of WANT's proxyAddresses that PRESENT (the source object) lacks. */
int diff_source(const struct entry *want, const struct entry *present, struct change *change,
    struct err *err) MUST_CHECK;

#endif
