/* SPDX-License-Identifier: MIT */
/*
 * The steps of a saved plan come in parts, which are kept in the connection. Of a step the daemon
 * is told no change, only its digest (plan_choice.h): it makes what it plans itself, or nothing.
 */
#include "dsa/daemon/verbs_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "dsa/base/hex.h"
#include "dsa/base/json.h"
#include "dsa/base/log.h"
#include "dsa/daemon/verbs_object.h"
#include "dsa/daemon/verbs_wait.h"

#define PART_MAX 500	 /* steps in a request */
#define STEPS_MAX 250000 /* in a plan that is applied */

/* ---- plan ---- */

static bool
take_form(struct client *c, const json_t *request, enum plan_form *ret)
{
	const json_t *form = json_object_get(request, "form");
	const char *text = form ? json_string_value(form) : "ldif";

	*ret = text && strcmp(text, "lines") == 0 ? PLAN_FORM_LINES : PLAN_FORM_LDIF;
	if (text && (*ret == PLAN_FORM_LINES || strcmp(text, "ldif") == 0))
		return true;
	client_refuse(c, "\"form\" is \"ldif\" or \"lines\"");
	return false;
}

/* The object that the request names: *RET is NULL if it names none. */
static bool
take_object(struct verbs *v, struct client *c, const json_t *request, const struct worker *w,
    struct guid **ret)
{
	const json_t *object = json_object_get(request, "object");
	const char *who = json_string_value(object);
	struct guid *g;

	*ret = NULL;
	if (!object)
		return true;
	if (!who) {
		client_refuse(c, "\"object\" is a text: who is meant");
		return false;
	}
	g = malloc(sizeof *g);
	if (!g)
		client_refuse(c, "out of memory");
	if (!g || !verbs_take_object(v, c, worker_link(w)->name, who, g)) {
		free(g);
		return false;
	}
	*ret = g;
	return true;
}

/* The worker writes the plan to a file without a name, which is sent when it is complete. */
static void
wait_for_plan(
    struct verbs *v, struct client *c, struct worker *w, enum plan_form form, struct guid *object)
{
	int fd = open(v->state_directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy < 0) {
		client_refuse(c, "a file for the plan in '%s': %s", v->state_directory,
		    strerrordesc_np(errno));
		closep(&fd);
		free(object);
		return;
	}
	client_wait(c)->plan_lines = form == PLAN_FORM_LINES;
	verbs_wait_for(c, w, worker_request_plan(w, form, object, copy), fd);
}

void
verb_plan(struct verbs *v, struct client *c, const json_t *request)
{
	struct worker *w = verbs_worker(v, c, request);
	enum plan_form form;
	struct guid *object;

	if (w && take_form(c, request, &form) && take_object(v, c, request, w, &object))
		wait_for_plan(v, c, w, form, object);
}

/* ---- apply ---- */

struct draft {
	char *link;
	struct plan_choice *choice;
};

static void
draft_free(void *draft)
{
	struct draft *d = draft;

	if (!d)
		return;
	plan_choice_free(d->choice);
	free(d->link);
	free(d);
}

static struct draft *
draft_new(const char *link)
{
	struct draft *d = calloc(1, sizeof *d);
	struct err ignored;

	if (d && (d->link = strdup(link)) && plan_choice_new(&d->choice, &ignored) == 0)
		return d;
	draft_free(d);
	return NULL;
}

/* The draft of C, begun if there is none; NULL: refused. A connection has one list of one sort. */
static struct draft *
draft_of(struct client *c, const struct worker *w)
{
	struct client_wait *wait = client_wait(c);
	struct draft *d = wait->draft;

	if (d && wait->draft_free != draft_free) {
		client_refuse(c, "a wave is being named: plan that first");
		return NULL;
	}
	if (d && strcmp(d->link, worker_link(w)->name) != 0) {
		client_refuse(c, "a plan is of one link");
		return NULL;
	}
	if (!d) {
		d = draft_new(worker_link(w)->name);
		if (!d) {
			client_refuse(c, "out of memory");
			return NULL;
		}
		wait->draft = d;
		wait->draft_free = draft_free;
	}
	return d;
}

static bool
take_digest(const char *text, uint8_t ret[PLAN_DIGEST_LEN])
{
	if (!text || strlen(text) != 2 * (size_t)PLAN_DIGEST_LEN)
		return false;
	for (size_t i = 0; i < PLAN_DIGEST_LEN; i++) {
		int octet = hex_octet(text + 2 * i);

		if (octet < 0)
			return false;
		ret[i] = (uint8_t)octet;
	}
	return true;
}

static bool
add_step(struct draft *d, const json_t *step)
{
	const char *flow = json_string_value(json_object_get(step, "flow"));
	const char *dn = json_string_value(json_object_get(step, "dn"));
	const char *source = json_string_value(json_object_get(step, "source"));
	struct plan_chosen x = {.dn = (char *)(uintptr_t)dn};
	struct err ignored;

	if (!dn || !flow || (strcmp(flow, "forward") != 0 && strcmp(flow, "return") != 0) ||
	    (source && !guid_parse(source, &x.source)) ||
	    !take_digest(json_string_value(json_object_get(step, "sha256")), x.digest))
		return false;
	x.originals = strcmp(flow, "forward") == 0 ? SOURCE : TARGET;
	return plan_choice_add(d->choice, &x, &ignored) == 0;
}

void
verb_apply_add(struct verbs *v, struct client *c, const json_t *request)
{
	const json_t *steps = json_object_get(request, "steps");
	struct worker *w = verbs_worker(v, c, request);
	size_t n = json_array_size(steps);
	struct draft *d = w ? draft_of(c, w) : NULL;
	json_t *o;

	if (!d)
		return;
	if (n == 0 || n > PART_MAX || plan_choice_count(d->choice) + n > STEPS_MAX) {
		client_refuse(c, "\"steps\" is a list of 1 to %d steps, and a plan has at most %d",
		    PART_MAX, STEPS_MAX);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (!add_step(d, json_array_get(steps, i))) {
			client_refuse(c, "step %zu has no \"flow\", \"dn\" and \"sha256\"", i + 1);
			return;
		}
	o = client_answer(true);
	json_put_member(&o, "steps", json_of_count(plan_choice_count(d->choice)));
	client_send(c, o);
}

static void
log_apply(const struct draft *d, uid_t uid)
{
	struct log_fields fields = {.link = d->link};

	log_event(LOG_NOTICE, LOG_ID_NONE, &fields,
	    "link %s: user %u has a saved plan of %zu steps applied", d->link, (unsigned)uid,
	    plan_choice_count(d->choice));
}

/* Whatever the answer is, the list is used up. */
void
verb_apply(struct verbs *v, struct client *c, const json_t *request)
{
	struct client_wait *wait = client_wait(c);
	struct draft *d = wait->draft_free == draft_free ? TAKE(wait->draft) : NULL;
	struct worker *w = d ? verbs_find_worker(v, d->link) : NULL;

	(void)request;
	if (!d) {
		client_refuse(c, "no step was named: \"apply-add\" comes first");
	} else if (!w) {
		client_refuse(c, "the link is gone: the configuration was reloaded");
	} else {
		log_apply(d, client_uid(c));
		verbs_wait_for(c, w, worker_request_apply(w, client_uid(c), TAKE(d->choice)), -1);
	}
	draft_free(d);
}
