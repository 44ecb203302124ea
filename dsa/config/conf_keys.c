/* SPDX-License-Identifier: MIT */
/*
 * Every key of galsync.conf. A key that is added here is parsed, has its default, is refused
 * outside its range and is printed by galsyncd -T; a test demands that man/galsync.conf.5 and
 * conf/galsync.conf know it too.
 */
#include "dsa/config/conf_key.h"

#include <limits.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/config/conf.h"

#define IN(type, field) .offset = offsetof(struct type, field)
#define COUNT(type, field) .n_offset = offsetof(struct type, field)
/* Every kind: who has an address is found in an address list. */
#define CONF_RETURN_KINDS "user group contact dynamic-group public-folder"
#define DNS_NAME "a DNS name such as \"acme.example\""

static const char *const mechanism_names[] = {"GSSAPI", "GSS-SPNEGO", "SIMPLE", NULL};
static const char *const tls_names[] = {"none", "starttls", "ldaps", NULL};
static const char *const create_names[] = {
    "mailbox", "mail-user", "remote-mailbox", "contact", "none", NULL};
static const char *const leave_names[] = {"keep", "hide", "disable", "delete", NULL};
static const char *const layout_names[] = {"flat", "mirror", NULL};
static const char *const how_names[] = {
    "copy", "constant", "template", "dn", "merge", "remove", NULL};
static const char *const authority_names[] = {"active", "source", "target", NULL};
static const char *const side_names[] = {"source", "target", NULL};
static const char *const sync_or_leave[] = {"sync", "leave", NULL};

/* The names above are in the order of these. */
_Static_assert(AUTH_GSSAPI == 0 && AUTH_GSS_SPNEGO == 1 && AUTH_SIMPLE == 2, "mechanism_names");
_Static_assert(TLS_NONE == 0 && TLS_STARTTLS == 1 && TLS_LDAPS == 2, "tls_names");
_Static_assert(CREATE_MAILBOX == 0 && CREATE_MAIL_USER == 1 && CREATE_REMOTE_MAILBOX == 2 &&
		   CREATE_CONTACT == 3 && CREATE_NOTHING == 4,
    "create_names");
_Static_assert(
    LEAVE_KEEP == 0 && LEAVE_HIDE == 1 && LEAVE_DISABLE == 2 && LEAVE_DELETE == 3, "leave_names");
_Static_assert(LAYOUT_FLAT == 0 && LAYOUT_MIRROR == 1, "layout_names");
_Static_assert(ROW_COPY == 0 && ROW_CONSTANT == 1 && ROW_TEMPLATE == 2 && ROW_DN == 3 &&
		   ROW_MERGE == 4 && ROW_REMOVE == 5,
    "how_names");
_Static_assert(AUTHORITY_ACTIVE == 0 && AUTHORITY_SOURCE == 1 && AUTHORITY_TARGET == 2 &&
		   SOURCE == 0 && TARGET == 1,
    "authority_names, side_names");
_Static_assert(sizeof(enum create_as) == sizeof(int) && sizeof(enum side) == sizeof(int) &&
		   sizeof(enum auth_mechanism) == sizeof(int),
    "enums are stored as int");

static const struct conf_section_info sections[CONF_SECTION_MAX] = {
    [CONF_TOP] = {CONF_TOP, NULL, sizeof(struct conf)},
    [CONF_FOREST] = {CONF_TOP, "forests", sizeof(struct conf_forest)},
    [CONF_AUTH] = {CONF_FOREST, "auth", 0},
    [CONF_TLS] = {CONF_FOREST, "tls", 0},
    [CONF_LINK] = {CONF_TOP, "links", sizeof(struct conf_link)},
    [CONF_SCOPE] = {CONF_LINK, "scopes", sizeof(struct conf_scope)},
    [CONF_RETURN_SCOPE] = {CONF_LINK, "return_scopes", sizeof(struct conf_scope)},
    [CONF_MAILBOX] = {CONF_LINK, "mailbox", 0},
    [CONF_LIMITS] = {CONF_LINK, "limits", 0},
    [CONF_ROW] = {CONF_LINK, "attributes", sizeof(struct conf_row)},
    [CONF_ADOPT] = {CONF_LINK, "adopt", sizeof(struct conf_adopt)},
};

/* Forests stand before links: a link looks its forests up while it is loaded. */
static const struct conf_key keys[] = {
    {CONF_TOP, "state_directory", CONF_PATH, IN(conf, state_directory),
	.def_text = "/var/lib/galsync"},
    {CONF_TOP, "map_size_mb", CONF_INT64, IN(conf, map_size_mb), .min = 16, .max = 16777216,
	.def = 65536},
    {CONF_TOP, "journal_days", CONF_INT, IN(conf, journal_days), .min = 2, .max = 36500,
	.def = 400},
    {CONF_TOP, "journal_size_mb", CONF_INT64, IN(conf, journal_size_mb), .min = 1, .max = 8388608,
	.def = 16384},
    {CONF_TOP, "forests", CONF_LIST, IN(conf, forests), COUNT(conf, n_forests), .sub = CONF_FOREST,
	.required = true},
    {CONF_TOP, "links", CONF_LIST, IN(conf, links), COUNT(conf, n_links), .sub = CONF_LINK,
	.required = true},

    {CONF_FOREST, "name", CONF_STRING, IN(conf_forest, name), .required = true,
	.check = conf_check_name, .allowed = "1 to 64 of A-Z a-z 0-9 _ -"},
    {CONF_FOREST, "domain", CONF_STRING, IN(conf_forest, dir.domain), .check = conf_check_dns,
	.allowed = DNS_NAME},
    {CONF_FOREST, "site", CONF_STRING, IN(conf_forest, dir.site), .check = conf_check_text,
	.allowed = "the name of an AD site"},
    {CONF_FOREST, "servers", CONF_STRINGS, IN(conf_forest, servers), COUNT(conf_forest, n_servers),
	.check = conf_check_url, .allowed = "ldap://HOST[:PORT] or ldaps://HOST[:PORT]"},
    {CONF_FOREST, "auth", CONF_GROUP, .sub = CONF_AUTH, .required = true},
    {CONF_FOREST, "tls", CONF_GROUP, .sub = CONF_TLS},
    {CONF_FOREST, "mail_domains", CONF_STRINGS, IN(conf_forest, mail_domains),
	COUNT(conf_forest, n_mail_domains), .check = conf_check_dns, .allowed = DNS_NAME},
    {CONF_FOREST, "redirect_domain", CONF_STRING, IN(conf_forest, redirect_domain),
	.check = conf_check_dns, .allowed = DNS_NAME},
    {CONF_FOREST, "routing_domain", CONF_STRING, IN(conf_forest, routing_domain),
	.check = conf_check_dns, .allowed = DNS_NAME},
    {CONF_FOREST, "stamp_attribute", CONF_STRING, IN(conf_forest, stamp_attribute),
	.def_text = "extensionAttribute15", .check = conf_check_attr,
	.allowed = "an attribute name"},
    {CONF_FOREST, "connect_timeout_ms", CONF_INT, IN(conf_forest, dir.connect_timeout_ms),
	.min = 100, .max = 600000, .def = 10000},
    {CONF_FOREST, "timeout_ms", CONF_INT, IN(conf_forest, dir.timeout_ms), .min = 1000,
	.max = 3600000, .def = 60000},
    {CONF_FOREST, "return_after_s", CONF_INT, IN(conf_forest, dir.return_after_s), .min = 0,
	.max = 604800, .def = 900},
    {CONF_FOREST, "page_size", CONF_INT, IN(conf_forest, dir.page_size), .min = 1, .max = 10000,
	.def = 1000},
    {CONF_FOREST, "window", CONF_INT, IN(conf_forest, dir.window), .min = 1, .max = 512, .def = 64},

    {CONF_AUTH, "mechanism", CONF_ENUM, IN(conf_forest, dir.mechanism), .names = mechanism_names,
	.def = AUTH_GSSAPI},
    {CONF_AUTH, "principal", CONF_STRING, IN(conf_forest, dir.principal),
	.check = conf_check_principal, .allowed = "NAME@REALM"},
    {CONF_AUTH, "keytab", CONF_PATH, IN(conf_forest, dir.keytab), .check = conf_check_secret_file,
	.allowed = "a regular file that only its owner may read (mode 0600 or 0400)"},
    {CONF_AUTH, "bind_dn", CONF_STRING, IN(conf_forest, dir.bind_dn), .check = conf_check_bind_dn,
	.allowed = "a DN, or USER@DOMAIN"},
    {CONF_AUTH, "password_file", CONF_PATH, IN(conf_forest, dir.password_file),
	.check = conf_check_secret_file,
	.allowed = "a regular file that only its owner may read (mode 0600 or 0400)"},

    {CONF_TLS, "mode", CONF_ENUM, IN(conf_forest, dir.tls), .names = tls_names, .def = TLS_NONE},
    {CONF_TLS, "ca_file", CONF_PATH, IN(conf_forest, dir.ca_file),
	.check = conf_check_readable_file,
	.allowed = "a readable file that only its owner may write"},

    {CONF_LINK, "name", CONF_STRING, IN(conf_link, name), .required = true,
	.check = conf_check_name, .allowed = "1 to 64 of A-Z a-z 0-9 _ -"},
    {CONF_LINK, "source", CONF_FOREST_NAME, IN(conf_link, source), .required = true},
    {CONF_LINK, "target", CONF_FOREST_NAME, IN(conf_link, target), .required = true},
    {CONF_LINK, "scopes", CONF_LIST, IN(conf_link, scopes), COUNT(conf_link, n_scopes),
	.sub = CONF_SCOPE, .required = true},
    {CONF_LINK, "match", CONF_MATCH, IN(conf_link, match), COUNT(conf_link, n_match),
	.def_text = "stamp sid-on-target x500-on-target mail-on-target"},
    {CONF_LINK, "match_bases", CONF_STRINGS, IN(conf_link, match_bases),
	COUNT(conf_link, n_match_bases), .check = conf_check_dn, .allowed = "DNs"},
    {CONF_LINK, "foreign_addresses", CONF_BOOL, IN(conf_link, foreign_addresses), .def = false},
    {CONF_LINK, "promote_contacts", CONF_BOOL, IN(conf_link, promote_contacts), .def = false},
    {CONF_LINK, "return_contacts_ou", CONF_STRING, IN(conf_link, return_contacts_ou),
	.check = conf_check_dn, .allowed = "a DN"},
    {CONF_LINK, "return_scopes", CONF_LIST, IN(conf_link, return_scopes),
	COUNT(conf_link, n_return_scopes), .sub = CONF_RETURN_SCOPE},
    {CONF_LINK, "upn_suffix", CONF_STRING, IN(conf_link, upn_suffix), .check = conf_check_dns,
	.allowed = DNS_NAME},
    {CONF_LINK, "mailbox", CONF_GROUP, .sub = CONF_MAILBOX},
    {CONF_LINK, "admin_group", CONF_STRING, IN(conf_link, admin_group),
	.check = conf_check_legacy_dn, .allowed = "a legacyExchangeDN: \"/o=...\""},
    {CONF_LINK, "primary_address", CONF_STRING, IN(conf_link, primary_template),
	.check = conf_check_address_template,
	.allowed = CONF_TEMPLATE_HELP ", with one @ in the text"},
    {CONF_LINK, "redirect_address", CONF_STRING, IN(conf_link, redirect_template),
	.def_text = "%{mailNickname}", .check = conf_check_local_template,
	.allowed = CONF_TEMPLATE_HELP ", without @"},
    {CONF_LINK, "marker_attribute", CONF_STRING, IN(conf_link, marker_attribute),
	.def_text = "extensionAttribute14", .check = conf_check_attr,
	.allowed = "an attribute name"},
    {CONF_LINK, "marker_group", CONF_STRING, IN(conf_link, marker_group), .check = conf_check_dn,
	.allowed = "a DN"},
    {CONF_LINK, "client_attribute", CONF_STRING, IN(conf_link, client_attribute),
	.check = conf_check_attr, .allowed = "an attribute name"},
    {CONF_LINK, "readiness_attribute", CONF_STRING, IN(conf_link, readiness_attribute),
	.check = conf_check_attr, .allowed = "an attribute name"},
    {CONF_LINK, "readiness_value", CONF_STRING, IN(conf_link, readiness_value),
	.check = conf_check_text, .allowed = "text"},
    {CONF_LINK, "toggle_domain", CONF_STRING, IN(conf_link, toggle_domain), .def_text = "delete.me",
	.check = conf_check_dns, .allowed = DNS_NAME},
    {CONF_LINK, "hook", CONF_PATH, IN(conf_link, hook), .check = conf_check_program,
	.allowed = "a program that galsyncd may execute and only its owner may write"},
    {CONF_LINK, "hook_events", CONF_STRINGS, IN(conf_link, hook_events),
	COUNT(conf_link, n_hook_events), .check = conf_check_event,
	.allowed = "\"switched\", \"undone\", \"moved\", \"created\", \"matched\", \"left\", "
		   "\"reported\", \"wave\""},
    {CONF_LINK, "hook_timeout_s", CONF_INT, IN(conf_link, hook_timeout_s), .min = 1, .max = 3600,
	.def = 30},
    {CONF_LINK, "attributes", CONF_LIST, IN(conf_link, rows), COUNT(conf_link, n_rows),
	.sub = CONF_ROW},
    {CONF_LINK, "adopt", CONF_LIST, IN(conf_link, adopt), COUNT(conf_link, n_adopt),
	.sub = CONF_ADOPT},
    {CONF_LINK, "limits", CONF_GROUP, .sub = CONF_LIMITS},
    {CONF_LINK, "interval_s", CONF_INT, IN(conf_link, interval_s), .min = 1, .max = 86400,
	.def = 60},

    {CONF_SCOPE, "base", CONF_STRING, IN(conf_scope, base), .required = true,
	.check = conf_check_dn, .allowed = "a DN"},
    {CONF_SCOPE, "kinds", CONF_KINDS, IN(conf_scope, kinds), .def_text = "user group contact"},
    {CONF_SCOPE, "filter", CONF_STRING, IN(conf_scope, filter_text), .check = conf_check_filter,
	.allowed = "an LDAP filter (RFC 4515)"},
    {CONF_SCOPE, "target_ou", CONF_STRING, IN(conf_scope, target_ou), .required = true,
	.check = conf_check_dn, .allowed = "a DN"},
    {CONF_SCOPE, "create", CONF_ENUM, IN(conf_scope, create), .names = create_names,
	.required = true, .def = CREATE_NOTHING},
    {CONF_SCOPE, "layout", CONF_ENUM, IN(conf_scope, layout), .names = layout_names,
	.def = LAYOUT_FLAT},
    {CONF_SCOPE, "linked", CONF_BOOL, IN(conf_scope, linked), .def = false},
    {CONF_SCOPE, "hidden", CONF_FLAG, IN(conf_scope, hidden_leaves), .names = sync_or_leave,
	.def = true},
    {CONF_SCOPE, "disabled", CONF_FLAG, IN(conf_scope, disabled_leaves), .names = sync_or_leave,
	.def = false},
    {CONF_SCOPE, "on_leave", CONF_ENUM, IN(conf_scope, on_leave), .names = leave_names,
	.def = LEAVE_HIDE},
    {CONF_SCOPE, "authority", CONF_ENUM, IN(conf_scope, authority), .names = side_names,
	.def = SOURCE},
    {CONF_SCOPE, "delete_children", CONF_BOOL, IN(conf_scope, delete_children), .def = false},

    {CONF_RETURN_SCOPE, "base", CONF_STRING, IN(conf_scope, base), .required = true,
	.check = conf_check_dn, .allowed = "a DN"},
    {CONF_RETURN_SCOPE, "kinds", CONF_KINDS, IN(conf_scope, kinds), .def_text = CONF_RETURN_KINDS},
    {CONF_RETURN_SCOPE, "filter", CONF_STRING, IN(conf_scope, filter_text),
	.check = conf_check_filter, .allowed = "an LDAP filter (RFC 4515)"},
    {CONF_RETURN_SCOPE, "layout", CONF_ENUM, IN(conf_scope, layout), .names = layout_names,
	.def = LAYOUT_FLAT},

    {CONF_MAILBOX, "databases", CONF_STRINGS, IN(conf_link, databases),
	COUNT(conf_link, n_databases), .check = conf_check_dn, .allowed = "DNs"},
    {CONF_MAILBOX, "home_server", CONF_STRING, IN(conf_link, home_server),
	.check = conf_check_legacy_dn, .allowed = "a legacyExchangeDN: \"/o=...\""},

    {CONF_LIMITS, "deletes", CONF_INT64, IN(conf_link, max_deletes), .min = 0, .max = 1000000000,
	.def = 50},
    {CONF_LIMITS, "delete_percent", CONF_INT, IN(conf_link, max_delete_percent), .min = 0,
	.max = 100, .def = 5},
    {CONF_LIMITS, "redirections", CONF_INT64, IN(conf_link, max_redirections), .min = 0,
	.max = 1000000000, .def = 50},
    {CONF_LIMITS, "redirection_percent", CONF_INT, IN(conf_link, max_redirection_percent), .min = 0,
	.max = 100, .def = 5},
    {CONF_LIMITS, "switches", CONF_INT64, IN(conf_link, max_switches), .min = 0, .max = 1000000000,
	.def = 50},
    {CONF_LIMITS, "matches", CONF_INT64, IN(conf_link, max_matches), .min = 0, .max = 1000000000,
	.def = 0},
    {CONF_LIMITS, "member_removals", CONF_INT64, IN(conf_link, max_member_removals), .min = 0,
	.max = 1000000000, .def = 500},
    {CONF_LIMITS, "member_removal_percent", CONF_INT, IN(conf_link, max_member_removal_percent),
	.min = 0, .max = 100, .def = 50},
    {CONF_LIMITS, "primary_changes", CONF_INT64, IN(conf_link, max_primary_changes), .min = 0,
	.max = 1000000000, .def = 50},
    {CONF_LIMITS, "primary_change_percent", CONF_INT, IN(conf_link, max_primary_change_percent),
	.min = 0, .max = 100, .def = 20},

    {CONF_ROW, "attribute", CONF_STRING, IN(conf_row, attr), .required = true,
	.check = conf_check_attr, .allowed = "an attribute name"},
    {CONF_ROW, "how", CONF_ENUM, IN(conf_row, how), .names = how_names, .def = ROW_COPY},
    {CONF_ROW, "source", CONF_STRING, IN(conf_row, from), .check = conf_check_attr,
	.allowed = "an attribute name"},
    {CONF_ROW, "value", CONF_STRING, IN(conf_row, value), .check = conf_check_text,
	.allowed = "text"},
    {CONF_ROW, "kinds", CONF_KINDS, IN(conf_row, kinds)},
    {CONF_ROW, "on_matched", CONF_BOOL, IN(conf_row, on_matched), .def = true},
    {CONF_ROW, "authority", CONF_ENUM, IN(conf_row, authority), .names = authority_names,
	.def = AUTHORITY_ACTIVE},

    {CONF_ADOPT, "tool", CONF_STRING, IN(conf_adopt, tool), .required = true,
	.check = conf_check_name,
	.allowed = CONF_TOOLS ", or another name of 1 to 64 of A-Z a-z 0-9 _ -"},
    {CONF_ADOPT, "source_attribute", CONF_STRING, IN(conf_adopt, attribute[SOURCE]),
	.check = conf_check_attr, .allowed = "an attribute name"},
    {CONF_ADOPT, "target_attribute", CONF_STRING, IN(conf_adopt, attribute[TARGET]),
	.check = conf_check_attr, .allowed = "an attribute name"},
    {CONF_ADOPT, "value", CONF_STRING, IN(conf_adopt, value), .check = conf_check_pattern,
	.allowed = CONF_PATTERN_HELP},
    {CONF_ADOPT, "source_redirect_domain", CONF_STRING, IN(conf_adopt, redirect_domain[SOURCE]),
	.check = conf_check_dns, .allowed = DNS_NAME},
    {CONF_ADOPT, "target_redirect_domain", CONF_STRING, IN(conf_adopt, redirect_domain[TARGET]),
	.check = conf_check_dns, .allowed = DNS_NAME},
    {CONF_ADOPT, "keep", CONF_STRINGS, IN(conf_adopt, keep), COUNT(conf_adopt, n_keep),
	.check = conf_check_attr, .allowed = "attribute names"},
};

const struct conf_section_info *
conf_section_info(enum conf_section section)
{
	return &sections[section];
}

char *
conf_key_path(const struct conf_key *key)
{
	char *path = strdup(key->name);

	for (enum conf_section s = key->section; path && s != CONF_TOP; s = sections[s].parent) {
		char *longer = str_printf("%s.%s", sections[s].name, path);

		free(path);
		path = longer;
	}
	return path;
}

const struct conf_key *
conf_next_key(enum conf_section section, const struct conf_key *key)
{
	for (key = key ? key + 1 : keys; key < keys + ARRAY_SIZE(keys); key++)
		if (key->section == section)
			return key;
	return NULL;
}

const struct conf_key *
conf_find_key(enum conf_section section, const char *name)
{
	for (const struct conf_key *k = NULL; (k = conf_next_key(section, k));)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

static size_t
min3(size_t x, size_t y, size_t z)
{
	size_t least = x < y ? x : y;

	return least < z ? least : z;
}

/* Levenshtein's distance without regard to case; SIZE_MAX for what is too long to be a typing
 * mistake. */
static size_t
edit_distance(const char *x, const char *y)
{
	size_t row[48], nx = strlen(x), ny = strlen(y);

	if (ny + 1 > ARRAY_SIZE(row) || nx > ARRAY_SIZE(row))
		return SIZE_MAX;
	for (size_t j = 0; j <= ny; j++)
		row[j] = j;
	for (size_t i = 1; i <= nx; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= ny; j++) {
			bool same =
			    ascii_lower((uint8_t)x[i - 1]) == ascii_lower((uint8_t)y[j - 1]);
			size_t old = row[j];

			row[j] = min3(row[j] + 1, row[j - 1] + 1, diagonal + (same ? 0 : 1));
			diagonal = old;
		}
	}
	return row[ny];
}

const struct conf_key *
conf_nearest_key(enum conf_section section, const char *name)
{
	const struct conf_key *best = NULL;
	size_t least = SIZE_MAX;

	for (const struct conf_key *k = NULL; (k = conf_next_key(section, k));) {
		size_t d = edit_distance(name, k->name), max = strlen(k->name) / 3 + 1;

		if (d < least && d <= max) {
			least = d;
			best = k;
		}
	}
	return best;
}

char *
conf_get_ptr(const void *base, size_t offset)
{
	char *p;

	memcpy(&p, (const char *)base + offset, sizeof p);
	return p;
}

void
conf_set_ptr(void *base, size_t offset, const void *p)
{
	memcpy((char *)base + offset, &p, sizeof p);
}
