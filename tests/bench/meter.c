/* SPDX-License-Identifier: MIT */
#include "tests/bench/meter.h"

#include <time.h>

struct meter_dir {
	struct dir dir;
	struct dir *inner;
	struct meter *meter;
};

/* When this thread went over to the server. */
static _Thread_local uint64_t since_ns;

static uint64_t
cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static struct dir *
enter(struct dir *d)
{
	since_ns = cpu_ns();
	return ((struct meter_dir *)d)->inner;
}

static void
leave(const struct meter *m)
{
	atomic_fetch_add(&((struct meter *)(uintptr_t)m)->server_ns, cpu_ns() - since_ns);
}

static struct meter *
meter_of(const struct dir *d)
{
	return ((const struct meter_dir *)d)->meter;
}

static struct dir *
ask(struct dir *d)
{
	atomic_fetch_add(&meter_of(d)->requests, 1);
	return enter(d);
}

/* ---- callbacks: galsync's, in the middle of the server's ---- */

struct delivery {
	struct meter *meter;
	dir_entry_fn *entry;
	dir_change_fn *change;
	void *arg;
};

static int
deliver(struct entry *e, void *arg, struct err *err)
{
	const struct delivery *d = arg;
	int rc;

	leave(d->meter);
	atomic_fetch_add(&d->meter->entries, 1);
	rc = d->entry(e, d->arg, err);
	since_ns = cpu_ns();
	return rc;
}

static int
deliver_change(const struct dir_change *c, void *arg, struct err *err)
{
	const struct delivery *d = arg;
	int rc;

	leave(d->meter);
	rc = d->change(c, d->arg, err);
	since_ns = cpu_ns();
	return rc;
}

struct outcome {
	struct meter *meter;
	dir_done_fn *done;
	void *arg;
};

static void
done(void *arg, const struct err *err)
{
	struct outcome o = *(struct outcome *)arg;

	free(arg);
	leave(o.meter);
	o.done(o.arg, err);
	since_ns = cpu_ns();
}

/* ---- operations ---- */

static int
meter_open(struct dir *d, struct err *err)
{
	int rc = dir_open(enter(d), err);

	leave(meter_of(d));
	return rc;
}

static const struct dir_info *
meter_info(struct dir *d)
{
	struct dir *inner = ((struct meter_dir *)d)->inner;

	return inner->ops->info(inner);
}

static const struct schema *
meter_schema(struct dir *d)
{
	struct dir *inner = ((struct meter_dir *)d)->inner;

	return inner->ops->schema(inner);
}

static int
meter_search(struct dir *d, const struct dir_query *q, dir_entry_fn *fn, void *arg, struct err *err)
{
	struct delivery x = {.meter = meter_of(d), .entry = fn, .arg = arg};
	struct dir *inner = ask(d);
	int rc = inner->ops->search(inner, q, deliver, &x, err);

	leave(x.meter);
	return rc;
}

static int
meter_read(
    struct dir *d, const char *name, const char *const *attrs, struct entry **ret, struct err *err)
{
	struct dir *inner = ask(d);
	int rc = inner->ops->read(inner, name, attrs, ret, err);

	leave(meter_of(d));
	return rc;
}

static int
meter_changes(struct dir *d, const struct dir_since *since, dir_change_fn *fn, void *arg,
    struct buf *ret_cursor, enum dir_feed *ret, struct err *err)
{
	struct delivery x = {.meter = meter_of(d), .change = fn, .arg = arg};
	struct dir *inner = ask(d);
	int rc = inner->ops->changes(inner, since, deliver_change, &x, ret_cursor, ret, err);

	leave(x.meter);
	return rc;
}

static int
meter_watch(struct dir *d, struct err *err)
{
	struct dir *inner = ((struct meter_dir *)d)->inner;

	return inner->ops->watch(inner, err);
}

static bool
meter_woken(struct dir *d)
{
	struct dir *inner = ((struct meter_dir *)d)->inner;

	return inner->ops->woken(inner);
}

static int
meter_usn(struct dir *d, uint64_t *ret, struct err *err)
{
	struct dir *inner = ask(d);
	int rc = inner->ops->usn(inner, ret, err);

	leave(meter_of(d));
	return rc;
}

static int
meter_submit(struct dir *d, const struct change *c, dir_done_fn *fn, void *arg, struct err *err)
{
	struct outcome *o = malloc(sizeof *o);
	struct dir *inner;
	int rc;

	if (!o)
		return err_nomem(err);
	*o = (struct outcome){meter_of(d), fn, arg};
	inner = ask(d);
	rc = inner->ops->submit(inner, c, done, o, err);
	leave(meter_of(d));
	if (rc < 0)
		free(o);
	return rc;
}

static int
meter_process(struct dir *d, struct err *err)
{
	struct dir *inner = enter(d);
	int rc = inner->ops->process(inner, err);

	leave(meter_of(d));
	return rc;
}

static size_t
meter_pending(const struct dir *d)
{
	const struct dir *inner = ((const struct meter_dir *)d)->inner;

	return inner->ops->pending(inner);
}

static int
meter_fd(const struct dir *d)
{
	const struct dir *inner = ((const struct meter_dir *)d)->inner;

	return inner->ops->fd(inner);
}

static void
meter_cancel(struct dir *d)
{
	struct dir *inner = ((struct meter_dir *)d)->inner;

	inner->ops->cancel(inner);
}

static void
meter_close(struct dir *d)
{
	struct dir *inner = enter(d);

	inner->ops->close(inner);
	leave(meter_of(d));
}

static void
meter_free(struct dir *d)
{
	meter_close(d);
	dir_free(((struct meter_dir *)d)->inner);
	free(d);
}

static const struct dir_ops meter_ops = {.open = meter_open,
    .info = meter_info,
    .schema = meter_schema,
    .search = meter_search,
    .read = meter_read,
    .changes = meter_changes,
    .watch = meter_watch,
    .woken = meter_woken,
    .usn = meter_usn,
    .submit = meter_submit,
    .process = meter_process,
    .pending = meter_pending,
    .fd = meter_fd,
    .cancel = meter_cancel,
    .close = meter_close,
    .free = meter_free};

struct dir *
meter_new(struct dir *inner, struct meter *meter)
{
	struct meter_dir *d = inner ? calloc(1, sizeof *d) : NULL;

	if (!d) {
		if (inner)
			dir_free(inner);
		return NULL;
	}
	*d = (struct meter_dir){
	    .dir = {.ops = &meter_ops, .name = inner->name}, .inner = inner, .meter = meter};
	return &d->dir;
}
