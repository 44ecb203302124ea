/* SPDX-License-Identifier: MIT */

/*
 * Outcomes pass through a list of their own: the directory below reports to the tap, and the tap
 * to the caller, as long as the process "lives". After the stop the directory below is brought to
 * rest (its changes are done, or dropped) and what it says is thrown away; the caller is told from
 * process() or close() that it does not know.
 *
 *   submit()  ->  under way  --outcome from below-->  reported
 *                            --outcome from below, stopped-->  lost  --process(), close()-->
 * reported
 */
#include "tests/support/tapdir.h"

#include <ldap.h>
#include <string.h>

struct tap_write {
	struct tap_write *next;
	struct tapdir *d;
	const struct change *change;
	dir_done_fn *done;
	void *arg;
};

struct tapdir {
	struct dir dir;
	struct dir *inner;
	struct tap *tap;
	struct tap_write *under_way, *lost;
	size_t n; /* of both */
};

static struct tapdir *
tapdir_of(struct dir *dir)
{
	return (struct tapdir *)dir;
}

static int
dead(const struct tap *tap, struct err *err)
{
	return err_set(err, ERR_LDAP, ERR_PEER, ERR_LATER, LDAP_SERVER_DOWN, "stopped at step %u",
	    tap->stop_at);
}

/* ---- outcomes ---- */

static void
unlink_write(struct tapdir *d, struct tap_write *w)
{
	struct tap_write **at = &d->under_way;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
}

static void
write_done(void *arg, const struct err *err)
{
	struct tap_write *w = arg;
	struct tapdir *d = w->d;
	struct tap_write **end = &d->lost;

	unlink_write(d, w);
	if (!atomic_load(&d->tap->stopped)) {
		d->n--;
		w->done(w->arg, err);
		free(w);
		return;
	}
	while (*end)
		end = &(*end)->next;
	w->next = NULL;
	*end = w;
}

/* After the stop: brings the directory below to rest. */
static void
settle(struct tapdir *d)
{
	struct err ignored;

	if (d->tap->how == TAP_STOP_DROP)
		d->inner->ops->close(d->inner);
	while (d->under_way && d->inner->ops->pending(d->inner) &&
	       dir_drain(&d->inner, 1, 0, &ignored) < 0)
		;
}

static void
report_lost(struct tapdir *d)
{
	while (d->lost) {
		struct tap_write *w = d->lost;
		struct err err;

		d->lost = w->next;
		d->n--;
		(void)dead(d->tap, &err);
		(void)err_ctx(&err, "'%s': the outcome is unknown", w->change->dn);
		w->done(w->arg, &err);
		free(w);
	}
}

/* ---- steps ---- */

/* True if this call goes through. False: the process is dead, or dies here with *RET_LAST set if
 * the step itself is still done. */
static bool
step(struct tapdir *d, bool counts, bool *ret_last)
{
	struct tap *tap = d->tap;

	*ret_last = false;
	if (atomic_load(&tap->stopped))
		return false;
	if (!counts || atomic_fetch_add(&tap->steps, 1) + 1 != tap->stop_at)
		return true;
	*ret_last = tap->how == TAP_STOP_AFTER;
	return false;
}

/* A read gives nothing once stopped, whether it came before or after. */
static int
read_step(struct tapdir *d, struct err *err)
{
	bool ignored;

	if (step(d, d->tap->count_reads, &ignored))
		return 0;
	if (!atomic_exchange(&d->tap->stopped, true))
		settle(d);
	return dead(d->tap, err);
}

static int
hand_over(struct tapdir *d, const struct change *c, dir_done_fn *done, void *arg, struct err *err)
{
	struct tap *tap = d->tap;
	struct tap_write *w = calloc(1, sizeof *w);

	if (!w)
		return err_nomem(err);
	tap->writes++;
	if (tap->hook && (!tap->hook_at || tap->hook_at == tap->writes))
		tap->hook(tap->hook_arg, tap->writes, c);
	buf_printf(&tap->text, "# forest '%s'\n", d->dir.name);
	change_to_ldif(c, &tap->text);
	*w =
	    (struct tap_write){.next = d->under_way, .d = d, .change = c, .done = done, .arg = arg};
	d->under_way = w;
	d->n++;
	if (d->inner->ops->submit(d->inner, c, write_done, w, err) < 0) {
		unlink_write(d, w);
		d->n--;
		free(w);
		return -1;
	}
	return 0;
}

/* ---- operations ---- */

static int
tap_submit(struct dir *dir, const struct change *c, dir_done_fn *done, void *arg, struct err *err)
{
	struct tapdir *d = tapdir_of(dir);
	bool last;
	int rc = 0;

	if (step(d, true, &last))
		return hand_over(d, c, done, arg, err);
	if (atomic_load(&d->tap->stopped))
		return dead(d->tap, err);
	if (last)
		rc = hand_over(d, c, done, arg, err);
	atomic_store(&d->tap->stopped, true);
	settle(d);
	/* What was handed over is under way as far as the caller knows. */
	return last && rc == 0 ? 0 : dead(d->tap, err);
}

static int
tap_open(struct dir *dir, struct err *err)
{
	struct tapdir *d = tapdir_of(dir);

	if (atomic_load(&d->tap->stopped))
		return dead(d->tap, err);
	return d->inner->ops->open(d->inner, err);
}

static const struct dir_info *
tap_info(struct dir *dir)
{
	return tapdir_of(dir)->inner->ops->info(tapdir_of(dir)->inner);
}

static const struct schema *
tap_schema(struct dir *dir)
{
	return tapdir_of(dir)->inner->ops->schema(tapdir_of(dir)->inner);
}

static int
tap_search(struct dir *dir, const struct dir_query *q, dir_entry_fn *fn, void *arg, struct err *err)
{
	struct tapdir *d = tapdir_of(dir);

	if (read_step(d, err) < 0)
		return -1;
	return d->inner->ops->search(d->inner, q, fn, arg, err);
}

static int
tap_read(struct dir *dir, const char *name, const char *const *attrs, struct entry **ret,
    struct err *err)
{
	struct tapdir *d = tapdir_of(dir);

	if (read_step(d, err) < 0)
		return -1;
	return d->inner->ops->read(d->inner, name, attrs, ret, err);
}

static int
tap_changes(struct dir *dir, const struct dir_since *since, dir_change_fn *fn, void *arg,
    struct buf *ret_cursor, enum dir_feed *ret, struct err *err)
{
	struct tapdir *d = tapdir_of(dir);

	if (read_step(d, err) < 0)
		return -1;
	return d->inner->ops->changes(d->inner, since, fn, arg, ret_cursor, ret, err);
}

static int
tap_watch(struct dir *dir, struct err *err)
{
	struct dir *inner = tapdir_of(dir)->inner;

	return inner->ops->watch(inner, err);
}

static bool
tap_woken(struct dir *dir)
{
	struct dir *inner = tapdir_of(dir)->inner;

	return inner->ops->woken(inner);
}

static int
tap_usn(struct dir *dir, uint64_t *ret, struct err *err)
{
	struct tapdir *d = tapdir_of(dir);

	if (read_step(d, err) < 0)
		return -1;
	return d->inner->ops->usn(d->inner, ret, err);
}

static int
tap_process(struct dir *dir, struct err *err)
{
	struct tapdir *d = tapdir_of(dir);
	int rc = 0;

	if (!atomic_load(&d->tap->stopped))
		rc = d->inner->ops->process(d->inner, err);
	/* A callback may have been the end. */
	if (!atomic_load(&d->tap->stopped))
		return rc;
	settle(d);
	report_lost(d);
	return dead(d->tap, err);
}

static size_t
tap_pending(const struct dir *dir)
{
	return ((const struct tapdir *)dir)->n;
}

static int
tap_fd(const struct dir *dir)
{
	const struct tapdir *d = (const struct tapdir *)dir;

	return atomic_load(&d->tap->stopped) ? -1 : d->inner->ops->fd(d->inner);
}

static void
tap_cancel(struct dir *dir)
{
	tapdir_of(dir)->inner->ops->cancel(tapdir_of(dir)->inner);
}

static void
tap_close(struct dir *dir)
{
	struct tapdir *d = tapdir_of(dir);

	if (atomic_load(&d->tap->stopped))
		settle(d);
	d->inner->ops->close(d->inner);
	report_lost(d);
}

static void
tap_free(struct dir *dir)
{
	struct tapdir *d = tapdir_of(dir);

	tap_close(dir);
	dir_free(d->inner);
	free(d);
}

static const struct dir_ops tap_ops = {.open = tap_open,
    .info = tap_info,
    .schema = tap_schema,
    .search = tap_search,
    .read = tap_read,
    .changes = tap_changes,
    .watch = tap_watch,
    .woken = tap_woken,
    .usn = tap_usn,
    .submit = tap_submit,
    .process = tap_process,
    .pending = tap_pending,
    .fd = tap_fd,
    .cancel = tap_cancel,
    .close = tap_close,
    .free = tap_free};

struct dir *
tapdir_new(struct dir *inner, struct tap *tap)
{
	struct tapdir *d = inner ? calloc(1, sizeof *d) : NULL;

	if (!d) {
		if (inner)
			dir_free(inner);
		return NULL;
	}
	d->dir = (struct dir){.ops = &tap_ops, .name = inner->name};
	d->inner = inner;
	d->tap = tap;
	return &d->dir;
}

void
tap_done(struct tap *tap)
{
	buf_done(&tap->text);
}
