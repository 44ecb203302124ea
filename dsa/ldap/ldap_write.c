/* SPDX-License-Identifier: MIT */

/*
 * Changes under way. Up to conf->window requests are sent before the first answer is needed; their
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

#include <stdio.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/ldap/ldap_err.h"
#include "dsa/ldap/ldap_priv.h"

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
push(struct ldap_writes *l, struct ldap_write *w)
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
pull(struct ldap_writes *l, struct ldap_write **at)
{
	struct ldap_write *w = *at;

	*at = w->next;
	if (!w->next)
		l->end = at;
	l->n--;
	return w;
}

bool
ldap_write_answer(struct ldap_dir *d, int msgid, LDAPMessage *m)
{
	for (struct ldap_write **at = &d->sent.first; *at; at = &(*at)->next) {
		_cleanup_(ldap_memfree) char *diag = NULL;
		struct ldap_write *w = *at;

		if (w->msgid != msgid)
			continue;
		(void)pull(&d->sent, at);
		w->known = true;
		w->rc = ldap_result_code(d, m, &diag, NULL);
		ldap_dir_note_answer(d, w->rc);
		w->diag = diag && diag[0] ? strdup(diag) : NULL;
		push(&d->finished, w);
		return true;
	}
	return false;
}

void
ldap_write_unknown(struct ldap_dir *d)
{
	while (d->sent.first) {
		struct ldap_write *w = pull(&d->sent, &d->sent.first);

		w->known = false;
		w->diag = strdup(d->why.text);
		push(&d->finished, w);
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
ldap_write_report(struct ldap_dir *d)
{
	while (d->finished.first) {
		_cleanup_(write_free) struct ldap_write *w = pull(&d->finished, &d->finished.first);

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
send_add(struct ldap_dir *d, const struct change *c, int *ret_msgid)
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
	return ldap_add_ext(d->ld, c->dn, l.ptrs, NULL, NULL, ret_msgid);
}

static int
send_modify(struct ldap_dir *d, const struct change *c, const char *name, int *ret_msgid)
{
	static const int ops[] = {[MOD_ADD] = LDAP_MOD_ADD,
	    [MOD_DELETE] = LDAP_MOD_DELETE,
	    [MOD_REPLACE] = LDAP_MOD_REPLACE};
	_cleanup_(mod_list_done) struct mod_list l = {0};
	struct mod_fill f = {0};
	size_t n_values = 0;

	for (size_t i = 0; i < c->n_mods; i++)
		n_values += c->mods[i].n_values;
	if (mod_list_init(&l, c->n_mods, n_values) < 0)
		return LDAP_NO_MEMORY;
	for (size_t i = 0; i < c->n_mods; i++)
		mod_list_add(&l, &f, ops[c->mods[i].op], c->mods[i].attr, c->mods[i].values,
		    c->mods[i].n_values);
	return ldap_modify_ext(d->ld, name, l.ptrs, NULL, NULL, ret_msgid);
}

static int
send_change(struct ldap_dir *d, const struct change *c, int *ret_msgid)
{
	char guid[GUID_TEXT_SIZE], by_guid[GUID_TEXT_SIZE + 8];
	const char *name = c->dn;

	if (!guid_is_zero(&c->guid)) {
		guid_format(&c->guid, guid);
		(void)snprintf(by_guid, sizeof by_guid, "<GUID=%s>", guid);
		name = by_guid;
	}
	switch (c->op) {
	case CHANGE_ADD: return send_add(d, c, ret_msgid);
	case CHANGE_MODIFY: return send_modify(d, c, name, ret_msgid);
	case CHANGE_RENAME:
		/* By name: Samba finds no object to rename by GUID. If the name has changed
		 * since it was read the request fails, and the object is read again. */
		return ldap_rename(
		    d->ld, c->dn, c->new_rdn, c->new_parent, 1, NULL, NULL, ret_msgid);
	case CHANGE_DELETE: return ldap_delete_ext(d->ld, name, NULL, NULL, ret_msgid);
	}
	return LDAP_PARAM_ERROR;
}

/* ---- the operations ---- */

/* Takes in every answer that is there. */
static int
take_answers(struct ldap_dir *d, struct err *err)
{
	int rc;

	do
		rc = ldap_conn_pump(d, err);
	while (rc > 0);
	return rc;
}

/* Waits until there is room in the window, calling back for changes that finish meanwhile. -1 if
 * the session broke; all changes are reported then. */
static int
make_room(struct ldap_dir *d, struct err *err)
{
	while (d->ready && d->sent.n + d->finished.n >= (size_t)d->conf->window) {
		int rc = take_answers(d, err);

		if (rc == 0 && !d->finished.first)
			rc = ldap_conn_wait(d, 0, err);
		ldap_write_report(d);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int
check(const struct ldap_dir *d, const struct change *c, struct err *err)
{
	if (d->read_only)
		return err_set(err, ERR_CONF, ERR_LINK, ERR_NEVER, 0,
		    "%s '%s': the directory is opened for reading only", change_op_name(c->op),
		    c->dn);
	if (change_is_empty(c))
		return err_data(err, "modify '%s': nothing to modify", c->dn);
	return 0;
}

/* There is no session. However the server puts it, that is not the fault of the change that
 * happened to be next: whoever took it for that would blame one object after the other, each at the
 * price of one more refused bind. */
static int
no_session(struct err *err)
{
	if (err->scope != ERR_DAEMON)
		err->scope = ERR_PEER;
	return -1;
}

/* Sends C, reopening if need be. *OPEN: there was a session to send it in. */
static int
hand_over(struct ldap_dir *d, const struct change *c, int *ret_msgid, bool *open, struct err *err)
{
	int rc;

	do {
		*open = ldap_dir_ensure(d, err) == 0;
		if (!*open)
			return no_session(err);
		/* A break while waiting for room is not about C: try with the next session. */
	} while (make_room(d, err) < 0 || !d->ready);
	ldap_feed_unwatch(d);
	rc = send_change(d, c, ret_msgid);
	if (rc != LDAP_SUCCESS) {
		(void)ldap_conn_send_failed(d, rc, change_op_name(c->op), err);
		return err_ctx(err, "'%s'", c->dn);
	}
	return 0;
}

int
ldap_dir_submit(
    struct dir *dir, const struct change *c, dir_done_fn *done, void *arg, struct err *err)
{
	_cleanup_(write_free) struct ldap_write *w = calloc(1, sizeof *w);
	struct ldap_dir *d = ldap_dir_of(dir);
	bool open;

	if (!w)
		return err_nomem(err);
	if (check(d, c, err) < 0)
		return -1;
	if (hand_over(d, c, &w->msgid, &open, err) < 0) {
		/* A connection that the server had closed unnoticed: once more. */
		if (!open || d->ready || atomic_load(&d->cancelled) ||
		    hand_over(d, c, &w->msgid, &open, err) < 0)
			return -1;
	}
	w->change = c;
	w->done = done;
	w->arg = arg;
	push(&d->sent, TAKE(w));
	return 0;
}

int
ldap_dir_process(struct dir *dir, struct err *err)
{
	struct ldap_dir *d = ldap_dir_of(dir);
	int rc = ldap_conn_check_cancel(d, err);

	if (rc == 0 && d->ready)
		rc = take_answers(d, err);
	/* With changes under way, silence has an end. */
	if (rc == 0 && d->sent.n &&
	    clock_monotonic_ms() > d->sock.progress_ms + d->conf->timeout_ms)
		rc = ldap_conn_wait(d, 0, err);
	ldap_write_report(d);
	return rc;
}

size_t
ldap_dir_pending(const struct dir *dir)
{
	const struct ldap_dir *d = (const struct ldap_dir *)dir;

	return d->sent.n + d->finished.n;
}
