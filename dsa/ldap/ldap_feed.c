/* SPDX-License-Identifier: MIT */

/*
 * Two ways, of which the server decides:
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
 *
 * Who asks, and how often, is decided above: the links of a process share what one of them was told
 * (run/shared_feed.h).
 */

#include "dsa/ldap/ldap_feed.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/feed.h"
#include "dsa/directory/filter.h"
#include "dsa/ldap/ldap_bounds.h"
#include "dsa/ldap/ldap_err.h"
#include "dsa/ldap/ldap_mem.h"
#include "dsa/ldap/ldap_read.h"
#include "dsa/ldap/ldap_search.h"

#define CONTROL_NOTIFICATION "1.2.840.113556.1.4.528"
#define INCREMENTAL_VALUES ((int)0x80000000)
#define MAX_BYTES (1 << 20)
/* Everything that is a recipient or has recipients below. Objects are told by objectClass, which
 * tombstones keep. */
#define FEED_FILTER                                                                                \
	"(|(objectClass=user)(objectClass=contact)(objectClass=group)"                             \
	"(objectClass=msExchDynamicDistributionList)(objectClass=publicFolder)"                    \
	"(objectClass=organizationalUnit)(objectClass=container))"

/* One question, and all that answers it. */
struct asking {
	struct ldap_feed *feed;
	struct ldap_session *s;
	struct dir_info *info;
	const struct ldap_feed_question *q;
	struct ldap_pages rounds; /* of DirSync */
};

/* The cursor of now. */
static int
encode_cursor(const struct asking *a, enum feed_way way, uint64_t usn, struct bytes cookie,
    struct buf *ret, struct err *err)
{
	struct feed_cursor c = {.way = way, .usn = usn, .cookie = cookie};

	(void)snprintf(c.invocation, sizeof c.invocation, "%s", a->info->invocation_id);
	feed_cursor_encode(&c, ret);
	return ret->failed ? err_nomem(err) : 0;
}

static int
deliver(struct asking *a, const struct entry *e, struct err *err)
{
	struct dir_change c = {.guid = e->guid,
	    .dn = e->dn,
	    .deleted = entry_get_bool(e, "isDeleted"),
	    .named = entry_find(e, "name") != NULL};

	return guid_is_zero(&c.guid) ? 0 : a->q->fn(&c, a->q->arg, err);
}

/* ---- DirSync ---- */

static int
send_dirsync(struct asking *a, struct ldap_read *r, const char *filter, struct berval *cookie,
    struct err *err)
{
	LDAPControl *dirsync = NULL;
	LDAPControl *ctrls[2] = {0};
	int msgid, rc;

	rc = ldap_create_dirsync_control(a->s->ld, INCREMENTAL_VALUES, MAX_BYTES, cookie, &dirsync);
	if (rc != LDAP_SUCCESS)
		return err_ldap(err, rc, NULL, "DirSync control");
	dirsync->ldctl_iscritical = 1;
	ctrls[0] = dirsync;
	rc = ldap_search_ext(a->s->ld, a->info->domain_dn, LDAP_SCOPE_SUBTREE, filter,
	    ldap_unconst(a->q->attrs), 0, ctrls, NULL, NULL, LDAP_NO_LIMIT, &msgid);
	ldap_control_free(dirsync);
	if (rc != LDAP_SUCCESS)
		return ldap_session_send_failed(a->s, rc, "DirSync search", err);
	ldap_read_expect(a->s, r, msgid, LDAP_ENTRIES_MAX);
	return 0;
}

enum { ROUND_MORE, ROUND_LAST, ROUND_REFUSED };

/* The cookie in M's CTRLS becomes *COOKIE. ROUND_MORE, if there is more. */
static int
take_cookie(struct asking *a, LDAPControl **ctrls, struct berval *cookie, struct err *err)
{
	struct berval old = *cookie;
	LDAPControl *dirsync = ldap_session_control(ctrls, LDAP_CONTROL_X_DIRSYNC);
	const char *wrong = NULL;
	int more = 0;

	*cookie = (struct berval){0};
	if (!dirsync ||
	    ldap_parse_dirsync_control(a->s->ld, dirsync, &more, cookie) != LDAP_SUCCESS) {
		wrong = "the server gave no DirSync cookie";
	} else if (more) {
		/* Each round moves it. */
		wrong = !cookie->bv_len || ber_bvcmp(&old, cookie) == 0
			    ? "the server gives the same DirSync cookie again and again"
			    : ldap_pages_turn(&a->rounds, false);
	}
	ber_memfree(old.bv_val);
	if (wrong)
		return err_set(
		    err, ERR_LDAP, ERR_LINK, ERR_LATER, LDAP_PROTOCOL_ERROR, "%s", wrong);
	return more ? ROUND_MORE : ROUND_LAST;
}

/* The end of one answer: the next cookie, and whether there is more. *CODE is set if REFUSED. */
static int
end_of_round(struct asking *a, LDAPMessage *m, struct berval *cookie, int *code, struct err *err)
{
	_cleanup_(ldap_memfree) char *diag = NULL;
	_cleanup_(ldap_controls_free) LDAPControl **ctrls = NULL;

	*code = ldap_session_result(a->s, m, &diag, &ctrls);
	if (*code != LDAP_SUCCESS) {
		(void)err_ldap(err, *code, diag, "DirSync search");
		return ROUND_REFUSED;
	}
	return take_cookie(a, ctrls, cookie, err);
}

static int
dirsync_round(
    struct asking *a, struct ldap_read *r, struct berval *cookie, int *code, struct err *err)
{
	for (;;) {
		_cleanup_(ldap_msgfree) LDAPMessage *m = NULL;
		_cleanup_(entry_free) struct entry *e = NULL;

		if (ldap_read_next(a->s, r, &m, err) < 0)
			return -1;
		if (ldap_msgtype(m) == LDAP_RES_SEARCH_RESULT)
			return end_of_round(a, m, cookie, code, err);
		if (ldap_msgtype(m) != LDAP_RES_SEARCH_ENTRY)
			continue;
		ldap_pages_entry(&a->rounds, NULL);
		if (ldap_search_convert(a->s, m, &e, err) < 0 || deliver(a, e, err) < 0)
			return -1;
	}
}

/* Goes through all rounds. A refusal gives ROUND_REFUSED with the result in *CODE. */
static int
dirsync(struct asking *a, const char *filter, struct berval *cookie, int *code, struct err *err)
{
	struct ldap_read r;
	int rc;

	a->rounds = (struct ldap_pages){0};
	ldap_read_begin(a->s, &r, 0);
	do {
		rc = send_dirsync(a, &r, filter, cookie, err);
		if (rc == 0)
			rc = dirsync_round(a, &r, cookie, code, err);
	} while (rc == ROUND_MORE);
	ldap_read_end(a->s, &r);
	return rc;
}

/* Does the refusal mean that the account may not use DirSync at all? */
static bool
lacks_right(int code)
{
	return code == LDAP_INSUFFICIENT_ACCESS || code == LDAP_UNAVAILABLE_CRITICAL_EXTENSION;
}

static void
cookie_is_bad(struct asking *a, enum dir_feed *ret)
{
	a->info->lost = "the server does not take the cookie of the last cycle";
	*ret = DIR_FEED_LOST;
}

/* From the cookie of OLD on; or, without one, only the cookie of now. *RET is set if the server
 * does not take the cookie. If the account lacks the right that is kept, and nothing was told. */
static int
changes_by_dirsync(struct asking *a, const struct feed_cursor *old, uint64_t usn,
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
	rc = dirsync(a, old ? FEED_FILTER : "(&(objectClass=user)(!(objectClass=user)))", &cookie,
	    &code, err);
	if (rc == ROUND_LAST) {
		rc = encode_cursor(a, FEED_DIRSYNC, usn,
		    (struct bytes){cookie.bv_val, cookie.bv_len}, ret_cursor, err);
	} else if (rc == ROUND_REFUSED && lacks_right(code) && old) {
		/* Samba answers a cookie that it cannot read as a control that it does not know:
		 * an account that is refused without one too lacks the right. */
		rc = changes_by_dirsync(a, NULL, usn, ret_cursor, ret, err);
		if (rc == 0 && !a->feed->no_dirsync)
			cookie_is_bad(a, ret);
	} else if (rc == ROUND_REFUSED && lacks_right(code)) {
		a->feed->no_dirsync = true;
	} else if (rc == ROUND_REFUSED && old && err->scope != ERR_PEER) {
		cookie_is_bad(a, ret);
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
ask_above(struct asking *a, uint64_t usn, struct err *err)
{
	static const char *const attrs[] = {"objectGUID", "isDeleted", "name", NULL};
	_cleanup_(free) char *filter =
	    str_printf("(&(uSNChanged>=%llu)" FEED_FILTER ")", (unsigned long long)usn + 1);
	struct dir_query q = {.base = a->info->domain_dn,
	    .scope = DIR_SUBTREE,
	    .filter = filter,
	    .attrs = attrs,
	    .deleted = true};
	bool delivered = false;

	if (!filter)
		return err_nomem(err);
	return ldap_search_once(a->s, &q, take_changed, a, &delivered, err);
}

/* From the USN of OLD on (NULL: nothing is told). Where the right for DirSync is there, the next
 * question is one by DirSync: its cookie is fetched first, so that what changes in between is told
 * twice. */
static int
changes_by_usn(struct asking *a, const struct feed_cursor *old, uint64_t usn,
    struct buf *ret_cursor, struct err *err)
{
	enum dir_feed ignored;

	if (!a->feed->no_dirsync && changes_by_dirsync(a, NULL, usn, ret_cursor, &ignored, err) < 0)
		return -1;
	if (old && ask_above(a, old->usn, err) < 0)
		return -1;
	return a->feed->no_dirsync
		   ? encode_cursor(a, FEED_USN, usn, (struct bytes){0}, ret_cursor, err)
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
is_known_instance(const struct asking *a, const char *invocation, bool *ret, struct err *err)
{
	static const char *const attrs[] = {"objectGUID", NULL};
	_cleanup_(free) char *value = NULL, *filter = NULL;
	struct dir_query q = {.base = a->info->config_dn, .scope = DIR_SUBTREE, .attrs = attrs};
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
	return ldap_search_once(a->s, &q, take_nothing, ret, &delivered, err);
}

/* One step after the other until the question is answered. */
static int
ask(struct asking *a, const struct feed_cursor *c, struct feed_server *server,
    struct buf *ret_cursor, enum dir_feed *ret, struct err *err)
{
	bool there;

	for (;;) {
		server->no_dirsync = a->feed->no_dirsync;
		switch (feed_next(c, server, &a->info->lost)) {
		case FEED_STEP_LOST: *ret = DIR_FEED_LOST; return 0;
		case FEED_STEP_NOTHING:
			buf_reset(ret_cursor);
			buf_add(ret_cursor, a->q->cursor.data, a->q->cursor.len);
			return ret_cursor->failed ? err_nomem(err) : 0;
		case FEED_STEP_LOOK:
			if (is_known_instance(a, c->invocation, &there, err) < 0)
				return -1;
			server->former = there ? FEED_FORMER_THERE : FEED_FORMER_GONE;
			break;
		case FEED_STEP_DIRSYNC:
			if (changes_by_dirsync(a, c, server->usn, ret_cursor, ret, err) < 0)
				return -1;
			if (!a->feed->no_dirsync)
				return 0;
			break;
		case FEED_STEP_START:
		case FEED_STEP_USN: return changes_by_usn(a, c, server->usn, ret_cursor, err);
		}
	}
}

int
ldap_feed_changes(struct ldap_feed *f, const struct ldap_feed_question *q, uint64_t usn,
    struct buf *ret_cursor, enum dir_feed *ret, struct err *err)
{
	struct asking a = {.feed = f, .s = f->s, .info = f->info, .q = q};
	struct feed_server server = {
	    .former = FEED_FORMER_UNKNOWN, .usn = usn, .invocation = f->info->invocation_id};
	struct feed_cursor c;

	f->heard_usn = usn;
	/* The right may have been given meanwhile. */
	if (!q->cursor.len)
		f->no_dirsync = false;
	if (q->cursor.len && !feed_cursor_decode(q->cursor, &c)) {
		f->info->lost = "the map's cursor is of another version, or damaged";
		*ret = DIR_FEED_LOST;
		return 0;
	}
	*ret = DIR_FEED_CHANGES;
	if (ask(&a, q->cursor.len ? &c : NULL, &server, ret_cursor, ret, err) < 0)
		return -1;
	/* How the next question will be asked. */
	f->info->by_usn = *ret == DIR_FEED_LOST
			      ? f->no_dirsync
			      : feed_cursor_decode(buf_bytes(ret_cursor), &c) && c.way == FEED_USN;
	return 0;
}

/* ---- notification (MS-ADTS 3.1.1.3.4.1.9) ---- */

/*
 * A client that waits for notifications while it writes is told of its own changes. Samba searches
 * the whole domain to find out what to tell, after every write: with 10,000 users that takes many
 * times as long as the write. So the wish ends with our first write, and when it is renewed, one
 * look at the USN tells whether anything happened meanwhile, be it our own writes.
 */

void
ldap_feed_unwatch(struct ldap_feed *f)
{
	if (f->watch_msgid >= 0)
		(void)ldap_abandon_ext(f->s->ld, f->watch_msgid, NULL, NULL);
	f->watch_msgid = -1;
}

/* What happened between changes() and the wish to be notified is not notified. */
static int
look_back(struct ldap_feed *f, struct err *err)
{
	static const char *const attrs[] = {"highestCommittedUSN", NULL};
	_cleanup_(entry_free) struct entry *e = NULL;

	if (ldap_read_once(f->s, "", attrs, &e, err) < 0)
		return -1;
	if (e && (uint64_t)entry_get_i64(e, "highestCommittedUSN", 0) != f->heard_usn)
		f->woken = true;
	return 0;
}

int
ldap_feed_watch(struct ldap_feed *f, struct err *err)
{
	static const char *const attrs[] = {"objectGUID", NULL};
	char oid[] = CONTROL_NOTIFICATION, deleted_oid[] = LDAP_CONTROL_SHOW_DELETED;
	LDAPControl notify = {.ldctl_oid = oid, .ldctl_iscritical = 1};
	/* Without it a deletion is not notified. */
	LDAPControl deleted = {.ldctl_oid = deleted_oid};
	LDAPControl *ctrls[] = {&notify, &deleted, NULL};
	int rc;

	if (f->watch_msgid >= 0)
		return 0;
	rc = ldap_search_ext(f->s->ld, f->info->domain_dn, LDAP_SCOPE_SUBTREE, "(objectClass=*)",
	    ldap_unconst(attrs), 0, ctrls, NULL, NULL, LDAP_NO_LIMIT, &f->watch_msgid);
	if (rc == LDAP_SUCCESS)
		return look_back(f, err);
	f->watch_msgid = -1;
	return ldap_session_send_failed(f->s, rc, "change notification", err);
}

bool
ldap_feed_answer(struct ldap_feed *f, int msgid, LDAPMessage *m)
{
	if (msgid != f->watch_msgid)
		return false;
	/* A server that refuses is not asked again in this session: the interval remains. */
	if (ldap_msgtype(m) == LDAP_RES_SEARCH_ENTRY)
		f->woken = true;
	return true;
}

bool
ldap_feed_woken(struct ldap_feed *f)
{
	bool woken = f->woken;

	f->woken = false;
	return woken;
}

void
ldap_feed_ended(struct ldap_feed *f)
{
	f->watch_msgid = -1;
	f->no_dirsync = false;
}
