/* SPDX-License-Identifier: MIT */

/*
 * libldap can connect by itself, but then a hung server is waited for inside read() or write(),
 * the reason of a failure is lost, and nothing can be cancelled. So we connect, and give libldap
 * the transport (LDAP_PROTO_EXT and our Sockbuf_IO at the bottom of its stack, below TLS and the
 * SASL layer). Three rules make it safe:
 *
 * - Reads never wait: they give what is there, or EAGAIN, and libldap comes back later. Waiting is
 *   ldap_session_wait()'s. The one exception is the TLS handshake, which libldap drives in a loop:
 *   while read_until_ms is set, reads wait, with that moment as their end.
 * - Writes are complete or fail. They wait for room in the send buffer, not longer than the
 *   time-out without progress. So libldap never holds a half-sent request, a state in which it
 *   behaves differently from version to version.
 * - Every wait also watches the directory's eventfd, by which another thread cancels.
 *
 * Octets are read ahead into a buffer: libldap asks for a header of a few octets and then for the
 * rest, two system calls for each message otherwise. What is buffered is announced by
 * LBER_SB_OPT_DATA_READY, else libldap would poll the descriptor and not find it.
 *
 * The receive buffer is 1 MiB, set before connecting so that the window scale allows for it: with
 * the default, a page of entries closes the window and reading goes on in steps of 200 ms.
 */

#include "dsa/ldap/ldap_sock.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "dsa/base/clock.h"
#include "dsa/ldap/ldap_bounds.h"

#define RECEIVE_BUFFER (1 << 20)
#define KEEPALIVE_IDLE_S 60

int
ldap_sock_wait(struct ldap_sock *s, short events, int64_t until_ms)
{
	struct pollfd fds[] = {
	    {.fd = s->fd, .events = events}, {.fd = s->wake_fd, .events = POLLIN}};

	for (;;) {
		int64_t left = until_ms - clock_monotonic_ms();
		int n = poll(fds, ARRAY_SIZE(fds), left < 0 ? 0 : left > 60000 ? 60000 : (int)left);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0 && fds[1].revents) {
			errno = ECANCELED;
			return -1;
		}
		if (n > 0)
			return 1;
		if (left <= 0)
			return 0;
	}
}

static void
set_options(int fd, int timeout_ms)
{
	const int size = RECEIVE_BUFFER, one = 1, idle = KEEPALIVE_IDLE_S;

	/* All of them are improvements: the connection works without. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
}

/* Connects to one address. Returns 0 or an errno. */
static int
connect_address(struct ldap_sock *s, const struct addrinfo *a, int64_t until_ms)
{
	int error = 0;
	socklen_t len = sizeof error;

	s->fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		return errno;
	set_options(s->fd, s->timeout_ms);
	if (connect(s->fd, a->ai_addr, a->ai_addrlen) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return errno;
	switch (ldap_sock_wait(s, POLLOUT, until_ms)) {
	case 0: return ETIMEDOUT;
	case 1: break;
	default: return errno;
	}
	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return errno;
	return error;
}

static int
connect_error(int en, const struct addrinfo *a, int64_t waited_ms, struct err *err)
{
	char address[NI_MAXHOST] = "?", port[NI_MAXSERV] = "?", why[128];

	(void)getnameinfo(a->ai_addr, a->ai_addrlen, address, sizeof address, port, sizeof port,
	    NI_NUMERICHOST | NI_NUMERICSERV);
	if (en == ECANCELED)
		return err_set(err, ERR_SYS, ERR_LINK, ERR_LATER, en, "cancelled");
	if (en == ETIMEDOUT)
		return err_set(err, ERR_SYS, ERR_PEER, ERR_LATER, en,
		    "connect to %s port %s: no answer after %lld ms", address, port,
		    (long long)waited_ms);
	return err_set(err, ERR_SYS, ERR_PEER, ERR_LATER, en, "connect to %s port %s: %s", address,
	    port, strerror_r(en, why, sizeof why));
}

/* A family that this machine has no route for tells nothing about the server. */
static bool
says_nothing(int en)
{
	return en == ENETUNREACH || en == EAFNOSUPPORT || en == EADDRNOTAVAIL;
}

/* Tries the addresses in turn; each gets its share of the time that is left. */
static int
connect_any(struct ldap_sock *s, const struct addrinfo *list, int64_t deadline_ms, struct err *err)
{
	bool told = false;
	int left = 0;

	for (const struct addrinfo *a = list; a; a = a->ai_next)
		left++;
	for (const struct addrinfo *a = list; a; a = a->ai_next, left--) {
		int64_t now = clock_monotonic_ms(), share = (deadline_ms - now) / left;
		int en = connect_address(s, a, now + (share > 1 ? share : 1));

		if (en == 0) {
			s->progress_ms = clock_monotonic_ms();
			return 0;
		}
		ldap_sock_close(s);
		if (!told || en == ECANCELED)
			(void)connect_error(en, a, clock_monotonic_ms() - now, err);
		if (en == ECANCELED)
			return -1;
		told = told || !says_nothing(en);
	}
	return -1;
}

int
ldap_sock_connect(
    struct ldap_sock *s, const char *host, int port, int64_t deadline_ms, struct err *err)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	char service[16];
	int rc;

	s->pos = s->len = 0;
	s->broken = false;
	s->error = 0;
	s->read_until_ms = 0;
	(void)snprintf(service, sizeof service, "%d", port);
	rc = getaddrinfo(host, service, &hints, &list);
	if (rc != 0)
		return err_set(err, ERR_SYS, ERR_PEER, ERR_LATER, rc == EAI_SYSTEM ? errno : 0,
		    "cannot resolve the name '%s': %s", host, gai_strerror(rc));
	rc = connect_any(s, list, deadline_ms, err);
	freeaddrinfo(list);
	return rc;
}

void
ldap_sock_close(struct ldap_sock *s)
{
	closep(&s->fd);
	s->fd = -1;
	s->pos = s->len = 0;
}

const char *
ldap_sock_reason(const struct ldap_sock *s, char *buf, size_t size)
{
	char why[128];

	if (!s->broken)
		(void)snprintf(buf, size, "the connection failed");
	else if (s->error == 0)
		(void)snprintf(buf, size, "the server closed the connection");
	else
		(void)snprintf(buf, size, "%s", strerror_r(s->error, why, sizeof why));
	return buf;
}

static ber_slen_t
fail(struct ldap_sock *s, int en)
{
	s->broken = true;
	s->error = en;
	errno = en;
	return en ? -1 : 0;
}

/* Waits for EVENTS until UNTIL_MS; false, with the socket broken, if they do not come. */
static bool
await(struct ldap_sock *s, short events, int64_t until_ms)
{
	int rc = ldap_sock_wait(s, events, until_ms);

	if (rc > 0)
		return true;
	(void)fail(s, rc == 0 ? ETIMEDOUT : errno);
	return false;
}

static ber_slen_t
receive(struct ldap_sock *s, void *buf, size_t size)
{
	if (!s->read_until_ms && s->breath_ms && clock_monotonic_ms() > s->breath_ms) {
		errno = EAGAIN;
		return -1;
	}
	for (;;) {
		ssize_t n = recv(s->fd, buf, size, MSG_DONTWAIT);

		if (n > 0) {
			s->progress_ms = clock_monotonic_ms();
			s->received += (uint64_t)n;
			/* Who always sends is never waited for. */
			if (s->read_until_ms && s->progress_ms > s->read_until_ms)
				return fail(s, ETIMEDOUT);
			return n;
		}
		if (n == 0)
			return fail(s, 0);
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			return fail(s, errno);
		if (s->read_until_ms == 0)
			return -1;
		if (!await(s, POLLIN, s->read_until_ms))
			return -1;
	}
}

static ber_slen_t
sock_read(Sockbuf_IO_Desc *sbiod, void *buf, ber_len_t size)
{
	struct ldap_sock *s = sbiod->sbiod_pvt;
	size_t n;

	if (s->broken)
		return fail(s, s->error);
	if (s->pos == s->len) {
		ber_slen_t got;

		if (size >= sizeof s->buf)
			return receive(s, buf, size);
		s->pos = s->len = 0;
		got = receive(s, s->buf, sizeof s->buf);
		if (got <= 0)
			return got;
		s->len = (size_t)got;
	}
	n = s->len - s->pos < size ? s->len - s->pos : size;
	memcpy(buf, s->buf + s->pos, n);
	s->pos += n;
	return (ber_slen_t)n;
}

static ber_slen_t
sock_write(Sockbuf_IO_Desc *sbiod, void *buf, ber_len_t size)
{
	struct ldap_sock *s = sbiod->sbiod_pvt;
	const uint8_t *p = buf;
	size_t done = 0;
	int64_t until_ms;

	if (s->broken)
		return fail(s, s->error ? s->error : EPIPE);
	s->progress_ms = clock_monotonic_ms();
	until_ms = s->progress_ms + ldap_bounds_patience_ms(s->timeout_ms, size);
	while (done < size) {
		ssize_t n = send(s->fd, p + done, size - done, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n >= 0) {
			done += (size_t)n;
			s->progress_ms = clock_monotonic_ms();
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			if (s->progress_ms > until_ms)
				return fail(s, ETIMEDOUT);
			if (!await(s, POLLOUT, s->progress_ms + s->timeout_ms))
				return -1;
		} else if (errno != EINTR) {
			return fail(s, errno);
		}
	}
	return (ber_slen_t)size;
}

static int
sock_setup(Sockbuf_IO_Desc *sbiod, void *arg)
{
	sbiod->sbiod_pvt = arg;
	return 0;
}

static int
sock_remove(Sockbuf_IO_Desc *sbiod)
{
	sbiod->sbiod_pvt = NULL;
	return 0;
}

static int
sock_ctrl(Sockbuf_IO_Desc *sbiod, int opt, void *arg)
{
	const struct ldap_sock *s = sbiod->sbiod_pvt;

	(void)arg;
	return opt == LBER_SB_OPT_DATA_READY && s->pos < s->len;
}

/* The descriptor is closed by ldap_sock_close(). */
static int
sock_nothing_to_close(Sockbuf_IO_Desc *sbiod)
{
	(void)sbiod;
	return 0;
}

int
ldap_sock_attach(struct ldap_sock *s, Sockbuf *sb)
{
	static Sockbuf_IO io = {.sbi_setup = sock_setup,
	    .sbi_remove = sock_remove,
	    .sbi_ctrl = sock_ctrl,
	    .sbi_read = sock_read,
	    .sbi_write = sock_write,
	    .sbi_close = sock_nothing_to_close};

	return ber_sockbuf_add_io(sb, &io, LBER_SBIOD_LEVEL_PROVIDER, s);
}
