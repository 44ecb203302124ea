/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_EXEC_PLAN_TEXT_H
#define GALSYNC_EXEC_PLAN_TEXT_H

/*
 * A plan as text that people and programs read: what `galsyncctl plan -o json` prints, and what
 * `plan --save` keeps so that `galsyncctl apply` makes exactly these changes later. It is UTF-8, a
 * JSON object a line, in this order:
 *
 *   {"galsync_plan":1,"link":"acme-globex","made":"2026-12-01T20:00:00Z","version":"0.1.0"}
 *   {"flow":"forward","source":"acme","target":"globex"}
 *   {"step":{"source":"<GUID>","changes":[
 *      {"forest":"globex","reason":"project","change":CHANGE,"before":ENTRY}, ...]}}
 *   {"step":{...},"held":"redirections"}
 *   {"later":{"source":"<GUID>","changes":[...]}}
 *   {"held":{"limit":"deletes","source_dn":"..."}}
 *   {"conflict":{"source_dn":"...","reason":"ambiguous","what":"...","candidates":["...", ...]}}
 *   {"ready":"<DN>"}
 *   {"flow":"return","source":"globex","target":"acme"}
 *   ...
 *   {"summary":{...}}
 *   {"sha256":"<64 hexadecimal digits>"}
 *
 * The first line has the format of the file, the link, when it was made and by which version. Then
 * comes the forward flow, and the return flow if the link has one: its steps in the order in which
 * they are carried out, then what is done after them, then what a limit holds and has no step, who
 * is in conflict, and who would be switched because it is ready.
 *
 * A step is about one object: its changes are made one after the other, and all of them or none is
 * meant. "source" is the objectGUID of the source object, left out where it is about several or
 * none. CHANGE and ENTRY are those of change_json.h: a change names the values that must be there,
 * so that the server refuses it where they are not; "before" has what it touches as it was read, or
 * is left out of an add. A step that a limit holds says so: it is no change of the plan. Nor is
 * what comes later: by that a contact gives what it has to its heir, when the plan was carried out,
 * and it is shown as it would be done now.
 *
 * "summary" has the counts of galsync-control(7). The last line has the SHA-256 of all octets
 * before it, its own line not included: it finds accidents. Who writes the file can also write the
 * sum: that is why nothing is believed because the file says it (plan_choice.h).
 */

#include <jansson.h>
#include <stdint.h>

#include "dsa/exec/plan_step.h"

#define PLAN_TEXT_FORMAT 1
#define PLAN_DIGEST_LEN 32

/* ---- writing ---- */

/* Each appends a line to RET. FOREST are the names of the flow's sides; SIDE is the one that the
 * link calls the source. */
void plan_text_head(const char *link, int64_t made, struct buf *ret);
void plan_text_flow(enum side originals, const char *const forest[SIDES], struct buf *ret);
/* HELD: what holds it, or HELD_NOTHING. */
void plan_text_step(const struct plan_step *s, const char *const forest[SIDES], enum held_kind held,
    struct buf *ret);
/* A step that is none of the plan, but would be done later. */
void plan_text_later(const struct plan_step *s, const char *const forest[SIDES], struct buf *ret);
void plan_text_held(enum held_kind limit, const char *source_dn, struct buf *ret);
void plan_text_conflict(const struct conflict *c, struct buf *ret);
void plan_text_ready(const char *dn, struct buf *ret);
/* SUMMARY is taken over. */
void plan_text_summary(json_t *summary, struct buf *ret);
/* Appends to the file FD, which has all lines but the last one, the last one. */
int plan_text_seal(int fd, struct err *err) MUST_CHECK;

/* ---- the same step ---- */

/* What two steps have in common only if they are the same: a SHA-256 over flow, source, and all
 * changes with their before-images, octet by octet. */
int plan_step_digest(const struct plan_step *s, enum side originals, uint8_t ret[PLAN_DIGEST_LEN],
    struct err *err) MUST_CHECK;

/* ---- reading ---- */

struct plan_reader;

enum plan_line_kind {
	PLAN_LINE_HEAD,
	PLAN_LINE_FLOW,
	PLAN_LINE_STEP,
	PLAN_LINE_LATER,
	PLAN_LINE_HELD,
	PLAN_LINE_CONFLICT,
	PLAN_LINE_READY,
	PLAN_LINE_SUMMARY,
	PLAN_LINE_SUM
};

struct plan_line {
	enum plan_line_kind kind;
	json_t *json;		/* the line */
	struct plan_step *step; /* STEP and LATER, else NULL: source and changes alone */
	const char *held;	/* STEP: the limit that holds it, or NULL. Borrowed from JSON. */
};
void plan_line_done(struct plan_line *l);
static inline void
plan_line_donep(struct plan_line *l)
{
	plan_line_done(l);
}

/* Reads strictly: what plan_text_...() does not write is an error, which names NAME (borrowed), the
 * line and the place in it. */
int plan_reader_new(const char *name, struct plan_reader **ret, struct err *err) MUST_CHECK;
void plan_reader_free(struct plan_reader *r);
DEFINE_CLEANUP(struct plan_reader *, plan_reader_free)
/* Takes the next LINE, without its end. RET is to be released. */
int plan_reader_take(
    struct plan_reader *r, struct bytes line, struct plan_line *ret, struct err *err) MUST_CHECK;
/* There are no more lines: was the last one the sum, and is it right? */
int plan_reader_end(const struct plan_reader *r, struct err *err) MUST_CHECK;
/* Of the lines so far: the link, "" before its line; the flow and its forests. Borrowed. */
const char *plan_reader_link(const struct plan_reader *r);
enum side plan_reader_flow(const struct plan_reader *r);
const char *plan_reader_forest(const struct plan_reader *r, enum side side);

#endif
