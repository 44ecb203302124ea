/* SPDX-License-Identifier: MIT */
/*
 * The lock is held but while a server is asked or waited for. One asks a server at a time: only it
 * changes the log, and the lock it needs for that alone. So the log may be read meanwhile, and what
 * the one that asks has borrowed of it stays as it is.
 *
 * Two that wait for one answer may both need a newer one. The first to wake up asks then, and its
 * question is younger than both wishes: nobody waits for more than two answers.
 */
#include "dsa/run/shared_feed.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "dsa/base/clock.h"
#include "dsa/directory/feed_log.h"

/* Servers of a forest that are asked at the same time. Of more, those that do not fit share
 * nothing. */
#define SERVERS 8
/* How long one that waits does not look whether it was cancelled. */
#define SLICE_MS 250
/* How long it waits at most: a worker that waits for long must not be taken for one that hangs
 * (after 300 s, service.c). A question may take longer, as long as it gets on. */
#define WAIT_US ((int64_t)60 * 1000000)
/* A log that was not asked for so long: who comes by itself is not made to wait until all that
 * happened since is told to everyone. */
#define STALE_US ((int64_t)600 * 1000000)

/* Another one takes over from the one that watches if that one is at work for longer. */
#define AWAY_US ((int64_t)5 * 1000000)

struct server {
	char invocation[GUID_TEXT_SIZE]; /* of its database; "": the place is free */
	struct feed_log *log;
	int64_t asked_us; /* when the last question for everyone began, 0: none yet */
	int64_t alone_us; /* when a flow was last told something that others may lack */
	bool asking;	  /* a question is under way */
	bool by_usn;	  /* how changes were found the last time */
	uint64_t failures;
};

struct shared_feed {
	pthread_mutex_t lock;
	pthread_cond_t answered;
	struct server servers[SERVERS];
	int64_t wrote_us; /* when we did the last time */
	struct shared_listener *listeners;
	const struct shared_listener *watcher; /* of them, or NULL */
	int64_t left_us;		       /* when it went to work; 0: it is at rest */
};

struct shared_feeds {
	const struct conf *conf;
	size_t n; /* that are set up */
	struct shared_feed of[];
};

/* ---- life ---- */

static int
set_up(struct shared_feed *f, struct err *err)
{
	pthread_condattr_t a;
	int rc = pthread_condattr_init(&a);

	if (rc)
		return err_sys(err, rc, "feed of a forest");
	/* The calendar may be turned. */
	(void)pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	rc = pthread_cond_init(&f->answered, &a);
	(void)pthread_condattr_destroy(&a);
	if (rc)
		return err_sys(err, rc, "feed of a forest");
	(void)pthread_mutex_init(&f->lock, NULL);
	return 0;
}

int
shared_feeds_new(const struct conf *conf, struct shared_feeds **ret, struct err *err)
{
	_cleanup_(shared_feeds_free) struct shared_feeds *s =
	    calloc(1, sizeof *s + conf->n_forests * sizeof s->of[0]);

	if (!s)
		return err_nomem(err);
	s->conf = conf;
	for (; s->n < conf->n_forests; s->n++)
		if (set_up(&s->of[s->n], err) < 0)
			return -1;
	*ret = TAKE(s);
	return 0;
}

void
shared_feeds_free(struct shared_feeds *s)
{
	for (size_t i = 0; s && i < s->n; i++) {
		for (size_t j = 0; j < SERVERS; j++)
			feed_log_free(s->of[i].servers[j].log);
		(void)pthread_mutex_destroy(&s->of[i].lock);
		(void)pthread_cond_destroy(&s->of[i].answered);
	}
	free(s);
}

struct shared_feed *
shared_feeds_of(struct shared_feeds *s, const struct conf_forest *forest)
{
	return s ? &s->of[forest - s->conf->forests] : NULL;
}

/* ---- listeners ---- */

void
shared_feed_listen(struct shared_feed *f, struct shared_listener *l)
{
	if (!f)
		return;
	(void)pthread_mutex_lock(&f->lock);
	l->next = f->listeners;
	f->listeners = l;
	(void)pthread_mutex_unlock(&f->lock);
}

static void
wake_others(const struct shared_feed *f, const struct dir *but)
{
	for (const struct shared_listener *l = f->listeners; l; l = l->next)
		if (l->dir != but)
			l->fn(l->arg);
}

static void
stop_watching(struct shared_feed *f, const struct shared_listener *l)
{
	if (f->watcher != l)
		return;
	f->watcher = NULL;
	wake_others(f, l->dir);
}

void
shared_feed_unlisten(struct shared_feed *f, struct shared_listener *l)
{
	struct shared_listener **at;

	if (!f)
		return;
	(void)pthread_mutex_lock(&f->lock);
	stop_watching(f, l);
	at = &f->listeners;
	while (*at && *at != l)
		at = &(*at)->next;
	if (*at)
		*at = l->next;
	(void)pthread_mutex_unlock(&f->lock);
}

bool
shared_feed_may_watch(struct shared_feed *f, const struct shared_listener *l)
{
	bool yes;

	if (!f)
		return true;
	(void)pthread_mutex_lock(&f->lock);
	yes = !f->watcher || f->watcher == l ||
	      (f->left_us && clock_monotonic_us() - f->left_us > AWAY_US);
	if (yes) {
		f->watcher = l;
		f->left_us = 0;
	}
	(void)pthread_mutex_unlock(&f->lock);
	return yes;
}

void
shared_feed_leave(struct shared_feed *f, const struct shared_listener *l)
{
	if (!f)
		return;
	(void)pthread_mutex_lock(&f->lock);
	if (f->watcher == l)
		f->left_us = clock_monotonic_us();
	(void)pthread_mutex_unlock(&f->lock);
}

void
shared_feed_stop_watching(struct shared_feed *f, const struct shared_listener *l)
{
	if (!f)
		return;
	(void)pthread_mutex_lock(&f->lock);
	stop_watching(f, l);
	(void)pthread_mutex_unlock(&f->lock);
}

/* ---- servers ---- */

/* The server that D is connected to, as it shows itself; "" if it does not. */
static const char *
invocation_of(struct dir *d)
{
	const struct dir_info *info = d->ops->info(d);

	return info && info->invocation_id ? info->invocation_id : "";
}

static struct server *
find_server(struct shared_feed *f, const char *invocation)
{
	for (size_t i = 0; *invocation && i < SERVERS; i++)
		if (strcmp(f->servers[i].invocation, invocation) == 0)
			return &f->servers[i];
	return NULL;
}

/* A free place, or that of the server that was not asked for the longest time. */
static struct server *
find_place(struct shared_feed *f)
{
	struct server *found = NULL;

	for (size_t i = 0; i < SERVERS; i++) {
		struct server *s = &f->servers[i];

		if (!s->asking && (!found || s->asked_us < found->asked_us))
			found = s;
	}
	return found;
}

/* *RET NULL: the server of D has no log, and gets none. */
static int
get_server(struct shared_feed *f, struct dir *d, struct server **ret, struct err *err)
{
	const char *invocation = invocation_of(d);
	struct server *s;

	*ret = find_server(f, invocation);
	if (*ret || !*invocation)
		return 0;
	s = find_place(f);
	if (!s || strlen(invocation) >= sizeof s->invocation)
		return 0;
	feed_log_free(s->log);
	*s = (struct server){.log = feed_log_new()};
	if (!s->log)
		return err_nomem(err);
	memcpy(s->invocation, invocation, strlen(invocation) + 1);
	*ret = s;
	return 0;
}

void
shared_feed_wrote(struct shared_feed *f)
{
	if (!f)
		return;
	(void)pthread_mutex_lock(&f->lock);
	f->wrote_us = clock_monotonic_us();
	(void)pthread_mutex_unlock(&f->lock);
}

int64_t
shared_feed_age_ms(struct shared_feed *f, struct dir *d)
{
	const struct server *s;
	int64_t age = -1;

	if (!f)
		return -1;
	(void)pthread_mutex_lock(&f->lock);
	s = find_server(f, invocation_of(d));
	if (s && s->asked_us)
		age = (clock_monotonic_us() - s->asked_us) / 1000;
	(void)pthread_mutex_unlock(&f->lock);
	return age;
}

/* ---- asking ---- */

struct asking {
	struct shared_feed *f;
	struct dir *d;
	const struct shared_question *q;
	int64_t came_us;  /* when the question was put */
	int64_t since_us; /* an answer given since then is young enough */
	struct buf *ret_cursor;
	struct shared_answer *ret;
	struct feed_told told; /* by the server, for the log */
	bool for_log;	       /* and for nothing else */
	bool news;	       /* it was told something alone */
};

static int
finish(struct asking *a, int rc)
{
	a->ret->by_usn = rc == 0 && a->d->ops->info(a->d)->by_usn;
	return rc;
}

/* What was told to one alone may be news for the others, which only wait for one to be notified:
 * they have to ask. S is the server that told it, or NULL: it has no log. */
static void
pass_on(const struct asking *a, struct server *s)
{
	if (s)
		s->alone_us = clock_monotonic_us();
	wake_others(a->f, a->d);
}

static int
hear_alone(const struct dir_change *c, void *arg, struct err *err)
{
	struct asking *a = arg;

	a->news = true;
	return a->q->fn(c, a->q->arg, err);
}

/* The answer is the asker's own, and nobody else's. */
static int
ask_alone(struct asking *a, struct err *err)
{
	int rc;

	(void)pthread_mutex_unlock(&a->f->lock);
	rc = a->d->ops->changes(
	    a->d, &a->q->since, hear_alone, a, a->ret_cursor, &a->ret->feed, err);
	(void)pthread_mutex_lock(&a->f->lock);
	if (rc == 0 && a->news)
		pass_on(a, find_server(a->f, invocation_of(a->d)));
	return finish(a, rc);
}

static int
hear(const struct dir_change *c, void *arg, struct err *err)
{
	struct asking *a = arg;

	if (feed_told_add(&a->told, c) < 0)
		return err_nomem(err);
	return a->for_log ? 0 : a->q->fn(c, a->q->arg, err);
}

/* Asks the server S from cursor FROM on. */
static int
ask_server(struct asking *a, struct server *s, struct bytes from, struct err *err)
{
	const struct dir_since since = {from, feed_log_attrs(s->log)};
	int rc;

	feed_told_done(&a->told);
	s->asking = true;
	(void)pthread_mutex_unlock(&a->f->lock);
	rc = a->d->ops->changes(a->d, &since, hear, a, a->ret_cursor, &a->ret->feed, err);
	(void)pthread_mutex_lock(&a->f->lock);
	s->asking = false;
	s->failures += rc < 0;
	(void)pthread_cond_broadcast(&a->f->answered);
	return finish(a, rc);
}

/* S answered the question from FROM on, which began at BEGAN_US. */
static int
take_down(struct asking *a, struct server *s, struct bytes from, int64_t began_us, struct err *err)
{
	int for_all = feed_log_add(s->log, from, &a->told, buf_bytes(a->ret_cursor));

	if (for_all < 0)
		return err_nomem(err);
	s->by_usn = a->ret->by_usn;
	if (for_all)
		s->asked_us = began_us;
	if (!a->told.n && !a->told.many)
		return 0;
	if (for_all)
		wake_others(a->f, a->d);
	else
		pass_on(a, s);
	return 0;
}

/* From the head of S's log on. *RET_AGAIN: that is of no use any more, and forgotten. */
static int
ask_for_all(struct asking *a, struct server *s, uint64_t unheard, bool *ret_again, struct err *err)
{
	int64_t began_us = clock_monotonic_us();
	struct bytes head = feed_log_head(s->log);

	if (feed_log_tell(s->log, unheard, a->q->fn, a->q->arg, err) < 0)
		return -1;
	if (ask_server(a, s, head, err) < 0) {
		if (err->scope != ERR_PEER)
			feed_log_forget(s->log);
		return -1;
	}
	*ret_again = a->ret->feed == DIR_FEED_LOST;
	if (*ret_again)
		feed_log_forget(s->log);
	if (*ret_again)
		return 0;
	/* The answer is of a server that it is not connected to any more. */
	if (strcmp(s->invocation, invocation_of(a->d)) != 0)
		return ask_alone(a, err);
	return take_down(a, s, head, began_us, err);
}

/* With the asker's own cursor, which S's log does not know. */
static int
ask_for_one(struct asking *a, struct server *s, struct err *err)
{
	int64_t began_us = clock_monotonic_us();
	struct bytes cursor = a->q->since.cursor;

	if (began_us - s->asked_us > STALE_US)
		feed_log_forget(s->log);
	if (ask_server(a, s, cursor, err) < 0)
		return -1;
	if (a->ret->feed == DIR_FEED_LOST || strcmp(s->invocation, invocation_of(a->d)) != 0)
		return 0;
	return take_down(a, s, cursor, began_us, err);
}

/* Waits until a question of S is answered, or for a while. *RET_ALONE: there is nothing to wait for
 * any more. */
static int
wait_for(struct asking *a, const struct server *s, bool *ret_alone, struct err *err)
{
	uint64_t failures = s->failures;
	int64_t ms = clock_monotonic_ms() + SLICE_MS;
	const struct timespec until = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	int rc;

	(void)pthread_cond_timedwait(&a->f->answered, &a->f->lock, &until);
	*ret_alone = s->failures != failures || clock_monotonic_us() - a->came_us > WAIT_US;
	(void)pthread_mutex_unlock(&a->f->lock);
	rc = a->d->ops->process(a->d, err);
	(void)pthread_mutex_lock(&a->f->lock);
	/* What else is wrong the next question says. */
	return rc < 0 && err->src == ERR_SYS && err->code == ECANCELED ? -1 : 0;
}

/* What the log of S has is young enough. */
static int
answer_from(struct asking *a, const struct server *s, uint64_t unheard, struct err *err)
{
	struct bytes head = feed_log_head(s->log);

	buf_reset(a->ret_cursor);
	buf_add(a->ret_cursor, head.data, head.len);
	if (a->ret_cursor->failed)
		return err_nomem(err);
	*a->ret = (struct shared_answer){.feed = DIR_FEED_CHANGES, .by_usn = s->by_usn};
	return feed_log_tell(s->log, unheard, a->q->fn, a->q->arg, err);
}

/* A flow begins that has heard of nothing and reads everything: what others have not heard yet is
 * none of its business, so the log is told of it before the flow joins. */
static int
ask_for_others(struct asking *a, struct server *s, struct err *err)
{
	bool ignored;
	int rc;

	if (a->q->since.cursor.len || !feed_log_head(s->log).len)
		return 0;
	a->for_log = true;
	rc = ask_for_all(a, s, UINT64_MAX, &ignored, err);
	a->for_log = false;
	/* A log that is of no use is forgotten, and keeps nobody from beginning. */
	return rc < 0 && err->scope == ERR_PEER ? -1 : 0;
}

/* With S, which nobody asks just now. */
static int
ask(struct asking *a, struct server *s, struct err *err)
{
	uint64_t unheard;
	bool again;

	if (feed_log_want(s->log, a->q->since.attrs) < 0)
		return err_nomem(err);
	if (ask_for_others(a, s, err) < 0)
		return -1;
	if (!feed_log_find(s->log, a->q->since.cursor, a->q->since.attrs, &unheard))
		return ask_for_one(a, s, err);
	if (ask_for_all(a, s, unheard, &again, err) < 0)
		return -1;
	return again ? ask_for_one(a, s, err) : 0;
}

static bool
has_answer(const struct asking *a, const struct server *s, uint64_t *ret_unheard)
{
	const struct dir_since *since = &a->q->since;

	return s->asked_us >= a->since_us && s->asked_us > a->f->wrote_us &&
	       s->asked_us > s->alone_us &&
	       feed_log_find(s->log, since->cursor, since->attrs, ret_unheard);
}

/* With the lock. */
static int
answer(struct asking *a, struct err *err)
{
	bool alone = false;

	for (;;) {
		struct server *s;
		uint64_t unheard;

		if (get_server(a->f, a->d, &s, err) < 0)
			return -1;
		if (!s || alone)
			return ask_alone(a, err);
		if (has_answer(a, s, &unheard))
			return answer_from(a, s, unheard, err);
		if (!s->asking)
			return ask(a, s, err);
		if (wait_for(a, s, &alone, err) < 0)
			return -1;
	}
}

int
shared_feed_changes(struct shared_feed *f, struct dir *d, const struct shared_question *q,
    struct buf *ret_cursor, struct shared_answer *ret, struct err *err)
{
	struct asking a = {.f = f, .d = d, .q = q, .ret_cursor = ret_cursor, .ret = ret};
	struct err ignored;
	int rc;

	if (!f) {
		rc = d->ops->changes(d, &q->since, q->fn, q->arg, ret_cursor, &ret->feed, err);
		return finish(&a, rc);
	}
	/* Is it still connected, and to which server? What the log says is read where it was told.
	 */
	(void)d->ops->process(d, &ignored);
	if (dir_open(d, err) < 0)
		return -1;
	a.came_us = clock_monotonic_us();
	a.since_us = q->told_since_us ? q->told_since_us : a.came_us;
	(void)pthread_mutex_lock(&f->lock);
	rc = answer(&a, err);
	(void)pthread_mutex_unlock(&f->lock);
	feed_told_done(&a.told);
	return rc;
}
