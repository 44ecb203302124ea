/* SPDX-License-Identifier: MIT */
#include "dsa/base/line_client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

struct client {
	int fd;
	struct buf in; /* what was read */
	size_t used;   /* of it, by lines that were given out */
};

int
client_connect(const char *path, struct client **ret, struct err *err)
{
	_cleanup_(client_close) struct client *c = calloc(1, sizeof *c);
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	if (!c)
		return err_nomem(err);
	c->fd = -1;
	if (strlen(path) >= sizeof a.sun_path)
		return err_sys(err, ENAMETOOLONG, "control socket '%s'", path);
	memcpy(a.sun_path, path, strlen(path));
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof a) < 0)
		return err_sys(err, errno, "control socket '%s'", path);
	*ret = TAKE(c);
	return 0;
}

void
client_close(struct client *c)
{
	if (!c)
		return;
	closep(&c->fd);
	buf_done(&c->in);
	free(c);
}

int
client_limit(struct client *c, int timeout_ms, struct err *err)
{
	const struct timeval t = {timeout_ms / 1000, timeout_ms % 1000 * 1000L};

	if (setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t) < 0 ||
	    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t) < 0)
		return err_sys(err, errno, "control socket");
	return 0;
}

int
client_ask(struct client *c, json_t *request, struct err *err)
{
	_cleanup_(json_release) json_t *own = request;
	_cleanup_(free) char *text = own ? json_dumps(own, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) : 0;

	if (!text)
		return err_nomem(err);
	text[len++] = '\n'; /* in the place of the NUL */
	for (size_t sent = 0; sent < len;) {
		ssize_t n = send(c->fd, text + sent, len - sent, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return err_sys(err, errno, "request to the daemon");
		sent += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* The length of the next whole line with its end, 0 if there is none yet. */
static size_t
line_len(const struct client *c)
{
	const uint8_t *from = c->in.data ? c->in.data + c->used : NULL;
	const uint8_t *end = from ? memchr(from, '\n', c->in.len - c->used) : NULL;

	return end ? (size_t)(end - from) + 1 : 0;
}

/* Reads more. What was given out goes first. */
static int
read_more(struct client *c, struct err *err)
{
	char piece[16384];
	ssize_t n;

	if (c->used) {
		memmove(c->in.data, c->in.data + c->used, c->in.len - c->used);
		c->in.len -= c->used;
		c->used = 0;
	}
	do
		n = read(c->fd, piece, sizeof piece);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return err_sys(err, n < 0 ? errno : ECONNRESET, "the daemon ended the connection");
	buf_add(&c->in, piece, (size_t)n);
	return c->in.failed ? err_nomem(err) : 0;
}

int
client_next(struct client *c, json_t **ret, struct err *err)
{
	json_error_t why;
	size_t len;

	while ((len = line_len(c)) == 0)
		if (read_more(c, err) < 0)
			return -1;
	*ret = json_loadb((const char *)c->in.data + c->used, len, 0, &why);
	c->used += len;
	return *ret ? 0 : err_data(err, "the daemon's answer is no JSON: %s", why.text);
}

bool
client_poll(struct client *c, int fd)
{
	struct pollfd p[] = {{.fd = c->fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};

	if (line_len(c))
		return true;
	while (poll(p, ARRAY_SIZE(p), -1) < 0 && errno == EINTR)
		;
	return p[0].revents || !p[1].revents;
}
