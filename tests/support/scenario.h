/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_SCENARIO_H
#define GALSYNC_TESTS_SCENARIO_H

/*
 * Full cycles between two fake forests, as tables: what is in the source and in the target, what
 * the configuration says, what happens in between, and what must be there in the end.
 *
 * A `struct lab` is one such pair of forests with a map in a directory of its own (place.h).
 * The forests are acme (DC=acme,DC=example, with OU=Staff) and globex (DC=globex,DC=example, with a
 * mailbox database); the one link goes from acme to globex, where OU=Acme does not exist yet.
 *
 * Names in scenarios are short: "CN=Ann" of the source is CN=Ann,OU=Staff,DC=acme,DC=example, of
 * the target CN=Ann,OU=Acme,DC=globex,DC=example. A name with "DC=" in it is complete.
 *
 * With GALSYNC_SHUFFLE=N in the environment, N from 1 on, both servers answer in any order, another
 * one for each N (fakedir_set_shuffle()): the end of every scenario must be the same.
 *
 * Every function that meets something that must not be fails the running cmocka test.
 */

#include "dsa/jobs/sync.h"
#include "tests/support/fakedir.h"
#include "tests/support/recipients.h"
#include "tests/support/tapdir.h"

struct lab;

/* ATTR NULL: the object is there (VALUE "") or not (VALUE NULL). VALUE NULL: the attribute is not
 * there. "!text": no value is that one. Else: one of the values is that one. */
struct expect {
	enum side side;
	const char *dn, *attr, *value;
};

#define SCENARIO_TEXTS 6
#define SCENARIO_EXPECTS 24

struct scenario {
	const char *name;
	const char *source[SCENARIO_TEXTS], *target[SCENARIO_TEXTS]; /* LDIF */
	const char *forest;					     /* settings of each forest */
	const char *scope; /* settings of the scope, default: create = "mailbox"; */
	const char *link;  /* settings of the link */
	const char *csv;   /* the file pairs.csv beside the configuration */
	/* If given: what happens after a first cycle; then there is a second one. */
	void (*between)(struct lab *l);
	bool delta;				/* that second one is a delta */
	struct expect expect[SCENARIO_EXPECTS]; /* after the last of these cycles */
	struct {
		uint64_t created[SHAPE_MAX];
		uint64_t promoted, matched, conflicts, problems, waiting, renamed;
		uint64_t left[LEAVE_DELETE + 1];
	} counts;		     /* of the last of these cycles */
	enum conflict_reason reason; /* of each conflict, if there are any */
	bool full_only;		     /* not to be played with a delta too */
	bool tidies; /* a further cycle writes nothing to the directories but still to the map */
};

struct lab {
	const struct scenario *sc;
	char dir[256];
	struct fakedir *fd[SIDES];
	struct conf *conf;
	const struct conf_link *link;
	struct dir *eye[SIDES]; /* connections of the observer */
	struct store *store;
	struct shared_feeds *feeds; /* of the process that runs now */
	struct cycle_result res;    /* of the last cycle */
	struct err err;
	struct buf notes;	      /* what the last cycle told, a line each */
	unsigned told[RUN_EVENT_MAX]; /* and how often it told of what */
	struct run_observer observer;
	_Atomic enum run_phase phase;	       /* that the last cycle is in, or was */
	_Atomic unsigned reads[RUN_PHASE_MAX]; /* and what it read in each; none while it plans */
	_Atomic unsigned whole[SIDES];	       /* how often it read the whole of each side */
	unsigned checks;		       /* how often lab_check_mail() looked */
	char why[768];	 /* what it found in the middle of a cycle, "" if nothing */
	const char *cut; /* this source object is missing from the answers to searches, or NULL */
	void (*on_note)(struct lab *l, const char *text); /* called for each note, or NULL */
	void (*on_written)(struct lab *l); /* called after each single write, or NULL */
	/* Dies like a process: what the map holds from the moment of the tap's stop on is lost. */
	bool dies;
	bool gives_up; /* a cycle tries but once to connect again */
	struct tap *tap;
	bool frozen;	 /* the map of that moment was kept */
	bool delta;	 /* the next cycles are deltas */
	bool decisions;	 /* what the next cycles decide is noted too: "decided NAME: text" */
	bool needs_full; /* a delta said so */
};

void lab_open(struct lab *l, const struct scenario *sc);
void lab_close(struct lab *l);
/* Adds objects to a side that already lives. */
void lab_add(struct lab *l, enum side side, const char *ldif);
/* The whole name of a short one, in one of a few static buffers. */
const char *lab_dn(enum side side, const char *name);
void lab_set(struct lab *l, enum side side, const char *dn, const char *attr, const char *value);
void lab_add_value(
    struct lab *l, enum side side, const char *dn, const char *attr, const char *value);
void lab_delete_value(
    struct lab *l, enum side side, const char *dn, const char *attr, const char *value);
void lab_delete(struct lab *l, enum side side, const char *dn);
void lab_rename(struct lab *l, enum side side, const char *dn, const char *new_rdn);
bool lab_exists(struct lab *l, enum side side, const char *dn);
bool lab_has(struct lab *l, enum side side, const char *dn, const char *attr, const char *value);
size_t lab_count(struct lab *l, enum side side, const char *dn, const char *attr);
/* The source GUID of the object, as text, in a static buffer. */
const char *lab_source_guid(struct lab *l, const char *dn);
/* What the last cycle told, as text. */
const char *lab_notes(const struct lab *l);
/* The record of a source object, or NULL; the caller frees. */
struct record *lab_record(struct lab *l, const char *source_dn) MUST_CHECK;

/* One cycle, a delta if L->delta, through TAP (NULL: none). Where TAP has no hook of its own,
 * lab_check_mail() looks before every write. */
int lab_cycle(struct lab *l, struct tap *tap) MUST_CHECK;
/* Anything else that is done with both directories, a turn or a toggle: watched, and ended by the
 * same deaths. */
typedef int lab_act_fn(struct lab *l, struct run *run, void *arg);
int lab_act(struct lab *l, struct tap *tap, lab_act_fn *act, void *arg) MUST_CHECK;
/* The process that runs now has ended, and another one begins. */
void lab_begin_again(struct lab *l);
/* A run of the process that runs now over two connections, which the caller opens and frees. What
 * happens goes to l->notes and l->told, results as "done NAME: text" or "failed NAME: text". */
struct run lab_run_of(struct lab *l, struct dir *source, struct dir *target);
/* Called in the middle of one: the process dies here, with the map as it is. */
void lab_die(struct lab *l);
/* One that succeeds without a failed entry. Before it a plan is made, which must write nothing and
 * list exactly the changes that are then made. The plan is always a full one: a delta must do what
 * a full cycle would. */
void lab_run(struct lab *l);
/* One that has nothing to do and does nothing. */
void lab_run_idle(struct lab *l);
/* The same, but the map may change. */
void lab_run_silent(struct lab *l);
/* The plan as LDIF; nothing was written. Caller frees. */
char *lab_plan(struct lab *l) MUST_CHECK;
/* Forgets the map. */
void lab_lose_map(struct lab *l);
/* Keeps a copy of the map as it is now, and puts it in the place of the map. */
void lab_keep_map(struct lab *l);
void lab_put_back_map(struct lab *l);
/* Fails unless X is so. */
void lab_expect(struct lab *l, const struct expect *x);
/* Runs the whole of L's scenario and checks its end. */
void lab_play(struct lab *l);
void scenario_play(const struct scenario *sc);
/* A test for each of the N scenarios. What happens between two cycles is played twice: with a full
 * cycle and with a delta after it. */
struct CMUnitTest;
void scenario_tests(const struct scenario *sc, size_t n, struct CMUnitTest *ret);

/* No two counterparts point to each other, and no counterpart points to a redirect address that the
 * source does not carry. True if all is well; else L->why says what is not. */
bool lab_check_mail(struct lab *l);
/* Both forests without what depends on the order of events, and every record without its times. */
enum lab_dump_flags {
	/* A counterpart whose record died with the process is found by its stamp: other evidence.
	 */
	LAB_DUMP_EVIDENCE = 1 << 0,
	/* What galsync put on a matched object is known by its record alone. */
	LAB_DUMP_WRITTEN = 1 << 1,
	LAB_DUMP_ALL = LAB_DUMP_EVIDENCE | LAB_DUMP_WRITTEN
};
void lab_dump(struct lab *l, struct buf *ret, unsigned flags);
/* Tests that take a sample of many cases try all of them: GALSYNC_CRASH_ALL=1 is set. */
bool lab_try_all(void);
/* Fails, with the first line that differs, unless both dumps are equal. */
void lab_same_dumps(
    const struct lab *l, const char *what, const struct buf *before, const struct buf *after);

#endif
