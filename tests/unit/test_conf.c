/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "dsa/sync/conf.h"
#include "dsa/sync/conf_priv.h"

#define FILES_MAX 32

/* The files of one test lie in a directory of its own. */
static char dir[] = "/tmp/galsync-test-conf-XXXXXX";
static char *files[FILES_MAX];
static int unexpected;
static size_t n_files;

static const char *
path_of(const char *name)
{
	static char path[512];

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static void
put_file(const char *name, const char *text, size_t len, mode_t mode)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	assert_int_equal(close(fd), 0);
	for (size_t i = 0; i < n_files; i++)
		if (strcmp(files[i], name) == 0)
			return;
	assert_true(n_files < FILES_MAX);
	files[n_files++] = strdup(name);
}

static void
put(const char *name, const char *text)
{
	put_file(name, text, strlen(text), 0600);
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

static int
setup(void **state)
{
	(void)state;
	unexpected = 0;
	if (!mkdtemp(dir))
		return -1;
	put("acme.keytab", "secret");
	put("globex.keytab", "secret");
	put("acme-ca.pem", "certificate");
	put("password", "secret");
	put("pairs.csv", "a,b");
	put_file("open.keytab", "secret", 6, 0640);
	put_file("hook", "#!/bin/sh\n", 10, 0755);
	put_file("open-hook", "#!/bin/sh\n", 10, 0775);
	return unsetenv("CREDENTIALS_DIRECTORY");
}

/* Fails a test whose expectations failed: all of them are shown first. */
static int
teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_files; i++) {
		(void)unlink(path_of(files[i]));
		free(files[i]);
	}
	n_files = 0;
	(void)rmdir(path_of("sub"));
	(void)rmdir(dir);
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	return unexpected ? -1 : 0;
}

/* The sample of the design document with its dots filled in, one key or group a line so that lines
 * can be replaced; the paths are relative to the file. */
static const char base[] =
    "state_directory = \"/var/lib/galsync\";\n"					    /* 1 */
    "forests = (\n"								    /* 2 */
    "  { name = \"acme\";\n"							    /* 3 */
    "    domain = \"acme.example\";  # DCs found by SRV record\n"		    /* 4 */
    "    servers = [ \"ldap://dc1.acme.example\", \"ldap://dc2.acme.example\" ];\n" /* 5 */
    "    auth = { mechanism = \"GSSAPI\"; principal = \"svc-galsync@ACME.EXAMPLE\"; keytab = "
    "\"acme.keytab\"; };\n"								/* 6 */
    "    tls = { mode = \"starttls\"; ca_file = \"acme-ca.pem\"; };\n"			/* 7 */
    "    mail_domains = [ \"acme.example\" ];\n"					/* 8 */
    "    redirect_domain = \"redirect.acme.example\"; },\n"				/* 9 */
    "  { name = \"globex\";\n"								/* 10 */
    "    domain = \"globex.example\";\n"						/* 11 */
    "    auth = { principal = \"svc@GLOBEX.EXAMPLE\"; keytab = \"globex.keytab\"; };\n" /* 12 */
    "    mail_domains = [ \"globex.example\" ];\n"					/* 13 */
    "    redirect_domain = \"redirect.globex.example\"; } );\n"				/* 14 */
    "links = (\n"									/* 15 */
    "  { name = \"acme-globex\"; source = \"acme\"; target = \"globex\";\n"		/* 16 */
    "    scopes = ( { base = \"OU=Staff,DC=acme,DC=example\"; kinds = [ \"user\", \"group\", "
    "\"contact\" ];\n" /* 17 */
    "      filter = \"(!(title=Temp))\"; target_ou = \"OU=Acme,DC=globex,DC=example\"; create = "
    "\"mailbox\"; } );\n" /* 18 */
    "    match = [ \"stamp\", \"sid-history\", \"x500\", \"mail\", \"sam-account-name\" ];\n" /* 19
											       */
    "    return_contacts_ou = \"OU=Globex GAL,DC=acme,DC=example\";\n" /* 20 */
    "    mailbox = { databases = [ \"CN=DB1,CN=Databases,DC=globex,DC=example\" ]; home_server = "
    "\"/o=Globex/ou=X/cn=Configuration/cn=Servers/cn=EX1\"; };\n" /* 21 */
    "    interval_s = 60;\n"					  /* 22 */
    "  } );\n";							  /* 23 */

/* BASE with its first FIND replaced by WITH. */
static char *
edited(const char *text, const char *find, const char *with)
{
	const char *at = strstr(text, find);

	if (!at)
		fail_msg("'%s' is not in the text", find);
	return str_printf("%.*s%s%s", (int)(at - text), text, with, at + strlen(find));
}

static struct conf *
load(const char *text)
{
	_cleanup_(conf_errors_done) struct conf_errors e = {0};
	struct conf *c = NULL;

	put("galsync.conf", text);
	if (conf_load(path_of("galsync.conf"), &c, &e) < 0)
		fail_msg("%s", e.n ? e.lines[0] : "no message");
	assert_int_equal(e.n, 0);
	return c;
}

/* The mistakes in galsync.conf (written before), each on a line and without the directory. */
static char *
mistakes(void)
{
	_cleanup_(conf_errors_done) struct conf_errors e = {0};
	struct conf *c = NULL;
	struct buf b = {0};

	if (conf_load(path_of("galsync.conf"), &c, &e) == 0) {
		conf_free(c);
		return strdup("");
	}
	assert_null(c);
	assert_true(e.n > 0);
	for (size_t i = 0; i < e.n; i++) {
		size_t len = strlen(dir) + 1;

		assert_int_equal(strncmp(e.lines[i], path_of(""), len), 0);
		buf_printf(&b, "%s\n", e.lines[i] + len);
	}
	return buf_take_str(&b);
}

/* '@' in WANT stands for words of another module, "DIR" for the test's directory. */
static bool
same(const char *got, const char *want)
{
	for (; *want; want++) {
		if (*want == '@' && want[1] == ';') {
			const char *end = strstr(got, "; allowed");

			if (!end || end == got)
				return false;
			got = end;
		} else if (strncmp(want, "DIR/", 4) == 0) {
			if (strncmp(got, dir, strlen(dir)) != 0 || got[strlen(dir)] != '/')
				return false;
			got += strlen(dir) + 1;
			want += 3;
		} else if (*want != *got++) {
			return false;
		}
	}
	return *got == '\0';
}

static void
expect(const char *text, const char *want)
{
	_cleanup_(free) char *got = NULL;

	put("galsync.conf", text);
	got = mistakes();
	if (!same(got, want)) {
		print_error("%s\n", text);
		print_error("got:\n%s\n", got);
		print_error("want:\n%s\n", want);
		unexpected++;
	}
}

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
	assert_int_equal(l->n_match, 5);
	assert_int_equal(l->match[0].method, MATCH_STAMP);
	assert_int_equal(l->match[4].method, MATCH_SAM);
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

/* One edit of BASE and the one message it gives. */
struct mistake {
	const char *find, *with, *want;
};

#define LEGACY "allowed: a legacyExchangeDN: \"/o=...\"\n"
#define DNS "; allowed: a DNS name such as \"acme.example\"\n"
#define TEMPLATE "text with %{attributeName}, %{attributeName:lower} and %% for a percent sign"
#define LINK_KEYS                                                                                  \
	"name, source, target, scopes, match, promote_contacts, return_contacts_ou, upn_suffix, "  \
	"mailbox, admin_group, primary_address, redirect_address, marker_attribute, "              \
	"marker_group, readiness_attribute, readiness_value, toggle_domain, hook, "                \
	"hook_timeout_s, "                                                                         \
	"attributes, limits, "                                                                     \
	"interval_s\n"
#define SECRET "; allowed: a regular file that only its owner may read (mode 0600 or 0400)\n"
#define PROGRAM "; allowed: a program that galsyncd may execute and only its owner may write\n"
#define ROW(...) "attributes = ( { " __VA_ARGS__ " } );\n"
#define AT22 "galsync.conf:22: links[0]."

static const struct mistake mistake_rows[] = {
    /* the dummy address */
    {"interval_s = 60", "toggle_domain = \"Globex.example\"",
	AT22 "toggle_domain: 'Globex.example' is a mail domain of forest 'globex': addresses in it "
	     "would be removed; allowed: a domain that nobody has an address in\n"},
    {"interval_s = 60", "toggle_domain = \"redirect.acme.example\"",
	AT22 "toggle_domain: 'redirect.acme.example' is a mail domain of forest 'acme': addresses "
	     "in it would be removed; allowed: a domain that nobody has an address in\n"},
    /* the hook */
    {"interval_s = 60", "hook = \"no-hook\"",
	AT22 "hook: 'DIR/no-hook' cannot be executed: No such file or directory" PROGRAM},
    {"interval_s = 60", "hook = \"password\"",
	AT22 "hook: 'DIR/password' cannot be executed: Permission denied" PROGRAM},
    {"interval_s = 60", "hook = \"open-hook\"",
	AT22 "hook: 'DIR/open-hook' is writable by group or others (mode 0775)" PROGRAM},
    {"interval_s = 60", "hook = \".\"", AT22 "hook: 'DIR/.' is not a regular file" PROGRAM},
    {"interval_s = 60", "hook = 1", AT22 "hook: is a number" PROGRAM},
    {"interval_s = 60", "hook_timeout_s = 0",
	AT22 "hook_timeout_s: 0 is out of range; allowed: a whole number from 1 to 3600\n"},
    {"interval_s = 60", "hook_timeout_s = 3601",
	AT22 "hook_timeout_s: 3601 is out of range; allowed: a whole number from 1 to 3600\n"},
    /* types, ranges and names */
    {"interval_s = 60", "interval_s = 0",
	AT22 "interval_s: 0 is out of range; allowed: a whole number from 1 to 86400\n"},
    {"interval_s = 60", "interval_s = 4294967356",
	AT22 "interval_s: 4294967356 is out of range; allowed: a whole number from 1 to 86400\n"},
    {"interval_s = 60", "interval_s = 0x1000000ff",
	AT22 "interval_s: 4294967551 is out of range; allowed: a whole number from 1 to 86400\n"},
    {"interval_s = 60", "interval_s = 99999999999999999999999",
	AT22 "interval_s: 9223372036854775807 is out of range; allowed: a whole number from 1 to "
	     "86400\n"},
    {"interval_s = 60", "interval_s = -1",
	AT22 "interval_s: -1 is out of range; allowed: a whole number from 1 to 86400\n"},
    {"interval_s = 60", "interval_s = 1.5",
	AT22 "interval_s: is a number with a fraction; allowed: a whole number from 1 to 86400\n"},
    {"interval_s = 60", "interval_s = \"60\"",
	AT22 "interval_s: is a string; allowed: a whole number from 1 to 86400\n"},
    {"interval_s = 60", "promote_contacts = \"yes\"",
	AT22 "promote_contacts: is a string; allowed: true, false\n"},
    {"interval_s = 60", "readiness_value = \"yes\"",
	AT22 "readiness_value: has no meaning here; allowed: only with readiness_attribute\n"},
    {"interval_s = 60", "readiness_attribute = \"ExtensionAttribute14\"",
	AT22 "readiness_attribute: 'ExtensionAttribute14' is the marker_attribute, which a switch "
	     "writes; allowed: another attribute\n"},
    {"interval_s = 60", "readiness_attribute = \"extensionAttribute15\"",
	AT22 "readiness_attribute: 'extensionAttribute15' carries the stamp in forest 'acme'; "
	     "allowed: another attribute\n"},
    {"interval_s = 60", "intervall_s = 60",
	AT22 "intervall_s: unknown key, did you mean 'interval_s'?; allowed: " LINK_KEYS},
    {"interval_s", "colour", AT22 "colour: unknown key; allowed: " LINK_KEYS},
    {"interval_s = 60", "Interval_S = 60",
	AT22 "Interval_S: unknown key, did you mean 'interval_s'?; allowed: " LINK_KEYS},
    {"state_directory", "state_dir",
	"galsync.conf:1: state_dir: unknown key, did you mean 'state_directory'?; allowed: "
	"state_directory, map_size_mb, forests, links\n"},
    {"state_directory = \"/var/lib/galsync\"", "map_size_mb = 15",
	"galsync.conf:1: map_size_mb: 15 is out of range; allowed: a whole number from 16 to "
	"16777216\n"},
    {"\"/var/lib/galsync\"", "\"\"",
	"galsync.conf:1: state_directory: '' is empty; allowed: text\n"},
    {"create = \"mailbox\"", "create = \"user\"",
	"galsync.conf:18: links[0].scopes[0].create: 'user' is unknown; allowed: mailbox, "
	"mail-user, "
	"contact, none\n"},
    {"create = \"mailbox\"", "create = true",
	"galsync.conf:18: links[0].scopes[0].create: is a boolean; allowed: mailbox, mail-user, "
	"contact, none\n"},
    {"create = \"mailbox\"", "create = \"contact\"; hidden = \"hide\"",
	"galsync.conf:18: links[0].scopes[0].hidden: 'hide' is unknown; allowed: sync, leave\n"},
    {"create = \"mailbox\"", "create = \"contact\"; on_leave = \"purge\"",
	"galsync.conf:18: links[0].scopes[0].on_leave: 'purge' is unknown; allowed: keep, hide, "
	"disable, delete\n"},
    {"\"user\", \"group\"", "\"user\", \"folder\"",
	"galsync.conf:17: links[0].scopes[0].kinds[1]: 'folder' is no kind; allowed: user, "
	"contact, "
	"group, dynamic-group, public-folder\n"},
    {"\"user\", \"group\"", "\"user\", \"user\"",
	"galsync.conf:17: links[0].scopes[0].kinds[1]: 'user' is there twice; allowed: each "
	"once\n"},
    {"[ \"user\", \"group\", \"contact\" ]", "[ ]",
	"galsync.conf:17: links[0].scopes[0].kinds: is empty; allowed: one or more of user, "
	"contact, "
	"group, dynamic-group, public-folder\n"},
    {"[ \"user\", \"group\", \"contact\" ]", "\"user\"",
	"galsync.conf:17: links[0].scopes[0].kinds: is a string; allowed: an array of strings: [ "
	"\"...\", \"...\" ]\n"},
    {"[ \"acme.example\" ]", "[ 1 ]",
	"galsync.conf:8: forests[0].mail_domains[0]: is a number; allowed: a string\n"},
    {"auth = { mechanism", "auth = 1; /*",
	"galsync.conf:6: a comment is not closed; allowed: /* text */\n"},

    /* required keys */
    {"name = \"acme\";", "",
	"galsync.conf:3: forests[0].name: is missing; allowed: 1 to 64 of A-Z a-z 0-9 _ -\n"},
    {"auth = { principal", "#",
	"galsync.conf:10: forests[1].auth: is missing; allowed: a group: { key = value; ... }\n"},
    {"create = \"mailbox\";", "",
	"galsync.conf:17: links[0].scopes[0].create: is missing; allowed: mailbox, mail-user, "
	"contact, none\n"},
    {"base = \"OU=Staff,DC=acme,DC=example\";", "",
	"galsync.conf:17: links[0].scopes[0].base: is missing; allowed: a DN\n"},
    {"target = \"globex\";", "",
	"galsync.conf:16: links[0].target: is missing; allowed: the name of a forest\n"},

    /* single values */
    {"name = \"acme\"", "name = \"ac me\"",
	"galsync.conf:3: forests[0].name: 'ac me' has other characters than a name may have; "
	"allowed: "
	"1 to 64 of A-Z a-z 0-9 _ -\n"
	"galsync.conf:16: links[0].source: no forest is named 'acme'; allowed: ac me, globex\n"},
    {"\"redirect.acme.example\"", "\"redirect acme\"",
	"galsync.conf:9: forests[0].redirect_domain: 'redirect acme' is no DNS name" DNS},
    {"\"redirect.acme.example\"", "\"acme\"",
	"galsync.conf:9: forests[0].redirect_domain: 'acme' is no DNS name" DNS},
    {"[ \"acme.example\" ]", "[ \"acme.example\", \"-x.example\", \"a..b\", \"a.b.\" ]",
	"galsync.conf:8: forests[0].mail_domains[1]: '-x.example' is no DNS name" DNS
	"galsync.conf:8: forests[0].mail_domains[2]: 'a..b' is no DNS name" DNS
	"galsync.conf:8: forests[0].mail_domains[3]: 'a.b.' is no DNS name" DNS},
    {"[ \"acme.example\" ]", "[ \"acme.example\", \"ACME.example\" ]",
	"galsync.conf:8: forests[0].mail_domains[1]: 'ACME.example' is there twice; allowed: each "
	"once\n"},
    {"ldap://dc1.acme.example", "dc1.acme.example",
	"galsync.conf:5: forests[0].servers[0]: 'dc1.acme.example' is no LDAP URL; allowed: "
	"ldap://HOST[:PORT] or ldaps://HOST[:PORT]\n"},
    {"ldap://dc1.acme.example", "ldap://dc1.acme.example:x",
	"galsync.conf:5: forests[0].servers[0]: 'ldap://dc1.acme.example:x' has no port number "
	"behind "
	"the colon; allowed: ldap://HOST[:PORT] or ldaps://HOST[:PORT]\n"},
    {"ldap://dc1.acme.example", "ldap://dc1.acme.example/DC=x",
	"galsync.conf:5: forests[0].servers[0]: 'ldap://dc1.acme.example/DC=x' has more than host "
	"and "
	"port; allowed: ldap://HOST[:PORT] or ldaps://HOST[:PORT]\n"},
    {"\"svc@GLOBEX.EXAMPLE\"", "\"svc\"",
	"galsync.conf:12: forests[1].auth.principal: 'svc' is no principal with its realm; "
	"allowed: "
	"NAME@REALM\n"},
    {"DC=acme,DC=example\"; kinds", "DC=acme,example\"; kinds",
	"galsync.conf:17: links[0].scopes[0].base: 'OU=Staff,DC=acme,example' is no DN: @; "
	"allowed: a "
	"DN\n"},
    {"(!(title=Temp))", "(!(title=Temp)",
	"galsync.conf:18: links[0].scopes[0].filter: '(!(title=Temp)' is no filter: @; allowed: an "
	"LDAP filter (RFC 4515)\n"},
    {"/o=Globex/ou=X/cn=Configuration/cn=Servers/cn=EX1", "EX1",
	"galsync.conf:21: links[0].mailbox.home_server: 'EX1' is no legacyExchangeDN; " LEGACY},
    {"interval_s = 60", "redirect_address = \"%{mail\"",
	AT22 "redirect_address: '%{mail' is no template: position 1: '%{' without '}'; "
	     "allowed: " TEMPLATE ", without @\n"},
    {"interval_s = 60", "redirect_address = \"%{mailNickname}@x.example\"",
	AT22
	"redirect_address: '%{mailNickname}@x.example' has an @, the domain is not part of it; "
	"allowed: " TEMPLATE ", without @\n"},
    {"interval_s = 60", "primary_address = \"%{mailNickname}\"",
	AT22 "primary_address: '%{mailNickname}' gives no address; allowed: " TEMPLATE
	     ", with one @ in the text\n"},
    {"\"x500\"", "\"x-500\"",
	"galsync.conf:19: links[0].match[2]: unknown match rule 'x-500'; allowed: stamp, "
	"sid-history, x500, mail, sam-account-name, user-principal-name, attribute:SOURCE=TARGET, "
	"attribute:NAME, csv:FILE\n"},
    {"\"x500\"", "\"mail\"",
	"galsync.conf:19: links[0].match[3]: 'mail' is there twice; allowed: each once\n"},

    /* files */
    {"\"acme.keytab\"", "\"none.keytab\"",
	"galsync.conf:6: forests[0].auth.keytab: 'DIR/none.keytab' cannot be read: No such file or "
	"directory" SECRET},
    {"\"acme.keytab\"", "\"open.keytab\"",
	"galsync.conf:6: forests[0].auth.keytab: 'DIR/open.keytab' is open to group or others "
	"(mode "
	"0640)" SECRET},
    {"\"acme.keytab\"", "\"/\"",
	"galsync.conf:6: forests[0].auth.keytab: '/' is not a regular file" SECRET},
    {"\"acme-ca.pem\"", "\"none.pem\"",
	"galsync.conf:7: forests[0].tls.ca_file: 'DIR/none.pem' cannot be read: No such file or "
	"directory; allowed: a readable file\n"},
    {"\"x500\"", "\"csv:none.csv\"",
	"galsync.conf:19: links[0].match[2]: 'DIR/none.csv' cannot be read: No such file or "
	"directory; allowed: a readable file\n"},

    /* what values must be together */
    {"domain = \"globex.example\"", "site = \"Berlin\"",
	"galsync.conf:10: forests[1].domain: is missing, and servers too; allowed: one of them or "
	"both\n"},
    {"name = \"globex\"", "name = \"acme\"",
	"galsync.conf:10: forests[1].name: 'acme' names two forests; allowed: each name once\n"
	"galsync.conf:16: links[0].target: no forest is named 'globex'; allowed: acme, acme\n"},
    {"source = \"acme\"", "source = \"umbrella\"",
	"galsync.conf:16: links[0].source: no forest is named 'umbrella'; allowed: acme, globex\n"},
    {"source = \"acme\"", "source = \"globex\"",
	"galsync.conf:16: links[0].target: 'globex' is the source too; allowed: another forest\n"
	"galsync.conf:17: links[0].scopes[0].base: 'OU=Staff,DC=acme,DC=example' is outside the "
	"domain of forest 'globex'; allowed: an OU in globex.example\n"
	"galsync.conf:20: links[0].return_contacts_ou: 'OU=Globex GAL,DC=acme,DC=example' is "
	"outside "
	"the domain of forest 'globex'; allowed: an OU in globex.example\n"},
    {"OU=Acme,DC=globex,DC=example", "OU=Acme,DC=other,DC=example",
	"galsync.conf:18: links[0].scopes[0].target_ou: 'OU=Acme,DC=other,DC=example' is outside "
	"the "
	"domain of forest 'globex'; allowed: an OU in globex.example\n"},
    {"OU=Acme,DC=globex,DC=example", "OU=Acme",
	"galsync.conf:18: links[0].scopes[0].target_ou: 'OU=Acme' names no domain; allowed: a DN "
	"that "
	"ends in DC=...\n"},
    {"OU=Globex GAL,DC=acme", "OU=Globex GAL,DC=globex",
	"galsync.conf:20: links[0].return_contacts_ou: 'OU=Globex GAL,DC=globex,DC=example' is "
	"outside the domain of forest 'acme'; allowed: an OU in acme.example\n"},
    {"\"redirect.acme.example\"", "\"ACME.example\"",
	"galsync.conf:9: forests[0].redirect_domain: 'ACME.example' is one of the mail_domains; "
	"allowed: a domain that carries redirected mail only\n"},
    {"\"redirect.acme.example\"", "\"globex.example\"",
	"galsync.conf:9: forests[0].redirect_domain: 'globex.example' is one of the mail_domains "
	"of "
	"forest 'globex', the other end of link 'acme-globex'; allowed: a domain of this forest "
	"only\n"},
    {"\"redirect.globex.example\"", "\"redirect.acme.example\"",
	"galsync.conf:14: forests[1].redirect_domain: 'redirect.acme.example' is that of forest "
	"'acme' "
	"too, the other end of link 'acme-globex'; allowed: a domain of this forest only\n"},
    {"redirect_domain = \"redirect.globex.example\";", "",
	"galsync.conf:10: forests[1].redirect_domain: is missing, link 'acme-globex' creates "
	"mailboxes; allowed: a DNS name\n"},
    {"mailbox = {", "#",
	"galsync.conf:16: links[0].mailbox.databases: is missing, a scope creates mailboxes; "
	"allowed: "
	"one or more DNs of databases\n"
	"galsync.conf:16: links[0].mailbox.home_server: is missing, a scope creates mailboxes; "
	"allowed: the legacyExchangeDN of a server\n"},
    {"home_server", "#", "galsync.conf:23: syntax error; allowed: the syntax of galsync.conf(5)\n"},
    {"[ \"CN=DB1,CN=Databases,DC=globex,DC=example\" ]", "[ ]",
	"galsync.conf:21: links[0].mailbox.databases: is missing, a scope creates mailboxes; "
	"allowed: "
	"one or more DNs of databases\n"},
    {"keytab = \"globex.keytab\";", "",
	"galsync.conf:12: forests[1].auth.keytab: is missing" SECRET},
    {"principal = \"svc@GLOBEX.EXAMPLE\"; keytab",
	"mechanism = \"SIMPLE\"; bind_dn = \"svc@globex.example\"; password_file",
	"galsync.conf:12: forests[1].auth.mechanism: 'SIMPLE' would send the password in clear; "
	"allowed: tls.mode \"starttls\" or \"ldaps\" with it\n"},
    {"principal = \"svc@GLOBEX.EXAMPLE\"; keytab = \"globex.keytab\"", "mechanism = \"SIMPLE\"",
	"galsync.conf:12: forests[1].auth.bind_dn: is missing; allowed: a DN, or USER@DOMAIN\n"
	"galsync.conf:12: forests[1].auth.password_file: is missing" SECRET
	"galsync.conf:12: forests[1].auth.mechanism: 'SIMPLE' would send the password in clear; "
	"allowed: tls.mode \"starttls\" or \"ldaps\" with it\n"},
    {"mechanism = \"GSSAPI\"", "mechanism = \"NTLM\"",
	"galsync.conf:6: forests[0].auth.mechanism: 'NTLM' is unknown; allowed: GSSAPI, "
	"GSS-SPNEGO, "
	"SIMPLE\n"},
    {"mode = \"starttls\"", "mode = \"ldaps\"",
	"galsync.conf:5: forests[0].servers[0]: 'ldap://dc1.acme.example' does not go with "
	"tls.mode; "
	"allowed: ldaps:// with \"ldaps\", ldap:// with the others\n"
	"galsync.conf:5: forests[0].servers[1]: 'ldap://dc2.acme.example' does not go with "
	"tls.mode; "
	"allowed: ldaps:// with \"ldaps\", ldap:// with the others\n"},
    {"create = \"mailbox\"", "create = \"contact\"; linked = true",
	"galsync.conf:18: links[0].scopes[0].linked: true needs accounts to link; allowed: create "
	"\"mailbox\" or \"mail-user\" with it\n"},
    {"create = \"mailbox\"; }",
	"create = \"mailbox\"; }, { base = \"ou=sub, OU=Staff,dc=ACME,DC=example\"; kinds = [ "
	"\"group\" ]; target_ou = \"OU=Acme,DC=globex,DC=example\"; create = \"none\"; }",
	"galsync.conf:18: links[0].scopes[1].base: 'ou=sub, OU=Staff,dc=ACME,DC=example' overlaps "
	"the "
	"scope of line 17 ('OU=Staff,DC=acme,DC=example') and takes the same kinds; allowed: "
	"separate "
	"bases or separate kinds\n"},
    {"create = \"mailbox\"; }",
	"create = \"mailbox\"; }, { base = \"OU=Sub,OU=Staff,DC=acme,DC=example\"; kinds = [ "
	"\"public-folder\" ]; target_ou = \"OU=Acme,DC=globex,DC=example\"; create = \"none\"; }, "
	"{ "
	"base = \"OU=Other,DC=acme,DC=example\"; target_ou = \"OU=Acme,DC=globex,DC=example\"; "
	"create "
	"= \"none\"; }",
	""},
    {"interval_s = 60;\n  }",
	"}, { name = \"acme-globex\"; source = \"globex\"; target = \"acme\"; scopes = ( { base = "
	"\"DC=globex,DC=example\"; target_ou = \"OU=G,DC=acme,DC=example\"; create = \"none\"; } "
	"); }",
	"galsync.conf:22: links[1].name: 'acme-globex' names two links; allowed: each name once\n"},
    {"interval_s = 60;\n  }",
	"}, { name = \"again\"; source = \"acme\"; target = \"globex\"; scopes = ( { base = "
	"\"DC=acme,DC=example\"; target_ou = \"OU=G,DC=globex,DC=example\"; create = \"none\"; } "
	"); "
	"}",
	"galsync.conf:22: links[1].scopes[0].base: 'DC=acme,DC=example' overlaps the scope of line "
	"17 "
	"('OU=Staff,DC=acme,DC=example') and takes the same kinds; allowed: separate bases or "
	"separate kinds\n"},

    /* a site's rows */
    {"interval_s = 60;", ROW("attribute = \"title\"; how = \"constant\";"),
	AT22 "attributes[0].value: is missing; allowed: text\n"},
    {"interval_s = 60;", ROW("attribute = \"title\"; value = \"x\";"),
	AT22 "attributes[0].value: has no meaning here; allowed: only with how \"constant\" or "
	     "\"template\"\n"},
    {"interval_s = 60;",
	ROW("attribute = \"title\"; how = \"template\"; value = \"x\"; source = \"y\";"),
	AT22
	"attributes[0].source: has no meaning here; allowed: only with how \"copy\", \"dn\" or "
	"\"merge\"\n"},
    {"interval_s = 60;", ROW("attribute = \"title\"; how = \"template\"; value = \"%\";"),
	AT22
	"attributes[0].value: '%' is no template: position 1: '%' must be followed by '{' or '%'; "
	"allowed: " TEMPLATE "\n"},
    {"interval_s = 60;", ROW("attribute = \"targetaddress\"; how = \"remove\";"),
	AT22 "attributes[0].attribute: 'targetaddress' is governed by galsync itself or never "
	     "written; allowed: other attributes\n"},
    {"interval_s = 60;", ROW("attribute = \"extensionAttribute15\";"),
	AT22
	"attributes[0].attribute: 'extensionAttribute15' carries the stamp in forest 'globex'; "
	"allowed: other attributes\n"},
    {"interval_s = 60;",
	ROW("attribute = \"title\"; kinds = [ \"user\" ]; }, { attribute = \"title\"; kinds = [ "
	    "\"contact\" ]; }, { attribute = \"TITLE\";"),
	AT22
	"attributes[2].attribute: 'TITLE' has a row for the same kinds in line 22; allowed: one "
	"row for each attribute and kind\n"},
    {"interval_s = 60;", ROW("attribute = \"ti tle\";"),
	AT22
	"attributes[0].attribute: 'ti tle' is no attribute name; allowed: an attribute name\n"},

    /* text */
    {"\"acme\";",
	"\"acme\"; =", "galsync.conf:3: syntax error; allowed: the syntax of galsync.conf(5)\n"},
    {"interval_s = 60;", "interval_s = 60; interval_s = 61;",
	"galsync.conf:22: duplicate setting name; allowed: the syntax of galsync.conf(5)\n"},
    {"interval_s = 60;", "upn_suffix = \"a\\x00b.example\";",
	"galsync.conf:22: a string has the octet \\x00 in it; allowed: text without it\n"},
    {"interval_s = 60;", "upn_suffix = \"a\x01\";",
	"galsync.conf:22: a control character; allowed: text\n"},
    {"interval_s = 60;", "upn_suffix = \"a\\x07.example\";",
	AT22 "upn_suffix: 'a\\x07.example' has a control character in it" DNS},
    {"interval_s = 60;", "upn_suffix = \"a\\xff.example\";",
	AT22 "upn_suffix: 'a\\xFF.example' is not UTF-8" DNS},
    {"interval_s = 60;\n  } );\n", "upn_suffix = \"open\n  } );\n",
	"galsync.conf:22: a string is not closed; allowed: \"text\"\n"},
    {"interval_s = 60;", "@include \"none.conf\"",
	"galsync.conf:22: @include: 'DIR/none.conf' cannot be read: No such file or directory; "
	"allowed: a readable file\n"},
    {"interval_s = 60;", "\n@include \"/\"",
	"galsync.conf:23: @include: '/' is not a regular file; allowed: a readable file\n"},
};

static void
each_mistake(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof mistake_rows / sizeof mistake_rows[0]; i++) {
		const struct mistake *m = &mistake_rows[i];
		_cleanup_(free) char *text = edited(base, m->find, m->with);

		expect(text, m->want);
	}
}

static void
whole_file(void **state)
{
	_cleanup_(conf_errors_done) struct conf_errors e = {0};
	struct conf *c = NULL;

	(void)state;
	expect("",
	    "galsync.conf:1: forests: is missing; allowed: a list of groups: ( { ... }, { ... } "
	    ")\n"
	    "galsync.conf:1: links: is missing; allowed: a list of groups: ( { ... }, { ... } "
	    ")\n");
	expect("forests = ();\nlinks = [];",
	    "galsync.conf:1: forests: is empty; allowed: one or more groups { ... }\n"
	    "galsync.conf:2: links: is empty; allowed: one or more groups { ... }\n");
	expect("forests = ( 1 );\nlinks = { };",
	    "galsync.conf:1: forests[0]: is a number; allowed: a group: { key = value; ... }\n"
	    "galsync.conf:1: forests: has one forest; allowed: two or more\n"
	    "galsync.conf:2: links: is a group { }; allowed: a list of groups: ( { ... }, { ... } "
	    ")\n");
	assert_int_equal(conf_load(path_of("absent.conf"), &c, &e), -1);
	assert_int_equal(e.n, 1);
	assert_non_null(strstr(e.lines[0], "/absent.conf: "));
	assert_non_null(strstr(e.lines[0], "cannot be read: No such file or directory"));
	assert_int_equal(conf_load(dir, &c, &e), -1);
	assert_non_null(strstr(e.lines[1], "is not a regular file"));
	put_file("galsync.conf", "a\0b", 3, 0600);
	expect("a = 1\x02;", "galsync.conf:1: a control character; allowed: text\n");
}

/* Ten mistakes, one of them in an included file: ten messages, in the order of the file. */
static void
ten_mistakes(void **state)
{
	(void)state;
	put("globex.inc",
	    "\n  { name = \"globex\";\n    domain = \"globex.example\";\n"
	    "    window = 513;\n"						     /* 4 */
	    "    auth = { principal = \"svc\"; keytab = \"globex.keytab\"; }; }\n"); /* 5 */
	expect("state_directory = 7;\n"						     /* 1 */
	       "forests = (\n"
	       "  { name = \"acme\";\n"
	       "    domian = \"acme.example\";\n" /* 4: unknown, and so neither */
	       "    servers = [ \"dc1\" ];\n"	  /* 5 */
	       "    auth = { principal = \"a@B\"; keytab = \"open.keytab\"; };\n" /* 6 */
	       "  },\n"
	       "@include \"globex.inc\"\n"
	       ");\n"
	       "links = (\n"						      /* 10 */
	       "  { name = \"x\"; source = \"acme\"; target = \"nowhere\";\n" /* 11 */
	       "    scopes = ( { base = \"OU=S,DC=acme,DC=example\";\n"
	       "      create = \"contact\";\n"		   /* 12: no target_ou */
	       "      layout = \"tree\"; } );\n"	   /* 14 */
	       "    limits = { delete_percent = 101; };\n" /* 15 */
	       "  } );\n",
	    "galsync.conf:1: state_directory: is a number; allowed: a string\n"
	    "galsync.conf:4: forests[0].domian: unknown key, did you mean 'domain'?; allowed: "
	    "name, "
	    "domain, site, servers, auth, tls, mail_domains, redirect_domain, stamp_attribute, "
	    "connect_timeout_ms, timeout_ms, return_after_s, page_size, window\n"
	    "galsync.conf:5: forests[0].servers[0]: 'dc1' is no LDAP URL; allowed: "
	    "ldap://HOST[:PORT] "
	    "or ldaps://HOST[:PORT]\n"
	    "galsync.conf:6: forests[0].auth.keytab: 'DIR/open.keytab' is open to group or "
	    "others (mode 0640)" SECRET "globex.inc:4: forests[1].window: 513 is out of range; "
	    "allowed: a whole number from 1 to "
	    "512\n"
	    "globex.inc:5: forests[1].auth.principal: 'svc' is no principal with its realm; "
	    "allowed: "
	    "NAME@REALM\n"
	    "galsync.conf:11: links[0].target: no forest is named 'nowhere'; allowed: acme, "
	    "globex\n"
	    "galsync.conf:12: links[0].scopes[0].target_ou: is missing; allowed: a DN\n"
	    "galsync.conf:14: links[0].scopes[0].layout: 'tree' is unknown; allowed: flat, mirror\n"
	    "galsync.conf:15: links[0].limits.delete_percent: 101 is out of range; allowed: a "
	    "whole "
	    "number from 0 to 100\n");
}

static void
includes(void **state)
{
	_cleanup_(free) char *text = edited(base, "    interval_s = 60;\n",
	    "@include \"sub/interval.conf\"\n   @include\t\"suffix.conf\" admin_group = \"/o=Y\";\n"
	    "    # @include \"never.conf\"\n    window = 1;\n");
	_cleanup_(free) char *fixed = edited(text, "    window = 1;\n", "");
	_cleanup_(free) char *absolute = NULL;
	struct conf *c;

	(void)state;
	if (mkdir(path_of("sub"), 0700) < 0)
		assert_int_equal(errno, EEXIST);
	put("sub/interval.conf", "/* of the link */\ninterval_s = 7; @include \"no.conf\"\n");
	put("suffix.conf", "upn_suffix = \"x.example\"; # no line end");
	expect(text, "sub/interval.conf:2: syntax error; allowed: the syntax of galsync.conf(5)\n");

	put("sub/interval.conf", "interval_s = 7;\n@include \"../limits.conf\"\nlinked = true;");
	put("limits.conf", "limits = {\n deletes = 1000000001; };\n");
	expect(text, "sub/../limits.conf:2: links[0].limits.deletes: 1000000001 is out of range; "
		     "allowed: a whole "
		     "number from 0 to 1000000000\n"
		     "sub/interval.conf:3: links[0].linked: unknown key; allowed: " LINK_KEYS
		     "galsync.conf:25: links[0].window: unknown key; allowed: " LINK_KEYS);

	put("sub/interval.conf", "interval_s = 7;");
	c = load(fixed);
	assert_int_equal(c->links[0].interval_s, 7);
	assert_string_equal(c->links[0].upn_suffix, "x.example");
	assert_string_equal(c->links[0].admin_group, "/o=Y");
	conf_free(c);

	/* A relative path belongs to the file it stands in, and an absolute include works. */
	put("sub/x.keytab", "secret");
	put("sub/auth.conf",
	    "auth = { principal = \"svc@GLOBEX.EXAMPLE\"; keytab = \"x.keytab\"; };");
	absolute = str_printf("\n@include \"%s/sub/auth.conf\"\n", dir);
	free(TAKE(fixed));
	fixed = edited(base,
	    "auth = { principal = \"svc@GLOBEX.EXAMPLE\"; keytab = \"globex.keytab\"; };",
	    absolute);
	c = load(fixed);
	assert_string_equal(c->forests[1].dir.keytab, path_of("sub/x.keytab"));
	conf_free(c);

	put("loop.conf", "@include \"loop.conf\"\n");
	expect("@include \"loop.conf\"\n",
	    "loop.conf:1: @include: 'DIR/loop.conf' is included too deeply; allowed: 10 levels\n");
	put("many.conf", "a = 1;\n@include \"empty.conf\"\n");
	put("empty.conf", "");
	free(TAKE(fixed));
	fixed = calloc(1, 1 << 16);
	assert_non_null(fixed);
	for (int i = 0; i < 500; i++)
		strcat(fixed, "@include \"many.conf\"\n");
	expect(fixed, "many.conf:2: too many includes; allowed: 1000 in all\n");
	put("sub/string.conf", "name = \"");
	expect("@include \"sub/string.conf\"\n\";",
	    "sub/string.conf:1: a string is not closed; allowed: \"text\"\n");
}

static void
too_large(void **state)
{
	static char big[(1 << 20) + 1];

	(void)state;
	memset(big, ' ', sizeof big - 1);
	put("big.conf", big);
	expect("@include \"big.conf\"\n@include \"big.conf\"\n@include \"big.conf\"\n"
	       "@include \"big.conf\"\n@include \"big.conf\"\n@include \"big.conf\"\n"
	       "@include \"big.conf\"\n@include \"big.conf\"\n@include \"big.conf\"\n"
	       "@include \"big.conf\"\n@include \"big.conf\"\n@include \"big.conf\"\n"
	       "@include \"big.conf\"\n@include \"big.conf\"\n@include \"big.conf\"\n"
	       "@include \"big.conf\"\n@include \"big.conf\"\n",
	    "galsync.conf:1: the configuration is too large; allowed: 16 MiB with all it "
	    "includes\n");
}

/* Whatever looks like a number somewhere else stays as it is. */
static void
numbers(void **state)
{
	_cleanup_(free) char *text = edited(base, "interval_s = 60;",
	    "interval_s = 0x3C; /* 12 \"*/ // 13 \"\n # 14 \"\n redirect_address = \"a1 2\" "
	    "\"3 \\\"4\\\\\"; limits = { deletes = 0; delete_percent = +07L; };\n"
	    "upn_suffix = \"5.example\";");
	_cleanup_(conf_free) struct conf *c = load(text);
	const struct conf_link *l = &c->links[0];

	(void)state;
	assert_int_equal(l->interval_s, 60);
	assert_string_equal(l->redirect_template, "a1 23 \"4\\");
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
    "state_directory = \"state\"; map_size_mb = 5000000;\n"
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
    "\"r.globex.example\"; } );\n"
    "links = ( { name = \"l1\"; source = \"a\"; target = \"g\"; scopes = ( { base = "
    "\"OU=Staff,DC=acme,DC=example\"; kinds = [ \"user\", \"dynamic-group\", \"public-folder\" ]; "
    "filter = \"(!(title=Temp))\"; target_ou = \"OU=A,DC=globex,DC=example\"; create = "
    "\"mailbox\"; "
    "layout = \"mirror\"; linked = true; hidden = \"sync\"; disabled = \"leave\"; on_leave = "
    "\"delete\"; }, { base = \"OU=Staff,DC=acme,DC=example\"; kinds = [ \"group\" ]; target_ou = "
    "\"OU=A,DC=globex,DC=example\"; create = \"none\"; on_leave = \"keep\"; } ); match = [ "
    "\"attribute:employeeID=extensionAttribute3\", \"csv:pairs.csv\" ]; promote_contacts = true; "
    "return_contacts_ou = \"OU=G,DC=acme,DC=example\"; upn_suffix = \"u.example\"; mailbox = { "
    "databases = [ \"CN=DB1,DC=globex,DC=example\", \"CN=DB2,DC=globex,DC=example\" ]; home_server "
    "= "
    "\"/o=G/cn=EX\"; }; admin_group = \"/o=G/ou=A\"; primary_address = "
    "\"%{mailNickname:lower}@globex.example\"; redirect_address = \"r-%{mailNickname}\"; "
    "marker_attribute = \"extensionAttribute9\"; marker_group = \"CN=S,DC=acme,DC=example\"; "
    "toggle_domain = \"toggle.example\"; hook = \"hook\"; hook_timeout_s = 3600; "
    "attributes = "
    "( { attribute = \"title\"; how = \"template\"; value = \"100%% %{title}\"; kinds = [ \"user\" "
    "]; "
    "on_matched = false; }, { attribute = \"department\"; source = \"company\"; }, { attribute = "
    "\"manager\"; how = \"remove\"; }, { attribute = \"info\"; how = \"constant\"; value = \"x\"; "
    "}, "
    "{ attribute = \"secretary\"; how = \"dn\"; } ); limits = { deletes = 7; delete_percent = 100; "
    "switches = 8; }; readiness_attribute = \"extensionAttribute8\"; readiness_value = \"yes\"; "
    "interval_s = 86400; },\n"
    "{ name = \"l2\"; source = \"g\"; target = \"a\"; match = []; scopes = ( { base = "
    "\"DC=globex,DC=example\"; target_ou = \"OU=B,DC=acme,DC=example\"; create = \"contact\"; } ); "
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

/* Who may not read the secrets may still learn where the map is. */
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

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
	    TEST(sample),
	    TEST(defaults),
	    TEST(each_mistake),
	    TEST(whole_file),
	    TEST(ten_mistakes),
	    TEST(includes),
	    TEST(too_large),
	    TEST(numbers),
	    TEST(credentials),
	    TEST(without_secrets),
	    TEST(full_values),
	    TEST(round_trip),
	    TEST(table),
	    TEST(manual),
	    TEST(shipped_sample),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
