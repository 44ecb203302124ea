/* SPDX-License-Identifier: MIT */
#include "dsa/daemon/verbs_together.h"

#include <stdlib.h>
#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/daemon/verbs_wait.h"
#include "dsa/daemon/verbs_who.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/filter.h"
#include "mapping/wave.h"

/* The rule by which AD follows members through nested groups (MS-ADTS 3.1.1.3.4.4.3). */
#define IN_GROUP "(&(objectClass=user)(mailNickname=*)(memberOf:1.2.840.113556.1.4.1941:=%s))"
#define LONGEST 16384 /* of a DN or a filter */

/* Who is asked about: a base and a filter of the source, or objects. What it holds is malloc'ed. */
struct question {
	char *base, *filter;
	struct guid *objects;
	size_t n, cap;
};

static void
question_donep(struct question *q)
{
	free(q->base);
	free(q->filter);
	free(q->objects);
}

/* ---- by a group, an OU, a filter ---- */

static bool
is_dn(const char *s)
{
	struct err ignored;
	_cleanup_(free) char *norm = dn_normalize(s, &ignored);

	return *s && norm;
}

/* Filters of others are asked with the rights of the service account: whether an object matches
 * tells what is in it. */
static bool
take_filter(struct client *c, const char *text, struct question *q)
{
	_cleanup_(filter_free) struct filter *f = NULL;
	struct err err;

	if (filter_parse(text, &f, &err) < 0) {
		client_refuse(c, "\"filter\": %s", err.text);
		return false;
	}
	q->filter = str_printf("(&(objectClass=user)(mailNickname=*)%s)", text);
	return true;
}

static bool
take_group(struct client *c, const char *dn, struct question *q)
{
	_cleanup_(free) char *safe = is_dn(dn) ? filter_escape(bytes_of(dn)) : NULL;

	if (!safe) {
		client_refuse(c, "\"group\" is the DN of a group of the source");
		return false;
	}
	q->filter = str_printf(IN_GROUP, safe);
	return true;
}

static bool
take_ou(struct client *c, const char *dn, struct question *q)
{
	if (!is_dn(dn)) {
		client_refuse(c, "\"ou\" is a DN of the source");
		return false;
	}
	q->base = strdup(dn);
	q->filter = strdup("(&(objectClass=user)(mailNickname=*))");
	return true;
}

static const struct {
	const char *member;
	bool (*take)(struct client *c, const char *text, struct question *q);
} selectors[] = {{"group", take_group}, {"ou", take_ou}, {"filter", take_filter}};

/* The one selector of REQUEST, if it has one. False: C is refused. */
static bool
take_selector(struct client *c, const json_t *request, struct question *q, unsigned *n)
{
	for (size_t i = 0; i < ARRAY_SIZE(selectors); i++) {
		const json_t *v = json_object_get(request, selectors[i].member);
		const char *text = json_string_value(v);

		if (!v)
			continue;
		if (client_right(c) < CONTROL_CHANGE) {
			client_refuse(c,
			    "permission denied: \"%s\" needs root or the group galsync-admin",
			    selectors[i].member);
			return false;
		}
		if (++*n > 1 || !text || strlen(text) > LONGEST) {
			client_refuse(c, "there is one of \"group\", \"ou\" and \"filter\", a text "
					 "of at most 16384 octets");
			return false;
		}
		if (!selectors[i].take(c, text, q))
			return false;
		if (!q->filter) {
			client_refuse(c, "out of memory");
			return false;
		}
	}
	return true;
}

/* ---- by name, or of a wave ---- */

static bool
take_objects(struct verbs *v, struct client *c, const json_t *objects, const struct worker *w,
    struct question *q)
{
	json_t *problems;

	q->n = verbs_count(c, objects);
	if (q->n == 0)
		return false;
	q->objects = calloc(q->n, sizeof *q->objects);
	if (!q->objects) {
		client_refuse(c, "out of memory");
		return false;
	}
	problems = json_array();
	verbs_identify(v, worker_link(w)->name, objects, false, q->objects, &problems);
	return !verbs_refuse_list(c, problems, q->n, "nothing was looked at");
}

static int
take_member(const struct wave_member *m, void *arg, struct err *err)
{
	struct question *q = arg;

	if (list_grow(q->objects, q->n, q->cap) < 0)
		return err_nomem(err);
	q->objects[q->n++] = m->source;
	return 0;
}

/* The mailboxes of a wave, and its link's worker; NULL with C refused. */
static struct worker *
take_wave(struct verbs *v, struct client *c, const json_t *number, struct question *q)
{
	json_int_t id = json_integer_value(number);
	_cleanup_(store_abort) struct store_txn *t = NULL;
	_cleanup_(wave_done) struct wave wave = {.id = 0};
	_cleanup_(free) char *link = NULL;
	struct worker *w = NULL;
	bool found = false;
	struct err err;

	if (store_begin(v->store, STORE_READ, &t, &err) < 0 ||
	    (id > 0 && id <= UINT32_MAX && wave_get(t, (uint32_t)id, &wave, &found, &err) < 0) ||
	    (found && (store_link_name(t, wave.link, &link, &err) < 0 ||
			  wave_each_member(t, wave.id, take_member, q, &err) < 0)))
		client_refuse(c, "%s", err.text);
	else if (!found)
		client_refuse(c, "there is no wave %lld", (long long)id);
	else if (!(w = verbs_find_worker(v, link)))
		client_refuse(c, "wave %lld is of link '%s', which is not configured",
		    (long long)id, link ? link : "?");
	return w;
}

void
verb_wave_suggest(struct verbs *v, struct client *c, const json_t *request)
{
	const json_t *objects = json_object_get(request, "objects");
	const json_t *wave = json_object_get(request, "wave");
	_cleanup_(question_done) struct question q = {.n = 0};
	unsigned n = (objects != NULL) + (wave != NULL);
	struct worker *w;

	if (n > 1) {
		client_refuse(c, "either \"objects\" or \"wave\"");
		return;
	}
	w = wave ? take_wave(v, c, wave, &q) : verbs_worker(v, c, request);
	if (!w || !take_selector(c, request, &q, &n) ||
	    (objects && !take_objects(v, c, objects, w, &q)))
		return;
	verbs_wait_for(c, w,
	    worker_request_together(w, TAKE(q.base), TAKE(q.filter), TAKE(q.objects), q.n), -1);
}
