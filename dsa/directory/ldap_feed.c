/* SPDX-License-Identifier: MIT */

/*
 * What changed since. Two ways, of which the server decides:
 *
 * DirSync (MS-ADTS 3.1.1.3.4.1.3) needs the right DS-Replication-Get-Changes. Its cookie works with
 * every DC of the domain. Values of links are asked for incrementally, so that one new member of a
 * large group is one value; nothing but the object's identity is used of the answer anyway.
 *
 * uSNChanged, where that right is missing. USNs are a DC's own (MS-ADTS 3.1.1.1.9), so the cursor
 * is of no use with another DC, nor after the database was restored: a restored DC gets another
 * invocationId, and one that was set back by force has a smaller highestCommittedUSN. With DirSync
 * the latter is the only sign too, because the cookie of the future is not refused.
 *
 * A cursor is: version, way, invocationId of the DC, its highestCommittedUSN before the question,
 * and the cookie. The USN is read first: what changes in between is told twice rather than never.
 *
 * Where the DC is still the same and its USN too, nothing was committed there since, and the
 * question itself is spared: a server may look at all its objects to answer that none has changed.
 */

#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/filter.h"
#include "dsa/directory/ldap_err.h"
#include "dsa/directory/ldap_priv.h"

#define CURSOR_VERSION 1
#define CONTROL_NOTIFICATION "1.2.840.113556.1.4.528"
#define INCREMENTAL_VALUES ((int)0x80000000)
#define MAX_BYTES (1 << 20)
/* Everything that is a recipient or has recipients below. Objects are told by objectClass, which
 * tombstones keep. */
#define FEED_FILTER                                                                                \
	"(|(objectClass=user)(objectClass=contact)(objectClass=group)"                             \
	"(objectClass=msExchDynamicDistributionList)(objectClass=publicFolder)"                    \
	"(objectClass=organizationalUnit)(objectClass=container))"

enum way { WAY_DIRSYNC = 1, WAY_USN = 2 };

struct cursor {
	enum way way;
	char invocation[GUID_TEXT_SIZE];
	uint64_t usn;
	struct bytes cookie; /* borrowed */
};

struct feed {
	struct ldap_dir *d;
	const char *const *attrs;
	dir_change_fn *fn;
	void *arg;
};

static bool
cursor_decode(struct bytes raw, struct cursor *ret)
{
	struct reader r = reader_of(raw);
	uint8_t version = reader_u8(&r), way = reader_u8(&r);
	struct bytes invocation = reader_bytes(&r);

	*ret = (struct cursor){.way = (enum way)way, .usn = reader_u64(&r)};
	ret->cookie = reader_bytes(&r);
	if (r.failed || version != CURSOR_VERSION || (way != WAY_DIRSYNC && way != WAY_USN) ||
	    invocation.len >= sizeof ret->invocation)
		return false;
	memcpy(ret->invocation, invocation.data, invocation.len);
	return true;
}

static int
cursor_encode(struct ldap_dir *d, enum way way, uint64_t usn, struct bytes cookie, struct buf *ret,
    struct err *err)
{
	buf_reset(ret);
	buf_add_u8(ret, CURSOR_VERSION);
	buf_add_u8(ret, (uint8_t)way);
	buf_add_bytes(ret, bytes_of(d->info.invocation_id));
	buf_add_u64(ret, usn);
	buf_add_bytes(ret, cookie);
	return ret->failed ? err_nomem(err) : 0;
}

static enum dir_feed
lost(struct ldap_dir *d, const char *why)
{
	d->info.lost = why;
	return DIR_FEED_LOST;
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

static int
changes_by_dirsync(struct feed *f, const struct cursor *old, uint64_t usn, struct buf *ret_cursor,
    enum dir_feed *ret, struct err *err)
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
	if (rc == ROUND_LAST)
		rc = cursor_encode(f->d, WAY_DIRSYNC, usn,
		    (struct bytes){cookie.bv_val, cookie.bv_len}, ret_cursor, err);
	else if (rc == ROUND_REFUSED && lacks_right(code))
		f->d->no_dirsync = f->d->info.by_usn = true;
	else if (rc == ROUND_REFUSED && old && err->scope != ERR_PEER)
		*ret = lost(f->d, "the server does not take the cookie of the last cycle");
	else if (rc == ROUND_REFUSED)
		rc = -1;
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
changes_by_usn(
    struct feed *f, const struct cursor *old, uint64_t usn, struct buf *ret_cursor, struct err *err)
{
	static const char *const attrs[] = {"objectGUID", "isDeleted", "name", NULL};
	_cleanup_(free) char *filter = NULL;
	struct dir_query q = {
	    .base = f->d->info.domain_dn, .scope = DIR_SUBTREE, .attrs = attrs, .deleted = true};
	bool delivered = false;

	if (old && usn > old->usn) {
		filter = str_printf(
		    "(&(uSNChanged>=%llu)" FEED_FILTER ")", (unsigned long long)old->usn + 1);
		if (!filter)
			return err_nomem(err);
		q.filter = filter;
		if (ldap_search_once(f->d, &q, take_changed, f, &delivered, err) < 0)
			return -1;
	}
	return cursor_encode(f->d, WAY_USN, usn, (struct bytes){0}, ret_cursor, err);
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

/* A cookie of another DC is good. But if the DC that gave it has another database instance by now,
 * it was restored: what only the former instance knew is gone, and no cookie tells of that. Then no
 * DC is left with the instance that C names. */
static int
was_restored(struct ldap_dir *d, const struct cursor *c, bool *ret, struct err *err)
{
	bool known;

	*ret = false;
	if (c->way != WAY_DIRSYNC || !c->invocation[0] || !d->info.invocation_id[0] ||
	    strcmp(c->invocation, d->info.invocation_id) == 0)
		return 0;
	if (is_known_instance(d, c->invocation, &known, err) < 0)
		return -1;
	*ret = !known;
	return 0;
}

/* Nothing at all was written to the database since C was made. */
static bool
is_current(const struct ldap_dir *d, const struct cursor *c, uint64_t usn)
{
	return c->invocation[0] && strcmp(c->invocation, d->info.invocation_id) == 0 &&
	       usn == c->usn && (c->way == WAY_USN || !d->no_dirsync);
}

/* With the same database the USN never goes back. */
static bool
was_set_back(const struct ldap_dir *d, const struct cursor *c, uint64_t usn)
{
	return strcmp(c->invocation, d->info.invocation_id) == 0 && usn < c->usn;
}

int
ldap_dir_changes(struct dir *dir, struct bytes cursor, const char *const *attrs, dir_change_fn *fn,
    void *arg, struct buf *ret_cursor, enum dir_feed *ret, struct err *err)
{
	struct ldap_dir *d = ldap_dir_of(dir);
	struct feed f = {.d = d, .attrs = attrs, .fn = fn, .arg = arg};
	struct cursor old = {0};
	bool restored = false;
	uint64_t usn = 0;

	/* This also opens the session, and another one if the server has closed it. */
	if (ldap_dir_usn(dir, &usn, err) < 0)
		return -1;
	d->heard_usn = usn;
	*ret = DIR_FEED_CHANGES;
	if (cursor.len && !cursor_decode(cursor, &old)) {
		*ret = lost(d, "the map's cursor is of another version, or damaged");
		return 0;
	}
	if (cursor.len && was_set_back(d, &old, usn)) {
		*ret = lost(d, "the server's database was set back");
		return 0;
	}
	if (cursor.len && is_current(d, &old, usn)) {
		buf_reset(ret_cursor);
		buf_add(ret_cursor, cursor.data, cursor.len);
		return ret_cursor->failed ? err_nomem(err) : 0;
	}
	if (cursor.len && was_restored(d, &old, &restored, err) < 0)
		return err_ctx(err, "changes of forest '%s'", dir->name);
	if (restored) {
		*ret = lost(d, "the server that was asked last was restored from a backup");
		return 0;
	}
	if (!d->no_dirsync && (!cursor.len || old.way == WAY_DIRSYNC)) {
		if (changes_by_dirsync(&f, cursor.len ? &old : NULL, usn, ret_cursor, ret, err) < 0)
			return err_ctx(err, "changes of forest '%s'", dir->name);
		if (!d->no_dirsync)
			return 0;
	}
	if (cursor.len &&
	    (old.way != WAY_USN || strcmp(old.invocation, d->info.invocation_id) != 0)) {
		*ret =
		    lost(d, old.way != WAY_USN ? "changes cannot be found by DirSync any more"
					       : "another server answers, and changes are found by "
						 "uSNChanged, which is a server's own");
		return 0;
	}
	if (changes_by_usn(&f, cursor.len ? &old : NULL, usn, ret_cursor, err) < 0)
		return err_ctx(err, "changes of forest '%s'", dir->name);
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
	char oid[] = CONTROL_NOTIFICATION;
	LDAPControl notify = {.ldctl_oid = oid, .ldctl_iscritical = 1};
	LDAPControl *ctrls[] = {&notify, NULL};
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
