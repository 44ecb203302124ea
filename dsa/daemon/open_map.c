/* SPDX-License-Identifier: MIT */
#include "dsa/daemon/open_map.h"

#include "dsa/base/log.h"
#include "mapping/keepsake.h"

#define FOUND "%llu waves, %llu verdicts of operators, %llu events for hooks"
#define FULL                                                                                       \
	"a full synchronization finds all else again, but for two things that nothing keeps: who " \
	"was finished for good counts as switched, and members that the marker group still owes "  \
	"are not tried again"

typedef unsigned long long count;

static void
say_put_back(const struct keepsake_news *n)
{
	const struct keepsake_counts *c = &n->counts;

	if (n->file)
		log_event(LOG_WARNING, LOG_ID_MAP_ANEW, NULL,
		    "the map was put back from a copy; from '%s', which is newer, come " FOUND
		    "; %llu waves that the copy has besides are cancelled; " FULL,
		    n->file, (count)c->waves, (count)c->verdicts, (count)c->events,
		    (count)c->cancelled);
	else
		log_event(LOG_WARNING, LOG_ID_MAP_ANEW, NULL,
		    "the map was put back from a copy, and there is no " KEEPSAKE_FILE
		    " beside it: %llu waves that would begin now are cancelled, %llu approvals are "
		    "forgotten, and what was planned or decided since is lost; " FULL,
		    (count)c->cancelled, (count)c->forgotten);
}

/* A run_event() would need a run: this is before any. */
static void
say(const struct keepsake_news *n, void *arg)
{
	const struct log_fields fields = {.err = n->err};

	(void)arg;
	switch (n->kind) {
	case KEEPSAKE_TAKEN_UP:
		log_event(LOG_WARNING, LOG_ID_MAP_ANEW, NULL,
		    "the map is new; from '%s', which the one before left, come " FOUND "; " FULL,
		    n->file, (count)n->counts.waves, (count)n->counts.verdicts,
		    (count)n->counts.events);
		break;
	case KEEPSAKE_PUT_BACK: say_put_back(n); break;
	case KEEPSAKE_BAD:
		log_event(LOG_ERR, LOG_ID_MAP_ANEW, &fields,
		    "'%s' cannot be taken up: %s; it is called '%s' now, and planned waves, "
		    "operators' "
		    "verdicts and undelivered hook events of before are lost",
		    n->file, n->err->text, n->aside);
		break;
	case KEEPSAKE_UNWRITTEN:
		log_event(LOG_ERR, LOG_ID_STORE, &fields,
		    "what only the map knows is not beside it: %s; tried again until it works",
		    n->err->text);
		break;
	case KEEPSAKE_WRITTEN:
		log_event(LOG_NOTICE, LOG_ID_STORE, NULL,
		    "what only the map knows is in '%s' again", n->file);
		break;
	}
}

/* A map of an older galsync. Without room for check sums it does as it did. */
static int
bring_up(struct store *s, struct err *err)
{
	const struct log_fields fields = {.err = err};
	bool done;

	if (store_seal(s, &done, err) < 0) {
		if (err->retry != ERR_LATER)
			return -1;
		log_event(LOG_WARNING, LOG_ID_STORE, &fields,
		    "the map is of an older galsync and could not be brought up to date: %s; tried "
		    "again at the next start",
		    err->text);
	} else if (done) {
		log_event(LOG_NOTICE, LOG_ID_STORE, NULL,
		    "the map was of an older galsync: it was brought up to date, and an older one "
		    "cannot read it any more");
	}
	return 0;
}

int
open_map_to_write(const struct conf *conf, struct store **ret, struct err *err)
{
	_cleanup_(store_close) struct store *s = NULL;

	if (store_open(conf->state_directory, STORE_WRITE, conf->map_size_mb, &s, err) < 0 ||
	    bring_up(s, err) < 0 || keepsake_attach(s, say, NULL, err) < 0)
		return -1;
	*ret = TAKE(s);
	return 0;
}
