/* SPDX-License-Identifier: MIT */
#include "redirect/address.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "mapping/primary.h"

static bool
has_type(struct bytes v, const char *type)
{
	size_t len = strlen(type);

	return v.len > len && bytes_equal_nocase((struct bytes){v.data, len}, bytes_of(type));
}

bool
address_is_smtp(struct bytes v)
{
	return has_type(v, "smtp:");
}

bool
address_is_primary(struct bytes v)
{
	return v.len > 5 && memcmp(v.data, "SMTP:", 5) == 0;
}

bool
address_is_x500(struct bytes v)
{
	return has_type(v, "x500:");
}

bool
address_is_sip(struct bytes v)
{
	return has_type(v, "sip:");
}

struct bytes
address_value(struct bytes v)
{
	const char *colon = v.len ? memchr(v.data, ':', v.len) : NULL;
	size_t skip = colon ? (size_t)(colon + 1 - (const char *)v.data) : 0;

	return (struct bytes){(const char *)v.data + skip, v.len - skip};
}

bool
address_in_domain(struct bytes v, const char *domain)
{
	size_t len = strlen(domain);
	const char *tail;

	if (!address_is_smtp(v) || v.len < 5 + len + 1)
		return false;
	tail = (const char *)v.data + v.len - len;
	return tail[-1] == '@' && bytes_equal_nocase((struct bytes){tail, len}, bytes_of(domain));
}

const char *
address_primary(const struct entry *e)
{
	return primary_of(e).data;
}

char *
address_x500_of(const char *name)
{
	static const char type[] = "X500:";
	size_t len = strlen(name);
	char *text = malloc(sizeof type + len);

	if (!text)
		return NULL;
	memcpy(text, type, sizeof type - 1);
	memcpy(text + sizeof type - 1, name, len + 1);
	return text;
}

bool
address_local_ok(const char *local)
{
	static const char atext[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "!#$%&'*+-/=?^_`{|}~";
	size_t len = strlen(local);

	/* 64 octets: RFC 5321 section 4.5.3.1.1. */
	if (len == 0 || len > 64 || local[0] == '.' || local[len - 1] == '.' || strstr(local, ".."))
		return false;
	for (const char *p = local; *p; p++)
		if (*p != '.' && !strchr(atext, *p))
			return false;
	return true;
}

/* A letter of a name that may be international, or one of MORE. */
static bool
is_name_octet(uint8_t c, const char *more)
{
	return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') ||
	       c >= 0x80 || (c && strchr(more, c));
}

/* Parts of NAME octets with single dots between them. */
static bool
is_dotted(struct bytes v, const char *more)
{
	const uint8_t *p = v.data;

	if (v.len == 0 || p[0] == '.' || p[v.len - 1] == '.')
		return false;
	for (size_t i = 0; i < v.len; i++)
		if (p[i] == '.' ? p[i - 1] == '.' : !is_name_octet(p[i], more))
			return false;
	return true;
}

bool
address_smtp_ok(struct bytes address)
{
	const char *at = address.len ? memrchr(address.data, '@', address.len) : NULL;
	struct bytes local, domain;

	if (!at || !utf8_valid(address))
		return false;
	local = (struct bytes){address.data, (size_t)(at - (const char *)address.data)};
	domain = (struct bytes){at + 1, address.len - local.len - 1};
	return local.len <= 64 && is_dotted(local, "!#$%&'*+-/=?^_`{|}~") && domain.len <= 255 &&
	       is_dotted(domain, "-_");
}

bool
address_is_well_formed(struct bytes v)
{
	const uint8_t *p = v.data;
	struct bytes value = address_value(v);
	size_t type = v.len - value.len;

	if (type < 2 || value.len == 0 || !utf8_valid(v))
		return false;
	for (size_t i = 0; i < v.len; i++)
		if (p[i] < 0x20 || p[i] == 0x7f || (i < type - 1 && !is_name_octet(p[i], "-_")))
			return false;
	if (address_is_smtp(v))
		return address_smtp_ok(value);
	if (address_is_x500(v))
		return *(const char *)value.data == '/';
	return *(const char *)value.data != ' ' && p[v.len - 1] != ' ';
}

bool
address_is_office(struct bytes v)
{
	static const char *const names[] = {"abuse", "admin", "administrator", "hostmaster",
	    "mailer-daemon", "noc", "postmaster", "root", "security", "ssladmin", "sslwebmaster",
	    "sysadmin", "webmaster"};
	struct bytes value = address_value(v);
	const char *at = value.len ? memrchr(value.data, '@', value.len) : NULL;
	struct bytes local;

	if (!address_is_smtp(v) || !at)
		return false;
	local = (struct bytes){value.data, (size_t)(at - (const char *)value.data)};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (bytes_equal_nocase(local, bytes_of(names[i])))
			return true;
	return false;
}

void
address_list_done(struct address_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free((void *)(uintptr_t)l->values[i].data);
	free(l->values);
	*l = (struct address_list){0};
}

long
address_list_find(const struct address_list *l, struct bytes v)
{
	for (size_t i = 0; i < l->n; i++)
		if (bytes_equal_nocase(l->values[i], v))
			return (long)i;
	return -1;
}

/* Gives the value at I the spelling of the octets at TYPE (5 of them). */
static void
respell(struct address_list *l, size_t i, const char *type)
{
	memcpy((void *)(uintptr_t)l->values[i].data, type, 5);
}

int
address_list_add(struct address_list *l, struct bytes v)
{
	long at = address_list_find(l, v);
	char *copy;

	if (at >= 0) {
		if (address_is_primary(v))
			respell(l, (size_t)at, "SMTP:");
		return 0;
	}
	if (list_grow(l->values, l->n, l->cap) < 0)
		return -1;
	copy = bytes_dup(v);
	if (!copy)
		return -1;
	l->values[l->n++] = (struct bytes){copy, v.len};
	return 0;
}

int
address_list_addf(struct address_list *l, const char *fmt, ...)
{
	_cleanup_(free) char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		return -1;
	}
	return address_list_add(l, bytes_of(text));
}

int
address_list_add_x500(struct address_list *l, const char *name)
{
	_cleanup_(free) char *text = address_x500_of(name);

	return text ? address_list_add(l, bytes_of(text)) : -1;
}

int
address_list_set_primary(struct address_list *l, const char *primary)
{
	for (size_t i = 0; i < l->n; i++)
		if (address_is_primary(l->values[i]))
			respell(l, i, "smtp:");
	return address_list_addf(l, "SMTP:%s", primary);
}

static const struct bytes *
find_present(const struct attr *present, struct bytes v)
{
	for (size_t i = 0; present && i < present->n_values; i++)
		if (bytes_equal_nocase(present->values[i], v))
			return &present->values[i];
	return NULL;
}

/* True if PRESENT has a sip: value that stays. */
static bool
keeps_sip(const struct address_list *want, const struct attr *present,
    address_may_remove_fn *may_remove, void *arg)
{
	for (size_t i = 0; present && i < present->n_values; i++) {
		struct bytes v = present->values[i];

		if (address_is_sip(v) && (address_list_find(want, v) >= 0 || !may_remove(v, arg)))
			return true;
	}
	return false;
}

/* A present value that is not wanted: take it away, demote it, or leave it. */
static int
merge_unwanted(struct bytes v, bool primary_wanted, address_may_remove_fn *may_remove, void *arg,
    struct change *change)
{
	_cleanup_(free) char *demoted = NULL;

	if (address_is_x500(v))
		return 0;
	if (may_remove(v, arg))
		return change_mod(change, MOD_DELETE, "proxyAddresses", v);
	if (!address_is_primary(v) || !primary_wanted)
		return 0;
	demoted = bytes_dup(v);
	if (!demoted)
		return -1;
	memcpy(demoted, "smtp:", 5);
	if (change_mod(change, MOD_DELETE, "proxyAddresses", v) < 0)
		return -1;
	return change_mod_str(change, MOD_ADD, "proxyAddresses", demoted);
}

/* P is there and V, which differs in case at most, is wanted. Without another primary address the
 * one that is there stays. Else its spelling is that of V if P may be removed. */
static bool
keeps_spelling(struct bytes p, struct bytes v, bool primary_wanted,
    address_may_remove_fn *may_remove, void *arg)
{
	if (address_is_primary(p) != address_is_primary(v))
		return !primary_wanted;
	return bytes_equal(p, v) || !may_remove(p, arg);
}

int
address_merge(const struct address_list *want, const struct attr *present,
    address_may_remove_fn *may_remove, void *arg, struct change *change)
{
	bool primary_wanted = false, has_sip = keeps_sip(want, present, may_remove, arg);

	for (size_t i = 0; i < want->n; i++)
		primary_wanted |= address_is_primary(want->values[i]);
	for (size_t i = 0; present && i < present->n_values; i++)
		if (address_list_find(want, present->values[i]) < 0 &&
		    merge_unwanted(present->values[i], primary_wanted, may_remove, arg, change) < 0)
			return -1;
	for (size_t i = 0; i < want->n; i++) {
		struct bytes v = want->values[i];
		const struct bytes *p = find_present(present, v);

		if (p && keeps_spelling(*p, v, primary_wanted, may_remove, arg))
			continue;
		if (p && change_mod(change, MOD_DELETE, "proxyAddresses", *p) < 0)
			return -1;
		if (!p && address_is_sip(v)) {
			if (has_sip)
				continue;
			has_sip = true;
		}
		if (change_mod(change, MOD_ADD, "proxyAddresses", v) < 0)
			return -1;
	}
	return 0;
}
