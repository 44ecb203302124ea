/* SPDX-License-Identifier: MIT */

/*
 * Up to conf->window requests are sent before the first answer is needed; their
 * answers come in any order and are matched by message id.
 *
 *   submit()  ->  sent  --answer-->  finished  --process()-->  the callback
 *                      --session ends-->  finished, outcome unknown  --process()-->  the callback
 *
 * A callback is only ever called from submit(), process() and close(), never from a read. It is
 * called after its change has left all lists, so it may submit.
 *
 * A request that libldap could not hand over completely was certainly not executed: a part of a
 * message means nothing to the server. Only what was handed over and not answered is unknown.
 */

#include "dsa/ldap/ldap_write.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/ldap/ldap_err.h"
#include "dsa/ldap/ldap_mem.h"
#include "dsa/ldap/ldap_search.h"

/* A change under way, or one whose outcome has not been reported yet. */
struct ldap_write {
	struct ldap_write *next;
	int msgid;
	const struct change *change;
	dir_done_fn *done;
	void *arg;
	bool known; /* RC is the server's answer, DIAG its words; else DIAG is why we cannot know */
	int rc;
	char *diag;
};

static void
write_free(struct ldap_write *w)
{
	if (!w)
		return;
	free(w->diag);
	free(w);
}
DEFINE_CLEANUP(struct ldap_write *, write_free)

static void
push(struct ldap_write_list *l, struct ldap_write *w)
{
	w->next = NULL;
	if (!l->first)
		l->end = &l->first;
	*l->end = w;
	l->end = &w->next;
	l->n++;
}

/* Takes the change that *AT points to out of L. */
static struct ldap_write *
pull(struct ldap_write_list *l, struct ldap_write **at)
{
	struct ldap_write *w = *at;

	*at = w->next;
	if (!w->next)
		l->end = at;
	l->n--;
	return w;
}

void
ldap_writes_init(struct ldap_writes *ws)
{
	*ws = (struct ldap_writes){0};
	ws->sent.end = &ws->sent.first;
	ws->finished.end = &ws->finished.first;
}

bool
ldap_writes_answer(
    struct ldap_writes *ws, struct ldap_session *s, int msgid, LDAPMessage *m, int *ret_rc)
{
	for (struct ldap_write **at = &ws->sent.first; *at; at = &(*at)->next) {
		_cleanup_(ldap_memfree) char *diag = NULL;
		struct ldap_write *w = *at;

		if (w->msgid != msgid)
			continue;
		(void)pull(&ws->sent, at);
		ws->heard_ms = clock_monotonic_ms();
		w->known = true;
		*ret_rc = w->rc = ldap_session_result(s, m, &diag, NULL);
		w->diag = diag && diag[0] ? strdup(diag) : NULL;
		push(&ws->finished, w);
		return true;
	}
	return false;
}

void
ldap_writes_unknown(struct ldap_writes *ws, const char *why)
{
	while (ws->sent.first) {
		struct ldap_write *w = pull(&ws->sent, &ws->sent.first);

		w->known = false;
		w->diag = strdup(why);
		push(&ws->finished, w);
	}
}

/* Calls back for W. */
static void
report(const struct ldap_write *w)
{
	struct err err;

	if (w->known && w->rc == LDAP_SUCCESS) {
		w->done(w->arg, NULL);
		return;
	}
	if (w->known)
		(void)err_ldap(
		    &err, w->rc, w->diag, "%s '%s'", change_op_name(w->change->op), w->change->dn);
	else
		(void)err_set(&err, ERR_LDAP, ERR_PEER, ERR_LATER, LDAP_SERVER_DOWN,
		    "%s '%s': the outcome is unknown: %s", change_op_name(w->change->op),
		    w->change->dn, w->diag ? w->diag : "the session ended");
	w->done(w->arg, &err);
}

void
ldap_writes_report(struct ldap_writes *ws)
{
	while (ws->finished.first) {
		_cleanup_(write_free) struct ldap_write *w =
		    pull(&ws->finished, &ws->finished.first);

		report(w);
	}
}

/* ---- requests ---- */

struct mod_list {
	LDAPMod *mods, **ptrs;
	struct berval *values, **value_ptrs;
};

static void
mod_list_donep(struct mod_list *l)
{
	free(l->mods);
	free(l->ptrs);
	free(l->values);
	free(l->value_ptrs);
}

/* Room for N modifications with N_VALUES values together. */
static int
mod_list_init(struct mod_list *l, size_t n, size_t n_values)
{
	l->mods = calloc(n + 1, sizeof(LDAPMod));
	l->ptrs = calloc(n + 1, sizeof(LDAPMod *));
	l->values = calloc(n_values + 1, sizeof(struct berval));
	/* Each list of values is ended by NULL. */
	l->value_ptrs = calloc(n_values + n + 1, sizeof(struct berval *));
	return l->mods && l->ptrs && l->values && l->value_ptrs ? 0 : -1;
}

/* What has been used of a mod_list. */
struct mod_fill {
	size_t mods, values, ptrs;
};

static void
mod_list_add(struct mod_list *l, struct mod_fill *f, int op, const char *name,
    const struct bytes *values, size_t n)
{
	LDAPMod *m = &l->mods[f->mods];

	l->ptrs[f->mods++] = m;
	m->mod_op = op | LDAP_MOD_BVALUES;
	m->mod_type = ldap_unconst(name);
	m->mod_bvalues = n ? &l->value_ptrs[f->ptrs] : NULL;
	for (size_t i = 0; i < n; i++) {
		struct berval *v = &l->values[f->values++];

		*v = (struct berval){
		    .bv_len = values[i].len, .bv_val = ldap_unconst(values[i].data)};
		l->value_ptrs[f->ptrs++] = v;
	}
	if (n)
		f->ptrs++;
}

static int
send_add(struct ldap_session *s, const struct change *c, int *ret_msgid)
{
	_cleanup_(mod_list_done) struct mod_list l = {0};
	const struct entry *e = c->entry;
	struct mod_fill f = {0};
	size_t n_values = 0;

	for (size_t i = 0; i < e->n_attrs; i++)
		n_values += e->attrs[i].n_values;
	if (mod_list_init(&l, e->n_attrs, n_values) < 0)
		return LDAP_NO_MEMORY;
	for (size_t i = 0; i < e->n_attrs; i++) {
		if (e->attrs[i].n_values)
			mod_list_add(&l, &f, LDAP_MOD_ADD, e->attrs[i].name, e->attrs[i].values,
			    e->attrs[i].n_values);
	}
	return ldap_add_ext(s->ld, c->dn, l.ptrs, NULL, NULL, ret_msgid);
}

static int
send_modify(struct ldap_session *s, const struct change *c, const char *name, int *ret_msgid)
{
	static const int ops[] = {[MOD_ADD] = LDAP_MOD_ADD,
	    [MOD_DELETE] = LDAP_MOD_DELETE,
	    [MOD_REPLACE] = LDAP_MOD_REPLACE};
	_cleanup_(mod_list_done) struct mod_list l = {0};
	char oid[] = LDAP_CONTROL_SHOW_DELETED;
	LDAPControl deleted = {.ldctl_oid = oid, .ldctl_iscritical = 1};
	LDAPControl *ctrls[] = {change_brought_back(c) ? &deleted : NULL, NULL};
	struct mod_fill f = {0};
	size_t n_values = 0;

	for (size_t i = 0; i < c->n_mods; i++)
		n_values += c->mods[i].n_values;
	if (mod_list_init(&l, c->n_mods, n_values) < 0)
		return LDAP_NO_MEMORY;
	for (size_t i = 0; i < c->n_mods; i++)
		mod_list_add(&l, &f, ops[c->mods[i].op], c->mods[i].attr, c->mods[i].values,
		    c->mods[i].n_values);
	return ldap_modify_ext(s->ld, name, l.ptrs, ctrls, NULL, ret_msgid);
}

static int
send_change(struct ldap_session *s, const struct change *c, int *ret_msgid)
{
	char guid[GUID_TEXT_SIZE], by_guid[GUID_TEXT_SIZE + 8];
	const char *name = c->dn;

	if (!guid_is_zero(&c->guid)) {
		guid_format(&c->guid, guid);
		(void)snprintf(by_guid, sizeof by_guid, "<GUID=%s>", guid);
		name = by_guid;
	}
	switch (c->op) {
	case CHANGE_ADD: return send_add(s, c, ret_msgid);
	case CHANGE_MODIFY:
		/* Samba brings no object back by GUID. The name of a tombstone has the GUID in it,
		 * and what was brought back by others has that name no more. */
		return send_modify(s, c, change_brought_back(c) ? c->dn : name, ret_msgid);
	case CHANGE_RENAME:
		/* By name: Samba finds no object to rename by GUID. If the name has changed
		 * since it was read the request fails, and the object is read again. */
		return ldap_rename(
		    s->ld, c->dn, c->new_rdn, c->new_parent, 1, NULL, NULL, ret_msgid);
	case CHANGE_DELETE: return ldap_delete_ext(s->ld, name, NULL, NULL, ret_msgid);
	}
	return LDAP_PARAM_ERROR;
}

/* ---- the window ---- */

/* Takes in every answer that is there. */
static int
take_answers(struct ldap_session *s, struct err *err)
{
	int rc;

	do
		rc = ldap_session_pump(s, err);
	while (rc > 0);
	return rc;
}

int
ldap_writes_make_room(struct ldap_writes *ws, struct ldap_session *s, struct err *err)
{
	while (s->ready && ldap_writes_pending(ws) >= (size_t)s->conf->window) {
		int rc = take_answers(s, err);

		if (rc == 0 && !ws->finished.first)
			rc = ldap_session_wait(s, 0, err);
		ldap_writes_report(ws);
		if (rc < 0)
			return -1;
	}
	return 0;
}

int
ldap_writes_send(struct ldap_writes *ws, struct ldap_session *s, const struct change *c,
    dir_done_fn *done, void *arg, struct err *err)
{
	_cleanup_(write_free) struct ldap_write *w = calloc(1, sizeof *w);
	int rc;

	if (!w)
		return err_nomem(err);
	rc = send_change(s, c, &w->msgid);
	if (rc != LDAP_SUCCESS) {
		(void)ldap_session_send_failed(s, rc, change_op_name(c->op), err);
		return err_ctx(err, "'%s'", c->dn);
	}
	w->change = c;
	w->done = done;
	w->arg = arg;
	if (!ws->sent.n)
		ws->heard_ms = clock_monotonic_ms();
	push(&ws->sent, TAKE(w));
	return 0;
}

int
ldap_writes_take_answers(struct ldap_writes *ws, struct ldap_session *s, struct err *err)
{
	int rc = s->ready ? take_answers(s, err) : 0;

	/* Octets that come say nothing while none of them is an answer. */
	if (rc == 0 && s->ready && ws->sent.n)
		rc = ldap_session_bear(s, clock_monotonic_ms() - ws->heard_ms, err);
	if (rc == 0 && ws->sent.n &&
	    clock_monotonic_ms() > s->sock.progress_ms + s->conf->timeout_ms)
		rc = ldap_session_wait(s, 0, err);
	return rc;
}

size_t
ldap_writes_pending(const struct ldap_writes *ws)
{
	return ws->sent.n + ws->finished.n;
}
