/* SPDX-License-Identifier: MIT */
#include "dsa/jobs/standing.h"

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/rules/across.h"
#include "dsa/rules/scope.h"
#include "mapping/resolution.h"

/* ---- what the map says ---- */

struct known {
	struct record *record; /* NULL: there is none */
	struct guid source;    /* of what is asked about, zero: unknown */
	bool in_conflict;
	bool ignored;	/* an operator said that it is left alone */
	char *refused;	/* why it could not be written, NULL: it is not tried again */
	bool is_target; /* SOURCE is a counterpart of another link */
};

static void
known_done(struct known *k)
{
	record_free(k->record);
	free(k->refused);
}

static inline void
known_donep(struct known *k)
{
	known_done(k);
}

struct seeking {
	const struct run *run;
	struct store_txn *t;
	uint32_t link;
	struct known *known;
};

/* One that has not left goes before one that has. */
static int
take_record(const struct record *r, void *arg, struct err *err)
{
	struct seeking *s = arg;

	if (r->link != s->link || (s->known->record && record_has_left(r)))
		return 0;
	record_free(TAKE(s->known->record));
	return record_dup(r, &s->known->record, err);
}

static int
take_other(const struct record *r, void *arg, struct err *err)
{
	struct seeking *s = arg;
	_cleanup_(free) char *name = NULL;

	if (r->link == s->link)
		return 0;
	if (store_link_name(s->t, r->link, &name, err) < 0)
		return -1;
	s->known->is_target |= name && across_find_link(s->run->link, name);
	return 0;
}

static int
look_for_retry(struct seeking *s, struct err *err)
{
	struct store_retry r = {.attempts = 0};
	bool found;

	if (store_find_retry(s->t, s->link, &s->known->source, &r, &found, err) < 0)
		return -1;
	s->known->refused = found ? strdup(r.why) : NULL;
	store_retry_done(&r);
	return found && !s->known->refused ? err_nomem(err) : 0;
}

/* What else is asked of the source object. */
static int
look_around(struct seeking *s, struct err *err)
{
	_cleanup_(conflict_done) struct conflict c = {.n_candidates = 0};
	_cleanup_(resolution_done) struct resolution said = {.as = RESOLVED_NOT};
	struct known *k = s->known;
	bool found;

	if (k->record)
		k->source = k->record->side[SOURCE].guid;
	if (guid_is_zero(&k->source))
		return 0;
	if (store_find_conflict(s->t, s->link, &k->source, &c, &k->in_conflict, err) < 0 ||
	    store_find_resolution(s->t, s->link, &k->source, &said, &found, err) < 0 ||
	    look_for_retry(s, err) < 0)
		return -1;
	k->ignored = said.as == RESOLVED_IGNORE;
	return store_lookup_guid(s->t, TARGET, &k->source, take_other, s, err);
}

/* By the GUID G of SIDE, or by ADDRESS if that is not NULL. */
static int
look_up(const struct run *run, enum side side, const struct guid *g, const char *address,
    struct known *ret, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct seeking s = {.run = run, .known = ret};

	if (store_begin(run->store, STORE_READ, &t, err) < 0 ||
	    store_link_id(t, run->link->name, &s.link, err) < 0)
		return -1;
	s.t = t;
	if ((address ? store_lookup_who(t, address, take_record, &s, err)
		     : store_lookup_guid(t, side, g, take_record, &s, err)) < 0)
		return -1;
	return look_around(&s, err);
}

/* ---- what the source says ---- */

static int
judge(const struct run *run, const struct known *k, const struct entry *e, enum scope_verdict *ret,
    struct err *err)
{
	_cleanup_(free) char *norm = dn_normalize(e->dn, err);
	const struct conf_scope *ignored;

	/* Of a name that is none a cycle tells. */
	if (!norm)
		return err->src == ERR_SYS ? -1 : 0;
	*ret = scope_judge(run->link, e, norm, k->is_target, &ignored);
	return 0;
}

/* E is NULL: it is not there. */
static const char *
words_of(const struct known *k, const struct entry *e, enum scope_verdict v)
{
	if (!e)
		return "is gone";
	if (k->record)
		return v == SCOPE_IN ? "has left the synchronization"
				     : "has left the synchronization: ";
	if (v != SCOPE_IN)
		return "is not synchronized: ";
	if (k->in_conflict)
		return "is in conflict: see galsyncctl conflicts";
	if (k->ignored)
		return "is left alone, as an operator said: see galsyncctl conflicts --resolved";
	return k->refused ? "could not be written, and is tried again: " : NULL;
}

/* What became of the source object: "is gone". */
static int
describe(const struct run *run, const struct known *k, char **ret, struct err *err)
{
	_cleanup_(entry_free) struct entry *e = NULL;
	enum scope_verdict v = SCOPE_IN;
	const char *words = "is finished: its coexistence was ended", *more = "";

	if (!k->record || !k->record->ended) {
		if (dir_read_guid(run->dir[SOURCE], &k->source, NULL, &e, err) < 0 ||
		    (e && judge(run, k, e, &v, err) < 0))
			return -1;
		words = words_of(k, e, v);
	}
	/* Words that end so want more. */
	if (words && words[strlen(words) - 1] == ' ')
		more = v == SCOPE_IN ? k->refused : scope_verdict_name(v);
	*ret = words ? str_printf("%s%s", words, more) : NULL;
	return words && !*ret ? err_nomem(err) : 0;
}

/* ---- in words ---- */

static int
tell_source(const struct run *run, const struct known *k, char **ret, struct err *err)
{
	_cleanup_(free) char *what = NULL;

	if (describe(run, k, &what, err) < 0)
		return -1;
	return what && !(*ret = str_printf("it %s", what)) ? err_nomem(err) : 0;
}

/* The name and what became of the source object of K's record, behind FIRST; BETWEEN links them. */
static int
tell_record(const struct run *run, const struct known *k, const char *first, const char *between,
    char **ret, struct err *err)
{
	_cleanup_(free) char *what = NULL;

	if (describe(run, k, &what, err) < 0)
		return -1;
	*ret =
	    str_printf("%s '%s'%s%s", first, k->record->side[SOURCE].dn, between, what ? what : "");
	return *ret ? 0 : err_nomem(err);
}

int
standing_of_object(
    const struct run *run, enum side side, const struct guid *g, char **ret, struct err *err)
{
	_cleanup_(known_done) struct known k = {.record = NULL};

	*ret = NULL;
	if (side == SOURCE)
		k.source = *g;
	if (look_up(run, side, g, NULL, &k, err) < 0)
		return -1;
	if (k.record ? !record_has_left(k.record) : side == TARGET)
		return 0;
	return side == SOURCE ? tell_source(run, &k, ret, err)
			      : tell_record(run, &k, "its source object", " ", ret, err);
}

int
standing_of_address(const struct run *run, const char *address, char **ret, struct err *err)
{
	_cleanup_(known_done) struct known k = {.record = NULL};

	*ret = NULL;
	if (look_up(run, SOURCE, NULL, address, &k, err) < 0)
		return -1;
	if (!k.record)
		return 0;
	if (record_has_left(k.record))
		return tell_record(run, &k, "it was an address of", ", which ", ret, err);
	*ret = str_printf("the map has it as an address of '%s'", k.record->side[SOURCE].dn);
	return *ret ? 0 : err_nomem(err);
}
