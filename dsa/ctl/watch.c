/* SPDX-License-Identifier: MIT */
/* The verb watch: a line for each link, whenever something has changed; on a terminal in the same
 * place, with a bar. Rates are those since the phase began, as far as it was seen here.
 *
 * It outlives the daemon, but must not start one: to connect to a socket of systemd's would. A
 * daemon that begins to listen makes its socket or touches it (control.h), so a socket that is as
 * it was is not connected to. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dsa/base/clock.h"
#include "dsa/base/output.h"
#include "dsa/base/pace.h"
#include "dsa/base/str.h"
#include "dsa/ctl/client.h"
#include "dsa/ctl/ctl.h"
#include "dsa/view/view_configuration.h"

#define BAR 30
#define BAR_FITS 60 /* columns, beside what else is on the line */
#define PACES 64
#define LOOK_MS 200 /* for a daemon that comes back */

struct view {
	bool terminal;
	struct output_size size; /* of the terminal, as it was drawn on */
	size_t drawn;		 /* lines that are on it */
	struct buf last;	 /* what they say */
	struct pace pace[PACES];
	bool told;     /* a daemon told something */
	json_t *event; /* what it told last */
	int resized;   /* readable when the terminal has another size; -1: nobody says */
};

static void
view_done(struct view *v)
{
	buf_done(&v->last);
	json_decref(v->event);
	closep(&v->resized);
}

static inline void
view_donep(struct view *v)
{
	view_done(v);
}

static void
add_progress(struct buf *b, const struct view *v, struct pace *p, const json_t *l)
{
	long long done = number_of(l, "done"), total = number_of(l, "total");
	int64_t now_ms = clock_monotonic_ms();
	double rate = pace_rate(p, text_of(l, "phase"), done, now_ms);
	char left[PACE_TEXT_SIZE];

	buf_printf(b, " %s ", text_of(l, "phase"));
	if (v->terminal && v->size.columns >= BAR_FITS && total > 0) {
		buf_add_char(b, '[');
		for (long long i = 0; i < BAR; i++)
			buf_add_char(b, i < done * BAR / total ? '#' : ' ');
		buf_add_str(b, "] ");
	}
	buf_printf(b, "%lld", done);
	if (total > 0)
		buf_printf(b, "/%lld", total);
	if (rate > 0)
		buf_printf(b, ", %.0f/s", rate);
	pace_text(pace_left_s(p, done, total, now_ms), left);
	buf_printf(b, "%s%s", *left ? ", " : "", left);
}

static void
add_link(struct buf *b, const struct view *v, struct pace *p, const json_t *l)
{
	const json_t *last = json_object_get(l, "last");

	buf_printf(b, "%s: %s", text_of(l, "link"), text_of(l, "state"));
	if (json_object_get(l, "phase"))
		add_progress(b, v, p, l);
	else if (json_is_true(json_object_get(l, "failing")))
		buf_printf(
		    b, ": %s; next attempt %s", text_of(l, "error"), time_of(l, "next_attempt"));
	else if (json_is_object(last))
		buf_printf(b, ", last %s cycle %s: %lld changes, %lld conflicts",
		    text_of(last, "kind"), time_of(l, "finished"), number_of(last, "changes"),
		    number_of(last, "conflicts"));
	buf_add_char(b, '\n');
}

static void
add_configuration(struct buf *b, const json_t *o)
{
	const char *refused = configuration_state_name(CONFIGURATION_REFUSED);

	if (strcmp(text_of(o, "state"), refused) == 0)
		buf_printf(b, "configuration: %s since %s: %s\n", refused,
		    time_of(o, "refused_since"), text_of(o, "error"));
}

/* ---- drawing ---- */

/* In a terminal of another size the lines stand anywhere: they are drawn anew. */
static void
measure(struct view *v)
{
	struct output_size now = output_size_of(stdout);

	if (now.columns != v->size.columns || now.rows != v->size.rows) {
		v->drawn = 0;
		buf_reset(&v->last);
	}
	v->size = now;
}

/* To where the lines begin. */
static void
go_up(const struct view *v)
{
	char up[48];

	(void)snprintf(up, sizeof up, "\033[%zuA", v->drawn);
	output_command(stdout, v->drawn ? up : "");
	output_command(stdout, "\r\033[J");
}

static void
draw_line(struct view *v, const char *line)
{
	size_t columns = v->size.columns > 1 ? v->size.columns - 1 : 1;

	(void)printf("%.*s\n", (int)output_fit(line, columns), line);
	v->drawn++;
}

/* The N lines of TEXT, none longer than the terminal is wide, and not more than it has rows, below
 * which the cursor stays. */
static void
draw(struct view *v, const char *text, size_t n)
{
	size_t room = v->size.rows > 2 ? v->size.rows - 1 : 1, rest = n > room ? n - room + 1 : 0;
	char more[48];

	v->drawn = 0;
	for (size_t i = 0; i < n - rest; i++) {
		size_t len = strcspn(text, "\n");
		_cleanup_(free) char *line = strndup(text, len);

		draw_line(v, line ? line : "");
		text += len + 1;
	}
	(void)snprintf(more, sizeof more, "... and %zu more", rest);
	if (rest)
		draw_line(v, more);
}

static size_t
count_lines(const struct buf *text)
{
	size_t n = 0;

	for (size_t i = 0; i < text->len; i++)
		n += text->data[i] == '\n';
	return n;
}

/* TEXT, which is lines, unless it is there already. */
static void
show_text(struct view *v, struct buf *text)
{
	struct buf old = v->last;

	if (text->failed || !text->len ||
	    (old.len == text->len && memcmp(old.data, text->data, text->len) == 0))
		return;
	if (v->terminal) {
		go_up(v);
		draw(v, (const char *)text->data, count_lines(text));
	} else {
		(void)fwrite(text->data, 1, text->len, stdout);
	}
	(void)fflush(stdout);
	v->last = *text;
	*text = old;
}

static void
show(struct view *v, const json_t *event)
{
	const json_t *links = json_object_get(event, "links");
	_cleanup_(buf_done) struct buf b = {0};
	static struct pace others; /* of more links than fit a screen */

	if (v->terminal)
		measure(v);
	add_configuration(&b, json_object_get(event, "configuration"));
	for (size_t i = 0; i < json_array_size(links); i++)
		add_link(&b, v, i < PACES ? &v->pace[i] : &others, json_array_get(links, i));
	show_text(v, &b);
}

static void
show_absence(const struct ctl *c, struct view *v)
{
	static const char words[] = "galsyncd has ended: waiting until it runs again\n";
	_cleanup_(buf_done) struct buf b = {0};

	buf_add_str(&b, words);
	if (c->json)
		(void)fprintf(stderr, "galsyncctl: %s", words);
	else
		show_text(v, &b);
}

/* ---- the daemon ---- */

/* By what one daemon's socket is known from that of the next one. */
struct mark {
	ino_t inode;
	struct timespec at;
};

static struct mark
mark_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (struct mark){st.st_ino, st.st_mtim} : (struct mark){0};
}

static bool
is_new(const struct mark *now, const struct mark *old)
{
	return now->inode && (now->inode != old->inode || now->at.tv_sec != old->at.tv_sec ||
				 now->at.tv_nsec != old->at.tv_nsec);
}

/* NULL: nobody reads any more what is printed. */
static struct client *
wait_for_daemon(const struct ctl *c, struct mark *mark)
{
	struct pollfd reader = {.fd = STDOUT_FILENO};
	struct client *client = NULL;
	struct err ignored;

	while (
	    !(poll(&reader, 1, LOOK_MS) > 0 && reader.revents & (POLLERR | POLLHUP | POLLNVAL))) {
		struct mark now = mark_of(c->socket);

		if (!is_new(&now, mark) || client_connect(c->socket, &client, &ignored) < 0)
			continue;
		*mark = now;
		return client;
	}
	return NULL;
}

static enum ctl_status
take(const struct ctl *c, struct view *v, json_t *event)
{
	if (json_object_get(event, "error")) {
		(void)fprintf(stderr, "galsyncctl: %s\n", text_of(event, "error"));
		return CTL_FAILED;
	}
	if (!c->json)
		show(v, event);
	else if (ctl_print_json(json_incref(event)) != CTL_DONE || fflush(stdout) != 0)
		return CTL_FAILED;
	return ferror(stdout) ? CTL_FAILED : CTL_DONE;
}

/* A signal that comes as something to read. */
static int
open_resized(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGWINCH);
	return sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -1 : signalfd(-1, &set, SFD_CLOEXEC);
}

/* Until CLIENT has something to tell, what it told last fits the terminal. */
static void
fit_meanwhile(const struct ctl *c, struct view *v, struct client *client)
{
	struct signalfd_siginfo ignored;

	while (!client_poll(client, v->resized))
		if (read(v->resized, &ignored, sizeof ignored) > 0 && v->event && !c->json)
			show(v, v->event);
}

/* Shows what CLIENT tells until it ends. DONE: the daemon has ended, and may come back. */
static enum ctl_status
follow(const struct ctl *c, struct view *v, struct client *client, struct mark *mark)
{
	bool heard = false;
	struct err err;

	/* A daemon that refuses at once says why before it hangs up. */
	if (client_ask(client, ctl_request("watch", NULL), &err) < 0 && err.code != EPIPE &&
	    err.code != ECONNRESET)
		return ctl_fail(&err);
	for (;;) {
		_cleanup_(json_release) json_t *o = NULL;
		enum ctl_status status;

		fit_meanwhile(c, v, client);
		if (client_next(client, &o, &err) < 0)
			return err.src == ERR_SYS && v->told ? CTL_DONE : ctl_fail(&err);
		/* Only now it is known to listen: it may have been started by this. */
		if (!heard)
			*mark = mark_of(c->socket);
		heard = v->told = true;
		status = take(c, v, o);
		json_decref(v->event);
		v->event = json_incref(o);
		if (status != CTL_DONE)
			return status;
	}
}

enum ctl_status
ctl_verb_watch(struct ctl *c, int argc, char **argv)
{
	_cleanup_(client_close) struct client *client = NULL;
	_cleanup_(view_done) struct view v = {.terminal = isatty(STDOUT_FILENO), .resized = -1};
	struct mark mark = mark_of(c->socket);
	struct err err;

	(void)argv;
	if (argc > 1)
		return ctl_usage("watch takes no argument");
	if (client_connect(c->socket, &client, &err) < 0)
		return ctl_unreachable(&err);
	if (v.terminal)
		v.resized = open_resized();
	while (client) {
		enum ctl_status status = follow(c, &v, client, &mark);

		if (status != CTL_DONE)
			return status;
		show_absence(c, &v);
		client_close(TAKE(client));
		client = wait_for_daemon(c, &mark);
	}
	return CTL_FAILED;
}
