/* SPDX-License-Identifier: MIT */
#include "dsa/daemon/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dsa/base/clock.h"
#include "dsa/base/output.h"

#define BAR 30
#define REDRAW_MS 100

void
progress_init(struct progress *p)
{
	const char *term = getenv("TERM");

	*p = (struct progress){
	    .terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0};
}

void
progress_clear(struct progress *p)
{
	if (p->drawn)
		output_command(stderr, "\r\033[K");
	p->drawn = false;
}

static void
draw(struct progress *p, uint64_t done, uint64_t total, int64_t now)
{
	double rate = pace_rate(&p->pace, run_phase_name(p->phase), (long long)done, now);
	uint64_t filled = total ? done * BAR / total : 0;
	char bar[BAR + 1], line[BAR + 128], left[PACE_TEXT_SIZE];
	int n;

	if (filled > BAR)
		filled = BAR;
	memset(bar, ' ', BAR);
	memset(bar, '#', filled);
	bar[BAR] = '\0';
	if (total)
		n = snprintf(line, sizeof line, "%-8s [%s] %llu/%llu", run_phase_name(p->phase),
		    bar, (unsigned long long)done, (unsigned long long)total);
	else
		n = snprintf(line, sizeof line, "%-8s %llu", run_phase_name(p->phase),
		    (unsigned long long)done);
	pace_text(pace_left_s(&p->pace, (long long)done, (long long)total, now), left);
	if (rate > 0 && n > 0)
		(void)snprintf(line + n, sizeof line - (size_t)n, "  %.0f/s%s%s", rate,
		    *left ? ", " : "", left);
	output_command(stderr, "\r\033[K");
	output_line(stderr, line);
	p->drawn = true;
	p->drawn_ms = now;
}

void
progress_update(struct progress *p, enum run_phase phase, uint64_t done, uint64_t total)
{
	int64_t now = clock_monotonic_ms();

	if (!p->terminal)
		return;
	if (!p->started || phase != p->phase) {
		progress_clear(p);
		p->started = true;
		p->phase = phase;
		p->drawn_ms = 0;
	}
	if (now - p->drawn_ms >= REDRAW_MS)
		draw(p, done, total, now);
}
