/* SPDX-License-Identifier: MIT */
#include "dsa/daemon/hook.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "dsa/base/clock.h"
#include "dsa/base/log.h"
#include "dsa/base/thread.h"
#include "dsa/daemon/hook_process.h"
#include "redirect/event_body.h"

#define LONGEST_SLEEP_MS 60000 /* the clock may have been set */
#define STORE_PAUSE_MS 30000   /* after the map could not be read or written */
#define FORGET_AT_ONCE 16

/* Which program is told of a link. */
struct program {
	char *link, *path;
	int timeout_s;
};

struct slot {
	struct hook_process *process; /* NULL: free */
	struct store_event event;
	char *link, *path;
	int timeout_s;
};

struct hook {
	struct store *store;
	const struct hook_limits *limits;
	int wake_fd;
	pthread_t thread;
	atomic_bool stop;

	pthread_mutex_t lock; /* for what follows */
	struct program *programs;
	size_t n_programs;

	/* The thread's own. */
	struct slot slots[HOOKS_AT_ONCE];
	bool look;		  /* there may be something to deliver */
	int64_t due_ms, quiet_ms; /* when there is; not before: of clock_monotonic_ms() */
};

/* ---- programs ---- */

static void
free_programs(struct program *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(p[i].link);
		free(p[i].path);
	}
	free(p);
}

int
hook_configure(struct hook *h, const struct conf *conf, struct err *err)
{
	struct program *p = calloc(conf->n_links + 1, sizeof *p), *old;
	size_t n = 0, n_old;
	bool ok = p != NULL;

	for (size_t i = 0; ok && i < conf->n_links; i++) {
		const struct conf_link *l = &conf->links[i];

		if (!l->hook)
			continue;
		p[n] = (struct program){strdup(l->name), strdup(l->hook), l->hook_timeout_s};
		ok = p[n].link && p[n].path;
		n++;
	}
	if (!ok) {
		free_programs(p, n);
		return err_nomem(err);
	}
	(void)pthread_mutex_lock(&h->lock);
	old = h->programs;
	n_old = h->n_programs;
	h->programs = p;
	h->n_programs = n;
	(void)pthread_mutex_unlock(&h->lock);
	free_programs(old, n_old);
	hook_wake(h);
	return 0;
}

/* A copy of the program of the flow named NAME, which is its link's; zeros if it has none. */
static void
find_program(struct hook *h, const char *name, struct program *ret)
{
	size_t len;

	*ret = (struct program){0};
	(void)store_is_return(name, &len);
	(void)pthread_mutex_lock(&h->lock);
	for (size_t i = 0; i < h->n_programs && !ret->link; i++)
		if (strlen(h->programs[i].link) == len &&
		    strncmp(h->programs[i].link, name, len) == 0)
			*ret = (struct program){strdup(h->programs[i].link),
			    strdup(h->programs[i].path), h->programs[i].timeout_s};
	(void)pthread_mutex_unlock(&h->lock);
	if (ret->link && ret->path)
		return;
	free(ret->link);
	free(ret->path);
	*ret = (struct program){0};
}

/* ---- what is said ---- */

static void
say(const struct slot *s, int level, const char *what, const char *words)
{
	char guid[GUID_TEXT_SIZE];
	const char *dn = s->event.dn;
	struct log_fields fields = {.link = s->link, .op = "hook", .dn = dn, .guid = guid};

	guid_format(&s->event.source, guid);
	log_event(level, level <= LOG_WARNING ? LOG_ID_HOOK_FAILED : LOG_ID_NONE, &fields,
	    "link %s: hook '%s' for '%s' of %s: %s%s%s", s->link, s->path,
	    event_kind_name(s->event.kind), dn && *dn ? dn : guid, what,
	    words && *words ? ": " : "", words ? words : "");
}

static void
store_failed(struct hook *h, const struct err *err)
{
	struct log_fields fields = {.err = err, .op = "hook"};

	log_event(LOG_WARNING, LOG_ID_STORE, &fields, "events for hooks: %s; tried again in %d s",
	    err->text, STORE_PAUSE_MS / 1000);
	h->look = true;
	h->quiet_ms = clock_monotonic_ms() + STORE_PAUSE_MS;
}

/* ---- the end of one ---- */

static int
write_event(struct hook *h, const struct store_event *e, bool delivered, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(h->store, STORE_WRITE, &t, err) < 0 ||
	    (delivered ? store_delete_event(t, e, err) : store_put_event(t, e, err)) < 0)
		return -1;
	return store_commit(TAKE(t), err);
}

static void
clear_slot(struct slot *s)
{
	hook_process_free(s->process);
	event_done(&s->event);
	free(s->link);
	free(s->path);
	*s = (struct slot){0};
}

static void
note_failure(struct hook *h, struct slot *s, const char *why, const char *words)
{
	struct store_event *e = &s->event;
	char what[256], error[512];
	int level = e->attempts ? LOG_INFO : LOG_WARNING;

	hook_rule_failed(h->limits, e, clock_realtime_s());
	if (e->given_up) {
		level = LOG_ERR;
		(void)snprintf(what, sizeof what,
		    "%s; given up after %u attempts: do by hand what it should have done", why,
		    e->attempts);
	} else {
		(void)snprintf(what, sizeof what, "%s; tried again in %lld s", why,
		    (long long)(e->next - clock_realtime_s()));
	}
	say(s, level, what, words);
	(void)snprintf(
	    error, sizeof error, "%s%s%s", why, words && *words ? ": " : "", words ? words : "");
	free(e->error);
	e->error = malloc(4 * sizeof error);
	if (e->error)
		err_escape(e->error, 4 * sizeof error, bytes_of(error));
}

/* FAILED: why it could not even be started, or NULL. */
static void
settle(struct hook *h, struct slot *s, const char *failed)
{
	_cleanup_(free) char *words = s->process ? hook_process_words(s->process) : NULL;
	char why[160] = "";
	bool ok = s->process && hook_process_result(s->process, why, sizeof why);
	struct err err;

	h->look = true;
	if (ok)
		say(s, words && *words ? LOG_INFO : LOG_DEBUG, "done", words);
	else if (!atomic_load(&h->stop))
		note_failure(h, s, failed ? failed : why, words);
	/* What was ended because the daemon stops is as if it had not begun. */
	if ((ok || !atomic_load(&h->stop)) && write_event(h, &s->event, ok, &err) < 0)
		store_failed(h, &err);
	clear_slot(s);
}

/* ---- the beginning ---- */

static struct slot *
free_slot(struct hook *h)
{
	for (size_t i = 0; i < HOOKS_AT_ONCE; i++)
		if (!h->slots[i].process && !h->slots[i].path)
			return &h->slots[i];
	return NULL;
}

static bool
is_running(const struct hook *h, uint64_t number)
{
	for (size_t i = 0; i < HOOKS_AT_ONCE; i++)
		if (h->slots[i].process && h->slots[i].event.number == number)
			return true;
	return false;
}

struct looking {
	struct hook *h;
	struct store_txn *t;
	struct hook_walk walk;
	uint32_t link; /* what PROGRAM belongs to */
	struct program program;
	struct slot *first[HOOKS_AT_ONCE]; /* taken, not yet started */
	size_t n;
	struct store_event forget[FORGET_AT_ONCE]; /* without their texts */
	size_t n_forget;
	int64_t next; /* the earliest that is to come, or 0 */
};

/* Makes the program of LINK known, if it has one. Events come link by link. */
static int
know_program(struct looking *l, uint32_t link, struct err *err)
{
	_cleanup_(free) char *name = NULL;

	if (l->link == link)
		return 0;
	free(l->program.link);
	free(l->program.path);
	l->program = (struct program){0};
	l->link = link;
	if (store_link_name(l->t, link, &name, err) < 0)
		return -1;
	if (name)
		find_program(l->h, name, &l->program);
	return 0;
}

static void
take(struct looking *l, struct store_event *e)
{
	struct slot *s = free_slot(l->h);

	if (!s)
		return;
	s->link = strdup(l->program.link);
	s->path = strdup(l->program.path);
	s->timeout_s = l->program.timeout_s;
	s->event = *e;
	s->event.dn = TAKE(e->dn);
	s->event.body = TAKE(e->body);
	s->event.error = TAKE(e->error);
	if (s->link && s->path)
		l->first[l->n++] = s;
	else
		clear_slot(s);
}

static int
look_at(struct store_event *e, void *arg, struct err *err)
{
	struct looking *l = arg;

	switch (hook_rule_next(&l->walk, e)) {
	case HOOK_FORGET:
		if (l->n_forget < FORGET_AT_ONCE) {
			l->forget[l->n_forget++] = (struct store_event){.number = e->number,
			    .link = e->link,
			    .source = e->source,
			    .damaged = e->damaged};
		}
		break;
	case HOOK_NOW:
		if (is_running(l->h, e->number))
			break;
		if (know_program(l, e->link, err) < 0)
			return -1;
		if (l->program.path)
			take(l, e);
		break;
	case HOOK_LATER:
		if (!l->next || e->next < l->next)
			l->next = e->next;
		break;
	case HOOK_NOTHING:
	default: break;
	}
	/* With all slots taken the end of one of them is waited for. */
	return !free_slot(l->h);
}

static void
forget(struct hook *h, const struct looking *l)
{
	for (size_t i = 0; i < l->n_forget; i++) {
		char guid[GUID_TEXT_SIZE];
		struct err err;

		guid_format(&l->forget[i].source, guid);
		if (l->forget[i].damaged)
			log_event(LOG_ERR, LOG_ID_HOOK_FAILED, NULL,
			    "an event of %s in the map is damaged: no hook is told of it", guid);
		if (write_event(h, &l->forget[i], true, &err) < 0) {
			store_failed(h, &err);
			return;
		}
	}
}

static void
begin(struct hook *h, struct slot *s)
{
	_cleanup_(free) char *line = event_body_complete(&s->event);
	struct hook_job job = {.path = s->path,
	    .event = event_kind_name(s->event.kind),
	    .input = line,
	    .timeout_ms = (int64_t)s->timeout_s * 1000,
	    .grace_ms = h->limits->grace_ms};
	struct err err;

	if (!line)
		settle(h, s, "its event cannot be made");
	else if (hook_process_start(&job, &s->process, &err) < 0)
		settle(h, s, err.text);
}

/* Begins what is due, as far as there are slots. The map is not held meanwhile. */
static void
look(struct hook *h)
{
	struct err err;
	struct looking l = {.h = h, .walk = {.limits = h->limits, .now = clock_realtime_s()}};
	int rc = store_begin(h->store, STORE_READ, &l.t, &err);

	h->look = false;
	h->due_ms = INT64_MAX;
	if (rc == 0)
		rc = store_each_event(l.t, 0, look_at, &l, &err);
	store_abort(l.t);
	if (rc < 0)
		store_failed(h, &err);
	else if (l.next)
		h->due_ms = clock_monotonic_ms() + (l.next - l.walk.now) * 1000;
	for (size_t i = 0; i < l.n; i++)
		begin(h, l.first[i]);
	free(l.program.link);
	free(l.program.path);
	forget(h, &l);
	h->look |= l.n_forget == FORGET_AT_ONCE;
}

/* ---- the thread ---- */

/* When there is something to do though no descriptor says so. */
static int64_t
next_ms(struct hook *h, int64_t now)
{
	int64_t until = now + LONGEST_SLEEP_MS, look_ms = h->look ? h->quiet_ms : h->due_ms;

	/* Without a slot the end of a hook is waited for, which a descriptor tells. */
	if (!atomic_load(&h->stop) && free_slot(h) && look_ms < until)
		until = look_ms;
	for (size_t i = 0; i < HOOKS_AT_ONCE; i++) {
		const struct hook_process *p = h->slots[i].process;

		if (p && hook_process_due(p) < until)
			until = hook_process_due(p);
	}
	return until;
}

static void
wait_for_something(struct hook *h)
{
	struct pollfd fds[1 + HOOKS_AT_ONCE * HOOK_PROCESS_FDS] = {
	    {.fd = h->wake_fd, .events = POLLIN}};
	int64_t now = clock_monotonic_ms(), until = next_ms(h, now);
	nfds_t n = 1;
	eventfd_t ignored;

	for (size_t i = 0; i < HOOKS_AT_ONCE; i++) {
		if (!h->slots[i].process)
			continue;
		hook_process_fds(h->slots[i].process, fds + n);
		n += HOOK_PROCESS_FDS;
	}
	(void)poll(fds, n, until > now ? (int)(until - now) : 0);
	if (fds[0].revents && eventfd_read(h->wake_fd, &ignored) == 0)
		h->look = true;
}

static bool
step_all(struct hook *h)
{
	bool busy = false;

	for (size_t i = 0; i < HOOKS_AT_ONCE; i++) {
		struct slot *s = &h->slots[i];

		if (s->process && hook_process_step(s->process))
			settle(h, s, NULL);
		busy |= s->process != NULL;
	}
	return busy;
}

static void *
work(void *arg)
{
	struct hook *h = arg;
	int64_t last;

	while (!atomic_load(&h->stop)) {
		(void)step_all(h);
		h->look |= clock_monotonic_ms() >= h->due_ms;
		if (h->look && free_slot(h) && clock_monotonic_ms() >= h->quiet_ms)
			look(h);
		else
			wait_for_something(h);
	}
	for (size_t i = 0; i < HOOKS_AT_ONCE; i++)
		if (h->slots[i].process)
			hook_process_end(h->slots[i].process);
	/* SIGKILL comes after the grace; what does not end even then is left behind. */
	last = clock_monotonic_ms() + h->limits->grace_ms + 2000;
	while (step_all(h) && clock_monotonic_ms() < last)
		wait_for_something(h);
	for (size_t i = 0; i < HOOKS_AT_ONCE; i++)
		clear_slot(&h->slots[i]);
	return NULL;
}

void
hook_wake(struct hook *h)
{
	(void)eventfd_write(h->wake_fd, 1);
}

static void
hook_free(struct hook *h)
{
	free_programs(h->programs, h->n_programs);
	closep(&h->wake_fd);
	(void)pthread_mutex_destroy(&h->lock);
	free(h);
}

void
hook_stop(struct hook *h)
{
	if (!h)
		return;
	atomic_store(&h->stop, true);
	hook_wake(h);
	(void)pthread_join(h->thread, NULL);
	hook_free(h);
}

int
hook_start(
    struct store *store, const struct hook_limits *limits, struct hook **ret, struct err *err)
{
	struct hook *h = calloc(1, sizeof *h);
	int rc;

	if (!h)
		return err_nomem(err);
	*h = (struct hook){.store = store,
	    .limits = limits ? limits : &hook_limits_default,
	    .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	    .look = true};
	(void)pthread_mutex_init(&h->lock, NULL);
	rc = h->wake_fd < 0 ? errno : 0;
	/* It may be ignored since the daemon was started: no exit status would be seen. */
	(void)signal(SIGCHLD, SIG_DFL);
	if (rc == 0)
		rc = thread_start(&h->thread, work, h);
	if (rc) {
		hook_free(h);
		return err_sys(err, rc, "thread of the hooks");
	}
	*ret = h;
	return 0;
}
