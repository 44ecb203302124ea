/* SPDX-License-Identifier: MIT */

/*
 * Changes of the fake database: what they have in common, and adds. Every change works on a copy
 * and puts it in place at the end, when nothing can fail any more: done altogether or not at all.
 */

#include <ldap.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/base/text_fold.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/sid.h"
#include "dsa/ldap/ldap_err.h"
#include "tests/support/fakedir_write_priv.h"

#define FIRST_RID 1000
#define SAM_USER_MAX 20
#define FIRST_SECOND 1704067200 /* 2024-01-01T00:00:00Z */

int
fake_refuse(const struct fake_writer *w, int rc, const char *fmt, ...)
{
	static const char *const ops[] = {[CHANGE_ADD] = "add",
	    [CHANGE_MODIFY] = "modify",
	    [CHANGE_RENAME] = "rename",
	    [CHANGE_DELETE] = "delete"};
	char diag[320];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(diag, sizeof diag, fmt, ap);
	va_end(ap);
	return err_ldap(w->err, rc, diag, "%s '%s'", ops[w->c->op], w->c->dn);
}

int
fake_writer_target(const struct fake_writer *w, struct object **ret)
{
	const struct change *c = w->c;

	if (!guid_is_zero(&c->guid))
		*ret = fake_find_guid(w->fd, &c->guid, false);
	else if (fake_resolve(w->fd, c->dn, false, ret, w->err) < 0)
		return -1;
	return *ret ? 0
		    : fake_refuse(
			  w, LDAP_NO_SUCH_OBJECT, "0000208D: NameErr: problem 2001 (NO_OBJECT)");
}

const struct fake_class *
fake_class_of(const struct entry *e)
{
	const struct attr *a = entry_find(e, "objectClass");
	const struct fake_class *best = NULL;
	size_t longest = 0;

	for (size_t i = 0; a && i < a->n_values; i++) {
		const struct fake_class *c = fake_class_find(a->values[i].data);
		size_t len = 0;

		while (c && c->chain[len])
			len++;
		if (c && len > longest) {
			best = c;
			longest = len;
		}
	}
	return best;
}

int
fake_check_sibling(const struct fake_writer *w, const char *parent_norm, const char *value,
    const struct object *self)
{
	_cleanup_(free) char *key = text_fold_key(value);

	const struct fake_index *ix = &w->fd->index;
	uint64_t hash = key ? fake_hash_sibling(parent_norm, key) : 0;

	if (!key)
		return err_nomem(w->err);
	for (const struct object *o = NULL; (o = fake_index_next(ix, hash, o));) {
		_cleanup_(free) char *other = NULL, *other_key = NULL;

		if (o == self || o->deleted || strcmp(dn_parent(o->norm), parent_norm) != 0)
			continue;
		other = dn_rdn_value(o->e->dn, w->err);
		other_key = other ? text_fold_key(other) : NULL;
		if (!other_key)
			return err_nomem(w->err);
		if (strcmp(key, other_key) == 0)
			return fake_refuse(w, LDAP_ALREADY_EXISTS,
			    "00002071: UpdErr: problem 6005 (ENTRY_EXISTS): '%s'", o->e->dn);
	}
	return 0;
}

int
fake_stamp(const struct fake_writer *w, struct entry *e, bool created)
{
	char usn[24], when[32];
	time_t at = FIRST_SECOND + (time_t)w->fd->usn + 1;
	struct tm tm;

	(void)snprintf(usn, sizeof usn, "%llu", (unsigned long long)w->fd->usn + 1);
	(void)gmtime_r(&at, &tm);
	(void)strftime(when, sizeof when, "%Y%m%d%H%M%S.0Z", &tm);
	if (created &&
	    (entry_set_str(e, "uSNCreated", usn) < 0 || entry_set_str(e, "whenCreated", when) < 0))
		return err_nomem(w->err);
	if (entry_set_str(e, "uSNChanged", usn) < 0 || entry_set_str(e, "whenChanged", when) < 0)
		return err_nomem(w->err);
	return 0;
}

void
fake_commit(struct fakedir *fd)
{
	fd->usn++;
}

/* ---- what an object must be as a whole ---- */

/* -1 with RC if another object has a value of ATTR equal to E's. */
static int
check_unique(const struct fake_writer *w, const struct entry *e, const struct object *self,
    const char *attr, int rc, const char *diag)
{
	const char *value = entry_get_str(e, attr);
	_cleanup_(free) char *key = value ? text_fold_key(value) : NULL;

	const struct fake_index *ix = &w->fd->index;
	uint64_t hash = key ? fake_hash_unique(attr, key) : 0;

	if (!value)
		return 0;
	if (!key)
		return err_nomem(w->err);
	for (const struct object *o = NULL; (o = fake_index_next(ix, hash, o));) {
		const char *other = o == self || o->deleted ? NULL : entry_get_str(o->e, attr);
		_cleanup_(free) char *other_key = other ? text_fold_key(other) : NULL;

		if (other && !other_key)
			return err_nomem(w->err);
		if (other && strcmp(key, other_key) == 0)
			return fake_refuse(
			    w, rc, "%s: %s '%s' of '%s'", diag, attr, other, o->e->dn);
	}
	return 0;
}

/* SAM's own rules for account names, beyond the schema's range. */
static int
check_sam(const struct fake_writer *w, const struct entry *e)
{
	const char *sam = entry_get_str(e, "sAMAccountName");
	bool bad = sam && strpbrk(sam, "\"/\\[]:;|=,+*?<>");

	if (sam && entry_has_class(e, "user"))
		bad |= utf8_len_utf16(bytes_of(sam)) > SAM_USER_MAX;
	return bad ? fake_refuse(w, LDAP_CONSTRAINT_VIOLATION,
			 "00000523: AtrErr: problem 1005 (CONSTRAINT_ATT_TYPE): sAMAccountName "
			 "'%s'",
			 sam)
		   : 0;
}

int
fake_check_entry(const struct fake_writer *w, const struct entry *e, const struct object *self)
{
	for (size_t i = 0; i < e->n_attrs; i++) {
		const struct schema_attr *a = schema_find(w->fd->schema, e->attrs[i].name);

		if (a && a->single && e->attrs[i].n_values > 1)
			return fake_refuse(w, LDAP_CONSTRAINT_VIOLATION,
			    "00002081: AtrErr: problem 1005 (CONSTRAINT_ATT_TYPE): %s has one "
			    "value",
			    a->name);
	}
	if (check_sam(w, e) < 0)
		return -1;
	if (check_unique(w, e, self, "sAMAccountName", LDAP_ALREADY_EXISTS,
		"00000524: UpdErr: problem 6005 (ENTRY_EXISTS)") < 0)
		return -1;
	return check_unique(w, e, self, "userPrincipalName", LDAP_CONSTRAINT_VIOLATION,
	    "000021C8: AtrErr: problem 1005 (CONSTRAINT_ATT_TYPE)");
}

/* ---- add ---- */

/* The class of the new object; its superclasses may be named beside it. */
static int
choose_class(const struct fake_writer *w, const struct fake_class **ret)
{
	const struct attr *a = entry_find(w->c->entry, "objectClass");
	const struct fake_class *c = fake_class_of(w->c->entry);

	if (!c)
		return fake_refuse(w, LDAP_OBJECT_CLASS_VIOLATION,
		    "0000207B: UpdErr: problem 6002 (OBJ_CLASS_VIOLATION): no known class");
	for (size_t i = 0; i < a->n_values; i++) {
		bool known = str_equal_nocase(a->values[i].data, c->name);

		for (size_t j = 0; c->chain[j]; j++)
			known |= str_equal_nocase(a->values[i].data, c->chain[j]);
		if (!known)
			return fake_refuse(w, LDAP_OBJECT_CLASS_VIOLATION,
			    "0000207B: UpdErr: problem 6002 (OBJ_CLASS_VIOLATION): '%s'",
			    (const char *)a->values[i].data);
	}
	if (!w->system && fake_denied(w->fd, c->name))
		return fake_refuse(w, LDAP_INSUFFICIENT_ACCESS,
		    "00000005: SecErr: problem 4003 (INSUFF_ACCESS_RIGHTS): create %s", c->name);
	*ret = c;
	return 0;
}

static int
add_classes(const struct fake_writer *w, struct entry *e, const struct fake_class *c)
{
	for (size_t i = 0; c->chain[i]; i++)
		if (entry_add_str(e, "objectClass", c->chain[i]) < 0)
			return err_nomem(w->err);
	return entry_add_str(e, "objectClass", c->name) < 0 ? err_nomem(w->err) : 0;
}

/* The name and what follows from it. */
static int
add_names(
    const struct fake_writer *w, struct entry *e, const struct fake_class *c, const char *value)
{
	_cleanup_(free) char *type = str_lower_dup(c->rdn_type);
	const struct schema_attr *a = type ? schema_find(w->fd->schema, type) : NULL;

	if (!type)
		return err_nomem(w->err);
	if (a && fake_check_value(w, a, bytes_of(value)) < 0)
		return -1;
	return entry_set_str(e, type, value) < 0 || entry_set_str(e, "name", value) < 0
		   ? err_nomem(w->err)
		   : 0;
}

static struct guid
new_guid(struct fakedir *fd)
{
	struct guid from = {{0}};
	uint64_t h = bytes_hash(bytes_of(fd->name), 0);
	char purpose[40];

	memcpy(from.octets, &h, sizeof h);
	(void)snprintf(purpose, sizeof purpose, "object %llu", (unsigned long long)++fd->counter);
	return guid_derive(&from, purpose);
}

static int
add_sid(const struct fake_writer *w, struct entry *e)
{
	uint64_t h = bytes_hash(bytes_of(w->fd->name), 1);
	uint8_t sid[SID_MAX_LEN];
	char text[SID_TEXT_SIZE];
	size_t len;

	(void)snprintf(text, sizeof text, "S-1-5-21-%u-%u-%u-%llu", (unsigned)(h & 0xffffffff),
	    (unsigned)(h >> 32), (unsigned)(h & 0xffff),
	    FIRST_RID + (unsigned long long)w->fd->counter);
	if (!sid_parse(text, sid, &len))
		return err_data(w->err, "no SID '%s'", text);
	return entry_set(e, "objectSid", (struct bytes){sid, len}) < 0 ? err_nomem(w->err) : 0;
}

static int
set_default(const struct fake_writer *w, struct entry *e, const char *attr, const char *value)
{
	return !entry_find(e, attr) && entry_set_str(e, attr, value) < 0 ? err_nomem(w->err) : 0;
}

static int
add_generated(const struct fake_writer *w, struct entry *e, const struct fake_class *c)
{
	struct guid g = new_guid(w->fd);
	char sam[24];

	if (!entry_find(e, "objectGUID") && entry_set(e, "objectGUID", guid_bytes(&g)) < 0)
		return err_nomem(w->err);
	if (fake_find_guid(w->fd, &e->guid, true))
		return fake_refuse(w, LDAP_CONSTRAINT_VIOLATION, "objectGUID is in use");
	if (set_default(w, e, "instanceType", "4") < 0 || fake_stamp(w, e, true) < 0)
		return -1;
	if (!c->security)
		return 0;
	if (!entry_find(e, "objectSid") && add_sid(w, e) < 0)
		return -1;
	/* AD's are random: here they follow from the name. */
	(void)snprintf(sam, sizeof sam, "$%012llX",
	    (unsigned long long)bytes_hash_nocase(bytes_of(e->dn), 0) >> 16);
	if (set_default(w, e, "sAMAccountName", sam) < 0)
		return -1;
	return strcmp(c->name, "group") == 0 ? set_default(w, e, "groupType", "-2147483646")
					     : set_default(w, e, "userAccountControl", "546");
}

static int
add_given(
    const struct fake_writer *w, struct entry *e, const struct fake_class *c, const char *rdn_value)
{
	for (size_t i = 0; i < w->c->entry->n_attrs; i++) {
		const struct attr *a = &w->c->entry->attrs[i];

		if (!a->n_values || str_equal_nocase(a->name, "objectClass"))
			continue;
		if (str_equal_nocase(a->name, c->rdn_type)) {
			if (!bytes_equal_nocase(a->values[0], bytes_of(rdn_value)))
				return fake_refuse(w, LDAP_NAMING_VIOLATION,
				    "0000207C: NameErr: problem 2004 (NAMING_VIOLATION): %s",
				    a->name);
			continue;
		}
		if (fake_add_values(w, e, a->name, a->values, a->n_values) < 0)
			return -1;
	}
	return 0;
}

static int
insert(const struct fake_writer *w, struct entry **e)
{
	struct fakedir *fd = w->fd;
	struct object *o;

	if (list_grow(fd->objects, fd->n, fd->cap) < 0)
		return err_nomem(w->err);
	if (!(o = calloc(1, sizeof *o)))
		return err_nomem(w->err);
	if (!(o->norm = dn_normalize((*e)->dn, w->err))) {
		free(o);
		return -1;
	}
	o->e = TAKE(*e);
	o->deleted = entry_get_bool(o->e, "isDeleted");
	o->number = fd->n;
	fd->objects[fd->n++] = o;
	fake_commit(fd);
	return fake_index_put(fd, o) < 0 ? err_nomem(w->err) : 0;
}

/* The place of the new object: its full name with the parent's spelling. */
static int
new_name(const struct fake_writer *w, const struct fake_class *c, const char *norm,
    const char *value, char **ret)
{
	const char *parent_norm = dn_parent(norm), *parent_dn = dn_parent(w->c->dn);

	/* The first object is the root of the domain. */
	if (w->fd->n) {
		const struct object *parent = fake_find_norm(w->fd, parent_norm, false);

		if (!parent)
			return fake_refuse(
			    w, LDAP_NO_SUCH_OBJECT, "0000208D: NameErr: problem 2001 (NO_OBJECT)");
		if (fake_check_sibling(w, parent_norm, value, NULL) < 0)
			return -1;
		parent_dn = parent->e->dn;
	}
	*ret = dn_build(c->rdn_type, value, parent_dn);
	return *ret ? 0 : err_nomem(w->err);
}

int
fake_add(const struct fake_writer *w)
{
	_cleanup_(free) char *norm = NULL, *value = NULL, *dn = NULL;
	_cleanup_(entry_free) struct entry *e = NULL;
	const struct fake_class *c = NULL;

	norm = dn_normalize(w->c->dn, w->err);
	value = norm ? dn_rdn_value(w->c->dn, w->err) : NULL;
	if (!value && w->err->src == ERR_SYS)
		return -1;
	if (!value)
		return fake_refuse(
		    w, LDAP_INVALID_DN_SYNTAX, "0000208F: NameErr: problem 2006 (BAD_NAME)");
	if (choose_class(w, &c) < 0 || new_name(w, c, norm, value, &dn) < 0)
		return -1;
	if (!str_starts_nocase(norm, c->rdn_type) || norm[strlen(c->rdn_type)] != '=')
		return fake_refuse(w, LDAP_NAMING_VIOLATION,
		    "00002099: NameErr: problem 2004 (NAMING_VIOLATION): a %s is named by %s",
		    c->name, c->rdn_type);
	if (!(e = entry_new(dn)))
		return err_nomem(w->err);
	if (add_classes(w, e, c) < 0 || add_given(w, e, c, value) < 0 ||
	    add_names(w, e, c, value) < 0 || add_generated(w, e, c) < 0 ||
	    fake_check_group(w, NULL, e) < 0 || fake_check_entry(w, e, NULL) < 0)
		return -1;
	return insert(w, &e);
}

int
fake_write(struct fakedir *fd, const struct change *c, bool system, struct err *err)
{
	struct fake_writer w = {.fd = fd, .c = c, .system = system, .err = err};

	if (fd->refuse_norm && !system) {
		struct err ignored;
		_cleanup_(free) char *norm = dn_normalize(c->dn, &ignored);

		if (norm && strcmp(norm, fd->refuse_norm) == 0)
			return fake_refuse(&w, fd->refuse_rc, "refused as the test wants it");
	}
	switch (c->op) {
	case CHANGE_ADD: return fake_add(&w);
	case CHANGE_MODIFY: return change_brought_back(c) ? fake_bring_back(&w) : fake_modify(&w);
	case CHANGE_RENAME: return fake_rename(&w);
	case CHANGE_DELETE: return fake_delete(&w);
	}
	return fake_refuse(&w, LDAP_PROTOCOL_ERROR, "no such operation");
}
