/* SPDX-License-Identifier: MIT */

/*
 * Entries are delivered as they arrive, never a page at a time; the next page is asked for
 * as soon as the answer that carries the cookie is there.
 *
 * A complete read is used as proof of absence, so everything that is not plain success is an
 * error: size and time limits, a referral instead of data, a page answer without its control.
 * Continuation references are not data of this directory and are skipped.
 *
 * Ranges (MS-ADTS 3.1.1.3.1.3.3): of an attribute with many values AD gives the first 1,500 as
 * "member;range=0-1499", and the rest must be asked for piece by piece. The pieces are no snapshot:
 * a member removed between two requests moves all that follow it, and one of them falls into the
 * gap. Therefore such an attribute is read again from its beginning with uSNChanged in every
 * piece, and once more if that moved. The pieces are read on the same connection while the page is
 * under way.
 */

#include "dsa/ldap/ldap_search.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/schema.h"
#include "dsa/ldap/ldap_bounds.h"
#include "dsa/ldap/ldap_err.h"
#include "dsa/ldap/ldap_mem.h"
#include "dsa/ldap/ldap_read.h"

#define ATTR_NAME_MAX 256
#define RANGE_OPTION "range="
#define RANGE_TRIES 5
#define RANGE_MAX UINT32_MAX /* numbers of values wrap far above */

/* ---- ranges ---- */

struct range {
	size_t name_len; /* of the attribute's name, before the option */
	uint64_t low, high;
	bool to_end; /* "*": nothing follows */
};

/* True if NAME is that of a piece. */
static bool
is_range(const char *name)
{
	const char *semicolon = strchr(name, ';');

	return semicolon && str_starts_nocase(semicolon + 1, RANGE_OPTION);
}

/* Parses "member;range=0-1499" or "...=1500-*". */
static bool
parse_range(const char *name, struct range *ret)
{
	const char *semicolon = strchr(name, ';');
	unsigned long long low, high = 0;
	int end = 0;
	bool star;

	if (!is_range(name))
		return false;
	semicolon += sizeof RANGE_OPTION; /* behind "range=", counting the semicolon for its NUL */
	star = sscanf(semicolon, "%llu-*%n", &low, &end) == 1 && end > 0;
	if (!star && sscanf(semicolon, "%llu-%llu%n", &low, &high, &end) < 2)
		return false;
	if (semicolon[end] != '\0' || (!star && high < low) || low > RANGE_MAX || high > RANGE_MAX)
		return false;
	*ret = (struct range){
	    .name_len = strcspn(name, ";"), .low = low, .high = high, .to_end = star};
	return true;
}

/* ---- entries ---- */

static bool
is_dn_valued(const struct ldap_session *s, const char *name)
{
	char base[ATTR_NAME_MAX];
	const struct schema_attr *a;

	if (!s->schema)
		return false;
	(void)snprintf(base, sizeof base, "%.*s", (int)strcspn(name, ";"), name);
	a = schema_find(s->schema, base);
	return a && a->syntax == SCHEMA_DN;
}

static int
add_dn_value(struct entry *e, const char *name, const struct berval *v)
{
	_cleanup_(free) char *text = bytes_dup((struct bytes){v->bv_val, v->bv_len});

	return text ? entry_add_str(e, name, dn_strip_extended(text)) : -1;
}

/* True if V begins as extended DNs do, and perhaps other values. */
static bool
may_be_extended(const struct berval *v)
{
	return v->bv_len && v->bv_val[0] == '<';
}

static int
add_values(struct ldap_session *s, struct entry *e, const char *name, const struct berval *values)
{
	bool dn_valued = false;

	/* Most attributes have no such value, and the schema is not asked about them. */
	for (const struct berval *v = values; v->bv_val && !dn_valued; v++)
		dn_valued = may_be_extended(v);
	dn_valued = dn_valued && is_dn_valued(s, name);
	for (const struct berval *v = values; v->bv_val; v++) {
		int rc;

		if (dn_valued && may_be_extended(v))
			rc = add_dn_value(e, name, v);
		else
			rc = entry_add(e, name, (struct bytes){v->bv_val, v->bv_len});
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int
malformed(struct err *err)
{
	return err_set(err, ERR_LDAP, ERR_PEER, ERR_LATER, LDAP_DECODING_ERROR,
	    "the server sent a malformed entry");
}

static int
convert_attributes(
    struct ldap_session *s, LDAPMessage *m, BerElement *ber, struct entry *e, struct err *err)
{
	for (;;) {
		struct berval raw_name, *values = NULL;
		struct range range;
		char name[ATTR_NAME_MAX];
		int rc = ldap_get_attribute_ber(s->ld, m, ber, &raw_name, &values);

		if (rc == LDAP_SUCCESS && !raw_name.bv_val)
			return 0;
		if (rc != LDAP_SUCCESS || raw_name.bv_len >= sizeof name) {
			ber_memfree(values);
			return malformed(err);
		}
		memcpy(name, raw_name.bv_val, raw_name.bv_len);
		name[raw_name.bv_len] = '\0';
		/* Taken for an attribute of its own it would be one that has no values. */
		if (is_range(name) && !parse_range(name, &range)) {
			ber_memfree(values);
			return malformed(err);
		}
		/* AD gives "member" without values beside "member;range=0-1499". */
		rc = values ? add_values(s, e, name, values) : 0;
		ber_memfree(values);
		if (rc < 0)
			return err_nomem(err);
	}
}

int
ldap_search_convert(struct ldap_session *s, LDAPMessage *m, struct entry **ret, struct err *err)
{
	_cleanup_(entry_free) struct entry *e = NULL;
	_cleanup_(free) char *dn = NULL;
	BerElement *ber = NULL;
	struct berval raw_dn;
	int rc;

	if (ldap_get_dn_ber(s->ld, m, &ber, &raw_dn) != LDAP_SUCCESS)
		return malformed(err);
	dn = bytes_dup((struct bytes){raw_dn.bv_val, raw_dn.bv_len});
	e = dn ? entry_new(dn_strip_extended(dn)) : NULL;
	rc = e ? convert_attributes(s, m, ber, e, err) : err_nomem(err);
	ber_free(ber, 0);
	if (rc < 0)
		return -1;
	*ret = TAKE(e);
	return 0;
}

/* ---- requests ---- */

static int
send_search(struct ldap_session *s, struct ldap_read *r, const struct dir_query *q,
    LDAPControl *page, unsigned most, struct err *err)
{
	static const int scopes[] = {[DIR_BASE] = LDAP_SCOPE_BASE,
	    [DIR_ONE] = LDAP_SCOPE_ONELEVEL,
	    [DIR_SUBTREE] = LDAP_SCOPE_SUBTREE};
	char oid[] = LDAP_CONTROL_SHOW_DELETED;
	LDAPControl deleted = {.ldctl_oid = oid, .ldctl_iscritical = 1};
	char links_oid[] = LDAP_CONTROL_SHOW_DEACTIVATED_LINK;
	LDAPControl links = {.ldctl_oid = links_oid};
	LDAPControl *ctrls[4] = {0};
	size_t n = 0;
	int msgid, rc;

	if (page)
		ctrls[n++] = page;
	if (q->deleted) {
		ctrls[n++] = &deleted;
		ctrls[n++] = &links;
	}
	rc = ldap_search_ext(s->ld, q->base, scopes[q->scope], q->filter, ldap_unconst(q->attrs), 0,
	    ctrls, NULL, NULL, LDAP_NO_LIMIT, &msgid);
	if (rc != LDAP_SUCCESS)
		return ldap_session_send_failed(s, rc, "search", err);
	ldap_read_expect(s, r, msgid, most);
	return 0;
}

/* One object: NULL if it does not exist. Ranges are left as they are. */
static int
read_plain(struct ldap_session *s, const char *name, const char *const *attrs, struct entry **ret,
    struct err *err)
{
	const struct dir_query q = {.base = name, .filter = "(objectClass=*)", .attrs = attrs};
	_cleanup_(entry_free) struct entry *e = NULL;
	struct ldap_read r;
	bool last = false;
	int rc;

	ldap_read_begin(s, &r, 0);
	rc = send_search(s, &r, &q, NULL, 1, err);
	while (rc == 0 && !last) {
		_cleanup_(ldap_msgfree) LDAPMessage *m = NULL;

		rc = ldap_read_next(s, &r, &m, err);
		if (rc == 0 && ldap_msgtype(m) == LDAP_RES_SEARCH_ENTRY && !e) {
			rc = ldap_search_convert(s, m, &e, err);
		} else if (rc == 0 && ldap_msgtype(m) == LDAP_RES_SEARCH_RESULT) {
			_cleanup_(ldap_memfree) char *diag = NULL;
			int code = ldap_session_result(s, m, &diag, NULL);

			last = true;
			if (code != LDAP_SUCCESS && code != LDAP_NO_SUCH_OBJECT)
				rc = err_ldap(err, code, diag, "search");
		}
	}
	ldap_read_end(s, &r);
	if (rc < 0)
		return err_ctx(err, "read '%s'", name);
	*ret = TAKE(e);
	return 0;
}

/* ---- whole attributes ---- */

/* The piece of attribute NAME in E; a plain answer counts as everything. */
static const struct attr *
find_piece(const struct entry *e, const char *name, struct range *ret)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < e->n_attrs; i++) {
		const struct attr *a = &e->attrs[i];

		if (parse_range(a->name, ret) && ret->name_len == len &&
		    str_starts_nocase(a->name, name))
			return a;
	}
	*ret = (struct range){.name_len = len, .to_end = true};
	return entry_find(e, name);
}

/* A piece that is not the last one came. */
static int
check_piece(
    struct ldap_values *v, const struct range *range, const struct attr *piece, struct err *err)
{
	const char *wrong;
	uint64_t octets = 0;

	for (size_t i = 0; piece && i < piece->n_values; i++)
		octets += piece->values[i].len;
	wrong = ldap_values_more(v, range->low, range->high, piece ? piece->n_values : 0, octets);
	return wrong ? err_set(err, ERR_LDAP, ERR_LINK, ERR_LATER, LDAP_PROTOCOL_ERROR, "%s", wrong)
		     : 0;
}

static int
append_values(struct entry *e, const char *name, const struct attr *from, struct err *err)
{
	for (size_t i = 0; from && i < from->n_values; i++) {
		if (entry_add(e, name, from->values[i]) < 0)
			return err_nomem(err);
	}
	return 0;
}

enum pieces { PIECES_COMPLETE, PIECES_MOVED };

/* Reads attribute NAME of OBJECT into ALL, WIDTH values a request. */
static int
read_pieces(struct ldap_session *s, const char *object, const char *name, uint64_t width,
    struct entry *all, enum pieces *ret, struct err *err)
{
	_cleanup_(free) char *usn = NULL;
	struct ldap_values seen = {0};
	uint64_t low = 0;

	for (;;) {
		_cleanup_(entry_free) struct entry *e = NULL;
		_cleanup_(free) char *request = str_printf("%s;range=%llu-%llu", name,
		    (unsigned long long)low, (unsigned long long)(low + width - 1));
		const char *const attrs[] = {request, "uSNChanged", NULL};
		const struct attr *piece;
		const char *now;
		struct range range;

		if (!request)
			return err_nomem(err);
		if (read_plain(s, object, attrs, &e, err) < 0)
			return -1;
		*ret = PIECES_MOVED;
		if (!e)
			return 0;
		now = entry_get_str(e, "uSNChanged");
		if (usn && now && strcmp(usn, now) != 0)
			return 0;
		if (!usn && now && !(usn = strdup(now)))
			return err_nomem(err);
		piece = find_piece(e, name, &range);
		if ((!piece && low > 0) || (piece && range.low != low))
			return 0;
		if (append_values(all, name, piece, err) < 0)
			return -1;
		*ret = PIECES_COMPLETE;
		if (range.to_end)
			return 0;
		if (check_piece(&seen, &range, piece, err) < 0)
			return err_ctx(err, "%s of '%s'", name, object);
		low = range.high + 1;
	}
}

/* Replaces the piece A of E by the whole attribute. */
static int
complete_attribute(struct ldap_session *s, struct entry *e, const char *raw_name,
    const struct range *range, struct err *err)
{
	_cleanup_(free) char *piece_name = strdup(raw_name);
	_cleanup_(free) char *name = strndup(raw_name, range->name_len);
	char guid[GUID_TEXT_SIZE], object[GUID_TEXT_SIZE + 8];

	if (!piece_name || !name)
		return err_nomem(err);
	guid_format(&e->guid, guid);
	(void)snprintf(object, sizeof object, "<GUID=%s>", guid);
	for (int i = 0; i < RANGE_TRIES; i++) {
		_cleanup_(entry_free) struct entry *all = entry_new("");
		enum pieces how = PIECES_MOVED;

		if (!all)
			return err_nomem(err);
		if (read_pieces(s, guid_is_zero(&e->guid) ? e->dn : object, name,
			range->high - range->low + 1, all, &how, err) < 0)
			return -1;
		if (how != PIECES_COMPLETE)
			continue;
		entry_remove(e, piece_name);
		return append_values(e, name, entry_find(all, name), err);
	}
	return err_set(err, ERR_LDAP, ERR_LINK, ERR_LATER, 0,
	    "%s of '%s' changed again and again while it was read", name, e->dn);
}

/* Is the attribute whose piece is A there under its name alone too? */
static bool
is_whole_too(const struct entry *e, const struct attr *a, const struct range *range)
{
	char name[ATTR_NAME_MAX];

	(void)snprintf(name, sizeof name, "%.*s", (int)range->name_len, a->name);
	return entry_find(e, name) != NULL;
}

/* Makes every attribute of E that came as a range complete. */
static int
complete(struct ldap_session *s, struct entry *e, struct err *err)
{
	for (size_t i = 0; i < e->n_attrs;) {
		struct range range;

		if (!parse_range(e->attrs[i].name, &range)) {
			i++;
			continue;
		}
		if (range.low == 0 && range.to_end) {
			/* Of two with one name the second would be lost. */
			if (is_whole_too(e, &e->attrs[i], &range))
				return malformed(err);
			entry_cut_name(e, &e->attrs[i], range.name_len);
			continue;
		}
		if (range.to_end)
			range.high = range.low; /* asked for by name; any width will do */
		if (complete_attribute(s, e, e->attrs[i].name, &range, err) < 0)
			return -1;
		i = 0; /* the attributes changed places */
	}
	return 0;
}

/* ---- searches ---- */

struct search {
	const struct dir_query *q;
	dir_entry_fn *fn;
	void *arg;
	bool *delivered;
	unsigned count;
	struct berval cookie, asked; /* of the next page, and of the one under way */
	struct ldap_pages pages;
};

enum { SEARCH_GOES_ON, SEARCH_NEXT_PAGE, SEARCH_COMPLETE };

static int
send_page(struct ldap_session *s, struct ldap_read *r, struct search *search, struct err *err)
{
	int size = s->conf->page_size;
	LDAPControl *page = NULL;
	int rc;

	if (search->q->scope == DIR_BASE)
		return send_search(s, r, search->q, NULL, 1, err);
	if (search->q->limit && search->q->limit < (unsigned)size)
		size = (int)search->q->limit;
	ber_memfree(search->asked.bv_val);
	search->asked = search->cookie;
	search->cookie = (struct berval){0};
	rc = ldap_create_page_control(
	    s->ld, size, search->asked.bv_val ? &search->asked : NULL, 1, &page);
	if (rc != LDAP_SUCCESS)
		return err_ldap(err, rc, NULL, "page of %d entries", size);
	rc = send_search(s, r, search->q, page, (unsigned)size, err);
	ldap_control_free(page);
	return rc;
}

static int
deliver(struct ldap_session *s, LDAPMessage *m, struct search *search, struct err *err)
{
	_cleanup_(entry_free) struct entry *e = NULL;

	if (ldap_search_convert(s, m, &e, err) < 0 || complete(s, e, err) < 0)
		return -1;
	ldap_pages_entry(&search->pages, e->dn);
	*search->delivered = true;
	if (search->fn(TAKE(e), search->arg, err) < 0)
		return -1;
	return search->q->limit && ++search->count == search->q->limit ? SEARCH_COMPLETE
								       : SEARCH_GOES_ON;
}

static int
end_of_page(struct ldap_session *s, LDAPMessage *m, struct search *search, struct err *err)
{
	_cleanup_(ldap_memfree) char *diag = NULL;
	_cleanup_(ldap_controls_free) LDAPControl **ctrls = NULL;
	const char *wrong;
	LDAPControl *page;
	int rc = ldap_session_result(s, m, &diag, &ctrls);

	if (rc != LDAP_SUCCESS)
		return err_ldap(err, rc, diag, "search");
	if (search->q->scope == DIR_BASE)
		return SEARCH_COMPLETE;
	page = ldap_session_control(ctrls, LDAP_CONTROL_PAGEDRESULTS);
	if (!page ||
	    ldap_parse_pageresponse_control(s->ld, page, NULL, &search->cookie) != LDAP_SUCCESS)
		return err_set(err, ERR_LDAP, ERR_LINK, ERR_LATER, LDAP_DECODING_ERROR,
		    "the server ignores that pages were asked for");
	if (!search->cookie.bv_len)
		return SEARCH_COMPLETE;
	wrong = ldap_pages_turn(&search->pages, ber_bvcmp(&search->cookie, &search->asked) == 0);
	return wrong ? err_set(err, ERR_LDAP, ERR_LINK, ERR_LATER, LDAP_PROTOCOL_ERROR, "%s", wrong)
		     : SEARCH_NEXT_PAGE;
}

static int
receive_page(struct ldap_session *s, struct ldap_read *r, struct search *search, struct err *err)
{
	for (;;) {
		_cleanup_(ldap_msgfree) LDAPMessage *m = NULL;
		int rc = SEARCH_GOES_ON;

		if (ldap_read_next(s, r, &m, err) < 0)
			return -1;
		if (ldap_msgtype(m) == LDAP_RES_SEARCH_ENTRY)
			rc = deliver(s, m, search, err);
		else if (ldap_msgtype(m) == LDAP_RES_SEARCH_RESULT)
			rc = end_of_page(s, m, search, err);
		if (rc != SEARCH_GOES_ON)
			return rc;
	}
}

int
ldap_search_once(struct ldap_session *s, const struct dir_query *q, dir_entry_fn *fn, void *arg,
    bool *delivered, struct err *err)
{
	struct search search = {.q = q, .fn = fn, .arg = arg, .delivered = delivered};
	struct ldap_read r;
	int rc;

	ldap_read_begin(s, &r, 0);
	do {
		rc = send_page(s, &r, &search, err);
		if (rc == 0)
			rc = receive_page(s, &r, &search, err);
	} while (rc == SEARCH_NEXT_PAGE);
	ldap_read_end(s, &r);
	ber_memfree(search.cookie.bv_val);
	ber_memfree(search.asked.bv_val);
	return rc < 0 ? err_ctx(err, "search below '%s'", q->base) : 0;
}

int
ldap_read_once(struct ldap_session *s, const char *name, const char *const *attrs,
    struct entry **ret, struct err *err)
{
	_cleanup_(entry_free) struct entry *e = NULL;

	if (read_plain(s, name, attrs, &e, err) < 0)
		return -1;
	if (e && complete(s, e, err) < 0)
		return err_ctx(err, "read '%s'", name);
	*ret = TAKE(e);
	return 0;
}

int
ldap_read_usn(struct ldap_session *s, uint64_t *ret, struct err *err)
{
	static const char *const attrs[] = {"highestCommittedUSN", NULL};
	_cleanup_(entry_free) struct entry *e = NULL;
	int64_t usn;

	if (ldap_read_once(s, "", attrs, &e, err) < 0)
		return -1;
	usn = e ? entry_get_i64(e, "highestCommittedUSN", -1) : -1;
	if (usn < 0)
		return err_set(err, ERR_LDAP, ERR_LINK, ERR_LATER, 0,
		    "the server does not tell its highestCommittedUSN");
	*ret = (uint64_t)usn;
	return 0;
}
