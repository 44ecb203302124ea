/* SPDX-License-Identifier: MIT */
#include "dsa/ctl/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "dsa/base/clock.h"
#include "dsa/base/when.h"
#include "dsa/ctl/shown.h"

struct client {
	FILE *stream;
	char *line;
	size_t size;
};

int
client_connect(const char *path, struct client **ret, struct err *err)
{
	_cleanup_(client_close) struct client *c = calloc(1, sizeof *c);
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd;

	if (!c)
		return err_nomem(err);
	if (strlen(path) >= sizeof a.sun_path)
		return err_sys(err, ENAMETOOLONG, "control socket '%s'", path);
	memcpy(a.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
		(void)err_sys(err, errno, "control socket '%s'", path);
		closep(&fd);
		return -1;
	}
	c->stream = fdopen(fd, "r");
	if (!c->stream) {
		closep(&fd);
		return err_sys(err, errno, "control socket '%s'", path);
	}
	*ret = TAKE(c);
	return 0;
}

void
client_close(struct client *c)
{
	if (!c)
		return;
	if (c->stream)
		(void)fclose(c->stream);
	free(c->line);
	free(c);
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
	/* Past the stream: what it could not write would be in the way of the answer. */
	for (size_t sent = 0; sent < len;) {
		ssize_t n = send(fileno(c->stream), text + sent, len - sent, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return err_sys(err, errno, "request to the daemon");
		sent += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int
client_next(struct client *c, json_t **ret, struct err *err)
{
	json_error_t why;
	ssize_t n;

	errno = 0;
	n = getline(&c->line, &c->size, c->stream);
	if (n < 0)
		return err_sys(err, errno ? errno : ECONNRESET, "the daemon ended the connection");
	*ret = json_loadb(c->line, (size_t)n, 0, &why);
	return *ret ? 0 : err_data(err, "the daemon's answer is no JSON: %s", why.text);
}

const char *
text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? shown(s) : "";
}

const char *
time_of(const json_t *o, const char *key)
{
	static char ring[SHOWN_AT_ONCE][CLOCK_TEXT_SIZE];
	static size_t next;
	const char *s = json_string_value(json_object_get(o, key));
	int64_t at;
	char *text;

	if (!s || !when_read_utc(s, &at))
		return text_of(o, key);
	text = ring[next];
	next = (next + 1) % SHOWN_AT_ONCE;
	clock_format_local(at, text);
	return text;
}
