/* SPDX-License-Identifier: MIT */
#include "dsa/sync/sides.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

struct both {
	sides_entry_fn *fn;
	void *arg;
	atomic_int failed; /* the side that failed first: the other one need not go on; or SIDES */
};

struct one {
	struct both *both;
	enum side side;
	struct dir *dir;
	struct dir_query q;
	struct err err;
};

/* The directory is not cancelled: that would be for ever. */
static int
take(struct entry *e, void *arg, struct err *err)
{
	struct one *o = arg;

	if (atomic_load(&o->both->failed) == SIDES)
		return o->both->fn(o->side, e, o->both->arg, err);
	entry_free(e);
	return err_set(err, ERR_SYS, ERR_LINK, ERR_LATER, ECANCELED, "the other side failed");
}

static void *
read_side(void *arg)
{
	struct one *o = arg;
	int none = SIDES;

	if (o->dir->ops->search(o->dir, &o->q, take, o, &o->err) < 0) {
		(void)err_ctx(&o->err, "read of forest '%s'", o->dir->name);
		(void)atomic_compare_exchange_strong(&o->both->failed, &none, (int)o->side);
	}
	return NULL;
}

int
sides_read(struct dir *const dir[SIDES], const char *filter, const char *const *const attrs[SIDES],
    sides_entry_fn *fn, void *arg, enum side *ret_failed, struct err *err)
{
	struct both both = {.fn = fn, .arg = arg, .failed = SIDES};
	struct one o[SIDES];
	sigset_t all, before;
	pthread_t thread;
	int rc;

	for (int s = SOURCE; s < SIDES; s++)
		o[s] = (struct one){.both = &both,
		    .side = (enum side)s,
		    .dir = dir[s],
		    .q = {.base = dir[s]->ops->info(dir[s])->domain_dn,
			.scope = DIR_SUBTREE,
			.filter = filter,
			.attrs = attrs[s]}};
	/* Signals belong to the main thread: this one starts with all of them blocked. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&thread, NULL, read_side, &o[TARGET]);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (ret_failed)
		*ret_failed = TARGET;
	if (rc)
		return err_sys(err, rc, "thread to read forest '%s'", dir[TARGET]->name);
	(void)read_side(&o[SOURCE]);
	(void)pthread_join(thread, NULL);
	if (both.failed == SIDES)
		return 0;
	if (ret_failed)
		*ret_failed = (enum side)both.failed;
	*err = o[both.failed].err;
	return -1;
}
