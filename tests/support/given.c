/* SPDX-License-Identifier: MIT */
#include "tests/support/given.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/run/active.h"
#include "tests/support/fakedir.h"
#include "tests/support/fakedir_priv.h"

static char name[] = "acme-globex", admin_group[] = "/o=Globex/ou=First";
static char acme[] = "acme", acme_domain[] = "acme.example",
	    acme_redirect[] = "redirect.acme.example";
static char globex[] = "globex", globex_domain[] = "globex.example",
	    globex_redirect[] = "redirect.globex.example";
static char globex_tenant[] = "globex.mail.onmicrosoft.com";
static char stamp[] = "extensionAttribute15", marker[] = "extensionAttribute14";
static char base[] = "OU=Staff,DC=acme,DC=example", base_norm[] = "ou=staff,dc=acme,dc=example";
static char target_ou[] = "OU=Acme,DC=globex,DC=example";
static char redirect[] = "%{mailNickname}", toggle[] = "delete.me", suffix[] = "globex.example";

void
given_init(struct given *g)
{
	*g = (struct given){.forest = {{.name = acme,
					   .dir = {.domain = acme_domain},
					   .redirect_domain = acme_redirect,
					   .stamp_attribute = stamp},
				{.name = globex,
				    .dir = {.domain = globex_domain},
				    .redirect_domain = globex_redirect,
				    .stamp_attribute = stamp}},
	    .scope = {.base = base,
		.base_norm = base_norm,
		.kinds = (KIND_BIT(KIND_MAX) - 1) & ~KIND_BIT(KIND_OTHER),
		.target_ou = target_ou,
		.create = CREATE_MAILBOX,
		.hidden_leaves = true,
		.on_leave = LEAVE_HIDE},
	    .link = {.name = name,
		.source = &g->forest[SOURCE],
		.target = &g->forest[TARGET],
		.scopes = &g->scope,
		.n_scopes = 1,
		.upn_suffix = suffix,
		.admin_group = admin_group,
		.redirect_template = redirect,
		.marker_attribute = marker,
		.toggle_domain = toggle}};
}

void
given_tenant(struct given *g)
{
	g->forest[TARGET].routing_domain = globex_tenant;
}

void
given_plain(struct given *g)
{
	g->forest[SOURCE].redirect_domain = g->forest[TARGET].redirect_domain = NULL;
}

struct project_in
given_pair(const struct given *g, const struct entry *source, const struct entry *target)
{
	enum kind kind = kind_of(source);
	const struct active_conf conf = active_conf_of(&g->link);
	struct active_side verdict =
	    active_side_of(&conf, (const struct entry *const[SIDES]){source, target}, NULL);

	return (struct project_in){.link = &g->link,
	    .scope = &g->scope,
	    .source = source,
	    .target = target,
	    .kind = kind,
	    .shape = project_shape(&g->scope, kind, source, target),
	    .created = true,
	    .active = verdict.side,
	    .lead = project_lead(&g->scope, &verdict),
	    .verdict = verdict,
	    .redirects = verdict.facts.mailbox[verdict.side] && g->forest[SOURCE].redirect_domain};
}

char *
given_str(const char *text)
{
	return (char *)(uintptr_t)text;
}

struct entry *
given_entry(const char *ldif)
{
	struct entry **v = NULL, *e;
	struct err err = {0};
	size_t n = 0;

	if (!ldif)
		return NULL;
	if (fake_ldif_parse(ldif, &v, &n, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(n, 1);
	e = v[0];
	free(v);
	if (guid_is_zero(&e->guid))
		assert_true(guid_parse(GIVEN_GUID, &e->guid));
	return e;
}

struct record *
given_record(const char *put)
{
	struct record *r = record_new();

	assert_non_null(r);
	r->id = 1;
	r->state = RECORD_SYNCED;
	r->synced_at = 1;
	assert_true(guid_parse(GIVEN_GUID, &r->side[SOURCE].guid));
	if (put) {
		_cleanup_(buf_done) struct buf ldif = {0};
		_cleanup_(entry_free) struct entry *e = NULL;

		buf_printf(&ldif, "dn: CN=x\n%s", put);
		e = given_entry((const char *)ldif.data);
		for (size_t i = 0; i < e->n_attrs; i++)
			for (size_t j = 0; j < e->attrs[i].n_values; j++) {
				uint64_t h =
				    record_written_hash(e->attrs[i].name, e->attrs[i].values[j]);

				assert_int_equal(record_add_written(r, TARGET, &h, 1), 0);
			}
	}
	return r;
}

struct table *
given_table(const struct conf_link *link, struct schema **ret_schema)
{
	struct table *t = NULL;
	struct err err = {0};

	*ret_schema = fakedir_schema_new(NULL);
	assert_non_null(*ret_schema);
	if (table_new(link, *ret_schema, *ret_schema, &t, &err) < 0)
		fail_msg("%s", err.text);
	return t;
}

static void
add_value(struct buf *b, struct bytes v)
{
	char text[1024];

	err_escape(text, sizeof text, v);
	buf_add_str(b, text);
}

char *
given_values(const struct attr *a)
{
	struct buf b = {0};

	if (!a)
		return NULL;
	for (size_t i = 0; i < a->n_values; i++) {
		buf_add_str(&b, i ? "|" : "");
		add_value(&b, a->values[i]);
	}
	return buf_take_str(&b);
}

char *
given_mods(const struct change *c)
{
	static const char *const signs[] = {
	    [MOD_ADD] = "+", [MOD_DELETE] = "-", [MOD_REPLACE] = "="};
	struct buf b = {0};

	for (size_t i = 0; i < c->n_mods; i++)
		for (size_t j = 0; j < c->mods[i].n_values; j++) {
			buf_printf(&b, "%s%s: ", signs[c->mods[i].op], c->mods[i].attr);
			add_value(&b, c->mods[i].values[j]);
			buf_add_char(&b, '\n');
		}
	return buf_take_str(&b);
}

static unsigned bad;

void
given_same(size_t number, const char *row, const char *got, const char *want)
{
	const char *no = "absent";

	if (got && want ? strcmp(got, want) == 0 : got == want)
		return;
	print_error("row %zu, %s: '%s', not '%s'\n", number, row, got ? got : no, want ? want : no);
	bad++;
}

void
given_ended(size_t number, const char *row, int rc, const struct err *err, const char *why)
{
	bool as_wanted = why ? rc < 0 && strncmp(err->text, why, strlen(why)) == 0 : rc == 0;

	if (as_wanted)
		return;
	print_error("row %zu, %s: %s, not '%s'\n", number, row, rc < 0 ? err->text : "no error",
	    why ? why : "no error");
	bad++;
}

void
given_all_same(void)
{
	unsigned n = bad;

	bad = 0;
	assert_int_equal(n, 0);
}
