/* SPDX-License-Identifier: MIT */
#include "dsa/daemon/lines.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/told.h"

#define INSUFFICIENT_ACCESS 50 /* RFC 4511 appendix A */

struct lines {
	const char *link;
	int longest_pause_s;
	uint64_t cycle; /* number of the run under way, 0: has none */
	bool plan;
	bool failing, outage; /* OUTAGE: a connection was lost */
	enum side lost;
	char peer[SIDES][256]; /* the servers in use, "" before the first */
	bool by_usn[SIDES];
	char held[480]; /* why, or "" */
	struct told told;
};

int
lines_new(const char *link, int longest_pause_s, struct lines **ret, struct err *err)
{
	struct lines *l = calloc(1, sizeof *l);

	if (!l)
		return err_nomem(err);
	l->link = link;
	l->longest_pause_s = longest_pause_s;
	*ret = l;
	return 0;
}

void
lines_free(struct lines *l)
{
	if (!l)
		return;
	told_done(&l->told);
	free(l);
}

enum log_id
lines_id_of(const struct err *err)
{
	if (err->src == ERR_CONF)
		return LOG_ID_CONFIG_BAD;
	if (err->src == ERR_LMDB ||
	    (err->src == ERR_SYS && (err->code == ENOSPC || err->code == EDQUOT)))
		return LOG_ID_STORE;
	if (err->src == ERR_LDAP && err->code == INSUFFICIENT_ACCESS)
		return LOG_ID_RIGHTS;
	return err->scope == ERR_PEER ? LOG_ID_DISCONNECTED : LOG_ID_CYCLE_FAILED;
}

/* ---- one line ---- */

/* The texts that the fields point to. */
struct texts {
	char cycle[24], guid[GUID_TEXT_SIZE];
};

static const char *
number_text(uint64_t number, char *text, size_t size)
{
	if (!number)
		return NULL;
	(void)snprintf(text, size, "%llu", (unsigned long long)number);
	return text;
}

/* What the link's lines have in common. */
static struct log_fields
fields_of(const struct lines *l, uint64_t cycle, struct texts *t)
{
	return (struct log_fields){
	    .link = l->link, .cycle = number_text(cycle, t->cycle, sizeof t->cycle)};
}

static void
write_event(const struct lines *l, int level, enum log_id id, const struct run_event *e)
{
	struct texts t;
	struct log_fields f = fields_of(l, e->cycle ? e->cycle : l->cycle, &t);

	if (e->source) {
		guid_format(e->source, t.guid);
		f.guid = t.guid;
	}
	if (e->source || e->op)
		f.dn = e->dn;
	if (e->op || e->kind == RUN_FEED) {
		f.side = side_name(e->side);
		f.peer = e->peer;
	}
	f.op = e->op;
	f.attrs = e->attrs;
	f.err = e->err;
	if (e->kind == RUN_CHANGED)
		log_event(level, id, &f, "%s of '%s' (%s): %s", e->op, e->dn, f.side, e->text);
	else
		log_event(level, id, &f, "%s: %s", e->dn, e->text);
}

/* ---- connections ---- */

static void
connected(struct lines *l, const struct run_event *e)
{
	const char *peer = e->peer ? e->peer : "";
	bool other = strcmp(l->peer[e->side], peer) != 0;
	struct texts t;
	struct log_fields f = fields_of(l, l->cycle, &t);

	(void)snprintf(l->peer[e->side], sizeof l->peer[e->side], "%s", peer);
	f.peer = peer;
	f.side = side_name(e->side);
	/* An outage has ended when a cycle is complete: a server may take connections and no more.
	 */
	log_event(other && !l->failing ? LOG_NOTICE : LOG_DEBUG, LOG_ID_CONNECTED, &f,
	    "link %s: connected to %s (%s)", l->link, peer, f.side);
}

/* The line that begins what succeeded() ends. */
static void
begin_failing(struct lines *l, int level, struct log_fields *f, const struct err *err)
{
	enum log_id id = lines_id_of(err);
	char next[80] = "";

	f->err = err;
	if (l->longest_pause_s)
		(void)snprintf(next, sizeof next,
		    "; tried again until it works, at the latest every %d s", l->longest_pause_s);
	log_event(l->failing ? LOG_DEBUG : level, id, f, "link %s: %s%s", l->link, err->text, next);
	if (!l->failing)
		l->outage = id == LOG_ID_DISCONNECTED;
	l->failing = true;
}

static void
lost(struct lines *l, const struct run_event *e)
{
	struct texts t;
	struct log_fields f = fields_of(l, l->cycle, &t);

	f.peer = *l->peer[e->side] ? l->peer[e->side] : e->peer;
	f.side = side_name(e->side);
	if (!l->failing)
		l->lost = e->side;
	begin_failing(l, LOG_WARNING, &f, e->err);
}

/* ---- what is told once ---- */

static bool
was_told(struct lines *l, const struct run_event *e)
{
	struct bytes id = e->source ? guid_bytes(e->source) : bytes_of(e->dn);

	return e->level <= LOG_WARNING && told_before(&l->told, id, e->text);
}

static void
note(struct lines *l, const struct run_event *e)
{
	bool quiet = l->plan || was_told(l, e);

	write_event(
	    l, quiet ? LOG_DEBUG : e->level, e->source ? LOG_ID_ENTRY_SKIPPED : LOG_ID_NONE, e);
}

static void
refused(const struct lines *l, const struct run_event *e)
{
	enum log_id id = LOG_ID_ENTRY_SKIPPED;

	if (e->err && lines_id_of(e->err) == LOG_ID_RIGHTS)
		id = LOG_ID_RIGHTS;
	else if (e->err && e->err->retry == ERR_NEVER)
		id = LOG_ID_ENTRY_QUARANTINED;
	write_event(l, e->again ? LOG_DEBUG : e->level, id, e);
}

static void
held(struct lines *l, const struct run_event *e)
{
	bool again = strncmp(l->held, e->text, sizeof l->held - 1) == 0;

	write_event(l, again || l->plan ? LOG_DEBUG : e->level, LOG_ID_HELD, e);
	if (!l->plan)
		(void)snprintf(l->held, sizeof l->held, "%s", e->text);
}

static void
feed(struct lines *l, const struct run_event *e)
{
	bool news = l->by_usn[e->side] != e->by_usn;

	l->by_usn[e->side] = e->by_usn;
	write_event(l, news ? LOG_NOTICE : LOG_DEBUG, e->by_usn ? LOG_ID_RIGHTS : LOG_ID_NONE, e);
}

static void
begun(struct lines *l, const struct run_event *e)
{
	struct texts t;
	struct log_fields f = fields_of(l, e->cycle, &t);

	l->cycle = e->cycle;
	if (!e->delta)
		told_begin(&l->told);
	log_event(e->level, LOG_ID_CYCLE_BEGIN, &f, "link %s: %s begins", l->link, e->text);
}

static void
wave(const struct lines *l, const struct run_event *e)
{
	struct texts t;
	struct log_fields f = fields_of(l, 0, &t);

	log_event(e->level, LOG_ID_WAVE, &f, "link %s: %s", l->link, e->text);
}

void
lines_event(const struct run_event *e, void *arg)
{
	struct lines *l = arg;
	int level = l->plan ? LOG_DEBUG : e->level;

	switch (e->kind) {
	case RUN_MESSAGE: note(l, e); break;
	case RUN_CONNECTED: connected(l, e); break;
	case RUN_LOST: lost(l, e); break;
	case RUN_FEED: feed(l, e); break;
	case RUN_BEGUN: begun(l, e); break;
	case RUN_NEEDS_FULL: write_event(l, level, LOG_ID_FULL_RESYNC, e); break;
	case RUN_CHANGED: write_event(l, level, LOG_ID_CHANGE, e); break;
	case RUN_REFUSED: refused(l, e); break;
	case RUN_ACCEPTED: write_event(l, level, LOG_ID_ENTRY_CLEARED, e); break;
	case RUN_CONFLICT: write_event(l, e->again ? LOG_DEBUG : level, LOG_ID_CONFLICT, e); break;
	case RUN_RESOLVED: write_event(l, LOG_NOTICE, LOG_ID_CONFLICT_RESOLVED, e); break;
	case RUN_HELD: held(l, e); break;
	case RUN_BROKEN: write_event(l, level, LOG_ID_INVARIANT, e); break;
	case RUN_MOVED: write_event(l, level, LOG_ID_MOVED, e); break;
	case RUN_WAVE: wave(l, e); break;
	case RUN_MAP_LOST: write_event(l, level, LOG_ID_MAP_ANEW, e); break;
	case RUN_DECIDED: write_event(l, LOG_DEBUG, LOG_ID_NONE, e); break;
	case RUN_EVENT_MAX: break;
	}
}

void
lines_result(struct lines *l, const struct run_result *r)
{
	struct texts t;
	struct log_fields f = fields_of(l, l->cycle, &t);

	guid_format(r->source, t.guid);
	f.guid = t.guid;
	f.dn = r->dn;
	log_event(r->ok ? LOG_NOTICE : LOG_ERR, LOG_ID_SWITCH, &f, "%s: %s%s%s", r->dn,
	    r->ok ? "done" : "not done", *r->text ? ": " : "", r->text);
}

/* ---- a run ---- */

void
lines_begin(struct lines *l, bool plan)
{
	l->plan = plan;
	l->cycle = 0;
}

void
lines_full(struct lines *l, const char *why)
{
	struct texts t;
	struct log_fields f = fields_of(l, 0, &t);

	log_event(
	    LOG_NOTICE, LOG_ID_FULL_RESYNC, &f, "link %s: %s: everything is read", l->link, why);
}

static void
write_end(const struct lines *l, const struct cycle_result *r)
{
	struct texts t;
	struct log_fields f = fields_of(l, r->number, &t);
	uint64_t created = 0, ms = 0;

	for (size_t i = 0; i < SHAPE_MAX; i++)
		created += r->created[i];
	for (size_t i = 0; i < RUN_PHASE_MAX; i++)
		ms += r->phase_ms[i];
	/* A delta that found nothing says nothing. */
	log_event(r->delta && r->changes == 0 && !r->failed ? LOG_DEBUG : LOG_INFO,
	    LOG_ID_CYCLE_END, &f,
	    "link %s: %s: %llu created, %llu updated, %llu left, %llu changes written, %llu "
	    "failed, "
	    "%llu conflicts, %llu ms%s%s",
	    l->link, r->delta ? "delta" : "full", (unsigned long long)created,
	    (unsigned long long)(r->updated[SOURCE] + r->updated[TARGET]),
	    (unsigned long long)(r->left[LEAVE_HIDE] + r->left[LEAVE_DISABLE] +
				 r->left[LEAVE_DELETE]),
	    (unsigned long long)r->applied, (unsigned long long)r->failed,
	    (unsigned long long)r->conflicts, (unsigned long long)ms, r->held ? "; held: " : "",
	    r->held ? r->held_why : "");
}

void
lines_succeeded(struct lines *l, const struct cycle_result *r)
{
	struct texts t;
	struct log_fields f = fields_of(l, r->number, &t);

	if (l->failing && l->outage) {
		f.peer = l->peer[l->lost];
		f.side = side_name(l->lost);
	}
	if (l->failing)
		log_event(LOG_NOTICE, l->outage ? LOG_ID_CONNECTED : LOG_ID_CYCLE_END, &f,
		    "link %s: works again", l->link);
	l->failing = false;
	f.peer = f.side = NULL;
	if (*l->held && !r->held) {
		log_event(LOG_NOTICE, LOG_ID_RELEASED, &f, "link %s: goes on, it was held: %s",
		    l->link, l->held);
		l->held[0] = '\0';
	}
	if (!r->delta)
		told_end(&l->told);
	write_end(l, r);
}

void
lines_failed(struct lines *l, const struct err *err)
{
	struct texts t;
	struct log_fields f = fields_of(l, l->cycle, &t);

	begin_failing(l, err->retry == ERR_NEVER ? LOG_ERR : LOG_WARNING, &f, err);
}

void
lines_trimmed(struct lines *l, size_t removed, const struct err *err)
{
	struct texts t;
	struct log_fields f = fields_of(l, 0, &t);

	f.err = err;
	if (err)
		log_event(LOG_WARNING, lines_id_of(err), &f,
		    "link %s: %s: tried again after the next cycle", l->link, err->text);
	else if (removed)
		log_event(LOG_INFO, LOG_ID_NONE, &f,
		    "link %s: %zu old entries removed from the journal", l->link, removed);
}
