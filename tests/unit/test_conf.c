/* SPDX-License-Identifier: MIT */

/* What a configuration means, what is printed of it, and that the manual and the sample show all of
 * it. */

#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dsa/config/conf_key.h"
#include "tests/unit/conf_fixture.h"

static void
sample(void **state)
{
	_cleanup_(conf_free) struct conf *c = load(base);
	const struct conf_forest *f = &c->forests[0];
	const struct conf_link *l = conf_find_link(c, "acme-globex");

	(void)state;
	assert_int_equal(c->n_forests, 2);
	assert_string_equal(f->dir.name, "acme");
	assert_int_equal(f->dir.n_servers, 2);
	assert_string_equal(f->dir.servers[1], "ldap://dc2.acme.example");
	assert_string_equal(f->dir.keytab, path_of("acme.keytab"));
	assert_string_equal(f->dir.principal, "svc-galsync@ACME.EXAMPLE");
	assert_int_equal(f->dir.tls, TLS_STARTTLS);
	assert_string_equal(f->redirect_domain, "redirect.acme.example");
	assert_non_null(l);
	assert_null(conf_find_link(c, "acme"));
	assert_ptr_equal(l->source, f);
	assert_ptr_equal(l->target, &c->forests[1]);
	assert_int_equal(l->n_scopes, 1);
	assert_string_equal(l->scopes[0].base, "OU=Staff,DC=acme,DC=example");
	assert_string_equal(l->scopes[0].base_norm, "ou=staff,dc=acme,dc=example");
	assert_int_equal(l->scopes[0].create, CREATE_MAILBOX);
	assert_non_null(l->scopes[0].filter);
	assert_int_equal(l->scopes[0].line, 17);
	assert_int_equal(l->n_match, 5);
	assert_int_equal(l->match[4].method, MATCH_SAM);
	assert_int_equal(l->n_databases, 1);
	assert_string_equal(l->admin_group, "/o=Globex/ou=X");
	assert_string_equal(l->upn_suffix, "globex.example");
	assert_int_equal(l->line, 16);
	assert_string_equal(l->file, path_of("galsync.conf"));
}

static void
defaults(void **state)
{
	static const char text[] =
	    "forests = ( { name = \"a\"; servers = [ \"ldap://dc.a.example\" ]; auth = { principal "
	    "= "
	    "\"x@A\"; keytab = \"acme.keytab\"; }; }, { name = \"b\"; domain = \"b.example\"; auth "
	    "= "
	    "{ mechanism = \"GSS-SPNEGO\"; principal = \"x@B\"; keytab = \"globex.keytab\"; }; } "
	    ");\n"
	    "links = ( { name = \"l\"; source = \"a\"; target = \"b\"; scopes = ( { base = "
	    "\"DC=A,DC=example\"; target_ou = \"OU=A,DC=b,DC=example\"; create = \"contact\"; } ); "
	    "} "
	    ");";
	_cleanup_(conf_free) struct conf *c = load(text);
	const struct dir_conf *d = &c->forests[0].dir;
	const struct conf_link *l = &c->links[0];
	const struct conf_scope *s = &l->scopes[0];

	(void)state;
	assert_string_equal(c->state_directory, "/var/lib/galsync");
	assert_int_equal(c->map_size_mb, 65536);
	assert_int_equal(c->journal_days, 400);
	assert_int_equal(c->journal_size_mb, 16384);
	assert_string_equal(d->domain, "a.example"); /* from the scope's base */
	assert_null(d->site);
	assert_int_equal(d->mechanism, AUTH_GSSAPI);
	assert_int_equal(d->tls, TLS_NONE);
	assert_null(d->ca_file);
	assert_int_equal(d->connect_timeout_ms, 10000);
	assert_int_equal(d->timeout_ms, 60000);
	assert_int_equal(d->return_after_s, 900);
	assert_int_equal(d->page_size, 1000);
	assert_int_equal(d->window, 64);
	assert_string_equal(c->forests[0].stamp_attribute, "extensionAttribute15");
	assert_int_equal(c->forests[1].dir.n_servers, 0);
	assert_int_equal(l->n_match, 4);
	assert_int_equal(l->match[0].method, MATCH_STAMP);
	assert_int_equal(l->match[3].method, MATCH_MAIL_ON_TARGET);
	assert_false(l->foreign_addresses);
	assert_int_equal(l->max_matches, 0);
	assert_false(l->promote_contacts);
	assert_null(l->return_contacts_ou);
	assert_string_equal(l->upn_suffix, "b.example");
	assert_string_equal(
	    l->admin_group, "/o=b/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)");
	assert_null(l->primary_template);
	assert_string_equal(l->redirect_template, "%{mailNickname}");
	assert_int_equal(l->n_rows, 0);
	assert_int_equal(l->max_deletes, 50);
	assert_int_equal(l->max_delete_percent, 5);
	assert_int_equal(l->interval_s, 60);
	assert_int_equal(
	    s->kinds, KIND_BIT(KIND_USER) | KIND_BIT(KIND_GROUP) | KIND_BIT(KIND_CONTACT));
	assert_null(s->filter);
	assert_int_equal(s->layout, LAYOUT_FLAT);
	assert_false(s->linked);
	assert_true(s->hidden_leaves);
	assert_false(s->disabled_leaves);
	assert_int_equal(s->on_leave, LEAVE_HIDE);
}

static void
check_where(const struct conf *c, const char *string, const char *want)
{
	const char *where = conf_where(c, string);

	assert_non_null(where);
	assert_string_equal(where + strlen(dir) + 1, want);
}

/* Values are known by their address: an equal text is not the same setting. */
static void
places(void **state)
{
	_cleanup_(free) char *rows = edited(base, "interval_s = 60;",
	    "interval_s = 60;\n@include \"rows.inc\"\n limits = { deletes = 0; };");
	_cleanup_(free) char *text = edited(rows, "\"x500\"", "\"attribute:title=sn\"");
	_cleanup_(conf_free) struct conf *c = NULL;
	const struct conf_link *l;

	(void)state;
	put("rows.inc", "\nattributes = ( { attribute = \"title\"; source = \"sn\"; },\n"
			"  { attribute = \"sn\"; } );\n");
	c = load(text);
	l = &c->links[0];
	check_where(c, c->forests[1].dir.principal, "galsync.conf:12: forests[1].auth.principal");
	check_where(c, c->forests[0].servers[1], "galsync.conf:5: forests[0].servers[1]");
	check_where(c, l->scopes[0].target_ou, "galsync.conf:18: links[0].scopes[0].target_ou");
	check_where(c, l->databases[0], "galsync.conf:21: links[0].mailbox.databases[0]");
	check_where(c, l->match[2].source_attr, "galsync.conf:19: links[0].match[2]");
	check_where(c, l->match[2].target_attr, "galsync.conf:19: links[0].match[2]");
	check_where(c, l->rows[0].source, "rows.inc:2: links[0].attributes[0].source");
	check_where(c, l->rows[1].attr, "rows.inc:3: links[0].attributes[1].attribute");
	/* Defaults stand where their group begins; what follows from others stands nowhere. */
	check_where(c, l->marker_attribute, "galsync.conf:16: links[0].marker_attribute");
	check_where(c, c->forests[0].stamp_attribute, "galsync.conf:3: forests[0].stamp_attribute");
	assert_null(conf_where(c, l->rows[1].source));
	assert_null(conf_where(c, l->upn_suffix));
	assert_null(conf_where(c, "OU=Acme,DC=globex,DC=example"));
	assert_null(conf_where(c, NULL));
	assert_null(conf_where(NULL, l->scopes[0].base));
}

/* Whatever looks like a number somewhere else stays as it is. */
static void
numbers(void **state)
{
	_cleanup_(free) char *text = edited(base, "interval_s = 60;",
	    "interval_s = 0x3C; /* 12 \"*/ // 13 \"\n # 14 \"\n redirect_address = \"a1%{cn} 2\" "
	    "\"3 \\\"4\\\\\"; limits = { deletes = 0; delete_percent = +07L; };\n"
	    "upn_suffix = \"5.example\";");
	_cleanup_(conf_free) struct conf *c = load(text);
	const struct conf_link *l = &c->links[0];

	(void)state;
	assert_int_equal(l->interval_s, 60);
	assert_string_equal(l->redirect_template, "a1%{cn} 23 \"4\\");
	assert_int_equal(l->max_deletes, 0);
	assert_int_equal(l->max_delete_percent, 7);
	assert_string_equal(l->upn_suffix, "5.example");
}

static void
credentials(void **state)
{
	_cleanup_(free) char *text = edited(base, "\"acme.keytab\"", "\"open.keytab\"");
	_cleanup_(free) char *other = NULL;
	char parent[] = "/tmp";

	(void)state;
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", dir, 1), 0);
	conf_free(load(text));
	/* Another directory whose name begins alike is not below it. */
	other = str_printf("%.*s", (int)strlen(dir) - 1, dir);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", other, 1), 0);
	put("galsync.conf", text);
	free(TAKE(other));
	other = mistakes();
	assert_non_null(strstr(other, "mode 0640"));
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", parent, 1), 0);
	conf_free(load(text));
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
}

static char *
slurp(const char *path)
{
	struct buf b = {0};
	char chunk[4096];
	FILE *f = fopen(path, "re");
	size_t n;

	if (!f)
		fail_msg("%s: %s", path, strerror(errno));
	while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
		buf_add(&b, chunk, n);
	assert_int_equal(fclose(f), 0);
	return buf_take_str(&b);
}

static char *
source_file(const char *name)
{
	const char *top = getenv("GALSYNC_SRCDIR");
	char path[512];

	(void)snprintf(path, sizeof path, "%s/%s", top ? top : ".", name);
	return slurp(path);
}

static char *
printed(const struct conf *c)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	conf_print(c, f);
	assert_int_equal(fclose(f), 0);
	return text;
}

/* Every key of the table, with another value than its default. */
static const char full[] =
    "state_directory = \"state\"; map_size_mb = 5000000; journal_days = 2; "
    "journal_size_mb = 2500000;\n"
    "forests = ( { name = \"a\"; domain = \"acme.example\"; site = \"B \\\"1\\\" \\\\ x\"; servers "
    "= ( "
    "\"ldaps://dc.acme.example:636\" ); auth = { mechanism = \"SIMPLE\"; bind_dn = "
    "\"CN=svc,DC=acme,DC=example\"; password_file = \"password\"; principal = \"p@R\"; keytab = "
    "\"acme.keytab\"; }; tls = { mode = \"ldaps\"; ca_file = \"acme-ca.pem\"; }; mail_domains = [ "
    "\"acme.example\", \"acme.test\" ]; redirect_domain = \"r.acme.example\"; stamp_attribute = "
    "\"extensionAttribute1\"; connect_timeout_ms = 100; timeout_ms = 1000; return_after_s = 1; "
    "page_size = 10000; "
    "window "
    "= 512; }, { name = \"g\"; servers = [ \"ldap://127.0.0.3\" ]; auth = { mechanism = "
    "\"GSS-SPNEGO\"; principal = \"p@R\"; keytab = \"globex.keytab\"; }; redirect_domain = "
    "\"r.globex.example\"; routing_domain = \"g.mail.onmicrosoft.com\"; } );\n"
    "links = ( { name = \"l1\"; source = \"a\"; target = \"g\"; scopes = ( { base = "
    "\"OU=Staff,DC=acme,DC=example\"; kinds = [ \"user\", \"dynamic-group\", \"public-folder\" ]; "
    "filter = \"(!(title=Temp))\"; target_ou = \"OU=A,DC=globex,DC=example\"; create = "
    "\"mailbox\"; "
    "layout = \"mirror\"; linked = true; hidden = \"sync\"; disabled = \"leave\"; on_leave = "
    "\"delete\"; }, { base = \"OU=Staff,DC=acme,DC=example\"; kinds = [ \"group\" ]; target_ou = "
    "\"OU=A,DC=globex,DC=example\"; create = \"none\"; on_leave = \"keep\"; } ); match = [ "
    "\"attribute:employeeID=extensionAttribute3\", \"csv:pairs.csv\" ]; promote_contacts = true; "
    "match_bases = [ \"OU=M,DC=globex,DC=example\" ]; foreign_addresses = true; "
    "return_contacts_ou = \"OU=G,DC=acme,DC=example\"; return_scopes = ( { base = "
    "\"OU=P,DC=globex,DC=example\"; kinds = [ \"user\" ]; filter = \"(!(title=Temp))\"; layout = "
    "\"mirror\"; } ); upn_suffix = \"u.example\"; mailbox = { "
    "databases = [ \"CN=DB1,DC=globex,DC=example\", \"CN=DB2,DC=globex,DC=example\" ]; home_server "
    "= "
    "\"/o=G/cn=EX\"; }; admin_group = \"/o=G/ou=A\"; primary_address = "
    "\"%{mailNickname:lower}@globex.example\"; redirect_address = \"r-%{mailNickname}\"; "
    "marker_attribute = \"extensionAttribute9\"; marker_group = \"CN=S,DC=acme,DC=example\"; "
    "toggle_domain = \"toggle.example\"; client_attribute = \"extensionAttribute7\"; hook = "
    "\"hook\"; hook_events = [ \"moved\", \"left\" ]; "
    "hook_timeout_s = 3600; "
    "attributes = "
    "( { attribute = \"title\"; how = \"template\"; value = \"100%% %{title}\"; kinds = [ \"user\" "
    "]; "
    "on_matched = false; }, { attribute = \"department\"; source = \"company\"; }, { attribute = "
    "\"manager\"; how = \"remove\"; }, { attribute = \"info\"; how = \"constant\"; value = \"x\"; "
    "}, "
    "{ attribute = \"secretary\"; how = \"dn\"; } ); adopt = ( { tool = \"x\"; source_attribute = "
    "\"extensionAttribute1\"; target_attribute = \"extensionAttribute2\"; value = \"^(a\\.b)$\"; "
    "source_redirect_domain = \"s.x\"; target_redirect_domain = \"t.x\"; keep = [ "
    "\"employeeType\" ]; }, { tool = \"qmm\"; source_attribute = \"extensionAttribute3\"; "
    "target_attribute = \"extensionAttribute3\"; target_redirect_domain = \"own.qmm\"; } ); limits "
    "= { deletes = 7; delete_percent = 100; "
    "switches = 8; }; readiness_attribute = \"extensionAttribute8\"; readiness_value = \"yes\"; "
    "interval_s = 86400; },\n"
    "{ name = \"l2\"; source = \"g\"; target = \"a\"; match = []; scopes = ( { base = "
    "\"OU=P,DC=globex,DC=example\"; target_ou = \"OU=B,DC=acme,DC=example\"; create = \"contact\"; "
    "} ); "
    "} "
    ");\n";

static void
full_values(void **state)
{
	_cleanup_(conf_free) struct conf *c = load(full);
	const struct conf_link *l = &c->links[0];

	(void)state;
	assert_string_equal(c->state_directory, path_of("state"));
	assert_int_equal(c->map_size_mb, 5000000);
	assert_int_equal(c->journal_days, 2);
	assert_int_equal(c->journal_size_mb, 2500000);
	assert_string_equal(c->forests[0].dir.site, "B \"1\" \\ x");
	assert_string_equal(c->forests[1].dir.domain, "globex.example");
	assert_int_equal(c->forests[0].dir.window, 512);
	assert_int_equal(l->n_scopes, 2);
	assert_int_equal(l->scopes[0].kinds,
	    KIND_BIT(KIND_USER) | KIND_BIT(KIND_DYNAMIC_GROUP) | KIND_BIT(KIND_PUBLIC_FOLDER));
	assert_int_equal(l->scopes[0].layout, LAYOUT_MIRROR);
	assert_true(l->scopes[0].linked);
	assert_false(l->scopes[0].hidden_leaves);
	assert_true(l->scopes[0].disabled_leaves);
	assert_int_equal(l->scopes[0].on_leave, LEAVE_DELETE);
	assert_int_equal(l->scopes[1].on_leave, LEAVE_KEEP);
	assert_int_equal(l->n_adopt, 2);
	assert_string_equal(l->adopt[0].value, "^(a\\.b)$");
	/* A tool that is built in brings what is not given. */
	assert_string_equal(l->adopt[1].attribute[SOURCE], "extensionAttribute3");
	assert_string_equal(l->adopt[1].value, "^([0-9A-Fa-f]{32})$");
	assert_string_equal(l->adopt[1].redirect_domain[SOURCE], "source.qmm");
	assert_string_equal(l->adopt[1].redirect_domain[TARGET], "own.qmm");
	assert_string_equal(l->adopted_domains[SOURCE][0], "s.x");
	assert_string_equal(l->adopted_domains[SOURCE][1], "source.qmm");
	assert_null(l->adopted_domains[SOURCE][2]);
	assert_true(conf_is_kept(l, "ExtensionAttribute14"));
	assert_true(conf_is_kept(l, "employeeType"));
	assert_true(conf_is_kept(l, "extensionAttribute2"));
	assert_false(conf_is_kept(l, "extensionAttribute15"));
	assert_string_equal(l->match[0].target_attr, "extensionAttribute3");
	assert_string_equal(l->match[1].csv_file, path_of("pairs.csv"));
	assert_int_equal(l->n_databases, 2);
	assert_int_equal(l->n_rows, 5);
	assert_int_equal(l->rows[0].how, ROW_TEMPLATE);
	assert_string_equal(l->rows[0].source, "100%% %{title}");
	assert_int_equal(l->rows[0].kinds, KIND_BIT(KIND_USER));
	assert_false(l->rows[0].on_matched);
	assert_int_equal(l->rows[1].how, ROW_COPY);
	assert_string_equal(l->rows[1].source, "company");
	assert_int_equal(l->rows[1].kinds, 0);
	assert_null(l->rows[2].source);
	assert_string_equal(l->rows[3].source, "x");
	assert_string_equal(l->rows[4].source, "secretary");
	assert_int_equal(c->links[1].n_match, 0);
}

/* What is printed reads back to what prints the same, and no key is missing from it. */
static void
round_trip(void **state)
{
	static const char *const texts[] = {base, full};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		_cleanup_(conf_free) struct conf *c = load(texts[i]), *again = NULL;
		_cleanup_(free) char *first = printed(c), *second = NULL;

		again = load(first);
		second = printed(again);
		assert_string_equal(first, second);
		for (int s = 0; i == 1 && s < CONF_SECTION_MAX; s++)
			for (const struct conf_key *k = NULL;
			     (k = conf_next_key((enum conf_section)s, k));) {
				_cleanup_(free) char *key = str_printf("%s = ", k->name);

				if (!strstr(first, key))
					fail_msg("'%s' is not printed", k->name);
			}
	}
}

static void
table(void **state)
{
	(void)state;
	for (int s = 0; s < CONF_SECTION_MAX; s++)
		for (const struct conf_key *k = NULL;
		     (k = conf_next_key((enum conf_section)s, k));) {
			if (k->type == CONF_INT || k->type == CONF_INT64)
				assert_true(k->min <= k->def && k->def <= k->max);
			assert_int_equal(!k->check, !k->allowed);
			assert_ptr_equal(conf_find_key((enum conf_section)s, k->name), k);
			assert_ptr_equal(conf_nearest_key((enum conf_section)s, k->name), k);
		}
	assert_null(conf_find_key(CONF_LINK, "window"));
	assert_null(conf_nearest_key(CONF_LINK, ""));
	assert_null(
	    conf_nearest_key(CONF_LINK, "a_name_that_is_longer_than_every_key_there_is_here"));
	assert_string_equal(conf_nearest_key(CONF_SCOPE, "onleave")->name, "on_leave");
	assert_string_equal(conf_nearest_key(CONF_FOREST, "mail_domain")->name, "mail_domains");
}

/* "\n.It Ic links.scopes.base" for each key, and for nothing that is no key. */
static void
manual(void **state)
{
	_cleanup_(free) char *page = source_file("man/galsync.conf.5");
	size_t keys = 0, items = 0;

	(void)state;
	for (int s = 0; s < CONF_SECTION_MAX; s++)
		for (const struct conf_key *k = NULL; (k = conf_next_key((enum conf_section)s, k));
		     keys++) {
			_cleanup_(free) char *path = conf_key_path(k);
			_cleanup_(free) char *item = str_printf("\n.It Ic %s\n", path);

			if (!strstr(page, item))
				fail_msg("the manual does not describe %s", path);
		}
	for (const char *p = page; (p = strstr(p, "\n.It Ic ")); p++)
		items++;
	assert_int_equal(items, keys);
}

/* The text between FROM and the next of TO, up to the end of PAGE, or NULL. Caller frees. */
static char *
part_of(const char *page, const char *from, const char *const *to)
{
	const char *p = page ? strstr(page, from) : NULL, *end = NULL;

	if (!p)
		return NULL;
	p += strlen(from);
	for (; *to; to++) {
		const char *e = strstr(p, *to);

		if (e && (!end || e < end))
			end = e;
	}
	return end ? strndup(p, (size_t)(end - p)) : strdup(p);
}

/* Does TEXT have WORD between other characters than those of names and numbers? */
static bool
has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = text; text && (p = strstr(p, word)); p++)
		if ((p == text || !isalnum((unsigned char)p[-1])) &&
		    !isalnum((unsigned char)p[n]) && p[n] != '_' && p[n] != '-')
			return true;
	return false;
}

static void
demand(const char *path, const char *what, const char *text, const char *word)
{
	if (!has_word(text, word))
		fail_msg("%s: the manual does not give '%s' as %s:\n%s", path, word, what,
		    text ? text : "(nothing)");
}

static void
demand_number(const char *path, const char *what, const char *text, int64_t n)
{
	_cleanup_(free) char *word = str_printf("%lld", (long long)n);

	demand(path, what, text, word);
}

/* A default that depends on other keys is told in words. */
static bool
has_own_default(const struct conf_key *k)
{
	return strcmp(k->name, "journal_size_mb") != 0;
}

static void
check_default(const struct conf_key *k, const char *path, const char *text)
{
	_cleanup_(free) char *words = k->def_text ? strdup(k->def_text) : NULL;

	if ((k->type == CONF_INT || k->type == CONF_INT64) && has_own_default(k))
		demand_number(path, "default", text, k->def);
	if (k->type == CONF_BOOL)
		demand(path, "default", text, k->def ? "true" : "false");
	if (k->type == CONF_ENUM || k->type == CONF_FLAG)
		demand(path, "default", text, k->names[k->def]);
	for (char *word, *rest = words; (word = strsep(&rest, " "));)
		demand(path, "default", text, word);
}

static void
check_allowed(const struct conf_key *k, const char *path, const char *text)
{
	if (k->type == CONF_INT || k->type == CONF_INT64)
		demand_number(path, "allowed", text, k->min);
	if ((k->type == CONF_INT || k->type == CONF_INT64) && has_own_default(k))
		demand_number(path, "allowed", text, k->max);
	for (size_t i = 0; k->names && k->names[i]; i++)
		demand(path, "allowed", text, k->names[i]);
}

/* The manual gives each key's default and range as the table does. */
static void
manual_values(void **state)
{
	static const char *const item_end[] = {"\n.It Ic ", "\n.Ss ", "\n.Sh ", NULL};
	static const char *const value_end[] = {"\nAllowed:", "\nExample:", NULL};
	static const char *const allowed_end[] = {"\nExample:", NULL};
	_cleanup_(free) char *page = source_file("man/galsync.conf.5");

	(void)state;
	for (int s = 0; s < CONF_SECTION_MAX; s++)
		for (const struct conf_key *k = NULL;
		     (k = conf_next_key((enum conf_section)s, k));) {
			_cleanup_(free) char *path = conf_key_path(k);
			_cleanup_(free) char *head = str_printf("\n.It Ic %s\n", path);
			_cleanup_(free) char *item = part_of(page, head, item_end);
			_cleanup_(free) char *def = part_of(item, "\nDefault:", value_end);
			_cleanup_(free) char *allowed = part_of(item, "\nAllowed:", allowed_end);

			if (!item || !strstr(item, "\nType: ") ||
			    !(def || strstr(item, "\nRequired")))
				fail_msg("%s: the manual has no type, or neither a default nor "
					 "'Required'",
				    path);
			if (k->required)
				assert_null(def);
			else
				check_default(k, path, def);
			check_allowed(k, path, allowed);
		}
}

/* conf/galsync.conf as it is, and with its commented settings: a '#' and no blank before a setting
 * that is a default, "# Example: " before one that is none. */
enum variant { AS_IT_IS, WITH_DEFAULTS, WITH_EXAMPLES };

static char *
shipped(enum variant v)
{
	static const char example[] = "# Example: ";
	static const char *const places[] = {"/etc/galsync/", "/usr/local/lib/galsync/"};
	_cleanup_(free) char *text = source_file("conf/galsync.conf");
	struct buf b = {0};

	for (char *line, *rest = text; (line = strsep(&rest, "\n"));) {
		char *p = line + strspn(line, " \t");

		if (v == WITH_DEFAULTS && *p == '#' && p[1] && !isspace((unsigned char)p[1]))
			p++;
		else if (v == WITH_EXAMPLES && strncmp(p, example, sizeof example - 1) == 0)
			p += sizeof example - 1;
		/* The files of the sample lie in the directory of the test. */
		for (; *p; p++) {
			for (size_t i = 0; i < ARRAY_SIZE(places); i++)
				if (strncmp(p, places[i], strlen(places[i])) == 0)
					p += strlen(places[i]);
			buf_add_char(&b, *p);
		}
		buf_add_char(&b, '\n');
	}
	return buf_take_str(&b);
}

static void
shipped_sample(void **state)
{
	_cleanup_(free) char *plain = shipped(AS_IT_IS), *with_defaults = shipped(WITH_DEFAULTS),
			     *with_examples = shipped(WITH_EXAMPLES), *both = NULL;
	_cleanup_(conf_free) struct conf *c = load(plain), *d = load(with_defaults),
					 *e = load(with_examples);
	_cleanup_(free) char *c_text = printed(c), *d_text = printed(d);

	(void)state;
	assert_string_equal(c_text, d_text);
	assert_int_equal(e->links[0].n_rows, 3);
	both = str_printf("%s%s", with_defaults, with_examples);
	for (int s = 0; s < CONF_SECTION_MAX; s++)
		for (const struct conf_key *k = NULL;
		     (k = conf_next_key((enum conf_section)s, k));) {
			_cleanup_(free) char *key = str_printf("%s = ", k->name);

			if (!strstr(both, key))
				fail_msg("the sample does not show '%s'", k->name);
		}
}

/* A user who may not read the secrets may still learn where the map is. */
static void
without_secrets(void **state)
{
	_cleanup_(conf_errors_done) struct conf_errors e = {0};
	_cleanup_(conf_free) struct conf *c = NULL;
	_cleanup_(free) char *text = edited(base, "acme.keytab", "open.keytab");
	_cleanup_(free) char *with_csv = edited(text, "\"mail\"", "\"csv:none.csv\"");
	_cleanup_(free) char *no_ca = edited(with_csv, "acme-ca.pem", "none.pem");
	_cleanup_(free) char *worse = edited(no_ca, "interval_s = 60", "interval_s = 0");

	(void)state;
	put("galsync.conf", no_ca);
	assert_int_equal(conf_load(path_of("galsync.conf"), &c, &e), -1);
	assert_int_equal(e.n, 3);
	assert_int_equal(conf_load_public(path_of("galsync.conf"), &c, &e), 0);
	assert_string_equal(c->state_directory, "/var/lib/galsync");
	put("galsync.conf", worse);
	conf_free(TAKE(c));
	assert_int_equal(conf_load_public(path_of("galsync.conf"), &c, &e), -1);
	assert_int_equal(e.n, 4);
}

/* *RET is the caller's, NULL if it cannot be told. */
static char *
state_of(const char *text, int want)
{
	_cleanup_(conf_errors_done) struct conf_errors e = {0};
	char *state;

	put("galsync.conf", text);
	assert_int_equal(conf_load_state_directory(path_of("galsync.conf"), &state, &e), want);
	assert_int_equal(e.n > 0, want < 0);
	return state;
}

/* A mistake elsewhere does not hide where the map is; one that may be about it does. */
static void
state_directory(void **state)
{
	static const struct {
		const char *text, *state;
	} rows[] = {
	    {"map_size_mb = 0;\n", "/var/lib/galsync"},
	    {"state_directory = \"/srv/map\";\nmap_size_mb = 0;\n", "/srv/map"},
	    {"state_directory = 7;\n", NULL},
	    {"state_directory = \"\";\n", NULL},
	    {"state_directory = \"/srv/map\n", NULL},
	    {"@include \"missing.conf\"\n", NULL},
	};
	_cleanup_(free) char *good = state_of(base, 0);

	(void)state;
	assert_string_equal(good, "/var/lib/galsync");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(free) char *found = state_of(rows[i].text, -1);

		assert_int_equal(found != NULL, rows[i].state != NULL);
		if (found)
			assert_string_equal(found, rows[i].state);
	}
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
	    TEST(sample),
	    TEST(defaults),
	    TEST(places),
	    TEST(numbers),
	    TEST(credentials),
	    TEST(without_secrets),
	    TEST(state_directory),
	    TEST(full_values),
	    TEST(round_trip),
	    TEST(table),
	    TEST(manual),
	    TEST(manual_values),
	    TEST(shipped_sample),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
