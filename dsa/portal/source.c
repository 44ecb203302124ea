/* SPDX-License-Identifier: MIT */
#include "dsa/portal/source.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "dsa/base/clock.h"
#include "dsa/base/line_client.h"
#include "dsa/base/str.h"
#include "dsa/page/words.h"
#include "dsa/view/view_members.h"
#include "dsa/view/view_overview.h"
#include "dsa/view/view_roster.h"

#define STATUS_MS 2000 /* for an answer that needs no directory */
#define ASK_MS 60000   /* for one that does */
#define STATUS_AGE_MS 1000
#define ASKING_MAX 2

struct source {
	const char *state, *socket;
	pthread_mutex_t lock; /* of the map and the roster */
	char *path;	      /* of the map's file */
	struct stat file;     /* that is open */
	struct store *store;
	struct roster *roster;
	pthread_mutex_t status_lock;
	json_t *status; /* of the daemon, NULL: it did not answer */
	int64_t status_ms;
	int asking; /* atomic */
};

int
source_new(const char *state, const char *socket, struct source **ret, struct err *err)
{
	_cleanup_(source_free) struct source *s = calloc(1, sizeof *s);

	if (!s)
		return err_nomem(err);
	*s = (struct source){.state = state, .socket = socket, .status_ms = -STATUS_AGE_MS};
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_mutex_init(&s->status_lock, NULL);
	s->path = str_printf("%s/map.mdb", state);
	if (!s->path)
		return err_nomem(err);
	if (roster_new(&s->roster, err) < 0)
		return -1;
	*ret = TAKE(s);
	return 0;
}

void
source_free(struct source *s)
{
	if (!s)
		return;
	roster_free(s->roster);
	store_close(s->store);
	json_decref(s->status);
	(void)pthread_mutex_destroy(&s->lock);
	(void)pthread_mutex_destroy(&s->status_lock);
	free(s->path);
	free(s);
}

/* ---- the daemon ---- */

static int
ask(const char *socket, json_t *request, int timeout_ms, json_t **ret, struct err *err)
{
	_cleanup_(json_release) json_t *own = request;
	_cleanup_(client_close) struct client *c = NULL;

	if (client_connect(socket, &c, err) < 0 || client_limit(c, timeout_ms, err) < 0 ||
	    client_ask(c, TAKE(own), err) < 0)
		return -1;
	for (;;) {
		_cleanup_(json_release) json_t *o = NULL;

		if (client_next(c, &o, err) < 0)
			return err->src == ERR_SYS && err->code == EAGAIN ? err_data(err, W_LATE)
									  : -1;
		if (json_object_get(o, "event"))
			continue;
		if (!json_is_true(json_object_get(o, "ok"))) {
			const char *why = json_string_value(json_object_get(o, "error"));

			return err_data(err, "%s", why ? why : "the daemon refused");
		}
		*ret = TAKE(o);
		return 0;
	}
}

/* What the daemon is doing, NULL if it does not answer; the caller releases it. */
static json_t *
status_of(struct source *s)
{
	int64_t now = clock_monotonic_ms();
	struct err ignored;
	json_t *o;

	(void)pthread_mutex_lock(&s->status_lock);
	if (now - s->status_ms >= STATUS_AGE_MS) {
		json_decref(TAKE(s->status));
		if (ask(s->socket, json_pack("{s:s}", "verb", "status"), STATUS_MS, &s->status,
			&ignored) < 0)
			s->status = NULL;
		s->status_ms = clock_monotonic_ms();
	}
	/* A copy: reference counts are not for several threads. */
	o = s->status ? json_deep_copy(s->status) : NULL;
	(void)pthread_mutex_unlock(&s->status_lock);
	return o;
}

/* ---- the map ---- */

static int
open_map(struct source *s, struct err *err)
{
	struct stat st;

	if (stat(s->path, &st) < 0)
		return err_sys(err, errno, "map '%s'", s->path);
	if (s->store && st.st_ino == s->file.st_ino && st.st_dev == s->file.st_dev)
		return 0;
	store_close(TAKE(s->store));
	roster_forget(s->roster);
	if (store_open(s->state, STORE_READ, 0, &s->store, err) < 0)
		return -1;
	s->file = st;
	return 0;
}

typedef int read_fn(struct source *s, struct store_txn *t, void *arg, struct err *err);

/* Calls FN with the roster up to date, and nobody else at it. */
static int
with_roster(struct source *s, read_fn *fn, void *arg, struct err *err)
{
	struct store_txn *t = NULL;
	int rc = -1;

	(void)pthread_mutex_lock(&s->lock);
	if (open_map(s, err) == 0 && store_begin(s->store, STORE_READ, &t, err) == 0 &&
	    roster_refresh(s->roster, t, err) == 0)
		rc = fn(s, t, arg, err);
	store_abort(t);
	(void)pthread_mutex_unlock(&s->lock);
	return rc;
}

struct reading {
	const struct portal_request *r;
	const json_t *status;
	int64_t now;
	json_t **ret;
};

static int
read_page(struct source *s, struct store_txn *t, void *arg, struct err *err)
{
	const struct reading *x = arg;
	const struct portal_request *r = x->r;
	bool all = r->form == REQUEST_CSV;

	switch (r->page) {
	case REQUEST_OVERVIEW:
	case REQUEST_METRICS: return view_overview(s->roster, t, x->status, x->now, x->ret, err);
	case REQUEST_MAILBOXES:
	case REQUEST_GROUPS: return view_list(s->roster, t, &r->query, x->now, x->ret, err);
	case REQUEST_MAILBOX: return view_one(s->roster, t, &r->guid, x->now, x->ret, err);
	case REQUEST_WAVES: return view_waves(t, x->status, x->now, x->ret, err);
	case REQUEST_WAVE: return view_wave_one(t, r->wave, x->status, x->now, x->ret, err);
	case REQUEST_PROBLEMS:
		return view_problems(s->roster, t, &r->problems, all, x->now, x->ret, err);
	case REQUEST_CSS:
	case REQUEST_JS:
	case REQUEST_ICON:
	case REQUEST_PAGE_MAX:
	default: *x->ret = NULL; return 0;
	}
}

static bool
wants_status(enum request_page p)
{
	return p == REQUEST_OVERVIEW || p == REQUEST_METRICS || p == REQUEST_WAVES ||
	       p == REQUEST_WAVE;
}

int
source_read(
    struct source *s, const struct portal_request *r, int64_t now, json_t **ret, struct err *err)
{
	_cleanup_(json_release) json_t *status = wants_status(r->page) ? status_of(s) : NULL;
	struct reading x = {r, status, now, ret};
	int rc;

	*ret = NULL;
	rc = with_roster(s, read_page, &x, err);
	if (rc == 0 && *ret && r->page == REQUEST_PROBLEMS && r->problems.sort >= 0)
		json_put_member(
		    ret, "problem", json_string(problem_name((enum problem_sort)r->problems.sort)));
	return rc;
}

/* ---- what the directories are asked ---- */

struct about {
	const struct portal_request *r;
	json_t *request;
	bool found;
};

/* The question that R's part is. */
static int
compose(struct source *s, struct store_txn *t, void *arg, struct err *err)
{
	struct about *a = arg;
	_cleanup_(record_free) struct record *rec = NULL;
	_cleanup_(free) char *flow = NULL;
	char guid[GUID_TEXT_SIZE];
	size_t len;

	(void)s;
	if (store_find_guid(t, 0, SOURCE, &a->r->guid, &rec, err) < 0 ||
	    (rec && store_link_name(t, rec->link, &flow, err) < 0))
		return -1;
	if (!rec || !flow)
		return 0;
	a->found = true;
	(void)store_is_return(flow, &len);
	flow[len] = '\0';
	guid_format(&a->r->guid, guid);
	if (a->r->part == REQUEST_ATTRIBUTES)
		a->request =
		    json_pack("{s:s,s:s,s:s}", "verb", "explain", "link", flow, "who", guid);
	else if (a->r->part == REQUEST_MEMBERS)
		a->request = json_pack("{s:s,s:s,s:s,s:I,s:i}", "verb", "members", "link", flow,
		    "who", guid, "page", (json_int_t)a->r->page_of_part, "size",
		    a->r->form == REQUEST_CSV ? VIEW_MEMBERS_SIZE_MAX : VIEW_MEMBERS_SIZE);
	else if (a->r->part == REQUEST_CHECKS)
		a->request = json_pack("{s:s,s:s,s:[s],s:b}", "verb", "switch-plan", "link", flow,
		    "objects", guid, "undo", rec->active == TARGET);
	else
		a->request = json_pack("{s:s,s:s,s:s}", "verb", "trace", "link", flow, "address",
		    rec->n_addresses ? rec->addresses[0] : "");
	return a->request ? 0 : err_nomem(err);
}

static int
ask_about(struct source *s, const struct portal_request *r, json_t **ret, struct err *err)
{
	struct about a = {.r = r};

	if (with_roster(s, compose, &a, err) < 0)
		return -1;
	return a.found ? ask(s->socket, a.request, ASK_MS, ret, err) : 0;
}

/* ---- who is called so ---- */

struct found {
	json_t *items, *errors;
	bool more;
};

static bool
has_guid(const json_t *items, const char *guid)
{
	for (size_t i = 0; i < json_array_size(items); i++) {
		const char *g =
		    json_string_value(json_object_get(json_array_get(items, i), "guid"));

		if (g && guid && strcmp(g, guid) == 0)
			return true;
	}
	return false;
}

/* The hits of LINK; who is an original of several links is there once. */
static void
add_hits(struct found *f, const char *link, const json_t *answer)
{
	const json_t *hits = json_object_get(answer, "hits");

	f->more |= json_is_true(json_object_get(answer, "more"));
	for (size_t i = 0; i < json_array_size(hits); i++) {
		json_t *o = json_copy(json_array_get(hits, i));

		if (has_guid(f->items, json_string_value(json_object_get(o, "guid")))) {
			json_decref(o);
			continue;
		}
		json_put_member(&o, "link", json_string(link));
		json_add_item(&f->items, o);
	}
}

/* Which of them have a page. */
static int
note_known(struct source *s, struct store_txn *t, void *arg, struct err *err)
{
	json_t *items = arg;

	(void)s;
	for (size_t i = 0; i < json_array_size(items); i++) {
		_cleanup_(record_free) struct record *rec = NULL;
		json_t *o = json_array_get(items, i);
		const char *text = json_string_value(json_object_get(o, "guid"));
		struct guid g;

		if (text && guid_parse(text, &g) &&
		    store_find_guid(t, 0, SOURCE, &g, &rec, err) < 0)
			return -1;
		if (json_object_set_new(o, "known", json_boolean(rec != NULL)) < 0)
			return err_nomem(err);
	}
	return 0;
}

/* Asks one link after the other, all of them in the time of one question. */
static void
ask_links(struct source *s, const struct portal_request *r, const json_t *links, struct found *f)
{
	int64_t until = clock_monotonic_ms() + ASK_MS;

	for (size_t i = 0; i < json_array_size(links); i++) {
		const char *link =
		    json_string_value(json_object_get(json_array_get(links, i), "link"));
		int64_t left = until - clock_monotonic_ms();
		_cleanup_(json_release) json_t *answer = NULL;
		struct err err;

		if (!link || (*r->query.link && strcmp(link, r->query.link) != 0))
			continue;
		if (ask(s->socket,
			json_pack(
			    "{s:s,s:s,s:s}", "verb", "find", "link", link, "text", r->query.q),
			left > 1 ? (int)left : 1, &answer, &err) < 0)
			json_add_item(&f->errors, json_of_text(err.text));
		else
			add_hits(f, link, answer);
	}
}

static int
ask_for(struct source *s, const struct portal_request *r, json_t **ret, struct err *err)
{
	_cleanup_(json_release) json_t *status = status_of(s);
	_cleanup_(json_release) json_t *o = json_object();
	struct found f = {.more = false};

	if (!status)
		return err_data(err, W_NOBODY_ASKED);
	f.items = json_array();
	f.errors = json_array();
	ask_links(s, r, json_object_get(status, "links"), &f);
	json_put_member(&o, "text", json_string(r->query.q));
	json_put_member(&o, "link", json_string(r->query.link));
	json_put_member(&o, "at", json_of_time(clock_realtime_s()));
	json_put_member(&o, "items", f.items);
	json_put_member(&o, "more", json_boolean(f.more));
	json_put_member(&o, "errors", f.errors);
	if (!o)
		return err_nomem(err);
	if (with_roster(s, note_known, json_object_get(o, "items"), err) < 0)
		return -1;
	*ret = TAKE(o);
	return 0;
}

int
source_ask(struct source *s, const struct portal_request *r, json_t **ret, struct err *err)
{
	int rc;

	*ret = NULL;
	if (__atomic_add_fetch(&s->asking, 1, __ATOMIC_SEQ_CST) > ASKING_MAX)
		rc = err_set(err, ERR_SYS, ERR_ENTRY, ERR_LATER, EBUSY, W_BUSY_ASKING);
	else if (r->part == REQUEST_FOUND)
		rc = ask_for(s, r, ret, err);
	else
		rc = ask_about(s, r, ret, err);
	(void)__atomic_sub_fetch(&s->asking, 1, __ATOMIC_SEQ_CST);
	return rc;
}

/* ---- portions ---- */

struct portion {
	const struct portal_request *r;
	struct roster_page *page;
	const uint64_t *ids;
	size_t n;
	json_t **rows;
};

static int
choose(struct source *s, struct store_txn *t, void *arg, struct err *err)
{
	const struct portion *x = arg;

	return roster_query(s->roster, t, &x->r->query, true, x->page, err);
}

int
source_choose(
    struct source *s, const struct portal_request *r, struct roster_page *ret, struct err *err)
{
	struct portion x = {.r = r, .page = ret};

	return with_roster(s, choose, &x, err);
}

static int
rows(struct source *s, struct store_txn *t, void *arg, struct err *err)
{
	const struct portion *x = arg;

	return view_rows(s->roster, t, x->ids, x->n, x->rows, err);
}

int
source_rows(struct source *s, const uint64_t *ids, size_t n, json_t **ret, struct err *err)
{
	struct portion x = {.ids = ids, .n = n, .rows = ret};

	return with_roster(s, rows, &x, err);
}
