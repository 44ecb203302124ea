/* SPDX-License-Identifier: MIT */
#include "dsa/directory/dir.h"

#include <poll.h>
#include <stdio.h>

#include "dsa/directory/filter.h"

/* How long to sleep for a directory without a descriptor, and at most for one with: time-outs and
 * cancellation are noticed by process(). */
#define NAP_MS 1
#define LONGEST_WAIT_MS 200
#define WAIT_DIRS 8 /* more are polled in turn, by naps */
#define PARTS 50    /* objects in one filter */

int
dir_open(struct dir *d, struct err *err)
{
	if (d->ops->open(d, err) < 0)
		return err_ctx(err, "forest '%s'", d->name);
	return 0;
}

/* Waits until one of the directories may have something to report. */
static void
wait_any(struct dir *const *dirs, size_t n)
{
	struct pollfd fds[WAIT_DIRS];
	int wait_ms = n > WAIT_DIRS ? NAP_MS : LONGEST_WAIT_MS;
	nfds_t used = 0;

	for (size_t i = 0; i < n && used < WAIT_DIRS; i++) {
		int fd = dirs[i]->ops->fd(dirs[i]);

		if (dirs[i]->ops->pending(dirs[i]) == 0)
			continue;
		if (fd < 0)
			wait_ms = NAP_MS;
		else
			fds[used++] = (struct pollfd){.fd = fd, .events = POLLIN};
	}
	/* Whatever poll() says, process() finds out. */
	(void)poll(fds, used, wait_ms);
}

/* Lets each directory report; the first error is the one that counts. */
static int
process_all(struct dir *const *dirs, size_t n, struct err *err)
{
	struct err other;
	int rc = 0;

	for (size_t i = 0; i < n; i++) {
		if (dirs[i]->ops->process(dirs[i], rc < 0 ? &other : err) < 0)
			rc = -1;
	}
	return rc;
}

static size_t
pending(struct dir *const *dirs, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += dirs[i]->ops->pending(dirs[i]);
	return sum;
}

int
dir_drain(struct dir *const *dirs, size_t n, size_t max, struct err *err)
{
	for (;;) {
		if (process_all(dirs, n, err) < 0)
			return -1;
		if (pending(dirs, n) <= max)
			return 0;
		wait_any(dirs, n);
	}
}

int
dir_read_guid(struct dir *d, const struct guid *g, const char *const *attrs, struct entry **ret,
    struct err *err)
{
	char text[GUID_TEXT_SIZE], name[GUID_TEXT_SIZE + 8];

	guid_format(g, text);
	(void)snprintf(name, sizeof name, "<GUID=%s>", text);
	return d->ops->read(d, name, attrs, ret, err);
}

int
dir_search_guids(struct dir *d, const struct guid_list *list, const char *filter,
    const char *const *attrs, dir_entry_fn *fn, void *arg, struct err *err)
{
	struct dir_query q = {
	    .base = d->ops->info(d)->domain_dn, .scope = DIR_SUBTREE, .attrs = attrs};

	for (size_t i = 0; i < list->n; i += PARTS) {
		size_t n = list->n - i > PARTS ? PARTS : list->n - i;
		_cleanup_(free) char *text = filter_guids(filter, &list->v[i], n);

		if (!text)
			return err_nomem(err);
		q.filter = text;
		if (d->ops->search(d, &q, fn, arg, err) < 0)
			return -1;
	}
	return 0;
}
