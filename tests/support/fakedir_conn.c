/* SPDX-License-Identifier: MIT */

/*
 * Connections to the fake server: `struct dir_ops` with the semantics of the LDAP directory.
 *
 *   submit()  ->  queued  --process(), or submit() at a full window-->  done, the callback
 *                         --close(), down, cancel-->  never done, "the outcome is unknown"
 *
 * As with a real server no order among the queued changes is promised, and none takes effect
 * earlier than it must. A callback is called when its change has left the queue, so it may submit.
 * Like the LDAP directory a connection opens itself when it is used.
 *
 * Each request is counted before anything is done about it, and the outage is asked whether it
 * takes place now.
 */

#include <ldap.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "dsa/base/list.h"
#include "dsa/ldap/ldap_err.h"
#include "tests/support/fakedir_priv.h"

struct pending {
	const struct change *change;
	dir_done_fn *done;
	void *arg;
};

struct conn {
	struct dir dir;
	struct fakedir *fd;
	struct dir_info info;
	struct pending *queue; /* oldest first */
	size_t n, cap;
	bool open, was_open, read_only, observer;
	bool busy; /* the server said so in this session */
	char invocation_id[GUID_TEXT_SIZE];
	atomic_bool cancelled;
};

static struct conn *
conn_of(struct dir *d)
{
	return (struct conn *)d;
}

static uint64_t
lock(const struct conn *c)
{
	(void)pthread_mutex_lock(&c->fd->lock);
	return c->fd->usn;
}

static void
unlock(const struct conn *c)
{
	(void)pthread_mutex_unlock(&c->fd->lock);
}

/* ---- the queue ---- */

static struct pending
pull(struct conn *c, size_t at)
{
	struct pending p = c->queue[at];

	c->n--;
	memmove(&c->queue[at], &c->queue[at + 1], (c->n - at) * sizeof p);
	return p;
}

/* Does queued change number AT, as the server sees it. */
static int
write_one(struct conn *c, size_t at, struct pending *ret, struct err *err)
{
	int rc;

	(void)lock(c);
	*ret = pull(c, at);
	rc = fake_write(c->fd, ret->change, false, err);
	unlock(c);
	return rc;
}

/* Ends the session: nothing of the queue is ever done, or (DONE) all of it, and nobody hears of
 * that. WHY goes to the callbacks. */
static void
break_off(struct conn *c, bool done, const char *why)
{
	c->open = c->busy = false;
	/* What callbacks submit in answer is not of this session. */
	for (size_t n = c->n; n && c->n; n--) {
		struct err err, ignored;
		struct pending p;

		if (done)
			(void)write_one(c, 0, &p, &ignored);
		else
			p = pull(c, 0);
		(void)err_set(&err, ERR_LDAP, ERR_PEER, ERR_LATER, LDAP_SERVER_DOWN,
		    "'%s': the outcome is unknown: %s", p.change->dn, why);
		p.done(p.arg, &err);
	}
}

/* ---- outages ---- */

enum request { BIND, READ, CHANGE };

/* What is wrong when the next request comes. Locked. */
static enum fakedir_fault
fault_of(const struct conn *c)
{
	const struct fakedir_outage *o = &c->fd->outage;
	unsigned before = c->fd->requests;

	if (c->observer || before < o->after || (o->lasts && before - o->after >= o->lasts))
		return FAKEDIR_WELL;
	return o->fault;
}

static int
broken(struct conn *c, enum fakedir_fault fault, struct err *err)
{
	break_off(c, fault == FAKEDIR_CUT, "the server is down");
	return err_ldap(
	    err, LDAP_SERVER_DOWN, "the server is down", "connect to %s", c->fd->server);
}

/* A request of KIND is about to be answered. */
static int
request(struct conn *c, enum request kind, struct err *err)
{
	static const char *const names[] = {
	    [BIND] = "bind", [READ] = "search", [CHANGE] = "change"};
	enum fakedir_fault fault;
	int rc;

	(void)lock(c);
	fault = fault_of(c);
	rc = c->fd->outage.rc;
	c->fd->requests += !c->observer;
	unlock(c);
	switch (fault) {
	case FAKEDIR_WELL: return 0;
	case FAKEDIR_BUSY_FOR_CHANGES:
		/* The session with a busy server was left, and it is left alone for a while. */
		if (kind == READ || (kind == BIND && !c->busy))
			return 0;
		break;
	case FAKEDIR_NO_BIND:
		if (kind != BIND)
			return broken(c, fault, err);
		break;
	case FAKEDIR_DOWN:
	case FAKEDIR_CUT: return broken(c, fault, err);
	case FAKEDIR_BUSY: break;
	}
	c->busy = kind != BIND || c->busy;
	return err_ldap(err, rc, "as the test wants it", "%s", names[kind]);
}

/* What every use asks first: is the session alive? */
static int
check(struct conn *c, struct err *err)
{
	enum fakedir_fault fault;

	if (atomic_load(&c->cancelled)) {
		break_off(c, false, "cancelled");
		return err_set(err, ERR_SYS, ERR_LINK, ERR_LATER, ECANCELED, "cancelled");
	}
	(void)lock(c);
	fault = fault_of(c);
	unlock(c);
	if (c->open && (fault == FAKEDIR_DOWN || fault == FAKEDIR_CUT || fault == FAKEDIR_NO_BIND))
		return broken(c, fault, err);
	return 0;
}

/* Does one queued change and reports it. */
static int
complete_one(struct conn *c, struct err *err)
{
	struct pending p;
	size_t at = 0;
	int rc;

	(void)lock(c);
	if (c->fd->order == FAKEDIR_REVERSE)
		at = c->n - 1;
	else if (c->fd->order == FAKEDIR_SHUFFLE)
		at = fake_random(&c->fd->random) % c->n;
	unlock(c);
	rc = request(c, CHANGE, err);
	if (rc < 0 && !c->open)
		return -1;
	if (rc < 0)
		p = pull(c, at);
	else
		rc = write_one(c, at, &p, err);
	p.done(p.arg, rc < 0 ? err : NULL);
	return 0;
}

/* ---- operations ---- */

/* Of the server that new connections are to. Locked. */
static void
put_invocation(struct conn *c)
{
	struct guid id = c->fd->objects[0]->e->guid;
	uint64_t hash = c->fd->several ? bytes_hash(bytes_of(c->fd->server), 0) : 0;

	for (size_t i = 0; i < sizeof hash; i++)
		id.octets[i] ^= (uint8_t)(hash >> (8 * i));
	guid_format(&id, c->invocation_id);
}

static int
conn_open(struct dir *d, struct err *err)
{
	struct conn *c = conn_of(d);
	const struct fakedir *fd = c->fd;

	if (check(c, err) < 0)
		return -1;
	if (c->open && !(c->busy && c->n == 0))
		return 0;
	c->open = false;
	if (request(c, BIND, err) < 0)
		return -1;
	c->info = (struct dir_info){.server = fd->server,
	    .domain_dn = fd->domain_dn,
	    .config_dn = fd->config_dn,
	    .schema_dn = fd->schema_dn,
	    .domain_dns = fd->domain_dns,
	    .invocation_id = c->invocation_id,
	    .sasl_ssf = 256,
	    .sole = !fd->several,
	    .own_sids = fd->account ? entry_find(fd->account, "tokenGroups") : NULL};
	c->info.highest_usn = lock(c);
	put_invocation(c);
	unlock(c);
	c->open = c->was_open = true;
	c->busy = false;
	return 0;
}

static int
ask(struct dir *d, struct err *err)
{
	return conn_open(d, err) < 0 ? -1 : request(conn_of(d), READ, err);
}

static const struct dir_info *
conn_info(struct dir *d)
{
	return conn_of(d)->was_open ? &conn_of(d)->info : NULL;
}

static const struct schema *
conn_schema(struct dir *d)
{
	return conn_of(d)->open ? conn_of(d)->fd->schema : NULL;
}

static int
deliver(struct conn *c, struct object *o, const struct dir_query *q, dir_entry_fn *fn, void *arg,
    struct err *err)
{
	struct entry *e;

	if (atomic_load(&c->cancelled))
		return err_set(err, ERR_SYS, ERR_LINK, ERR_LATER, ECANCELED, "cancelled");
	(void)lock(c);
	e = fake_show(c->fd, o, q->attrs);
	unlock(c);
	return e ? fn(e, arg, err) : err_nomem(err);
}

static int
conn_search(struct dir *d, const struct dir_query *q, dir_entry_fn *fn, void *arg, struct err *err)
{
	struct conn *c = conn_of(d);
	struct fake_objects l = {0};
	int rc;

	if (ask(d, err) < 0)
		return -1;
	(void)lock(c);
	rc = fake_search(c->fd, q, &l, err);
	unlock(c);
	for (size_t i = 0; rc == 0 && i < l.n; i++)
		rc = deliver(c, l.v[i], q, fn, arg, err);
	free(l.v);
	return rc < 0 ? err_ctx(err, "search below '%s'", q->base) : 0;
}

static int
conn_read(
    struct dir *d, const char *name, const char *const *attrs, struct entry **ret, struct err *err)
{
	struct conn *c = conn_of(d);
	const struct dir_query q = {.base = name, .filter = "(objectClass=*)", .attrs = attrs};
	struct fake_objects l = {0};
	int rc;

	if (ask(d, err) < 0)
		return -1;
	*ret = NULL;
	(void)lock(c);
	rc = fake_search(c->fd, &q, &l, err);
	if (rc < 0 && err->src == ERR_LDAP && err->code == LDAP_NO_SUCH_OBJECT)
		rc = 0;
	if (rc == 0 && l.n && !(*ret = fake_show(c->fd, l.v[0], attrs)))
		rc = err_nomem(err);
	unlock(c);
	free(l.v);
	return rc < 0 ? err_ctx(err, "read '%s'", name) : 0;
}

static int
conn_usn(struct dir *d, uint64_t *ret, struct err *err)
{
	if (ask(d, err) < 0)
		return -1;
	*ret = lock(conn_of(d));
	unlock(conn_of(d));
	return 0;
}

static int
tell(struct conn *c, struct object *o, dir_change_fn *fn, void *arg, struct err *err)
{
	_cleanup_(free) char *dn = NULL;
	struct dir_change change;

	(void)lock(c);
	dn = strdup(o->e->dn);
	change =
	    (struct dir_change){.guid = o->e->guid, .dn = dn, .deleted = o->deleted, .named = true};
	unlock(c);
	return dn ? fn(&change, arg, err) : err_nomem(err);
}

/* A cursor is the USN. An object is told if its USN is above; like AD's, the feed says nothing of
 * an object whose links lost a value because the other end was deleted. */
static int
conn_changes(struct dir *d, const struct dir_since *since, dir_change_fn *fn, void *arg,
    struct buf *ret_cursor, enum dir_feed *ret, struct err *err)
{
	struct conn *c = conn_of(d);
	struct fake_objects l = {0};
	struct reader r = reader_of(since->cursor);
	uint64_t usn = reader_u64(&r), now;
	int rc;

	if (ask(d, err) < 0)
		return -1;
	now = lock(c);
	c->fd->polls.asked += !c->observer;
	c->fd->polls.looked += !c->observer && since->cursor.len && usn != now;
	rc = since->cursor.len ? fake_changed_since(c->fd, usn, &l, err) : 0;
	unlock(c);
	*ret = since->cursor.len && usn > now ? DIR_FEED_LOST : DIR_FEED_CHANGES;
	for (size_t i = 0; rc == 0 && *ret == DIR_FEED_CHANGES && i < l.n; i++)
		rc = tell(c, l.v[i], fn, arg, err);
	free(l.v);
	buf_reset(ret_cursor);
	buf_add_u64(ret_cursor, now);
	return rc < 0 ? -1 : 0;
}

static int
conn_watch(struct dir *d, struct err *err)
{
	return conn_open(d, err);
}

static bool
conn_woken(struct dir *d)
{
	(void)d;
	return false;
}

static int
conn_submit(
    struct dir *d, const struct change *change, dir_done_fn *done, void *arg, struct err *err)
{
	struct conn *c = conn_of(d);
	struct err ignored;

	if (c->read_only)
		return err_set(err, ERR_CONF, ERR_LINK, ERR_NEVER, 0,
		    "'%s': the directory is opened for reading only", change->dn);
	if (change_is_empty(change))
		return err_data(err, "modify '%s': nothing to modify", change->dn);
	do {
		if (conn_open(d, err) < 0) {
			if (err->code != ECANCELED)
				err->scope = ERR_PEER;
			return -1;
		}
		if (c->n >= c->fd->window)
			(void)complete_one(c, &ignored);
	} while (c->n >= c->fd->window || !c->open);
	if (list_grow(c->queue, c->n, c->cap) < 0)
		return err_nomem(err);
	c->queue[c->n++] = (struct pending){.change = change, .done = done, .arg = arg};
	return 0;
}

static int
conn_process(struct dir *d, struct err *err)
{
	struct conn *c = conn_of(d);
	size_t n = c->n;

	/* A session that nobody opened has nothing to break. */
	if ((c->open || atomic_load(&c->cancelled)) && check(c, err) < 0)
		return -1;
	(void)lock(c);
	if (n && c->fd->order == FAKEDIR_SHUFFLE)
		n = 1 + fake_random(&c->fd->random) % n;
	unlock(c);
	/* Callbacks may submit: what they add is for the next time. */
	while (n-- && c->n)
		if (complete_one(c, err) < 0)
			return -1;
	return 0;
}

static size_t
conn_pending(const struct dir *d)
{
	return ((const struct conn *)d)->n;
}

static int
conn_fd(const struct dir *d)
{
	(void)d;
	return -1;
}

static void
conn_cancel(struct dir *d)
{
	atomic_store(&conn_of(d)->cancelled, true);
}

static void
conn_close(struct dir *d)
{
	break_off(conn_of(d), false, "the session was closed");
}

static void
conn_free(struct dir *d)
{
	struct conn *c = conn_of(d);

	conn_close(d);
	(void)lock(c);
	c->fd->n_conns--;
	unlock(c);
	free(c->queue);
	free(c);
}

static const struct dir_ops conn_ops = {.open = conn_open,
    .info = conn_info,
    .schema = conn_schema,
    .search = conn_search,
    .read = conn_read,
    .changes = conn_changes,
    .watch = conn_watch,
    .woken = conn_woken,
    .usn = conn_usn,
    .submit = conn_submit,
    .process = conn_process,
    .pending = conn_pending,
    .fd = conn_fd,
    .cancel = conn_cancel,
    .close = conn_close,
    .free = conn_free};

struct dir *
fakedir_connect(struct fakedir *fd)
{
	struct conn *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->dir = (struct dir){.ops = &conn_ops, .name = fd->name};
	c->fd = fd;
	(void)lock(c);
	fd->n_conns++;
	unlock(c);
	return &c->dir;
}

struct dir *
fakedir_connect_read_only(struct fakedir *fd)
{
	struct dir *d = fakedir_connect(fd);

	if (d)
		conn_of(d)->read_only = true;
	return d;
}

struct dir *
fakedir_connect_observer(struct fakedir *fd)
{
	struct dir *d = fakedir_connect_read_only(fd);

	if (d)
		conn_of(d)->observer = true;
	return d;
}
