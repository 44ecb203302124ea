/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_FAKEDIR_FIXTURE_H
#define GALSYNC_TESTS_FAKEDIR_FIXTURE_H

/* What the tests of the fake directory have in common: a forest with a few objects, and changes
 * whose LDAP result is the answer. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <ldap.h>
#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/schema.h"
#include "dsa/directory/sid.h"
#include "tests/support/apply.h"
#include "tests/support/fakedir.h"

#define DOMAIN "DC=acme,DC=example"
#define STAFF "OU=Staff," DOMAIN
#define ANN "CN=Ann," STAFF
#define BOB "CN=Bob," STAFF
#define TEAM "CN=Team," STAFF

static const char base_ldif[] =
    "dn: " STAFF "\nobjectClass: organizationalUnit\n\n"
    "dn: " TEAM "\nobjectClass: group\nmember: " ANN "\nsAMAccountName: team\n\n"
    "# a comment\n"
    "dn: " ANN "\nobjectClass: user\nsAMAccountName: ann\n"
    "displayName: Ann\n  Archer\nmanager: " BOB "\n"
    "proxyAddresses: SMTP:ann@acme.example\n"
    "description:: Q2Fmw6k=\n\n"
    "dn: " BOB "\r\nobjectClass: user\r\nsAMAccountName: bob\r\n";

static inline struct fakedir *
new_server(void)
{
	struct fakedir *fd = fakedir_new("acme", DOMAIN);

	assert_non_null(fd);
	assert_int_equal(fakedir_add_ldif(fd, base_ldif), 0);
	return fd;
}

static inline struct dir *
new_dir(struct fakedir *fd)
{
	struct dir *d = fakedir_connect(fd);
	struct err err;

	assert_non_null(d);
	assert_int_equal(dir_open(d, &err), 0);
	return d;
}

/* The LDAP result of one modification; VALUE NULL: without value. */
static inline int
mod(struct dir *d, const char *dn, enum mod_op op, const char *attr, const char *value)
{
	_cleanup_(change_free) struct change *c = change_new(CHANGE_MODIFY, dn, NULL);
	struct err err;

	assert_int_equal(change_mod_str(c, op, attr, value ? value : ""), 0);
	if (!value) {
		free((void *)(uintptr_t)c->mods[0].values[0].data);
		c->mods[0].n_values = 0;
	}
	return apply_change(d, c, &err) < 0 ? err.code : 0;
}

/* The LDAP result of an add; ATTRS are "name=value". */
static inline int
add(struct dir *d, const char *dn, const char *const *attrs)
{
	_cleanup_(change_free) struct change *c = change_new(CHANGE_ADD, dn, NULL);
	struct err err;

	c->entry = entry_new(dn);
	for (; *attrs; attrs++) {
		_cleanup_(free) char *name = strndup(*attrs, strcspn(*attrs, "="));

		assert_int_equal(entry_add_str(c->entry, name, *attrs + strlen(name) + 1), 0);
	}
	return apply_change(d, c, &err) < 0 ? err.code : 0;
}

#define ADD(d, dn, ...) add(d, dn, (const char *const[]){__VA_ARGS__, NULL})

static inline int
rename_to(struct dir *d, const char *dn, const char *rdn, const char *parent)
{
	_cleanup_(change_free) struct change *c = change_new(CHANGE_RENAME, dn, NULL);
	struct err err;

	c->new_rdn = strdup(rdn);
	c->new_parent = parent ? strdup(parent) : NULL;
	return apply_change(d, c, &err) < 0 ? err.code : 0;
}

static inline int
delete_it(struct dir *d, const char *dn)
{
	_cleanup_(change_free) struct change *c = change_new(CHANGE_DELETE, dn, NULL);
	struct err err;

	return apply_change(d, c, &err) < 0 ? err.code : 0;
}

static inline const char *
value_of(struct fakedir *fd, const char *dn, const char *attr)
{
	const struct entry *e = fakedir_find(fd, dn);

	return e ? entry_get_str(e, attr) : NULL;
}

static inline size_t
count_of(struct fakedir *fd, const char *dn, const char *attr)
{
	const struct entry *e = fakedir_find(fd, dn);
	const struct attr *a = e ? entry_find(e, attr) : NULL;

	return a ? a->n_values : 0;
}

static inline int
collect(struct entry *e, void *arg, struct err *err)
{
	struct buf *b = arg;

	(void)err;
	buf_printf(b, "%s;", e->dn);
	entry_free(e);
	return 0;
}

/* The DNs that a search gives, each followed by a semicolon; NULL with the code in *RC. */
static inline char *
search(struct dir *d, const struct dir_query *q, int *rc)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct err err;

	*rc = 0;
	if (d->ops->search(d, q, collect, &b, &err) == 0)
		return buf_take_str(&b);
	*rc = err.code;
	return NULL;
}

#endif
