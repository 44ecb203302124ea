/* SPDX-License-Identifier: MIT */

/* Every mistake in a configuration has its message: the place, what is wrong, what is allowed. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/conf_fixture.h"

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

/* One edit of BASE and the one message it gives. */
struct mistake {
	const char *find, *with, *want;
};

#define LEGACY "allowed: a legacyExchangeDN: \"/o=...\"\n"
#define DNS "; allowed: a DNS name such as \"acme.example\"\n"
#define TEMPLATE "text with %{attributeName}, %{attributeName:lower} and %% for a percent sign"
#define LINK_KEYS                                                                                  \
	"name, source, target, scopes, match, match_bases, foreign_addresses, promote_contacts, "  \
	"return_contacts_ou, return_scopes, upn_suffix, "                                          \
	"mailbox, admin_group, primary_address, redirect_address, marker_attribute, "              \
	"marker_group, client_attribute, readiness_attribute, readiness_value, toggle_domain, "    \
	"hook, hook_events, hook_timeout_s, "                                                      \
	"attributes, adopt, limits, "                                                              \
	"interval_s\n"
#define SECRET "; allowed: a regular file that only its owner may read (mode 0600 or 0400)\n"
#define PROGRAM "; allowed: a program that galsyncd may execute and only its owner may write\n"
#define ROW(...) "attributes = ( { " __VA_ARGS__ " } );\n"
#define OWN_ATTR                                                                                   \
	" or written by galsync as what it is; allowed: an attribute that has no other use, such " \
	"as extensionAttribute1 to extensionAttribute15\n"
/* A link in the other direction behind the one of BASE. */
#define BACK(forest, base, ou, more)                                                               \
	"}, { name = \"back\"; source = \"" forest                                                 \
	"\"; target = \"acme\"; scopes = ( { base = \"" base "\"; target_ou = \"" ou               \
	"\"; create = \"contact\"; " more " } ); }"
#define BACK_BASE(base)                                                                            \
	"galsync.conf:22: links[1].scopes[0].base: link 'back' would take from '" base             \
	"' what link 'acme-globex' in the other direction creates in "                             \
	"'OU=Acme,DC=globex,DC=example' (line 17); allowed: a base apart from the target_ou of "   \
	"such a link\n"
#define AT22 "galsync.conf:22: links[0]."

static const struct mistake mistake_rows[] = {
    /* the dummy address */
    {"interval_s = 60", "toggle_domain = \"Globex.example\"",
	AT22 "toggle_domain: 'Globex.example' is a mail domain of forest 'globex': addresses in it "
	     "would be removed; allowed: a domain in which no object has an address\n"},
    {"interval_s = 60", "toggle_domain = \"redirect.acme.example\"",
	AT22 "toggle_domain: 'redirect.acme.example' is a mail domain of forest 'acme': addresses "
	     "in it would be removed; allowed: a domain in which no object has an address\n"},
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
    {"interval_s = 60", "hook_events = [ \"switched\", \"deleted\" ]",
	AT22 "hook_events[1]: 'deleted' is no kind of event; allowed: \"switched\", \"undone\", "
	     "\"moved\", \"created\", \"matched\", \"left\", \"reported\", \"wave\"\n"},
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
    {"interval_s = 60", "client_attribute = \"ExtensionAttribute14\"",
	AT22 "client_attribute: 'ExtensionAttribute14' is the marker_attribute; allowed: another "
	     "attribute\n"},
    {"interval_s = 60", "client_attribute = \"extensionAttribute15\"",
	AT22 "client_attribute: 'extensionAttribute15' is the stamp_attribute of the source; "
	     "allowed: another attribute\n"},
    {"interval_s = 60", "readiness_attribute = \"info\"; client_attribute = \"info\"",
	AT22 "client_attribute: 'info' is the readiness_attribute; allowed: another attribute\n"},
    {"interval_s = 60", "readiness_attribute = \"extensionAttribute15\"",
	AT22 "readiness_attribute: 'extensionAttribute15' carries the stamp in forest 'acme'; "
	     "allowed: another attribute\n"},
    /* what is galsync's own on an object */
    {"interval_s = 60", "marker_attribute = \"extensionattribute15\"",
	AT22 "marker_attribute: 'extensionattribute15' carries the stamp in forest 'acme'; "
	     "allowed: another attribute\n"},
    {"interval_s = 60", "marker_attribute = \"Department\"",
	AT22 "marker_attribute: 'Department' is read" OWN_ATTR},
    {"interval_s = 60", "marker_attribute = \"sIDHistory\"",
	AT22 "marker_attribute: 'sIDHistory' is read" OWN_ATTR},
    {"    redirect_domain = \"redirect.globex.example\";",
	"    stamp_attribute = \"displayName\"; redirect_domain = \"redirect.globex.example\";",
	"galsync.conf:14: forests[1].stamp_attribute: 'displayName' is read" OWN_ATTR},
    {"    redirect_domain = \"redirect.globex.example\";",
	"    stamp_attribute = \"proxyaddresses\"; redirect_domain = \"redirect.globex.example\";",
	"galsync.conf:14: forests[1].stamp_attribute: 'proxyaddresses' is read" OWN_ATTR},
    {"    redirect_domain = \"redirect.acme.example\";",
	"    stamp_attribute = \"extensionAttribute14\"; redirect_domain = "
	"\"redirect.acme.example\";",
	"galsync.conf:16: links[0].marker_attribute: 'extensionAttribute14' carries the stamp in "
	"forest 'acme'; allowed: another attribute\n"},
    {"interval_s = 60", "intervall_s = 60",
	AT22 "intervall_s: unknown key, did you mean 'interval_s'?; allowed: " LINK_KEYS},
    {"interval_s", "colour", AT22 "colour: unknown key; allowed: " LINK_KEYS},
    {"interval_s = 60", "Interval_S = 60",
	AT22 "Interval_S: unknown key, did you mean 'interval_s'?; allowed: " LINK_KEYS},
    {"state_directory", "state_dir",
	"galsync.conf:1: state_dir: unknown key, did you mean 'state_directory'?; allowed: "
	"state_directory, map_size_mb, journal_days, journal_size_mb, forests, links\n"},
    {"state_directory = \"/var/lib/galsync\"", "map_size_mb = 15",
	"galsync.conf:1: map_size_mb: 15 is out of range; allowed: a whole number from 16 to "
	"16777216\n"},
    {"state_directory = \"/var/lib/galsync\"", "map_size_mb = 17; journal_size_mb = 9",
	"galsync.conf:1: journal_size_mb: 9 is too much for map_size_mb; allowed: half of that, 1 "
	"to "
	"8\n"},
    {"\"/var/lib/galsync\"", "\"\"",
	"galsync.conf:1: state_directory: '' is empty; allowed: text\n"},
    {"create = \"mailbox\"", "create = \"user\"",
	"galsync.conf:18: links[0].scopes[0].create: 'user' is unknown; allowed: mailbox, "
	"mail-user, remote-mailbox, "
	"contact, none\n"},
    {"create = \"mailbox\"", "create = true",
	"galsync.conf:18: links[0].scopes[0].create: is a boolean; allowed: mailbox, mail-user, "
	"remote-mailbox, "
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
	"remote-mailbox, "
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
	"sid-on-target, x500-on-target, mail-on-target, sid-history, x500, mail, sam-account-name, "
	"user-principal-name, attribute:SOURCE=TARGET, attribute:NAME, csv:FILE\n"},
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
	"directory; allowed: a readable file that only its owner may write\n"},
    {"\"x500\"", "\"csv:none.csv\"",
	"galsync.conf:19: links[0].match[2]: 'DIR/none.csv' cannot be read: No such file or "
	"directory; allowed: a readable file that only its owner may write\n"},

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
    {"home_server", "#", "galsync.conf:23: syntax error; allowed: the syntax of galsync.conf(5)\n"},
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
	"\"OU=N,DC=globex,DC=example\"; target_ou = \"OU=G,DC=acme,DC=example\"; create = "
	"\"none\"; } "
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

    {"interval_s = 60;\n  }",
	"}, { name = \"back\"; source = \"globex\"; target = \"acme\"; scopes = ( { base = "
	"\"OU=N,DC=globex,DC=example\"; target_ou = \"OU=G,DC=acme,DC=example\"; create = "
	"\"none\"; } "
	"); attributes = ( { attribute = \"extensionAttribute14\"; source = \"info\"; } ); }",
	"galsync.conf:22: links[1].attributes[0].attribute: 'extensionAttribute14' is the "
	"marker_attribute of link 'acme-globex' in forest 'acme'; allowed: other attributes\n"},
    /* two links against each other: what one creates would come back by the other */
    {"interval_s = 60;\n  }", BACK("globex", "DC=globex,DC=example", "OU=G,DC=acme,DC=example", ""),
	BACK_BASE("DC=globex,DC=example")},
    {"interval_s = 60;\n  }",
	BACK("globex", "ou=ACME, dc=globex,DC=example", "OU=G,DC=acme,DC=example", ""),
	BACK_BASE("ou=ACME, dc=globex,DC=example")},
    {"interval_s = 60;\n  }",
	BACK("globex", "OU=People,DC=globex,DC=example", "OU=G,OU=Staff,DC=acme,DC=example", ""),
	"galsync.conf:22: links[1].scopes[0].target_ou: link 'back' would create in "
	"'OU=G,OU=Staff,DC=acme,DC=example' what link 'acme-globex' in the other direction takes "
	"from 'OU=Staff,DC=acme,DC=example' (line 17); allowed: a target_ou apart from the bases "
	"of such a link\n"},
    /* apart, in whichever way */
    {"interval_s = 60;\n  }",
	BACK("globex", "OU=People,DC=globex,DC=example", "OU=G,DC=acme,DC=example", ""), ""},
    {"interval_s = 60;\n  }",
	BACK("globex", "OU=Deep,OU=Acme,DC=globex,DC=example", "OU=G,DC=acme,DC=example", ""), ""},
    {"interval_s = 60;\n  }",
	BACK("globex", "DC=globex,DC=example", "OU=G,DC=acme,DC=example",
	    "kinds = [ \"public-folder\" ];"),
	""},
    {"interval_s = 60;\n  }",
	BACK("globex", "OU=People,DC=globex,DC=example", "OU=Staff,DC=acme,DC=example",
	    "kinds = [ \"dynamic-group\" ]; filter = \"(cn=x)\";"),
	"galsync.conf:22: links[1].scopes[0].target_ou: link 'back' would create in "
	"'OU=Staff,DC=acme,DC=example' what link 'acme-globex' in the other direction takes from "
	"'OU=Staff,DC=acme,DC=example' (line 17); allowed: a target_ou apart from the bases of "
	"such a link\n"},

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
	"allowed: a readable file that only its owner may write\n"},
    {"interval_s = 60;", "\n@include \"/\"",
	"galsync.conf:23: @include: '/' is not a regular file; allowed: a readable file that only "
	"its owner may write\n"},
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

/* The same forest in a section of its own is the same forest, and a mirror of OUs reaches further.
 */
static void
against_each_other(void **state)
{
	static const char again[] =
	    "redirect.globex.example\"; }, { name = \"too\"; domain = \"Globex.example\"; auth = { "
	    "principal = \"svc@GLOBEX.EXAMPLE\"; keytab = \"globex.keytab\"; }; } );";
	_cleanup_(free) char *sections = edited(base, "redirect.globex.example\"; } );", again);
	_cleanup_(free) char *both = edited(sections, "interval_s = 60;\n  }",
	    BACK("too", "DC=globex,DC=example", "OU=G,DC=acme,DC=example", ""));
	_cleanup_(free) char *flat = edited(base, "interval_s = 60;\n  }",
	    BACK("globex", "OU=Deep,OU=Acme,DC=globex,DC=example", "OU=G,DC=acme,DC=example", ""));
	_cleanup_(free) char *mirror =
	    edited(flat, "create = \"mailbox\"", "create = \"mailbox\"; layout = \"mirror\"");
	_cleanup_(free) char *nothing = edited(both, "create = \"mailbox\"", "create = \"none\"");

	(void)state;
	expect(both, BACK_BASE("DC=globex,DC=example"));
	expect(flat, "");
	expect(mirror, BACK_BASE("OU=Deep,OU=Acme,DC=globex,DC=example"));
	expect(nothing, "");
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
	    "domain, site, servers, auth, tls, mail_domains, redirect_domain, routing_domain, "
	    "stamp_attribute, "
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

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {TEST(each_mistake), TEST(against_each_other),
	    TEST(whole_file), TEST(ten_mistakes), TEST(includes), TEST(too_large)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
