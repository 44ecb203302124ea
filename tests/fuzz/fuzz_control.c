/* SPDX-License-Identifier: MIT */
/* Any octets from a client of the control socket, in pieces as long as the first octet says. Every
 * answer is a line with one JSON object of this version, and a client who has said all is let go.
 * Run by root, who may ask for everything; there is no link. */
#include "fuzz.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "dsa/daemon/verbs_wait.h"
#include "mapping/store.h"

static sd_event *loop;
static struct sockaddr_un address;
static socklen_t address_len = sizeof address;
static struct verbs verbs;

static void
set_up(void)
{
	static const struct control_handlers handlers = {
	    .request = verbs_request, .drained = verbs_drained, .arg = &verbs};
	const char *tmp = getenv("TMPDIR");
	char dir[256], path[320];
	struct err err;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	/* A name that the kernel chooses, and no file. */
	address.sun_family = AF_UNIX;
	CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address.sun_family) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&address, &address_len) == 0);
	CHECK(listen(fd, 8) == 0 && sd_event_new(&loop) >= 0);
	(void)snprintf(dir, sizeof dir, "%s/galsync-fuzz-XXXXXX", tmp ? tmp : "/tmp");
	CHECK(mkdtemp(dir));
	CHECK(store_open(dir, STORE_WRITE, 16, &verbs.store, &err) == 0);
	/* It is open: nobody needs its name any more. */
	for (size_t i = 0; i < 3; i++) {
		static const char *const names[] = {"map.mdb", "map.mdb-lock", "writer.lock"};

		(void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
	CHECK(rmdir(dir) == 0);
	verbs.state_directory = "/nowhere";
	CHECK(control_new(loop, NULL, fd, &handlers, &verbs.control, &err) == 0);
}

/* What there is to do, without waiting. */
static void
turn(void)
{
	while (sd_event_run(loop, 0) > 0)
		;
}

/* What has been answered. False: the daemon has hung up. */
static bool
read_answers(int fd, struct buf *b)
{
	char octets[16384];
	ssize_t n;

	while ((n = recv(fd, octets, sizeof octets, MSG_DONTWAIT)) > 0)
		buf_add(b, octets, (size_t)n);
	return n < 0 && errno == EAGAIN;
}

static void
check_answers(const struct buf *b)
{
	const char *at = (const char *)b->data, *end;

	for (size_t left = b->len; left; left -= (size_t)(end + 1 - at), at = end + 1) {
		json_t *o;

		end = memchr(at, '\n', left);
		CHECK(end);
		o = json_loadb(at, (size_t)(end - at), JSON_REJECT_DUPLICATES, NULL);
		CHECK(json_is_object(o));
		CHECK(json_integer_value(json_object_get(o, "version")) == CONTROL_VERSION);
		CHECK(json_object_get(o, "event") || json_is_boolean(json_object_get(o, "ok")));
		CHECK(!json_is_false(json_object_get(o, "ok")) ||
		      *json_string_value(json_object_get(o, "error")));
		json_decref(o);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	_cleanup_(buf_done) struct buf answers = {0};
	size_t piece = size ? 1 + (size_t)data[0] * 64 : 1;

	if (!loop)
		set_up();
	CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&address, address_len) == 0);
	turn();
	for (size_t at = 1; at < size;) {
		size_t n = size - at < piece ? size - at : piece;
		ssize_t sent = send(fd, data + at, n, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent > 0)
			at += (size_t)sent;
		turn();
		if (!read_answers(fd, &answers) || (sent < 0 && errno != EAGAIN))
			break;
	}
	(void)shutdown(fd, SHUT_WR);
	turn();
	CHECK(!read_answers(fd, &answers));
	CHECK(!answers.failed);
	check_answers(&answers);
	return 0;
}
