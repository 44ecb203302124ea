/* SPDX-License-Identifier: MIT */
/*
 * A walk in depth. The frames of the recursion are the mail's way so far: an object that is on it
 * already closes a loop. Hops are listed as they are met; when there are too many, ordinary ones
 * are only counted, but a bad end is listed still, with the way that led there.
 */
#include "redirect/trace.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/directory/guid_set.h"
#include "redirect/address.h"

#define BATCH 64 /* members that are read at once */

const char *const trace_attrs[] = {"objectGUID", "objectClass", "mailNickname", "mail",
    "proxyAddresses", "legacyExchangeDN", "targetAddress", "homeMDB", "msExchHomeServerName",
    "altRecipient", "deliverAndRedirect", "member", NULL};

static const char *const step_names[] = {
    [TRACE_PASSES] = "passes",
    [TRACE_REDIRECT] = "redirect",
    [TRACE_FORWARD] = "forward",
    [TRACE_GROUP] = "group",
    [TRACE_MAILBOX] = "mailbox",
    [TRACE_PUBLIC_FOLDER] = "public-folder",
    [TRACE_LEAVES] = "leaves",
    [TRACE_SEEN] = "seen",
    [TRACE_SKIPPED] = "skipped",
    [TRACE_EMPTY] = "empty",
    [TRACE_DYNAMIC] = "dynamic-group",
    [TRACE_DEAD_END] = "dead-end",
    [TRACE_COLLISION] = "collision",
    [TRACE_LOOP] = "loop",
    [TRACE_TOO_DEEP] = "too-deep",
};
_Static_assert(ARRAY_SIZE(step_names) == TRACE_STEP_MAX, "a name for each step");

const char *
trace_step_name(enum trace_step s)
{
	return step_names[s];
}

static void
hop_done(struct trace_hop *h)
{
	free(h->address);
	free(h->dn);
	free(h->detail);
	free(h->note);
}

void
trace_done(struct trace *t)
{
	for (size_t i = 0; i < t->n; i++)
		hop_done(&t->hops[i]);
	free(t->hops);
	*t = (struct trace){0};
}

bool
trace_is_bad(const struct trace *t)
{
	size_t bad = 0;

	for (size_t i = TRACE_FIRST_BAD; i < TRACE_STEP_MAX; i++)
		bad += t->count[i];
	return bad > 0;
}

/* ---- the way so far ---- */

struct frame {
	struct frame *parent; /* NULL: the start */
	struct trace_hop hop; /* its strings are gone when it is listed */
	bool listed;
};

struct walk {
	const struct trace_env *env;
	struct trace *t;
	struct guid_set seen[SIDES];
	struct err *err;
};

static void
frame_done(struct frame *f)
{
	hop_done(&f->hop);
}

static inline void
frame_donep(struct frame *f)
{
	frame_done(f);
}

static int follow_object(
    struct walk *w, struct frame *parent, enum side side, const char *address, struct entry *e);

static int
put(struct walk *w, struct frame *f)
{
	struct trace *t = w->t;

	if (list_grow(t->hops, t->n, t->cap) < 0)
		return err_nomem(w->err);
	t->hops[t->n++] = f->hop;
	f->hop.address = f->hop.dn = f->hop.detail = f->hop.note = NULL;
	f->listed = true;
	return 0;
}

/* A bad end is listed with the way to it: at most TRACE_MAX_DEPTH hops. */
static int
put_way(struct walk *w, struct frame *f)
{
	if (!f || f->listed)
		return 0;
	if (put_way(w, f->parent) < 0)
		return -1;
	if (f->hop.step < TRACE_FIRST_BAD)
		w->t->unlisted--;
	return put(w, f);
}

static int
list(struct walk *w, struct frame *f)
{
	bool bad = f->hop.step >= TRACE_FIRST_BAD;

	w->t->count[f->hop.step]++;
	if (w->t->n < w->env->max_hops)
		return put(w, f);
	if (bad && w->t->n < 2 * w->env->max_hops)
		return put_way(w, f);
	w->t->unlisted++;
	return 0;
}

/* F for a hop that follows PARENT. */
static int
begin(struct walk *w, struct frame *f, struct frame *parent, enum side side, const char *address,
    const struct entry *e)
{
	*f = (struct frame){
	    .parent = parent, .hop = {.depth = parent ? parent->hop.depth + 1 : 0, .side = side}};
	if ((address && !(f->hop.address = strdup(address))) || (e && !(f->hop.dn = strdup(e->dn))))
		return err_nomem(w->err);
	if (e) {
		f->hop.kind = kind_of(e);
		f->hop.guid = e->guid;
	}
	return 0;
}

static int
end(struct walk *w, struct frame *f, enum trace_step step, const char *detail)
{
	f->hop.step = step;
	if (detail && !(f->hop.detail = strdup(detail)))
		return err_nomem(w->err);
	return list(w, f);
}

/* Why the object of F is in no correspondence. */
static int
note_standing(struct walk *w, struct frame *f)
{
	if (f->hop.note)
		return 0;
	return w->env->standing(f->hop.side, &f->hop.guid, &f->hop.note, w->env->arg, w->err);
}

static bool
is_on_way(const struct frame *f, enum side side, const struct guid *g)
{
	for (; f; f = f->parent)
		if (f->hop.side == side && !guid_is_zero(&f->hop.guid) &&
		    guid_equal(&f->hop.guid, g))
			return true;
	return false;
}

/* ---- addresses ---- */

enum route { ROUTE_AWAY, ROUTE_SOURCE, ROUTE_TARGET };

static bool
is_x500(const char *address)
{
	return str_starts_nocase(address, "x500:");
}

static bool
accepts(const struct trace_forest *f, const char *domain)
{
	for (size_t i = 0; i < f->n_mail_domains; i++)
		if (str_equal_nocase(f->mail_domains[i], domain))
			return true;
	return false;
}

/* Which organization takes mail to ADDRESS that HERE has. A redirect domain is one's alone; a mail
 * domain that both accept stays where it is. */
static enum route
route(const struct trace_env *env, enum side here, const char *address)
{
	const char *at = strrchr(address, '@');
	const enum side order[] = {here, here == SOURCE ? TARGET : SOURCE};

	for (size_t i = 0; at && i < SIDES; i++) {
		const char *own = env->forest[order[i]].redirect_domain;

		if (own && str_equal_nocase(own, at + 1))
			return order[i] == SOURCE ? ROUTE_SOURCE : ROUTE_TARGET;
	}
	for (size_t i = 0; at && i < SIDES; i++)
		if (accepts(&env->forest[order[i]], at + 1))
			return order[i] == SOURCE ? ROUTE_SOURCE : ROUTE_TARGET;
	return ROUTE_AWAY;
}

static bool
holds_as_proxy(const struct entry *e, const char *typed)
{
	const struct attr *a = entry_find(e, "proxyAddresses");

	return (a && attr_has(a, bytes_of(typed), true)) || is_x500(typed);
}

/* Moves those that really accept the address to the front: an object that has it in `mail` alone
 * counts only if no other has it. Returns how many there are. */
static size_t
choose(struct entry **found, size_t n, const char *typed)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		if (holds_as_proxy(found[i], typed)) {
			struct entry *e = found[k];

			found[k++] = found[i];
			found[i] = e;
		}
	return k ? k : n;
}

static int
collision(struct walk *w, struct frame *parent, enum side side, const char *address,
    struct entry *const *found, size_t n)
{
	_cleanup_(frame_done) struct frame f = {0};
	_cleanup_(buf_done) struct buf others = {0};

	if (begin(w, &f, parent, side, address, found[0]) < 0)
		return -1;
	for (size_t i = 1; i < n; i++)
		buf_printf(&others, "%s'%s'", i > 1 ? ", " : "", found[i]->dn);
	if (others.failed)
		return err_nomem(w->err);
	return end(w, &f, TRACE_COLLISION, (const char *)others.data);
}

/* The objects of SIDE that accept ADDRESS; *RET_N 0 if there is none. */
static int
look_up(struct walk *w, enum side side, const char *address, struct entry **found, size_t *ret_n,
    size_t *ret_chosen)
{
	_cleanup_(free) char *typed =
	    is_x500(address) ? strdup(address) : str_printf("smtp:%s", address);

	*ret_n = 0;
	if (!typed)
		return err_nomem(w->err);
	if (w->env->holders(side, typed, found, ret_n, w->env->arg, w->err) < 0)
		return -1;
	*ret_chosen = choose(found, *ret_n, typed);
	return 0;
}

/* Organization SIDE has accepted mail to ADDRESS. *RET_FOUND tells whether an object holds it. */
static int
accept_in(
    struct walk *w, struct frame *parent, enum side side, const char *address, bool *ret_found)
{
	struct entry *found[TRACE_HOLDERS] = {NULL};
	size_t n = 0, chosen = 0;
	int rc = look_up(w, side, address, found, &n, &chosen);

	*ret_found = n > 0;
	if (rc == 0 && n > 0)
		rc = chosen > 1 ? collision(w, parent, side, address, found, chosen)
				: follow_object(w, parent, side, address, found[0]);
	for (size_t i = 0; i < n; i++)
		entry_free(found[i]);
	return rc;
}

static int
end_address(struct walk *w, struct frame *parent, enum side side, const char *address,
    enum trace_step step, const char *detail)
{
	_cleanup_(frame_done) struct frame f = {0};

	if (begin(w, &f, parent, side, address, NULL) < 0)
		return -1;
	if ((step == TRACE_DEAD_END || !parent) &&
	    w->env->remembered(address, &f.hop.note, w->env->arg, w->err) < 0)
		return -1;
	return end(w, &f, step, detail);
}

/* Mail to ADDRESS leaves an object of HERE. */
static int
send_on(struct walk *w, struct frame *parent, enum side here, const char *address)
{
	enum route r = route(w->env, here, address);
	enum side to = r == ROUTE_SOURCE ? SOURCE : TARGET;
	bool found;

	if (r == ROUTE_AWAY)
		return end_address(w, parent, here, address, TRACE_LEAVES, NULL);
	if (accept_in(w, parent, to, address, &found) < 0)
		return -1;
	return found ? 0
		     : end_address(w, parent, to, address, TRACE_DEAD_END,
			   "the domain is accepted here, but nobody has the address");
}

/* ---- objects ---- */

static int
redirect(struct walk *w, struct frame *f, const char *to)
{
	const char *address = strchr(to, ':') ? strchr(to, ':') + 1 : to;
	bool smtp = !strchr(to, ':') || str_starts_nocase(to, "smtp:");

	if (smtp && (!strrchr(address, '@') || !strrchr(address, '@')[1])) {
		_cleanup_(free) char *text = str_printf("its targetAddress '%s' is no address", to);

		return text ? end(w, f, TRACE_DEAD_END, text) : err_nomem(w->err);
	}
	if (end(w, f, TRACE_REDIRECT, smtp ? address : to) < 0)
		return -1;
	return smtp ? send_on(w, f, f->hop.side, address)
		    : end_address(w, f, f->hop.side, to, TRACE_LEAVES, NULL);
}

static int
missing(struct walk *w, struct frame *parent, const char *dn)
{
	_cleanup_(frame_done) struct frame f = {0};

	if (begin(w, &f, parent, parent->hop.side, NULL, NULL) < 0)
		return -1;
	if (!(f.hop.dn = strdup(dn)))
		return err_nomem(w->err);
	return end(w, &f, TRACE_SKIPPED, "it is no object of this domain, or not readable");
}

static int
follow_dns(struct walk *w, struct frame *f, const struct bytes *dns, size_t n)
{
	struct entry *e[BATCH] = {NULL};
	int rc = w->env->objects(f->hop.side, dns, n, e, w->env->arg, w->err);

	for (size_t i = 0; i < n; i++) {
		if (rc == 0)
			rc = e[i] ? follow_object(w, f, f->hop.side, NULL, e[i])
				  : missing(w, f, dns[i].data);
		entry_free(e[i]);
	}
	return rc;
}

static int
expand(struct walk *w, struct frame *f, const struct entry *group)
{
	const struct attr *a = entry_find(group, "member");

	f->hop.members = a ? a->n_values : 0;
	if (!f->hop.members)
		return end(w, f, TRACE_EMPTY, NULL);
	if (end(w, f, TRACE_GROUP, NULL) < 0)
		return -1;
	for (size_t i = 0; i < a->n_values; i += BATCH)
		if (follow_dns(
			w, f, &a->values[i], a->n_values - i < BATCH ? a->n_values - i : BATCH) < 0)
			return -1;
	return 0;
}

static int
deliver(struct walk *w, struct frame *f, const struct entry *e)
{
	if (w->env->active(f->hop.side, &e->guid, &f->hop.active, w->env->arg, w->err) < 0 ||
	    (f->hop.active == TRACE_NOT_IN_MAP && note_standing(w, f) < 0))
		return -1;
	return end(w, f, TRACE_MAILBOX,
	    entry_get_str(e, "homeMDB") ? entry_get_str(e, "homeMDB")
					: entry_get_str(e, "msExchHomeServerName"));
}

static int
forward(struct walk *w, struct frame *f, const struct entry *e, struct bytes to)
{
	if (end(w, f, TRACE_FORWARD, to.data) < 0)
		return -1;
	if (entry_get_bool(e, "deliverAndRedirect")) {
		_cleanup_(frame_done) struct frame own = {0};

		if (begin(w, &own, f, f->hop.side, NULL, e) < 0 || deliver(w, &own, e) < 0)
			return -1;
	}
	return follow_dns(w, f, &to, 1);
}

static bool
is_recipient(const struct entry *e)
{
	return entry_get(e, "mailNickname").data || entry_get(e, "proxyAddresses").data;
}

static int
what_it_does(struct walk *w, struct frame *f, const struct entry *e)
{
	const char *to = entry_get_str(e, "targetAddress");
	struct bytes forward_to = entry_get(e, "altRecipient");

	if (f->hop.kind == KIND_GROUP)
		return expand(w, f, e);
	if (f->hop.kind == KIND_DYNAMIC_GROUP)
		return end(w, f, TRACE_DYNAMIC, NULL);
	if (to)
		return redirect(w, f, to);
	if (f->hop.kind == KIND_PUBLIC_FOLDER)
		return end(w, f, TRACE_PUBLIC_FOLDER, NULL);
	if (!kind_has_mailbox(e))
		return f->hop.address || is_recipient(e)
			   ? end(w, f, TRACE_DEAD_END, "it has neither mailbox nor targetAddress")
			   : end(w, f, TRACE_SKIPPED, "it is no recipient");
	return forward_to.data ? forward(w, f, e, forward_to) : deliver(w, f, e);
}

/* E is not needed any more when this returns: the caller frees it. */
static int
follow_object(
    struct walk *w, struct frame *parent, enum side side, const char *address, struct entry *e)
{
	_cleanup_(frame_done) struct frame f = {0};
	int fresh;

	if (begin(w, &f, parent, side, address, e) < 0 || (!parent && note_standing(w, &f) < 0))
		return -1;
	if (is_on_way(parent, side, &e->guid))
		return end(w, &f, TRACE_LOOP, NULL);
	if (f.hop.depth >= TRACE_MAX_DEPTH)
		return end(w, &f, TRACE_TOO_DEEP, NULL);
	fresh = guid_set_add(&w->seen[side], &e->guid);
	if (fresh < 0)
		return err_nomem(w->err);
	return fresh ? what_it_does(w, &f, e) : end(w, &f, TRACE_SEEN, NULL);
}

/* ---- the start ---- */

static int
start(struct walk *w, enum side from, const char *address)
{
	_cleanup_(frame_done) struct frame f = {0};
	enum side other = from == SOURCE ? TARGET : SOURCE;
	enum route r = route(w->env, from, address);
	bool found;

	if (accept_in(w, NULL, from, address, &found) < 0)
		return -1;
	if (found)
		return 0;
	if (is_x500(address) || r == (from == SOURCE ? ROUTE_SOURCE : ROUTE_TARGET))
		return end_address(w, NULL, from, address, TRACE_DEAD_END,
		    is_x500(address) ? "nobody has the address"
				     : "the domain is accepted here, but nobody has the address");
	if (r == ROUTE_AWAY)
		return end_address(w, NULL, from, address, TRACE_LEAVES, NULL);
	if (begin(w, &f, NULL, from, address, NULL) < 0 ||
	    end(w, &f, TRACE_PASSES, w->env->forest[other].name) < 0)
		return -1;
	return send_on(w, &f, from, address);
}

int
trace_run(const struct trace_env *env, enum side from, const char *address, struct trace *ret,
    struct err *err)
{
	struct walk w = {.env = env, .t = ret, .err = err};
	_cleanup_(free) char *x500 = address[0] == '/' ? str_printf("x500:%s", address) : NULL;
	int rc;

	if (address[0] == '/' && !x500)
		return err_nomem(err);
	if (x500)
		address = x500;
	else if (str_starts_nocase(address, "smtp:"))
		address += 5;
	rc = start(&w, from, address);
	guid_set_done(&w.seen[SOURCE]);
	guid_set_done(&w.seen[TARGET]);
	return rc;
}

/* ---- text ---- */

static const char *
active_text(const struct trace_hop *h)
{
	return h->active == TRACE_ACTIVE    ? ": the active one"
	       : h->active == TRACE_PASSIVE ? ": NOT the active one, which is its counterpart's"
	       : h->note		    ? ""
					    : ": not in the map";
}

static void
step_text(const struct trace_env *env, const struct trace_hop *h, char *ret, size_t size)
{
	const char *detail = h->detail ? h->detail : "";

	switch (h->step) {
	case TRACE_PASSES:
		(void)snprintf(ret, size, "nobody here has it; %s accepts the domain", detail);
		break;
	case TRACE_REDIRECT: (void)snprintf(ret, size, "redirects to %s", detail); break;
	case TRACE_FORWARD: (void)snprintf(ret, size, "forwards to '%s'", detail); break;
	case TRACE_GROUP:
		(void)snprintf(
		    ret, size, "to %zu member%s", h->members, h->members == 1 ? "" : "s");
		break;
	case TRACE_MAILBOX:
		(void)snprintf(ret, size, "delivered to the mailbox in %s%s",
		    env->forest[h->side].name, active_text(h));
		break;
	case TRACE_PUBLIC_FOLDER:
		(void)snprintf(ret, size, "delivered to the public folder");
		break;
	case TRACE_LEAVES: (void)snprintf(ret, size, "leaves both organizations"); break;
	case TRACE_SEEN: (void)snprintf(ret, size, "its way was followed above"); break;
	case TRACE_SKIPPED: (void)snprintf(ret, size, "gets nothing: %s", detail); break;
	case TRACE_EMPTY: (void)snprintf(ret, size, "to nobody: the group has no members"); break;
	case TRACE_DYNAMIC:
		(void)snprintf(ret, size, "a dynamic group: its members are not followed");
		break;
	case TRACE_DEAD_END: (void)snprintf(ret, size, "DEAD END: %s", detail); break;
	case TRACE_COLLISION:
		(void)snprintf(ret, size,
		    "COLLISION: %s has the address too; where mail goes is undefined", detail);
		break;
	case TRACE_LOOP: (void)snprintf(ret, size, "LOOP: the mail was here before"); break;
	case TRACE_TOO_DEEP:
		(void)snprintf(ret, size, "TOO DEEP: more than %d steps", TRACE_MAX_DEPTH);
		break;
	case TRACE_STEP_MAX: break;
	}
}

void
trace_hop_text(const struct trace_env *env, const struct trace_hop *h, char *ret, size_t size)
{
	size_t len;

	step_text(env, h, ret, size);
	len = strlen(ret);
	if (h->note)
		(void)snprintf(ret + len, size - len, "; %s", h->note);
}
