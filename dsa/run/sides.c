/* SPDX-License-Identifier: MIT */
#include "dsa/run/sides.h"

#include <pthread.h>
#include <stdatomic.h>

#include "dsa/base/thread.h"

/* ---- anything ---- */

struct job {
	sides_fn *fn;
	void *arg;
	enum side side;
	struct err err;
	int rc;
};

static void *
run_job(void *arg)
{
	struct job *j = arg;

	j->rc = j->fn(j->side, j->arg, &j->err);
	return NULL;
}

int
sides_run(sides_fn *fn, void *arg, struct err *err)
{
	struct job job[SIDES] = {
	    {.fn = fn, .arg = arg, .side = SOURCE}, {.fn = fn, .arg = arg, .side = TARGET}};
	pthread_t thread;
	int rc;

	rc = thread_start(&thread, run_job, &job[TARGET]);
	if (rc)
		return err_sys(err, rc, "thread to read the target");
	(void)run_job(&job[SOURCE]);
	(void)pthread_join(thread, NULL);
	if (job[SOURCE].rc == 0 && job[TARGET].rc == 0)
		return 0;
	*err = job[SOURCE].rc < 0 ? job[SOURCE].err : job[TARGET].err;
	return -1;
}

/* ---- reading all ---- */

struct one {
	struct both *both;
	enum side side;
	struct dir *dir;
	struct dir_query q;
	struct err err;
};

struct both {
	sides_entry_fn *fn;
	void *arg;
	struct one one[SIDES];
	atomic_int failed; /* the side that failed first: the other one need not go on; or SIDES */
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

static int
read_side(enum side side, void *arg, struct err *err)
{
	struct both *both = arg;
	struct one *o = &both->one[side];
	int none = SIDES;

	if (o->dir->ops->search(o->dir, &o->q, take, o, &o->err) == 0)
		return 0;
	(void)err_ctx(&o->err, "read of forest '%s'", o->dir->name);
	(void)atomic_compare_exchange_strong(&both->failed, &none, (int)side);
	*err = o->err;
	return -1;
}

int
sides_read(struct dir *const dir[SIDES], const char *filter, const char *const *const attrs[SIDES],
    sides_entry_fn *fn, void *arg, enum side *ret_failed, struct err *err)
{
	struct both both = {.fn = fn, .arg = arg, .failed = SIDES};
	int rc;

	for (int s = SOURCE; s < SIDES; s++)
		both.one[s] = (struct one){.both = &both,
		    .side = (enum side)s,
		    .dir = dir[s],
		    .q = {.base = dir[s]->ops->info(dir[s])->domain_dn,
			.scope = DIR_SUBTREE,
			.filter = filter,
			.attrs = attrs[s]}};
	rc = sides_run(read_side, &both, err);
	if (ret_failed)
		*ret_failed = both.failed == SOURCE ? SOURCE : TARGET;
	if (both.failed != SIDES)
		*err = both.one[both.failed].err;
	return rc;
}
