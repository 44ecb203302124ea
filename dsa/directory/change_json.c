/* SPDX-License-Identifier: MIT */
#include "dsa/directory/change_json.h"

#include <gnutls/gnutls.h>
#include <string.h>

#include "dsa/base/json.h"
#include "dsa/base/str.h"

static const char *const mod_names[] = {
    [MOD_ADD] = "add", [MOD_DELETE] = "delete", [MOD_REPLACE] = "replace"};

/* ---- to JSON ---- */

static json_t *
base64_of(struct bytes v)
{
	const gnutls_datum_t in = {(unsigned char *)(uintptr_t)v.data, (unsigned)v.len};
	gnutls_datum_t out = {NULL, 0};
	json_t *o = json_object(), *text;

	if (v.len > UINT32_MAX || gnutls_base64_encode2(&in, &out) < 0) {
		json_decref(o);
		return NULL;
	}
	text = json_stringn((char *)out.data, out.size);
	gnutls_free(out.data);
	json_put_member(&o, "base64", text);
	return o;
}

static bool
is_text(struct bytes v)
{
	return !memchr(v.len ? v.data : "", '\0', v.len) && utf8_valid(v);
}

json_t *
change_value_json(struct bytes v)
{
	return is_text(v) ? json_stringn(v.len ? v.data : "", v.len) : base64_of(v);
}

static json_t *
values_json(const struct bytes *values, size_t n)
{
	json_t *a = json_array();

	for (size_t i = 0; i < n; i++)
		json_add_item(&a, change_value_json(values[i]));
	return a;
}

json_t *
change_entry_json(const struct entry *e)
{
	json_t *o = json_object(), *attrs = json_object();
	char guid[GUID_TEXT_SIZE];

	guid_format(&e->guid, guid);
	for (size_t i = 0; i < e->n_attrs; i++)
		json_put_member(&attrs, e->attrs[i].name,
		    values_json(e->attrs[i].values, e->attrs[i].n_values));
	json_put_member(&o, "dn", json_of_text(e->dn));
	if (!guid_is_zero(&e->guid))
		json_put_member(&o, "guid", json_string(guid));
	json_put_member(&o, "attrs", attrs);
	return o;
}

static json_t *
mods_json(const struct change *c)
{
	json_t *a = json_array();

	for (size_t i = 0; i < c->n_mods; i++) {
		const struct mod *m = &c->mods[i];
		json_t *o = json_object();

		json_put_member(&o, "op", json_string(mod_names[m->op]));
		json_put_member(&o, "attr", json_of_text(m->attr));
		json_put_member(&o, "values", values_json(m->values, m->n_values));
		json_add_item(&a, o);
	}
	return a;
}

json_t *
change_json(const struct change *c)
{
	char guid[GUID_TEXT_SIZE];
	json_t *o = json_object();

	json_put_member(&o, "op", json_string(change_op_name(c->op)));
	json_put_member(&o, "dn", json_of_text(c->dn));
	guid_format(&c->guid, guid);
	if (!guid_is_zero(&c->guid))
		json_put_member(&o, "guid", json_string(guid));
	switch (c->op) {
	case CHANGE_ADD: json_put_member(&o, "entry", change_entry_json(c->entry)); break;
	case CHANGE_MODIFY: json_put_member(&o, "mods", mods_json(c)); break;
	case CHANGE_RENAME:
		json_put_member(&o, "new_rdn", json_of_text(c->new_rdn));
		if (c->new_parent)
			json_put_member(&o, "new_parent", json_of_text(c->new_parent));
		break;
	case CHANGE_DELETE: break;
	}
	return o;
}

/* ---- from JSON ---- */

const char *
change_json_text(const json_t *json, const char *name, struct err *err)
{
	const json_t *v = json_object_get(json, name);
	const char *s = json_string_value(v);

	if (s && strlen(s) == json_string_length(v))
		return s;
	(void)err_data(err, "\"%s\" is no text", name);
	return NULL;
}

/* Only what base64_of() writes: of one value there is one text. */
static int
decode_base64(const json_t *v, struct buf *ret, struct err *err)
{
	static const char *const names[] = {"base64"};
	_cleanup_(json_release) json_t *again = NULL;
	gnutls_datum_t in, out = {NULL, 0};
	const char *text;

	if (json_check_members(v, names, 1, 1, err) < 0 ||
	    !(text = change_json_text(v, "base64", err)))
		return -1;
	in = (gnutls_datum_t){(unsigned char *)(uintptr_t)text, (unsigned)strlen(text)};
	if (*text && gnutls_base64_decode2(&in, &out) == 0)
		buf_add(ret, out.data, out.size);
	gnutls_free(out.data);
	again = ret->len ? base64_of(buf_bytes(ret)) : NULL;
	if (ret->failed)
		return err_nomem(err);
	if (!again || is_text(buf_bytes(ret)) || !json_equal(again, v))
		return err_data(err, "it is no base64 of octets that are no text");
	return 0;
}

static int
take_value(const json_t *v, struct buf *ret, struct err *err)
{
	buf_reset(ret);
	if (!json_is_string(v))
		return decode_base64(v, ret, err);
	if (memchr(json_string_value(v), '\0', json_string_length(v)))
		return err_data(err, "a text has no NUL");
	buf_add(ret, json_string_value(v), json_string_length(v));
	return ret->failed ? err_nomem(err) : 0;
}

/* Names go into LDIF as they are (change.c). */
static int
check_name(const char *name, struct err *err)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789-.;=_";

	if (*name && !name[strspn(name, allowed)])
		return 0;
	return err_data(err, "it is no name of an attribute");
}

static int
take_attr(struct entry *e, const char *name, const json_t *values, struct err *err)
{
	_cleanup_(buf_done) struct buf v = {0};

	if (check_name(name, err) < 0)
		return -1;
	if (!json_is_array(values))
		return err_data(err, "it has no list of values");
	if (entry_find(e, name))
		return err_data(err, "it is there twice");
	if (entry_touch(e, name) < 0)
		return err_nomem(err);
	for (size_t i = 0; i < json_array_size(values); i++) {
		if (take_value(json_array_get(values, i), &v, err) < 0)
			return err_ctx(err, "value %zu", i + 1);
		if (entry_add(e, name, buf_bytes(&v)) < 0)
			return err_nomem(err);
	}
	return 0;
}

/* Zero if there is none. */
static int
take_guid(const json_t *json, struct guid *ret, struct err *err)
{
	const char *text;

	*ret = (struct guid){{0}};
	if (!json_object_get(json, "guid"))
		return 0;
	text = change_json_text(json, "guid", err);
	if (!text)
		return -1;
	return guid_parse(text, ret) && !guid_is_zero(ret) ? 0
							   : err_data(err, "\"guid\" is no GUID");
}

int
change_entry_of_json(const json_t *json, struct entry **ret, struct err *err)
{
	static const char *const names[] = {"dn", "attrs", "guid"};
	_cleanup_(entry_free) struct entry *e = NULL;
	const char *dn, *name;
	json_t *attrs, *values;
	struct guid guid;

	if (json_check_members(json, names, 2, 3, err) < 0 ||
	    !(dn = change_json_text(json, "dn", err)) || take_guid(json, &guid, err) < 0)
		return -1;
	attrs = json_object_get(json, "attrs");
	if (!json_is_object(attrs))
		return err_data(err, "\"attrs\" is no object");
	e = entry_new(dn);
	if (!e)
		return err_nomem(err);
	e->guid = guid;
	json_object_foreach(attrs, name, values)
	{
		if (take_attr(e, name, values, err) < 0)
			return err_ctx(err, "attribute \"%.64s\"", name);
	}
	*ret = TAKE(e);
	return 0;
}

static int
mod_op_of(const char *text, enum mod_op *ret, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(mod_names); i++)
		if (strcmp(text, mod_names[i]) == 0) {
			*ret = (enum mod_op)i;
			return 0;
		}
	return err_data(err, "\"op\" is none of add, delete, replace");
}

static int
take_mod(struct change *c, const json_t *json, struct err *err)
{
	static const char *const names[] = {"op", "attr", "values"};
	_cleanup_(buf_done) struct buf v = {0};
	const char *op, *attr;
	const json_t *values;
	enum mod_op o = MOD_ADD;

	if (json_check_members(json, names, 3, 3, err) < 0 ||
	    !(op = change_json_text(json, "op", err)) ||
	    !(attr = change_json_text(json, "attr", err)) || mod_op_of(op, &o, err) < 0)
		return -1;
	if (check_name(attr, err) < 0)
		return err_ctx(err, "\"attr\"");
	values = json_object_get(json, "values");
	if (!json_array_size(values))
		return err_data(err, "\"values\" is no list of values");
	for (size_t i = 0; i < json_array_size(values); i++) {
		if (take_value(json_array_get(values, i), &v, err) < 0)
			return err_ctx(err, "value %zu of %.64s", i + 1, attr);
		if (change_mod(c, o, attr, buf_bytes(&v)) < 0)
			return err_nomem(err);
	}
	return 0;
}

static int
take_mods(struct change *c, const json_t *mods, struct err *err)
{
	if (!json_array_size(mods))
		return err_data(err, "\"mods\" is no list of modifications");
	for (size_t i = 0; i < json_array_size(mods); i++)
		if (take_mod(c, json_array_get(mods, i), err) < 0)
			return err_ctx(err, "modification %zu", i + 1);
	return 0;
}

static int
take_names(struct change *c, const json_t *json, struct err *err)
{
	const char *rdn = change_json_text(json, "new_rdn", err), *parent = NULL;

	if (!rdn)
		return -1;
	if (json_object_get(json, "new_parent") &&
	    !(parent = change_json_text(json, "new_parent", err)))
		return -1;
	c->new_rdn = strdup(rdn);
	c->new_parent = parent ? strdup(parent) : NULL;
	return c->new_rdn && (!parent || c->new_parent) ? 0 : err_nomem(err);
}

/* The members of a change by its operation: the first N_MUST must be there. */
static const struct form {
	const char *names[5];
	size_t n_must, n;
} forms[] = {
    [CHANGE_ADD] = {{"op", "dn", "entry"}, 3, 3},
    [CHANGE_MODIFY] = {{"op", "dn", "mods", "guid"}, 3, 4},
    [CHANGE_RENAME] = {{"op", "dn", "new_rdn", "new_parent", "guid"}, 3, 5},
    [CHANGE_DELETE] = {{"op", "dn", "guid"}, 2, 3},
};

static int
op_of(const json_t *json, enum change_op *ret, struct err *err)
{
	const char *text = change_json_text(json, "op", err);

	if (!text)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if (strcmp(text, change_op_name((enum change_op)i)) == 0) {
			*ret = (enum change_op)i;
			return 0;
		}
	return err_data(err, "\"op\" is none of add, modify, rename, delete");
}

static int
take_body(struct change *c, const json_t *json, struct err *err)
{
	switch (c->op) {
	case CHANGE_ADD:
		return change_entry_of_json(json_object_get(json, "entry"), &c->entry, err) < 0
			   ? err_ctx(err, "\"entry\"")
			   : 0;
	case CHANGE_MODIFY: return take_mods(c, json_object_get(json, "mods"), err);
	case CHANGE_RENAME: return take_names(c, json, err);
	case CHANGE_DELETE: break;
	}
	return 0;
}

int
change_of_json(const json_t *json, struct change **ret, struct err *err)
{
	_cleanup_(change_free) struct change *c = NULL;
	const char *dn;
	struct guid guid;
	enum change_op op = CHANGE_ADD;

	if (op_of(json, &op, err) < 0 ||
	    json_check_members(json, forms[op].names, forms[op].n_must, forms[op].n, err) < 0 ||
	    !(dn = change_json_text(json, "dn", err)))
		return -1;
	if (take_guid(json, &guid, err) < 0)
		return -1;
	c = change_new(op, dn, &guid);
	if (!c)
		return err_nomem(err);
	if (take_body(c, json, err) < 0)
		return -1;
	*ret = TAKE(c);
	return 0;
}
