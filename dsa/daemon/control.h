/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_CONTROL_H
#define GALSYNC_DAEMON_CONTROL_H

/*
 * The control socket: one JSON object a line, both ways. This file knows connections, lines and
 * rights; what the verbs mean is in verbs.c.
 *
 *   request   {"version": 1, "verb": "resync", "link": "acme-globex"}
 *   answer    {"version": 1, "ok": true, ...}   or   {"version": 1, "ok": false, "error": "..."}
 *
 * Before the answer, and for `watch` without end, events may come: objects with the member "event".
 *
 * What a client may do is decided by its credentials as the kernel gives them: root and the group
 * galsync-admin may change, root and the groups galsync and galsync-admin may read, all others get
 * a refusal.
 *
 * A client can harm only itself: a line longer than CONTROL_LINE_MAX, what is no JSON object,
 * and answers that are not fetched end its connection; how many there may be is in admission.h, and
 * nothing ever waits for one. When the process has no file descriptors left, a client of root's
 * still gets one that is kept for it; others are turned away, or wait until there are some again.
 */

#include <jansson.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

#include "dsa/base/err.h"

#define CONTROL_VERSION 1
#define CONTROL_LINE_MAX (2 << 20)
#define CONTROL_PENDING_MAX (16 << 20)

enum control_right { CONTROL_NONE, CONTROL_READ, CONTROL_CHANGE };

struct control;
struct client;

/* What a client waits for; the verbs' business. Zeroed for a new client. */
struct client_wait {
	bool watching;
	char *link;	 /* of the request waited for, or NULL */
	uint64_t number; /* of the request, 0: none */
	int plan_fd;	 /* a file to be sent as events before the answer, or -1 */
	int64_t plan_at; /* how much of it was */
	bool plan_lines; /* it is no LDIF, but lines (plan_text.h) */
	json_t *answer;	 /* that the request ended with, if the plan is still to be sent */
	/* What the client says in several requests, or NULL, and what releases it when the client
	 * ends. */
	void *draft;
	void (*draft_free)(void *draft);
};

struct control_handlers {
	void (*request)(struct client *c, const json_t *request, void *arg);
	/* Called when C's output has been taken by the kernel. */
	void (*drained)(struct client *c, void *arg);
	void *arg;
};

/* Listens on FD (a listening socket, taken over), or on a fresh socket at PATH if FD is -1. The
 * time of the socket's file says since when. */
int control_new(sd_event *event, const char *path, int fd, const struct control_handlers *handlers,
    struct control **ret, struct err *err) MUST_CHECK;
/* Ends all connections; removes the socket if it was made by control_new(). */
void control_free(struct control *c);
DEFINE_CLEANUP(struct control *, control_free)

enum control_right client_right(const struct client *c);
/* Its user, as the kernel says. */
uid_t client_uid(const struct client *c);
struct client_wait *client_wait(struct client *c);
/* The beginning of an answer, {"ok": OK}, to which members are added. */
json_t *client_answer(bool ok);
/* Sends O (taken over) as one line. The version is added. Without memory, or if O is NULL for the
 * lack of it, the connection ends: a client must not wait for an answer for ever. */
void client_send(struct client *c, json_t *o);
/* {"ok": false, "error": text}. */
void client_refuse(struct client *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* How much of the output waits for the client. */
size_t client_pending(const struct client *c);
/* Calls FN for every client. */
void control_each(struct control *c, void (*fn)(struct client *c, void *arg), void *arg);

#endif
