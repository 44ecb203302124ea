/* SPDX-License-Identifier: MIT */
/* Who gets a connection to the control socket, and what happens without file descriptors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dsa/daemon/admission.h"
#include "dsa/daemon/control.h"
#include "tests/support/place.h"

/* ---- the rule ---- */

static void
places(void **state)
{
	static const struct {
		enum control_right right;
		uid_t uid;
		struct admission now;
		const char *why; /* NULL: it comes */
	} rows[] = {
	    {CONTROL_READ, 1000, {0, 0}, NULL},
	    {CONTROL_READ, 1000, {15, 15}, NULL},
	    {CONTROL_READ, 1000, {16, 16}, "a user has at most 16"},
	    {CONTROL_READ, 1001, {16, 0}, NULL},
	    {CONTROL_READ, 1001, {63, 0}, NULL},
	    {CONTROL_READ, 1001, {64, 0}, "at most 64 are served"},
	    {CONTROL_CHANGE, 1002, {64, 40}, NULL},
	    {CONTROL_CHANGE, 1002, {79, 79}, NULL},
	    {CONTROL_CHANGE, 1002, {80, 0}, "the places of administrators are taken"},
	    {CONTROL_CHANGE, 0, {80, 0}, NULL},
	    {CONTROL_CHANGE, 0, {95, 95}, NULL},
	    {CONTROL_CHANGE, 0, {96, 0}, "root has no place left"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *why = admission_refusal(rows[i].right, rows[i].uid, &rows[i].now);

		if (!rows[i].why != !why || (why && !strstr(why, rows[i].why)))
			fail_msg("row %zu: %s", i, why ? why : "it comes");
	}
}

static void
idle(void **state)
{
	(void)state;
	assert_true(admission_may_end(CONTROL_READ, false, ADMISSION_IDLE_MS));
	assert_false(admission_may_end(CONTROL_READ, false, ADMISSION_IDLE_MS - 1));
	assert_false(admission_may_end(CONTROL_READ, true, INT64_MAX));
	assert_false(admission_may_end(CONTROL_CHANGE, false, INT64_MAX));
}

/* ---- a socket ---- */

struct world {
	sd_event *loop;
	struct control *control;
	struct sockaddr_un address;
	socklen_t len;
};

static void
request(struct client *c, const json_t *o, void *arg)
{
	(void)o;
	(void)arg;
	client_send(c, client_answer(true));
}

static void
drained(struct client *c, void *arg)
{
	(void)c;
	(void)arg;
}

static int
setup(void **state)
{
	static const struct control_handlers handlers = {.request = request, .drained = drained};
	struct world *w = calloc(1, sizeof *w);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct err err;

	assert_non_null(w);
	w->address.sun_family = AF_UNIX;
	w->len = sizeof w->address;
	assert_int_equal(bind(fd, (struct sockaddr *)&w->address, sizeof(sa_family_t)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&w->address, &w->len), 0);
	assert_int_equal(listen(fd, 256), 0);
	assert_true(sd_event_new(&w->loop) >= 0);
	assert_int_equal(control_new(w->loop, NULL, fd, &handlers, &w->control, &err), 0);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	control_free(w->control);
	(void)sd_event_unref(w->loop);
	free(w);
	return 0;
}

/* Everything there is to do, without waiting. How often the loop turned. */
static unsigned
turn(struct world *w)
{
	unsigned n = 0;

	while (n < 1000 && sd_event_run(w->loop, 0) > 0)
		n++;
	return n;
}

static int
connect_to(const struct world *w)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&w->address, w->len), 0);
	return fd;
}

/* Asks, and gives what is answered. */
static const char *
ask(struct world *w, int fd)
{
	static char text[512];
	ssize_t n;

	(void)send(fd, "{}\n", 3, MSG_NOSIGNAL);
	(void)turn(w);
	n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* Root is answered, whatever root itself has open, up to its bound. */
static void
root_has_its_places(void **state)
{
	struct world *w = *state;
	int fds[ADMISSION_ROOT + 4];

	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = connect_to(w);
		(void)turn(w);
	}
	assert_non_null(strstr(ask(w, fds[ADMISSION_ROOT - 1]), "\"ok\":true"));
	assert_non_null(strstr(ask(w, fds[ADMISSION_ROOT]), "root has no place left"));
	(void)close(fds[0]);
	(void)turn(w);
	fds[0] = connect_to(w);
	assert_non_null(strstr(ask(w, fds[0]), "\"ok\":true"));
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		(void)close(fds[i]);
	(void)turn(w);
}

/* Who has no right takes no place. */
static void
strangers_take_no_place(void **state)
{
	struct world *w = *state;
	int ends[2], status = 0, root;
	pid_t pid;
	char c;

	if (geteuid() != 0)
		skip();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	pid = fork();
	if (pid == 0) {
		gid_t none = 65534;

		(void)close(ends[0]);

		if (setgroups(1, &none) < 0 || setgid(65534) < 0 || setuid(65534) < 0)
			_exit(1);
		for (int i = 0; i < 200; i++)
			(void)connect_to(w);
		(void)!write(ends[1], "x", 1);
		(void)!read(ends[1], &c, 1);
		_exit(0);
	}
	assert_int_equal(read(ends[0], &c, 1), 1);
	(void)turn(w);
	root = connect_to(w);
	assert_non_null(strstr(ask(w, root), "\"ok\":true"));
	(void)close(root);
	(void)close(ends[0]);
	(void)close(ends[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Without a descriptor: root gets the one that is kept; the next one waits, and the loop rests. */
static void
no_descriptors(void **state)
{
	struct world *w = *state;
	int clients[3], last = dup(0);
	struct rlimit limit, tight;

	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		clients[i] = connect_to(w);
	(void)close(last);
	last = clients[ARRAY_SIZE(clients) - 1];
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	/* All below the limit are in use. */
	while ((last = dup(0)) >= 0 && last < 200)
		;
	assert_int_equal(last, 200);
	(void)close(last);
	tight = (struct rlimit){200, limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	assert_in_range(turn(w), 1, 20);
	assert_non_null(strstr(ask(w, clients[0]), "\"ok\":true"));
	assert_string_equal(ask(w, clients[1]), "");
	assert_in_range(turn(w), 0, 20);
	/* As soon as there are some again. */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (int i = 0; i < 50 && !*ask(w, clients[1]); i++)
		(void)sd_event_run(w->loop, 100000);
	assert_non_null(strstr(ask(w, clients[1]), "\"ok\":true"));
	for (int fd = 100; fd < 200; fd++)
		if (fd != clients[0] && fd != clients[1] && fd != clients[2])
			(void)close(fd);
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		(void)close(clients[i]);
	(void)turn(w);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(places),
	    cmocka_unit_test(idle),
	    TEST(root_has_its_places),
	    TEST(strangers_take_no_place),
	    TEST(no_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
