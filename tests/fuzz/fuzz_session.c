/* SPDX-License-Identifier: MIT */
/*
 * What a server may say in a whole session: the answers to a bind, to the questions by which the
 * forest is learned, to searches with pages and ranges, to DirSync, to changes, to a notification.
 *
 * The octets of an input, but for the first, are all that the server sends, whatever it is asked,
 * and then it closes the connection. It sends them when it is waited for, up to the end of an
 * answer: so nothing takes time, and no thread is needed. The first octet says what is asked once
 * the forest is known. The numbers of the requests follow from it: make_sessions.py writes sessions
 * that fit.
 *
 * connect() and poll() are our own: the other end of the connection is in this process. A bind is
 * simple and without TLS, which the true one refuses.
 */
/* With checks of its own the C library makes poll() an inline function, which cannot be ours. */
#undef _FORTIFY_SOURCE

#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dsa/directory/change.h"
#include "dsa/ldap/ldap.h"
#include "dsa/ldap/ldap_auth.h"
#include "dsa/ldap/ldap_err.h"
#include "dsa/ldap/ldap_mem.h"
#include "dsa/ldap/ldap_read.h"

/* A socket takes no more without a reader. */
#define MAX_INPUT 65536
#define MAX_SESSIONS 3

/* libldap forgets requests and texts when a server sends what it does not expect, and the session
 * has ended then. What is galsync's own is looked after. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:ber_memalloc_x\nleak:ber_memcalloc_x\nleak:ber_memrealloc_x\n";
}

enum { ASK_SEARCH = 1, ASK_READ = 2, ASK_CHANGES = 4, ASK_WRITES = 8, ASK_WATCH = 16 };

static struct {
	const uint8_t *data;
	size_t size, sent; /* what is sent in each session, and how much of it was */
	int sessions;	   /* how many were begun */
	int peer;	   /* the server's end, or -1 */
} server;

static int
begin_session(int fd)
{
	int ends[2];

	if (server.peer >= 0)
		(void)close(server.peer);
	server.peer = -1;
	if (server.sessions++ == MAX_SESSIONS)
		return -1;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
	CHECK(dup2(ends[0], fd) == fd);
	(void)close(ends[0]);
	server.peer = ends[1];
	server.sent = 0;
	return 0;
}

struct message {
	size_t len;
	uint8_t operation; /* its tag; 0: it is no message */
};

static size_t
header_of(const uint8_t *p, size_t n, size_t *ret_len)
{
	size_t octets = n < 2 || p[0] != 0x30 ? SIZE_MAX : p[1] & 0x80 ? p[1] & 0x7fU : 0;

	if (octets > 4 || n < 2 + octets)
		return 0;
	*ret_len = octets ? 0 : p[1];
	for (size_t i = 0; i < octets; i++)
		*ret_len = *ret_len << 8 | p[2 + i];
	return 2 + octets;
}

/* The message at P, where N octets are. What is none goes to the end. */
static struct message
message_at(const uint8_t *p, size_t n)
{
	struct message m = {.len = n};
	size_t len = 0, head = header_of(p, n, &len);

	if (!head || len > n - head)
		return m;
	m.len = head + len;
	if (len < 3 || p[head] != 2 || p[head + 1] + 2U >= len)
		return m;
	m.operation = p[head + 2 + p[head + 1]];
	return m;
}

/* Entries and references do not end an answer. */
static void
send_answer(void)
{
	size_t end = server.sent;
	struct message m;

	do {
		m = message_at(server.data + end, server.size - end);
		end += m.len;
	} while (end < server.size && (m.operation == 0x64 || m.operation == 0x73));
	if (end > server.sent)
		(void)!write(server.peer, server.data + server.sent, end - server.sent);
	server.sent = end;
	if (end == server.size)
		(void)shutdown(server.peer, SHUT_WR);
}

static int
poll_now(struct pollfd *fds, nfds_t n)
{
	return (int)syscall(SYS_poll, fds, n, 0);
}

int
poll(struct pollfd *fds, nfds_t n, int timeout)
{
	char asked[4096];
	int ready = poll_now(fds, n);

	(void)timeout;
	if (ready || server.peer < 0)
		return ready;
	while (read(server.peer, asked, sizeof asked) > 0) {
	}
	send_answer();
	return poll_now(fds, n);
}

int
connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t len)
{
	(void)address;
	(void)len;
	if (begin_session(fd) == 0)
		return 0;
	errno = ECONNREFUSED;
	return -1;
}

int
ldap_auth_prepare(struct ldap_session *s, struct err *err)
{
	(void)s;
	(void)err;
	return 0;
}

static int
bind_simply(struct ldap_session *s, struct ldap_read *r, struct err *err)
{
	_cleanup_(ldap_msgfree) LDAPMessage *m = NULL;
	_cleanup_(ldap_memfree) char *diag = NULL;
	char secret[] = "secret";
	struct berval cred = {.bv_len = sizeof secret - 1, .bv_val = secret};
	int msgid, rc;

	rc = ldap_sasl_bind(s->ld, "CN=svc", LDAP_SASL_SIMPLE, &cred, NULL, NULL, &msgid);
	if (rc != LDAP_SUCCESS)
		return ldap_session_send_failed(s, rc, "bind", err);
	ldap_read_expect(s, r, msgid, 1);
	if (ldap_read_next(s, r, &m, err) < 0)
		return -1;
	rc = ldap_session_result(s, m, &diag, NULL);
	return rc == LDAP_SUCCESS ? 0 : err_ldap(err, rc, diag, "bind");
}

int
ldap_auth_bind(struct ldap_session *s, const char *host, int64_t deadline_ms, struct err *err)
{
	struct ldap_read r;
	int rc;

	(void)host;
	ldap_read_begin(s, &r, deadline_ms);
	rc = bind_simply(s, &r, err);
	ldap_read_end(s, &r);
	return rc;
}

/* ---- what is asked ---- */

static int
take_entry(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	_cleanup_(buf_done) struct buf b = {0};

	(void)arg;
	(void)err;
	entry_encode(own, &b);
	CHECK(!b.failed);
	for (size_t i = 0; i < own->n_attrs; i++)
		CHECK(entry_find(own, own->attrs[i].name));
	return 0;
}

static int
take_change(const struct dir_change *c, void *arg, struct err *err)
{
	(void)arg;
	(void)err;
	CHECK(!guid_is_zero(&c->guid) && c->dn);
	return 0;
}

static void
ended(int rc, const struct err *err)
{
	if (rc < 0)
		check_refused(err);
}

static void
ask_search(struct dir *d, const char *const *attrs)
{
	const struct dir_query q = {.base = "DC=acme,DC=example",
	    .scope = DIR_SUBTREE,
	    .filter = "(mailNickname=*)",
	    .attrs = attrs};
	struct err err = {0};

	ended(d->ops->search(d, &q, take_entry, NULL, &err), &err);
}

static void
ask_read(struct dir *d, const char *const *attrs)
{
	_cleanup_(entry_free) struct entry *e = NULL, *by_guid = NULL;
	struct guid g = {{1}};
	struct err err = {0};

	ended(d->ops->read(d, "CN=a,DC=acme,DC=example", attrs, &e, &err), &err);
	ended(dir_read_guid(d, &g, attrs, &by_guid, &err), &err);
}

/* Twice: the second question has the cookie of the first answer. */
static void
ask_changes(struct dir *d, const char *const *attrs)
{
	_cleanup_(buf_done) struct buf first = {0}, second = {0};
	struct dir_since since = {.attrs = attrs};
	enum dir_feed feed = DIR_FEED_LOST;
	struct err err = {0};
	int rc = d->ops->changes(d, &since, take_change, NULL, &first, &feed, &err);

	ended(rc, &err);
	if (rc < 0 || feed == DIR_FEED_LOST)
		return;
	since.cursor = buf_bytes(&first);
	ended(d->ops->changes(d, &since, take_change, NULL, &second, &feed, &err), &err);
}

static void
count_done(void *arg, const struct err *err)
{
	if (err)
		check_refused(err);
	++*(size_t *)arg;
}

/* Every change that was taken is told of, whatever comes. */
static void
ask_writes(struct dir *d)
{
	struct guid g = {{1}};
	_cleanup_(change_free) struct change *change =
	    change_new(CHANGE_MODIFY, "CN=a,DC=acme,DC=example", &g);
	struct err err = {0};
	size_t sent = 0, done = 0;

	CHECK(change && change_mod_str(change, MOD_ADD, "title", "Chief") == 0);
	for (int i = 0; i < 2; i++)
		sent += d->ops->submit(d, change, count_done, &done, &err) == 0;
	ended(dir_drain(&d, 1, 0, &err), &err);
	d->ops->close(d);
	CHECK(done == sent && d->ops->pending(d) == 0);
}

static void
ask_watch(struct dir *d)
{
	struct err err = {0};

	ended(d->ops->watch(d, &err), &err);
	ended(d->ops->process(d, &err), &err);
	(void)d->ops->woken(d);
}

static void
ask(struct dir *d, unsigned what)
{
	static const char *const attrs[] = {
	    "objectGUID", "name", "isDeleted", "member", "title", NULL};

	if (what & ASK_SEARCH)
		ask_search(d, attrs);
	if (what & ASK_READ)
		ask_read(d, attrs);
	if (what & ASK_CHANGES)
		ask_changes(d, attrs);
	if (what & ASK_WATCH)
		ask_watch(d);
	if (what & ASK_WRITES)
		ask_writes(d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const servers[] = {"ldap://127.0.0.1"};
	const struct dir_conf conf = {.name = "acme",
	    .servers = servers,
	    .n_servers = 1,
	    .mechanism = AUTH_SIMPLE,
	    .connect_timeout_ms = 1000,
	    .timeout_ms = 1000,
	    .page_size = 2,
	    .window = 4};
	_cleanup_(dir_free) struct dir *d = NULL;
	struct err err = {0};

	if (size < 1 || size > MAX_INPUT)
		return 0;
	server.data = data + 1;
	server.size = size - 1;
	server.sessions = 0;
	server.peer = -1;
	CHECK(ldap_dir_new(&conf, false, &d, &err) == 0);
	if (dir_open(d, &err) == 0)
		ask(d, data[0]);
	else
		check_refused(&err);
	dir_free(TAKE(d));
	if (server.peer >= 0)
		(void)close(server.peer);
	return 0;
}
