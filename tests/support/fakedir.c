/* SPDX-License-Identifier: MIT */

/* The fake server's life, its settings, and what a test does to it behind galsync's back. */

#include "tests/support/fakedir.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "tests/support/fakedir_index.h"
#include "tests/support/fakedir_priv.h"

#define FIRST_USN 1000
#define WINDOW 4

void
fake_object_free(struct object *o)
{
	entry_free(o->e);
	entry_free(o->view);
	free(o->norm);
	free(o->nodes);
	free(o);
}

/* ---- changes with the rights of the system ---- */

static int
complain(struct fakedir *fd, const struct err *err)
{
	(void)snprintf(fd->error, sizeof fd->error, "%s", err->text);
	(void)fprintf(stderr, "fakedir '%s': %s\n", fd->name, err->text);
	return -1;
}

static int
apply(struct fakedir *fd, const struct change *c)
{
	struct err err;
	int rc;

	if (!c) {
		(void)err_nomem(&err);
		return complain(fd, &err);
	}
	(void)pthread_mutex_lock(&fd->lock);
	rc = fake_write(fd, c, true, &err);
	(void)pthread_mutex_unlock(&fd->lock);
	return rc < 0 ? complain(fd, &err) : 0;
}

static struct change *
add_change(const struct entry *e)
{
	_cleanup_(change_free) struct change *c = change_new(CHANGE_ADD, e->dn, NULL);

	if (!c || !(c->entry = entry_dup(e)))
		return NULL;
	return TAKE(c);
}

int
fakedir_add(struct fakedir *fd, const struct entry *e)
{
	_cleanup_(change_free) struct change *c = add_change(e);

	return apply(fd, c);
}

static bool
is_linked(const struct fakedir *fd, const char *name)
{
	const struct schema_attr *a = schema_find(fd->schema, name);

	return a && fake_schema_is_ref(a);
}

/* Adds E without its references. */
static int
add_plain(struct fakedir *fd, const struct entry *e)
{
	_cleanup_(entry_free) struct entry *plain = entry_dup(e);

	for (size_t i = 0; plain && i < e->n_attrs; i++)
		if (is_linked(fd, e->attrs[i].name))
			entry_remove(plain, e->attrs[i].name);
	return fakedir_add(fd, plain ? plain : e);
}

static int
add_refs(struct fakedir *fd, const struct entry *e)
{
	_cleanup_(change_free) struct change *c = change_new(CHANGE_MODIFY, e->dn, NULL);

	for (size_t i = 0; c && i < e->n_attrs; i++) {
		const struct attr *a = &e->attrs[i];

		for (size_t j = 0; is_linked(fd, a->name) && j < a->n_values; j++)
			if (change_mod(c, MOD_ADD, a->name, a->values[j]) < 0)
				return apply(fd, NULL);
	}
	return c && change_is_empty(c) ? 0 : apply(fd, c);
}

int
fakedir_add_ldif(struct fakedir *fd, const char *ldif_text)
{
	struct entry **v = NULL;
	struct err err;
	size_t n = 0;
	int rc = 0;

	if (fake_ldif_parse(ldif_text, &v, &n, &err) < 0)
		return complain(fd, &err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = add_plain(fd, v[i]);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = add_refs(fd, v[i]);
	fake_entries_free(v, n);
	return rc;
}

static int
modify(struct fakedir *fd, const char *dn, enum mod_op op, const char *attr, const char *value)
{
	_cleanup_(change_free) struct change *c = change_new(CHANGE_MODIFY, dn, NULL);

	if (!c || change_mod_str(c, op, attr, value ? value : "") < 0)
		return apply(fd, NULL);
	/* The one way to a modification without values. */
	if (!value) {
		free((void *)(uintptr_t)c->mods[0].values[0].data);
		c->mods[0].n_values = 0;
	}
	return apply(fd, c);
}

int
fakedir_set(struct fakedir *fd, const char *dn, const char *attr, const char *value)
{
	return modify(fd, dn, MOD_REPLACE, attr, value);
}

int
fakedir_add_value(struct fakedir *fd, const char *dn, const char *attr, const char *value)
{
	return modify(fd, dn, MOD_ADD, attr, value);
}

int
fakedir_delete_value(struct fakedir *fd, const char *dn, const char *attr, const char *value)
{
	return modify(fd, dn, MOD_DELETE, attr, value);
}

int
fakedir_rename(struct fakedir *fd, const char *dn, const char *new_rdn, const char *new_parent)
{
	_cleanup_(change_free) struct change *c = change_new(CHANGE_RENAME, dn, NULL);

	if (!c || !(c->new_rdn = strdup(new_rdn)) ||
	    (new_parent && !(c->new_parent = strdup(new_parent))))
		return apply(fd, NULL);
	return apply(fd, c);
}

int
fakedir_delete(struct fakedir *fd, const char *dn)
{
	_cleanup_(change_free) struct change *c = change_new(CHANGE_DELETE, dn, NULL);

	return apply(fd, c);
}

const char *
fakedir_error(const struct fakedir *fd)
{
	return fd->error;
}

/* ---- life ---- */

static int
add_object(struct fakedir *fd, const char *dn, const char *class_name, const char *attr)
{
	_cleanup_(entry_free) struct entry *e = entry_new(dn);

	if (!e || entry_add_str(e, "objectClass", class_name) < 0 ||
	    (attr && entry_add_str(e, attr, "TRUE") < 0))
		return -1;
	return fakedir_add(fd, e);
}

static int
seed(struct fakedir *fd)
{
	_cleanup_(free) char *users = str_printf("CN=Users,%s", fd->domain_dn);
	_cleanup_(free) char *bin = str_printf("CN=Deleted Objects,%s", fd->domain_dn);

	if (!users || !bin)
		return -1;
	if (add_object(fd, fd->domain_dn, "domainDNS", NULL) < 0 ||
	    add_object(fd, fd->config_dn, "configuration", NULL) < 0 ||
	    add_object(fd, fd->schema_dn, "dMD", NULL) < 0 ||
	    add_object(fd, users, "container", "isCriticalSystemObject") < 0)
		return -1;
	return add_object(fd, bin, "container", "isDeleted");
}

static int
make_names(struct fakedir *fd, const char *name, const char *domain_dn)
{
	_cleanup_(free) char *bin = str_printf("CN=Deleted Objects,%s", domain_dn);
	struct err ignored;

	fd->name = strdup(name);
	fd->domain_dn = strdup(domain_dn);
	fd->config_dn = str_printf("CN=Configuration,%s", domain_dn);
	fd->schema_dn = str_printf("CN=Schema,CN=Configuration,%s", domain_dn);
	fd->domain_dns = dn_to_dns_domain(domain_dn);
	fd->server = str_printf("dc.%s", fd->domain_dns ? fd->domain_dns : "");
	fd->deleted_norm = bin ? dn_normalize(bin, &ignored) : NULL;
	fd->config_norm = fd->config_dn ? dn_normalize(fd->config_dn, &ignored) : NULL;
	return fd->name && fd->domain_dn && fd->config_dn && fd->schema_dn && fd->domain_dns &&
		       fd->server && fd->deleted_norm && fd->config_norm
		   ? 0
		   : -1;
}

struct fakedir *
fakedir_new(const char *name, const char *domain_dn)
{
	_cleanup_(fakedir_free) struct fakedir *fd = calloc(1, sizeof *fd);

	if (!fd)
		return NULL;
	(void)pthread_mutex_init(&fd->lock, NULL);
	fd->usn = FIRST_USN;
	fd->window = WINDOW;
	fd->schema = fakedir_schema_new(NULL);
	if (!fd->schema || make_names(fd, name, domain_dn) < 0 || seed(fd) < 0)
		return NULL;
	return TAKE(fd);
}

void
fakedir_free(struct fakedir *fd)
{
	if (!fd)
		return;
	assert(fd->n_conns == 0);
	for (size_t i = 0; i < fd->n; i++)
		fake_object_free(fd->objects[i]);
	free(fd->objects);
	fake_index_done(&fd->index);
	for (size_t i = 0; i < fd->n_denied; i++)
		free(fd->denied[i]);
	free(fd->denied);
	free(fd->refuse_norm);
	free(fd->name);
	free(fd->domain_dn);
	free(fd->config_dn);
	free(fd->schema_dn);
	free(fd->domain_dns);
	free(fd->server);
	entry_free(fd->account);
	free(fd->deleted_norm);
	free(fd->config_norm);
	schema_free(fd->schema);
	(void)pthread_mutex_destroy(&fd->lock);
	free(fd);
}

/* ---- settings ---- */

void
fakedir_set_order(struct fakedir *fd, enum fakedir_order order, uint64_t seed_value)
{
	(void)pthread_mutex_lock(&fd->lock);
	fd->order = order;
	fd->random = seed_value;
	(void)pthread_mutex_unlock(&fd->lock);
}

void
fakedir_set_shuffle(struct fakedir *fd, uint64_t seed)
{
	(void)pthread_mutex_lock(&fd->lock);
	fd->shuffle = seed;
	(void)pthread_mutex_unlock(&fd->lock);
}

void
fakedir_set_window(struct fakedir *fd, unsigned window)
{
	(void)pthread_mutex_lock(&fd->lock);
	fd->window = window ? window : 1;
	(void)pthread_mutex_unlock(&fd->lock);
}

int
fakedir_set_account(struct fakedir *fd, const char *dn)
{
	const struct entry *e = fakedir_find(fd, dn);
	_cleanup_(entry_free) struct entry *account = e ? entry_new(dn) : NULL;

	if (!account || entry_add(account, "tokenGroups", entry_get(e, "objectSid")) < 0)
		return -1;
	entry_free(fd->account);
	fd->account = TAKE(account);
	return 0;
}

int
fakedir_set_server(struct fakedir *fd, const char *server)
{
	char *copy = strdup(server);

	if (!copy)
		return -1;
	(void)pthread_mutex_lock(&fd->lock);
	free(fd->server);
	fd->server = copy;
	fd->several = true;
	(void)pthread_mutex_unlock(&fd->lock);
	return 0;
}

int
fakedir_hide(struct fakedir *fd, const char *dn, bool hide)
{
	struct err ignored;
	_cleanup_(free) char *norm = dn_normalize(dn, &ignored);
	struct object *o;

	(void)pthread_mutex_lock(&fd->lock);
	o = norm ? fake_find_norm(fd, norm, true) : NULL;
	if (o) {
		o->deleted = o->hidden = hide;
		fd->names++;
	}
	(void)pthread_mutex_unlock(&fd->lock);
	return o ? 0 : -1;
}

void
fakedir_set_outage(struct fakedir *fd, const struct fakedir_outage *outage)
{
	(void)pthread_mutex_lock(&fd->lock);
	fd->outage = *outage;
	fd->requests = 0;
	(void)pthread_mutex_unlock(&fd->lock);
}

unsigned
fakedir_requests(struct fakedir *fd)
{
	unsigned n;

	(void)pthread_mutex_lock(&fd->lock);
	n = fd->requests;
	(void)pthread_mutex_unlock(&fd->lock);
	return n;
}

struct fakedir_polls
fakedir_polls(struct fakedir *fd)
{
	struct fakedir_polls polls;

	(void)pthread_mutex_lock(&fd->lock);
	polls = fd->polls;
	(void)pthread_mutex_unlock(&fd->lock);
	return polls;
}

void
fakedir_set_down(struct fakedir *fd, bool down)
{
	struct fakedir_outage o = {.fault = down ? FAKEDIR_DOWN : FAKEDIR_WELL};

	fakedir_set_outage(fd, &o);
}

void
fakedir_refuse_back(struct fakedir *fd, int rc)
{
	(void)pthread_mutex_lock(&fd->lock);
	fd->refuse_back_rc = rc;
	(void)pthread_mutex_unlock(&fd->lock);
}

void
fakedir_set_usn(struct fakedir *fd, uint64_t usn)
{
	(void)pthread_mutex_lock(&fd->lock);
	fd->usn = usn;
	(void)pthread_mutex_unlock(&fd->lock);
}

int
fakedir_refuse(struct fakedir *fd, const char *dn, int rc)
{
	_cleanup_(free) char *norm = NULL;
	struct err err;

	if (dn && !(norm = dn_normalize(dn, &err)))
		return complain(fd, &err);
	(void)pthread_mutex_lock(&fd->lock);
	free(fd->refuse_norm);
	fd->refuse_norm = TAKE(norm);
	fd->refuse_rc = rc;
	(void)pthread_mutex_unlock(&fd->lock);
	return 0;
}

static int
deny(struct fakedir *fd, const char *what)
{
	if (list_grow_by_one(fd->denied, fd->n_denied) < 0 ||
	    !(fd->denied[fd->n_denied] = strdup(what)))
		return -1;
	fd->n_denied++;
	return 0;
}

int
fakedir_deny(struct fakedir *fd, const char *what)
{
	int rc = 0;

	(void)pthread_mutex_lock(&fd->lock);
	while (!what && fd->n_denied)
		free(fd->denied[--fd->n_denied]);
	if (what)
		rc = deny(fd, what);
	(void)pthread_mutex_unlock(&fd->lock);
	return rc;
}

/* ---- looking ---- */

const struct entry *
fakedir_find(struct fakedir *fd, const char *dn)
{
	const struct entry *view = NULL;
	struct object *o = NULL;
	struct err ignored;

	(void)pthread_mutex_lock(&fd->lock);
	if (fake_resolve(fd, dn, *dn == '<', &o, &ignored) == 0 && o)
		view = fake_view(fd, o);
	(void)pthread_mutex_unlock(&fd->lock);
	return view;
}

uint64_t
fakedir_usn(struct fakedir *fd)
{
	uint64_t usn;

	(void)pthread_mutex_lock(&fd->lock);
	usn = fd->usn;
	(void)pthread_mutex_unlock(&fd->lock);
	return usn;
}

const struct schema *
fakedir_schema(const struct fakedir *fd)
{
	return fd->schema;
}
