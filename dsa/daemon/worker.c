/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <syslog.h>

#include "dsa/base/clock.h"
#include "dsa/base/thread.h"
#include "dsa/daemon/worker_priv.h"
#include "dsa/ldap/ldap.h"

#define FIRST_PAUSE_MS 1000
#define LAST_PAUSE_MS 60000
/* The longest uninterrupted sleep, so that the worker shows that it lives. */
#define SLICE_MS 10000

const struct conf_link *
worker_link(const struct worker *w)
{
	return w->run.link;
}

void
worker_get_state(struct worker *w, struct worker_state *ret)
{
	(void)pthread_mutex_lock(&w->lock);
	*ret = w->state;
	(void)pthread_mutex_unlock(&w->lock);
}

/* ---- what the thread tells ---- */

void
worker_tell(struct worker *w)
{
	(void)eventfd_write(w->notify_fd, 1);
}

static void
set_phase(struct worker *w, enum worker_phase phase)
{
	(void)pthread_mutex_lock(&w->lock);
	w->state.phase = phase;
	w->state.beat_ms = clock_monotonic_ms();
	(void)pthread_mutex_unlock(&w->lock);
	worker_tell(w);
}

static void
beat(struct worker *w)
{
	(void)pthread_mutex_lock(&w->lock);
	w->state.beat_ms = clock_monotonic_ms();
	(void)pthread_mutex_unlock(&w->lock);
}

/* ---- a cycle ---- */

static void
succeeded(struct worker *w, const struct cycle_result r[SIDES])
{
	(void)pthread_mutex_lock(&w->lock);
	w->state.failing = false;
	w->state.error[0] = '\0';
	memcpy(w->state.result, r, sizeof w->state.result);
	w->state.finished_at = clock_realtime_s();
	w->state.cycles++;
	(void)pthread_mutex_unlock(&w->lock);
	w->failures = 0;
	w->notified = false;
	w->heard_us = 0;
	lines_succeeded(w->lines, &r[SOURCE]);
	if (w->back_lines)
		lines_succeeded(w->back_lines, &r[TARGET]);
}

/* The pause before the next attempt: doubling, with up to a quarter more or less, so that many
 * workers do not come back at the same moment. */
static int64_t
back_off_ms(unsigned failures)
{
	int64_t ms = FIRST_PAUSE_MS;
	uint32_t random = 0;

	while (--failures && ms < LAST_PAUSE_MS)
		ms *= 2;
	if (ms > LAST_PAUSE_MS)
		ms = LAST_PAUSE_MS;
	if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0)
		random = 0;
	return ms * 3 / 4 + (int64_t)(random % (uint32_t)(ms / 2 + 1));
}

static int64_t
failed(struct worker *w, const struct err *err)
{
	int64_t pause_ms = back_off_ms(++w->failures);

	(void)pthread_mutex_lock(&w->lock);
	if (!w->state.failing)
		w->state.failing_since = clock_realtime_s();
	w->state.failing = true;
	w->state.next = clock_realtime_s() + (pause_ms + 999) / 1000;
	(void)snprintf(w->state.error, sizeof w->state.error, "%s", err->text);
	(void)pthread_mutex_unlock(&w->lock);
	lines_failed(w->lines, err);
	return pause_ms;
}

static bool
is_cancelled(const struct worker *w, const struct err *err)
{
	return atomic_load(&w->stop) && err->src == ERR_SYS && err->code == ECANCELED;
}

struct worker_answer *
worker_take_answer(struct worker *w, uint64_t number)
{
	struct worker_answer *a;

	(void)pthread_mutex_lock(&w->lock);
	a = answers_take(&w->answers, number);
	(void)pthread_mutex_unlock(&w->lock);
	return a;
}

void
worker_forget_answers(struct worker *w, uint64_t number)
{
	(void)pthread_mutex_lock(&w->lock);
	answers_forget(&w->answers, number);
	(void)pthread_mutex_unlock(&w->lock);
}

static void
request_done(struct request *q)
{
	free(q->objects);
	free(q->address);
	plan_choice_free(q->choice);
	free(q->attribute);
}

static void
take_request(struct worker *w, struct request *ret)
{
	(void)pthread_mutex_lock(&w->lock);
	*ret = w->request;
	/* What is asked for comes first, and is another thing. */
	if (!ret->number && !w->pause)
		w->hurry = w->news = false;
	w->request = (struct request){.plan_fd = -1};
	(void)pthread_mutex_unlock(&w->lock);
}

static void
end_request(struct worker *w, const struct request *q, int rc, const struct cycle_result r[SIDES])
{
	struct worker_answer *a;

	if (!q->number)
		return;
	/* Without memory there is none, and the client that waits is told that. */
	a = worker_answer_of(w, q, rc, r);
	(void)pthread_mutex_lock(&w->lock);
	w->state.request_done = q->number;
	if (a)
		answers_add(&w->answers, a);
	(void)pthread_mutex_unlock(&w->lock);
}

/* ---- waiting ---- */

/* True if there is something to do at once. */
static bool
commanded(struct worker *w)
{
	eventfd_t ignored;
	bool yes;

	(void)eventfd_read(w->wake_fd, &ignored);
	(void)pthread_mutex_lock(&w->lock);
	yes = w->request.number != 0 || (w->hurry && !w->pause);
	(void)pthread_mutex_unlock(&w->lock);
	return yes || atomic_load(&w->stop);
}

static bool
is_paused(struct worker *w)
{
	bool yes;

	(void)pthread_mutex_lock(&w->lock);
	yes = w->pause;
	(void)pthread_mutex_unlock(&w->lock);
	return yes;
}

/* True if a directory said that something changed, or lost its connection. */
static bool
heard(struct worker *w)
{
	bool yes = false;

	for (int side = SOURCE; side < SIDES; side++) {
		struct dir *d = w->run.dir[side];
		struct err ignored;

		yes |= d->ops->process(d, &ignored) < 0;
		w->notified |= d->ops->woken(d);
	}
	return yes || w->notified;
}

static bool
has_news(struct worker *w)
{
	bool yes;

	(void)pthread_mutex_lock(&w->lock);
	yes = w->news;
	(void)pthread_mutex_unlock(&w->lock);
	return yes;
}

/* Is there anything new in the directories? Until a cycle has succeeded the first time counts at
 * which a server, or another worker, said so. */
static bool
is_to_look(struct worker *w)
{
	bool yes = heard(w), news = has_news(w);

	if ((w->notified || news) && !w->heard_us)
		w->heard_us = clock_monotonic_us();
	return yes || news;
}

/* Where no other worker does, asks the server of each side to tell when something changes, once in
 * a rest. P are the descriptors that say so; an event of POLLIN is one that was asked for. */
static void
watch(struct worker *w, struct pollfd p[SIDES])
{
	for (int side = SOURCE; side < SIDES; side++) {
		struct dir *d = w->run.dir[side];
		struct err ignored;

		if (p[side].events || !shared_feed_may_watch(w->run.feed[side], &w->listener[side]))
			continue;
		p[side].events = POLLIN;
		if (d->ops->watch(d, &ignored) == 0)
			p[side].fd = d->ops->fd(d);
	}
}

/* Waits for a command, or until LISTEN and something changed or a wave is due, or for MS. */
static void
wait_listening(struct worker *w, int64_t ms, bool listen)
{
	int64_t until = clock_monotonic_ms() + ms;
	struct pollfd p[1 + SIDES] = {{.fd = w->wake_fd, .events = POLLIN}, {.fd = -1}, {.fd = -1}};

	while (!commanded(w)) {
		int64_t left = until - clock_monotonic_ms();
		int64_t wave = listen ? waves_wait_ms(&w->run) : SLICE_MS;
		int64_t slice = wave < SLICE_MS ? wave : SLICE_MS;

		if (is_paused(w) != (w->state.phase == WORKER_PAUSED) || (left <= 0 && ms >= 0))
			return;
		if (listen)
			watch(w, p + 1);
		if (listen && (wave == 0 || is_to_look(w)))
			return;
		(void)poll(p, ARRAY_SIZE(p), (int)(ms >= 0 && left < slice ? left : slice));
		beat(w);
	}
}

static void
wait_for_work(struct worker *w, int64_t ms, bool listen)
{
	for (int side = SOURCE; !listen && side < SIDES; side++)
		shared_feed_stop_watching(w->run.feed[side], &w->listener[side]);
	wait_listening(w, ms, listen);
	for (int side = SOURCE; side < SIDES; side++)
		shared_feed_leave(w->run.feed[side], &w->listener[side]);
}

/* How long what is known of both forests is new enough: where another worker asked before the last
 * cycle began, until an interval after that. */
static int64_t
news_last_ms(const struct worker *w)
{
	int64_t ms = (int64_t)w->run.link->interval_s * 1000, left = ms;
	int64_t own = (clock_monotonic_us() - w->began_us) / 1000;

	for (int side = SOURCE; side < SIDES; side++) {
		int64_t age = shared_feed_age_ms(w->run.feed[side], w->run.dir[side]);

		if (age > own && ms - age < left)
			left = age < ms ? ms - age : 0;
	}
	return left;
}

static void
rest(struct worker *w, bool ok, int64_t pause_ms)
{
	while (is_paused(w) && !atomic_load(&w->stop)) {
		set_phase(w, WORKER_PAUSED);
		wait_for_work(w, -1, false);
		if (commanded(w))
			return;
	}
	set_phase(w, ok ? WORKER_IDLE : WORKER_WAITING);
	wait_for_work(w, ok ? news_last_ms(w) : waves_pause_ms(&w->run, pause_ms), ok);
}

/* A client that asks, and a server that notifies, mean what is so now. */
static void
note_begin(struct worker *w, const struct request *q)
{
	int64_t interval_us = (int64_t)w->run.link->interval_s * 1000000;

	w->began_us = clock_monotonic_us();
	w->told_since_us = q->number || w->notified ? w->began_us : w->began_us - interval_us;
}

static void *
work(void *arg)
{
	struct worker *w = arg;

	while (!atomic_load(&w->stop)) {
		struct cycle_result result[SIDES] = {{0}};
		struct request q;
		struct err err = {.text = ""};
		int64_t pause_ms = 0;
		bool wave = false;
		int rc = 0;

		w->gave_way = false;
		take_request(w, &q);
		if (!q.number && is_paused(w)) {
			rest(w, true, 0);
			continue;
		}
		set_phase(w, WORKER_RUNNING);
		note_begin(w, &q);
		if (!q.number) {
			lines_begin(w->lines, false);
			rc = waves_run(&w->run, &w->wave, clock_realtime_s(), &wave, &err);
		}
		if (rc == 0 && wave)
			continue; /* there may be more of it */
		if (rc == 0)
			rc = worker_run(w, &q, result, &err);
		if (rc < 0 && is_cancelled(w, &err)) {
			request_done(&q);
			break;
		}
		if (rc < 0 && w->gave_way) {
			worker_hurry(w); /* it comes right behind what it gave way to */
			continue;
		}
		if (rc < 0)
			pause_ms = failed(w, &err);
		else if (!(q.number && q.what == REQUEST_PLAN) && !worker_is_turn(&q))
			succeeded(w, result);
		end_request(w, &q, rc, result);
		request_done(&q);
		/* A map that is full has no other remedy. */
		if (rc == 0 || err.src == ERR_LMDB)
			worker_trim_journal(w);
		rest(w, rc == 0, pause_ms);
	}
	return NULL;
}

/* ---- commands ---- */

void
worker_wake(struct worker *w)
{
	(void)eventfd_write(w->wake_fd, 1);
}

void
worker_pause(struct worker *w, bool pause)
{
	(void)pthread_mutex_lock(&w->lock);
	w->pause = pause;
	(void)pthread_mutex_unlock(&w->lock);
	worker_wake(w);
}

void
worker_hurry(struct worker *w)
{
	(void)pthread_mutex_lock(&w->lock);
	w->hurry = true;
	(void)pthread_mutex_unlock(&w->lock);
	worker_wake(w);
}

/* Q is taken over. */
static uint64_t
put_request(struct worker *w, struct request *q)
{
	uint64_t number = 0;

	(void)pthread_mutex_lock(&w->lock);
	if (w->request.number == 0) {
		number = q->number = ++w->requests;
		w->request = *q;
		*q = (struct request){.plan_fd = -1};
	}
	(void)pthread_mutex_unlock(&w->lock);
	if (number)
		worker_wake(w);
	closep(&q->plan_fd);
	request_done(q);
	return number;
}

uint64_t
worker_request(struct worker *w, uid_t by, enum worker_request what, struct guid *objects, size_t n)
{
	struct request q = {.by = by, .what = what, .objects = objects, .n = n, .plan_fd = -1};

	return put_request(w, &q);
}

uint64_t
worker_request_plan(struct worker *w, enum plan_form form, struct guid *object, int fd)
{
	struct request q = {.what = REQUEST_PLAN,
	    .form = form,
	    .objects = object,
	    .n = object != NULL,
	    .plan_fd = fd};

	return put_request(w, &q);
}

uint64_t
worker_request_apply(struct worker *w, uid_t by, struct plan_choice *choice)
{
	struct request q = {.by = by, .what = REQUEST_APPLY, .plan_fd = -1, .choice = choice};

	return put_request(w, &q);
}

uint64_t
worker_request_undo(
    struct worker *w, uid_t by, bool dry_run, const struct undo_query *query, char *who)
{
	struct request q = {.by = by,
	    .what = dry_run ? REQUEST_TAKE_BACK_PLAN : REQUEST_TAKE_BACK,
	    .undo = *query,
	    .address = who,
	    .plan_fd = -1};

	q.undo.who = who;
	return put_request(w, &q);
}

uint64_t
worker_request_trace(struct worker *w, char *address, unsigned from)
{
	struct request q = {.what = REQUEST_TRACE, .plan_fd = -1, .address = address, .from = from};

	return put_request(w, &q);
}

uint64_t
worker_request_look(struct worker *w, const struct turn_order *o)
{
	struct request q = {.what = REQUEST_LOOK,
	    .plan_fd = -1,
	    .objects = (struct guid *)(uintptr_t)o->sources,
	    .n = o->n,
	    .turn = o->turn,
	    .force = o->force};

	return put_request(w, &q);
}

uint64_t
worker_request_explain(struct worker *w, char *who, char *attribute)
{
	struct request q = {
	    .what = REQUEST_EXPLAIN, .plan_fd = -1, .address = who, .attribute = attribute};

	return put_request(w, &q);
}

uint64_t
worker_request_find(struct worker *w, char *text)
{
	struct request q = {.what = REQUEST_FIND, .plan_fd = -1, .address = text};

	return put_request(w, &q);
}

uint64_t
worker_request_members(struct worker *w, struct guid *group, uint64_t page, uint64_t size)
{
	struct request q = {.what = REQUEST_MEMBERS,
	    .plan_fd = -1,
	    .objects = group,
	    .n = 1,
	    .page = page,
	    .size = size};

	return put_request(w, &q);
}

uint64_t
worker_request_resolve(struct worker *w, uid_t by, char *who, enum resolved_as as, char *target)
{
	struct request q = {.by = by,
	    .what = REQUEST_RESOLVE,
	    .plan_fd = -1,
	    .address = who,
	    .attribute = target,
	    .as = as};

	return put_request(w, &q);
}

uint64_t
worker_request_together(struct worker *w, char *base, char *filter, struct guid *objects, size_t n)
{
	struct request q = {.what = REQUEST_TOGETHER,
	    .plan_fd = -1,
	    .address = base,
	    .attribute = filter,
	    .objects = objects,
	    .n = n};

	return put_request(w, &q);
}

static void
worker_free(struct worker *w)
{
	for (int side = SOURCE; side < SIDES; side++) {
		shared_feed_unlisten(w->run.feed[side], &w->listener[side]);
		if (w->run.dir[side])
			dir_free(w->run.dir[side]);
	}
	closep(&w->request.plan_fd);
	request_done(&w->request);
	json_decref(w->results);
	answers_done(&w->answers);
	lines_free(w->lines);
	lines_free(w->back_lines);
	closep(&w->wake_fd);
	(void)pthread_mutex_destroy(&w->lock);
	free(w);
}

void
worker_stop(struct worker *w)
{
	if (!w)
		return;
	atomic_store(&w->stop, true);
	for (int side = SOURCE; side < SIDES; side++)
		w->run.dir[side]->ops->cancel(w->run.dir[side]);
	worker_wake(w);
	(void)pthread_join(w->thread, NULL);
	worker_free(w);
}

static int
start_thread(struct worker *w, struct err *err)
{
	int rc = thread_start(&w->thread, work, w);

	return rc ? err_sys(err, rc, "thread of link '%s'", w->run.link->name) : 0;
}

static void
take_news(void *arg)
{
	struct worker *w = arg;

	(void)pthread_mutex_lock(&w->lock);
	w->news = true;
	(void)pthread_mutex_unlock(&w->lock);
	worker_wake(w);
}

static void
listen_to_others(struct worker *w)
{
	for (int side = SOURCE; side < SIDES; side++) {
		w->listener[side] =
		    (struct shared_listener){.dir = w->run.dir[side], .fn = take_news, .arg = w};
		shared_feed_listen(w->run.feed[side], &w->listener[side]);
	}
}

int
worker_start(const struct worker_shares *shares, const struct conf_link *link, struct worker **ret,
    struct err *err)
{
	const struct conf *conf = shares->conf;
	struct worker *w = calloc(1, sizeof *w);

	if (!w)
		return err_nomem(err);
	*w = (struct worker){.conf = conf,
	    .run = {.link = link,
		.feed = {shared_feeds_of(shares->feeds, link->source),
		    shared_feeds_of(shares->feeds, link->target)},
		.store = shares->store,
		.work_dir = conf->state_directory,
		.map_size_mb = conf->map_size_mb},
	    .notify_fd = shares->notify_fd,
	    .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	    .request = {.plan_fd = -1}};
	worker_observe(w);
	w->state.beat_ms = clock_monotonic_ms();
	(void)pthread_mutex_init(&w->lock, NULL);
	if (w->wake_fd < 0)
		(void)err_sys(err, errno, "eventfd");
	if (w->wake_fd < 0 || lines_new(link->name, LAST_PAUSE_MS / 1000, &w->lines, err) < 0 ||
	    (link->back &&
		lines_new(link->back->name, LAST_PAUSE_MS / 1000, &w->back_lines, err) < 0) ||
	    ldap_dir_new(&link->source->dir, false, &w->run.dir[SOURCE], err) < 0 ||
	    ldap_dir_new(&link->target->dir, false, &w->run.dir[TARGET], err) < 0) {
		worker_free(w);
		return -1;
	}
	w->memory = run_memory(shares->store, false);
	w->run.dir[SOURCE]->memory = w->run.dir[TARGET]->memory = &w->memory;
	listen_to_others(w);
	if (start_thread(w, err) < 0) {
		worker_free(w);
		return -1;
	}
	*ret = w;
	return 0;
}
