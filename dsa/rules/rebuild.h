/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_REBUILD_H
#define GALSYNC_RULES_REBUILD_H

/*
 * The map made anew from the directories: what a target object with a stamp of galsync says
 * together with the source object that the stamp names. Pure.
 *
 *   source object      the target                      verdict
 *   any                may be no counterpart           REFUSED
 *   any                another one has that stamp      TWICE: none of them is recorded
 *   any                not this link's                 OTHERS
 *   in scope           -                               PAIR
 *   left, or is gone   its mailbox is in use           FINISHED
 *   left, or is gone   hidden, or on_leave = "keep"    LEFT: its leave action was carried out
 *   left, or is gone   else                            UNNOTICED: nothing is recorded, and nothing
 *                                                      is done to the target: that needs proof
 *
 * Whether a stamp without a source in scope is this link's: the map knows it, the source object is
 * below a base of the link, the link shares its target forest with none, or galsync created the
 * target below an OU of the link. What the map knows as another link's is that one's.
 *
 * What the directories cannot tell is taken from the map, where it knows the same pair: rule and
 * evidence, times, what galsync wrote, whether readiness is used up. Where it does not, readiness
 * that is there is used up (ready.h), what galsync wrote on a created object is everything that it
 * wants there, which the next cycle finds out, and on a matched one nothing: it stays. A record
 * that is new or changed is PENDING until the next cycle has seen both sides. A record that is
 * finished for good stays as it is, whatever is there.
 *
 *   feed -> entry -> match -> project -> diff -> plan -> exec -> [record]
 */

#include "dsa/config/conf.h"
#include "dsa/directory/entry.h"
#include "dsa/rules/identity.h"
#include "mapping/match.h"
#include "mapping/record.h"
#include "redirect/active_side.h"

enum rebuild_verdict {
	REBUILD_PAIR,
	REBUILD_FINISHED,
	REBUILD_LEFT,
	REBUILD_UNNOTICED,
	REBUILD_OTHERS,
	REBUILD_TWICE,
	REBUILD_REFUSED,
	REBUILD_VERDICT_MAX
};

struct rebuild_in {
	const struct conf_link *link;
	const struct active_conf *active; /* what LINK's objects are judged by */
	const struct entry *source;	  /* that the stamp names; NULL: it is gone */
	const struct entry *target;
	struct stamp stamp;	     /* of TARGET */
	const struct record *known;  /* the map's record of the source, or NULL */
	bool twice;		     /* another target object names that source too */
	struct identity_guard guard; /* what is known of TARGET beside itself */
	/* By the map, of other links that are configured: SOURCE is a counterpart, or TARGET is
	 * either side of a correspondence. */
	bool is_target, is_others;
	uint32_t link_id; /* store_link_id() */
	int64_t now;	  /* seconds since the epoch */
};

struct rebuild_judged {
	enum rebuild_verdict verdict;
	const struct conf_scope *scope; /* of a PAIR */
	struct active_side active;
	bool half; /* half of a turn, or a loop, or a stamp that says otherwise: the next cycle puts
		      that right */
	bool side_differs, counterpart_differs; /* from what the map knows */
};

/* Could the stamp be of LINK's as far as SOURCE (NULL: it is gone) and TARGET tell? */
bool rebuild_is_ours(const struct rebuild_in *in);
/* -1 without memory. */
int rebuild_judge(
    const struct rebuild_in *in, struct rebuild_judged *ret, struct err *err) MUST_CHECK;
/* The record to be, owned by the caller; *RET NULL: what the map has stays as it is. ERR_ENTRY: the
 * source lacks what a redirect address is made of, so that the cycle skips it too. */
int rebuild_fill(const struct rebuild_in *in, const struct rebuild_judged *j, struct record **ret,
    struct err *err) MUST_CHECK;

/* ---- what the map has ---- */

struct rebuild_record_facts {
	const struct record *record;
	bool there;		    /* the counterpart that it names */
	const struct stamp *stamp;  /* of that one, or NULL */
	bool stamped;		    /* some target object's stamp names its source */
	int64_t now, replication_s; /* what a server may not have received yet is younger */
};

enum rebuild_fate {
	REBUILD_CONFIRMED,   /* by the stamp of its counterpart, or finished for good */
	REBUILD_REPLACED,    /* another object has that stamp: it gets the record */
	REBUILD_UNCONFIRMED, /* no stamp speaks for or against it: it stays */
	REBUILD_DROPPED,     /* its counterpart is gone, or another object's: it goes */
	REBUILD_FATE_MAX
};
enum rebuild_fate rebuild_fate_of(const struct rebuild_record_facts *f);

/* ---- the report ---- */

enum rebuild_count {
	REBUILD_STAMPED, /* target objects */
	REBUILD_PAIRS,
	REBUILD_CREATED,
	REBUILD_MATCHED,
	REBUILD_SOURCE_ACTIVE,
	REBUILD_TARGET_ACTIVE,
	REBUILD_ENDED,	  /* finished */
	REBUILD_ARE_LEFT, /* left, their leave action carried out */
	REBUILD_NOT_NOTICED,
	REBUILD_SOURCE_GONE,
	REBUILD_OF_OTHERS,
	REBUILD_NAMED_TWICE,
	REBUILD_NOT_ADMITTED,
	REBUILD_WITHOUT_SIDE, /* stamps of an older form */
	REBUILD_HALF_TURNS,
	REBUILD_UNKNOWN, /* not in the map */
	REBUILD_SIDE_DIFFERS,
	REBUILD_COUNTERPART_DIFFERS,
	REBUILD_GO,   /* records that are dropped */
	REBUILD_STAY, /* records that nothing confirms */
	REBUILD_COUNT_MAX
};

struct rebuild_report {
	uint64_t n[REBUILD_COUNT_MAX];
	uint64_t by_kind[KIND_MAX]; /* of the correspondences */
};

/* "stamped", "correspondences", "target_active", ...: for programs. */
const char *rebuild_count_name(enum rebuild_count c);
/* "target objects with a stamp of galsync", ...: for people, behind the number. */
const char *rebuild_count_text(enum rebuild_count c);
/* Adds IN, judged as J, to R. */
void rebuild_count(
    struct rebuild_report *r, const struct rebuild_in *in, const struct rebuild_judged *j);
/* Adds what is not zero to TEXT, on one line: "12 correspondences, 3 with ...". */
void rebuild_report_print(const struct rebuild_report *r, struct buf *text);

#endif
