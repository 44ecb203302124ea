/* SPDX-License-Identifier: MIT */

/* Writes under way in the fake directory, and the tap: what is done, and what the caller learns. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <ldap.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/apply.h"
#include "tests/support/fakedir.h"
#include "tests/support/tapdir.h"

#define DOMAIN "DC=acme,DC=example"
#define ANN "CN=Ann," DOMAIN

static struct fakedir *
new_server(void)
{
	struct fakedir *fd = fakedir_new("acme", DOMAIN);

	assert_non_null(fd);
	assert_int_equal(fakedir_add_ldif(fd, "dn: " ANN "\nobjectClass: user\n"), 0);
	return fd;
}

static struct dir *
new_dir(struct fakedir *fd)
{
	struct dir *d = fakedir_connect(fd);
	struct err err;

	assert_non_null(d);
	assert_int_equal(dir_open(d, &err), 0);
	return d;
}

/* The LDAP result of one modification. */
static int
mod(struct dir *d, const char *dn, enum mod_op op, const char *attr, const char *value)
{
	_cleanup_(change_free) struct change *c = change_new(CHANGE_MODIFY, dn, NULL);
	struct err err;

	assert_int_equal(change_mod_str(c, op, attr, value), 0);
	return apply_change(d, c, &err) < 0 ? err.code : 0;
}

static const char *
value_of(struct fakedir *fd, const char *dn, const char *attr)
{
	const struct entry *e = fakedir_find(fd, dn);

	return e ? entry_get_str(e, attr) : NULL;
}

static size_t
count_of(struct fakedir *fd, const char *dn, const char *attr)
{
	const struct entry *e = fakedir_find(fd, dn);
	const struct attr *a = e ? entry_find(e, attr) : NULL;

	return a ? a->n_values : 0;
}

/* ---- asynchronous writes ---- */

#define WRITES 6

struct run {
	struct change *c[WRITES];
	char order[WRITES + 1]; /* the numbers of what has completed */
	size_t n_done;
	unsigned unknown, failed;
};

struct run_arg {
	struct run *run;
	size_t number;
};

static void
note(void *arg, const struct err *err)
{
	struct run_arg *a = arg;

	if (err && err->scope == ERR_PEER && err->retry == ERR_LATER)
		a->run->unknown++;
	else if (err)
		a->run->failed++;
	a->run->order[a->run->n_done++] = (char)('0' + a->number);
}

static void
run_init(struct run *r, struct run_arg *args)
{
	*r = (struct run){.n_done = 0};
	for (size_t i = 0; i < WRITES; i++) {
		char text[8];

		(void)snprintf(text, sizeof text, "%zu", i);
		r->c[i] = change_new(CHANGE_MODIFY, ANN, NULL);
		assert_int_equal(change_mod_str(r->c[i], MOD_ADD, "url", text), 0);
		args[i] = (struct run_arg){r, i};
	}
}

static void
run_done(struct run *r)
{
	for (size_t i = 0; i < WRITES; i++)
		change_free(r->c[i]);
}

static void
orders(void **state)
{
	static const struct {
		enum fakedir_order order;
		const char *at_full, *all;
	} rows[] = {{FAKEDIR_FORWARD, "01", "012345"}, {FAKEDIR_REVERSE, "34", "345210"},
	    {FAKEDIR_SHUFFLE, NULL, NULL}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(fakedir_free) struct fakedir *fd = new_server();
		_cleanup_(dir_free) struct dir *d = new_dir(fd);
		struct run_arg args[WRITES];
		struct run r;
		struct err err;

		fakedir_set_order(fd, rows[i].order, 7);
		run_init(&r, args);
		for (size_t j = 0; j < WRITES; j++) {
			assert_int_equal(d->ops->submit(d, r.c[j], note, &args[j], &err), 0);
			/* Nothing completes, or takes effect, before the window is full. */
			assert_int_equal(r.n_done, j < 4 ? 0 : j - 3);
			assert_int_equal(count_of(fd, ANN, "url"), r.n_done);
		}
		if (rows[i].at_full)
			assert_string_equal(r.order, rows[i].at_full);
		assert_int_equal(d->ops->pending(d), 4);
		assert_int_equal(dir_drain(&d, 1, 0, &err), 0);
		assert_int_equal(r.n_done, WRITES);
		if (rows[i].all)
			assert_string_equal(r.order, rows[i].all);
		assert_int_equal(count_of(fd, ANN, "url"), WRITES);
		assert_int_equal(r.failed + r.unknown, 0);
		run_done(&r);
	}
}

struct chain {
	struct dir *d;
	struct change *next;
	unsigned calls;
};

static void
submit_next(void *arg, const struct err *err)
{
	struct chain *chain = arg;
	struct err ignored;

	assert_null(err);
	if (chain->calls++ == 0)
		assert_int_equal(
		    chain->d->ops->submit(chain->d, chain->next, submit_next, chain, &ignored), 0);
}

static void
submit_in_callback(void **state)
{
	_cleanup_(fakedir_free) struct fakedir *fd = new_server();
	_cleanup_(dir_free) struct dir *d = new_dir(fd);
	_cleanup_(change_free) struct change *first = change_new(CHANGE_MODIFY, ANN, NULL);
	_cleanup_(change_free) struct change *next = change_new(CHANGE_MODIFY, ANN, NULL);
	struct chain chain = {.d = d, .next = next};
	struct err err;

	(void)state;
	assert_int_equal(change_mod_str(first, MOD_ADD, "url", "1"), 0);
	assert_int_equal(change_mod_str(next, MOD_ADD, "url", "2"), 0);
	assert_int_equal(d->ops->submit(d, first, submit_next, &chain, &err), 0);
	assert_int_equal(d->ops->process(d, &err), 0);
	assert_int_equal(chain.calls, 1);
	assert_int_equal(d->ops->process(d, &err), 0);
	assert_int_equal(chain.calls, 2);
	assert_int_equal(d->ops->pending(d), 0);
}

enum cut { CUT_CLOSE, CUT_DOWN, CUT_CANCEL, CUTS };

static void
cut_off(void **state)
{
	(void)state;
	for (enum cut cut = CUT_CLOSE; cut < CUTS; cut++) {
		_cleanup_(fakedir_free) struct fakedir *fd = new_server();
		_cleanup_(dir_free) struct dir *d = new_dir(fd);
		struct run_arg args[WRITES];
		struct err err;
		struct run r;
		uint64_t usn;

		run_init(&r, args);
		for (size_t j = 0; j < 3; j++)
			assert_int_equal(d->ops->submit(d, r.c[j], note, &args[j], &err), 0);
		if (cut == CUT_CLOSE)
			d->ops->close(d);
		else if (cut == CUT_DOWN)
			fakedir_set_down(fd, true);
		else
			d->ops->cancel(d);
		if (cut != CUT_CLOSE) {
			assert_int_equal(dir_drain(&d, 1, 0, &err), -1);
			assert_int_equal(d->ops->usn(d, &usn, &err), -1);
			assert_int_equal(d->ops->submit(d, r.c[0], note, &args[0], &err), -1);
		}
		if (cut == CUT_DOWN) {
			assert_int_equal(err.scope, ERR_PEER);
			assert_int_equal(err.retry, ERR_LATER);
		} else if (cut == CUT_CANCEL) {
			assert_int_equal(err.src, ERR_SYS);
			assert_int_equal(err.code, ECANCELED);
		}
		assert_int_equal(r.unknown, 3);
		assert_int_equal(d->ops->pending(d), 0);
		assert_int_equal(count_of(fd, ANN, "url"), 0);
		fakedir_set_down(fd, false);
		if (cut != CUT_CANCEL) {
			assert_int_equal(dir_open(d, &err), 0);
			assert_int_equal(apply_change(d, r.c[0], &err), 0);
		}
		run_done(&r);
	}
}

/* ---- the tap ---- */

static void
tap_counts(void **state)
{
	_cleanup_(fakedir_free) struct fakedir *fd = new_server();
	struct tap tap = {.count_reads = true};
	_cleanup_(dir_free) struct dir *d = tapdir_new(fakedir_connect(fd), &tap);
	_cleanup_(entry_free) struct entry *e = NULL;
	struct err err;
	uint64_t usn;

	(void)state;
	assert_int_equal(dir_open(d, &err), 0);
	assert_int_equal(tap.steps, 0);
	assert_int_equal(d->ops->read(d, ANN, NULL, &e, &err), 0);
	assert_int_equal(d->ops->usn(d, &usn, &err), 0);
	assert_int_equal(mod(d, ANN, MOD_ADD, "title", "Boss"), 0);
	assert_int_equal(mod(d, ANN, MOD_ADD, "title", "Boss"), LDAP_TYPE_OR_VALUE_EXISTS);
	assert_int_equal(tap.steps, 4);
	assert_int_equal(tap.writes, 2);
	assert_non_null(strstr((char *)tap.text.data,
	    "# forest 'acme'\ndn: " ANN "\nchangetype: modify\nadd: title\ntitle: Boss\n-\n"));
	tap.count_reads = false;
	assert_int_equal(d->ops->usn(d, &usn, &err), 0);
	assert_int_equal(tap.steps, 4);
	tap_done(&tap);
}

/* Six writes, the window four, a stop at the third: what is done, what does the caller learn? */
static void
tap_stops(void **state)
{
	static const struct {
		enum tap_stop how;
		size_t done;
		unsigned unknown;
		int rc;
	} rows[] = {
	    {TAP_STOP_BEFORE, 2, 2, -1}, {TAP_STOP_AFTER, 3, 3, 0}, {TAP_STOP_DROP, 0, 2, -1}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(fakedir_free) struct fakedir *fd = new_server();
		struct tap tap = {.stop_at = 3, .how = rows[i].how};
		_cleanup_(dir_free) struct dir *d = tapdir_new(new_dir(fd), &tap);
		_cleanup_(dir_free) struct dir *other = tapdir_new(new_dir(fd), &tap);
		_cleanup_(entry_free) struct entry *e = NULL;
		struct run_arg args[WRITES];
		struct err err;
		struct run r;

		run_init(&r, args);
		for (size_t j = 0; j < WRITES; j++)
			assert_int_equal(
			    d->ops->submit(d, r.c[j], note, &args[j], &err), j < 2    ? 0
									     : j == 2 ? rows[i].rc
										      : -1);
		/* The caller knows nothing yet, the server is at rest. */
		assert_int_equal(r.n_done, 0);
		assert_int_equal(d->ops->pending(d), rows[i].unknown);
		assert_int_equal(count_of(fd, ANN, "url"), rows[i].done);
		assert_int_equal(dir_drain(&d, 1, 0, &err), -1);
		assert_int_equal(err.scope, ERR_PEER);
		assert_int_equal(err.retry, ERR_LATER);
		assert_int_equal(r.unknown, rows[i].unknown);
		assert_int_equal(r.n_done, rows[i].unknown);
		assert_int_equal(d->ops->pending(d), 0);
		/* Nothing goes through any more, in either directory. */
		assert_int_equal(dir_open(d, &err), -1);
		assert_int_equal(other->ops->read(other, ANN, NULL, &e, &err), -1);
		assert_int_equal(tap.steps, 3);
		run_done(&r);
		tap_done(&tap);
	}
}

/* Freed without another process(): the callbacks are told, and the write is done. */
static void
tap_freed(void **state)
{
	_cleanup_(fakedir_free) struct fakedir *fd = new_server();
	struct tap tap = {.stop_at = 1, .how = TAP_STOP_AFTER};
	struct dir *d = tapdir_new(new_dir(fd), &tap);
	struct run_arg args[WRITES];
	struct err err;
	struct run r;

	(void)state;
	run_init(&r, args);
	assert_int_equal(d->ops->submit(d, r.c[0], note, &args[0], &err), 0);
	dir_free(d);
	assert_int_equal(r.unknown, 1);
	assert_int_equal(count_of(fd, ANN, "url"), 1);
	run_done(&r);
	tap_done(&tap);
}

static void
tap_read_stop(void **state)
{
	_cleanup_(fakedir_free) struct fakedir *fd = new_server();
	struct tap tap = {.stop_at = 2, .count_reads = true};
	_cleanup_(dir_free) struct dir *d = tapdir_new(new_dir(fd), &tap);
	struct err err;
	uint64_t usn;

	(void)state;
	assert_int_equal(d->ops->usn(d, &usn, &err), 0);
	assert_int_equal(d->ops->usn(d, &usn, &err), -1);
	assert_int_equal(err.scope, ERR_PEER);
	assert_int_equal(d->ops->usn(d, &usn, &err), -1);
	assert_int_equal(tap.steps, 2);
	tap_done(&tap);
}

static void
somebody_else(void *arg, unsigned write, const struct change *c)
{
	assert_int_equal(write, 2);
	assert_string_equal(c->dn, ANN);
	assert_int_equal(fakedir_set(arg, ANN, "title", "Chief"), 0);
}

static void
tap_hook(void **state)
{
	_cleanup_(fakedir_free) struct fakedir *fd = new_server();
	struct tap tap = {.hook = somebody_else, .hook_arg = fd, .hook_at = 2};
	_cleanup_(dir_free) struct dir *d = tapdir_new(new_dir(fd), &tap);

	(void)state;
	assert_int_equal(mod(d, ANN, MOD_ADD, "title", "Boss"), 0);
	assert_int_equal(mod(d, ANN, MOD_DELETE, "title", "Boss"), LDAP_NO_SUCH_ATTRIBUTE);
	assert_string_equal(value_of(fd, ANN, "title"), "Chief");
	assert_int_equal(mod(d, ANN, MOD_DELETE, "title", "Chief"), 0);
	tap_done(&tap);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(orders),
	    cmocka_unit_test(submit_in_callback),
	    cmocka_unit_test(cut_off),
	    cmocka_unit_test(tap_counts),
	    cmocka_unit_test(tap_stops),
	    cmocka_unit_test(tap_freed),
	    cmocka_unit_test(tap_read_stop),
	    cmocka_unit_test(tap_hook),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
