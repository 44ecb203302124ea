/* SPDX-License-Identifier: MIT */
#include "dsa/run/run.h"

#include <errno.h>
#include <poll.h>
#include <syslog.h>

#include "dsa/base/clock.h"
#include "dsa/run/sides.h"

#define RECONNECT_ATTEMPTS 5
#define FIRST_PAUSE_MS 250
/* How long a directory that has no descriptor is not asked whether it was cancelled. */
#define SLICE_MS 50
#define WAITS_LONG (5000 / FOREST_LOCK_SLICE_MS)

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

struct run
run_back(const struct run *run)
{
	struct run own = *run;

	own.link = run->link->back;
	own.dir[SOURCE] = run->dir[TARGET];
	own.dir[TARGET] = run->dir[SOURCE];
	own.feed[SOURCE] = run->feed[TARGET];
	own.feed[TARGET] = run->feed[SOURCE];
	own.link_id = 0;
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

/* Has one of the directories been cancelled? What else process() has to say, the next use says. */
static bool
is_cancelled(const struct run *run, struct err *err)
{
	for (int side = SOURCE; side < SIDES; side++) {
		struct dir *d = run->dir[side];

		if (d->ops->process(d, err) < 0 && err->src == ERR_SYS && err->code == ECANCELED)
			return true;
	}
	return false;
}

/* Waits for MS, or until one of the directories is cancelled: then -1. */
static int
pause_for(const struct run *run, int ms, struct err *err)
{
	int64_t until = clock_monotonic_ms() + ms;
	struct pollfd p[SIDES];
	struct err found;

	for (;;) {
		int64_t left = until - clock_monotonic_ms();

		if (is_cancelled(run, &found)) {
			*err = found;
			return -1;
		}
		if (left <= 0)
			return 0;
		for (int side = SOURCE; side < SIDES; side++) {
			int fd = run->dir[side]->ops->fd(run->dir[side]);

			p[side] = (struct pollfd){.fd = fd, .events = POLLIN};
			if (fd < 0 && left > SLICE_MS)
				left = SLICE_MS;
		}
		(void)poll(p, SIDES, (int)left);
	}
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
		if (pause_for(run, pause_ms, err) < 0)
			return -1;
	}
	return -1;
}

int
run_is_known(const struct run *run, bool *ret, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	uint32_t id = 0;

	if (run->store && (store_begin(run->store, STORE_READ, &t, err) < 0 ||
			      store_link_id(t, run->link->name, &id, err) < 0))
		return -1;
	*ret = id != 0;
	return 0;
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

/* ---- the target forest ---- */

struct waiting {
	const struct run *run;
	unsigned times; /* that it was asked */
};

static int
go_on_waiting(const char *holder, void *arg, struct err *err)
{
	struct waiting *w = arg;
	const struct run_observer *o = w->run->observer;

	run_progress(w->run, RUN_PHASE_WAIT, 0, 0);
	if (++w->times == WAITS_LONG)
		run_message(w->run, LOG_INFO, NULL, w->run->link->name,
		    "waits until the cycle of link '%s' into the same forest has ended", holder);
	if (is_cancelled(w->run, err))
		return -1;
	return o->gives_way && o->gives_way(o->arg)
		   ? err_set(err, ERR_SYS, ERR_LINK, ERR_LATER, EAGAIN,
			 "waited for link '%s' and gave way to something else", holder)
		   : 0;
}

int
run_lock_target(const struct run *run, struct forest_lock **ret, struct err *err)
{
	const struct dir_info *info = run->dir[TARGET]->ops->info(run->dir[TARGET]);
	struct waiting w = {.run = run};

	return forest_lock_take(info->config_dn, run->link->name, go_on_waiting, &w, ret, err);
}

const char *
run_server(const struct run *run, enum side side)
{
	return run->dir[side]->ops->info(run->dir[side])->server;
}
