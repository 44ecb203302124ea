/* SPDX-License-Identifier: MIT */
#include "dsa/portal/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "dsa/base/clock.h"
#include "dsa/base/log.h"
#include "dsa/base/str.h"
#include "dsa/page/words.h"
#include "dsa/portal/answer.h"
#include "dsa/portal/export.h"
#include "dsa/portal/token.h"

/* A client: its request is awaited, or is being answered. */
struct client {
	struct client *next, **link; /* *LINK is this one */
	int fd;
	bool answered; /* the request is there */
	int64_t
	    late_ms; /* the monotonic time from which the request, or taking the answer, is late */
};

struct server {
	struct source *source;
	struct server_options o;
	struct MHD_Daemon *daemon;
	pthread_mutex_t lock; /* of the clients: what is in their list is open */
	struct client *clients;
};

/* ---- clients ---- */

static void
set_limit(struct server *s, struct client *c, bool answered)
{
	if (!c)
		return;
	(void)pthread_mutex_lock(&s->lock);
	c->answered = answered;
	c->late_ms = clock_monotonic_ms() + (answered ? s->o.answer_ms : s->o.request_ms);
	(void)pthread_mutex_unlock(&s->lock);
}

static void
welcome(struct server *s, struct MHD_Connection *conn, void **ret)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct client *c = info ? calloc(1, sizeof *c) : NULL;

	*ret = c;
	if (!c)
		return;
	c->fd = info->connect_fd;
	(void)pthread_mutex_lock(&s->lock);
	c->late_ms = clock_monotonic_ms() + s->o.request_ms;
	c->next = s->clients;
	c->link = &s->clients;
	if (c->next)
		c->next->link = &c->next;
	s->clients = c;
	(void)pthread_mutex_unlock(&s->lock);
}

static void
part(struct server *s, struct client *c)
{
	if (!c)
		return;
	(void)pthread_mutex_lock(&s->lock);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	(void)pthread_mutex_unlock(&s->lock);
	free(c);
}

/* Called before the descriptor is closed. */
static void
note_connection(
    void *cls, struct MHD_Connection *conn, void **state, enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		welcome(cls, conn, state);
	else
		part(cls, TAKE(*state));
}

static struct client *
client_of(struct MHD_Connection *conn)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(conn, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

/* The next one may come. */
static void
note_answered(
    void *cls, struct MHD_Connection *conn, void **state, enum MHD_RequestTerminationCode code)
{
	(void)state;
	(void)code;
	set_limit(cls, client_of(conn), false);
}

/* Is its request late? What waits to be read is not: a thread that asks the daemon reads nothing.
 */
static bool
is_late(const struct client *c, int64_t now)
{
	int unread = 0;

	return now >= c->late_ms &&
	       (c->answered || ioctl(c->fd, FIONREAD, &unread) < 0 || unread == 0);
}

void
server_cut_late(struct server *s)
{
	int64_t now = clock_monotonic_ms();

	(void)pthread_mutex_lock(&s->lock);
	for (struct client *c = s->clients; c; c = c->next)
		if (is_late(c, now))
			(void)shutdown(c->fd, SHUT_RDWR);
	(void)pthread_mutex_unlock(&s->lock);
}

/* What is known of a request when its first line was read; its address is what counts. */
static const char clean[] = "clean", dirty[] = "dirty", too_long[] = "too long", taken[] = "taken";

static void *
look_at_uri(void *cls, const char *uri, struct MHD_Connection *c)
{
	bool is_long;
	const char *is = request_is_clean(uri, &is_long) ? clean : is_long ? too_long : dirty;

	(void)cls;
	(void)c;
	return (void *)(uintptr_t)is;
}

/* ---- answers ---- */

/* Every answer has them: nothing of another host, no script or style in a page, in no frame, kept
 * nowhere. */
static void
add_headers(struct MHD_Response *r, const char *type, bool lasts)
{
	static const char *const always[][2] = {
	    {"Content-Security-Policy",
		"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"},
	    {"X-Content-Type-Options", "nosniff"},
	    {"Referrer-Policy", "no-referrer"},
	    {"X-Frame-Options", "DENY"},
	    {"Cross-Origin-Resource-Policy", "same-origin"},
	    {"Cross-Origin-Opener-Policy", "same-origin"},
	    {"Permissions-Policy", "camera=(), geolocation=(), microphone=()"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		(void)MHD_add_response_header(r, always[i][0], always[i][1]);
	(void)MHD_add_response_header(r, "Content-Type", type);
	(void)MHD_add_response_header(
	    r, "Cache-Control", lasts ? "private, max-age=60" : "no-store");
}

static enum MHD_Result
send_answer(struct MHD_Connection *c, struct answer *a, const char *name, const char *value)
{
	struct MHD_Response *r;
	enum MHD_Result rc;
	size_t len = a->body.len;

	if (a->body.failed)
		return MHD_NO;
	r = MHD_create_response_from_buffer(len, TAKE(a->body.data), MHD_RESPMEM_MUST_FREE);
	a->body = (struct buf){0};
	if (!r)
		return MHD_NO;
	add_headers(r, a->type, a->lasts);
	if (name)
		(void)MHD_add_response_header(r, name, value);
	rc = MHD_queue_response(c, a->status, r);
	MHD_destroy_response(r);
	return rc;
}

static enum MHD_Result
refuse(struct MHD_Connection *c, unsigned status, const char *text)
{
	_cleanup_(answer_done) struct answer a = {0};

	answer_error(status, text, &a);
	return send_answer(c, &a,
	    status == 405   ? "Allow"
	    : status == 401 ? "WWW-Authenticate"
			    : NULL,
	    status == 405 ? "GET, HEAD" : "Bearer realm=\"galsync\"");
}

/* ---- CSV in portions ---- */

static ssize_t
next_octets(void *cls, uint64_t at, char *ret, size_t size)
{
	ssize_t n = export_next(cls, ret, size);

	(void)at;
	return n > 0	? n
	       : n == 0 ? MHD_CONTENT_READER_END_OF_STREAM
			: MHD_CONTENT_READER_END_WITH_ERROR;
}

static void
export_done(void *cls)
{
	export_free(cls);
}

static enum MHD_Result
send_export(struct server *s, struct MHD_Connection *c, const struct portal_request *r)
{
	struct export *x;
	struct err err;
	struct MHD_Response *response;
	enum MHD_Result rc;

	if (export_new(s->source, r, &x, &err) < 0)
		return refuse(c, 503, err.text);
	response = MHD_create_response_from_callback(
	    MHD_SIZE_UNKNOWN, 16 << 10, next_octets, x, export_done);
	if (!response) {
		export_free(x);
		return MHD_NO;
	}
	add_headers(response, "text/csv; charset=utf-8; header=present", false);
	(void)MHD_add_response_header(
	    response, "Content-Disposition", "attachment; filename=\"galsync.csv\"");
	rc = MHD_queue_response(c, 200, response);
	MHD_destroy_response(response);
	return rc;
}

/* ---- requests ---- */

struct parameters {
	struct portal_request *r;
	bool bad;
	char why[512];
};

static enum MHD_Result
take_parameter(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len,
    const char *value, size_t len)
{
	struct parameters *p = cls;

	(void)kind;
	if (strlen(name) != name_len || (value && strlen(value) != len)) {
		p->bad = true;
		(void)snprintf(p->why, sizeof p->why, "a NUL is in the address");
	} else {
		p->bad = !request_take(p->r, name, value ? value : "", p->why, sizeof p->why);
	}
	return p->bad ? MHD_NO : MHD_YES;
}

static const char *
header(struct MHD_Connection *c, const char *name)
{
	return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

/* Must the client be refused before its path is looked at? The status, or 0. */
static unsigned
judge(const struct server *s, struct MHD_Connection *c, const char *method, const char *uri)
{
	const char *length = header(c, "Content-Length"), *host = header(c, "Host");

	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return 405;
	if ((length && strcmp(length, "0") != 0) || header(c, "Transfer-Encoding"))
		return 413;
	if (uri == too_long)
		return 414;
	if (s->o.token && !token_is_shown(s->o.token, header(c, "Authorization")))
		return 401;
	if (s->o.local_names && (!host || !request_host_is_local(host)))
		return 421;
	return uri == clean ? 0 : 400;
}

static const char *
reason_of(unsigned status)
{
	switch (status) {
	case 401: return W_TOKEN;
	case 405: return W_METHOD;
	case 413: return W_BODY;
	case 414: return W_TOO_LONG;
	case 421: return W_HOST;
	default: return W_BAD_ADDRESS;
	}
}

static enum MHD_Result
respond(struct server *s, struct MHD_Connection *c, const char *url)
{
	_cleanup_(answer_done) struct answer a = {0};
	struct portal_request r;
	struct parameters p = {.r = &r};

	if (!request_parse(url, &r))
		return refuse(c, 404, W_NO_PAGE);
	(void)MHD_get_connection_values_n(c, MHD_GET_ARGUMENT_KIND, take_parameter, &p);
	if (p.bad)
		return refuse(c, 400, p.why);
	if (r.form == REQUEST_CSV && r.part == REQUEST_WHOLE &&
	    (r.page == REQUEST_MAILBOXES || r.page == REQUEST_GROUPS))
		return send_export(s, c, &r);
	answer_make(s->source, &r, &a);
	return send_answer(c, &a, r.form == REQUEST_CSV ? "Content-Disposition" : NULL,
	    "attachment; filename=\"galsync.csv\"");
}

static enum MHD_Result
handle(void *cls, struct MHD_Connection *c, const char *url, const char *method,
    const char *version, const char *data, size_t *size, void **state)
{
	struct server *s = cls;
	const char *uri = *state;
	unsigned status;

	(void)version;
	(void)data;
	if (uri != taken) {
		set_limit(s, client_of(c), true);
		status = judge(s, c, method, uri);
		if (status)
			return refuse(c, status, reason_of(status));
		*state = (void *)(uintptr_t)taken;
		return MHD_YES;
	}
	if (*size)
		return MHD_NO;
	return respond(s, c, url);
}

static void PRINTF_LIKE(2, 0) complain(void *cls, const char *fmt, va_list args)
{
	char text[256];

	(void)cls;
	(void)vsnprintf(text, sizeof text, fmt, args);
	text[strcspn(text, "\n")] = '\0';
	log_event(LOG_DEBUG, LOG_ID_NONE, NULL, "%s", text);
}

int
server_start(
    struct source *source, const struct server_options *o, struct server **ret, struct err *err)
{
	struct server *s = calloc(1, sizeof *s);

	if (!s)
		return err_nomem(err);
	*s = (struct server){
	    .source = source, .o = *o, .lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER};
	s->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG, 0, NULL,
	    NULL, handle, s, MHD_OPTION_EXTERNAL_LOGGER, complain, NULL, MHD_OPTION_LISTEN_SOCKET,
	    o->fd, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)SERVER_THREADS,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)SERVER_CLIENTS, MHD_OPTION_CONNECTION_TIMEOUT,
	    (unsigned)SERVER_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)SERVER_MEMORY,
	    MHD_OPTION_URI_LOG_CALLBACK, look_at_uri, NULL, MHD_OPTION_NOTIFY_CONNECTION,
	    note_connection, s, MHD_OPTION_NOTIFY_COMPLETED, note_answered, s,
	    MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	if (!s->daemon) {
		free(s);
		return err_sys(err, errno ? errno : EIO, "the HTTP server does not start");
	}
	*ret = s;
	return 0;
}

void
server_stop(struct server *s)
{
	if (!s)
		return;
	MHD_stop_daemon(s->daemon);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}
