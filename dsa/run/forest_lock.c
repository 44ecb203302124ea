/* SPDX-License-Identifier: MIT */
/*
 * One queue for all forests, in the order of arrival. The first of a forest's has its lock, the
 * others wait, each for a signal of its own: the one that leaves the queue wakes the next one.
 */
#include "dsa/run/forest_lock.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dsa/base/clock.h"
#include "dsa/directory/dn.h"

struct forest_lock {
	struct forest_lock *next; /* that came later */
	char *name, *owner;
	pid_t process; /* a child does not inherit it */
	pthread_cond_t is_first;
	bool has_cond;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of what follows */
static struct forest_lock *queue;			  /* the oldest one */

static void
lock_free(struct forest_lock *l)
{
	if (l->has_cond)
		(void)pthread_cond_destroy(&l->is_first);
	free(l->name);
	free(l->owner);
	free(l);
}
DEFINE_CLEANUP(struct forest_lock *, lock_free)

/* Times are of the monotonic clock: the calendar may be turned. */
static int
make_cond(struct forest_lock *l, struct err *err)
{
	pthread_condattr_t a;
	int rc = pthread_condattr_init(&a);

	if (rc)
		return err_sys(err, rc, "lock of a forest");
	(void)pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	rc = pthread_cond_init(&l->is_first, &a);
	(void)pthread_condattr_destroy(&a);
	l->has_cond = rc == 0;
	return rc ? err_sys(err, rc, "lock of a forest") : 0;
}

static int
lock_new(const char *name, const char *owner, struct forest_lock **ret, struct err *err)
{
	_cleanup_(lock_free) struct forest_lock *l = calloc(1, sizeof *l);

	if (!l || !(l->owner = strdup(owner)))
		return err_nomem(err);
	l->process = getpid();
	l->name = dn_normalize(name, err);
	if (!l->name || make_cond(l, err) < 0)
		return -1;
	*ret = TAKE(l);
	return 0;
}

/* ---- the queue; MUTEX is held ---- */

static struct forest_lock *
first_of(const char *name)
{
	struct forest_lock *l = queue;

	while (l && (l->process != getpid() || strcmp(l->name, name) != 0))
		l = l->next;
	return l;
}

static void
enter(struct forest_lock *l)
{
	struct forest_lock **at = &queue;

	while (*at)
		at = &(*at)->next;
	*at = l;
}

static void
leave(struct forest_lock *l)
{
	struct forest_lock **at = &queue, *first;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	first = first_of(l->name);
	if (first)
		(void)pthread_cond_signal(&first->is_first);
}

static void
wait_for_signal(struct forest_lock *l)
{
	int64_t ms = clock_monotonic_ms() + FOREST_LOCK_SLICE_MS;
	const struct timespec until = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	(void)pthread_cond_timedwait(&l->is_first, &mutex, &until);
}

/* Asks FN without the mutex, and then waits for a while. */
static int
wait_for_turn(
    struct forest_lock *l, const char *holder, forest_lock_wait_fn *fn, void *arg, struct err *err)
{
	char name[256];
	int rc;

	(void)snprintf(name, sizeof name, "%s", holder);
	(void)pthread_mutex_unlock(&mutex);
	rc = fn(name, arg, err);
	(void)pthread_mutex_lock(&mutex);
	if (rc == 0 && first_of(l->name) != l)
		wait_for_signal(l);
	return rc;
}

int
forest_lock_take(const char *name, const char *owner, forest_lock_wait_fn *fn, void *arg,
    struct forest_lock **ret, struct err *err)
{
	struct forest_lock *l = NULL;
	const struct forest_lock *holder;
	int rc = lock_new(name, owner, &l, err);

	if (rc < 0)
		return -1;
	(void)pthread_mutex_lock(&mutex);
	enter(l);
	while (rc == 0 && (holder = first_of(l->name)) != l)
		rc = wait_for_turn(l, holder->owner, fn, arg, err);
	if (rc < 0)
		leave(l);
	(void)pthread_mutex_unlock(&mutex);
	if (rc < 0)
		lock_free(l);
	else
		*ret = l;
	return rc;
}

void
forest_lock_release(struct forest_lock *l)
{
	if (!l)
		return;
	(void)pthread_mutex_lock(&mutex);
	leave(l);
	(void)pthread_mutex_unlock(&mutex);
	lock_free(l);
}
