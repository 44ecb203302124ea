/* SPDX-License-Identifier: MIT */
/* The verb watch: a line for each link, whenever something has changed; on a terminal in the same
 * place, with a bar. Rates are those since the phase began, as far as it was seen here. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dsa/base/clock.h"
#include "dsa/base/output.h"
#include "dsa/base/str.h"
#include "dsa/ctl/client.h"
#include "dsa/ctl/ctl.h"

#define BAR 30
#define PACES 64
#define FIRST_RATE_MS 500

/* When a link's phase was first seen, and how far it was then. */
struct pace {
	char phase[16];
	long long done;
	int64_t at_ms;
};

struct view {
	bool terminal;
	size_t drawn;	 /* lines that are on the terminal */
	char last[4096]; /* what they say */
	struct pace pace[PACES];
};

/* Objects a second, 0 if that is not known yet. */
static double
rate_of(struct pace *p, const char *phase, long long done)
{
	int64_t now = clock_monotonic_ms();

	if (strcmp(p->phase, phase) != 0 || done < p->done) {
		(void)snprintf(p->phase, sizeof p->phase, "%s", phase);
		p->done = done;
		p->at_ms = now;
	}
	return now - p->at_ms < FIRST_RATE_MS
		   ? 0
		   : (double)(done - p->done) * 1000 / (double)(now - p->at_ms);
}

static void
add_progress(struct buf *b, const struct view *v, struct pace *p, const json_t *l)
{
	long long done = number_of(l, "done"), total = number_of(l, "total");
	double rate = rate_of(p, text_of(l, "phase"), done);

	buf_printf(b, " %s ", text_of(l, "phase"));
	if (v->terminal && total > 0) {
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
		    b, ": %s; next attempt %s", text_of(l, "error"), text_of(l, "next_attempt"));
	else if (json_is_object(last))
		buf_printf(b, ", last %s cycle %s: %lld changes, %lld conflicts",
		    text_of(last, "kind"), text_of(l, "finished"), number_of(last, "changes"),
		    number_of(last, "conflicts"));
	buf_add_char(b, '\n');
}

/* The lines of TEXT; on a terminal in the place of those before. */
static void
draw(const struct view *v, const char *text)
{
	char up[32];

	(void)snprintf(up, sizeof up, "\033[%zuA\r", v->drawn);
	if (v->drawn)
		output_command(stdout, up);
	for (const char *end; *text; text = end) {
		end = text + strcspn(text, "\n");
		(void)fwrite(text, 1, (size_t)(end - text), stdout);
		if (v->terminal)
			output_command(stdout, "\033[K");
		(void)putchar('\n');
		end += *end == '\n';
	}
	(void)fflush(stdout);
}

static void
show(struct view *v, const json_t *links)
{
	_cleanup_(buf_done) struct buf b = {0};
	static struct pace others; /* of more links than fit a screen */

	for (size_t i = 0; i < json_array_size(links); i++)
		add_link(&b, v, i < PACES ? &v->pace[i] : &others, json_array_get(links, i));
	/* Lines only for what is new. */
	if (b.failed || !b.len || strncmp((const char *)b.data, v->last, sizeof v->last - 1) == 0)
		return;
	draw(v, (const char *)b.data);
	v->drawn = v->terminal ? json_array_size(links) : 0;
	(void)snprintf(v->last, sizeof v->last, "%s", (const char *)b.data);
}

enum ctl_status
ctl_verb_watch(struct ctl *c, int argc, char **argv)
{
	_cleanup_(client_close) struct client *client = NULL;
	struct view v = {.terminal = isatty(STDOUT_FILENO)};
	struct err err;

	(void)argv;
	if (argc > 1)
		return ctl_usage("watch takes no argument");
	if (client_connect(c->socket, &client, &err) < 0)
		return ctl_unreachable(&err);
	if (client_ask(client, ctl_request("watch", NULL), &err) < 0)
		return ctl_fail(&err);
	for (;;) {
		_cleanup_(json_release) json_t *o = NULL;

		if (client_next(client, &o, &err) < 0)
			return ctl_fail(&err);
		if (json_object_get(o, "error")) {
			(void)fprintf(stderr, "galsyncctl: %s\n", text_of(o, "error"));
			return CTL_FAILED;
		}
		if (!c->json)
			show(&v, json_object_get(o, "links"));
		else if (ctl_print_json(json_incref(o)) != CTL_DONE || fflush(stdout) != 0)
			return CTL_FAILED;
	}
}
