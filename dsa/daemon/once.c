/* SPDX-License-Identifier: MIT */
#include "dsa/daemon/once.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "dsa/base/clock.h"
#include "dsa/base/log.h"
#include "dsa/daemon/lines.h"
#include "dsa/daemon/open_map.h"
#include "dsa/daemon/progress.h"
#include "dsa/jobs/retention.h"
#include "dsa/jobs/sync.h"
#include "dsa/ldap/ldap.h"
#include "dsa/run/memory.h"

struct once {
	const struct conf *conf;
	const struct conf_link *link;
	struct shared_feeds *feeds;
	int64_t began_us; /* the run over all links */
	bool full, plan;
	struct progress progress;
	struct lines *lines;
	struct run run;
	pthread_t signals;
	bool watching;
};

static void
show_progress(enum run_phase phase, uint64_t done, uint64_t total, void *arg)
{
	struct once *o = arg;

	progress_update(&o->progress, phase, done, total);
}

/* What the map knows already, and a delta happened to look at. */
static bool
is_known(const struct run_event *e)
{
	return e->kind == RUN_CONFLICT && e->again && e->delta;
}

/* People at a terminal read what the run finds; the journal gets the daemon's lines. */
static void
show_event(const struct run_event *e, void *arg)
{
	struct once *o = arg;
	bool quiet = e->kind == RUN_CONNECTED || e->kind == RUN_BEGUN || e->kind == RUN_CHANGED ||
		     e->kind == RUN_ACCEPTED || e->kind == RUN_RESOLVED || is_known(e);

	progress_clear(&o->progress);
	if (log_to_journal())
		lines_event(e, o->lines);
	else
		log_event(
		    quiet ? LOG_DEBUG : e->level, LOG_ID_NONE, NULL, "%s: %s", e->dn, e->text);
}

/* A signal ends the run soon and cleanly: what is under way is finished or told as unknown, and
 * the journal knows it. */
static void *
wait_for_signal(void *arg)
{
	struct once *o = arg;
	sigset_t set;
	int sig = 0;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGUSR2); /* our own: the run has ended */
	while (sigwait(&set, &sig) == 0 && sig != SIGUSR2)
		for (int side = SOURCE; side < SIDES; side++)
			o->run.dir[side]->ops->cancel(o->run.dir[side]);
	return NULL;
}

static void
watch_signals(struct once *o)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGUSR2);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	o->watching = pthread_create(&o->signals, NULL, wait_for_signal, o) == 0;
}

static void
unwatch_signals(struct once *o)
{
	if (!o->watching)
		return;
	(void)pthread_kill(o->signals, SIGUSR2);
	(void)pthread_join(o->signals, NULL);
	o->watching = false;
}

/* The plan is one valid LDIF file: its summary is comments. */
static void
print_plan_summary(const struct conf_link *link, const struct cycle_result *r)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return;
	cycle_print_summary(link, r, true, f);
	(void)fclose(f);
	for (char *line = text, *end; *line; line = end) {
		end = line + strcspn(line, "\n");
		(void)printf("# %.*s\n", (int)(end - line), line);
		end += *end == '\n';
	}
	free(text);
}

static enum exit_status
status_of(const struct cycle_result *r)
{
	if (r->failed)
		return STATUS_FAILED;
	return r->held || r->conflicts || r->problems ? STATUS_HELD : STATUS_DONE;
}

static void
trim_journal(struct once *o)
{
	size_t removed = 0;
	struct err err;
	int rc = retention_run(o->run.store, o->conf, clock_realtime_s(), 0, &removed, &err);

	lines_trimmed(o->lines, removed, rc < 0 ? &err : NULL);
}

static void
tell_result(struct once *o, const struct conf_link *flow, const struct cycle_result *r)
{
	if (o->plan)
		print_plan_summary(flow, r);
	else
		cycle_print_summary(flow, r, false, stdout);
	if (log_to_journal() && !o->plan)
		lines_succeeded(o->lines, r);
}

static enum exit_status
run_cycle(struct once *o, struct err *err)
{
	const struct run_observer observer = {.event = show_event,
	    .progress = show_progress,
	    .arg = o,
	    .decisions = log_wants(LOG_DEBUG)};
	const struct cycle_options opt = {
	    .plan_only = o->plan, .plan_to = o->plan ? stdout : NULL, .told_since_us = o->began_us};
	struct cycle_result result[SIDES];
	enum exit_status status, back;
	int rc;

	o->run.observer = &observer;
	watch_signals(o);
	rc = sync_link(&o->run, o->full || !o->run.store, &opt, result, err);
	unwatch_signals(o);
	progress_clear(&o->progress);
	/* A map that is full has no other remedy. */
	if (!o->plan && (rc == 0 || err->src == ERR_LMDB))
		trim_journal(o);
	if (rc < 0)
		return STATUS_FAILED;
	tell_result(o, o->link, &result[SOURCE]);
	if (o->link->back)
		tell_result(o, o->link->back, &result[TARGET]);
	status = status_of(&result[SOURCE]);
	back = status_of(&result[TARGET]);
	/* A failure outweighs what is held. */
	return status == STATUS_FAILED || back == STATUS_DONE ? status : back;
}

/* A plan needs no map: without one, every match is looked for afresh. */
static int
open_map(const struct once *o, struct store **ret, struct err *err)
{
	*ret = NULL;
	if (!o->plan)
		return open_map_to_write(o->conf, ret, err);
	if (store_open(o->conf->state_directory, STORE_READ, 0, ret, err) == 0)
		return 0;
	return err->src == ERR_SYS && err->code == ENOENT ? 0 : -1;
}

static enum exit_status
run_link(struct once *o, struct err *err)
{
	_cleanup_(store_close) struct store *store = NULL;
	_cleanup_(dir_free) struct dir *source = NULL, *target = NULL;
	_cleanup_(lines_free) struct lines *lines = NULL;
	struct dir_memory memory;

	if (lines_new(o->link->name, 0, &lines, err) < 0 || open_map(o, &store, err) < 0 ||
	    ldap_dir_new(&o->link->source->dir, o->plan, &source, err) < 0 ||
	    ldap_dir_new(&o->link->target->dir, o->plan, &target, err) < 0)
		return STATUS_FAILED;
	memory = run_memory(store, o->plan);
	if (store)
		source->memory = target->memory = &memory;
	o->lines = lines;
	lines_begin(lines, o->plan);
	o->run = (struct run){.link = o->link,
	    .dir = {source, target},
	    .feed = {shared_feeds_of(o->feeds, o->link->source),
		shared_feeds_of(o->feeds, o->link->target)},
	    .store = store,
	    .work_dir = o->conf->state_directory,
	    .map_size_mb = o->conf->map_size_mb};
	if (!store)
		o->run.work_dir = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
	return run_cycle(o, err);
}

bool
once_has_link(const struct conf *conf, const char *link)
{
	if (!link || conf_find_link(conf, link))
		return true;
	(void)fprintf(stderr, "galsyncd: no link named '%s' in the configuration; it has:", link);
	for (size_t i = 0; i < conf->n_links; i++)
		(void)fprintf(stderr, " %s", conf->links[i].name);
	(void)fputc('\n', stderr);
	return false;
}

enum exit_status
once_run(const struct conf *conf, const char *link, bool full, bool plan)
{
	_cleanup_(shared_feeds_free) struct shared_feeds *feeds = NULL;
	enum exit_status worst = STATUS_DONE;
	int64_t began_us = clock_monotonic_us();
	struct err err = {.text = ""};

	if (!once_has_link(conf, link))
		return STATUS_USAGE;
	if (shared_feeds_new(conf, &feeds, &err) < 0) {
		(void)fprintf(stderr, "galsyncd: %s; nothing was done\n", err.text);
		return STATUS_FAILED;
	}
	for (size_t i = 0; i < conf->n_links; i++) {
		struct once o = {.conf = conf,
		    .link = &conf->links[i],
		    .feeds = feeds,
		    .began_us = began_us,
		    .full = full,
		    .plan = plan};
		enum exit_status status;

		err = (struct err){.text = ""};
		if (link && strcmp(link, o.link->name) != 0)
			continue;
		progress_init(&o.progress);
		status = run_link(&o, &err);
		if (status == STATUS_FAILED && *err.text) {
			struct log_fields fields = {.link = o.link->name, .err = &err};

			log_event(LOG_ERR, lines_id_of(&err), &fields, "link %s: %s", o.link->name,
			    err.text);
		}
		/* A failure outweighs a conflict. */
		if (worst != STATUS_FAILED && status != STATUS_DONE)
			worst = status;
	}
	return worst;
}
