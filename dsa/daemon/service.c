/* SPDX-License-Identifier: MIT */
#include "dsa/daemon/service.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "dsa/base/clock.h"
#include "dsa/base/log.h"
#include "dsa/base/str.h"
#include "dsa/daemon/hook.h"
#include "dsa/daemon/lines.h"
#include "dsa/daemon/once.h"
#include "dsa/daemon/open_map.h"
#include "dsa/daemon/verbs.h"
#include "dsa/daemon/verbs_wait.h"

/* A worker that did not get on for so long hangs: more than the longest time-out of a request. */
#define HANG_MS 300000

static inline void
event_unrefp(sd_event **e)
{
	(void)sd_event_unref(*e);
}

struct service {
	const char *file, *socket;
	struct conf *conf;
	struct store *store;
	struct shared_feeds *feeds; /* of CONF, for the workers */
	struct hook *hook;
	sd_event *event;
	int notify_fd;
	uint64_t watchdog_us;
	struct verbs verbs;
};

/* ---- what systemd is told ---- */

/* How much of a text is told: whole characters, because systemd drops what is no UTF-8 altogether.
 */
static int
fit(const char *text)
{
	return (int)utf8_prefix_utf16(bytes_of(text), 200);
}

/* What is refused comes first: it is what an operator has to see to. */
static size_t
put_configuration(const struct view_configuration *c, char *text, size_t size)
{
	char since[CLOCK_TEXT_SIZE];
	int n;

	text[0] = '\0';
	if (c->state != CONFIGURATION_REFUSED)
		return 0;
	clock_format_local(c->refused_at, since);
	n = snprintf(
	    text, size, "configuration refused since %s: %.*s; ", since, fit(c->error), c->error);
	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

static void
tell_status(struct service *s)
{
	char text[1024];
	size_t used = put_configuration(&s->verbs.configuration, text, sizeof text);

	for (size_t i = 0; i < s->verbs.n_workers && used < sizeof text - 1; i++) {
		struct worker *w = s->verbs.workers[i];
		struct worker_state st;
		char when[CLOCK_TEXT_SIZE] = "never";
		int n;

		worker_get_state(w, &st);
		if (st.finished_at)
			clock_format_local(st.finished_at, when);
		n = snprintf(text + used, sizeof text - used, "%s%s: %s%s%.*s, last cycle %s",
		    i ? "; " : "", worker_link(w)->name, worker_phase_name(st.phase),
		    st.failing ? ": " : "", fit(st.error), st.error, when);
		used += n > 0 ? (size_t)n : 0;
	}
	for (size_t len = strlen(text); len && !utf8_valid((struct bytes){text, len}); len--)
		text[len - 1] = '\0';
	(void)sd_notifyf(0, "STATUS=%s", text);
}

static int
on_workers(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct service *s = arg;
	eventfd_t ignored;

	(void)source;
	(void)events;
	(void)eventfd_read(fd, &ignored);
	tell_status(s);
	hook_wake(s->hook);
	verbs_changed(&s->verbs);
	return 0;
}

static int
on_watchdog(sd_event_source *source, uint64_t usec, void *arg)
{
	struct service *s = arg;
	int64_t now = clock_monotonic_ms();
	bool all = true;

	for (size_t i = 0; i < s->verbs.n_workers; i++) {
		struct worker_state st;

		worker_get_state(s->verbs.workers[i], &st);
		if (now - st.beat_ms < HANG_MS)
			continue;
		all = false;
		log_event(LOG_ERR, LOG_ID_NONE, NULL,
		    "link %s: hangs since %lld s: the watchdog will end the daemon",
		    worker_link(s->verbs.workers[i])->name, (long long)(now - st.beat_ms) / 1000);
	}
	if (all)
		(void)sd_notify(0, "WATCHDOG=1");
	(void)sd_event_source_set_time(source, usec + s->watchdog_us / 2);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* ---- workers ---- */

static void
stop_workers(struct service *s)
{
	for (size_t i = 0; i < s->verbs.n_workers; i++)
		worker_stop(s->verbs.workers[i]);
	free(s->verbs.workers);
	s->verbs.workers = NULL;
	s->verbs.n_workers = 0;
	shared_feeds_free(s->feeds);
	s->feeds = NULL;
}

static int
start_workers(struct service *s, struct err *err)
{
	struct worker_shares shares;

	s->verbs.state_directory = s->conf->state_directory; /* the old one's is freed */
	s->verbs.workers = calloc(s->conf->n_links + 1, sizeof *s->verbs.workers);
	if (!s->verbs.workers)
		return err_nomem(err);
	if (shared_feeds_new(s->conf, &s->feeds, err) < 0)
		return -1;
	shares = (struct worker_shares){s->conf, s->store, s->feeds, s->notify_fd};
	for (size_t i = 0; i < s->conf->n_links; i++) {
		if (worker_start(&shares, &s->conf->links[i], &s->verbs.workers[i], err) < 0)
			return -1;
		s->verbs.n_workers++;
	}
	return 0;
}

/* ---- reload ---- */

/* The old one stays in effect, and status says so until a reload succeeds. */
static void
refuse_configuration(struct service *s, char *const *lines, size_t n)
{
	struct view_configuration *c = &s->verbs.configuration;

	for (size_t i = 0; i < n; i++)
		log_event(LOG_ERR, LOG_ID_CONFIG_BAD, NULL, "%s", lines[i]);
	log_event(LOG_ERR, LOG_ID_CONFIG_BAD, NULL,
	    "the configuration was not reloaded: the old one stays in effect");
	if (c->state != CONFIGURATION_REFUSED)
		c->refused_at = clock_realtime_s();
	c->state = CONFIGURATION_REFUSED;
	view_configuration_note(c, lines, n);
}

static void
accept_configuration(struct service *s)
{
	s->verbs.configuration = (struct view_configuration){
	    .file = s->file, .state = CONFIGURATION_IN_EFFECT, .loaded_at = clock_realtime_s()};
}

static struct conf *
load_again(struct service *s)
{
	_cleanup_(conf_errors_done) struct conf_errors errors = {0};
	_cleanup_(conf_free) struct conf *conf = NULL;

	if (conf_load(s->file, &conf, &errors) < 0) {
		refuse_configuration(s, errors.lines, errors.n);
		return NULL;
	}
	if (strcmp(conf->state_directory, s->conf->state_directory) != 0 ||
	    conf->map_size_mb != s->conf->map_size_mb) {
		char why[512], *lines[] = {why};

		(void)snprintf(why, sizeof why,
		    "%.400s: state_directory and map_size_mb take effect at a restart only",
		    s->file);
		refuse_configuration(s, lines, 1);
		return NULL;
	}
	return TAKE(conf);
}

static int
on_reload(sd_event_source *source, const struct signalfd_siginfo *si, void *arg)
{
	struct service *s = arg;
	struct timespec now = {0};
	struct conf *conf, *old = s->conf;
	struct err err;

	(void)source;
	(void)si;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	conf = load_again(s);
	if (conf) {
		stop_workers(s);
		s->conf = conf;
		if (hook_configure(s->hook, conf, &err) < 0 || start_workers(s, &err) < 0) {
			log_event(LOG_ERR, LOG_ID_CONFIG_BAD, NULL, "%s", err.text);
			return sd_event_exit(s->event, STATUS_FAILED);
		}
		conf_free(old);
		accept_configuration(s);
		log_event(LOG_NOTICE, LOG_ID_CONFIG_RELOADED, NULL, "%s: reloaded", s->file);
	}
	verbs_changed(&s->verbs);
	tell_status(s);
	(void)sd_notify(0, "READY=1");
	return 0;
}

static int
on_stop(sd_event_source *source, const struct signalfd_siginfo *si, void *arg)
{
	struct service *s = arg;

	(void)source;
	(void)si;
	return sd_event_exit(s->event, STATUS_DONE);
}

/* ---- life ---- */

static int
add_signals(struct service *s, struct err *err)
{
	static const int stops[] = {SIGTERM, SIGINT};
	sigset_t set;
	int rc = 0;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	/* liblber writes without MSG_NOSIGNAL. */
	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; rc >= 0 && i < ARRAY_SIZE(stops); i++)
		rc = sd_event_add_signal(s->event, NULL, stops[i], on_stop, s);
	if (rc >= 0)
		rc = sd_event_add_signal(s->event, NULL, SIGHUP, on_reload, s);
	return rc < 0 ? err_sys(err, -rc, "signals") : 0;
}

static int
add_watchdog(struct service *s, struct err *err)
{
	uint64_t now;
	int rc;

	if (sd_watchdog_enabled(0, &s->watchdog_us) <= 0)
		return 0;
	rc = sd_event_now(s->event, CLOCK_MONOTONIC, &now);
	if (rc >= 0)
		rc = sd_event_add_time(
		    s->event, NULL, CLOCK_MONOTONIC, now + s->watchdog_us / 2, 0, on_watchdog, s);
	return rc < 0 ? err_sys(err, -rc, "watchdog") : 0;
}

static int
set_up(struct service *s, struct err *err)
{
	const struct control_handlers handlers = {
	    .request = verbs_request, .drained = verbs_drained, .arg = &s->verbs};
	int rc, fd = sd_listen_fds(1) >= 1 ? SD_LISTEN_FDS_START : -1;

	rc = sd_event_new(&s->event);
	if (rc < 0)
		return err_sys(err, -rc, "event loop");
	s->notify_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->notify_fd < 0)
		return err_sys(err, errno, "eventfd");
	rc = sd_event_add_io(s->event, NULL, s->notify_fd, EPOLLIN, on_workers, s);
	if (rc < 0)
		return err_sys(err, -rc, "event loop");
	if (add_signals(s, err) < 0 || add_watchdog(s, err) < 0 ||
	    open_map_to_write(s->conf, &s->store, err) < 0 ||
	    hook_start(s->store, NULL, &s->hook, err) < 0 ||
	    hook_configure(s->hook, s->conf, err) < 0)
		return -1;
	s->verbs.store = s->store;
	s->verbs.started_at = clock_realtime_s();
	accept_configuration(s);
	if (control_new(s->event, s->socket, fd, &handlers, &s->verbs.control, err) < 0)
		return -1;
	return start_workers(s, err);
}

int
service_run(const char *file, struct conf *conf, const char *socket)
{
	struct service s = {.file = file, .socket = socket, .conf = conf, .notify_fd = -1};
	struct err err;
	int status = STATUS_FAILED;

	if (set_up(&s, &err) < 0) {
		enum log_id id = lines_id_of(&err);
		const struct log_fields fields = {.err = &err};

		log_event(LOG_ERR, id == LOG_ID_CONFIG_BAD || id == LOG_ID_STORE ? id : LOG_ID_NONE,
		    &fields, "galsyncd: %s", err.text);
	} else {
		log_event(LOG_NOTICE, LOG_ID_STARTED, NULL,
		    "galsyncd " GALSYNC_VERSION " started: %zu link%s", s.conf->n_links,
		    s.conf->n_links == 1 ? "" : "s");
		(void)sd_notify(0, "READY=1");
		status = sd_event_loop(s.event);
		(void)sd_notify(0, "STOPPING=1");
		status = status < 0 ? STATUS_FAILED : status;
	}
	control_free(s.verbs.control);
	stop_workers(&s);
	hook_stop(s.hook);
	store_close(s.store);
	event_unrefp(&s.event);
	closep(&s.notify_fd);
	if (status == STATUS_DONE)
		log_event(LOG_NOTICE, LOG_ID_STOPPED, NULL, "galsyncd stopped");
	conf_free(s.conf);
	return status;
}
