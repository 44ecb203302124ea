/* SPDX-License-Identifier: MIT */

/* The portal's places: a client whose request does not come in time loses its own, however often it
 * sends an octet; one whose request is there does not. Everything is refused here, for want of a
 * token, so there is no map. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dsa/base/clock.h"
#include "dsa/portal/server.h"

#define REQUEST "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define PATIENCE_MS 60000

static struct sockaddr_in
listen_somewhere(int *ret)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;

	*ret = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(*ret >= 0);
	assert_int_equal(bind(*ret, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(*ret, 16), 0);
	assert_int_equal(getsockname(*ret, (struct sockaddr *)&a, &len), 0);
	return a;
}

static int
join(const struct sockaddr_in *a)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)a, sizeof *a), 0);
	return fd;
}

static struct server *
serve(int64_t request_ms, struct sockaddr_in *ret)
{
	struct server_options o = {
	    .token = "secret", .request_ms = request_ms, .answer_ms = PATIENCE_MS};
	struct server *s;
	struct err err;

	*ret = listen_somewhere(&o.fd);
	assert_int_equal(server_start(NULL, &o, &s, &err), 0);
	return s;
}

/* What comes within MS; 0: the server closed, -1: nothing came. */
static ssize_t
hear(int fd, char *ret, size_t size, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t n;

	if (poll(&p, 1, ms) <= 0)
		return -1;
	n = recv(fd, ret, size, 0);
	return n < 0 ? 0 : n;
}

/* Sends an octet after the other and never comes to an end. How many it could send. */
static unsigned
trickle(struct server *s, int fd)
{
	int64_t end = clock_monotonic_ms() + PATIENCE_MS;
	char answer[64];
	unsigned n = 0;

	for (;;) {
		assert_true(clock_monotonic_ms() < end);
		(void)send(fd, n < 16 ? &REQUEST[n] : "a", 1, MSG_NOSIGNAL);
		n++;
		server_cut_late(s);
		if (hear(fd, answer, sizeof answer, 10) == 0)
			return n;
	}
}

static void
late(void **state)
{
	struct sockaddr_in a;
	struct server *s = serve(200, &a);

	(void)state;
	for (int i = 0; i < 3; i++) {
		int fd = join(&a);

		assert_true(trickle(s, fd) > 1);
		(void)close(fd);
	}
	server_stop(s);
}

static void
ask(int fd)
{
	char answer[4096];
	size_t n = 0;

	assert_int_equal(send(fd, REQUEST, strlen(REQUEST), MSG_NOSIGNAL), strlen(REQUEST));
	while (n < 12) {
		ssize_t got = hear(fd, answer + n, sizeof answer - 1 - n, PATIENCE_MS);

		assert_true(got > 0);
		n += (size_t)got;
	}
	answer[n] = '\0';
	assert_true(strncmp(answer, "HTTP/1.1 401", 12) == 0);
}

/* Others are answered meanwhile, and nobody is cut who is in time. */
static void
in_time(void **state)
{
	struct sockaddr_in a;
	struct server *s = serve(PATIENCE_MS, &a);
	int slow = join(&a), fd = join(&a);

	(void)state;
	assert_int_equal(send(slow, REQUEST, 10, MSG_NOSIGNAL), 10);
	server_cut_late(s);
	ask(fd);
	server_cut_late(s);
	assert_int_equal(
	    send(slow, &REQUEST[10], strlen(REQUEST) - 10, MSG_NOSIGNAL), strlen(REQUEST) - 10);
	(void)close(fd);
	fd = join(&a);
	ask(fd);
	(void)close(fd);
	(void)close(slow);
	server_stop(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(late),
	    cmocka_unit_test(in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
