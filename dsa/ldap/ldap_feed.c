/* SPDX-License-Identifier: MIT */

/*
 * What changed since. Two ways, of which the server decides:
 *
 * DirSync (MS-ADTS 3.1.1.3.4.1.3) needs the right DS-Replication-Get-Changes. Its cookie works with
 * every DC of the domain. Values of links are asked for incrementally, so that one new member of a
 * large group is one value; nothing but the object's identity is used of the answer anyway.
 *
 * uSNChanged, where that right is missing. The right is asked for again with every session and
 * every full cycle: once it is there, so is DirSync.
 *
 * With either of them the cursor names the DC's database instance and its highestCommittedUSN (see
 * feed.h). The USN is read before the question: what changes in between is told twice rather than
 * never. With DirSync too a USN that went back is the only sign of a database that was set back by
 * force, because a cookie of the future is not refused.
 *
 * Where the DC is still the same and its USN too, nothing was committed there since, and the
 * question itself is spared: a server may look at all its objects to answer that none has changed.
 */

#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/feed.h"
#include "dsa/directory/filter.h"
#include "dsa/ldap/ldap_err.h"
#include "dsa/ldap/ldap_priv.h"

#define CONTROL_NOTIFICATION "1.2.840.113556.1.4.528"
#define INCREMENTAL_VALUES ((int)0x80000000)
#define MAX_BYTES (1 << 20)
/* Everything that is a recipient or has recipients below. Objects are told by objectClass, which
 * tombstones keep. */
#define FEED_FILTER                                                                                \
	"(|(objectClass=user)(objectClass=contact)(objectClass=group)"                             \
	"(objectClass=msExchDynamicDistributionList)(objectClass=publicFolder)"                    \
	"(objectClass=organizationalUnit)(objectClass=container))"

struct feed {
	struct ldap_dir *d;
	const char *const *attrs;
	dir_change_fn *fn;
	void *arg;
};

/* The cursor of now. */
static int
encode_cursor(struct ldap_dir *d, enum feed_way way, uint64_t usn, struct bytes cookie,
    struct buf *ret, struct err *err)
{
	struct feed_cursor c = {.way = way, .usn = usn, .cookie = cookie};

	(void)snprintf(c.invocation, sizeof c.invocation, "%s", d->info.invocation_id);
	feed_cursor_encode(&c, ret);
	return ret->failed ? err_nomem(err) : 0;
}

static int
deliver(struct feed *f, const struct entry *e, struct err *err)
{
	struct dir_change c = {.guid = e->guid,
	    .dn = e->dn,
	    .deleted = entry_get_bool(e, "isDeleted"),
	    .named = entry_find(e, "name") != NULL};

	return guid_is_zero(&c.guid) ? 0 : f->fn(&c, f->arg, err);
}

/* ---- DirSync ---- */

static int
send_dirsync(
    struct feed *f, struct ldap_read *r, const char *filter, struct berval *cookie, struct err *err)
{
	struct ldap_dir *d = f->d;
	LDAPControl *dirsync = NULL;
	LDAPControl *ctrls[2] = {0};
	int msgid, rc;

	rc = ldap_create_dirsync_control(d->ld, INCREMENTAL_VALUES, MAX_BYTES, cookie, &dirsync);
	if (rc != LDAP_SUCCESS)
		return err_ldap(err, rc, NULL, "DirSync control");
	dirsync->ldctl_iscritical = 1;
	ctrls[0] = dirsync;
	rc = ldap_search_ext(d->ld, d->info.domain_dn, LDAP_SCOPE_SUBTREE, filter,
	    ldap_unconst(f->attrs), 0, ctrls, NULL, NULL, LDAP_NO_LIMIT, &msgid);
	ldap_control_free(dirsync);
	if (rc != LDAP_SUCCESS)
		return ldap_conn_send_failed(d, rc, "DirSync search", err);
	ldap_read_expect(d, r, msgid);
	return 0;
}

enum { ROUND_MORE, ROUND_LAST, ROUND_REFUSED };

/* The end of one answer: the next cookie, and whether there is more. *CODE is set if REFUSED. */
static int
end_of_round(struct feed *f, LDAPMessage *m, struct berval *cookie, int *code, struct err *err)
{
	_cleanup_(ldap_memfree) char *diag = NULL;
	_cleanup_(ldap_controls_free) LDAPControl **ctrls = NULL;
	LDAPControl *dirsync;
	int more = 0;

	*code = ldap_result_code(f->d, m, &diag, &ctrls);
	if (*code != LDAP_SUCCESS) {
		(void)err_ldap(err, *code, diag, "DirSync search");
		return ROUND_REFUSED;
	}
	ber_memfree(cookie->bv_val);
	*cookie = (struct berval){0};
	dirsync = ldap_control_find(LDAP_CONTROL_X_DIRSYNC, ctrls, NULL);
	if (!dirsync ||
	    ldap_parse_dirsync_control(f->d->ld, dirsync, &more, cookie) != LDAP_SUCCESS)
		return err_set(err, ERR_LDAP, ERR_LINK, ERR_LATER, LDAP_DECODING_ERROR,
		    "the server gave no DirSync cookie");
	return more ? ROUND_MORE : ROUND_LAST;
}

static int
dirsync_round(
    struct feed *f, struct ldap_read *r, struct berval *cookie, int *code, struct err *err)
{
	for (;;) {
		_cleanup_(ldap_msgfree) LDAPMessage *m = NULL;
		_cleanup_(entry_free) struct entry *e = NULL;

		if (ldap_read_next(f->d, r, &m, err) < 0)
			return -1;
		if (ldap_msgtype(m) == LDAP_RES_SEARCH_RESULT)
			return end_of_round(f, m, cookie, code, err);
		if (ldap_msgtype(m) == LDAP_RES_SEARCH_ENTRY &&
		    (ldap_search_convert(f->d, m, &e, err) < 0 || deliver(f, e, err) < 0))
			return -1;
	}
}

/* Goes through all rounds. A refusal gives ROUND_REFUSED with the result in *CODE. */
static int
dirsync(struct feed *f, const char *filter, struct berval *cookie, int *code, struct err *err)
{
	struct ldap_read r;
	int rc;

	ldap_read_begin(f->d, &r, 0);
	do {
		rc = send_dirsync(f, &r, filter, cookie, err);
		if (rc == 0)
			rc = dirsync_round(f, &r, cookie, code, err);
	} while (rc == ROUND_MORE);
	ldap_read_end(f->d, &r);
	return rc;
}

/* Does the refusal mean that the account may not use DirSync at all? */
static bool
lacks_right(int code)
{
	return code == LDAP_INSUFFICIENT_ACCESS || code == LDAP_UNAVAILABLE_CRITICAL_EXTENSION;
}

static void
cookie_is_bad(struct ldap_dir *d, enum dir_feed *ret)
{
	d->info.lost = "the server does not take the cookie of the last cycle";
	*ret = DIR_FEED_LOST;
}

/* From the cookie of OLD on; or, without one, only the cookie of now. *RET is set if the server
 * does not take the cookie. If the account lacks the right that is kept, and nothing was told. */
static int
changes_by_dirsync(struct feed *f, const struct feed_cursor *old, uint64_t usn,
    struct buf *ret_cursor, enum dir_feed *ret, struct err *err)
{
	struct berval cookie = {0};
	int code = 0, rc;

	if (old) {
		cookie.bv_len = old->cookie.len;
		cookie.bv_val = ber_memalloc(old->cookie.len + 1);
		if (!cookie.bv_val)
			return err_nomem(err);
		memcpy(cookie.bv_val, old->cookie.data, old->cookie.len);
	}
	/* A filter that nothing matches: only the cookie is wanted. */
	rc = dirsync(f, old ? FEED_FILTER : "(&(objectClass=user)(!(objectClass=user)))", &cookie,
	    &code, err);
	if (rc == ROUND_LAST) {
		rc = encode_cursor(f->d, FEED_DIRSYNC, usn,
		    (struct bytes){cookie.bv_val, cookie.bv_len}, ret_cursor, err);
	} else if (rc == ROUND_REFUSED && lacks_right(code) && old) {
		/* Samba answers a cookie that it cannot read as a control that it does not know:
		 * whoever is refused without one too lacks the right. */
		rc = changes_by_dirsync(f, NULL, usn, ret_cursor, ret, err);
		if (rc == 0 && !f->d->no_dirsync)
			cookie_is_bad(f->d, ret);
	} else if (rc == ROUND_REFUSED && lacks_right(code)) {
		f->d->no_dirsync = true;
	} else if (rc == ROUND_REFUSED && old && err->scope != ERR_PEER) {
		cookie_is_bad(f->d, ret);
	} else if (rc == ROUND_REFUSED) {
		rc = -1;
	}
	ber_memfree(cookie.bv_val);
	return rc < 0 ? -1 : 0;
}

/* ---- uSNChanged ---- */

static int
take_changed(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;

	return deliver(arg, own, err);
}

static int
ask_above(struct feed *f, uint64_t usn, struct err *err)
{
	static const char *const attrs[] = {"objectGUID", "isDeleted", "name", NULL};
	_cleanup_(free) char *filter =
	    str_printf("(&(uSNChanged>=%llu)" FEED_FILTER ")", (unsigned long long)usn + 1);
	struct dir_query q = {.base = f->d->info.domain_dn,
	    .scope = DIR_SUBTREE,
	    .filter = filter,
	    .attrs = attrs,
	    .deleted = true};
	bool delivered = false;

	if (!filter)
		return err_nomem(err);
	return ldap_search_once(f->d, &q, take_changed, f, &delivered, err);
}

/* From the USN of OLD on (NULL: nothing is told). Where the right for DirSync is there, the next
 * question is one by DirSync: its cookie is fetched first, so that what changes in between is told
 * twice. */
static int
changes_by_usn(struct feed *f, const struct feed_cursor *old, uint64_t usn, struct buf *ret_cursor,
    struct err *err)
{
	enum dir_feed ignored;

	if (!f->d->no_dirsync && changes_by_dirsync(f, NULL, usn, ret_cursor, &ignored, err) < 0)
		return -1;
	if (old && ask_above(f, old->usn, err) < 0)
		return -1;
	return f->d->no_dirsync
		   ? encode_cursor(f->d, FEED_USN, usn, (struct bytes){0}, ret_cursor, err)
		   : 0;
}

/* ---- both ---- */

static int
take_nothing(struct entry *e, void *arg, struct err *err)
{
	(void)err;
	entry_free(e);
	*(bool *)arg = true;
	return 0;
}

/* Is there a DC of this forest whose database instance is INVOCATION? */
static int
is_known_instance(struct ldap_dir *d, const char *invocation, bool *ret, struct err *err)
{
	static const char *const attrs[] = {"objectGUID", NULL};
	_cleanup_(free) char *value = NULL, *filter = NULL;
	struct dir_query q = {.base = d->info.config_dn, .scope = DIR_SUBTREE, .attrs = attrs};
	bool delivered = false;
	struct guid id;

	*ret = false;
	if (!guid_parse(invocation, &id))
		return 0;
	value = filter_escape(guid_bytes(&id));
	filter = value ? str_printf("(&(objectClass=nTDSDSA)(invocationId=%s))", value) : NULL;
	if (!filter)
		return err_nomem(err);
	q.filter = filter;
	return ldap_search_once(d, &q, take_nothing, ret, &delivered, err);
}

/* One step after the other until the question is answered. */
static int
ask(struct feed *f, struct bytes raw, const struct feed_cursor *c, struct feed_server *s,
    struct buf *ret_cursor, enum dir_feed *ret, struct err *err)
{
	struct ldap_dir *d = f->d;
	bool there;

	for (;;) {
		s->no_dirsync = d->no_dirsync;
		switch (feed_next(c, s, &d->info.lost)) {
		case FEED_STEP_LOST: *ret = DIR_FEED_LOST; return 0;
		case FEED_STEP_NOTHING:
			buf_reset(ret_cursor);
			buf_add(ret_cursor, raw.data, raw.len);
			return ret_cursor->failed ? err_nomem(err) : 0;
		case FEED_STEP_LOOK:
			if (is_known_instance(d, c->invocation, &there, err) < 0)
				return -1;
			s->former = there ? FEED_FORMER_THERE : FEED_FORMER_GONE;
			break;
		case FEED_STEP_DIRSYNC:
			if (changes_by_dirsync(f, c, s->usn, ret_cursor, ret, err) < 0)
				return -1;
			if (!d->no_dirsync)
				return 0;
			break;
		case FEED_STEP_START:
		case FEED_STEP_USN: return changes_by_usn(f, c, s->usn, ret_cursor, err);
		}
	}
}

int
ldap_dir_changes(struct dir *dir, const struct dir_since *since, dir_change_fn *fn, void *arg,
    struct buf *ret_cursor, enum dir_feed *ret, struct err *err)
{
	struct ldap_dir *d = ldap_dir_of(dir);
	struct feed f = {.d = d, .attrs = since->attrs, .fn = fn, .arg = arg};
	struct feed_server s = {.former = FEED_FORMER_UNKNOWN};
	struct feed_cursor c;

	/* This also opens the session, and another one if the server has closed it. */
	if (ldap_dir_usn(dir, &s.usn, err) < 0)
		return -1;
	d->heard_usn = s.usn;
	/* The right may have been given meanwhile. */
	if (!since->cursor.len)
		d->no_dirsync = false;
	s.invocation = d->info.invocation_id;
	if (since->cursor.len && !feed_cursor_decode(since->cursor, &c)) {
		d->info.lost = "the map's cursor is of another version, or damaged";
		*ret = DIR_FEED_LOST;
		return 0;
	}
	*ret = DIR_FEED_CHANGES;
	if (ask(&f, since->cursor, since->cursor.len ? &c : NULL, &s, ret_cursor, ret, err) < 0)
		return err_ctx(err, "changes of forest '%s'", dir->name);
	/* How the next question will be asked. */
	d->info.by_usn = *ret == DIR_FEED_LOST
			     ? d->no_dirsync
			     : feed_cursor_decode(buf_bytes(ret_cursor), &c) && c.way == FEED_USN;
	return 0;
}

/* ---- notification (MS-ADTS 3.1.1.3.4.1.9) ---- */

/*
 * Who waits for notifications while he writes himself is told of his own changes. Samba searches
 * the whole domain to find out what to tell, after every write: with 10,000 users that takes many
 * times as long as the write. So the wish ends with our first write, and when it is renewed, one
 * look at the USN tells whether anything happened meanwhile, be it our own writes.
 */

void
ldap_feed_unwatch(struct ldap_dir *d)
{
	if (d->watch_msgid >= 0)
		(void)ldap_abandon_ext(d->ld, d->watch_msgid, NULL, NULL);
	d->watch_msgid = -1;
}

/* What happened between changes() and the wish to be notified is told to nobody. */
static int
look_back(struct ldap_dir *d, struct err *err)
{
	static const char *const attrs[] = {"highestCommittedUSN", NULL};
	_cleanup_(entry_free) struct entry *e = NULL;

	if (ldap_read_once(d, "", attrs, &e, err) < 0)
		return -1;
	if (d->heard_usn && e &&
	    (uint64_t)entry_get_i64(e, "highestCommittedUSN", 0) != d->heard_usn)
		d->woken = true;
	return 0;
}

int
ldap_dir_watch(struct dir *dir, struct err *err)
{
	static const char *const attrs[] = {"objectGUID", NULL};
	struct ldap_dir *d = ldap_dir_of(dir);
	char oid[] = CONTROL_NOTIFICATION, deleted_oid[] = LDAP_CONTROL_SHOW_DELETED;
	LDAPControl notify = {.ldctl_oid = oid, .ldctl_iscritical = 1};
	/* Without it a deletion is not told of. */
	LDAPControl deleted = {.ldctl_oid = deleted_oid};
	LDAPControl *ctrls[] = {&notify, &deleted, NULL};
	int rc;

	if (ldap_dir_ensure(d, err) < 0)
		return -1;
	if (d->watch_msgid >= 0)
		return 0;
	rc = ldap_search_ext(d->ld, d->info.domain_dn, LDAP_SCOPE_SUBTREE, "(objectClass=*)",
	    ldap_unconst(attrs), 0, ctrls, NULL, NULL, LDAP_NO_LIMIT, &d->watch_msgid);
	if (rc == LDAP_SUCCESS)
		return look_back(d, err);
	d->watch_msgid = -1;
	return ldap_conn_send_failed(d, rc, "change notification", err);
}

bool
ldap_feed_answer(struct ldap_dir *d, int msgid, LDAPMessage *m)
{
	if (msgid != d->watch_msgid)
		return false;
	/* A server that refuses is not asked again in this session: the interval remains. */
	if (ldap_msgtype(m) == LDAP_RES_SEARCH_ENTRY)
		d->woken = true;
	return true;
}

bool
ldap_dir_woken(struct dir *dir)
{
	struct ldap_dir *d = ldap_dir_of(dir);
	bool woken = d->woken;

	d->woken = false;
	return woken;
}
