/* SPDX-License-Identifier: MIT */
#include "dsa/daemon/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "dsa/base/clock.h"
#include "dsa/base/group.h"
#include "dsa/base/json.h"
#include "dsa/daemon/admission.h"

/* How long nobody is let in where even turning away needs more than there is. */
#define REST_MS 500

struct client {
	struct control *control;
	struct client *next;
	int fd;
	sd_event_source *source;
	enum control_right right;
	uid_t uid;
	struct buf in, out;
	size_t sent;	  /* of out */
	bool closing;	  /* after the last answer has gone */
	int64_t asked_ms; /* when it asked last, or came */
	struct client_wait wait;
};

struct control {
	sd_event *event;
	sd_event_source *source, *rest; /* REST: ends a pause */
	int fd, reserve; /* RESERVE: a descriptor, to be given up where there is no other */
	char *path;	 /* to be removed, or NULL */
	struct client *clients;
	size_t n;
	struct control_handlers handlers;
};

enum control_right
client_right(const struct client *c)
{
	return c->right;
}

uid_t
client_uid(const struct client *c)
{
	return c->uid;
}

struct client_wait *
client_wait(struct client *c)
{
	return &c->wait;
}

size_t
client_pending(const struct client *c)
{
	return c->out.len - c->sent;
}

void
control_each(struct control *c, void (*fn)(struct client *c, void *arg), void *arg)
{
	for (struct client *x = c->clients, *next; x; x = next) {
		next = x->next;
		fn(x, arg);
	}
}

static void
client_free(struct client *c)
{
	struct client **at = &c->control->clients;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->control->n--;
	(void)sd_event_source_disable_unref(c->source);
	(void)close(c->fd);
	buf_done(&c->in);
	buf_done(&c->out);
	free(c->wait.link);
	json_decref(c->wait.answer);
	if (c->wait.plan_fd >= 0)
		(void)close(c->wait.plan_fd);
	if (c->wait.draft)
		c->wait.draft_free(c->wait.draft);
	free(c);
}

/* ---- output ---- */

static void
want(struct client *c)
{
	uint32_t events = (c->closing ? EPOLLOUT : EPOLLIN) | (client_pending(c) ? EPOLLOUT : 0);

	(void)sd_event_source_set_io_events(c->source, events);
}

/* -1: the client is gone. */
static int
write_out(struct client *c)
{
	while (client_pending(c)) {
		ssize_t n = send(
		    c->fd, c->out.data + c->sent, client_pending(c), MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		c->sent += (size_t)n;
	}
	buf_reset(&c->out);
	c->sent = 0;
	return 0;
}

json_t *
client_answer(bool ok)
{
	json_t *o = json_object();

	json_put_member(&o, "ok", json_boolean(ok));
	return o;
}

void
client_send(struct client *c, json_t *o)
{
	_cleanup_(json_release) json_t *own = o;
	_cleanup_(free) char *text = NULL;

	json_put_member(&own, "version", json_integer(CONTROL_VERSION));
	text = own ? json_dumps(own, JSON_COMPACT) : NULL;
	if (text && !c->closing) {
		buf_add_str(&c->out, text);
		buf_add_char(&c->out, '\n');
	}
	/* A client that does not fetch its answers is not kept: the hang-up ends it in the next
	 * turn. */
	if (!text || c->out.failed || client_pending(c) > CONTROL_PENDING_MAX)
		(void)shutdown(c->fd, SHUT_RDWR);
	want(c);
}

void
client_refuse(struct client *c, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	json_t *o;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	o = client_answer(false);
	json_put_member(&o, "error", json_of_text(text));
	client_send(c, o);
}

/* ---- input ---- */

static void
handle_line(struct client *c, const char *line, size_t len)
{
	json_error_t why;
	json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &why);
	json_t *version = json_object_get(request, "version");

	if (!json_is_object(request)) {
		client_refuse(c, "a request is one JSON object in one line: %s",
		    request ? "this is none" : why.text);
		c->closing = true;
	} else if (version && json_integer_value(version) != CONTROL_VERSION) {
		client_refuse(c, "version %lld of the protocol is not known; it is %d",
		    (long long)json_integer_value(version), CONTROL_VERSION);
	} else {
		c->control->handlers.request(c, request, c->control->handlers.arg);
	}
	json_decref(request);
}

/* Handles every whole line of the input. */
static void
handle_lines(struct client *c)
{
	size_t start = 0;

	while (!c->closing) {
		const char *from = (const char *)c->in.data + start;
		const char *end = start < c->in.len ? memchr(from, '\n', c->in.len - start) : NULL;

		if (!end)
			break;
		if (end > from)
			handle_line(c, from, (size_t)(end - from));
		start += (size_t)(end - from) + 1;
	}
	if (start) {
		memmove(c->in.data, c->in.data + start, c->in.len - start);
		c->in.len -= start;
	}
	if (c->in.len >= CONTROL_LINE_MAX && !c->closing) {
		client_refuse(
		    c, "a request has at most %d octets: name fewer in one", CONTROL_LINE_MAX);
		c->closing = true;
	}
}

/* -1: the client is gone. */
static int
read_in(struct client *c)
{
	char octets[65536];
	ssize_t n = recv(c->fd, octets, sizeof octets, MSG_DONTWAIT);

	if (n == 0)
		return -1;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	buf_add(&c->in, octets, (size_t)n);
	c->asked_ms = clock_monotonic_ms();
	if (c->in.failed)
		return -1;
	handle_lines(c);
	return 0;
}

static int
on_client(sd_event_source *s, int fd, uint32_t events, void *arg)
{
	struct client *c = arg;
	bool gone = false;

	(void)s;
	(void)fd;
	if (events & EPOLLIN)
		gone = read_in(c) < 0;
	if (!gone)
		gone = write_out(c) < 0 || (events & (EPOLLHUP | EPOLLERR));
	if (gone || (c->closing && client_pending(c) == 0)) {
		client_free(c);
		return 0;
	}
	if (client_pending(c) == 0)
		c->control->handlers.drained(c, c->control->handlers.arg);
	want(c);
	return 0;
}

/* ---- who ---- */

static bool
is_member(int fd, const struct ucred *peer, const char *name)
{
	gid_t gid;

	return group_find(name, &gid) && group_has_peer(fd, peer->gid, gid);
}

static enum control_right
right_of(int fd, uid_t *ret_uid)
{
	struct ucred peer;
	socklen_t len = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return CONTROL_NONE;
	*ret_uid = peer.uid;
	if (peer.uid == 0 || is_member(fd, &peer, "galsync-admin"))
		return CONTROL_CHANGE;
	return is_member(fd, &peer, "galsync") ? CONTROL_READ : CONTROL_NONE;
}

/* ---- who gets in ---- */

static bool
waits(const struct client *c)
{
	return c->wait.watching || c->wait.number || c->wait.draft || client_pending(c);
}

/* Ends the one that has asked for nothing for longest. False if there is none. */
static bool
end_idle(struct control *control)
{
	int64_t now = clock_monotonic_ms();
	struct client *oldest = NULL;

	for (struct client *c = control->clients; c; c = c->next)
		if (admission_may_end(c->right, waits(c), now - c->asked_ms) &&
		    (!oldest || c->asked_ms < oldest->asked_ms))
			oldest = c;
	if (oldest)
		client_free(oldest);
	return oldest != NULL;
}

static struct admission
count_for(const struct control *control, uid_t uid)
{
	struct admission n = {.all = control->n};

	for (const struct client *c = control->clients; c; c = c->next)
		n.of_user += c->uid == uid;
	return n;
}

/* NULL, or why not. */
static const char *
let_in(struct control *control, enum control_right right, uid_t uid)
{
	const char *why;

	if (right == CONTROL_NONE)
		return "permission denied: only root and the groups galsync and galsync-admin are "
		       "answered";
	do {
		struct admission now = count_for(control, uid);

		why = admission_refusal(right, uid, &now);
	} while (why && end_idle(control));
	return why;
}

/* One that is not let in is told why, and no more is kept of it than that. */
static void
add_client(struct control *control, int fd, bool reserved)
{
	struct client *c = calloc(1, sizeof *c);
	const char *why;

	if (!c) {
		(void)close(fd);
		return;
	}
	*c = (struct client){.control = control,
	    .fd = fd,
	    .asked_ms = clock_monotonic_ms(),
	    .wait = {.plan_fd = -1}};
	c->right = right_of(fd, &c->uid);
	why = reserved && c->uid != 0 ? "the daemon has no file descriptors left"
				      : let_in(control, c->right, c->uid);
	c->next = control->clients;
	control->clients = c;
	control->n++;
	if (sd_event_add_io(control->event, &c->source, fd, EPOLLIN, on_client, c) < 0) {
		client_free(c);
		return;
	}
	if (!why) {
		want(c);
		return;
	}
	client_refuse(c, "%s", why);
	(void)write_out(c);
	client_free(c);
}

static int
on_rested(sd_event_source *s, uint64_t usec, void *arg)
{
	struct control *c = arg;

	(void)s;
	(void)usec;
	(void)sd_event_source_set_enabled(c->source, SD_EVENT_ON);
	return 0;
}

/* Nobody is let in for a while: the socket stays readable, and the loop would not rest. */
static void
rest(struct control *c)
{
	uint64_t now = 0;

	if (sd_event_now(c->event, CLOCK_MONOTONIC, &now) >= 0 &&
	    sd_event_source_set_time(c->rest, now + REST_MS * UINT64_C(1000)) >= 0 &&
	    sd_event_source_set_enabled(c->rest, SD_EVENT_ONESHOT) >= 0)
		(void)sd_event_source_set_enabled(c->source, SD_EVENT_OFF);
}

static int
open_reserve(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int
accept_one(const struct control *c)
{
	return accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

/* By the descriptor that is kept for that. */
static int
accept_in_need(struct control *c)
{
	closep(&c->reserve);
	c->reserve = -1;
	return accept_one(c);
}

static int
on_connect(sd_event_source *s, int fd, uint32_t events, void *arg)
{
	struct control *c = arg;
	int client = accept_one(c), why = client < 0 ? errno : 0;
	bool need = (why == EMFILE || why == ENFILE) && c->reserve >= 0;

	(void)s;
	(void)fd;
	(void)events;
	if (need) {
		client = accept_in_need(c);
		why = client < 0 ? errno : 0;
	}
	if (client >= 0)
		add_client(c, client, need);
	else if (why != EAGAIN && why != EINTR && why != ECONNABORTED)
		rest(c);
	/* Who came in need has gone again, unless it was root. */
	if (c->reserve < 0)
		c->reserve = open_reserve();
	return 0;
}

/* ---- life ---- */

/* A socket on which no process listens was left by a daemon that was killed. */
static bool
is_left_over(const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool refused = fd >= 0 && connect(fd, (const struct sockaddr *)a, sizeof *a) < 0 &&
		       errno == ECONNREFUSED;

	closep(&fd);
	return refused;
}

static int
listen_at(struct control *c, const char *path, struct err *err)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	mode_t before;
	int rc;

	if (strlen(path) >= sizeof a.sun_path)
		return err_conf(err, "control socket '%s': a path has at most %zu octets", path,
		    sizeof a.sun_path - 1);
	memcpy(a.sun_path, path, strlen(path));
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return err_sys(err, errno, "control socket");
	if (is_left_over(&a))
		(void)unlink(path);
	/* Every process may connect; its groups decide whether it is answered. */
	before = umask(0111);
	rc = bind(c->fd, (struct sockaddr *)&a, sizeof a);
	(void)umask(before);
	if (rc < 0 || !(c->path = strdup(path)) || listen(c->fd, 64) < 0)
		return err_sys(err, errno, "control socket '%s'", path);
	return 0;
}

/* Who waits for a daemon at a socket of systemd's must not connect to find out, because that would
 * start one: it looks at the time of the socket. Where it may not be touched nobody knows. */
static void
touch(int fd)
{
	struct {
		struct sockaddr_un name;
		char end; /* a path that fills its place has none */
	} a = {.end = '\0'};
	socklen_t len = sizeof a.name;

	if (getsockname(fd, (struct sockaddr *)&a.name, &len) == 0 &&
	    a.name.sun_family == AF_UNIX && a.name.sun_path[0])
		(void)utimensat(AT_FDCWD, a.name.sun_path, NULL, 0);
}

int
control_new(sd_event *event, const char *path, int fd, const struct control_handlers *handlers,
    struct control **ret, struct err *err)
{
	_cleanup_(control_free) struct control *c = calloc(1, sizeof *c);
	int rc;

	if (!c) {
		closep(&fd);
		return err_nomem(err);
	}
	*c = (struct control){
	    .event = event, .fd = fd, .reserve = open_reserve(), .handlers = *handlers};
	if (fd < 0 && listen_at(c, path, err) < 0)
		return -1;
	touch(c->fd);
	rc = sd_event_add_io(event, &c->source, c->fd, EPOLLIN, on_connect, c);
	/* It needs a descriptor too: now, and not when there is none. */
	if (rc >= 0)
		rc = sd_event_add_time(
		    event, &c->rest, CLOCK_MONOTONIC, UINT64_MAX, 0, on_rested, c);
	if (rc >= 0)
		rc = sd_event_source_set_enabled(c->rest, SD_EVENT_OFF);
	if (rc < 0)
		return err_sys(err, -rc, "control socket");
	*ret = TAKE(c);
	return 0;
}

void
control_free(struct control *c)
{
	if (!c)
		return;
	while (c->clients)
		client_free(c->clients);
	if (c->source)
		(void)sd_event_source_disable_unref(c->source);
	(void)sd_event_source_disable_unref(c->rest);
	closep(&c->fd);
	closep(&c->reserve);
	if (c->path)
		(void)unlink(c->path);
	free(c->path);
	free(c);
}
