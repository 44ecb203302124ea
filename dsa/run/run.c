/* SPDX-License-Identifier: MIT */
#include "dsa/run/run.h"

#include <errno.h>
#include <poll.h>
#include <syslog.h>

#include "dsa/run/sides.h"

#define RECONNECT_ATTEMPTS 5
#define FIRST_PAUSE_MS 250

struct opening {
	const struct run *run;
	bool open[SIDES];
};

static int
open_side(enum side side, void *arg, struct err *err)
{
	struct opening *o = arg;

	o->open[side] = dir_open(o->run->dir[side], err) == 0;
	return o->open[side] ? 0 : -1;
}

/* *RET_SIDE is where it failed. */
static int
open_both(const struct run *run, enum side *ret_side, struct err *err)
{
	struct opening o = {.run = run};
	int rc = sides_run(open_side, &o, err);

	*ret_side = o.open[SOURCE] ? TARGET : SOURCE;
	for (int side = SOURCE; side < SIDES; side++) {
		const struct run_event e = {
		    .kind = RUN_CONNECTED, .level = LOG_DEBUG, .side = (enum side)side};

		if (o.open[side])
			run_event(run, &e, "connected");
	}
	return rc;
}

struct run
run_job(const struct run *run)
{
	struct run own = *run;

	own.cycle = 0;
	return own;
}

int
run_open(const struct run *run, struct err *err)
{
	enum side side;

	if (open_both(run, &side, err) == 0)
		return 0;
	run_lost(run, side, err);
	return -1;
}

int
run_reopen(const struct run *run, struct err *err)
{
	struct run_event e = {.kind = RUN_LOST, .level = LOG_WARNING, .err = err};
	int pause_ms = FIRST_PAUSE_MS;

	for (int i = 0; i < RECONNECT_ATTEMPTS; i++, pause_ms *= 2) {
		if (open_both(run, &e.side, err) == 0)
			return 0;
		if (err->retry != ERR_LATER || err->code == ECANCELED)
			return -1;
		run_event(run, &e, "%s: tried again in %d ms", err->text, pause_ms);
		(void)poll(NULL, 0, pause_ms);
	}
	return -1;
}

int
run_open_known(struct run *run, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (run_open(run, err) < 0 || store_begin(run->store, STORE_READ, &t, err) < 0 ||
	    store_link_id(t, run->link->name, &run->link_id, err) < 0)
		return -1;
	return run->link_id
		   ? 0
		   : err_set(err, ERR_DATA, ERR_LINK, ERR_LATER, 0,
			 "link '%s': no synchronization was completed yet", run->link->name);
}

const char *
run_server(const struct run *run, enum side side)
{
	return run->dir[side]->ops->info(run->dir[side])->server;
}
