/* SPDX-License-Identifier: MIT */
/*
 * A relay that makes a local server look far away: every chunk is handed on DELAY_MS after it came,
 * in each direction, however much is under way. It delays and never slows down: the memory for what
 * is under way grows as needed. The connection itself is made at once.
 *
 *   delay ADDRESS LISTEN_PORT PORT DELAY_MS
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "dsa/base/mem.h"

#define MAX_CONNECTIONS 32
#define CHUNK 65536

struct chunk {
	struct chunk *next;
	int64_t due_ns;
	size_t len, sent;
	uint8_t data[];
};

/* One direction of a connection. */
struct lane {
	int from, to;
	struct chunk *first, **last;
	bool at_end; /* FROM has said that nothing more comes */
};

static struct lane lanes[2 * MAX_CONNECTIONS]; /* a connection has lanes 2i and 2i + 1 */
static size_t n_lanes;

static int64_t
now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static int
tcp_socket(void)
{
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("delay: socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

static void
accept_one(int listener, const struct sockaddr_in *server)
{
	const int on = 1;
	int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC), fd = tcp_socket();

	if (client < 0 || n_lanes == ARRAY_SIZE(lanes))
		die("delay: accept");
	(void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(fd, (const struct sockaddr *)server, sizeof *server) < 0)
		die("delay: connect");
	lanes[n_lanes] = (struct lane){.from = client, .to = fd, .last = &lanes[n_lanes].first};
	n_lanes++;
	lanes[n_lanes] = (struct lane){.from = fd, .to = client, .last = &lanes[n_lanes].first};
	n_lanes++;
}

static void
take(struct lane *l, int64_t delay_ns)
{
	static uint8_t buf[CHUNK];
	ssize_t n = recv(l->from, buf, sizeof buf, MSG_DONTWAIT);
	struct chunk *c;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	l->at_end = n <= 0;
	/* The end is delayed too: it is a chunk of no octets. */
	c = malloc(sizeof *c + (n > 0 ? (size_t)n : 0));
	if (!c)
		die("delay");
	*c = (struct chunk){.due_ns = now_ns() + delay_ns, .len = n > 0 ? (size_t)n : 0};
	if (c->len)
		memcpy(c->data, buf, c->len);
	*l->last = c;
	l->last = &c->next;
}

/* Sends what is due; gives back whether the receiver takes no more just now. */
static bool
give(struct lane *l, int64_t now)
{
	while (l->first && l->first->due_ns <= now) {
		struct chunk *c = l->first;

		if (c->len == 0)
			(void)shutdown(l->to, SHUT_WR);
		while (c->sent < c->len) {
			ssize_t n = send(l->to, c->data + c->sent, c->len - c->sent,
			    MSG_DONTWAIT | MSG_NOSIGNAL);

			if (n < 0 && errno == EAGAIN)
				return true;
			/* A client that has gone needs nothing more. */
			c->sent = n < 0 ? c->len : c->sent + (size_t)n;
		}
		l->first = c->next;
		if (!l->first)
			l->last = &l->first;
		free(c);
	}
	return false;
}

static void
remove_connection(size_t i)
{
	(void)close(lanes[i].from);
	(void)close(lanes[i].to);
	n_lanes -= 2;
	for (; i < n_lanes; i++) {
		lanes[i] = lanes[i + 2];
		if (!lanes[i].first)
			lanes[i].last = &lanes[i].first;
	}
}

/* Connections that have ended in both directions make room for others. */
static void
forget_ended(void)
{
	for (size_t i = n_lanes; i > 0; i -= 2) {
		const struct lane *l = &lanes[i - 2], *m = &lanes[i - 1];

		if (l->at_end && m->at_end && !l->first && !m->first)
			remove_connection(i - 2);
	}
}

static void
relay(int listener, const struct sockaddr_in *server, int64_t delay_ns)
{
	for (;;) {
		struct pollfd fds[1 + 2 * ARRAY_SIZE(lanes)];
		const nfds_t n = 1 + 2 * n_lanes;
		int64_t now = now_ns(), due = INT64_MAX;
		struct timespec wait;

		fds[0] = (struct pollfd){.fd = listener, .events = POLLIN};
		for (size_t i = 0; i < n_lanes; i++) {
			bool full = give(&lanes[i], now);

			fds[1 + 2 * i] = (struct pollfd){
			    .fd = lanes[i].at_end ? -1 : lanes[i].from, .events = POLLIN};
			fds[2 + 2 * i] =
			    (struct pollfd){.fd = full ? lanes[i].to : -1, .events = POLLOUT};
			if (lanes[i].first && !full && lanes[i].first->due_ns < due)
				due = lanes[i].first->due_ns;
		}
		now = now_ns();
		due = due > now ? due - now : 0;
		wait = (struct timespec){due / 1000000000, due % 1000000000};
		/* Nothing under way: the wait has no end worth naming. */
		if (ppoll(fds, n, &wait, NULL) < 0 && errno != EINTR)
			die("delay: poll");
		for (size_t i = 0; i < n_lanes; i++)
			if (fds[1 + 2 * i].fd >= 0 && fds[1 + 2 * i].revents)
				take(&lanes[i], delay_ns);
		forget_ended();
		if (fds[0].revents)
			accept_one(listener, server);
	}
}

int
main(int argc, char **argv)
{
	struct sockaddr_in here = {.sin_family = AF_INET}, server;
	int listener;

	if (argc != 5 || inet_pton(AF_INET, argv[1], &here.sin_addr) != 1) {
		(void)fputs("usage: delay ADDRESS LISTEN_PORT PORT DELAY_MS\n", stderr);
		return 2;
	}
	server = here;
	here.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
	server.sin_port = htons((uint16_t)strtoul(argv[3], NULL, 10));
	listener = tcp_socket();
	if (bind(listener, (struct sockaddr *)&here, sizeof here) < 0 || listen(listener, 16) < 0)
		die("delay: listen");
	(void)puts("ready");
	(void)fflush(stdout);
	relay(listener, &server, strtol(argv[4], NULL, 10) * 1000000);
	return 0;
}
