/* SPDX-License-Identifier: MIT */
#include "dsa/config/conf_value.h"

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dsa/base/str.h"
#include "dsa/base/trust.h"
#include "dsa/config/template.h"
#include "dsa/directory/attr_name.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/filter.h"
#include "mapping/event.h"

#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
#define NAME_MAX_LEN 64
#define DNS_LABEL_MAX 63 /* RFC 1035 section 2.3.4 */
#define DNS_NAME_MAX 253

static bool
no(char *why, size_t size, const char *reason)
{
	(void)snprintf(why, size, "%s", reason);
	return false;
}

bool
conf_check_text(const char *value, char *why, size_t size)
{
	if (!*value)
		return no(why, size, "is empty");
	if (!utf8_valid(bytes_of(value)))
		return no(why, size, "is not UTF-8");
	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return no(why, size, "has a control character in it");
	return true;
}

bool
conf_check_name(const char *value, char *why, size_t size)
{
	size_t len = strlen(value);

	if (strspn(value, NAME_CHARS) != len)
		return no(why, size, "has other characters than a name may have");
	return len <= NAME_MAX_LEN || no(why, size, "is too long");
}

static bool
label_ok(const char *p, size_t len)
{
	return len > 0 && len <= DNS_LABEL_MAX && strspn(p, NAME_CHARS) >= len && p[0] != '-' &&
	       p[len - 1] != '-';
}

/* A single label is no name of a forest or mail domain that is in use; it is a typing mistake.
 * The underscore is not for host names, but AD domains have it. */
bool
conf_check_dns(const char *value, char *why, size_t size)
{
	size_t labels = 0;

	for (const char *p = value;; labels++) {
		size_t len = strcspn(p, ".");

		if (!label_ok(p, len))
			return no(why, size, "is no DNS name");
		if (!p[len])
			break;
		p += len + 1;
	}
	return (labels > 0 && strlen(value) <= DNS_NAME_MAX) || no(why, size, "is no DNS name");
}

bool
conf_check_event(const char *value, char *why, size_t size)
{
	return event_kind_from_name(value) != EVENT_KIND_MAX ||
	       no(why, size, "is no kind of event");
}

bool
conf_check_url(const char *value, char *why, size_t size)
{
	const char *host = str_starts_nocase(value, "ldap://")	  ? value + 7
			   : str_starts_nocase(value, "ldaps://") ? value + 8
								  : NULL;
	size_t len = host ? strcspn(host, ":/") : 0;
	const char *rest = host ? host + len : "";
	int64_t port = 0;

	if (!host)
		return no(why, size, "is no LDAP URL");
	if (len == 0 || strspn(host, NAME_CHARS ".") != len)
		return no(why, size, "names no host");
	if (*rest == ':' && (!str_to_i64(rest + 1, &port) || port < 1 || port > 65535))
		return no(why, size, "has no port number behind the colon");
	return *rest != '/' || no(why, size, "has more than host and port");
}

bool
conf_check_attr(const char *value, char *why, size_t size)
{
	return attr_name_ok(value, strlen(value)) || no(why, size, "is no attribute name");
}

bool
conf_check_dn(const char *value, char *why, size_t size)
{
	struct err err = {0};
	_cleanup_(free) char *norm = dn_normalize(value, &err);

	if (!norm)
		(void)snprintf(why, size, "is no DN: %s", err.text);
	return norm != NULL;
}

bool
conf_check_filter(const char *value, char *why, size_t size)
{
	_cleanup_(filter_free) struct filter *f = NULL;
	struct err err = {0};

	if (filter_parse(value, &f, &err) == 0)
		return true;
	(void)snprintf(why, size, "is no filter: %s", err.text);
	return false;
}

/* Two groups would leave open which of them is the key. */
bool
conf_check_pattern(const char *value, char *why, size_t size)
{
	char reason[256] = "";
	regex_t re;
	int rc = regcomp(&re, value, REG_EXTENDED);
	size_t n = rc == 0 ? re.re_nsub : 0;

	if (rc != 0) {
		(void)regerror(rc, &re, reason, sizeof reason);
		(void)snprintf(why, size, "is no regular expression: %s", reason);
		return false;
	}
	regfree(&re);
	return n <= 1 || no(why, size, "has more than one group");
}

bool
conf_check_template(const char *value, char *why, size_t size)
{
	char reason[256] = "";

	if (template_check(value, reason, sizeof reason))
		return true;
	(void)snprintf(why, size, "is no template: %s", reason);
	return false;
}

static size_t
count_at(const char *value)
{
	size_t n = 0;

	for (; *value; value++)
		n += *value == '@' ? 1 : 0;
	return n;
}

static bool
check_not_constant(const char *value, char *why, size_t size)
{
	return !template_is_constant(value) || no(why, size, "gives every object the same address");
}

bool
conf_check_address_template(const char *value, char *why, size_t size)
{
	return conf_check_template(value, why, size) &&
	       (count_at(value) == 1 || no(why, size, "gives no address")) &&
	       check_not_constant(value, why, size);
}

/* The redirect domain is put behind the result. */
bool
conf_check_local_template(const char *value, char *why, size_t size)
{
	return conf_check_template(value, why, size) &&
	       (count_at(value) == 0 || no(why, size, "has an @, the domain is not part of it")) &&
	       check_not_constant(value, why, size);
}

bool
conf_check_legacy_dn(const char *value, char *why, size_t size)
{
	return (str_starts_nocase(value, "/o=") && value[3] && value[strlen(value) - 1] != '/') ||
	       no(why, size, "is no legacyExchangeDN");
}

static bool
has_small_letter(const char *s)
{
	for (; *s; s++)
		if (*s >= 'a' && *s <= 'z')
			return true;
	return false;
}

/* A realm has case, and AD knows only its own spelling: a KDC that is asked for another one does
 * not answer, or answers for a realm that was not asked for. */
static bool
check_realm(const char *value, const char *realm, char *why, size_t size)
{
	_cleanup_(free) char *better = strdup(value);

	if (!better || !has_small_letter(realm))
		return true;
	for (char *p = better + (realm - value); *p; p++)
		*p = *p >= 'a' && *p <= 'z' ? (char)(*p & ~0x20) : *p;
	(void)snprintf(why, size, "has its realm in small letters, did you mean '%s'?", better);
	return false;
}

/* Without its realm a principal would be looked for in the default realm of the machine, which is
 * that of one of the two forests at most. */
bool
conf_check_principal(const char *value, char *why, size_t size)
{
	const char *at = strrchr(value, '@');

	if (!at || at == value || !at[1] || strchr(value, ' '))
		return no(why, size, "is no principal with its realm");
	return check_realm(value, at + 1, why, size);
}

bool
conf_check_bind_dn(const char *value, char *why, size_t size)
{
	return (!strchr(value, '=') && count_at(value) == 1) || conf_check_dn(value, why, size);
}

/* True if FD's file lies below $CREDENTIALS_DIRECTORY: systemd keeps it from all others, and
 * gives it a mode that looks wider than it is (an ACL). */
static bool
is_credential(const char *path)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	_cleanup_(free) char *real_dir = dir && *dir ? realpath(dir, NULL) : NULL;
	_cleanup_(free) char *real_path = realpath(path, NULL);
	size_t len = real_dir ? strlen(real_dir) : 0;

	return real_dir && real_path && strncmp(real_path, real_dir, len) == 0 &&
	       real_path[len] == '/';
}

/* Opens the file as the daemon will, so that its rights are tried and not guessed. */
static bool
check_file(const char *path, struct stat *ret, char *why, size_t size)
{
	_cleanup_(close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char text[96];

	if (fd < 0 || fstat(fd, ret) < 0) {
		(void)snprintf(
		    why, size, "cannot be read: %s", strerror_r(errno, text, sizeof text));
		return false;
	}
	if (!S_ISREG(ret->st_mode))
		return no(why, size, "is not a regular file");
	return is_credential(path) || trust_folders(path, 0, why, size);
}

bool
conf_check_readable_file(const char *value, char *why, size_t size)
{
	struct stat st = {0};

	return check_file(value, &st, why, size) && trust_stat(&st, TRUST_NOT_WRITABLE, why, size);
}

bool
conf_check_secret_file(const char *value, char *why, size_t size)
{
	struct stat st = {0};

	return check_file(value, &st, why, size) &&
	       (is_credential(value) || trust_secret(&st, why, size));
}

/* Tried with the rights of the process, not guessed from the mode. Whatever may write it has the
 * rights of galsync. */
bool
conf_check_program(const char *value, char *why, size_t size)
{
	struct stat st = {0};
	char text[96];

	if (stat(value, &st) < 0 ||
	    (S_ISREG(st.st_mode) && faccessat(AT_FDCWD, value, X_OK, AT_EACCESS) < 0)) {
		(void)snprintf(
		    why, size, "cannot be executed: %s", strerror_r(errno, text, sizeof text));
		return false;
	}
	if (!S_ISREG(st.st_mode))
		return no(why, size, "is not a regular file");
	return trust_stat(&st, TRUST_NOT_WRITABLE, why, size) && trust_folders(value, 0, why, size);
}

bool
conf_check_opens(conf_value_check *check)
{
	return check == conf_check_readable_file || check == conf_check_secret_file ||
	       check == conf_check_program;
}
